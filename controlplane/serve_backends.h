/* SPDX-License-Identifier: GPL-3.0-or-later */
/* serve_backends: the configured backends are opened, and their zones served. Main thread. */
#pragma once
#include "controlplane/backends/backends.h"
#include "controlplane/manager/zone_manager.h"

/** @param zones  outlives them. @return 0 or negative errno, after one line in the log */
int serve_backends(struct backends **out, struct zone_manager *zones, const struct config *config,
	const char *config_path) __attribute__((warn_unused_result));
