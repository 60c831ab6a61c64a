/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_answer: what a handler has written, handed to libmicrohttpd: at once, or in pieces as the
 * client takes them. */
#include "controlplane/api/api_private.h"

#include <string.h>

#define PIECE_OCTETS 65536u /* of a streamed answer */

static bool
without_body(const struct api_request *r)
{
	return r->status == MHD_HTTP_NO_CONTENT || r->status == MHD_HTTP_NOT_MODIFIED;
}

static ssize_t
read_piece(void *arg, uint64_t position, char *buffer, size_t max)
{
	struct api_request *r = arg;
	size_t at, n;

	while (position >= r->sent_octets + r->out.len) {
		if (r->more_ended)
			return MHD_CONTENT_READER_END_OF_STREAM;
		r->sent_octets += r->out.len;
		json_rewind(&r->out);
		r->more_ended = !r->more(r);
		if (r->out.failed)
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	at = (size_t)(position - r->sent_octets);
	n = r->out.len - at < max ? r->out.len - at : max;
	memcpy(buffer, r->out.text + at, n);
	return (ssize_t)n;
}

static ssize_t
read_other(void *arg, uint64_t position, char *buffer, size_t max)
{
	struct api_request *r = arg;
	ssize_t n = r->read(r, buffer, max);

	if (n == -1)
		return MHD_CONTENT_READER_END_OF_STREAM;
	return n < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : n;
}

/* For browsers, as PowerDNS's API has them: an answer is data, wherever it is shown. */
static void
add_browser_headers(const struct api_request *r, struct MHD_Response *response)
{
	static const char *const always[][2] = {
		{"X-Content-Type-Options", "nosniff"},
		{"X-Frame-Options", "deny"},
		{"X-Permitted-Cross-Domain-Policies", "none"},
		{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
		{MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
	};

	for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
		MHD_add_response_header(response, always[i][0], always[i][1]);
	if (r->config->api.cors_origin == NULL)
		return;
	MHD_add_response_header(
		response, MHD_HTTP_HEADER_ACCESS_CONTROL_ALLOW_ORIGIN, r->config->api.cors_origin);
	if (strcmp(r->config->api.cors_origin, "*") != 0)
		MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ORIGIN);
	MHD_add_response_header(
		response, "Access-Control-Expose-Headers", "ETag, Location, Retry-After");
}

static void
add_headers(struct api_request *r, struct MHD_Response *response)
{
	MHD_add_response_header(response, MHD_HTTP_HEADER_SERVER, "Millrace/" MILLRACE_VERSION);
	if (!without_body(r))
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
	for (unsigned i = 0; i < r->n_headers; i++)
		MHD_add_response_header(response, r->header[i].name, r->header[i].value);
	if (r->grant == NULL || r->grant->client != NULL)
		add_browser_headers(r, response);
	/* the library ends the body that there is not, and a client would take that for an answer
	 */
	if (r->head && r->more != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (r->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
}

enum MHD_Result
api_answer(struct api_request *r)
{
	struct MHD_Response *response;
	enum MHD_Result ret;

	if (r->out.failed) { /* half a document is no answer */
		json_free(&r->out);
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
	}
	if (without_body(r))
		response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	else if (r->read != NULL)
		response = MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, PIECE_OCTETS, read_other, r, NULL);
	else if (r->more != NULL)
		response = MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, PIECE_OCTETS, read_piece, r, NULL);
	else
		response = MHD_create_response_from_buffer(
			r->out.len, r->out.text, MHD_RESPMEM_PERSISTENT);
	if (response == NULL)
		return MHD_NO;
	add_headers(r, response);
	ret = MHD_queue_response(r->connection, r->status, response);
	MHD_destroy_response(response);
	return ret;
}
