/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_patch: a new image that shares chunks with an old one. Control plane, any thread; of one
 * zone one at a time.
 *
 * Which nodes may differ is found out first (zone_patch_affect), asking the zone as it is to be and
 * the old image as it is. They are rendered from a small model, and each chunk that one of them
 * lies in, or lay in, is laid anew: the other nodes of it are copied with their answers, in which
 * nothing depends on where they lie. So no octets are lost in chunks, and their buckets fit their
 * nodes. */
#include "controlplane/zones/zone_patch.h"

#include "controlplane/zones/zone_block.h"
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_patch_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MIN 24u    /* a smaller zone is compiled as a whole in about the same time */
#define BUCKETS_MAX 256u /* times those that a chunk should have */
#define BUCKETS_SPARE 4u /* a chunk may have so many times the buckets that it should have */
#define UNUSED_PART 4u   /* of the octets of a chunk may lead nowhere */
#define GROWN 4u         /* chunks with so many times the names that they should have, or ... */
#define SHRUNK 8u        /* so much less */

/* Where in the image a chunk was put. */
struct written {
	uint32_t chunk;
	struct image_chunk_ref old, new;
};

struct run {
	struct patch p;
	struct zone_render *render;
	struct zone_chunk chunk;
	struct zone_block block;
	struct written *written;
	uint32_t n_written, n_rendered;
	uint32_t *order; /* affected names, by hash */
	uint32_t n_order;
	int64_t names_more; /* nodes that came, less those that went */
};

static const struct image_chunk_ref *
refs_of(const struct image *im)
{
	return (const struct image_chunk_ref *)((const uint8_t *)im + im->chunks_at);
}

/* Is this an image that can be patched, and one that is worth it? */
static bool
can_be_patched(const struct image *im)
{
	if (im == NULL || image_apex(im) == NULL || im->flags & IMAGE_UNAVAILABLE ||
		im->chunk_bits > IMAGE_CHUNK_BITS_MAX || im->chunks_at % 8 != 0 ||
		im->chunks_at + (sizeof(struct image_chunk_ref) << im->chunk_bits) > im->block_len)
		return false;
	uint64_t each = im->n_names >> im->chunk_bits;
	return im->n_names >= NAMES_MIN && each <= (uint64_t)GROWN * zone_chunk_names &&
	       (im->chunk_bits == 0 || each >= zone_chunk_names / SHRUNK);
}

/* The name that the model has for an affected one, if it is to be a node. */
static const struct zone_name *
node_of(const struct run *r, uint32_t at)
{
	const struct patch_name *n = &r->p.name[at];
	const struct zone_name *name =
		zone_model_find(&r->p.build.z, n->hash, patch_wire(&r->p, at), n->len);

	return name == NULL || !zone_name_is_node(name) ? NULL : name;
}

/* --- chunks --- */

/* Hash of a node's name: its own labels, then the apex. False when that is no name. */
static bool
hash_node(const struct run *r, const struct image_node *node,
	uint8_t wire[PATCH_WIRE_OCTETS + LABEL_OCTETS_MAX], uint64_t *hash)
{
	const struct zone_model *z = &r->p.build.z;
	uint8_t label[NAME_LABELS_MAX];
	unsigned stored = (unsigned)node->name_len - z->apex_len, n = 0, at = 0;

	memcpy(wire, image_node_name(node), stored);
	memcpy(wire + stored, z->apex, z->apex_len + NAME_HASH_AHEAD);
	for (; at < stored; at += wire[at] + 1u) {
		if (wire[at] > LABEL_OCTETS_MAX || n == NAME_LABELS_MAX)
			return false;
		label[n++] = (uint8_t)at;
	}
	*hash = r->p.build.apex_hash;
	while (n-- > 0)
		*hash = name_hash_extend(*hash, wire + label[n]);
	return at == stored;
}

/* Is a new node put in place of this one, or is it to go? */
static bool
is_affected(const struct run *r, uint64_t hash, const uint8_t *wire, unsigned len)
{
	uint32_t at = patch_find(&r->p, hash, wire, len);

	return at != PATCH_NONE && r->p.name[at].flags & PATCH_AFFECTED;
}

