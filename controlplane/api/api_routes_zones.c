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
	{"PUT", API_BASE "/zones/{zone_id}/notify", api_zone_notify, "",
		"Send NOTIFY to the zone's name servers and to ALSO-NOTIFY. Answers when it is on its way, not when it has arrived.",
		"notifyZone", "", "200 Result, 404, 422, 503"},
	{"PUT", API_BASE "/zones/{zone_id}/axfr-retrieve", api_zone_retrieve, "",
		"Transfer a secondary zone from its primary. Not in this version: 501, and 422 for other zones.",
		"axfrRetrieveZone", "", "501, 404, 422"},
	{"PUT", API_BASE "/zones/{zone_id}/rectify", api_zone_rectify, "",
		"See whether the newest version of a zone is served. There is nothing else to do: what PowerDNS computes here is made "
		"with each version.",
		"rectifyZone", "", "200 Result, 404, 422"},
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
