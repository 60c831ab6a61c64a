/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_worker: see the header. */
#include "controlplane/api/api_worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WAITING_MAX 256u

struct api_worker {
	pthread_mutex_t lock;
	pthread_cond_t work;
	STAILQ_HEAD(, api_work) waiting; /* lock */
	unsigned n_waiting;              /* lock */
	_Atomic bool stopping;           /* written with the lock held */
	pthread_t thread;
};

static void *
body(void *arg)
{
	struct api_worker *w = arg;

	pthread_setname_np(pthread_self(), "api-worker");
	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct api_work *work = STAILQ_FIRST(&w->waiting);
		if (work == NULL && w->stopping)
			break;
		if (work == NULL) {
			pthread_cond_wait(&w->work, &w->lock);
			continue;
		}
		STAILQ_REMOVE_HEAD(&w->waiting, link);
		w->n_waiting--;
		pthread_mutex_unlock(&w->lock);
		work->run(work, w->stopping);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

int
api_worker_start(struct api_worker **out)
{
	struct api_worker *w = calloc(1, sizeof *w);
	int ret;

	if (w == NULL)
		return -ENOMEM;
	STAILQ_INIT(&w->waiting);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, NULL);
	ret = -pthread_create(&w->thread, NULL, body, w);
	if (ret != 0) {
		pthread_cond_destroy(&w->work);
		pthread_mutex_destroy(&w->lock);
		free(w);
		return ret;
	}
	*out = w;
	return 0;
}

int
api_worker_submit(struct api_worker *w, struct api_work *work)
{
	int ret = 0;

	pthread_mutex_lock(&w->lock);
	if (w->stopping) {
		ret = -ECANCELED;
	} else if (w->n_waiting >= WAITING_MAX) {
		ret = -EBUSY;
	} else {
		STAILQ_INSERT_TAIL(&w->waiting, work, link);
		w->n_waiting++;
		pthread_cond_signal(&w->work);
	}
	pthread_mutex_unlock(&w->lock);
	return ret;
}

bool
api_worker_stopping(const struct api_worker *w)
{
	return atomic_load_explicit(&w->stopping, memory_order_relaxed);
}

void
api_worker_stop(struct api_worker *w)
{
	bool was;

	pthread_mutex_lock(&w->lock);
	was = w->stopping;
	w->stopping = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
	if (!was)
		pthread_join(w->thread, NULL);
}

void
api_worker_destroy(struct api_worker *w)
{
	if (w == NULL)
		return;
	api_worker_stop(w);
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
