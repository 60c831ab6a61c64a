/* SPDX-License-Identifier: GPL-3.0-or-later */
/* histogram: the bounds, and what readers do with one. Not on the packet path. */
#include "shm/histogram.h"

/* series R10, rounded as ISO 3 has it */
#define DECADE(unit)                                                                          \
	(unit) * 100, (unit)*125, (unit)*160, (unit)*200, (unit)*250, (unit)*315, (unit)*400, \
		(unit)*500, (unit)*630, (unit)*800

const uint64_t histogram_bound_ns[HISTOGRAM_BOUNDS] = {
	DECADE(1ull),         /* from 100 ns */
	DECADE(10ull),        /* 1 us */
	DECADE(100ull),       /* 10 us */
	DECADE(1000ull),      /* 100 us */
	DECADE(10000ull),     /* 1 ms */
	DECADE(100000ull),    /* 10 ms */
	DECADE(1000000ull),   /* 100 ms */
	DECADE(10000000ull),  /* 1 s */
	DECADE(100000000ull), /* 10 s */
	DECADE(1000000000ull) /* 100 s */,
	1000000000000ull,
};

void
histogram_merge(struct histogram *into, const struct histogram *from)
{
	into->sum_ns += __atomic_load_n(&from->sum_ns, __ATOMIC_RELAXED);
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		into->bucket[i] += __atomic_load_n(&from->bucket[i], __ATOMIC_RELAXED);
}

uint64_t
histogram_count(const struct histogram *h)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		n += __atomic_load_n(&h->bucket[i], __ATOMIC_RELAXED);
	return n;
}

uint64_t
histogram_quantile_ns(const struct histogram *h, double share)
{
	double want = share * (double)histogram_count(h), before = 0;

	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
		double here = (double)__atomic_load_n(&h->bucket[i], __ATOMIC_RELAXED);
		uint64_t low = i == 0 ? 0 : histogram_bound_ns[i - 1];
		if (here > 0 && before + here >= want)
			return low + (uint64_t)((double)(histogram_bound_ns[i] - low) *
						(want - before) / here);
		before += here;
	}
	return before == want ? 0 : histogram_bound_ns[HISTOGRAM_BOUNDS - 1];
}
