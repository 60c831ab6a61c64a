/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_apply: a changeset done to a zone file: edited, read again, and only then put in place. */
#pragma once
#include "backends/backend.h"

/** As backend_api.apply, for one file. */
int zone_apply(const char *path, const struct backend_changeset *changeset, uint32_t default_ttl,
	char *error) __attribute__((warn_unused_result));
