/* SPDX-License-Identifier: GPL-3.0-or-later */
/* local: key of the map of our addresses, as the XDP program and its loader both see it. */
#pragma once
#include <linux/types.h>

#define XDP_LOCAL_MAX 512

struct xdp_local {
	__u8 address[16]; /* network order; IPv4 in the first four; all 0: any address */
	__u16 port_be;
	__u16 family; /* 4 or 6 */
};
