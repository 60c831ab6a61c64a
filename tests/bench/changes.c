/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a change of one record costs from being asked for to being served, alone and with many at
 * once, in a zone of so many names: the engine of changes with a store, an arena and a zone manager
 * of its own, without HTTP. */
#include "tests/unit/changes_fixture.h"

#include <errno.h>
#include <stdatomic.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define ZONE "big.example."
#define FILL 20000u /* RRsets of one transaction while the zone is filled */
#define ALONE 300u  /* changes one by one */

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- filling --- */

struct fill {
	struct change_job job;
	uint32_t first, n;
	bool publish;
	sem_t done;
	int result;
};

static void
name_of(uint8_t owner[ZONE_WIRE_OCTETS], uint32_t i)
{
	char text[64];

	snprintf(text, sizeof text, "host%u." ZONE, i);
	wire(owner, text);
}

static int
apply_fill(struct change_job *j, struct store_txn *t)
{
	struct fill *f = (struct fill *)j;
	uint8_t apex[ZONE_WIRE_OCTETS], owner[ZONE_WIRE_OCTETS];
	struct store_zone zone;
	int ret = store_zone_get(t, wire(apex, ZONE), &zone);

	zone.apex = apex;
	for (uint32_t i = f->first; ret == 0 && i < f->first + f->n; i++) {
		uint8_t a[4] = {192, 0, (uint8_t)(i >> 8), (uint8_t)i};
		struct backend_record r = {.rdata = a, .rdlength = 4};
		struct backend_change c = {
			.rrset = {.type = 1, .ttl = 60, .n_records = 1, .record = &r},
			.has_records = true};
		name_of(owner, i);
		c.rrset.owner = owner;
		ret = store_rrset_put(t, &zone, &c);
	}
	if (ret == 0 && f->publish)
		ret = change_touch_zone(j, apex, CHANGE_ZONE_WHOLE);
	return ret;
}

static void
fill_done(struct change_job *j, int result)
{
	struct fill *f = (struct fill *)j;

	f->result = result;
	sem_post(&f->done);
}

static void
fill(struct changes_fixture *x, uint32_t n)
{
	uint64_t since = clock_ns();

	create_full_zone(x, ZONE);
	for (uint32_t at = 0; at < n; at += FILL) {
		struct fill f = {.job = {.apply = apply_fill, .done = fill_done},
			.first = at,
			.n = n - at < FILL ? n - at : FILL,
			.publish = at + FILL >= n};
		sem_init(&f.done, 0, 0);
		if (changes_submit(x->changes, &f.job) != 0)
			abort();
		sem_wait(&f.done);
		if (f.result != 0)
			abort();
		sem_destroy(&f.done);
	}
	printf("filled with %u names in %.1f s\n", n, (double)(clock_ns() - since) / 1e9);
}

/* --- changes --- */

struct load {
	struct changes_fixture *x;
	uint32_t n_names, n_left;
	uint64_t seed;
	sem_t room, ended;
	atomic_uint n_failed, n_running;
};

static void
change_done(void *arg, const struct edits_outcome *o, const struct change_error *e)
{
	struct load *l = arg;

	if (e->verdict != CHANGE_OK || !o->changed)
		l->n_failed++;
	sem_post(&l->room);
}

static void
submit(struct load *l)
{
	uint8_t apex[ZONE_WIRE_OCTETS], owner[ZONE_WIRE_OCTETS], a[4];
	struct backend_record r = {.rdata = a, .rdlength = 4};
	struct zone_edit e = {.kind = EDIT_REPLACE,
		.rrset = {.owner = owner, .type = 1, .ttl = 60, .n_records = 1, .record = &r},
		.has_records = true};
	struct zone_edits edits = {
		.apex = wire(apex, ZONE), .edit = &e, .n = 1, .who = "bench", .origin = "bench"};

	l->seed = l->seed * 6364136223846793005ull + 1442695040888963407ull;
	name_of(owner, (uint32_t)(l->seed >> 33) % l->n_names);
	a[0] = 10;
	a[1] = (uint8_t)(l->n_left >> 16);
	a[2] = (uint8_t)(l->n_left >> 8);
	a[3] = (uint8_t)l->n_left;
	while (changes_edit_zone(l->x->changes, &edits, change_done, l) == -EBUSY)
		nanosleep(&(struct timespec){0, 100000}, NULL);
}

