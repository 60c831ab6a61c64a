/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_decode: an answer of an image, put into a message as the engine would, read back with
 * libknot. */
#pragma once
#include "shm/image_find.h"
#include "zone_fixture.h"

#include <stdio.h>
#include <libknot/libknot.h>

#define DECODE_LINES 6000

struct decoded {
	unsigned n[3];               /* lines of answer, authority, additional section */
	char *line[3][DECODE_LINES]; /* "owner ttl TYPE rdata", lower case */
};

static inline void
decoded_free(struct decoded *d)
{
	for (unsigned s = 0; s < 3; s++)
		for (unsigned i = 0; i < d->n[s]; i++)
			free(d->line[s][i]);
	free(d);
}

static inline char *
rr_text(knot_rrset_t *rr)
{
	static char *text; /* the library may move it */
	size_t size = 1 << 18;
	text = malloc(size);
	assert_int_equal(knot_rrset_rr_to_canonical(rr), 0);
	assert_true(knot_rrset_txt_dump(rr, &text, &size, &KNOT_DUMP_STYLE_DEFAULT) > 0);
	for (char *p = text; *p != '\0'; p++)
		if (*p == '\t' || *p == '\n')
			*p = p[1] == '\0' ? '\0' : ' ';
	/* columns are padded: one space will do */
	char *to = text;
	for (char *p = text; *p != '\0'; p++)
		if (*p != ' ' || (to > text && to[-1] != ' '))
			*to++ = *p;
	*to = '\0';
	return text;
}

static inline void
wire16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/*
 * Build a response: question `qname`, then, if `chain`, a CNAME from it to `name`, then the answer,
 * which was rendered for a name of `rendered` octets and stands for `name` (or, without chain, for
 * qname). len: octets of the answer to put, `ar` of its additional records.
 */
static inline struct decoded *
decode(const struct image_answer *a, const uint8_t *qname, const uint8_t *chain, unsigned rendered,
	uint32_t len, unsigned ar)
{
	static uint8_t msg[65536 + 1024];
	struct image_counts n = image_answer_counts(a);
	unsigned qlen = name_octets(qname), at = 12 + qlen + 4, base = 12, name_len = qlen,
		 an = n.an;

	memset(msg, 0, 12);
	msg[2] = 0x84;
	memcpy(msg + 12, qname, qlen);
	wire16(msg + 12 + qlen, 1);
	wire16(msg + 14 + qlen, 1);
	if (chain != NULL) {
		name_len = name_octets(chain);
		static const uint8_t fixed[] = {0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60};
		memcpy(msg + at, fixed, sizeof fixed);
		wire16(msg + at + 10, name_len);
		memcpy(msg + at + 12, chain, name_len);
		base = at + 12;
		at += 12 + name_len;
		an++;
	}
	memcpy(msg + at, image_answer_octets(a), len);
	for (unsigned i = 0; i < n.n_fix; i++) {
		enum image_fix kind;
		uint32_t pos = image_answer_fix(a, i, &kind);
		if (pos + 2 > len)
			continue;
		uint8_t *p = msg + at + pos;
		unsigned to = ((unsigned)p[0] & 0x3f) << 8 | p[1];
		if (kind == FIX_NAME)
			to += base - 12;
		else if (kind == FIX_SUFFIX)
			to += base - 12 + name_len - rendered;
		else
			to += at - (12 + rendered + 4);
		wire16(p, 0xc000 | to);
	}
	wire16(msg + 4, 1);
	wire16(msg + 6, an);
	wire16(msg + 8, n.ns);
	wire16(msg + 10, ar);
	knot_pkt_t *pkt = knot_pkt_new(msg, at + len, NULL);
	assert_int_equal(knot_pkt_parse(pkt, 0), 0);
	struct decoded *d = calloc(1, sizeof *d);
	for (unsigned s = 0; s < 3; s++) {
		const knot_pktsection_t *sec = knot_pkt_section(pkt, (knot_section_t)s);
		for (unsigned i = s == 0 && chain != NULL ? 1 : 0; i < sec->count; i++) {
			knot_rrset_t *copy = knot_rrset_copy(knot_pkt_rr(sec, (uint16_t)i), NULL);
			assert_true(d->n[s] < DECODE_LINES);
			d->line[s][d->n[s]++] = rr_text(copy);
			knot_rrset_free(copy, NULL);
		}
	}
	knot_pkt_free(pkt);
	return d;
}

/* The same text for a record of the model, with this owner. */
static inline char *
record_text(const struct zone_model *z, const struct zone_record *r, const uint8_t *owner)
{
	knot_rrset_t rr;
	uint16_t len;
	const uint8_t *rdata = zone_rdata(z, r, &len);
	knot_dname_t *copy = knot_dname_copy(owner, NULL);

	knot_rrset_init(&rr, copy, r->type, 1, r->ttl);
	assert_int_equal(knot_rrset_add_rdata(&rr, rdata, len, NULL), 0);
	char *text = rr_text(&rr);
	knot_rdataset_clear(&rr.rrs, NULL);
	knot_dname_free(copy, NULL);
	return text;
}

/* The answer for a type at a node; NULL when there is none. */
static inline const struct image_answer *
image_answer_for(const struct arena *a, uint64_t off, const uint8_t *name, uint16_t type,
	const struct image_node **node)
{
	uint8_t folded[256 + 40] = {0};
	unsigned len = name_octets(name);

	memcpy(folded, name, len);
	uint64_t hash = name_hash(arena_header(a)->seed, folded);
	struct image_chunk c = image_chunk_of(a, image_at(a, off), hash);
	assert_non_null(c.base);
	const struct image_node *n = image_find(&c, hash, folded, len);
	if (node != NULL)
		*node = n;
	for (unsigned i = 0; n != NULL && i < n->n_types; i++)
		if (image_node_types(n)[i].type == type)
			return image_answer_at(c.base, c.len, image_node_types(n)[i].answer);
	return NULL;
}
