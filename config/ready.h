/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ready: a process says that it serves by a file RUN_DIR/NAME.ready that holds its pid. The
 * launcher and the tests wait for it. Control path only; names are those of RUN_READY in
 * shm/paths.h. */
#pragma once
#include <sys/types.h>

/**
 * Create RUN_DIR/NAME.ready, replacing what an earlier process left. Thread: any, control.
 * @param name  "controlplane", "dataplane", "stream"
 * @return 0 or negative errno
 */
int ready_announce(const char *run_dir, const char *name) __attribute__((nonnull(1, 2)));

/** Remove it, if it is this process's own: at the start of an orderly end. Without it nothing
 * happens. */
void ready_withdraw(const char *run_dir, const char *name) __attribute__((nonnull(1, 2)));

/** Pid of the process that is ready under this name, 0 when there is none or it has died. */
pid_t ready_pid(const char *run_dir, const char *name) __attribute__((nonnull(1, 2)));
