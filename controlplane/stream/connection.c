/* SPDX-License-Identifier: GPL-3.0-or-later */
/* connection: one client's TCP connection from accept to close. Reads a slice, hands whole queries
 * to its worker's ring, queues answers and writes them in one piece a turn. Each connection is in
 * exactly one waiting state, and each of those has a limit in time; memory beyond the struct comes
 * from the pool. Stream process, event loop only. */
#include "controlplane/stream/server.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_PIECES 64u /* chunks in one sendmsg(2) */
#define SEND_TURNS 4u   /* sendmsg(2) calls before others get their turn */
#define LENGTH_OCTETS 2u
#define ANSWER_GUESS_MIN 512u /* the next answer may be larger than all before */

static_assert(sizeof(struct stream_connection) <= 512, "an idle connection is to cost little");
static_assert(OUT_HARD_OCTETS >= OUT_SOFT_OCTETS + LENGTH_OCTETS + UINT16_MAX,
	"one answer always has room");

static inline struct stream_server *
server_of(const struct stream_connection *c)
{
	return c->poll.loop->data;
}

static void connection_settle(struct stream_server *s, struct stream_connection *c, bool restart);

/* --- queries --- */

/* May it ask once more? What it has asked and may be sent must fit what it may leave lying. */
static bool
may_ask(const struct stream_server *s, const struct stream_connection *c)
{
	uint64_t answer =
		c->answer_max == 0
			? UINT16_MAX
			: (c->answer_max > ANSWER_GUESS_MIN ? c->answer_max : ANSWER_GUESS_MIN);

	if (c->in_flight == 0 && c->out.len == 0)
		return true; /* so that a connection never pauses without something to end the pause
			      */
	return c->in_flight < s->limits.queries_per_connection_max &&
	       c->out.len + (c->in_flight + 1) * answer <= OUT_SOFT_OCTETS;
}

/* framing_take: one whole query goes to the worker. */
static enum framing_verdict
take_query(void *arg, const struct framing_message *m)
{
	struct stream_connection *c = arg;
	struct stream_server *s = server_of(c);
	struct stream_message *room;
	struct query *q;
	uint64_t token;
	int worker;

	c->paused = !may_ask(s, c);
	if (c->paused)
		return FRAMING_LATER;
	worker = exchange_worker_for(&s->exchange, c->worker);
	if (worker < 0)
		return FRAMING_LATER;
	room = exchange_reserve(&s->exchange, worker, m->len);
	q = room != NULL ? queries_enter(s->queries, &token) : NULL;
	if (q == NULL)
		return FRAMING_LATER; /* a reservation that is not sent is no reservation */
	q->connection = c->index;
	q->connection_generation = c->generation;
	q->instance = s->exchange.instance;
	q->sent_ms = uv_now(&s->loop);
	framing_copy(m, room->dns);
	exchange_send(&s->exchange, worker, room, token, &c->peer, m->len);
	c->in_flight++;
	c->wake = (int8_t)worker;
	return FRAMING_TAKEN;
}

/* Go on with what is held and a further piece. The connection may be closed by it. */
static void
connection_feed(
	struct stream_server *s, struct stream_connection *c, const uint8_t *piece, uint32_t len)
{
	bool was_blocked = c->held == FRAMING_BLOCKED, was_paused = c->paused;
	uint32_t in_flight = c->in_flight;

	c->wake = -1;
	s->current = c;
	c->held = (uint8_t)framing_feed(&s->pool, &c->in, piece, len, take_query, c);
	s->current = NULL;
	if (c->wake >= 0)
		exchange_wake(&s->exchange, c->wake);
	if (c->held == FRAMING_BROKEN) {
		connection_close(s, c, SCTR_CLOSED_PROTOCOL);
	} else if (c->held == FRAMING_NO_ROOM) {
		connection_close(s, c, SCTR_CLOSED_EVICTED);
	} else {
		if (c->held == FRAMING_BLOCKED && !(was_blocked && was_paused == c->paused))
			stream_counter_add(
				s->counters, c->paused ? SCTR_READ_PAUSED : SCTR_RING_FULL, 1);
		connection_settle(s, c, c->in_flight != in_flight);
	}
}

