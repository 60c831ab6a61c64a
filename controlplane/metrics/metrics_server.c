/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metrics_server: see the header. Who is not in metrics.allow-from is turned away before an octet
 * of his is read. */
#include "controlplane/metrics/metrics_server.h"

#include "config/listen.h"
#include "config/log.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 32u /* at one address */
#define CONNECTIONS_PER_CLIENT_MAX 16u
#define IDLE_TIMEOUT_S 10u
#define CONNECTION_OCTETS_MAX 16384u /* request line and headers, both ways */
#define BACKLOG 32

struct metrics_server {
	const struct config *config;
	_Atomic(const struct metrics_source *) source; /* NULL: not yet */
	struct metrics_listener {
		int fd; /* below 0: the daemon has it, or nobody */
		struct MHD_Daemon *daemon;
	} listener[];
};

static const char starting[] = "the control plane is starting; ask again\n";

/* --- answers --- */

static enum MHD_Result
answer(struct MHD_Connection *connection, unsigned status, const char *type, const char *text,
	size_t len)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		len, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result ret;

	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	ret = MHD_queue_response(connection, status, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result
answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
	return answer(connection, status, "text/plain; charset=utf-8", text, strlen(text));
}

static enum MHD_Result
serve_metrics(const struct metrics_server *m, struct MHD_Connection *connection)
{
	const struct metrics_source *source =
		atomic_load_explicit(&m->source, memory_order_acquire);
	const char *accept =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	const char *powerdns =
		MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "powerdns");
	enum exposition_format format = exposition_negotiate(accept);
	struct json_writer w = {0};
	enum MHD_Result ret;

	if (source == NULL)
		return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, starting);
	metrics_write(&w, source, format, powerdns != NULL && strcmp(powerdns, "true") == 0);
	if (w.failed)
		ret = answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	else
		ret = answer(
			connection, MHD_HTTP_OK, exposition_content_type(format), w.text, w.len);
	json_free(&w);
	return ret;
}

/* This process lives, or nobody would answer. */
static enum MHD_Result
serve_live(const struct metrics_server *m, struct MHD_Connection *connection)
{
	return answer_text(connection, MHD_HTTP_OK, "live\n");
}

static enum MHD_Result
serve_ready(const struct metrics_server *m, struct MHD_Connection *connection)
{
	const struct metrics_source *source =
		atomic_load_explicit(&m->source, memory_order_acquire);
	char text[128];
	const char *why;
	bool ready;

	if (source == NULL)
		return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, starting);
	ready = metrics_ready(source, &why);

	snprintf(text, sizeof text, "%s\n", why);
	return answer_text(connection, ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

static const struct {
	const char *path;
	enum MHD_Result (*serve)(const struct metrics_server *m, struct MHD_Connection *connection);
} page[] = {
	{"/metrics", serve_metrics},
	{"/health/live", serve_live},
	{"/health/ready", serve_ready},
};

static enum MHD_Result
handle_request(void *arg, struct MHD_Connection *connection, const char *path, const char *method,
	const char *version, const char *upload, size_t *upload_octets, void **state)
{
	const struct metrics_server *m = arg;
	static int begun; /* its address says that the headers were seen */

	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(
			connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD are allowed\n");
	/* libmicrohttpd wants a second call before an answer, unless the connection shall end */
	if (*state == NULL) {
		*state = &begun;
		return MHD_YES;
	}
	if (*upload_octets > 0) {
		*upload_octets = 0;
		return MHD_YES;
	}
	for (size_t i = 0; i < sizeof page / sizeof page[0]; i++)
		if (strcmp(path, page[i].path) == 0)
			return page[i].serve(m, connection);
	return answer_text(connection, MHD_HTTP_NOT_FOUND,
		"here are /metrics, /health/live and /health/ready\n");
}

static enum MHD_Result
may_connect(void *arg, const struct sockaddr *sa, socklen_t len)
{
	const struct metrics_server *m = arg;

	for (unsigned i = 0; i < m->config->metrics.allow_from_count; i++)
		if (config_prefix_has(&m->config->metrics.allow_from[i], sa))
			return MHD_YES;
	return MHD_NO;
}

/* --- life --- */

int
metrics_server_bind(struct metrics_server **out, const struct config *c)
{
	unsigned n = c->metrics.listen_count;
	struct metrics_server *m;

	*out = NULL;
	if (n == 0)
		return 0;
	m = calloc(1, sizeof *m + n * sizeof m->listener[0]);
	if (m == NULL)
		return -ENOMEM;
	m->config = c;
	for (unsigned i = 0; i < n; i++) {
		int fd = config_listen_tcp(&c->metrics.listen[i], BACKLOG);
		char text[64];

		m->listener[i].fd = fd;
		if (fd >= 0)
			continue;
		/* zones are worth more than figures: go on without */
		config_format_address(&c->metrics.listen[i], text);
		log_error("metrics.listen: cannot listen on %s: %s%s; there are no metrics there",
			text, strerror(-fd),
			fd == -EADDRINUSE ? "; another program listens there (`ss -ltnp` names it)"
					  : "");
	}
	*out = m;
	return 0;
}

void
metrics_server_serve(struct metrics_server *m, const struct metrics_source *s)
{
	/* release: it was filled in before */
	if (m != NULL)
		atomic_store_explicit(&m->source, s, memory_order_release);
}

int
metrics_server_start(struct metrics_server *m)
{
	if (m == NULL)
		return 0;
	for (unsigned i = 0; i < m->config->metrics.listen_count; i++) {
		struct metrics_listener *l = &m->listener[i];
		char text[64];

		if (l->fd < 0)
			continue;
		config_format_address(&m->config->metrics.listen[i], text);
		l->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0,
			may_connect, m, handle_request, m, MHD_OPTION_LISTEN_SOCKET, l->fd,
			MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
			MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_PER_CLIENT_MAX,
			MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S,
			MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_OCTETS_MAX,
			MHD_OPTION_END);
		if (l->daemon == NULL) {
			log_error("metrics.listen: the HTTP server does not start on %s", text);
			return -EIO;
		}
		l->fd = -1;
		log_info("metrics on http://%s/metrics", text);
	}
	return 0;
}

void
metrics_server_stop(struct metrics_server *m)
{
	if (m == NULL)
		return;
	for (unsigned i = 0; i < m->config->metrics.listen_count; i++) {
		if (m->listener[i].daemon != NULL)
			MHD_stop_daemon(m->listener[i].daemon); /* closes the socket */
		if (m->listener[i].fd >= 0)
			close(m->listener[i].fd);
	}
	free(m);
}
