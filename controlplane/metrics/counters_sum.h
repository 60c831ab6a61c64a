/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counters_sum: the workers' counters, added up: O(workers), whatever the number of zones or
 * clients. Pure reading, any thread. */
#pragma once
#include "shm/hub.h"

static inline uint64_t
counters_sum(const struct hub *h, enum counter id)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < hub_workers(h); i++)
		sum += hub_counter(h, i, id);
	return sum;
}

/** Workers that answer, of the dataplane in this seat. */
static inline unsigned
counters_running(const struct hub *h, unsigned seat)
{
	const struct hub_instance *in = &h->instance[seat];
	unsigned n = atomic_load_explicit(&in->n_workers, memory_order_acquire);
	unsigned n_claimed = atomic_load_explicit(&in->n_claimed, memory_order_acquire);

	/* nobody touches blocks without memory behind them */
	n = n < n_claimed ? n : n_claimed;
	return n < HUB_WORKERS_MAX ? n : HUB_WORKERS_MAX;
}

/** Add what all dataplanes sampled in worker n. */
static inline void
counters_add_latency(const struct hub *h, unsigned n, struct histogram *sum)
{
	for (unsigned seat = 0; seat < HUB_SEATS; seat++)
		if (n < atomic_load_explicit(&h->instance[seat].n_claimed, memory_order_acquire))
			histogram_merge(sum, &h->worker[seat][n].latency);
}
