/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session: the dataplane's part in captures. The main thread follows what the control plane asks
 * for, makes rings and a tap for each worker, and takes them away again when nobody wants them any
 * more, or when the control plane has not said for a while that it does. Main thread only. */
#pragma once
#include "dataplane/worker.h"

struct captures;

/**
 * @param run_dir  lives as long as the captures
 * @return NULL when out of memory
 */
struct captures *captures_create(
	const char *run_dir, struct hub *hub, struct worker *workers, unsigned n_workers);
/** After all workers have ended. NULL may be given. */
void captures_destroy(struct captures *c);
/** Look what is wanted; begin, go on, end. Never waits. Call ten times a second or so. */
void captures_poll(struct captures *c);
