/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manager_changes: zone_manager's side towards the engine of changes: versions of zones of the
 * store that somebody else compiled. The engine's thread, like a loader's, works without the lock
 * and publishes under it. */
#include "controlplane/manager/manager_internal.h"
#include "config/log.h"
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_patch.h"

#include <errno.h>
#include <string.h>

int
zone_manager_set_store(struct zone_manager *m, struct store *store)
{
	uint64_t ticket;
	int ret;

	pthread_mutex_lock(&m->lock);
	m->store = store;
	m->store_awaited = false;
	ret = manager_command(m, COMMAND_STORE, NULL, 0, &ticket);
	pthread_mutex_unlock(&m->lock);
	return ret;
}

/* A zone that the store has since a moment ago. Lock held. */
static struct zone_entry *
add_zone(struct zone_manager *m, const uint8_t *apex)
{
	struct zone_entry *e = zone_table_add(&m->table, apex, NULL);
	char zone[ZONE_TEXT_OCTETS];
	uint64_t image;

	if (e == NULL) {
		zone_text_from_key(zone, apex);
		log_error("zone %s is stored, but not served yet: out of memory", zone);
		m->n_missed++;
		return NULL;
	}
	e->seen = m->scan_count;
	e->announced = true;
	/* an earlier control plane's, that the scanner has not come to yet */
	image = zone_published(m->o.publisher, apex);
	if (image != 0)
		manager_adopt(m, e, image);
	return e;
}

/* The scanner holds on to zones that it has not announced yet. Lock held. */
static struct zone_entry *
find_announced(struct zone_manager *m, const uint8_t *apex)
{
	struct zone_entry *e;

	while ((e = zone_table_find(&m->table, apex)) != NULL && !e->announced && !m->stopping)
		pthread_cond_wait(&m->zone_free, &m->lock);
	return e;
}

int
zone_manager_update_begin(
	struct zone_manager *m, const uint8_t *apex, uint64_t version, struct zone_update *u)
{
	struct zone_entry *e;
	int ret = 0;

	memset(u, 0, sizeof *u);
	pthread_mutex_lock(&m->lock);
	e = find_announced(m, apex);
	if (e == NULL)
		e = add_zone(m, apex);
	if (e == NULL)
		ret = -ENOMEM;
	else if (!e->announced)
		ret = -ECANCELED;
	else if (e->home != ZONE_HOME_STORE)
		ret = -EEXIST;
	if (ret == 0) {
		u->entry = e;
		u->base = e->current && e->serving ? zone_published(m->o.publisher, apex) : 0;
		e->version = u->version = version;
		e->busy = true;
	}
	pthread_mutex_unlock(&m->lock);
	return ret;
}

static void
discard(struct zone_manager *m, struct zone_update *u)
{
	if (u->image != 0 && u->patched)
		zone_patch_discard(m->o.arena, u->base, u->image);
	else if (u->image != 0)
		zone_image_free(m->o.arena, u->image);
	u->image = 0;
}

/* Lock held. */
static int
publish(struct zone_manager *m, struct zone_update *u)
{
	struct zone_entry *e = u->entry;
	int ret;

	if (u->image == 0)
		return u->error != 0 ? u->error : -EIO;
	ret = u->patched ? zone_publish_patched(m->o.publisher, u->base, u->image)
			 : zone_publish(m->o.publisher, u->image);
	if (ret != 0) {
		discard(m, u);
		manager_report_error(&u->report, "store", ret);
		return ret;
	}
	/* a later one may have been committed, which was missed */
	e->current = u->version >= e->version;
	if (e->current)
		e->version = u->version;
	e->load_ms = u->ms;
	manager_note_published(
		m, e, arena_at(m->o.arena, u->image, sizeof(struct image)), u->is_empty);
	return 0;
}

static void
tell_unpublished(const struct zone_entry *e, const struct zone_report *report, int error)
{
	char zone[ZONE_TEXT_OCTETS];
	const char *why = strerror(-error);

	for (size_t i = report->n; i-- > 0;)
		if (report->finding[i].severity == ZONE_ERROR && report->finding[i].text != NULL)
			why = report->finding[i].text;
	zone_text_from_key(zone, e->apex);
	log_error("zone %s: a change is stored, but not served yet: %s", zone, why);
}

/* Who asked for a load meanwhile has what he asked for with the version that is served now; without
 * one the load is tried. Lock held on entry and return, not in between: the entry may be gone then.
 */
static void
answer_asked(struct zone_manager *m, struct zone_entry *e)
{
	manager_unqueue_zone(m, e);
	if (!e->current)
		manager_queue_zone(m, e, ZONE_QUEUE_URGENT, e->ticket);
	manager_work_ended(m);
}

