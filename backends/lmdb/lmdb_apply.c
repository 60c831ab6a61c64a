/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lmdb_apply: a changeset in one transaction, with its entry in the journal. */
#include "backends/lmdb/lmdb.h"
#include "backends/lmdb/lmdb_journal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TYPE_SOA 6u

struct applying {
	struct store_txn *t;
	struct store_zone zone;
	struct store_decoder decoder;
	struct lmdb_journal journal;
};

/* A zone without SOA has no serial that a change could be behind. */
static int
check_serial(struct applying *a, const struct backend_changeset *c)
{
	struct backend_rrset soa;
	int rc = store_rrset_get(
		a->t, &a->zone, zone_key_apex(a->zone.apex), TYPE_SOA, &a->decoder, &soa);

	if (rc == -ENOENT || (rc == 0 && soa.n_records == 0))
		return 0;
	return rc != 0 ? rc : a->zone.serial == c->serial_before ? 0 : -ESTALE;
}

static int
put_change(struct applying *a, const struct backend_change *c)
{
	struct backend_rrset before = {0};
	int rc = 0;

	if (c->has_records) {
		rc = store_rrset_get(
			a->t, &a->zone, c->rrset.owner, c->rrset.type, &a->decoder, &before);
		if (rc == -ENOENT)
			rc = 0;
		if (rc == 0)
			rc = lmdb_journal_add(&a->journal, &before, &c->rrset);
	}
	return rc == 0 ? store_rrset_put(a->t, &a->zone, c) : rc;
}

static int
write_journal(struct applying *a, const struct backend_changeset *c)
{
	struct store_journal_entry entry = {
		.serial_before = a->zone.serial,
		.serial_after = c->serial_after,
		.who = c->who ? c->who : "",
		.origin = "backend",
		.n_removed = a->journal.n_removed,
		.n_added = a->journal.n_added,
		.removed = a->journal.removed,
		.added = a->journal.added,
	};

	if (entry.n_removed == 0 && entry.n_added == 0)
		return 0; /* only comments */
	return store_journal_append(a->t, &a->zone, &entry);
}

static int
apply_all(struct applying *a, const struct backend_changeset *c)
{
	struct store_zone after;
	int rc = lmdb_journal_begin(&a->journal, c->n);

	for (size_t i = 0; rc == 0 && i < c->n; i++)
		rc = put_change(a, &c->change[i]);
	if (rc == 0)
		rc = write_journal(a, c);
	if (rc == 0)
		rc = store_zone_get(a->t, c->apex, &after);
	if (rc == 0 && after.serial != c->serial_after) {
		after.serial = c->serial_after;
		rc = store_zone_update(a->t, &after);
	}
	return rc;
}

int
lmdb_apply(void *instance, const struct backend_changeset *changeset, char *error)
{
	struct applying a = {0};
	int rc = lmdb_begin(instance, true, changeset->apex, &a.t, &a.zone, error);

	if (rc != 0)
		return rc;
	rc = check_serial(&a, changeset);
	if (rc == -ESTALE)
		snprintf(error, BACKEND_ERROR_OCTETS, "the zone has serial %u, not %u any more",
			a.zone.serial, changeset->serial_before);
	if (rc == 0)
		rc = apply_all(&a, changeset);
	lmdb_journal_free(&a.journal);
	store_decoder_free(&a.decoder);
	if (rc != -ESTALE)
		return lmdb_finish(instance, a.t, rc, error);
	store_end(a.t);
	return rc;
}
