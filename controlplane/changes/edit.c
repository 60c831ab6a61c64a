/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit: changes_edit(): one set of edits of a zone of the store, in the writer's transaction.
 * Everything is read and checked before the first write. */
#include "controlplane/changes/edit.h"
#include "controlplane/changes/changes_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OWNERS_MAX 4096u /* that are told one by one; more: the zone is compiled as a whole */

struct stored {
	struct store_txn *txn;
	struct store_zone zone;
	uint8_t apex[ZONE_WIRE_OCTETS];
};

/* --- reading the store --- */

static int
walk(struct stored *s, const uint8_t *owner, bool only_owner,
	int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	unsigned len = owner == NULL ? 0 : name_octets(owner);
	struct store_cursor *cursor;
	struct backend_rrset rrset;
	int ret = store_cursor_open(s->txn, &s->zone, owner, true, &cursor);

	if (ret != 0)
		return ret == -ENOENT ? 0 : ret;
	while ((ret = store_cursor_next(cursor, &rrset)) == 0) {
		if (only_owner &&
			(name_octets(rrset.owner) != len || memcmp(rrset.owner, owner, len) != 0))
			break;
		ret = each(to, &rrset);
		if (ret != 0)
			break;
	}
	store_cursor_close(cursor);
	return ret == -ENOENT ? 0 : ret;
}

static int
read_owner(void *arg, const uint8_t *owner,
	int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	return walk(arg, owner, true, each, to);
}

static int
read_all(void *arg, int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	return walk(arg, NULL, false, each, to);
}

/* The first value of a kind; `otherwise` when there is none. */
static int
read_kind(struct stored *s, const char *kind, const char *otherwise, char out[EDIT_KIND_OCTETS])
{
	const char **value = NULL;
	size_t n = 0;
	int ret = store_metadata_get(s->txn, &s->zone, kind, &value, &n);

	if (ret == 0 && n > 0)
		otherwise = value[0];
	strncpy(out, otherwise, EDIT_KIND_OCTETS - 1);
	free(value);
	return ret == -ENOENT ? 0 : ret;
}

static int
find_zone(struct edit_run *run, struct stored *s, const char *otherwise)
{
	char name[ZONE_TEXT_OCTETS];
	int ret = store_zone_get(s->txn, s->apex, &s->zone);

	if (ret == -ENOENT) {
		zone_text_from_key(name, s->apex);
		return change_refuse(
			run->error, CHANGE_NOT_FOUND, "Could not find domain '%s'", name);
	}
	s->zone.apex = s->apex; /* that in the map moves with the first write */
	run->kind = s->zone.kind;
	if (ret == 0)
		ret = read_kind(s, "SOA-EDIT-API", otherwise, run->soa_edit_api);
	if (ret == 0)
		ret = read_kind(s, "SOA-EDIT", "", run->soa_edit);
	return ret;
}

/* --- writing it --- */

static int
by_type(const void *a, const void *b)
{
	const struct backend_change *x = a, *y = b;

	return (int)x->rrset.type - (int)y->rrset.type;
}

/* What differs of an owner's RRsets, in the store's order. @return how many */
static size_t
collect(const struct edit_owner *at, struct backend_change *out)
{
	size_t n = 0;

	for (const struct edited *e = at->first; e != NULL; e = e->sibling)
		if (e->records_differ || e->comments_differ)
			out[n++] = (struct backend_change){
				.rrset = e->after,
				.has_records = e->records_differ,
				.has_comments = e->comments_differ,
			};
	if (n > 1)
		qsort(out, n, sizeof *out, by_type);
	return n;
}

/* Each owner once: it is one value of the store, however many RRsets it has. */
static int
write_rrsets(struct edit_run *run, struct stored *s)
{
	struct backend_change *change = NULL;
	size_t n, room = 0;
	int ret = 0;

	for (struct edit_owner *at = run->set.first_owner; at != NULL && ret == 0; at = at->next) {
		if (at->n > room) {
			free(change);
			room = 2 * at->n;
			change = calloc(room, sizeof *change);
			if (change == NULL)
				return -ENOMEM;
		}
		n = collect(at, change);
		if (n == 0)
			continue;
		ret = store_owner_put(s->txn, &s->zone, change, n);
		if (ret == -ENAMETOOLONG)
			ret = edit_refuse(run, CHANGE_INVALID, at->name, change->rrset.type,
				": the store cannot hold a name of so many octets that are 0 or 1");
	}
	free(change);
	return ret;
}

