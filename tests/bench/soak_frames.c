/* SPDX-License-Identifier: GPL-3.0-or-later */
/* soak_frames: deterministic random packets. Half of what is sent must get past the checksums, or
 * only the frame parser would be soaked. */
#include "tests/bench/soak.h"

#include "dataplane/ports/frame.h"

#include <stdbool.h>
#include <string.h>

#define ETH 14u
#define LABEL60 "012345678901234567890123456789012345678901234567890123456789"

const struct soak_zone soak_zone[] = {
	{"example.", "$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\n@ NS ns.other.\n@ MX 10 mail\n@ "
		     "TXT \"v=spf1 -all\"\nns A 192.0.2.1\n"
		     "ns AAAA 2001:db8::1\nmail A 192.0.2.2\nwww A 192.0.2.3\n*.wild TXT "
		     "\"any\"\n*.wild A 192.0.2.4\na.ent A 192.0.2.5\n"
		     "alias CNAME www\nloop1 CNAME loop2\nloop2 CNAME loop1\nchain CNAME "
		     "alias\nout CNAME www.other.\n"
		     "old DNAME new\nx.new A 192.0.2.6\ncut NS ns.cut\ncut NS "
		     "ns.elsewhere.\nns.cut A 192.0.2.7\n"
		     "_sip._udp SRV 1 2 5060 mail\nsvc HTTPS 1 . alpn=h2\nbig TXT "
		     "\"012345678901234567890123456789012345678901234567890123456789012345678901234"
		     "5678901234567890123456789\" "
		     "\"012345678901234567890123456789012345678901234567890123456789012345678901234"
		     "5678901234567890123456789\"\n"
		     "big TXT "
		     "\"x01234567890123456789012345678901234567890123456789012345678901234567890123"
		     "45678901234567890123456789\"\n"
		     "big TXT "
		     "\"y01234567890123456789012345678901234567890123456789012345678901234567890123"
		     "45678901234567890123456789\"\n"
		     "big TXT "
		     "\"z01234567890123456789012345678901234567890123456789012345678901234567890123"
		     "45678901234567890123456789\"\n"
		     "big TXT "
		     "\"w01234567890123456789012345678901234567890123456789012345678901234567890123"
		     "45678901234567890123456789\"\n"},
	{"sub.example.",
		"$TTL 300\n@ SOA ns h 1 2 3 4 60\n@ NS ns\nns A 192.0.2.8\n* A 192.0.2.9\n"},
	{"wide.", "$TTL 300\n@ SOA ns.example. h.example. 1 2 3 4 60\n@ NS ns.example.\n@ DNAME "
		  "example.\n"},
	{NULL, NULL},
};

static const char *const name[] = {"example", "www.example", "ns.example", "x.wild.example",
	"a.b.wild.example", "ent.example", "a.ent.example", "alias.example", "loop1.example",
	"chain.example", "out.example", "x.old.example", "old.example", "cut.example",
	"deep.below.cut.example", "_sip._udp.example", "svc.example", "big.example",
	"nothing.example", "sub.example", "x.sub.example", "www.wide", "wide", "org", "",
	"version.bind", "id.server",
	/* 253 octets on the wire: too long once "wide" has become "example" (RFC 6672) */
	LABEL60 "." LABEL60 "." LABEL60 "." LABEL60 ".12.wide"};

static const uint16_t qtype[] = {
	1, 28, 2, 6, 5, 15, 16, 33, 39, 41, 43, 48, 64, 65, 250, 251, 252, 255, 257, 65280, 0};

static uint32_t
random32(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)((*state * 0x2545f4914f6cdd1du) >> 32);
}

static uint32_t
below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((uint64_t)random32(state) * n >> 32);
}

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t
put_name(uint64_t *state, uint8_t *out, const char *text)
{
	uint32_t n = 0;

	while (*text != 0) {
		size_t len = strcspn(text, ".");
		out[n++] = (uint8_t)len;
		for (size_t i = 0; i < len; i++, n++)
			out[n] = (uint8_t)(text[i] >= 'a' && text[i] <= 'z' && (random32(state) & 1)
						   ? text[i] - 32
						   : text[i]);
		text += len + (text[len] == '.');
	}
	out[n++] = 0;
	return n;
}

/* An OPT record, often with options. */
static uint32_t
put_opt(uint64_t *state, uint8_t *out)
{
	static const uint16_t code[] = {3, 10, 11, 8, 12, 15, 65001};
	uint32_t n = 11, options = below(state, 4);

	memset(out, 0, 11);
	out[2] = 41;
	put16(out + 3, below(state, 4) == 0 ? random32(state) : 1232);
	out[6] = below(state, 16) == 0 ? 1 : 0;
	out[7] = below(state, 3) == 0 ? 0x80 : 0;
	while (options-- > 0) {
		uint32_t c = code[below(state, 7)],
			 len = c == 10 ? (below(state, 2) ? 8 : 24) : below(state, 12);
		put16(out + n, c);
		put16(out + n + 2, len);
		for (uint32_t i = 0; i < len; i++)
			out[n + 4 + i] = (uint8_t)random32(state);
		n += 4 + len;
	}
	put16(out + 9, n - 11);
	return n;
}

