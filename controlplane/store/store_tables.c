/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_tables: the small things: metadata and keys of zones, rows of tables, the audit log. */
#include "controlplane/store/store_internal.h"

#include <endian.h>
#include <errno.h>
#include <time.h>

#define ROW_KEY_MAX 480u
#define KEY_ACTIVE 1u
#define KEY_PUBLISHED 2u

/* --- metadata --- */

static int
metadata_key(struct store_key *k, const struct store_zone *zone, const char *kind)
{
	size_t len = strlen(kind);

	k->len = 0;
	store_key_id(k, zone->id);
	if (len == 0 || len > ROW_KEY_MAX)
		return len == 0 ? -EINVAL : -ENAMETOOLONG;
	memcpy(k->octets + k->len, kind, len);
	k->len = (uint16_t)(k->len + len);
	return 0;
}

/* Count, then texts. */
int
store_texts_decode(const void *octets, size_t len, const char ***text, size_t *n)
{
	struct store_in in = store_in(octets, len);
	uint64_t count = store_in_number(&in, len);
	const char **out;

	if (in.bad || count == 0)
		return -EPROTO;
	out = calloc(count, sizeof *out);
	if (out == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < count; i++)
		out[i] = store_in_text(&in);
	if (in.bad || in.at != in.end) {
		free(out);
		return -EPROTO;
	}
	*text = out;
	*n = count;
	return 0;
}

int
store_metadata_get(struct store_txn *t, const struct store_zone *zone, const char *kind,
	const char ***value, size_t *n)
{
	struct store_key k;
	MDB_val v;
	int ret = metadata_key(&k, zone, kind);

	if (ret == 0)
		ret = store_get(t, STORE_DB_METADATA, &k, &v);
	if (ret == 0)
		ret = store_texts_decode(v.mv_data, v.mv_size, value, n);
	return ret;
}

int
store_metadata_set(struct store_txn *t, const struct store_zone *zone, const char *kind,
	const char *const *value, size_t n)
{
	struct store_key k;
	int ret = metadata_key(&k, zone, kind);

	if (ret != 0)
		return ret;
	if (n == 0) {
		ret = store_del(t, STORE_DB_METADATA, &k, NULL);
		return ret == -ENOENT ? 0 : ret;
	}
	t->scratch.len = 0;
	store_out_number(&t->scratch, n);
	for (size_t i = 0; i < n; i++)
		store_out_text(&t->scratch, value[i]);
	if (t->scratch.failed)
		return -ENOMEM;
	return store_put(t, STORE_DB_METADATA, &k, t->scratch.octets, t->scratch.len, 0);
}

