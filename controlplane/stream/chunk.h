/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chunk: the memory for what clients have sent in part and for answers they have not taken. A fixed
 * number of chunks; an idle connection holds none. When it is used up its owner is asked to take
 * some back from somebody (reclaim). Stream process, event loop only. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_OCTETS 1024u
#define CHUNK_ROOM (CHUNK_OCTETS - (unsigned)sizeof(void *))

struct chunk {
	struct chunk *next; /* for the holder of the chunk */
	uint8_t data[CHUNK_ROOM];
};

struct chunk_pool {
	struct chunk *chunks; /* the whole block; touched only as far as ever used */
	struct chunk *free;   /* given back: used again first */
	uint32_t n_chunks, n_touched, n_free;
	/* Give chunks back with chunk_put(), at the cost of the one who deserves it most.
	 * @return false when there is nobody: chunk_get() then fails. NULL: fail at once */
	bool (*reclaim)(void *arg);
	void *reclaim_arg;
};

/** @return 0 or -ENOMEM; the caller ends it with chunk_pool_destroy() */
int chunk_pool_create(struct chunk_pool *p, uint32_t n_chunks) __attribute__((warn_unused_result));
void chunk_pool_destroy(struct chunk_pool *p);
/** @return a chunk of undefined content, or NULL */
struct chunk *chunk_get(struct chunk_pool *p);
void chunk_put(struct chunk_pool *p, struct chunk *c);

/* Octets in chunks, first in first out. All zero: empty. */
struct chunk_queue {
	struct chunk *first, *last;
	uint32_t start; /* octets of the first chunk that are gone already */
	uint32_t len;   /* octets held */
};

/** Put octets at the end. @return false when the pool is used up: nothing was appended */
bool chunk_queue_append(
	struct chunk_pool *p, struct chunk_queue *q, const void *data, uint32_t len);
/** Take the first `len` octets (at most q->len) away. */
void chunk_queue_consume(struct chunk_pool *p, struct chunk_queue *q, uint32_t len);
/** Copy `len` octets that start at `at`; at + len is at most q->len. */
void chunk_queue_copy(const struct chunk_queue *q, uint32_t at, void *out, uint32_t len);
