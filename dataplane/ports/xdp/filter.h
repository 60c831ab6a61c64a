/* SPDX-License-Identifier: GPL-3.0-or-later */
/* filter: the XDP program in front of an AF_XDP port. It gives DNS queries that are ours to the
 * port and leaves everything else to the kernel. Loaded and attached here, under the name by which
 * libxdp, inside DPDK's driver, finds a program that is there already and shares its socket map.
 * The kernel detaches it when this process ends, however it ends. Main thread. */
#pragma once
#include "config/config.h"

struct xdp_filter;

/**
 * Attach the program to an interface: in the place of the one of another dataplane whose link was
 * offered, or of our own that was kept, at one stroke; else anew.
 * @param addresses  ours on this port; none: any address, port 53
 * @return 0; -ENODEV (no such interface); -EBUSY (another XDP program is there); -EPERM; another
 *         negative errno. Logs nothing
 */
int xdp_filter_attach(struct xdp_filter **out, const char *interface,
	const struct config_address *addresses, unsigned n_addresses)
	__attribute__((warn_unused_result));
/** Detach, unless it is kept. NULL may be given. */
void xdp_filter_detach(struct xdp_filter *f);

/** Whose are the queries from now on: the kernel's, or (as at first) the port's? All filters of
 * this process, those that are attached later included; no system call. */
void xdp_filters_step(bool to_the_kernel);
/** Have they stepped aside? */
bool xdp_filters_aside(void);

/* --- an upgrade: programs stay attached while nobody has a socket --- */

#define XDP_LINKS_MAX 64u

/** From now on xdp_filter_detach() leaves the programs where they are, until xdp_filters_close().
 */
void xdp_filters_keep(void);
/** Descriptors of the links of all filters, which a successor may be given; still ours.
 * @return how many, at most XDP_LINKS_MAX */
unsigned xdp_filters_links(int fd[XDP_LINKS_MAX]);
/** Another dataplane's link. @param fd  owned from here on @return 0, or negative errno: it is none
 */
int xdp_filters_offer(int fd);
/** Close what was offered and not taken: no port of ours is on those interfaces. */
void xdp_filters_forget(void);
/** The same, and detach what was kept. */
void xdp_filters_close(void);
