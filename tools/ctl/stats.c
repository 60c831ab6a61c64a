/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/stats: the workers' and the stream process's counters: once, or again and again with rates.
 */
#include "shm/histogram.h"
#include "tools/ctl/ctl.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define API_STATS "/api/v1/servers/localhost/millrace/stats"
#define PERIOD_S_MAX 86400.0

static volatile sig_atomic_t stopped;

static void
on_signal(int number)
{
	stopped = 1;
}

static json_t *
get_stats(const struct ctl *c)
{
	long status = 0;
	json_t *s = ctl_request(c, "GET", API_STATS, &status);

	if (s == NULL || status < 300)
		return s;
	ctl_print_error(c, s, status);
	json_decref(s);
	return NULL;
}

/* Seconds between two answers, by the server's clock. */
static double
seconds_between(const json_t *before, const json_t *now)
{
	double s = ((double)ctl_uint(now, "time_ns") - (double)ctl_uint(before, "time_ns")) / 1e9;

	return s > 0.001 ? s : 0.001;
}

/* How much a counter grew; a restarted dataplane begins at 0 again. */
static uint64_t
growth(const json_t *before, const json_t *now)
{
	uint64_t a = ctl_uint(before, "sum"), b = ctl_uint(now, "sum");

	return b >= a ? b - a : b;
}

/* Rows of one array of the answer; `s` seconds lie between old and new. */
static void
add_counters(struct ctl_table *t, const json_t *counters, const json_t *old, double s, bool all)
{
	size_t i;
	json_t *row;

	json_array_foreach(counters, i, row)
	{
		uint64_t sum = ctl_uint(row, "sum");
		uint64_t rate = (uint64_t)((double)growth(json_array_get(old, i), row) / s + 0.5);
		/* what goes up and down has no rate */
		bool grows = strstr(ctl_text(row, "family"), "_total") != NULL;
		if (sum == 0 && !all)
			continue;
		ctl_table_add(t, (const char *[]){ctl_text(row, "family"), ctl_text(row, "value"),
					 ctl_number(sum), grows ? ctl_number(rate) : "-"});
	}
}

static void
print_counters(const struct ctl *c, const json_t *now, const json_t *before)
{
	static const struct ctl_column column[] = {
		{"COUNTER", false}, {"LABEL", false}, {"TOTAL", true}, {"PER SECOND", true}};
	static const char *const part[] = {"counters", "stream"};
	struct ctl_table t = {.column = column, .n_columns = before == NULL ? 3 : 4};
	double s = before == NULL ? 1 : seconds_between(before, now);

	for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
		add_counters(&t, json_object_get(now, part[i]), json_object_get(before, part[i]), s,
			ctl_given(c, "all"));
	if (t.n_rows == 0)
		printf("All counters are 0; --all shows them.\n");
	else
		ctl_table_print(c, &t, NULL);
	ctl_table_free(&t);
}

/* --- ports and latency --- */

/* A member of a row that only grows; the whole of it when there is nothing to compare with. */
static uint64_t
member_growth(const json_t *before, const json_t *now, const char *key)
{
	uint64_t a = ctl_uint(before, key), b = ctl_uint(now, key);

	return b >= a ? b - a : b;
}

static const json_t *
port_named(const json_t *ports, const char *name)
{
	size_t i;
	json_t *row;

	json_array_foreach(ports, i, row) if (strcmp(ctl_text(row, "port"), name) == 0) return row;
	return NULL;
}

/* Totals, or rates when there was a look before. */
static void
print_ports(const struct ctl *c, const json_t *now, const json_t *before)
{
	static const struct ctl_column total[] = {{"PORT", false}, {"LINK", false}, {"IN", true},
		{"OUT", true}, {"MISSED", true}, {"ERRORS", true}},
				       rate[] = {{"PORT", false}, {"LINK", false}, {"IN/S", true},
					       {"OUT/S", true}, {"MISSED/S", true},
					       {"ERRORS/S", true}};
	static const char *const key[] = {
		"rx_packets_total", "tx_packets_total", "rx_missed_total"};
	struct ctl_table t = {.column = before == NULL ? total : rate, .n_columns = 6};
	double s = before == NULL ? 1 : seconds_between(before, now);
	const json_t *ports = json_object_get(now, "ports"),
		     *old = json_object_get(before, "ports");
	size_t i;
	json_t *row;

	json_array_foreach(ports, i, row)
	{
		const json_t *was = port_named(old, ctl_text(row, "port"));
		uint64_t errors = member_growth(was, row, "rx_errors_total") +
				  member_growth(was, row, "rx_no_buffers_total") +
				  member_growth(was, row, "tx_errors_total");
		const char *cell[6] = {ctl_text(row, "port"), ctl_bool(row, "up") ? "up" : "down"};
		for (size_t k = 0; k < sizeof key / sizeof key[0]; k++)
			cell[2 + k] = ctl_number(
				(uint64_t)((double)member_growth(was, row, key[k]) / s + 0.5));
		cell[5] = ctl_number((uint64_t)((double)errors / s + 0.5));
		ctl_table_add(&t, cell);
	}
	if (t.n_rows > 0) {
		ctl_table_print(c, &t, NULL);
		putchar('\n');
	}
	ctl_table_free(&t);
}

static struct histogram
read_buckets(const json_t *stats)
{
	const json_t *buckets = json_object_get(json_object_get(stats, "latency"), "buckets");
	struct histogram h = {0};
	size_t i;
	json_t *row;

	json_array_foreach(buckets, i, row)
	{
		const json_t *bound = json_object_get(row, "up_to_ns");
		h.bucket[bound == NULL ? HISTOGRAM_BOUNDS
				       : histogram_bucket(ctl_uint(row, "up_to_ns"))] +=
			ctl_uint(row, "n");
	}
	return h;
}

