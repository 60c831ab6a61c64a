/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_patch_affect: which nodes change when the records at a name do, and what must be known to
 * make them anew.
 *
 * A node is what it is because of its own records; of the names above it (a cut or DNAME there
 * hides it); of those below it (an empty non-terminal exists because of them; its child "*" is
 * announced in it); and its answers hold addresses of the targets in them, or of the wildcard that
 * makes those (decision 0013). */
#include "controlplane/zones/zone_patch_names.h"

#include "controlplane/zones/zone_rdata.h"
#include "controlplane/zones/zone_render.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- lists of names that the reader hands out --- */

/* While it does so, it cannot be asked for more. */
struct list {
	uint8_t *octets;
	size_t len, room;
	uint32_t n;
	size_t last; /* where the last name lies */
};

static int
list_add(void *to, const uint8_t *name)
{
	struct list *l = to;
	unsigned len = name_octets(name);

	if (l->n > 0 && l->len - l->last == len && memcmp(l->octets + l->last, name, len) == 0)
		return 0;
	if (l->n == PATCH_AFFECTED_MAX)
		return -EAGAIN;
	if (l->len + len > l->room) {
		size_t room = l->room * 2 + 4096;
		uint8_t *octets = realloc(l->octets, room);
		if (octets == NULL)
			return -ENOMEM;
		l->octets = octets;
		l->room = room;
	}
	memcpy(l->octets + l->len, name, len);
	l->last = l->len;
	l->len += len;
	l->n++;
	return 0;
}

static int
list_add_owner(void *to, const struct backend_rrset *set)
{
	return list_add(to, set->owner);
}

/* --- what a changed name affects --- */

/* Those whose answers may hold addresses of this name (or of names below it). */
static int
affect_referrers(struct patch *p, uint32_t at, bool below)
{
	struct list l = {0};
	uint32_t owner;

	int err = p->reader->referrers(p->reader->arg, patch_wire(p, at), below, list_add, &l);
	const uint8_t *name = l.octets;
	for (uint32_t i = 0; err == 0 && i < l.n; i++, name += name_octets(name)) {
		if (!patch_in_zone(p, name, name_octets(name)))
			continue;
		err = patch_name(p, name, &owner);
		if (err == 0)
			err = patch_affect(p, owner);
	}
	free(l.octets);
	return err;
}

/* It hides what is below it now, or no more, or in another way. */
static int
affect_subtree(struct patch *p, uint32_t top)
{
	struct list l = {0};
	uint32_t at;

	int err = p->reader->below(p->reader->arg, patch_wire(p, top), list_add_owner, &l);
	const uint8_t *name = l.octets;
	for (uint32_t i = 0; err == 0 && i < l.n; i++, name += name_octets(name)) {
		err = patch_name(p, name, &at);
		/* empty non-terminals between the two as well */
		while (err == 0 && p->name[at].len > p->name[top].len) {
			err = patch_affect(p, at);
			if (err == 0)
				err = patch_parent(p, at, &at);
		}
	}
	free(l.octets);
	return err;
}

/* Are these the addresses that the node has? Octets of a record: a pointer to the owner, type,
 * class, TTL, length, address. */
static bool
addresses_are_equal(const struct patch *p, const struct patch_name *n,
	const struct image_node *node, uint16_t type, unsigned address_len)
{
	const struct zone_model *z = &p->build.z;
	struct image_chunk c = image_chunk_of(p->arena, p->old, n->hash);
	const struct image_answer *a = NULL;
	unsigned step = 12 + address_len, n_old, next = 0;
	uint32_t count = 0;

	for (unsigned i = 0; i < node->n_types; i++)
		if (image_node_types(node)[i].type == type)
			a = image_answer_at(c.base, c.len, image_node_types(node)[i].answer);
	n_old = a == NULL ? 0 : a->len / step;
	for (uint32_t i = n->first; i < n->first + n->n; i++) {
		const struct zone_record *r = &z->record[i];
		uint16_t len;
		bool found = false;
		if (r->type != type)
			continue;
		count++;
		const uint8_t *rdata = zone_rdata(z, r, &len);
		/* most often they come in the same order */
		for (unsigned k = 0; !found && k < n_old; k++, next++) {
			const uint8_t *rr = image_answer_octets(a) + next % n_old * step;
			uint32_t ttl = (uint32_t)rr[6] << 24 | (uint32_t)rr[7] << 16 |
				       (uint32_t)rr[8] << 8 | rr[9];
			found = ttl == r->ttl && len == address_len &&
				memcmp(rr + 12, rdata, address_len) == 0;
		}
		if (!found)
			return false;
	}
	return count == n_old && (a == NULL || n_old == image_answer_counts(a).an);
}

enum hides { HIDES_NOTHING, HIDES_AS_CUT, HIDES_AS_DNAME };

static enum hides
old_hides(const struct image_node *node)
{
	if (node == NULL)
		return HIDES_NOTHING;
	return node->flags & NODE_CUT     ? HIDES_AS_CUT
	       : node->flags & NODE_DNAME ? HIDES_AS_DNAME
					  : HIDES_NOTHING;
}

static enum hides
new_hides(const struct patch *p, uint32_t at, bool is_node)
{
	const struct patch_name *n = &p->name[at];

	if (!is_node)
		return HIDES_NOTHING;
	return n->flags & PATCH_NS && !patch_is_apex(p, at) ? HIDES_AS_CUT
	       : n->flags & PATCH_DNAME                     ? HIDES_AS_DNAME
							    : HIDES_NOTHING;
}

/* May the addresses of this name, as they are given with others' answers, be other ones now? Those
 * of a cut, and of glue, are in no node of their own. */
