/* SPDX-License-Identifier: GPL-3.0-or-later */
/* progress: how far something is, as a line on stderr that is drawn anew: a bar, how many a second,
 * and how long it still takes. On a terminal only, elsewhere nothing is written. One thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what; /* "zones" */
	uint64_t total, done;
	uint64_t started_ns, drawn_ns;
	bool on;
};

/** Begin; nothing is drawn yet. @param total  0: not known before the first progress_set() */
void progress_start(struct progress *p, const char *what, uint64_t total);
/** So many more. Cheap: ten times a second it is drawn. */
void progress_add(struct progress *p, uint64_t n);
/** So many in all, of so many. */
void progress_set(struct progress *p, uint64_t done, uint64_t total);
/** Make room for a message, or for the end. */
void progress_hide(struct progress *p);
#define PROGRESS_NUMBER_OCTETS 32u
/** A number in groups of three digits: "12,345". @return out */
const char *progress_number(char out[PROGRESS_NUMBER_OCTETS], uint64_t n);
/** Since it began. */
double progress_seconds(const struct progress *p);
