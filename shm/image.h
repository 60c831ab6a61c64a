/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image: one version of one zone, compiled so that a worker answers by looking up and copying.
 *
 *   struct image        header, apex, chunk table, negative answer; often the only chunk as well
 *   chunk               struct image_bucket[bucket_mask + 1], then nodes and answers
 *   struct image_node   one owner name that exists and is not below a zone cut or a DNAME
 *   struct image_answer what follows the question in a response: RRs, already compressed
 *
 * Which names are nodes: every owner of authoritative data, every zone cut, every DNAME owner, and
 * every empty non-terminal between them and the apex. Names below a cut or a DNAME are not nodes:
 * their closest encloser then is the cut or the DNAME itself. So if a name is a node, each of its
 * ancestors up to the apex is one, and the closest encloser can be found by bisection.
 *
 * An image never changes after it is published. A new version may share chunks with the old one. */
#pragma once
#include "shm/arena.h"
#include "shm/name.h"
#include "shm/zone_key.h"

#include <string.h>

#define IMAGE_MAGIC 0x45474d49u /* "IMGE" */
#define IMAGE_CHUNK_BITS_MAX 20u
#define IMAGE_SLOTS 10u /* names in a bucket: one cache line */
#define IMAGE_NODE_ALIGN 8u
#define IMAGE_NODE_LINES 3u /* mask in image_bucket.node */
#define IMAGE_POINTER_MAX                                                     \
	8191u /* compression targets lie below this offset in a rendering, so \
	       * that a CNAME chain of up to 8 KiB may still be put in front */

enum image_flag {
	IMAGE_UNAVAILABLE =
		1, /* configured, but nothing could be loaded: answer SERVFAIL; no chunks */
	/* of a variant of the zone: behind the apex lies the label of its key (zone_key.h). Since
	 * minor version 4, and only in the directory of variants, which older readers do not see */
	IMAGE_VARIANT = 2,
};

struct image_chunk_ref {
	uint64_t off;         /* arena offset of the chunk */
	uint32_t len;         /* octets: buckets, nodes, answers */
	uint32_t bucket_mask; /* buckets - 1 */
};

/* Offsets named *_at are octets from the start of this block. */
struct image {
	uint32_t magic;
	uint8_t flags;        /* enum image_flag */
	uint8_t chunk_bits;   /* 2^chunk_bits chunks, chosen by the upper bits of the hash */
	uint8_t labels_max;   /* no node has more labels */
	uint8_t apex_len;     /* octets, root label included */
	uint32_t block_len;   /* octets of this block; everything *_at lies inside */
	uint32_t chunks_at;   /* struct image_chunk_ref[2^chunk_bits], 8-aligned */
	uint32_t negative_at; /* struct image_answer: the SOA with its negative TTL (RFC 2308) as
			       * authority, rendered for the apex as question name; 2-aligned */
	uint32_t serial;
	uint64_t n_names;   /* nodes */
	uint64_t n_records; /* RRs in the zone, occluded ones included */
	uint64_t octets;    /* of this block and all chunks */
	uint8_t apex_labels;
	uint8_t apex[]; /* folded, wire; with IMAGE_VARIANT the variant's label; then NAME_PAD
			   octets that may be read */
};

struct image_bucket {
	_Alignas(64) uint16_t tag[IMAGE_SLOTS];
	uint16_t spill; /* names whose look-up passes here to a later bucket: go on while not 0 */
	/* Of the chunk's first bucket: how many octets of the chunk nothing leads to any more,
	 * divided by 64, for who writes images; 0 elsewhere, and before minor version 3. */
	uint16_t unused;
	/* Octets from the chunk's start; 0 = empty. The low bits, IMAGE_NODE_LINES, are a hint: how
	 * many cache lines after its first one the node and its answers take, as far as prefetching
	 * pays. */
	uint32_t node[IMAGE_SLOTS];
};

enum image_node_flag {
	NODE_CUT = 1,            /* delegation: NS here, and this is not the apex */
	NODE_DNAME = 2,          /* DNAME here: names below are synthesised */
	NODE_WILDCARD_CHILD = 4, /* the child "*" is a node */
	NODE_CNAME = 8,          /* CNAME here */
};

