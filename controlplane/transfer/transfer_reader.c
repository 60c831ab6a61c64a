/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_reader: which messages and records may follow which. */
#include "controlplane/transfer/transfer_reader.h"
#include "controlplane/manager/zone_names.h"
#include "controlplane/zones/rdata_text.h"
#include "controlplane/zones/zone_rdata.h"

#include <errno.h>
#include <libknot/codes.h>
#include <libknot/consts.h>
#include <libknot/descriptor.h>
#include <libknot/error.h>
#include <libknot/packet/wire.h>
#include <libknot/rrtype/tsig.h>
#include <stdlib.h>
#include <string.h>

#define SOA_FIXED_OCTETS 20u /* behind the two names */

ssize_t
transfer_reader_ask(
	struct transfer_reader *r, uint8_t out[TRANSFER_QUESTION_OCTETS], struct transfer_error *e)
{
	size_t name = name_octets(r->apex), len = KNOT_WIRE_HEADER_SIZE + name + 4;
	uint8_t *at = out + KNOT_WIRE_HEADER_SIZE;
	int ret = 0;

	memset(out, 0, TRANSFER_QUESTION_OCTETS);
	knot_wire_set_id(out, r->id);
	knot_wire_set_qdcount(out, 1);
	memcpy(at, r->apex, name);
	knot_wire_write_u16(at + name, KNOT_RRTYPE_AXFR);
	knot_wire_write_u16(at + name + 2, KNOT_CLASS_IN);
	if (r->tsig != NULL)
		ret = transfer_tsig_sign(r->tsig, out, &len, TRANSFER_QUESTION_OCTETS, e);
	return ret == 0 ? (ssize_t)len : ret;
}

/* --- the message --- */

static const char *
rcode_word(unsigned rcode)
{
	const knot_lookup_t *known = knot_lookup_by_id(knot_rcode_names, (int)rcode);

	return known != NULL ? known->name : "an unknown RCODE";
}

static int
malformed(struct transfer_error *e, const char *what)
{
	return transfer_fail(e, TRANSFER_MALFORMED, "%s", what);
}

/* Before it is parsed. */
static int
check_header(
	const struct transfer_reader *r, const uint8_t *m, size_t len, struct transfer_error *e)
{
	if (r->ended)
		return malformed(e, "a message behind the last one");
	if (len < KNOT_WIRE_HEADER_SIZE)
		return malformed(e, "a message that is shorter than its header");
	if (knot_wire_get_id(m) != r->id)
		return malformed(e, "a message with another ID than the question's");
	if (!knot_wire_get_qr(m) || knot_wire_get_opcode(m) != KNOT_OPCODE_QUERY)
		return malformed(e, "a message that is no answer to a question");
	if (knot_wire_get_tc(m))
		return malformed(e, "a message that says it is cut off (TC)");
	return 0;
}

/* Once, then it may be left out (RFC 5936 2.2.1). */
static int
check_question(const struct transfer_reader *r, const knot_pkt_t *pkt, struct transfer_error *e)
{
	size_t len = name_octets(r->apex);

	if (knot_wire_get_qdcount(pkt->wire) == 0)
		return r->n_messages > 1 ? 0 : malformed(e, "the first message has no question");
	if (knot_pkt_qtype(pkt) != KNOT_RRTYPE_AXFR || knot_pkt_qclass(pkt) != KNOT_CLASS_IN ||
		knot_dname_size(knot_pkt_qname(pkt)) != len ||
		memcmp(knot_pkt_qname(pkt), r->apex, len) != 0)
		return malformed(e, "a message that answers another question");
	return 0;
}

/* --- its records --- */

static bool
is_apex(const struct transfer_reader *r, const knot_rrset_t *rr)
{
	return knot_dname_is_case_equal(rr->owner, r->apex);
}

static int
begin(struct transfer_reader *r, const knot_rrset_t *rr, struct transfer_error *e)
{
	const knot_rdata_t *rd = rr->rrs.rdata;

	if (rr->type != KNOT_RRTYPE_SOA || !is_apex(r, rr))
		return malformed(e, "it does not begin with the zone's SOA");
	/* libknot has seen to it that both names are there */
	if (rd->len < SOA_FIXED_OCTETS + 2)
		return malformed(e, "its SOA is too short");
	r->soa = malloc(rd->len);
	if (r->soa == NULL) {
		transfer_fail(e, TRANSFER_FAILED, "out of memory");
		return -ENOMEM;
	}
	memcpy(r->soa, rd->data, rd->len);
	r->soa_octets = rd->len;
	r->serial = knot_wire_read_u32(rd->data + rd->len - SOA_FIXED_OCTETS);
	r->begun = true;
	return transfer_content_add(r->content, rr->owner, rr->type, rr->ttl, rd->data, rd->len, e);
}

