/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_writer: appends to a buffer that doubles. */
#include "controlplane/api/json_writer.h"
#include "config/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 1024u

static bool
make_room(struct json_writer *w, size_t more)
{
	size_t room = w->room == 0 ? ROOM_MIN : w->room;
	char *bigger;

	if (w->failed)
		return false;
	if (w->room - w->len >= more)
		return true;
	while (room - w->len < more)
		room *= 2;
	bigger = realloc(w->text, room);
	if (bigger == NULL) {
		w->failed = true;
		return false;
	}
	w->text = bigger;
	w->room = room;
	return true;
}

static void
put(struct json_writer *w, const char *s, size_t len)
{
	if (!make_room(w, len))
		return;
	memcpy(w->text + w->len, s, len);
	w->len += len;
}

void
json_free(struct json_writer *w)
{
	free(w->text);
	memset(w, 0, sizeof *w);
}

void
json_rewind(struct json_writer *w)
{
	w->len = 0;
}

static void
put_escaped(struct json_writer *w, const char *text)
{
	const uint8_t *s = (const uint8_t *)text;

	put(w, "\"", 1);
	while (*s != '\0') {
		unsigned n = utf8_octets(s);
		char escape[8];

		if (n == 0) {
			put(w, "\xef\xbf\xbd", 3);
			s++;
		} else if (*s == '"' || *s == '\\') {
			put(w, (const char[]){'\\', (char)*s++}, 2);
		} else if (*s < 0x20) {
			snprintf(escape, sizeof escape, "\\u%04x", *s++);
			put(w, escape, 6);
		} else {
			put(w, (const char *)s, n);
			s += n;
		}
	}
	put(w, "\"", 1);
}

/* What comes before a value. Keys are our own words. */
static void
begin(struct json_writer *w, const char *key)
{
	if (w->comma)
		put(w, ",", 1);
	w->comma = true;
	if (key == NULL)
		return;
	put(w, "\"", 1);
	put(w, key, strlen(key));
	put(w, "\":", 2);
}

void
json_open_object(struct json_writer *w, const char *key)
{
	begin(w, key);
	put(w, "{", 1);
	w->comma = false;
}

void
json_close_object(struct json_writer *w)
{
	put(w, "}", 1);
	w->comma = true;
}

void
json_open_array(struct json_writer *w, const char *key)
{
	begin(w, key);
	put(w, "[", 1);
	w->comma = false;
}

void
json_close_array(struct json_writer *w)
{
	put(w, "]", 1);
	w->comma = true;
}

void
json_str(struct json_writer *w, const char *key, const char *text)
{
	begin(w, key);
	if (text == NULL)
		put(w, "null", 4);
	else
		put_escaped(w, text);
}

static void
put_uint(struct json_writer *w, uint64_t value)
{
	char digits[20];
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	put(w, digits + at, sizeof digits - at);
}

void
json_uint(struct json_writer *w, const char *key, uint64_t value)
{
	begin(w, key);
	put_uint(w, value);
}

void
json_int(struct json_writer *w, const char *key, int64_t value)
{
	begin(w, key);
	if (value < 0)
		put(w, "-", 1);
	put_uint(w, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void
json_bool(struct json_writer *w, const char *key, bool value)
{
	begin(w, key);
	put(w, value ? "true" : "false", value ? 4 : 5);
}

void
json_uint_string(struct json_writer *w, const char *key, uint64_t value)
{
	begin(w, key);
	put(w, "\"", 1);
	put_uint(w, value);
	put(w, "\"", 1);
}

void
json_raw(struct json_writer *w, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0 || !make_room(w, (size_t)n + 1))
		return;
	va_start(args, format);
	vsnprintf(w->text + w->len, (size_t)n + 1, format, args);
	va_end(args);
	w->len += (size_t)n;
}

void
json_text(struct json_writer *w, const char *text, size_t len)
{
	const uint8_t *s = (const uint8_t *)text;

	for (size_t at = 0, good = 0;; at += good) {
		unsigned n = 0;
		/* a run of what is well-formed goes in one piece */
		for (good = 0; at + good < len && s[at + good] != '\0'; good += n) {
			n = utf8_octets(s + at + good);
			if (n == 0 || n > len - at - good)
				break;
		}
		put(w, text + at, good);
		if (at + good >= len || s[at + good] == '\0')
			return;
		put(w, "\xef\xbf\xbd", 3);
		at++;
	}
}
