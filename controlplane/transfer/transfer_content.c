/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_content: chunks of packed records, an array of where they are, and RRsets made of it. */
#include "controlplane/transfer/transfer_content.h"
#include "controlplane/manager/zone_names.h"
#include "controlplane/zones/rdata_text.h"
#include "controlplane/zones/zone_rdata.h"

#include <errno.h>
#include <inttypes.h>
#include <libknot/dname.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CHUNK_OCTETS 131072u /* the largest record has some 66,000 octets */
#define CHUNK_OCTETS (4u << 20)    /* from the system and back to it, each */
#define TTL_MAX INT32_MAX
/* What the writer needs for an RRset (edit_set, journal, pages, model of the image), measured with
 * a million of them; and each of our arrays. */
#define RRSET_OCTETS (500u + sizeof(struct zone_edit))
#define RECORD_OCTETS (2 * sizeof(struct item *) + sizeof(struct backend_record))

struct item {
	const uint8_t *owner; /* folded; NAME_PAD readable behind it */
	uint32_t ttl;
	uint16_t type, len;
	uint8_t rdata[];
};

struct chunk {
	struct chunk *next;
	size_t used, room;
	_Alignas(8) uint8_t octet[];
};

struct transfer_content {
	struct transfer_content_limits limits;
	uint8_t apex[ZONE_WIRE_OCTETS];
	unsigned apex_octets;
	struct chunk *chunk; /* the newest */
	const struct item **item;
	size_t n, room;
	uint64_t dropped, memory;
	struct zone_edit *rrset;
	size_t n_rrsets;
	struct backend_record *record;
	char first_dropped[300];
};

/* --- memory --- */

static struct chunk *
add_chunk(struct transfer_content *c)
{
	size_t octets = c->chunk == NULL ? FIRST_CHUNK_OCTETS : CHUNK_OCTETS;
	struct chunk *more = malloc(octets);

	if (more == NULL)
		return NULL;
	more->next = c->chunk;
	more->used = 0;
	more->room = octets - sizeof *more;
	c->chunk = more;
	return more;
}

/* @param pad  readable behind it */
static void *
take(struct transfer_content *c, size_t octets, size_t pad)
{
	struct chunk *at = c->chunk;
	void *p;

	octets = (octets + 7) & ~(size_t)7;
	if (at == NULL || octets + pad > at->room - at->used)
		at = add_chunk(c);
	if (at == NULL)
		return NULL;
	p = at->octet + at->used;
	at->used += octets;
	c->memory += octets;
	return p;
}

struct transfer_content *
transfer_content_create(const uint8_t *apex, const struct transfer_content_limits *limits)
{
	struct transfer_content *c = calloc(1, sizeof *c);

	if (c == NULL)
		return NULL;
	c->limits = *limits;
	c->apex_octets = name_octets(apex);
	memcpy(c->apex, apex, c->apex_octets);
	return c;
}

void
transfer_content_destroy(struct transfer_content *c)
{
	if (c == NULL)
		return;
	while (c->chunk != NULL) {
		struct chunk *next = c->chunk->next;
		free(c->chunk);
		c->chunk = next;
	}
	free(c->item);
	free(c->rrset);
	free(c->record);
	free(c);
}

/* --- adding --- */

static int
no_memory(struct transfer_error *e)
{
	transfer_fail(e, TRANSFER_FAILED, "out of memory");
	return -ENOMEM;
}

static bool
is_in_zone(const struct transfer_content *c, const uint8_t *name, unsigned len)
{
	unsigned at = 0;

	while (len - at > c->apex_octets)
		at += name[at] + 1u;
	return len - at == c->apex_octets && memcmp(name + at, c->apex, c->apex_octets) == 0;
}

static void
drop(struct transfer_content *c, const uint8_t *owner, uint16_t type)
{
	char name[ZONE_TEXT_OCTETS], word[16];

	if (c->dropped++ > 0)
		return;
	zone_text_from_wire(name, owner);
	rrtype_to_text(type, word);
	snprintf(c->first_dropped, sizeof c->first_dropped, "%.280s %s", name, word);
}

/* Room for one more. */
static bool
grow(struct transfer_content *c)
{
	size_t room = c->room == 0 ? 64 : c->room * 2;
	const struct item **more;

	if (c->n < c->room)
		return true;
	more = realloc(c->item, room * sizeof *more);
	if (more == NULL)
		return false;
	c->item = more;
	c->room = room;
	return true;
}

/* The owner of the last record, if it is this one: most come so. */
static const uint8_t *
keep_owner(struct transfer_content *c, const uint8_t *name, unsigned len)
{
	uint8_t *kept;

	if (c->n > 0) {
		const uint8_t *last = c->item[c->n - 1]->owner;
		if (name_octets(last) == len && memcmp(last, name, len) == 0)
			return last;
	}
	kept = take(c, len, NAME_PAD);
	if (kept != NULL)
		memcpy(kept, name, len);
	return kept;
}

