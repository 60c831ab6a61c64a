/* SPDX-License-Identifier: GPL-3.0-or-later */
/* body_check: what PowerDNS's API demands of RRsets beyond being well-formed, as far as it can be
 * told without the zone. Pure, any thread. */
#pragma once
#include "controlplane/api/body_rrsets.h"

/** Is the name the apex or below it? Both folded. */
bool body_name_is_below(const uint8_t *name, const uint8_t *apex);

/**
 * Check every RRset, make one of those that belong together, and drop those that others of the
 * same request undo.
 * @return 0, -EINVAL with `error` set, or -ENOMEM
 */
int body_check(struct body_rrsets *b, enum body_rrsets_kind kind, const uint8_t *apex,
	char error[BODY_ERROR_OCTETS]) __attribute__((warn_unused_result));
