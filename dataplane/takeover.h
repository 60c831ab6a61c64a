/* SPDX-License-Identifier: GPL-3.0-or-later */
/* takeover: a new dataplane takes over from the one that runs. The old one hands it the very
 * sockets that it answers on, so what is queued in them is neither lost nor answered twice; then it
 * leaves when it is told that the new one needs nothing more than the next instant. Before that it
 * may have to close devices that only one can have, for sockets that the new one offers. Over a
 * SOCK_SEQPACKET socket in the run directory that only the same user, or root, may use. Main
 * threads. */
#pragma once
#include "config/config.h"

#include <sys/types.h>

struct setup;

/* --- the one that runs --- */

#define HERITAGE_SOCKETS_MAX 1024u

struct takeover {
	int listen_fd, peer; /* -1: none */
	time_t until_s; /* of the monotonic clock: the peer has taken over by then, or is none */
	char path[108];
	/* sockets that the successor offers, to stand in for devices; owned */
	unsigned n_offered;
	int offered[HERITAGE_SOCKETS_MAX];
};

/* What a successor wants. */
enum takeover_wish {
	TAKEOVER_NOTHING,
	TAKEOVER_STEP_ASIDE, /* close what only one can have, answer on the offered sockets
				meanwhile, then takeover_stepped_aside() */
	TAKEOVER_LEAVE,      /* stop the workers, then takeover_left() */
	TAKEOVER_GONE,       /* it went away, or hung, and takes over no more */
};

/** Wait for successors. @return 0 or negative errno: then none can take over, all else works */
int takeover_listen(struct takeover *t, const struct config *c) __attribute__((warn_unused_result));
/** Is one there? Then takeover_poll() is called every millisecond. */
bool takeover_is_wanted(const struct takeover *t);
/** See what a successor wants, and hand it the sockets of the setup. Never waits long. */
enum takeover_wish takeover_poll(struct takeover *t, const struct setup *s);
/** @param err  0: it was done; else the successor is sent away */
void takeover_stepped_aside(struct takeover *t, int err);
/** Tell the successor that it is its turn. */
void takeover_left(struct takeover *t);
/** @param handed_over  the socket's name is the successor's now */
void takeover_close(struct takeover *t, bool handed_over);

/* --- the one that comes --- */

struct heritage {
	int peer;
	bool has_filters; /* the old one has AF_XDP ports, or has just closed them */
	unsigned n;
	unsigned n_inherited;         /* of fd[], from 0; the others are ours, and offered */
	int fd[HERITAGE_SOCKETS_MAX]; /* owned; -1: a port has taken it */
};

/**
 * Ask the dataplane that runs for its sockets, and for the links of its XDP programs (which go to
 * xdp_filters_offer()).
 * @param predecessor  its pid, by the hub; another process is not asked
 * @param[out] out  released with heritage_close()
 * @return 0; -ECONNREFUSED (nobody answers); -EPERM (somebody else
 * listens there); another negative errno. After an error line
 */
int heritage_open(struct heritage *out, const struct config *c, pid_t predecessor)
	__attribute__((warn_unused_result));
/** Offer a socket for heritage_step_aside(). @return 0 or -E2BIG; fd is owned only after 0 */
int heritage_offer(struct heritage *h, int fd) __attribute__((warn_unused_result));
/** Have the old one answer on the offered sockets in the place of the devices that only one can
 * have, which it closes. @return 0 or negative errno, after an error line */
int heritage_step_aside(struct heritage *h) __attribute__((warn_unused_result));
/** Have the old one leave, and wait until it has. @return 0; -ETIMEDOUT when it does not answer;
 * another negative errno. After an error line */
int heritage_enter(struct heritage *h) __attribute__((warn_unused_result));
/** Sockets that nobody took (their address is not configured any more) are closed. */
void heritage_close(struct heritage *h);
