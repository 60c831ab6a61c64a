/* SPDX-License-Identifier: GPL-3.0-or-later */
/* histogram: how long things took, in a fixed number of buckets, from 100 ns to 1000 s. The bounds
 * are ISO 3's series R10 (1, 1.25, 1.6, 2, ...), ten a decade: so 1, 2 and 5 of every decade are
 * bounds, and what Prometheus shows is exact and not interpolated. One writer; readers in other
 * processes see whole words. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_A_DECADE 10u
#define HISTOGRAM_DECADES 10u
#define HISTOGRAM_LOWEST_NS 100ull
#define HISTOGRAM_BOUNDS (HISTOGRAM_A_DECADE * HISTOGRAM_DECADES + 1u)

struct histogram {
	uint64_t sum_ns;
	/* [i]: how many were above bound i - 1 and not above bound i; the last one: above all */
	uint64_t bucket[HISTOGRAM_BOUNDS + 1];
};

/** Upper bound of bucket i, 0 <= i < HISTOGRAM_BOUNDS, in ns. */
extern const uint64_t histogram_bound_ns[HISTOGRAM_BOUNDS];

/** Index of the bucket of this time. */
static inline unsigned
histogram_bucket(uint64_t ns)
{
	unsigned low = 0, high = HISTOGRAM_BOUNDS; /* the answer is in low..high */

	while (low < high) { /* at most 7 times */
		unsigned middle = (low + high) / 2;
		if (ns <= histogram_bound_ns[middle])
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/** n things took this long each. The one writer only. */
static inline void
histogram_add(struct histogram *h, uint64_t ns, uint64_t n)
{
	uint64_t *bucket = &h->bucket[histogram_bucket(ns)];

	__atomic_store_n(&h->sum_ns, h->sum_ns + ns * n, __ATOMIC_RELAXED);
	__atomic_store_n(bucket, *bucket + n, __ATOMIC_RELAXED);
}

/** Add the content of one to another that nobody else writes. Thread: any. */
void histogram_merge(struct histogram *into, const struct histogram *from);

/** How many are in it. */
uint64_t histogram_count(const struct histogram *h);

/**
 * The time that a share of all did not exceed, between two bounds in proportion.
 * @param share  0..1
 * @return ns; 0 when it is empty; the last bound for what lies above all
 */
uint64_t histogram_quantile_ns(const struct histogram *h, double share);
