/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_patch_names: the names that a patch has to do with: those whose nodes are made anew
 * (affected), and those that they depend on. Each is read from the zone once, all of its records go
 * into a small model; what that leaves out of the zone changes nothing at the affected names.
 * Internal to zone_patch; one thread. */
#pragma once
#include "controlplane/zones/zone_build.h"
#include "controlplane/zones/zone_patch.h"
#include "shm/image_find.h"

#define PATCH_AFFECTED_MAX                                                    \
	20000u /* compiling all of a zone is cheaper then, or not much dearer \
		*/
#define PATCH_NAMES_MAX 200000u
#define PATCH_WIRE_OCTETS (NAME_OCTETS_MAX + 1 + NAME_PAD)
#define PATCH_NONE UINT32_MAX

enum patch_name_flag {
	PATCH_AFFECTED = 1,
	PATCH_NS = 2, /* has such records now */
	PATCH_DNAME = 4,
	PATCH_BELOW_KNOWN = 8,
	PATCH_HAS_BELOW = 16, /* records below it, now */
};

struct patch_name {
	uint64_t hash;
	uint32_t wire;     /* octets from patch.wire; NAME_PAD zeroes behind it */
	uint32_t first, n; /* its records in patch.build, before that is indexed */
	uint8_t len, labels;
	uint8_t flags; /* enum patch_name_flag */
};

struct patch {
	struct arena *arena;
	const struct image *old;
	const struct zone_reader *reader;
	struct zone_report report; /* for the build; nobody reads it */
	struct zone_build build;
	struct patch_name *name;
	uint32_t n_names, names_room;
	uint32_t n_affected;
	uint32_t *index; /* number of a name + 1 by its hash; 0 = none */
	uint32_t index_mask;
	uint8_t *wire;
	size_t wire_len, wire_room;
};

/** @return 0, -ENOMEM, -EAGAIN */
int patch_init(struct patch *p, struct arena *a, const struct image *old,
	const struct zone_reader *reader) __attribute__((warn_unused_result));
void patch_destroy(struct patch *p);

static inline const uint8_t *
patch_wire(const struct patch *p, uint32_t at)
{
	return p->wire + p->name[at].wire;
}

/** Is this name at or below the apex? */
bool patch_in_zone(const struct patch *p, const uint8_t *wire, unsigned len);

/** A name that was met; PATCH_NONE when it was not. */
uint32_t patch_find(const struct patch *p, uint64_t hash, const uint8_t *wire, unsigned len);

/**
 * A name in the zone, with its records read.
 * @param wire  folded, PATCH_WIRE_OCTETS readable
 * @return 0; -EAGAIN (too many, or records that the whole compilation will complain about);
 * -ENOMEM; what the reader returned
 */
int patch_name(struct patch *p, const uint8_t *wire, uint32_t *at)
	__attribute__((warn_unused_result));
/** The name without its first label; not of the apex. */
int patch_parent(struct patch *p, uint32_t at, uint32_t *up) __attribute__((warn_unused_result));
/** All between a name and the apex, so that they are in the model. */
int patch_ancestors(struct patch *p, uint32_t at) __attribute__((warn_unused_result));
/** "*." before a name; PATCH_NONE when that would be too long. */
int patch_wildcard(struct patch *p, uint32_t at, uint32_t *wildcard)
	__attribute__((warn_unused_result));

/** Its node is to be made anew, or to be taken away. */
int patch_affect(struct patch *p, uint32_t at) __attribute__((warn_unused_result));

/** Do names below this one have records? Then the first of them is in the model. */
int patch_has_below(struct patch *p, uint32_t at, bool *has) __attribute__((warn_unused_result));
/** Is it below a cut or a DNAME, as the zone is to be? */
int patch_is_occluded(struct patch *p, uint32_t at, bool *is) __attribute__((warn_unused_result));
/** Is it to be a node? */
int patch_is_node(struct patch *p, uint32_t at, bool *is) __attribute__((warn_unused_result));

/** The node that the old image has; NULL when it has none. */
const struct image_node *patch_old_node(const struct patch *p, uint32_t at);

static inline bool
patch_is_apex(const struct patch *p, uint32_t at)
{
	return p->name[at].len == p->build.z.apex_len;
}

static inline bool
patch_is_wildcard(const struct patch *p, uint32_t at)
{
	const uint8_t *wire = patch_wire(p, at);
	return wire[0] == 1 && wire[1] == '*' && !patch_is_apex(p, at);
}

/* --- zone_patch_affect --- */

/** A changed owner: find everything whose node may differ because of it. @return as patch_name() */
int patch_owner(struct patch *p, const uint8_t *owner) __attribute__((warn_unused_result));
/** Bring what the affected names depend on into the model. @return as patch_name() */
int patch_close(struct patch *p) __attribute__((warn_unused_result));
