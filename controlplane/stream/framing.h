/* SPDX-License-Identifier: GPL-3.0-or-later */
/* framing: cuts a client's octets into DNS messages: two octets of length, most significant first,
 * then as many octets (RFC 1035 4.2.2, RFC 7766 8). Octets come in any pieces. A message that
 * arrives in one piece is never copied here. No system calls, no clock. */
#pragma once
#include "controlplane/stream/chunk.h"

/* Shorter ones hold no header: Knot and NSD reset the connection, and so do we. */
#define FRAMING_LEN_MIN 12u

/* A whole message: its first octets from the queue, the rest from the piece just read. */
struct framing_message {
	uint32_t len;
	uint32_t queued; /* octets of it that lie in the queue, behind the length */
	const struct chunk_queue *queue;
	const uint8_t *piece;
};

enum framing_verdict {
	FRAMING_TAKEN, /* the message was copied away: go on */
	FRAMING_LATER, /* it cannot be taken now: keep it and all that follows */
};

typedef enum framing_verdict framing_take(void *arg, const struct framing_message *m);

enum framing_state {
	FRAMING_BETWEEN, /* nothing is held */
	FRAMING_PARTIAL, /* the start of a message is held */
	FRAMING_BLOCKED, /* FRAMING_LATER: at least one whole message is held */
	FRAMING_BROKEN,  /* a message is shorter than a header: close */
	FRAMING_NO_ROOM, /* the pool is used up: close */
};

/**
 * Go on with what is held and with a further piece, which may be empty (to try again after
 * FRAMING_BLOCKED). `take` gets every whole message, in order.
 * @param piece  may not be NULL, even when empty
 * @param q  what is held between calls; empty at first, emptied with chunk_queue_consume() at the
 * end
 * @return the state now
 */
enum framing_state framing_feed(struct chunk_pool *p, struct chunk_queue *q, const uint8_t *piece,
	uint32_t len, framing_take *take, void *arg);

/** The message's octets, m->len of them. */
void framing_copy(const struct framing_message *m, void *out);
