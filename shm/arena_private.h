/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arena_private: between arena.c (the mapping) and arena_alloc.c (the writer's allocator). */
#pragma once
#include "shm/arena.h"

/** Give memory to n segments, so that stores there cannot fault. Where they have some already
 * it is kept, with its content. @return 0 or -ENOSPC (then some of them may have memory) */
int arena_back(struct arena *a, uint64_t segment, uint64_t n) __attribute__((warn_unused_result));
/** Take the memory of n segments away; their content is lost. */
void arena_unback(struct arena *a, uint64_t segment, uint64_t n);

/**
 * Allocation state for a mapped arena, into a->writer.
 * @param adopt  the arena has content: arena_adopt() calls come before the first arena_alloc()
 * @return 0 or -ENOMEM
 */
int arena_writer_create(struct arena *a, bool adopt) __attribute__((warn_unused_result));
void arena_writer_destroy(struct arena_writer *w);
