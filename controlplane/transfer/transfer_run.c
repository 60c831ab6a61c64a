/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_run: one zone: its primaries one by one, until one has given a zone that can be served.
 * Receiving is the loop thread's; ordering and comparing, which take seconds for millions of
 * records, are done in libuv's pool, and writing by the engine's writer. */
#include "config/log.h"
#include "controlplane/manager/zone_names.h"
#include "controlplane/transfer/transfer_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIME_LEFT_MIN_MS 10u /* with less, nobody is asked any more */

static void ask_next(struct transfer *t);

static uint64_t
clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
transfer_gone_ms(const struct transfer *t)
{
	return t->spent_ms + (clock_ns() - t->begun_ns) / 1000000;
}

static void
forget_content(struct transfer *t)
{
	transfer_difference_end(&t->difference);
	transfer_content_destroy(t->content);
	t->content = NULL;
}

/* This primary did not do. */
static void
give_up_primary(struct transfer *t)
{
	char zone[ZONE_TEXT_OCTETS];

	zone_text_from_key(zone, t->zone->apex);
	log_warning("zone %s: transfer from %s: %s", zone, t->primary, t->error.text);
	forget_content(t);
	ask_next(t);
}

/* None of them will do. */
static void
give_up(struct transfer *t)
{
	char zone[ZONE_TEXT_OCTETS];

	zone_text_from_key(zone, t->zone->apex);
	log_warning("zone %s: transfer%s%s: %s", zone, t->primary[0] != '\0' ? " from " : "",
		t->primary, t->error.text);
	forget_content(t);
	transfer_over(t);
}

/* --- the writer --- */

static void
log_success(struct transfer *t, const struct transfer_figures *f)
{
	char zone[ZONE_TEXT_OCTETS];
	uint32_t before = t->outcome.serial_before;
	bool older = t->outcome.changed && before != 0 && (int32_t)(t->serial - before) < 0;

	zone_text_from_key(zone, t->zone->apex);
	if (f->dropped > 0)
		log_warning("zone %s: transfer from %s: %" PRIu64
			    " records outside the zone were dropped, the first: %s",
			zone, t->primary, f->dropped, f->first_dropped);
	if (!t->outcome.changed)
		log_info("zone %s: transferred from %s: serial %u, nothing has changed", zone,
			t->primary, t->serial);
	else
		log_info("zone %s: transferred from %s: serial %u -> %u%s, %" PRIu64
			 " records, %" PRIu64 " octets, %" PRIu64 " ms",
			zone, t->primary, before, t->serial, older ? " (an older one)" : "",
			f->records, t->octets, (clock_ns() - t->begun_ns) / 1000000);
}

static void
succeed(struct transfer *t)
{
	struct transfer_figures f;
	struct transfer_client *c = t->client;
	struct transfer_status *s = &t->zone->status;

	transfer_content_figures(t->content, &f);
	log_success(t, &f);
	t->error.result = t->outcome.changed ? TRANSFER_REPLACED : TRANSFER_UNCHANGED;
	t->error.text[0] = '\0';
	pthread_mutex_lock(&c->lock);
	if (t->zone->told_of != t->id)
		*s = (struct transfer_status){.state = s->state};
	t->zone->told_of = t->id;
	s->succeeded_s = time(NULL);
	s->serial = t->serial;
	s->records = f.records;
	s->dropped = f.dropped;
	s->octets = t->octets;
	s->ms = (uint32_t)((clock_ns() - t->begun_ns) / 1000000);
	c->totals.records += f.records;
	c->totals.dropped += f.dropped;
	histogram_add(&c->totals.seconds, clock_ns() - t->begun_ns, 1);
	pthread_mutex_unlock(&c->lock);
	forget_content(t);
	transfer_over(t);
}

