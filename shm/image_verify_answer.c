/* SPDX-License-Identifier: GPL-3.0-or-later */
/* image_verify_answer: is a pre-rendered answer well-formed? Reads any octets safely: everything is
 * checked against the answer's own bounds, which the caller has checked against the arena's. Work
 * is bounded by 128 steps an octet. */
#include "shm/image_verify.h"

#define HEADER 12u
#define QUESTION_FIXED 4u
#define RR_FIXED 10u
#define OCTETS_MAX (65535u - 12 - (255 + 4) - 512)

enum type {
	TYPE_A = 1,
	TYPE_NS = 2,
	TYPE_MD = 3,
	TYPE_MF = 4,
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_MB = 7,
	TYPE_MG = 8,
	TYPE_MR = 9,
	TYPE_PTR = 12,
	TYPE_MINFO = 14,
	TYPE_MX = 15,
	TYPE_AAAA = 28,
	TYPE_DNAME = 39,
};

struct walk {
	const struct image_answer *a;
	struct image_counts n;
	const uint8_t *octets;
	const uint8_t *name; /* rendered for */
	unsigned name_len;
	bool expands;   /* the name is a wildcard that other names are put in place of */
	uint32_t at;    /* in octets */
	uint32_t n_fix; /* fixes met so far */
	const char *why;
};

static uint32_t
get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static bool
wrong(struct walk *w, const char *why)
{
	if (w->why == NULL)
		w->why = why;
	return false;
}

/* Octet at this offset of the message as rendered; -1 outside of question name and answer. */
static int
message_octet(const struct walk *w, uint32_t off)
{
	uint32_t start = HEADER + w->name_len + QUESTION_FIXED;
	if (off >= HEADER && off < HEADER + w->name_len)
		return w->name[off - HEADER];
	if (off >= start && off - start < w->a->len)
		return w->octets[off - start];
	return -1;
}

/* Does a name begin here that ends well? Pointers must go backwards, so this ends. */
static bool
name_ends(struct walk *w, uint32_t off)
{
	unsigned len = 0, hops = 0;
	uint32_t limit = off;

	while (len < NAME_OCTETS_MAX) {
		int c = message_octet(w, off);
		if (c == 0)
			return true;
		if (c < 0 || (c > (int)LABEL_OCTETS_MAX && c < 0xc0))
			break;
		if (c >= 0xc0) {
			int low = message_octet(w, off + 1);
			uint32_t to = ((uint32_t)c & 0x3f) << 8 | (uint32_t)low;
			if (low < 0 || to >= limit || ++hops > NAME_LABELS_MAX)
				break;
			off = limit = to;
			continue;
		}
		len += (unsigned)c + 1;
		off += (uint32_t)c + 1;
	}
	return wrong(w, "a compressed name does not end, or is too long");
}

/* Does a label of the rendered name start at this offset of the message? */
static bool
is_label(const struct walk *w, uint32_t to)
{
	uint32_t at = 0;
	while (at < w->name_len && w->name[at] != 0 && HEADER + at < to)
		at += w->name[at] + 1u;
	return HEADER + at == to && at < w->name_len && w->name[at] != 0;
}

/* A pointer stands at w->at: it must be the next fix, and lead where its kind says. */
static bool
take_pointer(struct walk *w)
{
	uint32_t to = get16(w->octets + w->at) & 0x3fff;
	uint32_t start = HEADER + w->name_len + QUESTION_FIXED;
	enum image_fix kind;

	if (w->n_fix == w->n.n_fix)
		return wrong(w, "a pointer without a fix");
	if (image_answer_fix(w->a, w->n_fix++, &kind) != w->at)
		return wrong(w, "a fix where no pointer is, or a pointer without one");
	switch (kind) {
	case FIX_NAME:
		if (to != HEADER)
			return wrong(w, "FIX_NAME does not point at the name");
		break;
	case FIX_SUFFIX:
		if (!is_label(w, to))
			return wrong(w, "FIX_SUFFIX does not point at a suffix");
		if (to == HEADER && w->expands)
			return wrong(w, "FIX_SUFFIX points at the label that a wildcard replaces");
		break;
	case FIX_SELF:
		if (to < start || to >= start + w->at || to > IMAGE_POINTER_MAX)
			return wrong(w, "FIX_SELF does not point into the answer before it");
		break;
	default:
		return wrong(w, "a fix of no known kind");
	}
	if (!name_ends(w, to))
		return false;
	w->at += 2;
	return true;
}

