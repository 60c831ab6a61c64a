/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_chunk: nodes and their answers laid one behind the other, so that each takes as few cache
 * lines as it can, and the buckets that lead to them. Control plane, any thread. */
#include "controlplane/zones/zone_chunk.h"

#include "shm/image_find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_NAMES 256u
#define BUCKET_NAMES 7u /* on average at most so many of IMAGE_SLOTS */
#define CHUNK_OCTETS_MAX (UINT32_MAX - 256)
#define NODE_ALIGNED_MAX 256u /* larger nodes take what lines they take */

unsigned zone_chunk_names = CHUNK_NAMES;

unsigned
zone_chunk_bits(uint64_t n_nodes)
{
	unsigned bits = 0;

	while (bits < IMAGE_CHUNK_BITS_MAX && n_nodes >> bits > zone_chunk_names)
		bits++;
	return bits;
}

uint32_t
zone_chunk_buckets(uint64_t n_nodes)
{
	uint32_t n = 1;

	while (n_nodes > (uint64_t)n * BUCKET_NAMES)
		n *= 2;
	return n;
}

/* Room for `n` more octets at the end; NULL when out of memory. Their content is undefined. */
static uint8_t *
more(struct zone_chunk *c, size_t n)
{
	if (c->len + n > c->cap) {
		size_t cap = c->cap + c->cap / 2 + n;
		uint8_t *p = realloc(c->p, cap);
		if (p == NULL)
			return NULL;
		c->p = p;
		c->cap = cap;
	}
	uint8_t *at = c->p + c->len;
	c->len += n;
	return at;
}

static int
align(struct zone_chunk *c, size_t to)
{
	size_t n = -c->len & (to - 1);
	uint8_t *p = more(c, n);
	if (p == NULL)
		return -ENOMEM;
	memset(p, 0, n);
	return 0;
}

/* Records from i on that have the same type; i < n->n. */
static uint32_t
rrset_end(const struct zone_record *rr, uint32_t i, uint32_t n)
{
	uint16_t type = rr[i].type;
	while (i < n && rr[i].type == type)
		i++;
	return i;
}

/* Is this type answered from this node? At a cut the parent has NS and DS, the rest is the child's.
 */
static bool
type_served(const struct zone_name *n, uint16_t type)
{
	return !(n->flags & ZONE_NAME_CUT) || type == ZONE_NS || type == ZONE_DS;
}

static uint8_t
node_flags(const struct zone_name *n)
{
	uint8_t f = 0;
	if (n->flags & ZONE_NAME_CUT)
		return NODE_CUT; /* nothing below it is ours */
	if (n->flags & ZONE_NAME_DNAME)
		f |= NODE_DNAME;
	else if (n->flags & ZONE_NAME_WILDCARD_CHILD)
		f |= NODE_WILDCARD_CHILD;
	if (n->flags & ZONE_NAME_CNAME)
		f |= NODE_CNAME;
	return f;
}

/* Append what the renderer has. Returns its offset in the chunk, 0 when out of memory or too long.
 */
static uint32_t
put_answer(struct zone_chunk *c, const struct zone_render *r, uint32_t octets)
{
	size_t off = c->len;
	uint8_t *p = more(c, octets);
	if (p == NULL || off > CHUNK_OCTETS_MAX)
		return 0;
	zone_render_copy(r, p);
	return (uint32_t)off;
}

/* Cache lines that `octets` at this offset of the chunk touch. */
static size_t
lines(size_t at, size_t octets)
{
	return (at % 64 + octets + 63) / 64;
}

/* The node that was built at `at` touches more cache lines than it needs: move it to the next line.
 */
static int
align_node(struct zone_chunk *c, size_t *at, uint32_t n_types)
{
	size_t octets = c->len - *at, gap = 64 - *at % 64;

	if (octets > NODE_ALIGNED_MAX || lines(*at, octets) == lines(0, octets))
		return 0;
	if (more(c, gap) == NULL)
		return -ENOMEM;
	uint8_t *node = c->p + *at;
	memmove(node + gap, node, octets);
	memset(node, 0, gap);
	*at += gap;
	uint8_t *type = c->p + *at + sizeof(struct image_node);
	for (uint32_t i = 0; i < n_types; i++, type += sizeof(struct image_type)) {
		struct image_type t;
		memcpy(&t, type, sizeof t);
		t.answer += (uint32_t)gap;
		memcpy(type, &t, sizeof t);
	}
	return 0;
}

