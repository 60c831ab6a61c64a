/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_random: a zone in memory whose records are made up, as awkward as zones can be: wildcards,
 * cuts below cuts, DNAME, glue, empty non-terminals, aliases, targets of every kind. It is read as
 * a backend is. For tests of patches. */
#pragma once
#include "controlplane/zones/zone_build.h"
#include "controlplane/zones/zone_patch.h"
#include "controlplane/zones/zone_rdata.h"
#include "zone_fixture.h"

#include <stdio.h>

#define RANDOM_RECORDS_MAX 6000u
#define RANDOM_RDATA_MAX 300u

struct random_record {
	uint8_t owner[256];
	uint8_t owner_len;
	bool disabled;
	uint16_t type, len;
	uint32_t ttl;
	uint8_t rdata[RANDOM_RDATA_MAX];
};

struct random_zone {
	uint64_t state; /* of the generator */
	uint32_t serial;
	unsigned n_hosts;  /* more names: more chunks */
	unsigned n_wanted; /* records: with less, fewer are removed */
	unsigned n;
	struct random_record *record; /* in canonical order of owners, then by type */
};

static inline uint32_t
random_below(struct random_zone *z, uint32_t n)
{
	z->state ^= z->state << 13;
	z->state ^= z->state >> 7;
	z->state ^= z->state << 17;
	return (uint32_t)((z->state >> 11) % n);
}

/* A name below "example." of a few labels out of few, so that they meet; or a host. */
static inline unsigned
random_name(struct random_zone *z, uint8_t out[256])
{
	static const char *const labels[] = {"a", "b", "c", "*", "ns", "x-long-label-for-a-name"};
	char text[256] = "";
	unsigned depth = random_below(z, 5);
	uint8_t wire[256 + 40];

	if (z->n_hosts > 0 && random_below(z, 3) == 0)
		snprintf(text, sizeof text, "h%u.", random_below(z, z->n_hosts));
	for (unsigned i = 0; i < depth; i++) {
		strcat(text, labels[random_below(z, sizeof labels / sizeof labels[0])]);
		strcat(text, ".");
	}
	strcat(text, "example.");
	unsigned len = wire_name(wire, text);
	memcpy(out, wire, len);
	return len;
}

/* RDATA that names somebody: in the zone, at its apex, outside. */
static inline unsigned
random_target(struct random_zone *z, uint8_t *out)
{
	uint8_t name[256 + 40];
	unsigned len;

	switch (random_below(z, 8)) {
	case 0:
		len = wire_name(name, "a.other.");
		break;
	case 1:
		len = wire_name(name, "");
		break;
	default:
		len = random_name(z, name);
	}
	memcpy(out, name, len);
	if (random_below(z, 4) == 0) /* case is kept in RDATA, and does not count */
		for (unsigned i = 0; i < len; i++)
			if (out[i] >= 'a' && out[i] <= 'z')
				out[i] -= 32;
	return len;
}

static inline unsigned
random_rdata(struct random_zone *z, uint16_t type, uint8_t *p)
{
	unsigned before = type == 33 ? 6 : type == 15 || type == 64 ? 2 : 0, len;

	switch (type) {
	case 1:
	case 28:
		memset(p, 0x20, 16);
		p[3] = (uint8_t)random_below(z, 12);
		return type == 1 ? 4 : 16;
	case 16:
		len = 1 + random_below(z, random_below(z, 30) == 0 ? 250 : 12);
		p[0] = (uint8_t)len;
		for (unsigned i = 1; i <= len; i++)
			p[i] = (uint8_t)('a' + random_below(z, 26));
		return len + 1;
	default:
		for (unsigned i = 0; i < before; i++)
			p[i] = (uint8_t)random_below(z, 2);
		return before + random_target(z, p + before);
	}
}

/* --- the order of DNS names --- */

static inline int
canonical_compare(const uint8_t *a, const uint8_t *b)
{
	uint8_t la[NAME_LABELS_MAX], lb[NAME_LABELS_MAX];
	unsigned n = name_labels(a, la), m = name_labels(b, lb);

	while (n > 0 && m > 0) {
		const uint8_t *x = a + la[--n], *y = b + lb[--m];
		int c = memcmp(x + 1, y + 1, x[0] < y[0] ? x[0] : y[0]);
		if (c != 0 || x[0] != y[0])
			return c != 0 ? c : x[0] - y[0];
	}
	return (int)n - (int)m;
}

static inline int
random_compare(const void *x, const void *y)
{
	const struct random_record *a = x, *b = y;
	int c = canonical_compare(a->owner, b->owner);

	return c != 0 ? c : a->type - b->type;
}

