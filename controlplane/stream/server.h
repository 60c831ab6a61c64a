/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server: the state of the stream process. One thread, one libuv loop; everything here belongs to
 * it. Sockets are our own and nonblocking; libuv only says when they are ready (uv_poll), so that
 * no read or write allocates and an idle connection costs one struct stream_connection. */
#pragma once
#include "config/config.h"
#include "controlplane/stream/clients.h"
#include "controlplane/stream/exchange.h"
#include "controlplane/stream/framing.h"
#include "controlplane/stream/chunk.h"
#include "controlplane/stream/queries.h"

#include <uv.h>

#define LISTENERS_MAX 64u
#define ACCEPT_BATCH 64u   /* connections taken before others get their turn */
#define READ_OCTETS 16384u /* taken from one connection before others get their turn */
#define DRAIN_BATCH 256u   /* responses of one worker before sockets get their turn */
#define QUERIES_MAX 65536u /* in flight, of all connections together */
#define OUT_SOFT_OCTETS \
	(256u << 10)               /* a connection asks no more when its answers may exceed this */
#define OUT_HARD_OCTETS (1u << 20) /* and is ended above this when memory is scarce */
#define OUT_SLICE_OCTETS (64u << 10)  /* so much must be taken within write_timeout */
#define POOL_SPARE_OCTETS (16u << 20) /* the pool: this and one chunk for each connection */
#define CLOSING_SPARE 64u             /* slots of connections that libuv is still letting go of */
#define DESCRIPTORS_SPARE 160u  /* besides those of connections: listeners, bells, loop, log */
#define DATAPLANE_WAIT_MS 1000u /* how long queries wait for a dataplane to come back */
#define QUERY_WAIT_MS 5000u     /* how long for an answer from a live one */
#define TICK_MS 50u             /* grain of all time limits */
#define RETRY_MS 1u             /* when a ring was full */
#define ACCEPT_PAUSE_MS 100u    /* after accept(2) failed for want of something */
#define STOP_WAIT_MS 100u       /* for answers that are under way at SIGTERM */

/* A member of a list; the list's head is one too. */
struct stream_link {
	struct stream_link *prev, *next;
};

/* What a connection waits for; each has a list in the order of since_ms, oldest first. */
enum stream_wait {
	WAIT_NOTHING, /* queries are in flight, or answers under way: these have their own limits */
	WAIT_IDLE,    /* a query; idle_timeout */
	WAIT_REST,    /* the rest of a message; read_timeout */
	WAIT_RING,    /* room on the worker's ring, or a dataplane */
	WAIT_N,
};

struct stream_connection {
	uv_poll_t poll;
	struct stream_link wait, write,
		dirty; /* in server.waits[], .writes, .dirty; next NULL: in none */
	uint32_t index, generation;
	uint32_t client; /* entry in server.clients */
	int fd;
	uint8_t events;      /* asked of libuv */
	uint8_t waiting;     /* enum stream_wait */
	bool open;           /* neither free nor closing */
	bool eof;            /* the client has shut down its side */
	uint8_t held;        /* enum framing_state: what c->in holds */
	bool paused;         /* held == FRAMING_BLOCKED for limits of its own, not for the ring's */
	int8_t wake;         /* worker that was sent something, or -1 */
	uint32_t worker;     /* number for exchange_worker_for() */
	uint32_t in_flight;  /* queries that wait for their answer */
	uint32_t answer_max; /* octets of the largest answer so far; 0: none yet */
	uint64_t since_ms;   /* begin of the present wait */
	uint64_t write_since_ms;
	uint64_t sent_octets, sent_mark; /* sent_mark must be passed within write_timeout */
	struct chunk_queue in, out;
	struct exchange_client peer;
};

struct stream_listener {
	uv_poll_t poll;
	struct stream_server *server;
	int fd;
};

