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

static void
reply(struct work *w, uint16_t rcode)
{
	w->state = WORK_DONE;
	w->rcode = rcode;
	/* what was read before the error may be wrong: as Knot and NSD do, no OPT with FORMERR */
	if (rcode == RCODE_FORMERR)
		w->opt = false;
}

/* The options of an OPT, at `at`, `left` octets. False when they do not add up, or one is
 * malformed. */
static bool
parse_options(struct work *w, const uint8_t *at, unsigned left)
{
	while (left >= 4) {
		unsigned code = get16(at), len = get16(at + 2);
		if (len > left - 4)
			return false;
		switch (code) {
		case EDNS_NSID:
			w->nsid = true;
			break;
		case EDNS_COOKIE:
			/* RFC 7873 5.2.2: 8 octets, or 8 and 8..32 */
			if (len != 8 && (len < 16 || len > COOKIE_MAX))
				return false;
			if (w->cookie_len == 0) {
				w->cookie_len = (uint8_t)len;
				memcpy(w->cookie, at + 4, len);
			}
			break;
		case EDNS_KEEPALIVE:
			/* RFC 7828 3.2.1: not over UDP */
			w->keepalive = w->q->transport >= ANSWER_TCP4;
			break;
		default: /* RFC 6891 6.1.2: unknown options are ignored */
			break;
		}
		at += 4 + len;
		left -= 4 + len;
	}
	return left == 0;
}

/* An OPT whose fixed part starts behind its owner at `at`; its RDATA was seen to fit. */
static uint16_t
parse_opt(struct answer_context *c, struct work *w, const uint8_t *at)
{
	unsigned payload = get16(at + 2), rdlen = get16(at + 8);

	w->opt = true;
	w->do_bit = at[6] >> 7;
	if (w->q->transport < ANSWER_TCP4) {
		unsigned max = c->settings->udp_payload_max;
		w->limit = payload < DNS_UDP_MIN ? DNS_UDP_MIN : payload < max ? payload : max;
	}
	if (at[5] != 0)
		return RCODE_BADVERS;
	return parse_options(w, at + 10, rdlen) ? RCODE_NOERROR : RCODE_FORMERR;
}

/* Octets of the (possibly compressed) owner at `at`; 0 when it is malformed. Pointers are not
 * followed. */
static unsigned
skip_name(const uint8_t *dns, unsigned at, unsigned len)
{
	unsigned start = at;
	while (at < len) {
		if (dns[at] == 0)
			return at + 1 - start;
		if (dns[at] >= 0xc0)
			return at + 2 <= len ? at + 2 - start : 0;
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
			if (i < n_before || w->opt || dns[at] != 0)
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
parse_question(struct answer_context *c, struct work *w)
{
	const uint8_t *dns = w->q->dns;
	unsigned at = DNS_HEADER, len = w->q->len, n = 0, octets;
	struct work_name *name = &w->name;

	if (len < DNS_HEADER + 5)
		return false;
	/* where a label may not start: the root, type and class must fit behind, and into 255
	 * octets */
	unsigned end =
		len - 4 < DNS_HEADER + NAME_OCTETS_MAX ? len - 4 : DNS_HEADER + NAME_OCTETS_MAX;
	while ((octets = dns[at]) != 0) {
		if (octets > LABEL_OCTETS_MAX || at + octets + 1 >= end)
			return false;
		name->label[n++] = (uint8_t)(at - DNS_HEADER);
		at += octets + 1;
	}
	name->labels = (uint8_t)n;
	name->label[n] = (uint8_t)(at - DNS_HEADER);
	name->len = (uint8_t)(at + 1 - DNS_HEADER);
	name_fold(name->wire, dns + DNS_HEADER, name->len);
	uint64_t h = c->seed;
	name->hash[0] = h;
	for (unsigned k = 1; k <= n; k++) {
		h = name_hash_extend_raw(h, dns + DNS_HEADER + name->label[n - k]);
		name->hash[k] = h;
	}
	w->qtype = get16(dns + at + 1);
	w->qclass = get16(dns + at + 3);
	w->question_end = at + 5;
	w->echo = true;
	return true;
}

void
work_name_index(struct work_name *n, uint64_t seed)
{
	unsigned labels = name_labels(n->wire, n->label);
	n->labels = (uint8_t)labels;
	n->label[labels] = (uint8_t)(n->len - 1u);
	n->hash[0] = seed;
	for (unsigned k = 1; k <= labels; k++)
		n->hash[k] = seed = name_hash_extend(seed, n->wire + n->label[labels - k]);
}

static void
parse_query(struct answer_context *c, struct work *w)
{
	const uint8_t *dns = w->q->dns;
	unsigned qdcount = get16(dns + 4);

	if (qdcount != 1 || !parse_question(c, w)) {
		/* RFC 9619: more than one is an error. None is one too, except with a COOKIE (RFC
		 * 7873 5.4) */
		reply(w, RCODE_FORMERR);
		if (qdcount == 0 && parse_records(c, w) == RCODE_NOERROR && w->cookie_len != 0 &&
			c->settings->cookies)
			w->rcode = RCODE_NOERROR;
		return;
	}
	counter_add(c->counters, type_counter(w->qtype), 1);
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
		w->state = WORK_LOOKUP;
	else
		reply(w, RCODE_REFUSED);
}

void
work_parse(struct answer_context *c, struct work *w)
{
	static const uint16_t by_transport[] = {CTR_Q_UDP4, CTR_Q_UDP6, CTR_Q_TCP4, CTR_Q_TCP6};
	struct answer_query *q = w->q;

	/* one by one: GCC makes a microcoded "rep stos" of a memset of this size. The name and the
	 * cookie are set when they are found. */
	w->zone = NULL;
	w->chunk.base = NULL;
	w->node = NULL;
	w->answer = NULL;
	w->state = WORK_DROP;
	w->opt = w->nsid = w->keepalive = w->do_bit = false;
	w->aa = w->tc = w->echo = false;
	w->cookie_len = 0;
	w->rcode = RCODE_NOERROR;
	w->at = 0;
	w->an = w->ns = w->ar = 0;
	w->ede = EDE_NONE;
	w->limit = q->transport >= ANSWER_TCP4 ? ANSWER_ROOM_STREAM : DNS_UDP_MIN;
	w->question_end = DNS_HEADER;
	if (q->len < DNS_HEADER) {
		counter_add(c->counters, CTR_D_SHORT, 1);
		return;
	}
	if (q->dns[2] & 0x80) {
		/* a response: answering it could start a loop between two servers */
		counter_add(c->counters, CTR_D_RESPONSE, 1);
		return;
	}
	w->opcode = q->dns[2] >> 3 & 15;
	counter_add(c->counters, by_transport[q->transport & 3], 1);
	counter_add(c->counters, opcode_counter[w->opcode], 1);
	if (w->opcode != 0)
		reply(w, RCODE_NOTIMP); /* RFC 8906 3.1.4: the rest of the message is not ours to
					   read */
	else
		parse_query(c, w);
	if (w->limit > q->room)
		w->limit = q->room;
	/* a long NSID must not make even an empty response too large; an EDE may be added later */
	if (w->nsid && w->question_end + work_opt_octets(c, w) + EDE_OCTETS > w->limit)
		w->nsid = false;
}
