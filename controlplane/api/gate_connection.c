/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gate_connection: octets from a client to the HTTP server's socket pair and back, with a buffer of
 * fixed size each way, and the time that either may take. Sockets are watched by edges: whoever
 * stops has been told EAGAIN, or has no room, and is woken by what changes that. */
#include "controlplane/api/gate_private.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define ROUNDS_MAX 16u         /* of moving octets, before it is others' turn */
#define RATE_OCTETS_A_S 16384u /* a body's and an answer's, beyond the time limit */
#define EOF_MS 100             /* after which half a request of a client that has gone is none */
#define LINGER_MS 1000         /* for the client to read the end and close */

static struct gate_client *
client_create(const struct sockaddr_storage *peer)
{
	struct gate_client *k = calloc(1, sizeof *k);

	if (k == NULL)
		return NULL;
	k->peer = *peer;
	atomic_init(&k->holders, 1);
	return k;
}

void
gate_client_release(struct gate_client *k)
{
	if (k != NULL && atomic_fetch_sub(&k->holders, 1) == 1)
		free(k);
}

static int
watch(struct gate *g, struct gate_connection *c, int fd)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};

	return epoll_ctl(g->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

struct gate_connection *
gate_connection_open(
	struct gate *g, int fd, const struct sockaddr_storage *peer, const uint8_t source[16])
{
	struct gate_connection *c = calloc(1, sizeof *c);

	if (c == NULL) {
		close(fd);
		return NULL;
	}
	c->kind = GATE_CONNECTION;
	c->outer = fd;
	c->inner = -1;
	c->since_ms = g->now_ms;
	memcpy(c->source, source, sizeof c->source);
	c->client = client_create(peer);
	c->secured = g->tls == NULL;
	if (g->tls != NULL) {
		c->ssl = SSL_new(g->tls);
		if (c->ssl != NULL && SSL_set_fd(c->ssl, fd) != 1) {
			SSL_free(c->ssl);
			c->ssl = NULL;
		}
	}
	if (c->client == NULL || (g->tls != NULL && c->ssl == NULL) || watch(g, c, fd) != 0) {
		SSL_free(c->ssl);
		gate_client_release(c->client);
		close(fd);
		free(c);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&g->open, c, link);
	g->n_open++;
	return c;
}

void
gate_connection_kill(struct gate *g, struct gate_connection *c)
{
	if (c->dead)
		return;
	c->dead = true;
	TAILQ_REMOVE(&g->open, c, link);
	g->n_open--;
	if (c->again)
		TAILQ_REMOVE(&g->again, c, again_link);
	/* closing takes them out of epoll; events that were told already are for a dead one */
	close(c->outer);
	if (c->inner >= 0)
		close(c->inner);
	TAILQ_INSERT_TAIL(&g->buried, c, link);
}

void
gate_connections_bury(struct gate *g)
{
	for (struct gate_connection *c; (c = TAILQ_FIRST(&g->buried)) != NULL;) {
		TAILQ_REMOVE(&g->buried, c, link);
		SSL_free(c->ssl);
		gate_client_release(c->client);
		free(c->in.octet);
		free(c);
	}
}

/* --- one step each way; each tells whether anything moved --- */

/* @return octets, 0 the end, -EAGAIN, or another negative number: broken */
static ssize_t
outer_read(struct gate_connection *c, char *buffer, size_t room)
{
	int n, why;

	if (c->ssl == NULL) {
		ssize_t got = recv(c->outer, buffer, room, 0);

		return got >= 0 ? got : errno == EINTR ? -EAGAIN : -errno;
	}
	ERR_clear_error();
	n = SSL_read(c->ssl, buffer, (int)room);
	if (n > 0)
		return n;
	why = SSL_get_error(c->ssl, n);
	return why == SSL_ERROR_ZERO_RETURN                                ? 0
	       : why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -EAGAIN
									   : -EPIPE;
}

static ssize_t
outer_write(struct gate_connection *c, const char *octets, size_t n_octets)
{
	int n, why;

	if (c->ssl == NULL) {
		ssize_t put = send(c->outer, octets, n_octets, MSG_NOSIGNAL);

		return put >= 0 ? put : errno == EINTR ? -EAGAIN : -errno;
	}
	ERR_clear_error();
	n = SSL_write(c->ssl, octets, (int)n_octets);
	if (n > 0)
		return n;
	why = SSL_get_error(c->ssl, n);
	return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -EAGAIN : -EPIPE;
}

static bool
is_empty(const struct gate_buffer *b)
{
	return b->at == b->end;
}

/* Both buffers in one piece, when the first octets come. */
static int
make_buffers(struct gate_connection *c)
{
	if (c->in.octet == NULL)
		c->in.octet = malloc(2 * (size_t)GATE_BUFFER_OCTETS);
	if (c->in.octet == NULL)
		return -ENOMEM;
	c->out.octet = c->in.octet + GATE_BUFFER_OCTETS;
	return 0;
}

/* The last answer may have been given since: then the time of the next request begins. */
static void
note_answers(const struct gate *g, struct gate_connection *c)
{
	unsigned n = atomic_load(&c->client->n_answered);

	if (n == c->seen_answered)
		return;
	c->seen_answered = n;
	c->in_octets = 0;
	c->since_ms = g->now_ms;
}

/* As much as one time limit must bring: then the next one begins, so that nobody saves up time by
 * having been fast. */
static bool
quota_is_met(const struct gate *g, uint64_t octets)
{
	return octets >= (uint64_t)g->config->api.timeout_ms * RATE_OCTETS_A_S / 1000;
}

static bool
fill_in(struct gate *g, struct gate_connection *c)
{
	ssize_t n;

	if (c->outer_eof || make_buffers(c) != 0)
		return false;
	if (is_empty(&c->in) || c->inner_gone)
		c->in.at = c->in.end = 0;
	if (c->in.end == GATE_BUFFER_OCTETS)
		return false;
	n = outer_read(c, c->in.octet + c->in.end, GATE_BUFFER_OCTETS - c->in.end);
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		c->outer_eof = true;
		c->eof_ms = g->now_ms;
		/* a client that has broken off, or has gone without a word, wants no answer */
		if (n < 0 || (c->inner < 0 && is_empty(&c->in)))
			gate_connection_kill(g, c);
		return true;
	}
	note_answers(g, c);
	if (c->in_octets == 0)
		c->since_ms = g->now_ms;
	c->in_octets += (uint64_t)n;
	if (quota_is_met(g, c->in_octets)) {
		c->since_ms = g->now_ms;
		c->in_octets = 1;
	}
	c->in.end += (size_t)n;
	if (c->inner < 0 && (gate_hand_over(g, c) != 0 || watch(g, c, c->inner) != 0))
		gate_connection_kill(g, c);
	return true;
}

