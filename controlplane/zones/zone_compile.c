/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_compile: zone_model -> image. Control plane, any thread; one compilation works alone.
 *
 * Names are sorted by hash and the upper bits of the hash choose the chunk, so a chunk is a run of
 * names: each is built in private memory and copied into a block of the arena when its size is
 * known. */
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_ahead.h"
#include "controlplane/zones/zone_render.h"
#include "shm/image.h"
#include "shm/image_find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_NAMES 2048u /* at most about this many to a chunk */
#define BUCKET_NAMES 7u   /* on average at most so many of IMAGE_SLOTS */
#define CHUNK_OCTETS_MAX (UINT32_MAX - 256)
#define NODE_ALIGNED_MAX 256u /* larger nodes take what lines they take */

/* Growing private memory. */
struct buffer {
	uint8_t *p;
	size_t len, cap;
};

struct compile {
	struct arena *arena;
	const struct zone_model *z;
	struct zone_render *render;
	struct zone_ahead ahead;
	struct buffer chunk;
	uint32_t bucket_mask; /* of the chunk being built */
	unsigned labels_max;
	uint64_t n_nodes, octets;
};

/* Room for `n` more octets at the end; NULL when out of memory. Their content is undefined. */
static uint8_t *
buffer_more(struct buffer *b, size_t n)
{
	if (b->len + n > b->cap) {
		size_t cap = b->cap + b->cap / 2 + n;
		uint8_t *p = realloc(b->p, cap);
		if (p == NULL)
			return NULL;
		b->p = p;
		b->cap = cap;
	}
	uint8_t *at = b->p + b->len;
	b->len += n;
	return at;
}

static int
buffer_align(struct buffer *b, size_t align)
{
	size_t n = -b->len & (align - 1);
	uint8_t *p = buffer_more(b, n);
	if (p == NULL)
		return -ENOMEM;
	memset(p, 0, n);
	return 0;
}

static bool
is_node(const struct zone_name *n)
{
	return !(n->flags & ZONE_NAME_OCCLUDED);
}

/* Records from i on that have the same type; i < n->n. */
static uint32_t
rrset_end(const struct zone_record *rr, uint32_t i, uint32_t n)
{
	uint16_t type = rr[i].type;
	while (i < n && rr[i].type == type)
		i++;
	return i;
}

/* Is this type answered from this node? At a cut the parent has NS and DS, the rest is the child's.
 */
static bool
type_served(const struct zone_name *n, uint16_t type)
{
	return !(n->flags & ZONE_NAME_CUT) || type == ZONE_NS || type == ZONE_DS;
}

static uint8_t
node_flags(const struct zone_name *n)
{
	uint8_t f = 0;
	if (n->flags & ZONE_NAME_CUT)
		return NODE_CUT; /* nothing below it is ours */
	if (n->flags & ZONE_NAME_DNAME)
		f |= NODE_DNAME;
	else if (n->flags & ZONE_NAME_WILDCARD_CHILD)
		f |= NODE_WILDCARD_CHILD;
	if (n->flags & ZONE_NAME_CNAME)
		f |= NODE_CNAME;
	return f;
}

/* Append what the renderer has. Returns its offset in the chunk, 0 when out of memory or too long.
 */
static uint32_t
put_answer(struct compile *c, uint32_t octets)
{
	size_t off = c->chunk.len;
	uint8_t *p = buffer_more(&c->chunk, octets);
	if (p == NULL || off > CHUNK_OCTETS_MAX)
		return 0;
	zone_render_copy(c->render, p);
	return (uint32_t)off;
}

/* Cache lines that `octets` at this offset of the chunk touch. */
static size_t
lines(size_t at, size_t octets)
{
	return (at % 64 + octets + 63) / 64;
}

/* The node that was built at `at` touches more cache lines than it needs: move it to the next line.
 */
