/* SPDX-License-Identifier: GPL-3.0-or-later */
/* instance: the loop of an instance's thread. Whatever a backend does, it does to this thread
 * alone.
 */
#include "controlplane/backends/instance.h"

#include "config/log.h"
#include "controlplane/backends/zone_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_MS 1000
#define HEALTH_MS 10000
#define BACKOFF_FIRST_MS 500u
#define BACKOFF_LAST_MS 30000u

int64_t
instance_clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- what a backend may ask of the host --- */

static void
host_log(const struct backend_host *h, enum backend_log_level level, const char *text)
{
	static const enum log_level levels[] = {
		LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG};

	if ((unsigned)level < sizeof levels / sizeof *levels)
		log_write(levels[level], "backend %s: %s", h->instance, text);
}

static int
host_zone_file(const struct backend_host *h, const uint8_t *apex, char *path, size_t room)
{
	const struct instance *i = h->arg;

	return zone_files_find(i->zone_files, apex, path, room);
}

static int
host_zone_files(const struct backend_host *h,
	int (*each)(void *arg, const uint8_t *apex, const char *path), void *arg)
{
	const struct instance *i = h->arg;

	return zone_files_each(i->zone_files, each, arg);
}

/* --- calls; the thread, without the lock --- */

static void
begin_call(struct instance *i)
{
	pthread_mutex_lock(&i->lock);
	i->running_since_ms = instance_clock_ms();
	pthread_mutex_unlock(&i->lock);
}

/* @param error  NULL: leave it */
static void
end_call(struct instance *i, bool open, const char *error)
{
	pthread_mutex_lock(&i->lock);
	i->running_since_ms = 0;
	i->state.open = open;
	if (error)
		snprintf(i->state.error, sizeof i->state.error, "%s", error);
	pthread_mutex_unlock(&i->lock);
}

/* Again later; each time it fails the pause doubles. */
static void
plan_open(struct instance *i)
{
	i->open_at_ms = instance_clock_ms() + i->backoff_ms;
	i->backoff_ms *= 2;
	if (i->backoff_ms > BACKOFF_LAST_MS)
		i->backoff_ms = BACKOFF_LAST_MS;
}

static void
try_open(struct instance *i)
{
	char error[BACKEND_ERROR_OCTETS] = "";
	bool first = i->backoff_ms == BACKOFF_FIRST_MS;
	int rc;

	begin_call(i);
	rc = i->api->open(&i->backend, &i->host, i->options.option, i->options.n, error);
	if (rc != 0) {
		i->backend = NULL;
		if (error[0] == '\0')
			snprintf(error, sizeof error, "%s", strerror(-rc));
		if (first)
			log_error("backend %s: %s; it is tried again", i->name, error);
		plan_open(i);
	} else {
		log_info("backend %s is open", i->name);
		i->poll_at_ms = instance_clock_ms() + POLL_MS;
		i->health_at_ms = instance_clock_ms() + HEALTH_MS;
		i->backoff_ms = BACKOFF_FIRST_MS;
		if (i->changed) /* who knows what has happened meanwhile */
			i->changed(i->arg, i->index, NULL);
	}
	pthread_mutex_lock(&i->lock);
	i->state.opens_total++;
	pthread_mutex_unlock(&i->lock);
	end_call(i, rc == 0, error);
}

static void
close_it(struct instance *i)
{
	if (i->backend)
		i->api->close(i->backend);
	i->backend = NULL;
}

static void
check_health(struct instance *i)
{
	char error[BACKEND_ERROR_OCTETS] = "";
	int rc;

	begin_call(i);
	rc = i->api->health(i->backend, error);
	if (rc != 0) {
		if (error[0] == '\0')
			snprintf(error, sizeof error, "%s", strerror(-rc));
		log_error("backend %s: %s; it is opened anew", i->name, error);
		close_it(i);
		plan_open(i);
	}
	i->health_at_ms = instance_clock_ms() + HEALTH_MS;
	end_call(i, rc == 0, error);
}

static void
on_changed(void *arg, const uint8_t *apex)
{
	struct instance *i = arg;

	if (i->changed)
		i->changed(i->arg, i->index, apex);
}

static void
poll_changes(struct instance *i)
{
	char error[BACKEND_ERROR_OCTETS] = "";
	int rc;

	begin_call(i);
	rc = i->api->poll(i->backend, on_changed, i, error);
	i->poll_at_ms = instance_clock_ms() + POLL_MS;
	if (rc != 0)
		i->health_at_ms = 0; /* which says what is wrong, if anything is */
	end_call(i, true, NULL);
}

/* Could it be that the source is gone? */
static bool
is_outage(int result)
{
	static const int harmless[] = {ENOENT, EEXIST, EROFS, EINVAL, ESTALE, ENOSPC, EAGAIN,
		ENOTSUP, ENOMEM, ECANCELED, EACCES, EPERM};

	for (unsigned k = 0; k < sizeof harmless / sizeof *harmless; k++)
		if (result == -harmless[k])
			return false;
	return result < 0;
}