/* Copy the nodes of a chunk that stay. */
static int
copy_nodes(struct run *r, const struct image_chunk *old, uint32_t chunk)
{
	const struct image_bucket *b = (const struct image_bucket *)old->base;
	uint8_t wire[PATCH_WIRE_OCTETS + LABEL_OCTETS_MAX];
	uint64_t hash;
	int err = 0;

	for (uint32_t i = 0; i <= old->bucket_mask; i++)
		for (unsigned s = 0; s < IMAGE_SLOTS; s++) {
			if (b[i].node[s] == 0)
				continue;
			const struct image_node *node =
				image_node_at(old, b[i].node[s] & ~IMAGE_NODE_LINES);
			if (node == NULL || !hash_node(r, node, wire, &hash) ||
				image_chunk_index(r->p.old, hash) != chunk)
				return -EPROTO;
			if (is_affected(r, hash, wire, node->name_len))
				continue;
			err = zone_chunk_copy(&r->chunk, old, node, hash);
			if (err != 0)
				return err;
		}
	return 0;
}

/* Lay a chunk anew; order[first..end) are the affected names that belong into it. */
static int
lay_chunk(struct run *r, const struct image_chunk *old, uint32_t chunk, uint32_t first,
	uint32_t end, uint32_t n_buckets)
{
	int err = zone_chunk_begin(&r->chunk, n_buckets);

	/* nodes are visited in no order: have all of it on its way */
	for (uint32_t at = 0; at < old->len; at += 64)
		prefetch_line(old->base + at);
	if (err == 0)
		err = copy_nodes(r, old, chunk);
	for (uint32_t i = first; err == 0 && i < end; i++) {
		const struct zone_name *name = node_of(r, r->order[i]);
		if (name != NULL)
			err = zone_chunk_render(&r->chunk, &r->p.build.z, r->render, name);
	}
	return err == 0 ? zone_chunk_end(&r->chunk) : err;
}

/* Change a copy of a chunk: a fifth of the time that laying it anew takes. -EAGAIN: that has to be
 * done, or it would have too few or too many buckets for its n nodes, or too much room lost. */
static int
edit_chunk(struct run *r, const struct image_chunk *old, uint32_t first, uint32_t end, uint64_t n)
{
	const struct image_bucket *b = (const struct image_bucket *)old->base;
	uint64_t n_buckets = (uint64_t)old->bucket_mask + 1, wanted = zone_chunk_buckets(n);
	uint64_t unused = b[0].unused * 64ull;
	int err;

	if (wanted > n_buckets || wanted * BUCKETS_SPARE < n_buckets)
		return -EAGAIN;
	for (uint32_t i = first; i < end; i++) {
		const struct image_node *node = patch_old_node(&r->p, r->order[i]);
		unused += node == NULL ? 0 : zone_chunk_node_octets(old, node) + 63;
	}
	if (unused * UNUSED_PART > old->len - n_buckets * sizeof *b)
		return -EAGAIN;
	err = zone_chunk_take(&r->chunk, old);
	for (uint32_t i = first; err == 0 && i < end; i++) {
		const struct image_node *node = patch_old_node(&r->p, r->order[i]);
		if (node != NULL)
			err = zone_chunk_remove(&r->chunk, old, node, r->p.name[r->order[i]].hash);
	}
	for (uint32_t i = first; err == 0 && i < end; i++) {
		const struct zone_name *name = node_of(r, r->order[i]);
		if (name != NULL)
			err = zone_chunk_render(&r->chunk, &r->p.build.z, r->render, name);
	}
	return err == 0 ? zone_chunk_end(&r->chunk) : err;
}

static uint32_t
count_slots(const struct image_chunk *c)
{
	const struct image_bucket *b = (const struct image_bucket *)c->base;
	uint32_t n = 0;

	for (uint32_t i = 0; i <= c->bucket_mask; i++)
		for (unsigned s = 0; s < IMAGE_SLOTS; s++)
			n += b[i].node[s] != 0;
	return n;
}

