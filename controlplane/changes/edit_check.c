/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit_check: would the zone still be one? What zone_check would refuse in a zone must be refused
 * here: a change that was acknowledged is compiled without anybody to ask. The words are those of
 * PowerDNS, which clients look at; disabled records are in nobody's way, as there. */
#include "controlplane/changes/edit.h"
#include "controlplane/manager/zone_names.h"
#include "controlplane/zones/rdata_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TTL_MAX INT32_MAX
#define RRSET_OCTETS_MAX (16u << 20) /* of RDATA */
#define SOA_FIXED_OCTETS 20u         /* serial, refresh, retry, expire, minimum */
#define DOUBLE_TEXT_OCTETS 300u      /* of a record in a message */

enum {
	TYPE_NS = 2,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_DNAME = 39,
	TYPE_OPT = 41,
	TYPE_DS = 43,
	TYPE_RRSIG = 46,
	TYPE_NSEC = 47,
	TYPE_DNSKEY = 48,
	TYPE_META_FIRST = 128, /* RFC 6895 3.1: questions and meta types */
	TYPE_META_LAST = 255,
	TYPE_ALIAS = 65401, /* PowerDNS's own */
	TYPE_LUA = 65402,
};

static int
refuse(struct edit_run *run, const struct edited *e, const char *what)
{
	return edit_refuse(run, CHANGE_INVALID, e->at->name, e->type, "%s", what);
}

/* --- one RRset --- */

static int
check_type(struct edit_run *run, const struct edited *e)
{
	bool apex = name_octets(e->at->name) == name_octets(zone_key_apex(run->edits->apex));

	if (e->type == TYPE_ALIAS || e->type == TYPE_LUA)
		return refuse(run, e,
			e->type == TYPE_LUA
				? ": LUA records are not served by this version of Millrace"
				: ": ALIAS records are not served by this version of Millrace");
	if (e->type == 0 || e->type == TYPE_OPT || e->type == UINT16_MAX ||
		(e->type >= TYPE_META_FIRST && e->type <= TYPE_META_LAST))
		return refuse(run, e, ": unknown type given");
	if (apex && e->type == TYPE_DS)
		return refuse(run, e, " is not allowed at apex");
	if (!apex && (e->type == TYPE_SOA || e->type == TYPE_DNSKEY))
		return refuse(run, e, " is only allowed at apex");
	return 0;
}

static int
refuse_double(struct edit_run *run, const struct edited *e, const struct backend_record *r)
{
	char name[ZONE_TEXT_OCTETS], word[16], *text = malloc(RDATA_WIRE_MAX * 4);
	bool told = text != NULL &&
		    rdata_to_text(e->type, r->rdata, r->rdlength, text, RDATA_WIRE_MAX * 4) >= 0;
	int ret;

	zone_text_from_wire(name, e->at->name);
	rrtype_to_text(e->type, word);
	ret = change_refuse(run->error, CHANGE_INVALID,
		"Duplicate record in RRset %s IN %s with content \"%.*s\"", name, word,
		(int)DOUBLE_TEXT_OCTETS, told ? text : "?");
	free(text);
	return ret;
}

static int
check_records(struct edit_run *run, struct edited *e)
{
	bool is_single = e->type == TYPE_CNAME || e->type == TYPE_DNAME || e->type == TYPE_SOA;
	const struct backend_record *again;
	uint64_t octets = 0;
	bool failed;

	if (e->after.ttl > TTL_MAX)
		return refuse(run, e, ": the TTL must be at most 2147483647");
	if (is_single && e->after.n_records > 1)
		return refuse(run, e, " has more than one record");
	for (uint32_t i = 0; i < e->after.n_records; i++) {
		const struct backend_record *r = &e->after.record[i];
		octets += r->rdlength;
		if (!rdata_is_valid(e->type, r->rdata, r->rdlength))
			return refuse(run, e, ": a record is malformed for its type");
	}
	if (octets > RRSET_OCTETS_MAX)
		return refuse(run, e, ": its records are longer than 16 MiB");
	again = edit_find_double(&run->set.memory, &e->after, &failed);
	if (failed)
		return -ENOMEM;
	return again != NULL ? refuse_double(run, e, again) : 0;
}

