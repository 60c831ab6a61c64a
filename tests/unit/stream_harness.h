/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stream_harness: starts a millrace-stream under test and plays its dataplane: worker threads on
 * the rings that do what the query tells them. Test code only. */
#pragma once
#include "shm/hub.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WORKERS 2u

/* A query is 12 octets of header (ID in the first two), one octet that says what to do, and the
 * rest. */
enum order {
	ORDER_ECHO = 'e',  /* the query is the answer */
	ORDER_SIZE = 'n',  /* an answer of as many octets as the next two say */
	ORDER_DROP = 'd',  /* no answer, the stream stays */
	ORDER_CLOSE = 'c', /* no answer, close */
	ORDER_MUTE = 'm',  /* nothing comes back, ever */
	ORDER_LATE = 'l',  /* answer after the next query that is not late */
	ORDER_TWICE = 't', /* the answer twice, and one more with a token that was never given */
};

struct harness {
	char dir[64], config[96];
	uint16_t port;
	pid_t pid;
	struct hub *hub;
	struct hub *control; /* as the control plane has it */
	_Atomic bool stop, hang;
	_Atomic uint64_t n_queries;
	uint8_t client[16]; /* of the query before */
	uint16_t client_port;
};

/** Make the run directory and start the process. `stream` is YAML for the section stream. */
void harness_start(struct harness *h, const char *stream, unsigned descriptors);
void harness_stop(struct harness *h);
/** Start and end the process alone. */
void harness_process_start(struct harness *h, unsigned descriptors);
void harness_process_kill(struct harness *h);
/** Start and end the dataplane alone. */
void harness_dataplane_start(struct harness *h);
void harness_dataplane_stop(struct harness *h);

/** A connected socket with a time limit on reads and writes; -1 when refused. */
int client_connect(const struct harness *h);
void client_send(int fd, const void *data, size_t len);
/** Frame and send a query. */
void client_query(int fd, uint16_t id, enum order order, uint16_t number, size_t len);
/** Read one answer. @return its length; 0 at end of file; -1 reset; -2 time out */
int client_answer(int fd, uint8_t *out);
/** The same, and it must be this ID and length. */
void client_expect(int fd, uint16_t id, int len);
uint64_t harness_counter(const struct harness *h, enum stream_counter c);
/** Wait until a counter has this value. */
void harness_wait(const struct harness *h, enum stream_counter c, uint64_t value);
/** The server ends the connection, by end of file or reset, so many ms after from_ms. Closes fd. */
void client_expect_end(int fd, uint64_t from_ms, uint64_t min_ms, uint64_t max_ms);
uint64_t now_ms(void);
void sleep_ms(unsigned ms);
