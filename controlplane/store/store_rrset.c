/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_rrset: RRsets, one at a time. All RRsets of an owner are one value. */
#include "controlplane/store/store_internal.h"

#include <errno.h>

static int
owner_key(struct store_key *k, const struct store_zone *zone, const uint8_t *owner)
{
	k->len = 0;
	store_key_id(k, zone->id);
	return store_key_name(k, owner, zone_key_apex(zone->apex));
}

/* --- reading --- */

/* Find the part of this type in an owner's value. */
static int
find_part(struct store_txn *t, enum store_db db, const struct store_key *k, uint16_t type,
	int (*next)(struct store_in *in, struct store_packed *out), struct store_packed *out)
{
	struct store_in in;
	MDB_val value;
	int ret = store_get(t, db, k, &value);

	if (ret != 0)
		return ret;
	in = store_in(value.mv_data, value.mv_size);
	do
		ret = next(&in, out);
	while (ret == 0 && out->type < type);
	if (ret == 0 && out->type != type)
		ret = -ENOENT;
	return ret;
}

int
store_rrset_get(struct store_txn *t, const struct store_zone *zone, const uint8_t *owner,
	uint16_t type, struct store_decoder *d, struct backend_rrset *out)
{
	struct backend_rrset rrset = {.owner = owner, .type = type};
	struct store_packed p;
	struct store_key k;
	int with, ret = owner_key(&k, zone, owner);

	if (ret == -ENAMETOOLONG)
		ret = -ENOENT; /* nothing has such a key */
	if (ret != 0)
		return ret;
	ret = find_part(t, STORE_DB_RECORDS, &k, type, store_in_rrset, &p);
	if (ret == 0)
		ret = store_unpack_records(&p, d, &rrset);
	if (ret != 0 && ret != -ENOENT)
		return ret;
	with = find_part(t, STORE_DB_COMMENTS, &k, type, store_in_comments, &p);
	if (with == 0)
		with = store_unpack_comments(&p, d, &rrset);
	if (with != 0 && with != -ENOENT)
		return with;
	if (ret != 0 && with != 0)
		return -ENOENT;
	*out = rrset;
	return 0;
}

/* --- writing --- */

/* What is read and written: records or comments. */
struct side {
	enum store_db db;
	int (*next)(struct store_in *in, struct store_packed *out);
	void (*put)(struct store_out *o, const struct backend_rrset *rrset);
	bool comments;
};
static const struct side records = {STORE_DB_RECORDS, store_in_rrset, store_out_rrset, false};
static const struct side comments = {
	STORE_DB_COMMENTS, store_in_comments, store_out_comments, true};

/* Does the change say what this side is to be? An RRset that goes takes its comments along, unless
 * it is left with new ones. */
static bool
concerns(const struct side *side, const struct backend_change *c)
{
	if (!side->comments)
		return c->has_records;
	return c->has_comments || (c->has_records && c->rrset.n_records == 0);
}

static uint32_t
count_of(const struct side *side, const struct backend_change *c)
{
	if (!side->comments)
		return c->rrset.n_records;
	return c->has_comments ? c->rrset.n_comments : 0;
}

/* How many entries there were, and are now, of what changes. */
struct counts {
	uint64_t before, after;
};

/* An owner's value with the parts of these types replaced, or left out. */
static int
replace_parts(const struct side *side, const MDB_val *old, const struct backend_change *change,
	size_t n, struct store_out *out, struct counts *counts)
{
	struct store_in in = store_in(old->mv_data, old->mv_size);
	struct store_packed p;
	int ret = side->next(&in, &p);
	size_t i = 0;

	out->len = 0;
	*counts = (struct counts){0};
	while (i < n || ret == 0) {
		const struct backend_change *c = i < n ? &change[i] : NULL;
		bool concerned = c != NULL && concerns(side, c);
		if (ret != 0 && ret != -ENOENT)
			return ret;
		if (c != NULL && (ret != 0 || c->rrset.type <= p.type)) {
			if (concerned && count_of(side, c) > 0) {
				side->put(out, &c->rrset);
				counts->after += count_of(side, c);
			}
			i++;
			if (!concerned || ret != 0 || c->rrset.type != p.type)
				continue;
			counts->before += p.n;
		} else {
			store_out_octets(out, p.start, (size_t)(p.end - p.start));
		}
		ret = side->next(&in, &p);
	}
	if (ret != -ENOENT)
		return ret;
	return out->failed ? -ENOMEM : 0;
}

