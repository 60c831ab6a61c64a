/* SPDX-License-Identifier: GPL-3.0-or-later */
/* instance: one instance of a backend and its thread, which opens it, runs the jobs in order, asks
 * every second what others changed, and every ten whether all is well. Private to
 * controlplane/backends. */
#pragma once
#include "controlplane/backends/backend_options.h"
#include "controlplane/backends/backends.h"

#include <pthread.h>

struct instance {
	/* set before the thread starts, then constant */
	struct backends *owner;
	unsigned index;
	const char *name;
	const struct backend_api *api;
	struct backend_options options;
	struct backend_host host;
	struct zone_files *zone_files; /* NULL: none of its business */
	void (*changed)(void *arg, unsigned index, const uint8_t *apex);
	void *arg;
	pthread_t thread;
	/* the thread's own */
	void *backend; /* what open() gave */
	int64_t open_at_ms, poll_at_ms, health_at_ms;
	unsigned backoff_ms;
	/* under the lock, which is never held during a call */
	pthread_mutex_t lock;
	pthread_cond_t work, ended_told;
	STAILQ_HEAD(, backend_job) jobs;
	struct backends_state state; /* running_ms: not here */
	int64_t running_since_ms;    /* 0: no call runs */
	bool stopping, ended;
};

int64_t instance_clock_ms(void);

/** The constant part is filled in. @return 0 or negative errno of making the thread */
int instance_start(struct instance *i) __attribute__((warn_unused_result));
/** End behind the call that runs. */
void instance_tell_stop(struct instance *i);
/** @return false: it has not ended by then (instance_clock_ms()); then jobs that waited have been
 * run without it */
bool instance_wait(struct instance *i, int64_t until_ms);
/** After it has ended. */
void instance_destroy(struct instance *i);
