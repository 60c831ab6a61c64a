/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gate: its life, from binding to the end; what its thread does is in gate_run.c. */
#include "config/listen.h"
#include "config/log.h"
#include "controlplane/api/gate_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define BACKLOG 1024
#define DESCRIPTORS_OF_OTHERS 512

int
gate_bind(struct gate **out, const struct config *c)
{
	unsigned n = c->api.listen_count;
	struct gate *g;

	*out = NULL;
	if (n == 0)
		return 0;
	g = calloc(1, sizeof *g + n * sizeof g->listener[0]);
	if (g == NULL)
		return -ENOMEM;
	g->epoll = g->wake = -1;
	g->wake_kind = GATE_WAKE;
	g->config = config_hold(c);
	g->n_listeners = n;
	TAILQ_INIT(&g->open);
	TAILQ_INIT(&g->again);
	TAILQ_INIT(&g->buried);
	pthread_mutex_init(&g->lock, NULL);
	for (unsigned i = 0; i < n; i++) {
		int fd = config_listen_tcp(&c->api.listen[i], BACKLOG);
		char text[64];

		g->listener[i] = (struct gate_listener){.kind = GATE_LISTENER, .fd = fd};
		if (fd >= 0)
			continue;
		/* zones are worth more than their API: go on without */
		config_format_address(&c->api.listen[i], text);
		log_error("api.listen: cannot listen on %s: %s%s; the API is not there", text,
			strerror(-fd),
			fd == -EADDRINUSE ? "; another program listens there (`ss -ltnp` names it)"
					  : "");
	}
	*out = g;
	return 0;
}

/* What is open to the world, and how. */
static void
tell_listeners(const struct gate *g)
{
	const struct config *c = g->config;
	bool bare = false;

	for (unsigned i = 0; i < g->n_listeners; i++) {
		char text[64];

		if (g->listener[i].fd < 0)
			continue;
		config_format_address(&c->api.listen[i], text);
		log_info(
			"HTTP API on http%s://%s", c->api.tls_certificate != NULL ? "s" : "", text);
		bare |= c->api.tls_certificate == NULL &&
			!config_address_is_loopback(&c->api.listen[i]);
	}
	if (bare)
		log_warning("api.listen: keys and tokens cross the network unencrypted; set "
			    "api.tls-certificate and api.tls-key, or listen on 127.0.0.1");
}

/* Three for each connection, and some for the rest of the process, which nobody out there takes
 * away from it. @return how many connections there is room for */
static unsigned
raise_descriptors(unsigned connections_max)
{
	rlim_t need = 3 * (rlim_t)connections_max + DESCRIPTORS_OF_OTHERS;
	struct rlimit r;
	unsigned room;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= need)
		return connections_max;
	r.rlim_cur = need < r.rlim_max ? need : r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		(void)getrlimit(RLIMIT_NOFILE, &r);
	if (r.rlim_cur >= need)
		return connections_max;
	room = r.rlim_cur > DESCRIPTORS_OF_OTHERS + 3
		       ? (unsigned)((r.rlim_cur - DESCRIPTORS_OF_OTHERS) / 3)
		       : 1;
	log_warning("api.connections-max: %u connections need %lu open files, and %lu are "
		    "allowed here: %u are let in; raise that (ulimit -n, LimitNOFILE=) or lower "
		    "api.connections-max",
		connections_max, (unsigned long)need, (unsigned long)r.rlim_cur, room);
	return room;
}

int
gate_start(struct gate *g, struct MHD_Daemon *daemon)
{
	struct epoll_event e = {.events = EPOLLIN};
	char error[GATE_ERROR_OCTETS];
	int ret;

	if (g == NULL)
		return 0;
	g->daemon = daemon;
	g->tls = gate_tls_create(g->config, error);
	g->closed = error[0] != '\0';
	if (g->closed)
		log_error("%s; nobody is let in on api.listen", error);
	g->now_ms = gate_clock_ms();
	g->room = raise_descriptors(g->config->api.connections_max);
	g->epoll = epoll_create1(EPOLL_CLOEXEC);
	g->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	e.data.ptr = &g->wake_kind;
	if (g->epoll < 0 || g->wake < 0 || epoll_ctl(g->epoll, EPOLL_CTL_ADD, g->wake, &e) != 0)
		return -errno;
	for (unsigned i = 0; i < g->n_listeners; i++)
		if (g->listener[i].fd >= 0)
			gate_watch_listener(g, &g->listener[i], true);
	ret = -pthread_create(&g->thread, NULL, gate_run, g);
	g->started = ret == 0;
	if (ret == 0)
		tell_listeners(g);
	return ret;
}

static void
wake(struct gate *g)
{
	uint64_t one = 1;

	(void)!write(g->wake, &one, sizeof one);
}

void
gate_reconfigure(struct gate *g, const struct config *c)
{
	char error[GATE_ERROR_OCTETS];
	struct config *old_config;
	SSL_CTX *tls, *old_tls;

	if (g == NULL || !g->started)
		return;
	tls = gate_tls_create(c, error);
	if (error[0] != '\0') {
		log_error("%s; the certificates before go on being used", error);
		return;
	}
	pthread_mutex_lock(&g->lock);
	old_config = g->next_config;
	old_tls = g->next_tls;
	g->next_config = config_hold(c);
	g->next_tls = tls;
	g->next_closed = false;
	pthread_mutex_unlock(&g->lock);
	config_free(old_config);
	SSL_CTX_free(old_tls);
	wake(g);
}

void
gate_stop(struct gate *g)
{
	if (g == NULL || !g->started)
		return;
	atomic_store(&g->stop, true);
	wake(g);
	pthread_join(g->thread, NULL);
	g->started = false;
	for (struct gate_connection *c; (c = TAILQ_FIRST(&g->open)) != NULL;)
		gate_connection_kill(g, c);
	gate_connections_bury(g);
}

void
gate_destroy(struct gate *g)
{
	if (g == NULL)
		return;
	for (size_t i = 0; i < g->by_fd_room; i++)
		gate_client_release(g->by_fd[i]);
	free(g->by_fd);
	for (unsigned i = 0; i < g->n_listeners; i++)
		if (g->listener[i].fd >= 0)
			close(g->listener[i].fd);
	if (g->epoll >= 0)
		close(g->epoll);
	if (g->wake >= 0)
		close(g->wake);
	SSL_CTX_free(g->tls);
	SSL_CTX_free(g->next_tls);
	config_free(g->config);
	config_free(g->next_config);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

void
gate_figures(struct gate *g, struct metrics_api *out)
{
	if (g == NULL)
		return;
	out->accepted = atomic_load(&g->accepted);
	out->refused_address = atomic_load(&g->refused_prefix);
	out->refused_full = atomic_load(&g->refused_full);
	out->refused_tls = atomic_load(&g->tls_failures);
	out->evicted = atomic_load(&g->evicted);
	out->timeouts = atomic_load(&g->timeouts);
	out->open = atomic_load(&g->figures_open);
}
