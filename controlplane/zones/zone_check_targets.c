/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_check_targets: follows NS, MX and SRV records to where their addresses should be in this
 * zone. Large zones have a million of them and each look-up misses the cache, so they are looked up
 * in batches, each step for the whole batch, with the next step's memory prefetched. */
#include "controlplane/zones/zone_check.h"

#include "controlplane/zones/zone_rdata.h"

#include <libknot/descriptor.h>

#define BATCH 16u

struct target {
	const struct zone_name *owner;
	const struct zone_record *record;
	uint64_t hash;
	uint8_t len, labels;
	uint8_t name[NAME_OCTETS_MAX + 1 + NAME_PAD]; /* folded */
};

struct batch {
	struct zone_build *build;
	unsigned n;
	struct target target[BATCH];
};

/* What a name is in this zone, for somebody who wants its addresses. */
enum finding {
	HAS_ADDRESS,
	ELSEWHERE, /* below a cut, without glue */
	IS_ALIAS,  /* CNAME */
	BELOW_DNAME,
	NO_ADDRESS, /* the zone has none, neither by a wildcard */
};

static bool
has_type(const struct zone_model *z, const struct zone_name *name, uint16_t type)
{
	uint32_t n;
	return zone_model_rrset(z, name, type, &n) != NULL;
}

static enum finding
look_up_missing(const struct zone_model *z, const struct target *t, const struct zone_name **above)
{
	uint8_t label[NAME_LABELS_MAX];
	unsigned n = name_labels(t->name, label);

	*above = zone_check_hider(z, t->name, t->len);
	if (*above != NULL)
		return (*above)->flags & ZONE_NAME_DNAME ? BELOW_DNAME : ELSEWHERE;
	for (unsigned i = 1; i + z->apex_labels <= n; i++) {
		const uint8_t *up = i == n ? t->name + t->len - 1 : t->name + label[i];
		const struct zone_name *encloser = zone_model_find(
			z, name_hash(z->seed, up), up, t->len - (unsigned)(up - t->name));
		if (encloser != NULL)
			return encloser->flags & ZONE_NAME_WILDCARD_CHILD ? HAS_ADDRESS
									  : NO_ADDRESS;
	}
	return NO_ADDRESS;
}

static enum finding
look_up(const struct zone_model *z, const struct target *t, const struct zone_name **above)
{
	const struct zone_name *name = zone_model_find(z, t->hash, t->name, t->len);

	*above = NULL;
	if (name == NULL)
		return look_up_missing(z, t, above);
	if (name->flags & ZONE_NAME_OCCLUDED) {
		*above = zone_check_hider(z, t->name, t->len);
		if (*above != NULL && (*above)->flags & ZONE_NAME_DNAME)
			return BELOW_DNAME;
	}
	if (has_type(z, name, KNOT_RRTYPE_A) || has_type(z, name, KNOT_RRTYPE_AAAA))
		return HAS_ADDRESS;
	if (name->flags & ZONE_NAME_OCCLUDED)
		return ELSEWHERE;
	if (name->flags & ZONE_NAME_CUT) {
		*above = name;
		return ELSEWHERE;
	}
	return name->flags & ZONE_NAME_CNAME ? IS_ALIAS : NO_ADDRESS;
}

static void
report_target(
	struct zone_build *b, const struct target *t, enum finding f, const struct zone_name *above)
{
	const struct zone_model *z = &b->z;
	const struct zone_record *r = t->record;
	bool is_ns = r->type == KNOT_RRTYPE_NS, at_apex = t->owner->flags & ZONE_NAME_APEX;
	char owner[ZONE_NAME_TEXT_MAX], type[ZONE_TYPE_TEXT_MAX], name[ZONE_NAME_TEXT_MAX];
	char up[ZONE_NAME_TEXT_MAX];

	if (f == HAS_ADDRESS || (f == ELSEWHERE && !is_ns))
		return;
	zone_name_text(owner, zone_owner(z, t->owner));
	zone_type_text(type, r->type);
	zone_name_text(name, t->name);
	/* An apex NS that is an alias makes named and kzonecheck refuse the file; PowerDNS does not
	 * mind, and what was acknowledged through the API must be served. */
	enum zone_severity s = is_ns && at_apex && b->is_file ? ZONE_ERROR : ZONE_WARNING;
	switch (f) {
	case IS_ALIAS:
		zone_build_finding(b, s, r->file, r->line,
			"%s: %s %s is a CNAME (RFC 2181 10.3 forbids it); name the host itself",
			owner, type, name);
		break;
	case BELOW_DNAME:
		zone_build_finding(b, s, r->file, r->line,
			"%s: %s %s is below the DNAME at %s (RFC 2181 10.3); name the host itself",
			owner, type, name, zone_name_text(up, zone_owner(z, above)));
		break;
	case ELSEWHERE:
		zone_build_finding(b, ZONE_WARNING, r->file, r->line,
			above == t->owner
				? "%s: %s %s lacks glue; add its A or AAAA record, or nobody can "
				  "reach the delegated zone through it%.0s"
				: "%s: %s %s has no address here; it lies below the delegation of "
				  "%s: add A or AAAA as sibling glue",
			owner, type, name,
			above == NULL ? "" : zone_name_text(up, zone_owner(z, above)));
		break;
	default:
		zone_build_finding(b, ZONE_WARNING, r->file, r->line,
			"%s: %s %s has no address in this zone; add its A or AAAA record", owner,
			type, name);
	}
}