static bool
addresses_may_differ(const struct patch *p, uint32_t at, const struct image_node *old, bool is_node,
	enum hides hides)
{
	const struct patch_name *n = &p->name[at];

	return old == NULL || !is_node || hides == HIDES_AS_CUT ||
	       !addresses_are_equal(p, n, old, ZONE_A, 4) ||
	       !addresses_are_equal(p, n, old, ZONE_AAAA, 16);
}

/* Go up as long as names come to be nodes, or cease to. A wildcard there made other names than it
 * does now. */
static int
affect_above(struct patch *p, uint32_t at)
{
	bool is_node;

	for (uint32_t up;; at = up) {
		const struct image_node *old = patch_old_node(p, at);
		int err = patch_is_node(p, at, &is_node);
		if (err != 0 || (old != NULL) == is_node || patch_is_apex(p, at))
			return err;
		err = patch_affect(p, at);
		if (err == 0)
			err = patch_parent(p, at, &up);
		if (err == 0 && patch_is_wildcard(p, at))
			err = patch_affect(p, up);
		if (err != 0)
			return err;
		/* one that is new has no wildcard either but a new one, which is an owner itself */
		const struct image_node *parent = patch_old_node(p, up);
		if (parent != NULL && parent->flags & NODE_WILDCARD_CHILD)
			err = affect_referrers(p, at, true);
		if (err != 0)
			return err;
	}
}

int
patch_owner(struct patch *p, const uint8_t *owner)
{
	uint32_t at, up;
	bool is_node;

	if (!patch_in_zone(p, owner, name_octets(owner)))
		return 0;
	int err = patch_name(p, owner, &at);
	if (err == 0)
		err = patch_affect(p, at);
	if (err == 0)
		err = patch_is_node(p, at, &is_node);
	if (err != 0)
		return err;
	const struct image_node *old = patch_old_node(p, at);
	enum hides before = old_hides(old), now = new_hides(p, at, is_node);
	bool differ = addresses_may_differ(p, at, old, is_node, now);
	if (before != now) {
		err = affect_subtree(p, at);
		if (err == 0)
			err = affect_referrers(p, at, true);
	} else if (differ) {
		err = affect_referrers(p, at, false);
	}
	if (err == 0)
		err = affect_above(p, at);
	if (err == 0 && patch_is_wildcard(p, at) && (differ || before != now)) {
		err = patch_parent(p, at, &up);
		if (err == 0)
			err = affect_referrers(p, up, true);
	}
	return err;
}

/* --- what the affected names depend on --- */

/* What a target is, or what makes it, as far as this zone knows. */
static int
close_target(struct patch *p, const uint8_t *target)
{
	uint32_t at;
	bool exists = false;

	int err = patch_name(p, target, &at);
	if (err == 0)
		err = patch_ancestors(p, at);
	while (err == 0) {
		exists = p->name[at].n > 0;
		if (!exists)
			err = patch_has_below(p, at, &exists);
		if (err != 0 || exists || patch_is_apex(p, at))
			break;
		err = patch_parent(p, at, &at);
	}
	if (err != 0 || p->name[at].len == name_octets(target))
		return err;
	/* that is its closest encloser */
	uint32_t wildcard;
	err = patch_wildcard(p, at, &wildcard);
	if (err == 0 && wildcard != PATCH_NONE && p->name[wildcard].n == 0)
		err = patch_has_below(p, wildcard, &exists);
	return err;
}

static int
close_targets(struct patch *p, uint32_t at)
{
	const struct zone_model *z = &p->build.z;
	int err = 0;

	for (uint32_t i = 0; err == 0 && i < p->name[at].n; i++) {
		const struct zone_record *r = &z->record[p->name[at].first + i];
		uint8_t raw[PATCH_WIRE_OCTETS] = {0}, target[PATCH_WIRE_OCTETS];
		int offset = zone_rdata_target(r->type);
		uint16_t len;
		if (offset < 0)
			continue;
		const uint8_t *rdata = zone_rdata(z, r, &len);
		unsigned octets = len <= offset ? 0
						: zone_rdata_name_octets(
							  rdata + offset, len - (unsigned)offset);
		if (octets <= 1)
			continue; /* the root, which stands for something else */
		memcpy(raw, rdata + offset, octets);
		name_fold(target, raw, octets);
		memset(target + octets, 0, NAME_PAD);
		if (patch_in_zone(p, target, octets))
			err = close_target(p, target);
	}
	return err;
}

static int
close_name(struct patch *p, uint32_t at)
{
	const struct image_node *old = patch_old_node(p, at);
	bool occluded, has;
	uint32_t wildcard;

	int err = p->name[at].n > 0 ? 0 : patch_has_below(p, at, &has);
	/* where a wildcard came or went, or was hidden, it is affected itself */
	if (err == 0 && old != NULL && old->flags & NODE_WILDCARD_CHILD) {
		err = patch_wildcard(p, at, &wildcard);
		if (err == 0 && wildcard != PATCH_NONE && p->name[wildcard].n == 0)
			err = patch_has_below(p, wildcard, &has);
	}
	if (err == 0)
		err = patch_is_occluded(p, at, &occluded); /* brings all that is above it */
	return err != 0 || occluded ? err : close_targets(p, at);
}

int
patch_close(struct patch *p)
{
	int err = 0;

	/* names that are met on the way are not affected, so they depend on nothing */
	for (uint32_t i = 0, n = p->n_names; err == 0 && i < n; i++)
		if (p->name[i].flags & PATCH_AFFECTED)
			err = close_name(p, i);
	return err;
}
