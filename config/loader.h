/* SPDX-License-Identifier: GPL-3.0-or-later */
/* loader: the state of one load, shared by loader.c and check.c. Private to config/. */
#pragma once
#include "config/config.h"
#include "config/locate.h"
#include "config/pool.h"

struct load {
	struct config *c;
	struct pool *pool;
	const char *name;   /* of the file, for messages */
	const char *folder; /* where relative paths start; "" is the current one */
	const char *text;
	size_t len;
	struct locate_path path; /* of the value at hand */
	char *error;             /* the first one, allocated */
};

#define LOAD_OCTETS_MAX (64ull << 20) /* a million zones one by one need about 60 MiB */

/**
 * Make a configuration from text.
 * @param name    of the file, for messages
 * @param folder  where relative paths start
 * @return as config_load()
 */
struct config *load_text(const char *text, size_t len, const char *name, const char *folder,
	char **error) __attribute__((warn_unused_result));

/** The same with libyaml reading all of it: what load_text() must agree with. For tests. */
struct config *load_text_as_yaml(const char *text, size_t len, const char *name, const char *folder,
	char **error) __attribute__((warn_unused_result));

/** The folder of a path, allocated: "/etc/x" of "/etc/x/y", "" of "y". NULL without memory. */
char *load_folder(const char *path);

/**
 * Note the error "FILE:LINE: key 'PATH': ..." about the value that l->path leads to.
 * @return -EINVAL
 */
int load_fail(struct load *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The same for a path below the top: "zones", "list", entry. `key` may be NULL. */
int load_fail_at(struct load *l, const char *section, const char *key, int entry,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/** Fill in what depends on other keys or on the system. @return 0 or -ENOMEM */
int config_complete(struct load *l);

/** What no single value shows: duplicates, and keys that contradict one another. @return 0,
 * -EINVAL, -ENOMEM */
int config_check(struct load *l);
