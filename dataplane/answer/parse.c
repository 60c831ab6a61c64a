/* SPDX-License-Identifier: GPL-3.0-or-later */
/* parse: the outside world's octets to a struct work. Every offset is checked against the query's
 * length; loops are bounded by that length. */
#include "dataplane/answer/work.h"

#define EDNS_NSID 3u       /* RFC 5001 */
#define EDNS_COOKIE 10u    /* RFC 7873 */
#define EDNS_KEEPALIVE 11u /* RFC 7828 */

static const uint16_t opcode_counter[16] = {
	CTR_OP_QUERY,
	CTR_OP_IQUERY,
	CTR_OP_STATUS,
	CTR_OP_OTHER,
	CTR_OP_NOTIFY,
	CTR_OP_UPDATE,
	CTR_OP_DSO,
	CTR_OP_OTHER,
	CTR_OP_OTHER,
	CTR_OP_OTHER,
	CTR_OP_OTHER,
	CTR_OP_OTHER,
	CTR_OP_OTHER,
	CTR_OP_OTHER,
	CTR_OP_OTHER,
	CTR_OP_OTHER,
};

static enum counter
type_counter(uint16_t type)
{
	/* clang-format off */
	static const uint16_t by_type[258] = {
		[1] = CTR_T_A, [2] = CTR_T_NS, [5] = CTR_T_CNAME, [6] = CTR_T_SOA, [12] = CTR_T_PTR,
		[15] = CTR_T_MX, [16] = CTR_T_TXT, [28] = CTR_T_AAAA, [33] = CTR_T_SRV, [35] = CTR_T_NAPTR,
		[43] = CTR_T_DS, [48] = CTR_T_DNSKEY, [52] = CTR_T_TLSA, [59] = CTR_T_CDS, [64] = CTR_T_SVCB,
		[65] = CTR_T_HTTPS, [251] = CTR_T_IXFR, [252] = CTR_T_AXFR, [255] = CTR_T_ANY, [257] = CTR_T_CAA,
	};
	/* clang-format on */
	_Static_assert(CTR_Q_UDP4 == 0, "0 means: not in the table");
	return type < 258 && by_type[type] != 0 ? by_type[type] : CTR_T_OTHER;
}

void
work_count_type(struct answer_context *c, uint16_t type)
{
	counter_add(c->counters, type_counter(type), 1);
}

static void
reply(struct work *w, uint16_t rcode)
{
	w->f.state = WORK_DONE;
	w->f.rcode = rcode;
	/* what was read before the error may be wrong: as Knot and NSD do, no OPT with FORMERR. But
	 * one with it tells that only an option was wrong (RFC 6891 7) */
	if (rcode == RCODE_FORMERR && !w->f.bad_option)
		w->f.opt = false;
}

/* The options of an OPT, at `at`, `left` octets. False when they do not add up, or one is
 * malformed. */
static bool
parse_options(struct work *w, const uint8_t *at, unsigned left)
{
	bool bad = false;

	while (left >= 4) {
		unsigned code = get16(at), len = get16(at + 2);
		if (len > left - 4)
			return false;
		switch (code) {
		case EDNS_NSID:
			w->f.nsid = true;
			break;
		case EDNS_COOKIE:
			/* RFC 7873 5.2.2: 8 octets, or 8 and 8..32 */
			if (len != 8 && (len < 16 || len > COOKIE_MAX)) {
				bad = true;
			} else if (w->f.cookie_len == 0) {
				w->f.cookie_len = (uint8_t)len;
				memcpy(w->cookie, at + 4, len);
			}
			break;
		case EDNS_KEEPALIVE:
			/* RFC 7828 3.2.1: not over UDP */
			w->f.keepalive = w->q->transport >= ANSWER_TCP4;
			break;
		default: /* RFC 6891 6.1.2: unknown options are ignored */
			break;
		}
		at += 4 + len;
		left -= 4 + len;
	}
	w->f.bad_option = bad && left == 0;
	return !bad && left == 0;
}

/* An OPT whose fixed part starts behind its owner at `at`; its RDATA was seen to fit. */
static uint16_t
parse_opt(struct answer_context *c, struct work *w, const uint8_t *at)
{
	unsigned payload = get16(at + 2), rdlen = get16(at + 8);

	w->f.opt = true;
	w->f.do_bit = at[6] >> 7;
	if (w->q->transport < ANSWER_TCP4) {
		w->limit = work_udp_limit(c->settings, payload);
	}
	if (at[5] != 0)
		return RCODE_BADVERS;
	return parse_options(w, at + 10, rdlen) ? RCODE_NOERROR : RCODE_FORMERR;
}

/* Octets of the (possibly compressed) owner at `at`; 0 when it is malformed. Pointers are not
 * followed, but those that lead on, or into the header, are no names (RFC 1035 4.1.4). */
static unsigned
skip_name(const uint8_t *dns, unsigned at, unsigned len)
{
	unsigned start = at;
	while (at < len) {
		if (dns[at] == 0)
			return at + 1 - start;
		if (dns[at] >= 0xc0) {
			if (at + 2 > len)
				return 0;
			unsigned to = get16(dns + at) & 0x3fff;
			return to >= DNS_HEADER && to < start ? at + 2 - start : 0;
		}
		if (dns[at] > LABEL_OCTETS_MAX)
			return 0;
		at += dns[at] + 1u;
		if (at - start > NAME_OCTETS_MAX)
			return 0;
	}
	return 0;
}

