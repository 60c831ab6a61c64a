/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gate_run: the thread that accepts, and who is let in. */
#include "controlplane/api/gate_private.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define ACCEPTS_MAX 256 /* at a time, before others' turn */
#define EVENTS_MAX 256
#define TICK_MS 200
#define EVICT_AFTER_MS 500 /* younger ones may still become a request */

int64_t
gate_clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- who is let in --- */

/* What counts as one client. */
static void
source_of(const struct sockaddr_storage *peer, uint8_t out[16])
{
	memset(out, 0, 16);
	if (peer->ss_family == AF_INET) {
		out[10] = out[11] = 0xff;
		memcpy(out + 12, &((const struct sockaddr_in *)(const void *)peer)->sin_addr, 4);
	} else {
		memcpy(out, &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr, 8);
	}
}

static bool
may_connect(const struct gate *g, const struct sockaddr_storage *peer)
{
	const struct config *c = g->config;

	for (unsigned i = 0; i < c->api.allow_from_count; i++)
		if (config_prefix_has(&c->api.allow_from[i], (const struct sockaddr *)peer))
			return true;
	return false;
}

/* End the one that keeps us waiting longest. @param source  only of this client, or NULL */
static bool
evict(struct gate *g, const uint8_t *source)
{
	struct gate_connection *c, *oldest = NULL;

	TAILQ_FOREACH (c, &g->open, link) {
		if ((source == NULL || memcmp(c->source, source, 16) == 0) &&
			gate_connection_idle(g, c, EVICT_AFTER_MS) &&
			(oldest == NULL || c->since_ms < oldest->since_ms))
			oldest = c;
	}
	if (oldest == NULL)
		return false;
	gate_connection_kill(g, oldest);
	atomic_fetch_add(&g->evicted, 1);
	return true;
}

static bool
make_room(struct gate *g, const uint8_t source[16])
{
	unsigned n_source = 0, per_client = g->config->api.connections_per_client_max;
	struct gate_connection *c;

	TAILQ_FOREACH (c, &g->open, link)
		n_source += memcmp(c->source, source, 16) == 0;
	if (n_source >= per_client && !evict(g, source))
		return false;
	return g->n_open < g->room || evict(g, NULL);
}

static void
let_in(struct gate *g, int fd, const struct sockaddr_storage *peer)
{
	struct gate_connection *c;
	uint8_t source[16];
	int one = 1;

	source_of(peer, source);
	if (g->closed || !may_connect(g, peer)) {
		atomic_fetch_add(&g->refused_prefix, 1);
		close(fd);
		return;
	}
	if (!make_room(g, source)) {
		atomic_fetch_add(&g->refused_full, 1);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	c = gate_connection_open(g, fd, peer, source);
	if (c != NULL) /* epoll tells of what is there already */
		atomic_fetch_add(&g->accepted, 1);
}

void
gate_watch_listener(struct gate *g, struct gate_listener *l, bool on)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};

	epoll_ctl(g->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, l->fd, &e);
	l->paused = !on;
}

