/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_histogram: counts of values over the whole 64-bit range with a relative error below 1/64:
 * 64 equal steps in each power of two. Adding is a shift and an increment. One writer. */
#pragma once
#include <stdint.h>

#define BENCH_HISTOGRAM_BITS 6u
#define BENCH_HISTOGRAM_STEPS (1u << BENCH_HISTOGRAM_BITS)
#define BENCH_HISTOGRAM_SIZE ((64u - BENCH_HISTOGRAM_BITS + 1) * BENCH_HISTOGRAM_STEPS)

struct bench_histogram {
	uint64_t n[BENCH_HISTOGRAM_SIZE];
	uint64_t total, max;
};

static inline unsigned
bench_histogram_index(uint64_t value)
{
	if (value < BENCH_HISTOGRAM_STEPS)
		return (unsigned)value;
	unsigned shift = 63u - (unsigned)__builtin_clzll(value) - BENCH_HISTOGRAM_BITS;
	return (shift + 1) * BENCH_HISTOGRAM_STEPS +
	       (unsigned)(value >> shift & (BENCH_HISTOGRAM_STEPS - 1));
}

static inline void
bench_histogram_add(struct bench_histogram *h, uint64_t value)
{
	h->n[bench_histogram_index(value)]++;
	h->total++;
	if (value > h->max)
		h->max = value;
}

/** Greatest value that falls into the step of this index. */
static inline uint64_t
bench_histogram_upper(unsigned index)
{
	if (index < BENCH_HISTOGRAM_STEPS)
		return index;
	unsigned shift = index / BENCH_HISTOGRAM_STEPS - 1;
	uint64_t lower = (uint64_t)(BENCH_HISTOGRAM_STEPS + index % BENCH_HISTOGRAM_STEPS) << shift;
	return lower + ((1ull << shift) - 1);
}

/** Least value that at least `share` (0..1) of all values do not exceed, rounded up to its step; 0
 * when empty. */
static inline uint64_t
bench_histogram_percentile(const struct bench_histogram *h, double share)
{
	double need = share * (double)h->total;
	uint64_t seen = 0;

	for (unsigned i = 0; i < BENCH_HISTOGRAM_SIZE; i++) {
		seen += h->n[i];
		if (seen != 0 && (double)seen >= need) {
			uint64_t v = bench_histogram_upper(i);
			return v < h->max ? v : h->max;
		}
	}
	return h->max;
}
