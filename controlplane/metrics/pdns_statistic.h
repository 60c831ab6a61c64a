/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns_statistic: PowerDNS's statistics, by its names, where the same thing exists here; for
 * /statistics and for the pdns_auth_ metrics. Any thread. */
#pragma once
#include "controlplane/metrics/metrics.h"

#include <stdbool.h>
#include <stdint.h>

#define PDNS_NAME_OCTETS 64u

struct pdns_statistic {
	const char *name; /* "udp-queries" */
	bool gauge;
	const char *help;
	enum counter counter[8];                         /* whose sum it is, ended by CTR_N */
	uint64_t (*own)(const struct metrics_source *s); /* or what else gives it; else NULL */
};

extern const struct pdns_statistic pdns_statistic[];
extern const unsigned pdns_n_statistics;

/** Call fn with the value of each. */
void pdns_statistics_each(const struct metrics_source *s,
	void (*fn)(void *arg, const struct pdns_statistic *p, uint64_t value), void *arg);

/** "udp-queries" -> "udp_queries". */
void pdns_statistic_metric(const struct pdns_statistic *p, char out[PDNS_NAME_OCTETS]);
