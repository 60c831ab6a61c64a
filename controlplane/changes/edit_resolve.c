/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit_resolve: from REPLACE, DELETE, EXTEND and PRUNE to what every RRset is to be, in the order
 * of the edits and with the words of PowerDNS's patchZone() (pdns/ws-auth.cc). */
#include "controlplane/changes/edit.h"
#include "controlplane/zones/rdata_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OWNER_RRSETS_MAX 1000u

static const char *const kind_word[] = {
	[EDIT_REPLACE] = "REPLACE",
	[EDIT_DELETE] = "DELETE",
	[EDIT_EXTEND] = "EXTEND",
	[EDIT_PRUNE] = "PRUNE",
};

int
edit_refuse(struct edit_run *run, enum change_verdict v, const uint8_t *owner, uint16_t type,
	const char *format, ...)
{
	char name[ZONE_TEXT_OCTETS], what[512], word[16];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	zone_text_from_wire(name, owner);
	rrtype_to_text(type, word);
	return change_refuse(run->error, v, "RRset %s IN %s%s", name, word, what);
}

static int
no_memory(struct edit_run *run)
{
	change_refuse(run->error, CHANGE_FAILED, "Out of memory");
	return -ENOMEM;
}

/* Does the name end in the apex? */
static bool
is_in_zone(const uint8_t *name, const uint8_t *apex)
{
	unsigned len = name_octets(name), apex_len = name_octets(apex), at = 0;

	while (len - at > apex_len)
		at += name[at] + 1u;
	return len - at == apex_len && memcmp(name + at, apex, apex_len) == 0;
}

/* --- reading --- */

struct reading {
	struct edit_run *run;
	struct edit_owner *at;
};

static int
take_rrset(void *to, const struct backend_rrset *rrset)
{
	struct reading *r = to;
	struct edited *e = edit_set_get(&r->run->set, r->at, rrset->type);

	if (e == NULL || !edit_copy_rrset(&r->run->set.memory, &e->before, rrset))
		return -ENOMEM;
	e->before.owner = r->at->name;
	e->after = e->before;
	return 0;
}

static struct edit_owner *
read_owner(struct edit_run *run, const uint8_t *name, int *ret)
{
	struct edit_owner *at = edit_set_owner(&run->set, name);
	struct reading r = {.run = run, .at = at};

	*ret = at == NULL ? -ENOMEM : 0;
	if (at == NULL || at->is_read)
		return at;
	at->is_read = true;
	*ret = run->source.owner(run->source.arg, at->name, take_rrset, &r);
	return *ret == 0 ? at : NULL;
}

/* --- edits --- */

static int
check_kinds(struct edit_run *run, const struct zone_edit *edit, struct edited *e)
{
	bool once = edit->kind == EDIT_REPLACE || edit->kind == EDIT_DELETE;
	char name[ZONE_TEXT_OCTETS], word[16];

	if (!once || (e->kinds & 1u << edit->kind) == 0) {
		e->kinds |= (uint8_t)(1u << edit->kind);
		return 0;
	}
	zone_text_from_wire(name, edit->rrset.owner);
	rrtype_to_text(edit->rrset.type, word);
	if (run->edits->whole)
		return change_refuse(run->error, CHANGE_INVALID,
			"Duplicate RRset %s IN %s: it is given twice", name, word);
	return change_refuse(run->error, CHANGE_INVALID,
		"Duplicate RRset %s IN %s with changetype: %s", name, word, kind_word[edit->kind]);
}

static int
replace(struct edit_run *run, const struct zone_edit *edit, struct edited *e)
{
	if (!edit->has_records && !edit->has_comments) {
		char name[ZONE_TEXT_OCTETS], word[16];
		zone_text_from_wire(name, edit->rrset.owner);
		rrtype_to_text(edit->rrset.type, word);
		return change_refuse(
			run->error, CHANGE_INVALID, "No change for RRset %s IN %s", name, word);
	}
	if (edit->has_records) {
		e->after.ttl = edit->rrset.ttl;
		e->after.n_records = edit->rrset.n_records;
		e->after.record = edit->rrset.record;
	}
	if (edit->has_comments) {
		e->after.n_comments = edit->rrset.n_comments;
		e->after.comment = edit->rrset.comment;
	}
	e->sets_comments |= edit->has_comments;
	return 0;
}

static int
extend_or_prune(struct edit_run *run, const struct zone_edit *edit, struct edited *e)
{
	const struct backend_rrset *named = &edit->rrset;
	int n;

	if (named->n_records == 0)
		return change_refuse(run->error, CHANGE_INVALID,
			"No record provided for PRUNE or EXTEND operation");
	if (edit->kind == EDIT_PRUNE) {
		n = edit_prune(&run->set.memory, &e->after, named);
	} else {
		if (e->after.n_records == 0)
			e->after.ttl = named->ttl;
		n = edit_extend(&run->set.memory, &e->after, named);
		if (n > 0 && named->ttl != e->after.ttl)
			return edit_refuse(run, CHANGE_INVALID, named->owner, named->type,
				" uses a different TTL value than the remainder of the RRset");
	}
	return n < 0 ? no_memory(run) : 0;
}

