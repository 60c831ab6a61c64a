/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy: the access list before a burst is answered, and the rate limit of its responses. Stands
 * between a worker's ports and its engine. Pure as the engine is: no DPDK, system call, clock or
 * log; heap only in policy_create(). One policy_context a worker. */
#pragma once
#include "dataplane/answer/answer.h"

struct policy_context;

/**
 * Create a worker's state. Thread: control, before that worker runs.
 * @param n_workers  at most 64; machines limit by rate; each worker enforces its share of it
 * @param seed       random (limiter.h)
 * @param counters   the worker's block
 * @return NULL when out of memory
 */
struct policy_context *policy_create(unsigned n_workers, const uint64_t seed[2],
	struct counters *counters) __attribute__((warn_unused_result));
void policy_destroy(struct policy_context *c);

/**
 * answer_burst(), of those who may be answered and as far as they may be: the policy is what the
 * engine's arena holds. The caller is online (hub.h, grace periods).
 * @param q      verdict is ANSWER_NORMAL in each, and is again afterwards
 * @param ticks  a clock in steps of 16 ns (LIMITER_TICK_NS), which never goes back
 */
void policy_answer(struct policy_context *c, struct answer_context *engine, struct answer_query *q,
	unsigned n, uint32_t now_s, uint64_t ticks);

/** What rdtsc must be multiplied with, in units of 2^-32, to make ticks of it. */
uint64_t policy_tick_scale(uint64_t tsc_hz);

static inline uint64_t
policy_ticks(uint64_t tsc, uint64_t scale)
{
	return (uint64_t)((unsigned __int128)tsc * scale >> 32);
}