static bool
flush_in(const struct gate *g, struct gate_connection *c)
{
	ssize_t n = 0;

	if (c->inner < 0 || c->inner_shut)
		return false;
	if (!is_empty(&c->in) && !c->inner_gone) {
		n = send(c->inner, c->in.octet + c->in.at, c->in.end - c->in.at, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			c->inner_gone = true; /* it reads no more; its answer may still come */
			return true;
		}
		if (n > 0)
			c->in.at += (size_t)n;
	}
	if (!c->outer_eof || !(is_empty(&c->in) || c->inner_gone))
		return n > 0;
	/* libmicrohttpd takes the end of what a client sends for the end of the client, who still
	 * waits for an answer: it is told when that is given */
	note_answers(g, c);
	if (c->in_octets == 0 || c->inner_eof) {
		c->inner_shut = true;
		shutdown(c->inner, SHUT_WR);
		return true;
	}
	return n > 0;
}

static bool
fill_out(struct gate_connection *c)
{
	ssize_t n;

	if (c->inner < 0 || c->inner_eof)
		return false;
	if (is_empty(&c->out))
		c->out.at = c->out.end = 0;
	if (c->out.end == GATE_BUFFER_OCTETS)
		return false;
	n = recv(c->inner, c->out.octet + c->out.end, GATE_BUFFER_OCTETS - c->out.end, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		c->inner_eof = true; /* ECONNRESET: it left some of the request unread */
	else
		c->out.end += (size_t)n;
	return true;
}

static bool
flush_out(struct gate *g, struct gate_connection *c)
{
	ssize_t n;

	if (is_empty(&c->out))
		return false;
	n = outer_write(c, c->out.octet + c->out.at, c->out.end - c->out.at);
	if (n == -EAGAIN || n == -EWOULDBLOCK) {
		if (c->stalled_ms == 0) {
			c->stalled_ms = g->now_ms;
			c->stalled_octets = 0;
		}
		return false;
	}
	if (n <= 0) {
		gate_connection_kill(g, c);
		return false;
	}
	c->out.at += (size_t)n;
	c->stalled_octets += (uint64_t)n;
	if (c->stalled_ms != 0 && quota_is_met(g, c->stalled_octets)) {
		c->stalled_ms = g->now_ms;
		c->stalled_octets = 0;
	}
	return true;
}

/* The HTTP server has closed and all is sent. What the client still sends is read, so that it
 * is not told that its connection was reset before it has read the answer. */
static void
begin_linger(struct gate *g, struct gate_connection *c)
{
	c->lingering = true;
	c->inner_gone = true;
	c->since_ms = g->now_ms;
	if (c->ssl != NULL) {
		ERR_clear_error();
		SSL_shutdown(c->ssl);
	}
	shutdown(c->outer, SHUT_WR);
}

void
gate_connection_pump(struct gate *g, struct gate_connection *c)
{
	unsigned round = 0;
	bool moved = true;

	if (!c->secured && !c->dead) {
		int ret = gate_tls_handshake(c);

		if (ret < 0) {
			atomic_fetch_add(&g->tls_failures, 1);
			gate_connection_kill(g, c);
		}
		if (ret <= 0)
			return;
		c->secured = true;
		c->since_ms = g->now_ms;
	}
	while (moved && !c->dead && round++ < ROUNDS_MAX) {
		moved = fill_in(g, c);
		if (c->dead)
			return;
		moved |= flush_in(g, c);
		moved |= fill_out(c);
		moved |= flush_out(g, c);
		if (!c->dead && is_empty(&c->out)) {
			c->stalled_ms = 0;
			if (c->inner_eof && !c->lingering)
				begin_linger(g, c);
			if (c->lingering && c->outer_eof)
				gate_connection_kill(g, c);
		}
	}
	if (!c->dead && moved && !c->again) {
		c->again = true;
		TAILQ_INSERT_TAIL(&g->again, c, again_link);
	}
}

/* --- time --- */

static bool
over(int64_t since_ms, int64_t now_ms, unsigned timeout_ms, uint64_t octets)
{
	return now_ms - since_ms > (int64_t)timeout_ms + (int64_t)(octets * 1000 / RATE_OCTETS_A_S);
}

bool
gate_connection_late(const struct gate *g, struct gate_connection *c)
{
	unsigned timeout_ms = g->config->api.timeout_ms;

	if (c->lingering)
		return g->now_ms - c->since_ms > LINGER_MS;
	if (c->stalled_ms != 0 && over(c->stalled_ms, g->now_ms, timeout_ms, c->stalled_octets))
		return true;
	note_answers(g, c);
	if (atomic_load(&c->client->working) || c->stalled_ms != 0)
		return false;
	if (c->outer_eof && g->now_ms - c->eof_ms > EOF_MS)
		return true;
	return over(c->since_ms, g->now_ms, timeout_ms, c->in_octets);
}

bool
gate_connection_idle(const struct gate *g, struct gate_connection *c, int64_t ms)
{
	note_answers(g, c);
	return !atomic_load(&c->client->working) && is_empty(&c->out) &&
	       (g->now_ms - c->since_ms >= ms || (c->outer_eof && g->now_ms - c->eof_ms >= EOF_MS));
}
