/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_publish: the zone directories' writer. Control plane, any thread; one mutex a publisher.
 * What workers see changes by single atomic stores. */
#include "controlplane/zones/zone_publish_private.h"
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_directory_write.h"
#include "controlplane/zones/zone_patch.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GRACE_WAIT_MS 5000 /* for the readers of what an earlier control plane had retired */

/* --- the directories --- */

static _Atomic uint64_t *
published_at(struct zone_publisher *p, const struct published *d)
{
	struct arena_header *h = publisher_header(p);

	return d == &p->variants ? &h->variants : &h->directory;
}

/* The directory that zones with keys like this are in. */
static struct published *
published_of(struct zone_publisher *p, const uint8_t *key)
{
	return zone_key_variant(key) > 0 ? &p->variants : &p->zones;
}

static uint32_t
n_zones(const struct published *d)
{
	return d->directory == NULL
		       ? 0
		       : atomic_load_explicit(&d->directory->n_zones, memory_order_relaxed);
}

/* A directory that is to take the place of the present one. */
struct rebuilt {
	uint64_t off;
	uint64_t *replaced; /* images that are not in it any more */
	size_t n_replaced;
};

/* Build one with the zones of the present one and n more. Nothing is published. */
static int
rebuild_begin(struct zone_publisher *p, const struct published *d, const uint64_t *image_off,
	size_t n, struct rebuilt *out)
{
	uint8_t key[NAME_OCTETS_MAX + 1 + NAME_PAD];
	struct rebuilt r = {0};

	int err = zone_directory_build(p->arena, d->directory, image_off, n, &r.off);
	if (err != 0)
		return err;
	/* The old images have to be found in the old directory before that is given up. */
	r.replaced = malloc((n + 1) * sizeof *r.replaced);
	if (r.replaced == NULL) {
		const struct zone_directory *built = arena_writable(p->arena, r.off);
		arena_free(p->arena, r.off, zone_directory_octets(built->bucket_mask));
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		(void)image_key(image_at(p->arena, image_off[i]), key); /* it was entered by it */
		_Atomic uint64_t *slot = zone_directory_slot(p->arena, d->directory, key);
		uint64_t old = slot == NULL ? 0 : *slot & ZONE_SLOT_OFFSET;
		if (old != 0 && old != image_off[i])
			r.replaced[r.n_replaced++] = old;
	}
	*out = r;
	return 0;
}

static void
rebuild_discard(struct zone_publisher *p, struct rebuilt *r)
{
	if (r->off != 0) {
		const struct zone_directory *built = arena_writable(p->arena, r->off);
		arena_free(p->arena, r->off, zone_directory_octets(built->bucket_mask));
	}
	free(r->replaced);
}

/* Publish it; retire what it replaces. Room for that was reserved. */
static void
rebuild_end(struct zone_publisher *p, struct published *d, struct rebuilt *r)
{
	uint64_t old_off = d->off;
	uint64_t old_len =
		d->directory == NULL ? 0 : zone_directory_octets(d->directory->bucket_mask);

	d->directory = arena_writable(p->arena, r->off);
	d->off = r->off;
	d->n_removed = 0;
	/* release: the directory and the images in it were written before */
	atomic_store_explicit(published_at(p, d), r->off, memory_order_release);
	uint64_t epoch = publisher_epoch(p);
	publisher_retire(p, epoch, old_off, old_len);
	for (size_t i = 0; i < r->n_replaced; i++)
		publisher_retire(p, epoch, r->replaced[i], 0);
	free(r->replaced);
}

static int
rebuild(struct zone_publisher *p, struct published *d, const uint64_t *image_off, size_t n)
{
	struct rebuilt r;
	int err = publisher_reserve(p, n + 1);

	if (err == 0)
		err = rebuild_begin(p, d, image_off, n, &r);
	if (err == 0)
		rebuild_end(p, d, &r);
	return err;
}

/* Room for one more zone in the present directory, after building a larger one if need be. */
static int
make_room(struct zone_publisher *p, struct published *d)
{
	if (d->directory == NULL)
		return rebuild(p, d, NULL, 0);
	uint64_t slots = ((uint64_t)d->directory->bucket_mask + 1) * ZONE_SLOTS;
	uint64_t used = (uint64_t)n_zones(d) + d->n_removed;
	if (used * ZONE_LOAD_DEN < slots * ZONE_LOAD_NUM)
		return 0;
	int err = rebuild(p, d, NULL, 0);
	/* fuller than it should be is slower, but no reason to refuse a zone */
	return err != 0 && used + slots / 8 < slots ? 0 : err;
}

