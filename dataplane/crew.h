/* SPDX-License-Identifier: GPL-3.0-or-later */
/* crew: all workers of a dataplane at once. Main thread. */
#pragma once
#include "dataplane/setup.h"

/** Tell all workers what time it is, at least ten times a second. */
void crew_tell_time(struct setup *s);

/** Start all workers, and say in the hub that we answer. @return 0 or negative errno, after an
 * error line: none runs */
int crew_start(struct setup *s, uint64_t tsc_hz) __attribute__((warn_unused_result));
/** End them. @param for_good  there is no successor: streams are told that nobody answers */
void crew_stop(struct setup *s, bool for_good);

/** They are stopped: have answers that waited for the stream process to make room go out, for some
 * milliseconds. @return false: some are lost */
bool crew_flush(struct setup *s);

/** Stop them for less than a few milliseconds, to give them other ports. What is handed on between
 * them has been answered. */
void crew_pause(struct setup *s);
/** @return 0 or negative errno, after an error line: none runs */
int crew_resume(struct setup *s) __attribute__((warn_unused_result));
