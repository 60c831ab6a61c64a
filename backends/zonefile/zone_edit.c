/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_edit: writes the new text, line by line, from the plan (edit_plan.h). It keeps track of what
 * the next line would take over from those before it. */
#include "backends/zonefile/zone_edit.h"

#include "backends/zonefile/edit_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_SOA 6u
#define SOA_WORDS 7u

struct editor {
	struct text *out;
	const struct zone_lines *z;
	const struct backend_changeset *changeset;
	struct edit_plan plan;
	struct ttl_state ttl;      /* of the new text, as far as it is written */
	const uint8_t *last_owner; /* likewise; NULL: no record yet */
	struct line_tokens tokens; /* reused */
	size_t next_new;
};

static const struct backend_rrset *
rrset_of(const struct editor *e, uint32_t change)
{
	return &e->changeset->change[change].rrset;
}

static uint32_t
soa_minimum(uint16_t type, const uint8_t *rdata, uint16_t rdlength)
{
	uint32_t minimum = 0;

	if (type == TYPE_SOA && rdlength >= 22)
		memcpy(&minimum, rdata + rdlength - 4, 4);
	return __builtin_bswap32(minimum);
}

static void
add_number(struct text *t, uint64_t value)
{
	char out[24];

	snprintf(out, sizeof out, "%llu", (unsigned long long)value);
	text_add_string(t, out);
}

/* A record on a line of its own. */
static void
add_fresh(struct editor *e, const uint8_t *origin, const struct backend_rrset *set, uint32_t record)
{
	const struct backend_record *r = &set->record[record];
	bool inherit = e->ttl.fallback == set->ttl;

	if (e->out->len > 0 && e->out->at[e->out->len - 1] != '\n')
		text_add_string(e->out, e->z->crlf ? "\r\n" : "\n");
	text_add_name(e->out, set->owner, origin);
	text_add_string(e->out, "\t");
	if (!inherit) {
		add_number(e->out, set->ttl);
		text_add_string(e->out, "\t");
	}
	text_add_string(e->out, "IN\t");
	text_add_type(e->out, set->type);
	text_add_string(e->out, "\t");
	text_add_rdata(e->out, set->type, r->rdata, r->rdlength);
	text_add_string(e->out, e->z->crlf ? "\r\n" : "\n");
	(void)ttl_of_record(&e->ttl, inherit ? LINE_TTL_NONE : (int64_t)set->ttl, set->type,
		soa_minimum(set->type, r->rdata, r->rdlength));
	e->last_owner = set->owner;
}

/* --- a line that is changed in place --- */

/* How far it has been copied. */
struct copy {
	struct editor *e;
	const char *at, *end;
};

static void
copy_until(struct copy *c, const char *until)
{
	text_add(c->e->out, c->at, (size_t)(until - c->at));
	c->at = until;
}

static void
replace_soa(struct copy *c, const struct line_token *word, const uint8_t *old,
	const struct backend_record *new)
{
	const uint8_t *was = old, *is = new->rdata;

	for (unsigned i = 0; i < SOA_WORDS; i++) {
		unsigned was_len = i < 2 ? name_octets(was) : 4;
		unsigned is_len = i < 2 ? name_octets(is) : 4;
		uint32_t value;

		if (was_len != is_len || memcmp(was, is, is_len) != 0) {
			copy_until(c, word[i].from);
			memcpy(&value, is, 4);
			if (i < 2)
				text_add_absolute(c->e->out, is);
			else
				add_number(c->e->out, __builtin_bswap32(value));
			c->at = word[i].from + word[i].len;
		}
		was += was_len;
		is += is_len;
	}
}

/* Can the RDATA be replaced where they stand? */
static bool
is_plain(const struct zone_line *l, const struct line_tokens *t, const struct line_fields *f)
{
	if (f->rdata == SIZE_MAX)
		return false;
	return l->type == TYPE_SOA ? t->n - f->rdata == SOA_WORDS : !t->parentheses;
}

/* The words of a line with some of them replaced. @param ttl  to be written; LINE_TTL_NONE: as it
 * is */