static int
publish_locked(struct zone_publisher *p, uint64_t image_off)
{
	uint8_t key[NAME_OCTETS_MAX + 1 + NAME_PAD];
	const struct image *im = image_at(p->arena, image_off);
	if (im == NULL || image_off % ARENA_ALIGN != 0 || image_key(im, key) == 0)
		return -EINVAL;
	struct published *d = published_of(p, key);
	int err = publisher_reserve(p, 2);
	if (err != 0)
		return err;
	uint64_t hash = zone_key_hash(p->arena, key);
	uint64_t word = zone_slot_word(hash, image_off);
	_Atomic uint64_t *slot = zone_directory_slot(p->arena, d->directory, key);
	if (slot != NULL) {
		uint64_t old = *slot & ZONE_SLOT_OFFSET;
		if (old == image_off)
			return 0;
		atomic_store_explicit(slot, word, memory_order_release);
		publisher_retire(p, publisher_epoch(p), old, 0);
		return 0;
	}
	err = make_room(p, d);
	if (err != 0)
		return err;
	slot = zone_directory_free_slot(d->directory, hash);
	if (slot == NULL)
		return rebuild(p, d, &image_off, 1); /* that many probes: the table grows */
	if (*slot == ZONE_SLOT_REMOVED)
		d->n_removed--;
	zone_directory_note_labels(d->directory, im->apex_labels);
	/* release: the image was written before, and the bit of its label count */
	atomic_store_explicit(slot, word, memory_order_release);
	atomic_fetch_add_explicit(&d->directory->n_zones, 1, memory_order_relaxed);
	publisher_epoch(p);
	return 0;
}

int
zone_publish(struct zone_publisher *p, uint64_t image_off)
{
	pthread_mutex_lock(&p->lock);
	int err = publish_locked(p, image_off);
	pthread_mutex_unlock(&p->lock);
	return err;
}

static const struct image_chunk_ref *
chunks_of(const struct image *im)
{
	return (const struct image_chunk_ref *)((const uint8_t *)im + im->chunks_at);
}

/* Chunks of an old image that the one patched from it does not share. */
static size_t
count_replaced(const struct image *old, const struct image *new)
{
	size_t n = 0;

	for (uint32_t i = 0; old->chunk_bits > 0 && i < 1u << old->chunk_bits; i++)
		n += chunks_of(old)[i].off != chunks_of(new)[i].off;
	return n;
}

static int
publish_patched_locked(struct zone_publisher *p, uint64_t old_off, uint64_t new_off)
{
	const struct image *old = image_at(p->arena, old_off), *new = image_at(p->arena, new_off);
	uint8_t key[NAME_OCTETS_MAX + 1 + NAME_PAD], same[sizeof key];

	if (old == NULL || new == NULL || old->chunk_bits != new->chunk_bits ||
		image_key(old, key) == 0 || image_key(new, same) == 0 ||
		memcmp(key, same, sizeof key) != 0)
		return -EINVAL;
	_Atomic uint64_t *slot =
		zone_directory_slot(p->arena, published_of(p, key)->directory, key);
	if (slot == NULL || (*slot & ZONE_SLOT_OFFSET) != old_off)
		return -ESTALE;
	int err = publisher_reserve(p, count_replaced(old, new) + 1);
	if (err != 0)
		return err;
	uint64_t hash = zone_key_hash(p->arena, key);
	/* release: the image was written before */
	atomic_store_explicit(slot, zone_slot_word(hash, new_off), memory_order_release);
	uint64_t epoch = publisher_epoch(p);
	for (uint32_t i = 0; old->chunk_bits > 0 && i < 1u << old->chunk_bits; i++)
		if (chunks_of(old)[i].off != chunks_of(new)[i].off)
			publisher_retire(p, epoch, chunks_of(old)[i].off, chunks_of(old)[i].len);
	publisher_retire(p, epoch, old_off, old->block_len);
	return 0;
}

int
zone_publish_patched(struct zone_publisher *p, uint64_t old_off, uint64_t new_off)
{
	pthread_mutex_lock(&p->lock);
	int err = publish_patched_locked(p, old_off, new_off);
	pthread_mutex_unlock(&p->lock);
	return err;
}

/* Zones in front, variants behind, each in their order. @return how many are no variants */
static size_t
part(const struct arena *a, uint64_t *to, const uint64_t *image_off, size_t n)
{
	size_t first = 0, last = 0;

	for (size_t i = 0; i < n; i++)
		if ((image_at(a, image_off[i])->flags & IMAGE_VARIANT) == 0)
			to[first++] = image_off[i];
	for (size_t i = 0; first + last < n; i++)
		if ((image_at(a, image_off[i])->flags & IMAGE_VARIANT) != 0)
			to[first + last++] = image_off[i];
	return first;
}

static int
publish_many_locked(struct zone_publisher *p, const uint64_t *image, size_t n, size_t n_zones)
{
	struct rebuilt zones = {0}, variants = {0};
	int err = publisher_reserve(p, n + 2);

	if (err == 0 && n_zones > 0)
		err = rebuild_begin(p, &p->zones, image, n_zones, &zones);
	if (err == 0 && n > n_zones)
		err = rebuild_begin(p, &p->variants, image + n_zones, n - n_zones, &variants);
	if (err != 0) {
		rebuild_discard(p, &zones);
		return err;
	}
	if (n_zones > 0)
		rebuild_end(p, &p->zones, &zones);
	if (n > n_zones)
		rebuild_end(p, &p->variants, &variants);
	return 0;
}

