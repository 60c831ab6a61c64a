/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_engine: how long the answer engine takes for a query, from the query's octets in a buffer
 * to the response's. Makes a zone, compiles and publishes it as the control plane does, and asks
 * for random names of it in bursts of 32, in rounds: buffers are filled with fresh queries, then
 * the clock runs while they are answered. The copy is shown as a row of its own. Every answer of a
 * pass is checked before any is timed. */
#include "tests/bench/engine.h"
#include "tests/bench/engine_views.h"

#include "controlplane/policy/acl_compile.h"
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"
#include "controlplane/zones/zone_publish.h"
#include "dataplane/policy/limiter.h"
#include "dataplane/policy/policy.h"
#include "dataplane/sampler.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define ORIGIN "bench.example."
#define NOW_S 1700000000u
#define CLOCK_STEP 200u /* ticks a burst: 3 us, so 10 M queries/s */
#define ACL_PREFIXES 100000u
#define REPEATS 7u
#define NAMES_MAX 20000000u
#define HUGE_PAGE (2u << 20)
#define BUFFERS_OCTETS HUGE_PAGE
_Static_assert(ENGINE_BUFFERS *ENGINE_BUFFER_STRIDE <= BUFFERS_OCTETS, "one huge page");

struct options {
	uint32_t names;
	const char *arena;
	const char *only; /* name of a workload; NULL: all */
	double seconds;   /* for each row */
	bool json;
};

struct bench {
	struct options o;
	struct zonegen zone;
	struct arena arena;
	struct zone_publisher *publisher;
	struct answer_context *context;
	struct policy_context *policy;
	uint64_t ticks;
	uint32_t client; /* of the next query: a walk through all addresses */
	struct counters counters;
	struct sampler sampler;
	struct histogram latency;
	struct engine_query *queries;
	uint8_t *buffers;
	uint16_t len[ENGINE_BUFFERS]; /* of the queries in them */
	char size[16];
};

enum what { DO_COPY, DO_PROBE, DO_ENGINE, DO_SAMPLED, DO_POLICY, DO_VIEWS };

static double
now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Queries from `at` on into fresh buffers, as packets come in. */
static void
fill(struct bench *b, uint32_t at)
{
	for (uint32_t i = 0; i < ENGINE_BUFFERS; i++) {
		const struct engine_query *e = &b->queries[at + i];
		memcpy(b->buffers + i * ENGINE_BUFFER_STRIDE, e->dns, sizeof e->dns);
		b->len[i] = e->len;
	}
}

/* Clients from all over, of IPv4. */
static inline void
set_clients(struct bench *b, struct answer_query *q)
{
	for (unsigned i = 0; i < ANSWER_BURST; i++) {
		uint32_t a = b->client += 0x9e3779b1u;
		q[i].client[10] = q[i].client[11] = 0xff;
		memcpy(q[i].client + 12, &a, sizeof a);
	}
}

