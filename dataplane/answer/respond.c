/* SPDX-License-Identifier: GPL-3.0-or-later */
/* respond: puts octets of answers into the message, and completes it with header and OPT. */
#include "dataplane/answer/cookie.h"
#include "dataplane/answer/work.h"

#define POINTER 0xc000u
#define POINTER_OFFSET 0x3fffu

#define EDNS_NSID 3u
#define EDNS_COOKIE 10u
#define EDNS_KEEPALIVE 11u
#define EDNS_EDE 15u

uint32_t
work_opt_octets(const struct answer_context *c, const struct work *w)
{
	uint32_t n = OPT_FIXED;

	if (!w->f.opt)
		return 0;
	if (w->f.nsid && c->settings->nsid.len != 0)
		n += 4u + c->settings->nsid.len;
	if (w->f.cookie_len != 0 && c->settings->cookies)
		n += 4 + COOKIE_CLIENT + COOKIE_SERVER;
	if (w->f.keepalive)
		n += 4 + 2;
	if (w->ede != EDE_NONE)
		n += EDE_OCTETS;
	return n;
}

/* Move the pointers of an answer that was put at octet `at` (see enum image_fix). */
static void
fix_pointers(uint8_t *dns, uint32_t at, uint32_t len, const struct image_answer *a,
	const struct work_place *place, uint32_t longer, uint32_t self)
{
	unsigned n = image_answer_counts(a).n_fix;

	for (unsigned i = 0; i < n; i++) {
		enum image_fix kind;
		uint32_t pos = image_answer_fix(a, i, &kind);
		if (pos + 2 > len) /* cut off, or a damaged image */
			continue;
		uint8_t *p = dns + at + pos;
		uint32_t to = get16(p) & POINTER_OFFSET;
		if (kind == FIX_NAME)
			to = work_place_of(place, 0);
		else if (kind == FIX_SUFFIX)
			to = work_place_of(place, to - DNS_HEADER + longer);
		else
			to += self;
		put16(p, POINTER | (to & POINTER_OFFSET));
	}
}

/* The same for a name that lies whole in the question, as it mostly does, and narrow entries: a
 * pointer to that name stays as it is, and others move by what their kind says. */
static inline void
fix_common(uint8_t *dns, uint32_t at, uint32_t len, const struct image_answer *a, unsigned n,
	uint32_t longer, uint32_t self)
{
	const uint32_t move[4] = {[FIX_NAME] = 0, [FIX_SUFFIX] = longer, [FIX_SELF] = self, self};
	const uint8_t *fix = image_answer_fixes(a);

	for (unsigned i = 0; i < n; i++) {
		uint16_t entry;
		memcpy(&entry, fix + 2 * i, 2);
		uint32_t pos = entry & 0x3fff;
		if (pos + 2 > len) /* cut off, or a damaged image */
			continue;
		uint8_t *p = dns + at + pos;
		put16(p, POINTER | ((get16(p) + move[entry >> 14]) & POINTER_OFFSET));
	}
}

bool
work_put_answer(struct answer_context *c, struct work *w, const struct image_answer *a,
	const struct work_place *place, unsigned name_len, unsigned rendered)
{
	uint32_t used = w->f.at + work_opt_octets(c, w), len = a->len;
	uint32_t room = used < w->limit ? w->limit - used : 0;
	struct image_counts n = image_answer_counts(a);

	if (len > room) {
		const struct image_cut *cut = image_answer_cuts(a);
		unsigned i = 0;
		while (i < a->n_cut && cut[i].len > room)
			i++;
		if (i == a->n_cut || cut[i].len > len) {
			w->f.tc = true;
			return false;
		}
		len = cut[i].len;
		n.ar = cut[i].ar;
	}
	work_copy(w->q->dns + w->f.at, image_answer_octets(a), len);
	uint32_t longer = name_len - rendered, self = w->f.at - (DNS_HEADER + rendered + 4);
	if (place->base == DNS_HEADER && place->split == UINT32_MAX && !(a->flags & ANSWER_WIDE))
		fix_common(w->q->dns, w->f.at, len, a, image_answer_counts(a).n_fix, longer, self);
	else
		fix_pointers(w->q->dns, w->f.at, len, a, place, longer, self);
	w->f.at += len;
	w->f.an = (uint16_t)(w->f.an + n.an);
	w->f.ns = (uint16_t)(w->f.ns + n.ns);
	w->f.ar = (uint16_t)(w->f.ar + n.ar);
	return true;
}

