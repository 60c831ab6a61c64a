/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes: the queue and the writer. A batch is what waits when the writer comes round; it waits
 * for nobody. When a job fails behind its first write, the transaction is given up and the jobs
 * before it run again without it, so each job runs twice at most for another's fault; those behind
 * it are the next batch. */
#include "controlplane/changes/changes_internal.h"
#include "config/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_JOBS 1000u
/* What the jobs of a batch say that they write, or were asked for with, unless one alone has more:
 * some 20 to 50 ms of work, that whoever comes behind waits for. */
#define BATCH_OCTETS (4u << 20)
#define RETRY_NS 5000000000u /* between tries to do what could not be done */
#define PURGE_NS 200000000u  /* between pieces of deleted zones, when there is other work */

uint64_t
changes_clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int
change_refuse(struct change_error *e, enum change_verdict v, const char *format, ...)
{
	static const int number[] = {
		[CHANGE_OK] = -EINVAL,
		[CHANGE_INVALID] = -EINVAL,
		[CHANGE_NOT_FOUND] = -ENOENT,
		[CHANGE_CONFLICT] = -EEXIST,
		[CHANGE_STALE] = -ESTALE,
		[CHANGE_READ_ONLY] = -EROFS,
		[CHANGE_NO_SPACE] = -ENOSPC,
		[CHANGE_BUSY] = -EBUSY,
		[CHANGE_FAILED] = -EIO,
	};
	va_list args;

	if (e->verdict != CHANGE_OK)
		return number[e->verdict];
	e->verdict = v;
	va_start(args, format);
	vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	return number[v];
}

/* A failure that nobody has put into words. */
static void
explain(struct change_job *j, int error)
{
	if (error == -ENOSPC)
		change_refuse(&j->error, CHANGE_NO_SPACE,
			"No space left for the store: nothing was changed; make room on its disk");
	else if (error == -ECANCELED)
		change_refuse(&j->error, CHANGE_BUSY,
			"The control plane is stopping; nothing was changed");
	else
		change_refuse(&j->error, CHANGE_FAILED, "The store failed: %s; nothing was changed",
			strerror(-error));
}

/* --- one batch --- */

/* The jobs of a batch, and what came of those that are over. */
struct batch {
	struct change_job *job[BATCH_JOBS];
	size_t n;
};

static void
forget(struct change_job *j)
{
	touched_destroy_all(j->touched);
	j->touched = NULL;
	j->touched_views = false;
	j->error = (struct change_error){0};
}

static void
fail(struct change_job *j, int error)
{
	touched_destroy_all(j->touched);
	j->touched = NULL;
	j->result = error;
	explain(j, error);
}

/* Run them in this order. Those that fail before they write are over, the others go on.
 * @param[out] culprit  index of one that failed behind a write: the transaction must be given up
 * @return whether anything was written */
static bool
apply_all(struct batch *b, size_t n, struct store_txn *t, size_t *culprit)
{
	*culprit = SIZE_MAX;
	for (size_t i = 0; i < n; i++) {
		struct change_job *j = b->job[i];
		uint64_t writes = store_writes(t);
		int ret;
		if (j->result != 0)
			continue;
		forget(j);
		ret = j->apply(j, t);
		if (ret != 0) {
			fail(j, ret < 0 ? ret : -EINVAL);
			if (store_writes(t) == writes)
				continue;
			*culprit = i;
			return false;
		}
	}
	return store_writes(t) > 0;
}

static void
fail_all(struct batch *b, size_t n, int error)
{
	for (size_t i = 0; i < n; i++)
		if (b->job[i]->result == 0)
			fail(b->job[i], error);
}

