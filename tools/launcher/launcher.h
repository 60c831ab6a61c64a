/* SPDX-License-Identifier: GPL-3.0-or-later */
/* launcher: the program `millrace`. One process, one thread: options -> a configuration -> the
 * suite's processes, supervised in the foreground. No other process needs it. */
#pragma once
#include "config/config.h"

#include <limits.h>
#include <stdbool.h>

#define SERVE_LISTEN_MAX 64u
#define SERVE_PORTS_MAX 32u
#define LAUNCHER_CONFIG "serve.%ld.yaml" /* in the run directory; the launcher's pid */
#define LAUNCHER_CONFIG_GLOB "serve.*.yaml"

/* What `millrace serve` was told. Strings point into argv. */
struct serve_options {
	const char *config_path; /* NULL: make one from the rest */
	const char *run_dir;     /* NULL: the usual place */
	const char *zones;       /* folder of zone files, or NULL */
	const char *store;       /* file of the store, or NULL: the usual one */
	const char *listen[SERVE_LISTEN_MAX];
	unsigned n_listen;
	const char *port[SERVE_PORTS_MAX]; /* device arguments */
	unsigned n_ports;
	char *const *zone; /* ZONE=FILE */
	unsigned n_zones;
};

/**
 * Make the run directory and write a configuration into it.
 * @param[out] path  the file, allocated; untouched on failure
 * @return 0, or an exit status (sysexits.h) after one line in the log
 */
int synthesise_config(const struct serve_options *o, char **path);

/** Remove the files of a folder whose names match a pattern of fnmatch(3), but for one (NULL:
 * none).
 */
void launcher_remove(const char *folder, const char *pattern, const char *except);

/**
 * Find a program of the suite: in $MILLRACE_LIBEXEC, or relative to this executable, which is
 * installed in bin or lies in a build tree's tools.
 * @return 0 or negative errno, after one line in the log
 */
int launcher_find(const char *program, char path[PATH_MAX]);

/** The usual run directory. @return allocated, or NULL when out of memory */
char *default_run_dir(void);

/**
 * Have the launcher of this run directory replace its dataplane by the program that is installed
 * now, and wait for it.
 * @return exit status, after one line
 */
int upgrade(const char *run_dir);

/** Run the suite until it is told to stop. @return exit status */
int supervise(const struct config *c, const char *config_path);

/** Say on stdout where a suite answers that is ready now. */
void announce(const struct config *c);
