/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit_plan: for each RRset that changes, its lines are held against the records that it is to
 * have: lines whose record stays, stay; of the others each is given to a record that has none yet,
 * so that it keeps its place and its comment; what is left over is deleted, or appended behind the
 * owner's last line. */
#include "backends/zonefile/edit_plan.h"

#include "controlplane/zones/zone_rdata.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 0x0123456789abcdefull

#define TYPE_NS 2u
#define TYPE_SOA 6u

/* A change, and what of the text belongs to it. */
struct target {
	uint64_t hash; /* of the owner */
	const struct backend_change *c;
	uint32_t change;      /* number in the changeset */
	uint32_t first, last; /* lines of the RRset */
	uint32_t owner_last;  /* last line of the owner, of whatever type */
	uint32_t n_lines;
};

struct planner {
	struct edit_plan *p;
	const struct zone_lines *z;
	const struct zone_model *model;
	const struct backend_changeset *changeset;
	struct target *target; /* by hash, then type */
	size_t n;
	const char *path;
	char *error;
};

static uint64_t
hash_owner(const uint8_t *owner)
{
	uint8_t padded[NAME_OCTETS_MAX + 1 + NAME_PAD] = {0};

	memcpy(padded, owner, name_octets(owner));
	return name_hash(SEED, padded);
}

static bool
same_name(const uint8_t *a, const uint8_t *b)
{
	unsigned len = name_octets(a);

	return len == name_octets(b) && memcmp(a, b, len) == 0;
}

static int
target_compare(const void *a, const void *b)
{
	const struct target *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return (int)x->c->rrset.type - (int)y->c->rrset.type;
}

static int
make_targets(struct planner *w)
{
	w->target = calloc(w->changeset->n + 1, sizeof *w->target);
	if (!w->target)
		return -ENOMEM;
	for (size_t i = 0; i < w->changeset->n; i++) {
		const struct backend_change *c = &w->changeset->change[i];

		if (c->has_records)
			w->target[w->n++] = (struct target){
				.hash = hash_owner(c->rrset.owner),
				.c = c,
				.change = (uint32_t)i,
				.first = PLAN_NONE,
				.last = PLAN_NONE,
				.owner_last = PLAN_NONE,
			};
	}
	qsort(w->target, w->n, sizeof *w->target, target_compare);
	return 0;
}

/* Give one line to the changes that it concerns. */
static void
sort_line(struct planner *w, uint32_t i)
{
	const struct zone_line *l = &w->z->line[i];
	const uint8_t *owner = w->z->heap + l->owner;
	uint64_t hash = name_hash(SEED, owner);
	size_t low = 0, high = w->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (w->target[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < w->n && w->target[low].hash == hash; low++) {
		struct target *t = &w->target[low];

		if (!same_name(t->c->rrset.owner, owner))
			continue;
		t->owner_last = i;
		if (t->c->rrset.type != l->type)
			continue;
		w->p->line[i].change = t->change;
		if (t->first == PLAN_NONE)
			t->first = i;
		else
			w->p->line[t->last].next = i;
		t->last = i;
		t->n_lines++;
	}
}

/* --- one RRset --- */

/* A record, to be found by its RDATA. */
struct sorted {
	const uint8_t *rdata;
	uint16_t rdlength, type;
	bool found;
	uint32_t number; /* of the record, or of the line */
};

static int
octets_compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	if (x->rdlength != y->rdlength)
		return (int)x->rdlength - (int)y->rdlength;
	return memcmp(x->rdata, y->rdata, x->rdlength);
}

static int
canonical_compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return zone_rdata_compare(x->type, x->rdata, x->rdlength, y->rdata, y->rdlength);
}

static struct sorted *
sort_wanted(const struct backend_rrset *set)
{
	struct sorted *s = calloc(set->n_records + 1, sizeof *s);

	for (uint32_t i = 0; s && i < set->n_records; i++)
		s[i] = (struct sorted){.rdata = set->record[i].rdata,
			.rdlength = set->record[i].rdlength,
			.type = set->type,
			.number = i};
	if (s)
		qsort(s, set->n_records, sizeof *s, octets_compare);
	return s;
}

/* Lines, in the order in which records are compared. */
static struct sorted *
sort_lines(const struct planner *w, const struct target *t)
{
	struct sorted *s = calloc(t->n_lines + 1, sizeof *s);
	uint32_t n = 0;

	for (uint32_t i = t->first; s && i != PLAN_NONE; i = w->p->line[i].next)
		s[n++] = (struct sorted){.rdata = w->z->heap + w->z->line[i].rdata,
			.rdlength = w->z->line[i].rdlength,
			.type = w->z->line[i].type,
			.number = i};
	if (s)
		qsort(s, n, sizeof *s, canonical_compare);
	return s;
}

