/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread: the rings between workers, the ports through which they take from them, and queues that
 * are lent to workers which have none of a device. */
#include "dataplane/ports/spread_port.h"

#include "dataplane/ports/spread_balance.h"

#include <errno.h>
#include <rte_ethdev.h>
#include <stdlib.h>
#include <string.h>

struct spread {
	unsigned n_workers;
	struct spread_member *member; /* [worker] */
	struct spread_port **port;    /* [worker]; closed by who has them */
	struct rte_ring **ring;       /* all rings, to be freed */
	unsigned n_rings, n_lent;
	struct ethdev_queue **lent; /* all that were lent, to be freed */
	struct spread_share share[64];
};

static void
spread_port_close(struct port *port)
{
	struct spread_port *p = (struct spread_port *)port;

	sleeper_close(&p->sleeper);
	free(p->from);
	free(p);
}

static const struct port_ops spread_ops = {
	.receive = spread_receive,
	.transmit = spread_transmit,
	.may_sleep = spread_may_sleep,
	.awake = spread_awake,
	.close = spread_port_close,
};

/* Rings lie in ordinary memory: there may be more of them than EAL has names for zones. */
static struct rte_ring *
make_ring(struct spread *s)
{
	ssize_t octets = rte_ring_get_memsize(SPREAD_RING);
	struct rte_ring *r = octets > 0 ? aligned_alloc(64, ((size_t)octets + 63) & ~63ul) : NULL;

	if (r == NULL ||
		rte_ring_init(r, "spread", SPREAD_RING, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0) {
		free(r);
		return NULL;
	}
	s->ring[s->n_rings++] = r;
	return r;
}

static int
make_member(struct spread *s, unsigned w, struct counters *counters)
{
	struct spread_port *p = calloc(1, sizeof *p);

	if (p == NULL)
		return -ENOMEM;
	s->port[w] = p;
	p->port = (struct port){
		.ops = &spread_ops, .counters = counters, .name = "from other workers"};
	p->sleeper.bell = -1;
	p->n_from = s->n_workers;
	p->from = calloc(s->n_workers, sizeof *p->from);
	s->member[w].to = calloc(s->n_workers, sizeof *s->member[w].to);
	s->member[w].sleeper = calloc(s->n_workers, sizeof *s->member[w].sleeper);
	if (p->from == NULL || s->member[w].to == NULL || s->member[w].sleeper == NULL)
		return -ENOMEM;
	if (sleeper_open(&p->sleeper) != 0)
		return -EMFILE;
	p->port.wait_fd = p->sleeper.bell;
	return 0;
}

static int
tie_workers(struct spread *s)
{
	for (unsigned i = 0; i < s->n_workers; i++) {
		for (unsigned k = 0; k < s->n_workers; k++) {
			struct rte_ring *r;
			if (i == k)
				continue;
			r = make_ring(s);
			if (r == NULL)
				return -ENOMEM;
			s->member[i].to[k] = s->port[k]->from[i] = r;
			s->member[i].sleeper[k] = &s->port[k]->sleeper;
		}
	}
	return 0;
}

/* A queue of another worker for this one: what it finishes is sent by that one. */
static int
lend(struct spread *s, struct ethdev_queue *owner, struct counters *counters,
	struct ethdev_queue **out)
{
	struct ethdev_queue *e = aligned_alloc(64, (sizeof *e + 63) & ~(size_t)63);
	struct rte_ring *r = make_ring(s), **grown;

	if (e != NULL)
		s->lent[s->n_lent++] = e;
	if (e == NULL || r == NULL)
		return -ENOMEM;
	grown = realloc(owner->back_from, (owner->n_back + 1) * sizeof(struct rte_ring *));
	if (grown == NULL)
		return -ENOMEM;
	owner->back_from = grown;
	owner->back_from[owner->n_back++] = r;
	memset(e, 0, sizeof *e);
	e->port.counters = counters;
	e->port_id = owner->port_id;
	e->queue_id = owner->queue_id;
	e->mtu = owner->mtu;
	e->parse_flags = owner->parse_flags;
	e->offloads = owner->offloads;
	e->filter = owner->filter;
	e->back = r;
	e->back_sleeper = &owner->wait.sleeper;
	e->lent_exception = owner->exception.to_kernel != NULL;
	*out = e;
	return 0;
}

/* The queue of device `port_id` for worker w: its own; else one of the others', by turns. */
static int
choose_queue(struct spread *s, unsigned w, uint16_t port_id, struct port *const queue[],
	const unsigned worker_of[], unsigned n_queues, struct counters *counters)
{
	struct ethdev_queue *candidate[64];
	unsigned n = 0;

	for (unsigned q = 0; q < n_queues; q++) {
		struct ethdev_queue *e = (struct ethdev_queue *)queue[q];
		if (e->port_id != port_id)
			continue;
		if (worker_of[q] == w) {
			s->port[w]->by_device[port_id] = e;
			return 0;
		}
		if (n < 64)
			candidate[n++] = e;
	}
	return n == 0 ? 0 : lend(s, candidate[w % n], counters, &s->port[w]->by_device[port_id]);
}

static int
tie_queues(struct spread *s, struct port *const queue[], const unsigned worker_of[],
	unsigned n_queues, struct counters *const counters[])
{
	for (unsigned w = 0; w < s->n_workers; w++) {
		for (unsigned q = 0; q < n_queues; q++) {
			uint16_t port_id = ((struct ethdev_queue *)queue[q])->port_id;
			int err;
			if (s->port[w]->by_device[port_id] != NULL)
				continue;
			err = choose_queue(s, w, port_id, queue, worker_of, n_queues, counters[w]);
			if (err != 0)
				return err;
		}
	}
	for (unsigned q = 0; q < n_queues; q++)
		((struct ethdev_queue *)queue[q])->spread = &s->member[worker_of[q]];
	return 0;
}

static struct spread *
make_spread(unsigned n_workers, unsigned n_queues)
{
	struct spread *s = calloc(1, sizeof *s);
	size_t rings = (size_t)n_workers * (n_workers + n_queues);

	if (s == NULL)
		return NULL;
	s->n_workers = n_workers;
	s->port = calloc(n_workers, sizeof(struct spread_port *));
	s->ring = calloc(rings, sizeof(struct rte_ring *));
	s->lent = calloc((size_t)n_workers * n_queues, sizeof(struct ethdev_queue *));
	s->member = aligned_alloc(64, n_workers * sizeof *s->member);
	if (s->member != NULL)
		memset(s->member, 0, n_workers * sizeof *s->member);
	if (s->port != NULL && s->ring != NULL && s->lent != NULL && s->member != NULL)
		return s;
	free(s->port);
	free(s->ring);
	free(s->lent);
	free(s->member);
	free(s);
	return NULL;
}

int
spread_open(struct spread **out, struct port *const queue[], const unsigned worker_of[],
	unsigned n_queues, struct counters *const counters[], unsigned n_workers,
	struct port *port[])
{
	struct spread *s = make_spread(n_workers, n_queues);
	int err = s == NULL ? -ENOMEM : 0;

	for (unsigned w = 0; w < n_workers && err == 0; w++)
		err = make_member(s, w, counters[w]);
	if (err == 0)
		err = tie_workers(s);
	if (err == 0)
		err = tie_queues(s, queue, worker_of, n_queues, counters);
	if (err != 0) {
		for (unsigned w = 0; s != NULL && w < n_workers; w++)
			if (s->port[w] != NULL)
				spread_port_close(&s->port[w]->port);
		spread_close(s);
		return err;
	}
	for (unsigned w = 0; w < n_workers; w++)
		port[w] = &s->port[w]->port;
	*out = s;
	return 0;
}

void
spread_close(struct spread *s)
{
	if (s == NULL)
		return;
	/* packets that are still in a ring go with their pool */
	for (unsigned i = 0; i < s->n_rings; i++)
		free(s->ring[i]);
	for (unsigned i = 0; i < s->n_lent; i++)
		free(s->lent[i]);
	for (unsigned w = 0; w < s->n_workers; w++) {
		free(s->member[w].to);
		free(s->member[w].sleeper);
	}
	free(s->member);
	free(s->port);
	free(s->ring);
	free(s->lent);
	free(s);
}

void
spread_balance(struct spread *s, const double busy[])
{
	spread_decide(busy, s->n_workers, s->share);
	for (unsigned i = 0; i < s->n_workers; i++) {
		atomic_store_explicit(
			&s->member[i].takers, s->share[i].takers, memory_order_relaxed);
		atomic_store_explicit(&s->member[i].give, s->share[i].give, memory_order_relaxed);
	}
}

void
spread_halt(struct spread *s)
{
	for (unsigned i = 0; i < s->n_workers; i++)
		atomic_store_explicit(&s->member[i].give, 0, memory_order_relaxed);
}

bool
spread_is_port(const struct port *p)
{
	return p->ops == &spread_ops;
}
