/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_render: RRset -> pre-rendered answer. Control plane, compiling threads.
 * The message that it is built in, and compression, are zone_message. */
#include "controlplane/zones/zone_render.h"
#include "controlplane/zones/zone_message.h"
#include "controlplane/zones/zone_rdata.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define CLASS_IN 1u
#define RR_FIXED 10u /* type, class, TTL, RDLENGTH */
#define CUT_MAX 255u
#define SPARES 4u
#define EXTRA_MAX 8192u /* targets of one RRset that fit in a message */

/* Additional data to write: the addresses of a target. */
struct extra {
	const struct zone_name
		*from;         /* has the addresses: the target, or the wildcard that it matches */
	const uint8_t *target; /* in RDATA; NULL: the owner itself */
	bool must;             /* in-domain glue of a referral */
};

/* What will be the header of the answer. */
struct head {
	uint16_t len, an, ns, ar;
	uint8_t flags;
};

struct zone_render {
	const struct zone_model *z;
	const struct zone_name *cut; /* rendering the referral at this cut, or NULL */
	struct head head;
	bool owner_is_target;
	uint32_t n_extra, n_cut, cut_stride, cut_seen;
	struct message_name target;
	struct image_cut cuts[CUT_MAX]; /* ascending while it is collected */
	struct extra extra[EXTRA_MAX];
	struct zone_message m;
};

/* Renderers that nobody uses now: fresh pages for one cost more than compiling a small zone. */
static struct zone_render *_Atomic spare[SPARES];

struct zone_render *
zone_render_create(const struct zone_model *z)
{
	struct zone_render *r = NULL;

	for (unsigned i = 0; i < SPARES && r == NULL; i++)
		r = atomic_exchange(&spare[i], NULL);
	if (r == NULL)
		r = malloc(sizeof *r);
	if (r == NULL)
		return NULL;
	r->z = z;
	r->m.seed = z->seed;
	return r;
}

void
zone_render_destroy(struct zone_render *r)
{
	for (unsigned i = 0; i < SPARES && r != NULL; i++) {
		struct zone_render *none = NULL;
		if (atomic_compare_exchange_strong(&spare[i], &none, r))
			return;
	}
	free(r);
}

