/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_generate: BIND's $GENERATE directive as text: one line in, lines of master file out. Pure,
 * any thread.
 *
 *   $GENERATE start-stop[/step] lhs [ttl] [class] type rhs
 *
 * In lhs and rhs, $ is the iterator, ${offset[,width[,base]]} is iterator + offset in base d, o, x,
 * X, n or N (n, N: nibbles, least significant first, dots between; width counts the dots); \$ and
 * $$ are a dollar sign. rhs is one token: RDATA of several fields stands in quotes, where \" is a
 * quote. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define ZONE_GENERATE_TEXT_MAX 65535u /* octets of the directive */
#define ZONE_GENERATE_LINE_MAX 70000u /* octets of one line that it makes */

struct zone_generate {
	uint32_t start, stop, step;         /* 0..2^31-1, start <= stop, step > 0 */
	uint64_t n;                         /* lines it makes */
	const char *lhs, *ttl, *type, *rhs; /* into text; ttl may be empty */
	char text[ZONE_GENERATE_TEXT_MAX + 1];
};

/**
 * Take a directive apart.
 * @param line  what follows "$GENERATE", NUL terminated
 * @return NULL, or what is wrong with it
 */
const char *zone_generate_parse(struct zone_generate *g, const char *line);

/**
 * Write the i-th line ("owner ttl IN type rdata\n").
 * @param[out] text  room for ZONE_GENERATE_LINE_MAX octets
 * @param[out] len   its octets
 * @return NULL, or what is wrong
 */
const char *zone_generate_line(const struct zone_generate *g, uint64_t i, char *text, size_t *len);
