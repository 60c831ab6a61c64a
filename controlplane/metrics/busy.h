/* SPDX-License-Identifier: GPL-3.0-or-later */
/* busy: how much of the last seconds each worker spent on packets, from the cycles that it counts.
 * A poll loop always takes its whole CPU, so the kernel cannot tell. busy_sample() by one thread;
 * the rest by any. */
#pragma once
#include "shm/hub.h"

struct busy;

#define BUSY_SAMPLES 10u /* of a second each */

/** @return NULL when out of memory */
struct busy *busy_create(struct hub *h);
void busy_destroy(struct busy *b);

/** To be called once a second. */
void busy_sample(struct busy *b);

/** Share of the last BUSY_SAMPLES seconds, 0..1; 0 until there are two samples. */
double busy_share(struct busy *b, unsigned worker);
