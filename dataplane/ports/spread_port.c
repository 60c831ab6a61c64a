/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread_port: handing bursts on and taking them; the packet path of spread.c. */
#include "dataplane/ports/spread_port.h"

#include <string.h>

unsigned
spread_give(struct spread_member *m, struct rte_mbuf **rx, unsigned n, uint16_t port_id,
	struct counters *counters)
{
	uint64_t takers = atomic_load_explicit(&m->takers, memory_order_relaxed), after;
	unsigned taker, given;

	if (takers == 0)
		return n;
	after = m->next >= 63 ? 0 : takers & (UINT64_MAX << (m->next + 1));
	taker = (unsigned)__builtin_ctzll(after != 0 ? after : takers);
	m->next = taker;
	for (unsigned i = 0; i < n; i++)
		rx[i]->port = port_id; /* not every driver says */
	given = rte_ring_sp_enqueue_burst(m->to[taker], (void **)rx, n, NULL);
	if (given == 0)
		return n;
	counter_add(counters, CTR_SPREAD_GIVEN, given);
	sleeper_ring(m->sleeper[taker]);
	if (given < n)
		memmove(rx, rx + given, (n - given) * sizeof(struct rte_mbuf *));
	return n - given;
}

/* The next ring that has something, after the last one. */
static unsigned
refill(struct spread_port *p, unsigned max)
{
	for (unsigned k = 0; k < p->n_from; k++) {
		unsigned i = p->next + 1 + k;
		struct rte_ring *r = p->from[i < p->n_from ? i : i - p->n_from];
		unsigned n = r == NULL
				     ? 0
				     : rte_ring_sc_dequeue_burst(r, (void **)p->pending, max, NULL);
		if (n == 0)
			continue;
		p->next = i < p->n_from ? i : i - p->n_from;
		p->at = 0;
		return n;
	}
	return 0;
}

unsigned
spread_receive(struct port *port, struct answer_query *q, unsigned max)
{
	struct spread_port *p = (struct spread_port *)port;
	struct rte_mbuf **rx;
	unsigned n = 1;

	port->n_taken = port->n_passed = 0;
	if (p->n_pending == 0)
		p->n_pending = refill(p, max);
	if (p->n_pending == 0)
		return 0;
	/* one device at a time: its queue holds the burst between receive and transmit */
	rx = p->pending + p->at;
	while (n < p->n_pending && rx[n]->port == rx[0]->port)
		n++;
	p->current = p->by_device[rx[0]->port];
	/* what could not be given back waits here, and is not answered to be dropped; meanwhile its
	 * owner finds the ring full and answers by itself */
	if (p->current->back != NULL) {
		unsigned room = rte_ring_free_count(p->current->back);
		if (n > room)
			n = room;
		if (n == 0)
			return 0;
	}
	p->n_pending -= n;
	p->at += n;
	port->n_taken = n;
	/* a queue that was lent is no port of the worker's */
	p->current->port.tap = port->tap;
	if (p->current->back != NULL)
		p->current->port.tap_index = port->tap_index;
	return ethdev_queue_take(p->current, rx, n, q);
}

void
spread_transmit(struct port *port, const struct answer_query *q, unsigned n)
{
	struct spread_port *p = (struct spread_port *)port;

	ethdev_queue_transmit(&p->current->port, q, n);
}

bool
spread_may_sleep(struct port *port)
{
	struct spread_port *p = (struct spread_port *)port;

	sleeper_arm(&p->sleeper);
	if (p->n_pending != 0)
		return false;
	for (unsigned i = 0; i < p->n_from; i++)
		if (p->from[i] != NULL && !rte_ring_empty(p->from[i]))
			return false;
	return true;
}

void
spread_awake(struct port *port)
{
	sleeper_disarm(&((struct spread_port *)port)->sleeper);
}
