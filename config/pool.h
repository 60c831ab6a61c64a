/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pool: memory of one configuration, freed at once. cyaml grows its sequences by one entry at a
 * time; here such growth is amortised, so that 100,000 zones load in linear time. Private to
 * config/. */
#pragma once
#include <stddef.h>

struct pool;

struct pool *pool_create(void);
void pool_destroy(struct pool *p);
/** Zeroed memory, or NULL. */
void *pool_alloc(struct pool *p, size_t len);
/** cyaml_mem_fn_t: realloc() when size > 0, else free(). ctx is the pool. */
void *pool_mem(void *ctx, void *ptr, size_t size);
