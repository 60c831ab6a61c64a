/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_compile: zone_model -> image. Control plane, any thread; one compilation works alone.
 *
 * Names are sorted by hash and the upper bits of the hash choose the chunk, so a chunk is a run of
 * names: each is built in private memory (zone_chunk) and copied into a block of the arena when its
 * size is known. */
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_ahead.h"
#include "controlplane/zones/zone_block.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MAX (1u << 20)

struct compile {
	struct arena *arena;
	const struct zone_model *z;
	struct zone_render *render;
	struct zone_ahead ahead;
	struct zone_chunk chunk;
	struct zone_block block;
};

/* Build the chunk of names [first, end) in c->chunk. -EAGAIN with too few buckets. */
static int
build_chunk_with(struct compile *c, uint32_t first, uint32_t end, uint32_t n_buckets)
{
	int err = zone_chunk_begin(&c->chunk, n_buckets);

	for (uint32_t i = first; err == 0 && i < end; i++) {
		zone_ahead_step(&c->ahead, i);
		if (zone_name_is_node(&c->z->name[i]))
			err = zone_chunk_render(&c->chunk, c->z, c->render, &c->z->name[i]);
	}
	return err == 0 ? zone_chunk_end(&c->chunk) : err;
}

static int
build_chunk(struct compile *c, uint32_t first, uint32_t end)
{
	uint32_t n = 0, n_buckets;
	int err;

	for (uint32_t i = first; i < end; i++)
		n += zone_name_is_node(&c->z->name[i]);
	n_buckets = zone_chunk_buckets(n);
	while ((err = build_chunk_with(c, first, end, n_buckets)) == -EAGAIN &&
		n_buckets < BUCKETS_MAX)
		n_buckets *= 2;
	return err == -EAGAIN ? -ENOSPC : err;
}

/* Build chunk after chunk into blocks of their own. */
static int
compile_chunks(struct compile *c, struct image_chunk_ref *ref, unsigned bits)
{
	const struct zone_model *z = c->z;
	uint32_t first = 0;

	for (uint32_t i = 0; i < 1u << bits; i++) {
		uint32_t end = first;
		while (end < z->n_names && (bits == 0 ? 0 : z->name[end].hash >> (64 - bits)) == i)
			end++;
		int err = build_chunk(c, first, end);
		if (err != 0)
			return err;
		uint64_t off = arena_alloc(c->arena, c->chunk.len);
		if (off == 0)
			return -ENOSPC;
		memcpy(arena_writable(c->arena, off), c->chunk.p, c->chunk.len);
		ref[i] =
			(struct image_chunk_ref){off, (uint32_t)c->chunk.len, c->chunk.bucket_mask};
		c->block.chunk_octets += c->chunk.len;
		first = end;
	}
	return 0;
}

static void
free_chunks(struct arena *a, const struct image_chunk_ref *ref, unsigned bits)
{
	for (uint32_t i = 0; i < 1u << bits; i++)
		if (ref[i].off != 0)
			arena_free(a, ref[i].off, ref[i].len);
}

static void
count_nodes(struct compile *c)
{
	for (uint32_t i = 0; i < c->z->n_names; i++) {
		const struct zone_name *n = &c->z->name[i];
		if (!zone_name_is_node(n))
			continue;
		c->block.n_names++;
		if (n->labels > c->block.labels_max)
			c->block.labels_max = n->labels;
	}
}

/* Chunks, then the block that leads to them. */
static int
compile(struct compile *c, const struct zone_name *apex, const struct zone_record *soa,
	uint64_t *image_off)
{
	_Alignas(8) uint8_t negative[ZONE_NEGATIVE_OCTETS_MAX];
	struct zone_block *b = &c->block;
	struct image_chunk_ref *ref = NULL;
	int err;

	if (b->chunk_bits == 0) {
		err = build_chunk(c, 0, c->z->n_names);
		b->chunk = &c->chunk;
	} else {
		ref = calloc(1u << b->chunk_bits, sizeof *ref);
		err = ref == NULL ? -ENOMEM : compile_chunks(c, ref, b->chunk_bits);
		b->ref = ref;
	}
	if (err == 0) {
		b->negative_octets = zone_render_negative(c->render, apex, soa);
		assert(b->negative_octets <= sizeof negative);
		zone_render_copy(c->render, negative);
		b->negative = negative;
		err = zone_block_write(c->arena, b, image_off);
	}
	if (err != 0 && ref != NULL)
		free_chunks(c->arena, ref, b->chunk_bits);
	free(ref);
	return err;
}

int
zone_compile(struct arena *a, const struct zone_model *z, uint64_t *image_off)
{
	struct compile c = {
		.arena = a,
		.z = z,
		.ahead.z = z,
		.block =
			{
				.apex = z->apex,
				.apex_len = z->apex_len,
				.apex_labels = z->apex_labels,
				.variant = z->variant[0] == 0 ? NULL : z->variant,
				.n_records = z->n_records,
			},
	};
	uint32_t n_soa = 0;
	uint16_t len;

	const struct zone_name *apex =
		zone_model_find(z, name_hash(z->seed, z->apex), z->apex, z->apex_len);
	const struct zone_record *soa =
		apex == NULL ? NULL : zone_model_rrset(z, apex, ZONE_SOA, &n_soa);
	if (soa == NULL || n_soa != 1 || z->seed != arena_header(a)->seed ||
		(zone_rdata(z, soa, &len), len < 22))
		return -EINVAL;
	count_nodes(&c);
	c.block.chunk_bits = (uint8_t)zone_chunk_bits(c.block.n_names);
	c.render = zone_render_create(z);
	if (c.render == NULL)
		return -ENOMEM;
	int err = compile(&c, apex, soa, image_off);
	zone_chunk_destroy(&c.chunk);
	zone_render_destroy(c.render);
	return err;
}

int
zone_compile_unavailable(struct arena *a, const uint8_t *key, uint64_t *image_off)
{
	const uint8_t *apex = zone_key_apex(key);
	uint8_t label[NAME_LABELS_MAX];
	static const struct image_chunk_ref none;
	struct zone_block b = {
		.apex = apex,
		.apex_len = (uint8_t)name_octets(apex),
		.apex_labels = (uint8_t)name_labels(apex, label),
		.variant = apex == key ? NULL : key,
		.ref = &none,
	};

	return zone_block_write(a, &b, image_off);
}

void
zone_image_free(struct arena *a, uint64_t image_off)
{
	const struct image *im = image_at(a, image_off);
	if (im == NULL)
		return;
	const struct image_chunk_ref *ref =
		(const struct image_chunk_ref *)((const uint8_t *)im + im->chunks_at);
	for (uint32_t i = 0; i < 1u << im->chunk_bits; i++)
		if (ref[i].off != 0 &&
			(ref[i].off < image_off || ref[i].off >= image_off + im->block_len))
			arena_free(a, ref[i].off, ref[i].len);
	arena_free(a, image_off, im->block_len);
}
