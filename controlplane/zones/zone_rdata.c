/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_rdata: order and well-formedness of RDATA, after libknot's descriptors of the RR types. */
#include "controlplane/zones/zone_rdata.h"

#include "shm/name.h"

#include <stdlib.h>
#include <libknot/descriptor.h>
#include <libknot/rrset-dump.h>

#define DUMP_OCTETS_MAX (5u * 65535u + 4096u) /* each octet as \DDD, quotes and spaces */

unsigned
zone_rdata_name_octets(const uint8_t *p, unsigned room)
{
	unsigned at = 0;

	while (at < room && p[at] != 0) {
		if (p[at] > LABEL_OCTETS_MAX)
			return 0;
		at += p[at] + 1u;
	}
	return at < room && at < NAME_OCTETS_MAX ? at + 1 : 0;
}

static const knot_rdata_descriptor_t *
descriptor(uint16_t type)
{
	const knot_rdata_descriptor_t *d = knot_get_rdata_descriptor(type);
	if (d->type_name == NULL)
		d = knot_get_obsolete_rdata_descriptor(type);
	return d;
}

/* Octets that three character strings take (NAPTR: flags, services, regexp), or 0. */
static unsigned
naptr_strings(const uint8_t *p, unsigned room)
{
	unsigned at = 0;

	for (int i = 0; i < 3; i++) {
		if (at >= room)
			return 0;
		at += p[at] + 1u;
	}
	return at <= room ? at : 0;
}

/* Length of the next block of RDATA: a name (*is_name), or octets. 0 when the RDATA ends before it
 * does. */
static unsigned
next_block(int kind, const uint8_t *p, unsigned room, bool *is_name)
{
	unsigned n;

	*is_name = false;
	switch (kind) {
	case KNOT_RDATA_WF_COMPRESSIBLE_DNAME:
	case KNOT_RDATA_WF_DECOMPRESSIBLE_DNAME:
	case KNOT_RDATA_WF_FIXED_DNAME:
		*is_name = true;
		return zone_rdata_name_octets(p, room);
	case KNOT_RDATA_WF_NAPTR_HEADER:
		n = room < 4 ? 0 : naptr_strings(p + 4, room - 4);
		return n == 0 ? 0 : n + 4;
	case KNOT_RDATA_WF_REMAINDER:
		return room;
	default:
		return kind > 0 && (unsigned)kind <= room ? (unsigned)kind : 0;
	}
}

static int
compare_octets(const uint8_t *a, unsigned a_len, const uint8_t *b, unsigned b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return c != 0 ? c : (int)a_len - (int)b_len;
}

/* Length octets are at most 63, below 'A': a name is folded without looking at its labels. */
static int
compare_folded(const uint8_t *a, unsigned a_len, const uint8_t *b, unsigned b_len)
{
	for (unsigned i = 0; i < a_len && i < b_len; i++) {
		int x = a[i] >= 'A' && a[i] <= 'Z' ? a[i] | 0x20 : a[i];
		int y = b[i] >= 'A' && b[i] <= 'Z' ? b[i] | 0x20 : b[i];
		if (x != y)
			return x - y;
	}
	return (int)a_len - (int)b_len;
}

int
zone_rdata_compare(
	uint16_t type, const uint8_t *a, uint16_t a_len, const uint8_t *b, uint16_t b_len)
{
	const knot_rdata_descriptor_t *d;

	if (a_len == b_len && memcmp(a, b, a_len) == 0)
		return 0;
	d = descriptor(type);
	if (d->type_name == NULL ||
		(type != KNOT_RRTYPE_RRSIG && !knot_rrtype_should_be_lowercased(type)))
		return compare_octets(a, a_len, b, b_len);

	/* As long as no difference was found, both RDATAs have the structure of a. */
	unsigned at = 0, end = a_len < b_len ? a_len : b_len;
	for (int i = 0; i < KNOT_MAX_RDATA_BLOCKS && d->block_types[i] != KNOT_RDATA_WF_END; i++) {
		bool is_name;
		if (d->block_types[i] == KNOT_RDATA_WF_REMAINDER)
			return compare_octets(a + at, a_len - at, b + at, b_len - at);
		unsigned n = next_block(d->block_types[i], a + at, a_len - at, &is_name);
		if (n == 0 || at + n > end)
			break;
		int c = is_name ? compare_folded(a + at, n, b + at, n) : memcmp(a + at, b + at, n);
		if (c != 0)
			return c;
		at += n;
	}
	/* What is left: a tail that one of them lacks, or RDATA that is not well-formed. The name
	 * in it was not compared yet; fold it, or two spellings of one record would both be kept.
	 */
	return compare_folded(a + at, a_len - at, b + at, b_len - at);
}

