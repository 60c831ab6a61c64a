/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cookie: server cookies, version 1 of RFC 9018: 1, three zero octets, a timestamp, and SipHash-2-4
 * over client cookie, those eight octets, and the client's address. */
#include "dataplane/answer/cookie.h"

#include <stdbool.h>
#include <string.h>

#define COOKIE_VERSION 1u
#define COOKIE_OLD_S 1800u /* RFC 9018 4.3: then a new one is sent */
#define COOKIE_DEAD_S 3600u
#define COOKIE_FUTURE_S 300u

static inline uint64_t
rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static inline void
sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static uint64_t
load64le(const uint8_t *p)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint64_t
cookie_siphash(const uint8_t key[16], const uint8_t *data, unsigned len)
{
	uint64_t k0 = load64le(key), k1 = load64le(key + 8), last = (uint64_t)len << 56;
	uint64_t v[4] = {k0 ^ 0x736f6d6570736575ull, k1 ^ 0x646f72616e646f6dull,
		k0 ^ 0x6c7967656e657261ull, k1 ^ 0x7465646279746573ull};

	for (; len >= 8; data += 8, len -= 8) {
		uint64_t m = load64le(data);
		v[3] ^= m;
		sip_round(v);
		sip_round(v);
		v[0] ^= m;
	}
	for (unsigned i = 0; i < len; i++)
		last |= (uint64_t)data[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The hash of RFC 9018 4.4; `cookie` holds client cookie, version, reserved, timestamp: 16 octets.
 */
static void
cookie_hash(
	const uint8_t key[16], const uint8_t cookie[16], const uint8_t client[16], uint8_t out[8])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool v4 = memcmp(client, mapped, sizeof mapped) == 0;
	uint8_t text[32];

	memcpy(text, cookie, 16);
	memcpy(text + 16, v4 ? client + 12 : client, v4 ? 4 : 16);
	uint64_t h = cookie_siphash(key, text, v4 ? 20 : 32);
	for (unsigned i = 0; i < 8;
		i++) /* the reference code writes SipHash's octets little-endian */
		out[i] = (uint8_t)(h >> (8 * i));
}

/* Judge a received server cookie. *fresh: it is ours, and young enough to be sent again. */
static enum cookie_state
cookie_judge(const struct settings *s, const uint8_t *option, const uint8_t client[16],
	uint32_t now_s, bool *fresh)
{
	uint8_t hash[8];
	uint32_t stamp;

	if (option[8] != COOKIE_VERSION)
		return COOKIE_INVALID;
	stamp = (uint32_t)option[12] << 24 | (uint32_t)option[13] << 16 |
		(uint32_t)option[14] << 8 | option[15];
	/* RFC 1982 arithmetic, as RFC 9018 4.3 asks for */
	int32_t age = (int32_t)(now_s - stamp);
	if (age > (int32_t)COOKIE_DEAD_S || age < -(int32_t)COOKIE_FUTURE_S)
		return COOKIE_INVALID;
	cookie_hash(s->cookie_secret, option, client, hash);
	if (memcmp(hash, option + 16, 8) == 0) {
		*fresh = age <= (int32_t)COOKIE_OLD_S;
		return COOKIE_VALID;
	}
	cookie_hash(s->cookie_secret_old, option, client, hash);
	return memcmp(hash, option + 16, 8) == 0 ? COOKIE_VALID_OLD : COOKIE_INVALID;
}

enum cookie_state
cookie_make(const struct settings *s, const uint8_t *option, unsigned option_len,
	const uint8_t client[16], uint32_t now_s, uint8_t out[COOKIE_CLIENT + COOKIE_SERVER])
{
	enum cookie_state state = option_len == COOKIE_CLIENT ? COOKIE_NEW : COOKIE_INVALID;
	bool fresh = false;

	memcpy(out, option, COOKIE_CLIENT);
	if (option_len == COOKIE_CLIENT + COOKIE_SERVER)
		state = cookie_judge(s, option, client, now_s, &fresh);
	if (fresh) {
		memcpy(out + COOKIE_CLIENT, option + COOKIE_CLIENT, COOKIE_SERVER);
		return state;
	}
	out[8] = COOKIE_VERSION;
	out[9] = out[10] = out[11] = 0;
	out[12] = (uint8_t)(now_s >> 24);
	out[13] = (uint8_t)(now_s >> 16);
	out[14] = (uint8_t)(now_s >> 8);
	out[15] = (uint8_t)now_s;
	cookie_hash(s->cookie_secret, out, client, out + 16);
	return state;
}
