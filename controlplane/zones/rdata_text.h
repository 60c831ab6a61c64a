/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rdata_text: RDATA between wire and presentation format, for the API, the tools and imports; by
 * libzscanner and libknot, so every RR type that they know, and RFC 3597 for the rest. Pure, any
 * thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RDATA_WIRE_MAX 65535u
#define RDATA_TEXT_ERROR_OCTETS 256u

/** "A", "TYPE65400". @return 0, or -EINVAL: no RR type that a zone may hold (OPT, ANY, AXFR, ...)
 */
int rrtype_from_text(const char *text, uint16_t *type) __attribute__((warn_unused_result));
/** @param[out] text  upper case */
void rrtype_to_text(uint16_t type, char text[16]);

/**
 * One record's content. Names in it must be absolute: one without a final dot is an error, never
 * completed.
 * @param[out] rdata  RDATA_WIRE_MAX octets of room
 * @param[out] error  what is wrong, and, where there is one, what it was understood as, for
 *                    PowerDNS's "Not in expected format (parsed as '...')"
 * @return 0 or -EINVAL
 */
int rdata_from_text(uint16_t type, const char *text, uint8_t *rdata, uint16_t *rdlength,
	char error[RDATA_TEXT_ERROR_OCTETS]) __attribute__((warn_unused_result));

/**
 * The canonical text: names absolute, TXT quoted, as PowerDNS's API shows it.
 * @return octets without the NUL, or -EINVAL (malformed RDATA), -ENOSPC or -ENOMEM
 */
int rdata_to_text(uint16_t type, const uint8_t *rdata, uint16_t rdlength, char *text, size_t room)
	__attribute__((warn_unused_result));

/** Is it well-formed for its type? Unknown types are. */
bool rdata_is_valid(uint16_t type, const uint8_t *rdata, uint16_t rdlength);
