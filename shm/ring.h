/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ring: variable-length messages from one producer to one consumer, in shared memory.
 *
 * The other side is not trusted: sizes are kept privately, every length is checked, and a damaged
 * ring is emptied and reported, never followed. Either side may die at any instruction: a message
 * is there when head has moved past it, and not before; a new producer goes on from head, a new
 * consumer from tail. Nobody ever waits here. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define RING_SKIP 0xffffffffu /* length word: the rest up to the end of the buffer is unused */

struct ring {
	_Alignas(64) _Atomic uint64_t head; /* octets ever produced; written by the producer */
	_Alignas(64) _Atomic uint64_t tail; /* octets ever consumed; written by the consumer */
	/* consumer: "I am about to sleep, ring my bell" (doorbell.h); the producer clears it as it
	 * rings */
	_Alignas(64) _Atomic uint32_t sleeping;
	_Alignas(64) uint8_t data[];
};

/* One side's private view. Not shared. */
struct ring_end {
	struct ring *ring;
	uint64_t size;    /* octets of data, a power of two */
	uint64_t at;      /* producer: own head; consumer: own tail */
	uint64_t seen;    /* the other side's index as last read */
	uint64_t pending; /* octets reserved, or peeked, but not yet committed or consumed */
};

#define RING_OCTETS(size) (sizeof(struct ring) + (size))

/** Take the producer's side of a ring (a zeroed one, or one whose producer died). */
void ring_producer(struct ring_end *e, struct ring *r, uint64_t size);
/** Take the consumer's side. */
void ring_consumer(struct ring_end *e, struct ring *r, uint64_t size);

/**
 * Room for a message of up to `len` octets, contiguous, 8-aligned. At most one reservation at a
 * time.
 * @param len  at most size / 2 - 16
 * @return NULL when the ring is full (or its consumer wrote rubbish)
 */
void *ring_reserve(struct ring_end *e, uint32_t len);
/** Make the reserved message visible, with this final length (<= the reserved one). */
void ring_commit(struct ring_end *e, uint32_t len);

/**
 * The oldest message.
 * @param[out] len  octets
 * @param[out] damaged  set to true when the ring's content made no sense: it was emptied; may not
 * be NULL
 * @return the message, in place, valid until ring_release(); NULL when there is none. Its content
 * is the other side's: copy what is looked at twice
 */
const void *ring_peek(struct ring_end *e, uint32_t *len, bool *damaged);
/** Consume the message that ring_peek() returned. */
void ring_release(struct ring_end *e);

/**
 * Before the consumer sleeps: announce it, then look once more.
 * @return true when it may sleep; false when a message came in between (the announcement is
 * withdrawn)
 */
bool ring_may_sleep(struct ring_end *e);
/** The consumer is awake: withdraw the announcement. */
void ring_awake(struct ring_end *e);
/** Producer, after its commits: does the consumer want its bell rung? True once for each
 * announcement. */
bool ring_should_wake(struct ring_end *e);