/* The job may be gone afterwards. */
static void
run_job(struct instance *i, struct backend_job *j)
{
	int rc;

	begin_call(i);
	rc = j->run(j, i->api, i->backend);
	pthread_mutex_lock(&i->lock);
	i->running_since_ms = 0;
	i->state.calls_total++;
	i->state.failures_total += rc != 0;
	pthread_mutex_unlock(&i->lock);
	if (i->backend && is_outage(rc))
		i->health_at_ms = 0;
}

/* --- the loop --- */

/* What is due before any job. @return there was something */
static bool
do_due(struct instance *i)
{
	int64_t now = instance_clock_ms();

	if (!i->backend && now >= i->open_at_ms)
		try_open(i);
	else if (i->backend && now >= i->health_at_ms)
		check_health(i);
	else if (i->backend && (i->api->capabilities & BACKEND_WATCH) && now >= i->poll_at_ms)
		poll_changes(i);
	else
		return false;
	return true;
}

/* Lock held. */
static void
sleep_until_due(struct instance *i)
{
	int64_t until = !i->backend ? i->open_at_ms : i->health_at_ms;
	struct timespec t;

	if (i->backend && (i->api->capabilities & BACKEND_WATCH) && i->poll_at_ms < until)
		until = i->poll_at_ms;
	t.tv_sec = until / 1000;
	t.tv_nsec = until % 1000 * 1000000;
	pthread_cond_timedwait(&i->work, &i->lock, &t);
}

/* Lock held. */
static struct backend_job *
take_job(struct instance *i)
{
	struct backend_job *j = STAILQ_FIRST(&i->jobs);

	if (j) {
		STAILQ_REMOVE_HEAD(&i->jobs, link);
		i->state.queued--;
	}
	return j;
}

/* Lock held on entry and return. */
static void
give_up_jobs(struct instance *i)
{
	struct backend_job *j;

	while ((j = take_job(i)) != NULL) {
		pthread_mutex_unlock(&i->lock);
		(void)j->run(j, i->api, NULL);
		pthread_mutex_lock(&i->lock);
	}
}

static void *
instance_run(void *arg)
{
	struct instance *i = arg;
	struct backend_job *j;

	pthread_mutex_lock(&i->lock);
	while (!i->stopping) {
		pthread_mutex_unlock(&i->lock);
		if (do_due(i)) {
			pthread_mutex_lock(&i->lock);
			continue;
		}
		pthread_mutex_lock(&i->lock);
		j = i->stopping ? NULL : take_job(i);
		if (j) {
			pthread_mutex_unlock(&i->lock);
			run_job(i, j);
			pthread_mutex_lock(&i->lock);
		} else if (!i->stopping) {
			sleep_until_due(i);
		}
	}
	give_up_jobs(i);
	pthread_mutex_unlock(&i->lock);
	close_it(i);
	pthread_mutex_lock(&i->lock);
	i->state.open = false;
	i->ended = true;
	pthread_cond_broadcast(&i->ended_told);
	pthread_mutex_unlock(&i->lock);
	return NULL;
}

int
instance_start(struct instance *i)
{
	pthread_condattr_t attr;
	int rc;

	i->host = (struct backend_host){
		.abi_version = BACKEND_ABI_VERSION,
		.instance = i->name,
		.log = host_log,
		.arg = i,
		.zone_file = i->zone_files ? host_zone_file : NULL,
		.zone_files = i->zone_files ? host_zone_files : NULL,
	};
	i->backoff_ms = BACKOFF_FIRST_MS;
	i->state.name = i->name;
	i->state.api = i->api;
	STAILQ_INIT(&i->jobs);
	pthread_mutex_init(&i->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&i->work, &attr);
	pthread_cond_init(&i->ended_told, &attr);
	pthread_condattr_destroy(&attr);
	rc = pthread_create(&i->thread, NULL, instance_run, i);
	if (rc == 0)
		return 0;
	instance_destroy(i);
	return -rc;
}

void
instance_tell_stop(struct instance *i)
{
	pthread_mutex_lock(&i->lock);
	i->stopping = true;
	pthread_cond_signal(&i->work);
	pthread_mutex_unlock(&i->lock);
}

bool
instance_wait(struct instance *i, int64_t until_ms)
{
	struct timespec t = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
	bool ended;

	pthread_mutex_lock(&i->lock);
	while (!i->ended && pthread_cond_timedwait(&i->ended_told, &i->lock, &t) == 0)
		;
	ended = i->ended;
	if (!ended)
		give_up_jobs(i);
	pthread_mutex_unlock(&i->lock);
	if (ended)
		pthread_join(i->thread, NULL);
	return ended;
}

void
instance_destroy(struct instance *i)
{
	pthread_mutex_destroy(&i->lock);
	pthread_cond_destroy(&i->work);
	pthread_cond_destroy(&i->ended_told);
}