static uint32_t
put_query(uint64_t *state, uint8_t *out)
{
	uint32_t n = 12;

	memset(out, 0, 12);
	put16(out, random32(state));
	out[2] = (uint8_t)(below(state, 16) == 0 ? random32(state) & 0x7f : below(state, 2));
	out[5] = 1;
	n += put_name(state, out + n, name[below(state, sizeof name / sizeof name[0])]);
	put16(out + n, qtype[below(state, sizeof qtype / sizeof qtype[0])]);
	put16(out + n + 2, below(state, 16) != 0 ? 1 : 1 + below(state, 4));
	n += 4;
	if (below(state, 2) == 0) {
		out[11] = 1;
		n += put_opt(state, out + n);
	}
	return n;
}

/* Change a few octets. */
static void
damage(uint64_t *state, uint8_t *p, uint32_t len)
{
	for (uint32_t n = 1 + below(state, 6); n > 0 && len > 0; n--) {
		uint8_t *at = p + below(state, len);
		switch (below(state, 4)) {
		case 0:
			*at ^= (uint8_t)(1u << below(state, 8));
			break;
		case 1:
			*at = 0xff;
			break;
		case 2:
			*at = 0;
			break;
		default:
			*at = (uint8_t)random32(state);
		}
	}
}

/* UDP's checksum: over addresses, protocol and length as if they stood right before its header. */
static void
put_udp_checksum(uint8_t *udp, uint32_t len, const uint8_t *addresses, uint32_t address_octets)
{
	uint8_t all[36 + SOAK_FRAME_MAX] = {0};
	uint32_t n = address_octets;

	memcpy(all, addresses, n);
	put16(all + n, 17);
	put16(all + n + 2, len);
	memcpy(all + n + 4, udp, len);
	memset(all + n + 4 + 6, 0, 2);
	uint16_t sum = frame_checksum(all, n + 4 + len);
	if (sum == 0)
		sum = 0xffff;
	memcpy(udp + 6, &sum, 2);
}

/* Headers around dns_len octets that lie behind them already. Returns octets of the frame. */
static uint32_t
put_headers(uint64_t *state, uint8_t *frame, uint32_t l3, bool v6, uint32_t dns_len)
{
	uint8_t *ip = frame + l3, *udp = ip + (v6 ? 40 : 20);
	uint32_t udp_len = 8 + dns_len;

	memset(frame, 2, 12);
	if (l3 > ETH)
		memcpy(frame + 12, "\x81\x00\x00\x05", 4);
	put16(frame + l3 - 2, v6 ? 0x86dd : 0x0800);
	put16(udp, below(state, 64) == 0 ? 0 : 1024 + below(state, 60000));
	put16(udp + 2, 53);
	put16(udp + 4, udp_len);
	put16(udp + 6, 0);
	if (v6) {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		put16(ip + 4, udp_len);
		ip[6] = 17;
		ip[7] = 64;
		memcpy(ip + 8, "\x20\x01\x0d\xb8", 4);
		put16(ip + 22, random32(state));
		memcpy(ip + 24, "\x20\x01\x0d\xb8", 4);
		ip[39] = 1;
		put_udp_checksum(udp, udp_len, ip + 8, 32);
	} else {
		memset(ip, 0, 20);
		ip[0] = 0x45;
		put16(ip + 2, 20 + udp_len);
		ip[8] = 64;
		ip[9] = 17;
		memcpy(ip + 12, "\xc6\x12", 2);
		put16(ip + 14, random32(state) | 1);
		memcpy(ip + 16, "\xc6\x13\x00\x01", 4);
		uint16_t sum = frame_checksum(ip, 20);
		memcpy(ip + 10, &sum, 2);
		put_udp_checksum(udp, udp_len, ip + 12, 8);
	}
	return l3 + (v6 ? 40 : 20) + udp_len;
}

uint32_t
soak_make_frame(uint64_t *state, uint8_t *frame, enum soak_kind *kind)
{
	uint32_t what = below(state, 100), l3 = below(state, 8) == 0 ? ETH + 4 : ETH, len;
	bool v6 = below(state, 3) == 0;
	uint8_t *dns = frame + l3 + (v6 ? 40 : 20) + 8;

	*kind = what < 10   ? SOAK_NOISE
		: what < 30 ? SOAK_BROKEN_FRAME
		: what < 65 ? SOAK_BROKEN_QUERY
			    : SOAK_GOOD;
	if (*kind == SOAK_NOISE) {
		len = below(state, 4) == 0 ? below(state, SOAK_FRAME_MAX + 1) : below(state, 100);
		for (uint32_t i = 0; i < len; i++)
			frame[i] = (uint8_t)random32(state);
		if (len > ETH)
			put16(frame + 12, below(state, 2) == 0 ? 0x0800 : 0x86dd);
		return len;
	}
	len = put_query(state, dns);
	if (*kind == SOAK_BROKEN_QUERY) {
		damage(state, dns, len);
		if (below(state, 4) == 0)
			len = below(state, len + 1);
	}
	len = put_headers(state, frame, l3, v6, len);
	if (*kind == SOAK_BROKEN_FRAME) {
		damage(state, frame, below(state, 2) == 0 ? len : l3 + 28);
		if (below(state, 4) == 0)
			len = below(state, len + 1);
	}
	return len;
}