void
connection_resume(struct stream_server *s, struct stream_connection *c)
{
	if (c->open && c->held == FRAMING_BLOCKED)
		connection_feed(s, c, s->read_buffer, 0);
}

static void
connection_read(struct stream_server *s, struct stream_connection *c)
{
	ssize_t n = recv(c->fd, s->read_buffer, sizeof s->read_buffer, 0);

	if (n > 0) {
		connection_feed(s, c, s->read_buffer, (uint32_t)n);
	} else if (n == 0) {
		/* half-closed clients still get their answers (RFC 7766 6.2.4) */
		c->eof = true;
		connection_settle(s, c, false);
	} else if (errno != EAGAIN && errno != EINTR) {
		connection_close(
			s, c, errno == ECONNRESET ? SCTR_CLOSED_CLIENT : SCTR_CLOSED_ERROR);
	}
}

/* --- answers --- */

static void
mark_dirty(struct stream_server *s, struct stream_connection *c)
{
	if (c->dirty.next == NULL)
		stream_list_append(&s->dirty, &c->dirty);
}

/* One sendmsg(2) of what is queued. @return octets, or negative errno */
static ssize_t
send_queued(struct stream_connection *c)
{
	struct iovec piece[SEND_PIECES];
	struct msghdr m = {.msg_iov = piece};
	const struct chunk *chunk = c->out.first;
	uint32_t at = c->out.start, rest = c->out.len;
	ssize_t n;

	for (; rest > 0 && m.msg_iovlen < SEND_PIECES; at = 0, chunk = chunk->next) {
		uint32_t len = CHUNK_ROOM - at < rest ? CHUNK_ROOM - at : rest;
		piece[m.msg_iovlen].iov_base = (void *)(uintptr_t)(chunk->data + at);
		piece[m.msg_iovlen++].iov_len = len;
		rest -= len;
	}
	n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

/* Write what is queued, as far as the kernel takes it. @return false: the connection was closed */
static bool
connection_send(struct stream_server *s, struct stream_connection *c)
{
	for (unsigned turn = 0; c->out.len > 0 && turn < SEND_TURNS; turn++) {
		ssize_t n = send_queued(c);
		if (n == -EAGAIN || n == -EINTR || n == -ENOBUFS || n == -ENOMEM)
			break;
		if (n < 0) {
			connection_close(s, c,
				n == -EPIPE || n == -ECONNRESET ? SCTR_CLOSED_CLIENT
								: SCTR_CLOSED_ERROR);
			return false;
		}
		c->sent_octets += (uint64_t)n;
		chunk_queue_consume(&s->pool, &c->out, (uint32_t)n);
	}
	return true;
}

/* May an answer be queued? One that asked much while answers were short may have been let ask for
 * more than it is to leave lying. It may read as fast as anybody; so it is ended only when memory
 * becomes scarce, or (limits.c) when it does not read. */
static bool
has_room(const struct stream_server *s, const struct stream_connection *c, uint32_t len)
{
	return c->out.len + LENGTH_OCTETS + len <= OUT_HARD_OCTETS ||
	       s->pool.n_free > s->pool.n_chunks / 2;
}

void
connection_answer(void *server, uint64_t token, const uint8_t *dns, uint32_t len, bool close)
{
	struct stream_server *s = server;
	struct query *q = queries_find(s->queries, token);
	struct stream_connection *c = q != NULL ? &s->connections[q->connection] : NULL;
	bool gone = q == NULL || !c->open || c->generation != q->connection_generation;
	uint8_t length[LENGTH_OCTETS] = {(uint8_t)(len >> 8), (uint8_t)len};

	if (q != NULL)
		queries_leave(s->queries, q);
	if (gone) {
		stream_counter_add(s->counters, SCTR_STALE, 1);
		return;
	}
	c->in_flight--;
	if (close) {
		connection_close(s, c, SCTR_CLOSED_ENGINE);
		return;
	}
	mark_dirty(s, c);
	if (len == 0)
		return; /* the engine does not answer this one */
	if (len > c->answer_max)
		c->answer_max = len;
	/* before it is judged: nothing was written while answers were taken from the rings */
	if (c->out.len + sizeof length + len > OUT_HARD_OCTETS && !connection_send(s, c))
		return;
	s->current = c;
	if (!has_room(s, c, len) || !chunk_queue_append(&s->pool, &c->out, length, sizeof length) ||
		!chunk_queue_append(&s->pool, &c->out, dns, len))
		connection_close(s, c, SCTR_CLOSED_EVICTED);
	s->current = NULL;
	/* what the kernel would take need not wait in the pool until it overflows */
	if (s->pool.n_free < s->pool.n_chunks / 4)
		connection_flush_dirty(s);
}

/* The write limit runs while something is queued, and starts over with each slice that was taken.
 */
static void
time_writes(struct stream_server *s, struct stream_connection *c)
{
	bool timed = c->write.next != NULL;

	if (timed && c->out.len > 0 && c->sent_octets < c->sent_mark)
		return;
	stream_list_remove(&c->write);
	if (c->out.len == 0)
		return;
	c->write_since_ms = uv_now(&s->loop);
	c->sent_mark =
		c->sent_octets + (c->out.len < OUT_SLICE_OCTETS ? c->out.len : OUT_SLICE_OCTETS);
	stream_list_append(&s->writes, &c->write);
}

/* Write what is queued, as far as the kernel takes it. The connection may be closed by it. */
static void
connection_flush(struct stream_server *s, struct stream_connection *c)
{
	if (!connection_send(s, c))
		return;
	time_writes(s, c);
	if (c->held == FRAMING_BLOCKED && c->paused)
		connection_resume(s, c); /* settles it, too */
	else
		connection_settle(s, c, false);
}

void
connection_flush_dirty(struct stream_server *s)
{
	/* flushing marks nothing dirty: every turn shortens the list */
	while (!stream_list_empty(&s->dirty)) {
		struct stream_connection *c = connection_of(s->dirty.next, dirty);
		stream_list_remove(&c->dirty);
		connection_flush(s, c);
	}
}

/* --- states --- */

static void
on_ready(uv_poll_t *handle, int status, int events)
{
	struct stream_connection *c = connection_of(handle, poll);
	struct stream_server *s = server_of(c);

	exchange_awake(&s->exchange);
	if (!c->open)
		return;
	if (status < 0) {
		connection_close(s, c, SCTR_CLOSED_CLIENT); /* reset, or unreachable */
		return;
	}
	if (events & UV_WRITABLE)
		connection_flush(s, c);
	if (c->open && (events & UV_READABLE) && (c->events & UV_READABLE))
		connection_read(s, c);
}

static enum stream_wait
wait_of(const struct stream_connection *c)
{
	if (c->held == FRAMING_BLOCKED)
		return c->paused ? WAIT_NOTHING : WAIT_RING;
	if (c->held == FRAMING_PARTIAL)
		return WAIT_REST;
	return c->in_flight > 0 || c->out.len > 0 ? WAIT_NOTHING : WAIT_IDLE;
}

/* After anything that happened to an open connection: its waiting state, and what the loop is to
 * watch. `restart`: a message was taken, so a wait of the same kind is another wait. */
static void
connection_settle(struct stream_server *s, struct stream_connection *c, bool restart)
{
	enum stream_wait wait;
	uint8_t events;
	int err = 0;

	if (c->eof && c->held == FRAMING_PARTIAL) {
		chunk_queue_consume(&s->pool, &c->in, c->in.len);
		c->held = FRAMING_BETWEEN;
	}
	wait = wait_of(c);
	if (c->eof && wait == WAIT_IDLE) {
		connection_close(s, c, SCTR_CLOSED_CLIENT);
		return;
	}
	if (wait != c->waiting || restart || c->wait.next == NULL) {
		stream_list_remove(&c->wait);
		stream_list_append(&s->waits[wait], &c->wait);
		c->waiting = (uint8_t)wait;
		c->since_ms = uv_now(&s->loop);
	}
	events = (uint8_t)((c->eof || c->held == FRAMING_BLOCKED ? 0 : UV_READABLE) |
			   (c->out.len > 0 ? UV_WRITABLE : 0));
	if (events == c->events)
		return;
	c->events = events;
	if (events != 0)
		err = uv_poll_start(&c->poll, events, on_ready);
	else
		uv_poll_stop(&c->poll);
	if (err < 0)
		connection_close(s, c, SCTR_CLOSED_ERROR);
}

/* --- begin and end --- */

static void
client_from_sockaddr(struct exchange_client *out, const struct sockaddr_storage *peer)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	if (peer->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)peer;
		memcpy(out->address, mapped, sizeof mapped);
		memcpy(out->address + sizeof mapped, &in->sin_addr, 4);
		out->port = ntohs(in->sin_port);
	} else {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)peer;
		memcpy(out->address, &in6->sin6_addr, 16);
		out->port = ntohs(in6->sin6_port);
	}
}

