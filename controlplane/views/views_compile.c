/* SPDX-License-Identifier: GPL-3.0-or-later */
/* views_compile: views are numbered as their zones come, 1 and up without POLICY_DIVIDED; the
 * networks then are compiled as an access list is, with these numbers for actions. A network of a
 * view that has no variants keeps number 0 for its addresses: the wider one around it must not
 * stand for them. So only views that are there need a number, and networks may name any others. */
#include "controlplane/views/views_compile.h"

#include "controlplane/policy/acl_compile.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MIN 4u

struct zone {
	uint64_t hash;
	uint8_t label, apex_len; /* octets of the variant's label, and of the apex */
	uint8_t *key;            /* owned */
};

struct named {
	char *name; /* owned */
	bool seen;  /* by a network */
	struct zone *zone;
	uint32_t n, room;
	uint64_t label_counts[2];
	uint32_t mask; /* entries - 1 */
};

struct views_builder {
	uint64_t seed;
	struct acl_rules networks; /* actions are indices into view[], and 1; 0: of none of them */
	struct named view[VIEWS_MAX];
	unsigned n_views;
	uint32_t n_zones;
};

struct views_builder *
views_builder_create(uint64_t seed)
{
	struct views_builder *b = calloc(1, sizeof *b);

	if (b != NULL)
		b->seed = seed;
	return b;
}

void
views_builder_destroy(struct views_builder *b)
{
	if (b == NULL)
		return;
	for (unsigned i = 0; i < b->n_views; i++) {
		for (uint32_t k = 0; k < b->view[i].n; k++)
			free(b->view[i].zone[k].key);
		free(b->view[i].zone);
		free(b->view[i].name);
	}
	acl_rules_free(&b->networks);
	free(b);
}

/* The place of a view; n_views: it has none. At most 250 comparisons, of names that differ early.
 */
static unsigned
find_view(const struct views_builder *b, const char *name)
{
	unsigned i = 0;

	while (i < b->n_views && strcmp(b->view[i].name, name) != 0)
		i++;
	return i;
}

/* The view of this name, which may be a new one. */
static int
take_view(struct views_builder *b, const char *name, struct named **out)
{
	unsigned at = find_view(b, name);

	if (at == VIEWS_MAX)
		return -E2BIG;
	if (at == b->n_views) {
		b->view[at].name = strdup(name);
		if (b->view[at].name == NULL)
			return -ENOMEM;
		b->n_views++;
	}
	*out = &b->view[at];
	return 0;
}

int
views_builder_network(
	struct views_builder *b, const struct config_prefix *network, const char *view)
{
	unsigned at = view != NULL ? find_view(b, view) : b->n_views;
	bool known = at < b->n_views;
	int ret;

	if (b->networks.n == VIEWS_NETWORKS_MAX)
		return -E2BIG;
	ret = acl_rules_add(&b->networks, network, (enum policy_action)(known ? at + 1 : 0), false);
	if (ret == 0 && known)
		b->view[at].seen = true;
	return ret;
}

int
views_builder_zone(struct views_builder *b, const char *view, const uint8_t *zone_key)
{
	unsigned label = zone_key_variant(zone_key), n_labels, len;
	const uint8_t *apex = zone_key + label;
	uint8_t at_label[NAME_LABELS_MAX];
	struct named *v;
	int ret;

	if (label == 0)
		return 0;
	if (b->n_zones == VIEWS_ZONES_MAX)
		return -E2BIG;
	ret = take_view(b, view, &v);
	if (ret != 0)
		return ret;
	if (v->n == v->room) {
		uint32_t room = v->room == 0 ? 16 : 2 * v->room;
		struct zone *more = reallocarray(v->zone, room, sizeof *more);
		if (more == NULL)
			return -ENOMEM;
		v->zone = more;
		v->room = room;
	}
	len = name_octets(zone_key);
	n_labels = name_labels(apex, at_label);
	struct zone z = {.hash = name_hash(b->seed, apex),
		.label = (uint8_t)label,
		.apex_len = (uint8_t)(len - label),
		.key = malloc(len)};
	if (z.key == NULL)
		return -ENOMEM;
	memcpy(z.key, zone_key, len);
	v->zone[v->n++] = z;
	v->label_counts[n_labels >> 6] |= 1ull << (n_labels & 63);
	b->n_zones++;
	return 0;
}

/* --- the block --- */

static uint64_t
align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) / align * align;
}

/* Can all be entered into so many slots, within what a reader looks at? @param slot  calloc()ed */
static bool
fits(const struct named *v, uint32_t mask, uint8_t *slot)
{
	for (uint32_t i = 0; i < v->n; i++) {
		uint32_t probe = 0;
		while (probe < VIEW_PROBE_MAX && slot[((uint32_t)v->zone[i].hash + probe) & mask])
			probe++;
		if (probe == VIEW_PROBE_MAX)
			return false;
		slot[((uint32_t)v->zone[i].hash + probe) & mask] = 1;
	}
	return true;
}

/* How many entries a view's table has: half of them empty, so that a name that is not there is
 * found out soon. */
