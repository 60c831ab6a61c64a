/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl: what the files of millracectl share. A client of the HTTP API on the control plane's unix
 * socket; one thread; every allocation lives until the process ends unless said otherwise. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum ctl_exit { CTL_OK = 0, CTL_FAILURE = 1, CTL_USAGE = 2 };

enum ctl_option {
	CTL_OPTION_JSON = 1 << 0,
	CTL_OPTION_FORCE = 1 << 1,
	CTL_OPTION_WAIT = 1 << 2,
	CTL_OPTION_NO_WAIT = 1 << 3,
	CTL_OPTION_ORIGIN = 1 << 4,
	CTL_OPTION_WATCH = 1 << 5,
	CTL_OPTION_COUNT = 1 << 6,
	CTL_OPTION_ALL = 1 << 7,
	CTL_OPTION_SOCKET = 1 << 8,
	CTL_OPTION_RUN_DIR = 1 << 9,
	CTL_OPTION_CONFIG = 1 << 10,
	CTL_OPTION_ROOT = 1 << 11,
	CTL_OPTION_DRIVER = 1 << 12,
	CTL_OPTION_PARTIAL = 1 << 13,
	CTL_OPTION_FILTER = 1 << 20,
	CTL_OPTION_SAMPLE = 1 << 21,
	CTL_OPTION_SNAPLEN = 1 << 22,
	CTL_OPTION_DURATION = 1 << 23,
	CTL_OPTION_DROPS_ONLY = 1 << 24,
	CTL_OPTION_WRITE = 1 << 25,
};

struct ctl {
	unsigned given; /* enum ctl_option that were on the command line */
	char *socket_path;
	const char *origin;
	const char *watch;                              /* what followed --watch=, or NULL */
	const char *config_path;                        /* what followed --config, or NULL */
	const char *root;                               /* --root, or NULL: this machine */
	const char *driver;                             /* --driver, or NULL */
	unsigned n_force;                               /* how often --force was given */
	unsigned long count, sample, snaplen, duration; /* 0: not given */
	const char *filter;                             /* --filter, or NULL */
	const char *write;                              /* -w, or NULL */
	bool json, colour;
	int argc; /* arguments of the verb, without its words and options */
	char **argv;
};

/* --- ctl_http.c --- */

/**
 * Ask the API and parse its answer. When it cannot be reached that is said on stderr.
 * @param path  with the query
 * @param[out] status  HTTP
 * @return the document, or NULL; json_decref() it
 */
json_t *ctl_request(const struct ctl *c, const char *method, const char *path, long *status);

/**
 * GET an array and hand over its elements one by one: a million of them need not fit in memory.
 * @param each  the element is freed behind it
 * @return 0, or -1 after a message on stderr
 */
int ctl_request_each(const struct ctl *c, const char *path,
	void (*each)(void *arg, const json_t *element), void *arg);

/** GET, and copy the body to stdout as it comes. @return 0, or -1 after a message on stderr */
int ctl_request_copy(const struct ctl *c, const char *path);

/** Say on stderr that the control plane cannot be reached, and what would help. code: CURLcode */
void ctl_say_unreachable(const struct ctl *c, int code, long error, const char *why);

/** Path segment with everything escaped that must be. */
char *ctl_escape(const char *text);

/** Print an {"error", "errors"} answer on stderr. */
void ctl_print_error(const struct ctl *c, const json_t *answer, long status);

/* --- ctl_table.c --- */

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

/** What a reload of zones did; refused ones on stderr. @return enum ctl_exit: were there any? */
int ctl_print_reload(const struct ctl *c, const json_t *answer);

/* --- verbs; each returns an enum ctl_exit --- */
int ctl_zone_list(const struct ctl *c);
int ctl_zone_status(const struct ctl *c);
int ctl_zone_reload(const struct ctl *c);
int ctl_zone_check(const struct ctl *c);
int ctl_config_check(const struct ctl *c);
int ctl_config_show(const struct ctl *c);
int ctl_config_diff(const struct ctl *c);
int ctl_config_reload(const struct ctl *c);
int ctl_acl_list(const struct ctl *c);
int ctl_acl_add(const struct ctl *c);
int ctl_acl_delete(const struct ctl *c);
int ctl_acl_default(const struct ctl *c);
int ctl_acl_reload(const struct ctl *c);
int ctl_acl_check(const struct ctl *c);
int ctl_rrl_show(const struct ctl *c);
int ctl_rrl_set(const struct ctl *c);
int ctl_status(const struct ctl *c);
int ctl_doctor(const struct ctl *c);
int ctl_port_list(const struct ctl *c);
int ctl_port_bind(const struct ctl *c);
int ctl_port_unbind(const struct ctl *c);
int ctl_stats(const struct ctl *c);
int ctl_capture(const struct ctl *c);
