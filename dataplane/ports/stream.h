/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stream: the stream process's rings (shm/hub.h) as a port: DNS messages from TCP and its
 * relatives. The peer is not trusted: every field is checked, and what it does costs only itself.
 */
#pragma once
#include "dataplane/ports/port.h"
#include "shm/hub.h"

/**
 * Take the worker's side of its rings. Thread: control, before the worker runs.
 * @param counters     of the worker
 * @param bell         rings the stream process (doorbell.h); not owned
 * @param worker_bell  is rung by it; not owned
 * @return 0 or -ENOMEM
 */
int stream_port_open(struct port **out, struct hub_rings *rings, struct counters *counters,
	int bell, int worker_bell) __attribute__((warn_unused_result));
