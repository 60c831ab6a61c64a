/* SPDX-License-Identifier: GPL-3.0-or-later */
/* views_control: publishes what the store says of views and networks: when it is opened, and behind
 * each change of them. Thread: any, serialised inside. */
#pragma once
#include "controlplane/store/store.h"
#include "controlplane/zones/zone_publish.h"

struct views_control;

/**
 * @param publisher  outlives it, as the arena does
 * @param published  called after each publication (any thread), so that somebody reclaims; may be
 *                   NULL
 * @return 0 or -ENOMEM
 */
int views_control_create(struct views_control **out, struct zone_publisher *publisher,
	const struct arena *arena, void (*published)(void *arg), void *arg)
	__attribute__((warn_unused_result));
void views_control_destroy(struct views_control *v);

/**
 * Publish what a store says now. Rows that are damaged are told in the log and left out. Takes
 * time in proportion to networks and zones of views: some 50 ms for 100,000 of either.
 * @param arg  struct views_control (the type is that of changes_options.views)
 * @return 0; else the log has why, and what was published before stays: call it again later
 */
int views_control_refresh(void *arg, struct store *store) __attribute__((warn_unused_result));
/** Are any published, by whomever? */
bool views_control_has_some(const struct views_control *v);