static int
replace_chunk(struct run *r, uint32_t first, uint32_t end)
{
	const struct patch *p = &r->p;
	uint64_t hash = p->name[r->order[first]].hash;
	uint32_t chunk = image_chunk_index(p->old, hash);
	struct image_chunk old = image_chunk_of(p->arena, p->old, hash);
	int64_t n;
	int err;

	if (old.base == NULL)
		return -EPROTO;
	n = count_slots(&old);
	for (uint32_t i = first; i < end; i++) {
		bool was = patch_old_node(p, r->order[i]) != NULL;
		bool is = node_of(r, r->order[i]) != NULL;
		n += (int64_t)is - was;
		r->names_more += (int64_t)is - was;
		r->n_rendered += is;
	}
	if (n < 0)
		return -EPROTO;
	uint32_t n_buckets = zone_chunk_buckets((uint64_t)n), most = n_buckets * BUCKETS_MAX;
	err = edit_chunk(r, &old, first, end, (uint64_t)n);
	while (err == -EAGAIN &&
		(err = lay_chunk(r, &old, chunk, first, end, n_buckets)) == -EAGAIN &&
		n_buckets < most)
		n_buckets *= 2;
	r->written[r->n_written++] = (struct written){
		.chunk = chunk,
		.old = refs_of(p->old)[chunk],
		.new = {0, (uint32_t)r->chunk.len, r->chunk.bucket_mask},
	};
	return err;
}

/* Into the arena; a lone chunk goes into the image's own block. */
static int
store_chunk(struct run *r)
{
	struct written *w = &r->written[r->n_written - 1];

	if (r->block.chunk_bits == 0)
		return 0;
	w->new.off = arena_alloc(r->p.arena, w->new.len);
	if (w->new.off == 0)
		return -ENOSPC;
	memcpy(arena_writable(r->p.arena, w->new.off), r->chunk.p, w->new.len);
	r->block.chunk_octets += (uint64_t)w->new.len - w->old.len;
	return 0;
}

static int
by_hash(const void *x, const void *y, void *names)
{
	const struct patch_name *name = names;
	uint64_t a = name[*(const uint32_t *)x].hash, b = name[*(const uint32_t *)y].hash;

	return a < b ? -1 : a > b;
}

/* Every chunk that an affected name belongs into. */
static int
replace_chunks(struct run *r)
{
	struct patch *p = &r->p;
	int err = 0;

	r->order = malloc((p->n_affected + 1) * sizeof *r->order);
	r->written = malloc((p->n_affected + 1) * sizeof *r->written);
	if (r->order == NULL || r->written == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->n_names; i++)
		if (p->name[i].flags & PATCH_AFFECTED)
			r->order[r->n_order++] = i;
	qsort_r(r->order, r->n_order, sizeof *r->order, by_hash, p->name);
	for (uint32_t first = 0, end; err == 0 && first < r->n_order; first = end) {
		uint32_t chunk = image_chunk_index(p->old, p->name[r->order[first]].hash);
		for (end = first + 1; end < r->n_order; end++)
			if (image_chunk_index(p->old, p->name[r->order[end]].hash) != chunk)
				break;
		err = replace_chunk(r, first, end);
		if (err == 0)
			err = store_chunk(r);
	}
	return err;
}

/* --- the image --- */

/* The SOA for negative answers: a new one if the apex is affected. */
static int
take_negative(struct run *r, uint8_t negative[ZONE_NEGATIVE_OCTETS_MAX])
{
	const struct zone_model *z = &r->p.build.z;
	const struct image *old = r->p.old;
	struct zone_block *b = &r->block;
	uint32_t n = 0, at = patch_find(&r->p, r->p.build.apex_hash, z->apex, z->apex_len);

	if (!(r->p.name[at].flags & PATCH_AFFECTED)) {
		const struct image_answer *a =
			image_answer_at((const uint8_t *)old, old->block_len, old->negative_at);
		uint32_t octets = a == NULL ? 0
					    : image_answer_size(a->flags, a->len,
						      image_answer_counts(a).n_fix, a->n_cut);
		if (octets == 0 || octets > ZONE_NEGATIVE_OCTETS_MAX || a->len < 20)
			return -EPROTO;
		memcpy(negative, a, octets);
		b->negative_octets = octets;
	} else {
		const struct zone_name *apex = node_of(r, at);
		const struct zone_record *soa =
			apex == NULL ? NULL : zone_model_rrset(z, apex, ZONE_SOA, &n);
		uint16_t len;
		if (soa == NULL || n != 1 || (zone_rdata(z, soa, &len), len < 22))
			return -EINVAL;
		b->negative_octets = zone_render_negative(r->render, apex, soa);
		if (b->negative_octets > ZONE_NEGATIVE_OCTETS_MAX)
			return -EPROTO;
		zone_render_copy(r->render, negative);
	}
	b->negative = negative;
	return 0;
}