static int
plan_view(struct named *v)
{
	uint64_t n = ENTRIES_MIN;

	while (n < 2ull * v->n)
		n *= 2;
	for (; n <= 64ull * VIEWS_ZONES_MAX; n *= 2) {
		uint8_t *slot = calloc(n, 1);
		if (slot == NULL)
			return -ENOMEM;
		bool good = fits(v, (uint32_t)n - 1, slot);
		free(slot);
		if (good) {
			v->mask = (uint32_t)n - 1;
			return 0;
		}
	}
	return -E2BIG;
}

/* Names are laid behind each other from `at` on. @return where the next one goes */
static uint64_t
write_view(uint8_t *base, const struct view *out, const struct named *v, uint64_t at)
{
	struct view_entry *entry = (struct view_entry *)(base + out->entry_at);

	for (uint32_t i = 0; i < v->n; i++) {
		const struct zone *z = &v->zone[i];
		uint32_t slot = (uint32_t)z->hash & v->mask;
		while (entry[slot].name_at != 0)
			slot = (slot + 1) & v->mask;
		entry[slot] = (struct view_entry){
			.hash = z->hash, .name_at = (uint32_t)at, .apex_len = z->apex_len};
		memcpy(base + at, z->key, (size_t)z->label + z->apex_len);
		at += (uint64_t)z->label + z->apex_len;
	}
	return at;
}

/* The number of view i, by which workers know it. */
static unsigned
number_of(unsigned i)
{
	return i + 1 < POLICY_DIVIDED ? i + 1 : i + 2;
}

_Static_assert(VIEWS_MAX + 1 < VIEWS_NUMBERS, "every view has a number");

/* A view that no network sees is left out. Every other one has a zone: that is why it is here. */
static bool
is_shown(const struct named *v)
{
	return v->seen && v->n > 0;
}

/* Where everything goes: views' tables, names, then the networks. @return octets in all */
static int
plan(struct views_builder *b, struct views *head, uint64_t *names_at)
{
	uint64_t at = sizeof *head, names = 0;

	for (unsigned i = 0; i < b->n_views; i++) {
		struct named *v = &b->view[i];
		struct view *out = &head->view[number_of(i)];
		int ret;
		if (!is_shown(v))
			continue;
		ret = plan_view(v);
		if (ret != 0)
			return ret;
		memcpy(out->label_counts, v->label_counts, sizeof out->label_counts);
		out->entry_at = (uint32_t)at;
		out->mask = v->mask;
		at += ((uint64_t)v->mask + 1) * sizeof(struct view_entry);
		for (uint32_t k = 0; k < v->n; k++)
			names += (uint64_t)v->zone[k].label + v->zone[k].apex_len;
		if (at + names > UINT32_MAX / 2)
			return -E2BIG;
	}
	*names_at = at;
	head->sources_at = (uint32_t)align_up(
		at + names + ZONE_VARIANT_LABEL + NAME_OCTETS_MAX + NAME_PAD, ARENA_ALIGN);
	return 0;
}

/* The networks, with the numbers of their views. */
static int
compile_networks(const struct views_builder *b, struct policy **out)
{
	static const struct policy_rate_limit none = {.v4_bits = 32, .v6_bits = 64};
	struct acl_rules rules;
	struct config_prefix twice;
	int ret = acl_rules_copy(&rules, &b->networks);

	if (ret != 0)
		return ret;
	for (size_t i = 0; i < rules.n; i++) {
		unsigned view = rules.rule[i].action;
		if (view != 0)
			rules.rule[i].action = (uint8_t)number_of(view - 1);
	}
	ret = acl_rules_sort(&rules, &twice);
	if (ret == 0)
		ret = acl_compile(out, &rules, (enum policy_action)0, &none);
	acl_rules_free(&rules);
	return ret;
}

int
views_builder_finish(struct views_builder *b, struct views **out)
{
	struct views *head = calloc(1, sizeof *head);
	struct policy *sources = NULL;
	uint8_t *base = NULL;
	uint64_t names_at;
	int ret = head == NULL ? -ENOMEM : 0;
	unsigned shown = 0;

	for (unsigned i = 0; i < b->n_views; i++)
		shown += is_shown(&b->view[i]);
	if (ret == 0 && shown == 0) {
		free(head);
		*out = NULL;
		return 0;
	}
	if (ret == 0)
		ret = plan(b, head, &names_at);
	if (ret == 0)
		ret = compile_networks(b, &sources);
	if (ret == 0) {
		head->magic = VIEWS_MAGIC;
		head->octets = head->sources_at + sources->octets;
		ret = head->octets > UINT32_MAX ? -E2BIG : 0;
	}
	if (ret == 0) {
		base = aligned_alloc(ARENA_ALIGN, align_up(head->octets, ARENA_ALIGN));
		ret = base == NULL ? -ENOMEM : 0;
	}
	if (ret == 0) {
		memset(base, 0, head->sources_at);
		memcpy(base, head, sizeof *head);
		for (unsigned i = 0; i < b->n_views; i++)
			if (is_shown(&b->view[i]))
				names_at = write_view(
					base, &head->view[number_of(i)], &b->view[i], names_at);
		memcpy(base + head->sources_at, sources, sources->octets);
		*out = (struct views *)base;
	}
	free(sources);
	free(head);
	return ret;
}