bool
zone_type_is_data(uint16_t type)
{
	return type != 0 && type != KNOT_RRTYPE_OPT && (type < 128 || type > 255);
}

/* libknot's printer reads every field of the types it knows, and fails where the RDATA is not
 * well-formed. */
static bool
can_be_printed(uint16_t type, const uint8_t *rdata, uint16_t len)
{
	knot_rrset_t rrset;
	knot_rdataset_t set = {0};
	uint8_t root[1] = {0};

	char *text = malloc(DUMP_OCTETS_MAX);
	knot_rdata_t *r = malloc(knot_rdata_size(len));
	bool ok = false;
	if (text == NULL || r == NULL)
		goto done;
	knot_rdata_init(r, len, rdata);
	set.count = 1;
	set.size = knot_rdata_size(len);
	set.rdata = r;
	knot_rrset_init(&rrset, root, type, KNOT_CLASS_IN, 0);
	rrset.rrs = set;
	ok = knot_rrset_txt_dump_data(&rrset, 0, text, DUMP_OCTETS_MAX, &KNOT_DUMP_STYLE_DEFAULT) >=
	     0;
done:
	free(r);
	free(text);
	return ok;
}

/* Windows of a bitmap of types (RFC 4034 4.1.2). libknot 3.2 prints one whose last window is cut
 * off, and whatever lies behind it. */
static bool
is_bitmap(const uint8_t *p, unsigned len)
{
	for (unsigned at = 0; at < len; at += 2u + p[at + 1])
		if (len - at < 3 || p[at + 1] == 0 || p[at + 1] > 32 || p[at + 1] + 2u > len - at)
			return false;
	return true;
}

/* The part that the descriptor only knows as octets, where libknot's printer would read on. */
static bool
is_remainder_valid(uint16_t type, const uint8_t *rdata, unsigned len, unsigned at)
{
	switch (type) {
	case KNOT_RRTYPE_NSEC:
		return is_bitmap(rdata + at, len - at);
	case KNOT_RRTYPE_CSYNC:
		return len >= 6 && is_bitmap(rdata + 6, len - 6);
	case KNOT_RRTYPE_NSEC3:
		at = 4; /* algorithm, flags, iterations; then salt and hash, with their lengths */
		for (int i = 0; i < 2; i++) {
			if (at >= len)
				return false;
			at += 1u + rdata[at];
		}
		return at <= len && is_bitmap(rdata + at, len - at);
	default:
		return true;
	}
}

bool
zone_rdata_blocks_valid(uint16_t type, const uint8_t *rdata, uint16_t len)
{
	const knot_rdata_descriptor_t *d = descriptor(type);
	unsigned at = 0;

	if (d->type_name == NULL)
		return true;
	for (int i = 0; i < KNOT_MAX_RDATA_BLOCKS && d->block_types[i] != KNOT_RDATA_WF_END; i++) {
		bool is_name;
		if (d->block_types[i] == KNOT_RDATA_WF_REMAINDER)
			return is_remainder_valid(type, rdata, len, at);
		unsigned n = next_block(d->block_types[i], rdata + at, len - at, &is_name);
		if (n == 0)
			return false;
		at += n;
	}
	return at == len;
}

bool
zone_rdata_valid(uint16_t type, const uint8_t *rdata, uint16_t len)
{
	if (!zone_rdata_blocks_valid(type, rdata, len))
		return false;
	if (knot_get_rdata_descriptor(type)->type_name == NULL)
		return true; /* unknown; or obsolete: libknot prints it as unknown */
	return can_be_printed(type, rdata, len);
}

int
zone_rdata_host(uint16_t type)
{
	switch (type) {
	case KNOT_RRTYPE_NS:
		return 0;
	case KNOT_RRTYPE_MX:
		return 2;
	case KNOT_RRTYPE_SRV:
		return 6;
	default:
		return -1;
	}
}