/* One burst: the filled buffers from `first` on through what is measured. */
static inline void
run_burst(struct bench *b, struct answer_query *q, uint32_t first, enum what what)
{
	for (unsigned i = 0; i < ANSWER_BURST; i++) {
		q[i].dns = b->buffers + (first + i) * ENGINE_BUFFER_STRIDE;
		q[i].len = b->len[first + i];
		q[i].room = ENGINE_ROOM;
		q[i].transport = ANSWER_UDP4;
		q[i].out_len = 0;
	}
	if (what == DO_POLICY) {
		set_clients(b, q);
		policy_answer(
			b->policy, b->context, q, ANSWER_BURST, NOW_S, b->ticks += CLOCK_STEP);
	} else if (what == DO_VIEWS) {
		set_clients(b, q);
		answer_burst(b->context, q, ANSWER_BURST, NOW_S);
	} else if (what == DO_SAMPLED) {
		bool due = sampler_due(&b->sampler);
		uint64_t start = due ? __builtin_ia32_rdtsc() : 0;
		answer_burst(b->context, q, ANSWER_BURST, NOW_S);
		if (due)
			sampler_take(&b->sampler, &b->latency, __builtin_ia32_rdtsc() - start,
				ANSWER_BURST);
		else
			sampler_skip(&b->sampler);
	} else if (what == DO_ENGINE)
		answer_burst(b->context, q, ANSWER_BURST, NOW_S);
	else
		engine_probe(&b->arena, q, ANSWER_BURST);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Seconds that one round of filled buffers takes; `what` says what is done with them. */
static double
time_round(struct bench *b, uint32_t at, enum what what)
{
	struct answer_query q[ANSWER_BURST] = {0};
	double start;

	if (what == DO_COPY) {
		start = now(CLOCK_THREAD_CPUTIME_ID);
		fill(b, at);
		return now(CLOCK_THREAD_CPUTIME_ID) - start;
	}
	fill(b, at);
	start = now(CLOCK_THREAD_CPUTIME_ID);
	for (uint32_t i = 0; i < ENGINE_BUFFERS; i += ANSWER_BURST)
		run_burst(b, q, i, what);
	return now(CLOCK_THREAD_CPUTIME_ID) - start;
}

/*
 * Nanoseconds a query: the median of several stretches, in CPU time: a worker has its core to
 * itself, which a shared machine should not hide. The copy into the buffers is not in it: packets
 * lie in the cache when a worker takes them, while these queries come from memory.
 */
static double
measure(struct bench *b, enum what what)
{
	double result[REPEATS], least = b->o.seconds / REPEATS;
	uint32_t at = 0;

	for (unsigned r = 0; r < REPEATS; r++) {
		double end = now(CLOCK_MONOTONIC) + least, sum = 0;
		uint64_t n = 0;
		do {
			sum += time_round(b, at, what);
			at = (at + ENGINE_BUFFERS) % ENGINE_QUERIES;
			n += ENGINE_BUFFERS;
		} while (now(CLOCK_MONOTONIC) < end);
		result[r] = sum * 1e9 / (double)n;
	}
	qsort(result, REPEATS, sizeof result[0], compare);
	return result[REPEATS / 2];
}

/* All prepared queries once. Returns 0 when each answer was right. */
static int
check(struct bench *b, enum engine_workload w)
{
	struct answer_query q[ANSWER_BURST] = {0};

	for (uint32_t at = 0; at < ENGINE_QUERIES; at += ANSWER_BURST) {
		if (at % ENGINE_BUFFERS == 0)
			fill(b, at);
		run_burst(b, q, at % ENGINE_BUFFERS, DO_ENGINE);
		for (unsigned i = 0; i < ANSWER_BURST; i++) {
			const char *wrong =
				engine_check(w, &b->queries[at + i], q[i].dns, q[i].out_len);
			if (wrong == NULL)
				continue;
			fprintf(stderr, "bench_engine: %s, query %u: %s\n",
				engine_expectation[w].name, at + i, wrong);
			return -EPROTO;
		}
	}
	return 0;
}

static void
print_row(const struct bench *b, const char *name, double ns, const char *peer, double peer_ns)
{
	if (b->o.json)
		printf("{\"name\": \"engine, %s names: %s\", \"value\": %.2f, \"unit\": \"M "
		       "queries/s/core\", "
		       "\"peer\": \"%s\", \"peer_value\": %.2f, \"ratio\": %.2f}\n",
			b->size, name, 1e3 / ns, peer, peer_ns > 0 ? 1e3 / peer_ns : 0,
			peer_ns > 0 ? peer_ns / ns : 0);
	else
		printf("%-6s %-24s %8.1f ns %8.2f M/s   %-10s %8.2f M/s %6.2f\n", b->size, name, ns,
			1e3 / ns, peer, peer_ns > 0 ? 1e3 / peer_ns : 0,
			peer_ns > 0 ? peer_ns / ns : 0);
	fflush(stdout);
}

/* A policy of n random prefixes, few of the clients in them, with or without rate limits. */
static int
publish_policy(struct bench *b, unsigned n, bool limits)
{
	const struct policy_rate_limit limit = {.rate = {1000, 1000, 1000},
		.window_ms = 1000,
		.enabled = limits,
		.slip = 1,
		.v4_bits = 24,
		.v6_bits = 56};
	struct config_prefix p = {.address = {[10] = 0xff, [11] = 0xff}};
	struct acl_rules r = {0};
	struct policy *block;
	uint64_t x = 1;
	int ret = 0;

	for (unsigned i = 0; i < n && ret == 0; i++) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		p.bits = (uint8_t)(96 + 24 + (x >> 58) % 9);
		uint32_t a = (uint32_t)(x >> 20) & ~0u << (128 - p.bits);
		for (unsigned k = 0; k < 4; k++)
			p.address[12 + k] = (uint8_t)(a >> (24 - 8 * k));
		ret = acl_rules_add(&r, &p, POLICY_UNLIMITED, false);
	}
	if (ret == 0)
		ret = acl_rules_sort(&r, &p);
	if (ret == 0)
		ret = acl_compile(&block, &r, POLICY_ALLOW, &limit);
	if (ret == 0) {
		ret = policy_publish(b->publisher, block);
		free(block);
	}
	acl_rules_free(&r);
	return ret;
}

