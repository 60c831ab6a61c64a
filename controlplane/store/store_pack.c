/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_pack: see the header. Pure functions, any thread. */
#include "controlplane/store/store_pack.h"

#include <errno.h>

#define TTL_MAX INT32_MAX
#define ROOM_FIRST 256u
#define COUNT_MAX (1u << 28) /* records of an RRset; more is damage */

/* --- reading --- */

uint64_t
store_in_number(struct store_in *in, uint64_t max)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && in->at < in->end; shift += 7) {
		uint8_t c = *in->at++;
		if (shift == 63 && c > 1)
			break;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80) {
			if (v > max)
				break;
			return v;
		}
	}
	in->bad = true;
	in->at = in->end;
	return 0;
}

const uint8_t *
store_in_octets(struct store_in *in, size_t n)
{
	const uint8_t *at = in->at;

	if (n > (size_t)(in->end - at)) {
		in->bad = true;
		in->at = in->end;
		return NULL;
	}
	in->at += n;
	return at;
}

const char *
store_in_text(struct store_in *in)
{
	const uint8_t *nul = memchr(in->at, 0, (size_t)(in->end - in->at));
	const char *text = (const char *)in->at;

	if (nul == NULL) {
		in->bad = true;
		in->at = in->end;
		return "";
	}
	in->at = nul + 1;
	return text;
}

const uint8_t *
store_in_name(struct store_in *in)
{
	const uint8_t *name = in->at;
	size_t room = (size_t)(in->end - name);
	unsigned at = 0;

	while (at < room && name[at] != 0 && name[at] <= LABEL_OCTETS_MAX)
		at += name[at] + 1u;
	if (at >= NAME_OCTETS_MAX || at + 1u + NAME_PAD > room || name[at] != 0) {
		in->bad = true;
		in->at = in->end;
		return NULL;
	}
	in->at += at + 1;
	return name;
}

/* --- writing --- */

void
store_out_free(struct store_out *o)
{
	free(o->octets);
	*o = (struct store_out){0};
}

/* Room for n more octets. */
static bool
make_room(struct store_out *o, size_t n)
{
	size_t room = o->room == 0 ? ROOM_FIRST : o->room;
	uint8_t *octets;

	if (o->failed)
		return false;
	if (o->len + n <= o->room)
		return true;
	while (room < o->len + n)
		room *= 2;
	octets = realloc(o->octets, room);
	if (octets == NULL) {
		o->failed = true;
		return false;
	}
	o->octets = octets;
	o->room = room;
	return true;
}

void
store_out_octets(struct store_out *o, const void *octets, size_t n)
{
	if (n == 0 || !make_room(o, n))
		return;
	memcpy(o->octets + o->len, octets, n);
	o->len += n;
}

