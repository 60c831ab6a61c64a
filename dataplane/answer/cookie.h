/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cookie: DNS server cookies as RFC 9018 makes them, interoperable between servers that share the
 * secret. */
#pragma once
#include "shm/settings.h"

#include <stdint.h>

#define COOKIE_CLIENT 8u
#define COOKIE_SERVER 16u

enum cookie_state {
	COOKIE_NEW,       /* the client has no server cookie yet */
	COOKIE_VALID,     /* ours, and not older than an hour */
	COOKIE_VALID_OLD, /* the same, but made with the secret before */
	COOKIE_INVALID,
};

/**
 * SipHash-2-4 with a 64-bit result (RFC 9018 4.4).
 * @param key  16 octets
 */
uint64_t cookie_siphash(const uint8_t key[16], const uint8_t *data, unsigned len);

/**
 * The server cookie to send.
 * @param option      the COOKIE option received: client cookie, perhaps a server cookie
 * @param option_len  8 or 16..40
 * @param client      IPv6 or IPv4-mapped address
 * @param now_s       Unix time
 * @param[out] out    client cookie and server cookie: the received one again while it is fresh (RFC
 * 9018 4.3)
 * @return what the received one was worth
 */
enum cookie_state cookie_make(const struct settings *s, const uint8_t *option, unsigned option_len,
	const uint8_t client[16], uint32_t now_s, uint8_t out[COOKIE_CLIENT + COOKIE_SERVER]);
