/* SPDX-License-Identifier: GPL-3.0-or-later */
/* settings: from the configuration's section "answers" to the block that workers read. Control
 * plane, main thread. */
#pragma once
#include "config/config.h"
#include "shm/arena.h"
#include "shm/settings.h"

/**
 * @param previous  what an earlier control plane published, or NULL: a cookie secret that nobody
 *                  configured is kept, so that clients' cookies stay good over a restart
 * @param[out] error  static text on failure: what is wrong
 * @return 0, -EINVAL, or the negative errno of getting random octets
 */
int settings_from_config(struct settings *out, const struct config *c,
	const struct settings *previous, const char **error) __attribute__((warn_unused_result));

/** The settings that are published in an arena, checked; NULL when there are none. */
const struct settings *settings_published(const struct arena *a);
