/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_driver: what is special about single DPDK drivers: arguments that we fill in, their hunger
 * for buffers, and what to tell an operator when one does not open. Main thread. */
#pragma once
#include "config/config.h"

#include <rte_ethdev.h>
#include <stdbool.h>

struct driver_state; /* what must live as long as the device, such as an XDP program */

struct driver_device {
	char *arguments;                 /* for rte_dev_probe(); the caller frees it */
	char name[RTE_ETH_NAME_MAX_LEN]; /* of the DPDK port */
	unsigned queues;                 /* to use */
	struct driver_state *state;      /* the caller ends it with driver_release(); or NULL */
};

/**
 * The DPDK devices that stand for a configured port: itself with arguments filled in, or, where a
 * driver cannot have several queues, one for each queue.
 * @param n_workers  queues, when neither configuration nor device say otherwise
 * @param[out] list  room for `room` entries
 * @param[out] n     entries filled, also after an error
 * @return 0 or negative errno, after an error line
 */
int driver_prepare(const struct config_port *c, unsigned n_workers, struct driver_device *list,
	unsigned room, unsigned *n) __attribute__((warn_unused_result));

/** Before the device is closed. NULL may be given. */
void driver_release(struct driver_state *s);

/** A device without hardware behind it: packets may come with checksums left to "hardware", and
 * checksum offloads would be software of its own. */
bool driver_is_software(const struct rte_eth_dev_info *info);
/** Receive interrupts are worth asking for: network cards, and taps, whose descriptor comes with
 * them. */
bool driver_may_interrupt(const struct rte_eth_dev_info *info);
/** It drops packets with a VLAN tag that was not named to it; driver_accept_tags() mends that. */
bool driver_filters_tags(const char *driver);
/** Name all VLANs to a started device of that kind; it must have been configured with
 * RTE_ETH_RX_OFFLOAD_VLAN_FILTER. A warning line when it refuses. */
void driver_accept_tags(uint16_t port_id, const char *name);
/** Its sockets can fail once, right after another program has left the interface. */
bool driver_start_may_fail(const char *driver);
/** Can our queries be left to the kernel while nobody has this port? AF_XDP behind our own filter.
 */
bool driver_steps_aside(const struct config_port *c);
/** Packet buffers that it holds for each queue beyond the descriptors. device: its arguments. */
unsigned driver_queue_buffers(const char *driver, const char *device);
/** How long an idle receive queue of n_rx descriptors may be left alone. */
uint32_t driver_nap_ns(const char *driver, unsigned n_rx);
/** What would be right, for an error line about this device. */
const char *driver_advice(const char *device);
