/* SPDX-License-Identifier: GPL-3.0-or-later */
/* policy: who is answered, and how much: access list and rate limits, as the control plane compiles
 * them and workers read them. One block in the arena, published like a zone: a new block, one store
 * of arena_header.policy, then the old one is freed after a grace period.
 *
 * The access list is compiled to ranges: the starts of all stretches of addresses with the same
 * action, in ascending order, with an index over the upper 16 bits in front. So a look-up is one
 * read of the index and a search among the few ranges that begin in the same 65536th of the address
 * space, and n prefixes take at most 2n + 1 ranges of 8 octets, whatever their lengths (a trie of
 * 100,000 IPv6 addresses would take 100 MB; docs/decisions/0019). A range is one word: the lower 48
 * bits of its start, since the index stands for the others, and its action. IPv6 ranges are those
 * of /64s; one that is divided further says so, and its parts are found in a table of their own.
 *
 * A reader believes nothing but what policy_current() has checked; everything else is bounded. */
#pragma once
#include "shm/arena.h"
#include "shm/prefetch.h"

#include <string.h>

#define POLICY_MAGIC 0x50434c31u /* "1LCP" */
#define POLICY_INDEX_BITS 16u
#define POLICY_INDEX_ENTRIES ((1u << POLICY_INDEX_BITS) + 1u)
#define POLICY_RANGES_MAX (1u << 22) /* of one table: 2 M prefixes */
#define POLICY_RATE_MAX 1000000u     /* responses a second */
#define POLICY_WINDOW_MAX_MS 60000u
#define POLICY_V6_BITS_MAX 64u /* of the prefix that shares a limit */

/* X(id, word): deny: no response; refuse: REFUSED; tcp-only: over UDP TC, and nothing but the
 * question; unlimited: allowed, and no rate limit */
#define POLICY_ACTION_LIST(X)   \
	X(ALLOW, "allow")       \
	X(DENY, "deny")         \
	X(REFUSE, "refuse")     \
	X(TCP_ONLY, "tcp-only") \
	X(UNLIMITED, "unlimited")

enum policy_action {
#define X(id, word) POLICY_##id,
	POLICY_ACTION_LIST(X)
#undef X
		POLICY_ACTIONS,
	POLICY_DIVIDED = 7, /* a /64 whose parts are in the table of parts */
};

/* Responses with a limit of their own each. */
enum policy_class { POLICY_ANSWERS, POLICY_NXDOMAIN, POLICY_ERRORS, POLICY_CLASSES };

struct policy_rate_limit {
	uint32_t rate[POLICY_CLASSES]; /* responses a second and prefix, of the machine; 0: no limit
					*/
	uint32_t window_ms; /* a prefix that was quiet may get what this time allows at once */
	uint8_t enabled;
	uint8_t slip;    /* each how manieth response over the limit goes out with TC; 0: none */
	uint8_t v4_bits; /* of the prefix that shares a limit: 1..32 */
	uint8_t v6_bits; /* 1..POLICY_V6_BITS_MAX */
	uint8_t limit_loopback; /* also what comes from this machine */
	uint8_t reserved[3];
};

/* Octet offsets from the start of the block. */
struct policy_ranges {
	uint32_t n;        /* at least 1: the first range starts at 0 */
	uint32_t index_at; /* uint32_t[POLICY_INDEX_ENTRIES]: the last range that starts before the
			      first address with these upper bits; for 0 and for the last one, the
			      first and the last range */
	uint32_t range_at; /* uint64_t[n], policy_range() of each, in order of their starts */
	uint32_t reserved;
};

/* Parts of divided /64s: uint64_t[n] upper halves, uint64_t[n] lower halves, uint8_t[n]. */
struct policy_parts {
	uint32_t n, upper_at, lower_at, action_at;
};

struct policy {
	uint32_t magic;
	uint32_t reserved;
	uint64_t octets; /* of the block */
	uint64_t serial; /* differs from that of every other block, of other arenas too */
	struct policy_rate_limit limit;
	uint8_t acl;            /* 0: everybody is allowed, and nobody need look */
	uint8_t default_action; /* where no prefix matches */
	uint8_t reserved_too[6];
	struct policy_ranges v4; /* starts: the address in the upper half */
	struct policy_ranges v6; /* starts: the upper half of the address */
	struct policy_parts parts;
};

static inline bool
policy_array_is_inside(uint64_t octets, uint32_t at, uint64_t n, uint32_t width)
{
	return at >= sizeof(struct policy) && at % width == 0 && at <= octets &&
	       n * width <= octets - at;
}

static inline bool
policy_ranges_are_inside(uint64_t octets, const struct policy_ranges *r)
{
	return r->n >= 1 && r->n <= POLICY_RANGES_MAX &&
	       policy_array_is_inside(octets, r->index_at, POLICY_INDEX_ENTRIES, 4) &&
	       policy_array_is_inside(octets, r->range_at, r->n, 8);
}

/**
 * The block at an offset, when it and all its tables lie inside the arena and its numbers are in
 * their ranges; else NULL. What lies in the tables is not looked at.
 */
