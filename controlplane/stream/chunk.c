/* SPDX-License-Identifier: GPL-3.0-or-later */
/* chunk: see chunk.h. */
#include "controlplane/stream/chunk.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static_assert(sizeof(struct chunk) == CHUNK_OCTETS, "a chunk is its size");

int
chunk_pool_create(struct chunk_pool *p, uint32_t n_chunks)
{
	void *m = mmap(NULL, (size_t)n_chunks * CHUNK_OCTETS, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (m == MAP_FAILED)
		return -ENOMEM;
	*p = (struct chunk_pool){.chunks = m, .n_chunks = n_chunks, .n_free = n_chunks};
	return 0;
}

void
chunk_pool_destroy(struct chunk_pool *p)
{
	munmap(p->chunks, (size_t)p->n_chunks * CHUNK_OCTETS);
}

struct chunk *
chunk_get(struct chunk_pool *p)
{
	struct chunk *c;

	if (p->n_free == 0 && (p->reclaim == NULL || !p->reclaim(p->reclaim_arg) || p->n_free == 0))
		return NULL;
	p->n_free--;
	c = p->free;
	if (c == NULL)
		return &p->chunks[p->n_touched++];
	p->free = c->next;
	return c;
}

void
chunk_put(struct chunk_pool *p, struct chunk *c)
{
	assert(p->n_free < p->n_chunks);
	c->next = p->free;
	p->free = c;
	p->n_free++;
}

/* Octets free in the last chunk. */
static uint32_t
queue_room(const struct chunk_queue *q)
{
	uint32_t used = (q->start + q->len) % CHUNK_ROOM;

	return q->first == NULL || used == 0 ? 0 : CHUNK_ROOM - used;
}

bool
chunk_queue_append(struct chunk_pool *p, struct chunk_queue *q, const void *data, uint32_t len)
{
	struct chunk *fresh = NULL, **end = &fresh, *c;
	uint32_t room = queue_room(q), n = room < len ? room : len;
	const uint8_t *from = data;

	/* get all chunks first, so that a failure changes nothing */
	for (uint32_t rest = len - n; rest > 0; rest -= rest < CHUNK_ROOM ? rest : CHUNK_ROOM) {
		c = chunk_get(p);
		if (c == NULL) {
			*end = NULL;
			while ((c = fresh) != NULL) {
				fresh = c->next;
				chunk_put(p, c);
			}
			return false;
		}
		*end = c;
		end = &c->next;
	}
	*end = NULL;
	if (n > 0)
		memcpy(q->last->data + CHUNK_ROOM - room, from, n);
	q->len += len;
	if (fresh == NULL)
		return true;
	if (q->first == NULL) {
		q->first = fresh;
		q->start = 0;
	} else {
		q->last->next = fresh;
	}
	for (c = fresh; c != NULL; c = c->next) {
		uint32_t m = len - n < CHUNK_ROOM ? len - n : CHUNK_ROOM;
		memcpy(c->data, from + n, m);
		n += m;
		q->last = c;
	}
	return true;
}

void
chunk_queue_consume(struct chunk_pool *p, struct chunk_queue *q, uint32_t len)
{
	assert(len <= q->len);
	q->len -= len;
	q->start += len;
	while (q->first != NULL && (q->start >= CHUNK_ROOM || q->len == 0)) {
		struct chunk *c = q->first;
		q->first = c->next;
		q->start = q->start >= CHUNK_ROOM ? q->start - CHUNK_ROOM : 0;
		chunk_put(p, c);
	}
	if (q->first == NULL)
		*q = (struct chunk_queue){0};
}

void
chunk_queue_copy(const struct chunk_queue *q, uint32_t at, void *out, uint32_t len)
{
	const struct chunk *c = q->first;
	uint8_t *to = out;

	assert(at <= q->len && len <= q->len - at);
	at += q->start;
	for (; at >= CHUNK_ROOM && len > 0; at -= CHUNK_ROOM)
		c = c->next;
	while (len > 0) {
		uint32_t n = CHUNK_ROOM - at < len ? CHUNK_ROOM - at : len;
		memcpy(to, c->data + at, n);
		to += n;
		len -= n;
		at = 0;
		c = c->next;
	}
}
