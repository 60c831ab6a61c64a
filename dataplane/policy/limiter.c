/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limiter: the look-up in one bucket. Thread: the worker's; no heap, lock or clock but in
 * limiter_create(). */
#include "dataplane/policy/limiter.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct limiter_bucket) == 64, "a bucket is a cache line");

struct limiter *
limiter_create(const uint64_t seed[2])
{
	struct limiter *l = aligned_alloc(64, sizeof *l);

	if (l == NULL)
		return NULL;
	memset(l, 0, sizeof *l);
	l->seed[0] = seed[0];
	l->seed[1] = seed[1];
	return l;
}

void
limiter_destroy(struct limiter *l)
{
	free(l);
}

/* Ticks that an entry is ahead of now. More than can be had in a window is a time that has passed,
 * modulo 78 hours. */
static inline uint64_t
ahead(uint64_t entry, uint64_t now, uint64_t window)
{
	uint64_t level = (entry - now) & LIMITER_TIME_MASK;
	return level <= window ? level : 0;
}

/* The entry that is least ahead. Nearly always the one looked at first has passed. */
static inline unsigned
weakest(const struct limiter_bucket *b, uint64_t now, unsigned first)
{
	unsigned best = first;
	uint64_t least = UINT64_MAX;

	if (b->entry[first] == 0 || ahead(b->entry[first], now, LIMITER_AHEAD_MAX) == 0)
		return first;
	for (unsigned i = 0; i < LIMITER_WAYS; i++) {
		/* Classes have windows of their own; none is longer than this. Were half of the
		 * time's range taken for the future, entries of two days ago would outrank
		 * everybody, and offenders be forgotten in their place. */
		uint64_t level = ahead(b->entry[i], now, LIMITER_AHEAD_MAX);
		if (b->entry[i] == 0)
			level = 0;
		best = level < least ? i : best;
		least = level < least ? level : least;
	}
	return best;
}

bool
limiter_take(struct limiter *l, uint64_t hash, unsigned kind, uint64_t now, uint64_t cost,
	uint64_t window)
{
	struct limiter_bucket *b = &l->bucket[hash % LIMITER_BUCKETS];
	/* the upper bits are independent of those that chose the bucket; never 0, as empty entries
	 * are */
	uint64_t tag = (hash ^ ((uint64_t)kind << 60)) >> LIMITER_TIME_BITS | 1;
	uint64_t level = 0;
	unsigned at = LIMITER_WAYS;

	for (unsigned i = 0; i < LIMITER_WAYS; i++)
		at = b->entry[i] >> LIMITER_TIME_BITS == tag ? i : at;
	if (at < LIMITER_WAYS)
		level = ahead(b->entry[at], now, window);
	else
		at = weakest(b, now, (unsigned)(tag >> 1) % LIMITER_WAYS);
	if (level + cost > window)
		return false;
	b->entry[at] = tag << LIMITER_TIME_BITS | ((now + level + cost) & LIMITER_TIME_MASK);
	return true;
}
