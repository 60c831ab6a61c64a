/* SPDX-License-Identifier: GPL-3.0-or-later */
/* port: where queries come from and responses go to. One struct port belongs to one worker: a queue
 * of a DPDK device, a kernel socket, or the stream process's pair of rings. The worker alternates
 * receive and transmit; what a burst holds lies in the port's own buffers in between. */
#pragma once
#include "dataplane/answer/answer.h"
#include "shm/counters.h"
#include "shm/port_counters.h"

#include <stdbool.h>

#define PORT_BURST ANSWER_BURST

struct port;
struct capture_tap;

/* What a port's driver counts, added up over its queues and devices. */
struct port_figures {
	uint64_t counter[PCTR_N];
	unsigned n_devices, n_up;
	uint32_t mbps; /* of all devices; 0: not known */
};

struct port_ops {
	/* Take packets; count and free what is no query. Never blocks.
	 * Sets p->n_taken (and p->n_passed). Returns the number of queries in q, 0..max. */
	unsigned (*receive)(struct port *p, struct answer_query *q, unsigned max);
	/* End every packet of the last receive: send those with out_len != 0, in the same order. */
	void (*transmit)(struct port *p, const struct answer_query *q, unsigned n);
	/* About to sleep: false when something arrived meanwhile. NULL: wait_fd says all. */
	bool (*may_sleep)(struct port *p);
	/* Called after each may_sleep(), whatever it returned. NULL when may_sleep is. */
	void (*awake)(struct port *p);
	/* Send what a stalled port keeps, as far as its peer has made room. Returns whether nothing
	 * is left. Thread: main, after the worker has ended. NULL: a port that never stalls. */
	bool (*flush)(struct port *p);
	/* Add what the driver or the kernel counts for this queue. Thread: main, while the worker
	 * runs. NULL: nothing. */
	void (*figures)(struct port *p, struct port_figures *sum);
	/* Release everything. Thread: control, after the worker has ended. */
	void (*close)(struct port *p);
};

struct port {
	const struct port_ops *ops;
	struct counters *counters; /* its worker's block */
	struct port_traffic
		*traffic;  /* its worker's block for this port; never NULL once it runs */
	unsigned index;    /* in the hub's table of ports */
	int wait_fd;       /* readable when there may be something to receive; -1: poll */
	bool costly;       /* a receive that finds nothing is a system call */
	bool device;       /* a queue of a DPDK device: asked again at once, and often */
	bool stand_in;     /* a socket for a device that is closed: goes when that is open again */
	bool stalled;      /* responses wait until the peer takes others; receives nothing now */
	uint32_t nap_ns;   /* wait_fd -1: how long it may be left alone when idle */
	unsigned n_taken;  /* packets of the last receive, those not kept included */
	unsigned n_passed; /* packets of the kernel that it sent on its way */
	struct capture_tap *tap; /* its worker's, while packets are captured; else NULL */
	uint16_t tap_index;      /* among all ports that its worker ever had */
	char name[64];           /* for people: device and queue, or address */
};
