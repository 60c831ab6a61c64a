/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tap: sampling, filter, copy. The filter is classic BPF, which has no backward jumps: it ends
 * after CAPTURE_INSTRUCTIONS_MAX steps at most; session.c has validated it. */
#include "dataplane/capture/tap.h"

#include <string.h>

/* Packets from one sample to the next, 1 to 2 * sample - 1: no rhythm of a client's may fall in
 * with ours.
 */
static uint32_t
stride(struct capture_tap *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return 1 + (uint32_t)((t->random >> 32) % (2 * (uint64_t)t->sample - 1));
}

uint32_t
tap_next(struct capture_tap *t, uint32_t i)
{
	return i + stride(t);
}

static void
set_reason(struct capture_record *r, enum counter why)
{
	const char *text = why < CTR_N ? counter_info[why].value : "";

	/* zeros follow: all of it is set */
	memset(r->reason, 0, sizeof r->reason);
	for (unsigned i = 0; i < sizeof r->reason - 1 && text[i] != '\0'; i++)
		r->reason[i] = text[i];
}

static struct capture_record *
put(struct capture_tap *t, const struct tap_packet *p, enum capture_direction direction,
	enum capture_fate fate)
{
	uint32_t kept = p->len < t->snaplen ? p->len : t->snaplen;
	struct capture_record *r;

	if (t->n_instructions != 0 && bpf_filter(t->program, p->octets, p->original, p->len) == 0)
		return NULL;
	/* what is written is not given away before the burst's end: callers still write into it */
	r = p->port < CAPTURE_PORTS_MAX && t->n_written < TAP_RECORDS_MAX
		    ? capture_write(&t->writer, kept)
		    : NULL;
	if (r == NULL) {
		_Atomic uint64_t *lost =
			&t->writer.ring->lost[p->port < CAPTURE_PORTS_MAX ? p->port
									  : CAPTURE_PORTS_MAX - 1];
		atomic_store_explicit(lost, atomic_load_explicit(lost, memory_order_relaxed) + 1,
			memory_order_relaxed);
		counter_add(t->counters, CTR_CAPTURE_LOST, 1);
		return NULL;
	}
	r->original = p->original;
	r->port = p->port;
	r->direction = (uint8_t)direction;
	r->fate = (uint8_t)fate;
	r->tsc = t->tsc;
	set_reason(r, CTR_N);
	memcpy(r->frame, p->octets, kept);
	t->written[t->n_written++] = r;
	return r;
}

void
tap_begin(struct capture_tap *t, struct answer_query q[ANSWER_BURST], uint64_t tsc)
{
	t->tsc = tsc;
	t->start = t->writer.at;
	t->q = q;
	t->picked = 0;
	t->n_written = 0;
}

void
tap_drop(struct capture_tap *t, const struct tap_packet *p, enum counter why)
{
	tap_dropped(put(t, p, CAPTURE_IN, CAPTURE_PASSED), why);
}

void
tap_query(struct capture_tap *t, unsigned i, const struct tap_packet *p)
{
	t->picked |= 1u << i;
	t->q[i].why = CTR_N; /* the engine writes it only when it drops */
	t->query[i] = put(t, p, CAPTURE_IN, CAPTURE_PASSED);
}

struct capture_record *
tap_kernel(struct capture_tap *t, const struct tap_packet *p, enum capture_fate fate)
{
	return put(t, p, fate == CAPTURE_TO_KERNEL ? CAPTURE_IN : CAPTURE_OUT, fate);
}

void
tap_answered(struct capture_tap *t, const struct answer_query *q, uint64_t tsc)
{
	for (uint32_t left = t->picked; left != 0; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);
		if (q[i].out_len == 0)
			tap_dropped(t->query[i], (enum counter)q[i].why);
	}
	t->tsc = tsc;
}

struct capture_record *
tap_answer(struct capture_tap *t, const struct tap_packet *p)
{
	return put(t, p, CAPTURE_OUT, CAPTURE_PASSED);
}

void
tap_unsent(struct capture_tap *t, const struct tap_packet *p)
{
	tap_dropped(put(t, p, CAPTURE_OUT, CAPTURE_PASSED), CTR_D_TX_FULL);
}

void
tap_dropped(struct capture_record *r, enum counter why)
{
	if (r == NULL)
		return;
	r->fate = CAPTURE_DROPPED;
	set_reason(r, why);
}

/* Only drops are wanted: the others become nothing; without a drop it is as if nothing had been. */
static unsigned
keep_drops(struct capture_tap *t)
{
	unsigned n_drops = 0;

	for (unsigned i = 0; i < t->n_written; i++) {
		if (t->written[i]->fate == CAPTURE_DROPPED)
			n_drops++;
		else
			t->written[i]->fate = CAPTURE_VOID;
	}
	if (n_drops == 0)
		t->writer.at = t->start;
	return n_drops;
}

void
tap_end(struct capture_tap *t)
{
	unsigned n = t->n_written;

	if (n == 0)
		return;
	if (t->drops_only)
		n = keep_drops(t);
	capture_publish(&t->writer);
	counter_add(t->counters, CTR_CAPTURED, n);
	t->start = t->writer.at;
	t->n_written = 0;
}

void
tap_name(struct capture_tap *t, unsigned port, const char *name)
{
	char *out = port < CAPTURE_PORTS_MAX ? t->writer.ring->name[port] : NULL;

	if (out == NULL || out[0] != '\0')
		return;
	for (unsigned i = 1; i < CAPTURE_NAME_OCTETS - 1 && name[i - 1] != '\0'; i++)
		out[i] = name[i];
	/* release: whoever finds the first one finds the rest */
	__atomic_store_n(out, name[0], __ATOMIC_RELEASE);
}
