/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_table: chained hash that doubles, and an array of slots that a listing walks in pieces: a
 * zone keeps its slot for life, so one that is there all the time is listed exactly once. */
#include "controlplane/manager/zone_table.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BITS_MIN 8u

const char *const zone_state_word[ZONE_STATES] = {
	[ZONE_CONFIGURED] = "configured",
	[ZONE_LOADING] = "loading",
	[ZONE_LOADED] = "loaded",
	[ZONE_FAILED] = "failed",
	[ZONE_EMPTY] = "empty",
};

int
zone_table_init(struct zone_table *t, uint64_t seed)
{
	memset(t, 0, sizeof *t);
	t->seed = seed;
	t->bits = BITS_MIN;
	t->bucket = calloc((size_t)1 << t->bits, sizeof *t->bucket);
	return t->bucket == NULL ? -ENOMEM : 0;
}

void
zone_table_destroy(struct zone_table *t)
{
	for (uint32_t i = 0; i < t->n_slots; i++)
		if (t->slot[i] != NULL)
			zone_entry_destroy(t->slot[i]);
	free(t->slot);
	free(t->bucket);
	memset(t, 0, sizeof *t);
}

static struct zone_entry **
bucket_of(const struct zone_table *t, uint32_t hash)
{
	return &t->bucket[hash & ((1u << t->bits) - 1)];
}

struct zone_entry *
zone_table_find(const struct zone_table *t, const uint8_t *apex)
{
	uint32_t hash = (uint32_t)name_hash(t->seed, apex);
	unsigned len = name_octets(apex);

	for (struct zone_entry *e = *bucket_of(t, hash); e != NULL; e = e->chain)
		if (e->hash == hash && e->apex_len == len && memcmp(e->apex, apex, len) == 0)
			return e;
	return NULL;
}

/* A table that cannot grow only gets slower. */
static void
grow_buckets(struct zone_table *t)
{
	struct zone_entry **old = t->bucket, **bigger;

	if (t->n_zones < 1u << t->bits || t->bits >= 30)
		return;
	bigger = calloc((size_t)2 << t->bits, sizeof *bigger);
	if (bigger == NULL)
		return;
	t->bucket = bigger;
	t->bits++;
	for (uint32_t i = 0; i < t->n_slots; i++) {
		struct zone_entry *e = t->slot[i];
		if (e == NULL)
			continue;
		e->chain = *bucket_of(t, e->hash);
		*bucket_of(t, e->hash) = e;
	}
	free(old);
}

static int
take_slot(struct zone_table *t, struct zone_entry *e)
{
	while (t->slot_free < t->n_slots && t->slot[t->slot_free] != NULL)
		t->slot_free++;
	if (t->slot_free == t->slots_room) {
		uint32_t room = t->slots_room == 0 ? 64 : t->slots_room + t->slots_room / 2;
		struct zone_entry **bigger = realloc(t->slot, room * sizeof *bigger);
		if (bigger == NULL)
			return -ENOMEM;
		t->slot = bigger;
		t->slots_room = room;
	}
	e->slot = t->slot_free++;
	t->slot[e->slot] = e;
	if (e->slot == t->n_slots)
		t->n_slots++;
	return 0;
}

struct zone_entry *
zone_table_add(struct zone_table *t, const uint8_t *apex, const char *path)
{
	unsigned len = name_octets(apex);
	struct zone_entry *e = calloc(1, sizeof *e + len);

	assert(zone_table_find(t, apex) == NULL);
	if (e == NULL)
		return NULL;
	memcpy(e->apex, apex, len);
	e->apex_len = (uint8_t)len;
	e->hash = (uint32_t)name_hash(t->seed, apex); /* not the copy: see NAME_HASH_AHEAD */
	e->home = path != NULL ? ZONE_HOME_FILE : ZONE_HOME_STORE;
	e->path = path != NULL ? strdup(path) : NULL;
	if ((path != NULL && e->path == NULL) || take_slot(t, e) != 0) {
		zone_entry_destroy(e);
		return NULL;
	}
	t->n_zones++;
	t->n_state[e->state]++;
	t->n_home[e->home]++;
	e->chain = *bucket_of(t, e->hash);
	*bucket_of(t, e->hash) = e;
	grow_buckets(t);
	return e;
}

void
zone_table_remove(struct zone_table *t, struct zone_entry *e)
{
	struct zone_entry **at = bucket_of(t, e->hash);

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	e->chain = NULL;
	t->slot[e->slot] = NULL;
	if (e->slot < t->slot_free)
		t->slot_free = e->slot;
	t->n_zones--;
	t->n_state[e->state]--;
	t->n_home[e->home]--;
}

int
zone_table_set_home(
	struct zone_table *t, struct zone_entry *e, enum zone_home home, const char *path)
{
	char *copy = path != NULL ? strdup(path) : NULL;

	if (path != NULL && copy == NULL)
		return -ENOMEM;
	free(e->path);
	e->path = copy;
	file_list_destroy(e->includes);
	e->includes = NULL;
	e->stamp = e->version = 0;
	e->current = e->in_directory = e->wanted = false;
	e->hides |= e->home == ZONE_HOME_BACKEND && home != ZONE_HOME_BACKEND;
	t->n_home[e->home]--;
	t->n_home[home]++;
	e->home = (uint8_t)home;
	return 0;
}

void
zone_table_set_state(struct zone_table *t, struct zone_entry *e, enum zone_state s)
{
	if (!e->removed) {
		t->n_state[e->state]--;
		t->n_state[s]++;
	}
	e->state = (uint8_t)s;
}

void
zone_entry_destroy(struct zone_entry *e)
{
	if (e == NULL)
		return;
	file_list_destroy(e->includes);
	if (e->report != NULL)
		zone_report_destroy(e->report);
	free(e->report);
	free(e->path);
	free(e);
}