/* The second SOA is the end, and must be the first one again. */
static int
end(struct transfer_reader *r, const knot_rrset_t *rr, struct transfer_error *e)
{
	const knot_rdata_t *rd = rr->rrs.rdata;

	if (zone_rdata_compare(KNOT_RRTYPE_SOA, rd->data, rd->len, r->soa, r->soa_octets) != 0)
		return malformed(e, "it ends with another SOA than it began with: the zone "
				    "changed meanwhile, or it is none");
	r->ended = true;
	return 0;
}

static int
take_record(struct transfer_reader *r, const knot_rrset_t *rr, struct transfer_error *e)
{
	const knot_rdata_t *rd = rr->rrs.rdata;
	char name[ZONE_TEXT_OCTETS], word[16];

	if (r->ended)
		return malformed(e, "records behind the last SOA");
	r->n_records++;
	zone_text_from_wire(name, rr->owner);
	rrtype_to_text(rr->type, word);
	if (rr->rclass != KNOT_CLASS_IN)
		return transfer_fail(e, TRANSFER_MALFORMED,
			"record %.200s %s is of class %u, not IN", name, word, rr->rclass);
	if (rr->rrs.count != 1)
		return transfer_fail(
			e, TRANSFER_MALFORMED, "record %.200s %s has no data", name, word);
	if (!r->begun)
		return begin(r, rr, e);
	if (rr->type == KNOT_RRTYPE_SOA && is_apex(r, rr))
		return end(r, rr, e);
	if (!zone_type_is_data(rr->type))
		return transfer_fail(e, TRANSFER_MALFORMED,
			"record %.200s %s is of a type that no zone has", name, word);
	return transfer_content_add(r->content, rr->owner, rr->type, rr->ttl, rd->data, rd->len, e);
}

static int
take_parsed(struct transfer_reader *r, knot_pkt_t *pkt, struct transfer_error *e)
{
	const knot_pktsection_t *answer = knot_pkt_section(pkt, KNOT_ANSWER);
	unsigned rcode = knot_wire_get_rcode(pkt->wire);
	int ret;

	/* not proven by any signature; nor would it be if it were left untold */
	if (rcode != KNOT_RCODE_NOERROR && pkt->tsig_rr != NULL &&
		knot_tsig_rdata_error(pkt->tsig_rr) != 0 && r->tsig != NULL)
		return transfer_tsig_take(r->tsig, pkt, e);
	if (rcode != KNOT_RCODE_NOERROR)
		return transfer_fail(e, TRANSFER_REFUSED, "the primary answered %s%s",
			rcode_word(rcode),
			rcode == KNOT_RCODE_NOTAUTH || rcode == KNOT_RCODE_REFUSED
				? r->tsig != NULL
					  ? " (does it have the zone, and may this key transfer "
					    "it?)"
					  : " (does it have the zone, and may we transfer it?)"
				: "");
	if (r->tsig == NULL && pkt->tsig_rr != NULL)
		return transfer_fail(e, TRANSFER_UNAUTHENTIC,
			"a message is signed (TSIG), though the question was not");
	ret = check_question(r, pkt, e);
	if (ret == 0 && r->tsig != NULL)
		ret = transfer_tsig_take(r->tsig, pkt, e);
	/* libknot bounds it: as many as lie within the message */
	for (uint16_t i = 0; ret == 0 && i < answer->count; i++)
		ret = take_record(r, knot_pkt_rr(answer, i), e);
	if (ret == 0 && !r->begun)
		return malformed(e, "it does not begin with the zone's SOA");
	if (ret == 0 && r->ended && r->tsig != NULL)
		ret = transfer_tsig_last(r->tsig, e);
	return ret != 0 ? ret : r->ended;
}

int
transfer_reader_take(
	struct transfer_reader *r, uint8_t *message, size_t len, struct transfer_error *e)
{
	knot_pkt_t *pkt;
	int ret = check_header(r, message, len, e);

	if (ret != 0)
		return ret;
	pkt = knot_pkt_new(message, (uint16_t)len, NULL);
	if (pkt == NULL) {
		transfer_fail(e, TRANSFER_FAILED, "out of memory");
		return -ENOMEM;
	}
	r->n_messages++;
	/* case is kept in RDATA, as zone files' is */
	ret = knot_pkt_parse(pkt, KNOT_PF_NOCANON);
	if (ret != KNOT_EOK)
		ret = transfer_fail(e, ret == KNOT_ENOMEM ? TRANSFER_FAILED : TRANSFER_MALFORMED,
			"message %llu cannot be parsed: %s", (unsigned long long)r->n_messages,
			knot_strerror(ret));
	else
		ret = take_parsed(r, pkt, e);
	knot_pkt_free(pkt);
	return ret;
}

void
transfer_reader_end(struct transfer_reader *r)
{
	free(r->soa);
	r->soa = NULL;
}
