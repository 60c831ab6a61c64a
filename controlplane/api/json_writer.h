/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_writer: writes JSON into memory, in order, without a tree: listing a million zones must not
 * build them first. Commas are put by themselves. One thread a writer.
 * (json_str: json_string is jansson's.) */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_writer {
	char *text; /* not NUL-terminated */
	size_t len, room;
	bool comma;  /* a value was written at this level */
	bool failed; /* out of memory: the rest is dropped, and the text must not be used */
};

void json_free(struct json_writer *w);
/** Forget the text, keep its room and the place in the document. */
void json_rewind(struct json_writer *w);

/* key may be NULL: an element of an array, or the whole document */
void json_open_object(struct json_writer *w, const char *key);
void json_close_object(struct json_writer *w);
void json_open_array(struct json_writer *w, const char *key);
void json_close_array(struct json_writer *w);
/** @param text  UTF-8 or not: octets that are no UTF-8 come out as U+FFFD; NULL: null */
void json_str(struct json_writer *w, const char *key, const char *text);
void json_uint(struct json_writer *w, const char *key, uint64_t value);
void json_int(struct json_writer *w, const char *key, int64_t value);
void json_bool(struct json_writer *w, const char *key, bool value);
/** A number as a string: what PowerDNS does with statistics. */
void json_uint_string(struct json_writer *w, const char *key, uint64_t value);

/** Plain text, for what is not JSON. */
void json_raw(struct json_writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The same, as it is: at most len octets of a NUL-terminated text, those that are no UTF-8 as
 * U+FFFD.
 */
void json_text(struct json_writer *w, const char *text, size_t len);
