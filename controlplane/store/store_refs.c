/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_refs: which owners of a large zone have RDATA that name a target in the zone. A pair is
 * kept once, whatever types and however many records make it; disabled records count. */
#include "controlplane/store/store_internal.h"
#include "controlplane/zones/zone_rdata.h"

#include <errno.h>

/* Targets of one owner, as keys: their lengths (2 octets) and octets, one behind the other. */
struct targets {
	struct store_out octets;
	size_t *at; /* sorted */
	size_t n, room;
};

static void
targets_free(struct targets *s)
{
	store_out_free(&s->octets);
	free(s->at);
}

/* The wire name at `at`, folded; false: there is none. */
static bool
target_name(const struct backend_record *r, unsigned at, uint8_t name[STORE_NAME_OCTETS])
{
	unsigned end = at;

	while (end < r->rdlength && r->rdata[end] != 0 && r->rdata[end] <= LABEL_OCTETS_MAX)
		end += r->rdata[end] + 1u;
	if (end >= r->rdlength || r->rdata[end] != 0 || end - at >= NAME_OCTETS_MAX)
		return false;
	memset(name, 0, STORE_NAME_OCTETS);
	memcpy(name, r->rdata + at, end + 1 - at);
	for (unsigned i = 0; i <= end - at; i++)
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] |= 0x20;
	return true;
}

/* Key of a name in the zone; that of the apex would be empty as data. */
static int
name_key(struct store_key *k, const struct store_zone *zone, const uint8_t *name)
{
	unsigned start = k->len;
	int ret = store_key_name(k, name, zone_key_apex(zone->apex));

	if (ret == 0 && k->len == start)
		k->octets[k->len++] = 0;
	return ret;
}

static int
targets_add(struct targets *s, const struct store_key *k)
{
	if (s->n == s->room) {
		size_t room = s->room == 0 ? 16 : 2 * s->room;
		size_t *at = reallocarray(s->at, room, sizeof *at);
		if (at == NULL)
			return -ENOMEM;
		s->at = at;
		s->room = room;
	}
	s->at[s->n++] = s->octets.len;
	store_out_octets(&s->octets, &k->len, sizeof k->len);
	store_out_octets(&s->octets, k->octets, k->len);
	return s->octets.failed ? -ENOMEM : 0;
}

static int
compare(const void *a, const void *b, void *arg)
{
	const uint8_t *octets = arg, *x = octets + *(const size_t *)a,
		      *y = octets + *(const size_t *)b;
	uint16_t x_len, y_len;
	int d;

	memcpy(&x_len, x, sizeof x_len);
	memcpy(&y_len, y, sizeof y_len);
	d = memcmp(x + 2, y + 2, x_len < y_len ? x_len : y_len);
	return d != 0 ? d : (int)x_len - (int)y_len;
}

/* All targets in an owner's value, of RRsets of every type. */
static int
targets_of(const struct store_zone *zone, const MDB_val *value, struct targets *out)
{
	struct store_in in = store_in(value->mv_data, value->mv_size);
	struct store_packed p;
	int ret;

	while ((ret = store_in_rrset(&in, &p)) == 0) {
		struct store_in records = store_in(p.record, (size_t)(p.end - p.record));
		int at = zone_rdata_target(p.type);
		if (at < 0)
			continue;
		for (uint32_t i = 0; i < p.n; i++) {
			struct backend_record r = {0};
			uint8_t name[STORE_NAME_OCTETS];
			struct store_key k = {0};
			r.rdlength = (uint16_t)(store_in_number(&records, UINT32_MAX) >> 1);
			r.rdata = store_in_octets(&records, r.rdlength);
			/* one outside, or too long a key: no owner of the zone is called so */
			if (r.rdata == NULL || !target_name(&r, (unsigned)at, name) ||
				name_key(&k, zone, name) != 0)
				continue;
			ret = targets_add(out, &k);
			if (ret != 0)
				return ret;
		}
	}
	if (ret != -ENOENT)
		return ret;
	if (out->n > 1) {
		size_t n = 1;
		qsort_r(out->at, out->n, sizeof *out->at, compare, out->octets.octets);
		for (size_t i = 1; i < out->n; i++)
			if (compare(&out->at[i], &out->at[n - 1], out->octets.octets) != 0)
				out->at[n++] = out->at[i];
		out->n = n;
	}
	return 0;
}

/* A target's key in the index. */
static int
pair_key(struct store_key *k, const struct store_zone *zone, const uint8_t *target)
{
	uint16_t len;

	memcpy(&len, target, sizeof len);
	store_key_id(k, zone->id);
	if (k->len + len > STORE_KEY_OCTETS)
		return -ENAMETOOLONG;
	memcpy(k->octets + k->len, target + sizeof len, len);
	k->len = (uint16_t)(k->len + len);
	return 0;
}

/* Put a pair in, or take it out. */
static int
pair(struct store_txn *t, const struct store_zone *zone, const uint8_t *target, MDB_val *owner,
	bool there)
{
	struct store_key k = {0};
	int ret = pair_key(&k, zone, target);

	if (ret != 0)
		return 0; /* no owner of the zone can be called so */
	if (there) {
		ret = store_put(
			t, STORE_DB_REFS, &k, owner->mv_data, owner->mv_size, MDB_NODUPDATA);
		return ret == -EEXIST ? 0 : ret;
	}
	ret = store_del(t, STORE_DB_REFS, &k, owner);
	return ret == -ENOENT ? 0 : ret;
}