/* What its bucket says of a node: where it lies, and how many lines more it takes. */
static uint32_t
slot_of(const struct zone_chunk *c, size_t at)
{
	size_t further = lines(at, c->len - at) - 1;

	return (uint32_t)at | (uint32_t)(further < IMAGE_NODE_LINES ? further : IMAGE_NODE_LINES);
}

/* A chunk lies on cache lines once it is in the arena; here it lies where malloc put it. */
typedef struct image_bucket bucket_anywhere __attribute__((aligned(16)));

/* Enter a node into the buckets. -EAGAIN when a look-up would have to go too far: there are too
 * few.
 */
static int
put_bucket(struct zone_chunk *c, uint64_t hash, uint32_t slot)
{
	for (uint32_t probe = 0; probe < IMAGE_PROBE_MAX && probe <= c->bucket_mask; probe++) {
		size_t at = ((uint32_t)hash + probe) & c->bucket_mask;
		bucket_anywhere *b = (bucket_anywhere *)(c->p + at * sizeof(struct image_bucket));
		for (unsigned i = 0; i < IMAGE_SLOTS; i++)
			if (b->node[i] == 0) {
				b->tag[i] = image_tag(hash);
				b->node[i] = slot;
				return 0;
			}
		/* whoever looks for it here must go on; the same for each bucket that it passes */
		if (b->spill == UINT16_MAX)
			return -EAGAIN;
		b->spill++;
	}
	return -EAGAIN;
}

int
zone_chunk_begin(struct zone_chunk *c, uint32_t n_buckets)
{
	size_t octets = n_buckets * sizeof(struct image_bucket);

	c->len = c->last_answer = 0;
	c->bucket_mask = n_buckets - 1;
	uint8_t *p = more(c, octets);
	if (p == NULL)
		return -ENOMEM;
	memset(p, 0, octets);
	return 0;
}

int
zone_chunk_render(struct zone_chunk *c, const struct zone_model *z, struct zone_render *r,
	const struct zone_name *n)
{
	const struct zone_record *rr = z->record + n->first;
	uint32_t n_types = 0, stored = (uint32_t)n->len - z->apex_len;

	for (uint32_t i = 0; i < n->n; i = rrset_end(rr, i, n->n))
		n_types += type_served(n, rr[i].type);
	if (align(c, IMAGE_NODE_ALIGN) != 0)
		return -ENOMEM;
	size_t at = c->len;
	uint8_t *p = more(c, image_node_octets(n_types, stored));
	if (p == NULL)
		return -ENOMEM;
	struct image_node node = {
		.flags = node_flags(n), .name_len = n->len, .n_types = (uint16_t)n_types};
	memcpy(p, &node, sizeof node);
	memcpy(p + sizeof node + n_types * sizeof(struct image_type), zone_owner(z, n), stored);
	if (align(c, 2) != 0)
		return -ENOMEM;
	size_t type_at = at + sizeof node;
	for (uint32_t i = 0, end; i < n->n; i = end) {
		end = rrset_end(rr, i, n->n);
		if (!type_served(n, rr[i].type))
			continue;
		struct image_type t = {.type = rr[i].type};
		t.answer = put_answer(c, r, zone_render_rrset(r, n, &rr[i], end - i));
		if (t.answer == 0)
			return c->len > CHUNK_OCTETS_MAX ? -ENOSPC : -ENOMEM;
		memcpy(c->p + type_at, &t, sizeof t);
		type_at += sizeof t;
		c->last_answer = t.answer;
	}
	size_t before = at;
	if (align_node(c, &at, n_types) != 0)
		return -ENOMEM;
	c->last_answer += n_types > 0 ? at - before : 0;
	return put_bucket(c, n->hash, slot_of(c, at));
}