static void
flush(struct batch *q)
{
	const struct zone_model *z = &q->build->z;

	for (unsigned i = 0; i < q->n; i++) {
		size_t bucket =
			z->bucket_bits == 0 ? 0 : q->target[i].hash >> (64 - z->bucket_bits);
		__builtin_prefetch(&z->name[z->bucket[bucket]]);
	}
	for (unsigned i = 0; i < q->n; i++) {
		size_t bucket =
			z->bucket_bits == 0 ? 0 : q->target[i].hash >> (64 - z->bucket_bits);
		for (uint32_t k = z->bucket[bucket]; k < z->bucket[bucket + 1]; k++)
			if (z->name[k].hash == q->target[i].hash) {
				__builtin_prefetch(zone_owner(z, &z->name[k]));
				__builtin_prefetch(z->record + z->name[k].first);
			}
	}
	for (unsigned i = 0; i < q->n; i++) {
		const struct zone_name *above;
		enum finding f = look_up(z, &q->target[i], &above);
		if (f != HAS_ADDRESS)
			report_target(q->build, &q->target[i], f, above);
	}
	q->n = 0;
}

/* BIND warns of NS and MX records that somebody wrote with an address: "192.0.2.1" is a name as
 * well. */
static void
check_looks_like_address(struct zone_build *b, const struct zone_name *owner,
	const struct zone_record *r, const uint8_t *name)
{
	const uint8_t *p = name;
	unsigned n = 0;
	char at[ZONE_NAME_TEXT_MAX], text[ZONE_NAME_TEXT_MAX], type[ZONE_TYPE_TEXT_MAX];

	for (; n < 4 && p[0] >= 1 && p[0] <= 3; n++, p += p[0] + 1)
		for (unsigned i = 1; i <= p[0]; i++)
			if (p[i] < '0' || p[i] > '9')
				return;
	if (n == 4 && (p[0] == 0 || name_octets(p) == b->z.apex_len))
		zone_build_finding(b, ZONE_WARNING, r->file, r->line,
			"%s: %s %s is written as an address; it needs the name of a host",
			zone_name_text(at, zone_owner(&b->z, owner)), zone_type_text(type, r->type),
			zone_name_text(text, name));
}

static void
add_target(struct batch *q, const struct zone_name *owner, const struct zone_record *r)
{
	const struct zone_model *z = &q->build->z;
	struct target *t = &q->target[q->n];
	uint8_t padded[NAME_OCTETS_MAX + 1 + NAME_PAD], label[NAME_LABELS_MAX];
	uint16_t len;

	const uint8_t *rdata = zone_rdata(z, r, &len);
	unsigned at = (unsigned)zone_rdata_host(r->type);
	unsigned octets = at < len ? zone_rdata_name_octets(rdata + at, len - at) : 0;
	if (octets == 0)
		return;
	memcpy(padded, rdata + at, octets); /* folding reads in steps of 32 */
	name_fold(t->name, padded, octets);
	unsigned n = name_labels(t->name, label);
	if (n > 0 && t->name[1] >= '0' && t->name[1] <= '9' && r->type != KNOT_RRTYPE_SRV)
		check_looks_like_address(q->build, owner, r, t->name);
	unsigned below = n - z->apex_labels;
	if (n < z->apex_labels || octets < z->apex_len ||
		(below == n ? octets - 1 : label[below]) + z->apex_len != octets ||
		memcmp(t->name + octets - z->apex_len, z->apex, z->apex_len) != 0)
		return; /* another zone's business */
	if (n == 0 && r->type != KNOT_RRTYPE_NS)
		return; /* null MX (RFC 7505) and SRV "." in the root zone */
	t->hash = q->build->apex_hash;
	for (unsigned i = below; i-- > 0;)
		t->hash = name_hash_extend(t->hash, t->name + label[i]);
	t->owner = owner;
	t->record = r;
	t->len = (uint8_t)octets;
	t->labels = (uint8_t)n;
	__builtin_prefetch(&z->bucket[z->bucket_bits == 0 ? 0 : t->hash >> (64 - z->bucket_bits)]);
	if (++q->n == BATCH)
		flush(q);
}

void
zone_check_targets(struct zone_build *b)
{
	const struct zone_model *z = &b->z;
	struct batch q = {.build = b};

	for (uint32_t i = 0; i < z->n_names; i++) {
		const struct zone_name *name = &z->name[i];
		struct zone_record *r = z->record + name->first, *end = r + name->n;
		for (; r < end; r++) {
			bool seen = r->file & ZONE_TARGET_SEEN;
			r->file &= (uint16_t)~ZONE_TARGET_SEEN;
			if (zone_rdata_host(r->type) < 0 || name->flags & ZONE_NAME_OCCLUDED)
				continue;
			/* seen above an address, but a DNAME could hide it */
			if (seen && !b->has_dname)
				continue;
			/* at a cut, only the delegation itself counts */
			if (r->type == KNOT_RRTYPE_NS || !(name->flags & ZONE_NAME_CUT))
				add_target(&q, name, r);
		}
	}
	flush(&q);
}
