/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rdata_text_write: RDATA to text, by libknot, in PowerDNS's spelling where the two differ. */
#include "controlplane/zones/rdata_text.h"

#include "controlplane/zones/zone_rdata.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/descriptor.h>
#include <libknot/rrset-dump.h>

#define DUMP_OCTETS_MAX (5u * RDATA_WIRE_MAX + 4096u) /* each octet as \DDD, quotes and spaces */

/* Where PowerDNS writes hexadecimal digits in lower case, libknot in upper; nothing else in the
 * content has letters. */
static bool
is_hex(uint16_t type)
{
	return type == KNOT_RRTYPE_DS || type == KNOT_RRTYPE_CDS || type == KNOT_RRTYPE_TLSA ||
	       type == KNOT_RRTYPE_SMIMEA || type == KNOT_RRTYPE_SSHFP ||
	       type == KNOT_RRTYPE_EUI48 || type == KNOT_RRTYPE_EUI64 ||
	       type == KNOT_RRTYPE_ZONEMD || type == KNOT_RRTYPE_NSEC3PARAM ||
	       knot_get_rdata_descriptor(type)->type_name == NULL;
}

static int
address_to_text(uint16_t type, const uint8_t *rdata, uint16_t rdlength, char *text, size_t room)
{
	int family = type == KNOT_RRTYPE_A ? AF_INET : AF_INET6;

	if (rdlength != (type == KNOT_RRTYPE_A ? 4u : 16u))
		return -EINVAL;
	if (room > 0xffff)
		room = 0xffff;
	if (inet_ntop(family, rdata, text, (socklen_t)room) == NULL)
		return -ENOSPC;
	return (int)strlen(text);
}

static int
put(char *text, size_t room, size_t *at, const char *what, size_t n)
{
	if (*at + n >= room)
		return -ENOSPC;
	memcpy(text + *at, what, n);
	*at += n;
	text[*at] = '\0';
	return 0;
}

static int
strings_to_text(const uint8_t *rdata, uint16_t rdlength, char *text, size_t room)
{
	size_t at = 0;

	if (rdlength == 0)
		return -EINVAL;
	for (size_t i = 0; i < rdlength;) {
		size_t end = i + 1 + rdata[i];
		if (end > rdlength)
			return -EINVAL;
		if (put(text, room, &at, i == 0 ? "\"" : " \"", i == 0 ? 1 : 2) != 0)
			return -ENOSPC;
		for (i++; i < end; i++) {
			char c[5] = {(char)rdata[i]};
			size_t n = 1;
			if (rdata[i] < ' ' || rdata[i] > '~')
				n = (size_t)snprintf(c, sizeof c, "\\%03u", rdata[i]);
			else if (rdata[i] == '"' || rdata[i] == '\\')
				n = (size_t)snprintf(c, sizeof c, "\\%c", rdata[i]);
			if (put(text, room, &at, c, n) != 0)
				return -ENOSPC;
		}
		if (put(text, room, &at, "\"", 1) != 0)
			return -ENOSPC;
	}
	return (int)at;
}

/* Degrees, minutes and seconds of an angle in thousandths of a second (RFC 1876). */
static void
write_angle(char *to, size_t room, uint32_t wire, char positive, char negative)
{
	int64_t angle = (int64_t)wire - (1ll << 31);
	uint64_t ms = (uint64_t)(angle < 0 ? -angle : angle);

	snprintf(to, room, "%" PRIu64 " %" PRIu64 " %" PRIu64 ".%03" PRIu64 " %c", ms / 3600000,
		ms / 60000 % 60, ms / 1000 % 60, ms % 1000, angle < 0 ? negative : positive);
}

/* Centimetres as four bits each of mantissa and exponent. */
static uint64_t
loc_cm(uint8_t wire)
{
	uint64_t cm = wire >> 4;

	for (unsigned i = wire & 15; i > 0; i--)
		cm *= 10;
	return cm;
}

static uint32_t
get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* PowerDNS writes every fraction out, libknot those that are not 0. */
static int
loc_to_text(const uint8_t *rdata, char *text, size_t room)
{
	int64_t altitude = (int64_t)get32(rdata + 12) - 10000000;
	uint64_t metres = (uint64_t)(altitude < 0 ? -altitude : altitude);
	char latitude[48], longitude[48], sizes[3][24];
	int len;

	write_angle(latitude, sizeof latitude, get32(rdata + 4), 'N', 'S');
	write_angle(longitude, sizeof longitude, get32(rdata + 8), 'E', 'W');
	for (int i = 0; i < 3; i++) {
		uint64_t cm = loc_cm(rdata[1 + i]);
		snprintf(sizes[i], sizeof sizes[i], "%" PRIu64 ".%02" PRIu64 "m", cm / 100,
			cm % 100);
	}
	len = snprintf(text, room, "%s %s %s%" PRIu64 ".%02" PRIu64 "m %s %s %s", latitude,
		longitude, altitude < 0 ? "-" : "", metres / 100, metres % 100, sizes[0], sizes[1],
		sizes[2]);
	return (size_t)len < room ? len : -ENOSPC;
}

