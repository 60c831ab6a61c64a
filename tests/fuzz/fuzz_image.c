/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any octets as an arena with an image: the verifier reads nothing outside, and what it accepts can
 * be looked up and read by the ways that the engine takes. Input: the image's offset (4 octets, as
 * the machine has them), then the arena's content behind its header. */
#include "fuzz.h"

#include "shm/image_find.h"

#include <string.h>

#define START ((uint64_t)(sizeof(struct arena_header) + 63) / 64 * 64)
#define INPUT_MAX (1u << 20)

/* All that a worker touches of an answer. */
static unsigned
read_answer(const struct image_answer *a)
{
	struct image_counts n = image_answer_counts(a);
	const uint8_t *octets = image_answer_octets(a);
	unsigned sum = n.an + n.ns + n.ar;

	for (unsigned i = 0; i < n.n_fix; i++) {
		enum image_fix kind;
		uint32_t pos = image_answer_fix(a, i, &kind);
		FUZZ_CHECK(pos + 2 <= a->len && kind <= FIX_SELF);
		FUZZ_CHECK(octets[pos] >= 0xc0);
	}
	for (unsigned i = 0; i < a->n_cut; i++) {
		FUZZ_CHECK(image_answer_cuts(a)[i].len < a->len);
		sum += image_answer_cuts(a)[i].ar;
	}
	for (unsigned i = 0; i < a->len; i++)
		sum += octets[i];
	return sum;
}

static void
read_node(const struct arena *a, const struct image *im, const struct image_chunk *c,
	const struct image_node *n)
{
	uint8_t name[NAME_OCTETS_MAX + 1 + NAME_PAD] = {0};
	unsigned stored = (unsigned)n->name_len - im->apex_len;

	memcpy(name, image_node_name(n), stored);
	memcpy(name + stored, im->apex, im->apex_len);
	uint64_t hash = name_hash(arena_header(a)->seed, name);
	struct image_chunk where = image_chunk_of(a, im, hash);
	FUZZ_CHECK(where.base == c->base);
	FUZZ_CHECK(image_find(&where, hash, name, n->name_len) == n);
	for (unsigned i = 0; i < n->n_types; i++) {
		const struct image_answer *answer =
			image_answer_at(c->base, c->len, image_node_types(n)[i].answer);
		FUZZ_CHECK(answer != NULL);
		read_answer(answer);
	}
}

static void
read_image(const struct arena *a, const struct image *im)
{
	uint64_t n_nodes = 0;

	if (im->flags & IMAGE_UNAVAILABLE)
		return;
	for (uint64_t i = 0; i < 1ull << im->chunk_bits; i++) {
		uint64_t hash = im->chunk_bits == 0 ? 0 : i << (64 - im->chunk_bits);
		struct image_chunk c = image_chunk_of(a, im, hash);
		FUZZ_CHECK(c.base != NULL);
		for (uint32_t b = 0; b <= c.bucket_mask; b++)
			for (unsigned k = 0; k < IMAGE_SLOTS; k++) {
				uint32_t node = ((const struct image_bucket *)c.base + b)->node[k];
				if (node == 0)
					continue;
				read_node(a, im, &c, image_node_at(&c, node & ~IMAGE_NODE_LINES));
				n_nodes++;
			}
	}
	FUZZ_CHECK(n_nodes == im->n_names);
	read_answer(image_answer_at((const uint8_t *)im, im->block_len, im->negative_at));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint32_t off;
	void *base;

	if (len < sizeof off || len > INPUT_MAX)
		return 0;
	memcpy(&off, data, sizeof off);
	data += sizeof off;
	len -= sizeof off;
	/* of exactly this size, so that a sanitizer sees each octet read behind it */
	if (posix_memalign(&base, 64, START + len) != 0)
		return 0;
	memset(base, 0, START);
	memcpy((uint8_t *)base + START, data, len);
	((struct arena_header *)base)->seed = 1;
	struct arena a = {.base = base, .size = START + len, .fd = -1};
	const char *why = NULL;
	int err = image_verify(&a, off, &why);
	FUZZ_CHECK(err == 0 || why != NULL);
	if (err == 0)
		read_image(&a, image_at(&a, off));
	free(base);
	return 0;
}
