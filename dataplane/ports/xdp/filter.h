/* SPDX-License-Identifier: GPL-3.0-or-later */
/* filter: the XDP program in front of an AF_XDP port. It gives DNS queries that are ours to the
 * port and leaves everything else to the kernel. Loaded and attached here, under the name by which
 * libxdp, inside DPDK's driver, finds a program that is there already and shares its socket map.
 * The kernel detaches it when this process ends, however it ends. Main thread. */
#pragma once
#include "config/config.h"

struct xdp_filter;

/**
 * Attach the program to an interface.
 * @param addresses  ours on this port; none: any address, port 53
 * @return 0; -ENODEV (no such interface); -EBUSY (another XDP program is there); -EPERM; another
 *         negative errno. Logs nothing
 */
int xdp_filter_attach(struct xdp_filter **out, const char *interface,
	const struct config_address *addresses, unsigned n_addresses)
	__attribute__((warn_unused_result));
/** Detach. NULL may be given. */
void xdp_filter_detach(struct xdp_filter *f);
