/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image_find: the pieces of a look-up, for callers that spread it over stages of a burst. */
#pragma once
#include "shm/image.h"
#include "shm/prefetch.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define IMAGE_PROBE_MAX 64u /* buckets that a look-up may visit; the compiler keeps to it */

/** Bit i is set when slot i of the bucket has this tag (the slot may still be empty: node 0). */
static inline unsigned
image_bucket_match(const struct image_bucket *b, uint16_t tag)
{
#ifdef __SSE2__
	/* slots 0..7, and 2..9 to get at the last two without reading beyond the bucket */
	__m128i t = _mm_set1_epi16((short)tag);
	__m128i lo = _mm_cmpeq_epi16(_mm_load_si128((const __m128i *)b->tag), t);
	__m128i hi = _mm_cmpeq_epi16(_mm_loadu_si128((const __m128i *)(b->tag + 2)), t);
	unsigned m = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(lo, hi));
	return (m & 0xff) | (m >> 6 & 0x300);
#else
	unsigned m = 0;
	for (unsigned i = 0; i < IMAGE_SLOTS; i++)
		m |= (unsigned)(b->tag[i] == tag) << i;
	return m;
#endif
}

/** Prefetch the first node whose tag matches; a guess that is right nearly always. */
static inline void
image_prefetch_node(const struct image_chunk *c, const struct image_bucket *b, uint64_t hash)
{
	unsigned match = image_bucket_match(b, image_tag(hash));
	if (match == 0)
		return;
	uint32_t off = b->node[__builtin_ctz(match)], more = off & IMAGE_NODE_LINES;
	off &= ~IMAGE_NODE_LINES;
	if (off >= c->len)
		return;
	/* one or two lines without asking which: the same one again costs nothing, a wrong guess
	 * does */
	prefetch_line(c->base + off);
	prefetch_line(c->base + off + 64 * (uint32_t)(more != 0));
	for (uint32_t i = 2; __builtin_expect(i <= more, 0); i++)
		prefetch_line(c->base + off + 64 * i);
}

/**
 * Find the node with this name.
 * @param c        the chunk that image_chunk_of() gave for this hash; base not NULL
 * @param name     folded, wire; in the zone (its suffix is not compared again)
 * @param len      octets, root label included
 * @return the node, inside the chunk with its types and name; NULL when there is none
 */
static inline const struct image_node *
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
