/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_index_tree: what names are because of other names: occluded, empty non-terminal, parent of a
 * wildcard. There is no tree in memory: ancestors are found by their hashes. */
#include "controlplane/zones/zone_index.h"

#include "controlplane/zones/zone_memory.h"

#include <errno.h>
#include <stdlib.h>

#define AHEAD 16u         /* names between a prefetch and its use: enough for one miss to memory */
#define ENT_SEEN_BITS 12u /* memory of empty non-terminals that were noted already */

/* Empty non-terminals found while the names are walked; they become names afterwards. */
struct ents {
	struct zone_name *name;
	uint32_t n, room;
	uint8_t apex_flags;
	uint64_t *seen; /* [1 << ENT_SEEN_BITS]; NULL before the first, as most zones have none */
};

static int
note_ent(struct zone_build *b, struct ents *e, const uint8_t *owner, unsigned len, unsigned labels,
	uint64_t hash)
{
	int error = 0;

	if (e->seen == NULL)
		e->seen = calloc(1u << ENT_SEEN_BITS, sizeof *e->seen);
	if (e->seen == NULL)
		return -ENOMEM;
	uint64_t *seen = &e->seen[hash >> (64 - ENT_SEEN_BITS)];
	if (*seen == hash)
		return 0; /* most often the sibling before asked for it; equal ones left are merged
			     later */
	if (e->n == e->room) {
		uint32_t room = e->room == 0 ? 64 : e->room * 2;
		struct zone_name *name =
			room == 0 ? NULL
				  : zone_memory_resize(
					    e->name, e->room * sizeof *name, room * sizeof *name);
		if (name == NULL)
			return -ENOMEM;
		e->name = name;
		e->room = room;
	}
	/* `owner` points into the heap, which may move */
	uint8_t copy[NAME_OCTETS_MAX];
	memcpy(copy, owner, len);
	uint32_t at = zone_build_store(b, copy, len, &error);
	if (error != 0)
		return error == -EFBIG ? -ENOMEM : error;
	*seen = hash;
	e->name[e->n++] = (struct zone_name){
		.hash = hash,
		.name = at,
		/* an empty "*" is a wildcard all the same (RFC 4592 2.2.1) */
		.flags = ZONE_NAME_ENT |
			 (copy[0] == 1 && copy[1] == '*' ? ZONE_NAME_IS_WILDCARD : 0),
		.labels = (uint8_t)labels,
		.len = (uint8_t)len,
	};
	return 0;
}

static bool
needs_climb(const struct zone_model *z, const struct zone_name *name)
{
	/* the parent of the others is the apex, or they were seen below a cut already */
	return name->labels > z->apex_labels + 1u && !(name->flags & ZONE_NAME_OCCLUDED);
}

/* Look at everything between a name and the apex: is it occluded, and which empty non-terminals
 * does it need? */
