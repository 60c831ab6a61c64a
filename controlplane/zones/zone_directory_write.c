/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_directory_write: slots of the directory: finding, filling, clearing, building, adopting. */
#include "controlplane/zones/zone_directory_write.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS_MIN 8u
#define BUCKETS_MAX (1u << 28)
#define ADOPT_AHEAD 4u /* buckets whose images are prefetched while adopting */

uint64_t
zone_key_hash(const struct arena *a, const uint8_t *key)
{
	uint8_t padded[NAME_OCTETS_MAX + 1 + NAME_PAD] = {0};

	memcpy(padded, key, name_octets(key));
	return name_hash(arena_header(a)->seed, padded);
}

/* The image of a key in the directory that is for it. The key is padded. */
static const struct image *
find_key(const struct arena *a, const struct zone_directory *d, uint64_t hash, const uint8_t *key)
{
	const uint8_t *apex = zone_key_apex(key);

	if (apex == key)
		return zone_directory_find(a, d, hash, key, name_octets(key));
	return zone_directory_find_variant(a, d, hash, apex, name_octets(apex), key);
}

_Atomic uint64_t *
zone_directory_slot(const struct arena *a, struct zone_directory *d, const uint8_t *key)
{
	uint8_t padded[NAME_OCTETS_MAX + 1 + NAME_PAD] = {0}; /* comparing reads behind the end */

	if (d == NULL)
		return NULL;
	memcpy(padded, key, name_octets(key));
	uint64_t hash = name_hash(arena_header(a)->seed, padded);
	const struct image *im = find_key(a, d, hash, padded);
	if (im == NULL)
		return NULL;
	uint64_t word = zone_slot_word(hash, (uint64_t)((const uint8_t *)im - a->base));
	for (uint32_t probe = 0;; probe++) {
		struct zone_bucket *b = &d->bucket[((uint32_t)hash + probe) & d->bucket_mask];
		for (unsigned i = 0; i < ZONE_SLOTS; i++)
			if (b->slot[i] == word)
				return &b->slot[i];
	}
}

_Atomic uint64_t *
zone_directory_free_slot(struct zone_directory *d, uint64_t hash)
{
	for (uint32_t probe = 0; probe < ZONE_PROBE_MAX && probe <= d->bucket_mask; probe++) {
		struct zone_bucket *b = &d->bucket[((uint32_t)hash + probe) & d->bucket_mask];
		for (unsigned i = 0; i < ZONE_SLOTS; i++)
			if (b->slot[i] == 0 || b->slot[i] == ZONE_SLOT_REMOVED)
				return &b->slot[i];
	}
	return NULL;
}

uint32_t
zone_directory_clear_slot(struct zone_directory *d, _Atomic uint64_t *slot)
{
	size_t b = (size_t)((uint8_t *)slot - (uint8_t *)d->bucket) / sizeof d->bucket[0];
	bool ends = false;

	/* A bucket with an empty slot was never passed by a probe, so one more does no harm there.
	 */
	for (unsigned i = 0; i < ZONE_SLOTS; i++)
		ends |= d->bucket[b].slot[i] == 0;
	atomic_store_explicit(slot, ends ? 0 : ZONE_SLOT_REMOVED, memory_order_release);
	return !ends;
}

void
zone_directory_note_labels(struct zone_directory *d, unsigned labels)
{
	/* release: whoever sees a zone by its slot has seen this bit, stored before */
	atomic_fetch_or_explicit(
		&d->label_counts[labels >> 6], 1ull << (labels & 63), memory_order_release);
}

/* Enter an image into a directory that nobody reads yet. -EEXIST: its key is there already. */
static int
enter(struct arena *a, struct zone_directory *d, uint64_t image_off)
{
	uint8_t key[NAME_OCTETS_MAX + 1 + NAME_PAD];
	const struct image *im = image_at(a, image_off);
	if (im == NULL || image_key(im, key) == 0)
		return -EINVAL;
	uint64_t hash = name_hash(arena_header(a)->seed, key);
	if (find_key(a, d, hash, key) != NULL)
		return -EEXIST;
	_Atomic uint64_t *slot = zone_directory_free_slot(d, hash);
	if (slot == NULL)
		return -EAGAIN;
	zone_directory_note_labels(d, im->apex_labels);
	atomic_store_explicit(slot, zone_slot_word(hash, image_off), memory_order_relaxed);
	d->n_zones++;
	return 0;
}

