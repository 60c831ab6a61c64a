/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_publish: the zone directory's writer, and what waits for readers to let go of it. Control
 * plane, any thread; one mutex a publisher. What workers see changes by single atomic stores. */
#include "controlplane/zones/zone_publish.h"
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_directory_write.h"
#include "controlplane/zones/zone_patch.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RECLAIM_BATCH 64u  /* blocks freed while nobody can publish */
#define RETIRED_KEPT 4096u /* room kept for what waits, while nothing does */
#define GRACE_WAIT_MS 5000 /* for the readers of what an earlier control plane had retired */

/* What nobody can find any more, but somebody may still read. */
struct retired {
	uint64_t epoch;
	uint64_t off;
	uint64_t len;      /* of a block; 0: an image, with its chunks */
	uint64_t since_ns; /* CLOCK_MONOTONIC */
};

struct zone_publisher {
	pthread_mutex_t lock;
	struct arena *arena;
	struct hub *hub;
	struct zone_directory *directory; /* the published one; NULL before the first zone */
	uint64_t directory_off;
	uint32_t n_removed;      /* slots that are ZONE_SLOT_REMOVED */
	struct retired *retired; /* oldest at [first]; epochs ascend */
	size_t first, n_retired, cap_retired;
	uint64_t periods_total;
	struct histogram grace;
};

static struct arena_header *
header(struct zone_publisher *p)
{
	return arena_writable(p->arena, 0);
}

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- retired blocks --- */

/* Make room for n more, so that a publication cannot fail half way. */
static int
reserve_retired(struct zone_publisher *p, size_t n)
{
	if (p->first > 0 && p->first + p->n_retired + n > p->cap_retired) {
		memmove(p->retired, p->retired + p->first, p->n_retired * sizeof *p->retired);
		p->first = 0;
	}
	if (p->n_retired + n <= p->cap_retired)
		return 0;
	size_t cap =
		p->cap_retired * 2 > p->n_retired + n ? p->cap_retired * 2 : p->n_retired + n + 64;
	struct retired *more = realloc(p->retired, cap * sizeof *more);
	if (more == NULL)
		return -ENOMEM;
	p->retired = more;
	p->cap_retired = cap;
	return 0;
}

static void
release(struct zone_publisher *p, const struct retired *r)
{
	if (r->len == 0)
		zone_image_free(p->arena, r->off);
	else
		arena_free(p->arena, r->off, r->len);
}

/* It was unpublished just now; `epoch` began after that. Room was reserved. */
static void
retire(struct zone_publisher *p, uint64_t epoch, uint64_t off, uint64_t len)
{
	struct retired r = {.epoch = epoch, .off = off, .len = len, .since_ns = clock_ns()};

	if (off == 0)
		return;
	if (p->hub == NULL) {
		release(p, &r);
		return;
	}
	assert(p->first + p->n_retired < p->cap_retired);
	p->retired[p->first + p->n_retired++] = r;
}

/* To be called after the store that unpublishes, before retire(). */
static uint64_t
new_epoch(struct zone_publisher *p)
{
	atomic_fetch_add_explicit(&header(p)->generation, 1, memory_order_relaxed);
	p->periods_total += p->hub != NULL;
	return p->hub == NULL ? 0 : grace_start(p->hub);
}

size_t
zone_publisher_reclaim(struct zone_publisher *p)
{
	uint64_t horizon = p->hub == NULL ? 0 : grace_horizon(p->hub), now_ns = clock_ns();
	size_t n;

	do {
		pthread_mutex_lock(&p->lock);
		for (n = 0; n < RECLAIM_BATCH && p->n_retired > 0 &&
			    p->retired[p->first].epoch <= horizon;
			n++) {
			uint64_t since_ns = p->retired[p->first].since_ns;
			/* whoever retired it may have been at it when the clock was read */
			histogram_add(&p->grace, now_ns > since_ns ? now_ns - since_ns : 0, 1);
			release(p, &p->retired[p->first]);
			p->first++;
			p->n_retired--;
		}
		size_t left = p->n_retired;
		if (left == 0 && p->cap_retired > RETIRED_KEPT) {
			/* a new directory of a million zones made room for all that it might
			 * replace */
			free(p->retired);
			p->retired = NULL;
			p->cap_retired = p->first = 0;
		}
		pthread_mutex_unlock(&p->lock); /* between batches others may publish */
		if (n < RECLAIM_BATCH)
			return left;
	} while (true);
}

