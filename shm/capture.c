/* SPDX-License-Identifier: GPL-3.0-or-later */
/* capture: both ends of a ring of captured packets. The writer runs in a worker: no lock, no wait.
 * The reader believes nothing. */
#include "shm/capture.h"

#include <string.h>

#define RECORD_ALIGN 8u
#define VOIDS_MAX 1024u /* records passed over in one call: a reader gets to do other things */

static_assert((CAPTURE_RING_OCTETS & (CAPTURE_RING_OCTETS - 1)) == 0, "masks");
static_assert(sizeof(struct capture_record) % RECORD_ALIGN == 0, "the next one is aligned, too");
static_assert(CAPTURE_RING_OCTETS / 4 > sizeof(struct capture_packet), "any record fits");

static inline uint32_t
record_octets(uint32_t kept)
{
	return ((uint32_t)sizeof(struct capture_record) + kept + (RECORD_ALIGN - 1)) &
	       ~(RECORD_ALIGN - 1);
}

/* --- writer --- */

void
capture_writer_init(struct capture_writer *w, struct capture_ring *ring,
	const struct capture_tails *tails, unsigned worker, uint64_t instance)
{
	*w = (struct capture_writer){
		.ring = ring, .tails = tails, .worker = worker, .instance = instance};
}

/* The reader's tail. It counts for the file that it says it is of; else it has read nothing. */
static uint64_t
load_tail(const struct capture_writer *w)
{
	if (atomic_load_explicit(&w->tails->instance, memory_order_acquire) != w->instance)
		return 0;
	/* acquire: what it has read it does not read again */
	return atomic_load_explicit(&w->tails->worker[w->worker].tail, memory_order_acquire);
}

static inline bool
has_room(const struct capture_writer *w, uint64_t need)
{
	uint64_t used = w->at - w->seen;

	/* a tail that cannot be looks like a ring that is full */
	return used <= CAPTURE_RING_OCTETS && need <= CAPTURE_RING_OCTETS - used;
}

struct capture_record *
capture_write(struct capture_writer *w, uint32_t kept)
{
	uint64_t rest = CAPTURE_RING_OCTETS - (w->at & (CAPTURE_RING_OCTETS - 1));
	uint32_t octets = record_octets(kept);
	uint64_t need = octets > rest ? rest + octets : octets;
	struct capture_record *r;

	assert(kept <= CAPTURE_SNAPLEN_MAX);
	if (!has_room(w, need)) {
		w->seen = load_tail(w);
		if (!has_room(w, need))
			return NULL;
	}
	if (octets > rest) {
		uint32_t skip = CAPTURE_SKIP;
		memcpy(&w->ring->data[w->at & (CAPTURE_RING_OCTETS - 1)], &skip, sizeof skip);
		w->at += rest;
	}
	r = (struct capture_record *)(void *)&w->ring->data[w->at & (CAPTURE_RING_OCTETS - 1)];
	r->octets = octets;
	r->kept = kept;
	w->at += octets;
	return r;
}

void
capture_publish(struct capture_writer *w)
{
	/* release: records before head */
	atomic_store_explicit(&w->ring->head, w->at, memory_order_release);
}

/* --- reader --- */

static enum capture_found
move_to(struct capture_reader *r, uint64_t at, enum capture_found found)
{
	r->at = at;
	/* release: our reads before the writer's next writes there */
	atomic_store_explicit(r->tail, at, memory_order_release);
	return found;
}

/* Make what is only text be text. */
static void
clean_reason(char reason[CAPTURE_REASON_OCTETS])
{
	reason[CAPTURE_REASON_OCTETS - 1] = '\0';
	for (char *c = reason; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

/* The record at the reader's place, `available` octets before head. @return its octets in the ring,
 * 0 when it makes no sense */
static uint64_t
take_record(const struct capture_reader *r, uint64_t available, struct capture_packet *out)
{
	uint64_t at = r->at & (CAPTURE_RING_OCTETS - 1), rest = CAPTURE_RING_OCTETS - at,
		 skipped = 0;
	struct capture_record *h = &out->record;
	uint32_t octets;

	memcpy(&octets, &r->ring->data[at], sizeof octets);
	if (octets == CAPTURE_SKIP) {
		/* a record behind it was published with it */
		if (rest >= available)
			return 0;
		skipped = rest;
		available -= rest;
		rest = CAPTURE_RING_OCTETS;
		at = 0;
	}
	if (available < sizeof *h || rest < sizeof *h)
		return 0;
	memcpy(h, &r->ring->data[at], sizeof *h);
	if (h->octets % RECORD_ALIGN != 0 || h->octets > available || h->octets > rest ||
		h->kept > CAPTURE_SNAPLEN_MAX || h->octets != record_octets(h->kept) ||
		h->port >= CAPTURE_PORTS_MAX || h->direction >= CAPTURE_DIRECTIONS ||
		h->fate >= CAPTURE_FATES)
		return 0;
	if (h->original < h->kept)
		h->original = h->kept;
	memcpy(out->frame, &r->ring->data[at + sizeof *h], h->kept);
	clean_reason(h->reason);
	return skipped + h->octets;
}

enum capture_found
capture_read(struct capture_reader *r, struct capture_packet *out)
{
	/* acquire: pairs with capture_publish() */
	uint64_t head = atomic_load_explicit(&r->ring->head, memory_order_acquire);

	for (unsigned i = 0; i < VOIDS_MAX; i++) {
		uint64_t available = head - r->at, octets;
		if (available == 0)
			return CAPTURE_NOTHING;
		if (available > CAPTURE_RING_OCTETS || available % RECORD_ALIGN != 0)
			return move_to(r, head & ~(uint64_t)(RECORD_ALIGN - 1), CAPTURE_DAMAGED);
		octets = take_record(r, available, out);
		if (octets == 0)
			return move_to(r, head, CAPTURE_DAMAGED);
		(void)move_to(r, r->at + octets, CAPTURE_PACKET);
		if (out->record.fate != CAPTURE_VOID)
			return CAPTURE_PACKET;
	}
	return CAPTURE_NOTHING;
}
