/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stand_in: sockets of the kernel's that answer while nobody has an AF_XDP port. A queue has one
 * AF_XDP socket, and the kernel gives it back some time after it was closed; so in an upgrade the
 * old dataplane has its filter leave the queries to the kernel, answers them on sockets that the
 * new one has opened, and closes its ports. The new one opens them, takes over, has its filter take
 * the queries, and closes the sockets when nothing comes through them any more.
 * docs/decisions/0035. Main thread. */
#pragma once
#include "dataplane/setup.h"

struct heritage;

/* --- the one that comes --- */

/**
 * Open a socket for each worker on every address of AF_XDP ports for which there is none yet, and
 * have the old dataplane answer on them in the place of its AF_XDP ports, if it has any. If it
 * dies, that is as good.
 * @return 0 or negative errno, after an error line: if an address cannot be had, before the old one
 *         was asked for anything
 */
int stand_in_request(const struct config *c, struct heritage *h, const struct hub *hub)
	__attribute__((warn_unused_result));
/** Make ports of those sockets: what is queued in them is answered, whoever of the two reads it.
 * @return 0 or negative errno, after an error line */
int stand_in_adopt(struct setup *s, const struct config *c, struct heritage *h)
	__attribute__((warn_unused_result));

/* --- the one that runs --- */

/**
 * Answer on these sockets, and close all AF_XDP ports. The workers run, and stand still twice for
 * an instant.
 * @param fd  owned from here on
 * @return 0; or negative errno, after an error line: then the ports are as before, unless workers
 *         run no more (-EIO)
 */
int stand_in_begin(struct setup *s, const int *fd, unsigned n) __attribute__((warn_unused_result));
/**
 * The successor went away: open the AF_XDP ports again, if we still may.
 * @param just_left  it did a moment ago, and may have had them open
 * @return 0, also when there is nothing to do; negative errno, after an error line: the sockets
 * stand in, try again later; or -EIO: the workers do not run
 */
int stand_in_return(struct setup *s, const struct config *c, bool just_left)
	__attribute__((warn_unused_result));

/* --- both --- */

/** The ports are open, and have the queries from now on. */
void stand_in_over(struct setup *s);
/** Ten times a second: after stand_in_over(), close the sockets once nothing comes any more.
 * @return 0, or -EIO: the workers do not run */
int stand_in_tick(struct setup *s) __attribute__((warn_unused_result));
