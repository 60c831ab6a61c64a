/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_routes_server: discovery, and what PowerDNS's API knows of a server as a whole. */
#include "controlplane/api/request.h"

/* a route is its request line, what it does, and its types */
/* clang-format off */
static const struct route servers[] = {
	{"GET", "/api", api_versions, "",
		"Versions of the API.",
		"listVersions", "", "200 [ApiVersion]"},
	{"GET", "/api/v1", api_version, "",
		"Where version 1 of the API begins.",
		"getVersion", "", "200 [ApiDiscovery]"},
	{"GET", "/api/docs", api_docs, "",
		"This API as an OpenAPI 3.1 document, made from the table that requests are routed by. YAML if that "
		"is asked for.",
		"getDocument", "", "200 object"},
	{"GET", "/api/v1/servers", api_servers, "",
		"All servers: this one.",
		"listServers", "", "200 [Server]"},
	{"GET", API_BASE, api_server, "",
		"This server.",
		"listServer", "", "200 Server"},
	{"PUT", API_BASE "/cache/flush", api_cache_flush, "domain",
		"Forget what is cached of a name and of what is below it. Answers are made when a zone is published and not "
		"cached, so there is never anything to forget: `count` is 0.",
		"cacheFlushByName", "", "200 CacheFlushResult, 422"},
};

static const struct route config[] = {
	{"GET", API_BASE "/config", api_settings_list, "",
		"Settings by PowerDNS's names, secrets as ***. The configuration itself: millrace/config.",
		"getConfig", "", "200 [ConfigSetting]"},
	{"GET", API_BASE "/config/{config_setting_name}", api_setting_get, "",
		"One setting by PowerDNS's name.",
		"getConfigSetting", "", "200 ConfigSetting, 404"},
};

static const struct route stats[] = {
	{"GET", API_BASE "/statistics", api_statistics, "statistic includerings",
		"Statistics as PowerDNS names them, and every counter.",
		"getStats", "", "200 [StatisticItem/MapStatisticItem/RingStatisticItem], 400, 422"},
	{"GET", "/metrics", api_metrics, "powerdns",
		"Everything that is counted or measured, for Prometheus; OpenMetrics for who asks for that.",
		"getMetrics", "", "200 text/plain, 400"},
};
/* clang-format on */

const struct route_group api_routes_servers = {
	"servers", "Discovery, and this server.", servers, sizeof servers / sizeof servers[0]};
const struct route_group api_routes_config = {"config",
	"The configuration as PowerDNS would tell it.", config, sizeof config / sizeof config[0]};
const struct route_group api_routes_stats = {
	"stats", "What is counted and measured.", stats, sizeof stats / sizeof stats[0]};
