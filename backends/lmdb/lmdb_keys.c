/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lmdb_keys: metadata, DNSSEC keys, TSIG keys. TSIG keys lie in the store's table as the API keeps
 * them: name with its final dot -> {"algorithm", "key"}. */
#include "backends/lmdb/lmdb.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- metadata --- */

int
lmdb_metadata_each(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_metadata *m), void *arg, char *error)
{
	struct store_zone zone;
	struct store_txn *t;
	int rc = lmdb_begin(instance, false, apex, &t, &zone, error);

	if (rc != 0)
		return rc;
	rc = store_metadata_each(t, &zone, each, arg);
	store_end(t);
	return rc < 0 ? lmdb_fail(instance, rc, error) : rc;
}

int
lmdb_metadata_set(
	void *instance, const uint8_t *apex, const struct backend_metadata *m, char *error)
{
	struct store_zone zone;
	struct store_txn *t;
	int rc = lmdb_begin(instance, true, apex, &t, &zone, error);

	if (rc != 0)
		return rc;
	rc = store_metadata_set(t, &zone, m->kind, m->value, m->n);
	if (rc == -ENOENT && m->n == 0)
		rc = 0; /* it is not there, as wanted */
	return lmdb_finish(instance, t, rc, error);
}

/* --- DNSSEC keys --- */

int
lmdb_keys_each(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_key *key), void *arg, char *error)
{
	struct store_zone zone;
	struct store_txn *t;
	int rc = lmdb_begin(instance, false, apex, &t, &zone, error);

	if (rc != 0)
		return rc;
	rc = store_key_each(t, &zone, each, arg);
	store_end(t);
	return rc < 0 ? lmdb_fail(instance, rc, error) : rc;
}

int
lmdb_key_add(void *instance, const uint8_t *apex, const struct backend_key *key, uint32_t *id,
	char *error)
{
	struct backend_key added = *key;
	struct store_zone zone;
	struct store_txn *t;
	int rc = lmdb_begin(instance, true, apex, &t, &zone, error);

	if (rc != 0)
		return rc;
	added.id = 0;
	rc = store_key_put(t, &zone, &added);
	rc = lmdb_finish(instance, t, rc, error);
	if (rc == 0)
		*id = added.id;
	return rc;
}

struct wanted_key {
	uint32_t id;
	bool found;
	uint16_t flags;
	char *content;
};

static int
find_key(void *arg, const struct backend_key *key)
{
	struct wanted_key *w = arg;

	if (key->id != w->id)
		return 0;
	w->found = true;
	w->flags = key->flags;
	w->content = strdup(key->content);
	return 1;
}

int
lmdb_key_set(void *instance, const uint8_t *apex, const struct backend_key *key, char *error)
{
	struct wanted_key w = {.id = key->id};
	struct backend_key changed = *key;
	struct store_zone zone;
	struct store_txn *t;
	int rc = lmdb_begin(instance, true, apex, &t, &zone, error);

	if (rc != 0)
		return rc;
	rc = store_key_each(t, &zone, find_key, &w);
	if (rc >= 0)
		rc = !w.found ? -ENOENT : !w.content ? -ENOMEM : 0;
	if (rc == 0) {
		changed.flags = w.flags;
		changed.content = w.content;
		rc = store_key_put(t, &zone, &changed);
	}
	free(w.content);
	return lmdb_finish(instance, t, rc, error);
}

int
lmdb_key_remove(void *instance, const uint8_t *apex, uint32_t id, char *error)
{
	struct store_zone zone;
	struct store_txn *t;
	int rc = lmdb_begin(instance, true, apex, &t, &zone, error);

	return rc != 0 ? rc : lmdb_finish(instance, t, store_key_remove(t, &zone, id), error);
}

/* --- TSIG keys --- */

struct tsig_walk {
	int (*each)(void *arg, const struct backend_tsig *key);
	void *arg;
};

static int
tell_tsig(void *arg, const char *key, const char *value)
{
	const struct tsig_walk *w = arg;
	uint8_t wire[ZONE_WIRE_OCTETS];
	json_t *row = json_loads(value, 0, NULL);
	struct backend_tsig tsig = {
		.name = wire,
		.algorithm = json_string_value(json_object_get(row, "algorithm")),
		.secret = json_string_value(json_object_get(row, "key")),
	};
	int rc = -EPROTO;

	if (tsig.algorithm && tsig.secret && zone_wire_from_text(wire, key) > 0)
		rc = w->each(w->arg, &tsig);
	json_decref(row);
	return rc;
}

int
lmdb_tsig_each(void *instance, int (*each)(void *arg, const struct backend_tsig *key), void *arg,
	char *error)
{
	struct tsig_walk w = {each, arg};
	struct store_txn *t;
	int rc = lmdb_begin(instance, false, NULL, &t, NULL, error);

	if (rc != 0)
		return rc;
	rc = store_row_each(t, STORE_TSIG, "", tell_tsig, &w);
	store_end(t);
	return rc < 0 ? lmdb_fail(instance, rc, error) : rc;
}

int
lmdb_tsig_set(void *instance, const struct backend_tsig *key, char *error)
{
	json_t *row = json_pack("{s:s, s:s}", "algorithm", key->algorithm, "key", key->secret);
	char *value = row ? json_dumps(row, JSON_COMPACT) : NULL, name[ZONE_TEXT_OCTETS];
	struct store_txn *t;
	int rc;

	json_decref(row);
	if (!value)
		return lmdb_fail(instance, -ENOMEM, error);
	zone_text_from_wire(name, key->name);
	rc = lmdb_begin(instance, true, NULL, &t, NULL, error);
	if (rc == 0)
		rc = lmdb_finish(instance, t, store_row_put(t, STORE_TSIG, name, value), error);
	explicit_bzero(value, strlen(value));
	free(value);
	return rc;
}

int
lmdb_tsig_remove(void *instance, const uint8_t *name, char *error)
{
	char text[ZONE_TEXT_OCTETS];
	struct store_txn *t;
	int rc = lmdb_begin(instance, true, NULL, &t, NULL, error);

	zone_text_from_wire(text, name);
	return rc != 0 ? rc
		       : lmdb_finish(instance, t, store_row_remove(t, STORE_TSIG, text), error);
}
