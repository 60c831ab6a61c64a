/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_publish: what a batch changed, from the store to the workers. The change is durable by
 * now: a version that cannot be published (the arena is full) is told, and tried again later. */
#include "controlplane/changes/changes_internal.h"
#include "controlplane/manager/stored_zone.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
compile_whole(struct changes *c, struct store_txn *t, const uint8_t *apex, struct zone_update *u)
{
	struct stored_image made;

	u->error = stored_zone_compile(
		zone_manager_arena(c->o.zones), t, apex, c->scratch, &u->report, &made);
	u->image = made.image;
	u->is_empty = made.is_empty;
}

static void
note(struct changes *c, const struct zone_update *u, int ret)
{
	pthread_mutex_lock(&c->lock);
	c->figures.patched_total += ret == 0 && u->patched;
	c->figures.compiled_total += ret == 0 && !u->patched;
	c->figures.unpublished_total += ret != 0;
	pthread_mutex_unlock(&c->lock);
	c->has_unpublished |= ret != 0;
}

static void
publish_zone(struct changes *c, struct store_txn *t, struct change_touched *z, uint64_t version)
{
	struct store_zone zone;
	struct zone_update u;
	uint64_t since_ns = clock_ns();
	int ret = store_zone_get(t, z->apex, &zone);

	if (ret == -ENOENT) {
		zone_manager_update_gone(c->o.zones, z->apex);
		return;
	}
	/* -EEXIST: a zone file of this name is served instead */
	if (zone_manager_update_begin(c->o.zones, z->apex, version, &u) != 0)
		return;
	compile_whole(c, t, z->apex, &u);
	u.ms = (uint32_t)((clock_ns() - since_ns) / 1000000);
	note(c, &u, zone_manager_update_end(c->o.zones, &u));
}

void
changes_publish(struct changes *c, const struct touched_zones *zones, uint64_t version)
{
	struct store_txn *t;
	int ret;

	if (zones->n == 0)
		return;
	ret = store_read(c->o.store, &t);
	for (size_t i = 0; i < zones->room; i++) {
		if (zones->slot[i] == NULL)
			continue;
		if (ret == 0)
			publish_zone(c, t, zones->slot[i], version);
		else
			zone_manager_update_missed(c->o.zones, zones->slot[i]->apex, version);
	}
	c->has_unpublished |= ret != 0;
	if (ret == 0)
		store_end(t);
}
