/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_publish_blocks: what workers read beside zones, each as one block that is replaced whole:
 * settings, access list and rate limits, views. Control plane, any thread. */
#include "controlplane/zones/zone_publish_private.h"

#include <errno.h>
#include <string.h>

/**
 * Publish a block. With the lock held.
 * @param field    of the arena's header
 * @param octets   what is copied; NULL: nothing is published from here on
 * @param replaced octets of the block that is published so far
 * @param stamp    called with the copy before it is published; may be NULL
 */
static int
publish_block(struct zone_publisher *p, _Atomic uint64_t *field, const void *octets, uint64_t len,
	uint64_t replaced, void (*stamp)(struct zone_publisher *p, void *copy))
{
	uint64_t old = atomic_load_explicit(field, memory_order_relaxed), off = 0;
	int err;

	if (octets != NULL) {
		off = arena_alloc(p->arena, len);
		if (off == 0)
			return -ENOSPC;
	}
	err = publisher_reserve(p, 1);
	if (err != 0) {
		if (off != 0)
			arena_free(p->arena, off, len);
		return err;
	}
	if (off != 0) {
		void *copy = arena_writable(p->arena, off);
		memcpy(copy, octets, len);
		if (stamp != NULL)
			stamp(p, copy);
	}
	/* release: its content was written before */
	atomic_store_explicit(field, off, memory_order_release);
	publisher_retire(p, publisher_epoch(p), old, replaced);
	return 0;
}

static void
stamp_settings(struct zone_publisher *p, void *copy)
{
	((struct settings *)copy)->magic = SETTINGS_MAGIC;
}

int
settings_publish(struct zone_publisher *p, const struct settings *s)
{
	pthread_mutex_lock(&p->lock);
	int err = publish_block(
		p, &publisher_header(p)->settings, s, sizeof *s, sizeof *s, stamp_settings);
	pthread_mutex_unlock(&p->lock);
	return err;
}

/* Of another arena none is equal either: its seed is random. */
static void
stamp_policy(struct zone_publisher *p, void *copy)
{
	const struct arena_header *h = publisher_header(p);

	((struct policy *)copy)->serial =
		h->seed + 1 + atomic_load_explicit(&h->generation, memory_order_relaxed);
}

int
policy_publish(struct zone_publisher *p, const struct policy *policy)
{
	pthread_mutex_lock(&p->lock);
	struct arena_header *h = publisher_header(p);
	uint64_t old = atomic_load_explicit(&h->policy, memory_order_relaxed);
	uint64_t replaced = old == 0 ? 0 : ((const struct policy *)(p->arena->base + old))->octets;
	int err = publish_block(p, &h->policy, policy, policy->octets, replaced, stamp_policy);
	pthread_mutex_unlock(&p->lock);
	return err;
}

int
views_publish(struct zone_publisher *p, const struct views *views)
{
	int err = 0;

	pthread_mutex_lock(&p->lock);
	struct arena_header *h = publisher_header(p);
	uint64_t old = atomic_load_explicit(&h->views, memory_order_relaxed);
	uint64_t replaced = old == 0 ? 0 : ((const struct views *)(p->arena->base + old))->octets;
	if (views != NULL || old != 0)
		err = publish_block(
			p, &h->views, views, views == NULL ? 0 : views->octets, replaced, NULL);
	pthread_mutex_unlock(&p->lock);
	return err;
}

/* --- taking over --- */

/* A block is adopted, or not published any more. @param len  0: it is damaged */
static uint32_t
adopt_block(struct zone_publisher *p, _Atomic uint64_t *field, uint64_t len)
{
	uint64_t off = atomic_load_explicit(field, memory_order_relaxed);

	if (off == 0 || (len != 0 && arena_adopt(p->arena, off, len) == 0))
		return 0;
	atomic_store_explicit(field, 0, memory_order_release);
	return 1;
}

uint32_t
publisher_adopt_blocks(struct zone_publisher *p)
{
	struct arena_header *h = publisher_header(p);
	const struct policy *policy = policy_current(p->arena);
	const struct views *views = views_current(p->arena);

	return adopt_block(p, &h->settings, sizeof(struct settings)) +
	       adopt_block(p, &h->policy, policy == NULL ? 0 : policy->octets) +
	       adopt_block(p, &h->views, views == NULL ? 0 : views->octets);
}