static int
check_limits(const struct transfer_content *c, struct transfer_error *e)
{
	if (c->n + c->dropped > c->limits.records)
		return transfer_fail(e, TRANSFER_TOO_LARGE,
			"more than %" PRIu64 " records ('transfer.records-max')",
			c->limits.records);
	if (c->memory > c->limits.memory)
		return transfer_fail(e, TRANSFER_TOO_LARGE,
			"its records would take more than %" PRIu64
			" octets of memory ('transfer.memory-max')",
			c->limits.memory);
	return 0;
}

int
transfer_content_add(struct transfer_content *c, const uint8_t *owner, uint16_t type, uint32_t ttl,
	const uint8_t *rdata, uint16_t len, struct transfer_error *e)
{
	uint8_t raw[ZONE_WIRE_OCTETS] = {0}, name[ZONE_WIRE_OCTETS] = {0};
	unsigned owner_octets = name_octets(owner);
	const uint8_t *kept;
	struct item *item;
	bool again;

	memcpy(raw, owner, owner_octets);
	name_fold(name, raw, owner_octets);
	if (!is_in_zone(c, name, owner_octets)) {
		drop(c, name, type);
		return check_limits(c, e);
	}
	if (!grow(c) || (kept = keep_owner(c, name, owner_octets)) == NULL ||
		(item = take(c, sizeof *item + len, 0)) == NULL)
		return no_memory(e);
	again = c->n > 0 && c->item[c->n - 1]->owner == kept && c->item[c->n - 1]->type == type;
	*item = (struct item){
		.owner = kept, .ttl = ttl > TTL_MAX ? 0 : ttl, .type = type, .len = len};
	if (len > 0)
		memcpy(item->rdata, rdata, len);
	c->item[c->n++] = item;
	c->memory += RECORD_OCTETS + (again ? 0 : RRSET_OCTETS);
	return check_limits(c, e);
}

/* --- RRsets --- */

static bool
same_rrset(const struct item *a, const struct item *b)
{
	return a->type == b->type &&
	       (a->owner == b->owner || knot_dname_is_equal(a->owner, b->owner));
}

static int
compare(const void *left, const void *right)
{
	const struct item *a = *(const struct item *const *)left,
			  *b = *(const struct item *const *)right;
	int order = a->owner == b->owner ? 0 : knot_dname_cmp(a->owner, b->owner);

	if (order != 0)
		return order;
	if (a->type != b->type)
		return a->type < b->type ? -1 : 1;
	return zone_rdata_compare(a->type, a->rdata, a->len, b->rdata, b->len);
}

static void
order(struct transfer_content *c)
{
	size_t i = 1;

	while (i < c->n && compare(&c->item[i - 1], &c->item[i]) <= 0)
		i++;
	if (i < c->n)
		qsort(c->item, c->n, sizeof *c->item, compare);
}

/* Of records that are there twice the first stays; its TTL is the lower one. */
static size_t
count_rrsets(struct transfer_content *c)
{
	size_t kept = 0, n_rrsets = 0;

	for (size_t i = 0; i < c->n; i++) {
		bool again = kept > 0 && same_rrset(c->item[kept - 1], c->item[i]);
		if (again && compare(&c->item[kept - 1], &c->item[i]) == 0) {
			struct item *first = (struct item *)(uintptr_t)c->item[kept - 1];
			if (c->item[i]->ttl < first->ttl)
				first->ttl = c->item[i]->ttl;
			continue;
		}
		n_rrsets += !again;
		c->item[kept++] = c->item[i];
	}
	c->n = kept;
	return n_rrsets;
}

static void
fill_rrsets(struct transfer_content *c)
{
	struct zone_edit *edit = NULL;

	for (size_t i = 0; i < c->n; i++) {
		const struct item *item = c->item[i];
		if (i == 0 || !same_rrset(c->item[i - 1], item)) {
			edit = &c->rrset[c->n_rrsets++];
			*edit = (struct zone_edit){.kind = EDIT_REPLACE,
				.has_records = true,
				.rrset = {.owner = item->owner,
					.type = item->type,
					.ttl = item->ttl,
					.record = &c->record[i]}};
		}
		if (item->ttl < edit->rrset.ttl)
			edit->rrset.ttl = item->ttl;
		c->record[i] = (struct backend_record){.rdata = item->rdata, .rdlength = item->len};
		edit->rrset.n_records++;
	}
}

int
transfer_content_finish(struct transfer_content *c, struct transfer_error *e)
{
	size_t n;

	order(c);
	n = count_rrsets(c);
	c->rrset = calloc(n + 1, sizeof *c->rrset);
	c->record = calloc(c->n + 1, sizeof *c->record);
	if (c->rrset == NULL || c->record == NULL)
		return no_memory(e);
	fill_rrsets(c);
	free(c->item); /* where they are is in the RRsets now */
	c->item = NULL;
	return 0;
}

void
transfer_content_figures(const struct transfer_content *c, struct transfer_figures *out)
{
	*out = (struct transfer_figures){.records = c->n,
		.dropped = c->dropped,
		.memory = c->memory,
		.rrset = c->rrset,
		.n = c->n_rrsets};
	memcpy(out->first_dropped, c->first_dropped, sizeof out->first_dropped);
}