/* Writer's thread, maybe more than once. */
static int
apply(struct change_job *job, struct store_txn *txn)
{
	struct transfer *t = (struct transfer *)((char *)job - offsetof(struct transfer, job));
	const char *changed;
	struct store_zone zone;
	int ret = store_zone_get(txn, t->zone->apex, &zone);

	if (ret != 0 && ret != -ENOENT)
		return ret;
	if (ret == -ENOENT)
		return change_refuse(
			&job->error, CHANGE_NOT_FOUND, "there is no such zone any more");
	if (!transfer_is_secondary(&zone))
		return change_refuse(
			&job->error, CHANGE_CONFLICT, "it is no secondary zone any more");
	ret = transfer_settings_hold(&t->settings, txn, &zone, &changed);
	if (ret != 0)
		return ret;
	if (changed != NULL)
		return change_refuse(&job->error, CHANGE_CONFLICT,
			"%s while it was retrieved: what came is not used", changed);
	if (!t->edits.whole &&
		(zone.id != t->difference.zone || zone.version != t->difference.version))
		return change_refuse(
			&job->error, CHANGE_STALE, "it was changed by somebody else meanwhile");
	ret = changes_edit(job, txn, &t->edits, &t->outcome);
	if (ret != 0)
		return ret;
	ret = store_zone_get(txn, t->zone->apex, &zone);
	if (ret != 0)
		return ret;
	zone.last_check = (uint32_t)time(NULL);
	return store_zone_update(txn, &zone);
}

/* Writer's thread. */
static void
done(struct change_job *job, int result)
{
	struct transfer *t = (struct transfer *)((char *)job - offsetof(struct transfer, job));
	struct transfer_client *c = t->client;

	t->job_ret = result;
	pthread_mutex_lock(&c->lock);
	STAILQ_INSERT_TAIL(&c->done, t, done_link);
	pthread_mutex_unlock(&c->lock);
	uv_async_send(&c->wake);
}

static void
submit(struct transfer *t)
{
	struct transfer_figures f;
	int ret;

	transfer_content_figures(t->content, &f);
	snprintf(t->who, sizeof t->who, "primary:%s", t->primary);
	t->edits = (struct zone_edits){
		.apex = t->zone->apex,
		.edit = t->difference.whole ? f.rrset : t->difference.edit,
		.n = t->difference.whole ? f.n : t->difference.n,
		.whole = t->difference.whole,
		.who = t->who,
		.origin = "axfr",
		.soa_edit = "OFF", /* the serial is the primary's */
	};
	t->job = (struct change_job){.apply = apply, .done = done, .octets = t->octets};
	ret = changes_submit(t->client->changes, &t->job);
	if (ret == 0)
		return;
	transfer_fail(&t->error, TRANSFER_FAILED, "%s",
		ret == -EBUSY ? "too many changes wait already" : "the control plane ends");
	give_up(t);
}

/* --- ordering and comparing: a thread of the pool --- */

static void
prepare(uv_work_t *work)
{
	struct transfer *t = work->data;
	struct transfer_figures f;

	transfer_content_figures(t->content, &f);
	t->work_ret = f.rrset != NULL ? 0 : transfer_content_finish(t->content, &t->error);
	if (t->work_ret != 0)
		return;
	t->work_ret =
		transfer_compare(t->store, t->zone->apex, t->content, t->whole, &t->difference);
	if (t->work_ret != 0)
		transfer_fail(&t->error, TRANSFER_FAILED, "%s",
			t->work_ret == -ENOENT ? "there is no such zone any more"
					       : strerror(-t->work_ret));
}

static void
prepared(uv_work_t *work, int status)
{
	struct transfer *t = work->data;

	if (status != 0)
		transfer_fail(&t->error, TRANSFER_FAILED, "%s", uv_strerror(status));
	if (status != 0 || t->work_ret != 0)
		give_up(t);
	else
		submit(t);
}

static void
begin_prepare(struct transfer *t)
{
	int ret;

	t->work.data = t;
	ret = uv_queue_work(&t->client->loop, &t->work, prepare, prepared);
	if (ret == 0)
		return;
	transfer_fail(&t->error, TRANSFER_FAILED, "%s", uv_strerror(ret));
	give_up(t);
}

void
transfer_written(struct transfer *t)
{
	const struct change_error *e = &t->job.error;

	if (t->job_ret == 0) {
		succeed(t);
		return;
	}
	if (e->verdict == CHANGE_STALE && !t->whole) {
		t->whole = true;
		transfer_difference_end(&t->difference);
		begin_prepare(t);
		return;
	}
	transfer_fail(&t->error, e->verdict == CHANGE_INVALID ? TRANSFER_INVALID : TRANSFER_FAILED,
		"%.500s", e->text);
	if (e->verdict == CHANGE_INVALID)
		give_up_primary(t);
	else
		give_up(t);
}

/* --- primaries --- */

