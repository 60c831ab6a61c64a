/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_device: a DPDK device that is being opened, or is open; what ethdev.c and ethdev_start.c
 * share. Main thread. */
#pragma once
#include "dataplane/ports/ethdev.h"
#include "dataplane/ports/ethdev_driver.h"
#include "dataplane/ports/exception.h"
#include "dataplane/ports/frame.h"

#include <rte_ethdev.h>

struct ethdev_device {
	char name[RTE_ETH_NAME_MAX_LEN];
	uint16_t port_id;
	unsigned n_open; /* queues not closed yet */
	bool started, link_known, link_up;
	bool steps_aside; /* driver_steps_aside() */
	uint32_t mbps;    /* of the link; 0: not known */
	uint64_t n_link_changes;
	bool explained;                /* an error line was written */
	uint16_t n_rx;                 /* descriptors of a receive queue */
	uint16_t mtu;                  /* octets of the largest IP packet */
	int socket[ETHDEV_QUEUES_MAX]; /* under each queue, where there is one; -1: ask the driver
					*/
	uint64_t cookie[ETHDEV_QUEUES_MAX]; /* of each socket */
	struct rte_mempool *pool;
	struct exception *exception; /* or NULL */
	struct driver_state *driver;
	struct frame_filter filter;
	struct ethdev_device *next;
};

/** What to configure a device with: RSS, checksums, interrupts, as far as it can. */
struct rte_eth_conf ethdev_make_conf(const struct rte_eth_dev_info *info, unsigned n_queues);

/**
 * From a probed device to one whose queues run: pool, MTU, queues, interrupts.
 * @param[in,out] conf  what cannot be had is taken out
 * @param n             queues
 * @return 0 or negative errno; d->explained says that an error line was written
 */
int ethdev_start(struct ethdev_device *d, const struct config_port *c,
	const struct rte_eth_dev_info *info, struct rte_eth_conf *conf, unsigned n)
	__attribute__((warn_unused_result));
