/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_touch: which zones and names a batch changed. */
#include "controlplane/changes/changes_internal.h"
#include "shm/name.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OWNERS_MAX 65536u /* of one zone in one batch; with more it is compiled as a whole */

void
touched_destroy_all(struct change_touched *list)
{
	while (list != NULL) {
		struct change_touched *next = list->next;
		free(list->owner);
		free(list->heap);
		free(list);
		list = next;
	}
}

void
touched_clear(struct change_touched *z)
{
	z->is_whole = false;
	free(z->owner);
	free(z->heap);
	z->owner = NULL;
	z->heap = NULL;
	z->n = z->heap_len = z->heap_room = 0;
}

static void
make_whole(struct change_touched *z)
{
	touched_clear(z);
	z->is_whole = true;
}

/* What the job touched of this zone so far. */
static struct change_touched *
touched_by(struct change_job *j, const uint8_t *apex)
{
	unsigned len = name_octets(apex);
	struct change_touched *z;

	for (z = j->touched; z != NULL; z = z->next)
		if (name_octets(z->apex) == len && memcmp(z->apex, apex, len) == 0)
			return z;
	z = calloc(1, sizeof *z);
	if (z == NULL)
		return NULL;
	memcpy(z->apex, apex, len);
	z->job = j;
	z->next = j->touched;
	j->touched = z;
	return z;
}

/* Is n 0, 1, 2, 4, 8, ...? Then the array of owners is full. */
static bool
is_full(size_t n)
{
	return (n & (n - 1)) == 0;
}

static int
add_owner(struct change_touched *z, const uint8_t *owner)
{
	unsigned len = name_octets(owner);
	size_t need = z->heap_len + len + NAME_PAD;

	if (z->is_whole)
		return 0;
	if (z->n == OWNERS_MAX) {
		make_whole(z);
		return 0;
	}
	if (is_full(z->n)) {
		uint32_t *bigger = realloc(z->owner, (z->n == 0 ? 1 : z->n * 2) * sizeof *z->owner);
		if (bigger == NULL)
			return -ENOMEM;
		z->owner = bigger;
	}
	if (need > z->heap_room) {
		size_t room = z->heap_room == 0         ? need
			      : z->heap_room * 2 > need ? z->heap_room * 2
							: need;
		uint8_t *bigger = realloc(z->heap, room);
		if (bigger == NULL)
			return -ENOMEM;
		z->heap = bigger;
		z->heap_room = room;
	}
	memcpy(z->heap + z->heap_len, owner, len);
	memset(z->heap + z->heap_len + len, 0, NAME_PAD);
	z->owner[z->n++] = (uint32_t)z->heap_len;
	z->heap_len = need;
	return 0;
}

int
change_touch_zone(struct change_job *j, const uint8_t *apex, enum change_touch what)
{
	struct change_touched *z = touched_by(j, apex);

	if (z == NULL)
		return -ENOMEM;
	/* whichever it is, what the store has in the end is what counts */
	if (what != CHANGE_ZONE_SEEN)
		make_whole(z);
	return 0;
}

void
change_touch_views(struct change_job *j)
{
	j->touched_views = true;
}

int
change_touch_owner(struct change_job *j, const uint8_t *apex, const uint8_t *owner)
{
	struct change_touched *z = touched_by(j, apex);

	return z == NULL ? -ENOMEM : add_owner(z, owner);
}

bool
touched_is_nothing(const struct change_touched *z)
{
	return !z->is_whole && z->n == 0;
}

/* --- a batch --- */

static struct change_touched **
slot_of(const struct touched_zones *all, const uint8_t *apex)
{
	size_t mask = all->room - 1, at = name_hash(0, apex) & mask;
	unsigned len = name_octets(apex);

	while (all->slot[at] != NULL && (name_octets(all->slot[at]->apex) != len ||
						memcmp(all->slot[at]->apex, apex, len) != 0))
		at = (at + 1) & mask;
	return &all->slot[at];
}

static int
grow(struct touched_zones *all)
{
	struct touched_zones bigger = {.n = all->n, .room = all->room == 0 ? 64 : all->room * 2};

	if (all->n * 2 < all->room)
		return 0;
	bigger.slot = calloc(bigger.room, sizeof(struct change_touched *));
	if (bigger.slot == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < all->room; i++)
		if (all->slot[i] != NULL)
			*slot_of(&bigger, all->slot[i]->apex) = all->slot[i];
	free(all->slot);
	*all = bigger;
	return 0;
}

static int
merge_owners(struct change_touched *into, const struct change_touched *from)
{
	int ret = 0;

	if (from->is_whole)
		make_whole(into);
	for (size_t i = 0; ret == 0 && i < from->n; i++)
		ret = add_owner(into, from->heap + from->owner[i]);
	return ret;
}

void
touched_add(struct change_touched *into, const struct change_touched *from)
{
	if (merge_owners(into, from) != 0)
		make_whole(into);
}

int
touched_merge(struct touched_zones *all, struct change_touched *list)
{
	for (struct change_touched *z = list; z != NULL; z = z->next) {
		struct change_touched **slot;
		int ret = grow(all);
		if (ret != 0)
			return ret;
		slot = slot_of(all, z->apex);
		if (*slot != NULL) {
			touched_add(*slot, z);
			z->into = *slot;
		} else {
			*slot = z;
			all->n++;
		}
	}
	return 0;
}

void
touched_zones_free(struct touched_zones *all)
{
	free(all->slot);
	*all = (struct touched_zones){0};
}

static int
compare_names(const void *a, const void *b)
{
	const uint8_t *x = *(const uint8_t *const *)a, *y = *(const uint8_t *const *)b;
	unsigned x_len = name_octets(x), y_len = name_octets(y);

	return x_len != y_len ? (x_len < y_len ? -1 : 1) : memcmp(x, y, x_len);
}

const uint8_t **
touched_owners(struct change_touched *z, size_t *n)
{
	const uint8_t **name = calloc(z->n == 0 ? 1 : z->n, sizeof *name);
	size_t kept = 0;

	if (name == NULL)
		return NULL;
	for (size_t i = 0; i < z->n; i++)
		name[i] = z->heap + z->owner[i];
	qsort(name, z->n, sizeof *name, compare_names);
	for (size_t i = 0; i < z->n; i++)
		if (i == 0 || compare_names(&name[i], &name[kept - 1]) != 0)
			name[kept++] = name[i];
	*n = kept;
	return name;
}
