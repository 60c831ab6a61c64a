/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backends: the control plane's side of backends/backend.h: the instances that are configured, each
 * with a thread of its own, so that one that hangs stops nobody. Instance 0 is the built-in store,
 * opened through the same ABI. Thread of all functions: any, unless said otherwise. */
#pragma once
#include "backends/backend.h"
#include "config/config.h"

#include <sys/queue.h>

struct backends;

struct backends_options {
	const struct config *config;
	const char *store_path; /* of instance 0; NULL: there is none */
	/* Instance's thread: this zone of it changed by others' doing; apex NULL: look at all. */
	void (*changed)(void *arg, unsigned index, const uint8_t *apex);
	void *arg;
};

/** Load and open what is configured. An instance that does not open is tried again, each few
 * seconds; only a backend that cannot be loaded at all is an error. */
int backends_start(struct backends **out, const struct backends_options *o,
	char error[BACKEND_ERROR_OCTETS]) __attribute__((warn_unused_result));
/** @return false: one hangs; the process must end without waiting for it */
bool backends_stop(struct backends *b, unsigned patience_ms);

/* Work for one instance. */
struct backend_job {
	/* Instance's thread, once. instance NULL: it is not open, or is being stopped; api->health
	 * tells nothing then, backends_state() does. */
	void (*run)(struct backend_job *j, const struct backend_api *api, void *instance);
	STAILQ_ENTRY(backend_job) link;
};
/** @return 0: run() will be called. -EBUSY: 1024 jobs wait already. -ENOENT: no such instance */
int backends_submit(struct backends *b, unsigned index, struct backend_job *j)
	__attribute__((warn_unused_result));

struct backends_state {
	const char *name; /* of the instance */
	const struct backend_api *api;
	bool open;
	uint32_t queued;
	int64_t running_ms; /* how long the call that runs has run; 0: none */
	uint64_t calls_total, failures_total;
	char error[BACKEND_ERROR_OCTETS]; /* of the last failure to open, or of health(); "" */
};
unsigned backends_count(const struct backends *b);
int backends_state(struct backends *b, unsigned index, struct backends_state *out);
/** Instance of this name; -ENOENT. */
int backends_find(const struct backends *b, const char *name);
