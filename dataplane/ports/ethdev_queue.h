/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_queue: one queue of a DPDK device as a port; the packet path of ethdev.c. Internal to
 * dataplane/ports. */
#pragma once
#include "dataplane/ports/ethdev_wait.h"
#include "dataplane/ports/exception_queue.h"
#include "dataplane/ports/frame.h"
#include "dataplane/ports/port.h"
#include "dataplane/ports/spread.h"

#include <rte_mbuf.h>

struct ethdev_device;

struct ethdev_queue {
	struct port port;
	uint16_t port_id, queue_id;
	uint16_t mtu;                      /* octets of the largest IP packet to send */
	uint8_t parse_flags;               /* enum frame_flag that always holds: FRAME_PARTIAL_OK */
	uint8_t offloads;                  /* enum frame_offload */
	const struct frame_filter *filter; /* the device's */
	struct ethdev_device *device;
	struct exception_queue exception;
	struct ethdev_wait wait;
	struct spread_member *spread; /* its worker's; NULL: nothing is handed on */
	/* of a queue that was lent to a worker: what it finishes goes back to be sent by the owner
	 */
	struct rte_ring *back; /* NULL: this queue is its worker's own */
	struct sleeper *back_sleeper;
	bool lent_exception; /* the owner has an exception path */
	/* of the owner: the rings of those that it was lent to */
	struct rte_ring **back_from;
	unsigned n_back;
	/* the burst between receive and transmit */
	struct rte_mbuf *kept[PORT_BURST];
	struct frame_info info[PORT_BURST];
};

/** Of port_ops. */
unsigned ethdev_queue_receive(struct port *p, struct answer_query *q, unsigned max);
void ethdev_queue_transmit(struct port *p, const struct answer_query *q, unsigned n);

/** Part of receive: the queries among these frames, all of which end here or at the next transmit.
 */
unsigned ethdev_queue_take(
	struct ethdev_queue *e, struct rte_mbuf **rx, unsigned n, struct answer_query *q);
