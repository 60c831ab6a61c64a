/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_server: libmicrohttpd on a unix socket; requests in, routes called, answers out. Its thread
 * is the only one that touches a request, but for the resumption by the zone manager. */
#include "controlplane/api/request.h"
#include "config/log.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX 100u /* as PowerDNS's webserver-max-concurrent-connections */
#define IDLE_TIMEOUT_S 10u
#define CONNECTION_OCTETS_MAX 32768u /* request line and headers, both ways */
#define PIECE_OCTETS 65536u          /* of a streamed answer */
#define BACKLOG 64

struct api {
	/* [1] is complete, and used from the moment that `serving` is set */
	struct api_context context[2];
	_Atomic bool serving;
	struct MHD_Daemon *daemon;
	char *socket_path;
};

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
	r->status = status;
	r->content_type = "application/json";
	json_rewind(&r->out);
	r->out.comma = false;
	json_open_object(&r->out, NULL);
	json_string(&r->out, "error", text);
	json_close_object(&r->out);
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
	if (zone_wire_from_id(apex, r->match.param[0]) >= 0)
		return 0;
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "Unable to parse zone id '%.300s'",
		r->match.param[0]);
	return -1;
}

/* --- answers --- */

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

static enum MHD_Result
send_answer(struct api_request *r)
{
	struct MHD_Response *response;
	enum MHD_Result ret;

	if (r->out.failed) { /* half a document is no answer */
		json_free(&r->out);
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
	}
	if (r->read != NULL)
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
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_SERVER, "Millrace/" MILLRACE_VERSION);
	/* the library ends the body that there is not, and a client would take that for an answer
	 */
	if (r->head && r->more != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (r->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	if (r->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD, PUT, DELETE");
	ret = MHD_queue_response(r->connection, r->status, response);
	MHD_destroy_response(response);
	return ret;
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
		ret = zone_wire_from_id(apex, r->match.param[0]) < 0 ? -EINVAL : 0;
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
		return send_answer(r);
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
		return send_answer(r);
	/* suspended first, since it may be resumed before this returns */
	MHD_suspend_connection(r->connection);
	r->start(r);
	return MHD_YES;
}

/* --- requests --- */

static int
find_route(struct api_request *r, const char *method, const char *path)
{
	if (strlen(path) >= ROUTE_PATH_OCTETS) {
		api_request_error(r, MHD_HTTP_URI_TOO_LONG, "The path is longer than %u octets",
			ROUTE_PATH_OCTETS - 1);
		return -1;
	}
	switch (route_find(api_route, api_n_routes, method, path, &r->route, &r->match)) {
	case ROUTE_FOUND:
		return 0;
	case ROUTE_UNKNOWN_METHOD:
		api_request_error(r, MHD_HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed");
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

static enum MHD_Result
handle_request(void *arg, struct MHD_Connection *connection, const char *path, const char *method,
	const char *version, const char *upload, size_t *upload_octets, void **state)
{
	struct api *a = arg;
	struct api_request *r = *state;

	if (r == NULL) {
		r = calloc(1, sizeof *r);
		if (r == NULL)
			return MHD_NO;
		*state = r;
		/* acquire: it was filled in before */
		r->context = &a->context[atomic_load_explicit(&a->serving, memory_order_acquire)];
		r->connection = connection;
		r->head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
		r->status = MHD_HTTP_OK;
		r->content_type = "application/json";
		/* an error answered here ends the connection before a body is taken */
		return find_route(r, method, path) == 0 ? MHD_YES : send_answer(r);
	}
	if (*upload_octets > 0) {
		r->received_octets += *upload_octets;
		*upload_octets = 0;
		return MHD_YES;
	}
	if (r->received_octets > API_BODY_OCTETS_MAX) {
		api_request_error(r, MHD_HTTP_CONTENT_TOO_LARGE,
			"The body is longer than %u octets", API_BODY_OCTETS_MAX);
		return send_answer(r);
	}
	return run_handler(r);
}

static void
request_ended(void *arg, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode code)
{
	struct api_request *r = *state;

	if (r == NULL)
		return;
	json_free(&r->out);
	reconfigure_outcome_free(r->outcome);
	if (r->forget != NULL)
		r->forget(r->owned);
	free(r);
	*state = NULL;
}

/* Paths are decoded by route_find(), segment by segment. */
static size_t
keep_escapes(void *arg, struct MHD_Connection *connection, char *text)
{
	return strlen(text);
}

static void __attribute__((format(printf, 2, 0)))
log_from_library(void *arg, const char *format, va_list args)
{
	char text[512];
	size_t len;

	vsnprintf(text, sizeof text, format, args);
	len = strlen(text);
	while (len > 0 && text[len - 1] == '\n')
		text[--len] = '\0';
	log_debug("api: %s", text);
}

/* --- life --- */

static int
bind_socket(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, ret;

	if (strlen(path) >= sizeof sa.sun_path) {
		log_error("%s: a socket's path has at most %zu octets; choose a shorter run-dir",
			path, sizeof sa.sun_path - 1);
		return -ENAMETOOLONG;
	}
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* We hold the control plane's role in the hub, so whoever bound it before is gone. */
	unlink(path);
	mask = umask(0117);
	ret = bind(fd, (struct sockaddr *)&sa, sizeof sa);
	umask(mask);
	if (ret == 0)
		ret = listen(fd, BACKLOG);
	if (ret != 0) {
		ret = -errno;
		log_error("%s: %s", path, strerror(-ret));
		close(fd);
		return ret;
	}
	return fd;
}

int
api_start(struct api **out, const struct api_context *context, const char *socket_path)
{
	struct api *a = calloc(1, sizeof *a);
	int fd;

	if (a == NULL)
		return -ENOMEM;
	a->context[0] = *context;
	a->socket_path = strdup(socket_path);
	fd = a->socket_path == NULL ? -ENOMEM : bind_socket(socket_path);
	if (fd < 0) {
		free(a->socket_path);
		free(a);
		return fd;
	}
	a->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC |
					     MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
		0, NULL, NULL, handle_request, a, MHD_OPTION_EXTERNAL_LOGGER, log_from_library,
		NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, request_ended,
		NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_OCTETS_MAX, MHD_OPTION_END);
	if (a->daemon == NULL) {
		log_error("the HTTP API does not start on %s", socket_path);
		close(fd);
		unlink(a->socket_path);
		free(a->socket_path);
		free(a);
		return -EIO;
	}
	*out = a;
	return 0;
}

void
api_serve(struct api *a, struct zone_manager *zones, struct reconfigure *reconfigure,
	struct policy_control *policy)
{
	a->context[1] = a->context[0];
	a->context[1].zones = zones;
	a->context[1].reconfigure = reconfigure;
	a->context[1].policy = policy;
	atomic_store_explicit(&a->serving, true, memory_order_release);
}

void
api_stop(struct api *a)
{
	if (a == NULL)
		return;
	unlink(a->socket_path);
	captures_stop(a->context[0].captures); /* no connection sleeps when the library ends */
	MHD_stop_daemon(a->daemon);            /* closes the listening socket */
	free(a->socket_path);
	free(a);
}
