/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_block: an image's own block: header, apex, chunk table, negative answer, and its chunk when
 * that is the only one (shm/image.h). Internal to zone_compile and zone_patch. */
#pragma once
#include "controlplane/zones/zone_chunk.h"

#define ZONE_NEGATIVE_OCTETS_MAX 1024u /* SOA: two names of 255 octets, and less than 100 more */

struct zone_block {
	const uint8_t *apex; /* folded */
	uint8_t apex_len, apex_labels, labels_max;
	const uint8_t *variant; /* label of a variant's key (shm/zone_key.h); NULL: none */
	uint8_t chunk_bits;
	const struct image_chunk_ref *ref; /* [2^chunk_bits]; NULL: there is one, `chunk` */
	const struct zone_chunk *chunk;
	uint64_t chunk_octets; /* of all in ref */
	uint64_t n_names, n_records;
	const uint8_t
		*negative; /* as zone_render_copy() writes it; NULL: the zone is unavailable */
	uint32_t negative_octets;
};

/** Write it into a new block of the arena. @return 0 or -ENOSPC */
int zone_block_write(struct arena *a, const struct zone_block *b, uint64_t *image_off)
	__attribute__((warn_unused_result));
