/* SPDX-License-Identifier: GPL-3.0-or-later */
/* views_compile: from networks and zones of views to the block that workers read (shm/views.h).
 * Networks first, then zones, then the block. One thread at a time. */
#pragma once
#include "config/config.h"
#include "shm/views.h"

struct views_builder;

/** @param seed  of the arena: arena_header.seed. @return NULL when out of memory */
struct views_builder *views_builder_create(uint64_t seed);
void views_builder_destroy(struct views_builder *b);

/** A network sees a view. Each network once. @return 0, -ENOMEM, or -E2BIG: VIEWS_NETWORKS_MAX or
 * VIEWS_MAX */
int views_builder_network(struct views_builder *b, const struct config_prefix *network,
	const char *view) __attribute__((warn_unused_result));

/**
 * A zone is in a view. Of a view that no network sees it is left out, and without a variant too:
 * that is what a view sees anyway.
 * @param zone_key  shm/zone_key.h; padded
 * @return 0, -ENOMEM or -E2BIG (VIEWS_ZONES_MAX)
 */
int views_builder_zone(struct views_builder *b, const char *view, const uint8_t *zone_key)
	__attribute__((warn_unused_result));

/**
 * The block, in private memory.
 * @param[out] out  the caller frees it; NULL: no network sees another zone than everybody
 * @return 0, -ENOMEM, or -E2BIG (it would be larger than 4 GiB); untouched on error
 */
int views_builder_finish(struct views_builder *b, struct views **out)
	__attribute__((warn_unused_result));
