/* SPDX-License-Identifier: GPL-3.0-or-later */
/* counters_sum: the workers' counters, read and added up: O(workers), whatever the number of zones
 * or clients. Pure reading, any thread. */
#pragma once
#include "shm/hub.h"

/** Workers that the hub tells of, at most HUB_WORKERS_MAX. */
static inline unsigned
counters_workers(const struct hub *h)
{
	unsigned n = atomic_load_explicit(&h->n_workers, memory_order_acquire);

	return n < HUB_WORKERS_MAX ? n : HUB_WORKERS_MAX;
}

static inline uint64_t
counters_sum(const struct hub *h, enum counter id)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < counters_workers(h); i++)
		sum += counter_get(&h->worker[i].counters, id);
	return sum;
}
