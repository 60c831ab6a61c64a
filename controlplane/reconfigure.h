/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reconfigure: the configuration file as a transaction. It is read, checked and compared with what
 * runs in a thread of libuv's pool, while everything goes on; then the main loop takes it over as a
 * whole, or nothing of it. One at a time, in the order of the requests. */
#pragma once
#include "config/config.h"
#include "controlplane/manager/zone_manager.h"
#include "controlplane/policy/policy_control.h"
#include "shm/hub.h"

#include <uv.h>

#define RECONFIGURE_ERROR_OCTETS 512u

struct reconfigure;

enum reconfigure_kind {
	RECONFIGURE_DIFF,    /* only say what would change */
	RECONFIGURE_WHOLE,   /* refuse it if a key needs a restart */
	RECONFIGURE_PARTIAL, /* take over what needs none */
	RECONFIGURE_ACL, /* only the access list, of the configuration that runs: its files anew */
};

enum reconfigure_verdict {
	RECONFIGURE_DONE,     /* taken over as a whole; or, for a diff, it would be */
	RECONFIGURE_PARTLY,   /* but for the keys that wait for a restart */
	RECONFIGURE_RESTART,  /* nothing has changed: a key needs a restart */
	RECONFIGURE_BAD_FILE, /* nothing has changed: see error */
	RECONFIGURE_FAILED,   /* likewise, for a reason of ours */
	RECONFIGURE_STOPPED,  /* the control plane ends */
};

struct reconfigure_change {
	char *key, *before, *after;
	unsigned restart; /* processes that must be restarted for it, enum config_process; 0: live
			   */
};

struct reconfigure_outcome {
	enum reconfigure_verdict verdict;
	char *error; /* NULL, or what is wrong: "FILE:LINE: key 'a.b': ..." */
	struct reconfigure_change *change;
	size_t n_changes;
	unsigned restart; /* all of them together */
	uint64_t ticket;  /* of the zone manager, when something was taken over */
	uint32_t read_us; /* reading, checking and comparing */
	uint32_t apply_us;
};

struct reconfigure_options {
	const struct config *config; /* what the process was started with; held from here on */
	const char *path;            /* of the file; lives on */
	uv_loop_t *loop;
	struct arena *arena;
	struct zone_publisher *publisher;
	struct hub *hub;
	struct zone_manager *zones;
	struct policy_control *policy; /* NULL: none (tests) */
	/* Thread of libuv's pool: can this be taken over, as far as reconfigure does not know
	 * itself? NULL: nobody else is asked. @return 0, or negative errno with `error` set */
	int (*check)(const struct config *config, char error[RECONFIGURE_ERROR_OCTETS]);
	/* Main loop: something was taken over. */
	void (*applied)(
		void *arg, const struct config *config, const struct reconfigure_outcome *o);
	void *arg;
};

/** Main thread. @return 0 or negative errno */
int reconfigure_start(struct reconfigure **out, const struct reconfigure_options *options)
	__attribute__((warn_unused_result));

/**
 * No more requests; those that wait are answered RECONFIGURE_STOPPED. Main thread.
 * @return false when a file is being read right now: the process must end without waiting for it
 */
bool reconfigure_stop(struct reconfigure *r);
/** After reconfigure_stop() returned true and the loop has run once more. NULL: nothing. */
void reconfigure_destroy(struct reconfigure *r);

/**
 * Ask for it. Thread: any.
 * @param done  called once, by the main thread, or by this one when it is too late or there is no
 *              memory; the outcome is the receiver's, and NULL without memory. NULL: nobody asks,
 *              the log tells
 */
void reconfigure_request(struct reconfigure *r, enum reconfigure_kind kind,
	void (*done)(void *arg, struct reconfigure_outcome *o), void *arg);
void reconfigure_outcome_free(struct reconfigure_outcome *o);

/** The configuration that holds now; config_free() it. Thread: any. */
struct config *reconfigure_running(struct reconfigure *r);

/**
 * Publish what workers take from a configuration, if it differs from what is published. Main
 * thread.
 * @param new_secret  a cookie secret that nobody configured is to be a new one
 * @param[out] error  static text, when there is one for this failure; else NULL
 * @return 0 or negative errno
 */
int reconfigure_publish_settings(struct zone_publisher *p, struct arena *a, const struct config *c,
	bool new_secret, const char **error) __attribute__((warn_unused_result));

/** Write what other processes follow into the hub. Main thread. */
void reconfigure_publish_live(struct hub *h, const struct config *c);

/** "millrace-dataplane and millrace-stream": names of processes. */
void reconfigure_name_processes(unsigned processes, char *out, size_t len);
