/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_tcp: millrace-bench over persistent TCP connections, queries pipelined (RFC 7766). A
 * connection that the server ends is opened again; what was outstanding on it is lost. */
#include "tools/bench.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_ROOM (2u + 65535u)
#define OUT_ROOM (BENCH_BURST * (2u + BENCH_QUERY_OCTETS_MAX))
#define SPIN_NS 50000u
#define SLEEP_NS 1000000u
#define CONNECT_MS 3000
#define CONNECT_TRIES_MAX 1000u /* failed ones in a run, before it is given up */

struct connection {
	uint8_t *in, *out;
	uint32_t in_len, out_at, out_len;
};

struct bench_tcp {
	unsigned n, failed;
	struct sockaddr_storage sa;
	socklen_t sa_len;
	struct pollfd *fd;
	struct connection *c;
};

static int
open_connection(struct bench_tcp *t, unsigned i)
{
	int one = 1, error = 0;
	socklen_t len = sizeof error;
	int fd = socket(t->sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&t->sa, t->sa_len) != 0 && errno != EINPROGRESS) {
		error = errno;
	} else {
		struct pollfd p = {.fd = fd, .events = POLLOUT};
		if (poll(&p, 1, CONNECT_MS) != 1)
			error = ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
			error = errno;
	}
	if (error != 0) {
		close(fd);
		return -error;
	}
	(void)setsockopt(
		fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* only costs latency if refused */
	t->fd[i] = (struct pollfd){.fd = fd, .events = POLLIN};
	t->c[i].in_len = t->c[i].out_at = t->c[i].out_len = 0;
	return 0;
}

static void
reconnect(struct bench *b, struct bench_tcp *t, unsigned i)
{
	bench_lose_flow(b, i);
	close(t->fd[i].fd);
	t->fd[i].fd = -1;
	t->c[i].in_len = t->c[i].out_at = t->c[i].out_len = 0;
	b->r.reconnects++;
	if (open_connection(t, i) != 0)
		t->failed++;
}

static unsigned
receive_some(struct bench *b, struct bench_tcp *t, unsigned i)
{
	struct connection *c = &t->c[i];
	ssize_t n = recv(t->fd[i].fd, c->in + c->in_len, IN_ROOM - c->in_len, MSG_DONTWAIT);
	unsigned messages = 0;
	uint32_t at = 0;

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		reconnect(b, t, i);
		return 1;
	}
	if (n < 0)
		return 0;
	c->in_len += (uint32_t)n;
	uint64_t now = bench_now();
	while (c->in_len - at >= 2) {
		uint32_t len = (uint32_t)c->in[at] << 8 | c->in[at + 1];
		if (c->in_len - at - 2 < len)
			break;
		bench_answer(b, i, c->in + at + 2, len, now);
		at += 2 + len;
		messages++;
	}
	c->in_len -= at;
	memmove(c->in, c->in + at, c->in_len);
	b->r.polls++;
	b->r.polls_full += messages >= BENCH_BURST;
	return messages;
}

static unsigned
flush_some(struct bench *b, struct bench_tcp *t, unsigned i)
{
	struct connection *c = &t->c[i];
	ssize_t n;

	if (c->out_at == c->out_len)
		return 0;
	n = send(t->fd[i].fd, c->out + c->out_at, c->out_len - c->out_at,
		MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			reconnect(b, t, i);
		return 0;
	}
	c->out_at += (uint32_t)n;
	return 1;
}

/* Make and send a burst on the connection that is next, when it has sent all of its last one. */
static unsigned
send_some(struct bench *b, struct bench_tcp *t, uint64_t now)
{
	unsigned i = bench_flow(b, b->next);
	struct connection *c = &t->c[i];

	if (t->fd[i].fd < 0) {
		if (open_connection(t, i) != 0) {
			t->failed++;
			return 0;
		}
	}
	if (c->out_at != c->out_len)
		return flush_some(b, t, i);
	c->out_at = c->out_len = 0;
	unsigned n = bench_budget(b, now, BENCH_BURST - (unsigned)(b->next % BENCH_BURST));
	for (unsigned k = 0; k < n; k++) {
		const struct bench_query *q;
		uint16_t id = bench_id(b, bench_take(b, now, &q));
		uint8_t *p = c->out + c->out_len;
		p[0] = (uint8_t)(q->len >> 8);
		p[1] = (uint8_t)q->len;
		memcpy(p + 2, bench_query_octets(b, q), q->len);
		p[2] = (uint8_t)(id >> 8);
		p[3] = (uint8_t)id;
		c->out_len += 2u + q->len;
	}
	return n != 0 ? flush_some(b, t, i) : 0;
}

static int
run_loop(struct bench *b, struct bench_tcp *t)
{
	uint64_t now = bench_now(), worked = now, before;

	bench_start(b, now);
	while (!bench_over(b, now)) {
		unsigned did = 0;
		before = now;
		struct timespec wait = {0, 0};
		if (now - worked > SPIN_NS)
			wait.tv_nsec = b->interval_ns > 0 && b->interval_ns < SLEEP_NS
					       ? (long)b->interval_ns
					       : (long)SLEEP_NS;
		int ready = ppoll(t->fd, t->n, &wait, NULL);
		for (unsigned i = 0; i < t->n && ready > 0; i++)
			if ((t->fd[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0)
				did += receive_some(b, t, i);
		now = bench_now();
		bench_expire(b, now);
		for (unsigned i = 0; i < t->n; i++)
			if (t->fd[i].fd >= 0)
				did += flush_some(b, t, i);
		did += send_some(b, t, now);
		if (did != 0)
			worked = now;
		else if (b->sending)
			b->r.idle_ns += now - before;
		if (t->failed > CONNECT_TRIES_MAX) {
			fprintf(stderr, "millrace-bench: the server takes no more connections\n");
			return -ECONNREFUSED;
		}
	}
	return 0;
}

static int
start(struct bench *b, struct bench_tcp *t)
{
	t->n = 1u << b->flow_bits;
	t->fd = calloc(t->n, sizeof *t->fd);
	t->c = calloc(t->n, sizeof *t->c);
	if (t->fd == NULL || t->c == NULL)
		return -ENOMEM;
	for (unsigned i = 0; i < t->n; i++)
		t->fd[i].fd = -1;
	if (bench_server_address(b->o.server, &t->sa, &t->sa_len) != 0) {
		fprintf(stderr,
			"millrace-bench: --server %s: not ADDR, ADDR:PORT or [ADDR6]:PORT\n",
			b->o.server);
		return -EINVAL;
	}
	for (unsigned i = 0; i < t->n; i++) {
		t->c[i].in = malloc(IN_ROOM);
		t->c[i].out = malloc(OUT_ROOM);
		if (t->c[i].in == NULL || t->c[i].out == NULL)
			return -ENOMEM;
		int ret = open_connection(t, i);
		if (ret != 0) {
			fprintf(stderr, "millrace-bench: TCP to %s: %s\n", b->o.server,
				strerror(-ret));
			return ret;
		}
	}
	return 0;
}

int
bench_tcp_run(struct bench *b)
{
	struct bench_tcp t = {0};
	int ret = start(b, &t);

	if (ret == 0)
		ret = run_loop(b, &t);
	for (unsigned i = 0; i < t.n && t.fd != NULL && t.c != NULL; i++) {
		if (t.fd[i].fd >= 0)
			close(t.fd[i].fd);
		free(t.c[i].in);
		free(t.c[i].out);
	}
	free(t.fd);
	free(t.c);
	return ret;
}
