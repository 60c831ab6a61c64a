/* SPDX-License-Identifier: GPL-3.0-or-later */
/* worker: one thread that answers what its ports bring. Made and ended by the main thread; while it
 * runs, it alone touches its ports, its engine and its counters. */
#pragma once
#include "dataplane/answer/answer.h"
#include "dataplane/policy/policy.h"
#include "dataplane/ports/port.h"
#include "dataplane/sampler.h"
#include "shm/hub.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct worker {
	/* set by main before the thread runs */
	unsigned index;
	struct hub *hub;
	struct hub_worker *shared; /* this worker's part of the hub */
	struct port **port;        /* owned array of owned ports */
	unsigned n_ports;
	unsigned n_taps; /* numbers that its ports had in captures; none is used again */
	struct policy_context *policy; /* owned */
	int cpu;                       /* pinned to, or -1 */
	int bell;     /* ends its sleep: the stream process's and main's doorbell */
	bool devices; /* a port is a device's queue: it is asked for some time before it sleeps */
	bool polled;  /* a port has no wait_fd: it never sleeps long */
	uint32_t nap_ns;      /* the shortest of its polled ports */
	uint64_t spin_cycles; /* with devices: how long it asks in vain before it sleeps */
	bool registered;      /* EAL is up: the thread gets an lcore id (mempool caches) */
	pthread_t thread;

	/* main writes, the worker reads */
	_Alignas(64) _Atomic(struct answer_context *)
		wanted;         /* engine to use from the next burst on */
	_Atomic uint32_t now_s; /* Unix time */
	_Atomic bool stop;
	_Atomic(struct capture_tap *) tap_wanted; /* shows it what passes; NULL: nobody captures */
	/* the worker writes, main reads */
	_Alignas(64) _Atomic(struct answer_context *)
		using_now; /* the one before is not touched any more */

	_Atomic(struct capture_tap *) tap_now;

	/* the worker's own */
	_Alignas(64) uint64_t tick_scale; /* from rdtsc to policy.h's ticks */
	unsigned n_idle;                  /* rounds without a packet in a row */
	unsigned n_naps_short;            /* that are left before long ones */
	uint64_t idle_since;              /* TSC, at the first of them */
	struct sampler sampler;
	struct answer_query query[ANSWER_BURST];
};

/** Start the thread; again after worker_join(), perhaps with other ports. @return 0 or negative
 * errno; logs nothing */
int worker_start(struct worker *w) __attribute__((warn_unused_result));
/** Before it is started: throw away what its devices have received until now; another dataplane
 * answered it. */
void worker_discard(struct worker *w);
/** Ask it to end; returns at once. */
void worker_stop(struct worker *w);
/** Wait for its end. It holds nothing of the arena then. */
void worker_join(struct worker *w);
