/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ring: see ring.h. A record is an 8-octet header (length word, unused word) and the message,
 * padded to 8 octets. A record never wraps: when the rest of the buffer is too short, its first
 * length word is RING_SKIP and the record starts over at 0. Skip and record become visible by one
 * store of head.
 *
 * head is written by the producer alone, tail by the consumer alone; each side reads its own index
 * from shared memory only when it attaches. Multiples of 8 always; anything else is damage. */
#include "shm/ring.h"

#include <assert.h>
#include <stddef.h>

#define RECORD_ALIGN 8u
#define RECORD_HEADER 8u

static_assert(RECORD_HEADER == RECORD_ALIGN, "a rest too short for a header cannot occur");

static inline uint64_t
record_octets(uint32_t len)
{
	return RECORD_HEADER +
	       (((uint64_t)len + (RECORD_ALIGN - 1)) & ~(uint64_t)(RECORD_ALIGN - 1));
}

/* The length word at an index: one load, as the other side may change it while we look. */
static inline _Atomic uint32_t *
length_word(const struct ring_end *e, uint64_t at)
{
	return (_Atomic uint32_t *)(void *)&e->ring->data[at & (e->size - 1)];
}

static void
end_init(struct ring_end *e, struct ring *r, uint64_t size)
{
	assert(size >= 64 && (size & (size - 1)) == 0);
	*e = (struct ring_end){.ring = r, .size = size};
}

void
ring_producer(struct ring_end *e, struct ring *r, uint64_t size)
{
	end_init(e, r, size);
	/* a head that is no multiple of 8 is rubbish of a former producer; the consumer rounds it
	 * down as well, and so the two agree again */
	e->at = atomic_load_explicit(&r->head, memory_order_acquire) &
		~(uint64_t)(RECORD_ALIGN - 1);
	atomic_store_explicit(&r->head, e->at, memory_order_release);
	e->seen = atomic_load_explicit(&r->tail, memory_order_acquire);
}

void
ring_consumer(struct ring_end *e, struct ring *r, uint64_t size)
{
	end_init(e, r, size);
	e->at = atomic_load_explicit(&r->tail, memory_order_acquire) &
		~(uint64_t)(RECORD_ALIGN - 1);
	atomic_store_explicit(&r->tail, e->at, memory_order_release);
	e->seen = e->at;
	/* a former consumer may have died asleep; this one is awake */
	atomic_store_explicit(&r->sleeping, 0, memory_order_relaxed);
}

/* Is there room for `need` octets between head and the tail as last seen? */
static inline bool
has_room(const struct ring_end *e, uint64_t need)
{
	uint64_t used = e->at - e->seen;
	return used <= e->size && need <= e->size - used;
}

void *
ring_reserve(struct ring_end *e, uint32_t len)
{
	uint64_t rest = e->size - (e->at & (e->size - 1));
	uint64_t need = record_octets(len);
	uint64_t start = e->at;

	assert(len <= e->size / 2 - 16);
	if (need > rest) {
		start += rest;
		need += rest;
	}
	if (!has_room(e, need)) {
		/* acquire: the consumer has read what we are going to overwrite */
		e->seen = atomic_load_explicit(&e->ring->tail, memory_order_acquire);
		if (!has_room(e, need)) {
			/* a tail that cannot be: somebody wrote rubbish, or emptied the file. Say
			 * where we are, so that the consumer finds the damage and starts from here
			 */
			if (e->at - e->seen > e->size)
				atomic_store_explicit(&e->ring->head, e->at, memory_order_release);
			return NULL;
		}
	}
	if (start != e->at)
		atomic_store_explicit(length_word(e, e->at), RING_SKIP, memory_order_relaxed);
	e->pending = need;
	return &e->ring->data[start & (e->size - 1)] + RECORD_HEADER;
}

void
ring_commit(struct ring_end *e, uint32_t len)
{
	uint64_t rest = e->size - (e->at & (e->size - 1));

	assert(e->pending != 0);
	if (e->pending > rest) { /* reserved behind a skip */
		e->at += rest;
		e->pending -= rest;
	}
	assert(record_octets(len) <= e->pending);
	atomic_store_explicit(length_word(e, e->at), len, memory_order_relaxed);
	e->at += record_octets(len);
	e->pending = 0;
	/* release: length and content before head */
	atomic_store_explicit(&e->ring->head, e->at, memory_order_release);
}

static const void *
empty_damaged(struct ring_end *e, bool *damaged)
{
	e->seen = e->at = e->seen & ~(uint64_t)(RECORD_ALIGN - 1);
	e->pending = 0;
	atomic_store_explicit(&e->ring->tail, e->at, memory_order_release);
	*damaged = true;
	return NULL;
}

const void *
ring_peek(struct ring_end *e, uint32_t *len, bool *damaged)
{
	uint64_t available, rest, need;
	uint32_t word;

	if (e->at == e->seen) {
		/* acquire: pairs with ring_commit() */
		e->seen = atomic_load_explicit(&e->ring->head, memory_order_acquire);
		if (e->at == e->seen)
			return NULL;
	}
	available = e->seen - e->at;
	if (available > e->size || available % RECORD_ALIGN != 0)
		return empty_damaged(e, damaged);
	word = atomic_load_explicit(length_word(e, e->at), memory_order_relaxed);
	rest = e->size - (e->at & (e->size - 1));
	if (word == RING_SKIP) {
		/* a producer commits a skip only together with the record behind it */
		if (rest >= available)
			return empty_damaged(e, damaged);
		e->at += rest;
		available -= rest;
		rest = e->size;
		word = atomic_load_explicit(length_word(e, e->at), memory_order_relaxed);
	}
	need = record_octets(word);
	if (need > available || need > rest)
		return empty_damaged(e, damaged);
	e->pending = need;
	*len = word;
	return &e->ring->data[e->at & (e->size - 1)] + RECORD_HEADER;
}

void
ring_release(struct ring_end *e)
{
	assert(e->pending != 0);
	e->at += e->pending;
	e->pending = 0;
	/* release: our reads of the message before its room is given back */
	atomic_store_explicit(&e->ring->tail, e->at, memory_order_release);
}

/* Announcement and question are read-modify-writes of one word, so one of them comes first: either
 * the producer sees the announcement, or the consumer's exchange reads what the producer's wrote,
 * and with it the head that was committed before. No fence is needed. */
bool
ring_may_sleep(struct ring_end *e)
{
	atomic_exchange_explicit(&e->ring->sleeping, 1, memory_order_acq_rel);
	if (atomic_load_explicit(&e->ring->head, memory_order_acquire) == e->at)
		return true;
	ring_awake(e);
	return false;
}

void
ring_awake(struct ring_end *e)
{
	atomic_store_explicit(&e->ring->sleeping, 0, memory_order_relaxed);
}

bool
ring_should_wake(struct ring_end *e)
{
	return atomic_exchange_explicit(&e->ring->sleeping, 0, memory_order_acq_rel) != 0;
}
