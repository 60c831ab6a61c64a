/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backend_options: what the configuration tells an instance, held against the backend's table of
 * settings. Pure functions, any thread. */
#pragma once
#include "backends/backend.h"
#include "config/config.h"

struct backend_options {
	struct backend_option *option;
	size_t n;
};

/**
 * Check them, and make what open() gets: with the fallbacks, and paths as they are called below
 * `chroot` (NULL: none).
 * @param at  number of the option at fault; -1: the instance as a whole (one is missing)
 * @return 0; -EINVAL: error tells what is wrong and what would be right; -ENOMEM
 */
int backend_options_make(struct backend_options *out, const struct backend_api *api,
	const struct config_backend *c, const char *chroot, int *at,
	char error[BACKEND_ERROR_OCTETS]) __attribute__((warn_unused_result));
/** A zeroed one may be freed. */
void backend_options_free(struct backend_options *o);
