/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backends: the control plane's side of backends/backend.h: the instances that are configured, each
 * with a thread of its own, so that one that hangs stops nobody. Instance 0 is the built-in store,
 * opened through the same ABI. Thread of all functions: any, unless said otherwise. */
#pragma once
#include "backends/backend.h"
#include "config/config.h"

#include <sys/queue.h>

struct backends;

#define BACKENDS_ZONE_FILES "zone-files" /* the instance of the configuration's zone files */
#define BACKENDS_QUEUE_MAX 1024u         /* jobs that wait for one instance */
#define BACKENDS_ASKED_MAX 8u /* that clients of the API wait for, of one that is stuck */

struct backends_options {
	const struct config *config; /* held; a later one of its zones: backends_reconfigure() */
	const char *config_path;     /* for messages: which line; NULL: not known */
	const char *store_path;      /* of instance 0; NULL: there is none */
	/* Instance's thread: this zone of it changed by others' doing; apex NULL: look at all, also
	 * when it was opened. */
	void (*changed)(void *arg, unsigned index, const uint8_t *apex);
	void *arg;
};

/**
 * Load the shared objects that the configuration needs, and check the options against what they
 * say, while the folder that they lie in can still be read: before the drop of privileges. Main
 * thread. backends_start() does it too, as far as it was not done before.
 * @param[out] error  "FILE:LINE: key 'backends[0].options[1]': what is wrong; what would be right"
 * @return 0, -EINVAL, -ENOENT, -ELIBACC (it is no backend, or one for another version), -ENOMEM
 */
int backends_preload(const struct config *config, const char *config_path,
	char error[BACKEND_ERROR_OCTETS]) __attribute__((warn_unused_result));

/** Load and open what is configured. An instance that does not open is tried again, each few
 * seconds; only a backend that cannot be loaded at all, or options that are wrong, are an error.
 * The configuration's zone files are the instance `zone-files`, the last one. */
int backends_start(struct backends **out, const struct backends_options *o,
	char error[BACKEND_ERROR_OCTETS]) __attribute__((warn_unused_result));
/** The zone files of this configuration from now on; the rest of it is not looked at. */
void backends_reconfigure(struct backends *b, const struct config *config);
/** Jobs that wait are run without an instance. NULL: nothing.
 * @return false: one hangs; the process must end without waiting for it, and without using what
 * its jobs use */
bool backends_stop(struct backends *b, unsigned patience_ms);

/* Work for one instance. */
struct backend_job {
	/* Instance's thread, once. instance NULL: it is not open, or is being stopped (then perhaps
	 * the thread of backends_stop()); backends_state() tells why. It may free the job.
	 * @return what came of the call, to be counted; 0 or negative errno */
	int (*run)(struct backend_job *j, const struct backend_api *api, void *instance);
	STAILQ_ENTRY(backend_job) link;
};
/** @return 0: run() will be called. -EBUSY: BACKENDS_QUEUE_MAX jobs wait already. -ECANCELED: it is
 * being stopped. -ENOENT: no such instance */
int backends_submit(struct backends *b, unsigned index, struct backend_job *j)
	__attribute__((warn_unused_result));
/** The same for what somebody waits for: also -EBUSY when the instance has been in one call for a
 * second, and BACKENDS_ASKED_MAX jobs wait already. Each of them holds a connection of the API,
 * which a database that hangs would otherwise take from everybody. */
int backends_submit_asked(struct backends *b, unsigned index, struct backend_job *j)
	__attribute__((warn_unused_result));

struct backends_state {
	const char *name; /* of the instance; as long as the backends */
	const struct backend_api *api;
	bool open;
	uint32_t queued;
	int64_t running_ms;                   /* how long the call that runs has run; 0: none */
	uint64_t calls_total, failures_total; /* jobs, and those whose result was not 0 */
	uint64_t opens_total;                 /* attempts */
	char error[BACKEND_ERROR_OCTETS];     /* of the last failure to open, or of health(); "" */
};
/** How many instances; their indices begin with 0. Thread: any */
unsigned backends_count(const struct backends *b);
/** Thread: any. @return 0 or -ENOENT */
int backends_state(struct backends *b, unsigned index, struct backends_state *out);
/** Instance of this name; -ENOENT. */
int backends_find(const struct backends *b, const char *name);
