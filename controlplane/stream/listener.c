/* SPDX-License-Identifier: GPL-3.0-or-later */
/* listener: the sockets that wait for clients. What can be set once here (nonblocking, no delay,
 * how much unsent data the kernel keeps) is inherited by every connection. Event loop only. */
#include "config/log.h"
#include "controlplane/stream/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */
#define UNSENT_OCTETS \
	(128 << 10) /* kept by the kernel for a slow reader, beside what is on the wire */

static bool
same_address(const struct config_address *a, const struct config_address *b)
{
	char text_a[64], text_b[64];

	config_format_address(a, text_a);
	config_format_address(b, text_b);
	return strcmp(text_a, text_b) == 0;
}

/* An address of a DPDK port need not be one of the kernel's (yet): bind it all the same, so that
 * TCP works as soon as the exception path brings it here. */
static bool
is_port_address(const struct config *c, const struct config_address *a)
{
	for (unsigned i = 0; i < c->dataplane.ports_count; i++)
		for (unsigned k = 0; k < c->dataplane.ports[i].addresses_count; k++)
			if (same_address(&c->dataplane.ports[i].addresses[k], a))
				return true;
	return false;
}

static const char *
bind_advice(int err)
{
	switch (err) {
	case EADDRINUSE:
		return "another program listens there (ss -ltnp shows which): stop it, or change "
		       "stream.listen";
	case EADDRNOTAVAIL:
		return "no interface has this address: add it (ip address add), or change "
		       "stream.listen";
	case EACCES:
	case EPERM:
		return "ports below 1024 need root or CAP_NET_BIND_SERVICE: start as root with "
		       "'user' set, or "
		       "use a higher port in stream.listen";
	case EAFNOSUPPORT:
		return "this kernel has no IPv6: remove the address from stream.listen";
	default:
		return "check stream.listen";
	}
}

static int
listener_bind(const struct config *c, const struct config_address *a)
{
	int one = 1, unsent = UNSENT_OCTETS, family = a->sa.ss_family, fd, err;
	socklen_t len =
		family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);

	fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (is_port_address(c, a))
		setsockopt(fd, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
			family == AF_INET ? IP_FREEBIND : IPV6_FREEBIND, &one, sizeof one);
	/* answers are written whole: waiting for more would only delay them */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
	if (bind(fd, (const struct sockaddr *)&a->sa, len) < 0 || listen(fd, BACKLOG) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int
listener_bind_all(struct stream_server *s)
{
	const struct config *c = s->config;

	for (unsigned i = 0; i < c->stream.listen_count; i++) {
		const struct config_address *a = &c->stream.listen[i];
		bool again = false;
		char text[64];
		int fd;

		for (unsigned k = 0; k < i; k++)
			again = again || same_address(a, &c->stream.listen[k]);
		if (again)
			continue;
		config_format_address(a, text);
		if (s->n_listeners == LISTENERS_MAX) {
			log_error("stream.listen has more than %u addresses; use 0.0.0.0 and [::]",
				LISTENERS_MAX);
			return -E2BIG;
		}
		fd = listener_bind(c, a);
		if (fd < 0) {
			log_error("cannot listen on TCP %s: %s; %s", text, strerror(-fd),
				bind_advice(-fd));
			return fd;
		}
		log_info("listening on TCP %s", text);
		s->listeners[s->n_listeners++] = (struct stream_listener){.server = s, .fd = fd};
	}
	if (s->n_listeners == 0)
		log_warning(
			"no address to listen on: stream.listen and dataplane.listen are empty");
	return 0;
}

/* Descriptors or memory are short: make room, and do not spin on what cannot be accepted. */
static void
accept_failed(struct stream_server *s)
{
	stream_counter_add(s->counters, SCTR_ACCEPT_REFUSED, 1);
	connection_evict(s);
	listener_pause_all(s, true);
}

static void
on_connect(uv_poll_t *handle, int status, int events)
{
	struct stream_listener *l = handle->data;
	struct stream_server *s = l->server;

	exchange_awake(&s->exchange);
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof peer;
		int fd;

		/* all slots are closing: the loop frees them before it comes back here */
		if (s->n_touched == s->n_slots && stream_list_empty(&s->free)) {
			connection_evict(s);
			return;
		}
		fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			connection_start(s, fd, &peer);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			accept_failed(s);
			return;
		}
		/* the client's own trouble (ECONNABORTED, ...): the next one, please */
	}
}

int
listener_start_all(struct stream_server *s)
{
	int err;

	for (unsigned i = 0; i < s->n_listeners; i++) {
		struct stream_listener *l = &s->listeners[i];
		l->poll.data = l;
		err = uv_poll_init(&s->loop, &l->poll, l->fd);
		if (err < 0)
			return err;
	}
	listener_pause_all(s, false);
	return 0;
}

static void
on_pause_over(uv_timer_t *timer)
{
	struct stream_server *s = timer->loop->data;

	listener_pause_all(s, s->stopping);
}

void
listener_pause_all(struct stream_server *s, bool pause)
{
	for (unsigned i = 0; i < s->n_listeners; i++) {
		if (pause)
			uv_poll_stop(&s->listeners[i].poll);
		else
			uv_poll_start(&s->listeners[i].poll, UV_READABLE, on_connect);
	}
	if (pause && !s->stopping)
		uv_timer_start(&s->accept_pause, on_pause_over, ACCEPT_PAUSE_MS, 0);
}
