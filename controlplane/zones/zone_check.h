/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_check: the two halves of the check of a whole zone. Internal to the loader. */
#pragma once
#include "controlplane/zones/zone_build.h"

/** Do NS, MX and SRV records lead to addresses, as far as this zone can tell? (named-checkzone -i
 * local) */
void zone_check_targets(struct zone_build *b);

/** The cut or DNAME that hides an occluded name. @return NULL when none does */
const struct zone_name *zone_check_hider(
	const struct zone_model *z, const uint8_t *name, unsigned len);
