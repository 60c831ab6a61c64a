/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_zone: zones. A record begins with the apex, so that it can be handed out where it lies;
 * what follows is at least NAME_PAD octets. */
#include "controlplane/store/store_internal.h"

#include <errno.h>
#include <time.h>

#define FLAG_REFS 1u

/* --- the record --- */

int
store_record_decode(const void *octets, size_t len, struct store_record *out)
{
	return store_record_decode_as(STORE_FORMAT, octets, len, out);
}

int
store_record_decode_as(uint32_t format, const void *octets, size_t len, struct store_record *out)
{
	struct store_in in = store_in(octets, len);
	struct store_record r = {0};
	unsigned flags;

	r.zone.apex = store_in_name(&in);
	r.zone.id = store_in_number(&in, UINT64_MAX);
	r.zone.kind = (enum backend_kind)store_in_number(&in, BACKEND_KINDS - 1);
	flags = (unsigned)store_in_number(&in, FLAG_REFS);
	r.zone.has_refs = (flags & FLAG_REFS) != 0;
	r.zone.serial = (uint32_t)store_in_number(&in, UINT32_MAX);
	r.zone.notified_serial = (uint32_t)store_in_number(&in, UINT32_MAX);
	r.zone.last_check = (uint32_t)store_in_number(&in, UINT32_MAX);
	r.zone.n_names = (uint32_t)store_in_number(&in, UINT32_MAX);
	r.zone.n_records = store_in_number(&in, UINT64_MAX);
	r.zone.version = store_in_number(&in, UINT64_MAX);
	if (format >= 1)
		r.zone.created_at = store_in_number(&in, UINT64_MAX);
	r.journal_next = store_in_number(&in, UINT64_MAX);
	r.journal_octets = store_in_number(&in, UINT64_MAX);
	r.zone.primaries = store_in_text(&in);
	r.zone.account = store_in_text(&in);
	r.zone.catalog = store_in_text(&in);
	r.zone.options = store_in_text(&in);
	if (in.bad)
		return -EPROTO;
	*out = r;
	return 0;
}

void
store_record_encode(struct store_out *o, const struct store_record *r)
{
	static const uint8_t zero[NAME_PAD];
	size_t behind;

	store_out_octets(o, r->zone.apex, name_octets(r->zone.apex));
	behind = o->len;
	store_out_number(o, r->zone.id);
	store_out_number(o, r->zone.kind);
	store_out_number(o, r->zone.has_refs ? FLAG_REFS : 0);
	store_out_number(o, r->zone.serial);
	store_out_number(o, r->zone.notified_serial);
	store_out_number(o, r->zone.last_check);
	store_out_number(o, r->zone.n_names);
	store_out_number(o, r->zone.n_records);
	store_out_number(o, r->zone.version);
	store_out_number(o, r->zone.created_at);
	store_out_number(o, r->journal_next);
	store_out_number(o, r->journal_octets);
	store_out_text(o, r->zone.primaries);
	store_out_text(o, r->zone.account);
	store_out_text(o, r->zone.catalog);
	store_out_text(o, r->zone.options);
	if (o->len - behind < NAME_PAD)
		store_out_octets(o, zero, NAME_PAD - (o->len - behind));
}

/* The root's key would be empty, which LMDB has not: it is 0x00, before all others. */
static int
zone_key(struct store_key *k, const uint8_t *apex)
{
	int ret;

	k->len = 0;
	ret = store_key_name(k, apex, NULL);
	if (ret == 0 && k->len == 0)
		k->octets[k->len++] = 0;
	return ret;
}

static int
put_record(struct store_txn *t, const struct store_record *r, unsigned flags)
{
	struct store_key k;
	int ret = zone_key(&k, r->zone.apex);

	if (ret != 0)
		return ret;
	t->scratch.len = 0;
	store_record_encode(&t->scratch, r);
	if (t->scratch.failed)
		return -ENOMEM;
	return store_put(t, STORE_DB_ZONES, &k, t->scratch.octets, t->scratch.len, flags);
}

static int
get_record(struct store_txn *t, const uint8_t *apex, struct store_record *out, MDB_val *value)
{
	struct store_key k;
	int ret = zone_key(&k, apex);

	if (ret == 0)
		ret = store_get(t, STORE_DB_ZONES, &k, value);
	if (ret == 0)
		ret = store_record_decode(value->mv_data, value->mv_size, out);
	if (ret == 0 && memcmp(out->zone.apex, apex, name_octets(apex)) != 0)
		ret = -EPROTO;
	return ret;
}

/* --- the zone that is written to --- */

int
store_zone_flush(struct store_txn *t)
{
	uint64_t writes = t->writes;
	int ret = 0;

	if (t->now.valid && t->now.dirty)
		ret = put_record(t, &t->now.record, 0);
	t->now.dirty = false;
	/* whoever made it dirty has written then; now somebody else may only be reading */
	t->writes = writes;
	return ret;
}

