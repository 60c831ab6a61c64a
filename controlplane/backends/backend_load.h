/* SPDX-License-Identifier: GPL-3.0-or-later */
/* backend_load: shared objects of backends, by type. A loaded one stays until the process ends:
 * threads that hang in it could not do without. Main thread. */
#pragma once
#include "backends/backend.h"
#include "config/config.h"

/**
 * Load it, unless it is already: from the folder that the configuration names, if any; else, or if
 * it is not there, from the build tree that this program lies in, or from where they were
 * installed.
 * @return 0; -ENOENT: there is no such file; -ELIBACC: it cannot be loaded, is no backend, or one
 * for another version of the ABI; -ENOMEM
 */
int backend_load(const struct backend_api **out, const struct config *config, const char *type,
	char error[BACKEND_ERROR_OCTETS]) __attribute__((warn_unused_result));

/** Is what the backend tells about itself complete? NULL, or what is wrong. */
const char *backend_fault(const struct backend_api *api);