/* From the configuration at first, then whatever the control plane writes into the hub. */
struct stream_limits {
	uint32_t connections_max; /* open ones; at most s->connections_room */
	uint32_t connections_per_client_max;
	uint32_t queries_per_connection_max;
	uint32_t idle_timeout_ms, read_timeout_ms, write_timeout_ms;
};

struct stream_server {
	uv_loop_t loop;
	struct config *config;
	struct stream_limits limits;
	uint32_t live_seen; /* hub_live.generation that they are from */
	struct exchange exchange;
	struct stream_counters *counters;
	struct chunk_pool pool;
	struct clients *clients;
	struct queries *queries;
	struct stream_connection *connections; /* n_slots, touched as far as ever used */
	uint32_t connections_room;             /* what was reserved and the descriptors allow */
	uint32_t n_slots, n_touched, n_open;
	struct stream_link waits[WAIT_N], writes, dirty, free;
	struct stream_connection *current; /* being worked on: reclaim spares it */
	uint32_t next_worker;
	uint64_t dataplane_lost_ms; /* 0: it is there */
	uint32_t instance_seen;
	uint64_t instance_since_ms;
	struct stream_listener listeners[LISTENERS_MAX];
	unsigned n_listeners;
	bool accepting, stopping;
	uv_poll_t bell;
	uv_timer_t tick, retry, accept_pause, stop_limit;
	uv_prepare_t prepare;
	uv_idle_t more; /* runs while rings hold more: the loop does not sleep */
	uv_signal_t sigterm, sigint;
	uint8_t read_buffer[READ_OCTETS];
};

/* --- listener.c --- */

/** Bind all listening sockets; privileges are still there. @return 0 or negative errno, after a
 * line in the log */
int listener_bind_all(struct stream_server *s) __attribute__((warn_unused_result));
/** Let the loop watch them. */
int listener_start_all(struct stream_server *s) __attribute__((warn_unused_result));
/** Stop or go on accepting. */
void listener_pause_all(struct stream_server *s, bool pause);

/* --- connection.c --- */

/** Serve an accepted socket, or close it when its client has too many. `fd` is ours from now on. */
void connection_start(struct stream_server *s, int fd, const struct sockaddr_storage *peer);
/** End a connection. @param why one of SCTR_CLOSED_*; all but clients' own ends, idleness and stop
 * reset it */
void connection_close(
	struct stream_server *s, struct stream_connection *c, enum stream_counter why);
/** Make room by ending the connection that deserves it least: the idle one first. @return false:
 * nobody */
bool connection_evict(struct stream_server *s);
/** The same for chunks: only who holds some. For pool.reclaim. */
bool connection_reclaim(void *server);
/** Go on with messages that are held. */
void connection_resume(struct stream_server *s, struct stream_connection *c);
/** Take the limits of the configuration. */
void limits_start(struct stream_server *s);
/** Take what the control plane wrote since, if it did. */
void limits_refresh(struct stream_server *s);
/** Enforce all limits of time, and those of number that became lower. */
void connection_expire(struct stream_server *s);
/** Send what is queued on connections that are dirty. */
void connection_flush_dirty(struct stream_server *s);
/** exchange_take */
void connection_answer(void *server, uint64_t token, const uint8_t *dns, uint32_t len, bool close);

/* --- sandbox.c --- */

/** Give up everything but the system calls that serving needs. @return 0 or negative errno */
int sandbox_enter(void) __attribute__((warn_unused_result));

/* --- lists --- */

static inline void
stream_list_init(struct stream_link *head)
{
	head->prev = head->next = head;
}

static inline bool
stream_list_empty(const struct stream_link *head)
{
	return head->next == head;
}

static inline void
stream_list_append(struct stream_link *head, struct stream_link *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/** Nothing happens when it is in none. */
static inline void
stream_list_remove(struct stream_link *l)
{
	if (l->next == NULL)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->prev = l->next = NULL;
}

#define connection_of(link, member)                                    \
	((struct stream_connection *)(void *)((char *)(link)-offsetof( \
		struct stream_connection, member)))
