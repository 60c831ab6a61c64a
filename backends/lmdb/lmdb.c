/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lmdb: the backend of the embedded store (controlplane/store), which the control plane opens
 * itself as well: both have the same one open. */
#include "backends/lmdb/lmdb.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_REST 20 /* a look at all zones that takes 1 s is taken every 20 s at most */

static const struct backend_setting settings[] = {
	{"path", BACKEND_PATH, .required = true,
		.help = "the file; it is made if it is not there, and PATH-lock beside it"},
	{"journal-octets", BACKEND_UINT, .fallback = "16777216",
		.help = "changes of a zone that are kept for its history, in octets"},
	{"journal-seconds", BACKEND_UINT, .fallback = "2592000", .help = "and in seconds"},
	{0},
};

/* --- what fails --- */

int
lmdb_fail(const struct lmdb_instance *l, int rc, char *error)
{
	const char *why = rc == -EPROTO   ? "it is damaged; `millrace-controlplane store verify` "
					    "tells more"
			  : rc == -ENOENT ? "there is no such entry"
					  : strerror(-rc);

	snprintf(error, BACKEND_ERROR_OCTETS, "%.300s: %s", l->path, why);
	return rc;
}

static int
fail_zone(const struct lmdb_instance *l, int rc, const uint8_t *apex, char *error)
{
	char text[ZONE_TEXT_OCTETS];

	zone_text_from_key(text, apex);
	if (rc == -ENOENT || rc == -EEXIST)
		snprintf(error, BACKEND_ERROR_OCTETS, "%.200s: there is %s zone %.255s", l->path,
			rc == -ENOENT ? "no" : "already a", text);
	else
		(void)lmdb_fail(l, rc, error);
	return rc;
}

/* --- transactions --- */

/* The store reads NAME_PAD octets behind names. */
static void
pad(uint8_t out[ZONE_WIRE_OCTETS], const uint8_t *name)
{
	memset(out, 0, ZONE_WIRE_OCTETS);
	memcpy(out, name, name_octets(name));
}

int
lmdb_begin(struct lmdb_instance *l, bool write, const uint8_t *apex, struct store_txn **t,
	struct store_zone *zone, char *error)
{
	uint8_t padded[ZONE_WIRE_OCTETS];
	int rc = write ? store_write(l->store, t) : store_read(l->store, t);

	if (rc != 0)
		return lmdb_fail(l, rc, error);
	if (!apex)
		return 0;
	pad(padded, apex);
	rc = store_zone_get(*t, padded, zone);
	if (rc == 0)
		return 0;
	store_end(*t);
	return fail_zone(l, rc, apex, error);
}

int
lmdb_finish(struct lmdb_instance *l, struct store_txn *t, int rc, char *error)
{
	if (rc == 0)
		rc = store_commit(t);
	else
		store_end(t);
	return rc == 0 ? 0 : lmdb_fail(l, rc, error);
}

/* --- open, close --- */

static void
lmdb_close(void *instance)
{
	struct lmdb_instance *l = instance;

	if (l->store)
		store_close(l->store);
	free(l->path);
	free(l);
}

/* What is there already is no news. */
static int
look_first(struct lmdb_instance *l, char *error)
{
	uint8_t after[ZONE_WIRE_OCTETS];
	struct store_zone z;
	struct store_txn *t;
	int rc = store_read(l->store, &t);

	if (rc != 0)
		return lmdb_fail(l, rc, error);
	l->seen_version = store_version(t);
	l->seen_count = store_zone_count(t);
	for (rc = store_zone_next(t, NULL, &z); rc == 0; rc = store_zone_next(t, after, &z)) {
		pad(after, z.apex);
		l->seen_id = z.id > l->seen_id ? z.id : l->seen_id;
	}
	store_end(t);
	return rc == -ENOENT ? 0 : lmdb_fail(l, rc, error);
}

static int
lmdb_open(void **instance, const struct backend_host *host, const struct backend_option *option,
	size_t n, char *error)
{
	struct lmdb_instance *l = calloc(1, sizeof *l);
	struct store_options o = {0};
	int rc = 0;

	if (!l) {
		snprintf(error, BACKEND_ERROR_OCTETS, "not enough memory");
		return -ENOMEM;
	}
	l->host = host;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(option[i].name, "path") == 0)
			l->path = strdup(option[i].value);
		else if (strcmp(option[i].name, "journal-octets") == 0)
			o.journal_octets = strtoull(option[i].value, NULL, 10);
		else if (strcmp(option[i].name, "journal-seconds") == 0)
			o.journal_seconds = (uint32_t)strtoull(option[i].value, NULL, 10);
	}
	o.path = l->path;
	if (!l->path) {
		snprintf(error, BACKEND_ERROR_OCTETS, "not enough memory");
		rc = -ENOMEM;
	}
	if (rc == 0)
		rc = store_open(&l->store, &o, error);
	if (rc == 0)
		rc = look_first(l, error);
	if (rc == 0)
		*instance = l;
	else
		lmdb_close(l);
	return rc;
}

