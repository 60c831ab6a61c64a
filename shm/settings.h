/* SPDX-License-Identifier: GPL-3.0-or-later */
/* settings: what the answer engine does that is configured rather than compiled. A block in the
 * arena, published like a zone: a new block, one store of arena_header.settings, then the old one
 * is freed after a grace period. */
#pragma once
#include <assert.h>
#include <stdint.h>

#define SETTINGS_MAGIC 0x53544553u /* "SETS" */
#define SETTINGS_TEXT_MAX 255u     /* one TXT character-string */

struct settings_text {
	uint8_t len; /* 0: not configured; then the query is refused or the option left out */
	uint8_t octets[SETTINGS_TEXT_MAX];
};

struct settings {
	uint32_t magic;
	uint16_t udp_payload_max;  /* octets; largest UDP response, and what our OPT announces */
	uint16_t tcp_keepalive_ds; /* edns-tcp-keepalive timeout, in 100 ms (RFC 7828) */
	uint8_t cookies;           /* 0: ignore the COOKIE option */
	uint8_t reserved[7];
	uint8_t cookie_secret[16];     /* SipHash-2-4 key of RFC 9018, shared by all members of an
					  anycast set */
	uint8_t cookie_secret_old[16]; /* the one before; equal to cookie_secret when there is none
					*/
	struct settings_text nsid;     /* RFC 5001 */
	struct settings_text version;  /* version.bind., version.server. CH TXT */
	struct settings_text identity; /* id.server., hostname.bind. CH TXT (RFC 4892) */
};

/* Blocks carry no length: what is new takes reserved room, or is a block of its own. */
static_assert(sizeof(struct settings) == 816, "the layout of arenas that are in use");
