/* SPDX-License-Identifier: GPL-3.0-or-later */
/* name: owner names in wire format, folded and hashed the same way by whoever writes zone images
 * and whoever reads them. Pure functions, any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NAME_OCTETS_MAX 255u /* RFC 1035 2.3.4, root label included */
#define NAME_LABELS_MAX 127u /* root not counted */
#define LABEL_OCTETS_MAX 63u
#define NAME_PAD 40u /* readable octets that folding and hashing may touch behind a name */

/**
 * Lower-case the ASCII letters of a wire-format name. Length octets are at most 63, below 'A', so
 * the whole name is folded without looking at its labels.
 * @param[out] dst  len octets rounded up to a multiple of 32 are written
 * @param src       len octets rounded up to a multiple of 32 are read
 * @param len       0..255
 */
static inline void
name_fold(uint8_t *restrict dst, const uint8_t *restrict src, unsigned len)
{
	/* 16 octets: for wider vectors than the target has, gcc 12 compares octet by octet (21 ns a
	 * name instead of 2) */
	typedef uint8_t vec __attribute__((vector_size(16), aligned(1), may_alias));
	for (unsigned i = 0; i < len; i += 32) {
		vec v[2];
		memcpy(v, src + i, sizeof v);
		/* unsigned wrap makes one comparison of the range test; true lanes are 0xff */
		v[0] |= (vec)((vec)(v[0] - 'A') < 26) & 0x20;
		v[1] |= (vec)((vec)(v[1] - 'A') < 26) & 0x20;
		memcpy(dst + i, v, sizeof v);
	}
}

/** One multiply-and-fold step (wyhash). Secret: the chain value h starts from the arena's random
 * seed. */
static inline uint64_t
name_hash_mix(uint64_t h, uint64_t word)
{
	unsigned __int128 m = (unsigned __int128)(h ^ word) * 0x9e3779b97f4a7c15ull;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

#define NAME_HASH_AHEAD 15u /* octets behind a name that hashing may read */

/**
 * Hash of the name that has one label more in front than the name whose hash is `parent`. Labels of
 * up to 15 octets, nearly all, take one multiplication and no loop: its length is not guessed
 * wrong. Both factors hold the secret chain value, so that nobody can choose a label that makes one
 * of them 0.
 * @param parent  hash of the parent name; that of the root is the arena's seed
 * @param label   folded label, length octet first (1..63); NAME_HASH_AHEAD octets behind it must be
 *                readable
 */
static inline uint64_t
name_hash_extend(uint64_t parent, const uint8_t *label)
{
	/* 16 octets from [16 - n] on keep the first n octets of a pair of words */
	static const uint8_t keep[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	unsigned left = label[0] + 1u;
	uint64_t h = parent, w[2], mask[2];
	unsigned __int128 m;

	while (left > 16) {
		memcpy(w, label, 16);
		m = (unsigned __int128)(h ^ w[0]) * ((h << 29 | h >> 35) ^ w[1]);
		h = (uint64_t)m ^ (uint64_t)(m >> 64);
		label += 16;
		left -= 16;
	}
	memcpy(w, label, 16);
	memcpy(mask, keep + 16 - left, 16);
	m = (unsigned __int128)(h ^ (w[0] & mask[0])) * ((h << 29 | h >> 35) ^ (w[1] & mask[1]));
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/**
 * Split a folded wire name into label offsets.
 * @param name        well-formed, uncompressed, ends in the root label
 * @param[out] label  offset of label i, leftmost first
 * @return number of labels without the root, 0..127
 */
static inline unsigned
name_labels(const uint8_t *name, uint8_t label[NAME_LABELS_MAX])
{
	unsigned n = 0, at = 0;
	while (name[at] != 0 && n < NAME_LABELS_MAX) {
		label[n++] = (uint8_t)at;
		at += name[at] + 1u;
	}
	return n;
}

/** Octets of a well-formed wire name, root label included. */
static inline unsigned
name_octets(const uint8_t *name)
{
	unsigned at = 0;
	while (name[at] != 0)
		at += name[at] + 1u;
	return at + 1;
}

/** Hash of a whole folded name. NAME_HASH_AHEAD octets behind it must be readable. */
static inline uint64_t
name_hash(uint64_t seed, const uint8_t *name)
{
	uint8_t label[NAME_LABELS_MAX];
	unsigned n = name_labels(name, label);
	while (n-- > 0)
		seed = name_hash_extend(seed, name + label[n]);
	return seed;
}

/** Compare two folded names, or leading parts of them, of the same length. Inline: memcmp costs a
 * call. Reads nothing outside len octets: the last word overlaps the one before. */
static inline bool
name_equal(const uint8_t *a, const uint8_t *b, unsigned len)
{
	uint64_t x, y;
	uint32_t v, w;

	if (len >= 8) {
		for (unsigned i = 8; __builtin_expect(i + 16 < len, 0); i += 8) {
			memcpy(&x, a + i, 8);
			memcpy(&y, b + i, 8);
			if (x != y)
				return false;
		}
		/* up to 24 octets in three words, without asking how many: a wrong guess takes
		 * longer */
		unsigned first = len > 16 ? len - 16 : 0;
		memcpy(&x, a, 8);
		memcpy(&y, b, 8);
		uint64_t differ = x ^ y;
		memcpy(&x, a + first, 8);
		memcpy(&y, b + first, 8);
		differ |= x ^ y;
		memcpy(&x, a + len - 8, 8);
		memcpy(&y, b + len - 8, 8);
		return (differ | (x ^ y)) == 0;
	}
	if (len >= 4) {
		memcpy(&v, a, 4);
		memcpy(&w, b, 4);
		x = v ^ w;
		memcpy(&v, a + len - 4, 4);
		memcpy(&w, b + len - 4, 4);
		return (x | (v ^ w)) == 0;
	}
	for (unsigned i = 0; i < len; i++)
		if (a[i] != b[i])
			return false;
	return true;
}
