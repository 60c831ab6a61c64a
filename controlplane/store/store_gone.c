/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_gone: what a deleted zone had. Nobody finds it once the zone's record is gone, for all of
 * it lies below an id that is never given again; so a large zone's is taken out piece by piece, and
 * no other change has to wait for the whole of it. */
#include "controlplane/store/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define AT_ONCE_NAMES 2000u          /* zones up to this size go in the deleting transaction */
#define AT_ONCE_JOURNAL (256u << 10) /* octets, and with a journal up to this one */
#define STEP_ENTRIES 4000u           /* of one transaction */
#define ID_DIGITS 16

/* secrets first: what waits to be taken out are records alone */
static const enum store_db below[] = {STORE_DB_KEYS, STORE_DB_METADATA, STORE_DB_RECORDS,
	STORE_DB_COMMENTS, STORE_DB_REFS, STORE_DB_JOURNAL};
#define N_BELOW (sizeof below / sizeof below[0])
#define N_SMALL 2u /* of them that a zone has few of */

/* @param n  of the databases, from the first */
static int
take_out(struct store_txn *t, uint64_t id, size_t n, uint32_t *budget)
{
	struct store_key prefix = {0};
	int ret = 0;

	store_key_id(&prefix, id);
	for (size_t i = 0; i < n && ret == 0 && *budget > 0; i++)
		ret = store_del_below(t, below[i], &prefix, budget);
	return ret;
}

int
store_gone_add(struct store_txn *t, const struct store_record *r)
{
	char key[ID_DIGITS + 1];
	uint32_t all = UINT32_MAX;
	bool at_once = r->zone.n_names <= AT_ONCE_NAMES && r->journal_octets <= AT_ONCE_JOURNAL;
	int ret = take_out(t, r->zone.id, at_once ? N_BELOW : N_SMALL, &all);

	if (ret != 0 || at_once)
		return ret;
	snprintf(key, sizeof key, "%016llx", (unsigned long long)r->zone.id);
	/* in a transaction, of which there is one at a time: store_purge() does not miss it */
	t->s->wants_purge = true;
	return store_row_put(t, STORE_GONE, key, "");
}

int
store_gone_id(const char *key, uint64_t *id)
{
	if (strlen(key) != ID_DIGITS || strspn(key, "0123456789abcdef") != ID_DIGITS)
		return -EPROTO;
	*id = strtoull(key, NULL, 16);
	return 0;
}

static int
take_first(void *arg, const char *key, const char *value)
{
	memcpy(arg, key, strnlen(key, ID_DIGITS));
	return 1;
}

/* @return 1, when something was found */
static int
purge_some(struct store_txn *t)
{
	char key[ID_DIGITS + 1] = "";
	uint32_t budget = STEP_ENTRIES;
	uint64_t id;
	int ret = store_row_each(t, STORE_GONE, "", take_first, key);

	if (ret != 1)
		return ret;
	ret = store_gone_id(key, &id);
	if (ret == 0)
		ret = take_out(t, id, N_BELOW, &budget);
	if (ret == 0 && budget > 0)
		ret = store_row_remove(t, STORE_GONE, key);
	return ret == 0 ? 1 : ret;
}

int
store_purge(struct store *s)
{
	struct store_txn *t;
	int ret = store_write(s, &t), error;

	if (ret != 0)
		return ret;
	ret = purge_some(t);
	if (ret == 0)
		s->wants_purge = false;
	if (ret != 1) {
		store_end(t);
		return ret;
	}
	error = store_commit(t);
	return error == 0 ? 1 : error;
}

bool
store_wants_purge(const struct store *s)
{
	return s->wants_purge;
}
