/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine of changes: batches with jobs that fail, many threads at once, zones that come and go,
 * restarts, and a disk or an arena that is full. */
#include "changes_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONE "example.org."
#define THREADS 64
#define EACH 20

/* --- jobs of all sorts --- */

struct job {
	struct change_job job;
	uint8_t apex[ZONE_WIRE_OCTETS];
	const char *key; /* a row that it writes; NULL: none */
	int fails;       /* with this, after writing */
	bool fails_first;
	unsigned n_applied;
	int result, order;
	sem_t *done;
};

static atomic_int n_done;

static int
apply_row(struct change_job *j, struct store_txn *t)
{
	struct job *x = (struct job *)j;

	x->n_applied++;
	if (x->fails_first)
		return change_refuse(&j->error, CHANGE_INVALID, "before");
	if (x->key != NULL && store_row_put(t, STORE_SETTING, x->key, "x") != 0)
		return -EIO;
	return x->fails;
}

static void
row_done(struct change_job *j, int result)
{
	struct job *x = (struct job *)j;

	x->result = result;
	x->order = ++n_done;
	sem_post(x->done);
}

static bool
has_row(struct changes_fixture *f, const char *key)
{
	struct store_txn *t;
	const char *value;
	int ret;

	assert_int_equal(store_read(f->store, &t), 0);
	ret = store_row_get(t, STORE_SETTING, key, &value);
	store_end(t);
	return ret == 0;
}

/* A job that holds the writer until it is let go, so that others gather behind it. */
struct gate {
	struct change_job job;
	sem_t reached, go;
};

static int
apply_gate(struct change_job *j, struct store_txn *t)
{
	struct gate *g = (struct gate *)j;

	sem_post(&g->reached);
	sem_wait(&g->go);
	return 0;
}

static void
gate_done(struct change_job *j, int result)
{
	sem_post(&((struct gate *)j)->reached);
}

static void
close_gate(struct changes_fixture *f, struct gate *g)
{
	*g = (struct gate){.job = {.apply = apply_gate, .done = gate_done}};
	sem_init(&g->reached, 0, 0);
	sem_init(&g->go, 0, 0);
	assert_int_equal(changes_submit(f->changes, &g->job), 0);
	sem_wait(&g->reached);
}

static void
open_gate(struct gate *g)
{
	sem_post(&g->go);
	sem_wait(&g->reached);
	sem_destroy(&g->reached);
	sem_destroy(&g->go);
}

static void
a_job_that_fails_takes_nothing_with_it(void **state)
{
	struct changes_fixture *f = *state;
	struct changes_figures before, after;
	struct job job[6] = {
		{.key = "a"},
		{.key = "b", .fails = -EIO},       /* behind its write */
		{.key = "c", .fails_first = true}, /* before it */
		{.key = "d"},
		{.key = "e", .fails_first = true},
		{.key = "f"},
	};
	struct gate g;
	sem_t done;

	sem_init(&done, 0, 0);
	close_gate(f, &g);
	changes_figures(f->changes, &before);
	for (unsigned i = 0; i < 6; i++) {
		job[i].job.apply = apply_row;
		job[i].job.done = row_done;
		job[i].done = &done;
		assert_int_equal(changes_submit(f->changes, &job[i].job), 0);
	}
	n_done = 0;
	open_gate(&g);
	for (unsigned i = 0; i < 6; i++)
		sem_wait(&done);
	changes_figures(f->changes, &after);
	for (unsigned i = 0; i < 6; i++) {
		bool fails = i == 1 || i == 2 || i == 4;
		assert_int_equal(job[i].result != 0, fails);
		assert_int_equal(has_row(f, job[i].key), !fails);
		assert_int_equal(job[i].order, i + 1);
		/* nobody runs more than twice for another's fault, nor again when he is over */
		assert_in_range(job[i].n_applied, 1, 3);
	}
	assert_int_equal(job[1].result, -EIO);
	assert_int_equal(job[1].job.error.verdict, CHANGE_FAILED);
	assert_int_equal(job[1].n_applied, 1);
	assert_int_equal(job[2].job.error.verdict, CHANGE_INVALID);
	assert_int_equal(after.batch_retries_total - before.batch_retries_total, 1);
	assert_int_equal(job[0].n_applied, 2);
	assert_int_equal(job[3].n_applied, 1); /* c and e cost nobody anything */
	assert_int_equal(after.failed_total - before.failed_total, 3);
	assert_int_equal(after.jobs_total - before.jobs_total, 7);
	sem_destroy(&done);
}

