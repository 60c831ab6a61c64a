/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metrics_reference: docs/metrics.md, from the tables. */
#include "controlplane/metrics/metric_list.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/metrics/pdns_statistic.h"
#include "shm/port_counters.h"
#include "shm/stream_counters.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const type_word[] = {"counter", "gauge", "histogram"};

/* "a,b" as "`a`, `b`". */
static void
print_labels(const char *labels)
{
	while (*labels != '\0') {
		size_t len = strcspn(labels, ",");
		printf("`%.*s`", (int)len, labels);
		labels += len;
		if (*labels == ',') {
			printf(", ");
			labels++;
		}
	}
}

static void
print_head(const char *title, const char *text)
{
	printf("\n## %s\n\n%s\n\n| name | type | labels | |\n|---|---|---|---|\n", title, text);
}

/* A family of counters: one row, with the values of its label. */
static void
print_counters(const struct counter_info *info, unsigned n, const char *labels)
{
	for (unsigned i = 0; i < n; i++) {
		const struct counter_info *f = &info[i];

		if (i > 0 && strcmp(info[i - 1].family, f->family) == 0)
			continue;
		printf("| `millrace_%s` | %s | ", f->family,
			strstr(f->family, "_total") != NULL ? "counter" : "gauge");
		print_labels(labels);
		if (f->label[0] != '\0') {
			printf("%s`%s`: ", labels[0] != '\0' ? ", " : "", f->label);
			for (unsigned k = i; k < n && strcmp(info[k].family, f->family) == 0; k++)
				printf("%s%s", k == i ? "" : " ", info[k].value);
		}
		printf(" | %s |\n", f->help);
	}
}

int
metrics_print_reference(void)
{
	char name[PDNS_NAME_OCTETS];

	printf("# Metrics\n\n"
	       "<!-- made by `millrace-controlplane metrics-reference` from controlplane/metrics "
	       "and "
	       "shm; a unit test compares -->\n\n"
	       "`GET /metrics`, on the API's unix socket and on `metrics.listen` "
	       "([configuration.md](configuration.md)), in Prometheus's text format, or in "
	       "OpenMetrics "
	       "for who asks for that with `Accept`.\n"
	       "No name or label depends on zones or clients: the page has the same size with one "
	       "zone and with a million.\n"
	       "How to have it scraped, and what to look at: [operations.md](operations.md).\n");
	print_head("The suite", "From the control plane.");
	for (unsigned i = 0; i < METRIC_N; i++) {
		const struct metric_info *m = &metric_info[i];

		printf("| `millrace_%s` | %s | ", m->name, type_word[m->type]);
		print_labels(m->labels);
		printf(" | %s |\n", m->help);
	}
	print_head("Workers", "Each worker counts what it does. `millracectl stats` has the sums.");
	print_counters(counter_info, CTR_N, "worker");
	print_head("Ports",
		"A port is a kernel socket (its address), a DPDK device (its name), the stream "
		"process (`stream`), or what workers take over from one another (`spread`). What "
		"drivers and the kernel count is read once a second; "
		"what is counted for each worker as well is left out for workers that never took "
		"a packet from the port. Both begin at 0 with each start of the dataplane.");
	print_counters(port_counter_info, PCTR_N, "port");
	print_counters(port_traffic_info, PTR_N, "port,worker");
	print_head("Streams", "From the stream process (TCP).");
	print_counters(stream_counter_info, SCTR_N, "");
	printf("\n## PowerDNS's names\n\n"
	       "`GET /metrics?powerdns=true` has these as well, for dashboards that were made for "
	       "PowerDNS; in Prometheus: `params: {powerdns: [\"true\"]}`.\n"
	       "Only what means the same thing is there.\n\n| name | type | |\n|---|---|---|\n");
	for (unsigned i = 0; i < pdns_n_statistics; i++) {
		const struct pdns_statistic *p = &pdns_statistic[i];

		pdns_statistic_metric(p, name);
		printf("| `pdns_auth_%s` | %s | %s |\n", name, p->gauge ? "gauge" : "counter",
			p->help);
	}
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}