static void
put32(uint8_t *p, uint32_t v)
{
	message_put16(p, v >> 16);
	message_put16(p + 2, v);
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* --- what the RDATA of a type holds --- */

struct layout {
	uint8_t before;  /* octets before the first name */
	uint8_t n_names; /* 0: nothing to see in there */
	bool compress;   /* RFC 3597 4 allows it */
};

static struct layout
layout_of(uint16_t type)
{
	switch (type) {
	case ZONE_NS:
	case ZONE_MB:
	case ZONE_MD:
	case ZONE_MF:
	case ZONE_MG:
	case ZONE_MR:
	case ZONE_PTR:
		return (struct layout){0, 1, true};
	case ZONE_SOA:
	case ZONE_MINFO:
		return (struct layout){0, 2, true};
	case ZONE_MX:
		return (struct layout){2, 1, true};
	case ZONE_KX:
	case ZONE_RT:
	case ZONE_SVCB:
	case ZONE_HTTPS:
		return (struct layout){2, 1, false};
	case ZONE_SRV:
		return (struct layout){6, 1, false};
	default:
		return (struct layout){0};
	}
}

/* --- additional data --- */

/* Is the suffix of `n` that has as many labels as `of` the same name? */
static bool
at_or_below(const struct zone_render *r, const struct message_name *n, const struct zone_name *of)
{
	if (n->n_labels < of->labels)
		return false;
	unsigned i = n->n_labels - of->labels;
	if (n->hash[i] != of->hash)
		return false;
	unsigned at = i < n->n_labels ? n->label[i] : n->len - 1;
	return n->len - at == of->len && memcmp(n->wire + at, zone_owner(r->z, of), of->len) == 0;
}

static bool
in_zone(const struct zone_model *z, const struct message_name *n)
{
	if (n->n_labels < z->apex_labels)
		return false;
	unsigned i = n->n_labels - z->apex_labels;
	unsigned at = i < n->n_labels ? n->label[i] : n->len - 1;
	return n->len - at == z->apex_len && memcmp(n->wire + at, z->apex, z->apex_len) == 0;
}

/* The name of n's suffix that starts at label i. */
static const struct zone_name *
find_suffix(const struct zone_model *z, const struct message_name *n, unsigned i)
{
	unsigned at = i < n->n_labels ? n->label[i] : n->len - 1;
	return zone_model_find(z, n->hash[i], n->wire + at, n->len - at);
}

/* An occluded name: below a cut its addresses are glue; below a DNAME it does not exist. */
static bool
is_glue(const struct zone_model *z, const struct message_name *n)
{
	/* only what is not occluded has these flags, so at most one ancestor does */
	for (unsigned i = 1; i + z->apex_labels <= n->n_labels; i++) {
		const struct zone_name *up = find_suffix(z, n, i);
		if (up != NULL && up->flags & (ZONE_NAME_CUT | ZONE_NAME_DNAME))
			return (up->flags & ZONE_NAME_CUT) != 0;
	}
	return false;
}

/* The wildcard that a name which does not exist is made from (RFC 4592), or NULL. */
static const struct zone_name *
find_wildcard(const struct zone_model *z, const struct message_name *n)
{
	uint8_t wild[NAME_OCTETS_MAX + 1 + NAME_PAD];
	const struct zone_name *up = NULL;
	unsigned i;

	for (i = 1; up == NULL && i + z->apex_labels <= n->n_labels; i++)
		up = find_suffix(z, n, i);
	if (up == NULL || !(up->flags & ZONE_NAME_WILDCARD_CHILD) ||
		up->flags & (ZONE_NAME_OCCLUDED | ZONE_NAME_CUT | ZONE_NAME_DNAME))
		return NULL;
	wild[0] = 1;
	wild[1] = '*';
	memcpy(wild + 2, zone_owner(z, up), up->len);
	memset(wild + 2 + up->len, 0, 16);
	const struct zone_name *w =
		zone_model_find(z, name_hash_extend(up->hash, wild), wild, up->len + 2u);
	return w == NULL || w->flags & ZONE_NAME_CUT ? NULL : w;
}

/* Note the addresses of this target, which RDATA names, if the zone has any that may be given. */
static void
want_addresses(struct zone_render *r, const struct message_name *n)
{
	const struct zone_model *z = r->z;
	bool must = false;

	if (r->n_extra == EXTRA_MAX || !in_zone(z, n))
		return;
	const struct zone_name *from = find_suffix(z, n, 0);
	if (from == NULL) {
		from = find_wildcard(z, n);
	} else if (r->cut != NULL && at_or_below(r, n, r->cut)) {
		must = true;
	} else if (from->flags & ZONE_NAME_OCCLUDED && !is_glue(z, n)) {
		from = NULL;
	}
	if (from != NULL)
		r->extra[r->n_extra++] = (struct extra){from, n->raw, must};
}

/* Additional data for what put_rdata() just wrote. */
static void
note_target(struct zone_render *r, uint16_t type, const uint8_t *rdata,
	const struct message_name *n, struct message_entry *e, const struct zone_name *owner)
{
	if (n->n_labels == 0) {
		/* "." is no target, but of SVCB and HTTPS in service mode the owner (RFC
		 * 9460 2.5.2) */
		bool service =
			(type == ZONE_SVCB || type == ZONE_HTTPS) && (rdata[0] | rdata[1]) != 0;
		if (!service || r->owner_is_target)
			return;
		r->owner_is_target = true;
		if (r->n_extra < EXTRA_MAX)
			r->extra[r->n_extra++] = (struct extra){owner, NULL, false};
		return;
	}
	if (e == NULL || e->is_target)
		return;
	e->is_target = true;
	want_addresses(r, n);
}

/* --- records --- */

static void
put_rdata(struct zone_render *r, const struct zone_name *owner, uint16_t type, const uint8_t *rdata,
	unsigned len)
{
	struct layout l = layout_of(type);
	unsigned at = l.before < len ? l.before : len;

	memcpy(r->m.msg + r->m.at, rdata, at);
	r->m.at += at;
	for (unsigned i = 0; i < l.n_names &&
			     zone_message_take_name(&r->target, rdata + at, len - at, r->z->seed);
		i++) {
		struct message_entry *e = zone_message_put_name(&r->m, &r->target, l.compress);
		at += r->target.len;
		if (zone_rdata_target(type) >= 0)
			note_target(r, type, rdata, &r->target, e, owner);
	}
	memcpy(r->m.msg + r->m.at, rdata + at, len - at);
	r->m.at += len - at;
}

/* Type to RDLENGTH, the latter to be filled in. */
static void
put_fixed(struct zone_render *r, uint16_t type, uint32_t ttl)
{
	uint8_t *p = r->m.msg + r->m.at;
	message_put16(p, type);
	message_put16(p + 2, CLASS_IN);
	put32(p + 4, ttl);
	r->m.at += RR_FIXED;
}

/* One record of the RRset. False when the message is full; then it was not written. */
static bool
put_record(struct zone_render *r, const struct zone_name *owner, const struct zone_record *rr,
	uint32_t ttl)
{
	uint16_t len;
	const uint8_t *rdata = zone_rdata(r->z, rr, &len);

	zone_message_put_owner(&r->m);
	put_fixed(r, rr->type, ttl);
	uint32_t start = r->m.at;
	put_rdata(r, owner, rr->type, rdata, len);
	message_put16(r->m.msg + start - 2, r->m.at - start);
	return r->m.at - r->m.start <= RENDER_OCTETS_MAX;
}

/* The addresses of one type for a target, all or none. */
static void
put_addresses(struct zone_render *r, const struct extra *x, uint16_t type)
{
	uint32_t n, before = r->m.at;
	const struct zone_record *rr = zone_model_rrset(r->z, x->from, type, &n);

	if (rr == NULL)
		return;
	if (x->target != NULL &&
		!zone_message_take_name(&r->target, x->target, NAME_OCTETS_MAX, r->z->seed))
		return;
	uint32_t owner_len = x->target == NULL ? 2 : r->target.len;
	if ((uint64_t)n * (owner_len + RR_FIXED + 16) > RENDER_OCTETS_MAX - (r->m.at - r->m.start))
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint16_t len;
		const uint8_t *rdata = zone_rdata(r->z, &rr[i], &len);
		if (len > 16)
			continue;
		if (x->target == NULL)
			zone_message_put_owner(&r->m);
		else
			zone_message_put_name(&r->m, &r->target, true);
		put_fixed(r, type, rr[i].ttl);
		message_put16(r->m.msg + r->m.at - 2, len);
		memcpy(r->m.msg + r->m.at, rdata, len);
		r->m.at += len;
		r->head.ar++;
	}
	assert(r->m.at >= before && r->m.at - r->m.start <= RENDER_OCTETS_MAX);
}

