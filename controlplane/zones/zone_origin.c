/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_origin: libzscanner wants the names of $ORIGIN and $INCLUDE absolute; RFC 1035 5.1 and BIND
 * allow relative ones. Texts that have such lines (they are few) are rewritten before they are
 * scanned: lines stay lines, so that messages name the right ones. */
#include "controlplane/zones/zone_memory.h"
#include "controlplane/zones/zone_text.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define NAME_TEXT_MAX 1024u /* as the scanner takes it: 255 octets as \DDD, and dots */

struct piece {
	const char *from;
	size_t len;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next token of a line, quotes included; len 0 at its end or a comment. */
static struct piece
next_token(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	const char *from = p;
	bool quoted = p < end && *p == '"';
	if (quoted)
		p++;
	while (p < end && (quoted ? *p != '"' : !is_blank(*p) && *p != ';'))
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	if (quoted && p < end)
		p++;
	return (struct piece){from, (size_t)(p - from)};
}

/* Does this name need the origin behind it? "a.\." does, "a\\." does not. */
static bool
is_relative(struct piece name)
{
	size_t backslashes = 0;

	if (name.len == 0 || name.from[0] == '"')
		return false; /* the scanner will say what is wrong with it */
	if (name.from[name.len - 1] != '.')
		return true;
	while (backslashes + 1 < name.len && name.from[name.len - 2 - backslashes] == '\\')
		backslashes++;
	return backslashes % 2 == 1;
}

/* The name that a directive line has and that could be relative. */
static bool
find_name(const char *line, const char *end, struct piece *name)
{
	size_t skip;
	bool is_origin = false;

	if (end - line > 7 && strncasecmp(line, "$ORIGIN", 7) == 0) {
		skip = 7;
		is_origin = true;
	} else if (end - line > 8 && strncasecmp(line, "$INCLUDE", 8) == 0) {
		skip = 8;
	} else {
		*name = (struct piece){end, 0};
		return false;
	}
	*name = is_blank(line[skip]) ? next_token(line + skip, end) : (struct piece){end, 0};
	if (!is_origin)
		*name = next_token(name->from + name->len, end);
	return is_origin;
}

static const char *
line_end(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));
	return lf != NULL ? lf : end;
}

bool
zone_origin_is_relative(const char *line, const char *end)
{
	struct piece name;

	(void)find_name(line, line_end(line, end), &name);
	return is_relative(name);
}

/* name + origin, absolute, into `to`. Returns false when it would be too long for a name. */
static bool
join(char to[NAME_TEXT_MAX], struct piece name, const char *origin)
{
	size_t len = strlen(origin);

	if (name.len == 1 && name.from[0] == '@') {
		memmove(to, origin, len + 1);
		return true;
	}
	if (name.len + 1 + len >= NAME_TEXT_MAX)
		return false;
	char joined[NAME_TEXT_MAX];
	memcpy(joined, name.from, name.len);
	joined[name.len] = '.';
	/* behind a name, the origin "." is that dot */
	memcpy(joined + name.len + 1, origin, len + 1);
	if (len == 1)
		joined[name.len + 1] = '\0';
	strcpy(to, joined);
	return true;
}

struct output {
	char *text;
	size_t len, room;
};

static int
put(struct output *out, const char *from, size_t len)
{
	if (out->room - out->len < len) {
		size_t room = out->len + len + out->len / 2;
		char *text = zone_memory_resize(out->text, out->room, room);
		if (text == NULL)
			return -ENOMEM;
		out->text = text;
		out->room = room;
	}
	memcpy(out->text + out->len, from, len);
	out->len += len;
	return 0;
}

int
zone_origin_make_absolute(struct zone_text *t, const char *origin)
{
	char now[NAME_TEXT_MAX], name[NAME_TEXT_MAX];
	const char *end = t->text + t->len, *done = t->text;
	struct output out = {0};
	int rc = 0;

	if (strlen(origin) >= sizeof now)
		return -EINVAL;
	strcpy(now, origin);
	for (const char *p = t->text; rc == 0 && (p = memchr(p, '$', (size_t)(end - p))) != NULL;
		p++) {
		struct piece found;
		if (p > t->text && p[-1] != '\n')
			continue;
		bool is_origin = find_name(p, line_end(p, end), &found);
		if (is_relative(found)) {
			if (!join(name, found, now))
				continue;
			rc = put(&out, done, (size_t)(found.from - done));
			if (rc == 0)
				rc = put(&out, name, strlen(name));
			done = found.from + found.len;
		} else if (found.len > 0 && found.len < sizeof name) {
			memcpy(name, found.from, found.len);
			name[found.len] = '\0';
		} else {
			continue;
		}
		if (is_origin)
			strcpy(now, name);
	}
	if (rc == 0)
		rc = put(&out, done, (size_t)(end - done));
	if (rc != 0) {
		zone_memory_free(out.text, out.room);
		return rc;
	}
	zone_memory_free(t->owned, t->room);
	t->text = t->owned = out.text;
	t->len = out.len;
	t->room = out.room;
	return 0;
}