static void
accept_some(struct gate *g, struct gate_listener *l)
{
	for (int i = 0; i < ACCEPTS_MAX; i++) {
		struct sockaddr_storage peer = {0};
		socklen_t len = sizeof peer;
		int fd = accept4(
			l->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			let_in(g, fd, &peer);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			return gate_watch_listener(g, l, false); /* they wait in the kernel */
		else if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

/* --- the pair --- */

/* Remember who is behind a descriptor of the daemon's. */
static int
note_client(struct gate *g, int fd, struct gate_client *k)
{
	int ret = 0;

	pthread_mutex_lock(&g->lock);
	if ((size_t)fd >= g->by_fd_room) {
		size_t room = (size_t)fd + 64;
		struct gate_client **more = realloc(g->by_fd, room * sizeof *more);

		if (more == NULL) {
			ret = -ENOMEM;
		} else {
			memset(more + g->by_fd_room, 0, (room - g->by_fd_room) * sizeof *more);
			g->by_fd = more;
			g->by_fd_room = room;
		}
	}
	if (ret == 0) {
		atomic_fetch_add(&k->holders, 1);
		g->by_fd[fd] = k;
	}
	pthread_mutex_unlock(&g->lock);
	return ret;
}

struct gate_client *
gate_client_take(struct gate *g, int fd)
{
	struct gate_client *k = NULL;

	if (g == NULL || fd < 0)
		return NULL;
	pthread_mutex_lock(&g->lock);
	if ((size_t)fd < g->by_fd_room) {
		k = g->by_fd[fd];
		g->by_fd[fd] = NULL;
	}
	pthread_mutex_unlock(&g->lock);
	return k;
}

int
gate_hand_over(struct gate *g, struct gate_connection *c)
{
	const struct sockaddr *peer = (const struct sockaddr *)&c->client->peer;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	c->inner = pair[0]; /* closed with the connection */
	if (note_client(g, pair[1], c->client) != 0) {
		close(pair[1]);
		return -ENOMEM;
	}
	/* closes it, if it fails */
	if (MHD_add_connection(g->daemon, pair[1], peer,
		    peer->sa_family == AF_INET ? sizeof(struct sockaddr_in)
					       : sizeof(struct sockaddr_in6)) == MHD_YES)
		return 0;
	gate_client_release(gate_client_take(g, pair[1]));
	return -EIO;
}

const struct sockaddr_storage *
gate_client_peer(const struct gate_client *k)
{
	return &k->peer;
}

const char *
gate_client_subject(const struct gate_client *k)
{
	return k->subject[0] != '\0' ? k->subject : NULL;
}

void
gate_client_working(struct gate_client *k, bool working)
{
	if (k == NULL)
		return;
	if (!working)
		atomic_fetch_add(&k->n_answered, 1);
	atomic_store(&k->working, working);
}

/* --- the thread --- */

static void
take_next(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	if (g->next_config != NULL) {
		config_free(g->config);
		SSL_CTX_free(g->tls);
		g->config = g->next_config;
		g->tls = g->next_tls;
		g->closed = g->next_closed;
		g->next_config = NULL;
		g->next_tls = NULL;
	}
	pthread_mutex_unlock(&g->lock);
}

static void
tick(struct gate *g)
{
	struct gate_connection *c, *next;

	for (unsigned i = 0; i < g->n_listeners; i++)
		if (g->listener[i].fd >= 0 && g->listener[i].paused)
			gate_watch_listener(g, &g->listener[i], true);
	for (c = TAILQ_FIRST(&g->open); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->outer_eof && !c->inner_shut)
			gate_connection_pump(g, c);
		if (c->dead || !gate_connection_late(g, c))
			continue;
		if (!c->lingering)
			atomic_fetch_add(&g->timeouts, 1);
		gate_connection_kill(g, c);
	}
}

static void
handle(struct gate *g, void *what)
{
	uint64_t n;

	switch (*(enum gate_kind *)what) {
	case GATE_WAKE:
		(void)!read(g->wake, &n, sizeof n);
		take_next(g);
		break;
	case GATE_LISTENER:
		accept_some(g, what);
		break;
	case GATE_CONNECTION:
		if (!((struct gate_connection *)what)->dead)
			gate_connection_pump(g, what);
		break;
	}
}

/* Those that moved as much as they may at a time. */
static void
pump_again(struct gate *g)
{
	struct gate_list list = TAILQ_HEAD_INITIALIZER(list);
	struct gate_connection *c;

	TAILQ_CONCAT(&list, &g->again, again_link);
	while ((c = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, c, again_link);
		c->again = false;
		gate_connection_pump(g, c);
	}
}

void *
gate_run(void *arg)
{
	struct gate *g = arg;
	struct epoll_event event[EVENTS_MAX];
	int64_t ticked_ms = 0;

	while (!atomic_load(&g->stop)) {
		bool paused = false;
		int n;

		for (unsigned i = 0; i < g->n_listeners; i++)
			paused |= g->listener[i].paused;
		n = epoll_wait(g->epoll, event, EVENTS_MAX,
			!TAILQ_EMPTY(&g->again)   ? 0
			: g->n_open > 0 || paused ? TICK_MS
						  : -1);
		g->now_ms = gate_clock_ms();
		for (int i = 0; i < n; i++)
			handle(g, event[i].data.ptr);
		pump_again(g);
		if (g->now_ms - ticked_ms >= TICK_MS) {
			ticked_ms = g->now_ms;
			tick(g);
		}
		gate_connections_bury(g);
		atomic_store(&g->figures_open, g->n_open);
	}
	return NULL;
}
