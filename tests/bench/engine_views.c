/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engine_views: networks and views for bench_engine, none of which has the zone that is asked for.
 */
#include "tests/bench/engine_views.h"

#include "controlplane/manager/zone_names.h"
#include "controlplane/views/views_compile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define VIEWS 10u

static int
add_networks(struct views_builder *b, unsigned n)
{
	struct config_prefix p = {.address = {[10] = 0xff, [11] = 0xff}, .bits = 96 + 28};
	uint64_t x = 1;
	char view[16];
	int ret = 0;

	for (unsigned i = 0; i < n && ret == 0; i++) {
		/* an odd factor: no prefix comes twice */
		uint32_t a = i * 0x9e3779b1u << 4;
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		for (unsigned k = 0; k < 4; k++)
			p.address[12 + k] = (uint8_t)(a >> (24 - 8 * k));
		snprintf(view, sizeof view, "view%u", (unsigned)(x >> 40) % VIEWS);
		ret = views_builder_network(b, &p, view);
	}
	return ret;
}

static int
add_zones(struct views_builder *b, unsigned n)
{
	uint8_t key[ZONE_WIRE_OCTETS];
	char view[16], name[48];
	int ret = 0;

	for (unsigned i = 0; i < n && ret == 0; i++) {
		snprintf(view, sizeof view, "view%u", i % VIEWS);
		snprintf(name, sizeof name, "zone%u.example..internal", i);
		ret = zone_key_from_text(key, name) < 0 ? -EINVAL
							: views_builder_zone(b, view, key);
	}
	return ret;
}

int
engine_publish_views(struct zone_publisher *p, const struct arena *a, unsigned networks,
	unsigned zones, bool everybody)
{
	static const struct config_prefix all = {.address = {[10] = 0xff, [11] = 0xff}, .bits = 96};
	struct views_builder *b = views_builder_create(arena_header(a)->seed);
	struct views *block = NULL;
	int ret = b == NULL ? -ENOMEM : 0;

	if (ret == 0)
		ret = add_zones(b, zones);
	if (ret == 0)
		ret = add_networks(b, networks);
	if (ret == 0 && everybody)
		ret = views_builder_network(b, &all, "view0");
	if (ret == 0)
		ret = views_builder_finish(b, &block);
	if (ret == 0)
		ret = views_publish(p, block);
	free(block);
	views_builder_destroy(b);
	return ret;
}