/* --- the RRsets of one owner --- */

/* PowerDNS tells whether what it conflicts with was there before the request. */
static int
refuse_conflict(struct edit_run *run, const struct edited *a, const struct edited *b)
{
	bool a_new = a->records_differ && a->kinds != 0, b_new = b->records_differ && b->kinds != 0;

	if (run->edits->whole)
		return refuse(run, a->type > b->type ? a : b, ": Conflicts with another RRset");
	/* a is the alias; the one to be blamed is the one that came now */
	return refuse(run, a_new && !b_new ? a : b, ": Conflicts with pre-existing RRset");
}

static int
check_owner(struct edit_run *run, const struct edit_owner *at)
{
	const struct edited *cname = NULL, *other = NULL, *dname = NULL, *ns = NULL;
	bool differs = false;

	for (const struct edited *e = at->first; e != NULL; e = e->sibling) {
		differs |= e->records_differ;
		if (!edit_is_live(&e->after))
			continue;
		if (e->type == TYPE_CNAME)
			cname = e;
		else if (e->type != TYPE_RRSIG && e->type != TYPE_NSEC &&
			 (other == NULL || e->records_differ))
			other = e;
		if (e->type == TYPE_DNAME)
			dname = e;
		if (e->type == TYPE_NS)
			ns = e;
	}
	if (!differs)
		return 0;
	if (cname != NULL && other != NULL)
		return refuse_conflict(run, cname, other);
	if (dname != NULL && ns != NULL &&
		name_octets(at->name) != name_octets(zone_key_apex(run->edits->apex)))
		return refuse(run, dname->records_differ ? dname : ns,
			": Cannot have both NS and DNAME except in zone apex");
	return 0;
}

int
edit_check(struct edit_run *run)
{
	int ret = 0;

	for (struct edited *e = run->set.first; e != NULL && ret == 0; e = e->next) {
		if (!e->records_differ || e->after.n_records == 0)
			continue;
		ret = check_type(run, e);
		if (ret == 0)
			ret = check_records(run, e);
	}
	for (struct edit_owner *at = run->set.first_owner; at != NULL && ret == 0; at = at->next)
		ret = check_owner(run, at);
	if (ret == -ENOMEM)
		change_refuse(run->error, CHANGE_FAILED, "Out of memory");
	return ret;
}

/* --- serial --- */

