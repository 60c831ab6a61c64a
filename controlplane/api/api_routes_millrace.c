/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_routes_millrace: what PowerDNS has no word for: the suite's state, its configuration, its
 * access list and rate limits, captures. */
#include "controlplane/api/request.h"

#define MILLRACE API_BASE "/millrace"

/* a route is its request line, what it does, and its types */
/* clang-format off */
static const struct route suite[] = {
	{"GET", MILLRACE "/status", api_status, "",
		"Processes, readiness, arena, workers, zones by state.",
		"getStatus", "", "200 Status"},
	{"GET", MILLRACE "/stats", api_stats, "",
		"Every counter with its labels, unit and help: sum, and one value a worker.",
		"getCounters", "", "200 Counters"},
	{"GET", MILLRACE "/backends", api_backends, "",
		"Backends: what is configured, whether it can be reached, and how much waits for it.",
		"listBackends", "", "200 [Backend]"},
	{"GET", MILLRACE "/capture", api_capture, "filter sample snaplen count duration drops",
		"Packets of the workers as a pcapng file that goes on until `count` packets or `duration` seconds, "
		"or until the client shuts its side down. 409 while another one runs, 503 without a dataplane.",
		"capturePackets", "", "200 application/x-pcapng, 400, 409, 503"},
	{"GET", MILLRACE "/config", api_config_get, "",
		"The configuration that holds, defaults included; secrets are hidden.",
		"getConfiguration", "", "200 Configuration"},
	{"GET", MILLRACE "/config/diff", api_config_diff, "",
		"What the configuration file would change, and what that needs. 422 when the file is bad.",
		"diffConfiguration", "", "200 ConfigurationOutcome, 422 ConfigurationRefusal"},
	{"PUT", MILLRACE "/config/reload", api_config_reload, "partial wait",
		"Take over the configuration file as a whole, and load what changed in zone files. 422 when it is "
		"bad, 409 when a key needs a restart: nothing has changed then.",
		"reloadConfiguration", "", "200 ConfigurationOutcome, 400, 409 ConfigurationRefusal, 422 ConfigurationRefusal"},
};

static const struct route policy[] = {
	{"GET", MILLRACE "/acl", api_acl, "",
		"The access list: every prefix with its action and where it comes from, and the default.",
		"getAccessList", "", "200 AccessList"},
	{"PUT", MILLRACE "/acl", api_acl_set, "prefix action default",
		"Add a prefix, or change its action, or the default's. Lasts until the control plane restarts.",
		"setAccess", "", "200 Change, 400, 422"},
	{"DELETE", MILLRACE "/acl", api_acl_remove, "prefix",
		"Remove a prefix. Lasts until the control plane restarts.",
		"removeAccess", "", "200 Change, 400, 404, 422"},
	{"PUT", MILLRACE "/acl/reload", api_acl_reload, "",
		"The access list as the configuration has it, files read anew. 422 names file and line, and the list "
		"stays as it was.",
		"reloadAccessList", "", "200 Result, 422"},
	{"GET", MILLRACE "/acl/check", api_acl_check, "address",
		"What becomes of queries from an address, and which prefix says so.",
		"checkAccess", "", "200 AccessCheck, 400, 422"},
	{"GET", MILLRACE "/rrl", api_rrl, "",
		"Response rate limits.",
		"getRateLimits", "", "200 RateLimits"},
	{"PUT", MILLRACE "/rrl", api_rrl_set, "enabled rate nxdomain-rate error-rate window slip ipv4-prefix ipv6-prefix limit-loopback",
		"Change some response rate limits. Lasts until the control plane restarts.",
		"setRateLimits", "", "200 Change, 400, 422"},
};
/* clang-format on */

const struct route_group api_routes_suite = {
	"millrace", "The suite as a whole.", suite, sizeof suite / sizeof suite[0]};
const struct route_group api_routes_policy = {"policy",
	"Whose queries are answered, and how often.", policy, sizeof policy / sizeof policy[0]};
