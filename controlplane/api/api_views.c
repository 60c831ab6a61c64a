/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_views: views and the networks that see them. This version answers everybody from the same
 * zones, so there are none, and none can be made: as PowerDNS answers with a backend that has no
 * views. What is asked for is looked at all the same. */
#include "controlplane/api/access.h"
#include "controlplane/api/api_store.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define VIEW_OCTETS_MAX 252u /* as PowerDNS: a view is a label of names in its database */
#define NO_VIEWS "this version has no views"

static void
write_empty(struct api_request *r, const char *key)
{
	json_open_object(&r->out, NULL);
	json_open_array(&r->out, key);
	json_close_array(&r->out);
	json_close_object(&r->out);
}

void
api_views_list(struct api_request *r)
{
	if (access_server(r))
		write_empty(r, "views");
}

void
api_networks_list(struct api_request *r)
{
	if (access_server(r))
		write_empty(r, "networks");
}

static bool
is_view_name(struct api_request *r, const char *view)
{
	const char *wrong = NULL;

	if (view[0] == '.' || view[0] == ' ')
		wrong = "it must not begin with a dot or a space";
	else if (strlen(view) > VIEW_OCTETS_MAX)
		wrong = "it is too long";
	else if (view[strcspn(view, "/\n\r\t")] != '\0')
		wrong = "it must have no '/' and no control characters";
	if (wrong != NULL)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"View '%.100s' cannot be named so: %s", view, wrong);
	return wrong == NULL;
}

void
api_view_get(struct api_request *r)
{
	if (access_server(r))
		api_request_error(r, MHD_HTTP_NOT_FOUND, "There is no view '%.300s'; " NO_VIEWS,
			r->match.param[0]);
}

void
api_view_add(struct api_request *r)
{
	uint8_t wire[ZONE_WIRE_OCTETS];
	const char *name;
	json_t *body;

	if (!access_server(r) || (body = api_request_object(r)) == NULL)
		return;
	name = api_need_string(r, body, "name");
	if (name != NULL && (name[0] == '\0' || name[strlen(name) - 1] != '.'))
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"DNS Name '%.300s' is not canonical", name);
	else if (name != NULL && zone_wire_from_text(wire, name) < 0)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Unable to parse DNS Name '%.300s'", name);
	else if (name != NULL && is_view_name(r, r->match.param[0]))
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Failed to add %.300s to view %.252s: " NO_VIEWS, name, r->match.param[0]);
	json_decref(body);
}

void
api_view_remove(struct api_request *r)
{
	if (access_server(r) && is_view_name(r, r->match.param[0]))
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Failed to remove %.300s from view %.252s: " NO_VIEWS, r->match.param[1],
			r->match.param[0]);
}

/* The network that the path names. */
static bool
is_network(struct api_request *r)
{
	const char *ip = r->match.param[0], *length = r->match.param[1];
	uint8_t octets[16];
	unsigned long bits, most = strchr(ip, ':') != NULL ? 128 : 32;
	char *end;

	bits = strtoul(length, &end, 10);
	if (inet_pton(most == 128 ? AF_INET6 : AF_INET, ip, octets) == 1 && length[0] >= '0' &&
		length[0] <= '9' && *end == '\0' && bits <= most)
		return true;
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		"'%.100s/%.20s' is no network; it must be ADDRESS/LENGTH such as 192.0.2.0/24", ip,
		length);
	return false;
}

void
api_network_get(struct api_request *r)
{
	if (access_server(r) && is_network(r))
		api_request_error(r, MHD_HTTP_NOT_FOUND,
			"Network %.100s/%.3s has no view; " NO_VIEWS, r->match.param[0],
			r->match.param[1]);
}

void
api_network_set(struct api_request *r)
{
	const char *view;
	json_t *body;

	if (!access_server(r) || !is_network(r) || (body = api_request_object(r)) == NULL)
		return;
	view = api_need_string(r, body, "view");
	if (view != NULL)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Failed to setup view %.252s for network %.100s/%.3s: " NO_VIEWS, view,
			r->match.param[0], r->match.param[1]);
	json_decref(body);
}
