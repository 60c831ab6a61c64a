/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_client: the queue, what is known of each zone, and the thread. */
#include "config/log.h"
#include "controlplane/transfer/transfer_internal.h"

#include <errno.h>
#include <malloc.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIM_OCTETS (4u << 20) /* received: then its memory is given back to the system */

const char *const transfer_state_word[TRANSFER_STATES] = {
	[TRANSFER_IDLE] = "idle",
	[TRANSFER_WAITING] = "waiting",
	[TRANSFER_RUNNING] = "running",
};

/* --- zones; lock held --- */

static int
compare_zones(const void *a, const void *b)
{
	const uint8_t *x = ((const struct transfer_zone *)a)->apex,
		      *y = ((const struct transfer_zone *)b)->apex;
	unsigned x_len = name_octets(x), y_len = name_octets(y);

	return x_len != y_len ? (x_len < y_len ? -1 : 1) : memcmp(x, y, x_len);
}

static struct transfer_zone *
find_zone(struct transfer_client *c, const uint8_t *apex)
{
	struct transfer_zone key, **found;

	memcpy(key.apex, apex, name_octets(apex));
	found = tfind(&key, &c->zones, compare_zones);
	return found == NULL ? NULL : *found;
}

static void
forget_zone(struct transfer_client *c, struct transfer_zone *z)
{
	tdelete(z, &c->zones, compare_zones);
	c->n_zones--;
	free(z);
}

/* A zone that nobody has asked for yet, among the idle. */
static struct transfer_zone *
add_zone(struct transfer_client *c, const uint8_t *apex)
{
	struct transfer_zone *z = calloc(1, sizeof *z), *oldest = TAILQ_FIRST(&c->idle);

	if (z == NULL)
		return NULL;
	memcpy(z->apex, apex, name_octets(apex));
	if (tsearch(z, &c->zones, compare_zones) == NULL) {
		free(z);
		return NULL;
	}
	if (++c->n_zones > TRANSFER_STATUSES_MAX && oldest != NULL) {
		TAILQ_REMOVE(&c->idle, oldest, idle);
		forget_zone(c, oldest);
	}
	TAILQ_INSERT_TAIL(&c->idle, z, idle);
	return z;
}

/* Behind the others of a primary. @return 0 or -ENOMEM */
static int
put_in_queue(
	struct transfer_client *c, struct transfer_zone *z, const struct sockaddr_storage *primary)
{
	int ret = transfer_turns_wait(&c->turns, z, primary);

	if (ret != 0)
		return ret;
	z->status.state = TRANSFER_WAITING;
	c->totals.waiting++;
	return 0;
}

static int
queue_zone(struct transfer_client *c, const struct transfer_request *r)
{
	struct transfer_zone *z = find_zone(c, r->apex);

	if (c->stopping)
		return -ECANCELED;
	if (c->totals.waiting >= TRANSFER_QUEUE_MAX)
		return -EBUSY;
	if (z == NULL)
		z = add_zone(c, r->apex);
	if (z == NULL)
		return -ENOMEM;
	if (z->status.state == TRANSFER_IDLE) {
		int ret = put_in_queue(c, z, r->primary);
		if (ret != 0)
			return ret;
		TAILQ_REMOVE(&c->idle, z, idle);
	}
	/* what was asked for last holds */
	z->again = z->status.state == TRANSFER_RUNNING;
	z->primary = *r->primary;
	z->only = r->only;
	z->asked = r->zone;
	z->put_back = z->put_back && z->again;
	return 0;
}

int
transfer_queue(struct transfer_client *c, const struct transfer_request *r)
{
	int ret;

	pthread_mutex_lock(&c->lock);
	ret = queue_zone(c, r);
	pthread_mutex_unlock(&c->lock);
	if (ret == 0)
		uv_async_send(&c->wake);
	return ret;
}

/* What is under way for this zone, and not for another one of its name. */
static enum transfer_state
state_of(const struct transfer_zone *z, uint64_t zone)
{
	enum transfer_state state = z->status.state;

	if (state == TRANSFER_RUNNING && z->running != zone)
		state = z->again ? TRANSFER_WAITING : TRANSFER_IDLE;
	return state == TRANSFER_WAITING && z->asked != zone ? TRANSFER_IDLE : state;
}