void
store_out_number(struct store_out *o, uint64_t v)
{
	if (!make_room(o, 10))
		return;
	while (v >= 0x80) {
		o->octets[o->len++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	o->octets[o->len++] = (uint8_t)v;
}

void
store_out_text(struct store_out *o, const char *text)
{
	store_out_octets(o, text == NULL ? "" : text, text == NULL ? 1 : strlen(text) + 1);
}

/* --- RRsets --- */

/* Each record takes an octet or more, so a count that is larger than what is left is damage. */
static uint64_t
count_max(const struct store_in *in)
{
	uint64_t left = (uint64_t)(in->end - in->at);
	return left < COUNT_MAX ? left : COUNT_MAX;
}

int
store_in_rrset(struct store_in *in, struct store_packed *out)
{
	struct store_packed p = {.start = in->at};

	if (in->at == in->end && !in->bad)
		return -ENOENT;
	p.type = (uint16_t)store_in_number(in, UINT16_MAX);
	p.ttl = (uint32_t)store_in_number(in, TTL_MAX);
	p.n = (uint32_t)store_in_number(in, count_max(in));
	p.record = in->at;
	for (uint32_t i = 0; i < p.n && !in->bad; i++)
		(void)store_in_octets(in, store_in_number(in, 2u * UINT16_MAX + 1) >> 1);
	if (in->bad || p.n == 0)
		return -EPROTO;
	p.end = in->at;
	*out = p;
	return 0;
}

void
store_out_rrset(struct store_out *o, const struct backend_rrset *rrset)
{
	store_out_number(o, rrset->type);
	store_out_number(o, rrset->ttl);
	store_out_number(o, rrset->n_records);
	for (uint32_t i = 0; i < rrset->n_records; i++) {
		const struct backend_record *r = &rrset->record[i];
		store_out_number(o, (uint32_t)r->rdlength << 1 | r->disabled);
		store_out_octets(o, r->rdata, r->rdlength);
	}
}

int
store_fill_records(const struct store_packed *p, struct backend_record *to)
{
	struct store_in in = store_in(p->record, (size_t)(p->end - p->record));

	for (uint32_t i = 0; i < p->n; i++) {
		uint64_t head = store_in_number(&in, 2u * UINT16_MAX + 1);
		to[i].rdlength = (uint16_t)(head >> 1);
		to[i].disabled = head & 1;
		to[i].rdata = store_in_octets(&in, head >> 1);
	}
	return in.bad ? -EPROTO : 0;
}

int
store_unpack_records(
	const struct store_packed *p, struct store_decoder *d, struct backend_rrset *out)
{
	int ret;

	if (p->n > d->record_room) {
		uint32_t room = p->n + p->n / 2 + 8;
		struct backend_record *record = reallocarray(d->record, room, sizeof *record);
		if (record == NULL)
			return -ENOMEM;
		d->record = record;
		d->record_room = room;
	}
	ret = store_fill_records(p, d->record);
	if (ret != 0)
		return ret;
	out->type = p->type;
	out->ttl = p->ttl;
	out->n_records = p->n;
	out->record = d->record;
	return 0;
}

/* --- comments --- */

int
store_in_comments(struct store_in *in, struct store_packed *out)
{
	struct store_packed p = {.start = in->at};

	if (in->at == in->end && !in->bad)
		return -ENOENT;
	p.type = (uint16_t)store_in_number(in, UINT16_MAX);
	p.n = (uint32_t)store_in_number(in, count_max(in));
	p.record = in->at;
	for (uint32_t i = 0; i < p.n && !in->bad; i++) {
		(void)store_in_number(in, UINT32_MAX);
		(void)store_in_text(in);
		(void)store_in_text(in);
	}
	if (in->bad || p.n == 0)
		return -EPROTO;
	p.end = in->at;
	*out = p;
	return 0;
}

void
store_out_comments(struct store_out *o, const struct backend_rrset *rrset)
{
	store_out_number(o, rrset->type);
	store_out_number(o, rrset->n_comments);
	for (uint32_t i = 0; i < rrset->n_comments; i++) {
		const struct backend_comment *c = &rrset->comment[i];
		store_out_number(o, c->modified_at);
		store_out_text(o, c->content);
		store_out_text(o, c->account);
	}
}

int
store_fill_comments(const struct store_packed *p, struct backend_comment *to)
{
	struct store_in in = store_in(p->record, (size_t)(p->end - p->record));

	for (uint32_t i = 0; i < p->n; i++) {
		to[i].modified_at = (uint32_t)store_in_number(&in, UINT32_MAX);
		to[i].content = store_in_text(&in);
		to[i].account = store_in_text(&in);
	}
	return in.bad ? -EPROTO : 0;
}

int
store_unpack_comments(
	const struct store_packed *p, struct store_decoder *d, struct backend_rrset *out)
{
	int ret;

	if (p->n > d->comment_room) {
		uint32_t room = p->n + p->n / 2 + 8;
		struct backend_comment *comment = reallocarray(d->comment, room, sizeof *comment);
		if (comment == NULL)
			return -ENOMEM;
		d->comment = comment;
		d->comment_room = room;
	}
	ret = store_fill_comments(p, d->comment);
	if (ret != 0)
		return ret;
	out->type = p->type;
	out->n_comments = p->n;
	out->comment = d->comment;
	return 0;
}

void
store_decoder_free(struct store_decoder *d)
{
	free(d->record);
	free(d->comment);
	*d = (struct store_decoder){0};
}
