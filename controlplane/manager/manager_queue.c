/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manager_queue: what waits, for whom, and who waits for it. Loaders take urgent work (a person or
 * a changed file asked for one zone) before bulk work (a start, a reload of everything). */
#include "controlplane/manager/manager_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- tickets --- */

/* Of a command for the scanner. */
static uint64_t
oldest_command(const struct zone_manager *m)
{
	const struct command *c = STAILQ_FIRST(&m->commands);

	if (m->scanning != 0)
		return m->scanning; /* they are run in order */
	return c != NULL ? c->ticket : UINT64_MAX;
}

uint64_t
manager_oldest_ticket(const struct zone_manager *m)
{
	uint64_t oldest = oldest_command(m);
	const struct zone_entry *e;

	if ((e = TAILQ_FIRST(&m->bulk)) != NULL && e->ticket < oldest)
		oldest = e->ticket;
	if ((e = TAILQ_FIRST(&m->urgent)) != NULL && e->ticket < oldest)
		oldest = e->ticket;
	if ((e = TAILQ_FIRST(&m->updating)) != NULL && e->ticket < oldest)
		oldest = e->ticket;
	for (unsigned i = 0; i < m->n_loaders; i++)
		if (m->loader[i].ticket != 0 && m->loader[i].ticket < oldest)
			oldest = m->loader[i].ticket;
	return oldest;
}

bool
manager_waiter_done(const struct zone_manager *m, const struct waiter *w)
{
	const struct zone_entry *e;

	if (m->stopping)
		return true;
	if (!w->for_zone)
		return w->ticket < manager_oldest_ticket(m);
	if (w->ticket >= oldest_command(m))
		return false; /* the scanner may be about to add it */
	e = zone_table_find(&m->table, w->apex);
	return e == NULL ||
	       (e->announced && e->queue == ZONE_QUEUE_NONE && e->state != ZONE_LOADING);
}

void
manager_wake_waiters(struct zone_manager *m)
{
	struct waiters done = LIST_HEAD_INITIALIZER(done);
	struct waiter *w, *next;

	if (LIST_EMPTY(&m->waiters))
		return;
	for (w = LIST_FIRST(&m->waiters); w != NULL; w = next) {
		next = LIST_NEXT(w, link);
		if (manager_waiter_done(m, w)) {
			LIST_REMOVE(w, link);
			LIST_INSERT_HEAD(&done, w, link);
		}
	}
	pthread_mutex_unlock(&m->lock);
	while ((w = LIST_FIRST(&done)) != NULL) {
		LIST_REMOVE(w, link);
		w->fn(w->arg);
		free(w);
	}
	pthread_mutex_lock(&m->lock);
}

/* --- queues --- */

static struct zone_queue_head *
queue_of(struct zone_manager *m, const struct zone_entry *e)
{
	switch (e->queue) {
	case ZONE_QUEUE_BULK:
		return &m->bulk;
	case ZONE_QUEUE_URGENT:
		return &m->urgent;
	case ZONE_QUEUE_UPDATE:
		return &m->updating;
	default:
		return &m->away[e->instance];
	}
}

void
manager_unqueue_zone(struct zone_manager *m, struct zone_entry *e)
{
	if (e->queue == ZONE_QUEUE_NONE)
		return;
	TAILQ_REMOVE(queue_of(m, e), e, queue_link);
	e->queue = ZONE_QUEUE_NONE;
	m->n_queued--;
}

/* At the end, unless the scanner and a request crossed. */
static void
insert_by_ticket(struct zone_queue_head *q, struct zone_entry *e)
{
	struct zone_entry *before;

	TAILQ_FOREACH_REVERSE(before, q, zone_queue_head, queue_link)
	{
		if (before->ticket <= e->ticket) {
			TAILQ_INSERT_AFTER(q, before, e, queue_link);
			return;
		}
	}
	TAILQ_INSERT_HEAD(q, e, queue_link);
}

void
manager_queue_zone(struct zone_manager *m, struct zone_entry *e, enum zone_queue q, uint64_t ticket)
{
	/* by the scanner when it has announced it, and holds on to it no more; or by the loader
	 * that has it, whose ticket is older than this one */
	if (!e->announced || e->state == ZONE_LOADING) {
		if (!e->again)
			e->asked_ns = manager_clock_ns();
		e->again = true;
		return;
	}
	if (e->home == ZONE_HOME_BACKEND) {
		manager_queue_elsewhere(m, e);
		return;
	}
	if (e->queue == ZONE_QUEUE_URGENT || e->queue == ZONE_QUEUE_UPDATE || e->queue == q)
		return; /* with an older ticket, so this one waits for it */
	if (e->queue == ZONE_QUEUE_NONE)
		e->asked_ns = manager_clock_ns();
	manager_unqueue_zone(m, e);
	e->ticket = ticket;
	e->queue = (uint8_t)q;
	insert_by_ticket(q == ZONE_QUEUE_BULK ? &m->bulk : &m->urgent, e);
	m->n_queued++;
	pthread_cond_signal(&m->loader_work);
}

bool
manager_put_off(struct zone_manager *m, struct zone_entry *e)
{
	if (!e->busy || e->home != ZONE_HOME_STORE)
		return false;
	assert(e->queue == ZONE_QUEUE_NONE);
	e->queue = ZONE_QUEUE_UPDATE;
	insert_by_ticket(&m->updating, e);
	m->n_queued++;
	return true;
}

struct zone_entry *
manager_next_zone(struct zone_manager *m)
{
	struct zone_entry *e;

	do {
		e = TAILQ_FIRST(&m->urgent);
		if (e == NULL)
			e = TAILQ_FIRST(&m->bulk);
		if (e != NULL)
			manager_unqueue_zone(m, e);
	} while (e != NULL && manager_put_off(m, e));
	return e;
}

/* --- commands --- */

void
command_destroy(struct command *c)
{
	for (size_t i = 0; i < c->n_paths; i++)
		free(c->path[i]);
	free(c->path);
	manager_list_destroy(c->list);
	free(c);
}

int
manager_command_list(struct zone_manager *m, struct backend_list *l)
{
	struct command *c = calloc(1, sizeof *c);

	if (c == NULL)
		return -ENOMEM;
	c->kind = COMMAND_LIST;
	c->list = l;
	c->ticket = ++m->last_ticket;
	STAILQ_INSERT_TAIL(&m->commands, c, link);
	pthread_cond_signal(&m->scanner_work);
	return 0;
}

int
manager_command(
	struct zone_manager *m, enum command_kind kind, char **path, size_t n, uint64_t *ticket)
{
	struct command *c = NULL, *queued;

	STAILQ_FOREACH (queued, &m->commands, link)
		c = queued;
	/* reloads of everything that nobody has begun are one: a storm of SIGHUPs is two scans */
	if (c != NULL && kind != COMMAND_FILES &&
		(c->kind == kind || c->kind == COMMAND_FORCE_ALL)) {
		*ticket = c->ticket;
		return 0;
	}
	c = calloc(1, sizeof *c);
	if (c == NULL) {
		for (size_t i = 0; i < n; i++)
			free(path[i]);
		free(path);
		return -ENOMEM;
	}
	c->kind = kind;
	c->path = path;
	c->n_paths = n;
	c->ticket = ++m->last_ticket;
	STAILQ_INSERT_TAIL(&m->commands, c, link);
	pthread_cond_signal(&m->scanner_work);
	*ticket = c->ticket;
	return 0;
}