/* What access list and rate limits cost, beside the engine alone on the same queries. */
static int
run_policies(struct bench *b)
{
	static const struct {
		const char *name;
		unsigned prefixes;
		bool limits;
	} row[] = {
		{"policy: none", 0, false},
		{"policy: 100 K prefixes", ACL_PREFIXES, false},
		{"policy: rate limits", 0, true},
		{"policy: both", ACL_PREFIXES, true},
	};
	double engine = 0;

	engine_make_queries(b->queries, &b->zone, WORKLOAD_HIT, ORIGIN);
	for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
		if (b->o.only != NULL && strcmp(b->o.only, row[i].name) != 0)
			continue;
		int ret = publish_policy(b, row[i].prefixes, row[i].limits);
		if (ret != 0)
			return ret;
		if (engine == 0)
			engine = measure(b, DO_ENGINE);
		print_row(b, row[i].name, measure(b, DO_POLICY), "engine", engine);
	}
	return 0;
}

/* What the histogram of latencies costs, as the worker fills it. */
static void
run_sampling(struct bench *b)
{
	static const char name[] = "latency sampled";

	if (b->o.only != NULL && strcmp(b->o.only, name) != 0)
		return;
	engine_make_queries(b->queries, &b->zone, WORKLOAD_HIT, ORIGIN);
	sampler_start(&b->sampler, 1000000000, 1);
	double engine = measure(b, DO_ENGINE);
	print_row(b, name, measure(b, DO_SAMPLED), "engine", engine);
}

/* What views cost: nobody has one; few clients have; all have, and none has the zone. */
static int
run_views(struct bench *b)
{
	static const struct {
		const char *name;
		unsigned networks, zones;
		bool everybody;
	} row[] = {
		{"views: none", 0, 0, false},
		{"views: 100 K networks", VIEWS_NETWORKS_MAX - 1, 1000, false},
		{"views: of all clients", VIEWS_NETWORKS_MAX - 1, 1000, true},
	};
	double engine = 0;

	engine_make_queries(b->queries, &b->zone, WORKLOAD_HIT, ORIGIN);
	for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
		if (b->o.only != NULL && strcmp(b->o.only, row[i].name) != 0)
			continue;
		int ret = engine_publish_views(
			b->publisher, &b->arena, row[i].networks, row[i].zones, row[i].everybody);
		if (ret != 0)
			return ret;
		if (engine == 0)
			engine = measure(b, DO_ENGINE);
		print_row(b, row[i].name, measure(b, DO_VIEWS), "engine", engine);
	}
	return views_publish(b->publisher, NULL);
}

static int
run_workloads(struct bench *b)
{
	double probe = 0;

	for (unsigned w = 0; w < WORKLOADS; w++) {
		const struct engine_expectation *e = &engine_expectation[w];
		if (b->o.only != NULL && strcmp(b->o.only, e->name) != 0)
			continue;
		engine_make_queries(b->queries, &b->zone, (enum engine_workload)w, ORIGIN);
		int ret = check(b, (enum engine_workload)w);
		if (ret != 0)
			return ret;
		if (w == WORKLOAD_HIT) {
			probe = measure(b, DO_PROBE);
			print_row(b, "copy (not in other rows)", measure(b, DO_COPY), "", 0);
			print_row(b, "bare probe", probe, "", 0);
		}
		double target = b->o.names > 1000000 ? e->target_mqps / 2 : e->target_mqps;
		double ns = measure(b, DO_ENGINE);
		if (target > 0)
			print_row(b, e->name, ns, "target", 1e3 / target);
		else
			print_row(b, e->name, ns, "bare probe", probe);
	}
	run_sampling(b);
	int ret = run_policies(b);
	return ret != 0 ? ret : run_views(b);
}

static int
load_zone(struct bench *b, uint64_t *image)
{
	struct zone_load_options options = {
		.seed = arena_header(&b->arena)->seed, .default_ttl = 3600};
	struct zone_report report = {0};
	struct zone_model model = {0};
	uint8_t apex[256] = {0};
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int ret = -ENOMEM;

	if (f == NULL)
		return ret;
	ret = zonegen_write(f, &b->zone);
	fclose(f);
	if (ret == 0) {
		engine_wire_name(apex, ORIGIN);
		double start = now(CLOCK_MONOTONIC);
		ret = zone_load_text(&model, text, len, "generated", apex, &options, &report);
		double loaded = now(CLOCK_MONOTONIC);
		if (ret == 0)
			ret = zone_compile(&b->arena, &model, image);
		fprintf(stderr,
			"%s names: zone file of %.0f MB read in %.2f s, compiled in %.2f s\n",
			b->size, (double)len / 1e6, loaded - start, now(CLOCK_MONOTONIC) - loaded);
	}
	for (size_t i = 0; i < report.n && ret != 0; i++)
		fprintf(stderr, "bench_engine: %s\n", report.finding[i].text);
	zone_report_destroy(&report);
	zone_model_destroy(&model);
	free(text);
	return ret;
}

