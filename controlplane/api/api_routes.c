/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_routes: the one list of what the API can do, and the handlers that tell about the API itself.
 */
#include "controlplane/api/request.h"

#include "controlplane/api/openapi.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

/* The order is that of the document and of the reference. */
const struct route_group *const api_route_group[] = {
	&api_routes_servers,
	&api_routes_config,
	&api_routes_zones,
	&api_routes_metadata,
	&api_routes_cryptokeys,
	&api_routes_tsigkeys,
	&api_routes_autoprimaries,
	&api_routes_networks,
	&api_routes_views,
	&api_routes_stats,
	&api_routes_suite,
	&api_routes_policy,
	&api_routes_access,
};
const size_t api_n_route_groups = sizeof api_route_group / sizeof api_route_group[0];

enum route_verdict
api_route_find(
	const char *method, const char *path, const struct route **route, struct route_match *out)
{
	enum route_verdict verdict = ROUTE_UNKNOWN_PATH;

	for (size_t i = 0; i < api_n_route_groups; i++) {
		const struct route_group *g = api_route_group[i];
		enum route_verdict v = route_find(g->route, g->n, method, path, route, out);
		if (v == ROUTE_FOUND || v == ROUTE_MALFORMED)
			return v;
		if (v == ROUTE_UNKNOWN_METHOD)
			verdict = v;
	}
	return verdict;
}

void
api_route_methods(const char *path, char *out, size_t room)
{
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < api_n_route_groups; i++) {
		const struct route_group *g = api_route_group[i];
		char more[64];
		route_methods(g->route, g->n, path, more, sizeof more);
		if (more[0] != '\0' && at + strlen(more) + sizeof ", " <= room)
			at += (size_t)snprintf(
				out + at, room - at, "%s%s", at > 0 ? ", " : "", more);
	}
}

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
	json_open_array(&r->out, NULL);
	json_open_object(&r->out, NULL);
	json_str(&r->out, "server_url", "/api/v1/servers{/server}");
	json_open_array(&r->out, "api_features");
	json_close_array(&r->out);
	json_close_object(&r->out);
	json_close_array(&r->out);
}

void
api_docs(struct api_request *r)
{
	const char *accept =
		MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

	openapi_write(&r->out);
	if (accept != NULL && strstr(accept, "yaml") != NULL) /* JSON is YAML (YAML 1.2, 1.3) */
		r->content_type = "application/yaml";
}

void
api_server(struct api_request *r)
{
	json_open_object(&r->out, NULL);
	json_str(&r->out, "type", "Server");
	json_str(&r->out, "id", "localhost");
	json_str(&r->out, "daemon_type", "authoritative");
	json_str(&r->out, "version", API_SERVER_VERSION);
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
