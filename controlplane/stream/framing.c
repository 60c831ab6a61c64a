/* SPDX-License-Identifier: GPL-3.0-or-later */
/* framing: see framing.h. */
#include "controlplane/stream/framing.h"

#include <assert.h>
#include <string.h>

#define LENGTH_OCTETS 2u

void
framing_copy(const struct framing_message *m, void *out)
{
	if (m->queued > 0)
		chunk_queue_copy(m->queue, LENGTH_OCTETS, out, m->queued);
	memcpy((uint8_t *)out + m->queued, m->piece, m->len - m->queued);
}

static inline uint32_t
least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* Octet i of the queue followed by the piece. */
static uint8_t
octet_at(const struct chunk_queue *q, const uint8_t *piece, uint32_t i)
{
	uint8_t o;

	if (i >= q->len)
		return piece[i - q->len];
	chunk_queue_copy(q, i, &o, 1);
	return o;
}

enum framing_state
framing_feed(struct chunk_pool *p, struct chunk_queue *q, const uint8_t *piece, uint32_t len,
	framing_take *take, void *arg)
{
	enum framing_state state = FRAMING_BETWEEN;

	/* every turn takes a message of at least 2 octets away, or ends the loop */
	while (q->len + len >= LENGTH_OCTETS) {
		uint32_t want = (uint32_t)octet_at(q, piece, 0) << 8 | octet_at(q, piece, 1);
		uint32_t whole = LENGTH_OCTETS + want, from_queue = least(q->len, whole);
		struct framing_message m = {.len = want, .queue = q};

		/* said as soon as the length is known: there is nothing to wait for */
		if (want < FRAMING_LEN_MIN)
			return FRAMING_BROKEN;
		if (q->len + len < whole)
			break;
		m.queued = q->len > LENGTH_OCTETS ? from_queue - LENGTH_OCTETS : 0;
		m.piece = piece + (q->len < LENGTH_OCTETS ? LENGTH_OCTETS - q->len : 0);
		if (take(arg, &m) == FRAMING_LATER) {
			state = FRAMING_BLOCKED;
			break;
		}
		chunk_queue_consume(p, q, from_queue);
		piece += whole - from_queue;
		len -= whole - from_queue;
	}
	if (len > 0 && !chunk_queue_append(p, q, piece, len))
		return FRAMING_NO_ROOM;
	if (state == FRAMING_BETWEEN && q->len > 0)
		state = FRAMING_PARTIAL;
	return state;
}
