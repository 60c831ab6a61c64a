/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit_set: memory in chunks, a chained hash, and records as sets. */
#include "controlplane/changes/edit_set.h"
#include "shm/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_OCTETS 16384u
#define ALIGN 16u
#define FEW 8u       /* records that are compared each with each */
#define BITS_MAX 24u /* of the hash */

struct edit_chunk {
	struct edit_chunk *next;
	size_t room;
	_Alignas(ALIGN) uint8_t octet[];
};

/* --- memory --- */

static bool
add_chunk(struct edit_memory *m, size_t room)
{
	struct edit_chunk *c = calloc(1, sizeof *c + room);

	if (c == NULL) {
		m->failed = true;
		return false;
	}
	c->room = room;
	c->next = m->chunk;
	m->chunk = c;
	m->used = 0;
	return true;
}

void *
edit_alloc(struct edit_memory *m, size_t octets)
{
	void *p;

	octets = (octets + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (m->chunk == NULL || octets > m->chunk->room - m->used)
		if (!add_chunk(m, octets > CHUNK_OCTETS ? octets : CHUNK_OCTETS))
			return NULL;
	p = m->chunk->octet + m->used;
	m->used += octets;
	return p;
}

void
edit_memory_free(struct edit_memory *m)
{
	while (m->chunk != NULL) {
		struct edit_chunk *c = m->chunk;
		m->chunk = c->next;
		free(c);
	}
}

static void *
copy(struct edit_memory *m, const void *from, size_t octets, size_t pad)
{
	void *to = edit_alloc(m, octets + pad);

	if (to != NULL && octets > 0)
		memcpy(to, from, octets);
	return to;
}

static bool
copy_records(struct edit_memory *m, struct backend_rrset *to, const struct backend_rrset *from)
{
	struct backend_record *r = copy(m, from->record, from->n_records * sizeof *r, 0);

	if (r == NULL)
		return false;
	for (uint32_t i = 0; i < from->n_records; i++)
		if ((r[i].rdata = copy(m, r[i].rdata, r[i].rdlength, 0)) == NULL)
			return false;
	to->record = r;
	return true;
}

static bool
copy_comments(struct edit_memory *m, struct backend_rrset *to, const struct backend_rrset *from)
{
	struct backend_comment *c = copy(m, from->comment, from->n_comments * sizeof *c, 0);

	if (c == NULL)
		return false;
	for (uint32_t i = 0; i < from->n_comments; i++) {
		c[i].content = copy(m, c[i].content, strlen(c[i].content) + 1, 0);
		c[i].account = copy(m, c[i].account, strlen(c[i].account) + 1, 0);
		if (c[i].content == NULL || c[i].account == NULL)
			return false;
	}
	to->comment = c;
	return true;
}

bool
edit_copy_rrset(struct edit_memory *m, struct backend_rrset *to, const struct backend_rrset *from)
{
	*to = *from;
	to->owner = copy(m, from->owner, name_octets(from->owner), NAME_PAD);
	return to->owner != NULL && copy_records(m, to, from) && copy_comments(m, to, from);
}

/* --- RRsets --- */

int
edit_set_init(struct edit_set *s, size_t n)
{
	memset(s, 0, sizeof *s);
	for (s->bits = 3; s->bits < BITS_MAX && (size_t)1 << s->bits < n; s->bits++)
		;
	s->bucket = calloc((size_t)1 << s->bits, sizeof(struct edit_owner *));
	s->seed = (uintptr_t)s->bucket; /* nobody outside knows where that is */
	s->last = &s->first;
	s->last_owner = &s->first_owner;
	return s->bucket == NULL ? -ENOMEM : 0;
}

void
edit_set_free(struct edit_set *s)
{
	edit_memory_free(&s->memory);
	free(s->bucket);
}

/* Four times as many buckets. Without memory for them it is slower. */
static void
grow(struct edit_set *s)
{
	unsigned bits = s->bits + 2;
	struct edit_owner **bucket = calloc((size_t)1 << bits, sizeof(struct edit_owner *));

	if (bucket == NULL)
		return;
	for (struct edit_owner *at = s->first_owner; at != NULL; at = at->next) {
		struct edit_owner **to = &bucket[at->hash & (((uint64_t)1 << bits) - 1)];
		at->chain = *to;
		*to = at;
	}
	free(s->bucket);
	s->bucket = bucket;
	s->bits = bits;
}

struct edit_owner *
edit_set_owner(struct edit_set *s, const uint8_t *name)
{
	uint64_t hash = name_hash(s->seed, name);
	struct edit_owner **bucket = &s->bucket[hash & (((uint64_t)1 << s->bits) - 1)], *at;
	unsigned len = name_octets(name);

	for (at = *bucket; at != NULL; at = at->chain)
		if (name_octets(at->name) == len && memcmp(at->name, name, len) == 0)
			return at;
	at = edit_alloc(&s->memory, sizeof *at);
	if (at == NULL || (at->name = copy(&s->memory, name, len, NAME_PAD)) == NULL)
		return NULL;
	at->hash = hash;
	/* a zone that is replaced brings its own, which nobody has counted */
	if (s->n_owners++ >> s->bits >= 2 && s->bits < BITS_MAX) {
		grow(s);
		bucket = &s->bucket[hash & (((uint64_t)1 << s->bits) - 1)];
	}
	at->chain = *bucket;
	*bucket = at;
	*s->last_owner = at;
	s->last_owner = &at->next;
	return at;
}

struct edited *
edit_set_find(const struct edit_owner *at, uint16_t type)
{
	struct edited *e = at->first;

	while (e != NULL && e->type != type)
		e = e->sibling;
	return e;
}

struct edited *
edit_set_get(struct edit_set *s, struct edit_owner *at, uint16_t type)
{
	struct edited *e = edit_set_find(at, type);

	if (e != NULL)
		return e;
	e = edit_alloc(&s->memory, sizeof *e);
	if (e == NULL)
		return NULL;
	e->type = type;
	e->before.owner = e->after.owner = at->name;
	e->before.type = e->after.type = type;
	e->at = at;
	e->sibling = at->first;
	at->first = e;
	at->n++;
	*s->last = e;
	s->last = &e->next;
	s->n++;
	return e;
}

/* --- records --- */

static int
compare_rdata(const struct backend_record *a, const struct backend_record *b)
{
	if (a->rdlength != b->rdlength)
		return a->rdlength < b->rdlength ? -1 : 1;
	return memcmp(a->rdata, b->rdata, a->rdlength);
}

static int
compare_at(const void *a, const void *b)
{
	return compare_rdata(
		*(const struct backend_record *const *)a, *(const struct backend_record *const *)b);
}

static bool
same_rdata(const struct backend_record *a, const struct backend_record *b)
{
	return compare_rdata(a, b) == 0;
}

/* Of one array: the same RDATA in the order in which it came. */
static int
compare_places(const void *a, const void *b)
{
	const struct backend_record *x = *(const struct backend_record *const *)a;
	const struct backend_record *y = *(const struct backend_record *const *)b;
	int d = compare_rdata(x, y);

	return d != 0 ? d : x < y ? -1 : x > y;
}

/* Pointers to records, ordered by RDATA. */
static const struct backend_record **
order(struct edit_memory *m, const struct backend_rrset *set)
{
	const struct backend_record **at = edit_alloc(m, set->n_records * sizeof *at);

	for (uint32_t i = 0; at != NULL && i < set->n_records; i++)
		at[i] = &set->record[i];
	if (at != NULL)
		qsort(at, set->n_records, sizeof *at, compare_places);
	return at;
}

static bool
same(const struct backend_record *a, const struct backend_record *b)
{
	return a->disabled == b->disabled && same_rdata(a, b);
}

int
edit_same_records(
	struct edit_memory *m, const struct backend_rrset *a, const struct backend_rrset *b)
{
	const struct backend_record **x, **y;
	bool equal = true;

	if (a->n_records != b->n_records || (a->n_records > 0 && a->ttl != b->ttl))
		return 0;
	if (a->n_records <= 1)
		return a->n_records == 0 || same(a->record, b->record);
	x = order(m, a);
	y = order(m, b);
	if (x == NULL || y == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->n_records && equal; i++)
		equal = same(x[i], y[i]);
	return equal;
}

bool
edit_same_comments(const struct backend_rrset *a, const struct backend_rrset *b)
{
	bool equal = a->n_comments == b->n_comments;

	for (uint32_t i = 0; equal && i < a->n_comments; i++)
		equal = a->comment[i].modified_at == b->comment[i].modified_at &&
			strcmp(a->comment[i].content, b->comment[i].content) == 0 &&
			strcmp(a->comment[i].account, b->comment[i].account) == 0;
	return equal;
}

static bool
has_few(const struct backend_rrset *b, const struct backend_record *r)
{
	for (uint32_t i = 0; i < b->n_records; i++)
		if (same(&b->record[i], r))
			return true;
	return false;
}

static bool
has_many(const struct backend_record *const *y, uint32_t n, const struct backend_record *r)
{
	const struct backend_record *const *at = bsearch(&r, y, n, sizeof *y, compare_at);

	return at != NULL && (*at)->disabled == r->disabled;
}

int
edit_difference(struct edit_memory *m, const struct backend_rrset *a, const struct backend_rrset *b,
	struct backend_rrset *out)
{
	const struct backend_record **y = NULL;
	struct backend_record *r;

	*out = *a;
	out->n_comments = 0;
	if (b->n_records == 0 || a->n_records == 0 || a->ttl != b->ttl)
		return (int)a->n_records;
	r = edit_alloc(m, a->n_records * sizeof *r);
	if (r != NULL && b->n_records > FEW)
		y = order(m, b);
	if (r == NULL || (b->n_records > FEW && y == NULL))
		return -1;
	out->record = r;
	out->n_records = 0;
	for (uint32_t i = 0; i < a->n_records; i++)
		if (y == NULL ? !has_few(b, &a->record[i])
			      : !has_many(y, b->n_records, &a->record[i]))
			r[out->n_records++] = a->record[i];
	return (int)out->n_records;
}

static bool
is_among(const struct backend_record *const *sorted, uint32_t n, const struct backend_record *r)
{
	return n > 0 && bsearch(&r, sorted, n, sizeof *sorted, compare_at) != NULL;
}

int
edit_extend(struct edit_memory *m, struct backend_rrset *a, const struct backend_rrset *b)
{
	const struct backend_record **there = order(m, a), **more = order(m, b);
	struct backend_record *r = edit_alloc(m, ((size_t)a->n_records + b->n_records) * sizeof *r);
	bool *is_new = edit_alloc(m, b->n_records * sizeof *is_new);
	uint32_t n = a->n_records;

	if (there == NULL || more == NULL || r == NULL || is_new == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->n_records; i++)
		is_new[more[i] - b->record] = (i == 0 || !same_rdata(more[i - 1], more[i])) &&
					      !is_among(there, n, more[i]);
	if (n > 0)
		memcpy(r, a->record, n * sizeof *r);
	for (uint32_t i = 0; i < b->n_records; i++)
		if (is_new[i])
			r[n++] = b->record[i];
	if (n == a->n_records)
		return 0;
	n -= a->n_records;
	a->record = r;
	a->n_records += n;
	return (int)n;
}

int
edit_prune(struct edit_memory *m, struct backend_rrset *a, const struct backend_rrset *b)
{
	const struct backend_record **gone = order(m, b);
	struct backend_record *r = edit_alloc(m, a->n_records * sizeof *r);
	uint32_t n = 0, before = a->n_records;

	if (gone == NULL || r == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < before; i++)
		if (!is_among(gone, b->n_records, &a->record[i]))
			r[n++] = a->record[i];
	if (n == before)
		return 0;
	a->record = r;
	a->n_records = n;
	return (int)(before - n);
}

const struct backend_record *
edit_find_double(struct edit_memory *m, const struct backend_rrset *set, bool *failed)
{
	const struct backend_record **x;

	*failed = false;
	if (set->n_records < 2)
		return NULL;
	x = order(m, set);
	*failed = x == NULL;
	for (uint32_t i = 1; x != NULL && i < set->n_records; i++)
		if (same_rdata(x[i - 1], x[i]))
			return x[i];
	return NULL;
}

bool
edit_is_live(const struct backend_rrset *set)
{
	for (uint32_t i = 0; i < set->n_records; i++)
		if (!set->record[i].disabled)
			return true;
	return false;
}
