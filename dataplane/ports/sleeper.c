/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleeper: the system calls around sleep. Nothing here runs while packets come. */
#include "dataplane/ports/sleeper.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int
sleeper_open(struct sleeper *s)
{
	*s = (struct sleeper){.bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	return s->bell < 0 ? -errno : 0;
}

void
sleeper_close(struct sleeper *s)
{
	if (s->bell >= 0)
		close(s->bell);
	s->bell = -1;
}

void
sleeper_disarm(struct sleeper *s)
{
	uint64_t n;

	/* Somebody found it asleep, and rings, once; perhaps only after something else woke it. A
	 * ring that is never read would have it wake at once for ever. */
	if (!atomic_exchange(&s->asleep, false))
		s->owed++;
	if (s->owed != 0 && s->bell >= 0 && read(s->bell, &n, sizeof n) == (ssize_t)sizeof n)
		s->owed -= n < s->owed ? n : s->owed;
}

void
sleeper_wake(struct sleeper *s)
{
	const uint64_t one = 1;

	/* several see that it sleeps; one rings */
	if (atomic_exchange(&s->asleep, false) && write(s->bell, &one, sizeof one) < 0) {
		/* EAGAIN: it rings already */
	}
}
