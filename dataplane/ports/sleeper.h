/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleeper: a worker that may be asleep, and those of this process who put something into a ring for
 * it. Ringing is a system call only when it sleeps. */
#pragma once
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct sleeper {
	int bell; /* eventfd, readable when it was rung; -1: it never sleeps */
	_Atomic bool asleep;
};

/** @return 0 or negative errno; s->bell is -1 then */
static inline int
sleeper_open(struct sleeper *s)
{
	*s = (struct sleeper){.bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	return s->bell < 0 ? -errno : 0;
}

static inline void
sleeper_close(struct sleeper *s)
{
	if (s->bell >= 0)
		close(s->bell);
	s->bell = -1;
}

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
static inline void
sleeper_disarm(struct sleeper *s)
{
	uint64_t n;

	if (!atomic_exchange(&s->asleep, false) && s->bell >= 0 &&
		read(s->bell, &n, sizeof n) < 0) {
		/* EAGAIN: it was awake, and nobody rang */
	}
}

/** Whoever put something in. Thread: any. */
static inline void
sleeper_ring(struct sleeper *s)
{
	const uint64_t one = 1;

	/* what was put in is visible before "asleep" is read: see sleeper_arm() */
	atomic_thread_fence(memory_order_seq_cst);
	if (!atomic_load_explicit(&s->asleep, memory_order_relaxed))
		return;
	/* several see that it sleeps; one rings */
	if (atomic_exchange(&s->asleep, false) && write(s->bell, &one, sizeof one) < 0) {
		/* EAGAIN: it rings already */
	}
}
