/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns_statistic: the table, and the few that are no sums of workers' counters. */
#include "controlplane/metrics/pdns_statistic.h"

#include "controlplane/metrics/counters_sum.h"
#include "controlplane/metrics/process_usage.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t
milliseconds(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_usec / 1000;
}

/* Microseconds, of all workers since the dataplane started. */
static uint64_t
mean_latency(const struct metrics_source *s)
{
	const struct hub *h = s->hub;
	struct histogram all = {0};
	uint64_t n;

	for (unsigned i = 0; i < hub_workers(h); i++)
		counters_add_latency(h, i, &all);
	n = histogram_count(&all);
	return n == 0 ? 0 : all.sum_ns / n / 1000;
}

static uint64_t
open_connections(const struct metrics_source *s)
{
	return hub_stream_counter(s->hub, SCTR_CONNECTIONS);
}

static uint64_t
zones(const struct metrics_source *s)
{
	struct zone_manager_status z;

	zone_manager_status(s->zones, &z);
	return z.n_zones;
}

static uint64_t
transfers_waiting(const struct metrics_source *s)
{
	struct transfer_totals t = {0};

	if (s->transfers != NULL)
		transfer_totals(s->transfers, &t);
	return t.waiting;
}

static uint64_t
uptime(const struct metrics_source *s)
{
	return (uint64_t)(time(NULL) - s->started_s);
}

/* Of the control plane, like the two below: its process is the one whose place PowerDNS's takes. */
static uint64_t
resident(const struct metrics_source *s)
{
	struct process_usage usage;

	(void)process_usage(getpid(), &usage);
	return usage.resident_octets;
}

static uint64_t
system_ms(const struct metrics_source *s)
{
	struct rusage r = {0};

	getrusage(RUSAGE_SELF, &r);
	return milliseconds(r.ru_stime);
}

static uint64_t
user_ms(const struct metrics_source *s)
{
	struct rusage r = {0};

	getrusage(RUSAGE_SELF, &r);
	return milliseconds(r.ru_utime);
}

/* clang-format off: one row a statistic */
const struct pdns_statistic pdns_statistic[] = {
	{"udp-queries", false, "Number of UDP queries received", {CTR_Q_UDP4, CTR_Q_UDP6, CTR_N},
		NULL},
	{"udp4-queries", false, "Number of IPv4 UDP queries received", {CTR_Q_UDP4, CTR_N}, NULL},
	{"udp6-queries", false, "Number of IPv6 UDP queries received", {CTR_Q_UDP6, CTR_N}, NULL},
	{"tcp-queries", false, "Number of TCP queries received", {CTR_Q_TCP4, CTR_Q_TCP6, CTR_N},
		NULL},
	{"tcp4-queries", false, "Number of IPv4 TCP queries received", {CTR_Q_TCP4, CTR_N}, NULL},
	{"tcp6-queries", false, "Number of IPv6 TCP queries received", {CTR_Q_TCP6, CTR_N}, NULL},
	{"noerror-packets", false, "Number of NOERROR packets sent out", {CTR_R_NOERROR, CTR_N},
		NULL},
	{"nxdomain-packets", false, "Number of NXDOMAIN packets sent out", {CTR_R_NXDOMAIN, CTR_N},
		NULL},
	{"servfail-packets", false, "Number of times a server-failed packet was sent out",
		{CTR_R_SERVFAIL, CTR_N}, NULL},
	{"unauth-packets", false, "Number of times a zone we are not auth for was queried",
		{CTR_R_REFUSED, CTR_N}, NULL},
	{"corrupt-packets", false, "Number of corrupt packets received",
		{CTR_R_FORMERR, CTR_D_SHORT, CTR_N}, NULL},
	{"incoming-notifications", false, "NOTIFY packets received", {CTR_OP_NOTIFY, CTR_N}, NULL},
	{"dnsupdate-queries", false, "DNS update packets received", {CTR_OP_UPDATE, CTR_N}, NULL},
	{"overload-drops", false, "Queries dropped because backends overloaded",
		{CTR_D_TX_FULL, CTR_N}, NULL},
	{"open-tcp-connections", true, "Number of currently open TCP connections", {CTR_N},
		open_connections},
	{"latency", true, "Average number of microseconds needed to answer a question", {CTR_N},
		mean_latency},
	{"zone-cache-size", true, "Number of entries in the zone cache", {CTR_N}, zones},
	{"xfr-queue", true, "Size of the queue of zones to be XFRd", {CTR_N}, transfers_waiting},
	{"uptime", false, "Uptime of process in seconds", {CTR_N}, uptime},
	{"real-memory-usage", true, "Actual unique use of memory in bytes (approx)", {CTR_N},
		resident},
	{"sys-msec", false, "Number of msec spent in system time", {CTR_N}, system_ms},
	{"user-msec", false, "Number of msec spent in user time", {CTR_N}, user_ms},
};
/* clang-format on */
const unsigned pdns_n_statistics = sizeof pdns_statistic / sizeof pdns_statistic[0];

void
pdns_statistics_each(const struct metrics_source *s,
	void (*fn)(void *arg, const struct pdns_statistic *p, uint64_t value), void *arg)
{
	for (unsigned i = 0; i < pdns_n_statistics; i++) {
		const struct pdns_statistic *p = &pdns_statistic[i];
		uint64_t value = 0;
		for (unsigned k = 0; p->counter[k] != CTR_N; k++)
			value += counters_sum(s->hub, p->counter[k]);
		fn(arg, p, p->own != NULL ? p->own(s) : value);
	}
}

void
pdns_statistic_metric(const struct pdns_statistic *p, char out[PDNS_NAME_OCTETS])
{
	size_t i = 0;

	for (; p->name[i] != '\0' && i < PDNS_NAME_OCTETS - 1; i++)
		out[i] = p->name[i] == '-' ? '_' : p->name[i];
	out[i] = '\0';
}