static inline bool
is_at(const struct random_record *r, const uint8_t *owner)
{
	return r->owner_len == name_octets(owner) && memcmp(r->owner, owner, r->owner_len) == 0;
}

static inline bool
name_is_below(const uint8_t *name, const uint8_t *top)
{
	unsigned at = 0, len = name_octets(name), top_len = name_octets(top);

	while (len - at > top_len && name[at] != 0)
		at += name[at] + 1u;
	return len - at == top_len && memcmp(name + at, top, top_len) == 0;
}

/* --- edits --- */

static inline void
random_remove(struct random_zone *z, const uint8_t *owner, uint16_t type)
{
	unsigned m = 0;

	for (unsigned i = 0; i < z->n; i++)
		if (!is_at(&z->record[i], owner) || (type != 0 && z->record[i].type != type))
			z->record[m++] = z->record[i];
	z->n = m;
}

static inline bool
is_folded_equal(const uint8_t *a, const uint8_t *b, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		if (a[i] != b[i] && ((a[i] ^ b[i]) != 32 || (a[i] | 32) < 'a' || (a[i] | 32) > 'z'))
			return false;
	return true;
}

static inline void
random_add(struct random_zone *z, const uint8_t *owner, uint16_t type, uint32_t ttl, bool disabled,
	const uint8_t *rdata, unsigned len)
{
	for (unsigned i = 0; i < z->n; i++) {
		const struct random_record *r = &z->record[i];
		if (is_at(r, owner) && r->type == type && r->len == len &&
			is_folded_equal(r->rdata, rdata, len))
			return; /* no two with the same RDATA */
	}
	if (z->n == RANDOM_RECORDS_MAX)
		return;
	struct random_record *r = &z->record[z->n++];
	*r = (struct random_record){.owner_len = (uint8_t)name_octets(owner),
		.disabled = disabled,
		.type = type,
		.len = (uint16_t)len,
		.ttl = ttl};
	memcpy(r->owner, owner, r->owner_len);
	memcpy(r->rdata, rdata, len);
}

static inline void
random_sort(struct random_zone *z)
{
	qsort(z->record, z->n, sizeof *z->record, random_compare);
}

/* The apex, and a new SOA. */
static inline unsigned
random_soa(struct random_zone *z, uint8_t owner[256])
{
	static const uint8_t fixed[] = "\2ns\7example\0\4host\7example";
	uint8_t rdata[64], wire[256 + 40];
	unsigned at = sizeof fixed, len = wire_name(wire, "example.");

	memcpy(owner, wire, len);
	random_remove(z, owner, 6);
	memcpy(rdata, fixed, at);
	memset(rdata + at, 0, 20);
	z->serial += 1 + random_below(z, 3);
	for (unsigned i = 0; i < 4; i++)
		rdata[at + i] = (uint8_t)(z->serial >> (24 - 8 * i));
	rdata[at + 19] = (uint8_t)random_below(z, 200);
	random_add(z, owner, 6, 100, false, rdata, at + 20);
	return len;
}

/* Change one owner. */
static inline unsigned
random_edit(struct random_zone *z, uint8_t owner[256])
{
	static const uint16_t types[] = {1, 1, 1, 28, 2, 2, 15, 15, 33, 64, 16, 5, 39, 7};
	uint16_t type = types[random_below(z, sizeof types / sizeof types[0])];
	uint8_t rdata[RANDOM_RDATA_MAX];
	unsigned len = random_name(z, owner), n;
	unsigned what = random_below(z, z->n > z->n_wanted ? 10 : 40);
	bool is_apex = owner[0] == 7;

	if (random_below(z, 2) != 0 && z->n > 0) { /* one that is there, rather */
		const struct random_record *r = &z->record[random_below(z, z->n)];
		len = r->owner_len;
		memcpy(owner, r->owner, len);
		is_apex = owner[0] == 7;
	}
	if (what < 3 && !is_apex) {
		random_remove(z, owner, 0);
		return len;
	}
	/* a DNAME there hides all else: seldom, and not for long */
	if (is_apex && random_below(z, 3) == 0)
		random_remove(z, owner, 39);
	if (is_apex && (type == 5 || (type == 39 && random_below(z, 4) != 0)))
		type = 1;
	random_remove(z, owner, type);
	if (what < 5 && !(is_apex && type == 2))
		return len;
	/* an alias is alone */
	if (type == 5)
		random_remove(z, owner, 0);
	else
		random_remove(z, owner, 5);
	n = type == 5 || type == 39 ? 1 : 1 + random_below(z, random_below(z, 60) == 0 ? 300 : 4);
	uint32_t ttl = 60 + random_below(z, 2);
	bool disabled = random_below(z, 8) == 0 && !is_apex;
	for (unsigned i = 0; i < n; i++)
		random_add(z, owner, type, ttl, disabled || (n > 1 && random_below(z, 10) == 0),
			rdata, random_rdata(z, type, rdata));
	return len;
}

