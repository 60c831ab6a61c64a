/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_server: libmicrohttpd on a unix socket, its life. Its thread is the only one that touches a
 * request, but for the resumption by others. */
#include "config/log.h"
#include "controlplane/api/api_private.h"
#include "controlplane/api/api_worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_MAX 100u /* of the unix socket; the gate counts its own */
#define IDLE_TIMEOUT_S 10u
#define CONNECTION_OCTETS_MAX 32768u /* request line and headers, both ways */
#define BACKLOG 64

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

/* The API's thread: a connection begins, or ends. */
static void
note_connection(void *arg, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct api *a = arg;
	const union MHD_ConnectionInfo *fd;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		gate_client_release(*context);
		*context = NULL;
		return;
	}
	fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*context = fd != NULL ? gate_client_take(a->gate, fd->connect_fd) : NULL;
}

static void
destroy(struct api *a)
{
	api_worker_destroy(a->view->context.worker);
	while (a->view != NULL) {
		struct api_view *v = a->view;
		a->view = v->before;
		free(v);
	}
	gate_destroy(a->gate);
	access_destroy(a->access);
	config_free(a->config);
	pthread_mutex_destroy(&a->config_lock);
	free(a->socket_path);
	free(a);
}

int
api_start(struct api **out, const struct api_context *context, const char *socket_path,
	struct gate *gate)
{
	struct api *a = calloc(1, sizeof *a);
	unsigned connections_max = CONNECTIONS_MAX;
	int fd, ret;

	struct api_view *v = calloc(1, sizeof *v);

	if (a == NULL || v == NULL) {
		gate_destroy(gate);
		free(a);
		free(v);
		return -ENOMEM;
	}
	pthread_mutex_init(&a->config_lock, NULL);
	v->context = *context;
	a->view = v;
	a->config = config_hold(context->config);
	a->socket_path = strdup(socket_path);
	a->gate = gate;
	ret = a->socket_path == NULL ? -ENOMEM : access_create(&a->access);
	if (ret == 0)
		ret = api_worker_start(&v->context.worker);
	fd = ret != 0 ? ret : bind_socket(socket_path);
	if (fd < 0) {
		destroy(a);
		return fd;
	}
	if (gate != NULL)
		connections_max += context->config->api.connections_max;
	a->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC |
					     MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
		0, NULL, NULL, api_handle_request, a, MHD_OPTION_EXTERNAL_LOGGER, log_from_library,
		NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, api_request_ended,
		a, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_CONNECTION,
		note_connection, a, MHD_OPTION_CONNECTION_LIMIT, connections_max,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_OCTETS_MAX, MHD_OPTION_END);
	if (a->daemon == NULL) {
		log_error("the HTTP API does not start on %s", socket_path);
		close(fd);
		unlink(a->socket_path);
		destroy(a);
		return -EIO;
	}
	ret = gate_start(gate, a->daemon);
	if (ret != 0) {
		log_error("api.listen: %s", strerror(-ret));
		api_stop(a);
		return ret;
	}
	*out = a;
	return 0;
}

void
api_figures(void *api, struct metrics_api *out)
{
	struct api *a = api;
	struct notify_sender *notify = atomic_load(&a->view)->context.notify;
	struct notify_figures n;

	gate_figures(a->gate, out);
	access_figures(a->access, out);
	if (notify == NULL)
		return;
	notify_figures(notify, &n);
	out->notify_sent = n.sent_total;
	out->notify_answered = n.answered_total;
	out->notify_failed = n.failed_total;
	out->notify_waiting = n.in_flight;
}

int
api_serve(struct api *a, const struct api_parts *parts)
{
	struct api_view *v = calloc(1, sizeof *v);
	struct api_context *c;

	if (v == NULL)
		return -ENOMEM;
	v->before = a->view;
	c = &v->context;
	*c = v->before->context;
	c->zones = parts->zones;
	c->reconfigure = parts->reconfigure;
	c->policy = parts->policy;
	c->store = parts->store;
	c->store_error = parts->store_error;
	c->changes = parts->changes;
	c->backends = parts->backends;
	c->notify = parts->notify;
	c->transfers = parts->transfers;
	atomic_store_explicit(&a->view, v, memory_order_release);
	return 0;
}

void
api_reconfigure(struct api *a, const struct config *config)
{
	struct config *old;

	pthread_mutex_lock(&a->config_lock);
	old = a->config;
	a->config = config_hold(config);
	pthread_mutex_unlock(&a->config_lock);
	config_free(old);
	gate_reconfigure(a->gate, config);
}

struct config *
api_config_now(struct api *a)
{
	struct config *c;

	pthread_mutex_lock(&a->config_lock);
	c = config_hold(a->config);
	pthread_mutex_unlock(&a->config_lock);
	return c;
}

void
api_stop(struct api *a)
{
	if (a == NULL)
		return;
	unlink(a->socket_path);
	captures_stop(a->view->context.captures); /* no connection sleeps when the library ends */
	gate_stop(a->gate);
	api_worker_stop(a->view->context.worker);
	MHD_stop_daemon(a->daemon); /* closes the listening socket */
	destroy(a);
}
