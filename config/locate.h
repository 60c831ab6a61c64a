/* SPDX-License-Identifier: GPL-3.0-or-later */
/* locate: where in the file something is, and what a file that cyaml refused did wrong. Works on
 * libyaml's document tree, which is built only once there is an error to explain, so that a good
 * file pays nothing for its line numbers. Private to config/. */
#pragma once
#include "config/schema.h"

#include <stddef.h>

#define LOCATE_DEPTH_MAX 8u /* section, list entry, key: the schema needs 4 */
#define LOCATE_TEXT_MAX 1024u

/* One step from the top of the file: a key, and the entry of its list or -1. */
struct locate_step {
	const char *key;
	int entry;
};

struct locate_path {
	unsigned n;
	struct locate_step step[LOCATE_DEPTH_MAX];
};

/* What an error message is made of. */
struct locate_finding {
	size_t line;                /* 1 is the first */
	char key[256];              /* "zones.list[3].file"; empty: the file as a whole */
	char text[LOCATE_TEXT_MAX]; /* what is wrong; what would be right */
};

/** "zones.list[3].file" of a path. */
void locate_format(const struct locate_path *path, char *out, size_t len);

/** Line of the value that a path leads to, or of the deepest part of the path that is there; 0 when
 * libyaml cannot make a tree of the text, and locate_fault() says why. */
size_t locate_line(const char *text, size_t len, const struct locate_path *path);

/**
 * The first thing in a text that YAML or the schema does not allow.
 * @return true when something was found
 */
bool locate_fault(const char *text, size_t len, struct locate_finding *out);
