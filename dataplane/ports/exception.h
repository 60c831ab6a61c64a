/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exception: the way of packets that are not ours to the kernel and back. A port's twin is a tap
 * interface with the port's MAC address. One thread of the process reads and writes all twins;
 * workers hand packets to it, and take the kernel's from it, over bounded rings, so that they make
 * no system call (but one to wake it) and a flood costs them a ring that is full.
 * docs/decisions/0015. */
#pragma once
#include "config/config.h"
#include "dataplane/ports/exception_queue.h"
#include "dataplane/ports/frame.h"
#include "dataplane/ports/sleeper.h"

#include <stdbool.h>
#include <stdint.h>

struct exception;

struct exception_options {
	const struct config_port *port;
	uint16_t port_id;         /* DPDK's, for the MAC address */
	uint16_t mtu;             /* of the port, and so of the twin */
	unsigned n_queues;        /* of the port */
	struct rte_mempool *pool; /* of the port; the kernel's packets are put in its buffers */
	bool partial;             /* the port's packets may lack their checksums */
	const struct frame_filter
		*filter; /* where DNS is answered; valid until exception_close() */
};

/**
 * Does this port get a twin? For the packets of AF_XDP and AF_PACKET ports the kernel needs none.
 * @param driver  DPDK's name of it
 */
bool exception_wanted(const struct config_port *c, const char *driver);
/** Buffers that can be under way between workers and twin, for the size of the pool. */
unsigned exception_buffers(unsigned n_queues);

/**
 * Make the twin, or take one that is there from an earlier run, and bring it up. Thread: main, with
 * CAP_NET_ADMIN (without it a tap interface that was made for us will do), before
 * exception_start().
 * @param[out] out    end with exception_close(); NULL when there is none
 * @return 0, also without a twin where it was not asked for (after a warning); or negative errno
 *         after an error line
 */
int exception_open(struct exception **out, const struct exception_options *o)
	__attribute__((warn_unused_result));
/** What queue number q of the port works with; x may be NULL. Valid until exception_close(). */
void exception_connect(struct exception *x, unsigned q, struct exception_queue *out);
/** Whom the thread wakes when the kernel has something for queue q; x may be NULL. */
void exception_wakes(struct exception *x, unsigned q, struct sleeper *s);
/** Give the twin the carrier that the port has. Thread: main. x may be NULL. */
void exception_set_link(struct exception *x, bool up);
/** After exception_stop(), before the pool goes. The interface stays. x may be NULL. */
void exception_close(struct exception *x);
/** Name of the twin interface; NULL when x is. */
const char *exception_interface(const struct exception *x);

/**
 * Start the thread, if there is a twin. After the drop of privileges, before the workers run.
 * @return 0 or negative errno; logs nothing
 */
int exception_start(void) __attribute__((warn_unused_result));
/** End it; the workers have ended. */
void exception_stop(void);
