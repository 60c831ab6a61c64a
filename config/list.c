/* SPDX-License-Identifier: GPL-3.0-or-later */
/* list: two ways to write an entry are known here,
 *
 *     - {zone: example.com, file: example.com.zone}        - zone: example.com
 *                                                            file: example.com.zone
 *
 * with the keys in either order, comments in lines of their own, and values of letters, digits and
 * a few signs that mean nothing to YAML. Whatever else is met, libyaml reads the whole list. */
#include "config/list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reader {
	char *at, *end; /* the copy: each value gets a NUL behind it */
	struct list_entry *entry;
	uint32_t n, room;
	size_t indent; /* of the dashes */
	bool block;    /* the entry before is of the second kind, and may go on */
};

/* Octets of a value; none of them begins or ends anything, wherever it stands. */
static bool
is_value_octet(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '/' || c == '_' || c == '-' || c == '+';
}

/* What cyaml takes for no value at all, and what might start a document mark or an entry. */
static bool
is_special(const char *value, size_t len)
{
	return len == 0 || value[0] == '-' || (len == 4 && strncasecmp(value, "null", 4) == 0);
}

/* "zone: VALUE" or "file: VALUE" at *at; *at is behind it then. The NUL is put by the caller, who
 * looks at the octet there first. */
static bool
take_pair(struct list_entry *e, char **at, const char *end)
{
	char *value = *at + 6, *p = value;
	const char **field;

	if (end - *at < 7)
		return false;
	if (memcmp(*at, "zone: ", 6) == 0)
		field = &e->zone;
	else if (memcmp(*at, "file: ", 6) == 0)
		field = &e->file;
	else
		return false;
	while (p < end && is_value_octet((unsigned char)*p))
		p++;
	if (*field != NULL || is_special(value, (size_t)(p - value)))
		return false;
	*field = value;
	*at = p;
	return true;
}

/* "{zone: a, file: b}" up to the end of the line. */
static bool
take_flow(struct list_entry *e, char *at, const char *end)
{
	char *comma, *brace;

	if (at == end || *at++ != '{' || !take_pair(e, &at, end))
		return false;
	comma = at;
	if (end - at < 2 || *at++ != ',' || *at++ != ' ' || !take_pair(e, &at, end))
		return false;
	brace = at;
	if (end - at != 1 || *at != '}')
		return false;
	*comma = *brace = '\0';
	return true;
}

/* One pair up to the end of the line; the octet there is the line's end or the copy's NUL. */
static bool
take_line(struct list_entry *e, char *at, char *end)
{
	if (!take_pair(e, &at, end) || at != end)
		return false;
	*end = '\0';
	return true;
}

static struct list_entry *
new_entry(struct reader *r)
{
	if (r->n == r->room) {
		uint32_t room = r->room == 0 ? 64 : r->room * 2;
		struct list_entry *more = realloc(r->entry, room * sizeof *more);

		if (more == NULL)
			return NULL;
		r->entry = more;
		r->room = room;
	}
	r->entry[r->n] = (struct list_entry){0};
	return &r->entry[r->n++];
}

/* A line with something in it. @return as list_read() */
static int
take_text(struct reader *r, char *at, char *end, size_t indent)
{
	struct list_entry *e;

	if (r->n == 0)
		r->indent = indent;
	if (r->n > 0 && r->block && indent == r->indent + 2)
		return take_line(&r->entry[r->n - 1], at, end);
	if (indent != r->indent || end - at < 3 || at[0] != '-' || at[1] != ' ')
		return 0;
	e = new_entry(r);
	if (e == NULL)
		return -ENOMEM;
	at += 2;
	r->block = *at != '{';
	return r->block ? take_line(e, at, end) : take_flow(e, at, end);
}

int
list_read(const char *text, const struct part *list, struct pool *pool, struct list_entry **out,
	uint32_t *n)
{
	size_t len = list->end - list->begin;
	struct reader r = {.at = pool_alloc(pool, len + 1)};
	int ret = 1;

	if (r.at == NULL)
		return -ENOMEM;
	memcpy(r.at, text + list->begin, len);
	r.end = r.at + len;
	while (r.at < r.end && ret > 0) {
		char *begin = r.at, *at = begin,
		     *stop = memchr(begin, '\n', (size_t)(r.end - begin));

		if (stop == NULL)
			stop = r.end;
		r.at = stop < r.end ? stop + 1 : stop;
		while (at < stop && *at == ' ')
			at++;
		if (at < stop && *at != '#')
			ret = take_text(&r, at, stop, (size_t)(at - begin));
	}
	if (ret <= 0) {
		free(r.entry);
		return ret;
	}
	*out = r.entry;
	*n = r.n;
	return 1;
}
