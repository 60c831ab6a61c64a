/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_statistics: the counters table in three dresses: PowerDNS's StatisticItems, our own JSON with
 * labels and workers, and Prometheus's text format. */
#include "controlplane/api/counters_sum.h"
#include "controlplane/api/request.h"

#include <malloc.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NAME_OCTETS 128u

/* --- PowerDNS's statistics --- */

/* PowerDNS's name, and the counters whose sum it is; CTR_N ends the list. */
static const struct {
	const char *name;
	enum counter counter[4];
} pdns_statistic[] = {
	{"udp-queries", {CTR_Q_UDP4, CTR_Q_UDP6, CTR_N}},
	{"udp4-queries", {CTR_Q_UDP4, CTR_N}},
	{"udp6-queries", {CTR_Q_UDP6, CTR_N}},
	{"tcp-queries", {CTR_Q_TCP4, CTR_Q_TCP6, CTR_N}},
	{"tcp4-queries", {CTR_Q_TCP4, CTR_N}},
	{"tcp6-queries", {CTR_Q_TCP6, CTR_N}},
	{"noerror-packets", {CTR_R_NOERROR, CTR_N}},
	{"nxdomain-packets", {CTR_R_NXDOMAIN, CTR_N}},
	{"servfail-packets", {CTR_R_SERVFAIL, CTR_N}},
	{"unauth-packets", {CTR_R_REFUSED, CTR_N}},
	{"corrupt-packets", {CTR_R_FORMERR, CTR_D_SHORT, CTR_N}},
	{"incoming-notifications", {CTR_OP_NOTIFY, CTR_N}},
	{"dnsupdate-queries", {CTR_OP_UPDATE, CTR_N}},
	{"overload-drops", {CTR_D_TX_FULL, CTR_N}},
};

struct items {
	struct api_request *r;
	const char *only; /* NULL: all */
	bool found;
};

static bool
wanted(struct items *it, const char *name)
{
	if (it->only != NULL && strcmp(it->only, name) != 0)
		return false;
	it->found = true;
	return true;
}

static void
item(struct items *it, const char *name, uint64_t value)
{
	struct json_writer *w = &it->r->out;

	if (!wanted(it, name))
		return;
	json_open_object(w, NULL);
	json_string(w, "name", name);
	json_string(w, "type", "StatisticItem");
	json_uint_string(w, "value", value);
	json_close_object(w);
}

/* A family of counters as one map: what its label says to how many. */
static void
map_item(struct items *it, const char *name, const char *family)
{
	struct json_writer *w = &it->r->out;

	if (!wanted(it, name))
		return;
	json_open_object(w, NULL);
	json_string(w, "name", name);
	json_string(w, "type", "MapStatisticItem");
	json_open_array(w, "value");
	for (unsigned i = 0; i < CTR_N; i++) {
		uint64_t n = counters_sum(it->r->context->hub, (enum counter)i);
		if (n == 0 || strcmp(counter_info[i].family, family) != 0)
			continue;
		json_open_object(w, NULL);
		json_string(w, "name", counter_info[i].value);
		json_uint_string(w, "value", n);
		json_close_object(w);
	}
	json_close_array(w);
	json_close_object(w);
}

/* "drops_total", "short" -> "millrace-drops-short" */
static void
own_name(char out[NAME_OCTETS], const struct counter_info *c)
{
	size_t len = strlen(c->family), total = sizeof "_total" - 1;

	if (len > total && strcmp(c->family + len - total, "_total") == 0)
		len -= total;
	snprintf(out, NAME_OCTETS, "millrace-%.*s%s%s", (int)len, c->family,
		c->value[0] == '\0' ? "" : "-", c->value);
	for (char *p = out; *p != '\0'; p++)
		if (*p == '_')
			*p = '-';
}

static uint64_t
resident_octets(void)
{
	unsigned long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t
milliseconds(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_usec / 1000;
}

static void
process_items(struct items *it)
{
	const struct api_context *c = it->r->context;
	struct zone_manager_status s;
	struct rusage usage = {0};

	zone_manager_status(c->zones, &s);
	getrusage(RUSAGE_SELF, &usage);
	item(it, "uptime", (uint64_t)(time(NULL) - c->started_s));
	item(it, "real-memory-usage", resident_octets());
	item(it, "sys-msec", milliseconds(usage.ru_stime));
	item(it, "user-msec", milliseconds(usage.ru_utime));
	item(it, "zone-cache-size", s.n_zones);
	item(it, "millrace-zones-serving", s.n_serving);
	item(it, "millrace-zones-failed", s.n_state[ZONE_FAILED]);
	item(it, "millrace-zone-loads", s.loads_total);
	item(it, "millrace-zone-loads-refused", s.failures_total);
}

void
api_statistics(struct api_request *r)
{
	char only[NAME_OCTETS], name[NAME_OCTETS];
	struct items it = {.r = r};
	int asked = api_request_query(r, "statistic", only, sizeof only);

	if (asked < 0)
		return;
	it.only = asked > 0 ? only : NULL;
	json_open_array(&r->out, NULL);
	for (size_t i = 0; i < sizeof pdns_statistic / sizeof pdns_statistic[0]; i++) {
		uint64_t sum = 0;
		for (const enum counter *c = pdns_statistic[i].counter; *c != CTR_N; c++)
			sum += counters_sum(r->context->hub, *c);
		item(&it, pdns_statistic[i].name, sum);
	}
	process_items(&it);
	for (unsigned i = 0; i < CTR_N; i++) {
		own_name(name, &counter_info[i]);
		item(&it, name, counters_sum(r->context->hub, (enum counter)i));
	}
	for (unsigned i = 0; i < SCTR_N; i++) {
		own_name(name, &stream_counter_info[i]);
		item(&it, name, hub_stream_counter(r->context->hub, (enum stream_counter)i));
	}
	map_item(&it, "response-by-rcode", "responses_total");
	map_item(&it, "millrace-queries-by-qtype", "qtypes_total");
	json_close_array(&r->out);
	if (it.only != NULL && !it.found)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "Unknown statistic name");
}

