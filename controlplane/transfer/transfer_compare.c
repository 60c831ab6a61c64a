/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_compare: two walks in one order, side by side. */
#include "controlplane/transfer/transfer_compare.h"

#include <errno.h>
#include <libknot/dname.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE_PARTS 4u /* with more than one in so many different, the whole is put in place */
#define FEW 16u        /* records that are compared each with each */

struct walk {
	struct transfer_difference *d;
	size_t room, names_octets, names_room;
	size_t most; /* differences that are worth telling apart */
};

/* --- differences --- */

static int
add(struct walk *w, const struct zone_edit *edit)
{
	struct transfer_difference *d = w->d;
	size_t room = w->room == 0 ? 64 : w->room * 2;
	struct zone_edit *more;

	if (d->n == w->room) {
		more = realloc(d->edit, room * sizeof *more);
		if (more == NULL)
			return -ENOMEM;
		d->edit = more;
		w->room = room;
	}
	d->edit[d->n++] = *edit;
	return 0;
}

/* An RRset that the transfer has not. Its owner is kept by offset until all are known. */
static int
add_gone(struct walk *w, const struct backend_rrset *set)
{
	struct zone_edit edit = {.kind = EDIT_DELETE, .rrset = {.type = set->type}};
	unsigned len = name_octets(set->owner);
	size_t need = w->names_octets + len + NAME_PAD, room = w->names_room;
	char *more = w->d->names;

	while (room < need)
		room = room == 0 ? 4096 : room * 2;
	if (room > w->names_room)
		more = realloc(more, room);
	if (more == NULL)
		return -ENOMEM;
	w->d->names = more;
	w->names_room = room;
	memcpy(more + w->names_octets, set->owner, len);
	memset(more + w->names_octets + len, 0, NAME_PAD);
	edit.rrset.owner = (const uint8_t *)(uintptr_t)w->names_octets;
	w->names_octets += len; /* what follows is readable behind it */
	return add(w, &edit);
}

static void
resolve_names(struct transfer_difference *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->edit[i].kind == EDIT_DELETE)
			d->edit[i].rrset.owner =
				(const uint8_t *)d->names + (uintptr_t)d->edit[i].rrset.owner;
}

static bool
has(const struct backend_rrset *set, const struct backend_record *r)
{
	for (uint32_t i = 0; i < set->n_records; i++)
		if (set->record[i].rdlength == r->rdlength &&
			memcmp(set->record[i].rdata, r->rdata, r->rdlength) == 0)
			return !set->record[i].disabled;
	return false;
}

/* Surely the same; what is not is looked at again by the writer. */
static bool
same(const struct backend_rrset *a, const struct backend_rrset *b)
{
	if (a->ttl != b->ttl || a->n_records != b->n_records || a->n_records > FEW)
		return false;
	for (uint32_t i = 0; i < b->n_records; i++)
		if (!has(a, &b->record[i]))
			return false;
	return true;
}

/* --- walking --- */

static int
compare_keys(const struct backend_rrset *a, const struct backend_rrset *b)
{
	int order = knot_dname_cmp(a->owner, b->owner);

	return order != 0 ? order : (a->type > b->type) - (a->type < b->type);
}

/* @return 0; 1: too much differs */
static int
walk_both(struct walk *w, struct store_cursor *cursor, const struct zone_edit *rrset, size_t n)
{
	struct backend_rrset set;
	size_t i = 0;
	int ret = 0, step = store_cursor_next(cursor, &set);

	while (ret == 0 && (step == 0 || i < n) && w->d->n <= w->most) {
		int order = step != 0 ? 1 : i == n ? -1 : compare_keys(&set, &rrset[i].rrset);
		if (order < 0)
			ret = add_gone(w, &set);
		else if (order > 0 || !same(&set, &rrset[i].rrset))
			ret = add(w, &rrset[i]);
		i += order >= 0;
		if (order <= 0)
			step = store_cursor_next(cursor, &set);
		if (step != 0 && step != -ENOENT)
			return step;
	}
	return ret != 0 ? ret : w->d->n > w->most;
}

static int
compare_with(struct store_txn *t, const uint8_t *apex, const struct transfer_figures *f,
	struct transfer_difference *d)
{
	struct walk w = {.d = d, .most = f->n / WHOLE_PARTS};
	struct store_cursor *cursor;
	struct store_zone zone;
	int ret = store_zone_get(t, apex, &zone);

	if (ret != 0)
		return ret;
	d->zone = zone.id;
	d->version = zone.version;
	ret = store_cursor_open(t, &zone, NULL, true, &cursor);
	if (ret != 0)
		return ret == -ENOENT ? 1 : ret;
	ret = walk_both(&w, cursor, f->rrset, f->n);
	store_cursor_close(cursor);
	return ret;
}

int
transfer_compare(struct store *store, const uint8_t *apex, const struct transfer_content *content,
	bool whole, struct transfer_difference *out)
{
	struct transfer_figures f;
	struct store_txn *t;
	int ret = 1;

	*out = (struct transfer_difference){0};
	transfer_content_figures(content, &f);
	if (!whole) {
		ret = store_read(store, &t);
		if (ret != 0)
			return ret;
		ret = compare_with(t, apex, &f, out);
		store_end(t);
	}
	if (ret < 0) {
		transfer_difference_end(out);
		return ret;
	}
	if (ret == 0) {
		resolve_names(out);
		return 0;
	}
	transfer_difference_end(out);
	out->whole = true;
	return 0;
}

void
transfer_difference_end(struct transfer_difference *d)
{
	free(d->edit);
	free(d->names);
	*d = (struct transfer_difference){0};
}