/* The answer may be cut here. With more places than the format holds, every second one is given up.
 */
static void
note_cut(struct zone_render *r, struct image_cut here)
{
	if (r->cut_seen++ % r->cut_stride != 0)
		return;
	if (r->n_cut == CUT_MAX) {
		/* the first, which is len_must, stays; this one has an odd number, so it goes */
		r->n_cut = CUT_MAX / 2 + 1;
		for (uint32_t i = 0; i < r->n_cut; i++)
			r->cuts[i] = r->cuts[2 * i];
		r->cut_stride *= 2;
		return;
	}
	r->cuts[r->n_cut++] = here;
}

/* Additional section: in-domain glue, which must fit, then the rest. */
static void
put_extras(struct zone_render *r)
{
	static const uint16_t types[2] = {ZONE_A, ZONE_AAAA};

	for (uint32_t i = 0; i < r->n_extra; i++)
		for (unsigned t = 0; r->extra[i].must && t < 2; t++)
			put_addresses(r, &r->extra[i], types[t]);
	for (uint32_t i = 0; i < r->n_extra; i++)
		for (unsigned t = 0; !r->extra[i].must && t < 2; t++) {
			uint32_t n;
			if (zone_model_rrset(r->z, r->extra[i].from, types[t], &n) == NULL)
				continue;
			uint32_t before = r->m.at;
			struct image_cut here = {(uint16_t)(r->m.at - r->m.start), r->head.ar};
			put_addresses(r, &r->extra[i], types[t]);
			if (r->m.at != before)
				note_cut(r, here);
		}
}

