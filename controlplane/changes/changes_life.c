/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_life: the engine's threads, from start to end. */
#include "controlplane/changes/changes_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define QUEUE_MAX 65536u
#define LARGE_RECORDS 20000u /* compiled in some 10 ms */
#define STACK_OCTETS (1u << 20)

/* The writer, and who compiles large zones for it. */
static int
start_threads(struct changes *c)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int ret = pthread_attr_init(&attr);

	if (ret != 0)
		return -ret;
	pthread_attr_setstacksize(&attr, STACK_OCTETS);
	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	c->running = true;
	ret = pthread_create(&c->aside_thread, &attr, aside_main, c);
	if (ret == 0) {
		ret = pthread_create(&c->thread, &attr, changes_writer_main, c);
		if (ret != 0) {
			pthread_mutex_lock(&c->lock);
			c->running = false;
			pthread_cond_signal(&c->aside_work);
			pthread_mutex_unlock(&c->lock);
			pthread_join(c->aside_thread, NULL);
		}
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return -ret;
}

int
changes_start(struct changes **out, const struct changes_options *o)
{
	struct changes *c = calloc(1, sizeof *c);
	pthread_condattr_t attr;
	int ret;

	if (c == NULL)
		return -ENOMEM;
	c->o = *o;
	c->store = o->store;
	strcpy(c->why, "The store is being opened; ask again");
	if (c->o.queue_max == 0)
		c->o.queue_max = QUEUE_MAX;
	if (c->o.large_records == 0)
		c->o.large_records = LARGE_RECORDS;
	c->default_soa_edit_api =
		strdup(o->default_soa_edit_api != NULL ? o->default_soa_edit_api : "DEFAULT");
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->work, &attr);
	pthread_cond_init(&c->ended, &attr);
	pthread_condattr_destroy(&attr);
	pthread_cond_init(&c->aside_work, NULL);
	STAILQ_INIT(&c->waiting);
	STAILQ_INIT(&c->aside_waiting);
	STAILQ_INIT(&c->aside_over);
	TAILQ_INIT(&c->asides);
	ret = c->default_soa_edit_api == NULL ? -ENOMEM : start_threads(c);
	if (ret != 0) {
		free(c->default_soa_edit_api);
		free(c);
		return ret;
	}
	*out = c;
	return 0;
}

void
changes_set_store(struct changes *c, struct store *store, const char *why)
{
	pthread_mutex_lock(&c->lock);
	c->store = store;
	if (why != NULL)
		snprintf(c->why, sizeof c->why, "%s", why);
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
}

void
changes_retry_views(struct changes *c)
{
	pthread_mutex_lock(&c->lock);
	c->has_unpublished_views = c->o.views != NULL;
	pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
}

bool
changes_stop(struct changes *c, unsigned patience_ms)
{
	struct timespec until;
	bool ended;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += patience_ms / 1000;
	until.tv_nsec += (long)(patience_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_cond_signal(&c->work);
	while (c->running && pthread_cond_timedwait(&c->ended, &c->lock, &until) == 0)
		;
	ended = !c->running;
	c->given_up = true;
	pthread_mutex_unlock(&c->lock);
	return ended;
}

void
changes_destroy(struct changes *c)
{
	if (c == NULL)
		return;
	pthread_join(c->thread, NULL);
	pthread_join(c->aside_thread, NULL);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->ended);
	pthread_cond_destroy(&c->aside_work);
	free(c->default_soa_edit_api);
	free(c);
}
