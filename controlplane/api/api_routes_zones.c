/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_routes_zones: what can be done with zones and their records. */
#include "controlplane/api/request.h"

/* a route is its request line, what it does, and its types */
/* clang-format off */
static const struct route zones[] = {
	{"GET", API_BASE "/zones", api_zones_list, "zone dnssec",
		"All zones.",
		"listZones", "", "200 [Zone], 400, 422"},
	{"GET", API_BASE "/zones/{zone_id}", api_zone_get, "",
		"One zone, with its state, file and findings in \"millrace\".",
		"listZone", "", "200 Zone, 404, 422"},
	{"PUT", API_BASE "/zones/{zone_id}/reload", api_zone_reload, "wait",
		"Load one zone's file anew. 422 when it is refused; what was served before goes on being served.",
		"reloadZone", "", "200 ZoneReload, 202 Result, 404, 422"},
	{"PUT", API_BASE "/reload", api_reload, "force wait",
		"Look for added, removed and changed zone files and load them.",
		"reload", "", "200 Reload, 202 Result, 400"},
};
/* clang-format on */

const struct route_group api_routes_zones = {
	"zones", "Zones and their records.", zones, sizeof zones / sizeof zones[0]};
