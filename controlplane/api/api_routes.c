/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_routes: the one list of what the API can do, and the handlers that tell about the API itself.
 */
#include "controlplane/api/request.h"

#define QUERY_NONE ""

const struct route api_route[] = {
	{"GET", "/api", api_versions, QUERY_NONE, "Versions of the API."},
	{"GET", "/api/docs", api_docs, QUERY_NONE, "This list."},
	{"GET", "/api/v1", api_version, QUERY_NONE, "Where version 1 of the API begins."},
	{"GET", "/api/v1/servers", api_servers, QUERY_NONE, "All servers: this one."},
	{"GET", API_BASE, api_server, QUERY_NONE, "This server."},
	{"GET", API_BASE "/zones", api_zones_list, "zone dnssec",
		"All zones; zone=NAME only that one, dnssec=false leaves out what DNSSEC and edits "
		"would add."},
	{"GET", API_BASE "/zones/{zone_id}", api_zone_get, QUERY_NONE,
		"One zone, with its state, file and findings in \"millrace\"."},
	{"PUT", API_BASE "/zones/{zone_id}/reload", api_zone_reload, "wait",
		"Load one zone's file anew. 422 when it is refused; what was served before goes on "
		"being served. "
		"wait=false answers 202 before it is done."},
	{"PUT", API_BASE "/reload", api_reload, "force wait",
		"Look for added, removed and changed zone files and load them; force=true loads "
		"all."},
	{"GET", API_BASE "/statistics", api_statistics, "statistic includerings",
		"Statistics as PowerDNS names them, and every counter; statistic=NAME only that "
		"one."},
	{"GET", API_BASE "/millrace/config", api_config_get, QUERY_NONE,
		"The configuration that holds, defaults included; secrets are hidden."},
	{"GET", API_BASE "/millrace/config/diff", api_config_diff, QUERY_NONE,
		"What the configuration file would change, and what that needs. 422 when the file "
		"is bad."},
	{"PUT", API_BASE "/millrace/config/reload", api_config_reload, "partial wait",
		"Take over the configuration file as a whole, and load what changed in zone files. "
		"422 when it "
		"is bad, 409 when a key needs a restart: nothing has changed then. partial=true "
		"takes over what needs none. wait=false answers before zones are loaded."},
	{"GET", API_BASE "/millrace/status", api_status, QUERY_NONE,
		"Processes, readiness, arena, workers, zones by state."},
	{"GET", API_BASE "/millrace/capture", api_capture,
		"filter sample snaplen count duration drops",
		"Packets of the workers as a pcapng file that goes on until `count` packets or "
		"`duration` seconds, or until the client shuts its side down. `filter` as "
		"tcpdump's, `sample` one of so many, drops=true only what was dropped. 409 while "
		"another one runs."},
	{"GET", API_BASE "/millrace/stats", api_stats, QUERY_NONE,
		"Every counter with its labels, unit and help: sum, and one value a worker."},
	{"GET", API_BASE "/millrace/acl", api_acl, QUERY_NONE,
		"The access list: every prefix with its action and where it comes from, and the "
		"default."},
	{"PUT", API_BASE "/millrace/acl", api_acl_set, "prefix action default",
		"Add a prefix, or change its action (allow, deny, refuse, tcp-only, unlimited); or "
		"default=ACTION. Lasts until the control plane restarts."},
	{"DELETE", API_BASE "/millrace/acl", api_acl_remove, "prefix", "Remove a prefix."},
	{"PUT", API_BASE "/millrace/acl/reload", api_acl_reload, QUERY_NONE,
		"The access list as the configuration has it, files read anew. 422 names file and "
		"line, and the list stays as it was."},
	{"GET", API_BASE "/millrace/acl/check", api_acl_check, "address",
		"What becomes of queries from an address, and which prefix says so."},
	{"GET", API_BASE "/millrace/rrl", api_rrl, QUERY_NONE, "Response rate limits."},
	{"PUT", API_BASE "/millrace/rrl", api_rrl_set,
		"enabled rate nxdomain-rate error-rate window slip ipv4-prefix ipv6-prefix "
		"limit-loopback",
		"Change some of them. Lasts until the control plane restarts."},
	{"GET", "/metrics", api_metrics, "powerdns",
		"Everything that is counted or measured, for Prometheus; powerdns=true: also by "
		"PowerDNS's names."},
};
const size_t api_n_routes = sizeof api_route / sizeof api_route[0];

void
api_versions(struct api_request *r)
{
	json_open_array(&r->out, NULL);
	json_open_object(&r->out, NULL);
	json_str(&r->out, "url", "/api/v1");
	json_uint(&r->out, "version", 1);
	json_close_object(&r->out);
	json_close_array(&r->out);
}

void
api_version(struct api_request *r)
{
	json_open_object(&r->out, NULL);
	json_str(&r->out, "server_url", "/api/v1/servers{/server}");
	json_open_array(&r->out, "api_features");
	json_close_array(&r->out);
	json_close_object(&r->out);
}

void
api_docs(struct api_request *r)
{
	json_open_array(&r->out, NULL);
	for (size_t i = 0; i < api_n_routes; i++) {
		json_open_object(&r->out, NULL);
		json_str(&r->out, "method", api_route[i].method);
		json_str(&r->out, "path", api_route[i].pattern);
		json_str(&r->out, "query", api_route[i].query);
		json_str(&r->out, "help", api_route[i].help);
		json_close_object(&r->out);
	}
	json_close_array(&r->out);
}

void
api_server(struct api_request *r)
{
	json_open_object(&r->out, NULL);
	json_str(&r->out, "type", "Server");
	json_str(&r->out, "id", "localhost");
	json_str(&r->out, "daemon_type", "authoritative");
	json_str(&r->out, "version", MILLRACE_VERSION);
	json_str(&r->out, "url", API_BASE);
	json_str(&r->out, "config_url", API_BASE "/config{/config_setting}");
	json_str(&r->out, "zones_url", API_BASE "/zones{/zone}");
	json_str(&r->out, "autoprimaries_url", API_BASE "/autoprimaries{/autoprimary}");
	json_close_object(&r->out);
}

void
api_servers(struct api_request *r)
{
	json_open_array(&r->out, NULL);
	api_server(r);
	json_close_array(&r->out);
}
