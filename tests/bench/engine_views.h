/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine_views: networks and views for bench_engine. */
#pragma once
#include "controlplane/zones/zone_publish.h"

/**
 * Publish networks that few clients are in, and ten views with zones.
 * @param networks   at most VIEWS_NETWORKS_MAX - 1; 0 with `everybody` false: none is published
 * @param everybody  all other clients of IPv4 have a view too
 * @return 0 or a negative errno
 */
int engine_publish_views(struct zone_publisher *p, const struct arena *a, unsigned networks,
	unsigned zones, bool everybody) __attribute__((warn_unused_result));
