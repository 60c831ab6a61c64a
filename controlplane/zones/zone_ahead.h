/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_ahead: prefetches for the compiler. Names are compiled in the order of their hashes, which
 * is no order in the heap, so each record, and each target of an NS, would be a cache miss or five.
 */
#pragma once
#include "controlplane/zones/zone_model.h"

#define AHEAD_NAMES 32u  /* a power of two, more than the farthest stage */
#define AHEAD_TARGETS 4u /* NS of a cut that are followed */

struct zone_ahead {
	const struct zone_model *z;
	uint64_t hash[AHEAD_NAMES][AHEAD_TARGETS]; /* of targets in the zone; 0 = none */
	const struct zone_name *name[AHEAD_NAMES][AHEAD_TARGETS];
};

/** Name number i is compiled now: move those behind it one stage on. No effect but on caches. */
void zone_ahead_step(struct zone_ahead *a, uint32_t i);