static inline void
random_zone_init(struct random_zone *z, uint64_t seed, unsigned n_hosts, unsigned n_wanted)
{
	uint8_t owner[256];

	*z = (struct random_zone){.state = seed | 1, .n_hosts = n_hosts, .n_wanted = n_wanted};
	z->record = calloc(RANDOM_RECORDS_MAX, sizeof *z->record);
	random_soa(z, owner);
	for (unsigned i = 0; i < n_wanted && z->n < n_wanted; i++)
		random_edit(z, owner);
	random_sort(z);
}

/* --- the zone as a reader --- */

/* RRsets of the records [i, n) with this owner; returns what `each` did, and in *end where it
 * stopped. */
static inline int
random_hand_out(const struct random_zone *z, unsigned *end,
	int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	struct backend_record record[RANDOM_RECORDS_MAX / 8];
	unsigned i = *end, n = 0;
	const struct random_record *first = &z->record[i];

	for (; i < z->n && is_at(&z->record[i], first->owner) && z->record[i].type == first->type;
		i++) {
		assert_true(n < sizeof record / sizeof record[0]);
		record[n++] = (struct backend_record){
			z->record[i].rdata, z->record[i].len, z->record[i].disabled};
	}
	*end = i;
	struct backend_rrset set = {first->owner, first->type, first->ttl, n, 0, record, NULL};
	return each(to, &set);
}

static inline int
random_rrsets(void *arg, const uint8_t *owner,
	int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	struct random_zone *z = arg;
	int rc = 0;

	for (unsigned i = 0; i < z->n && rc == 0;)
		if (is_at(&z->record[i], owner))
			rc = random_hand_out(z, &i, each, to);
		else
			i++;
	return rc;
}

static inline int
random_below_name(void *arg, const uint8_t *name,
	int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	struct random_zone *z = arg;
	int rc = 0;

	for (unsigned i = 0; i < z->n && rc == 0;)
		if (name_is_below(z->record[i].owner, name))
			rc = random_hand_out(z, &i, each, to);
		else
			i++;
	return rc == 1 ? 0 : rc;
}

static inline int
random_referrers(void *arg, const uint8_t *target, bool below,
	int (*each)(void *to, const uint8_t *owner), void *to)
{
	struct random_zone *z = arg;
	int rc = 0;

	for (unsigned i = 0; i < z->n && rc == 0; i++) {
		const struct random_record *r = &z->record[i];
		int at = zone_rdata_target(r->type);
		uint8_t raw[256 + 40] = {0}, name[256 + 40];
		if (at < 0)
			continue;
		memcpy(raw, r->rdata + at, r->len - (unsigned)at);
		name_fold(name, raw, r->len - (unsigned)at);
		if (below ? name_is_below(name, target)
			  : name_octets(name) == name_octets(target) &&
					memcmp(name, target, name_octets(target)) == 0)
			rc = each(to, r->owner);
	}
	return rc;
}

static inline int
random_take(void *to, const struct backend_rrset *set)
{
	return zone_source_take(to, set);
}

/* The zone compiled as a whole, without the checks of zones: nobody would serve some of these. */
static inline int
random_compile(struct random_zone *z, struct arena *a, uint64_t *off, uint64_t *n_records)
{
	struct zone_load_options o = {.seed = arena_header(a)->seed};
	struct zone_report report = {0};
	struct zone_build b;
	uint8_t apex[256 + 40];

	wire_name(apex, "example.");
	assert_int_equal(zone_build_init(&b, apex, &o, &report), 0);
	assert_int_equal(zone_build_source(&b, "random", 0, 0), 0);
	for (unsigned i = 0; i < z->n;) /* i moves on in there */
		assert_int_equal(random_hand_out(z, &i, random_take, &b), 0);
	assert_int_equal(report.n_errors, 0);
	assert_int_equal(zone_index(&b), 0);
	*n_records = b.z.n_records;
	int err = zone_compile(a, &b.z, off);
	zone_build_destroy(&b);
	zone_report_destroy(&report);
	return err;
}
