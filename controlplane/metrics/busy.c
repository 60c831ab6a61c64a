/* SPDX-License-Identifier: GPL-3.0-or-later */
/* busy: a ring of samples of one counter of each worker, and of the time. */
#include "controlplane/metrics/busy.h"

#include "controlplane/metrics/counters_sum.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct sample {
	uint64_t at_ns;
	uint64_t dataplane_ns; /* which dataplane */
	unsigned seat;
	uint64_t cycles[HUB_WORKERS_MAX];
};

struct busy {
	struct hub *hub;
	pthread_mutex_t lock;
	unsigned n, next; /* samples there are, and where the next one goes */
	struct sample sample[BUSY_SAMPLES + 1];
};

struct busy *
busy_create(struct hub *h)
{
	struct busy *b = calloc(1, sizeof *b);

	if (b == NULL)
		return NULL;
	b->hub = h;
	pthread_mutex_init(&b->lock, NULL);
	return b;
}

void
busy_destroy(struct busy *b)
{
	if (b == NULL)
		return;
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static void
take(const struct hub *h, struct sample *s)
{
	unsigned n = hub_workers(h);
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	s->at_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
	s->seat = hub_current_seat(h);
	s->dataplane_ns =
		atomic_load_explicit(&h->instance[s->seat].started_ns, memory_order_relaxed);
	for (unsigned i = 0; i < n; i++)
		s->cycles[i] = hub_counter(h, i, CTR_BUSY_CYCLES);
}

void
busy_sample(struct busy *b)
{
	(void)hub_refresh(b->hub); /* a dataplane that has started since counts */
	pthread_mutex_lock(&b->lock);
	take(b->hub, &b->sample[b->next]);
	if (b->n > 0) {
		const struct sample *before =
			&b->sample[(b->next + BUSY_SAMPLES) % (BUSY_SAMPLES + 1)];
		if (before->dataplane_ns != b->sample[b->next].dataplane_ns)
			b->n = 0;
	}
	b->next = (b->next + 1) % (BUSY_SAMPLES + 1);
	if (b->n < BUSY_SAMPLES + 1)
		b->n++;
	pthread_mutex_unlock(&b->lock);
}

double
busy_share(struct busy *b, unsigned worker)
{
	double share = 0;

	pthread_mutex_lock(&b->lock);
	if (b->n >= 2) {
		unsigned last = (b->next + BUSY_SAMPLES) % (BUSY_SAMPLES + 1);
		unsigned first = (b->next + BUSY_SAMPLES + 1 - b->n) % (BUSY_SAMPLES + 1);
		const struct sample *x = &b->sample[first], *y = &b->sample[last];
		const struct hub_worker *w = b->hub->worker[y->seat];
		double cycles = (double)y->cycles[worker] - (double)x->cycles[worker];
		double passed =
			worker < counters_running(b->hub, y->seat)
				? (double)(y->at_ns - x->at_ns) / 1e9 * (double)w[worker].tsc_hz
				: 0;
		if (passed > 0 && cycles > 0)
			share = cycles / passed;
	}
	pthread_mutex_unlock(&b->lock);
	return share < 1 ? share : 1;
}
