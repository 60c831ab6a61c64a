/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_block: writes the block that a directory slot leads to. Control plane, any thread. */
#include "controlplane/zones/zone_block.h"

#include <errno.h>
#include <string.h>

/* Where things lie. */
struct plan {
	uint64_t chunks_at, negative_at, block_len;
	uint64_t inline_at; /* 0 when chunks have blocks of their own */
};

static uint64_t
align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) / align * align;
}

static void
plan_block(struct plan *p, const struct zone_block *b)
{
	/* behind the apex there is always more than NAME_PAD octets, and ZONE_VARIANT_LABEL */
	uint64_t label = b->variant == NULL ? 0 : b->variant[0] + 1u;
	uint64_t chunks_at = align_up(offsetof(struct image, apex) + b->apex_len + label, 8);
	uint64_t at = chunks_at + (sizeof(struct image_chunk_ref) << b->chunk_bits);

	*p = (struct plan){.chunks_at = chunks_at, .negative_at = at};
	if (b->chunk == NULL) {
		p->block_len = at + b->negative_octets + NAME_PAD + sizeof(struct image_counts);
		return;
	}
	/* The chunk begins on a line of its own: the negative answer lies before it or behind it,
	 * where it takes fewer lines. */
	uint64_t behind = align_up(at, ARENA_ALIGN) + align_up(b->chunk->len, 2);
	uint64_t before = align_up(at + b->negative_octets, ARENA_ALIGN);
	if (align_up(before + b->chunk->len, ARENA_ALIGN) <
		align_up(behind + b->negative_octets, ARENA_ALIGN)) {
		p->inline_at = before;
		p->block_len = before + b->chunk->len;
	} else {
		p->inline_at = align_up(at, ARENA_ALIGN);
		p->negative_at = behind;
		p->block_len = behind + b->negative_octets;
	}
}

static void
write_chunks(const struct plan *p, const struct zone_block *b, uint8_t *block, uint64_t off)
{
	struct image_chunk_ref *table = (struct image_chunk_ref *)(block + p->chunks_at);

	if (b->chunk != NULL) {
		memcpy(block + p->inline_at, b->chunk->p, b->chunk->len);
		table[0] = (struct image_chunk_ref){
			off + p->inline_at, (uint32_t)b->chunk->len, b->chunk->bucket_mask};
	} else if (b->ref != NULL) {
		memcpy(table, b->ref, sizeof *table << b->chunk_bits);
	}
}

int
zone_block_write(struct arena *a, const struct zone_block *b, uint64_t *image_off)
{
	struct plan p;

	plan_block(&p, b);
	if (p.block_len > UINT32_MAX)
		return -ENOSPC;
	uint64_t off = arena_alloc(a, p.block_len);
	if (off == 0)
		return -ENOSPC;
	uint8_t *block = arena_writable(a, off);
	struct image *im = (struct image *)block;
	/* the table, and a chunk, are written whole */
	memset(block, 0, b->chunk != NULL ? p.inline_at : p.chunks_at);
	if (p.negative_at > p.inline_at) {
		block[p.negative_at - 1] = 0; /* a chunk is rounded up */
		memset(block + p.negative_at, 0, p.block_len - p.negative_at);
	}
	*im = (struct image){
		.magic = IMAGE_MAGIC,
		.flags = b->negative == NULL ? IMAGE_UNAVAILABLE : 0,
		.chunk_bits = b->chunk_bits,
		.labels_max = b->labels_max,
		.apex_len = b->apex_len,
		.block_len = (uint32_t)p.block_len,
		.chunks_at = (uint32_t)p.chunks_at,
		.negative_at = b->negative == NULL ? 0 : (uint32_t)p.negative_at,
		.n_names = b->n_names,
		.n_records = b->n_records,
		.octets = p.block_len + b->chunk_octets,
		.apex_labels = b->apex_labels,
	};
	memcpy(im->apex, b->apex, b->apex_len);
	if (b->variant != NULL) {
		im->flags |= IMAGE_VARIANT;
		memcpy(im->apex + b->apex_len, b->variant, b->variant[0] + 1u);
	}
	write_chunks(&p, b, block, off);
	if (b->negative != NULL) {
		memcpy(block + p.negative_at, b->negative, b->negative_octets);
		const struct image_answer *soa = (const struct image_answer *)b->negative;
		const uint8_t *serial = image_answer_octets(soa) + soa->len - 20;
		im->serial = (uint32_t)serial[0] << 24 | (uint32_t)serial[1] << 16 |
			     (uint32_t)serial[2] << 8 | serial[3];
	}
	*image_off = off;
	return 0;
}
