/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_dispatch: a request's way: who asks, which route, the body, the handler, the answer. */
#include "controlplane/api/api_private.h"
#include "controlplane/api/openapi.h"

#include <stdlib.h>
#include <string.h>

/* Does it tell something before there are zones? */
static bool
is_early(const struct route *route)
{
	return route->handle == api_versions || route->handle == api_version ||
	       route->handle == api_docs || route->handle == api_servers ||
	       route->handle == api_server || route->handle == api_status;
}

static enum MHD_Result
run_handler(struct api_request *r)
{
	void (*after)(struct api_request * r) = r->after;

	if (r->context->zones == NULL && !is_early(r->route)) {
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
			"The control plane is starting; ask again");
		return api_answer(r);
	}
	if (after == NULL) {
		(void)hub_refresh(r->context->hub); /* a dataplane that has started since counts */
		r->route->handle(r);
	} else { /* called again: what it waited for is done */
		r->after = NULL;
		if (zone_manager_stopping(r->context->zones))
			api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE,
				"The control plane is stopping; ask the next one");
		else
			after(r);
	}
	if (r->after == NULL)
		return api_answer(r);
	/* suspended first, since it may be resumed before this returns */
	MHD_suspend_connection(r->connection);
	r->start(r);
	return MHD_YES;
}

/* --- requests --- */

static void
refuse_method(struct api_request *r, const char *path)
{
	char methods[64];

	api_route_methods(path, methods, sizeof methods);
	api_request_error(r, MHD_HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed");
	api_request_header(r, MHD_HTTP_HEADER_ALLOW, "%s", methods);
}

static int
find_route(struct api_request *r, const char *method, const char *path)
{
	if (strlen(path) >= ROUTE_PATH_OCTETS) {
		api_request_error(r, MHD_HTTP_URI_TOO_LONG, "The path is longer than %u octets",
			ROUTE_PATH_OCTETS - 1);
		return -1;
	}
	switch (api_route_find(method, path, &r->route, &r->match)) {
	case ROUTE_FOUND:
		return 0;
	case ROUTE_UNKNOWN_METHOD:
		refuse_method(r, path);
		return -1;
	case ROUTE_MALFORMED:
		api_request_error(r, MHD_HTTP_BAD_REQUEST, "The path cannot be decoded");
		return -1;
	case ROUTE_UNKNOWN_PATH:
		break;
	}
	api_request_error(r, MHD_HTTP_NOT_FOUND, "Not Found");
	return -1;
}

/* A browser asks whether a script may ask; it shows no key yet. */
static bool
is_preflight(struct api_request *r, const char *method)
{
	if (strcmp(method, MHD_HTTP_METHOD_OPTIONS) != 0 || r->config->api.cors_origin == NULL)
		return false;
	r->status = MHD_HTTP_NO_CONTENT;
	api_request_header(
		r, "Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE");
	api_request_header(r, "Access-Control-Allow-Headers",
		"Content-Type, X-API-Key, Authorization, If-Match, If-None-Match");
	api_request_header(r, "Access-Control-Max-Age", "600");
	return true;
}

/* NULL: the unix socket's. */
static struct gate_client *
client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *i =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return i != NULL ? i->socket_context : NULL;
}

/* For the audit log, which is UTF-8: octets that are no ASCII come out escaped, whatever they were.
 */
static char *
keep_path(const char *path)
{
	static const char digit[] = "0123456789ABCDEF";
	size_t len = strnlen(path, API_PATH_KEPT), at = 0;
	char *kept = malloc(3 * len + 1);

	for (size_t i = 0; kept != NULL && i < len; i++) {
		uint8_t c = (uint8_t)path[i];
		if (c > ' ' && c < 127) {
			kept[at++] = (char)c;
			continue;
		}
		kept[at++] = '%';
		kept[at++] = digit[c >> 4];
		kept[at++] = digit[c & 15];
	}
	if (kept != NULL)
		kept[at] = '\0';
	return kept;
}

enum MHD_Result
api_handle_request(void *arg, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *upload, size_t *upload_octets,
	void **state)
{
	struct api *a = arg;
	struct api_request *r = *state;

	if (r == NULL) {
		r = calloc(1, sizeof *r);
		if (r == NULL)
			return MHD_NO;
		*state = r;
		/* acquire: it was filled in before */
		r->context = &atomic_load_explicit(&a->view, memory_order_acquire)->context;
		r->config = api_config_now(a);
		r->connection = connection;
		r->spool = -1;
		r->path = strcmp(method, "GET") != 0 ? keep_path(path) : NULL;
		r->head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
		r->status = MHD_HTTP_OK;
		r->content_type = "application/json";
		/* answered at once: what follows may be a body or a request, nobody knows */
		if (api_framing_check(r, version) != 0)
			return api_answer(r);
		if (!is_preflight(r, method) &&
			access_begin(a->access, r, client_of(connection)) == 0 &&
			find_route(r, method, path) == 0 && access_route(r) &&
			api_body_begin(a, r) == 0)
			return MHD_YES;
		/* answered here the connection ends before a body is taken */
		return api_body_wait(r) ? MHD_YES : api_answer(r);
	}
	if (*upload_octets > 0) {
		if (api_body_add(a, r, upload, *upload_octets) != 0)
			return MHD_NO;
		*upload_octets = 0;
		return MHD_YES;
	}
	gate_client_working(r->grant != NULL ? r->grant->client : NULL, true);
	return r->refused ? api_answer(r) : run_handler(r);
}

void
api_request_ended(void *arg, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode code)
{
	struct api *a = arg;
	struct api_request *r = *state;

	if (r == NULL)
		return;
	gate_client_working(r->grant != NULL ? r->grant->client : NULL, false);
	api_audit_request(r);
	free(r->path);
	api_body_free(a, r);
	api_request_forget_headers(r);
	access_end(r);
	config_free((struct config *)(uintptr_t)r->config);
	json_free(&r->out);
	reconfigure_outcome_free(r->outcome);
	if (r->forget != NULL)
		r->forget(r->owned);
	free(r);
	*state = NULL;
}
