/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_directory: hash of apex name -> zone image. Written by the control plane, read by workers.
 * A second one has the variants of zones, by the hash of their keys (zone_key.h).
 *
 * Open addressing in cache-line buckets. A slot is one 64-bit word: the tag in the upper 16 bits,
 * the image's arena offset in the lower 48. Publishing or replacing a zone is one atomic store of
 * its slot. An empty slot is 0; a removed zone leaves SLOT_REMOVED, so a probe goes on past it. A
 * probe ends at the first bucket that holds an empty slot. When the table gets too full, or too
 * full of removed slots, the writer builds another one and publishes that by
 * arena_header.directory. */
#pragma once
#include "shm/arena.h"
#include "shm/image.h"
#include "shm/name.h"
#include "shm/prefetch.h"

#define ZONE_DIRECTORY_MAGIC 0x5a4d4952u /* "RIMZ" */
#define ZONE_SLOTS 8u                    /* a bucket: one cache line */
#define ZONE_SLOT_REMOVED 1ull           /* no image lies at offset 1 */
#define ZONE_SLOT_OFFSET 0x0000ffffffffffffull
#define ZONE_PROBE_MAX 64u /* buckets; the writer grows the table before it needs more */

struct zone_bucket {
	_Alignas(64) _Atomic uint64_t slot[ZONE_SLOTS];
};

struct zone_directory {
	uint32_t magic;
	uint32_t bucket_mask; /* number of buckets - 1; a power of two less one */
	_Atomic uint32_t n_zones;
	uint32_t reserved;
	/* bit n: a zone whose apex has n labels may be here. Set before such a zone is published,
	 * and not cleared: a worker skips the suffixes of QNAME whose bit is not set. */
	_Atomic uint64_t label_counts[2];
	_Alignas(64) struct zone_bucket bucket[];
};

static inline uint64_t
zone_directory_octets(uint32_t bucket_mask)
{
	return sizeof(struct zone_directory) +
	       ((uint64_t)bucket_mask + 1) * sizeof(struct zone_bucket);
}

/** The tag and the bucket come from different bits of the hash. */
static inline uint16_t
zone_slot_tag(uint64_t hash)
{
	return (uint16_t)(hash >> 48);
}

/** The directory at an offset, checked against the arena's bounds; NULL when there is none, or a
 * damaged one. */
static inline const struct zone_directory *
zone_directory_at(const struct arena *a, uint64_t off)
{
	const struct zone_directory *d = arena_at(a, off, sizeof *d);
	if (d == NULL || off % ARENA_ALIGN != 0 || d->magic != ZONE_DIRECTORY_MAGIC ||
		arena_at(a, off, zone_directory_octets(d->bucket_mask)) == NULL)
		return NULL;
	return d;
}

/** The current directory, as above. */
static inline const struct zone_directory *
zone_directory_current(const struct arena *a)
{
	return zone_directory_at(
		a, atomic_load_explicit(&arena_header(a)->directory, memory_order_acquire));
}

/** That of variants. */
static inline const struct zone_directory *
zone_directory_variants(const struct arena *a)
{
	return zone_directory_at(
		a, atomic_load_explicit(&arena_header(a)->variants, memory_order_acquire));
}

/* Numbers of labels, taken from the largest down. */
struct label_set {
	uint64_t low, high; /* 0..63, 64..127 */
};

#define LABELS_END UINT32_MAX

/** Those numbers of a set that are at most n, which is at most 127. */
static inline struct label_set
label_set_up_to(struct label_set s, unsigned n)
{
	if (n < 64) {
		s.high = 0;
		s.low &= ~0ull >> (63 - n);
	} else {
		s.high &= ~0ull >> (127 - n);
	}
	return s;
}

/** The suffixes of a name with n labels that may be zones, by their number of labels. */
static inline struct label_set
zone_directory_labels(const struct zone_directory *d, unsigned n)
{
	struct label_set s = {
		atomic_load_explicit(&d->label_counts[0], memory_order_relaxed),
		atomic_load_explicit(&d->label_counts[1], memory_order_relaxed),
	};

	return label_set_up_to(s, n);
}

/** The next one, or LABELS_END. */
static inline unsigned
label_set_next(struct label_set *s)
{
	unsigned k;
	if (__builtin_expect(s->high != 0, 0)) {
		k = 63u - (unsigned)__builtin_clzll(s->high);
		s->high ^= 1ull << k;
		return 64 + k;
	}
	if (s->low == 0)
		return LABELS_END;
	k = 63u - (unsigned)__builtin_clzll(s->low);
	s->low ^= 1ull << k;
	return k;
}

static inline void
zone_directory_prefetch(const struct zone_directory *d, uint64_t hash)
{
	prefetch_line(&d->bucket[(uint32_t)hash & d->bucket_mask]);
}

/* Is this image that of the variant with this label? */
static inline bool
zone_directory_is_variant(const struct image *im, const uint8_t *variant)
{
	const uint8_t *own = image_variant(im);

	return own != NULL && own[0] == variant[0] && memcmp(own, variant, variant[0] + 1u) == 0;
}

/* Find an image by its apex and, unless that is NULL, the label of its variant. */
static inline __attribute__((always_inline)) const struct image *
zone_directory_match(const struct arena *a, const struct zone_directory *d, uint64_t hash,
	const uint8_t *apex, unsigned len, const uint8_t *variant)
{
	uint16_t tag = zone_slot_tag(hash);
	uint32_t at = (uint32_t)hash;

	for (unsigned probe = 0; probe < ZONE_PROBE_MAX; probe++, at++) {
		const struct zone_bucket *b = &d->bucket[at & d->bucket_mask];
		for (unsigned i = 0; i < ZONE_SLOTS; i++) {
			/* acquire: the image was written before its slot was */
			uint64_t s = atomic_load_explicit(&b->slot[i], memory_order_acquire);
			if ((uint16_t)(s >> 48) != tag ||
				(s & ZONE_SLOT_OFFSET) <= ZONE_SLOT_REMOVED)
				continue;
			const struct image *im = image_at(a, s & ZONE_SLOT_OFFSET);
			if (im != NULL && im->apex_len == len &&
				sizeof *im + len <= im->block_len &&
				name_equal(im->apex, apex, len) &&
				(variant == NULL || zone_directory_is_variant(im, variant)))
				return im;
		}
		for (unsigned i = 0; i < ZONE_SLOTS; i++)
			if (atomic_load_explicit(&b->slot[i], memory_order_relaxed) == 0)
				return NULL;
	}
	return NULL;
}

/**
 * Find the zone with exactly this apex.
 * @param hash  of the folded apex name
 * @param apex  folded, wire
 * @param len   octets of apex, root label included
 * @return the image's header, checked to lie inside the arena; NULL when there is no such zone
 */
static inline const struct image *
zone_directory_find(const struct arena *a, const struct zone_directory *d, uint64_t hash,
	const uint8_t *apex, unsigned len)
{
	return zone_directory_match(a, d, hash, apex, len, NULL);
}

/**
 * Find a variant of the zone with exactly this apex, in the directory of variants.
 * @param hash     of the key: that of the apex, extended by the label
 * @param variant  label of the key, length octet first
 */
static inline const struct image *
zone_directory_find_variant(const struct arena *a, const struct zone_directory *d, uint64_t hash,
	const uint8_t *apex, unsigned len, const uint8_t *variant)
{
	return zone_directory_match(a, d, hash, apex, len, variant);
}
