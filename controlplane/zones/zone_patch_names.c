/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_patch_names: names by hash, and what the reader says of them. */
#include "controlplane/zones/zone_patch_names.h"

#include "controlplane/zones/zone_rdata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/descriptor.h>

#define OCTETS_MAX (256ull << 20) /* of records in the model */
#define INDEX_FIRST 64u

int
patch_init(
	struct patch *p, struct arena *a, const struct image *old, const struct zone_reader *reader)
{
	struct zone_load_options o = {.seed = arena_header(a)->seed, .octets_max = OCTETS_MAX};
	uint8_t apex[PATCH_WIRE_OCTETS] = {0};

	*p = (struct patch){.arena = a, .old = old, .reader = reader};
	memcpy(apex, old->apex, old->apex_len);
	int err = zone_build_init(&p->build, apex, &o, &p->report);
	if (err != 0)
		return err == -EINVAL ? -EAGAIN : err;
	err = zone_build_source(&p->build, "patch", 0, ZONE_NO_LINE);
	p->index = calloc(INDEX_FIRST, sizeof *p->index);
	p->index_mask = INDEX_FIRST - 1;
	return err < 0 ? err : p->index == NULL ? -ENOMEM : 0;
}

void
patch_destroy(struct patch *p)
{
	zone_build_destroy(&p->build);
	zone_report_destroy(&p->report);
	free(p->name);
	free(p->index);
	free(p->wire);
}

bool
patch_in_zone(const struct patch *p, const uint8_t *wire, unsigned len)
{
	const struct zone_model *z = &p->build.z;
	unsigned at = 0;

	while (len - at > z->apex_len)
		at += wire[at] + 1u;
	return len - at == z->apex_len && memcmp(wire + at, z->apex, z->apex_len) == 0;
}

/* Hash of a name in the zone. */
static uint64_t
hash_of(const struct patch *p, const uint8_t *wire, unsigned *labels)
{
	uint8_t label[NAME_LABELS_MAX];
	uint64_t hash = p->build.apex_hash;

	*labels = name_labels(wire, label);
	for (unsigned i = *labels - p->build.z.apex_labels; i-- > 0;)
		hash = name_hash_extend(hash, wire + label[i]);
	return hash;
}

uint32_t
patch_find(const struct patch *p, uint64_t hash, const uint8_t *wire, unsigned len)
{
	for (uint32_t i = (uint32_t)hash & p->index_mask; p->index[i] != 0;
		i = (i + 1) & p->index_mask) {
		const struct patch_name *n = &p->name[p->index[i] - 1];
		if (n->hash == hash && n->len == len && memcmp(p->wire + n->wire, wire, len) == 0)
			return p->index[i] - 1;
	}
	return PATCH_NONE;
}

static void
enter(struct patch *p, uint32_t at)
{
	uint32_t i = (uint32_t)p->name[at].hash & p->index_mask;

	while (p->index[i] != 0)
		i = (i + 1) & p->index_mask;
	p->index[i] = at + 1;
}

/* Room for one more name everywhere. */
static int
grow(struct patch *p)
{
	if (p->n_names == PATCH_NAMES_MAX)
		return -EAGAIN;
	if (p->n_names == p->names_room) {
		uint32_t room = p->names_room == 0 ? 32 : p->names_room * 2;
		struct patch_name *name = realloc(p->name, room * sizeof *name);
		if (name == NULL)
			return -ENOMEM;
		p->name = name;
		p->names_room = room;
	}
	if (p->wire_len + PATCH_WIRE_OCTETS > p->wire_room) {
		size_t room = p->wire_room * 2 + 4096;
		uint8_t *wire = realloc(p->wire, room);
		if (wire == NULL)
			return -ENOMEM;
		p->wire = wire;
		p->wire_room = room;
	}
	if (p->n_names * 2 > p->index_mask) {
		uint32_t mask = p->index_mask * 2 + 1;
		uint32_t *index = calloc(mask + 1ull, sizeof *index);
		if (index == NULL)
			return -ENOMEM;
		free(p->index);
		p->index = index;
		p->index_mask = mask;
		for (uint32_t i = 0; i < p->n_names; i++)
			enter(p, i);
	}
	return 0;
}

struct taking {
	struct patch *patch;
	uint32_t at;
};

static int
take_rrset(void *to, const struct backend_rrset *set)
{
	struct taking *t = to;
	struct patch *p = t->patch;
	uint32_t before = p->build.z.n_records;

	int err = zone_source_take(&p->build, set);
	if (err != 0)
		return err == -EFBIG ? -EAGAIN : err;
	if (p->build.z.n_records == before)
		return 0;
	p->name[t->at].n += p->build.z.n_records - before;
	if (set->type == KNOT_RRTYPE_NS)
		p->name[t->at].flags |= PATCH_NS;
	else if (set->type == KNOT_RRTYPE_DNAME)
		p->name[t->at].flags |= PATCH_DNAME;
	return 0;
}