bool
transfer_status_of(
	struct transfer_client *c, const uint8_t *apex, uint64_t zone, struct transfer_status *out)
{
	struct transfer_zone *z;
	bool known = false;

	pthread_mutex_lock(&c->lock);
	z = find_zone(c, apex);
	if (z != NULL) {
		struct transfer_status none = {.checked_s = 0};
		*out = z->told_of == zone ? z->status : none;
		out->state = state_of(z, zone);
		known = z->told_of == zone || out->state != TRANSFER_IDLE;
		out->named[0] = '\0';
		if (out->state == TRANSFER_WAITING && z->primary.ss_family != AF_UNSPEC)
			transfer_format_address(&z->primary, out->named);
	}
	pthread_mutex_unlock(&c->lock);
	return known;
}

void
transfer_totals(struct transfer_client *c, struct transfer_totals *out)
{
	pthread_mutex_lock(&c->lock);
	*out = c->totals;
	pthread_mutex_unlock(&c->lock);
}

/* --- the loop's thread --- */

static bool
begin_next(struct transfer_client *c)
{
	struct transfer_zone *z = NULL;

	pthread_mutex_lock(&c->lock);
	if (!c->stopping && c->n_running < c->config->transfer.parallel)
		z = transfer_turns_next(&c->turns, c->config->transfer.parallel);
	if (z != NULL)
		c->totals.waiting--;
	pthread_mutex_unlock(&c->lock);
	if (z != NULL)
		transfer_begin(c, z);
	return z != NULL;
}

bool
transfer_take_turn(struct transfer *t, const struct sockaddr_storage *primary)
{
	struct transfer_client *c = t->client;
	struct transfer_zone *z = t->zone;
	bool mine;

	pthread_mutex_lock(&c->lock);
	transfer_turns_leave(&c->turns, t->turn);
	/* it has waited for this one already: it has its turn, whatever was asked for since */
	bool waited = z->put_back && t->next == z->resume_at;
	mine = transfer_turns_enter(
		&c->turns, primary, c->config->transfer.parallel, waited, &t->turn);
	pthread_mutex_unlock(&c->lock);
	return mine;
}

static void
end_transfer(struct transfer *t)
{
	transfer_settings_end(&t->settings);
	/* what a large zone took is not needed for serving */
	if (t->octets >= TRIM_OCTETS)
		malloc_trim(0);
	config_free(t->config);
	uv_async_send(&t->client->wake); /* there is room for another one */
	free(t);
}

/* Lock held. It is asked for no more, or it waits again. */
static void
settle(struct transfer_client *c, struct transfer_zone *z, bool wait,
	const struct sockaddr_storage *primary)
{
	z->again = false;
	if (wait && !c->stopping && put_in_queue(c, z, primary) == 0)
		return;
	if (wait && !c->stopping)
		log_error("a zone that was to be retrieved is not: out of memory");
	z->status.state = TRANSFER_IDLE;
	TAILQ_INSERT_TAIL(&c->idle, z, idle);
}

void
transfer_put_back(struct transfer *t)
{
	struct transfer_client *c = t->client;
	struct transfer_zone *z = t->zone;

	LIST_REMOVE(t, link);
	c->n_running--;
	pthread_mutex_lock(&c->lock);
	z->put_back = !z->again; /* what was asked for meanwhile begins with the first one */
	if (z->put_back) {
		z->resume_at = t->next;
		z->spent_ms = transfer_gone_ms(t);
	}
	settle(c, z, true, z->put_back ? &t->settings.primary[t->next] : &z->primary);
	pthread_mutex_unlock(&c->lock);
	end_transfer(t);
}

void
transfer_over(struct transfer *t)
{
	struct transfer_client *c = t->client;
	struct transfer_zone *z = t->zone;
	struct transfer_status *s = &z->status;

	LIST_REMOVE(t, link);
	c->n_running--;
	pthread_mutex_lock(&c->lock);
	transfer_turns_leave(&c->turns, t->turn);
	c->totals.result[t->error.result]++;
	if (z->told_of != t->id)
		*s = (struct transfer_status){.state = s->state};
	z->told_of = t->id;
	s->checked_s = time(NULL);
	s->result = t->error.result;
	memcpy(s->primary, t->primary, sizeof s->primary);
	memcpy(s->error, t->error.text, sizeof s->error);
	z->put_back = false;
	settle(c, z, z->again, &z->primary);
	pthread_mutex_unlock(&c->lock);
	end_transfer(t);
}

