/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_check: what is wrong with a zone as a whole. Reads the indexed model, adds findings.
 * Severities follow named-checkzone and kzonecheck; docs/zones.md lists where the two disagree and
 * what is done here. */
#include "controlplane/zones/zone_check.h"

#include "controlplane/zones/zone_rdata.h"

#include <libknot/descriptor.h>

#define MESSAGE_OCTETS_MAX 65535u
#define QUESTION_OCTETS (12u + 4u) /* header, QTYPE and QCLASS */
#define RR_OCTETS (2u + 10u)       /* owner as a pointer, type, class, TTL, RDLENGTH */

static void
report(struct zone_build *b, enum zone_severity s, const struct zone_record *r,
	const struct zone_name *name, const char *what)
{
	char text[ZONE_NAME_TEXT_MAX];

	zone_build_finding(b, s, r->file, r->line, "%s: %s",
		zone_name_text(text, zone_owner(&b->z, name)), what);
}

const struct zone_name *
zone_check_hider(const struct zone_model *z, const uint8_t *name, unsigned len)
{
	uint8_t label[NAME_LABELS_MAX];
	unsigned n = name_labels(name, label);
	const struct zone_name *hider = NULL;
	uint64_t hash = z->seed;

	/* the highest one counts: it hides those below it */
	for (unsigned i = n + 1; i-- > 1 && hider == NULL;) {
		unsigned at = i == n ? len - 1 : label[i];
		if (i < n)
			hash = name_hash_extend(hash, name + at);
		const struct zone_name *up = zone_model_find(z, hash, name + at, len - at);
		if (up != NULL && (up->flags & (ZONE_NAME_CUT | ZONE_NAME_DNAME)))
			hider = up;
	}
	return hider;
}

static void
check_apex(struct zone_build *b)
{
	const struct zone_model *z = &b->z;
	const struct zone_name *apex = zone_model_find(z, b->apex_hash, z->apex, z->apex_len);
	const struct zone_record *r;
	char text[ZONE_NAME_TEXT_MAX];
	uint32_t n = 0;

	zone_name_text(text, z->apex);
	r = apex == NULL ? NULL : zone_model_rrset(z, apex, KNOT_RRTYPE_SOA, &n);
	if (r == NULL)
		zone_build_finding(b, ZONE_ERROR, 0, ZONE_NO_LINE,
			b->is_file ? "no SOA record at %s; is this the file of another zone?"
				   : "no SOA record at %s; a zone has one at its apex",
			text);
	for (uint32_t i = 1; i < n; i++)
		report(b, ZONE_ERROR, &r[i], apex, "a zone has one SOA record; remove all others");
	if (apex == NULL || zone_model_rrset(z, apex, KNOT_RRTYPE_NS, &n) == NULL)
		/* PowerDNS serves such zones, and its clients make them: not knowing better is no
		 * reason to take a zone away that was acknowledged */
		zone_build_finding(b, b->is_file ? ZONE_ERROR : ZONE_WARNING, 0, ZONE_NO_LINE,
			"no NS record at %s; a zone names its servers at its apex", text);
	if (apex == NULL)
		return;
	r = zone_model_rrset(z, apex, KNOT_RRTYPE_DS, &n);
	if (r != NULL)
		report(b, ZONE_WARNING, r, apex,
			"DS at the apex is never asked for here; it belongs into the parent zone");
	r = zone_model_rrset(z, apex, KNOT_RRTYPE_DNSKEY, &n);
	if (r != NULL && zone_model_rrset(z, apex, KNOT_RRTYPE_RRSIG, &n) != NULL)
		report(b, ZONE_WARNING, r, apex,
			"the zone is signed, but this version answers without DNSSEC records: "
			"validating "
			"resolvers will fail the zone if its parent has a DS record");
}

static void
check_size(
	struct zone_build *b, const struct zone_name *name, const struct zone_record *r, uint32_t n)
{
	const knot_rdata_descriptor_t *d = knot_get_rdata_descriptor(r->type);
	size_t octets = QUESTION_OCTETS + name->len;
	bool compressible = false;
	char text[ZONE_NAME_TEXT_MAX], type[ZONE_TYPE_TEXT_MAX];

	for (int i = 0; i < KNOT_MAX_RDATA_BLOCKS && d->block_types[i] != KNOT_RDATA_WF_END; i++)
		compressible |= d->block_types[i] == KNOT_RDATA_WF_COMPRESSIBLE_DNAME;
	for (uint32_t i = 0; i < n; i++) {
		uint16_t len;
		(void)zone_rdata(&b->z, &r[i], &len);
		/* a name that can be compressed takes 2 octets at least; only what is sure is said
		 */
		octets += RR_OCTETS + (compressible ? 2u : len);
	}
	if (octets > MESSAGE_OCTETS_MAX)
		zone_build_finding(b, ZONE_WARNING, r->file, r->line,
			"%s: the %u %s records take %zu octets and fit in no DNS message (65535); "
			"queries for "
			"them are answered with SERVFAIL",
			zone_name_text(text, zone_owner(&b->z, name)), n,
			zone_type_text(type, r->type), octets);
}

static bool
is_dnssec_of_cname(uint16_t type)
{
	return type == KNOT_RRTYPE_RRSIG || type == KNOT_RRTYPE_NSEC;
}

