/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doorbell: wakes a process that sleeps on a ring. A FIFO in the run directory, found by name, so a
 * process that was restarted finds it again without anybody passing descriptors (see
 * docs/decisions). Ringing is one write(2), done only when the consumer announced that it sleeps
 * (ring_should_wake). */
#pragma once

/**
 * Open (create if need be) a doorbell, for waiting and for ringing. Nonblocking, close-on-exec.
 * @return descriptor (readable = rung), or negative errno
 */
int doorbell_open(const char *path) __attribute__((warn_unused_result));
/** Wake the waiter. Never blocks; a bell that already rings stays so. */
void doorbell_ring(int fd);
/** Waiter: silence it. */
void doorbell_drain(int fd);