static int
get_or_nothing(struct store_txn *t, enum store_db db, const struct store_key *k, MDB_val *value)
{
	int ret = store_get(t, db, k, value);

	if (ret == -ENOENT) {
		*value = (MDB_val){0, (void *)(uintptr_t) ""};
		ret = 0;
	}
	return ret;
}

/* Write an owner's new value; one that is empty goes. */
static int
put_value(struct store_txn *t, enum store_db db, const struct store_key *k, const MDB_val *old,
	const struct store_out *o)
{
	int ret;

	if (o->len == 0)
		return old->mv_size == 0 ? 0 : store_del(t, db, k, NULL);
	/* zones are filled in order mostly: pages are full then, not half full */
	if (old->mv_size == 0) {
		ret = store_put(t, db, k, o->octets, o->len, MDB_APPEND);
		if (ret != -EEXIST)
			return ret;
	}
	return store_put(t, db, k, o->octets, o->len, 0);
}

static int
put_records(struct store_txn *t, struct store_record *now, const struct store_key *k,
	const struct backend_change *change, size_t n)
{
	struct counts counts;
	MDB_val old, new;
	bool was;
	int ret = get_or_nothing(t, STORE_DB_RECORDS, k, &old);

	if (ret == 0)
		ret = replace_parts(&records, &old, change, n, &t->scratch, &counts);
	if (ret != 0)
		return ret;
	new = (MDB_val){t->scratch.len, t->scratch.octets};
	was = old.mv_size != 0;
	/* before the old value is overwritten, perhaps where it lies */
	if (now->zone.has_refs) {
		ret = store_refs_change(t, &now->zone, change->rrset.owner, &old, &new);
		if (ret != 0)
			return ret;
		/* the map may have moved pages about: find it again */
		ret = get_or_nothing(t, STORE_DB_RECORDS, k, &old);
		if (ret != 0)
			return ret;
	}
	ret = put_value(t, STORE_DB_RECORDS, k, &old, &t->scratch);
	if (ret != 0)
		return ret;
	now->zone.n_records += counts.after;
	now->zone.n_records -= counts.before;
	now->zone.n_names += t->scratch.len != 0;
	now->zone.n_names -= was;
	t->now.dirty = true;
	if (!now->zone.has_refs && now->zone.n_names > STORE_REFS_MIN) {
		ret = store_refs_build(t, &now->zone);
		now->zone.has_refs = ret == 0;
	}
	return ret;
}

static bool
any_concerns(const struct side *side, const struct backend_change *change, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (concerns(side, &change[i]))
			return true;
	return false;
}

int
store_owner_put(struct store_txn *t, const struct store_zone *zone,
	const struct backend_change *change, size_t n)
{
	struct store_record *now;
	struct counts counts;
	struct store_key k;
	MDB_val old = {0};
	bool with = any_concerns(&comments, change, n);
	int ret;

	if (!t->write)
		return -EROFS;
	ret = store_zone_now(t, zone, &now);
	if (ret == 0)
		ret = owner_key(&k, &now->zone, change->rrset.owner);
	/* before anything is written: what the caller gave may lie in the map */
	if (ret == 0 && with)
		ret = get_or_nothing(t, STORE_DB_COMMENTS, &k, &old);
	if (ret == 0 && with)
		ret = replace_parts(&comments, &old, change, n, &t->scratch2, &counts);
	if (ret != 0)
		return ret;
	if (any_concerns(&records, change, n))
		ret = put_records(t, now, &k, change, n);
	if (ret == 0 && with)
		ret = put_value(t, STORE_DB_COMMENTS, &k, &old, &t->scratch2);
	if (ret != 0 && t->failed == 0)
		t->failed = ret; /* half of it may be there */
	now->zone.version = t->head.version;
	t->now.dirty = true;
	return ret;
}

int
store_rrset_put(
	struct store_txn *t, const struct store_zone *zone, const struct backend_change *change)
{
	return store_owner_put(t, zone, change, 1);
}
