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