/* Followed by struct image_type[n_types] (ascending by type, then variant), then the folded owner
 * without the apex that it ends in: name_len - image.apex_len octets. The compiler lays a node and
 * its answers so that they take as few cache lines as they can. */
struct image_node {
	uint8_t flags;    /* enum image_node_flag */
	uint8_t name_len; /* octets of the whole owner, apex and root label included */
	uint16_t n_types; /* 0 at an empty non-terminal */
};

struct image_type {
	uint16_t type;    /* host order */
	uint16_t variant; /* 0: without DNSSEC records */
	uint32_t answer;  /* octets from the chunk's start, 2-aligned */
};

/* How a compression pointer in an answer moves when the answer is not sent right behind a question
 * that equals the name it was rendered for. Let the rendered name have L octets; let the name it
 * stands for now have L+d octets and lie at offset B of the message (12 for the question); and let
 * the answer's octets start at offset S. Then add to the pointer: */
enum image_fix {
	FIX_NAME = 0,   /* points at the whole name: B - 12 */
	FIX_SUFFIX = 1, /* points at a suffix of the rendered name: B - 12 + d */
	FIX_SELF = 2,   /* points into the answer itself: S - (12 + L + 4) */
};

enum image_answer_flag {
	ANSWER_WIDE =
		1, /* fix entries are uint32_t (kind << 30), otherwise uint16_t (kind << 14) */
	ANSWER_TOO_BIG = 2, /* the RRset does not fit in any message: answer SERVFAIL; len is 0 */
	ANSWER_LARGE = 4,   /* the counts are in a struct image_counts behind this header */
};

/* Which names are rendered how:
 *  - an RRset of an ordinary node: rendered for its owner; owner pointers are FIX_NAME, so that a
 *    wildcard's RRs come out with QNAME as owner (a wildcard is rendered for "*.<parent>");
 *  - NS of a cut (authority, with glue), DNAME, and the negative SOA: owner pointers are
 * FIX_SUFFIX;
 *  - CNAME and DNAME targets are never compressed: the target lies at octet 12 of the answer.
 * Sections come in order; additional records that must not be dropped (in-domain glue, RFC 9471)
 * come first among the additional.
 * Followed by struct image_counts if ANSWER_LARGE, len octets, padding to 2, fix entries [n_fix],
 * struct image_cut [n_cut]. A fix entry's lower bits say at which octet of the answer the pointer
 * stands; they ascend. */
struct image_answer {
	uint16_t len;       /* octets of RRs */
	uint8_t an, ns, ar; /* RRs in each section; 0 if ANSWER_LARGE */
	uint8_t n_fix;      /* 0 if ANSWER_LARGE */
	uint8_t n_cut;      /* places where it may be cut; 0: it fits whole, or is truncated */
	uint8_t flags;      /* enum image_answer_flag */
};

struct image_counts {
	uint16_t an, ns, ar, n_fix;
};

/* Descending. The last one is what must fit, or the response is truncated. */
struct image_cut {
	uint16_t len, ar;
};

_Static_assert(sizeof(struct image_bucket) == 64, "a bucket is a cache line");
_Static_assert(sizeof(struct image_node) == 4 && sizeof(struct image_type) == 8, "packed nodes");
_Static_assert(sizeof(struct image_answer) == 8 && sizeof(struct image_counts) == 8 &&
		       sizeof(struct image_cut) == 4,
	"packed answers");
_Static_assert(sizeof(struct image_chunk_ref) == 16, "four to a cache line");

/* Types start 4 octets behind a node that is 8-aligned; both are read with 4-octet alignment. */
static inline const struct image_type *
image_node_types(const struct image_node *n)
{
	return (const struct image_type *)(n + 1);
}

static inline const uint8_t *
image_node_name(const struct image_node *n)
{
	return (const uint8_t *)(image_node_types(n) + n->n_types);
}

/** Octets of a node: its header, types, and as much of its owner as is stored. */
static inline uint32_t
image_node_octets(uint32_t n_types, uint32_t stored)
{
	return (uint32_t)sizeof(struct image_node) + n_types * (uint32_t)sizeof(struct image_type) +
	       stored;
}

