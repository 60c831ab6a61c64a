/* SPDX-License-Identifier: GPL-3.0-or-later */
/* watch: has zones loaded again when their files change (zones.watch). Watches folders, not files,
 * so that an editor's rename over the file is seen too. Control plane, main loop's thread. */
#pragma once
#include "controlplane/manager/zone_manager.h"

#include <uv.h>

struct watch;

/**
 * Watch the zone directory and the folders of listed files. The configuration is not needed after
 * the call.
 * @return 0 or negative errno, after one line in the log
 */
int watch_start(struct watch **out, uv_loop_t *loop, const struct config *c, struct zone_manager *m)
	__attribute__((warn_unused_result));

/** Zones were loaded: soon, watch the folders of what they include as well. */
void watch_refresh_soon(struct watch *w);

/** Stop; freed when the loop runs once more. NULL: nothing. */
void watch_stop(struct watch *w);