static int
align_node(struct compile *c, size_t *at, uint32_t n_types)
{
	size_t octets = c->chunk.len - *at, gap = 64 - *at % 64;

	if (octets > NODE_ALIGNED_MAX || lines(*at, octets) == lines(0, octets))
		return 0;
	if (buffer_more(&c->chunk, gap) == NULL)
		return -ENOMEM;
	uint8_t *node = c->chunk.p + *at;
	memmove(node + gap, node, octets);
	memset(node, 0, gap);
	*at += gap;
	uint8_t *type = c->chunk.p + *at + sizeof(struct image_node);
	for (uint32_t i = 0; i < n_types; i++, type += sizeof(struct image_type)) {
		struct image_type t;
		memcpy(&t, type, sizeof t);
		t.answer += (uint32_t)gap;
		memcpy(type, &t, sizeof t);
	}
	return 0;
}

/* Append a node and its answers. *slot gets what its bucket says of it. */
static int
put_node(struct compile *c, const struct zone_name *n, uint32_t *slot)
{
	const struct zone_record *rr = c->z->record + n->first;
	uint32_t n_types = 0, stored = (uint32_t)n->len - c->z->apex_len;

	for (uint32_t i = 0; i < n->n; i = rrset_end(rr, i, n->n))
		n_types += type_served(n, rr[i].type);
	if (buffer_align(&c->chunk, IMAGE_NODE_ALIGN) != 0)
		return -ENOMEM;
	size_t at = c->chunk.len;
	uint8_t *p = buffer_more(&c->chunk, image_node_octets(n_types, stored));
	if (p == NULL)
		return -ENOMEM;
	struct image_node node = {
		.flags = node_flags(n), .name_len = n->len, .n_types = (uint16_t)n_types};
	memcpy(p, &node, sizeof node);
	memcpy(p + sizeof node + n_types * sizeof(struct image_type), zone_owner(c->z, n), stored);
	if (buffer_align(&c->chunk, 2) != 0)
		return -ENOMEM;
	size_t type_at = at + sizeof node;
	for (uint32_t i = 0, end; i < n->n; i = end) {
		end = rrset_end(rr, i, n->n);
		if (!type_served(n, rr[i].type))
			continue;
		struct image_type t = {.type = rr[i].type};
		t.answer = put_answer(c, zone_render_rrset(c->render, n, &rr[i], end - i));
		if (t.answer == 0)
			return c->chunk.len > CHUNK_OCTETS_MAX ? -ENOSPC : -ENOMEM;
		memcpy(c->chunk.p + type_at, &t, sizeof t);
		type_at += sizeof t;
	}
	if (align_node(c, &at, n_types) != 0)
		return -ENOMEM;
	size_t more = lines(at, c->chunk.len - at) - 1;
	*slot = (uint32_t)at | (uint32_t)(more < IMAGE_NODE_LINES ? more : IMAGE_NODE_LINES);
	return 0;
}

/* A chunk lies on cache lines once it is in the arena; here it lies where malloc put it. */
typedef struct image_bucket bucket_anywhere __attribute__((aligned(16)));

/* Enter a node into the buckets. False when a look-up would have to go too far: there are too few.
 */
static bool
put_bucket(struct compile *c, uint64_t hash, uint32_t slot)
{
	for (uint32_t probe = 0; probe < IMAGE_PROBE_MAX && probe <= c->bucket_mask; probe++) {
		size_t at = ((uint32_t)hash + probe) & c->bucket_mask;
		bucket_anywhere *b =
			(bucket_anywhere *)(c->chunk.p + at * sizeof(struct image_bucket));
		for (unsigned i = 0; i < IMAGE_SLOTS; i++)
			if (b->node[i] == 0) {
				b->tag[i] = image_tag(hash);
				b->node[i] = slot;
				return true;
			}
		/* whoever looks for it here must go on; the same for each bucket that it passes */
		if (b->spill == UINT16_MAX)
			return false;
		b->spill++;
	}
	return false;
}