int
zone_manager_update_end(struct zone_manager *m, struct zone_update *u)
{
	struct zone_entry *e = u->entry;
	bool asked;
	int ret = 0;

	pthread_mutex_lock(&m->lock);
	asked = e->queue == ZONE_QUEUE_UPDATE; /* never of one that was removed */
	e->busy = false;
	pthread_cond_broadcast(&m->zone_free);
	if (e->removed) { /* by the scanner; or a zone file took its name */
		discard(m, u);
		zone_report_destroy(&u->report);
		if (e->state != ZONE_LOADING)
			zone_entry_destroy(e);
	} else if (e->home != ZONE_HOME_STORE || u->error == -ENOENT) {
		/* a zone file is served instead; or the zone is about to go */
		discard(m, u);
		zone_report_destroy(&u->report);
	} else {
		ret = publish(m, u);
		if (ret != 0) {
			tell_unpublished(e, &u->report, ret);
			e->current = false;
			m->failures_total++;
			if (e->state != ZONE_LOADING)
				zone_table_set_state(&m->table, e, ZONE_FAILED);
		}
		manager_keep_report(e, &u->report);
	}
	if (asked)
		answer_asked(m, e);
	pthread_mutex_unlock(&m->lock);
	if (ret == 0 && m->o.published != NULL)
		m->o.published(m->o.arg);
	return ret;
}

void
zone_manager_update_missed(struct zone_manager *m, const uint8_t *apex, uint64_t version)
{
	struct zone_entry *e;

	pthread_mutex_lock(&m->lock);
	e = find_announced(m, apex);
	if (e == NULL)
		e = add_zone(m, apex);
	if (e != NULL && e->announced && e->home == ZONE_HOME_STORE) {
		e->version = version;
		e->current = false;
		manager_queue_zone(m, e, ZONE_QUEUE_URGENT, ++m->last_ticket);
	}
	pthread_mutex_unlock(&m->lock);
}

int
zone_manager_update_gone(struct zone_manager *m, const uint8_t *apex)
{
	struct zone_entry *e;
	int ret = -ENOENT;
	bool asked;

	pthread_mutex_lock(&m->lock);
	e = find_announced(m, apex);
	asked = e != NULL && e->queue != ZONE_QUEUE_NONE;
	if (e != NULL && e->home == ZONE_HOME_STORE && e->announced)
		ret = manager_drop_zone(m, e);
	else if (e == NULL) /* an earlier control plane's, that nobody has looked at yet */
		ret = manager_withdraw(m, apex);
	if (asked) /* there is nothing left to wait for */
		manager_work_ended(m);
	pthread_mutex_unlock(&m->lock);
	if (ret == 0 && m->o.published != NULL)
		m->o.published(m->o.arg);
	return ret == -ENOENT ? 0 : ret;
}

/* Have the store looked through for what there was no memory for. Lock held. @return whether there
 * was anything */
static bool
catch_up(struct zone_manager *m)
{
	uint64_t ticket;

	if (m->n_missed == m->n_caught_up)
		return false;
	if (m->scanning == 0 && STAILQ_EMPTY(&m->commands))
		(void)manager_command(m, COMMAND_STORE, NULL, 0, &ticket);
	return true;
}

/* A zone of the store that is not served as it is stored: is it on its way to a loader, or to an
 * end that may be a failure again? Lock held. */
static bool
is_under_way(const struct zone_entry *e)
{
	return e->wanted || e->queue != ZONE_QUEUE_NONE || e->state == ZONE_LOADING;
}

uint32_t
zone_manager_retry(struct zone_manager *m)
{
	const struct zone_table *t = &m->table;
	uint32_t n = 0;
	bool any;

	pthread_mutex_lock(&m->lock);
	n += catch_up(m);
	any = t->n_state[ZONE_FAILED] > 0 || t->n_state[ZONE_LOADING] > 0 || m->n_queued > 0 ||
	      m->scanning != 0;
	for (uint32_t i = 0; any && i < t->n_slots; i++) {
		struct zone_entry *e = t->slot[i];
		if (e == NULL || e->home != ZONE_HOME_STORE || e->current)
			continue;
		if (is_under_way(e)) {
			n++;
		} else if (e->state == ZONE_FAILED && !e->busy) {
			manager_queue_zone(m, e, ZONE_QUEUE_BULK, ++m->last_ticket);
			n++;
		}
	}
	pthread_mutex_unlock(&m->lock);
	return n;
}
