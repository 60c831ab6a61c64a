/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engines: the arena as the dataplane maps it, and one answer engine for each worker over it. When
 * the control plane makes another arena file (a new layout, a new place), the workers move over to
 * it one by one, and the old mapping goes when the last has left it. Main thread only. */
#pragma once
#include "dataplane/worker.h"

struct engines;

/** @param path  of the arena's file; lives as long as the engines. @return NULL when out of memory
 */
struct engines *engines_create(const char *path, struct worker *workers, unsigned n_workers);
/** After all workers have ended. */
void engines_destroy(struct engines *e);

/**
 * Attach to the arena if there is none yet or the file is another one now; finish an earlier move.
 * Call once a second or so. Logs what changes, and each kind of failure once.
 * @return true when the workers have an engine
 */
bool engines_update(struct engines *e);

/**
 * Could the arena be attached to?
 * @return 0; -ENOENT, -EAGAIN: not yet; -EPROTO: no, and it will not be; another negative errno.
 * arena_error() has text
 */
int engines_probe(const char *path) __attribute__((warn_unused_result));
/** Why there is no engine yet: as engines_probe(); 0 when it was not looked. */
int engines_error(const struct engines *e);