static void
add_changed(struct editor *e, const struct zone_line *l, const struct line_fields *f,
	bool say_owner, int64_t ttl, const struct backend_record *record)
{
	const struct line_token *word = e->tokens.token;
	struct copy c = {e, e->z->text + l->start, e->z->text + l->end};

	if (say_owner)
		text_add_name(e->out, e->z->heap + l->owner, e->z->heap + l->origin);
	if (ttl != LINE_TTL_NONE) {
		size_t i = f->ttl != SIZE_MAX ? f->ttl : f->owner != SIZE_MAX ? 1 : 0;

		copy_until(&c, word[i].from);
		add_number(e->out, (uint64_t)ttl);
		if (f->ttl != SIZE_MAX)
			c.at += word[i].len;
		else
			text_add_string(e->out, " ");
	}
	if (record && l->type == TYPE_SOA) {
		replace_soa(&c, word + f->rdata, e->z->heap + l->rdata, record);
	} else if (record) {
		copy_until(&c, word[f->rdata].from);
		text_add_rdata(e->out, l->type, record->rdata, record->rdlength);
		c.at = e->tokens.end;
	}
	copy_until(&c, c.end);
}

static int
add_record(struct editor *e, size_t i)
{
	const struct zone_line *l = &e->z->line[i];
	const struct line_plan *p = &e->plan.line[i];
	const struct backend_rrset *set = p->action == LINE_KEEP ? NULL : rrset_of(e, p->change);
	const struct backend_record *record =
		p->action == LINE_CHANGE ? &set->record[p->record] : NULL;
	const uint8_t *owner = e->z->heap + l->owner, *rdata = e->z->heap + l->rdata;
	uint16_t rdlength = l->rdlength;
	int64_t wanted = set ? (int64_t)set->ttl : l->ttl;
	struct ttl_state as_is = e->ttl;
	struct line_fields f;
	bool say_owner, say_ttl;

	if (record) {
		rdata = record->rdata;
		rdlength = record->rdlength;
	}
	say_ttl = ttl_of_record(&as_is, l->written_ttl, l->type,
			  soa_minimum(l->type, rdata, rdlength)) != wanted;
	say_owner = l->inherits_owner &&
		    (!e->last_owner || name_octets(owner) != name_octets(e->last_owner) ||
			    memcmp(owner, e->last_owner, name_octets(owner)) != 0);
	if (!say_ttl && !say_owner && !record) {
		text_add(e->out, e->z->text + l->start, l->end - l->start);
		e->ttl = as_is;
		e->last_owner = owner;
		return 0;
	}
	if (line_tokens_read(&e->tokens, e->z->text + l->start, l->end - l->start) != 0)
		return -ENOMEM;
	line_fields_find(&f, &e->tokens, l->inherits_owner);
	if (record && !is_plain(l, &e->tokens, &f)) {
		add_fresh(e, e->z->heap + l->origin, set, p->record);
		return 0;
	}
	add_changed(e, l, &f, say_owner, say_ttl ? wanted : LINE_TTL_NONE, record);
	(void)ttl_of_record(&e->ttl, say_ttl ? wanted : l->written_ttl, l->type,
		soa_minimum(l->type, rdata, rdlength));
	e->last_owner = owner;
	return 0;
}

static void
add_new_behind(struct editor *e, size_t behind, const uint8_t *origin)
{
	for (; e->next_new < e->plan.n_new; e->next_new++) {
		const struct line_new *n = &e->plan.new[e->next_new];

		if (n->behind != behind)
			return;
		add_fresh(e, origin, rrset_of(e, n->change), n->record);
	}
}

static int
add_all(struct editor *e)
{
	const uint8_t *origin = e->changeset->apex;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < e->z->n; i++) {
		const struct zone_line *l = &e->z->line[i];

		origin = e->z->heap + l->origin;
		if (l->kind != LINE_RECORD) {
			text_add(e->out, e->z->text + l->start, l->end - l->start);
			ttl_directive(&e->ttl, l->kind, l->written_ttl);
		} else if (e->plan.line[i].action != LINE_DELETE) {
			rc = add_record(e, i);
		}
		add_new_behind(e, i, origin);
	}
	add_new_behind(e, e->z->n, origin);
	return rc != 0 ? rc : e->out->error;
}

int
zone_edit(struct text *out, const struct zone_lines *z, const struct zone_model *model,
	const struct backend_changeset *changeset, const struct ttl_rules *rules, const char *path,
	char *error)
{
	struct editor e = {
		.out = out,
		.z = z,
		.changeset = changeset,
		.ttl = {LINE_TTL_NONE, LINE_TTL_NONE, *rules},
	};
	int rc = edit_plan_make(&e.plan, z, model, changeset, path, error);

	if (rc == 0) {
		rc = add_all(&e);
		if (rc != 0)
			snprintf(error, BACKEND_ERROR_OCTETS, "%.300s: cannot be edited: %s", path,
				strerror(-rc));
	}
	edit_plan_free(&e.plan);
	free(e.tokens.token);
	return rc;
}
