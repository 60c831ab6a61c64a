/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_rdata: RDATA in wire format, off the packet path. Pure functions, any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/**
 * Canonical order of two RDATAs of one type (RFC 4034 6.3): names in the types of RFC 4034 6.2 (as
 * corrected by RFC 6840 5.1) are compared folded, all else as octets.
 * @return <0, 0 (they are one record), >0. RDATA that is not well-formed is compared as octets.
 */
int zone_rdata_compare(
	uint16_t type, const uint8_t *a, uint16_t a_len, const uint8_t *b, uint16_t b_len);

/** May RRs of this type stand in a zone? False for 0, OPT and the meta and query types 128-255. */
bool zone_type_is_data(uint16_t type);

/** Do the names and fixed fields of this type lie within its RDATA? libknot's printer relies on it.
 */
bool zone_rdata_blocks_valid(uint16_t type, const uint8_t *rdata, uint16_t len);

/** Is this RDATA well-formed for its type? True for types that libknot does not know. */
bool zone_rdata_valid(uint16_t type, const uint8_t *rdata, uint16_t len);

/**
 * Where the name lies to which this RR sends its reader for addresses: NS, MX, SRV, and nothing
 * else.
 * @return offset in RDATA, or -1
 */
int zone_rdata_host(uint16_t type);

/** Where the name lies whose addresses are added to an answer with this RR (decision 0013): NS, MB,
 * MX, RT, SRV, KX, SVCB, HTTPS. @return offset in RDATA, or -1 */
static inline int
zone_rdata_target(uint16_t type)
{
	switch (type) {
	case 2: /* NS */
	case 7: /* MB */
		return 0;
	case 15: /* MX */
	case 21: /* RT */
	case 36: /* KX */
	case 64: /* SVCB */
	case 65: /* HTTPS */
		return 2;
	case 33: /* SRV */
		return 6;
	default:
		return -1;
	}
}

/** Octets of the wire name at p, at most `room`, or 0 when it is not well-formed and uncompressed.
 */
unsigned zone_rdata_name_octets(const uint8_t *p, unsigned room);

/**
 * What is wrong with RDATA that is well-formed, as far as named-checkzone or kzonecheck refuse it:
 * DS and CDS digests of a wrong length, CAA tags, ZONEMD digests, SVCB that names no protocol.
 * @param[out] fatal  with a fault: both refuse the zone
 * @return the fault and what would be right, or NULL
 */
const char *zone_rdata_fault(uint16_t type, const uint8_t *rdata, uint16_t len, bool *fatal);
