/* SPDX-License-Identifier: GPL-3.0-or-later */
/* capture: what a request for captured packets sets going. One capture at a time, in a thread of
 * its own: it compiles the filter (which may look up names), tells the dataplane, and turns what
 * the workers' rings bring into a pcapng file, piece by piece, until it is over or nobody reads it
 * any more. */
#pragma once
#include "shm/hub.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CAPTURE_FILTER_OCTETS 1024u /* of an expression, with its NUL */

struct captures; /* the control plane's one */
struct capture;  /* a request's */

struct capture_options {
	char filter[CAPTURE_FILTER_OCTETS]; /* "": all packets */
	uint32_t sample, snaplen;           /* within the bounds of shm/capture.h */
	bool drops_only;
	uint64_t count;          /* packets after which it is over; 0: none */
	uint64_t seconds;        /* likewise */
	int fd;                  /* the client's socket, to see it go; it is duplicated */
	void (*wake)(void *arg); /* there is something for capture_take(), or capture_begun() */
	void *arg;
};

/**
 * Make the file through which the dataplane is told. @return 0 or negative errno, logged
 */
int captures_create(struct captures **out, const char *run_dir, struct hub *hub)
	__attribute__((warn_unused_result));
/** End what runs; its reader gets what there is, and the end. Thread: any. NULL may be given. */
void captures_stop(struct captures *c);
/** After the last request is gone. NULL may be given. */
void captures_destroy(struct captures *c);

/**
 * Begin. wake() is called once it has begun or failed: ask capture_begun() then.
 * @param[out] why  on -EBUSY: who has one, and since when
 * @return 0; -EBUSY; another negative errno
 */
int capture_start(struct capture **out, struct captures *c, const struct capture_options *o,
	char *why, size_t room) __attribute__((warn_unused_result));

/**
 * How did it begin?
 * @param[out] why  what is wrong
 * @return 0; -EINVAL: the filter; -EHOSTDOWN: no dataplane takes part; another negative errno
 */
int capture_begun(struct capture *k, char *why, size_t room);

/**
 * Octets of the file, as far as there are any. Never waits.
 * @param sleep  called with the capture locked when there are none yet: wake() comes after it
 * @return octets; 0: none yet; -1: that was all; -2: the client is gone, or no memory
 */
ssize_t capture_take(struct capture *k, char *out, size_t max, void (*sleep)(void *arg));

/** The request is gone, and with it what `wake` and its argument point to. */
void capture_leave(struct capture *k);
