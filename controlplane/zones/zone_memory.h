/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_memory: blocks that may grow to gigabytes. Small ones come from malloc; from
 * ZONE_MEMORY_HUGE on they are mappings aligned for huge pages (a page fault each 2 MiB instead of
 * each 4 KiB was half of the time to load 3 M records), and growing moves page tables, not octets.
 * Any thread. */
#pragma once
#include <stddef.h>

#define ZONE_MEMORY_HUGE (2u << 20)

/**
 * Change the size of a block.
 * @param p    block of zone_memory_resize(), or NULL
 * @param old  octets that it was asked for with, 0 with NULL
 * @param size octets wanted, above 0; contents beyond `old` are undefined
 * @return the block, perhaps elsewhere; NULL when there is no memory, and p is as it was
 */
void *zone_memory_resize(void *p, size_t old, size_t size) __attribute__((warn_unused_result));

/** Free a block. @param size  octets that it was asked for with last; p may be NULL */
void zone_memory_free(void *p, size_t size);