/* A name, compressed perhaps, that ends before `end`. */
static bool
take_name(struct walk *w, uint32_t end)
{
	if (!name_ends(w, HEADER + w->name_len + QUESTION_FIXED + w->at))
		return false;
	while (w->at < end) {
		uint8_t c = w->octets[w->at];
		if (c >= 0xc0)
			return w->at + 2 <= end ? take_pointer(w)
						: wrong(w, "a name leaves its record");
		w->at += c + 1u;
		if (c == 0)
			return w->at <= end || wrong(w, "a name leaves its record");
	}
	return wrong(w, "a name leaves its record");
}

/* RDATA from w->at to `end`. */
static bool
take_rdata(struct walk *w, uint16_t type, uint32_t end)
{
	unsigned before = 0, n_names = 0, after = 0, n_labels;

	switch (type) {
	case TYPE_A:
		return end - w->at == 4 ? (w->at = end, true) : wrong(w, "A of a length not 4");
	case TYPE_AAAA:
		return end - w->at == 16 ? (w->at = end, true)
					 : wrong(w, "AAAA of a length not 16");
	case TYPE_CNAME:
	case TYPE_DNAME: {
		uint8_t folded[NAME_OCTETS_MAX + 33], raw[NAME_OCTETS_MAX + 33] = {0};
		if (end - w->at > NAME_OCTETS_MAX)
			return wrong(w, "target too long");
		memcpy(raw, w->octets + w->at, end - w->at);
		name_fold(folded, raw, end - w->at);
		if (image_verify_name(folded, end - w->at, &n_labels) != end - w->at)
			return wrong(w, "target of CNAME or DNAME is no plain name");
		w->at = end;
		return true;
	}
	case TYPE_NS:
	case TYPE_MD:
	case TYPE_MF:
	case TYPE_MB:
	case TYPE_MG:
	case TYPE_MR:
	case TYPE_PTR:
		n_names = 1;
		break;
	case TYPE_MX:
		before = 2;
		n_names = 1;
		break;
	case TYPE_MINFO:
		n_names = 2;
		break;
	case TYPE_SOA:
		n_names = 2;
		after = 20;
		break;
	default: /* nothing in it is compressed */
		w->at = end;
		return true;
	}
	if (end - w->at < before)
		return wrong(w, "RDATA too short");
	w->at += before;
	for (unsigned i = 0; i < n_names; i++)
		if (!take_name(w, end))
			return false;
	if (end - w->at != after)
		return wrong(w, "RDATA of another length than its type's");
	w->at = end;
	return true;
}

/* One RR. of_set: it belongs to the RRset itself; owner_kind is what its owner must be then. */
static bool
take_record(struct walk *w, bool of_set, uint16_t type, enum image_fix owner_kind)
{
	uint32_t owner = w->at, fix = w->n_fix;
	enum image_fix kind;

	if (!take_name(w, w->a->len))
		return false;
	if (of_set) {
		if (w->at != owner + 2 || w->n_fix != fix + 1)
			return wrong(w, "owner is not a pointer");
		image_answer_fix(w->a, fix, &kind);
		if (kind != owner_kind || (get16(w->octets + owner) & 0x3fff) != HEADER)
			return wrong(w, "owner does not point at the name");
	}
	if (w->a->len - w->at < RR_FIXED)
		return wrong(w, "a record is cut off");
	const uint8_t *p = w->octets + w->at;
	uint16_t rr_type = (uint16_t)get16(p);
	uint32_t end = w->at + RR_FIXED + get16(p + 8);
	if (end > w->a->len)
		return wrong(w, "RDATA leaves the answer");
	if (get16(p + 2) != 1)
		return wrong(w, "class is not IN");
	if (of_set ? rr_type != type : rr_type != TYPE_A && rr_type != TYPE_AAAA)
		return wrong(w, "a record of another type");
	w->at += RR_FIXED;
	return take_rdata(w, rr_type, end);
}

