/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reconfigure_private: what the transaction's two halves share: reconfigure.c (requests, taking
 * over; main loop) and reconfigure_read.c (reading and comparing; a thread of libuv's pool). */
#pragma once
#include "controlplane/reconfigure.h"

#include <pthread.h>
#include <sys/queue.h>

#define RECONFIGURE_PROCESSES 3u

extern const struct reconfigure_process {
	enum config_process bit;
	enum hub_role role;
	const char *name;
} reconfigure_process[RECONFIGURE_PROCESSES];

struct request {
	STAILQ_ENTRY(request) link;
	enum reconfigure_kind kind;
	void (*done)(void *arg, struct reconfigure_outcome *o);
	void *arg;
};

struct reconfigure {
	struct reconfigure_options o;
	pthread_mutex_t lock; /* of the next three */
	STAILQ_HEAD(, request) requests;
	bool stopping;
	struct config *running; /* written by the main thread only */
	uv_async_t wake;

	/* what each process was started with, by reconfigure_process; main thread and, while it
	 * reads, the reader */
	struct config *started[RECONFIGURE_PROCESSES];

	/* of the request that runs; the reader's until read_ended() */
	uv_work_t work;
	struct request *current;    /* NULL: none */
	struct config *next;        /* what was read */
	struct policy_plan *policy; /* and its access list and rate limits */
	struct reconfigure_outcome *outcome;
};

/** Microseconds since a time of uv_hrtime(). */
uint32_t reconfigure_elapsed_us(uint64_t since_ns);

/** Read, check and compare for the request that runs; the outcome says what came of it. A thread of
 * the pool. */
void reconfigure_read(uv_work_t *work);
