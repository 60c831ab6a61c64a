/* SPDX-License-Identifier: GPL-3.0-or-later */
/* acl_compile: prefixes lie within one another or apart, so in the order of their addresses they
 * open and close like brackets; one pass with a stack turns them into ranges. Then what divides a
 * /64 goes to the table of parts. Pure; any thread. */
#include "controlplane/policy/acl_compile.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 129u /* prefixes around an address: one of each length */
#define LOW_HALF (~(uint64_t)0)

typedef unsigned __int128 address_t;

/* From `start` to the next one's. */
struct range {
	address_t start;
	uint8_t action;
};

struct ranges {
	struct range *range;
	size_t n, room;
};

/* A prefix as a bracket. */
struct bracket {
	address_t first, last;
	uint8_t action;
};

static bool
is_v4(const struct acl_rule *r)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return r->bits >= 96 && memcmp(r->address, mapped, sizeof mapped) == 0;
}

/* IPv4 is moved to the top of the address space, so that both families are compiled alike. */
static struct bracket
bracket_of(const struct acl_rule *r)
{
	unsigned bits = r->bits;
	address_t a = 0;

	for (unsigned i = 0; i < 16; i++)
		a = a << 8 | r->address[i];
	if (is_v4(r)) {
		a <<= 96;
		bits -= 96;
	}
	address_t host = bits == 0 ? ~(address_t)0 : (((address_t)1 << (128 - bits)) - 1);
	return (struct bracket){.first = a, .last = a | host, .action = r->action};
}

/* --- ranges of whole addresses --- */

/* From here on `action`; what had begun at the same address is void. */
static void
put(struct ranges *out, address_t start, uint8_t action)
{
	if (out->n > 0 && out->range[out->n - 1].start == start)
		out->n--;
	if (out->n > 0 && out->range[out->n - 1].action == action)
		return;
	assert(out->n < out->room);
	out->range[out->n++] = (struct range){.start = start, .action = action};
}

/* Ranges of one family. Room for 2 n + 1 of them. */
static void
make_ranges(struct ranges *out, const struct acl_rules *r, bool v4, uint8_t default_action)
{
	struct bracket open[DEPTH_MAX];
	unsigned depth = 0;

	put(out, 0, default_action);
	for (size_t i = 0; i <= r->n; i++) {
		struct bracket b = {0};
		bool end = i == r->n;
		if (!end && is_v4(&r->rule[i]) != v4)
			continue;
		if (!end)
			b = bracket_of(&r->rule[i]);
		while (depth > 0 && (end || open[depth - 1].last < b.first)) {
			address_t last = open[--depth].last;
			if (last != ~(address_t)0) /* else nothing lies behind */
				put(out, last + 1,
					depth > 0 ? open[depth - 1].action : default_action);
		}
		if (end)
			break;
		put(out, b.first, b.action);
		assert(depth < DEPTH_MAX);
		open[depth++] = b;
	}
}

/* --- ranges of /64s, and parts --- */

struct tables {
	/* of a family */
	uint64_t *start;
	uint8_t *action;
	uint32_t n;
	/* parts */
	uint64_t *upper, *lower;
	uint8_t *part;
	uint32_t n_parts;
};

static void
put_upper(struct tables *t, uint64_t start, uint8_t action)
{
	if (t->n > 0 && t->start[t->n - 1] == start)
		t->n--;
	if (t->n > 0 && t->action[t->n - 1] == action && action != POLICY_DIVIDED)
		return;
	t->start[t->n] = start;
	t->action[t->n++] = action;
}

static void
put_part(struct tables *t, uint64_t upper, uint64_t lower, uint8_t action)
{
	t->upper[t->n_parts] = upper;
	t->lower[t->n_parts] = lower;
	t->part[t->n_parts++] = action;
}

/* At most one entry a range, and two more for each /64 that is divided; a part a range, and one
 * more for each such /64. */
static void
split(struct tables *t, const struct ranges *r)
{
	for (size_t i = 0; i < r->n;) {
		uint64_t upper = (uint64_t)(r->range[i].start >> 64);
		size_t end = i;
		while (end < r->n && (uint64_t)(r->range[end].start >> 64) == upper)
			end++;
		uint64_t lower = (uint64_t)r->range[i].start;
		if (lower == 0 && end == i + 1) {
			put_upper(t, upper, r->range[i].action);
			i = end;
			continue;
		}
		put_upper(t, upper, POLICY_DIVIDED);
		if (lower != 0) /* the range before reaches into this /64 */
			put_part(t, upper, 0, r->range[i - 1].action);
		for (; i < end; i++)
			put_part(t, upper, (uint64_t)r->range[i].start, r->range[i].action);
		if (upper != LOW_HALF)
			put_upper(t, upper + 1, r->range[end - 1].action);
	}
}