/* --- whole answers --- */

static void
begin(struct zone_render *r, const struct zone_name *owner, uint8_t owner_kind)
{
	zone_message_begin(&r->m, zone_owner(r->z, owner), owner->len, owner_kind);
	r->cut = NULL;
	r->head = (struct head){0};
	r->owner_is_target = false;
	r->n_extra = r->n_cut = r->cut_seen = 0;
	r->cut_stride = 1;
}

static uint32_t
octets(const struct zone_render *r)
{
	return image_answer_size(r->head.flags, r->head.len, r->m.n_fix, r->n_cut);
}

static uint32_t
finish(struct zone_render *r)
{
	r->head.len = (uint16_t)(r->m.at - r->m.start);
	if (r->m.n_fix > 0 && (r->m.fix[r->m.n_fix - 1] & 0x3fffffff) > 0x3fff)
		r->head.flags |= ANSWER_WIDE;
	if ((r->head.an | r->head.ns | r->head.ar | r->m.n_fix) > UINT8_MAX)
		r->head.flags |= ANSWER_LARGE;
	return octets(r);
}

static uint32_t
too_big(struct zone_render *r)
{
	r->head = (struct head){.flags = ANSWER_TOO_BIG};
	r->m.at = r->m.start;
	r->m.n_fix = r->n_cut = 0;
	return octets(r);
}

uint32_t
zone_render_rrset(struct zone_render *r, const struct zone_name *owner,
	const struct zone_record *rr, uint32_t n)
{
	bool referral = rr->type == ZONE_NS && owner->flags & ZONE_NAME_CUT;

	begin(r, owner, referral || rr->type == ZONE_DNAME ? FIX_SUFFIX : FIX_NAME);
	r->cut = referral ? owner : NULL;
	for (uint32_t i = 0; i < n; i++)
		if (!put_record(r, owner, &rr[i], rr[i].ttl))
			return too_big(r);
	r->head.an = referral ? 0 : (uint16_t)n;
	r->head.ns = referral ? (uint16_t)n : 0;
	put_extras(r);
	return finish(r);
}

uint32_t
zone_render_negative(
	struct zone_render *r, const struct zone_name *apex, const struct zone_record *soa)
{
	uint16_t len;
	const uint8_t *rdata = zone_rdata(r->z, soa, &len);
	uint32_t ttl = soa->ttl;

	if (len >= 4 && get32(rdata + len - 4) < ttl)
		ttl = get32(rdata + len - 4);
	begin(r, apex, FIX_SUFFIX);
	put_record(r, apex, soa, ttl);
	r->head.ns = 1;
	return finish(r);
}

void
zone_render_copy(const struct zone_render *r, uint8_t *out)
{
	const struct head *h = &r->head;
	bool large = h->flags & ANSWER_LARGE;
	struct image_answer a = {.len = h->len, .n_cut = (uint8_t)r->n_cut, .flags = h->flags};

	if (!large) {
		a.an = (uint8_t)h->an;
		a.ns = (uint8_t)h->ns;
		a.ar = (uint8_t)h->ar;
		a.n_fix = (uint8_t)r->m.n_fix;
	}
	memcpy(out, &a, sizeof a);
	out += sizeof a;
	if (large) {
		struct image_counts n = {h->an, h->ns, h->ar, (uint16_t)r->m.n_fix};
		memcpy(out, &n, sizeof n);
		out += sizeof n;
	}
	memcpy(out, r->m.msg + r->m.start, h->len);
	out += h->len;
	if (h->len & 1)
		*out++ = 0;
	if (h->flags & ANSWER_WIDE) {
		memcpy(out, r->m.fix, r->m.n_fix * 4);
		out += r->m.n_fix * 4;
	} else {
		for (uint32_t i = 0; i < r->m.n_fix; i++, out += 2) {
			uint16_t fix = (uint16_t)((r->m.fix[i] & 0x3fff) | r->m.fix[i] >> 30 << 14);
			memcpy(out, &fix, 2);
		}
	}
	for (uint32_t i = r->n_cut; i-- > 0; out += sizeof r->cuts[i])
		memcpy(out, &r->cuts[i], sizeof r->cuts[i]);
}
