/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleeper: a worker that may be asleep, and those of this process who put something into a ring for
 * it. Ringing is a system call only when it sleeps. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sleeper {
	int bell;      /* eventfd, readable when it was rung; -1: it never sleeps */
	uint64_t owed; /* the worker's: rings that it knows of and has not read yet */
	_Atomic bool asleep;
};

/** @return 0 or negative errno; s->bell is -1 then */
int sleeper_open(struct sleeper *s);
void sleeper_close(struct sleeper *s);

/** The worker, before it looks for the last time and sleeps. */
static inline void
sleeper_arm(struct sleeper *s)
{
	atomic_store_explicit(&s->asleep, true, memory_order_relaxed);
	/* whoever sees "awake" after it put something in did so before the look that follows here
	 */
	atomic_thread_fence(memory_order_seq_cst);
}

/** The worker, awake again. */
void sleeper_disarm(struct sleeper *s);

/** One system call, for whoever found it asleep. */
void sleeper_wake(struct sleeper *s);

/** Whoever put something in. Thread: any. */
static inline void
sleeper_ring(struct sleeper *s)
{
	/* what was put in is visible before "asleep" is read: see sleeper_arm() */
	atomic_thread_fence(memory_order_seq_cst);
	if (__builtin_expect(atomic_load_explicit(&s->asleep, memory_order_relaxed), 0))
		sleeper_wake(s);
}
