/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limiter: how many responses a client prefix has had of late. One table per worker, never shared,
 * never locked, of a fixed size: cache-line buckets of eight prefixes.
 *
 * An entry is the time until which its prefix has used its rate up (a leaky bucket, written as a
 * "theoretical arrival time"): nothing has to be counted down, and an entry whose time has passed
 * is free. A new prefix that finds its bucket full takes the place of the one with the least: so
 * whoever is over the limit, and with it furthest ahead, stays known however many other prefixes
 * are made up to push it out (the idea of Knot DNS's KRU). */
#pragma once
#include "shm/prefetch.h"

#include <stdbool.h>
#include <stdint.h>

#define LIMITER_WAYS 8u
#define LIMITER_BUCKETS (1u << 15) /* 2 MiB: 262,144 prefixes at a time */
#define LIMITER_TICK_NS 16u
#define LIMITER_TICKS_A_SECOND (1000000000u / LIMITER_TICK_NS)
#define LIMITER_TIME_BITS 44u /* 78 hours of ticks; the tag lies above */
#define LIMITER_TIME_MASK ((1ull << LIMITER_TIME_BITS) - 1)
#define LIMITER_AHEAD_MAX (1ull << 33) /* 137 s: what is further ahead has passed long ago */

struct limiter_bucket {
	_Alignas(64) uint64_t entry[LIMITER_WAYS]; /* tag and time; 0: empty */
};

struct limiter {
	uint64_t seed[2];
	_Alignas(64) struct limiter_bucket bucket[LIMITER_BUCKETS];
};

/**
 * Create a table. Thread: control, before its worker runs.
 * @param seed  random: who knows it can make prefixes collide
 * @return NULL when out of memory; ended with limiter_destroy()
 */
struct limiter *limiter_create(const uint64_t seed[2]) __attribute__((warn_unused_result));
void limiter_destroy(struct limiter *l);

/** Hash of a prefix: its bits, the rest 0. */
static inline uint64_t
limiter_hash(const struct limiter *l, uint64_t prefix, bool v4)
{
	unsigned __int128 a = (unsigned __int128)(prefix ^ l->seed[0]) * (l->seed[1] | 1);
	uint64_t h = (uint64_t)a ^ (uint64_t)(a >> 64) ^ (v4 ? 0x9e3779b97f4a7c15ull : 0);

	a = (unsigned __int128)h * 0xd6e8feb86659fd93ull;
	return (uint64_t)a ^ (uint64_t)(a >> 64);
}

static inline void
limiter_prefetch(const struct limiter *l, uint64_t hash)
{
	prefetch_line(&l->bucket[hash % LIMITER_BUCKETS]);
}

/**
 * May this prefix have one more response? If so it is counted.
 * @param hash    limiter_hash()
 * @param kind    responses that are counted apart: 0..15
 * @param now     in ticks; from the same clock each time
 * @param cost    ticks that a response stands for: 1 / rate
 * @param window  ticks that may be used up in advance: at least cost, at most LIMITER_AHEAD_MAX
 */
bool limiter_take(struct limiter *l, uint64_t hash, unsigned kind, uint64_t now, uint64_t cost,
	uint64_t window);
