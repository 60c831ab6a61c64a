/* SPDX-License-Identifier: GPL-3.0-or-later */
/* views: which variants of zones a client sees, by its address. One block in the arena, published
 * like the policy: a new block, one store of arena_header.views, then the old one is freed after a
 * grace period. Without a network that has a view there is no block, and nobody need look.
 *
 * Networks are compiled to the same ranges of addresses as an access list (policy.h), whose actions
 * are numbers of views here; so the longest prefix wins, and a look-up costs the same. A view is a
 * small hash of the zones that it has another variant of: apex -> label of the variant, with which
 * the variant's image is found in the directory of variants (zone_directory.h). So the block does
 * not lead to images, and neither of the two changes with the other.
 *
 * A reader believes nothing but what views_at() has checked; everything else is bounded. */
#pragma once
#include "shm/image.h"
#include "shm/policy.h"
#include "shm/zone_key.h"

#define VIEWS_MAGIC 0x57454956u /* "VIEW" */
#define VIEWS_NUMBERS 256u      /* numbers of views: an octet. 0 is none */
#define VIEWS_MAX 250u          /* views that networks see; POLICY_DIVIDED is none of theirs */
#define VIEWS_NETWORKS_MAX 100000u
#define VIEWS_ZONES_MAX 100000u /* of all views together */
#define VIEW_PROBE_MAX 64u      /* entries; the compiler grows the table before it needs more */

/* A zone of a view. Its name lies at name_at: the label of the variant, then the apex, then
 * NAME_PAD octets that may be read. */
struct view_entry {
	uint64_t hash;    /* of the apex, with the arena's seed */
	uint32_t name_at; /* octets from the block's start; 0: the slot is empty */
	uint8_t apex_len; /* octets, root label included */
	uint8_t reserved[3];
};

struct view {
	uint64_t label_counts[2]; /* bit n: a zone whose apex has n labels is in it */
	uint32_t entry_at;        /* struct view_entry[mask + 1]; 0: the view has no zones */
	uint32_t mask;            /* entries - 1; a power of two less one */
};

struct views {
	uint32_t magic;
	uint32_t sources_at; /* struct policy, a multiple of ARENA_ALIGN; its acl is set */
	uint64_t octets;     /* of the block */
	struct view view[VIEWS_NUMBERS];
};

_Static_assert(sizeof(struct view_entry) == 16 && sizeof(struct view) == 24, "of the layout");

/** The block at an offset, when it and its table of networks lie inside the arena; else NULL. */
static inline const struct views *
views_at(const struct arena *a, uint64_t off)
{
	const struct views *v = arena_at(a, off, sizeof *v);

	if (v == NULL || off % ARENA_ALIGN != 0 || v->magic != VIEWS_MAGIC ||
		v->octets < sizeof *v || v->octets > UINT32_MAX ||
		arena_at(a, off, v->octets) == NULL || v->sources_at < sizeof *v ||
		v->sources_at + sizeof(struct policy) > v->octets)
		return NULL;
	const struct policy *sources = policy_at(a, off + v->sources_at);
	if (sources == NULL || !sources->acl || sources->octets > v->octets - v->sources_at)
		return NULL;
	return v;
}

/** The views of this moment; NULL: nobody has one. For a burst. */
static inline const struct views *
views_current(const struct arena *a)
{
	uint64_t off = atomic_load_explicit(&arena_header(a)->views, memory_order_acquire);

	return __builtin_expect(off == 0, 1) ? NULL : views_at(a, off);
}

static inline const struct policy *
views_sources(const struct views *v)
{
	return (const struct policy *)((const uint8_t *)v + v->sources_at);
}

/** The view of a client; NULL: none, or one without zones. */
static inline const struct view *
views_of(const struct views *v, const uint8_t client[16])
{
	const struct policy *sources = views_sources(v);
	struct policy_key k = policy_key_of(client);
	struct policy_span span = policy_span_of(sources, &k);
	const struct view *view = &v->view[policy_value_of(sources, &k, &span)];

	if (view->entry_at < sizeof *v || view->entry_at % 8 != 0 ||
		((uint64_t)view->mask + 1) * sizeof(struct view_entry) > v->octets ||
		view->entry_at > v->octets - ((uint64_t)view->mask + 1) * sizeof(struct view_entry))
		return NULL;
	return view;
}

/**
 * Which variant of a zone is in a view?
 * @param view  as views_of() returned it
 * @param hash  of the folded apex
 * @param apex  folded, wire
 * @param len   octets of apex, root label included
 * @return the label of its key, length octet first, NAME_HASH_AHEAD octets readable behind it;
 *         NULL: the view has none of its own
 */
static inline const uint8_t *
view_variant(const struct views *v, const struct view *view, uint64_t hash, const uint8_t *apex,
	unsigned len)
{
	const uint8_t *base = (const uint8_t *)v;
	const struct view_entry *e = (const struct view_entry *)(base + view->entry_at);

	for (uint32_t i = 0; i < VIEW_PROBE_MAX; i++) {
		const struct view_entry *at = &e[((uint32_t)hash + i) & view->mask];
		if (at->name_at == 0)
			return NULL;
		if (at->hash != hash || at->apex_len != len ||
			(uint64_t)at->name_at + ZONE_VARIANT_LABEL + NAME_OCTETS_MAX + NAME_PAD >
				v->octets)
			continue;
		const uint8_t *label = base + at->name_at;
		if (zone_variant_is_label(label) && name_equal(label + label[0] + 1, apex, len))
			return label;
	}
	return NULL;
}
