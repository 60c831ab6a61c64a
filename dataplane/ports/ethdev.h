/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev: any DPDK Ethernet device as ports, one for each of its queues: PCI NICs, net_af_xdp,
 * net_af_packet, net_memif, net_tap, virtio. Checksums are the device's work where it offers that.
 */
#pragma once
#include "config/config.h"
#include "dataplane/ports/port.h"

#define ETHDEV_QUEUES_MAX 64u

/**
 * Open a device, configure and start its queues. Thread: main, after eal_start().
 * @param n_workers   queues when the configuration says 0; never more than the device has
 * @param[out] queue  room for ETHDEV_QUEUES_MAX; the caller sets each one's counters and closes it
 * @param[out] n      queues opened
 * @return 0 or negative errno, after an error line that names the device, the reason and what helps
 */
int ethdev_port_open(const struct config_port *c, unsigned n_workers, struct port **queue,
	unsigned *n) __attribute__((warn_unused_result));

/** May two processes have this device at once? Each then gets every packet. */
bool ethdev_may_share(const char *device);

/**
 * May a successor have this device once we have closed it, while sockets of the kernel's answer?
 * AF_XDP behind our own filter.
 */
bool ethdev_may_step_aside(const struct config_port *c);
/** The same of an open port; false for those that are no queues of a device. */
bool ethdev_port_steps_aside(const struct port *p);
/** Is another process giving the devices back that are opened from now on? Then that is waited for.
 */
void ethdev_expect_busy(bool busy);
/** This queue hands nothing on to other workers any more, and takes nothing back. No worker runs;
 * before spread_close(). */
void ethdev_port_untie(struct port *p);

/** Log links that went up or down since the last call. Thread: main, once a second. */
void ethdev_watch_links(void);
