/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gate_private: between the files of the gate. */
#pragma once
#include "controlplane/api/gate.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#define GATE_BUFFER_OCTETS 16384u /* each way; a TLS record */

/* What the HTTP server knows of a connection. Held by both threads. */
struct gate_client {
	_Atomic unsigned holders;
	struct sockaddr_storage peer;
	char subject[GATE_SUBJECT_OCTETS]; /* "": no certificate */
	_Atomic bool working;              /* HTTP's thread writes */
	_Atomic unsigned n_answered;       /* likewise */
};

enum gate_kind { GATE_WAKE, GATE_LISTENER, GATE_CONNECTION };

struct gate_buffer {
	char *octet; /* GATE_BUFFER_OCTETS */
	size_t at, end;
};

struct gate_connection {
	enum gate_kind kind; /* first: what epoll points to */
	TAILQ_ENTRY(gate_connection) link, again_link;
	struct gate_client *client;
	uint8_t source[16]; /* IPv4-mapped address, or an IPv6 /64 */
	int outer, inner;   /* the client's socket; our end of the pair, or -1 */
	SSL *ssl;
	bool secured; /* handshake done, or there is none */
	bool outer_eof, inner_eof, inner_shut, inner_gone, lingering, dead, again;
	struct gate_buffer in, out;
	int64_t since_ms;   /* of what has a time limit: handshake, request, linger */
	int64_t eof_ms;     /* when the client ended its side */
	uint64_t in_octets; /* of this request */
	unsigned seen_answered;
	int64_t stalled_ms; /* the client took less than there is since then; 0: it takes all */
	uint64_t stalled_octets; /* taken since */
};

struct gate_listener {
	enum gate_kind kind;
	int fd;
	bool paused; /* no descriptors left: until the next tick */
};

TAILQ_HEAD(gate_list, gate_connection);

struct gate {
	struct MHD_Daemon *daemon;
	int epoll, wake;
	enum gate_kind wake_kind;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	struct gate_list open, again, buried;
	unsigned n_open, room; /* api.connections-max, or as many as there are descriptors for */
	int64_t now_ms;
	/* what holds; the thread's own. `next_*` are given to it under the lock */
	struct config *config;
	SSL_CTX *tls; /* NULL: plain */
	bool closed;  /* TLS is wanted and there are no certificates: nobody is let in */
	pthread_mutex_t lock;
	struct config *next_config;
	SSL_CTX *next_tls;
	bool next_closed;
	struct gate_client **by_fd; /* under the lock: the daemon's ends */
	size_t by_fd_room;
	_Atomic uint64_t accepted, refused_prefix, refused_full, evicted, timeouts, tls_failures;
	_Atomic uint32_t figures_open;
	unsigned n_listeners;
	struct gate_listener listener[];
};

/* gate_tls.c */

/** @return NULL with error "" when none is configured, with a text when it cannot be used */
SSL_CTX *gate_tls_create(const struct config *c, char error[GATE_ERROR_OCTETS]);
/** @return 1 done, 0 goes on later, -1 failed */
int gate_tls_handshake(struct gate_connection *c);

/* gate_run.c */

/** CLOCK_MONOTONIC. */
int64_t gate_clock_ms(void);
/** Accept from it, or let clients wait in the kernel. */
void gate_watch_listener(struct gate *g, struct gate_listener *l, bool on);
/** The thread. @param arg  struct gate */
void *gate_run(void *arg);
/** The pair's other end, given to the HTTP server. @return 0 or negative errno */
int gate_hand_over(struct gate *g, struct gate_connection *c);

/* gate_connection.c; the gate's thread */

/** A client was accepted. Closes fd on failure. */
struct gate_connection *gate_connection_open(
	struct gate *g, int fd, const struct sockaddr_storage *peer, const uint8_t source[16]);
/** Move what can be moved, and end what is over. */
void gate_connection_pump(struct gate *g, struct gate_connection *c);
/** Is it over its time? */
bool gate_connection_late(const struct gate *g, struct gate_connection *c);
/** Has it waited for a whole request for this long, and no answer is under way? */
bool gate_connection_idle(const struct gate *g, struct gate_connection *c, int64_t ms);
/** End it; it is freed with gate_connection_bury(). */
void gate_connection_kill(struct gate *g, struct gate_connection *c);
void gate_connections_bury(struct gate *g);
