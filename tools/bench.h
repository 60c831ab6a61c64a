/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench: what the parts of millrace-bench, the load generator, share. One thread runs everything:
 * a transport (port, UDP or TCP sockets) polls, sends what bench_budget() allows, and hands each
 * answer to bench_answer(). The packet loops neither allocate nor print. */
#pragma once
#include "tools/bench_histogram.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BENCH_BURST 32u /* queries sent, or answers taken, at once */
#define BENCH_QUERIES_MAX 64000000u
#define BENCH_QUERY_OCTETS_MAX 1400u /* a DNS message that fits in one packet */
#define BENCH_FLOWS_MAX 4096u
#define BENCH_HEAD_MAX 64u /* octets of headers in front of a query */
#define BENCH_EAL_MAX 32u
#define BENCH_QUERY_OPTIONS_MAX 64u

struct bench_options {
	/* where to */
	const char *server; /* "ADDR", "ADDR:PORT", "[ADDR6]:PORT" */
	const char *port;   /* DPDK device arguments; NULL: kernel sockets */
	bool tcp;
	const char *src, *dst; /* of packets built for a port */
	const char *src_mac, *dst_mac;
	unsigned src_port, dst_port;
	unsigned flows; /* source ports, or sockets; a power of two; 0: the transport's default */
	const char *eal[BENCH_EAL_MAX];
	unsigned n_eal;
	bool no_huge;
	unsigned ring_size; /* descriptors */
	unsigned wait_s;    /* for the link */
	int core;           /* -1: not pinned */
	bool reflect;       /* the peer sends packets back as they are */
	bool checksums;     /* verify those of answers */
	/* how much */
	double rate_qps; /* 0: closed loop */
	uint32_t window; /* outstanding queries in the closed loop */
	uint64_t count;  /* 0: no bound by count */
	uint64_t duration_ns, timeout_ns;
	/* what */
	const char *file, *pcap;
	const char *query[BENCH_QUERY_OPTIONS_MAX];
	unsigned n_query;
	bool edns, dnssec_ok, mixed_case, recursion;
	unsigned edns_octets;
	bool json;
};

/* One query, ready to be sent but for its ID and flow. */
struct bench_query {
	uint32_t at;       /* offset/8 in bench_queries.octets of the headers, then the message */
	uint16_t len;      /* octets of the DNS message */
	uint16_t question; /* octets of its question */
	uint32_t sum;      /* port: one's complement sum of all that UDP's checksum covers */
};

struct bench_queries {
	struct bench_query *query;
	uint32_t n;
	unsigned head; /* octets in front of each message */
	uint8_t *octets;
	size_t len, room;
	uint32_t room_queries;
};

#define BENCH_OUT 0x80000000u /* bench_slot.key: no answer yet */

struct bench_slot {
	uint64_t due_ns; /* when it was to be sent */
	uint32_t key;    /* low bits of the sequence number, and BENCH_OUT */
	uint32_t query;
};

struct bench_result {
	uint64_t sent, received, lost, octets;
	uint64_t received_sending; /* while queries were still being sent */
	uint64_t rcode[16];
	uint64_t truncated;
	uint64_t unexpected; /* duplicate, late, or for nobody */
	uint64_t invalid;    /* matched by ID but wrong: no response, other question, damaged */
	uint64_t ignored;    /* packets that are no DNS for us */
	uint64_t polls,
		polls_full; /* receive polls that found something; that found a full burst */
	uint64_t last_answer_ns;
	uint64_t start_ns, stop_ns; /* of sending */
	uint64_t idle_ns; /* in iterations that neither sent nor received, while sending */
	uint64_t late_ns; /* greatest lag behind the set rate */
	uint64_t reconnects;
	struct bench_histogram latency; /* ns */
};

struct bench {
	struct bench_options o;
	struct bench_queries q;
	struct bench_slot *slot;
	uint32_t slot_mask;
	uint64_t next, oldest; /* sequence numbers: next to send, oldest that may be outstanding */
	uint32_t next_query;
	uint32_t in_flight;
	uint32_t key_mask;
	unsigned flow_bits, run_bits; /* 2^run_bits queries in a row belong to one flow */
	double interval_ns;
	uint64_t last_send_ns;
	bool sending;
	struct bench_result r;
};

extern volatile bool bench_interrupted;

static inline uint64_t
bench_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint8_t *
bench_query_octets(const struct bench *b, const struct bench_query *q)
{
	return b->q.octets + (size_t)q->at * 8;
}

static inline unsigned
bench_flow(const struct bench *b, uint64_t seq)
{
	return (unsigned)(seq >> b->run_bits) & ((1u << b->flow_bits) - 1);
}

static inline uint16_t
bench_id(const struct bench *b, uint64_t seq)
{
	uint64_t run = seq & ((1u << b->run_bits) - 1);
	return (uint16_t)(seq >> (b->run_bits + b->flow_bits) << b->run_bits | run);
}