/* --- zones --- */

static struct backend_zone
zone_of(const struct lmdb_instance *l, const struct store_zone *z)
{
	return (struct backend_zone){
		.apex = z->apex,
		.kind = z->kind,
		.primaries = z->primaries,
		.account = z->account,
		.catalog = z->catalog,
		.options = z->options,
		.serial = z->serial,
		.notified_serial = z->notified_serial,
		.last_check = z->last_check,
		.version = z->version,
		.path = "",
	};
}

static int
lmdb_list(void *instance, int (*each)(void *arg, const struct backend_zone *zone), void *arg,
	char *error)
{
	struct lmdb_instance *l = instance;
	uint8_t after[ZONE_WIRE_OCTETS];
	struct store_zone z;
	struct store_txn *t;
	int rc = lmdb_begin(l, false, NULL, &t, NULL, error), told = 0;

	if (rc != 0)
		return rc;
	rc = store_zone_next(t, NULL, &z);
	while (rc == 0) {
		struct backend_zone zone = zone_of(l, &z);

		pad(after, z.apex);
		told = each(arg, &zone);
		if (told != 0)
			break;
		rc = store_zone_next(t, after, &z);
	}
	store_end(t);
	if (told != 0)
		return told;
	return rc == -ENOENT ? 0 : lmdb_fail(l, rc, error);
}

static int
lmdb_zone(void *instance, const uint8_t *apex,
	void (*found)(void *arg, const struct backend_zone *zone), void *arg, char *error)
{
	struct backend_zone zone;
	struct store_zone z;
	struct store_txn *t;
	int rc = lmdb_begin(instance, false, apex, &t, &z, error);

	if (rc != 0)
		return rc;
	zone = zone_of(instance, &z);
	found(arg, &zone);
	store_end(t);
	return 0;
}

static int
lmdb_create(void *instance, const struct backend_zone *zone, char *error)
{
	struct lmdb_instance *l = instance;
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct store_zone z = {
		.apex = apex,
		.kind = zone->kind,
		.primaries = zone->primaries,
		.account = zone->account,
		.catalog = zone->catalog,
		.options = zone->options,
		.notified_serial = zone->notified_serial,
		.last_check = zone->last_check,
	};
	struct store_txn *t;
	int rc = lmdb_begin(l, true, NULL, &t, NULL, error);

	if (rc != 0)
		return rc;
	pad(apex, zone->apex);
	rc = store_zone_create(t, &z);
	if (rc != 0) {
		store_end(t);
		return fail_zone(l, rc, apex, error);
	}
	return lmdb_finish(l, t, 0, error);
}

static int
lmdb_remove(void *instance, const uint8_t *apex, char *error)
{
	struct lmdb_instance *l = instance;
	struct store_zone z;
	struct store_txn *t;
	int rc = lmdb_begin(l, true, apex, &t, &z, error);

	if (rc == 0)
		rc = lmdb_finish(l, t, store_zone_delete(t, z.apex), error);
	/* the rest of a large one; what fails here is tried again at the next */
	while (rc == 0 && store_wants_purge(l->store) && store_purge(l->store) > 0)
		;
	return rc;
}

static int
lmdb_update(void *instance, const struct backend_zone *zone, char *error)
{
	struct store_zone z;
	struct store_txn *t;
	int rc = lmdb_begin(instance, true, zone->apex, &t, &z, error);

	if (rc != 0)
		return rc;
	z.kind = zone->kind;
	z.primaries = zone->primaries;
	z.account = zone->account;
	z.catalog = zone->catalog;
	z.options = zone->options;
	z.notified_serial = zone->notified_serial;
	z.last_check = zone->last_check;
	return lmdb_finish(instance, t, store_zone_update(t, &z), error);
}

/* --- records --- */