void
zone_publisher_status(struct zone_publisher *p, struct zone_publisher_status *out)
{
	pthread_mutex_lock(&p->lock);
	*out = (struct zone_publisher_status){
		.n_waiting = p->n_retired,
		.periods_total = p->periods_total,
		.grace = p->grace,
	};
	if (p->n_retired > 0)
		out->oldest_ns = clock_ns() - p->retired[p->first].since_ns;
	pthread_mutex_unlock(&p->lock);
}

uint64_t
zone_publisher_lag_ns(struct zone_publisher *p, uint64_t epoch_seen)
{
	size_t low = 0, high;
	uint64_t age = 0;

	if (epoch_seen == 0)
		return 0;
	pthread_mutex_lock(&p->lock);
	high = p->n_retired;
	while (low < high) { /* the first that began after what it has seen: epochs ascend */
		size_t middle = (low + high) / 2;
		if (p->retired[p->first + middle].epoch > epoch_seen)
			high = middle;
		else
			low = middle + 1;
	}
	if (low < p->n_retired)
		age = clock_ns() - p->retired[p->first + low].since_ns;
	pthread_mutex_unlock(&p->lock);
	return age;
}

/* --- the directory --- */

static uint32_t
n_zones(const struct zone_publisher *p)
{
	return p->directory == NULL
		       ? 0
		       : atomic_load_explicit(&p->directory->n_zones, memory_order_relaxed);
}

/* Build a directory with the zones of the present one and n more; publish it; retire what it
 * replaces. */
static int
rebuild(struct zone_publisher *p, const uint64_t *image_off, size_t n)
{
	uint64_t off, n_replaced = 0;
	struct zone_directory *d;

	int err = reserve_retired(p, n + 1);
	if (err != 0)
		return err;
	err = zone_directory_build(p->arena, p->directory, image_off, n, &off);
	if (err != 0)
		return err;
	d = arena_writable(p->arena, off);
	/* The old images have to be found in the old directory before that is given up. */
	uint64_t *replaced = malloc((n + 1) * sizeof *replaced);
	if (replaced == NULL) {
		arena_free(p->arena, off, zone_directory_octets(d->bucket_mask));
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const struct image *im = image_at(p->arena, image_off[i]);
		_Atomic uint64_t *slot =
			zone_directory_slot(p->arena, p->directory, im->apex, im->apex_len);
		uint64_t old = slot == NULL ? 0 : *slot & ZONE_SLOT_OFFSET;
		if (old != 0 && old != image_off[i])
			replaced[n_replaced++] = old;
	}
	uint64_t old_off = p->directory_off;
	uint64_t old_len =
		p->directory == NULL ? 0 : zone_directory_octets(p->directory->bucket_mask);
	p->directory = d;
	p->directory_off = off;
	p->n_removed = 0;
	/* release: the directory and the images in it were written before */
	atomic_store_explicit(&header(p)->directory, off, memory_order_release);
	uint64_t epoch = new_epoch(p);
	retire(p, epoch, old_off, old_len);
	for (uint64_t i = 0; i < n_replaced; i++)
		retire(p, epoch, replaced[i], 0);
	free(replaced);
	return 0;
}

/* Room for one more zone in the present directory, after building a larger one if need be. */
static int
make_room(struct zone_publisher *p)
{
	if (p->directory == NULL)
		return rebuild(p, NULL, 0);
	uint64_t slots = ((uint64_t)p->directory->bucket_mask + 1) * ZONE_SLOTS;
	uint64_t used = (uint64_t)n_zones(p) + p->n_removed;
	if (used * ZONE_LOAD_DEN < slots * ZONE_LOAD_NUM)
		return 0;
	int err = rebuild(p, NULL, 0);
	/* fuller than it should be is slower, but no reason to refuse a zone */
	return err != 0 && used + slots / 8 < slots ? 0 : err;
}