/* Of the time between two looks, or of all time. */
static void
print_latency(const json_t *now, const json_t *before)
{
	static const struct {
		const char *text;
		double share;
	} show[] = {{"50 %", 0.5}, {"90 %", 0.9}, {"99 %", 0.99}, {"99.9 %", 0.999}};
	struct histogram h = read_buckets(now), old = read_buckets(before);
	bool grew = true;

	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		grew = grew && h.bucket[i] >= old.bucket[i];
	for (unsigned i = 0; grew && i <= HISTOGRAM_BOUNDS; i++)
		h.bucket[i] -= old.bucket[i];
	if (histogram_count(&h) == 0)
		return;
	printf("time in a worker ");
	for (size_t i = 0; i < sizeof show / sizeof show[0]; i++)
		printf("  %s %.1f us", show[i].text,
			(double)histogram_quantile_ns(&h, show[i].share) / 1000);
	printf("  (%s samples)\n\n", ctl_number(histogram_count(&h)));
}

static uint64_t
family_growth(const json_t *before, const json_t *now, const char *family)
{
	const json_t *counters = json_object_get(now, "counters"),
		     *old = json_object_get(before, "counters");
	uint64_t sum = 0;
	size_t i;
	json_t *row;

	json_array_foreach(counters, i, row) if (strcmp(ctl_text(row, "family"), family) == 0)
		sum += growth(json_array_get(old, i), row);
	return sum;
}

/* The line above the table: what one wants to know first. */
static void
print_summary(const struct ctl *c, const json_t *now, const json_t *before)
{
	double s = seconds_between(before, now);
	uint64_t queries = family_growth(before, now, "queries_total");
	uint64_t cycles = family_growth(before, now, "busy_cycles_total");
	double hz = (double)json_integer_value(json_array_get(json_object_get(now, "tsc_hz"), 0));
	uint64_t workers = ctl_uint(now, "workers");

	printf("%s%s queries/s%s, %s responses/s, %s drops/s", ctl_colour(c, CTL_BOLD),
		ctl_number((uint64_t)((double)queries / s + 0.5)), ctl_colour(c, CTL_PLAIN),
		ctl_number((
			uint64_t)((double)family_growth(before, now, "responses_total") / s + 0.5)),
		ctl_number(
			(uint64_t)((double)family_growth(before, now, "drops_total") / s + 0.5)));
	if (queries > 0)
		printf(", %s cycles/query", ctl_number(cycles / queries));
	if (hz > 0 && workers > 0)
		printf(", workers %.0f %% busy", 100 * (double)cycles / (hz * s * (double)workers));
	printf("\n\n");
}

/* @return seconds between two looks; below 0: not a period */
static double
watch_period(const struct ctl *c)
{
	const char *text = ctl_value(c, "watch");
	char *end;
	double s;

	if (text == NULL)
		text = c->argc > 0 ? c->argv[0] : "1";
	s = strtod(text, &end);
	if (end == text || *end != '\0' || !(s >= 0.1 && s <= PERIOD_S_MAX)) {
		fprintf(stderr, "millracectl: --watch %s: seconds, 0.1 to %.0f\n", text,
			PERIOD_S_MAX);
		return -1;
	}
	return s;
}

static void
show(const struct ctl *c, const json_t *now, const json_t *before)
{
	if (c->json) {
		json_dumpf(now, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		if (c->colour)
			printf("\033[H\033[J"); /* a terminal: one page, rewritten */
		print_summary(c, now, before);
		print_latency(now, before);
		print_ports(c, now, before);
		print_counters(c, now, before);
		if (!c->colour)
			putchar('\n');
	}
	fflush(stdout);
}

static int
watch(const struct ctl *c, double period_s)
{
	struct timespec pause = {.tv_sec = (time_t)period_s};
	struct sigaction action = {.sa_handler = on_signal};
	unsigned long count = ctl_count(c, "count");
	json_t *before = get_stats(c), *now;

	pause.tv_nsec = (long)((period_s - (double)pause.tv_sec) * 1e9);
	sigaction(SIGINT, &action, NULL); /* without SA_RESTART: ends the pause */
	sigaction(SIGTERM, &action, NULL);
	for (unsigned long n = 0; before != NULL && !stopped && (count == 0 || n < count); n++) {
		nanosleep(&pause, NULL);
		if (stopped)
			break;
		now = get_stats(c);
		if (now != NULL)
			show(c, now, before);
		json_decref(before);
		before = now;
	}
	if (before == NULL)
		return CTL_FAILURE;
	json_decref(before);
	return CTL_OK;
}

int
ctl_stats(const struct ctl *c)
{
	json_t *now;
	double period_s;

	if (ctl_given(c, "watch")) {
		period_s = watch_period(c);
		return period_s < 0 ? CTL_USAGE : watch(c, period_s);
	}
	if (c->argc > 0) {
		fprintf(stderr, "millracectl: unexpected argument '%s'\n", c->argv[0]);
		return CTL_USAGE;
	}
	now = get_stats(c);
	if (now == NULL)
		return CTL_FAILURE;
	if (c->json) {
		ctl_print_json(now);
	} else {
		print_latency(now, NULL);
		print_ports(c, now, NULL);
		print_counters(c, now, NULL);
	}
	json_decref(now);
	return CTL_OK;
}
