/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_aside: large zones that must be compiled as a whole, in one thread of their own, one
 * after the other, while the writer goes on with changes of other zones. All but the compilation
 * happens in the writer's thread, so the order of commits is the order of everything. */
#include "controlplane/changes/changes_internal.h"
#include "controlplane/manager/stored_zone.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#define ASIDES_MAX 32u /* that wait; beyond that the writer compiles, and so holds up who asks */

/* --- the thread that compiles --- */

/* From a snapshot that has at least what was committed when it was begun. */
static void
compile(struct changes *c, struct aside *a, struct zone_scratch *scratch)
{
	struct zone_update *u = &a->update;
	uint64_t since_ns = changes_clock_ns();
	struct stored_image made = {0};
	struct store_txn *t;

	u->error = c->given_up ? -ECANCELED : store_read(c->store, &t);
	if (u->error != 0)
		return;
	u->version = store_version(t);
	if (c->o.compiling != NULL)
		c->o.compiling(c->o.compiling_arg, a->since.apex);
	u->error = a->is_gone ? -ENOENT
			      : stored_zone_compile(zone_manager_arena(c->o.zones), t,
					a->since.apex, scratch, &u->report, &made);
	store_end(t);
	u->image = made.image;
	u->is_empty = made.is_empty;
	u->ms = (uint32_t)((changes_clock_ns() - since_ns) / 1000000);
}

void *
aside_main(void *arg)
{
	struct changes *c = arg;
	struct zone_scratch *scratch = zone_scratch_create(); /* without one it is slower */
	struct aside *a;

	pthread_setname_np(pthread_self(), "changes-large");
	pthread_mutex_lock(&c->lock);
	for (;;) {
		a = STAILQ_FIRST(&c->aside_waiting);
		if (a == NULL && !c->running)
			break;
		if (a == NULL) {
			pthread_cond_wait(&c->aside_work, &c->lock);
			continue;
		}
		STAILQ_REMOVE_HEAD(&c->aside_waiting, turn);
		a->begun = true;
		pthread_mutex_unlock(&c->lock);
		compile(c, a, scratch);
		a->result = zone_manager_update_end(c->o.zones, &a->update);
		malloc_trim(0); /* it took much, and nobody may ask again for long */
		pthread_mutex_lock(&c->lock);
		STAILQ_INSERT_TAIL(&c->aside_over, a, turn);
		pthread_cond_signal(&c->work);
	}
	pthread_mutex_unlock(&c->lock);
	zone_scratch_destroy(scratch);
	return NULL;
}

/* --- the writer --- */

struct aside *
aside_find(struct changes *c, const uint8_t *apex)
{
	unsigned len = name_octets(apex);
	struct aside *a;

	TAILQ_FOREACH (a, &c->asides, link)
		if (name_octets(a->since.apex) == len && memcmp(a->since.apex, apex, len) == 0)
			break;
	return a;
}

struct aside *
aside_begin(struct changes *c, const uint8_t *apex, const struct zone_update *u)
{
	struct aside *a = c->n_asides < ASIDES_MAX ? calloc(1, sizeof *a) : NULL;

	if (a == NULL)
		return NULL;
	a->update = *u;
	memcpy(a->since.apex, apex, name_octets(apex));
	STAILQ_INIT(&a->held);
	TAILQ_INSERT_TAIL(&c->asides, a, link);
	c->n_asides++;
	pthread_mutex_lock(&c->lock);
	STAILQ_INSERT_TAIL(&c->aside_waiting, a, turn);
	c->figures.compiling = c->n_asides;
	pthread_cond_signal(&c->aside_work);
	pthread_mutex_unlock(&c->lock);
	return a;
}

void
aside_add(struct changes *c, struct aside *a, const struct change_touched *z, uint64_t version)
{
	bool begun;

	pthread_mutex_lock(&c->lock);
	begun = a->begun;
	pthread_mutex_unlock(&c->lock);
	if (!begun && !a->is_gone)
		return; /* it will be in the snapshot */
	touched_add(&a->since, z);
	a->has_since = true;
	a->since_version = version;
}

void
aside_hold(struct aside *a, struct change_touched *z, uint64_t version)
{
	if (version == 0 && a->has_since)
		version = a->since_version;
	z->version = version;
	z->job->n_holds++;
	STAILQ_INSERT_TAIL(&a->held, z, held);
}

/* Answer those that waited for it up to this version. */
static void
release(struct changes *c, struct aside *a, uint64_t version)
{
	struct change_touched *z;

	while ((z = STAILQ_FIRST(&a->held)) != NULL && z->version <= version) {
		struct change_job *j = z->job;
		STAILQ_REMOVE_HEAD(&a->held, held);
		if (--j->n_holds == 0)
			changes_end_jobs(c, &j, 1);
	}
}

void
aside_forget(struct changes *c, struct aside *a)
{
	a->is_gone = true;
	touched_clear(&a->since);
	a->has_since = false;
	release(c, a, UINT64_MAX); /* what they changed has been, and is not any more */
}

/* Publish what was committed while it was compiled. */
static void
catch_up(struct changes *c, struct aside *a)
{
	struct store_txn *t;
	int ret = store_read(c->store, &t);

	if (ret != 0) {
		zone_manager_update_missed(c->o.zones, a->since.apex, a->since_version);
		c->has_unpublished = true;
		return;
	}
	changes_publish_zone(c, t, &a->since, a->since_version);
	store_end(t);
}

static void
settle(struct changes *c, struct aside *a)
{
	struct aside *next;

	TAILQ_REMOVE(&c->asides, a, link);
	c->n_asides--;
	pthread_mutex_lock(&c->lock);
	c->figures.compiling = c->n_asides;
	pthread_mutex_unlock(&c->lock);
	if (!a->is_gone) {
		changes_note_version(c, false, a->result);
		release(c, a, a->update.version);
	}
	if (a->has_since && (a->is_gone || a->since_version > a->update.version))
		catch_up(c, a);
	next = a->since.aside; /* it had to be compiled as a whole again */
	if (next != NULL)
		STAILQ_CONCAT(&next->held, &a->held);
	release(c, a, UINT64_MAX);
	touched_clear(&a->since);
	free(a);
}

void
aside_settle(struct changes *c, struct asides_turn *over)
{
	struct aside *a;

	while ((a = STAILQ_FIRST(over)) != NULL) {
		STAILQ_REMOVE_HEAD(over, turn);
		settle(c, a);
	}
}
