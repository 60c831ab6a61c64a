/* SPDX-License-Identifier: GPL-3.0-or-later */
/* views_compile: from networks and zones of views to the block that workers read (shm/views.h).
 * Zones first, then networks, then the block. One thread at a time. */
#pragma once
#include "config/config.h"
#include "shm/views.h"

struct views_builder;

/** @param seed  of the arena: arena_header.seed. @return NULL when out of memory */
struct views_builder *views_builder_create(uint64_t seed);
void views_builder_destroy(struct views_builder *b);

/**
 * A zone is in a view. Without a variant it is left out: that is what a view sees anyway; and so is
 * a view that no network sees.
 * @param zone_key  shm/zone_key.h; padded
 * @return 0, -ENOMEM or -E2BIG (VIEWS_ZONES_MAX, VIEWS_MAX)
 */
int views_builder_zone(struct views_builder *b, const char *view, const uint8_t *zone_key)
	__attribute__((warn_unused_result));

/**
 * A network sees a view. Each network once, behind all zones.
 * @param view  one that has no variant, or NULL: its addresses see none, whatever a wider network
 *              sees
 * @return 0, -ENOMEM or -E2BIG (VIEWS_NETWORKS_MAX)
 */
int views_builder_network(struct views_builder *b, const struct config_prefix *network,
	const char *view) __attribute__((warn_unused_result));

/**
 * The block, in private memory.
 * @param[out] out  the caller frees it; NULL: no network sees another zone than everybody
 * @return 0, -ENOMEM, or -E2BIG (it would be larger than 4 GiB); untouched on error
 */
int views_builder_finish(struct views_builder *b, struct views **out)
	__attribute__((warn_unused_result));