static int
walk(struct store_txn *t, const struct store_zone *z, const uint8_t *owner, uint16_t type,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, int *told)
{
	struct store_cursor *c;
	struct backend_rrset set;
	int rc = store_cursor_open(t, z, owner, owner != NULL, &c);

	if (rc != 0)
		return rc;
	while ((rc = store_cursor_next(c, &set)) == 0) {
		/* the owner itself comes first of what lies below it */
		if (owner && (name_octets(set.owner) != name_octets(owner) ||
				     memcmp(set.owner, owner, name_octets(owner)) != 0))
			break;
		if (type != 0 && set.type != type)
			continue;
		*told = each(arg, &set);
		if (*told != 0)
			break;
	}
	store_cursor_close(c);
	return rc == -ENOENT ? 0 : rc;
}

static int
lmdb_lookup(void *instance, const uint8_t *apex, const uint8_t *owner, uint16_t type,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error)
{
	uint8_t padded[ZONE_WIRE_OCTETS];
	struct store_zone z;
	struct store_txn *t;
	int told = 0, rc = lmdb_begin(instance, false, apex, &t, &z, error);

	if (rc != 0)
		return rc;
	if (owner)
		pad(padded, owner);
	rc = walk(t, &z, owner ? padded : NULL, type, each, arg, &told);
	store_end(t);
	return told != 0 ? told : rc == 0 ? 0 : lmdb_fail(instance, rc, error);
}

static int
lmdb_stream(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error)
{
	return lmdb_lookup(instance, apex, NULL, 0, each, arg, error);
}

/* --- watching --- */

static int64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Zones that changed since; what else is missing was removed. */
static int
tell_changed(struct lmdb_instance *l, struct store_txn *t,
	void (*changed)(void *arg, const uint8_t *apex), void *arg)
{
	uint64_t count = store_zone_count(t), n_new = 0, id = l->seen_id;
	uint8_t after[ZONE_WIRE_OCTETS];
	struct store_zone z;
	int rc = store_zone_next(t, NULL, &z);

	for (; rc == 0; rc = store_zone_next(t, after, &z)) {
		pad(after, z.apex);
		if (z.id > id) {
			n_new++;
			l->seen_id = z.id > l->seen_id ? z.id : l->seen_id;
		}
		if (z.version > l->seen_version || z.id > id)
			changed(arg, after);
	}
	if (rc == -ENOENT && l->seen_count + n_new != count)
		changed(arg, NULL);
	l->seen_count = count;
	l->seen_version = store_version(t);
	return rc == -ENOENT ? 0 : rc;
}

static int
lmdb_poll(void *instance, void (*changed)(void *arg, const uint8_t *apex), void *arg, char *error)
{
	struct lmdb_instance *l = instance;
	int64_t began = clock_ms();
	struct store_txn *t;
	int rc = 0;

	if (began < l->look_at_ms)
		return 0;
	rc = lmdb_begin(l, false, NULL, &t, NULL, error);
	if (rc != 0)
		return rc;
	if (store_version(t) != l->seen_version)
		rc = tell_changed(l, t, changed, arg);
	store_end(t);
	l->look_at_ms = clock_ms() + LOOK_REST * (clock_ms() - began);
	return rc == 0 ? 0 : lmdb_fail(l, rc, error);
}

static int
lmdb_health(void *instance, char *error)
{
	struct store_txn *t;
	int rc = lmdb_begin(instance, false, NULL, &t, NULL, error);

	if (rc == 0)
		store_end(t);
	return rc;
}

const struct backend_api *
millrace_backend(void)
{
	static const struct backend_api api = {
		.abi_version = BACKEND_ABI_VERSION,
		.name = "lmdb",
		.description = "the embedded store",
		.capabilities = BACKEND_LIST | BACKEND_STREAM | BACKEND_LOOKUP | BACKEND_APPLY |
				BACKEND_CREATE | BACKEND_DISABLED | BACKEND_COMMENTS |
				BACKEND_METADATA | BACKEND_KEYS | BACKEND_TSIG | BACKEND_WATCH,
		.settings = settings,
		.open = lmdb_open,
		.close = lmdb_close,
		.list = lmdb_list,
		.zone = lmdb_zone,
		.stream = lmdb_stream,
		.lookup = lmdb_lookup,
		.apply = lmdb_apply,
		.create = lmdb_create,
		.remove = lmdb_remove,
		.update = lmdb_update,
		.metadata_each = lmdb_metadata_each,
		.metadata_set = lmdb_metadata_set,
		.keys_each = lmdb_keys_each,
		.key_add = lmdb_key_add,
		.key_set = lmdb_key_set,
		.key_remove = lmdb_key_remove,
		.tsig_each = lmdb_tsig_each,
		.tsig_set = lmdb_tsig_set,
		.tsig_remove = lmdb_tsig_remove,
		.poll = lmdb_poll,
		.health = lmdb_health,
	};
	return &api;
}