/* The part of the sequence number that ID and flow carry. */
static inline uint32_t
bench_key(const struct bench *b, unsigned flow, uint16_t id)
{
	uint32_t run = id & ((1u << b->run_bits) - 1);
	return (uint32_t)id >> b->run_bits << (b->run_bits + b->flow_bits) | flow << b->run_bits |
	       run;
}

/** How many queries to send now: by window or rate, and by the bounds of the run. */
unsigned bench_budget(struct bench *b, uint64_t now, unsigned max);
/** Give up on what is older than the timeout. */
void bench_expire(struct bench *b, uint64_t now);
/** A flow died: its outstanding queries are lost. */
void bench_lose_flow(struct bench *b, unsigned flow);
/** Nothing is left to do. */
bool bench_over(const struct bench *b, uint64_t now);
/** The run is over: settle what is still outstanding. */
void bench_finish(struct bench *b);

/** Start the clock. */
void bench_start(struct bench *b, uint64_t now);

/** Take the next query; returns its sequence number. */
static inline uint64_t
bench_take(struct bench *b, uint64_t now, const struct bench_query **query)
{
	uint64_t seq = b->next++;
	struct bench_slot *s = &b->slot[seq & b->slot_mask];

	if (s->key & BENCH_OUT) { /* more are outstanding than are remembered */
		b->r.lost++;
		b->in_flight--;
	}
	s->key = BENCH_OUT | ((uint32_t)seq & b->key_mask);
	s->query = b->next_query;
	s->due_ns =
		b->interval_ns > 0 ? b->r.start_ns + (uint64_t)((double)seq * b->interval_ns) : now;
	*query = &b->q.query[b->next_query];
	if (++b->next_query == b->q.n)
		b->next_query = 0;
	b->in_flight++;
	b->r.sent++;
	return seq;
}

/** Check and count a DNS message that came in for a flow. */
static inline void
bench_answer(struct bench *b, unsigned flow, const uint8_t *dns, uint32_t len, uint64_t now)
{
	if (__builtin_expect(len < 12, 0)) {
		b->r.ignored++;
		return;
	}
	uint32_t key = bench_key(b, flow, (uint16_t)(dns[0] << 8 | dns[1]));
	struct bench_slot *s = &b->slot[key & b->slot_mask];
	if (__builtin_expect(s->key != (BENCH_OUT | key), 0)) {
		b->r.unexpected++;
		return;
	}
	const struct bench_query *q = &b->q.query[s->query];
	const uint8_t *sent = bench_query_octets(b, q) + b->q.head;
	s->key = 0;
	b->in_flight--;
	unsigned rcode = dns[3] & 15;
	bool echoed = len >= 12u + q->question && dns[4] == 0 && dns[5] == 1 &&
		      memcmp(dns + 12, sent + 12, q->question) == 0;
	/* RFC 1035 4.1.1: who cannot parse a query may leave the question out of its FORMERR */
	bool no_question = rcode == 1 && len == 12 && dns[4] == 0 && dns[5] == 0;
	if (__builtin_expect(
		    !(echoed || no_question) || ((dns[2] & 0x80) == 0 && !b->o.reflect), 0)) {
		b->r.invalid++;
		return;
	}
	b->r.received++;
	b->r.octets += len;
	b->r.rcode[rcode]++;
	b->r.truncated += dns[2] >> 1 & 1;
	b->r.last_answer_ns = now;
	bench_histogram_add(&b->r.latency, now > s->due_ns ? now - s->due_ns : 0);
}

/**
 * Read the queries named by the options, and build their messages.
 * @param head  octets to leave in front of each message, at most BENCH_HEAD_MAX
 * @return 0, or a negative errno after telling on stderr
 */
int bench_queries_load(struct bench_queries *q, const struct bench_options *o, unsigned head)
	__attribute__((warn_unused_result));
/** Add a message as it stands (pcap). Returns 0, -EMSGSIZE, -EINVAL (not one question), -E2BIG or
 * -ENOMEM. */
int bench_queries_add(struct bench_queries *q, const uint8_t *dns, size_t len)
	__attribute__((warn_unused_result));
/** Add the DNS queries of a capture file. */
int bench_pcap_load(struct bench_queries *q, const char *path) __attribute__((warn_unused_result));
/** The same from an open file, which is closed; path names it in messages. */
int bench_pcap_read(struct bench_queries *q, FILE *f, const char *path)
	__attribute__((warn_unused_result));
void bench_queries_free(struct bench_queries *q);

/** Headers that a transport wants in front of each message. */
unsigned bench_port_head(const struct bench_options *o);
/** Run until bench_over(). Return 0 or a negative errno after telling on stderr. */
int bench_port_run(struct bench *b);
int bench_udp_run(struct bench *b);
int bench_tcp_run(struct bench *b);

/** Parse --server. */
int bench_server_address(const char *text, struct sockaddr_storage *sa, socklen_t *len);

/** Print the results as a table, or as one line of JSON. */
void bench_report(const struct bench *b);

/** Read the command line. Exits by itself for --help, --version and mistakes. */
void bench_options_parse(struct bench_options *o, int argc, char **argv);
