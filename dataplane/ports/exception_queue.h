/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exception_queue: a worker's end of the exception path, one for each queue of a port. Inline parts
 * of the packet path: no system call, unless the thread sleeps. */
#pragma once
#include "shm/counters.h"

#include <rte_mbuf.h>
#include <rte_ring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define EXCEPTION_BURST 32u     /* packets that a queue passes on in a round, each way */
#define EXCEPTION_FRAME_MIN 14u /* octets: the kernel takes no less */

/* Written by the thread; the worker of the queue that sends the kernel's packets carries them over
 * into its counters. */
struct exception_counts {
	_Atomic uint64_t refused;     /* packets that went neither way */
	_Atomic uint64_t tcp_refused; /* connections that the kernel refused */
};

struct exception_queue {
	struct rte_ring *to_kernel; /* NULL: there is no twin */
	struct rte_ring
		*from_kernel; /* on the one queue that sends the kernel's packets; else NULL */
	const struct exception_counts *counts; /* beside from_kernel */
	uint64_t refused_seen, tcp_refused_seen;
};

/* Set by the thread before it looks into the rings for the last time and sleeps. */
extern _Atomic bool exception_asleep;

/** Wake the thread, if nobody did so yet. */
void exception_wake(void);

/**
 * Hand packets to the kernel; those for which there is no room are freed and counted.
 * Thread: the queue's worker. @return how many were handed over
 */
static inline unsigned
exception_give(
	struct exception_queue *x, struct rte_mbuf **m, unsigned n, struct counters *counters)
{
	unsigned given = rte_ring_sp_enqueue_burst(x->to_kernel, (void **)m, n, NULL);

	counter_add(counters, CTR_EXCEPTION_TO_KERNEL, given);
	if (given < n) {
		rte_pktmbuf_free_bulk(m + given, n - given);
		counter_add(counters, CTR_D_EXCEPTION_FULL, n - given);
	}
	/* the packets are in the ring before we look, and it looks after it said that it sleeps */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&exception_asleep, memory_order_relaxed))
		exception_wake();
	return given;
}

static inline void
exception_carry(
	const _Atomic uint64_t *count, uint64_t *seen, struct counters *counters, enum counter id)
{
	uint64_t now = atomic_load_explicit(count, memory_order_relaxed);

	if (now != *seen) {
		counter_add(counters, id, now - *seen);
		*seen = now;
	}
}

/** Packets of the kernel to send, at most EXCEPTION_BURST. Thread: the queue's worker. */
static inline unsigned
exception_take(struct exception_queue *x, struct rte_mbuf **m, struct counters *counters)
{
	exception_carry(&x->counts->refused, &x->refused_seen, counters, CTR_D_EXCEPTION_REFUSED);
	exception_carry(&x->counts->tcp_refused, &x->tcp_refused_seen, counters, CTR_TCP_REFUSED);
	return rte_ring_sc_dequeue_burst(x->from_kernel, (void **)m, EXCEPTION_BURST, NULL);
}
