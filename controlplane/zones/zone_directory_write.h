/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_directory_write: the writer's side of shm/zone_directory.h, for zone_publish alone, under
 * its lock. Nothing here frees what a reader may hold. */
#pragma once
#include "shm/zone_directory.h"

#include <stddef.h>

/* A directory is rebuilt, larger if need be, when more than this part of its slots are not empty.
 */
#define ZONE_LOAD_NUM 5u
#define ZONE_LOAD_DEN 8u

static inline uint64_t
zone_slot_word(uint64_t hash, uint64_t image_off)
{
	return (uint64_t)zone_slot_tag(hash) << 48 | image_off;
}

/** Hash of a zone's key (shm/zone_key.h), with the arena's seed. */
uint64_t zone_key_hash(const struct arena *a, const uint8_t *key);

/** The slot of a published zone in the directory that keys like this are in; NULL when there is
 * none, or d is NULL. */
_Atomic uint64_t *zone_directory_slot(
	const struct arena *a, struct zone_directory *d, const uint8_t *key);

/** A slot, empty or removed, for a name that is not there; NULL when readers would not look so far.
 */
_Atomic uint64_t *zone_directory_free_slot(struct zone_directory *d, uint64_t hash);

/** Make a slot empty again. @return slots that had to become ZONE_SLOT_REMOVED: 0 or 1 */
uint32_t zone_directory_clear_slot(struct zone_directory *d, _Atomic uint64_t *slot);

/** An apex of so many labels is going to be published. */
void zone_directory_note_labels(struct zone_directory *d, unsigned labels);

/**
 * Build a directory in the arena of the zones in `old` (may be NULL) and of n more images, which
 * stand before old ones of the same key. Not published.
 * @return 0; -ENOSPC; -EINVAL (two of the n have the same key)
 */
int zone_directory_build(struct arena *a, const struct zone_directory *old,
	const uint64_t *image_off, size_t n, uint64_t *off) __attribute__((warn_unused_result));

/** Adopt the directory's own block. @return NULL when it is damaged */
struct zone_directory *zone_directory_adopt(struct arena *a, uint64_t off);

/**
 * Adopt the blocks of all images in a directory. Checked is what the writer relies on (names, that
 * blocks lie apart); readers check the rest as they go. Damaged ones are withdrawn.
 * @param[out] n_damaged  added to
 * @param[out] n_removed  slots that are ZONE_SLOT_REMOVED
 * @param[out] parts      offset and length, in turn, of blocks that were adopted for images which
 *                        then turned out to be damaged; to be retired; the caller frees the array
 * @return 0 or -ENOMEM
 */
int zone_directory_adopt_images(struct arena *a, struct zone_directory *d, uint32_t *n_damaged,
	uint32_t *n_removed, uint64_t **parts, size_t *n_parts) __attribute__((warn_unused_result));