int
store_zone_now(struct store_txn *t, const struct store_zone *zone, struct store_record **out)
{
	struct store_record r;
	MDB_val value;
	int ret;

	if (t->now.valid && t->now.record.zone.id == zone->id) {
		*out = &t->now.record;
		return 0;
	}
	ret = store_zone_flush(t);
	if (ret == 0)
		ret = get_record(t, zone->apex, &r, &value);
	if (ret != 0)
		return ret;
	if (r.zone.id != zone->id)
		return -ENOENT; /* another one of that name */
	t->now.valid = false;
	t->now.octets.len = 0;
	store_out_octets(&t->now.octets, value.mv_data, value.mv_size);
	if (t->now.octets.failed)
		return -ENOMEM;
	ret = store_record_decode(t->now.octets.octets, t->now.octets.len, &t->now.record);
	if (ret != 0)
		return ret;
	t->now.valid = true;
	*out = &t->now.record;
	return 0;
}

/* --- reading --- */

/* Hand a record out. In a writing transaction it is a copy. */
static int
hand_out(struct store_txn *t, const MDB_val *value, struct store_zone *out)
{
	const void *octets = value->mv_data;
	struct store_record r;
	int ret;

	if (t->write) {
		struct store_copy *copy = malloc(sizeof *copy + value->mv_size);
		if (copy == NULL)
			return -ENOMEM;
		memcpy(copy->octets, value->mv_data, value->mv_size);
		copy->next = t->copies;
		t->copies = copy;
		octets = copy->octets;
	}
	ret = store_record_decode(octets, value->mv_size, &r);
	if (ret == 0)
		*out = r.zone;
	return ret;
}

int
store_zone_get(struct store_txn *t, const uint8_t *apex, struct store_zone *out)
{
	struct store_record r;
	MDB_val value;
	int ret = store_zone_flush(t);

	if (ret == 0)
		ret = get_record(t, apex, &r, &value);
	return ret == 0 ? hand_out(t, &value, out) : ret;
}

int
store_zone_of(struct store_txn *t, const uint8_t *name, struct store_zone *out)
{
	uint8_t label[NAME_LABELS_MAX];
	unsigned n = name_labels(name, label);
	int ret = -ENOENT;

	for (unsigned i = 0; i <= n && ret == -ENOENT; i++)
		ret = store_zone_get(
			t, i < n ? name + label[i] : name + name_octets(name) - 1, out);
	return ret;
}

int
store_zone_next(struct store_txn *t, const uint8_t *after, struct store_zone *out)
{
	struct store_key k;
	MDB_val key, value;
	MDB_cursor *c;
	int rc, ret = store_zone_flush(t);

	if (ret == 0 && after != NULL)
		ret = zone_key(&k, after);
	if (ret == 0)
		ret = store_cursor_of(t, STORE_DB_ZONES, &c);
	if (ret != 0)
		return ret;
	if (after == NULL) {
		rc = mdb_cursor_get(c, &key, &value, MDB_FIRST);
	} else {
		key = (MDB_val){k.len, k.octets};
		rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
		if (rc == 0 && key.mv_size == k.len && store_has_prefix(&key, &k))
			rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	if (rc != 0)
		return store_error(rc);
	return hand_out(t, &value, out);
}

uint64_t
store_zone_count(struct store_txn *t)
{
	MDB_stat stat;
	return mdb_stat(t->mdb, t->s->db[STORE_DB_ZONES], &stat) == 0 ? stat.ms_entries : 0;
}

/* --- writing --- */

int
store_zone_create(struct store_txn *t, struct store_zone *zone)
{
	struct store_record r = {.zone = *zone, .journal_next = 1};
	struct timespec now;
	int ret = store_zone_flush(t);

	if (ret != 0)
		return ret;
	clock_gettime(CLOCK_REALTIME, &now);
	r.zone.id = t->head.next_zone;
	r.zone.has_refs = false;
	r.zone.n_names = 0;
	r.zone.n_records = 0;
	r.zone.version = t->head.version;
	r.zone.created_at = (uint64_t)now.tv_sec;
	ret = put_record(t, &r, MDB_NOOVERWRITE);
	if (ret != 0)
		return ret;
	t->head.next_zone++;
	zone->id = r.zone.id;
	return 0;
}

int
store_zone_update(struct store_txn *t, const struct store_zone *zone)
{
	struct store_record *now, r;
	int ret = store_zone_now(t, zone, &now);

	if (ret != 0)
		return ret;
	r = *now;
	r.zone.kind = zone->kind;
	r.zone.serial = zone->serial;
	r.zone.notified_serial = zone->notified_serial;
	r.zone.last_check = zone->last_check;
	r.zone.primaries = zone->primaries;
	r.zone.account = zone->account;
	r.zone.catalog = zone->catalog;
	r.zone.options = zone->options;
	ret = put_record(t, &r, 0);
	t->now.valid = false; /* its texts are not the present ones */
	return ret;
}

int
store_zone_delete(struct store_txn *t, const uint8_t *apex)
{
	struct store_record r;
	struct store_key k;
	MDB_val value;
	int ret = store_zone_flush(t);

	t->now.valid = false;
	if (ret == 0)
		ret = get_record(t, apex, &r, &value);
	if (ret == 0)
		ret = zone_key(&k, apex);
	if (ret == 0)
		ret = store_gone_add(t, &r);
	return ret == 0 ? store_del(t, STORE_DB_ZONES, &k, NULL) : ret;
}
