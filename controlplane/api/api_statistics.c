/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_statistics: the counters table in three dresses: PowerDNS's StatisticItems, our own JSON with
 * labels and workers, and Prometheus's text format. */
#include "controlplane/api/request.h"
#include "controlplane/metrics/counters_sum.h"
#include "controlplane/metrics/pdns_statistic.h"
#include "controlplane/metrics/port_table.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAME_OCTETS 128u

/* --- PowerDNS's statistics --- */

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
	json_str(w, "name", name);
	json_str(w, "type", "StatisticItem");
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
	json_str(w, "name", name);
	json_str(w, "type", "MapStatisticItem");
	json_open_array(w, "value");
	for (unsigned i = 0; i < CTR_N; i++) {
		uint64_t n = counters_sum(it->r->context->hub, (enum counter)i);
		if (n == 0 || strcmp(counter_info[i].family, family) != 0)
			continue;
		json_open_object(w, NULL);
		json_str(w, "name", counter_info[i].value);
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

static void
pdns_item(void *arg, const struct pdns_statistic *p, uint64_t value)
{
	item(arg, p->name, value);
}

static void
zone_items(struct items *it)
{
	struct zone_manager_status s;

	zone_manager_status(it->r->context->zones, &s);
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
	bool rings = true; /* there are none; but who asks for no sense is told */

	if (asked < 0 || api_request_query_bool(r, "includerings", &rings) != 0)
		return;
	it.only = asked > 0 && only[0] != '\0' ? only : NULL;
	json_open_array(&r->out, NULL);
	pdns_statistics_each(r->context->figures, pdns_item, &it);
	zone_items(&it);
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
	json_str(w, "family", c->family);
	json_str(w, "label", c->label);
	json_str(w, "value", c->value);
	json_str(w, "unit", c->unit);
	json_str(w, "help", c->help);
	json_uint(w, "sum", sum);
}

static void
write_latency(struct json_writer *w, const struct hub *h)
{
	struct histogram all = {0};
	uint64_t n;

	for (unsigned i = 0; i < hub_workers(h); i++)
		counters_add_latency(h, i, &all);
	n = histogram_count(&all);
	json_open_object(w, "latency");
	json_uint(w, "samples", n);
	json_uint(w, "mean_ns", n == 0 ? 0 : all.sum_ns / n);
	json_uint(w, "p50_ns", histogram_quantile_ns(&all, 0.5));
	json_uint(w, "p90_ns", histogram_quantile_ns(&all, 0.9));
	json_uint(w, "p99_ns", histogram_quantile_ns(&all, 0.99));
	json_uint(w, "p999_ns", histogram_quantile_ns(&all, 0.999));
	/* what is not 0, so that clients can tell of the time between two looks */
	json_open_array(w, "buckets");
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
		if (all.bucket[i] == 0)
			continue;
		json_open_object(w, NULL);
		if (i < HISTOGRAM_BOUNDS)
			json_uint(w, "up_to_ns", histogram_bound_ns[i]);
		json_uint(w, "n", all.bucket[i]);
		json_close_object(w);
	}
	json_close_array(w);
	json_close_object(w);
}

static void
write_ports(struct json_writer *w, const struct hub *h, unsigned seat)
{
	struct port_row row[HUB_PORTS_MAX];
	unsigned n = port_table_read(h, seat, row), n_workers = counters_running(h, seat);

	json_open_array(w, "ports");
	for (unsigned i = 0; i < n; i++) {
		json_open_object(w, NULL);
		json_str(w, "port", row[i].name);
		json_str(w, "kind", row[i].kind);
		json_bool(w, "up", row[i].up);
		json_uint(w, "mbps", row[i].mbps);
		json_uint(w, "queues", row[i].n_queues);
		for (unsigned k = 0; k < PTR_N; k++) {
			uint64_t sum = 0;
			for (unsigned v = 0; v < n_workers; v++)
				sum += port_table_traffic(h, seat, v, i, (enum port_traffic_id)k);
			json_uint(w, port_traffic_info[k].family + sizeof "port_" - 1, sum);
		}
		for (unsigned k = 0; k < PCTR_N; k++)
			json_uint(w, port_counter_info[k].family + sizeof "port_" - 1,
				row[i].counter[k]);
		json_close_object(w);
	}
	json_close_array(w);
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
	for (unsigned i = 0; i < n_workers; i++) /* another seat may have more of them */
		json_uint(w, NULL, i < counters_running(h, seat) ? h->worker[seat][i].tsc_hz : 0);
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
	write_ports(w, h, seat);
	write_latency(w, h);
	json_close_object(w);
}

/* --- Prometheus --- */

void
api_metrics(struct api_request *r)
{
	const char *accept =
		MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	enum exposition_format format = exposition_negotiate(accept);
	bool powerdns = false;

	if (api_request_query_bool(r, "powerdns", &powerdns) < 0)
		return;
	r->content_type = exposition_content_type(format);
	metrics_write(&r->out, r->context->figures, format, powerdns);
}