static void
jobs_that_wait_are_one_batch(void **state)
{
	struct changes_fixture *f = *state;
	static struct job job[500];
	struct changes_figures before, after;
	struct gate g;
	sem_t done;

	sem_init(&done, 0, 0);
	close_gate(f, &g);
	changes_figures(f->changes, &before);
	for (unsigned i = 0; i < 500; i++) {
		job[i] = (struct job){
			.job = {.apply = apply_row, .done = row_done}, .key = "k", .done = &done};
		assert_int_equal(changes_submit(f->changes, &job[i].job), 0);
	}
	open_gate(&g);
	for (unsigned i = 0; i < 500; i++)
		sem_wait(&done);
	changes_figures(f->changes, &after);
	assert_int_equal(after.batches_total - before.batches_total, 1);
	assert_int_equal(after.queued, 0);
	sem_destroy(&done);
}

/* Many large ones are no giant transaction; one that is larger than the bound goes alone. */
static void
a_batch_is_bounded_by_octets(void **state)
{
	static const size_t mib[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 9, 0, 1};
	struct changes_fixture *f = *state;
	struct changes_figures before, after;
	struct job job[13];
	struct gate g;
	sem_t done;

	sem_init(&done, 0, 0);
	close_gate(f, &g);
	changes_figures(f->changes, &before);
	for (unsigned i = 0; i < 13; i++) {
		job[i] = (struct job){
			.job = {.apply = apply_row, .done = row_done, .octets = mib[i] << 20},
			.key = "k",
			.fails = i == 11 ? -EIO : 0,
			.done = &done};
		assert_int_equal(changes_submit(f->changes, &job[i].job), 0);
	}
	n_done = 0;
	open_gate(&g);
	for (unsigned i = 0; i < 13; i++)
		sem_wait(&done);
	changes_figures(f->changes, &after);
	/* 4, 4, 2, the 9 MiB, the last; the empty one has not made the 9 MiB run again */
	assert_int_equal(job[10].n_applied, 1);
	assert_int_equal(after.batches_total - before.batches_total, 5);
	for (unsigned i = 0; i < 13; i++)
		assert_int_equal(job[i].order, i + 1);
	sem_destroy(&done);
}

/* --- zones --- */

static void
zones_come_and_go(void **state)
{
	struct changes_fixture *f = *state;

	assert_int_equal(served(f, ZONE), -2);
	assert_int_equal(create_zone(f, ZONE), 0);
	assert_int_equal(served(f, ZONE), -1); /* no SOA yet */
	assert_int_equal(create_zone(f, ZONE), -EEXIST);
	assert_int_equal(delete_zone(f, ZONE), 0);
	assert_int_equal(served(f, ZONE), -2);
	create_full_zone(f, ZONE);
	assert_int_equal(served(f, ZONE), 1);
	assert_int_equal(delete_zone(f, ZONE), 0);
	assert_int_equal(served(f, ZONE), -2);
	assert_int_equal(delete_zone(f, ZONE), -ENOENT);
}

static void
a_restart_serves_what_was_acknowledged(void **state)
{
	struct changes_fixture *f = *state;
	int64_t serial;

	create_full_zone(f, ZONE);
	create_full_zone(f, "other.example.");
	assert_int_equal(create_zone(f, "empty.example."), 0);
	EDIT_OK(f, ZONE, "REPLACE www.example.org. 60 A 192.0.2.1");
	serial = served(f, ZONE);
	changes_fixture_stop(f);
	changes_fixture_start(f);
	assert_int_equal(served(f, ZONE), serial);
	assert_true(served_name(f, ZONE, "www.example.org."));
	assert_int_equal(served(f, "other.example."), 1);
	assert_int_equal(served(f, "empty.example."), -1);
	assert_int_equal(entry(f, ZONE).state, ZONE_LOADED);
	assert_int_equal(entry(f, "empty.example.").state, ZONE_EMPTY);
	/* and with an arena that has nothing */
	changes_fixture_stop(f);
	assert_int_equal(unlink(f->arena_path), 0);
	changes_fixture_start(f);
	assert_int_equal(served(f, ZONE), serial);
	assert_int_equal(served(f, "other.example."), 1);
	assert_int_equal(served(f, "empty.example."), -1);
	EDIT_OK(f, ZONE, "REPLACE a.example.org. 60 A 192.0.2.1");
	assert_true(served_name(f, ZONE, "a.example.org."));
}

