/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_report: the results of a run of millrace-bench, for people or as one JSON object. */
#include "tools/bench.h"

#include <stdio.h>

static const char *const rcode_name[16] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
	"REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE", "DSOTYPENI", "RCODE12",
	"RCODE13", "RCODE14", "RCODE15"};

static const struct {
	const char *name;
	double share;
} percentile[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};

#define BUSY_LIMIT 0.95 /* no time left to wait for anybody */
#define FULL_LIMIT 0.5  /* answers were waiting whenever we looked */
#define KEPT_LIMIT 0.99 /* of the rate that was asked for */

static double
seconds(const struct bench *b)
{
	double s = (double)(b->r.stop_ns - b->r.start_ns) / 1e9;
	return s > 0 ? s : 1e-9;
}

static double
busy(const struct bench *b)
{
	double share = 1 - (double)b->r.idle_ns / 1e9 / seconds(b);
	return share < 0 ? 0 : share;
}

static double
full(const struct bench *b)
{
	return b->r.polls != 0 ? (double)b->r.polls_full / (double)b->r.polls : 0;
}

/* Was the generator itself what limited the rate? */
static bool
is_bottleneck(const struct bench *b)
{
	/* Open loop: could not keep the rate. Closed loop: always busy, and more answers were
	 * waiting than one poll takes; a generator that waits for the server finds few. */
	if (b->interval_ns > 0)
		return (double)b->r.sent / seconds(b) < KEPT_LIMIT * b->o.rate_qps &&
		       (b->o.count == 0 || b->next < b->o.count || b->r.late_ns > 100000000u);
	return busy(b) > BUSY_LIMIT && full(b) > FULL_LIMIT;
}

static const char *
transport(const struct bench *b)
{
	return b->o.port != NULL ? "port" : b->o.tcp ? "tcp" : "udp";
}

static void
report_json(const struct bench *b)
{
	const struct bench_result *r = &b->r;
	bool comma = false;

	printf("{\"transport\": \"%s\", \"seconds\": %.3f, \"sent\": %lu, \"received\": %lu, "
	       "\"lost\": %lu, "
	       "\"invalid\": %lu, \"unexpected\": %lu, \"ignored\": %lu, \"truncated\": %lu, "
	       "\"sent_qps\": %.0f, \"received_qps\": %.0f, \"rcodes\": {",
		transport(b), seconds(b), r->sent, r->received, r->lost, r->invalid, r->unexpected,
		r->ignored, r->truncated, (double)r->sent / seconds(b),
		(double)r->received_sending / seconds(b));
	for (unsigned i = 0; i < 16; i++) {
		if (r->rcode[i] == 0)
			continue;
		printf("%s\"%s\": %lu", comma ? ", " : "", rcode_name[i], r->rcode[i]);
		comma = true;
	}
	printf("}, \"latency_us\": {");
	for (unsigned i = 0; i < sizeof percentile / sizeof percentile[0]; i++)
		printf("\"%s\": %.3f, ", percentile[i].name,
			(double)bench_histogram_percentile(&r->latency, percentile[i].share) / 1e3);
	printf("\"max\": %.3f}, \"answer_octets_mean\": %.1f, \"busy\": %.3f, \"full_polls\": "
	       "%.3f, "
	       "\"reconnects\": %lu, \"generator_bound\": %s}\n",
		(double)r->latency.max / 1e3,
		r->received != 0 ? (double)r->octets / (double)r->received : 0.0, busy(b), full(b),
		r->reconnects, is_bottleneck(b) ? "true" : "false");
}

static void
report_table(const struct bench *b)
{
	const struct bench_result *r = &b->r;
	double lost = r->sent != 0 ? 100.0 * (double)r->lost / (double)r->sent : 0;

	printf("sent        %14lu  in %.2f s: %.0f queries/s\n", r->sent, seconds(b),
		(double)r->sent / seconds(b));
	printf("received    %14lu  %.0f answers/s\n", r->received,
		(double)r->received_sending / seconds(b));
	printf("lost        %14lu  %.3f %%\n", r->lost, lost);
	if (r->invalid != 0)
		printf("invalid     %14lu  no response, another question, or a bad checksum\n",
			r->invalid);
	if (r->unexpected != 0)
		printf("unexpected  %14lu  duplicate or too late\n", r->unexpected);
	if (r->ignored != 0)
		printf("ignored     %14lu  packets that were no answers\n", r->ignored);
	if (r->truncated != 0)
		printf("truncated   %14lu\n", r->truncated);
	if (r->reconnects != 0)
		printf("reconnects  %14lu\n", r->reconnects);
	for (unsigned i = 0; i < 16; i++)
		if (r->rcode[i] != 0)
			printf("%-11s %14lu  %.2f %%\n", rcode_name[i], r->rcode[i],
				100.0 * (double)r->rcode[i] / (double)r->received);
	if (r->received != 0) {
		printf("answer size %14.1f  octets on average\n",
			(double)r->octets / (double)r->received);
		for (unsigned i = 0; i < sizeof percentile / sizeof percentile[0]; i++)
			printf("latency %-5s %13.1f  us\n", percentile[i].name,
				(double)bench_histogram_percentile(
					&r->latency, percentile[i].share) /
					1e3);
		printf("latency max   %12.1f  us\n", (double)r->latency.max / 1e3);
	}
	printf("generator   %13.1f%%  busy; %.1f %% of its polls found a full burst\n",
		100 * busy(b), 100 * full(b));
	if (is_bottleneck(b))
		printf("NOTE: the generator itself was the bottleneck: the server may be faster "
		       "than this\n");
}

void
bench_report(const struct bench *b)
{
	if (b->o.json)
		report_json(b);
	else
		report_table(b);
}