/* The additional section: the places to cut at lie between records, the last one to be tried, which
 * is what must fit, behind the answer and authority sections. */
static bool
take_additional(struct walk *w)
{
	const struct image_answer *a = w->a;
	const struct image_cut *cut = image_answer_cuts(a);
	uint32_t n_cut = a->n_cut;

	for (uint32_t ar = 0;; ar++) {
		if (n_cut > 0 && w->at == cut[n_cut - 1].len) {
			if (cut[n_cut - 1].ar != ar)
				return wrong(w, "a cut counts other records");
			n_cut--;
		}
		if (ar == w->n.ar)
			break;
		if (!take_record(w, false, 0, FIX_NAME))
			return false;
	}
	if (n_cut != 0)
		return wrong(w, "a cut within a record, or out of order");
	return a->n_cut == 0 || cut[0].len < a->len || wrong(w, "a cut that leaves nothing out");
}

static bool
counts_are_right(struct walk *w, enum image_role role, uint16_t type)
{
	const struct image_answer *a = w->a;
	const struct image_counts *n = &w->n;
	bool ok;

	if (a->flags & ANSWER_LARGE) {
		if ((a->an | a->ns | a->ar | a->n_fix) != 0)
			return wrong(w, "counts in both places");
		if ((n->an | n->ns | n->ar | n->n_fix) <= UINT8_MAX)
			return wrong(w, "counts that are not large");
	}
	switch (role) {
	case IMAGE_ROLE_RRSET:
		ok = n->an > 0 && n->ns == 0;
		if (type == TYPE_CNAME || type == TYPE_DNAME || type == TYPE_SOA)
			ok = ok && n->an == 1 && n->ar == 0;
		break;
	case IMAGE_ROLE_REFERRAL:
		ok = n->an == 0 && n->ns > 0;
		break;
	default:
		ok = n->an == 0 && n->ns == 1 && n->ar == 0;
	}
	return ok || wrong(w, "section counts that its kind cannot have");
}

const char *
image_verify_answer(const struct image_answer *a, enum image_role role, uint16_t type,
	const uint8_t *name, unsigned len)
{
	struct walk w = {
		.a = a,
		.n = image_answer_counts(a),
		.octets = image_answer_octets(a),
		.name = name,
		.name_len = len,
	};
	bool referral = role != IMAGE_ROLE_RRSET;

	w.expands = !referral && type != TYPE_DNAME && len > 2 && name[0] == 1 && name[1] == '*';

	if (a->flags & ANSWER_TOO_BIG) {
		bool empty = (a->len | a->an | a->ns | a->ar | a->n_fix | a->n_cut) == 0 &&
			     a->flags == ANSWER_TOO_BIG;
		return empty && role != IMAGE_ROLE_NEGATIVE ? NULL : "too big, yet not empty";
	}
	if (a->flags & ~(ANSWER_WIDE | ANSWER_LARGE))
		return "unknown answer flags";
	if (a->len > OCTETS_MAX)
		return "an answer too long for a message";
	if (!counts_are_right(&w, role, type))
		return w.why;
	for (uint32_t i = 0; i < (uint32_t)w.n.an + w.n.ns; i++)
		if (!take_record(
			    &w, true, type, referral || type == TYPE_DNAME ? FIX_SUFFIX : FIX_NAME))
			return w.why;
	if (!take_additional(&w))
		return w.why;
	if (w.at != a->len)
		return "octets behind the last record";
	if (w.n_fix != w.n.n_fix)
		return "a fix where no pointer is";
	return NULL;
}
