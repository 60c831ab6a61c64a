/* SPDX-License-Identifier: GPL-3.0-or-later */
/* crew: see crew.h. */
#include "dataplane/crew.h"

#include "config/log.h"
#include "dataplane/ports/exception.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define SETTLE_MS 2l /* for packets that one worker handed to another */
#define FLUSH_MS 20u /* for the stream process to make room: nobody answers meanwhile */

void
crew_tell_time(struct setup *s)
{
	uint32_t now_s = (uint32_t)time(NULL);

	for (unsigned i = 0; i < s->n_workers; i++)
		atomic_store_explicit(&s->worker[i].now_s, now_s, memory_order_relaxed);
}

int
crew_resume(struct setup *s)
{
	unsigned n = 0;
	int err;

	crew_tell_time(s);
	err = exception_start();
	if (err != 0) {
		log_error("cannot start the thread of the exception path: %s", strerror(-err));
		return err;
	}
	for (; n < s->n_workers && err == 0; n++)
		err = worker_start(&s->worker[n]);
	if (err == 0)
		return 0;
	log_error("cannot start worker %u on CPU %d: %s%s", n - 1, s->worker[n - 1].cpu,
		strerror(-err),
		err == -EINVAL ? "; dataplane.cores must name CPUs of this machine" : "");
	for (unsigned i = 0; i < n - 1; i++)
		worker_stop(&s->worker[i]);
	for (unsigned i = 0; i < n - 1; i++)
		worker_join(&s->worker[i]);
	exception_stop();
	return err;
}

int
crew_start(struct setup *s, uint64_t tsc_hz)
{
	struct hub_instance *in = &s->hub->instance[s->hub->seat];
	struct timespec now;
	int err;

	for (unsigned i = 0; i < s->n_workers; i++)
		s->worker[i].shared->tsc_hz = tsc_hz;
	err = crew_resume(s);
	if (err != 0)
		return err;
	clock_gettime(CLOCK_REALTIME, &now);
	atomic_store(&in->started_ns, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
	atomic_store(&in->n_workers, s->n_workers);
	return 0;
}

void
crew_pause(struct setup *s)
{
	const struct timespec settle = {.tv_nsec = SETTLE_MS * 1000000l};

	if (s->spread != NULL) {
		/* what is on its way between workers is answered before they end */
		spread_halt(s->spread);
		nanosleep(&settle, NULL);
	}
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_stop(&s->worker[i]);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_join(&s->worker[i]);
	exception_stop();
}

/* @return is nothing left? */
static bool
flush_all(struct setup *s)
{
	bool done = true;

	for (unsigned i = 0; i < s->n_workers; i++)
		for (unsigned k = 0; k < s->worker[i].n_ports; k++) {
			struct port *p = s->worker[i].port[k];
			if (p->stalled && p->ops->flush != NULL && !p->ops->flush(p))
				done = false;
		}
	return done;
}

bool
crew_flush(struct setup *s)
{
	const struct timespec pause = {.tv_nsec = 1000000l};

	for (unsigned ms = 0; ms < FLUSH_MS; ms++) {
		if (flush_all(s))
			return true;
		nanosleep(&pause, NULL);
	}
	return flush_all(s);
}

void
crew_stop(struct setup *s, bool for_good)
{
	if (for_good)
		atomic_store(&s->hub->instance[s->hub->seat].n_workers, 0);
	crew_pause(s);
}
