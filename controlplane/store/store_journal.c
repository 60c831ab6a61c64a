/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_journal: changesets of a zone, in the order in which they were made. */
#include "controlplane/store/store_internal.h"

#include <endian.h>
#include <errno.h>
#include <time.h>

#define FLAG_CUT 1u
#define PART_RECORDS 1u
#define PART_COMMENTS 2u
#define SEQUENCE_OCTETS 8u

static void
entry_key(struct store_key *k, uint64_t zone, uint64_t sequence)
{
	uint64_t be = htobe64(sequence);

	k->len = 0;
	store_key_id(k, zone);
	memcpy(k->octets + k->len, &be, sizeof be);
	k->len += sizeof be;
}

/* --- writing --- */

static void
out_rrsets(struct store_out *o, const struct backend_rrset *rrset, uint32_t n, unsigned apex_octets)
{
	for (uint32_t i = 0; i < n; i++) {
		unsigned own = name_octets(rrset[i].owner) - apex_octets;
		store_out_number(o, own);
		store_out_octets(o, rrset[i].owner, own);
		store_out_number(o, (rrset[i].n_records > 0 ? PART_RECORDS : 0) |
					    (rrset[i].n_comments > 0 ? PART_COMMENTS : 0));
		if (rrset[i].n_records > 0)
			store_out_rrset(o, &rrset[i]);
		if (rrset[i].n_comments > 0)
			store_out_comments(o, &rrset[i]);
		if (rrset[i].n_records == 0 && rrset[i].n_comments == 0)
			store_out_number(o, rrset[i].type);
	}
}

static void
out_entry(struct store_out *o, const struct store_journal_entry *e, unsigned apex_octets)
{
	o->len = 0;
	store_out_number(o, (uint64_t)e->at_ms);
	store_out_number(o, e->serial_before);
	store_out_number(o, e->serial_after);
	store_out_number(o, e->cut ? FLAG_CUT : 0);
	store_out_text(o, e->who);
	store_out_text(o, e->origin);
	store_out_number(o, e->cut ? 0 : e->n_removed);
	store_out_number(o, e->cut ? 0 : e->n_added);
	if (!e->cut) {
		out_rrsets(o, e->removed, e->n_removed, apex_octets);
		out_rrsets(o, e->added, e->n_added, apex_octets);
	}
}

static int64_t
at_of(const MDB_val *value)
{
	struct store_in in = store_in(value->mv_data, value->mv_size);
	return (int64_t)store_in_number(&in, INT64_MAX);
}

