/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image_find: exact look-up of an owner name in a chunk. Packet path: no heap, no lock, bounded. */
#include "shm/image_find.h"

const struct image_node *
image_find(const struct image_chunk *c, uint64_t hash, const uint8_t *name, unsigned len)
{
	uint16_t tag = image_tag(hash);
	uint32_t at = (uint32_t)hash;

	for (unsigned probe = 0; probe < IMAGE_PROBE_MAX; probe++, at++) {
		const struct image_bucket *b =
			(const struct image_bucket *)c->base + (at & c->bucket_mask);
		unsigned match = image_bucket_match(b, tag);
		while (match != 0) {
			unsigned i = (unsigned)__builtin_ctz(match);
			match &= match - 1;
			if (b->node[i] == 0)
				continue;
			const struct image_node *n =
				image_node_at(c, b->node[i] & ~IMAGE_NODE_LINES);
			if (n != NULL && n->name_len == len &&
				name_equal(image_node_name(n), name, len - c->apex_len))
				return n;
		}
		if (b->spill == 0)
			return NULL;
	}
	return NULL;
}
