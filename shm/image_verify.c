/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image_verify: is an image all that shm/image.h says? For publishers, tools, tests and fuzzers;
 * any octets may be given. Reads nothing outside the arena. Each chunk's nodes and answers may not
 * add up to more octets than the chunk has, so the work is in proportion to the image. */
#include "shm/image_verify.h"
#include "shm/image_find.h"

#include <errno.h>

#define TYPE_NS 2u
#define TYPE_CNAME 5u
#define TYPE_SOA 6u
#define TYPE_DNAME 39u
#define TYPE_DS 43u

struct verify {
	const struct arena *arena;
	const struct image *im;
	uint64_t off;
	uint64_t n_nodes;
	uint64_t distance; /* buckets passed on the way to this chunk's nodes */
	unsigned labels_max;
	const char *why;
};

static bool
wrong(struct verify *v, const char *why)
{
	if (v->why == NULL)
		v->why = why;
	return false;
}

unsigned
image_verify_name(const uint8_t *name, unsigned max, unsigned *n_labels)
{
	unsigned at = 0;

	*n_labels = 0;
	while (at < max && name[at] != 0) {
		unsigned len = name[at];
		if (len > LABEL_OCTETS_MAX || at + 1 + len >= max)
			return 0;
		for (unsigned i = 1; i <= len; i++)
			if (name[at + i] >= 'A' && name[at + i] <= 'Z')
				return 0;
		at += len + 1;
		++*n_labels;
	}
	return at < max && at < NAME_OCTETS_MAX ? at + 1 : 0;
}

/* A node by name, which ends in the apex. The name is copied: hashing reads beyond its end. */
static const struct image_node *
find(const struct verify *v, const uint8_t *name, unsigned len)
{
	uint8_t copy[NAME_OCTETS_MAX + 1 + NAME_PAD];
	memcpy(copy, name, len);
	memset(copy + len, 0, NAME_PAD);
	uint64_t hash = name_hash(arena_header(v->arena)->seed, copy);
	struct image_chunk c = image_chunk_of(v->arena, v->im, hash);
	return c.base == NULL ? NULL : image_find(&c, hash, copy, len);
}

/* A node with its whole name. */
struct named {
	const struct image_node *node;
	unsigned len, labels;
	uint64_t hash;
	uint8_t name[NAME_OCTETS_MAX + 1 + NAME_PAD];
};

/* Put the name together; false when it is none below the apex. */
static bool
take_name(struct verify *v, const struct image_node *n, struct named *d)
{
	const struct image *im = v->im;
	unsigned stored = (unsigned)n->name_len - im->apex_len, at = 0;

	memset(d, 0, sizeof *d);
	d->node = n;
	d->len = n->name_len;
	memcpy(d->name, image_node_name(n), stored);
	memcpy(d->name + stored, im->apex, im->apex_len);
	if (image_verify_name(d->name, d->len, &d->labels) != d->len)
		return wrong(v, "a node's name is not well-formed");
	while (at < stored)
		at += d->name[at] + 1u;
	if (at != stored)
		return wrong(v, "a node outside the zone");
	d->hash = name_hash(arena_header(v->arena)->seed, d->name);
	return true;
}

/* The node's place in the zone: its parent is there, wildcards are announced. */
static bool
verify_ancestry(struct verify *v, const struct named *d)
{
	const struct image_node *n = d->node;
	const uint8_t *name = d->name;

	if (d->len == v->im->apex_len)
		return !(n->flags & NODE_CUT) || wrong(v, "the apex is a cut");
	const struct image_node *up = find(v, name + name[0] + 1, d->len - name[0] - 1u);
	if (up == NULL)
		return wrong(v, "a node whose parent is none");
	if (up->flags & (NODE_CUT | NODE_DNAME))
		return wrong(v, "a node below a cut or a DNAME");
	if (name[0] == 1 && name[1] == '*' && !(up->flags & NODE_WILDCARD_CHILD))
		return wrong(v, "a wildcard that its parent does not know of");
	return true;
}

static bool
verify_wildcard_child(struct verify *v, const struct named *d)
{
	uint8_t wild[NAME_OCTETS_MAX + 2];

	if (!(d->node->flags & NODE_WILDCARD_CHILD))
		return true;
	if (d->len + 2u > NAME_OCTETS_MAX)
		return wrong(v, "a wildcard with too long a name");
	wild[0] = 1;
	wild[1] = '*';
	memcpy(wild + 2, d->name, d->len);
	return find(v, wild, d->len + 2u) != NULL || wrong(v, "the wildcard is missing");
}