/* Close with a reset: the client is to notice at once, and the kernel to keep nothing. */
static void
socket_reset(int fd)
{
	struct linger l = {.l_onoff = 1, .l_linger = 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
	close(fd);
}

/* A slot that nobody uses, or NULL. */
static struct stream_connection *
slot_get(struct stream_server *s)
{
	struct stream_connection *c;

	if (!stream_list_empty(&s->free)) {
		c = connection_of(s->free.next, wait);
		stream_list_remove(&c->wait);
		return c;
	}
	if (s->n_touched == s->n_slots)
		return NULL;
	c = &s->connections[s->n_touched];
	c->index = s->n_touched++;
	return c;
}

void
connection_start(struct stream_server *s, int fd, const struct sockaddr_storage *peer)
{
	struct exchange_client who;
	struct stream_connection *c;
	uint32_t client;

	stream_counter_add(
		s->counters, peer->ss_family == AF_INET ? SCTR_ACCEPTED4 : SCTR_ACCEPTED6, 1);
	client_from_sockaddr(&who, peer);
	client = clients_enter(s->clients, who.address, s->limits.connections_per_client_max);
	if (client == CLIENT_NONE) {
		stream_counter_add(s->counters, SCTR_CLOSED_CLIENT_LIMIT, 1);
		socket_reset(fd);
		return;
	}
	if (s->n_open >= s->limits.connections_max)
		connection_evict(s);
	c = s->n_open < s->limits.connections_max ? slot_get(s) : NULL;
	if (c == NULL || uv_poll_init(&s->loop, &c->poll, fd) < 0) {
		if (c != NULL)
			stream_list_append(&s->free, &c->wait);
		clients_leave(s->clients, client);
		stream_counter_add(
			s->counters, c == NULL ? SCTR_CLOSED_EVICTED : SCTR_CLOSED_ERROR, 1);
		socket_reset(fd);
		return;
	}
	*c = (struct stream_connection){
		.poll = c->poll,
		.index = c->index,
		.generation = c->generation,
		.client = client,
		.fd = fd,
		.open = true,
		.worker = s->next_worker++,
		.peer = who,
	};
	s->n_open++;
	stream_counter_add(s->counters, SCTR_CONNECTIONS, 1);
	connection_settle(s, c, true);
}

static void
on_closed(uv_handle_t *handle)
{
	struct stream_connection *c = connection_of(handle, poll);

	stream_list_append(&server_of(c)->free, &c->wait);
}

void
connection_close(struct stream_server *s, struct stream_connection *c, enum stream_counter why)
{
	assert(c->open);
	c->open = false;
	c->generation++; /* answers that are still to come find nobody */
	stream_list_remove(&c->wait);
	stream_list_remove(&c->write);
	stream_list_remove(&c->dirty);
	chunk_queue_consume(&s->pool, &c->in, c->in.len);
	chunk_queue_consume(&s->pool, &c->out, c->out.len);
	clients_leave(s->clients, c->client);
	s->n_open--;
	stream_counter_add(s->counters, why, 1);
	stream_counter_add(s->counters, SCTR_CONNECTIONS, (uint64_t)-1);
	uv_close((uv_handle_t *)&c->poll, on_closed);
	if (why == SCTR_CLOSED_PROTOCOL || why == SCTR_CLOSED_ENGINE ||
		why == SCTR_CLOSED_WRITE_TIMEOUT || why == SCTR_CLOSED_ERROR)
		socket_reset(c->fd);
	else
		close(c->fd);
	c->fd = -1;
}