static void
end_loop(struct transfer_client *c)
{
	struct transfer *t, *next;

	for (t = LIST_FIRST(&c->running); t != NULL; t = next) {
		next = LIST_NEXT(t, link);
		transfer_cancel(t);
	}
	if (c->n_running == 0 && !uv_is_closing((uv_handle_t *)&c->wake))
		uv_close((uv_handle_t *)&c->wake, NULL);
}

static void
woken(uv_async_t *wake)
{
	struct transfer_client *c = wake->data;
	struct transfer_done done = STAILQ_HEAD_INITIALIZER(done);
	struct transfer *t;
	bool stopping;

	pthread_mutex_lock(&c->lock);
	STAILQ_CONCAT(&done, &c->done);
	pthread_mutex_unlock(&c->lock);
	while ((t = STAILQ_FIRST(&done)) != NULL) {
		STAILQ_REMOVE_HEAD(&done, done_link);
		transfer_written(t);
	}
	while (begin_next(c))
		;
	pthread_mutex_lock(&c->lock);
	c->totals.running = c->n_running;
	stopping = c->stopping;
	pthread_mutex_unlock(&c->lock);
	if (stopping)
		end_loop(c);
}

static void *
run(void *arg)
{
	struct transfer_client *c = arg;

	pthread_setname_np(pthread_self(), "transfers");
	uv_run(&c->loop, UV_RUN_DEFAULT); /* until the last handle is closed */
	pthread_mutex_lock(&c->lock);
	c->ended = true;
	pthread_cond_signal(&c->has_ended);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* --- life --- */

static int
start_thread(struct transfer_client *c)
{
	sigset_t all, old;
	int ret = uv_loop_init(&c->loop);

	if (ret != 0)
		return ret;
	uv_async_init(&c->loop, &c->wake, woken);
	c->wake.data = c;
	sigfillset(&all); /* signals are for the main thread */
	pthread_sigmask(SIG_BLOCK, &all, &old);
	ret = -pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret != 0) {
		uv_close((uv_handle_t *)&c->wake, NULL);
		uv_run(&c->loop, UV_RUN_DEFAULT);
		uv_loop_close(&c->loop);
	}
	return ret;
}

int
transfer_start(struct transfer_client **out, const struct transfer_options *o)
{
	struct transfer_client *c = calloc(1, sizeof *c);
	pthread_condattr_t attr;
	int ret;

	if (c == NULL)
		return -ENOMEM;
	c->changes = o->changes;
	c->config = config_hold(o->config);
	transfer_turns_init(&c->turns);
	STAILQ_INIT(&c->done);
	TAILQ_INIT(&c->idle);
	LIST_INIT(&c->running);
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->has_ended, &attr);
	pthread_condattr_destroy(&attr);
	ret = start_thread(c);
	if (ret != 0) {
		config_free(c->config);
		free(c);
		return ret;
	}
	*out = c;
	return 0;
}

void
transfer_set_store(struct transfer_client *c, struct store *store)
{
	pthread_mutex_lock(&c->lock);
	c->store = store;
	pthread_mutex_unlock(&c->lock);
}

void
transfer_reconfigure(struct transfer_client *c, const struct config *config)
{
	struct config *old;

	pthread_mutex_lock(&c->lock);
	old = c->config;
	c->config = config_hold(config);
	pthread_mutex_unlock(&c->lock);
	config_free(old);
	uv_async_send(&c->wake);
}

bool
transfer_stop(struct transfer_client *c, unsigned patience_ms)
{
	struct timespec until;
	bool ended;

	if (c == NULL)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += patience_ms / 1000;
	until.tv_nsec += (long)(patience_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	pthread_mutex_unlock(&c->lock);
	uv_async_send(&c->wake);
	pthread_mutex_lock(&c->lock);
	while (!c->ended && pthread_cond_timedwait(&c->has_ended, &c->lock, &until) == 0)
		;
	ended = c->ended;
	pthread_mutex_unlock(&c->lock);
	return ended;
}

void
transfer_destroy(struct transfer_client *c)
{
	if (c == NULL)
		return;
	pthread_join(c->thread, NULL);
	uv_loop_close(&c->loop);
	transfer_turns_end(&c->turns);
	tdestroy(c->zones, free);
	config_free(c->config);
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->has_ended);
	free(c);
}
