/* SPDX-License-Identifier: GPL-3.0-or-later */
/* limits: whose turn it is to go when time, connections or memory run out. Every list is in the
 * order of age, so each decision looks at heads only. Stream process, event loop only. */
#include "controlplane/stream/server.h"

#include "config/log.h"

#define EVICT_BATCH 256u /* connections above a lowered limit that one tick ends */

void
limits_start(struct stream_server *s)
{
	const struct config *c = s->config;

	s->limits = (struct stream_limits){
		.connections_max = s->connections_room,
		.connections_per_client_max = c->stream.connections_per_client_max,
		.queries_per_connection_max = c->stream.queries_per_connection_max,
		.idle_timeout_ms = c->stream.idle_timeout_ms,
		.read_timeout_ms = c->stream.read_timeout_ms,
		.write_timeout_ms = c->stream.write_timeout_ms,
	};
}

/* The hub is writable by others: 0 would stop the service. */
static void
take(uint32_t *limit, const _Atomic uint32_t *from)
{
	uint32_t v = atomic_load_explicit(from, memory_order_relaxed);

	if (v != 0)
		*limit = v;
}

void
limits_refresh(struct stream_server *s)
{
	const struct hub_live *live = &s->exchange.hub->control.live;
	/* acquire: the fields were written before their generation */
	uint32_t generation = atomic_load_explicit(&live->generation, memory_order_acquire);
	uint32_t level = atomic_load_explicit(&live->log_level, memory_order_relaxed);

	if (generation == s->live_seen)
		return;
	s->live_seen = generation;
	if (level <= LOG_LEVEL_DEBUG)
		log_set_threshold((enum log_level)level);
	take(&s->limits.connections_max, &live->stream_connections_max);
	if (s->limits.connections_max > s->connections_room)
		s->limits.connections_max = s->connections_room;
	take(&s->limits.connections_per_client_max, &live->stream_connections_per_client_max);
	take(&s->limits.queries_per_connection_max, &live->stream_queries_per_connection_max);
	take(&s->limits.idle_timeout_ms, &live->stream_idle_timeout_ms);
	take(&s->limits.read_timeout_ms, &live->stream_read_timeout_ms);
	take(&s->limits.write_timeout_ms, &live->stream_write_timeout_ms);
}

/* The oldest of a list, unless it is being worked on. */
static struct stream_connection *
oldest_waiting(const struct stream_server *s, enum stream_wait wait)
{
	struct stream_connection *c;

	if (stream_list_empty(&s->waits[wait]))
		return NULL;
	c = connection_of(s->waits[wait].next, wait);
	return c != s->current ? c : NULL;
}

static struct stream_connection *
oldest_writing(const struct stream_server *s)
{
	struct stream_connection *c;

	if (stream_list_empty(&s->writes))
		return NULL;
	c = connection_of(s->writes.next, write);
	return c != s->current ? c : NULL;
}

bool
connection_evict(struct stream_server *s)
{
	struct stream_connection *c = oldest_waiting(s, WAIT_IDLE);

	if (c == NULL)
		c = oldest_waiting(s, WAIT_REST);
	if (c == NULL)
		c = oldest_writing(s);
	if (c == NULL)
		c = oldest_waiting(s, WAIT_RING);
	if (c == NULL)
		return false;
	connection_close(s, c, SCTR_CLOSED_EVICTED);
	return true;
}

bool
connection_reclaim(void *server)
{
	struct stream_server *s = server;
	struct stream_connection *candidate[] = {
		oldest_waiting(s, WAIT_REST), oldest_writing(s), oldest_waiting(s, WAIT_RING)};
	struct stream_connection *worst = NULL;
	uint64_t most = 0;

	/* of those that are slow, the one that holds most */
	for (unsigned i = 0; i < sizeof candidate / sizeof *candidate; i++) {
		const struct stream_connection *c = candidate[i];
		if (c != NULL && (uint64_t)c->in.len + c->out.len > most) {
			most = (uint64_t)c->in.len + c->out.len;
			worst = candidate[i];
		}
	}
	if (worst == NULL)
		return false;
	connection_close(s, worst, SCTR_CLOSED_EVICTED);
	return true;
}

static void
expire_waits(
	struct stream_server *s, enum stream_wait wait, uint64_t limit_ms, enum stream_counter why)
{
	struct stream_connection *c;

	while ((c = oldest_waiting(s, wait)) != NULL && uv_now(&s->loop) - c->since_ms >= limit_ms)
		connection_close(s, c, why);
}

static void
expire_writes(struct stream_server *s)
{
	struct stream_connection *c;

	while ((c = oldest_writing(s)) != NULL &&
		uv_now(&s->loop) - c->write_since_ms >= s->limits.write_timeout_ms)
		connection_close(s, c, SCTR_CLOSED_WRITE_TIMEOUT);
}

/* A query that got no answer ends its connection: nothing may be decided about it here, and the
 * client is to ask somebody else. */
static void
expire_queries(struct stream_server *s)
{
	uint64_t now = uv_now(&s->loop);
	struct query *q;

	while ((q = queries_oldest(s->queries)) != NULL) {
		bool orphan = s->dataplane_lost_ms != 0 || q->instance != s->exchange.instance;
		uint64_t since = q->sent_ms;
		struct stream_connection *c = &s->connections[q->connection];

		if (s->dataplane_lost_ms > since)
			since = s->dataplane_lost_ms;
		else if (q->instance != s->exchange.instance && s->instance_since_ms > since)
			since = s->instance_since_ms;
		if (now - since < (orphan ? DATAPLANE_WAIT_MS : QUERY_WAIT_MS))
			return;
		if (c->open && c->generation == q->connection_generation)
			connection_close(
				s, c, orphan ? SCTR_CLOSED_NO_DATAPLANE : SCTR_CLOSED_ENGINE);
		queries_leave(s->queries, q);
	}
}

void
connection_expire(struct stream_server *s)
{
	uint64_t now = uv_now(&s->loop);

	exchange_check_dataplane(&s->exchange);
	if (s->exchange.alive)
		s->dataplane_lost_ms = 0;
	else if (s->dataplane_lost_ms == 0)
		s->dataplane_lost_ms = now;
	if (s->instance_seen != s->exchange.instance) {
		s->instance_seen = s->exchange.instance;
		s->instance_since_ms = now;
	}
	expire_queries(s);
	expire_waits(s, WAIT_IDLE, s->limits.idle_timeout_ms, SCTR_CLOSED_IDLE);
	expire_waits(s, WAIT_REST, s->limits.read_timeout_ms, SCTR_CLOSED_READ_TIMEOUT);
	expire_waits(s, WAIT_RING, s->dataplane_lost_ms != 0 ? DATAPLANE_WAIT_MS : QUERY_WAIT_MS,
		s->dataplane_lost_ms != 0 ? SCTR_CLOSED_NO_DATAPLANE : SCTR_CLOSED_ENGINE);
	expire_writes(s);
	for (unsigned n = 0; n < EVICT_BATCH && s->n_open > s->limits.connections_max; n++)
		if (!connection_evict(s))
			break;
}