/* For each value of the upper bits the last range that starts before; for 0 the first one. */
static void
make_index(uint32_t *index, const struct tables *t)
{
	uint32_t at = 0;

	for (uint32_t slot = 0; slot < POLICY_INDEX_ENTRIES - 1; slot++) {
		uint64_t first = (uint64_t)slot << (64 - POLICY_INDEX_BITS);
		while (at + 1 < t->n && t->start[at + 1] < first)
			at++;
		index[slot] = at;
	}
	index[POLICY_INDEX_ENTRIES - 1] = t->n - 1;
}

/* --- the block --- */

static int
tables_create(struct tables *t, size_t n_ranges)
{
	size_t n = 3 * n_ranges + 1;

	*t = (struct tables){
		.start = malloc(n * 8),
		.action = malloc(n),
		.upper = malloc(2 * n_ranges * 8),
		.lower = malloc(2 * n_ranges * 8),
		.part = malloc(2 * n_ranges),
	};
	return t->start == NULL || t->action == NULL || t->upper == NULL || t->lower == NULL ||
			       t->part == NULL
		       ? -ENOMEM
		       : 0;
}

static void
tables_destroy(struct tables *t)
{
	free(t->start);
	free(t->action);
	free(t->upper);
	free(t->lower);
	free(t->part);
}

/* Tables of one family. */
static int
make_tables(struct tables *t, const struct acl_rules *r, bool v4, uint8_t default_action)
{
	struct ranges ranges = {.room = 2 * r->n + 1};
	int ret;

	ranges.range = malloc(ranges.room * sizeof *ranges.range);
	if (ranges.range == NULL)
		return -ENOMEM;
	make_ranges(&ranges, r, v4, default_action);
	ret = tables_create(t, ranges.n);
	if (ret == 0)
		split(t, &ranges);
	free(ranges.range);
	if (ret == 0 && (t->n > POLICY_RANGES_MAX || t->n_parts > POLICY_RANGES_MAX))
		ret = -E2BIG;
	return ret;
}

/* Take `octets` of the block, for an array of that alignment. Returns its offset. */
static uint32_t
reserve(uint64_t *octets, uint64_t len, uint64_t align)
{
	uint64_t at = (*octets + align - 1) / align * align;

	*octets = at + len;
	return (uint32_t)at;
}

static void
place_ranges(uint64_t *octets, struct policy_ranges *r, const struct tables *t)
{
	r->n = t->n;
	r->index_at = reserve(octets, POLICY_INDEX_ENTRIES * sizeof(uint32_t), 64);
	r->range_at = reserve(octets, t->n * sizeof(uint64_t), 64);
}

static void
fill_ranges(uint8_t *base, const struct policy_ranges *r, const struct tables *t)
{
	make_index((uint32_t *)(base + r->index_at), t);
	uint64_t *range = (uint64_t *)(base + r->range_at);
	for (uint32_t i = 0; i < t->n; i++)
		range[i] = policy_range(t->start[i], t->action[i]);
}

/* A block without an access list when there is nothing to list. */
static struct policy *
make_block(const struct policy *head, const struct tables *v4, const struct tables *v6)
{
	struct policy p = *head;

	p.octets = sizeof p;
	if (p.acl) {
		place_ranges(&p.octets, &p.v4, v4);
		place_ranges(&p.octets, &p.v6, v6);
		p.parts.n = v6->n_parts;
		p.parts.upper_at = reserve(&p.octets, p.parts.n * 8ull, 64);
		p.parts.lower_at = reserve(&p.octets, p.parts.n * 8ull, 64);
		p.parts.action_at = reserve(&p.octets, p.parts.n, 64);
	}
	p.octets = (p.octets + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	uint8_t *base = aligned_alloc(ARENA_ALIGN, p.octets);
	if (base == NULL)
		return NULL;
	memset(base, 0, p.octets);
	memcpy(base, &p, sizeof p);
	if (p.acl) {
		fill_ranges(base, &p.v4, v4);
		fill_ranges(base, &p.v6, v6);
		memcpy(base + p.parts.upper_at, v6->upper, p.parts.n * 8ull);
		memcpy(base + p.parts.lower_at, v6->lower, p.parts.n * 8ull);
		memcpy(base + p.parts.action_at, v6->part, p.parts.n);
	}
	return (struct policy *)base;
}

int
acl_compile(struct policy **out, const struct acl_rules *r, enum policy_action default_action,
	const struct policy_rate_limit *limit)
{
	struct policy head = {.magic = POLICY_MAGIC, .limit = *limit};
	struct tables v4 = {0}, v6 = {0};
	struct policy *p = NULL;
	int ret = 0;

	assert(r->sorted || r->n == 0);
	head.acl = r->n > 0 || default_action != POLICY_ALLOW;
	head.default_action = (uint8_t)default_action;
	if (head.acl)
		ret = make_tables(&v4, r, true, head.default_action);
	if (head.acl && ret == 0)
		ret = make_tables(&v6, r, false, head.default_action);
	if (ret == 0) {
		p = make_block(&head, &v4, &v6);
		ret = p == NULL ? -ENOMEM : 0;
	}
	tables_destroy(&v4);
	tables_destroy(&v6);
	if (ret == 0)
		*out = p;
	return ret;
}