static int
compare_between(const struct targets *a, size_t i, const struct targets *b, size_t j)
{
	const uint8_t *x = a->octets.octets + a->at[i], *y = b->octets.octets + b->at[j];
	uint16_t x_len, y_len;
	int d;

	memcpy(&x_len, x, sizeof x_len);
	memcpy(&y_len, y, sizeof y_len);
	d = memcmp(x + 2, y + 2, x_len < y_len ? x_len : y_len);
	return d != 0 ? d : (int)x_len - (int)y_len;
}

int
store_refs_change(struct store_txn *t, const struct store_zone *zone, const uint8_t *owner,
	const MDB_val *before, const MDB_val *after)
{
	struct targets old = {0}, new = {0};
	struct store_key k = {0};
	MDB_val data;
	size_t i = 0, j = 0;
	int d, ret = targets_of(zone, before, &old);

	if (ret == 0)
		ret = targets_of(zone, after, &new);
	if (ret == 0)
		ret = name_key(&k, zone, owner);
	data = (MDB_val){k.len, k.octets};
	while (ret == 0 && (i < old.n || j < new.n)) {
		d = i == old.n ? 1 : j == new.n ? -1 : compare_between(&old, i, &new, j);
		if (d < 0)
			ret = pair(t, zone, old.octets.octets + old.at[i++], &data, false);
		else if (d > 0)
			ret = pair(t, zone, new.octets.octets + new.at[j++], &data, true);
		else {
			i++;
			j++;
		}
	}
	targets_free(&old);
	targets_free(&new);
	return ret;
}

int
store_refs_build(struct store_txn *t, const struct store_zone *zone)
{
	static const MDB_val nothing = {0, (void *)(uintptr_t) ""};
	struct store_key prefix = {0};
	MDB_val key, value;
	MDB_cursor *c;
	int rc, ret = store_cursor_of(t, STORE_DB_RECORDS, &c);

	if (ret != 0)
		return ret;
	store_key_id(&prefix, zone->id);
	key = (MDB_val){prefix.len, prefix.octets};
	rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
	while (ret == 0 && rc == 0 && store_has_prefix(&key, &prefix)) {
		uint8_t owner[STORE_NAME_OCTETS];
		ret = store_key_to_name(owner, (const uint8_t *)key.mv_data + prefix.len,
			key.mv_size - prefix.len, zone_key_apex(zone->apex));
		/* another database is written to: the value stays where it is */
		if (ret == 0)
			ret = store_refs_change(t, zone, owner, &nothing, &value);
		if (ret == 0)
			rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	if (ret == 0 && rc != 0 && rc != MDB_NOTFOUND)
		ret = store_error(rc);
	return ret;
}

int
store_refs_verify(struct store_txn *t, const struct store_zone *zone, const uint8_t *owner,
	const MDB_val *value, uint64_t *n, uint64_t *missing)
{
	struct targets targets = {0};
	struct store_key k = {0};
	MDB_cursor *c = NULL;
	int ret = targets_of(zone, value, &targets);

	if (ret == 0)
		ret = name_key(&k, zone, owner);
	if (ret == 0)
		ret = store_cursor_of(t, STORE_DB_REFS, &c);
	for (size_t i = 0; i < targets.n && ret == 0; i++) {
		struct store_key target = {0};
		MDB_val key, data = {k.len, k.octets};
		ret = pair_key(&target, zone, targets.octets.octets + targets.at[i]);
		if (ret != 0) {
			ret = 0; /* is not in there, as in pair() */
			continue;
		}
		key = (MDB_val){target.len, target.octets};
		ret = store_error(mdb_cursor_get(c, &key, &data, MDB_GET_BOTH));
		*missing += ret == -ENOENT;
		++*n;
		if (ret == -ENOENT)
			ret = 0;
	}
	if (c != NULL)
		mdb_cursor_close(c);
	targets_free(&targets);
	return ret;
}

int
store_referrers(struct store_txn *t, const struct store_zone *zone, const uint8_t *target,
	bool below, int (*each)(void *arg, const uint8_t *owner), void *arg)
{
	struct store_key k = {0};
	MDB_val key, data;
	MDB_cursor *c;
	int rc, ret;

	store_key_id(&k, zone->id);
	ret = below ? store_key_name(&k, target, zone_key_apex(zone->apex))
		    : name_key(&k, zone, target);
	if (ret != 0)
		return ret == -ENAMETOOLONG ? 0 : ret;
	ret = store_cursor_of(t, STORE_DB_REFS, &c);
	if (ret != 0)
		return ret;
	key = (MDB_val){k.len, k.octets};
	rc = mdb_cursor_get(c, &key, &data, below ? MDB_SET_RANGE : MDB_SET_KEY);
	while (rc == 0 && ret == 0 && store_has_prefix(&key, &k)) {
		uint8_t owner[STORE_NAME_OCTETS];
		bool apex = data.mv_size == 1 && *(const uint8_t *)data.mv_data == 0;
		ret = store_key_to_name(
			owner, data.mv_data, apex ? 0 : data.mv_size, zone_key_apex(zone->apex));
		if (ret == 0)
			ret = each(arg, owner);
		if (ret == 0)
			rc = mdb_cursor_get(c, &key, &data, below ? MDB_NEXT : MDB_NEXT_DUP);
	}
	mdb_cursor_close(c);
	return ret != 0 || rc == 0 || rc == MDB_NOTFOUND ? ret : store_error(rc);
}