static void
alone(struct load *l)
{
	static double ms[ALONE];
	double sum = 0, most = 0;

	for (unsigned i = 0; i < ALONE; i++) {
		uint64_t since = clock_ns();
		l->n_left = 1000000 + i;
		submit(l);
		sem_wait(&l->room);
		ms[i] = (double)(clock_ns() - since) / 1e6;
		sum += ms[i];
		most = ms[i] > most ? ms[i] : most;
	}
	printf("one by one: %.3f ms mean, %.3f ms at most\n", sum / ALONE, most);
}

static void
together(struct load *l, uint32_t n, unsigned in_flight)
{
	struct changes_figures before, after;
	uint64_t since = clock_ns();
	double s;

	changes_figures(l->x->changes, &before);
	for (unsigned i = 0; i < in_flight; i++)
		sem_post(&l->room);
	for (l->n_left = n; l->n_left > 0; l->n_left--) {
		sem_wait(&l->room);
		submit(l);
	}
	for (unsigned i = 0; i < in_flight; i++)
		sem_wait(&l->room);
	s = (double)(clock_ns() - since) / 1e9;
	changes_figures(l->x->changes, &after);
	printf("%u in flight: %.0f changes/s; %.1f a batch, %llu patched, %llu compiled, %u "
	       "failed\n",
		in_flight, n / s, (double)n / (double)(after.batches_total - before.batches_total),
		(unsigned long long)(after.patched_total - before.patched_total),
		(unsigned long long)(after.compiled_total - before.compiled_total), l->n_failed);
}

/* --- a small zone beside a large one that is compiled as a whole --- */

static int
apply_touch(struct change_job *j, struct store_txn *t)
{
	uint8_t apex[ZONE_WIRE_OCTETS];

	/* something to commit */
	if (store_row_put(t, STORE_SETTING, "bench", "touched") != 0)
		return -EIO;
	return change_touch_zone(j, wire(apex, ZONE), CHANGE_ZONE_WHOLE);
}

/* Changes of the small one, each after the other, until the large one is answered. */
static void
beside(struct changes_fixture *x, uint64_t large_records, const char *how)
{
	struct fill f = {.job = {.apply = apply_touch, .done = fill_done}};
	uint64_t since, most = 0, whole;
	char line[64];
	unsigned n = 0;

	changes_fixture_stop(x);
	x->options.large_records = large_records;
	changes_fixture_start(x);
	sem_init(&f.done, 0, 0);
	whole = clock_ns();
	if (changes_submit(x->changes, &f.job) != 0)
		abort();
	do {
		struct zone_edits with = {0};
		snprintf(line, sizeof line, "REPLACE a.small.example. 60 A 192.0.2.%u", n++ % 250);
		since = clock_ns();
		if (edit_with(x, "small.example.", (const char *const[]){line, NULL}, &with)
				.verdict != CHANGE_OK)
			abort();
		since = clock_ns() - since;
		most = since > most ? since : most;
	} while (sem_trywait(&f.done) != 0);
	whole = clock_ns() - whole;
	if (f.result != 0)
		abort();
	sem_destroy(&f.done);
	printf("large zone compiled %s: %.0f ms; meanwhile %u changes of a small one, the longest "
	       "%.1f ms\n",
		how, (double)whole / 1e6, n, (double)most / 1e6);
}

int
main(int argc, char **argv)
{
	uint32_t n_names = argc > 1 ? (uint32_t)atoi(argv[1]) : 65536;
	uint32_t n_changes = argc > 2 ? (uint32_t)atoi(argv[2]) : 100000;
	unsigned in_flight = argc > 3 ? (unsigned)atoi(argv[3]) : 1000;
	struct load l = {.n_names = n_names, .seed = 1};
	void *state;

	changes_setup_sized(&state, 16ull << 30);
	l.x = state;
	sem_init(&l.room, 0, 0);
	fill(l.x, n_names);
	alone(&l);
	together(&l, n_changes, in_flight);
	create_full_zone(l.x, "small.example.");
	beside(l.x, UINT64_MAX, "by the writer");
	beside(l.x, 0, "aside");
	changes_teardown(&state);
	return l.n_failed != 0;
}