/* 70 % hosts, 20 % delegations, 5 % CNAMEs, 5 % wildcards. */
static void
plan_zone(struct bench *b)
{
	uint32_t n = b->o.names;

	b->zone = (struct zonegen){.origin = ORIGIN, .varied = true};
	b->zone.n[ZONEGEN_DELEGATION] = n / 5;
	b->zone.n[ZONEGEN_CNAME] = n / 20;
	b->zone.n[ZONEGEN_WILDCARD] = n / 20;
	b->zone.n[ZONEGEN_HOST] = n - n / 5 - n / 20 * 2;
	if (n % 1000000 == 0)
		snprintf(b->size, sizeof b->size, "%u M", n / 1000000);
	else if (n % 1000 == 0)
		snprintf(b->size, sizeof b->size, "%u K", n / 1000);
	else
		snprintf(b->size, sizeof b->size, "%u", n);
}

static int
set_up(struct bench *b)
{
	struct arena_usage usage;
	uint64_t image, octets = (uint64_t)b->o.names * 512 + (64u << 20);
	uint32_t n_damaged;
	bool fresh;
	int ret;

	unlink(b->o.arena);
	octets = (octets + ARENA_SEGMENT - 1) / ARENA_SEGMENT * ARENA_SEGMENT;
	ret = arena_open_writer(&b->arena, b->o.arena, octets, &fresh);
	if (ret != 0) {
		fprintf(stderr, "bench_engine: %s\n", arena_error());
		return ret;
	}
	ret = zone_publisher_create(&b->publisher, &b->arena, NULL, &n_damaged);
	if (ret == 0)
		ret = load_zone(b, &image);
	if (ret == 0)
		ret = zone_publish(b->publisher, image);
	if (ret != 0)
		return ret;
	b->context = answer_create(&b->arena, &b->counters);
	b->policy = policy_create(1, (const uint64_t[2]){1, 2}, &b->counters);
	b->ticks = LIMITER_TICKS_A_SECOND;
	b->queries = aligned_alloc(64, ENGINE_QUERIES * sizeof *b->queries);
	b->buffers = aligned_alloc(HUGE_PAGE, BUFFERS_OCTETS);
	if (b->context == NULL || b->policy == NULL || b->queries == NULL || b->buffers == NULL)
		return -ENOMEM;
	/* as mempools lie; only slower where the kernel refuses */
	(void)madvise(b->buffers, BUFFERS_OCTETS, MADV_HUGEPAGE);
	memset(b->buffers, 0, BUFFERS_OCTETS);
	arena_usage(&b->arena, &usage);
	fprintf(stderr, "%s names: %.0f octets of arena a name, pages of %lu KiB\n", b->size,
		(double)usage.live_octets / b->o.names, b->arena.page_octets >> 10);
	return 0;
}

static void
parse_options(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{"names", required_argument, NULL, 'n'},
		{"arena", required_argument, NULL, 'a'},
		{"only", required_argument, NULL, 'o'},
		{"seconds", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	*o = (struct options){
		.names = 1000000, .arena = "/dev/shm/millrace-bench-engine", .seconds = 2};
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n')
			o->names = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'o')
			o->only = optarg;
		else if (c == 'a')
			o->arena = optarg;
		else if (c == 's')
			o->seconds = strtod(optarg, NULL);
		else if (c == 'j')
			o->json = true;
		else
			goto help;
	}
	if (o->names >= 100 && o->names <= NAMES_MAX && o->seconds > 0 && o->seconds <= 60)
		return;
help:
	fputs("usage: bench_engine [--names N] [--arena PATH] [--only ROW] [--seconds S] [--json]\n"
	      "N from 100 to 20000000; PATH on hugetlbfs for huge pages, the file is removed; ROW "
	      "as the\n"
	      "table names it; S for each row.\n",
		stderr);
	exit(2);
}

int
main(int argc, char **argv)
{
	struct bench *b = aligned_alloc(64, (sizeof *b + 63) / 64 * 64);
	int ret;

	if (b == NULL)
		return 1;
	memset(b, 0, sizeof *b);
	parse_options(&b->o, argc, argv);
	plan_zone(b);
	ret = set_up(b);
	if (ret == 0)
		ret = run_workloads(b);
	if (ret != 0)
		fprintf(stderr, "bench_engine: failed: %s\n", strerror(-ret));
	if (b->context != NULL)
		answer_destroy(b->context);
	policy_destroy(b->policy);
	if (b->publisher != NULL)
		zone_publisher_destroy(b->publisher);
	if (b->arena.base != NULL)
		arena_close(&b->arena);
	unlink(b->o.arena);
	free(b->queries);
	free(b->buffers);
	free(b);
	return ret == 0 ? 0 : 1;
}
