/* SPDX-License-Identifier: GPL-3.0-or-later */
/* takeover: a new dataplane takes over from the one that runs. The old one hands it the very
 * sockets that it answers on, so what is queued in them is neither lost nor answered twice; then it
 * leaves when it is told that the new one needs nothing more than the next instant. Over a
 * SOCK_SEQPACKET socket in the run directory that only the same user, or root, may use. Main
 * threads. */
#pragma once
#include "config/config.h"

#include <sys/types.h>

struct setup;

/* --- the one that runs --- */

struct takeover {
	int listen_fd, peer; /* -1: none */
	char path[108];
};

/** Wait for successors. @return 0 or negative errno: then none can take over, all else works */
int takeover_listen(struct takeover *t, const struct config *c) __attribute__((warn_unused_result));
/** Is one there? Then takeover_poll() is called every millisecond. */
bool takeover_is_wanted(const struct takeover *t);
/** See what a successor wants, and hand it the sockets of the setup. Never waits long.
 * @return true when it is to be left to: stop the workers, then takeover_left() */
bool takeover_poll(struct takeover *t, const struct setup *s);
/** Tell the successor that it is its turn. */
void takeover_left(struct takeover *t);
/** @param handed_over  the socket's name is the successor's now */
void takeover_close(struct takeover *t, bool handed_over);

/* --- the one that comes --- */

#define HERITAGE_SOCKETS_MAX 1024u

struct heritage {
	int peer;
	unsigned n;
	int fd[HERITAGE_SOCKETS_MAX]; /* owned; -1: a port has taken it */
};

/**
 * Ask the dataplane that runs for its sockets.
 * @param predecessor  its pid, by the hub; another process is not asked
 * @param[out] out  released with heritage_close()
 * @return 0; -ECONNREFUSED (nobody answers); -EPERM (somebody else
 * listens there); another negative errno. After an error line
 */
int heritage_open(struct heritage *out, const struct config *c, pid_t predecessor)
	__attribute__((warn_unused_result));
/** Have the old one leave, and wait until it has. @return 0 or negative errno, after an error line
 */
int heritage_enter(struct heritage *h) __attribute__((warn_unused_result));
/** Sockets that nobody took (their address is not configured any more) are closed. */
void heritage_close(struct heritage *h);
