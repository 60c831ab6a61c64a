/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rings_guard: the rings lie in a file that the stream process can write, and so cut short; a
 * worker that then touches them gets SIGBUS. It gets an empty page instead, and the main thread
 * mends the file. Main thread. */
#pragma once
#include "shm/hub.h"

/** From now on such a fault ends nothing. One hub a process. @return 0 or negative errno */
int rings_guard_start(struct hub *h) __attribute__((warn_unused_result));
/** Call now and then: mends the rings after a fault, or when a stream process that starts would not
 * share them with us, and logs it. */
void rings_guard_mend(void);