/* Types and their answers. *left: octets of the chunk that nothing visited so far accounts for. */
static bool
verify_types(struct verify *v, const struct image_chunk *c, const struct named *d, uint64_t *left)
{
	const struct image_node *n = d->node;
	const struct image_type *t = image_node_types(n);
	uint8_t found = 0;
	bool soa = false, ns = false;

	for (unsigned i = 0; i < n->n_types; i++) {
		if (i > 0 &&
			(t[i].type < t[i - 1].type ||
				(t[i].type == t[i - 1].type && t[i].variant <= t[i - 1].variant)))
			return wrong(v, "types out of order");
		if (t[i].type == 0 || t[i].variant != 0)
			return wrong(v, "a type or variant that there is not");
		if (n->flags & NODE_CUT && t[i].type != TYPE_NS && t[i].type != TYPE_DS)
			return wrong(v, "a type at a cut that is the child's");
		const struct image_answer *a = image_answer_at(c->base, c->len, t[i].answer);
		if (a == NULL ||
			t[i].answer < ((uint64_t)c->bucket_mask + 1) * sizeof(struct image_bucket))
			return wrong(v, "an answer outside its chunk");
		uint32_t size =
			image_answer_size(a->flags, a->len, image_answer_counts(a).n_fix, a->n_cut);
		if (size > *left)
			return wrong(v, "nodes and answers overlap");
		*left -= size;
		bool referral = n->flags & NODE_CUT && t[i].type == TYPE_NS;
		const char *why =
			image_verify_answer(a, referral ? IMAGE_ROLE_REFERRAL : IMAGE_ROLE_RRSET,
				t[i].type, d->name, d->len);
		if (why != NULL)
			return wrong(v, why);
		found |= t[i].type == TYPE_CNAME   ? NODE_CNAME
			 : t[i].type == TYPE_DNAME ? NODE_DNAME
						   : 0;
		soa |= t[i].type == TYPE_SOA;
		ns |= t[i].type == TYPE_NS;
	}
	if (((n->flags ^ found) & (NODE_CNAME | NODE_DNAME)) != 0)
		return wrong(v, "flags and types disagree");
	if (n->flags & NODE_CUT && !ns)
		return wrong(v, "a cut without NS");
	return soa == (n->name_len == v->im->apex_len) ||
	       wrong(v, "SOA missing, or not at the apex");
}

/* A node in a slot of bucket b: it must be what a look-up finds. */
static bool
verify_node(struct verify *v, const struct image_chunk *c, uint32_t b, uint16_t tag,
	const struct image_node *n, uint64_t *left)
{
	struct named d;

	uint32_t size = image_node_octets(n->n_types, (uint32_t)n->name_len - c->apex_len);
	if (size > *left)
		return wrong(v, "nodes and answers overlap");
	*left -= size;
	if (n->flags & ~(NODE_CUT | NODE_DNAME | NODE_WILDCARD_CHILD | NODE_CNAME) ||
		(n->flags & NODE_CUT && n->flags != NODE_CUT) ||
		(n->flags & NODE_DNAME && n->flags & NODE_WILDCARD_CHILD))
		return wrong(v, "node flags that there are not, or not together");
	if (!take_name(v, n, &d))
		return false;
	if (image_chunk_of(v->arena, v->im, d.hash).base != c->base || image_tag(d.hash) != tag)
		return wrong(v, "a node in the wrong chunk, or with the wrong tag");
	v->distance += (b - (uint32_t)d.hash) & c->bucket_mask;
	if (image_find(c, d.hash, d.name, d.len) != n)
		return wrong(v, "a node that is not found by its name");
	if (d.labels > v->labels_max)
		v->labels_max = d.labels;
	v->n_nodes++;
	return verify_types(v, c, &d, left) && verify_ancestry(v, &d) &&
	       verify_wildcard_child(v, &d);
}

static bool
verify_chunk(struct verify *v, const struct image_chunk_ref *ref)
{
	struct image_chunk c = {arena_at(v->arena, ref->off, ref->len), ref->len, ref->bucket_mask,
		v->im->apex_len};
	uint64_t spills = 0;

	if (c.base == NULL || ref->off % ARENA_ALIGN != 0)
		return wrong(v, "a chunk outside the arena, or not aligned");
	uint64_t buckets = ((uint64_t)c.bucket_mask + 1) * sizeof(struct image_bucket);
	if ((c.bucket_mask & (c.bucket_mask + 1)) != 0 || buckets > c.len)
		return wrong(v, "a chunk with an impossible number of buckets");
	uint64_t left = c.len - buckets;
	v->distance = 0;
	for (uint32_t b = 0; b <= c.bucket_mask; b++) {
		const struct image_bucket *k = (const struct image_bucket *)c.base + b;
		spills += k->spill;
		for (unsigned i = 0; i < IMAGE_SLOTS; i++) {
			uint32_t off = k->node[i] & ~IMAGE_NODE_LINES;
			if (k->node[i] == 0)
				continue;
			const struct image_node *n = image_node_at(&c, off);
			if (n == NULL || off < buckets)
				return wrong(v, "a node outside its chunk");
			if (!verify_node(v, &c, b, k->tag[i], n, &left))
				return false;
		}
	}
	/* each name counts once in every bucket that its look-up passes */
	return spills == v->distance || wrong(v, "spill counts and nodes disagree");
}

