/* SPDX-License-Identifier: GPL-3.0-or-later */
/* absence: how often the dataplane and the stream process ended, and how long they were away.
 * Nobody else can tell: what TCP clients get then comes from the kernel. The end of a process is
 * told by its pidfd, its return is looked for every 20 ms. All on the event loop but for
 * absence_read(). */
#pragma once
#include "shm/hub.h"

#include <stdint.h>
#include <uv.h>

struct absence;

/**
 * Begin to watch; a process that is not there yet counts as away from now on.
 * @param loop  absence_create() gives it handles, which are closed with the loop's others; after
 *              that absence_destroy()
 * @param hub   outlives it
 * @return 0 or -ENOMEM
 */
int absence_create(struct absence **out, uv_loop_t *loop, struct hub *hub)
	__attribute__((warn_unused_result));
void absence_destroy(struct absence *a);

struct absence_figures {
	uint64_t n_ends;  /* seen by us */
	uint64_t away_ns; /* together, the one that lasts included */
};

/** Thread: any. @param role  others than HUB_DATAPLANE and HUB_STREAM: all 0; a may be NULL */
struct absence_figures absence_read(struct absence *a, enum hub_role role);