size_t
zone_chunk_node_octets(const struct image_chunk *from, const struct image_node *node)
{
	uint32_t start = (uint32_t)((const uint8_t *)node - from->base);
	uint64_t end =
		start + image_node_octets(node->n_types, node->name_len - (uint32_t)from->apex_len);

	end = (end + 1) & ~1ull;
	for (unsigned i = 0; i < node->n_types; i++) {
		uint32_t at = image_node_types(node)[i].answer;
		const struct image_answer *a = image_answer_at(from->base, from->len, at);
		if (a == NULL || at != end)
			return 0;
		end += image_answer_size(a->flags, a->len, image_answer_counts(a).n_fix, a->n_cut);
	}
	return end <= from->len ? (size_t)(end - start) : 0;
}

int
zone_chunk_copy(struct zone_chunk *c, const struct image_chunk *from, const struct image_node *node,
	uint64_t hash)
{
	size_t octets = zone_chunk_node_octets(from, node),
	       at = (c->len + IMAGE_NODE_ALIGN - 1) & ~(size_t)(IMAGE_NODE_ALIGN - 1);

	if (octets == 0)
		return -EPROTO;
	if (octets <= NODE_ALIGNED_MAX && lines(at, octets) != lines(0, octets))
		at = (at + 63) & ~(size_t)63;
	size_t gap = at - c->len;
	uint8_t *p = more(c, gap + octets);
	if (p == NULL)
		return -ENOMEM;
	if (c->len > CHUNK_OCTETS_MAX)
		return -ENOSPC;
	memset(p, 0, gap);
	memcpy(p + gap, node, octets);
	uint32_t start = (uint32_t)((const uint8_t *)node - from->base);
	uint8_t *type = p + gap + sizeof *node;
	for (uint32_t i = 0; i < node->n_types; i++, type += sizeof(struct image_type)) {
		struct image_type t = image_node_types(node)[i];
		t.answer += (uint32_t)at - start;
		memcpy(type, &t, sizeof t);
		c->last_answer = t.answer;
	}
	return put_bucket(c, hash, slot_of(c, at));
}

int
zone_chunk_take(struct zone_chunk *c, const struct image_chunk *from)
{
	c->len = c->last_answer = 0;
	c->bucket_mask = from->bucket_mask;
	uint8_t *p = more(c, from->len);
	if (p == NULL)
		return -ENOMEM;
	memcpy(p, from->base, from->len);
	return 0;
}

int
zone_chunk_remove(struct zone_chunk *c, const struct image_chunk *from,
	const struct image_node *node, uint64_t hash)
{
	uint32_t off = (uint32_t)((const uint8_t *)node - from->base);
	bucket_anywhere *b = (bucket_anywhere *)c->p;

	for (uint32_t probe = 0; probe < IMAGE_PROBE_MAX && probe <= c->bucket_mask; probe++) {
		uint32_t at = ((uint32_t)hash + probe) & c->bucket_mask;
		for (unsigned i = 0; i < IMAGE_SLOTS; i++) {
			if ((b[at].node[i] & ~IMAGE_NODE_LINES) != off)
				continue;
			b[at].node[i] = 0;
			b[at].tag[i] = 0;
			/* one less passes the buckets before */
			for (uint32_t k = 0; k < probe; k++)
				b[((uint32_t)hash + k) & c->bucket_mask].spill--;
			uint64_t unused =
				b[0].unused + (zone_chunk_node_octets(from, node) + 63) / 64;
			b[0].unused = unused > UINT16_MAX ? UINT16_MAX : (uint16_t)unused;
			return 0;
		}
		if (b[at].spill == 0)
			break;
	}
	return -EPROTO;
}

int
zone_chunk_end(struct zone_chunk *c)
{
	/* a reader looks at the counts before it knows whether there are any */
	size_t least = c->last_answer + sizeof(struct image_answer) + sizeof(struct image_counts);
	size_t n = c->last_answer > 0 && least > c->len ? least - c->len : 0;
	uint8_t *p = more(c, n);

	if (p == NULL)
		return -ENOMEM;
	memset(p, 0, n);
	return c->len > CHUNK_OCTETS_MAX ? -ENOSPC : 0;
}

void
zone_chunk_destroy(struct zone_chunk *c)
{
	free(c->p);
	*c = (struct zone_chunk){0};
}
