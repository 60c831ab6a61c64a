/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl: what the files of millracectl share. A client of the HTTP API on the control plane's unix
 * socket; one thread; every allocation lives until the process ends unless said otherwise. */
#pragma once
#include "tools/ctl/verbs.h"
#include "tools/lib/http_client.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum ctl_exit { CTL_OK = 0, CTL_FAILURE = 1, CTL_USAGE = 2 };
/* diff, as diff(1): 0 the same, 1 (CTL_FAILURE) different, and this */
#define CTL_TROUBLE 2

struct ctl_given {
	const struct ctl_option *option;
	const char *value; /* NULL: none */
};

struct ctl {
	const struct ctl_program *program;
	const struct ctl_verb *verb;
	const struct ctl_given *given; /* options, in the order of the command line */
	size_t n_given;
	int argc; /* arguments of the verb, without its words and options */
	char **argv;
	bool json, colour;
	char *socket_path;  /* of the control plane here; NULL: it is at server */
	const char *server; /* https://HOST:PORT, without a "/" at the end */
	char *token;        /* that goes with every request, or NULL */
};

/* --- command_line.c --- */

/* Options by name. A name that the verb's table does not have is a bug, and ends the program. */
bool ctl_given(const struct ctl *c, const char *option);
unsigned ctl_times(const struct ctl *c, const char *option);
/** The last one's value; NULL: not given, or without one. */
const char *ctl_value(const struct ctl *c, const char *option);
/** The value of the n-th time that it was given, or NULL. */
const char *ctl_value_at(const struct ctl *c, const char *option, unsigned n);
/** A number's value, 0: not given. */
unsigned long ctl_count(const struct ctl *c, const char *option);

/** "millracectl: ..." on stderr, with a newline. */
void ctl_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** malloc'd text; never NULL. */
char *ctl_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- program.c --- */

/** Path of a program of the suite: beside this one, in a build folder, or where it is installed;
 * else its name, for PATH. Allocated. */
char *ctl_find_program(const char *name);

/* --- connect.c --- */

/** Where the control plane is, from options and environment. @return enum ctl_exit, after a message
 */
int ctl_connect(struct ctl *c);
/** The same for the client of tools/lib. Texts are c's. */
struct http_place ctl_place(const struct ctl *c);
/** http_url() and http_prepare() of there. @return 0 */
char *ctl_url(const struct ctl *c, const char *path);
int ctl_prepare(const struct ctl *c, CURL *curl, struct curl_slist **headers);

/* --- http.c --- */

/**
 * Ask the API and parse its answer. When it cannot be reached that is said on stderr.
 * @param path  with the query
 * @param[out] status  HTTP
 * @return the document, or NULL; json_decref() it
 */
json_t *ctl_request(const struct ctl *c, const char *method, const char *path, long *status);

#define CTL_API "/api/v1/servers/localhost"

/**
 * Ask, with a body and a condition.
 * @param body, if_match  or NULL
 * @param[out] out  an answer without a body is {}; http_reply_free() it, also after -1
 * @return 0 with any status, or -1 after a message: there was no answer, or none in JSON
 */
int ctl_exchange(const struct ctl *c, const char *method, const char *path, const json_t *body,
	const char *if_match, struct http_reply *out);

/** Ask. @return the answer to a 2xx ({} when it has no body), or NULL after a message */
json_t *ctl_ask(const struct ctl *c, const char *method, const char *path, const json_t *body);

/** CTL_API/zones/ZONE_ID and what follows. Allocated. */
char *ctl_zone_path(const char *zone, const char *rest);

/**
 * GET an array and hand over its elements one by one: a million of them need not fit in memory.
 * @param each  the element is freed behind it
 * @return 0, or -1 after a message on stderr
 */
int ctl_request_each(const struct ctl *c, const char *path,
	void (*each)(void *arg, const json_t *element), void *arg);

/** GET, and copy the body as it comes. @return 0, or -1 after a message on stderr */
int ctl_request_copy(const struct ctl *c, const char *path, FILE *to);

