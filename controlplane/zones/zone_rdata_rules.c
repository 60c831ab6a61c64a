/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_rdata_rules: what RFCs ask of RDATA beyond its layout, as far as named-checkzone or
 * kzonecheck refuse it. */
#include "controlplane/zones/zone_rdata.h"

#include <stddef.h>
#include <libknot/descriptor.h>

static const char *
ds(const uint8_t *rdata, uint16_t len)
{
	static const uint8_t octets[] = {[1] = 20, [2] = 32, [3] = 32, [4] = 48};
	unsigned digest = len < 4 ? 0 : rdata[3];

	if (digest >= sizeof octets || octets[digest] == 0 || len - 4u == octets[digest])
		return NULL;
	return "the digest has not the length of its type; SHA-1 (1) has 20 octets, SHA-256 (2) "
	       "32, SHA-384 (4) 48";
}

static const char *
zonemd(const uint8_t *rdata, uint16_t len)
{
	unsigned digest = len < 6 ? 0 : len - 6u, algorithm = len < 6 ? 0 : rdata[5];

	if (digest < 12)
		return "the digest is shorter than 12 octets (RFC 8976 2.2.4)";
	if ((algorithm == 1 && digest != 48) || (algorithm == 2 && digest != 64))
		return "the digest has not the length of its algorithm; SHA-384 (1) has 48 octets, "
		       "SHA-512 (2) 64";
	return NULL;
}

static const char *
caa(const uint8_t *rdata, uint16_t len)
{
	unsigned tag = len < 2 ? 0 : rdata[1];
	bool good = tag > 0 && tag + 2u <= len;

	for (unsigned i = 0; good && i < tag; i++) {
		uint8_t c = rdata[2 + i];
		good = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
	}
	return good ? NULL
		    : "the tag must be letters and digits, such as issue, issuewild or iodef (RFC "
		      "8659 4.1)";
}

/* Reads parameters (key, length, value) as far as they add up; their order was checked. */
static const char *
svcb(const uint8_t *rdata, uint16_t len)
{
	unsigned at = 2 + zone_rdata_name_octets(rdata + 2, len < 2 ? 0 : len - 2u);
	bool alpn = false, no_default_alpn = false;

	while (at + 4 <= len) {
		unsigned key = (unsigned)rdata[at] << 8 | rdata[at + 1];
		alpn |= key == 1;
		no_default_alpn |= key == 2;
		at += 4 + ((unsigned)rdata[at + 2] << 8 | rdata[at + 3]);
	}
	return no_default_alpn && !alpn
		       ? "no-default-alpn without alpn leaves no protocol (RFC 9460 7.1.1)"
		       : NULL;
}

static const struct {
	uint16_t type;
	bool fatal; /* both checkers refuse the zone */
	const char *(*fault)(const uint8_t *rdata, uint16_t len);
} rules[] = {
	{KNOT_RRTYPE_DS, true, ds},
	{KNOT_RRTYPE_CDS, false, ds},
	{KNOT_RRTYPE_ZONEMD, false, zonemd},
	{KNOT_RRTYPE_SVCB, false, svcb},
	{KNOT_RRTYPE_HTTPS, false, svcb},
	{KNOT_RRTYPE_CAA, false, caa},
};

const char *
zone_rdata_fault(uint16_t type, const uint8_t *rdata, uint16_t len, bool *fatal)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		if (rules[i].type != type)
			continue;
		*fatal = rules[i].fatal;
		return rules[i].fault(rdata, len);
	}
	return NULL;
}