static int
write_serial(struct edit_run *run, struct stored *s)
{
	struct store_zone zone;
	int ret;

	if (s->zone.serial == run->out.serial_after)
		return 0;
	ret = store_zone_get(s->txn, s->apex, &zone);
	if (ret != 0)
		return ret;
	zone.serial = run->out.serial_after;
	return store_zone_update(s->txn, &zone);
}

/* What of each RRset was taken away, and what was put in. */
static int
write_journal(struct edit_run *run, struct stored *s)
{
	struct store_journal_entry entry = {
		.serial_before = run->out.serial_before,
		.serial_after = run->out.serial_after,
		.who = run->edits->who,
		.origin = run->edits->origin,
	};
	struct backend_rrset *removed =
		edit_alloc(&run->set.memory, run->n_differ * sizeof *removed);
	struct backend_rrset *added = edit_alloc(&run->set.memory, run->n_differ * sizeof *added);

	if (removed == NULL || added == NULL)
		return -ENOMEM;
	for (struct edited *e = run->set.first; e != NULL; e = e->next) {
		int gone, come;
		if (!e->records_differ)
			continue;
		gone = edit_difference(
			&run->set.memory, &e->before, &e->after, &removed[entry.n_removed]);
		come = edit_difference(
			&run->set.memory, &e->after, &e->before, &added[entry.n_added]);
		if (gone < 0 || come < 0)
			return -ENOMEM;
		entry.n_removed += gone > 0;
		entry.n_added += come > 0;
	}
	entry.removed = removed;
	entry.added = added;
	if (entry.n_removed == 0 && entry.n_added == 0)
		return 0; /* only comments */
	return store_journal_append(s->txn, &s->zone, &entry);
}

static int
write_audit(struct edit_run *run, struct stored *s)
{
	char *row = edit_audit_row(run);
	int ret = row == NULL ? -ENOMEM : store_audit_append(s->txn, row);

	free(row);
	return ret;
}

static int
touch(struct edit_run *run, struct change_job *j, struct stored *s)
{
	int ret = 0;

	if (run->n_differ > OWNERS_MAX)
		return change_touch_zone(j, s->apex, CHANGE_ZONE_WHOLE);
	for (struct edit_owner *at = run->set.first_owner; at != NULL && ret == 0; at = at->next) {
		const struct edited *e = at->first;
		while (e != NULL && !e->records_differ)
			e = e->sibling;
		if (e != NULL)
			ret = change_touch_owner(j, s->apex, at->name);
	}
	return ret;
}

static int
write_all(struct edit_run *run, struct change_job *j, struct stored *s)
{
	int ret;

	ret = write_rrsets(run, s);
	if (ret == 0)
		ret = write_serial(run, s);
	if (ret == 0)
		ret = write_journal(run, s);
	if (ret == 0)
		ret = write_audit(run, s);
	return ret == 0 ? touch(run, j, s) : ret;
}

int
changes_edit(struct change_job *j, struct store_txn *t, const struct zone_edits *edits,
	struct edits_outcome *out)
{
	struct stored s = {.txn = t};
	struct edit_run run = {
		.edits = edits,
		.source = {.owner = read_owner, .all = read_all, .arg = &s},
		.now_s = time(NULL),
		.error = &j->error,
	};
	int ret;

	*out = (struct edits_outcome){0};
	memcpy(s.apex, edits->apex, name_octets(edits->apex));
	ret = find_zone(&run, &s, changes_default_soa_edit_api(j->owner));
	if (ret == 0)
		ret = edit_resolve(&run);
	if (ret == 0)
		ret = edit_check(&run);
	if (ret == 0)
		ret = edit_count_up(&run);
	if (ret == 0)
		ret = run.n_differ > 0 ? write_all(&run, j, &s)
				       : change_touch_zone(j, s.apex, CHANGE_ZONE_SEEN);
	if (ret == 0) {
		*out = run.out;
		out->changed = run.n_differ > 0;
	}
	edit_set_free(&run.set);
	return ret;
}
