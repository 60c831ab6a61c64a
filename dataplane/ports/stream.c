/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stream: queries are copied out of the ring at once, so that nobody can change them under the
 * engine; responses are copied into the other ring. A response that finds no room is kept, and no
 * query is taken until it has gone: a slow peer delays itself and loses nothing. */
#include "dataplane/ports/stream.h"

#include "shm/doorbell.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BURST 16u    /* messages at a time: 64 KiB of buffer each */
#define BURST_OCTETS 65536u /* after so many no further one: others wait meanwhile */
#define STRIDE (ANSWER_ROOM_STREAM + 1 + 64u) /* the engine may read behind a name */
#define HEADER sizeof(struct stream_message)

struct stream_port {
	struct port port;
	struct ring_end in, out;
	int bell;
	unsigned n_kept; /* messages of the last burst */
	unsigned n_sent; /* of these, responses that are on the ring */
	struct stream_message header[STREAM_BURST];
	uint32_t out_len[STREAM_BURST];
	_Alignas(64) uint8_t buffer[STREAM_BURST][STRIDE];
};

/* Put what is left of the last burst on the ring. False: the peer must take something first. */
static bool
send_responses(struct stream_port *s)
{
	unsigned first = s->n_sent;

	for (; s->n_sent < s->n_kept; s->n_sent++) {
		uint32_t len = s->out_len[s->n_sent];
		struct stream_message *m = ring_reserve(&s->out, (uint32_t)HEADER + len);
		if (m == NULL)
			break;
		*m = s->header[s->n_sent];
		m->len = len;
		m->close = len == 0; /* RFC 7766 6.2.4: nothing sensible can follow */
		memcpy(m->dns, s->buffer[s->n_sent], len);
		ring_commit(&s->out, (uint32_t)HEADER + len);
	}
	if (s->n_sent != first && ring_should_wake(&s->out))
		doorbell_ring(s->bell);
	return s->n_sent == s->n_kept;
}

/* Copy one message out of the ring, if it makes sense. */
static bool
take_message(
	struct stream_port *s, const struct stream_message *m, uint32_t len, struct answer_query *q)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct stream_message *h = &s->header[s->n_kept];

	if (len < HEADER)
		return false;
	*h = *m;
	/* from here on the copy alone is believed: m must not be read again in its place */
	atomic_signal_fence(memory_order_seq_cst);
	if (h->len == 0 || h->len > ANSWER_ROOM_STREAM || h->len > len - HEADER ||
		h->transport > STREAM_DOQ)
		return false;
	memcpy(s->buffer[s->n_kept], m->dns, h->len);
	q->dns = s->buffer[s->n_kept];
	q->len = h->len;
	q->room = ANSWER_ROOM_STREAM;
	memcpy(q->client, h->client, sizeof q->client);
	q->transport = memcmp(h->client, mapped, sizeof mapped) == 0 ? ANSWER_TCP4 : ANSWER_TCP6;
	return true;
}

static unsigned
stream_receive(struct port *p, struct answer_query *q, unsigned max)
{
	struct stream_port *s = (struct stream_port *)p;
	unsigned taken = 0;
	uint64_t octets = 0;

	p->n_taken = 0;
	p->stalled = !send_responses(s);
	if (p->stalled)
		return 0;
	s->n_kept = s->n_sent = 0;
	for (; taken < STREAM_BURST && taken < max && octets < BURST_OCTETS; taken++) {
		bool damaged = false;
		uint32_t len = 0;
		const struct stream_message *m = ring_peek(&s->in, &len, &damaged);
		if (damaged)
			counter_add(p->counters, CTR_D_RING_DAMAGED, 1);
		if (m == NULL)
			break;
		octets += len;
		if (take_message(s, m, len, &q[s->n_kept]))
			s->n_kept++;
		else
			counter_add(p->counters, CTR_D_RING_DAMAGED, 1);
		ring_release(&s->in);
	}
	p->n_taken = taken;
	return s->n_kept;
}

static void
stream_transmit(struct port *p, const struct answer_query *q, unsigned n)
{
	struct stream_port *s = (struct stream_port *)p;

	for (unsigned i = 0; i < n; i++)
		s->out_len[i] = q[i].out_len;
	p->stalled = !send_responses(s);
}

static bool
stream_flush(struct port *p)
{
	struct stream_port *s = (struct stream_port *)p;

	p->stalled = !send_responses(s);
	return !p->stalled;
}

static bool
stream_may_sleep(struct port *p)
{
	struct stream_port *s = (struct stream_port *)p;
	/* stalled: what waits in the ring is not taken now; do not spin over it */
	return p->stalled || ring_may_sleep(&s->in);
}

static void
stream_awake(struct port *p)
{
	struct stream_port *s = (struct stream_port *)p;
	ring_awake(&s->in);
}

static void
stream_close(struct port *p)
{
	free(p);
}

static const struct port_ops stream_ops = {
	.receive = stream_receive,
	.transmit = stream_transmit,
	.may_sleep = stream_may_sleep,
	.awake = stream_awake,
	.flush = stream_flush,
	.close = stream_close,
};

int
stream_port_open(struct port **out, struct hub_rings *rings, struct counters *counters, int bell,
	int worker_bell)
{
	struct stream_port *s = aligned_alloc(64, (sizeof *s + 63) & ~(size_t)63);

	if (s == NULL)
		return -ENOMEM;
	/* not the buffers: untouched ones cost no memory */
	memset(s, 0, offsetof(struct stream_port, buffer));
	s->port = (struct port){.ops = &stream_ops, .counters = counters, .wait_fd = worker_bell};
	s->bell = bell;
	ring_consumer(&s->in, &rings->to_worker.ring, HUB_RING_OCTETS);
	ring_producer(&s->out, &rings->from_worker.ring, HUB_RING_OCTETS);
	*out = &s->port;
	return 0;
}