/* Build the chunk of names [first, end) in c->chunk. -ENOSPC with too few buckets. */
static int
build_chunk_with(struct compile *c, uint32_t first, uint32_t end, uint32_t n_buckets)
{
	size_t octets = n_buckets * sizeof(struct image_bucket);

	c->chunk.len = 0;
	c->bucket_mask = n_buckets - 1;
	uint8_t *p = buffer_more(&c->chunk, octets);
	if (p == NULL)
		return -ENOMEM;
	memset(p, 0, octets);
	for (uint32_t i = first; i < end; i++) {
		const struct zone_name *n = &c->z->name[i];
		uint32_t off;
		zone_ahead_step(&c->ahead, i);
		if (!is_node(n))
			continue;
		int err = put_node(c, n, &off);
		if (err != 0)
			return err;
		if (!put_bucket(c, n->hash, off))
			return -EAGAIN;
	}
	/* a reader looks at the counts before it knows whether there are any */
	if (buffer_more(&c->chunk, sizeof(struct image_counts)) == NULL)
		return -ENOMEM;
	memset(c->chunk.p + c->chunk.len - sizeof(struct image_counts), 0,
		sizeof(struct image_counts));
	if (c->chunk.len > CHUNK_OCTETS_MAX)
		return -ENOSPC;
	return 0;
}

static int
build_chunk(struct compile *c, uint32_t first, uint32_t end)
{
	uint32_t n = 0, n_buckets = 1;
	int err;

	for (uint32_t i = first; i < end; i++)
		n += is_node(&c->z->name[i]);
	while (n > (uint64_t)n_buckets * BUCKET_NAMES)
		n_buckets *= 2;
	while ((err = build_chunk_with(c, first, end, n_buckets)) == -EAGAIN &&
		n_buckets < 1u << 20)
		n_buckets *= 2;
	return err == -EAGAIN ? -ENOSPC : err;
}

/* Where things lie in the image's own block. */
struct plan {
	unsigned chunk_bits;
	uint32_t chunks_at, negative_at,
		inline_at; /* inline_at: 0 when chunks have blocks of their own */
	uint64_t block_len;
};

static uint64_t
align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) / align * align;
}

static void
plan_block(struct plan *p, unsigned apex_len, uint32_t negative_octets, uint64_t inline_octets)
{
	/* behind the apex there is always more than NAME_PAD octets */
	uint64_t at = align_up(offsetof(struct image, apex) + apex_len, 8);
	p->chunks_at = (uint32_t)at;
	at += sizeof(struct image_chunk_ref) << p->chunk_bits;
	p->inline_at = 0;
	if (inline_octets != 0) {
		at = align_up(at, ARENA_ALIGN);
		p->inline_at = (uint32_t)at;
		at += align_up(inline_octets, 4);
	}
	p->negative_at = (uint32_t)at;
	at += negative_octets;
	p->block_len = at + (inline_octets != 0 ? 0 : NAME_PAD + sizeof(struct image_counts));
}

