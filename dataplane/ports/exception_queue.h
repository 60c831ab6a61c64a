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

struct exception_queue {
	struct rte_ring *to_kernel; /* NULL: there is no twin */
	struct rte_ring
		*from_kernel; /* on the one queue that sends the kernel's packets; else NULL */
	const _Atomic uint64_t *refused; /* beside from_kernel: packets that the thread gave up */
	uint64_t refused_seen;
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

/** Packets of the kernel to send, at most EXCEPTION_BURST. Thread: the queue's worker. */
static inline unsigned
exception_take(struct exception_queue *x, struct rte_mbuf **m, struct counters *counters)
{
	uint64_t refused = atomic_load_explicit(x->refused, memory_order_relaxed);

	if (refused != x->refused_seen) {
		counter_add(counters, CTR_D_EXCEPTION_REFUSED, refused - x->refused_seen);
		x->refused_seen = refused;
	}
	return rte_ring_sc_dequeue_burst(x->from_kernel, (void **)m, EXCEPTION_BURST, NULL);
}