static int
commit(struct changes *c, struct store_txn *t, uint64_t *version)
{
	uint64_t since_ns = changes_clock_ns();
	int ret;

	*version = store_version(t);
	ret = store_commit(t);
	pthread_mutex_lock(&c->lock);
	c->figures.batches_total += ret == 0;
	histogram_add(&c->figures.commit, changes_clock_ns() - since_ns, 1);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

/* Some of the first n of them as one commit. One that failed behind a write keeps its result, and
 * those behind it wait for the next round, which passes it over.
 * @return how many are over; 0: the commit failed, they are to be run one by one */
static size_t
run_jobs(struct changes *c, struct batch *b, size_t n, uint64_t *version)
{
	struct store_txn *t;
	size_t culprit;
	bool wrote;
	int ret;

	*version = 0;
	do {
		ret = store_write(c->store, &t);
		if (ret != 0) {
			fail_all(b, n, ret);
			return n;
		}
		wrote = apply_all(b, n, t, &culprit);
		if (culprit == SIZE_MAX)
			break;
		store_end(t);
		pthread_mutex_lock(&c->lock);
		c->figures.batch_retries_total++;
		pthread_mutex_unlock(&c->lock);
		n = culprit;
	} while (n > 0);
	if (n == 0)
		return 1;
	if (!wrote) {
		store_end(t);
		return n;
	}
	ret = commit(c, t, version);
	if (ret == 0)
		return n;
	*version = 0;
	/* what was refused may rest on something that has not happened now */
	for (size_t i = n > 1 ? 0 : n; i < b->n; i++)
		b->job[i]->result = 0;
	if (n > 1)
		return 0;
	fail_all(b, n, ret);
	return n;
}

void
changes_end_jobs(struct changes *c, struct change_job *const *job, size_t n)
{
	uint64_t now_ns = changes_clock_ns();

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < n; i++) {
		if (job[i]->n_holds > 0)
			continue;
		c->figures.failed_total += job[i]->result != 0;
		histogram_add(&c->figures.total, now_ns - job[i]->submitted_ns, 1);
		c->figures.jobs_total++;
	}
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < n; i++) {
		struct change_job *j = job[i];
		if (j->n_holds > 0)
			continue;
		touched_destroy_all(j->touched);
		j->touched = NULL;
		j->done(j, j->result);
	}
}

/* Those that touched a zone which is being compiled aside are told when that is over. */
static void
hold_jobs(struct batch *b, size_t n, uint64_t version)
{
	for (size_t i = 0; i < n; i++)
		for (struct change_touched *z = b->job[i]->touched; z != NULL; z = z->next) {
			struct aside *a = z->into != NULL ? z->into->aside : z->aside;
			if (a != NULL)
				aside_hold(a, z,
					touched_is_nothing(z->into != NULL ? z->into : z)
						? 0
						: version);
		}
}

/* Publish what n jobs changed, and tell them. */
static void
settle(struct changes *c, struct batch *b, size_t n, uint64_t version)
{
	struct touched_zones zones = {0};
	bool views = false;

	/* without a commit it is only about what others are waiting for */
	for (size_t i = 0; i < n && (version != 0 || c->n_asides > 0); i++) {
		struct change_job *j = b->job[i];
		views |= version != 0 && j->result == 0 && j->touched_views;
		if (j->result != 0 || touched_merge(&zones, j->touched) == 0)
			continue;
		/* no memory to remember what: the manager finds out, later */
		for (struct change_touched *z = j->touched; z != NULL; z = z->next)
			if (!touched_is_nothing(z))
				zone_manager_update_missed(c->o.zones, z->apex, version);
	}
	changes_publish(c, &zones, version);
	touched_zones_free(&zones);
	if (views && c->o.views != NULL)
		c->has_unpublished_views = c->o.views(c->o.views_arg, c->store) != 0;
	hold_jobs(b, n, version);
	changes_end_jobs(c, b->job, n);
}

static void
run_batch(struct changes *c, struct batch *b)
{
	size_t alone = 0; /* jobs that are run one by one, since a commit failed */
	uint64_t version;

	while (b->n > 0) {
		size_t over = run_jobs(c, b, alone > 0 ? 1 : b->n, &version);
		if (over == 0) {
			alone = b->n;
			continue;
		}
		alone -= over < alone ? over : alone;
		settle(c, b, over, version);
		b->n -= over;
		memmove(b->job, b->job + over, b->n * sizeof *b->job);
	}
}

/* There is no store to write to. */
static void
turn_away(struct changes *c, struct batch *b)
{
	char why[STORE_ERROR_OCTETS];

	pthread_mutex_lock(&c->lock);
	memcpy(why, c->why, sizeof why);
	pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < b->n; i++)
		b->job[i]->result = change_refuse(&b->job[i]->error, CHANGE_BUSY, "%s", why);
	changes_end_jobs(c, b->job, b->n);
}

/* --- the writer --- */

/* Is something to be tried again? From then on it is, every RETRY_NS, however much else there is to
 * do. */
static bool
has_retries(struct changes *c)
{
	if (!c->has_unpublished && !c->has_unpublished_views && !c->purge_failed)
		c->retry_ns = 0;
	else if (c->retry_ns == 0)
		c->retry_ns = changes_clock_ns() + RETRY_NS;
	return c->retry_ns != 0;
}

/* Wait for work, or until it is time to try again. Lock held. */
static void
wait_for_work(struct changes *c)
{
	struct timespec until;

	if (!has_retries(c)) {
		pthread_cond_wait(&c->work, &c->lock);
		return;
	}
	until.tv_sec = (time_t)(c->retry_ns / 1000000000u);
	until.tv_nsec = (long)(c->retry_ns % 1000000000u);
	pthread_cond_timedwait(&c->work, &c->lock, &until);
}