/* --- our own --- */

static void
write_counter(struct json_writer *w, const struct counter_info *c, uint64_t sum)
{
	json_string(w, "family", c->family);
	json_string(w, "label", c->label);
	json_string(w, "value", c->value);
	json_string(w, "unit", c->unit);
	json_string(w, "help", c->help);
	json_uint(w, "sum", sum);
}

void
api_stats(struct api_request *r)
{
	struct json_writer *w = &r->out;
	const struct hub *h = r->context->hub;
	unsigned n_workers = hub_workers(h), seat = hub_current_seat(h);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_open_object(w, NULL);
	json_uint(w, "time_ns", (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	json_uint(w, "workers", n_workers);
	json_open_array(w, "tsc_hz");
	for (unsigned i = 0; i < n_workers; i++)
		json_uint(w, NULL, h->worker[seat][i].tsc_hz);
	json_close_array(w);
	json_open_array(w, "counters");
	for (unsigned i = 0; i < CTR_N; i++) {
		json_open_object(w, NULL);
		write_counter(w, &counter_info[i], counters_sum(h, (enum counter)i));
		json_open_array(w, "workers");
		for (unsigned k = 0; k < n_workers; k++)
			json_uint(w, NULL, hub_counter(h, k, (enum counter)i));
		json_close_array(w);
		json_close_object(w);
	}
	json_close_array(w);
	json_open_array(w, "stream");
	for (unsigned i = 0; i < SCTR_N; i++) {
		json_open_object(w, NULL);
		write_counter(
			w, &stream_counter_info[i], hub_stream_counter(h, (enum stream_counter)i));
		json_close_object(w);
	}
	json_close_array(w);
	json_close_object(w);
}

/* --- Prometheus --- */

static void
metrics_counters(struct json_writer *w, const struct hub *h)
{
	const char *family = "";

	for (unsigned i = 0; i < CTR_N; i++) {
		const struct counter_info *c = &counter_info[i];
		if (strcmp(family, c->family) != 0) /* a family is one run of rows */
			json_raw(w, "# HELP millrace_%s %s\n# TYPE millrace_%s counter\n",
				c->family, c->help, c->family);
		family = c->family;
		for (unsigned k = 0; k < hub_workers(h); k++) {
			uint64_t n = hub_counter(h, k, (enum counter)i);
			if (c->label[0] == '\0')
				json_raw(w, "millrace_%s{worker=\"%u\"} %llu\n", c->family, k,
					(unsigned long long)n);
			else
				json_raw(w, "millrace_%s{%s=\"%s\",worker=\"%u\"} %llu\n",
					c->family, c->label, c->value, k, (unsigned long long)n);
		}
	}
}

static void
metrics_stream(struct json_writer *w, const struct hub *h)
{
	const char *family = "";

	for (unsigned i = 0; i < SCTR_N; i++) {
		const struct counter_info *c = &stream_counter_info[i];
		unsigned long long n = hub_stream_counter(h, (enum stream_counter)i);
		if (strcmp(family, c->family) != 0)
			json_raw(w, "# HELP millrace_%s %s\n# TYPE millrace_%s %s\n", c->family,
				c->help, c->family,
				strstr(c->family, "_total") != NULL ? "counter" : "gauge");
		family = c->family;
		if (c->label[0] == '\0')
			json_raw(w, "millrace_%s %llu\n", c->family, n);
		else
			json_raw(w, "millrace_%s{%s=\"%s\"} %llu\n", c->family, c->label, c->value,
				n);
	}
}

static void
metric(struct json_writer *w, const char *name, const char *type, const char *help, uint64_t value)
{
	json_raw(w, "# HELP millrace_%s %s\n# TYPE millrace_%s %s\nmillrace_%s %llu\n", name, help,
		name, type, name, (unsigned long long)value);
}

void
api_metrics(struct api_request *r)
{
	const struct api_context *c = r->context;
	struct json_writer *w = &r->out;
	struct zone_manager_status s;
	struct arena_usage u;

	r->content_type = "text/plain; version=0.0.4";
	zone_manager_status(c->zones, &s);
	arena_usage(c->arena, &u);
	metrics_counters(w, c->hub);
	metrics_stream(w, c->hub);
	json_raw(w, "# HELP millrace_zones Zones that are configured, by state.\n# TYPE "
		    "millrace_zones gauge\n");
	for (unsigned i = 0; i < ZONE_STATES; i++)
		json_raw(w, "millrace_zones{state=\"%s\"} %u\n", zone_state_word[i], s.n_state[i]);
	metric(w, "zones_serving", "gauge", "Zones whose data are being served.", s.n_serving);
	metric(w, "zone_loads_total", "counter", "Zone files that were read.", s.loads_total);
	metric(w, "zone_loads_refused_total", "counter", "Zone files that were refused.",
		s.failures_total);
	metric(w, "arena_size_octets", "gauge", "Address space of the arena.", u.size_octets);
	metric(w, "arena_backed_octets", "gauge", "Memory behind the arena.", u.backed_octets);
	metric(w, "arena_live_octets", "gauge", "Octets of the arena that are in use.",
		u.live_octets);
	metric(w, "controlplane_resident_octets", "gauge", "Resident memory of the control plane.",
		resident_octets());
	metric(w, "controlplane_start_time_seconds", "gauge",
		"When the control plane started, in Unix time.", (uint64_t)c->started_s);
}