/* Records that are not in the text: from an $INCLUDE or $GENERATE. They can stay, and no more. */
static int
check_elsewhere(struct planner *w, const struct target *t, struct sorted *wanted)
{
	const struct backend_rrset *set = &t->c->rrset;
	const struct zone_model *z = w->model;
	uint8_t owner[NAME_OCTETS_MAX + 1 + NAME_PAD] = {0};
	const struct zone_record *old = NULL;
	const struct zone_name *name;
	struct sorted *lines;
	uint32_t n = 0;
	int rc = 0;

	memcpy(owner, set->owner, name_octets(set->owner));
	name = zone_model_find(z, name_hash(z->seed, owner), owner, name_octets(owner));
	if (name)
		old = zone_model_rrset(z, name, set->type, &n);
	lines = sort_lines(w, t);
	if (!lines)
		return -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < n; i++) {
		struct sorted key = {.type = set->type}, *stays;

		key.rdata = zone_rdata(z, &old[i], &key.rdlength);
		if (bsearch(&key, lines, t->n_lines, sizeof *lines, canonical_compare))
			continue;
		stays = bsearch(&key, wanted, set->n_records, sizeof *wanted, octets_compare);
		if (stays && old[i].ttl == set->ttl) {
			stays->found = true;
			continue;
		}
		snprintf(w->error, BACKEND_ERROR_OCTETS,
			"%.300s:%u: the record that is to change %s; edit it there by hand",
			z->file[old[i].file], old[i].line,
			old[i].file == 0 ? "comes from a $GENERATE" : "stands in an included file");
		rc = -EROFS;
	}
	free(lines);
	return rc;
}

static int
add_new(struct edit_plan *p, struct line_new new)
{
	if (p->n_new == p->new_room) {
		size_t room = p->new_room ? 2 * p->new_room : 16;
		struct line_new *more = realloc(p->new, room * sizeof *more);

		if (!more)
			return -ENOMEM;
		p->new = more;
		p->new_room = room;
	}
	p->new[p->n_new++] = new;
	return 0;
}

/* At the end of a file the apex' SOA and NS come first. */
static uint32_t
rank_of(const struct planner *w, const struct target *t)
{
	bool apex = same_name(t->c->rrset.owner, w->changeset->apex);

	if (apex && t->c->rrset.type == TYPE_SOA)
		return 0;
	if (apex && t->c->rrset.type == TYPE_NS)
		return 1;
	return 2 + t->change;
}

/* The first record from *at on, in the changeset's order, that has no line. */
static bool
next_unfound(const struct sorted **by_number, uint32_t n, uint32_t *at)
{
	while (*at < n && by_number[*at]->found)
		++*at;
	return *at < n;
}

static int
assign(struct planner *w, const struct target *t, const struct sorted **by_number)
{
	uint32_t n = t->c->rrset.n_records, at = 0;
	size_t behind = t->last != PLAN_NONE         ? t->last
			: t->owner_last != PLAN_NONE ? t->owner_last
						     : w->z->n;

	for (uint32_t i = t->first; i != PLAN_NONE; i = w->p->line[i].next) {
		struct line_plan *l = &w->p->line[i];

		if (l->action == LINE_STAY)
			continue;
		l->action = LINE_DELETE;
		if (next_unfound(by_number, n, &at)) {
			l->action = LINE_CHANGE;
			l->record = at++;
		}
	}
	for (; next_unfound(by_number, n, &at); at++)
		if (add_new(w->p, (struct line_new){behind, rank_of(w, t), t->change, at}) != 0)
			return -ENOMEM;
	return 0;
}

static int
plan_rrset(struct planner *w, const struct target *t)
{
	const struct backend_rrset *set = &t->c->rrset;
	struct sorted *wanted = sort_wanted(set);
	const struct sorted **by_number = calloc(set->n_records + 1, sizeof *by_number);
	int rc = wanted && by_number ? check_elsewhere(w, t, wanted) : -ENOMEM;

	for (uint32_t i = t->first; rc == 0 && i != PLAN_NONE; i = w->p->line[i].next) {
		const struct zone_line *l = &w->z->line[i];
		struct sorted key = {.rdata = w->z->heap + l->rdata, .rdlength = l->rdlength};
		struct sorted *s =
			bsearch(&key, wanted, set->n_records, sizeof *wanted, octets_compare);

		if (!s)
			continue;
		s->found = true;
		w->p->line[i].action = LINE_STAY;
	}
	for (uint32_t i = 0; rc == 0 && i < set->n_records; i++)
		by_number[wanted[i].number] = &wanted[i];
	if (rc == 0)
		rc = assign(w, t, by_number);
	free(by_number);
	free(wanted);
	return rc;
}

static int
new_compare(const void *a, const void *b)
{
	const struct line_new *x = a, *y = b;

	if (x->behind != y->behind)
		return x->behind < y->behind ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return (x->record > y->record) - (x->record < y->record);
}

int
edit_plan_make(struct edit_plan *p, const struct zone_lines *z, const struct zone_model *model,
	const struct backend_changeset *changeset, const char *path, char *error)
{
	struct planner w = {.p = p,
		.z = z,
		.model = model,
		.changeset = changeset,
		.path = path,
		.error = error};
	int rc;

	*p = (struct edit_plan){.line = calloc(z->n + 1, sizeof *p->line)};
	rc = p->line ? make_targets(&w) : -ENOMEM;
	for (size_t i = 0; rc == 0 && i < z->n; i++) {
		p->line[i].next = PLAN_NONE;
		if (z->line[i].kind == LINE_RECORD)
			sort_line(&w, (uint32_t)i);
	}
	for (size_t k = 0; rc == 0 && k < w.n; k++)
		rc = plan_rrset(&w, &w.target[k]);
	if (rc == 0 && p->n_new > 0)
		qsort(p->new, p->n_new, sizeof *p->new, new_compare);
	if (rc == -ENOMEM)
		snprintf(error, BACKEND_ERROR_OCTETS, "%.300s: not enough memory to edit it", path);
	free(w.target);
	return rc;
}

void
edit_plan_free(struct edit_plan *p)
{
	free(p->line);
	free(p->new);
	*p = (struct edit_plan){0};
}