static int
enter_all(struct arena *a, struct zone_directory *d, const struct zone_directory *old,
	const uint64_t *image_off, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int err = enter(a, d, image_off[i]);
		if (err != 0)
			return err == -EEXIST ? -EINVAL : err;
	}
	for (uint64_t b = 0; old != NULL && b <= old->bucket_mask; b++)
		for (unsigned i = 0; i < ZONE_SLOTS; i++) {
			uint64_t off = old->bucket[b].slot[i] & ZONE_SLOT_OFFSET;
			if (off > ZONE_SLOT_REMOVED && enter(a, d, off) == -EAGAIN)
				return -EAGAIN;
		}
	return 0;
}

int
zone_directory_build(struct arena *a, const struct zone_directory *old, const uint64_t *image_off,
	size_t n, uint64_t *off)
{
	uint64_t want = (old == NULL ? 0 : (uint64_t)old->n_zones) + n + 1;
	uint64_t n_buckets = BUCKETS_MIN;

	while (n_buckets * ZONE_SLOTS < want * 2)
		n_buckets *= 2;
	for (; n_buckets <= BUCKETS_MAX; n_buckets *= 2) {
		uint64_t octets = zone_directory_octets((uint32_t)n_buckets - 1);
		uint64_t at = arena_alloc(a, octets);
		if (at == 0)
			return -ENOSPC;
		struct zone_directory *d = arena_writable(a, at);
		memset(d, 0, octets);
		d->magic = ZONE_DIRECTORY_MAGIC;
		d->bucket_mask = (uint32_t)n_buckets - 1;
		int err = enter_all(a, d, old, image_off, n);
		if (err == 0) {
			*off = at;
			return 0;
		}
		arena_free(a, at, octets);
		if (err != -EAGAIN)
			return err;
	}
	return -ENOSPC;
}

/* --- taking over --- */

struct zone_directory *
zone_directory_adopt(struct arena *a, uint64_t off)
{
	const struct zone_directory *d = zone_directory_at(a, off);
	if (d == NULL || (d->bucket_mask & (d->bucket_mask + 1)) != 0 ||
		d->bucket_mask >= BUCKETS_MAX ||
		arena_adopt(a, off, zone_directory_octets(d->bucket_mask)) != 0)
		return NULL;
	return arena_writable(a, off);
}

/* Blocks that the adoption of one image took, so that they can be given back. */
struct parts {
	uint64_t *pair;
	size_t n, cap; /* numbers, two a block */
};

static int
parts_reserve(struct parts *p, size_t n)
{
	if (p->n + n <= p->cap)
		return 0;
	size_t cap = p->cap * 2 + n + 64;
	uint64_t *more = realloc(p->pair, cap * sizeof *more);
	if (more == NULL)
		return -ENOMEM;
	p->pair = more;
	p->cap = cap;
	return 0;
}

static int
take_part(struct arena *a, struct parts *p, uint64_t off, uint64_t len)
{
	int err = parts_reserve(p, 2);
	if (err == 0)
		err = arena_adopt(a, off, len);
	if (err == 0) {
		p->pair[p->n++] = off;
		p->pair[p->n++] = len;
	}
	return err;
}

/* Is the apex a folded, well-formed name, and is this image what a reader finds by it? */
static bool
apex_is_right(const struct arena *a, const struct zone_directory *d, const struct image *im)
{
	uint8_t key[NAME_OCTETS_MAX + 1 + NAME_PAD];
	unsigned at = 0, labels = 0;

	while (at < im->apex_len && im->apex[at] != 0) {
		if (im->apex[at] > LABEL_OCTETS_MAX)
			return false;
		at += im->apex[at] + 1u;
		labels++;
	}
	if (at + 1u != im->apex_len || labels != im->apex_labels || image_key(im, key) == 0)
		return false;
	return find_key(a, d, name_hash(arena_header(a)->seed, key), key) == im;
}

