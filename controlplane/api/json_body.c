/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_body: jansson behind a look at the brackets. jansson recurses with each of them, and an
 * empty object costs it a hundred times the octets that say so. */
#include "controlplane/api/json_body.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The smallest thing that a client means, {"name":"a."}, has one bracket in 13 octets. */
#define BRACKETS_FREE 1024u
#define OCTETS_A_BRACKET 8u

/* @return 0, or -1 with `error` set */
static int
check_brackets(const char *text, size_t len, char error[JSON_BODY_ERROR_OCTETS])
{
	size_t n_brackets = 0, brackets_max = BRACKETS_FREE + len / OCTETS_A_BRACKET;
	unsigned line = 1, depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		line += c == '\n';
		if (quoted) {
			i += c == '\\';
			quoted = c != '"';
		} else if (c == '"') {
			quoted = true;
		} else if (c == '[' || c == '{') {
			depth++;
			n_brackets++;
		} else if ((c == ']' || c == '}') && depth > 0) {
			depth--;
		}
		if (depth > JSON_BODY_DEPTH_MAX)
			return snprintf(error, JSON_BODY_ERROR_OCTETS,
				       "line %u: more than %u arrays and objects in one another",
				       line, JSON_BODY_DEPTH_MAX),
			       -1;
		if (n_brackets > brackets_max)
			return snprintf(error, JSON_BODY_ERROR_OCTETS,
				       "line %u: more than %zu arrays and objects", line,
				       brackets_max),
			       -1;
	}
	return 0;
}

json_t *
json_body_load(const char *text, size_t len, char error[JSON_BODY_ERROR_OCTETS])
{
	json_error_t wrong;
	json_t *value;

	if (len == 0) {
		snprintf(error, JSON_BODY_ERROR_OCTETS,
			"the request has no body; it must be a JSON document");
		return NULL;
	}
	if (check_brackets(text, len, error) != 0)
		return NULL;
	value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &wrong);
	if (value == NULL)
		snprintf(error, JSON_BODY_ERROR_OCTETS, "line %d, column %d: %s", wrong.line,
			wrong.column, wrong.text);
	return value;
}