int
patch_name(struct patch *p, const uint8_t *wire, uint32_t *at)
{
	uint8_t copy[PATCH_WIRE_OCTETS]; /* `wire` may lie in p->wire, which moves */
	unsigned len = name_octets(wire), labels;

	memcpy(copy, wire, len);
	memset(copy + len, 0, NAME_PAD);
	uint64_t hash = hash_of(p, copy, &labels);
	*at = patch_find(p, hash, copy, len);
	if (*at != PATCH_NONE)
		return 0;
	int err = grow(p);
	if (err != 0)
		return err;
	memcpy(p->wire + p->wire_len, copy, len + NAME_PAD);
	*at = p->n_names++;
	p->name[*at] = (struct patch_name){
		.hash = hash,
		.wire = (uint32_t)p->wire_len,
		.first = p->build.z.n_records,
		.len = (uint8_t)len,
		.labels = (uint8_t)labels,
	};
	p->wire_len += len + NAME_PAD;
	enter(p, *at);
	struct taking t = {p, *at};
	err = p->reader->rrsets(p->reader->arg, copy, take_rrset, &t);
	return err == 0 && p->report.n_errors > 0 ? -EAGAIN : err;
}

int
patch_parent(struct patch *p, uint32_t at, uint32_t *up)
{
	const uint8_t *wire = patch_wire(p, at);

	return patch_name(p, wire + wire[0] + 1, up);
}

int
patch_ancestors(struct patch *p, uint32_t at)
{
	int err = 0;

	while (err == 0 && !patch_is_apex(p, at))
		err = patch_parent(p, at, &at);
	return err;
}

int
patch_wildcard(struct patch *p, uint32_t at, uint32_t *wildcard)
{
	uint8_t wire[PATCH_WIRE_OCTETS];

	*wildcard = PATCH_NONE;
	if (p->name[at].len + 2u > NAME_OCTETS_MAX)
		return 0;
	wire[0] = 1;
	wire[1] = '*';
	memcpy(wire + 2, patch_wire(p, at), p->name[at].len);
	return patch_name(p, wire, wildcard);
}

int
patch_affect(struct patch *p, uint32_t at)
{
	if (p->name[at].flags & PATCH_AFFECTED)
		return 0;
	p->name[at].flags |= PATCH_AFFECTED;
	return ++p->n_affected > PATCH_AFFECTED_MAX ? -EAGAIN : 0;
}

/* The first name below `than` that has a record. */
struct first_below {
	uint8_t than_len;
	uint8_t wire[PATCH_WIRE_OCTETS]; /* [0] = 0: none yet */
};

static int
take_first(void *to, const struct backend_rrset *set)
{
	struct first_below *f = to;
	unsigned len = name_octets(set->owner);

	if (len == f->than_len)
		return 0;
	for (uint32_t i = 0; i < set->n_records; i++)
		if (!set->record[i].disabled) {
			memcpy(f->wire, set->owner, len);
			return 1;
		}
	return 0;
}

int
patch_has_below(struct patch *p, uint32_t at, bool *has)
{
	struct first_below f = {.than_len = p->name[at].len};
	uint32_t witness;

	if (!(p->name[at].flags & PATCH_BELOW_KNOWN)) {
		int err = p->reader->below(p->reader->arg, patch_wire(p, at), take_first, &f);
		if (err != 0)
			return err;
		p->name[at].flags |= PATCH_BELOW_KNOWN | (f.wire[0] != 0 ? PATCH_HAS_BELOW : 0);
		err = f.wire[0] == 0 ? 0 : patch_name(p, f.wire, &witness);
		if (err != 0)
			return err;
	}
	*has = (p->name[at].flags & PATCH_HAS_BELOW) != 0;
	return 0;
}

int
patch_is_occluded(struct patch *p, uint32_t at, bool *is)
{
	*is = false;
	while (!*is && !patch_is_apex(p, at)) {
		int err = patch_parent(p, at, &at);
		if (err != 0)
			return err;
		uint8_t hides = patch_is_apex(p, at) ? PATCH_DNAME : PATCH_NS | PATCH_DNAME;
		*is = (p->name[at].flags & hides) != 0;
	}
	return 0;
}

int
patch_is_node(struct patch *p, uint32_t at, bool *is)
{
	bool occluded;

	*is = false;
	int err = patch_is_occluded(p, at, &occluded);
	if (err != 0 || occluded)
		return err;
	*is = p->name[at].n > 0;
	return *is ? 0 : patch_has_below(p, at, is);
}

const struct image_node *
patch_old_node(const struct patch *p, uint32_t at)
{
	const struct patch_name *n = &p->name[at];
	struct image_chunk c = image_chunk_of(p->arena, p->old, n->hash);

	return c.base == NULL ? NULL : image_find(&c, n->hash, patch_wire(p, at), n->len);
}
