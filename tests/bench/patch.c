/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_patch: what publishing costs: compiling a zone as a whole, patching it for some changed
 * names, and how much of the arena small zones take. The zone is that of bench_engine; what is read
 * of it comes from memory, so this is the cost of images alone, without the store.
 *   bench_patch [names [seconds]] */
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"
#include "controlplane/zones/zone_patch.h"
#include "controlplane/zones/zone_source.h"
#include "tests/bench/zonegen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ORIGIN "bench.example."
#define BATCH_MAX 1000u
#define SMALL_ZONES 100000u

static const uint8_t apex[256] = "\5bench\7example";

/* The zone, with one address and the serial changed. */
struct source {
	struct zone_model z;
	uint32_t n_changes; /* so far */
};

static double
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
rrsets(void *arg, const uint8_t *owner, int (*each)(void *to, const struct backend_rrset *rrset),
	void *to)
{
	struct source *s = arg;
	uint8_t padded[NAME_OCTETS_MAX + 1 + NAME_PAD] = {0}, address[4];
	unsigned len = name_octets(owner);

	memcpy(padded, owner, len);
	const struct zone_name *name =
		zone_model_find(&s->z, name_hash(s->z.seed, padded), padded, len);
	for (uint32_t i = 0, n; name != NULL && i < name->n; i += n) {
		const struct zone_record *r = &s->z.record[name->first + i];
		struct backend_record record[16] = {0};
		(void)zone_model_rrset(&s->z, name, r->type, &n);
		for (uint32_t k = 0; k < n && k < 16; k++)
			record[k].rdata = zone_rdata(&s->z, &r[k], &record[k].rdlength);
		if (r->type == 1) {
			memcpy(address, &s->n_changes, 4);
			record[0].rdata = address;
		}
		struct backend_rrset set = {padded, r->type, r->ttl, n, 0, record, NULL};
		int rc = each(to, &set);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Only the apex has names below that matter here, and it has records itself. */
static int
below(void *arg, const uint8_t *name, int (*each)(void *to, const struct backend_rrset *rrset),
	void *to)
{
	return 0;
}

static int
referrers(void *arg, const uint8_t *target, bool with_below,
	int (*each)(void *to, const uint8_t *owner), void *to)
{
	return 0;
}

static int
load(struct source *s, struct arena *a, uint32_t names)
{
	struct zonegen zone = {.origin = ORIGIN, .varied = true};
	struct zone_load_options options = {.seed = arena_header(a)->seed, .default_ttl = 3600};
	struct zone_report report = {0};
	char *text = NULL;
	size_t len = 0;

	zone.n[ZONEGEN_DELEGATION] = names / 5;
	zone.n[ZONEGEN_CNAME] = zone.n[ZONEGEN_WILDCARD] = names / 20;
	zone.n[ZONEGEN_HOST] = names - names / 5 - names / 20 * 2;
	FILE *f = open_memstream(&text, &len);
	if (f == NULL)
		return -ENOMEM;
	int err = zonegen_write(f, &zone);
	fclose(f);
	if (err == 0)
		err = zone_load_text(&s->z, text, len, "generated", apex, &options, &report);
	zone_report_destroy(&report);
	free(text);
	return err;
}

/* Patches of `batch` names each, for so many seconds. */
static int
patch(struct source *s, struct arena *a, struct zone_publisher *p, unsigned batch, double seconds)
{
	struct zone_reader reader = {rrsets, below, referrers, s, s->z.n_records};
	static uint8_t owner[BATCH_MAX + 1][NAME_OCTETS_MAX + 1 + NAME_PAD];
	const uint8_t *list[BATCH_MAX + 1] = {apex};
	struct zone_patch_result result;
	unsigned n = 0, chunks = 0;
	double start = now(), end = start, worst = 0;
	uint64_t random = 88172645463325252u;

	for (; end - start < seconds; n++, s->n_changes++) {
		for (unsigned i = 1; i <= batch;) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			const struct zone_name *name =
				&s->z.name[(random >> 32) * s->z.n_names >> 32];
			if (name->n == 0 || s->z.record[name->first].type != 1 ||
				name->flags & ZONE_NAME_OCCLUDED)
				continue;
			memcpy(owner[i], zone_owner(&s->z, name), name->len);
			list[i] = owner[i];
			i++;
		}
		uint64_t old = zone_published(p, apex);
		double began = now();
		int err = zone_patch(a, old, &reader, list, batch + 1, &result);
		if (err == 0)
			err = zone_publish_patched(p, old, result.image_off);
		if (err != 0)
			return err;
		chunks += result.n_chunks;
		end = now();
		worst = end - began > worst ? end - began : worst;
	}
	printf("%5u changes, patched and published: %8.1f us, %6.2f us a change, at most %.0f us; "
	       "%.1f chunks\n",
		batch, (end - start) / n * 1e6, (end - start) / n / batch * 1e6, worst * 1e6,
		(double)chunks / n);
	return 0;
}

/* --- small zones --- */

static int
each_small(void *arg, int (*take)(void *to, const struct backend_rrset *rrset), void *to)
{
	static const uint8_t soa[] = "\3ns1\7example\0\12hostmaster\7example\0"
				     "\0\0\0\1\0\0\16\20\0\0\2\130\0\11\72\200\0\0\16\20";
	uint8_t www[32], mx[32] = {0, 10, 4, 'm', 'a', 'i', 'l'}, *zone = arg;
	const unsigned len = name_octets(zone);
	struct backend_record record[5] = {{soa, sizeof soa - 1, false},
		{(const uint8_t *)"\3ns1\7example", 13, false},
		{(const uint8_t *)"\3ns2\7example", 13, false},
		{(const uint8_t *)"\300\0\2\1", 4, false}, {mx, (uint16_t)(len + 7), false}};
	struct backend_rrset set[] = {{zone, 6, 3600, 1, 0, record, NULL},
		{zone, 2, 3600, 2, 0, record + 1, NULL}, {www, 1, 3600, 1, 0, record + 3, NULL},
		{zone, 15, 3600, 1, 0, record + 4, NULL}};
	int rc = 0;

	memcpy(www, "\3www", 4);
	memcpy(www + 4, zone, len);
	memcpy(mx + 7, zone, len);
	for (unsigned i = 0; i < sizeof set / sizeof set[0] && rc == 0; i++)
		rc = take(to, &set[i]);
	return rc;
}

static int
small_zones(struct arena *a)
{
	struct zone_load_options o = {.seed = arena_header(a)->seed};
	struct arena_usage before, after;
	double start, loading = 0, compiling = 0;
	int err = 0;

	arena_usage(a, &before);
	for (unsigned i = 0; i < SMALL_ZONES && err == 0; i++) {
		uint8_t zone[256] = {0};
		struct zone_report report = {0};
		struct zone_model z;
		uint64_t off;
		int n = snprintf((char *)zone + 1, 32, "customer%u", i);
		zone[0] = (uint8_t)n;
		memcpy(zone + 1 + n, "\3com", 5);
		struct zone_source source = {each_small, zone, "bench"};
		start = now();
		err = zone_load_source(&z, &source, zone, &o, &report);
		loading += now() - start;
		if (err != 0)
			break;
		start = now();
		err = zone_compile(a, &z, &off);
		zone_model_destroy(&z);
		compiling += now() - start;
		zone_report_destroy(&report);
	}
	arena_usage(a, &after);
	printf("zones of 5 records: %.2f us to load, %.2f us to compile, %.0f octets of arena "
	       "each\n",
		loading / SMALL_ZONES * 1e6, compiling / SMALL_ZONES * 1e6,
		(double)(after.live_octets - before.live_octets) / SMALL_ZONES);
	return err;
}

int
main(int argc, char **argv)
{
	uint32_t names = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000, n_damaged;
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 2;
	char path[] = "/dev/shm/millrace-bench-patch.XXXXXX";
	struct zone_publisher *p;
	struct source s = {0};
	struct arena a;
	struct arena_usage usage;
	uint64_t image;
	bool fresh;

	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	uint64_t size = ((uint64_t)names * 512 + (128u << 20)) / ARENA_SEGMENT * ARENA_SEGMENT;
	int err = arena_open_writer(&a, path, size, &fresh);
	unlink(path);
	if (err == 0)
		err = zone_publisher_create(&p, &a, NULL, &n_damaged);
	if (err == 0)
		err = small_zones(&a);
	if (err == 0)
		err = load(&s, &a, names);
	arena_usage(&a, &usage);
	uint64_t before = usage.live_octets;
	double start = now();
	if (err == 0)
		err = zone_compile(&a, &s.z, &image);
	arena_usage(&a, &usage);
	printf("%u names: compiled as a whole in %.0f ms, %.1f octets a name\n", names,
		(now() - start) * 1e3, (double)(usage.live_octets - before) / names);
	if (err == 0)
		err = zone_publish(p, image);
	for (unsigned batch = 1; batch <= BATCH_MAX && err == 0; batch *= 10)
		err = patch(&s, &a, p, batch, seconds);
	if (err != 0)
		fprintf(stderr, "bench_patch: %s\n", strerror(-err));
	zone_model_destroy(&s.z);
	return err != 0;
}