/* Everything behind the question. Returns an RCODE; each record takes 11 octets, so the loop is
 * bounded. */
static uint16_t
parse_records(struct answer_context *c, struct work *w)
{
	const uint8_t *dns = w->q->dns;
	unsigned at = w->question_end, len = w->q->len;
	unsigned n_before = get16(dns + 6) + get16(dns + 8u), n = n_before + get16(dns + 10);
	uint16_t rcode = RCODE_NOERROR;

	for (unsigned i = 0; i < n; i++) {
		unsigned owner = skip_name(dns, at, len);
		if (owner == 0 || at + owner + 10 > len)
			return RCODE_FORMERR;
		const uint8_t *fixed = dns + at + owner;
		unsigned type = get16(fixed), rdlen = get16(fixed + 8);
		if (at + owner + 10 + rdlen > len)
			return RCODE_FORMERR;
		if (type == TYPE_TSIG && i == n - 1 && i >= n_before)
			rcode = RCODE_NOTAUTH; /* RFC 8945 5.2.1: there are no keys here */
		else if (type == TYPE_TSIG)
			return RCODE_FORMERR;
		if (type == TYPE_OPT) {
			/* RFC 6891 6.1.1: one, in the additional section, owned by the root */
			if (i < n_before || w->f.opt || dns[at] != 0)
				return RCODE_FORMERR;
			rcode = parse_opt(c, w, fixed);
			if (rcode == RCODE_FORMERR)
				return rcode;
		}
		at += owner + 10 + rdlen;
	}
	return at == len ? rcode : RCODE_FORMERR;
}

/* The question at octet 12. False when it is malformed, compressed included. */
static bool
parse_question(struct work *w)
{
	const uint8_t *dns = w->q->dns;
	unsigned at = w->q->len < DNS_HEADER + 5 ? 0 : work_name_labels(&w->name, dns, w->q->len);

	if (at == 0)
		return false;
	work_name_fold(&w->name, dns);
	w->qtype = get16(dns + at);
	w->qclass = get16(dns + at + 2);
	w->question_end = at + 4;
	w->f.echo = true;
	return true;
}

static void
parse_query(struct answer_context *c, struct work *w)
{
	const uint8_t *dns = w->q->dns;
	unsigned qdcount = get16(dns + 4);

	if (qdcount != 1 || !parse_question(w)) {
		/* RFC 9619: more than one is an error. None is one too, except with a COOKIE (RFC
		 * 7873 5.4) */
		reply(w, RCODE_FORMERR);
		if (qdcount == 0 && parse_records(c, w) == RCODE_NOERROR && w->f.cookie_len != 0 &&
			c->settings->cookies)
			w->f.rcode = RCODE_NOERROR;
		return;
	}
	work_count_type(c, w->qtype);
	/* one word tells the common queries: nothing behind the question, or one additional RR */
	if (w->question_end != w->q->len || memcmp(dns + 6, "\0\0\0\0\0", 6) != 0) {
		uint16_t rcode = parse_records(c, w);
		if (rcode != RCODE_NOERROR) {
			reply(w, rcode);
			return;
		}
	}
	if (w->qtype == TYPE_AXFR && w->q->transport < ANSWER_TCP4)
		reply(w, RCODE_NOTIMP); /* RFC 5936 4.2: not defined over UDP */
	else if (w->qclass == CLASS_IN || w->qclass == CLASS_ANY)
		w->f.state = WORK_LOOKUP;
	else
		reply(w, RCODE_REFUSED);
}

void
work_parse(struct answer_context *c, struct work *w)
{
	static const uint16_t by_transport[] = {CTR_Q_UDP4, CTR_Q_UDP6, CTR_Q_TCP4, CTR_Q_TCP6};
	struct answer_query *q = w->q;

	work_reset(w);
	w->limit = q->transport >= ANSWER_TCP4 ? ANSWER_ROOM_STREAM : DNS_UDP_MIN;
	w->question_end = DNS_HEADER;
	if (q->len < DNS_HEADER) {
		q->why = CTR_D_SHORT;
		counter_add(c->counters, CTR_D_SHORT, 1);
		return;
	}
	if (q->dns[2] & 0x80) {
		/* a response: answering it could start a loop between two servers */
		q->why = CTR_D_RESPONSE;
		counter_add(c->counters, CTR_D_RESPONSE, 1);
		return;
	}
	w->f.opcode = q->dns[2] >> 3 & 15;
	counter_add(c->counters, by_transport[q->transport & 3], 1);
	counter_add(c->counters, opcode_counter[w->f.opcode], 1);
	if (w->f.opcode != 0)
		reply(w, RCODE_NOTIMP); /* RFC 8906 3.1.4: the rest of the message is not ours to
					   read */
	else
		parse_query(c, w);
	if (w->limit > q->room)
		w->limit = q->room;
	/* a long NSID must not make even an empty response too large; an EDE may be added later */
	if (w->f.nsid && w->question_end + work_opt_octets(c, w) + EDE_OCTETS > w->limit)
		w->f.nsid = false;
}
