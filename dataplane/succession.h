/* SPDX-License-Identifier: GPL-3.0-or-later */
/* succession: a take-over (takeover.h) that somebody else's supervisor asks for by running a
 * program and waiting for its end, as systemd does with ExecReload=. That program makes the
 * successor, waits until it answers, and tells systemd which process is the service now. Main
 * thread. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/**
 * Go on as the successor, in a process that belongs to process 1. The process that calls it never
 * returns from it: it ends with status 0 when the successor has called succession_done(), and with
 * another one when that ended before or took SUCCESSION_PATIENCE_S. Before any thread exists, and
 * before signals are blocked.
 */
void succession_start(void);
#define SUCCESSION_PATIENCE_S 30

/** @return false when whoever asked for the successor waits no more; true where nobody asked */
bool succession_is_awaited(void);

/** The successor answers. @param predecessor  pid of the one that has left, or 0 */
void succession_done(pid_t predecessor);
