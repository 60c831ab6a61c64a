/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exception_private: what the files of the exception path share. */
#pragma once
#include "dataplane/ports/exception.h"

#include <net/if.h>

#define EXCEPTION_RING 512u /* packets that a ring holds; a power of two */

/* The port's twin. Main makes and ends it; in between the thread has it, but for the carrier. */
struct exception {
	char name[IF_NAMESIZE];
	int fd; /* of /dev/net/tun */
	bool partial;
	uint32_t frame_max; /* octets of a frame that fits the port */
	struct rte_mempool *pool;
	const struct frame_filter *filter;
	unsigned n_queues;
	struct rte_ring *
		*to_kernel; /* one for each queue: one worker puts in, the thread takes out */
	struct rte_ring *from_kernel;
	struct sleeper *owner; /* of the queue that sends what is in it */
	struct exception *next;
	/* the thread's */
	_Alignas(64) struct exception_counts counts;
	_Alignas(64) struct rte_mbuf *spare; /* for the next packet of the kernel */
	bool lost;                           /* the interface is gone for good */
	bool stalled;                        /* no buffer, or the worker is behind */
	bool refusing;                       /* said that the kernel takes nothing */
};

/* All of them; does not change while the thread runs. */
extern struct exception *exception_list;

/**
 * Attach to the tap interface of that name, which is made if it is not there; MAC address, MTU, up.
 * @return descriptor, nonblocking; or negative errno after an error line, or a warning if !required
 */
int exception_twin_open(
	const char *name, const uint8_t mac[6], uint16_t mtu, bool required, const char *device);
/** Name of the twin of a device: "mrp1s0f0" for a PCI one, "mrmemif0" for net_memif0. */
int exception_twin_name(const char *device, char name[IF_NAMESIZE]);
void exception_twin_set_carrier(int fd, bool up);