static int
publish_locked(struct zone_publisher *p, uint64_t image_off)
{
	const struct image *im = image_at(p->arena, image_off);
	if (im == NULL || image_off % ARENA_ALIGN != 0 || image_apex(im) == NULL)
		return -EINVAL;
	int err = reserve_retired(p, 2);
	if (err != 0)
		return err;
	uint64_t hash = zone_apex_hash(p->arena, im->apex, im->apex_len);
	uint64_t word = zone_slot_word(hash, image_off);
	_Atomic uint64_t *slot =
		zone_directory_slot(p->arena, p->directory, im->apex, im->apex_len);
	if (slot != NULL) {
		uint64_t old = *slot & ZONE_SLOT_OFFSET;
		if (old == image_off)
			return 0;
		atomic_store_explicit(slot, word, memory_order_release);
		retire(p, new_epoch(p), old, 0);
		return 0;
	}
	err = make_room(p);
	if (err != 0)
		return err;
	slot = zone_directory_free_slot(p->directory, hash);
	if (slot == NULL)
		return rebuild(p, &image_off, 1); /* that many probes: the table grows */
	if (*slot == ZONE_SLOT_REMOVED)
		p->n_removed--;
	zone_directory_note_labels(p->directory, im->apex_labels);
	/* release: the image was written before, and the bit of its label count */
	atomic_store_explicit(slot, word, memory_order_release);
	atomic_fetch_add_explicit(&p->directory->n_zones, 1, memory_order_relaxed);
	new_epoch(p);
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

	if (old == NULL || new == NULL || old->chunk_bits != new->chunk_bits ||
		old->apex_len != new->apex_len || memcmp(old->apex, new->apex, old->apex_len) != 0)
		return -EINVAL;
	_Atomic uint64_t *slot =
		zone_directory_slot(p->arena, p->directory, old->apex, old->apex_len);
	if (slot == NULL || (*slot & ZONE_SLOT_OFFSET) != old_off)
		return -ESTALE;
	int err = reserve_retired(p, count_replaced(old, new) + 1);
	if (err != 0)
		return err;
	uint64_t hash = zone_apex_hash(p->arena, new->apex, new->apex_len);
	/* release: the image was written before */
	atomic_store_explicit(slot, zone_slot_word(hash, new_off), memory_order_release);
	uint64_t epoch = new_epoch(p);
	for (uint32_t i = 0; old->chunk_bits > 0 && i < 1u << old->chunk_bits; i++)
		if (chunks_of(old)[i].off != chunks_of(new)[i].off)
			retire(p, epoch, chunks_of(old)[i].off, chunks_of(old)[i].len);
	retire(p, epoch, old_off, old->block_len);
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

int
zone_publish_many(struct zone_publisher *p, const uint64_t *image_off, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (image_at(p->arena, image_off[i]) == NULL || image_off[i] % ARENA_ALIGN != 0)
			return -EINVAL;
	pthread_mutex_lock(&p->lock);
	int err = rebuild(p, image_off, n);
	pthread_mutex_unlock(&p->lock);
	return err;
}

int
zone_withdraw(struct zone_publisher *p, const uint8_t *apex)
{
	int err = -ENOENT;

	pthread_mutex_lock(&p->lock);
	_Atomic uint64_t *slot =
		zone_directory_slot(p->arena, p->directory, apex, name_octets(apex));
	if (slot != NULL)
		err = reserve_retired(p, 1);
	if (err == 0) {
		uint64_t old = *slot & ZONE_SLOT_OFFSET;
		p->n_removed += zone_directory_clear_slot(p->directory, slot);
		atomic_fetch_sub_explicit(&p->directory->n_zones, 1, memory_order_relaxed);
		retire(p, new_epoch(p), old, 0);
	}
	pthread_mutex_unlock(&p->lock);
	return err;
}

uint32_t
zone_published_count(struct zone_publisher *p)
{
	pthread_mutex_lock(&p->lock);
	uint32_t n = n_zones(p);
	pthread_mutex_unlock(&p->lock);
	return n;
}

uint64_t
zone_published(struct zone_publisher *p, const uint8_t *apex)
{
	pthread_mutex_lock(&p->lock);
	_Atomic uint64_t *slot =
		zone_directory_slot(p->arena, p->directory, apex, name_octets(apex));
	uint64_t off = slot == NULL ? 0 : *slot & ZONE_SLOT_OFFSET;
	pthread_mutex_unlock(&p->lock);
	return off;
}

void
zone_published_each(struct zone_publisher *p, void (*fn)(void *arg, uint64_t image_off), void *arg)
{
	pthread_mutex_lock(&p->lock);
	for (uint64_t b = 0; p->directory != NULL && b <= p->directory->bucket_mask; b++)
		for (unsigned i = 0; i < ZONE_SLOTS; i++) {
			uint64_t off = p->directory->bucket[b].slot[i] & ZONE_SLOT_OFFSET;
			if (off > ZONE_SLOT_REMOVED)
				fn(arg, off);
		}
	pthread_mutex_unlock(&p->lock);
}

int
settings_publish(struct zone_publisher *p, const struct settings *s)
{
	int err = -ENOSPC;

	pthread_mutex_lock(&p->lock);
	uint64_t off = arena_alloc(p->arena, sizeof *s);
	if (off != 0)
		err = reserve_retired(p, 1);
	if (err == 0) {
		struct settings *copy = arena_writable(p->arena, off);
		*copy = *s;
		copy->magic = SETTINGS_MAGIC;
		uint64_t old = atomic_load_explicit(&header(p)->settings, memory_order_relaxed);
		/* release: its content was written before */
		atomic_store_explicit(&header(p)->settings, off, memory_order_release);
		retire(p, new_epoch(p), old, sizeof *s);
	} else if (off != 0) {
		arena_free(p->arena, off, sizeof *s);
	}
	pthread_mutex_unlock(&p->lock);
	return err;
}

int
policy_publish(struct zone_publisher *p, const struct policy *policy)
{
	int err = -ENOSPC;

	pthread_mutex_lock(&p->lock);
	uint64_t off = arena_alloc(p->arena, policy->octets);
	if (off != 0)
		err = reserve_retired(p, 1);
	if (err == 0) {
		struct policy *copy = arena_writable(p->arena, off);
		uint64_t old = atomic_load_explicit(&header(p)->policy, memory_order_relaxed);
		uint64_t old_octets =
			old == 0 ? 0 : ((const struct policy *)(p->arena->base + old))->octets;
		memcpy(copy, policy, policy->octets);
		/* of another arena none is equal either: its seed is random */
		copy->serial = header(p)->seed + 1 +
			       atomic_load_explicit(&header(p)->generation, memory_order_relaxed);
		/* release: its content was written before */
		atomic_store_explicit(&header(p)->policy, off, memory_order_release);
		retire(p, new_epoch(p), old, old_octets);
	} else if (off != 0) {
		arena_free(p->arena, off, policy->octets);
	}
	pthread_mutex_unlock(&p->lock);
	return err;
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
adopt_directory(struct zone_publisher *p, uint32_t *n_damaged)
{
	uint64_t off = atomic_load_explicit(&header(p)->directory, memory_order_relaxed);
	uint64_t *parts;
	size_t n_parts;

	if (off == 0)
		return 0;
	p->directory = zone_directory_adopt(p->arena, off);
	if (p->directory == NULL) {
		/* nothing of it can be trusted: start with none */
		++*n_damaged;
		atomic_store_explicit(&header(p)->directory, 0, memory_order_release);
		return 0;
	}
	p->directory_off = off;
	int err = zone_directory_adopt_images(
		p->arena, p->directory, n_damaged, &p->n_removed, &parts, &n_parts);
	if (err != 0)
		return err;
	err = reserve_retired(p, n_parts / 2);
	if (err == 0) {
		uint64_t epoch = new_epoch(p);
		for (size_t i = 0; i < n_parts; i += 2)
			retire(p, epoch, parts[i], parts[i + 1]);
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
	uint64_t settings = atomic_load_explicit(&header(p)->settings, memory_order_relaxed);
	if (settings != 0 && arena_adopt(a, settings, sizeof(struct settings)) != 0) {
		damaged++;
		atomic_store_explicit(&header(p)->settings, 0, memory_order_release);
	}
	uint64_t policy = atomic_load_explicit(&header(p)->policy, memory_order_relaxed);
	if (policy != 0 && (policy_at(a, policy) == NULL ||
				   arena_adopt(a, policy, policy_at(a, policy)->octets) != 0)) {
		damaged++;
		atomic_store_explicit(&header(p)->policy, 0, memory_order_release);
	}
	err = adopt_directory(p, &damaged);
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
