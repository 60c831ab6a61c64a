/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pool: chunks that are handed out from front to back. One thread. */
#include "config/pool.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_OCTETS (64u << 10)
#define ALIGN 16u

struct chunk {
	struct chunk *next;
	size_t len, used; /* of data */
	_Alignas(ALIGN) uint8_t data[];
};

/* In front of every block. */
struct block {
	_Alignas(ALIGN) size_t capacity;
};

struct pool {
	struct chunk *chunks;
};

struct pool *
pool_create(void)
{
	return calloc(1, sizeof(struct pool));
}

void
pool_destroy(struct pool *p)
{
	struct chunk *next;

	if (!p)
		return;
	for (struct chunk *c = p->chunks; c; c = next) {
		next = c->next;
		free(c);
	}
	free(p);
}

void *
pool_alloc(struct pool *p, size_t len)
{
	struct chunk *c = p->chunks;
	struct block *b;
	size_t need;

	if (len > SIZE_MAX / 4)
		return NULL;
	len = (len + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	need = len + sizeof(struct block);
	if (!c || c->len - c->used < need) {
		size_t octets = need > CHUNK_OCTETS ? need : CHUNK_OCTETS;

		c = calloc(1, sizeof *c + octets);
		if (!c)
			return NULL;
		c->len = octets;
		c->next = p->chunks;
		p->chunks = c;
	}
	b = (struct block *)(c->data + c->used);
	c->used += need;
	b->capacity = len;
	return b + 1;
}

void *
pool_mem(void *ctx, void *ptr, size_t size)
{
	struct block *old = ptr ? (struct block *)ptr - 1 : NULL;
	void *new_ptr;

	if (size == 0)
		return NULL; /* it goes with the pool */
	if (old && size <= old->capacity)
		return ptr;
	new_ptr = pool_alloc(ctx, old && size < 2 * old->capacity ? 2 * old->capacity : size);
	if (new_ptr && old)
		memcpy(new_ptr, ptr, old->capacity);
	return new_ptr;
}
