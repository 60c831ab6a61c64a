/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_expect: is a zone after an edit what it was meant to become, RRset by RRset? Pure. */
#pragma once
#include "backends/backend.h"
#include "controlplane/zones/zone_model.h"

/**
 * @param old  before; zeroed: it had no records. Of the same seed as
 * @param new  after
 * @return 0; -EINVAL: error (BACKEND_ERROR_OCTETS) names the first RRset that differs; -ENOMEM
 */
int zone_expect(const struct zone_model *old, const struct zone_model *new,
	const struct backend_changeset *changeset, char *error) __attribute__((warn_unused_result));
