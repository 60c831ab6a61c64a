/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tap: a worker's side of a capture. Made by the main thread (session.h); while a worker has it,
 * the worker and its ports alone touch it. Ports show it what they receive and send; it samples,
 * filters and copies into the worker's ring, and what became of a packet is written before the
 * burst is published. Runs only while somebody captures: no heap, lock or system call even so. */
#pragma once
#include "dataplane/answer/answer.h"
#include "shm/capture.h"

#include <pcap/pcap.h>

#define TAP_RECORDS_MAX 256u    /* of a burst: queries, answers, drops, the kernel's packets */
#define TAP_PACKET_OCTETS 8192u /* of a packet that a port makes up (synthetic.h) */

struct capture_tap {
	/* set by main */
	struct capture_writer writer;
	struct counters *counters; /* the worker's block */
	uint32_t sample, snaplen;
	bool drops_only;
	uint32_t n_instructions; /* 0: everything passes */
	struct bpf_insn program[CAPTURE_INSTRUCTIONS_MAX];
	/* the worker's own */
	uint32_t left;   /* packets to pass over before the next one is taken */
	uint64_t random; /* xorshift; never 0 */
	/* the burst */
	uint64_t tsc;
	uint64_t start; /* writer.at when it began */
	struct answer_query *q;
	uint32_t picked; /* queries that were in the sample, by their number in the burst */
	struct capture_record *query[ANSWER_BURST]; /* their records, or NULL */
	unsigned n_written;
	struct capture_record *written[TAP_RECORDS_MAX];
	uint8_t packet[TAP_PACKET_OCTETS];
};
static_assert(ANSWER_BURST <= 32, "capture_tap.picked has bits");

/** A packet as a port has it. */
struct tap_packet {
	const uint8_t *octets;  /* Ethernet frame */
	uint32_t len, original; /* octets there, and octets that it has */
	uint16_t port;          /* struct port's index */
};

/** A port's name, if it has none yet: it came after the capture had begun. Before its first packet.
 */
void tap_name(struct capture_tap *t, unsigned port, const char *name);

/** Before a port receives. @param q  the worker's queries */
void tap_begin(struct capture_tap *t, struct answer_query q[ANSWER_BURST], uint64_t tsc);

/* Which of n packets are in the sample:
 *	for (i = tap_first(t); i < n; i = tap_next(t, i))
 *		...;
 *	tap_over(t, i, n);
 * costs nothing for those that are not. */
static inline uint32_t
tap_first(const struct capture_tap *t)
{
	return t->left;
}
uint32_t tap_next(struct capture_tap *t, uint32_t i);
static inline void
tap_over(struct capture_tap *t, uint32_t i, uint32_t n)
{
	t->left = i - n;
}

/* Packets that are in the sample. Those that return a record give it for tap_dropped(), and NULL
 * when the filter or a full ring was in the way. */

/** A packet was received and dropped. */
void tap_drop(struct capture_tap *t, const struct tap_packet *p, enum counter why);
/** Query i of the burst was received. */
void tap_query(struct capture_tap *t, unsigned i, const struct tap_packet *p);
/** One that goes to the kernel, or comes from there. */
struct capture_record *tap_kernel(
	struct capture_tap *t, const struct tap_packet *p, enum capture_fate fate);
/** The queries were answered, or not: all of the burst. */
void tap_answered(struct capture_tap *t, const struct answer_query *q, uint64_t tsc);
/** Is anything to be shown of the answers? */
static inline bool
tap_wants_answers(const struct capture_tap *t)
{
	return t->picked != 0;
}
/** Was query i in the sample? */
static inline bool
tap_picked(const struct capture_tap *t, unsigned i)
{
	return t->picked >> i & 1;
}
/** The answer to a query that was picked is about to be sent. */
struct capture_record *tap_answer(struct capture_tap *t, const struct tap_packet *p);
/** A response of some burst before this one was not sent. */
void tap_unsent(struct capture_tap *t, const struct tap_packet *p);
/** What was captured came to nothing. r may be NULL. */
void tap_dropped(struct capture_record *r, enum counter why);
/** The burst is over. */
void tap_end(struct capture_tap *t);