static int
apply_edit(struct edit_run *run, const struct zone_edit *edit)
{
	const struct backend_rrset *named = &edit->rrset;
	bool inside = is_in_zone(named->owner, zone_key_apex(run->edits->apex));
	struct edit_owner *at;
	struct edited *e;
	int ret = -ENOMEM;

	if (!inside && edit->kind == EDIT_DELETE)
		return 0; /* nothing is there; PowerDNS does not mind either */
	if (!inside)
		return edit_refuse(
			run, CHANGE_INVALID, named->owner, named->type, ": Name is out of zone");
	if (run->kind == BACKEND_CONSUMER && edit->kind != EDIT_DELETE)
		return change_refuse(run->error, CHANGE_INVALID,
			"Modifying RRsets in Consumer zones is unsupported");
	at = run->edits->whole ? edit_set_owner(&run->set, named->owner)
			       : read_owner(run, named->owner, &ret);
	if (at == NULL)
		return ret == -ENOMEM ? no_memory(run) : ret;
	e = edit_set_get(&run->set, at, named->type);
	if (e == NULL)
		return no_memory(run);
	/* they are one value of the store, written anew for each of them */
	if (at->n > OWNER_RRSETS_MAX)
		return edit_refuse(run, CHANGE_INVALID, named->owner, named->type,
			": a name has at most %u RRsets", OWNER_RRSETS_MAX);
	ret = check_kinds(run, edit, e);
	if (ret != 0)
		return ret;
	if (edit->kind == EDIT_REPLACE)
		return replace(run, edit, e);
	if (edit->kind != EDIT_DELETE)
		return extend_or_prune(run, edit, e);
	e->after.n_records = e->after.n_comments = 0;
	e->sets_comments = false;
	return 0;
}

/* --- the whole zone --- */

/* What the zone has and the edits do not name is to be gone. */
static int
compare_with(void *to, const struct backend_rrset *rrset)
{
	struct reading *r = to;
	struct edit_memory *m = &r->run->set.memory;
	uint8_t owner[ZONE_WIRE_OCTETS] = {0}; /* readable behind the name */
	struct edited *e = NULL;
	int same;

	memcpy(owner, rrset->owner, name_octets(rrset->owner));
	r->at = edit_set_owner(&r->run->set, owner);
	if (r->at != NULL)
		e = edit_set_get(&r->run->set, r->at, rrset->type);
	if (e == NULL)
		return -ENOMEM;
	same = edit_same_records(m, rrset, &e->after);
	if (same < 0)
		return same;
	/* by far the most: not worth a copy */
	if (same == 1 && e->kinds != 0 &&
		(!e->sets_comments || edit_same_comments(rrset, &e->after))) {
		e->before = e->after;
		return 0;
	}
	if (!edit_copy_rrset(m, &e->before, rrset))
		return -ENOMEM;
	e->before.owner = r->at->name;
	if (e->kinds != 0 && !e->sets_comments) {
		e->after.n_comments = e->before.n_comments;
		e->after.comment = e->before.comment;
	}
	return 0;
}

/* --- */

static int
note_differences(struct edit_run *run)
{
	for (struct edited *e = run->set.first; e != NULL; e = e->next) {
		int same = edit_same_records(&run->set.memory, &e->before, &e->after);
		if (same < 0)
			return no_memory(run);
		e->records_differ = same == 0;
		if (e->records_differ && e->after.n_records == 0 && !e->sets_comments)
			e->after.n_comments = 0; /* as PowerDNS: they go with the records */
		e->comments_differ = !edit_same_comments(&e->before, &e->after);
		run->n_differ += e->records_differ || e->comments_differ;
	}
	return 0;
}

int
edit_resolve(struct edit_run *run)
{
	struct reading r = {.run = run};
	int ret = edit_set_init(&run->set, run->edits->n);

	if (ret != 0)
		return no_memory(run);
	for (size_t i = 0; ret == 0 && i < run->edits->n; i++)
		ret = apply_edit(run, &run->edits->edit[i]);
	if (ret == 0 && run->edits->whole)
		ret = run->source.all(run->source.arg, compare_with, &r);
	if (ret == -ENOMEM)
		return no_memory(run);
	if (ret != 0 && run->error->verdict == CHANGE_OK)
		change_refuse(
			run->error, CHANGE_FAILED, "The zone cannot be read: %s", strerror(-ret));
	return ret != 0 ? ret : note_differences(run);
}
