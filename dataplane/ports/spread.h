/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread: shares the packets of a worker that has much more to do than the others. A card spreads
 * clients over its queues, not queries: one heavy client, or a device with a single queue, keeps
 * one worker busy while others sleep. Such a worker hands whole bursts on, unread, over rings
 * between two workers each; who has no queue of that device gives the finished frames back to be
 * sent. The main thread decides how much is handed on, ten times a second. docs/decisions/0024. */
#pragma once
#include "dataplane/ports/port.h"
#include "dataplane/ports/sleeper.h"

#include <rte_mbuf.h>
#include <rte_ring.h>

#define SPREAD_RING 128u      /* packets between two workers; a power of two */
#define SPREAD_TAKERS_MAX 4u  /* workers that one hands bursts to at a time */
#define SPREAD_WHOLE 256u     /* all bursts */
#define SPREAD_KERNEL 0xfffeu /* rte_mbuf.port of a frame given back for the exception path */

struct spread;
struct ethdev_queue;

/* One worker's part. */
struct spread_member {
	/* main writes, the worker reads */
	_Alignas(64) _Atomic uint32_t give; /* of SPREAD_WHOLE bursts, those handed on */
	_Atomic uint64_t takers;            /* bit i: worker i takes some */
	/* the worker's own */
	_Alignas(64) uint32_t phase;
	unsigned next;            /* taker after the last one */
	struct rte_ring **to;     /* [worker], NULL: itself */
	struct sleeper **sleeper; /* [worker] */
};

/**
 * Hand this burst on, or part of it, if it is a turn for that. Thread: the worker that received it.
 * @param rx  the burst; what is left is at its front
 * @return packets left
 */
unsigned spread_give(struct spread_member *m, struct rte_mbuf **rx, unsigned n, uint16_t port_id,
	struct counters *counters);

static inline unsigned
spread_offer(struct spread_member *m, struct rte_mbuf **rx, unsigned n, uint16_t port_id,
	struct counters *counters)
{
	uint32_t give = atomic_load_explicit(&m->give, memory_order_relaxed);

	if (__builtin_expect(give == 0, 1) || n == 0)
		return n;
	m->phase += give;
	if (m->phase < SPREAD_WHOLE)
		return n;
	m->phase -= SPREAD_WHOLE;
	return spread_give(m, rx, n, port_id, counters);
}

/**
 * Tie workers together. Thread: main, after the devices were opened, before the workers run.
 * @param queue      every queue of every device; queues of one device that are served by several
 *                   workers spread among these, others are lent
 * @param worker_of  [queue] which worker serves it
 * @param counters   [worker] its block
 * @param[out] port  [worker] the port through which it takes what others hand on; the caller closes
 *                   it before the queues
 * @return 0 or -ENOMEM, -EMFILE
 */
int spread_open(struct spread **out, struct port *const queue[], const unsigned worker_of[],
	unsigned n_queues, struct counters *const counters[], unsigned n_workers,
	struct port *port[]) __attribute__((warn_unused_result));
/** After the ports were closed, before the queues are. s may be NULL. */
void spread_close(struct spread *s);

/**
 * Decide anew how much each worker hands on. Thread: main, about ten times a second.
 * @param busy  [worker] share of the time since the last call in which it had packets, 0..1
 */
void spread_balance(struct spread *s, const double busy[]);

/** Is it a port of spread_open()'s? */
bool spread_is_port(const struct port *p);

/** Nobody hands anything on any more. Thread: main, a moment before the workers end. */
void spread_halt(struct spread *s);
