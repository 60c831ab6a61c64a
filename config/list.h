/* SPDX-License-Identifier: GPL-3.0-or-later */
/* list: the entries of zones.list where they are written the plain way, read without libyaml, which
 * takes 1 us for each and more. Private to config/. */
#pragma once
#include "config/part.h"
#include "config/pool.h"

#include <stdint.h>

struct list_entry {
	const char *zone, *file; /* NULL: the key is not there */
};

/**
 * Read the entries.
 * @param list  of part_find_list(), so each of its lines begins and ends what it holds
 * @param pool  memory of the values
 * @param[out] out  *n entries, to be freed
 * @return 1; 0: something is written another way: have libyaml read it; -ENOMEM
 */
int list_read(const char *text, const struct part *list, struct pool *pool, struct list_entry **out,
	uint32_t *n) __attribute__((warn_unused_result));
