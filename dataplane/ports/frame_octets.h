/* SPDX-License-Identifier: GPL-3.0-or-later */
/* frame_octets: numbers in packets, and the Internet checksum's sums. Private to frame*.c. */
#pragma once
#include <stdint.h>
#include <string.h>

#ifdef __SSSE3__
#include <tmmintrin.h>
#endif

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

/*
 * One's complement sum in the machine's octet order (RFC 1071 2 B), as a sum of 32-bit words that
 * is not folded yet: of what fits in a packet it cannot leave 64 bits, so there is no carry to
 * chase.
 */
static inline uint64_t
sum_words(const uint8_t *p, uint32_t len, uint64_t sum)
{
	for (; len >= 4; p += 4, len -= 4)
		sum += load32(p);
	if (len >= 2) {
		sum += load16(p);
		p += 2;
		len -= 2;
	}
	if (len != 0) {
		const uint8_t last[2] = {p[0], 0};
		sum += load16(last);
	}
	return sum;
}

#ifdef __SSSE3__
/* The four words of a vector, added to the two halves of another one. */
static inline __m128i
sum_vector(__m128i sum, __m128i v)
{
	sum = _mm_add_epi64(sum, _mm_unpacklo_epi32(v, _mm_setzero_si128()));
	return _mm_add_epi64(sum, _mm_unpackhi_epi32(v, _mm_setzero_si128()));
}

/* The same for 16 octets and more. The octets behind the last whole vector are taken from a vector
 * that ends with them, without asking how many they are: names have every length, and guessing it
 * wrong takes as long as all the rest. */
static inline uint64_t
sum_octets(const uint8_t *p, uint32_t len, uint64_t sum)
{
	/* 16 octets from [16 - n] on move the last n octets of a vector to its start */
	static const uint8_t move[32] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x80,
		0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		0x80};
	const uint8_t *end = p + len;
	__m128i v = _mm_setzero_si128(), last;

	if (__builtin_expect(len < 16, 0))
		return sum_words(p, len, sum);
	last = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(end - 16)),
		_mm_loadu_si128((const __m128i *)(const void *)(move + 16 - len % 16)));
	for (; end - p >= 16; p += 16)
		v = sum_vector(v, _mm_loadu_si128((const __m128i *)(const void *)p));
	v = sum_vector(v, last);
	v = _mm_add_epi64(v, _mm_unpackhi_epi64(v, v));
	return sum + (uint64_t)_mm_cvtsi128_si64(v);
}
#else
#define sum_octets sum_words
#endif

static inline uint16_t
sum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}
