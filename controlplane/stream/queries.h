/* SPDX-License-Identifier: GPL-3.0-or-later */
/* queries: the queries that wait for their answer, all connections' together. A token names a slot
 * of a fixed table and the slot's generation, so a response that is late, doubled or made up finds
 * nothing. Oldest first, for their time limit. Stream process, event loop only. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct query {
	uint32_t connection; /* index and generation of the connection that asked */
	uint32_t connection_generation;
	uint32_t instance; /* of the dataplane that was asked */
	uint32_t generation;
	uint64_t sent_ms;
	uint32_t older, newer; /* neighbours in time; `newer` is also the free chain */
	bool used;
};

struct queries;

/** @param first_generation  random, so that a restarted process knows no token of the one before
 *  @return NULL when out of memory */
struct queries *queries_create(uint32_t n, uint32_t first_generation);
void queries_destroy(struct queries *t);
/** Enter a query, as the newest. @param[out] token  @return its slot, to be filled in; NULL: all
 * used */
struct query *queries_enter(struct queries *t, uint64_t *token);
/** The query of a token, or NULL. */
struct query *queries_find(struct queries *t, uint64_t token);
/** Forget it; its token is void from now on. */
void queries_leave(struct queries *t, struct query *q);
/** The one that waits longest, or NULL. */
struct query *queries_oldest(struct queries *t);
uint32_t queries_count(const struct queries *t);
