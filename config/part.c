/* SPDX-License-Identifier: GPL-3.0-or-later */
/* part: finds the lines of zones.list by their indentation. libyaml needs 3 us for an entry, which
 * is seconds for a million; looking at its octets takes a hundredth of that.
 *
 * What makes it safe: libyaml reads the text before the list and must end where a value of
 * zones.list is expected, so that no quote, bracket or block scalar is open there; and every line
 * of the list is so plain that it opens none either. Then the list ends where YAML says: at the
 * first line with less indentation, or with as much and no '-'. */
#include "config/part.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define BEFORE_OCTETS_MAX (64u << 10) /* longer: the text is read whole */

/* One line without its end. */
struct line {
	const char *text;
	size_t len, indent;
};

static const char *
next_line(const char *at, const char *end, struct line *out)
{
	const char *stop = memchr(at, '\n', (size_t)(end - at));

	out->text = at;
	out->len = (size_t)((stop ? stop : end) - at);
	for (out->indent = 0; out->indent < out->len && at[out->indent] == ' ';)
		out->indent++;
	return stop ? stop + 1 : end;
}

/* Nothing, or a comment, from here to its end. */
static bool
is_blank(const struct line *l, size_t at)
{
	size_t from = at;

	while (at < l->len && l->text[at] == ' ')
		at++;
	return at == l->len || (l->text[at] == '#' && (at > from || at == l->indent));
}

/* "key:" and nothing else but a comment. */
static bool
is_key(const struct line *l, const char *key)
{
	size_t n = strlen(key);

	return l->len >= l->indent + n && memcmp(l->text + l->indent, key, n) == 0 &&
	       (l->len == l->indent + n || l->text[l->indent + n] == ' ') &&
	       is_blank(l, l->indent + n);
}

#define OPEN 1ull /* what one octet adds to the sum of a line: fields of 16 bits */
#define CLOSED (1ull << 16)
#define DOUBTFUL (1ull << 32)
#define COMMENT (1ull << 48)
#define LINE_OCTETS_MAX 65535u

/* Octets that can be printed, and begin nothing which goes on in the next line, weigh nothing. */
static const uint64_t weight[256] = {
	[0 ... ' ' - 1] = DOUBTFUL,
	['~' + 1 ... 255] = DOUBTFUL,
	['"'] = DOUBTFUL,
	['\''] = DOUBTFUL,
	['['] = DOUBTFUL,
	[']'] = DOUBTFUL,
	['|'] = DOUBTFUL,
	['>'] = DOUBTFUL,
	['&'] = DOUBTFUL,
	['*'] = DOUBTFUL,
	['!'] = DOUBTFUL,
	['%'] = DOUBTFUL,
	['@'] = DOUBTFUL,
	['`'] = DOUBTFUL,
	['?'] = DOUBTFUL,
	['{'] = OPEN,
	['}'] = CLOSED,
	['#'] = COMMENT,
};

/* The same octet by octet, for lines with a comment and the like. */
static bool
is_plain_slowly(const struct line *l)
{
	unsigned open = 0, closed = 0;

	for (size_t i = 0; i < l->len; i++) {
		unsigned char c = (unsigned char)l->text[i];

		if (c == '#' && (i == 0 || l->text[i - 1] == ' '))
			break; /* is_plain_comment() looks at the rest */
		if (weight[c] == DOUBTFUL || (c == '{' && open++ > 0) ||
			(c == '}' && ++closed > open))
			return false;
	}
	return open == closed;
}

/* A line of the list that nothing begins in which would go on in the next one. */
static bool
is_plain(const struct line *l)
{
	uint64_t sum = 0;

	if (l->len > LINE_OCTETS_MAX)
		return false;
	for (size_t i = 0; i < l->len; i++)
		sum += weight[(unsigned char)l->text[i]];
	if (sum == 0 || (sum == OPEN + CLOSED && l->text[l->len - 1] == '}'))
		return true;
	return is_plain_slowly(l);
}

/* A comment may have octets that are not ASCII, but not those that end a line for YAML or that it
 * refuses. */
static bool
is_plain_comment(const struct line *l)
{
	const char *p = memchr(l->text, '#', l->len);

	for (const char *end = l->text + l->len; p && p < end; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			return false;
	return true;
}

/* The entries below a key with this indentation. @return false when a line is doubtful */
static bool
take_entries(const char *text, const char *at, const char *end, size_t indent, struct part *out)
{
	size_t n = 0;

	out->begin = out->end = (size_t)(at - text);
	out->n_lines = 0;
	while (at < end) {
		struct line l;

		at = next_line(at, end, &l);
		n++;
		if (!is_plain_comment(&l))
			return false;
		if (is_blank(&l, l.indent))
			continue;
		if (l.indent < indent || (l.indent == indent && l.text[indent] != '-'))
			break;
		if (l.indent == indent && l.len > indent + 1 && l.text[indent + 1] != ' ') {
			if (l.text[indent + 1] == '\t')
				return false; /* an entry all the same */
			break;
		}
		if (!is_plain(&l))
			return false;
		out->end = (size_t)(at - text);
		out->n_lines = n;
	}
	return out->n_lines > 0;
}

/* Does this text end where the value of zones.list is expected? (Of any section's list: but no
 * other has one, and what the schema refuses is refused in the rest as well.) */
static bool
ends_at_list(const char *text, size_t len)
{
	/* what libyaml says of an end there: no value, and all that was open ends */
	static const yaml_event_type_t last[] = {YAML_SCALAR_EVENT, YAML_SCALAR_EVENT,
		YAML_MAPPING_END_EVENT, YAML_MAPPING_END_EVENT, YAML_DOCUMENT_END_EVENT,
		YAML_STREAM_END_EVENT};
	enum { N = sizeof last / sizeof *last };
	yaml_event_type_t seen[N] = {YAML_NO_EVENT};
	char key[8] = "", value[8] = "";
	yaml_parser_t parser;
	bool good = true, end = false;

	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (good && !end) {
		yaml_event_t event;

		good = yaml_parser_parse(&parser, &event);
		if (!good)
			break;
		memmove(seen, seen + 1, sizeof seen - sizeof *seen);
		seen[N - 1] = event.type;
		if (event.type == YAML_SCALAR_EVENT) {
			memcpy(key, value, sizeof key);
			snprintf(value, sizeof value, "%s", (const char *)event.data.scalar.value);
		}
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return good && memcmp(seen, last, sizeof last) == 0 && strcmp(key, "list") == 0 &&
	       value[0] == '\0';
}

bool
part_find_list(const char *text, size_t len, struct part *out)
{
	const char *at = text, *end = text + len;
	bool in_zones = false;

	while (at < end && at - text < (ptrdiff_t)BEFORE_OCTETS_MAX) {
		struct line l;

		at = next_line(at, end, &l);
		if (is_blank(&l, l.indent))
			continue;
		if (l.indent == 0)
			in_zones = is_key(&l, "zones:");
		else if (in_zones && is_key(&l, "list:"))
			return ends_at_list(text, (size_t)(at - text)) &&
			       take_entries(text, at, end, l.indent, out);
	}
	return false;
}

char *
part_without(const char *text, size_t len, const struct part *list, size_t *len_without)
{
	size_t behind = len - list->end;
	char *without = malloc(list->begin + list->n_lines + behind + 1);

	if (!without)
		return NULL;
	memcpy(without, text, list->begin);
	memset(without + list->begin, '\n', list->n_lines);
	memcpy(without + list->begin + list->n_lines, text + list->end, behind);
	*len_without = list->begin + list->n_lines + behind;
	return without;
}