static inline struct image_counts
image_answer_counts(const struct image_answer *a)
{
	if (__builtin_expect(a->flags & ANSWER_LARGE, 0))
		return *(const struct image_counts *)(a + 1);
	return (struct image_counts){a->an, a->ns, a->ar, a->n_fix};
}

static inline uint32_t
image_answer_header(uint8_t flags)
{
	return (uint32_t)sizeof(struct image_answer) +
	       (flags & ANSWER_LARGE ? (uint32_t)sizeof(struct image_counts) : 0);
}

static inline const uint8_t *
image_answer_octets(const struct image_answer *a)
{
	return (const uint8_t *)a + image_answer_header(a->flags);
}

/** Octets of an answer with all that follows it. */
static inline uint32_t
image_answer_size(uint8_t flags, uint32_t len, uint32_t n_fix, uint32_t n_cut)
{
	return image_answer_header(flags) + ((len + 1u) & ~1u) +
	       n_fix * (flags & ANSWER_WIDE ? 4u : 2u) + n_cut * (uint32_t)sizeof(struct image_cut);
}

/** The fix entries: 2-aligned, so wide ones are read with memcpy. */
static inline const uint8_t *
image_answer_fixes(const struct image_answer *a)
{
	return image_answer_octets(a) + ((a->len + 1u) & ~1u);
}

/** Position (octets from the start of the answer's octets) and kind of fix entry i. */
static inline uint32_t
image_answer_fix(const struct image_answer *a, unsigned i, enum image_fix *kind)
{
	const uint8_t *p = image_answer_fixes(a);
	if (a->flags & ANSWER_WIDE) {
		uint32_t wide;
		memcpy(&wide, p + 4 * i, 4);
		*kind = (enum image_fix)(wide >> 30);
		return wide & 0x3fffffff;
	}
	uint16_t narrow;
	memcpy(&narrow, p + 2 * i, 2);
	*kind = (enum image_fix)(narrow >> 14);
	return narrow & 0x3fff;
}

static inline const struct image_cut *
image_answer_cuts(const struct image_answer *a)
{
	return (const struct image_cut *)(image_answer_fixes(a) +
					  image_answer_counts(a).n_fix *
						  (a->flags & ANSWER_WIDE ? 4u : 2u));
}

/** Octets that must fit. */
static inline uint16_t
image_answer_must(const struct image_answer *a)
{
	return a->n_cut == 0 ? a->len : image_answer_cuts(a)[a->n_cut - 1].len;
}

/** Header of an image, or NULL: checked are alignment, magic, and that header and block lie in the
 * arena. */
static inline const struct image *
image_at(const struct arena *a, uint64_t off)
{
	const struct image *im = arena_at(a, off, sizeof *im + NAME_PAD);
	if (__builtin_expect(im == NULL || off % ARENA_ALIGN != 0 || im->magic != IMAGE_MAGIC ||
				     im->block_len > a->size - off,
		    0))
		return NULL;
	return im;
}

/** Octets of the apex, or NULL when they leave the block. */
static inline const uint8_t *
image_apex(const struct image *im)
{
	return (uint64_t)im->apex_len + sizeof *im <= im->block_len ? im->apex : NULL;
}

/** The label that tells which variant this is, length octet first, or NULL: it is none, or its
 * label leaves the block. */
static inline const uint8_t *
image_variant(const struct image *im)
{
	uint64_t at = offsetof(struct image, apex) + im->apex_len;

	if ((im->flags & IMAGE_VARIANT) == 0 || at + ZONE_VARIANT_LABEL > im->block_len)
		return NULL;
	return zone_variant_is_label(im->apex + im->apex_len) ? im->apex + im->apex_len : NULL;
}

/**
 * What the zone is told by (zone_key.h).
 * @param[out] key  zeroed behind the key, so that it can be hashed
 * @return octets; 0: the image is damaged
 */
