/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image_compare: do two images answer alike? Where things lie in them does not count. */
#pragma once
#include "shm/image_find.h"
#include "zone_decode.h"

/* A node's whole name; zeroes behind it. */
static inline unsigned
node_name(const struct image *im, const struct image_node *n, uint8_t name[256 + 40])
{
	unsigned stored = (unsigned)n->name_len - im->apex_len;
	memset(name, 0, 256 + 40);
	memcpy(name, image_node_name(n), stored);
	memcpy(name + stored, im->apex, im->apex_len);
	return n->name_len;
}

static inline void
answers_are_equal(
	const struct image_answer *x, const struct image_answer *y, const char *of, unsigned type)
{
	uint32_t n = image_answer_size(x->flags, x->len, image_answer_counts(x).n_fix, x->n_cut);
	uint32_t m = image_answer_size(y->flags, y->len, image_answer_counts(y).n_fix, y->n_cut);

	if (n != m || memcmp(x, y, n) != 0)
		fail_msg("the answers for %s type %u differ (%u and %u octets)", of, type, n, m);
}

/* This node of one image and the one of the same name in the other. */
static inline void
nodes_are_equal(const struct arena *a, const struct image_chunk *c, const struct image *im,
	const struct image_node *n, uint64_t other)
{
	uint8_t name[256 + 40];
	char text[1024];
	unsigned len = node_name(im, n, name);
	uint64_t hash = name_hash(arena_header(a)->seed, name);
	struct image_chunk d = image_chunk_of(a, image_at(a, other), hash);
	const struct image_node *m = image_find(&d, hash, name, len);

	knot_dname_to_str(text, name, sizeof text);
	if (m == NULL)
		fail_msg("%s is missing", text);
	if (n->flags != m->flags || n->n_types != m->n_types)
		fail_msg("%s: flags %u and %u, types %u and %u", text, n->flags, m->flags,
			n->n_types, m->n_types);
	for (unsigned i = 0; i < n->n_types; i++) {
		const struct image_type *s = &image_node_types(n)[i], *t = &image_node_types(m)[i];
		if (s->type != t->type || s->variant != t->variant)
			fail_msg("%s: type %u here, %u there", text, s->type, t->type);
		answers_are_equal(image_answer_at(c->base, c->len, s->answer),
			image_answer_at(d.base, d.len, t->answer), text, s->type);
	}
}

/* Every node of the first is in the second, the numbers agree, and the negative answer. */
static inline void
images_are_equal(const struct arena *a, uint64_t one, uint64_t other)
{
	const struct image *x = image_at(a, one), *y = image_at(a, other);
	const struct image_chunk_ref *ref =
		(const struct image_chunk_ref *)((const uint8_t *)x + x->chunks_at);

	for (uint32_t i = 0; i < 1u << x->chunk_bits; i++) {
		struct image_chunk c = {
			a->base + ref[i].off, ref[i].len, ref[i].bucket_mask, x->apex_len};
		const struct image_bucket *b = (const struct image_bucket *)c.base;
		for (uint32_t k = 0; k <= c.bucket_mask; k++)
			for (unsigned s = 0; s < IMAGE_SLOTS; s++)
				if (b[k].node[s] != 0)
					nodes_are_equal(a, &c, x,
						image_node_at(&c, b[k].node[s] & ~IMAGE_NODE_LINES),
						other);
	}
	if (x->n_names != y->n_names)
		fail_msg("%llu names and %llu", (unsigned long long)x->n_names,
			(unsigned long long)y->n_names);
	assert_int_equal(x->n_records, y->n_records);
	assert_int_equal(x->serial, y->serial);
	assert_int_equal(x->flags, y->flags);
	assert_int_equal(x->apex_len, y->apex_len);
	assert_memory_equal(x->apex, y->apex, x->apex_len);
	answers_are_equal(image_answer_at((const uint8_t *)x, x->block_len, x->negative_at),
		image_answer_at((const uint8_t *)y, y->block_len, y->negative_at), "negative", 0);
}
