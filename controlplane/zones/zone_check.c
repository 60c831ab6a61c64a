/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_check: what is wrong with a zone as a whole. Reads the indexed model, adds findings. */
#include "controlplane/zones/zone_build.h"
#include "controlplane/zones/zone_rdata.h"

#include <libknot/descriptor.h>

void
zone_check(struct zone_build *b)
{
	const struct zone_model *z = &b->z;
	const struct zone_name *apex = zone_model_find(z, b->apex_hash, z->apex, z->apex_len);
	char text[ZONE_NAME_TEXT_MAX];
	uint32_t n = 0;

	if (apex == NULL || zone_model_rrset(z, apex, KNOT_RRTYPE_SOA, &n) == NULL)
		zone_build_finding(b, ZONE_ERROR, 0, ZONE_NO_LINE, "no SOA record at %s",
			zone_name_text(text, z->apex));
}