/* Go over everything that begins with a prefix. */
static int
each_below(struct store_txn *t, enum store_db db, const struct store_key *prefix,
	int (*each)(void *arg, const MDB_val *rest, const MDB_val *value), void *arg)
{
	MDB_val key = {prefix->len, (void *)(uintptr_t)prefix->octets}, value;
	MDB_cursor *c;
	int rc, ret = store_cursor_of(t, db, &c);

	if (ret != 0)
		return ret;
	rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
	while (rc == 0 && ret == 0 && store_has_prefix(&key, prefix)) {
		MDB_val rest = {key.mv_size - prefix->len, (uint8_t *)key.mv_data + prefix->len};
		ret = each(arg, &rest, &value);
		if (ret == 0)
			rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return ret != 0 || rc == 0 || rc == MDB_NOTFOUND ? ret : store_error(rc);
}

struct metadata_walk {
	int (*each)(void *arg, const struct backend_metadata *m);
	void *arg;
};

static int
take_metadata(void *arg, const MDB_val *rest, const MDB_val *value)
{
	const struct metadata_walk *w = arg;
	char kind[ROW_KEY_MAX + 1];
	const char **text;
	size_t n;
	int ret;

	if (rest->mv_size == 0 || rest->mv_size > ROW_KEY_MAX)
		return -EPROTO;
	memcpy(kind, rest->mv_data, rest->mv_size);
	kind[rest->mv_size] = '\0';
	ret = store_texts_decode(value->mv_data, value->mv_size, &text, &n);
	if (ret != 0)
		return ret;
	ret = w->each(w->arg, &(struct backend_metadata){kind, n, text});
	free(text);
	return ret;
}

int
store_metadata_each(struct store_txn *t, const struct store_zone *zone,
	int (*each)(void *arg, const struct backend_metadata *m), void *arg)
{
	struct metadata_walk w = {each, arg};
	struct store_key prefix = {0};

	store_key_id(&prefix, zone->id);
	return each_below(t, STORE_DB_METADATA, &prefix, take_metadata, &w);
}

/* --- keys --- */

int
store_dnskey_decode(const MDB_val *rest, const MDB_val *value, struct backend_key *out)
{
	struct store_in in = store_in(value->mv_data, value->mv_size);
	struct backend_key key = {0};
	uint32_t be;
	unsigned is;

	if (rest->mv_size != sizeof be)
		return -EPROTO;
	memcpy(&be, rest->mv_data, sizeof be);
	key.id = be32toh(be);
	key.flags = (uint16_t)store_in_number(&in, UINT16_MAX);
	is = (unsigned)store_in_number(&in, KEY_ACTIVE | KEY_PUBLISHED);
	key.active = is & KEY_ACTIVE;
	key.published = (is & KEY_PUBLISHED) != 0;
	key.content = store_in_text(&in);
	if (in.bad || in.at != in.end)
		return -EPROTO;
	*out = key;
	return 0;
}

struct key_walk {
	int (*each)(void *arg, const struct backend_key *key);
	void *arg;
};

static int
take_key(void *arg, const MDB_val *rest, const MDB_val *value)
{
	const struct key_walk *w = arg;
	struct backend_key key;
	int ret = store_dnskey_decode(rest, value, &key);

	return ret == 0 ? w->each(w->arg, &key) : ret;
}

int
store_key_each(struct store_txn *t, const struct store_zone *zone,
	int (*each)(void *arg, const struct backend_key *key), void *arg)
{
	struct key_walk w = {each, arg};
	struct store_key prefix = {0};

	store_key_id(&prefix, zone->id);
	return each_below(t, STORE_DB_KEYS, &prefix, take_key, &w);
}

static void
dnskey_key(struct store_key *k, const struct store_zone *zone, uint32_t id)
{
	uint32_t be = htobe32(id);

	k->len = 0;
	store_key_id(k, zone->id);
	memcpy(k->octets + k->len, &be, sizeof be);
	k->len += sizeof be;
}

int
store_key_put(struct store_txn *t, const struct store_zone *zone, struct backend_key *key)
{
	struct store_key k;
	int ret;

	if (!t->write)
		return -EROFS;
	if (key->id == 0)
		key->id = t->head.next_key++;
	dnskey_key(&k, zone, key->id);
	t->scratch.len = 0;
	store_out_number(&t->scratch, key->flags);
	store_out_number(
		&t->scratch, (key->active ? KEY_ACTIVE : 0) | (key->published ? KEY_PUBLISHED : 0));
	store_out_text(&t->scratch, key->content);
	if (t->scratch.failed)
		return -ENOMEM;
	ret = store_put(t, STORE_DB_KEYS, &k, t->scratch.octets, t->scratch.len, 0);
	return ret;
}

int
store_key_remove(struct store_txn *t, const struct store_zone *zone, uint32_t id)
{
	struct store_key k;

	dnskey_key(&k, zone, id);
	return store_del(t, STORE_DB_KEYS, &k, NULL);
}

/* --- rows --- */

static int
row_key(struct store_key *k, enum store_table table, const char *key)
{
	size_t len = strlen(key);

	if (len > ROW_KEY_MAX)
		return -ENAMETOOLONG;
	k->octets[0] = (uint8_t)table;
	memcpy(k->octets + 1, key, len);
	k->len = (uint16_t)(len + 1);
	return 0;
}

static int
row_text(const MDB_val *value, const char **out)
{
	struct store_in in = store_in(value->mv_data, value->mv_size);
	const char *text = store_in_text(&in);

	if (in.bad || in.at != in.end)
		return -EPROTO;
	*out = text;
	return 0;
}

int
store_row_get(struct store_txn *t, enum store_table table, const char *key, const char **value)
{
	struct store_key k;
	MDB_val v;
	int ret = row_key(&k, table, key);

	if (ret == -ENAMETOOLONG)
		ret = -ENOENT;
	if (ret == 0)
		ret = store_get(t, STORE_DB_ROWS, &k, &v);
	return ret == 0 ? row_text(&v, value) : ret;
}

int
store_row_put(struct store_txn *t, enum store_table table, const char *key, const char *value)
{
	struct store_key k;
	int ret = row_key(&k, table, key);

	if (ret != 0)
		return ret;
	t->scratch.len = 0;
	store_out_text(&t->scratch, value);
	if (t->scratch.failed)
		return -ENOMEM;
	return store_put(t, STORE_DB_ROWS, &k, t->scratch.octets, t->scratch.len, 0);
}

int
store_row_remove(struct store_txn *t, enum store_table table, const char *key)
{
	struct store_key k;
	int ret = row_key(&k, table, key);

	return ret == 0 ? store_del(t, STORE_DB_ROWS, &k, NULL) : -ENOENT;
}

struct row_walk {
	int (*each)(void *arg, const char *key, const char *value);
	void *arg;
	const char *prefix;
	size_t prefix_len;
	bool any; /* damaged ones too */
};

static int
take_row(void *arg, const MDB_val *rest, const MDB_val *value)
{
	const struct row_walk *w = arg;
	char key[STORE_KEY_OCTETS + 1];
	const char *text = NULL;
	size_t len = rest->mv_size, room = ROW_KEY_MAX - w->prefix_len;
	bool good = row_text(value, &text) == 0 && len <= room;

	if (!good && !w->any)
		return -EPROTO;
	if (len > room)
		len = room;
	memcpy(key, w->prefix, w->prefix_len);
	memcpy(key + w->prefix_len, rest->mv_data, len);
	key[w->prefix_len + len] = '\0';
	return w->each(w->arg, key, good ? text : NULL);
}

static int
each_row(struct store_txn *t, enum store_table table, struct row_walk *w)
{
	struct store_key k;
	int ret;

	if (w->prefix == NULL)
		w->prefix = "";
	w->prefix_len = strlen(w->prefix);
	ret = row_key(&k, table, w->prefix);
	return ret == 0 ? each_below(t, STORE_DB_ROWS, &k, take_row, w) : 0;
}

int
store_row_each(struct store_txn *t, enum store_table table, const char *prefix,
	int (*each)(void *arg, const char *key, const char *value), void *arg)
{
	struct row_walk w = {.each = each, .arg = arg, .prefix = prefix};

	return each_row(t, table, &w);
}

int
store_row_each_any(struct store_txn *t, enum store_table table, const char *prefix,
	int (*each)(void *arg, const char *key, const char *value), void *arg)
{
	struct row_walk w = {.each = each, .arg = arg, .prefix = prefix, .any = true};

	return each_row(t, table, &w);
}

/* --- audit --- */

/* The oldest go, until there is room for what will be added. */
static int
cut_audit(struct store_txn *t)
{
	MDB_val key, value;
	MDB_cursor *c;
	int rc = 0, ret;

	if (t->head.audit_octets <= STORE_AUDIT_OCTETS)
		return 0;
	ret = store_cursor_of(t, STORE_DB_AUDIT, &c);
	if (ret != 0)
		return ret;
	rc = mdb_cursor_get(c, &key, &value, MDB_FIRST);
	while (rc == 0 && t->head.audit_octets > STORE_AUDIT_OCTETS) {
		uint64_t octets = key.mv_size + value.mv_size;
		rc = mdb_cursor_del(c, 0);
		t->head.audit_octets -=
			octets < t->head.audit_octets ? octets : t->head.audit_octets;
		if (rc == 0)
			rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return rc == 0 || rc == MDB_NOTFOUND ? 0 : store_wrote(t, rc);
}

int
store_audit_append(struct store_txn *t, const char *json)
{
	struct store_key k = {.len = sizeof(uint64_t)};
	struct timespec now;
	uint64_t be;
	int ret;

	if (!t->write)
		return -EROFS;
	clock_gettime(CLOCK_REALTIME, &now);
	be = htobe64(t->head.next_audit);
	memcpy(k.octets, &be, sizeof be);
	t->scratch.len = 0;
	store_out_number(
		&t->scratch, (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
	store_out_text(&t->scratch, json);
	if (t->scratch.failed)
		return -ENOMEM;
	ret = store_put(t, STORE_DB_AUDIT, &k, t->scratch.octets, t->scratch.len, MDB_APPEND);
	if (ret != 0)
		return ret;
	t->head.next_audit++;
	t->head.audit_octets += k.len + t->scratch.len;
	return cut_audit(t);
}

int
store_audit_decode(const MDB_val *key, const MDB_val *value, uint64_t *sequence, int64_t *at_ms,
	const char **json)
{
	struct store_in in = store_in(value->mv_data, value->mv_size);
	uint64_t be;

	if (key->mv_size != sizeof be)
		return -EPROTO;
	memcpy(&be, key->mv_data, sizeof be);
	*sequence = be64toh(be);
	*at_ms = (int64_t)store_in_number(&in, INT64_MAX);
	*json = store_in_text(&in);
	return in.bad || in.at != in.end ? -EPROTO : 0;
}

int
store_audit_each(struct store_txn *t, uint64_t before,
	int (*each)(void *arg, uint64_t sequence, int64_t at_ms, const char *json), void *arg)
{
	uint64_t be = htobe64(before), sequence;
	MDB_val key = {sizeof be, &be}, value;
	const char *json;
	int64_t at_ms;
	MDB_cursor *c;
	int rc, ret = store_cursor_of(t, STORE_DB_AUDIT, &c);

	if (ret != 0)
		return ret;
	rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
	if (rc == 0)
		rc = mdb_cursor_get(c, &key, &value, MDB_PREV);
	else if (rc == MDB_NOTFOUND)
		rc = mdb_cursor_get(c, &key, &value, MDB_LAST);
	while (rc == 0 && ret == 0) {
		ret = store_audit_decode(&key, &value, &sequence, &at_ms, &json);
		if (ret == 0)
			ret = each(arg, sequence, at_ms, json);
		if (ret == 0)
			rc = mdb_cursor_get(c, &key, &value, MDB_PREV);
	}
	mdb_cursor_close(c);
	return ret != 0 || rc == 0 || rc == MDB_NOTFOUND ? ret : store_error(rc);
}