static int
climb(struct zone_build *b, struct zone_name *name, struct ents *e)
{
	struct zone_model *z = &b->z;
	uint8_t label[NAME_LABELS_MAX];
	uint64_t hash[NAME_LABELS_MAX + 1];

	if (!needs_climb(z, name)) {
		if (e->apex_flags & ZONE_NAME_DNAME)
			name->flags |= ZONE_NAME_OCCLUDED;
		return 0;
	}
	const uint8_t *owner = zone_owner(z, name);
	unsigned n = name_labels(owner, label), below = n - z->apex_labels;
	uint64_t missing[2] = {0, 0}; /* bit i: the ancestor that starts at label i is not there */

	hash[below] = b->apex_hash;
	for (unsigned i = below; i-- > 1;)
		hash[i] = name_hash_extend(hash[i + 1], owner + label[i]);
	for (unsigned i = below; i > 0; i--) {
		unsigned at = i == n ? name->len - 1u : label[i];
		const struct zone_name *up =
			zone_model_find(z, hash[i], owner + at, name->len - at);
		if (up == NULL) {
			missing[i / 64] |= 1ull << i % 64;
		} else if (up->flags & (ZONE_NAME_CUT | ZONE_NAME_DNAME)) {
			name->flags |= ZONE_NAME_OCCLUDED;
			return 0;
		}
	}
	for (unsigned i = 1; i < below; i++) {
		if (!(missing[i / 64] & 1ull << i % 64))
			continue;
		owner = zone_owner(z, name); /* the heap may have moved */
		int rc = note_ent(b, e, owner + label[i], name->len - label[i], n - i, hash[i]);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Every look-up of a parent misses the cache four times in a row: owner, bucket, name, owner of the
 * parent. So names pass four stages, AHEAD apart, and each stage only asks for what the next one
 * needs. */
struct climber {
	uint64_t parent_hash[4 * AHEAD]; /* of name i at i modulo its size */
};

static void
prefetch_bucket(struct climber *c, const struct zone_build *b, uint32_t i)
{
	const struct zone_model *z = &b->z;
	uint8_t label[NAME_LABELS_MAX];

	if (!needs_climb(z, &z->name[i]))
		return;
	const uint8_t *owner = zone_owner(z, &z->name[i]);
	unsigned n = name_labels(owner, label);
	uint64_t hash = b->apex_hash;
	for (unsigned l = n - z->apex_labels; l-- > 1;)
		hash = name_hash_extend(hash, owner + label[l]);
	c->parent_hash[i % (4 * AHEAD)] = hash;
	__builtin_prefetch(&z->bucket[z->bucket_bits == 0 ? 0 : hash >> (64 - z->bucket_bits)]);
	/* hashes are even: where the name lies among the sorted ones can be foretold closely */
	__builtin_prefetch(&z->name[(size_t)((unsigned __int128)hash * z->n_names >> 64)]);
}

static void
prefetch_name(const struct climber *c, const struct zone_model *z, uint32_t i)
{
	if (!needs_climb(z, &z->name[i]))
		return;
	uint64_t hash = c->parent_hash[i % (4 * AHEAD)];
	uint32_t at = z->bucket[z->bucket_bits == 0 ? 0 : hash >> (64 - z->bucket_bits)];
	__builtin_prefetch(&z->name[at]);
	__builtin_prefetch((const uint8_t *)&z->name[at] + 64);
}

static void
prefetch_parent(const struct climber *c, const struct zone_model *z, uint32_t i)
{
	if (!needs_climb(z, &z->name[i]))
		return;
	uint64_t hash = c->parent_hash[i % (4 * AHEAD)];
	size_t bucket = z->bucket_bits == 0 ? 0 : hash >> (64 - z->bucket_bits);
	for (uint32_t k = z->bucket[bucket]; k < z->bucket[bucket + 1]; k++)
		if (z->name[k].hash == hash)
			__builtin_prefetch(zone_owner(z, &z->name[k]));
}

/* Occlusion, and the empty non-terminals that are missing, for all names. */
static int
climb_all(struct zone_build *b, struct ents *e)
{
	struct zone_model *z = &b->z;
	struct climber c;
	uint32_t n = z->n_names;
	int rc = 0;

	for (uint32_t i = 0; n < 4 * AHEAD && i < n && rc == 0; i++) /* all of it is at hand */
		if (z->name[i].labels > z->apex_labels)
			rc = climb(b, &z->name[i], e);
	for (uint64_t i = 0; n >= 4 * AHEAD && i < n + 4ull * AHEAD && rc == 0; i++) {
		if (i < n && needs_climb(z, &z->name[i]))
			__builtin_prefetch(zone_owner(z, &z->name[i]));
		if (i >= AHEAD && i - AHEAD < n)
			prefetch_bucket(&c, b, (uint32_t)(i - AHEAD));
		if (i >= 2 * AHEAD && i - 2 * AHEAD < n)
			prefetch_name(&c, z, (uint32_t)(i - 2 * AHEAD));
		if (i >= 3 * AHEAD && i - 3 * AHEAD < n)
			prefetch_parent(&c, z, (uint32_t)(i - 3 * AHEAD));
		if (i >= 4 * AHEAD && z->name[i - 4 * AHEAD].labels > z->apex_labels)
			rc = climb(b, &z->name[i - 4 * AHEAD], e);
	}
	return rc;
}

/* Put the noted empty non-terminals among the names. */
static int
insert_ents(struct zone_build *b, struct ents *e)
{
	struct zone_model *z = &b->z;

	int rc = zone_index_sort(b, e->name, e->n);
	if (rc != 0)
		return rc;
	uint32_t m = 0;
	for (uint32_t i = 0; i < e->n; i++)
		if (m == 0 || e->name[i].hash != e->name[m - 1].hash ||
			e->name[i].len != e->name[m - 1].len ||
			memcmp(zone_owner(z, &e->name[i]), zone_owner(z, &e->name[m - 1]),
				e->name[i].len) != 0)
			e->name[m++] = e->name[i];
	if (m > UINT32_MAX - 1 - z->n_names)
		return -ENOMEM;
	uint32_t room = z->n_names + m > z->name_room ? z->n_names + m : z->name_room;
	struct zone_name *name =
		zone_memory_resize(z->name, z->name_room * sizeof *name, room * sizeof *name);
	if (name == NULL)
		return -ENOMEM;
	z->name = name;
	z->name_room = room;
	uint32_t left = z->n_names, to = left + m;
	z->n_names = to;
	while (m > 0) {
		if (left > 0 && zone_index_compare(z, &name[left - 1], &e->name[m - 1]) > 0)
			name[--to] = name[--left];
		else
			name[--to] = e->name[--m];
	}
	return zone_index_buckets(z);
}

/* Cuts that are hidden are none; the parent of a wildcard that counts knows it. */
static void
finish_flags(struct zone_build *b)
{
	struct zone_model *z = &b->z;

	for (uint32_t i = 0; i < z->n_names; i++) {
		struct zone_name *name = &z->name[i];
		uint8_t flags = name->flags;
		name->flags &= (uint8_t)~ZONE_NAME_IS_WILDCARD;
		if (flags & ZONE_NAME_OCCLUDED) {
			name->flags &= (uint8_t) ~(ZONE_NAME_CUT | ZONE_NAME_DNAME);
		} else if (flags & ZONE_NAME_IS_WILDCARD) {
			const uint8_t *parent = zone_owner(z, name) + 2;
			struct zone_name *up = (struct zone_name *)zone_model_find(
				z, name_hash(z->seed, parent), parent, name->len - 2u);
			if (up != NULL)
				up->flags |= ZONE_NAME_WILDCARD_CHILD;
		}
	}
}

int
zone_index_tree(struct zone_build *b)
{
	const struct zone_model *z = &b->z;
	struct ents ents = {0}, *e = &ents;

	const struct zone_name *apex = zone_model_find(z, b->apex_hash, z->apex, z->apex_len);
	e->apex_flags = apex != NULL ? apex->flags : 0;
	int rc = climb_all(b, e);
	if (rc == 0 && e->n > 0)
		rc = insert_ents(b, e);
	if (rc == 0)
		finish_flags(b);
	zone_memory_free(e->name, e->room * sizeof *e->name);
	free(e->seen);
	return rc;
}
