/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stream_counters: what the stream process counts about connections; one block in the hub, written
 * by it alone. STREAM_COUNTERS is the single list, of the same shape as COUNTERS (counters.h): rows
 * are appended within their family. The queries themselves
 * are counted by the worker that answers them. Names ending in _total only grow; the others are
 * gauges. */
#pragma once
#include "shm/counters.h"

#include <stdint.h>

/* clang-format off: one row a line */
#define STREAM_COUNTERS(X)                                                                       \
	X(ACCEPTED4, "stream_accepted_total", "family", "ipv4", "connections",                   \
		"Stream connections accepted, by address family.")                               \
	X(ACCEPTED6, "stream_accepted_total", "family", "ipv6", "connections",                   \
		"Stream connections accepted, by address family.")                               \
	X(CLOSED_CLIENT, "stream_closed_total", "reason", "client", "connections",               \
		"Stream connections ended, by reason.")                                          \
	X(CLOSED_IDLE, "stream_closed_total", "reason", "idle", "connections",                   \
		"Stream connections ended, by reason.")                                          \
	X(CLOSED_READ_TIMEOUT, "stream_closed_total", "reason", "read-timeout", "connections",   \
		"Stream connections ended, by reason.")                                          \
	X(CLOSED_WRITE_TIMEOUT, "stream_closed_total", "reason", "write-timeout", "connections", \
		"Stream connections ended, by reason.")                                          \
	X(CLOSED_CLIENT_LIMIT, "stream_closed_total", "reason", "client-limit", "connections",   \
		"Stream connections ended, by reason.")                                          \
	X(CLOSED_EVICTED, "stream_closed_total", "reason", "evicted", "connections",             \
		"Stream connections ended, by reason.")                                          \
	X(CLOSED_PROTOCOL, "stream_closed_total", "reason", "protocol", "connections",           \
		"Stream connections ended, by reason.")                                          \
	X(CLOSED_ENGINE, "stream_closed_total", "reason", "engine", "connections",               \
		"Stream connections ended, by reason.")                                          \
	X(CLOSED_NO_DATAPLANE, "stream_closed_total", "reason", "no-dataplane", "connections",   \
		"Stream connections ended, by reason.")                                          \
	X(CLOSED_ERROR, "stream_closed_total", "reason", "error", "connections",                 \
		"Stream connections ended, by reason.")                                          \
	X(CLOSED_STOP, "stream_closed_total", "reason", "stop", "connections",                   \
		"Stream connections ended, by reason.")                                          \
	X(CONNECTIONS, "stream_connections", "", "", "connections",                              \
		"Stream connections open now.")                                                  \
	X(IN_FLIGHT, "stream_queries_in_flight", "", "", "queries",                              \
		"Queries from streams that wait for their answer now.")                          \
	X(ACCEPT_REFUSED, "stream_accept_errors_total", "", "", "errors",                        \
		"Times that accept(2) failed, for want of descriptors or memory.")               \
	X(RING_FULL, "stream_ring_full_total", "", "", "pauses",                                 \
		"Times that reading from a client paused because the worker's ring was full.")   \
	X(READ_PAUSED, "stream_read_paused_total", "", "", "pauses",                             \
		"Times that reading from a client paused because it had too many queries in "    \
		"flight or did not take its answers.")                                           \
	X(STALE, "stream_stale_responses_total", "", "", "responses",                            \
		"Responses whose query or connection was gone.")                                 \
	X(RING_DAMAGED, "stream_ring_damaged_total", "", "", "events",                           \
		"Times that a worker's ring held rubbish and was emptied.")
/* clang-format on */

enum stream_counter {
#define X(id, family, label, value, unit, help) SCTR_##id,
	STREAM_COUNTERS(X)
#undef X
		SCTR_N,
};

struct stream_counters {
	_Alignas(64) uint64_t v[SCTR_N];
};

/** The table's rows, in the order of enum stream_counter. */
extern const struct counter_info stream_counter_info[SCTR_N];

/** The stream process only. A gauge goes down by adding (uint64_t)-1. */
static inline void
stream_counter_add(struct stream_counters *c, enum stream_counter id, uint64_t n)
{
	__atomic_store_n(&c->v[id], c->v[id] + n, __ATOMIC_RELAXED);
}

static inline uint64_t
stream_counter_get(const struct stream_counters *c, enum stream_counter id)
{
	return __atomic_load_n(&c->v[id], __ATOMIC_RELAXED);
}
