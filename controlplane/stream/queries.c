/* SPDX-License-Identifier: GPL-3.0-or-later */
/* queries: see queries.h. Token: generation in the upper 32 bits, slot in the lower. */
#include "controlplane/stream/queries.h"

#include <assert.h>
#include <stdlib.h>

#define NONE UINT32_MAX

struct queries {
	uint32_t n, n_used, free, oldest, newest;
	struct query slot[];
};

struct queries *
queries_create(uint32_t n, uint32_t first_generation)
{
	struct queries *t = calloc(1, sizeof *t + (size_t)n * sizeof t->slot[0]);

	if (t == NULL)
		return NULL;
	t->n = n;
	t->oldest = t->newest = NONE;
	t->free = n > 0 ? 0 : NONE;
	for (uint32_t i = 0; i < n; i++) {
		t->slot[i].generation = first_generation;
		t->slot[i].newer = i + 1 < n ? i + 1 : NONE;
	}
	return t;
}

void
queries_destroy(struct queries *t)
{
	free(t);
}

struct query *
queries_enter(struct queries *t, uint64_t *token)
{
	uint32_t i = t->free;
	struct query *q;

	if (i == NONE)
		return NULL;
	q = &t->slot[i];
	t->free = q->newer;
	*q = (struct query){
		.generation = q->generation, .older = t->newest, .newer = NONE, .used = true};
	if (t->newest != NONE)
		t->slot[t->newest].newer = i;
	else
		t->oldest = i;
	t->newest = i;
	t->n_used++;
	*token = (uint64_t)q->generation << 32 | i;
	return q;
}

struct query *
queries_find(struct queries *t, uint64_t token)
{
	uint32_t i = (uint32_t)token;
	struct query *q;

	if (i >= t->n)
		return NULL;
	q = &t->slot[i];
	return q->used && q->generation == (uint32_t)(token >> 32) ? q : NULL;
}

void
queries_leave(struct queries *t, struct query *q)
{
	uint32_t i = (uint32_t)(q - t->slot);

	assert(q->used);
	if (q->older != NONE)
		t->slot[q->older].newer = q->newer;
	else
		t->oldest = q->newer;
	if (q->newer != NONE)
		t->slot[q->newer].older = q->older;
	else
		t->newest = q->older;
	q->used = false;
	q->generation++;
	q->newer = t->free;
	t->free = i;
	t->n_used--;
}

struct query *
queries_oldest(struct queries *t)
{
	return t->oldest != NONE ? &t->slot[t->oldest] : NULL;
}

uint32_t
queries_count(const struct queries *t)
{
	return t->n_used;
}
