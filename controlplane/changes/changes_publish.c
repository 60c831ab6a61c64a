/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_publish: what a batch changed, from the store to the workers. The change is durable by
 * now: a version that cannot be published (the arena is full) is told, and tried again later. */
#include "controlplane/changes/changes_internal.h"
#include "controlplane/manager/stored_zone.h"
#include "controlplane/zones/zone_patch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
compile_whole(struct changes *c, struct store_txn *t, const uint8_t *apex, struct zone_update *u)
{
	struct stored_image made;

	u->error = stored_zone_compile(
		zone_manager_arena(c->o.zones), t, apex, c->scratch, &u->report, &made);
	u->image = made.image;
	u->is_empty = made.is_empty;
}

/* --- a zone of the store, as zone_patch() reads it --- */

struct reading {
	struct store_txn *txn;
	const struct store_zone *zone;
};

/* @param only  RRsets of this owner alone */
static int
walk(const struct reading *r, const uint8_t *name, bool only,
	int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	unsigned len = name_octets(name);
	struct store_cursor *cursor;
	struct backend_rrset rrset;
	int ret = store_cursor_open(r->txn, r->zone, name, true, &cursor);

	if (ret != 0)
		return ret == -ENOENT ? 0 : ret;
	while ((ret = store_cursor_next(cursor, &rrset)) == 0) {
		if (only &&
			(name_octets(rrset.owner) != len || memcmp(rrset.owner, name, len) != 0))
			break;
		ret = each(to, &rrset);
		if (ret != 0)
			break;
	}
	store_cursor_close(cursor);
	return ret == -ENOENT || ret == 1 ? 0 : ret;
}

static int
read_rrsets(void *arg, const uint8_t *owner,
	int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	return walk(arg, owner, true, each, to);
}

static int
read_below(void *arg, const uint8_t *name, int (*each)(void *to, const struct backend_rrset *rrset),
	void *to)
{
	return walk(arg, name, false, each, to);
}

static int
read_referrers(void *arg, const uint8_t *target, bool below,
	int (*each)(void *to, const uint8_t *owner), void *to)
{
	const struct reading *r = arg;

	return r->zone->has_refs ? store_referrers(r->txn, r->zone, target, below, each, to)
				 : -EAGAIN;
}

/* @return whether it is a version that may be published, or an error that is final */
static bool
patch(struct changes *c, struct store_txn *t, const struct store_zone *zone,
	struct change_touched *z, struct zone_update *u)
{
	struct reading r = {.txn = t, .zone = zone};
	struct zone_reader reader = {.rrsets = read_rrsets,
		.below = read_below,
		.referrers = read_referrers,
		.arg = &r,
		.n_records = zone->n_records};
	struct zone_patch_result made;
	const uint8_t **owner;
	size_t n = 0;
	int ret;

	if (z->is_whole || u->base == 0)
		return false;
	owner = touched_owners(z, &n);
	if (owner == NULL)
		return false;
	ret = zone_patch(zone_manager_arena(c->o.zones), u->base, &reader, owner, n, &made);
	free(owner);
	/* whatever is wrong, compiling the whole says so in words */
	if (ret != 0)
		return false;
	u->image = made.image_off;
	u->patched = true;
	return true;
}

void
changes_note_version(struct changes *c, bool patched, int ret)
{
	pthread_mutex_lock(&c->lock);
	c->figures.patched_total += ret == 0 && patched;
	c->figures.compiled_total += ret == 0 && !patched;
	c->figures.unpublished_total += ret != 0;
	pthread_mutex_unlock(&c->lock);
	c->has_unpublished |= ret != 0;
}

void
changes_publish_zone(
	struct changes *c, struct store_txn *t, struct change_touched *z, uint64_t version)
{
	struct aside *aside = aside_find(c, z->apex);
	struct store_zone zone;
	struct zone_update u;
	uint64_t since_ns = changes_clock_ns();
	int ret, begun;

	if (touched_is_nothing(z) || version == 0) {
		z->aside = aside;
		return;
	}
	ret = store_zone_get(t, z->apex, &zone);
	if (ret == -ENOENT) {
		if (aside != NULL)
			aside_forget(c, aside);
		c->has_unpublished |= zone_manager_update_gone(c->o.zones, z->apex) != 0;
		return;
	}
	if (aside != NULL) { /* in its turn */
		aside_add(c, aside, z, version);
		z->aside = aside;
		return;
	}
	/* -EEXIST: a zone file of this name is served instead */
	begun = zone_manager_update_begin(c->o.zones, z->apex, version, &u);
	if (begun == -ENOMEM)
		changes_note_version(c, false, begun);
	if (begun != 0)
		return;
	if (ret != 0 || !patch(c, t, &zone, z, &u)) {
		if (ret == 0 && zone.n_records > c->o.large_records &&
			(z->aside = aside_begin(c, z->apex, &u)) != NULL)
			return;
		compile_whole(c, t, z->apex, &u);
	}
	u.ms = (uint32_t)((changes_clock_ns() - since_ns) / 1000000);
	ret = zone_manager_update_end(c->o.zones, &u);
	changes_note_version(c, u.patched, ret);
}

void
changes_publish(struct changes *c, const struct touched_zones *zones, uint64_t version)
{
	struct store_txn *t;
	int ret;

	if (zones->n == 0)
		return;
	ret = store_read(c->store, &t);
	for (size_t i = 0; i < zones->room; i++) {
		if (zones->slot[i] == NULL)
			continue;
		if (ret == 0)
			changes_publish_zone(c, t, zones->slot[i], version);
		else if (version != 0 && !touched_is_nothing(zones->slot[i]))
			zone_manager_update_missed(c->o.zones, zones->slot[i]->apex, version);
	}
	c->has_unpublished |= ret != 0;
	if (ret == 0)
		store_end(t);
}
