/* SPDX-License-Identifier: GPL-3.0-or-later */
/* route: compares segment by segment. Segments are split before they are decoded, so that "%2F" in
 * a zone's name is not a separator. */
#include "controlplane/api/route.h"

#include <string.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
route_decode(char *out, size_t room, const char *text, size_t len, bool plus)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == '+' && plus) {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;
			if (high < 0 || low < 0 || (high | low) == 0)
				return -1;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (at + 1 >= room)
			return -1;
		out[at++] = c;
	}
	if (room == 0)
		return -1;
	out[at] = '\0';
	return (int)at;
}

/* Take the next segment off *text, which points at its slash. @return its octets, or -1 at the end
 */
static int
next_segment(const char **text, const char **segment)
{
	size_t len;

	if (**text != '/')
		return -1;
	*segment = *text + 1;
	len = strcspn(*segment, "/");
	*text = *segment + len;
	return (int)len;
}

static enum route_verdict
match_pattern(const char *pattern, const char *path, struct route_match *out)
{
	enum route_verdict verdict = ROUTE_FOUND;

	out->n_params = 0;
	for (;;) {
		const char *want, *have;
		int want_len = next_segment(&pattern, &want), have_len = next_segment(&path, &have);

		if (want_len < 0)
			return have_len < 0 || (have_len == 0 && *path == '\0')
				       ? verdict
				       : ROUTE_UNKNOWN_PATH;
		if (have_len <= 0)
			return ROUTE_UNKNOWN_PATH;
		if (want[0] != '{') {
			if (want_len != have_len || memcmp(want, have, (size_t)have_len) != 0)
				return ROUTE_UNKNOWN_PATH;
			continue;
		}
		if (out->n_params == ROUTE_PARAMS_MAX)
			return ROUTE_UNKNOWN_PATH;
		if (route_decode(out->param[out->n_params++], ROUTE_PARAM_OCTETS, have,
			    (size_t)have_len, false) < 0)
			verdict = ROUTE_MALFORMED; /* unless the path leads nowhere anyway */
	}
}

enum route_verdict
route_find(const struct route *table, size_t n, const char *method, const char *path,
	const struct route **route, struct route_match *out)
{
	enum route_verdict verdict = ROUTE_UNKNOWN_PATH;

	for (size_t i = 0; i < n; i++) {
		enum route_verdict v = match_pattern(table[i].pattern, path, out);
		if (v == ROUTE_UNKNOWN_PATH)
			continue;
		if (strcmp(method, table[i].method) != 0 &&
			!(strcmp(method, "HEAD") == 0 && strcmp(table[i].method, "GET") == 0)) {
			verdict = ROUTE_UNKNOWN_METHOD;
			continue;
		}
		*route = &table[i];
		return v;
	}
	return verdict;
}

void
route_methods(const struct route *table, size_t n, const char *path, char *out, size_t room)
{
	struct route_match match;
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		const char *method = table[i].method;
		bool get = strcmp(method, "GET") == 0;
		size_t len = strlen(method) + (get ? strlen(", HEAD") : 0) + strlen(", ");

		if (match_pattern(table[i].pattern, path, &match) == ROUTE_UNKNOWN_PATH ||
			strstr(out, method) != NULL || at + len >= room)
			continue;
		if (at > 0)
			at = (size_t)(stpcpy(out + at, ", ") - out);
		at = (size_t)(stpcpy(out + at, method) - out);
		if (get)
			at = (size_t)(stpcpy(out + at, ", HEAD") - out);
	}
}