/** Say on stderr that the control plane cannot be reached, and what would help. code: CURLcode */
void ctl_say_unreachable(const struct ctl *c, int code, long error, const char *why);

/** Path segment with everything escaped that must be. */
char *ctl_escape(const char *text);

/** Print an {"error", "errors"} answer on stderr. */
void ctl_print_error(const struct ctl *c, const json_t *answer, long status);

/* --- table.c --- */

struct ctl_column {
	const char *title;
	bool right; /* numbers */
};

struct ctl_table {
	const struct ctl_column *column;
	size_t n_columns, n_rows, room;
	char **cell; /* n_rows * n_columns */
};

/** Add a row; the cells are copied. */
void ctl_table_add(struct ctl_table *t, const char *const *cell);
/** Order rows by a column: by name, not by number. */
void ctl_table_sort(struct ctl_table *t, size_t column);
/** @param colour_of  escape sequence for a cell, or NULL for none; the function itself may be NULL
 */
void ctl_table_print(const struct ctl *c, const struct ctl_table *t,
	const char *(*colour_of)(size_t column, const char *cell));
void ctl_table_free(struct ctl_table *t);

/** "1,234,567" in one of a few static buffers. */
const char *ctl_number(uint64_t n);
/** "12.3 MiB", likewise. */
const char *ctl_octets(uint64_t n);
/** "3 d 4 h", likewise. */
const char *ctl_duration(uint64_t seconds);
/** Colour sequences, "" when colours are off. */
const char *ctl_colour(const struct ctl *c, const char *sequence);
#define CTL_RED "\033[31m"
#define CTL_GREEN "\033[32m"
#define CTL_YELLOW "\033[33m"
#define CTL_BOLD "\033[1m"
#define CTL_PLAIN "\033[0m"

/* Members of objects, with a default for what is not there. */
const char *ctl_text(const json_t *object, const char *key);
uint64_t ctl_uint(const json_t *object, const char *key);
bool ctl_bool(const json_t *object, const char *key);
/** What JSON can hold of a text of any octets, such as a path. Allocated. */
char *ctl_utf8(const char *text);

/** Print a document as it is, indented. */
void ctl_print_json(const json_t *j);
/** The same, and let go of it. */
void ctl_print_json_new(json_t *j);

/** What a reload of zones did; refused ones on stderr. @return enum ctl_exit: were there any? */
int ctl_print_reload(const struct ctl *c, const json_t *answer);

/* --- terminal.c --- */

/** May somebody be asked? */
bool ctl_may_ask(void);
/** Ask on stderr until the answer begins with one of `letters`; return alone is the last of them.
 * @return it, or '\0': there is no more input */
char ctl_choose(const char *letters, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Before what cannot be undone. @return true: yes, or --yes, or nobody to ask */
bool ctl_confirm(const struct ctl *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* --- zone_create.c, zone_show.c: names --- */

/** "native", ... as the API calls it. @return NULL after a message */
const char *ctl_kind_to_api(const char *word);
const char *ctl_kind_from_api(const char *word);
/** With a final dot; the name of a variant of a zone, example.org..variant, as it is. Allocated. */
char *ctl_absolute(const char *name);
/** What owners in a zone end in: its name, of a variant without that, with the final dot.
 * Allocated.
 */
char *ctl_apex(const char *zone);
/** A name in a zone, as people write it: "@", "www", "www.example.org", "www.example.org.".
 * Allocated. */
char *ctl_full_name(const char *name, const char *zone);
/** Records as a table, their comments below. @return enum ctl_exit */
int ctl_print_records(const struct ctl *c, const char *zone, const json_t *rrsets);

/* --- store.c --- */

/** Become the control plane's program with these words, "--", and the verb's arguments.
 * @return CTL_FAILURE after a message */
int ctl_exec_controlplane(const struct ctl *c, const char *const *word, size_t n_words);