static inline const struct policy *
policy_at(const struct arena *a, uint64_t off)
{
	const struct policy *p = arena_at(a, off, sizeof *p);

	if (p == NULL || off % ARENA_ALIGN != 0 || p->magic != POLICY_MAGIC ||
		p->octets < sizeof *p || p->octets > UINT32_MAX ||
		arena_at(a, off, p->octets) == NULL || p->limit.v4_bits < 1 ||
		p->limit.v4_bits > 32 || p->limit.v6_bits < 1 ||
		p->limit.v6_bits > POLICY_V6_BITS_MAX || p->limit.window_ms > POLICY_WINDOW_MAX_MS)
		return NULL;
	if (p->acl &&
		(!policy_ranges_are_inside(p->octets, &p->v4) ||
			!policy_ranges_are_inside(p->octets, &p->v6) ||
			p->parts.n > POLICY_RANGES_MAX ||
			!policy_array_is_inside(p->octets, p->parts.upper_at, p->parts.n, 8) ||
			!policy_array_is_inside(p->octets, p->parts.lower_at, p->parts.n, 8) ||
			!policy_array_is_inside(p->octets, p->parts.action_at, p->parts.n, 1)))
		return NULL;
	return p;
}

/** The policy of this moment; NULL: none, everybody is allowed and nobody limited. For a burst. */
static inline const struct policy *
policy_current(const struct arena *a)
{
	return policy_at(a, atomic_load_explicit(&arena_header(a)->policy, memory_order_acquire));
}

/** An address split as the tables want it. */
struct policy_key {
	uint64_t upper, lower;
	bool v4;
};

static inline struct policy_key
policy_key_of(const uint8_t client[16])
{
	uint64_t upper, lower;

	memcpy(&upper, client, 8);
	memcpy(&lower, client + 8, 8);
	upper = __builtin_bswap64(upper);
	lower = __builtin_bswap64(lower);
	if (upper == 0 && lower >> 32 == 0xffff)
		return (struct policy_key){.upper = lower << 32, .v4 = true};
	return (struct policy_key){.upper = upper, .lower = lower};
}

/** A range as it is stored: comparable among those that start with the same upper 16 bits. */
static inline uint64_t
policy_range(uint64_t start, uint8_t action)
{
	return start << POLICY_INDEX_BITS >> 8 | action;
}

static inline const struct policy_ranges *
policy_ranges_of(const struct policy *p, const struct policy_key *k)
{
	return k->v4 ? &p->v4 : &p->v6;
}

/** Ask for the line of the index that this address needs. */
static inline void
policy_prefetch_index(const struct policy *p, const struct policy_key *k)
{
	prefetch_line((const uint8_t *)p + policy_ranges_of(p, k)->index_at +
		      (k->upper >> (64 - POLICY_INDEX_BITS)) * sizeof(uint32_t));
}

/* The ranges that an address can lie in: n from the first on. */
struct policy_span {
	uint32_t first, n;
};

/** The first half of a look-up. */
static inline struct policy_span
policy_span_of(const struct policy *p, const struct policy_key *k)
{
	const struct policy_ranges *r = policy_ranges_of(p, k);
	const uint32_t *index = (const uint32_t *)((const uint8_t *)p + r->index_at) +
				(k->upper >> (64 - POLICY_INDEX_BITS));
	uint32_t first = index[0], last = index[1];

	/* a damaged index must not lead outside */
	last = last < r->n ? last : r->n - 1;
	first = first < last ? first : last;
	return (struct policy_span){.first = first, .n = last - first + 1};
}

/** Ask for the range in the middle, which is looked at first. */
static inline void
policy_prefetch_span(
	const struct policy *p, const struct policy_key *k, const struct policy_span *s)
{
	prefetch_line((const uint8_t *)p + policy_ranges_of(p, k)->range_at +
		      (s->first + s->n / 2) * sizeof(uint64_t));
}

/* Action of the last range of a span that does not start behind the key. */
static inline uint8_t
policy_range_action(const struct policy *p, const struct policy_key *k, const struct policy_span *s)
{
	const uint64_t *range =
		(const uint64_t *)((const uint8_t *)p + policy_ranges_of(p, k)->range_at);
	uint64_t key = policy_range(k->upper, UINT8_MAX);
	uint32_t low = s->first;

	/* halved without a branch to guess, at most 22 times; the first one may begin before this
	 * 65536th, and is not compared */
	for (uint32_t n = s->n; n > 1;) {
		uint32_t half = n / 2;
		low = range[low + half] <= key ? low + half : low;
		n -= half;
	}
	return (uint8_t)range[low];
}

/* The same for a /64 that is divided. */
static inline uint8_t
policy_part_action(const struct policy *p, const struct policy_key *k)
{
	const uint8_t *base = (const uint8_t *)p;
	const uint64_t *upper = (const uint64_t *)(base + p->parts.upper_at);
	const uint64_t *lower = (const uint64_t *)(base + p->parts.lower_at);
	uint32_t low = 0;

	if (p->parts.n == 0)
		return p->default_action;
	for (uint32_t n = p->parts.n; n > 1;) {
		uint32_t half = n / 2, at = low + half;
		bool before =
			upper[at] < k->upper || (upper[at] == k->upper && lower[at] <= k->lower);
		low = before ? at : low;
		n -= half;
	}
	return upper[low] == k->upper ? base[p->parts.action_at + low] : p->default_action;
}

/** What the tables say of this address, whatever it means: the second half of a look-up. Only when
 * p->acl is set. */
static inline uint8_t
policy_value_of(const struct policy *p, const struct policy_key *k, const struct policy_span *s)
{
	uint8_t value = policy_range_action(p, k, s);

	if (__builtin_expect(value == POLICY_DIVIDED, 0))
		value = policy_part_action(p, k);
	return value;
}

/**
 * What becomes of a query from this address.
 * @return an action below POLICY_ACTIONS; a damaged one is POLICY_ALLOW
 */
static inline enum policy_action
policy_action_of(const struct policy *p, const struct policy_key *k, const struct policy_span *s)
{
	uint8_t action = policy_value_of(p, k, s);

	return action < POLICY_ACTIONS ? (enum policy_action)action : POLICY_ALLOW;
}
