/* SPDX-License-Identifier: GPL-3.0-or-later */
/* program: what every daemon of the suite does at its start: options, configuration, log, run
 * directory, privileges. Main thread, before any other thread exists (unless said otherwise). */
#pragma once
#include "config/config.h"

#include <sysexits.h> /* EX_USAGE 64 and EX_CONFIG 78: the launcher does not restart after these */

#define PROGRAM_CONFIG_DEFAULT "/etc/millrace/millrace.yaml"

#define PROGRAM_FLAGS_MAX 2u

struct program {
	const char *name;    /* "millrace-dataplane" */
	const char *summary; /* one line for --help */
	/* options of its own, without argument; the first without a name ends them */
	struct program_flag {
		const char *name, *help;
		bool given; /* out */
	} flag[PROGRAM_FLAGS_MAX];
	/* The list of zones is not needed at once, if ever (see config_load_part()). */
	bool without_zones;
	struct config_rest **rest; /* where what was left out goes; NULL: it is never needed */
	const char *config_path;   /* out: the file that was read; absolute; lives as long as the
				      process */
};

/**
 * Options --config FILE, --help, --version; then load the configuration and open the log at its
 * level. Sets the umask to 007: files in the run directory belong to its group (see below); and
 * no_new_privs, which every thread inherits: none of the daemons runs another program.
 * Ends the process after --help and --version (0), bad usage (EX_USAGE), a bad file (EX_CONFIG,
 * after its one line of error).
 * @return the configuration; never NULL; free with config_free()
 */
struct config *program_start(struct program *p, int argc, char **argv)
	__attribute__((warn_unused_result, nonnull(1, 3), returns_nonnull));

/**
 * Make sure that the run directory is there. When `user` is set and we are root it gets mode 02770
 * and that user's group, so that files made in it (with mode 0660) before and after the drop of
 * privileges can be used by every process of the suite. A directory that somebody else owns, or
 * that others may write to, is refused.
 * @return 0 or negative errno, after one line in the log
 */
int program_make_run_dir(const struct config *c) __attribute__((warn_unused_result, nonnull(1)));

/**
 * Make the folder of the store, if it is missing: mode 0750, and that user's when `user` is set and
 * we are root. Folders that are there stay as they are.
 * @param path  of the store's file
 * @return 0 or negative errno, after one line in the log
 */
int program_make_store_dir(const struct config *c, const char *path) __attribute__((nonnull(1, 2)));

/**
 * Give up what only the start needed, for good, in every thread. With the key `chroot`: change the
 * root folder, and take that prefix off the configuration's paths. With `user`: become it, with its
 * groups and without capabilities. Without `user`, and not root: let go of every capability that
 * systemd or a container gave. no_new_privs again, for who came here without program_start(). Root
 * without `user` stays what it is. Once; again is harmless. The death signal that the launcher
 * asked for survives.
 * @return 0 or negative errno, after one line in the log; the caller must then end
 */
int program_drop_privileges(struct config *c) __attribute__((warn_unused_result, nonnull(1)));

/**
 * Tell systemd, if it started us, that the start is over. Main thread, once, before a system call
 * filter. A failure is one line in the log.
 * @param status  for `systemctl status`: one line, without its end
 */
void program_ready(const char *status) __attribute__((nonnull(1)));