/* Which RRsets stand together at a name. */
struct kinds {
	const struct zone_record *cname, *dname, *ns,
		*other;                   /* other: beside CNAME, neither RRSIG nor NSEC */
	const struct zone_record *hidden; /* at a cut: what the parent does not answer */
	uint32_t n_cname, n_dname;
};

static void
sort_out(struct zone_build *b, const struct zone_name *name, struct kinds *k)
{
	const struct zone_record *r = b->z.record + name->first, *end = r + name->n, *next;

	for (; r < end; r = next) {
		for (next = r + 1; next < end && next->type == r->type; next++)
			;
		uint32_t n = (uint32_t)(next - r);
		if (r->type == KNOT_RRTYPE_CNAME) {
			k->cname = r;
			k->n_cname = n;
		} else if (!is_dnssec_of_cname(r->type) && k->other == NULL) {
			k->other = r;
		}
		if (r->type == KNOT_RRTYPE_DNAME) {
			k->dname = r;
			k->n_dname = n;
		} else if (r->type == KNOT_RRTYPE_NS) {
			k->ns = r;
		} else if (r->type == KNOT_RRTYPE_SOA && !(name->flags & ZONE_NAME_APEX)) {
			report(b, ZONE_ERROR, r, name,
				"SOA below the apex; it stands at the zone's name only");
		} else if (!is_dnssec_of_cname(r->type) && r->type != KNOT_RRTYPE_DS &&
			   r->type != KNOT_RRTYPE_A && r->type != KNOT_RRTYPE_AAAA) {
			k->hidden = r;
		}
		if (n > 1)
			check_size(b, name, r, n);
	}
}

/* The rare names: those that have more than addresses. */
static void
check_together(struct zone_build *b, const struct zone_name *name)
{
	struct kinds k = {0};

	sort_out(b, name, &k);
	if (k.cname != NULL && k.other != NULL)
		report(b, ZONE_ERROR, k.cname, name,
			"CNAME and other data; an alias has no other records than RRSIG and NSEC");
	if (k.n_cname > 1)
		report(b, ZONE_ERROR, &k.cname[1], name,
			"several CNAME records; an alias has one target");
	if (k.n_dname > 1)
		report(b, ZONE_ERROR, &k.dname[1], name,
			"several DNAME records; a subtree has one target");
	if (k.dname != NULL && k.ns != NULL && !(name->flags & ZONE_NAME_APEX))
		report(b, ZONE_ERROR, k.dname, name,
			"DNAME and NS; only the apex may have both (RFC 6672 2.3)");
	if (!(name->flags & ZONE_NAME_CUT))
		return;
	if (k.hidden != NULL)
		report(b, ZONE_WARNING, k.hidden, name,
			"data at a delegation is not answered, but left to the delegated zone");
	if (zone_owner(&b->z, name)[0] == 1 && zone_owner(&b->z, name)[1] == '*')
		report(b, ZONE_WARNING, k.ns, name,
			"NS at a wildcard delegates the name with the asterisk only (RFC 4592 "
			"4.2)");
}

/* Data that nobody will see. Addresses below a cut are glue. */
static void
check_occluded(struct zone_build *b, const struct zone_name *name)
{
	const struct zone_model *z = &b->z;
	const struct zone_record *r = z->record + name->first, *end = r + name->n;
	char text[ZONE_NAME_TEXT_MAX], above[ZONE_NAME_TEXT_MAX];

	while (r < end && (r->type == KNOT_RRTYPE_A || r->type == KNOT_RRTYPE_AAAA))
		r++;
	const struct zone_name *hider = zone_check_hider(z, zone_owner(z, name), name->len);
	if (hider == NULL)
		return;
	if (hider->flags & ZONE_NAME_DNAME)
		r = z->record + name->first;
	else if (r == end)
		return;
	zone_build_finding(b, ZONE_WARNING, r->file, r->line,
		"%s lies below the %s at %s and is never answered; remove it",
		zone_name_text(text, zone_owner(z, name)),
		hider->flags & ZONE_NAME_DNAME ? "DNAME" : "delegation",
		zone_name_text(above, zone_owner(z, hider)));
}

void
zone_check(struct zone_build *b)
{
	const struct zone_model *z = &b->z;

	check_apex(b);
	for (uint32_t i = 0; i < z->n_names; i++) {
		const struct zone_name *name = &z->name[i];
		const struct zone_record *r = z->record + name->first;
		if (name->n == 0)
			continue;
		bool plain =
			name->n == 1 && (r->type == KNOT_RRTYPE_A || r->type == KNOT_RRTYPE_AAAA);
		if (name->flags & ZONE_NAME_OCCLUDED) {
			/* glue by far the most often: then only a DNAME above would be wrong */
			if (!plain || b->has_dname)
				check_occluded(b, name);
		} else if (!plain && !(name->n == 1 && r->type == KNOT_RRTYPE_NS &&
					     !(name->flags & ZONE_NAME_APEX) && !b->has_wildcard)) {
			check_together(b, name);
		}
	}
	if (b->n_outside > 10)
		zone_build_finding(b, ZONE_WARNING, 0, ZONE_NO_LINE,
			"%llu records outside the zone were ignored",
			(unsigned long long)b->n_outside);
	zone_check_targets(b);
}
