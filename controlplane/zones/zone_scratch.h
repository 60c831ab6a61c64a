/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_scratch: what a thread that loads zone after zone need not make anew for each: a scanner has
 * 200 KiB, and zeroing them takes longer than reading a small zone. Used by one thread at a time.
 */
#pragma once
#include <stddef.h>

struct zone_scratch;
struct zs_scanner;

/** @return NULL when out of memory; everything works without one, only slower */
struct zone_scratch *zone_scratch_create(void);
/** NULL: nothing. */
void zone_scratch_destroy(struct zone_scratch *s);

/**
 * A scanner as after zs_init() with the origin "." and class IN.
 * @param s  from here if there is one and nobody has it; may be NULL
 * @return to be given back by zone_scratch_put(), not freed; NULL when out of memory
 */
struct zs_scanner *zone_scratch_take(struct zone_scratch *s);
/** @param s  as it was for zone_scratch_take(). scanner NULL: nothing. */
void zone_scratch_put(struct zone_scratch *s, struct zs_scanner *scanner);