/* Adopt an image's blocks. -EINVAL: it is damaged; -ENOMEM. What was adopted is in *p either way.
 */
static int
adopt_image(struct arena *a, const struct zone_directory *d, uint64_t off, struct parts *p)
{
	const struct image *im = image_at(a, off);
	if (im == NULL || off % ARENA_ALIGN != 0 || image_apex(im) == NULL ||
		im->chunk_bits > IMAGE_CHUNK_BITS_MAX || !apex_is_right(a, d, im))
		return -EINVAL;
	uint64_t n_chunks = 1ull << im->chunk_bits;
	if (im->chunks_at % 8 != 0 || im->chunks_at < sizeof *im ||
		im->chunks_at + n_chunks * sizeof(struct image_chunk_ref) > im->block_len)
		return -EINVAL;
	int err = take_part(a, p, off, im->block_len);
	const struct image_chunk_ref *ref =
		(const struct image_chunk_ref *)((const uint8_t *)im + im->chunks_at);
	for (uint64_t i = 0; err == 0 && i < n_chunks; i++) {
		if (ref[i].off == 0 && im->flags & IMAGE_UNAVAILABLE)
			continue;
		bool inside = ref[i].off >= off && ref[i].off < off + im->block_len;
		if ((ref[i].bucket_mask & (ref[i].bucket_mask + 1)) != 0 ||
			ref[i].off % ARENA_ALIGN != 0)
			err = -EINVAL;
		else if (inside)
			err = ref[i].off + ref[i].len > off + im->block_len ? -EINVAL : 0;
		else
			err = take_part(a, p, ref[i].off, ref[i].len);
	}
	return err;
}

/* The image is damaged: remember which of its blocks had been adopted. */
static int
keep_lost(struct parts *lost, const struct parts *p)
{
	int err = parts_reserve(lost, p->n);
	if (err == 0 && p->n > 0) {
		memcpy(lost->pair + lost->n, p->pair, p->n * sizeof *p->pair);
		lost->n += p->n;
	}
	return err;
}

static void
prefetch_images(const struct arena *a, const struct zone_directory *d, uint64_t bucket)
{
	if (bucket > d->bucket_mask)
		return;
	for (unsigned i = 0; i < ZONE_SLOTS; i++) {
		uint64_t off = d->bucket[bucket].slot[i] & ZONE_SLOT_OFFSET;
		if (off < a->size) {
			__builtin_prefetch(a->base + off);
			__builtin_prefetch(a->base + off + 64);
		}
	}
}

int
zone_directory_adopt_images(struct arena *a, struct zone_directory *d, uint32_t *n_damaged,
	uint32_t *n_removed, uint64_t **parts, size_t *n_parts)
{
	struct parts p = {0}, lost = {0};
	uint32_t n_zones = 0;
	int err = 0;

	for (uint64_t b = 0; b <= d->bucket_mask && err == 0; b++) {
		prefetch_images(a, d, b + ADOPT_AHEAD);
		for (unsigned i = 0; i < ZONE_SLOTS && err == 0; i++) {
			_Atomic uint64_t *slot = &d->bucket[b].slot[i];
			if (*slot == 0)
				continue;
			if (*slot == ZONE_SLOT_REMOVED) {
				++*n_removed;
				continue;
			}
			p.n = 0;
			err = adopt_image(a, d, *slot & ZONE_SLOT_OFFSET, &p);
			n_zones += err == 0;
			if (err != -EINVAL)
				continue;
			atomic_store_explicit(slot, ZONE_SLOT_REMOVED, memory_order_release);
			++*n_removed;
			++*n_damaged;
			err = keep_lost(&lost, &p);
		}
	}
	d->n_zones = n_zones;
	free(p.pair);
	if (err != 0) {
		free(lost.pair);
		return err;
	}
	*parts = lost.pair;
	*n_parts = lost.n;
	return 0;
}
