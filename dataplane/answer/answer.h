/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer: the authoritative answer engine. DNS message in, DNS message out, in the same buffer.
 * No DPDK, heap, clock, system call, log or global: tests, fuzzers, benchmarks and tools call it
 * directly. Reads the arena (shm/) and nothing else. One answer_context a thread. */
#pragma once
#include "shm/arena.h"
#include "shm/counters.h"
#include "shm/settings.h"

#include <stdbool.h>
#include <stdint.h>

#define ANSWER_BURST 32u          /* most queries handled at once */
#define ANSWER_ROOM_MIN 1500u     /* octets a buffer must hold for a UDP query */
#define ANSWER_ROOM_STREAM 65535u /* and for one from a stream */

enum answer_transport { ANSWER_UDP4, ANSWER_UDP6, ANSWER_TCP4, ANSWER_TCP6 };

/* What an access list says about a query (dataplane/policy). */
enum answer_verdict {
	ANSWER_NORMAL,
	ANSWER_REFUSE,   /* REFUSED, with EDE 18 (RFC 8914) */
	ANSWER_TRUNCATE, /* TC and nothing but the question, so that it comes again over TCP */
};

struct answer_query {
	/* set by the caller */
	uint8_t *dns;  /* the query; the response is written over it */
	uint32_t len;  /* octets of the query */
	uint32_t room; /* octets that may be written at dns; UDP responses also obey settings and
			  EDNS */
	uint8_t client[16]; /* IPv6 or IPv4-mapped address, network order (cookies) */
	uint8_t transport;  /* enum answer_transport */
	uint8_t verdict;    /* enum answer_verdict */
	/* set by the engine */
	uint8_t cookie_valid; /* the query had a server cookie that is ours: its source is real */
	uint16_t opt_len;     /* octets of the OPT that ends the response; 0: none */
	uint16_t why;         /* enum counter, when it is dropped; else untouched */
	uint32_t out_len;     /* octets of the response; 0: do not respond */
};

struct answer_context;

/**
 * Create the state of one worker's engine (scratch space only). Thread: that worker, before it
 * runs.
 * @param arena     attached; outlives the context
 * @param counters  the worker's block; the engine counts queries, types, opcodes, rcodes, and drops
 * in it
 * @return NULL when out of memory
 */
struct answer_context *answer_create(const struct arena *arena, struct counters *counters);
void answer_destroy(struct answer_context *c);
/** The arena that it answers from. */
const struct arena *answer_arena(const struct answer_context *c);

/**
 * Answer up to ANSWER_BURST queries (more are handled in slices of it). The caller is online
 * (hub.h, grace periods) throughout the call and keeps nothing from the arena after it.
 * @param now_s  Unix time in seconds, for cookies (RFC 9018); may lag by seconds
 */
void answer_burst(struct answer_context *c, struct answer_query *q, unsigned n, uint32_t now_s);
