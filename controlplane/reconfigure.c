/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reconfigure: queue of requests, and taking over in the main loop what was read in the background
 * (reconfigure_read.c). Which configuration a process was started with is remembered as long as it
 * runs: a key that needs a restart differs from that one, not from what is taken over live.
 * Processes say a digest of theirs in the hub, so one that was restarted meanwhile is found to have
 * the new file already. */
#include "controlplane/reconfigure_private.h"
#include "config/log.h"
#include "controlplane/settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_CHANGES_MAX 30u /* told one by one in the log */

/* --- taking over: the main loop --- */

static void __attribute__((format(printf, 2, 3)))
fail(struct reconfigure_outcome *o, const char *format, ...)
{
	va_list args;

	o->verdict = RECONFIGURE_FAILED;
	va_start(args, format);
	if (o->error == NULL && vasprintf(&o->error, format, args) < 0)
		o->error = NULL;
	va_end(args);
}

/* From now on `next` is what runs; what the processes were started with is `next` too, unless one
 * waits for its restart. */
static void
take_over(struct reconfigure *r)
{
	struct config *old;

	for (size_t i = 0; i < RECONFIGURE_PROCESSES; i++) {
		if ((r->outcome->restart & reconfigure_process[i].bit) != 0)
			continue;
		config_free(r->started[i]);
		r->started[i] = config_hold(r->next);
	}
	pthread_mutex_lock(&r->lock);
	old = r->running;
	r->running = config_hold(r->next);
	pthread_mutex_unlock(&r->lock);
	config_free(old);
}

/* Undo what was published of a configuration that fails after all. */
static void
put_back(struct reconfigure *r, const struct settings *before, bool policy)
{
	/* the block that was there before fits where it was, sooner or later */
	if (before != NULL && settings_publish(r->o.publisher, before) != 0)
		log_error("the settings before cannot be put back");
	if (policy && policy_control_swap(r->o.policy, r->policy) != 0)
		log_error("the access list before cannot be put back");
}

/* All of it, or nothing: what can fail comes first. */
static void
apply(struct reconfigure *r)
{
	struct reconfigure_outcome *o = r->outcome;
	const struct settings *published = settings_published(r->o.arena);
	struct settings before = published != NULL ? *published : (struct settings){0};
	const struct config *next = r->next, *now = r->running;
	bool new_secret = now->answers.cookie_secret_set && !next->answers.cookie_secret_set;
	uint64_t since_ns = uv_hrtime();
	const char *error;
	int ret =
		reconfigure_publish_settings(r->o.publisher, r->o.arena, next, new_secret, &error);

	if (ret != 0) {
		fail(o, "the settings cannot be published: %s",
			error != NULL    ? error
			: ret == -ENOSPC ? "the arena is full"
					 : strerror(-ret));
		goto out;
	}
	ret = r->o.policy == NULL ? 0 : policy_control_swap(r->o.policy, r->policy);
	if (ret != 0) {
		put_back(r, published != NULL ? &before : NULL, false);
		fail(o, "the access list cannot be published: %s", strerror(-ret));
		goto out;
	}
	ret = zone_manager_reconfigure(
		r->o.zones, next, now->zones.default_ttl != next->zones.default_ttl, &o->ticket);
	if (ret != 0) {
		put_back(r, published != NULL ? &before : NULL, r->o.policy != NULL);
		fail(o, "%s", strerror(-ret));
		goto out;
	}
	reconfigure_publish_live(r->o.hub, next);
	log_set_threshold(next->log_level);
	o->verdict = o->restart != 0 ? RECONFIGURE_PARTLY : RECONFIGURE_DONE;
	take_over(r);
	r->o.applied(r->o.arg, r->running, o);
	o->apply_us = reconfigure_elapsed_us(since_ns);
out:
	explicit_bzero(&before, sizeof before);
}

static void
tell_log(const struct reconfigure *r)
{
	static const char *const headline[] = {
		[RECONFIGURE_DONE] = "configuration taken over",
		[RECONFIGURE_PARTLY] = "configuration taken over in part",
		[RECONFIGURE_RESTART] = ("configuration refused, nothing has changed: keys need a "
					 "restart"),
		[RECONFIGURE_BAD_FILE] = "configuration refused, nothing has changed",
		[RECONFIGURE_FAILED] = "configuration not taken over, nothing has changed",
		[RECONFIGURE_STOPPED] = "",
	};
	const struct reconfigure_outcome *o = r->outcome;
	bool good = o->verdict == RECONFIGURE_DONE;
	char names[128];

	log_write(good ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		"%s (%zu changes; read in %u us, applied in %u us)", headline[o->verdict],
		o->n_changes, o->read_us, o->apply_us);
	if (o->error != NULL)
		log_error("%s", o->error);
	for (size_t i = 0; i < o->n_changes && i < LOG_CHANGES_MAX; i++) {
		const struct reconfigure_change *c = &o->change[i];
		reconfigure_name_processes(c->restart, names, sizeof names);
		log_write(c->restart != 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "%s: %s -> %s%s%s",
			c->key, c->before, c->after, c->restart != 0 ? "; restart " : "", names);
	}
}