static inline unsigned
image_key(const struct image *im, uint8_t key[NAME_OCTETS_MAX + 1 + NAME_PAD])
{
	const uint8_t *variant = image_variant(im);
	unsigned at = variant == NULL ? 0 : variant[0] + 1u;

	if (image_apex(im) == NULL || im->apex_len + at > NAME_OCTETS_MAX ||
		((im->flags & IMAGE_VARIANT) != 0 && variant == NULL))
		return 0;
	memset(key, 0, NAME_OCTETS_MAX + 1 + NAME_PAD);
	if (variant != NULL)
		memcpy(key, variant, at);
	memcpy(key + at, im->apex, im->apex_len);
	return at + im->apex_len;
}

/** The tag of a name in its bucket; other bits of the hash choose the chunk (upper) and the bucket
 * (lower). */
static inline uint16_t
image_tag(uint64_t hash)
{
	return (uint16_t)(hash >> 28);
}

static inline uint32_t
image_chunk_index(const struct image *im, uint64_t hash)
{
	/* in two steps: there is no shift by 64 */
	return (uint32_t)(hash >> 1 >> (63 - (im->chunk_bits & 63)));
}

/** A chunk in reach of a reader. base is NULL when its reference leaves the arena. */
struct image_chunk {
	const uint8_t *base;
	uint32_t len;
	uint32_t bucket_mask;
	uint8_t apex_len; /* octets that the owners of its nodes lack */
};

static inline struct image_chunk
image_chunk_of(const struct arena *a, const struct image *im, uint64_t hash)
{
	uint64_t at = im->chunks_at +
		      (uint64_t)image_chunk_index(im, hash) * sizeof(struct image_chunk_ref);
	struct image_chunk c = {0};
	if (__builtin_expect(
		    at + sizeof(struct image_chunk_ref) > im->block_len || (at & 7) != 0, 0))
		return c;
	const struct image_chunk_ref *r =
		(const struct image_chunk_ref *)((const uint8_t *)im + at);
	c.base = arena_at(a, r->off, r->len);
	c.len = r->len;
	c.bucket_mask = r->bucket_mask;
	c.apex_len = im->apex_len;
	if (__builtin_expect(((uint64_t)c.bucket_mask + 1) * sizeof(struct image_bucket) > c.len ||
				     r->off % ARENA_ALIGN != 0,
		    0))
		c.base = NULL;
	return c;
}

static inline const struct image_bucket *
image_bucket_of(const struct image_chunk *c, uint64_t hash)
{
	return (const struct image_bucket *)c->base + ((uint32_t)hash & c->bucket_mask);
}

/** Node at this offset of the chunk, or NULL when it leaves the chunk. */
static inline const struct image_node *
image_node_at(const struct image_chunk *c, uint32_t off)
{
	if (__builtin_expect(off % IMAGE_NODE_ALIGN != 0 ||
				     (uint64_t)off + sizeof(struct image_node) > c->len,
		    0))
		return NULL;
	const struct image_node *n = (const struct image_node *)(c->base + off);
	if (__builtin_expect(n->name_len < c->apex_len ||
				     (uint64_t)off + image_node_octets(n->n_types,
							     n->name_len - (uint32_t)c->apex_len) >
					     c->len,
		    0))
		return NULL;
	return n;
}

/** Answer at this offset of `base` (a chunk, or an image's own block), or NULL when it leaves that.
 */
static inline const struct image_answer *
image_answer_at(const uint8_t *base, uint64_t len, uint32_t off)
{
	if (__builtin_expect(
		    off % 2 != 0 ||
			    off + sizeof(struct image_answer) + sizeof(struct image_counts) > len,
		    0))
		return NULL;
	const struct image_answer *a = (const struct image_answer *)(base + off);
	if (__builtin_expect(off + (uint64_t)image_answer_size(a->flags, a->len,
					   image_answer_counts(a).n_fix, a->n_cut) >
				     len,
		    0))
		return NULL;
	return a;
}

/**
 * Check a whole image: every offset, every length, every name, order of types, that each node is
 * found by its hash, that each answer's RRs, pointers, fixes and cuts are well-formed.
 * For the publisher, tools and tests; takes time in proportion to the image.
 * @param[out] why  on failure, static text that says what is wrong; may be NULL
 * @return 0 or -EPROTO
 */
int image_verify(const struct arena *a, uint64_t off, const char **why)
	__attribute__((warn_unused_result));