/* Drop the oldest while there are too many octets, or they are too old; never the newest. */
static int
cut_oldest(struct store_txn *t, struct store_record *now, int64_t now_ms)
{
	int64_t oldest_ms = now_ms - (int64_t)t->s->options.journal_seconds * 1000;
	struct store_key prefix = {0};
	MDB_val key, value;
	MDB_cursor *c;
	int rc, ret = store_cursor_of(t, STORE_DB_JOURNAL, &c);

	if (ret != 0)
		return ret;
	store_key_id(&prefix, now->zone.id);
	key = (MDB_val){prefix.len, prefix.octets};
	rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
	while (rc == 0 && store_has_prefix(&key, &prefix)) {
		uint64_t sequence = 0, octets = key.mv_size + value.mv_size;
		if (key.mv_size == prefix.len + SEQUENCE_OCTETS)
			memcpy(&sequence, (const uint8_t *)key.mv_data + prefix.len,
				SEQUENCE_OCTETS);
		if (be64toh(sequence) + 1 == now->journal_next ||
			(now->journal_octets <= t->s->options.journal_octets &&
				at_of(&value) >= oldest_ms))
			break;
		rc = mdb_cursor_del(c, 0);
		now->journal_octets -= octets < now->journal_octets ? octets : now->journal_octets;
		if (rc == 0)
			rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return rc == 0 || rc == MDB_NOTFOUND ? 0 : store_wrote(t, rc);
}

int
store_journal_append(
	struct store_txn *t, const struct store_zone *zone, struct store_journal_entry *e)
{
	struct store_record *now;
	struct timespec clock;
	struct store_key k;
	unsigned apex_octets;
	int ret = store_zone_now(t, zone, &now);

	if (ret != 0)
		return ret;
	if (!t->write)
		return -EROFS;
	apex_octets = name_octets(zone_key_apex(now->zone.apex));
	clock_gettime(CLOCK_REALTIME, &clock);
	e->at_ms = clock.tv_sec * 1000 + clock.tv_nsec / 1000000;
	e->sequence = now->journal_next;
	out_entry(&t->scratch, e, apex_octets);
	if (t->scratch.len > t->s->options.journal_octets && !e->cut) {
		/* alone more than there may be: that there was a change, and whose */
		e->cut = true;
		out_entry(&t->scratch, e, apex_octets);
	}
	if (t->scratch.failed)
		return -ENOMEM;
	entry_key(&k, now->zone.id, e->sequence);
	ret = store_put(
		t, STORE_DB_JOURNAL, &k, t->scratch.octets, t->scratch.len, MDB_NOOVERWRITE);
	if (ret != 0)
		return ret;
	now->journal_next++;
	now->journal_octets += k.len + t->scratch.len;
	t->now.dirty = true;
	return cut_oldest(t, now, e->at_ms);
}

/* --- reading --- */

/* Memory of an entry that is handed out. */
struct memory {
	struct backend_rrset *rrset;
	struct backend_record *record;
	struct backend_comment *comment;
	uint8_t *names;
	size_t n_rrsets, n_records, n_comments, name_octets;
};

static void
memory_free(struct memory *m)
{
	free(m->rrset);
	free(m->record);
	free(m->comment);
	free(m->names);
}

/* One RRset: counted if m->rrset is not there yet, else filled in. */
static int
in_rrset(struct store_in *in, const uint8_t *apex, unsigned apex_octets, struct memory *m)
{
	struct store_packed records = {0}, comments = {0};
	uint64_t own = store_in_number(in, NAME_OCTETS_MAX - apex_octets);
	const uint8_t *labels = store_in_octets(in, own);
	uint64_t parts = store_in_number(in, PART_RECORDS | PART_COMMENTS);
	uint16_t type = 0;
	unsigned at = 0;
	int ret = in->bad ? -EPROTO : 0;

	while (ret == 0 && at < own) {
		if (labels[at] == 0 || labels[at] > LABEL_OCTETS_MAX)
			ret = -EPROTO;
		at += labels[at] + 1u;
	}
	if (ret == 0 && at != own)
		ret = -EPROTO;
	if (ret == 0 && parts & PART_RECORDS)
		ret = store_in_rrset(in, &records);
	if (ret == 0 && parts & PART_COMMENTS)
		ret = store_in_comments(in, &comments);
	if (ret == 0 && parts == 0)
		type = (uint16_t)store_in_number(in, UINT16_MAX);
	if (ret != 0 || in->bad)
		return -EPROTO;
	if (m->rrset != NULL) {
		struct backend_rrset *to = &m->rrset[m->n_rrsets];
		uint8_t *name = m->names + m->name_octets;
		*to = (struct backend_rrset){.owner = name,
			.ttl = records.ttl,
			.type = records.n > 0    ? records.type
				: comments.n > 0 ? comments.type
						 : type,
			.n_records = records.n,
			.n_comments = comments.n,
			.record = m->record + m->n_records,
			.comment = m->comment + m->n_comments};
		memcpy(name, labels, own);
		memcpy(name + own, apex, apex_octets);
		memset(name + own + apex_octets, 0, NAME_PAD);
		ret = store_fill_records(&records, m->record + m->n_records);
		if (ret == 0)
			ret = store_fill_comments(&comments, m->comment + m->n_comments);
	}
	m->n_rrsets++;
	m->n_records += records.n;
	m->n_comments += comments.n;
	m->name_octets += own + apex_octets + NAME_PAD;
	return ret;
}

static int
allocate(struct memory *m)
{
	m->rrset = calloc(m->n_rrsets + 1, sizeof *m->rrset);
	m->record = calloc(m->n_records + 1, sizeof *m->record);
	m->comment = calloc(m->n_comments + 1, sizeof *m->comment);
	m->names = malloc(m->name_octets + 1);
	m->n_rrsets = m->n_records = m->n_comments = m->name_octets = 0;
	return m->rrset == NULL || m->record == NULL || m->comment == NULL || m->names == NULL
		       ? -ENOMEM
		       : 0;
}

/* Everything but the RRsets. */
static int
in_head(struct store_in *in, struct store_journal_entry *e)
{
	e->at_ms = (int64_t)store_in_number(in, INT64_MAX);
	e->serial_before = (uint32_t)store_in_number(in, UINT32_MAX);
	e->serial_after = (uint32_t)store_in_number(in, UINT32_MAX);
	e->cut = store_in_number(in, FLAG_CUT) != 0;
	e->who = store_in_text(in);
	e->origin = store_in_text(in);
	e->n_removed = (uint32_t)store_in_number(in, UINT32_MAX);
	e->n_added = (uint32_t)store_in_number(in, UINT32_MAX);
	return in->bad ? -EPROTO : 0;
}

int
store_journal_decode(const void *octets, size_t len, const uint8_t *apex, uint64_t sequence,
	int (*each)(void *arg, const struct store_journal_entry *e), void *arg)
{
	struct store_journal_entry e = {.sequence = sequence};
	struct store_in in = store_in(octets, len);
	unsigned apex_octets = name_octets(apex = zone_key_apex(apex));
	struct memory m = {0};
	int ret = in_head(&in, &e);
	struct store_in rrsets = in;
	uint64_t n = (uint64_t)e.n_removed + e.n_added;

	for (int pass = 0; pass < 2 && ret == 0; pass++) {
		in = rrsets;
		for (uint64_t i = 0; i < n && ret == 0; i++)
			ret = in_rrset(&in, apex, apex_octets, &m);
		if (ret == 0 && pass == 0)
			ret = allocate(&m);
	}
	if (ret == 0 && in.at != in.end)
		ret = -EPROTO;
	if (ret == 0) {
		e.removed = m.rrset;
		e.added = m.rrset + e.n_removed;
		ret = each(arg, &e);
	}
	memory_free(&m);
	return ret;
}

/* Sequence of a key, 0: it is none of this zone's. */
static uint64_t
sequence_of(const MDB_val *key, const struct store_key *prefix)
{
	uint64_t sequence;

	if (key->mv_size != prefix->len + SEQUENCE_OCTETS || !store_has_prefix(key, prefix))
		return 0;
	memcpy(&sequence, (const uint8_t *)key->mv_data + prefix->len, SEQUENCE_OCTETS);
	return be64toh(sequence);
}

/* The entry before this sequence. */
static int
find_before(
	MDB_cursor *c, const struct store_zone *zone, uint64_t before, MDB_val *key, MDB_val *value)
{
	struct store_key k;
	int rc;

	entry_key(&k, zone->id, before);
	*key = (MDB_val){k.len, k.octets};
	rc = mdb_cursor_get(c, key, value, MDB_SET_RANGE);
	if (rc == MDB_NOTFOUND)
		return mdb_cursor_get(c, key, value, MDB_LAST);
	return rc != 0 ? rc : mdb_cursor_get(c, key, value, MDB_PREV);
}

int
store_journal_each(struct store_txn *t, const struct store_zone *zone, uint64_t before,
	int (*each)(void *arg, const struct store_journal_entry *e), void *arg)
{
	struct store_key prefix = {0};
	MDB_val key, value;
	uint64_t sequence;
	MDB_cursor *c;
	int rc, ret = store_cursor_of(t, STORE_DB_JOURNAL, &c);

	if (ret != 0)
		return ret;
	store_key_id(&prefix, zone->id);
	rc = find_before(c, zone, before, &key, &value);
	while (rc == 0 && ret == 0 && (sequence = sequence_of(&key, &prefix)) != 0) {
		ret = store_journal_decode(
			value.mv_data, value.mv_size, zone->apex, sequence, each, arg);
		if (ret == 0)
			rc = mdb_cursor_get(c, &key, &value, MDB_PREV);
	}
	mdb_cursor_close(c);
	return ret != 0 || rc == 0 || rc == MDB_NOTFOUND ? ret : store_error(rc);
}

/* Go back to where the zone had this serial; every change since must be there, and whole. */
static int
find_serial(MDB_cursor *c, const struct store_zone *zone, const struct store_key *prefix,
	uint32_t serial, uint64_t *first)
{
	uint32_t after = zone->serial;
	uint64_t sequence;
	MDB_val key, value;
	int rc = find_before(c, zone, UINT64_MAX, &key, &value);

	*first = 0;
	while (rc == 0 && (sequence = sequence_of(&key, prefix)) != 0) {
		struct store_in in = store_in(value.mv_data, value.mv_size);
		struct store_journal_entry e;
		int ret = in_head(&in, &e);
		if (ret != 0)
			return ret;
		/* changes that left the serial as it was belong to it */
		if (e.cut || e.serial_after != after || (*first != 0 && e.serial_before != serial))
			break;
		if (e.serial_before == serial)
			*first = sequence;
		after = e.serial_before;
		rc = mdb_cursor_get(c, &key, &value, MDB_PREV);
	}
	if (rc != 0 && rc != MDB_NOTFOUND)
		return store_error(rc);
	return *first == 0 ? -ENOENT : 0;
}

int
store_journal_since(struct store_txn *t, const struct store_zone *zone, uint32_t serial,
	int (*each)(void *arg, const struct store_journal_entry *e), void *arg)
{
	struct store_key k, prefix = {0};
	MDB_val key, value;
	uint64_t sequence;
	MDB_cursor *c;
	int rc = 0, ret = store_cursor_of(t, STORE_DB_JOURNAL, &c);

	if (ret != 0)
		return ret;
	store_key_id(&prefix, zone->id);
	ret = find_serial(c, zone, &prefix, serial, &sequence);
	if (ret == 0) {
		entry_key(&k, zone->id, sequence);
		key = (MDB_val){k.len, k.octets};
		rc = mdb_cursor_get(c, &key, &value, MDB_SET_KEY);
	}
	while (rc == 0 && ret == 0 && (sequence = sequence_of(&key, &prefix)) != 0) {
		ret = store_journal_decode(
			value.mv_data, value.mv_size, zone->apex, sequence, each, arg);
		if (ret == 0)
			rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return ret != 0 || rc == 0 || rc == MDB_NOTFOUND ? ret : store_error(rc);
}