static int
write_image(struct run *r, uint64_t *image_off)
{
	_Alignas(8) uint8_t negative[ZONE_NEGATIVE_OCTETS_MAX];
	const struct image *old = r->p.old;
	struct zone_block *b = &r->block;

	int err = take_negative(r, negative);
	if (err != 0)
		return err;
	b->n_names = (uint64_t)((int64_t)old->n_names + r->names_more);
	for (uint32_t i = 0; i < r->n_order; i++) {
		const struct zone_name *name = node_of(r, r->order[i]);
		if (name != NULL && name->labels > b->labels_max)
			b->labels_max = name->labels;
	}
	if (b->chunk_bits > 0)
		b->ref = refs_of(old);
	else if (r->n_written > 0)
		b->chunk = &r->chunk;
	else
		return -EAGAIN;
	err = zone_block_write(r->p.arena, b, image_off);
	if (err != 0 || b->chunk_bits == 0)
		return err;
	struct image *im = arena_writable(r->p.arena, *image_off);
	struct image_chunk_ref *ref = (struct image_chunk_ref *)((uint8_t *)im + im->chunks_at);
	for (uint32_t i = 0; i < r->n_written; i++)
		ref[r->written[i].chunk] = r->written[i].new;
	return 0;
}

static int
patch(struct run *r, const uint8_t *const *owner, size_t n, struct zone_patch_result *out)
{
	struct patch *p = &r->p;
	uint32_t apex;

	/* it is always in the model: it holds what is above all names */
	int err = patch_name(p, p->build.z.apex, &apex);
	for (size_t i = 0; err == 0 && i < n; i++)
		err = patch_owner(p, owner[i]);
	if (err == 0)
		err = patch_close(p);
	if (err == 0 && p->n_affected > p->old->n_names / 2 && p->n_affected > zone_chunk_names)
		err = -EAGAIN;
	if (err == 0)
		err = zone_index(&p->build);
	if (err == 0)
		err = (r->render = zone_render_create(&p->build.z)) == NULL ? -ENOMEM : 0;
	if (err == 0)
		err = replace_chunks(r);
	if (err == 0)
		err = write_image(r, &out->image_off);
	return err;
}

int
zone_patch(struct arena *a, uint64_t old_off, const struct zone_reader *reader,
	const uint8_t *const *owner, size_t n, struct zone_patch_result *out)
{
	const struct image *old = image_at(a, old_off);
	struct run *r;

	if (!can_be_patched(old) || n > PATCH_AFFECTED_MAX)
		return -EAGAIN;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return -ENOMEM;
	r->block = (struct zone_block){
		.apex = r->p.build.z.apex,
		.apex_len = old->apex_len,
		.apex_labels = old->apex_labels,
		.variant = image_variant(old),
		.labels_max = old->labels_max,
		.chunk_bits = old->chunk_bits,
		.chunk_octets = old->chunk_bits == 0 ? 0 : old->octets - old->block_len,
		.n_records = reader->n_records,
	};
	int err = patch_init(&r->p, a, old, reader);
	if (err == 0)
		err = patch(r, owner, n, out);
	for (uint32_t i = 0; err != 0 && i < r->n_written; i++)
		if (r->written[i].new.off != 0)
			arena_free(a, r->written[i].new.off, r->written[i].new.len);
	out->n_nodes = r->n_rendered;
	out->n_chunks = r->n_written;
	zone_chunk_destroy(&r->chunk);
	zone_render_destroy(r->render);
	free(r->order);
	free(r->written);
	patch_destroy(&r->p);
	free(r);
	return err == -EPROTO ? -EAGAIN : err;
}

void
zone_patch_discard(struct arena *a, uint64_t old_off, uint64_t new_off)
{
	const struct image *old = image_at(a, old_off), *new = image_at(a, new_off);
	bool alone = old == NULL || new == NULL || old->chunk_bits != new->chunk_bits;

	if (new == NULL)
		return;
	for (uint32_t i = 0; new->chunk_bits > 0 && i < 1u << new->chunk_bits; i++)
		if (alone || refs_of(new)[i].off != refs_of(old)[i].off)
			arena_free(a, refs_of(new)[i].off, refs_of(new)[i].len);
	arena_free(a, new_off, new->block_len);
}