int
zone_publish_many(struct zone_publisher *p, const uint64_t *image_off, size_t n)
{
	uint64_t *image = malloc((n + 1) * sizeof *image);

	if (image == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (image_at(p->arena, image_off[i]) == NULL || image_off[i] % ARENA_ALIGN != 0) {
			free(image);
			return -EINVAL;
		}
	size_t n_zones = part(p->arena, image, image_off, n);
	pthread_mutex_lock(&p->lock);
	int err = publish_many_locked(p, image, n, n_zones);
	pthread_mutex_unlock(&p->lock);
	free(image);
	return err;
}

int
zone_withdraw(struct zone_publisher *p, const uint8_t *key)
{
	struct published *d = published_of(p, key);
	int err = -ENOENT;

	pthread_mutex_lock(&p->lock);
	_Atomic uint64_t *slot = zone_directory_slot(p->arena, d->directory, key);
	if (slot != NULL)
		err = publisher_reserve(p, 1);
	if (err == 0) {
		uint64_t old = *slot & ZONE_SLOT_OFFSET;
		d->n_removed += zone_directory_clear_slot(d->directory, slot);
		atomic_fetch_sub_explicit(&d->directory->n_zones, 1, memory_order_relaxed);
		publisher_retire(p, publisher_epoch(p), old, 0);
	}
	pthread_mutex_unlock(&p->lock);
	return err;
}

uint32_t
zone_published_count(struct zone_publisher *p)
{
	pthread_mutex_lock(&p->lock);
	uint32_t n = n_zones(&p->zones) + n_zones(&p->variants);
	pthread_mutex_unlock(&p->lock);
	return n;
}

uint64_t
zone_published(struct zone_publisher *p, const uint8_t *key)
{
	pthread_mutex_lock(&p->lock);
	_Atomic uint64_t *slot =
		zone_directory_slot(p->arena, published_of(p, key)->directory, key);
	uint64_t off = slot == NULL ? 0 : *slot & ZONE_SLOT_OFFSET;
	pthread_mutex_unlock(&p->lock);
	return off;
}

static void
each_image(const struct zone_directory *d, void (*fn)(void *arg, uint64_t image_off), void *arg)
{
	for (uint64_t b = 0; d != NULL && b <= d->bucket_mask; b++)
		for (unsigned i = 0; i < ZONE_SLOTS; i++) {
			uint64_t off = d->bucket[b].slot[i] & ZONE_SLOT_OFFSET;
			if (off > ZONE_SLOT_REMOVED)
				fn(arg, off);
		}
}

void
zone_published_each(struct zone_publisher *p, void (*fn)(void *arg, uint64_t image_off), void *arg)
{
	pthread_mutex_lock(&p->lock);
	each_image(p->zones.directory, fn, arg);
	each_image(p->variants.directory, fn, arg);
	pthread_mutex_unlock(&p->lock);
}

/* --- taking over --- */

/* What an earlier control plane had retired is not adopted, so it is free; but a worker may still
 * read it. */
static int
wait_for_readers(struct hub *hub)
{
	uint64_t epoch = grace_start(hub);
	for (unsigned ms = 0; !grace_passed(hub, epoch); ms++) {
		if (ms == GRACE_WAIT_MS)
			return -ETIMEDOUT;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return 0;
}

static int
adopt_directory(struct zone_publisher *p, struct published *d, uint32_t *n_damaged)
{
	uint64_t off = atomic_load_explicit(published_at(p, d), memory_order_relaxed);
	uint64_t *parts;
	size_t n_parts;

	if (off == 0)
		return 0;
	d->directory = zone_directory_adopt(p->arena, off);
	if (d->directory == NULL) {
		/* nothing of it can be trusted: start with none */
		++*n_damaged;
		atomic_store_explicit(published_at(p, d), 0, memory_order_release);
		return 0;
	}
	d->off = off;
	int err = zone_directory_adopt_images(
		p->arena, d->directory, n_damaged, &d->n_removed, &parts, &n_parts);
	if (err != 0)
		return err;
	err = publisher_reserve(p, n_parts / 2);
	if (err == 0) {
		uint64_t epoch = publisher_epoch(p);
		for (size_t i = 0; i < n_parts; i += 2)
			publisher_retire(p, epoch, parts[i], parts[i + 1]);
	}
	free(parts);
	return err;
}

int
zone_publisher_create(
	struct zone_publisher **out, struct arena *a, struct hub *hub, uint32_t *n_damaged)
{
	struct zone_publisher *p = calloc(1, sizeof *p);
	uint32_t damaged = 0;
	int err;

	if (p == NULL)
		return -ENOMEM;
	p->arena = a;
	p->hub = hub;
	pthread_mutex_init(&p->lock, NULL);
	damaged += publisher_adopt_blocks(p);
	err = adopt_directory(p, &p->zones, &damaged);
	if (err == 0)
		err = adopt_directory(p, &p->variants, &damaged);
	if (err == 0 && hub != NULL)
		err = wait_for_readers(hub);
	if (err != 0) {
		zone_publisher_destroy(p);
		return err;
	}
	*out = p;
	*n_damaged = damaged;
	return 0;
}

void
zone_publisher_destroy(struct zone_publisher *p)
{
	if (p == NULL)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p->retired);
	free(p);
}