/* Where the serial is in the SOA's RDATA, or NULL: there is none. */
static const uint8_t *
serial_of(const struct backend_rrset *soa)
{
	const struct backend_record *r = soa->record;

	if (soa->n_records == 0 || r->rdlength < SOA_FIXED_OCTETS + 2)
		return NULL;
	return r->rdata + r->rdlength - SOA_FIXED_OCTETS;
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The SOA gets this serial. */
static int
set_serial(struct edit_run *run, struct edited *soa, uint32_t serial)
{
	struct backend_record *r = edit_alloc(&run->set.memory, sizeof *r);
	uint8_t *rdata =
		r == NULL ? NULL : edit_alloc(&run->set.memory, soa->after.record->rdlength);

	if (rdata == NULL) {
		change_refuse(run->error, CHANGE_FAILED, "Out of memory");
		return -ENOMEM;
	}
	*r = *soa->after.record;
	memcpy(rdata, r->rdata, r->rdlength);
	for (unsigned i = 0; i < 4; i++)
		rdata[r->rdlength - SOA_FIXED_OCTETS + i] = (uint8_t)(serial >> (24 - 8 * i));
	r->rdata = rdata;
	soa->after.record = r;
	run->n_differ += !soa->records_differ && !soa->comments_differ;
	soa->records_differ = true;
	return 0;
}

static bool
records_differ(const struct edit_run *run)
{
	for (const struct edited *e = run->set.first; e != NULL; e = e->next)
		if (e->records_differ)
			return true;
	return false;
}

/* Is a lower serial, or the same, all that a whole zone brings? */
static bool
is_only_serial(const struct edit_run *run, const struct edited *soa)
{
	const struct backend_record *a = soa->before.record, *b = soa->after.record;
	size_t at = a->rdlength - SOA_FIXED_OCTETS;

	return run->n_differ == 1 && soa->records_differ && !soa->comments_differ &&
	       soa->before.n_records == 1 && soa->after.n_records == 1 &&
	       soa->before.ttl == soa->after.ttl && a->disabled == b->disabled &&
	       a->rdlength == b->rdlength && memcmp(a->rdata, b->rdata, at) == 0 &&
	       memcmp(a->rdata + at + 4, b->rdata + at + 4, SOA_FIXED_OCTETS - 4) == 0 &&
	       (int32_t)(get32(b->rdata + at) - get32(a->rdata + at)) <= 0;
}

/* Then nothing is to be done. */
static void
keep_soa(struct edit_run *run, struct edited *soa)
{
	soa->after = soa->before;
	soa->records_differ = false;
	run->n_differ = 0;
	run->out.serial_after = run->out.serial_before;
}

/* The SOA among the RRsets that were read; read now if no edit named the apex. */
static int find_soa(struct edit_run *run, struct edited **out);

int
edit_count_up(struct edit_run *run)
{
	const uint32_t *wanted = run->edits->if_serial;
	struct edited *soa = NULL;
	const uint8_t *before, *after;
	uint32_t given, serial;
	const char *kind;
	bool known;
	int ret = find_soa(run, &soa);

	if (ret != 0)
		return ret;
	before = soa == NULL ? NULL : serial_of(&soa->before);
	after = soa == NULL ? NULL : serial_of(&soa->after);
	run->out.serial_before = run->out.serial_after = before == NULL ? 0 : get32(before);
	if (wanted != NULL && *wanted != run->out.serial_before)
		return change_refuse(run->error, CHANGE_STALE,
			"The zone's serial is %u by now, not %u: somebody else has changed it",
			run->out.serial_before, *wanted);
	if (after == NULL) {
		run->out.serial_after = 0;
		return 0;
	}
	given = get32(after);
	run->out.serial_after = given;
	if (!records_differ(run))
		return 0;
	kind = run->edits->soa_edit != NULL ? run->edits->soa_edit : run->soa_edit_api;
	/* an unknown kind leaves it, as PowerDNS does */
	known = soa_edit_serial(
		kind, run->soa_edit, run->out.serial_before, &given, run->now_s, &serial);
	if (run->edits->whole && before != NULL && known && *kind != '\0' &&
		strcasecmp(kind, "OFF") != 0) {
		if (is_only_serial(run, soa)) {
			keep_soa(run, soa);
			return 0;
		}
		/* a file that is brought again, changed, with the serial that it always had:
		 * counted from there it may be one that secondaries have, or have passed (RFC 1982)
		 */
		if ((int32_t)(serial - run->out.serial_before) <= 0)
			(void)soa_edit_serial(kind, run->soa_edit, run->out.serial_before, NULL,
				run->now_s, &serial);
	}
	run->out.serial_after = serial;
	return serial == given ? 0 : set_serial(run, soa, serial);
}

struct soa_reading {
	struct edit_run *run;
	struct edit_owner *at;
};

static int
take_soa(void *to, const struct backend_rrset *rrset)
{
	struct soa_reading *r = to;
	struct edited *e;

	if (rrset->type != TYPE_SOA)
		return 0;
	e = edit_set_get(&r->run->set, r->at, TYPE_SOA);
	if (e == NULL || !edit_copy_rrset(&r->run->set.memory, &e->before, rrset))
		return -ENOMEM;
	e->before.owner = r->at->name;
	e->after = e->before;
	return 0;
}

static int
find_soa(struct edit_run *run, struct edited **out)
{
	struct edit_owner *at = edit_set_owner(&run->set, zone_key_apex(run->edits->apex));
	struct soa_reading r = {.run = run, .at = at};
	int ret = at == NULL ? -ENOMEM : 0;

	if (ret == 0 && !at->is_read && !run->edits->whole)
		ret = run->source.owner(run->source.arg, at->name, take_soa, &r);
	if (ret != 0) {
		change_refuse(run->error, CHANGE_FAILED, "The zone's SOA cannot be read: %s",
			strerror(-ret));
		return ret;
	}
	*out = edit_set_find(at, TYPE_SOA);
	return 0;
}