/* Lock held on entry and return. */
static void
retry(struct changes *c)
{
	struct store *store = c->store;

	if (!has_retries(c) || changes_clock_ns() < c->retry_ns)
		return;
	c->retry_ns = 0;
	pthread_mutex_unlock(&c->lock);
	c->purge_failed = false;
	c->has_unpublished = zone_manager_retry(c->o.zones) > 0;
	if (c->has_unpublished_views && store != NULL)
		c->has_unpublished_views = c->o.views(c->o.views_arg, store) != 0;
	pthread_mutex_lock(&c->lock);
}

/* Lock held. */
static void
take_batch(struct changes *c, struct batch *b)
{
	struct change_job *j;
	size_t octets = 0;

	b->n = 0;
	while (b->n < BATCH_JOBS && (j = STAILQ_FIRST(&c->waiting)) != NULL) {
		if (b->n > 0 && (octets == BATCH_OCTETS || j->octets > BATCH_OCTETS - octets))
			break;
		octets += j->octets < BATCH_OCTETS - octets ? j->octets : BATCH_OCTETS - octets;
		STAILQ_REMOVE_HEAD(&c->waiting, link);
		b->job[b->n++] = j;
	}
	c->figures.queued -= (uint32_t)b->n;
}

static void
cancel(struct changes *c, struct batch *b)
{
	fail_all(b, b->n, -ECANCELED);
	changes_end_jobs(c, b->job, b->n);
}

/* Lock held on entry and return. */
static void
settle_asides(struct changes *c)
{
	struct asides_turn over = STAILQ_HEAD_INITIALIZER(over);

	STAILQ_CONCAT(&over, &c->aside_over);
	pthread_mutex_unlock(&c->lock);
	aside_settle(c, &over);
	pthread_mutex_lock(&c->lock);
}

/* A piece of what deleted zones have left goes: when there is nothing else to do, and now and then
 * when there is. Lock held on entry and return. @return whether there was anything to do */
static bool
purge(struct changes *c, bool idle)
{
	struct store *store = c->store;
	int ret;

	if (store == NULL || c->purge_failed || !store_wants_purge(store) ||
		(!idle && changes_clock_ns() - c->purged_ns < PURGE_NS))
		return false;
	pthread_mutex_unlock(&c->lock);
	ret = store_purge(store);
	c->purge_failed = ret < 0;
	c->purged_ns = changes_clock_ns();
	pthread_mutex_lock(&c->lock);
	return true;
}

void *
changes_writer_main(void *arg)
{
	struct changes *c = arg;
	struct batch *b = calloc(1, sizeof *b);
	bool has_store;

	pthread_setname_np(pthread_self(), "changes");
	c->scratch = zone_scratch_create(); /* without one it is slower */
	pthread_mutex_lock(&c->lock);
	for (;;) {
		retry(c);
		if (!STAILQ_EMPTY(&c->aside_over)) {
			settle_asides(c);
			continue;
		}
		if (STAILQ_EMPTY(&c->waiting)) {
			if ((c->stopping && c->n_asides == 0) || b == NULL)
				break;
			if (!purge(c, true))
				wait_for_work(c);
			continue;
		}
		take_batch(c, b);
		has_store = c->store != NULL;
		pthread_mutex_unlock(&c->lock);
		if (c->given_up)
			cancel(c, b);
		else if (!has_store)
			turn_away(c, b);
		else
			run_batch(c, b);
		pthread_mutex_lock(&c->lock);
		purge(c, false);
	}
	zone_scratch_destroy(c->scratch);
	free(b);
	c->running = false;
	pthread_cond_signal(&c->ended);
	pthread_cond_signal(&c->aside_work);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* --- requests --- */

int
changes_submit(struct changes *c, struct change_job *j)
{
	int ret = 0;

	j->owner = c;
	j->touched = NULL;
	j->n_holds = 0;
	j->result = 0;
	j->error = (struct change_error){0};
	j->submitted_ns = changes_clock_ns();
	pthread_mutex_lock(&c->lock);
	if (c->stopping)
		ret = -ECANCELED;
	else if (c->figures.queued >= c->o.queue_max)
		ret = -EBUSY;
	if (ret == 0) {
		STAILQ_INSERT_TAIL(&c->waiting, j, link);
		if (c->figures.queued++ == 0)
			pthread_cond_signal(&c->work);
	}
	pthread_mutex_unlock(&c->lock);
	return ret;
}

void
changes_figures(struct changes *c, struct changes_figures *out)
{
	struct store *store;

	pthread_mutex_lock(&c->lock);
	*out = c->figures;
	store = c->store;
	pthread_mutex_unlock(&c->lock);
	out->has_store = store != NULL;
	if (store != NULL)
		store_figures(store, &out->store);
}

const char *
changes_default_soa_edit_api(const struct changes *c)
{
	return c->default_soa_edit_api;
}
