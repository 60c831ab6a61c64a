/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_queue: one queue of a DPDK device as a port; the packet path of ethdev.c. Internal to
 * dataplane/ports. */
#pragma once
#include "dataplane/ports/exception_queue.h"
#include "dataplane/ports/frame.h"
#include "dataplane/ports/port.h"

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
	/* the burst between receive and transmit */
	struct rte_mbuf *kept[PORT_BURST];
	struct frame_info info[PORT_BURST];
};

/** The two functions of port_ops. */
unsigned ethdev_queue_receive(struct port *p, struct answer_query *q, unsigned max);
void ethdev_queue_transmit(struct port *p, const struct answer_query *q, unsigned n);
