/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sampler: how long queries take inside a worker, from before its burst is received until its
 * responses are sent, for one burst in 64 on average. The distance between samples is random, so
 * that no rhythm of ports or clients is seen always or never. The other bursts pay a comparison and
 * a decrement. The worker's own thread. */
#pragma once
#include "shm/histogram.h"

#include <stdbool.h>
#include <stdint.h>

/* bursts that are let pass: 32 to 95, each as likely */
#define SAMPLER_LEAST 32u
#define SAMPLER_MASK 63u
#define SAMPLER_NS_SHIFT 32u

struct sampler {
	uint32_t left;         /* bursts until the next sample; 0: now */
	uint32_t random;       /* never 0 */
	uint64_t ns_per_cycle; /* fixed point, SAMPLER_NS_SHIFT bits behind the point */
};

static inline void
sampler_start(struct sampler *s, uint64_t tsc_hz, unsigned seed)
{
	s->left = 0;
	s->random = seed * 2654435761u | 1u;
	s->ns_per_cycle = (UINT64_C(1000000000) << SAMPLER_NS_SHIFT) / (tsc_hz != 0 ? tsc_hz : 1);
}

/** Is the burst that is received next one to time? */
static inline bool
sampler_due(const struct sampler *s)
{
	return __builtin_expect(s->left == 0, 0);
}

/** A burst that was not timed had queries. */
static inline void
sampler_skip(struct sampler *s)
{
	s->left--;
}

/** The burst that was timed took this long, and had n queries: each of them waited for all. */
static inline void
sampler_take(struct sampler *s, struct histogram *h, uint64_t cycles, unsigned n)
{
	uint64_t ns = (uint64_t)((unsigned __int128)cycles * s->ns_per_cycle >> SAMPLER_NS_SHIFT);

	histogram_add(h, ns, n);
	/* xorshift32 (Marsaglia 2003) */
	s->random ^= s->random << 13;
	s->random ^= s->random >> 17;
	s->random ^= s->random << 5;
	s->left = SAMPLER_LEAST + (s->random & SAMPLER_MASK);
}
