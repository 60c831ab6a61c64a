/* SPDX-License-Identifier: GPL-3.0-or-later */
/* spread_port: the port through which a worker takes what others hand on. Internal to spread*.c. */
#pragma once
#include "dataplane/ports/ethdev_queue.h"
#include "dataplane/ports/spread.h"

#include <rte_ethdev.h>

struct spread_port {
	struct port port;
	unsigned n_from, next;
	struct rte_ring **from;                           /* [worker], NULL: itself */
	struct ethdev_queue *by_device[RTE_MAX_ETHPORTS]; /* its own, or lent; NULL: none */
	struct ethdev_queue *current;                     /* of the burst in hand */
	struct sleeper sleeper;
	unsigned n_pending, at; /* taken from a ring, of another device than the burst before */
	struct rte_mbuf *pending[PORT_BURST];
};

/* Of port_ops. */
unsigned spread_receive(struct port *port, struct answer_query *q, unsigned max);
void spread_transmit(struct port *port, const struct answer_query *q, unsigned n);
bool spread_may_sleep(struct port *port);
void spread_awake(struct port *port);
