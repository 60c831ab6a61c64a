/* SPDX-License-Identifier: GPL-3.0-or-later */
/* frame_octets: numbers in packets, and the Internet checksum's sums. Private to frame*.c. */
#pragma once
#include <stdint.h>
#include <string.h>

#define ETHER_HEADER 14u
#define ETHER_IP4 0x0800u
#define ETHER_IP6 0x86ddu
#define ETHER_TAG 0x8100u       /* 802.1Q */
#define ETHER_TAG_OUTER 0x88a8u /* 802.1ad */
#define IP_TCP 6u
#define IP_UDP 17u
#define IP4_FRAGMENT 0x3fffu /* "more fragments", and the offset */

static inline uint16_t
load16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, 2);
	return v;
}

static inline uint32_t
load32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

static inline uint64_t
load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, 8);
	return v;
}

static inline unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static inline void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* One's complement addition: the carry comes back in at the bottom (RFC 1071 2 C). */
static inline uint64_t
sum_add(uint64_t sum, uint64_t w)
{
	sum += w;
	return sum + (sum < w);
}

/* One's complement sum in the machine's octet order (RFC 1071 2 B). Two chains, as each addition
 * waits for the carry of the one before it. */
static inline uint64_t
sum_octets(const uint8_t *p, uint32_t len, uint64_t sum)
{
	uint64_t other = 0;

	for (; len >= 16; p += 16, len -= 16) {
		sum = sum_add(sum, load64(p));
		other = sum_add(other, load64(p + 8));
	}
	sum = sum_add(sum, other);
	if (len >= 8) {
		sum = sum_add(sum, load64(p));
		p += 8;
		len -= 8;
	}
	if (len >= 4) {
		sum = sum_add(sum, load32(p));
		p += 4;
		len -= 4;
	}
	if (len >= 2) {
		sum = sum_add(sum, load16(p));
		p += 2;
		len -= 2;
	}
	if (len != 0) {
		const uint8_t last[2] = {p[0], 0};
		sum = sum_add(sum, load16(last));
	}
	return sum;
}

static inline uint16_t
sum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}