/* PowerDNS puts ech's base64 into quotes. */
static int
quote_ech(char *text, size_t len, size_t room)
{
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && strncmp(text + i, " ech=", 5) == 0 && text[i + 5] != '"') {
			size_t from = i + 5, n = strcspn(text + from, " ");
			if (len + 2 >= room)
				return -ENOSPC;
			memmove(text + from + n + 2, text + from + n, len - from - n + 1);
			memmove(text + from + 1, text + from, n);
			text[from] = text[from + n + 1] = '"';
			return (int)len + 2;
		}
	}
	return (int)len;
}

static int
other_to_text(uint16_t type, const uint8_t *rdata, uint16_t rdlength, char *text, size_t room)
{
	uint8_t root[1] = {0};
	knot_rdataset_t set = {.count = 1, .size = (uint32_t)knot_rdata_size(rdlength)};
	knot_rrset_t rrset;
	union {
		knot_rdata_t r;
		uint8_t octets[512];
	} few;
	knot_rdata_t *r = knot_rdata_size(rdlength) <= sizeof few ? &few.r : malloc(set.size);
	int len;

	if (r == NULL)
		return -ENOMEM;
	knot_rdata_init(r, rdlength, rdata);
	set.rdata = r;
	knot_rrset_init(&rrset, root, type, KNOT_CLASS_IN, 0);
	rrset.rrs = set;
	len = knot_rrset_txt_dump_data(&rrset, 0, text, room, &KNOT_DUMP_STYLE_DEFAULT);
	if (r != &few.r)
		free(r);
	if (len < 0)
		return room < DUMP_OCTETS_MAX && zone_rdata_valid(type, rdata, rdlength) ? -ENOSPC
											 : -EINVAL;
	return len;
}

/* libknot prints what is none. RFC 8659 4.1: the tag is of letters and digits. */
static bool
caa_is_valid(const uint8_t *rdata, uint16_t rdlength)
{
	if (rdlength < 3 || rdata[1] == 0 || rdata[1] + 2u > rdlength)
		return false;
	for (unsigned i = 2; i < rdata[1] + 2u; i++) {
		uint8_t c = rdata[i] | 0x20;
		if ((c < 'a' || c > 'z') && (rdata[i] < '0' || rdata[i] > '9'))
			return false;
	}
	return true;
}

int
rdata_to_text(uint16_t type, const uint8_t *rdata, uint16_t rdlength, char *text, size_t room)
{
	int len;

	if (room == 0)
		return -ENOSPC;
	if (type == KNOT_RRTYPE_A || type == KNOT_RRTYPE_AAAA)
		return address_to_text(type, rdata, rdlength, text, room);
	if (type == KNOT_RRTYPE_TXT || type == KNOT_RRTYPE_SPF)
		return strings_to_text(rdata, rdlength, text, room);
	if (type == KNOT_RRTYPE_CAA && !caa_is_valid(rdata, rdlength))
		return -EINVAL;
	if (type == KNOT_RRTYPE_LOC && rdlength == 16 && rdata[0] == 0 &&
		rdata_is_valid(type, rdata, 16))
		return loc_to_text(rdata, text, room);
	if (!zone_rdata_blocks_valid(type, rdata, rdlength))
		return -EINVAL;
	len = other_to_text(type, rdata, rdlength, text, room);
	while (len > 0 && text[len - 1] == ' ') /* libknot, behind CAA and URI */
		text[--len] = '\0';
	if (len > 0 && (type == KNOT_RRTYPE_SVCB || type == KNOT_RRTYPE_HTTPS))
		return quote_ech(text, (size_t)len, room);
	for (int i = 0; len > 0 && is_hex(type) && i < len; i++)
		if (text[i] >= 'A' && text[i] <= 'F')
			text[i] |= 0x20;
	return len;
}

bool
rdata_is_valid(uint16_t type, const uint8_t *rdata, uint16_t rdlength)
{
	if (!zone_type_is_data(type))
		return false;
	if (type == KNOT_RRTYPE_A)
		return rdlength == 4;
	if (type == KNOT_RRTYPE_AAAA)
		return rdlength == 16;
	if (type == KNOT_RRTYPE_CAA)
		return caa_is_valid(rdata, rdlength);
	if (type != KNOT_RRTYPE_TXT && type != KNOT_RRTYPE_SPF)
		return zone_rdata_valid(type, rdata, rdlength);
	for (size_t i = 0; i < rdlength; i += 1u + rdata[i])
		if (i + 1u + rdata[i] > rdlength)
			return false;
	return rdlength > 0;
}
