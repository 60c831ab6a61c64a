/* SPDX-License-Identifier: GPL-3.0-or-later */
/* frame_make: builds Ethernet frames of DNS queries for the tests of frames, with checksums of its
 * own that share nothing with the code under test. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FRAME_MAX 4096u

static const uint8_t DNS[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07"
			     "example\x03"
			     "com\x00\x00\x01\x00\x01";
#define DNS_LEN (sizeof DNS - 1)

/* A frame under construction: what is written first comes first on the wire. */
struct frame {
	uint8_t octets[FRAME_MAX];
	unsigned len, l3, l4, l4_end;
	bool ip6;
};

static inline void
put(struct frame *f, const void *octets, unsigned len)
{
	assert_true(f->len + len <= FRAME_MAX);
	if (len != 0)
		memcpy(f->octets + f->len, octets, len);
	f->len += len;
}

static inline void
put8(struct frame *f, unsigned v)
{
	uint8_t o = (uint8_t)v;
	put(f, &o, 1);
}

static inline void
put16be(struct frame *f, unsigned v)
{
	put8(f, v >> 8);
	put8(f, v);
}

static inline void
set16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* RFC 1071 as written, one word at a time: shares nothing with the code under test. */
static inline unsigned
plain_sum(const uint8_t *p, unsigned len, unsigned sum)
{
	for (unsigned i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (unsigned)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline unsigned
plain_udp_sum(const struct frame *f)
{
	unsigned udp_len = (unsigned)f->octets[f->l4 + 4] << 8 | f->octets[f->l4 + 5];
	unsigned sum = udp_len + 17;
	sum = plain_sum(f->octets + f->l3 + (f->ip6 ? 8 : 12), f->ip6 ? 32 : 8, sum);
	return plain_sum(f->octets + f->l4, udp_len, sum);
}

static inline void
fix_ip4_checksum(struct frame *f)
{
	uint8_t *ip = f->octets + f->l3;
	set16(ip + 10, 0);
	set16(ip + 10, ~plain_sum(ip, (ip[0] & 15u) * 4, 0));
}

static inline void
fix_udp_checksum(struct frame *f)
{
	unsigned sum;
	set16(f->octets + f->l4 + 6, 0);
	sum = ~plain_udp_sum(f) & 0xffff;
	set16(f->octets + f->l4 + 6, sum ? sum : 0xffff);
}

static inline void
begin(struct frame *f, unsigned tags, unsigned type)
{
	memset(f, 0, sizeof *f);
	put(f, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	for (unsigned i = 0; i < tags; i++) {
		put16be(f, i + 1 < tags ? 0x88a8 : 0x8100);
		put16be(f, 0x2000 + 100 + i);
	}
	put16be(f, type);
	f->l3 = f->len;
}

static inline void
put_udp(struct frame *f, const uint8_t *dns, unsigned len)
{
	f->l4 = f->len;
	put16be(f, 40000);
	put16be(f, 53);
	put16be(f, 8 + len);
	put16be(f, 0);
	put(f, dns, len);
	f->l4_end = f->len;
}

static inline void
make4(struct frame *f, unsigned tags, unsigned option_octets, const uint8_t *dns, unsigned len)
{
	begin(f, tags, 0x0800);
	put8(f, 0x40 + 5 + option_octets / 4);
	put8(f, 0);
	put16be(f, 20 + option_octets + 8 + len);
	put16be(f, 0x1234);
	put16be(f, 0);
	put8(f, 57);
	put8(f, 17);
	put16be(f, 0);
	put(f, "\xc0\x00\x02\x01\xc0\x00\x02\x02", 8);
	for (unsigned i = 0; i < option_octets; i++)
		put8(f, 1); /* NOP */
	put_udp(f, dns, len);
	fix_ip4_checksum(f);
	fix_udp_checksum(f);
}

/* IPv6 with `extension` octets between header and UDP; first: its type. */
static inline void
make6(struct frame *f, unsigned tags, unsigned first, const void *extension, unsigned octets,
	const uint8_t *dns, unsigned len)
{
	static const uint8_t addresses[] = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
					   "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02";
	begin(f, tags, 0x86dd);
	f->ip6 = true;
	put16be(f, 0x6000);
	put16be(f, 0x1234);
	put16be(f, octets + 8 + len);
	put8(f, first);
	put8(f, 60);
	put(f, addresses, 32);
	put(f, extension, octets);
	put_udp(f, dns, len);
	fix_udp_checksum(f);
}

static inline void
plain4(struct frame *f)
{
	make4(f, 0, 0, DNS, DNS_LEN);
}

static inline void
plain6(struct frame *f)
{
	make6(f, 0, 17, NULL, 0, DNS, DNS_LEN);
}