static void
write_zone_file(struct changes_fixture *f, const char *name, unsigned serial)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s.zone", f->zones, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "$TTL 60\n@ SOA a b %u 2 3 4 5\n@ NS a\na A 192.0.2.1\n", serial);
	assert_int_equal(fclose(out), 0);
}

static void
a_zone_file_comes_first(void **state)
{
	struct changes_fixture *f = *state;
	struct zone_manager_status s;
	char path[256];

	create_full_zone(f, ZONE);
	write_zone_file(f, "example.org", 77);
	settle_loads(f);
	assert_int_equal(served(f, ZONE), 77);
	assert_int_equal(entry(f, ZONE).home, ZONE_HOME_FILE);
	zone_manager_status(f->zones_of, &s);
	assert_int_equal(s.scan.hidden, 1);
	assert_int_equal(s.n_stored, 0);
	snprintf(path, sizeof path, "%s/example.org.zone", f->zones);
	assert_int_equal(unlink(path), 0);
	settle_loads(f);
	assert_int_equal(served(f, ZONE), 1); /* the store's again */
	zone_manager_status(f->zones_of, &s);
	assert_int_equal(s.n_stored, 1);
	EDIT_OK(f, ZONE, "REPLACE www.example.org. 60 A 192.0.2.1");
	assert_true(served_name(f, ZONE, "www.example.org."));
}

static void
without_its_store_nothing_is_withdrawn(void **state)
{
	struct changes_fixture *f = *state;
	struct zone_manager_options mo = {
		.config = &f->config, .arena = &f->arena, .awaits_store = true};
	struct zone_manager_status s;
	uint32_t n_damaged;
	bool fresh;

	create_full_zone(f, ZONE);
	write_zone_file(f, "file.example", 5);
	settle_loads(f);
	changes_fixture_stop(f);
	/* the same arena, and a store that cannot be opened */
	assert_int_equal(arena_open_writer(&f->arena, f->arena_path, ARENA_OCTETS, &fresh), 0);
	assert_int_equal(zone_publisher_create(&f->publisher, &f->arena, NULL, &n_damaged), 0);
	mo.publisher = f->publisher;
	assert_int_equal(zone_manager_start(&f->zones_of, &mo), 0);
	settle_loads(f);
	zone_manager_status(f->zones_of, &s);
	assert_false(s.ready);
	assert_int_equal(zone_manager_set_store(f->zones_of, NULL), 0);
	settle_loads(f);
	zone_manager_status(f->zones_of, &s);
	assert_true(s.ready);
	assert_int_equal(served(f, "file.example."), 5);
	assert_int_equal(served(f, ZONE), 1);
	assert_true(zone_manager_stop(f->zones_of, 10000));
	zone_manager_destroy(f->zones_of);
	zone_publisher_destroy(f->publisher);
	arena_close(&f->arena);
	changes_fixture_start(f);
	assert_int_equal(served(f, ZONE), 1);
}

static void
zones_that_the_store_lost_are_withdrawn_at_the_start(void **state)
{
	struct changes_fixture *f = *state;

	create_full_zone(f, ZONE);
	create_full_zone(f, "gone.example.");
	changes_fixture_stop(f);
	assert_int_equal(unlink(f->store_path), 0); /* as if an older one had been put back */
	changes_fixture_start(f);
	assert_int_equal(served(f, ZONE), -2);
	assert_int_equal(served(f, "gone.example."), -2);
}

/* --- many at once --- */

struct client {
	struct changes_fixture *f;
	pthread_t thread;
	unsigned index, n_ok;
};

static void *
client_main(void *arg)
{
	struct client *c = arg;
	char line[128];

	for (unsigned i = 0; i < EACH; i++) {
		struct zone_edits with = {0};
		struct outcome o;
		snprintf(line, sizeof line, "EXTEND shared.example.org. 60 TXT \"%u.%u\"", c->index,
			i);
		o = edit_with(c->f, i % 2 == 0 ? ZONE : "other.example.",
			i % 2 == 0
				? (const char *const[]){line, NULL}
				: (const char *const[]){"REPLACE a.other.example. 60 A 192.0.2.1",
					  "DELETE b.other.example. A", NULL},
			&with);
		c->n_ok += o.verdict == CHANGE_OK;
	}
	return NULL;
}

