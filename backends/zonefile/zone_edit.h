/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_edit: a changeset done to the text of a zone file. Only the records that it changes are
 * touched, in place where that is possible; every other line stays as it is, but where it takes
 * over the owner or the TTL of a record before it that is not there any more: then it says its own.
 * Pure, any thread. What came of it must be held against what was wanted (zone_expect.h). */
#pragma once
#include "backends/backend.h"
#include "backends/zonefile/record_text.h"
#include "backends/zonefile/zone_lines.h"
#include "controlplane/zones/zone_model.h"

/**
 * @param z      the text, read
 * @param model  the same zone with what it includes and generates; zeroed: it has no records
 * @param path   for messages
 * @param[out] out  the new text; the caller frees it in every case
 * @param error  BACKEND_ERROR_OCTETS
 * @return 0; -EROFS: what is to change stands in another file, or comes from $GENERATE; -ENOMEM;
 * -EINVAL (a name that cannot be written)
 */
int zone_edit(struct text *out, const struct zone_lines *z, const struct zone_model *model,
	const struct backend_changeset *changeset, const struct ttl_rules *rules, const char *path,
	char *error) __attribute__((warn_unused_result));
