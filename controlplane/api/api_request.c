/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_request: what handlers need: errors, headers and query parameters, and waiting. */
#include "controlplane/api/api_private.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
api_request_forget_headers(struct api_request *r)
{
	for (unsigned i = 0; i < r->n_headers; i++)
		free(r->header[i].value);
	r->n_headers = 0;
}

void
api_request_error(struct api_request *r, unsigned status, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	r->more = NULL;
	r->read = NULL;
	api_request_forget_headers(r);
	r->status = status;
	r->content_type = "application/json";
	json_rewind(&r->out);
	r->out.comma = false;
	json_open_object(&r->out, NULL);
	json_str(&r->out, "error", text);
	json_close_object(&r->out);
}

bool
api_request_extensions(const struct api_request *r)
{
	const char *asked = MHD_lookup_connection_value(
		r->connection, MHD_HEADER_KIND, "X-Millrace-Extensions");

	return r->config->api.extensions || (asked != NULL && strcmp(asked, "true") == 0);
}

void
api_request_header(struct api_request *r, const char *name, const char *format, ...)
{
	struct api_header *h = &r->header[r->n_headers];
	va_list args;
	int ret;

	assert(r->n_headers < API_HEADERS_MAX);
	va_start(args, format);
	ret = vasprintf(&h->value, format, args);
	va_end(args);
	if (ret < 0) {
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
		return;
	}
	for (char *c = h->value; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = '?'; /* nobody writes a second header with this one */
	h->name = name;
	r->n_headers++;
}

void
api_request_wait_for(struct api_request *r, void (*start)(struct api_request *r),
	void (*after)(struct api_request *r))
{
	r->start = start;
	r->after = after;
}

void
api_request_resume(struct api_request *r)
{
	MHD_resume_connection(r->connection);
}

int
api_request_query(struct api_request *r, const char *name, char *value, size_t room)
{
	const char *raw = MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);

	if (raw == NULL)
		return MHD_lookup_connection_value_n(r->connection, MHD_GET_ARGUMENT_KIND, name,
			       strlen(name), NULL, NULL) == MHD_YES
			       ? (value[0] = '\0', 1)
			       : 0;
	if (route_decode(value, room, raw, strlen(raw), true) < 0) {
		api_request_error(
			r, MHD_HTTP_BAD_REQUEST, "Query parameter '%s' cannot be decoded", name);
		return -1;
	}
	return 1;
}

int
api_request_query_bool(struct api_request *r, const char *name, bool *value)
{
	static const char *const yes[] = {"", "true", "1", "yes"}, *const no[] = {
									   "false", "0", "no"};
	char text[16];
	int found = api_request_query(r, name, text, sizeof text);

	if (found <= 0)
		return found;
	for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
		if (strcmp(text, yes[i]) == 0)
			return (*value = true, 0);
	for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
		if (strcmp(text, no[i]) == 0)
			return (*value = false, 0);
	api_request_error(
		r, MHD_HTTP_BAD_REQUEST, "Query parameter '%s' must be 'true' or 'false'", name);
	return -1;
}

int
api_request_zone(struct api_request *r, uint8_t apex[ZONE_WIRE_OCTETS])
{
	if (zone_key_from_id(apex, r->match.param[0]) >= 0)
		return 0;
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "Unable to parse zone id '%.300s'",
		r->match.param[0]);
	return -1;
}

/* --- waiting --- */

/* Any thread of the zone manager. */
static void
resume(void *arg)
{
	api_request_resume(arg);
}

static void
start_ticket(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	int ret = 0;

	if (r->for_zone)
		ret = zone_key_from_id(apex, r->match.param[0]) < 0 ? -EINVAL : 0;
	if (ret == 0)
		ret = zone_manager_wait(
			r->context->zones, r->for_zone ? apex : NULL, r->ticket, resume, r);
	if (ret != 0) /* done already, or no memory to wait with: then the answer is as things stand
		       */
		api_request_resume(r);
}

void
api_request_wait(
	struct api_request *r, bool for_zone, uint64_t ticket, void (*after)(struct api_request *r))
{
	r->for_zone = for_zone;
	r->ticket = ticket;
	api_request_wait_for(r, start_ticket, after);
}