void
work_servfail(struct work *w, uint16_t ede)
{
	w->f.rcode = RCODE_SERVFAIL;
	w->ede = ede;
	w->f.aa = false;
	w->f.tc = false;
	w->f.at = w->question_end;
	w->f.an = w->f.ns = w->f.ar = 0;
}

static uint8_t *
put_option(uint8_t *p, unsigned code, unsigned len)
{
	put16(p, code);
	put16(p + 2, len);
	return p + 4;
}

_Static_assert(
	CTR_COOKIE_INVALID - CTR_COOKIE_NEW == COOKIE_INVALID, "rows in the order of the enum");

/* Append the OPT; its room was kept free by all that came before. */
static void
put_opt(struct answer_context *c, struct work *w, uint32_t octets)
{
	const struct settings *s = c->settings;
	uint8_t *p = w->q->dns + w->f.at;

	p += work_put_plain_opt(p, s->udp_payload_max, w->f.do_bit);
	p[5 - (int)OPT_FIXED] = (uint8_t)(w->f.rcode >> 4);
	put16(p - 2, octets - OPT_FIXED);
	if (w->f.nsid && s->nsid.len != 0) {
		p = put_option(p, EDNS_NSID, s->nsid.len);
		memcpy(p, s->nsid.octets, s->nsid.len);
		p += s->nsid.len;
	}
	if (w->f.cookie_len != 0 && s->cookies) {
		p = put_option(p, EDNS_COOKIE, COOKIE_CLIENT + COOKIE_SERVER);
		enum cookie_state state =
			cookie_make(s, w->cookie, w->f.cookie_len, w->q->client, c->now_s, p);
		counter_add(c->counters, CTR_COOKIE_NEW + state, 1);
		w->q->cookie_valid = state == COOKIE_VALID || state == COOKIE_VALID_OLD;
		p += COOKIE_CLIENT + COOKIE_SERVER;
	}
	if (w->f.keepalive) {
		p = put_option(p, EDNS_KEEPALIVE, 2);
		put16(p, s->tcp_keepalive_ds);
		p += 2;
	}
	if (w->ede != EDE_NONE) {
		p = put_option(p, EDNS_EDE, 2);
		put16(p, w->ede);
	}
	w->f.at += octets;
	w->f.ar++;
	w->q->opt_len = (uint16_t)octets;
}

static void
count_response(struct answer_context *c, const struct work *w)
{
	static const uint16_t by_rcode[17] = {
		[RCODE_NOERROR] = CTR_R_NOERROR,
		[RCODE_FORMERR] = CTR_R_FORMERR,
		[RCODE_SERVFAIL] = CTR_R_SERVFAIL,
		[RCODE_NXDOMAIN] = CTR_R_NXDOMAIN,
		[RCODE_NOTIMP] = CTR_R_NOTIMP,
		[RCODE_REFUSED] = CTR_R_REFUSED,
		[RCODE_YXDOMAIN] = CTR_R_YXDOMAIN,
		[RCODE_BADVERS] = CTR_R_BADVERS,
	};
	unsigned id = w->f.rcode < 17 ? by_rcode[w->f.rcode] : 0;
	counter_add(c->counters, id != 0 ? id : CTR_R_OTHER, 1);
	if (w->f.tc)
		counter_add(c->counters, CTR_TRUNCATED, 1);
}

void
work_finish(struct answer_context *c, struct work *w)
{
	struct answer_query *q = w->q;
	uint8_t *h = q->dns;

	if (w->f.state == WORK_DROP) {
		q->out_len = 0;
		return;
	}
	if (w->f.tc) {
		/* nothing but the question: the client asks again over TCP, and little was
		 * amplified */
		w->f.at = w->question_end;
		w->f.an = w->f.ns = w->f.ar = 0;
	}
	if (w->f.at == 0)
		w->f.at = w->f.echo ? w->question_end : DNS_HEADER;
	if (w->f.opt)
		put_opt(c, w, work_opt_octets(c, w));
	/* RD and the opcode are copied; RA, Z, AD and CD are clear (RFC 1035 4.1.1, RFC 4035 3.1.6)
	 */
	h[2] = (uint8_t)(0x80 | (h[2] & 0x79) | (w->f.aa ? 4 : 0) | (w->f.tc ? 2 : 0));
	h[3] = (uint8_t)(w->f.rcode & 15);
	put16(h + 4, w->f.echo ? 1 : 0);
	put16(h + 6, w->f.an);
	put16(h + 8, w->f.ns);
	put16(h + 10, w->f.ar);
	q->out_len = w->f.at;
	count_response(c, w);
}
