/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_routes_zones: what can be done with zones and their records. */
#include "controlplane/api/request.h"

/* a route is its request line, what it does, and its types */
/* clang-format off */
static const struct route zones[] = {
	{"GET", API_BASE "/zones", api_zones_list, "zone dnssec limit cursor",
		"All zones, in no special order. With `api.extensions` in pages: X-Millrace-Cursor is the next one's `cursor`.",
		"listZones", "", "200 [Zone], 400, 422"},
	{"POST", API_BASE "/zones", api_zone_create, "rrsets",
		"Create a zone in the store, with its records as RRsets or as the text of a zone file.",
		"createZone", "Zone", "201 Zone, 400, 409, 422"},
	{"GET", API_BASE "/zones/{zone_id}", api_zone_get,
		"rrsets record_count rrset_name rrset_type include_disabled",
		"One zone, with its RRsets; and its state, file and findings in \"millrace\".",
		"listZone", "", "200 Zone, 404, 422"},
	{"PUT", API_BASE "/zones/{zone_id}/notify", api_zone_notify, "",
		"Send NOTIFY to the zone's name servers and to ALSO-NOTIFY. Answers when it is on its way, not when it has arrived.",
		"notifyZone", "", "200 Result, 404, 422, 503"},
	{"PUT", API_BASE "/zones/{zone_id}/axfr-retrieve", api_zone_retrieve, "",
		"Retrieve a secondary zone from its primaries, or from the one in the body. Answers when that is queued; `millrace.transfer` of the zone tells what came of it.",
		"axfrRetrieveZone", "Retrieval", "200 Result, 400, 404, 422, 503"},
	{"PUT", API_BASE "/zones/{zone_id}/rectify", api_zone_rectify, "",
		"See whether the newest version of a zone is served. There is nothing else to do: what PowerDNS computes here is made "
		"with each version.",
		"rectifyZone", "", "200 Result, 404, 422"},
	{"PUT", API_BASE "/zones/{zone_id}", api_zone_put, "",
		"Change properties of a zone, or, with `rrsets` in the body, all of its records at once.",
		"putZone", "Zone", "204, 400, 404, 412, 422"},
	{"PATCH", API_BASE "/zones/{zone_id}", api_zone_patch, "",
		"Change RRsets, all of them or none; served when it is answered.",
		"patchZone", "Zone", "204, 400, 404, 412, 422"},
	{"DELETE", API_BASE "/zones/{zone_id}", api_zone_delete, "",
		"Delete a zone of the store with all that belongs to it.",
		"deleteZone", "", "204, 404, 412, 422"},
	{"GET", API_BASE "/zones/{zone_id}/export", api_zone_export, "",
		"The zone as a zone file; as a string in JSON when that is asked for (Accept).",
		"axfrExportZone", "", "200 text/plain, 404"},
	{"GET", API_BASE "/search-data", api_search, "q max object_type",
		"Zones, records and comments that match.",
		"searchData", "", "200 [SearchResult], 422, 503"},
	{"PUT", API_BASE "/zones/{zone_id}/reload", api_zone_reload, "wait",
		"Load one zone's file anew. 422 when it is refused; what was served before goes on being served.",
		"reloadZone", "", "200 ZoneReload, 202 Result, 400, 404, 422"},
	{"PUT", API_BASE "/reload", api_reload, "force wait",
		"Look for added, removed and changed zone files and load them.",
		"reload", "", "200 Reload, 202 Result, 400"},
	{"PUT", API_BASE "/millrace/zones/{zone_id}/import", api_zone_import, "kind account create-only",
		"Make the zone what this zone file says, whatever its size: a new one, or other records. All of it or nothing; served "
		"when it is answered.",
		"importZone", "text/plain", "200 ZoneImport, 400, 404, 409, 412, 413, 422, 503, 507"},
	{"GET", API_BASE "/millrace/zones/{zone_id}/history", api_zone_history, "limit before",
		"Changesets of a zone of the store, the newest first.",
		"zoneHistory", "", "200 ZoneHistory, 404, 422"},
	{"GET", API_BASE "/millrace/zones/{zone_id}/diff", api_zone_diff, "from to",
		"What two serials of a zone differ in.",
		"zoneDiff", "", "200 ZoneDiff, 404, 422"},
	{"POST", API_BASE "/millrace/zones/{zone_id}/revert", api_zone_revert, "serial",
		"Make the zone what it was at a serial, by a new changeset.",
		"revertZone", "", "200 Reverted, 404, 412, 422"},
};
/* clang-format on */

const struct route_group api_routes_zones = {
	"zones", "Zones and their records.", zones, sizeof zones / sizeof zones[0]};