static void
fill_header(struct image *im, const struct plan *p, const uint8_t *apex, unsigned apex_len,
	unsigned labels)
{
	*im = (struct image){
		.magic = IMAGE_MAGIC,
		.chunk_bits = (uint8_t)p->chunk_bits,
		.apex_len = (uint8_t)apex_len,
		.apex_labels = (uint8_t)labels,
		.block_len = (uint32_t)p->block_len,
		.chunks_at = p->chunks_at,
		.negative_at = p->negative_at,
		.octets = p->block_len,
	};
	memcpy(im->apex, apex, apex_len);
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
		ref[i] = (struct image_chunk_ref){off, (uint32_t)c->chunk.len, c->bucket_mask};
		c->octets += c->chunk.len;
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

static unsigned
choose_chunk_bits(struct compile *c)
{
	unsigned bits = 0;

	for (uint32_t i = 0; i < c->z->n_names; i++) {
		const struct zone_name *n = &c->z->name[i];
		if (!is_node(n))
			continue;
		c->n_nodes++;
		if (n->labels > c->labels_max)
			c->labels_max = n->labels;
	}
	while (bits < IMAGE_CHUNK_BITS_MAX && c->n_nodes >> bits > CHUNK_NAMES)
		bits++;
	return bits;
}

/* Allocate and write the image's block. Chunks are built already: `ref`, or the one in c->chunk. */
static int
write_image(struct compile *c, struct plan *p, const struct image_chunk_ref *ref,
	const struct zone_name *apex, const struct zone_record *soa, uint64_t *image_off)
{
	const struct zone_model *z = c->z;
	uint32_t negative = zone_render_negative(c->render, apex, soa);

	plan_block(p, z->apex_len, negative, p->chunk_bits == 0 ? c->chunk.len : 0);
	if (p->block_len > UINT32_MAX)
		return -ENOSPC;
	uint64_t off = arena_alloc(c->arena, p->block_len);
	if (off == 0)
		return -ENOSPC;
	uint8_t *block = arena_writable(c->arena, off);
	struct image *im = (struct image *)block;
	if (p->inline_at != 0) {
		memset(block, 0, p->inline_at);
		memset(block + p->negative_at - 4, 0, 4); /* the chunk is rounded up */
	} else {
		memset(block, 0, p->block_len);
	}
	fill_header(im, p, z->apex, z->apex_len, z->apex_labels);
	zone_render_copy(c->render, block + p->negative_at);
	struct image_chunk_ref *table = (struct image_chunk_ref *)(block + p->chunks_at);
	if (p->inline_at != 0) {
		memcpy(block + p->inline_at, c->chunk.p, c->chunk.len);
		table[0] = (struct image_chunk_ref){
			off + p->inline_at, (uint32_t)c->chunk.len, c->bucket_mask};
	} else {
		memcpy(table, ref, sizeof *ref << p->chunk_bits);
	}
	im->labels_max = (uint8_t)c->labels_max;
	im->n_names = c->n_nodes;
	im->n_records = z->n_records;
	im->octets += c->octets;
	uint16_t len;
	const uint8_t *rdata = zone_rdata(z, soa, &len);
	const uint8_t *serial = rdata + len - 20;
	im->serial = (uint32_t)serial[0] << 24 | (uint32_t)serial[1] << 16 |
		     (uint32_t)serial[2] << 8 | serial[3];
	*image_off = off;
	return 0;
}

int
zone_compile(struct arena *a, const struct zone_model *z, uint64_t *image_off)
{
	struct compile c = {.arena = a, .z = z, .ahead.z = z};
	struct plan p = {0};
	struct image_chunk_ref *ref = NULL;
	uint32_t n_soa = 0;
	uint16_t len;
	int err;

	const struct zone_name *apex =
		zone_model_find(z, name_hash(z->seed, z->apex), z->apex, z->apex_len);
	const struct zone_record *soa =
		apex == NULL ? NULL : zone_model_rrset(z, apex, ZONE_SOA, &n_soa);
	if (soa == NULL || n_soa != 1 || z->seed != arena_header(a)->seed ||
		(zone_rdata(z, soa, &len), len < 22))
		return -EINVAL;
	p.chunk_bits = choose_chunk_bits(&c);
	c.render = zone_render_create(z);
	if (c.render == NULL)
		return -ENOMEM;
	if (p.chunk_bits == 0) {
		err = build_chunk(&c, 0, z->n_names);
	} else {
		ref = calloc(1u << p.chunk_bits, sizeof *ref);
		err = ref == NULL ? -ENOMEM : compile_chunks(&c, ref, p.chunk_bits);
	}
	if (err == 0)
		err = write_image(&c, &p, ref, apex, soa, image_off);
	if (err != 0 && ref != NULL)
		free_chunks(a, ref, p.chunk_bits);
	free(ref);
	free(c.chunk.p);
	zone_render_destroy(c.render);
	return err;
}

int
zone_compile_unavailable(struct arena *a, const uint8_t *apex, uint64_t *image_off)
{
	uint8_t label[NAME_LABELS_MAX];
	struct plan p = {0};
	unsigned len = name_octets(apex);

	plan_block(&p, len, 0, 0);
	p.negative_at = 0;
	uint64_t off = arena_alloc(a, p.block_len);
	if (off == 0)
		return -ENOSPC;
	struct image *im = arena_writable(a, off);
	memset(im, 0, p.block_len);
	fill_header(im, &p, apex, len, name_labels(apex, label));
	im->flags = IMAGE_UNAVAILABLE;
	*image_off = off;
	return 0;
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