static void
exchanged(void *arg, const struct transfer_error *e, uint64_t octets, uint32_t serial)
{
	struct transfer *t = arg;
	struct transfer_client *c = t->client;

	t->exchange = NULL;
	t->octets = octets;
	t->serial = serial;
	pthread_mutex_lock(&c->lock);
	c->totals.octets += octets;
	pthread_mutex_unlock(&c->lock);
	if (e->result == TRANSFER_REPLACED) {
		begin_prepare(t);
		return;
	}
	t->error = *e;
	give_up_primary(t);
}

/* @param left_ms  of the time that the transfer may take */
static int
begin_exchange(struct transfer *t, const struct sockaddr_storage *primary, uint64_t left_ms)
{
	const struct config *config = t->config;
	struct transfer_content_limits limits = {
		.records = config->transfer.records_max, .memory = config->transfer.memory_max};
	struct transfer_exchange_options o = {
		.loop = &t->client->loop,
		.primary = *primary,
		.source = t->settings.source,
		.apex = zone_key_apex(t->zone->apex),
		.tsig = t->settings.is_signed ? &t->settings.tsig : NULL,
		.timeout_ms = config->transfer.timeout_ms,
		.time_max_ms = left_ms,
		.octets_max = config->transfer.octets_max,
		.done = exchanged,
		.arg = t,
	};

	t->content = o.content = transfer_content_create(zone_key_apex(t->zone->apex), &limits);
	return t->content == NULL ? -ENOMEM : transfer_exchange_start(&t->exchange, &o);
}

/* With the last error when there is none left. */
static void
ask_next(struct transfer *t)
{
	uint64_t gone_ms = transfer_gone_ms(t), time_max_ms = t->config->transfer.time_max_ms;
	const struct sockaddr_storage *primary = &t->settings.primary[t->next];
	struct transfer_client *c = t->client;
	bool stopping;

	pthread_mutex_lock(&c->lock);
	stopping = c->stopping;
	pthread_mutex_unlock(&c->lock);
	if (stopping || t->next == t->settings.n_primaries) {
		transfer_over(t);
		return;
	}
	if (gone_ms + TIME_LEFT_MIN_MS > time_max_ms) {
		transfer_fail(&t->error, TRANSFER_TOO_LARGE,
			"it takes longer than 'transfer.time-max', with all of its primaries");
		give_up(t);
		return;
	}
	if (!transfer_take_turn(t, primary)) {
		transfer_put_back(t);
		return;
	}
	t->next++;
	transfer_format_address(primary, t->primary);
	if (begin_exchange(t, primary, time_max_ms - gone_ms) != 0) {
		transfer_fail(&t->error, TRANSFER_FAILED, "out of memory");
		give_up(t);
	}
}

void
transfer_cancel(struct transfer *t)
{
	if (t->exchange != NULL)
		transfer_exchange_cancel(t->exchange);
}

/* Lock held. What was asked for. */
static void
take_request(struct transfer *t, struct transfer_zone *zone)
{
	zone->status.state = TRANSFER_RUNNING;
	t->id = zone->running = zone->asked;
	if (zone->only)
		t->only = zone->primary;
	if (zone->put_back) {
		t->next = zone->resume_at;
		t->spent_ms = zone->spent_ms;
	}
}

void
transfer_begin(struct transfer_client *c, struct transfer_zone *zone)
{
	struct transfer *t = calloc(1, sizeof *t);

	if (t == NULL) {
		/* it is asked for again by whoever misses it */
		log_error("a transfer cannot begin: out of memory");
		pthread_mutex_lock(&c->lock);
		zone->status.state = TRANSFER_IDLE;
		TAILQ_INSERT_TAIL(&c->idle, zone, idle);
		pthread_mutex_unlock(&c->lock);
		return;
	}
	t->client = c;
	t->zone = zone;
	t->begun_ns = clock_ns();
	transfer_fail(&t->error, TRANSFER_FAILED, "the control plane ends");
	pthread_mutex_lock(&c->lock);
	take_request(t, zone);
	t->config = config_hold(c->config);
	t->store = c->store;
	pthread_mutex_unlock(&c->lock);
	LIST_INSERT_HEAD(&c->running, t, link);
	c->n_running++;
	if (transfer_settings_read(t->store, zone->apex, t->id,
		    t->only.ss_family == AF_UNSPEC ? NULL : &t->only, &t->settings,
		    &t->error) != 0) {
		give_up(t);
		return;
	}
	if (t->next >= t->settings.n_primaries) /* they are fewer since it was put back */
		t->next = 0;
	ask_next(t);
}