static void
many_threads_lose_and_double_nothing(void **state)
{
	struct changes_fixture *f = *state;
	static struct client client[THREADS];
	struct changes_figures figures;
	const char *text;
	unsigned n = 0;

	create_full_zone(f, ZONE);
	create_full_zone(f, "other.example.");
	set_metadata(f, ZONE, "SOA-EDIT-API", "INCREASE");
	for (unsigned i = 0; i < THREADS; i++) {
		client[i] = (struct client){.f = f, .index = i};
		assert_int_equal(
			pthread_create(&client[i].thread, NULL, client_main, &client[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(client[i].thread, NULL);
		assert_int_equal(client[i].n_ok, EACH);
	}
	text = stored(f, ZONE, "shared.example.org.", "TXT");
	for (const char *p = text; (p = strchr(p, '"')) != NULL; p++)
		n++;
	assert_int_equal(n, 2 * THREADS * EACH / 2);
	/* every change counted up once */
	assert_int_equal(served(f, ZONE), 1 + THREADS * EACH / 2);
	changes_figures(f->changes, &figures);
	assert_int_equal(figures.failed_total, 0);
	assert_int_equal(figures.queued, 0);
}

/* --- no room --- */

static void
a_version_that_finds_no_room_is_served_later(void **state)
{
#ifdef __SANITIZE_THREAD__
	skip(); /* takes two minutes there, and only one thread changes anything */
#endif
	struct changes_fixture *f = *state;
	struct zone_edits with = {.soa_edit = "INCREASE"};
	struct changes_figures figures;
	struct outcome o;
	char text[3600], line[2][3700];
	unsigned i;

	changes_fixture_stop(f);
	assert_int_equal(unlink(f->arena_path), 0);
	f->arena_octets = 16ull << 20;
	changes_fixture_start(f);
	create_full_zone(f, ZONE);
	create_full_zone(f, "other.example.");
	memset(text, 'x', sizeof text);
	for (unsigned k = 0; k + 250 < sizeof text; k += 250)
		memcpy(text + k, "\" \"", 3);
	text[0] = ' ';
	text[1] = ' ';
	memcpy(text + 3501, "\"", 2);
	/* until the arena is full */
	for (i = 0; i < 20000; i++) {
		snprintf(line[0], sizeof line[0], "REPLACE x%u.example.org. 60 TXT %s", i, text);
		o = edit_with(f, ZONE, (const char *const[]){line[0], NULL}, &with);
		assert_int_equal(o.verdict, CHANGE_OK); /* durable in any case */
		changes_figures(f->changes, &figures);
		if (figures.unpublished_total > 0)
			break;
	}
	assert_int_equal(figures.unpublished_total, 1);
	assert_int_equal(served(f, ZONE), o.before); /* the version before goes on */
	assert_int_equal(entry(f, ZONE).state, ZONE_FAILED);
	/* others are none the worse, and when there is room again it comes by itself */
	EDIT_OK(f, "other.example.", "DELETE nothing.other.example. A");
	set_metadata(f, ZONE, "SOA-EDIT-API", "INCREASE");
	for (unsigned k = 0; k < i; k++) {
		snprintf(line[0], sizeof line[0], "DELETE x%u.example.org. TXT", k);
		EDIT_OK(f, ZONE, line[0]);
		if (entry(f, ZONE).state == ZONE_LOADED)
			break;
	}
	assert_int_equal(entry(f, ZONE).state, ZONE_LOADED);
	assert_true(served(f, ZONE) > (int64_t)o.after);
}

/* As a zone that is compiled aside. */
static void
a_large_version_that_finds_no_room_is_served_later(void **state)
{
	struct changes_fixture *f = *state;

	f->options.large_records = 1;
	a_version_that_finds_no_room_is_served_later(state);
}

static void
many_threads_and_a_large_zone_lose_and_double_nothing(void **state)
{
	struct changes_fixture *f = *state;

	changes_fixture_stop(f);
	f->options.large_records = 1;
	changes_fixture_start(f);
	many_threads_lose_and_double_nothing(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHANGES_TEST(a_job_that_fails_takes_nothing_with_it),
		CHANGES_TEST(jobs_that_wait_are_one_batch),
		CHANGES_TEST(a_batch_is_bounded_by_octets),
		CHANGES_TEST(zones_come_and_go),
		CHANGES_TEST(a_restart_serves_what_was_acknowledged),
		CHANGES_TEST(a_zone_file_comes_first),
		CHANGES_TEST(without_its_store_nothing_is_withdrawn),
		CHANGES_TEST(zones_that_the_store_lost_are_withdrawn_at_the_start),
		CHANGES_TEST(many_threads_lose_and_double_nothing),
		CHANGES_TEST(a_version_that_finds_no_room_is_served_later),
		CHANGES_TEST(many_threads_and_a_large_zone_lose_and_double_nothing),
		CHANGES_TEST(a_large_version_that_finds_no_room_is_served_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