static void begin_next(struct reconfigure *r);

static void
read_ended(uv_work_t *work, int status)
{
	struct reconfigure *r = work->data;
	struct request *q = r->current;
	struct reconfigure_outcome *o = r->outcome;
	bool takes_over = q->kind == RECONFIGURE_WHOLE || q->kind == RECONFIGURE_PARTIAL;

	if (status != 0)
		fail(o, "%s", uv_strerror(status));
	if (o->verdict == RECONFIGURE_FAILED)
		fail(o, "out of memory");
	else if (o->verdict == RECONFIGURE_DONE && o->restart != 0 &&
		 q->kind != RECONFIGURE_PARTIAL)
		o->verdict = RECONFIGURE_RESTART;
	if (takes_over && o->verdict == RECONFIGURE_DONE)
		apply(r);
	if (takes_over)
		tell_log(r);
	config_free(r->next);
	r->next = NULL;
	policy_plan_free(r->policy);
	r->policy = NULL;
	r->outcome = NULL;
	r->current = NULL;
	if (q->done != NULL)
		q->done(q->arg, o);
	else
		reconfigure_outcome_free(o);
	free(q);
	begin_next(r);
}

/* --- requests --- */

static void
answer_without(struct request *q, enum reconfigure_verdict verdict)
{
	struct reconfigure_outcome *o = calloc(1, sizeof *o);

	if (o != NULL)
		o->verdict = verdict;
	if (q->done != NULL)
		q->done(q->arg, o);
	else
		reconfigure_outcome_free(o);
	free(q);
}

static void
begin_next(struct reconfigure *r)
{
	struct request *q;

	while (r->current == NULL) {
		pthread_mutex_lock(&r->lock);
		q = STAILQ_FIRST(&r->requests);
		if (q != NULL)
			STAILQ_REMOVE_HEAD(&r->requests, link);
		pthread_mutex_unlock(&r->lock);
		if (q == NULL)
			return;
		r->outcome = calloc(1, sizeof *r->outcome);
		if (r->outcome == NULL) {
			log_error("configuration: out of memory");
			answer_without(q, RECONFIGURE_FAILED);
			continue;
		}
		r->current = q;
		r->work.data = r;
		uv_queue_work(r->o.loop, &r->work, reconfigure_read, read_ended);
	}
}

static void
woken(uv_async_t *a)
{
	begin_next(a->data);
}

void
reconfigure_request(struct reconfigure *r, enum reconfigure_kind kind,
	void (*done)(void *arg, struct reconfigure_outcome *o), void *arg)
{
	struct request *q = calloc(1, sizeof *q);
	bool late;

	if (q == NULL) {
		log_error("configuration: out of memory");
		if (done != NULL)
			done(arg, NULL);
		return;
	}
	*q = (struct request){.kind = kind, .done = done, .arg = arg};
	pthread_mutex_lock(&r->lock);
	late = r->stopping;
	if (!late) {
		STAILQ_INSERT_TAIL(&r->requests, q, link);
		uv_async_send(&r->wake); /* under the lock: it is closed after stopping is set */
	}
	pthread_mutex_unlock(&r->lock);
	if (late)
		answer_without(q, RECONFIGURE_STOPPED);
}

struct config *
reconfigure_running(struct reconfigure *r)
{
	struct config *c;

	pthread_mutex_lock(&r->lock);
	c = config_hold(r->running);
	pthread_mutex_unlock(&r->lock);
	return c;
}

/* --- life --- */

int
reconfigure_start(struct reconfigure **out, const struct reconfigure_options *options)
{
	struct reconfigure *r = calloc(1, sizeof *r);
	int ret;

	if (r == NULL)
		return -ENOMEM;
	r->o = *options;
	STAILQ_INIT(&r->requests);
	ret = uv_async_init(options->loop, &r->wake, woken);
	if (ret != 0) {
		free(r);
		return ret;
	}
	r->wake.data = r;
	pthread_mutex_init(&r->lock, NULL);
	r->running = config_hold(options->config);
	for (size_t i = 0; i < RECONFIGURE_PROCESSES; i++)
		r->started[i] = config_hold(options->config);
	reconfigure_publish_live(options->hub, options->config);
	*out = r;
	return 0;
}

bool
reconfigure_stop(struct reconfigure *r)
{
	struct request *q;

	if (r == NULL)
		return true;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_mutex_unlock(&r->lock);
	while ((q = STAILQ_FIRST(&r->requests)) != NULL) {
		STAILQ_REMOVE_HEAD(&r->requests, link);
		answer_without(q, RECONFIGURE_STOPPED);
	}
	return r->current == NULL;
}

void
reconfigure_destroy(struct reconfigure *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < RECONFIGURE_PROCESSES; i++)
		config_free(r->started[i]);
	config_free(r->running);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