static bool
verify_chunks(struct verify *v)
{
	const struct image *im = v->im;
	uint64_t n_chunks = 1ull << im->chunk_bits, octets = im->block_len;
	const uint8_t *variant = image_variant(im);
	unsigned names = im->apex_len + (variant == NULL ? 0 : variant[0] + 1u);

	if (im->chunks_at % 8 != 0 || im->chunks_at < offsetof(struct image, apex) + names ||
		im->chunks_at + n_chunks * sizeof(struct image_chunk_ref) > im->block_len)
		return wrong(v, "the chunk table leaves the image");
	const struct image_chunk_ref *ref =
		(const struct image_chunk_ref *)((const uint8_t *)im + im->chunks_at);
	if (im->flags & IMAGE_UNAVAILABLE)
		return (im->chunk_bits == 0 && ref->off == 0 && ref->len == 0 &&
			       im->negative_at == 0 && im->octets == octets) ||
		       wrong(v, "an unavailable zone with data");
	for (uint64_t i = 0; i < n_chunks; i++) {
		bool inside = ref[i].off >= v->off && ref[i].off < v->off + im->block_len;
		if (inside ? ref[i].len > v->off + im->block_len - ref[i].off || n_chunks > 1
			   : ref[i].len > v->arena->size - octets)
			return wrong(v, "chunks leave the image, or are more than the arena");
		octets += inside ? 0 : ref[i].len;
	}
	if (octets != im->octets)
		return wrong(v, "octets do not add up");
	for (uint64_t i = 0; i < n_chunks; i++)
		if (!verify_chunk(v, &ref[i]))
			return false;
	return true;
}

static bool
verify_negative(struct verify *v)
{
	const struct image *im = v->im;
	const struct image_answer *a =
		im->negative_at < im->chunks_at
			? NULL
			: image_answer_at((const uint8_t *)im, im->block_len, im->negative_at);
	if (a == NULL)
		return wrong(v, "the negative answer leaves the image");
	const char *why =
		image_verify_answer(a, IMAGE_ROLE_NEGATIVE, TYPE_SOA, im->apex, im->apex_len);
	if (why != NULL)
		return wrong(v, why);
	const uint8_t *serial = image_answer_octets(a) + a->len - 20;
	uint32_t s = (uint32_t)serial[0] << 24 | (uint32_t)serial[1] << 16 |
		     (uint32_t)serial[2] << 8 | serial[3];
	return s == im->serial || wrong(v, "serial and SOA disagree");
}

static bool
verify_image(struct verify *v)
{
	const struct image *im = v->im;
	unsigned labels;

	if (im == NULL || v->off % ARENA_ALIGN != 0 || image_apex(im) == NULL ||
		im->chunk_bits > IMAGE_CHUNK_BITS_MAX)
		return wrong(v, "no image");
	if (im->flags & ~(IMAGE_UNAVAILABLE | IMAGE_VARIANT))
		return wrong(v, "unknown image flags");
	if (image_verify_name(im->apex, im->apex_len, &labels) != im->apex_len ||
		labels != im->apex_labels)
		return wrong(v, "the apex is not well-formed");
	if ((im->flags & IMAGE_VARIANT) != 0 && image_variant(im) == NULL)
		return wrong(v, "the variant's label is not well-formed");
	if (!verify_chunks(v))
		return false;
	if (im->flags & IMAGE_UNAVAILABLE)
		return im->n_names == 0 || wrong(v, "an unavailable zone with names");
	if (find(v, im->apex, im->apex_len) == NULL)
		return wrong(v, "the apex is missing");
	if (v->n_nodes != im->n_names || v->labels_max > im->labels_max)
		return wrong(v, "names are not as many, or not as deep, as the header says");
	return verify_negative(v);
}

int
image_verify(const struct arena *a, uint64_t off, const char **why)
{
	struct verify v = {.arena = a, .off = off, .im = image_at(a, off)};

	if (verify_image(&v))
		return 0;
	if (why != NULL)
		*why = v.why;
	return -EPROTO;
}
