/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manager_backends: zones of backends. What an instance has is listed, and each zone loaded, in the
 * instance's own thread: no loader and no scan waits for a backend that hangs. A list that has
 * arrived is compared with the table by the scanner. */
#include "controlplane/manager/manager_load.h"
#include "config/log.h"
#include "controlplane/backends/backends.h"
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_source.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* --- lists --- */

struct list_job {
	struct backend_job job;
	struct zone_manager *m;
	struct backend_list *list;
};

void
manager_list_destroy(struct backend_list *l)
{
	if (l == NULL)
		return;
	free(l->name);
	free(l->zone);
	free(l);
}

/* Octets a zone: its name and its version. */
static int
take_listed(void *arg, const struct backend_zone *zone)
{
	struct backend_list *l = arg;
	unsigned len = name_octets(zone->apex);

	if (l->n == l->room) {
		size_t room = l->room == 0 ? 64 : l->room * 2;
		struct listed_zone *bigger = realloc(l->zone, room * sizeof *bigger);
		if (bigger == NULL)
			return -ENOMEM;
		l->zone = bigger;
		l->room = room;
	}
	if (l->name_len + len > l->name_room) {
		size_t room = l->name_room == 0 ? 4096 : l->name_room * 2;
		uint8_t *bigger = realloc(l->name, room);
		if (bigger == NULL)
			return -ENOMEM;
		l->name = bigger;
		l->name_room = room;
	}
	memcpy(l->name + l->name_len, zone->apex, len);
	l->zone[l->n++] = (struct listed_zone){.name = l->name_len, .version = zone->version};
	l->name_len += len;
	return 0;
}

/* The instance's thread. */
static int
run_list(struct backend_job *job, const struct backend_api *api, void *instance)
{
	struct list_job *j = (struct list_job *)job;
	char error[BACKEND_ERROR_OCTETS] = "";
	int ret = -ECANCELED;

	atomic_store(&j->m->list_asked[j->list->instance], false);
	/* when it is opened it is listed again */
	if (instance != NULL) {
		ret = api->list(instance, take_listed, j->list, error);
		if (ret != 0)
			log_error("backend %s: its zones cannot be listed: %s",
				j->m->backends.name[j->list->instance],
				error[0] != '\0' ? error : strerror(-ret));
	}
	if (ret == 0) {
		pthread_mutex_lock(&j->m->lock);
		ret = j->m->stopping ? -ECANCELED : manager_command_list(j->m, j->list);
		pthread_mutex_unlock(&j->m->lock);
	}
	if (ret != 0)
		manager_list_destroy(j->list);
	free(j);
	return ret == -ECANCELED ? 0 : ret;
}

/* One that has not begun will have whatever there is by then. */
static void
ask_for_list(struct zone_manager *m, unsigned index)
{
	struct list_job *j;
	struct backend_list *l;

	if (atomic_exchange(&m->list_asked[index], true))
		return;
	j = calloc(1, sizeof *j);
	l = calloc(1, sizeof *l);
	if (j != NULL && l != NULL) {
		l->instance = (uint8_t)index;
		*j = (struct list_job){.job = {.run = run_list}, .m = m, .list = l};
		if (m->backends.submit(m->backends.arg, index, &j->job) == 0)
			return;
	}
	atomic_store(&m->list_asked[index], false);
	log_error("backend %s: its zones cannot be listed: it is busy, or memory is out",
		m->backends.name[index]);
	free(l);
	free(j);
}

/* Does the manager serve zones of this instance? Lock held. */
static bool
is_ours(const struct zone_manager *m, unsigned index)
{
	return m->has_backends && index < ZONE_BACKENDS_MAX && m->backends.name[index] != NULL;
}

void
zone_manager_set_backends(struct zone_manager *m, const struct zone_backends *b)
{
	pthread_mutex_lock(&m->lock);
	m->backends = *b;
	m->has_backends = true;
	m->n_unlisted = 0;
	for (unsigned i = 0; i < ZONE_BACKENDS_MAX; i++)
		m->n_unlisted += m->backends.name[i] != NULL;
	pthread_mutex_unlock(&m->lock);
	manager_list_backends(m);
}

static void
list_from(struct zone_manager *m, unsigned first)
{
	for (unsigned i = first; i < ZONE_BACKENDS_MAX; i++)
		if (m->backends.name[i] != NULL)
			ask_for_list(m, i);
}

/* A zone of this one is gone: one behind it may have one of the same name. */
static void
list_behind(struct zone_manager *m, unsigned instance)
{
	list_from(m, instance + 1);
}

void
manager_list_hidden(struct zone_manager *m)
{
	if (m->has_backends && !m->stopping)
		list_from(m, 0);
}

void
manager_list_backends(struct zone_manager *m)
{
	bool has;

	pthread_mutex_lock(&m->lock);
	has = m->has_backends; /* set once, and not changed */
	pthread_mutex_unlock(&m->lock);
	if (has)
		list_from(m, 0);
}

void
zone_manager_backend_changed(struct zone_manager *m, unsigned index, const uint8_t *apex)
{
	uint8_t name[ZONE_WIRE_OCTETS] = {0};
	struct zone_entry *e = NULL;
	bool ours;

	pthread_mutex_lock(&m->lock);
	ours = is_ours(m, index);
	if (ours && apex != NULL) {
		memcpy(name, apex, name_octets(apex));
		e = zone_table_find(&m->table, name);
		if (e != NULL && e->home == ZONE_HOME_BACKEND && e->instance == index)
			manager_queue_zone(m, e, ZONE_QUEUE_URGENT, ++m->last_ticket);
		else if (e != NULL) /* perhaps it has just come there */
			e->hides = true;
	}
	pthread_mutex_unlock(&m->lock);
	if (ours && e == NULL) /* all of it, or a zone that has come */
		ask_for_list(m, index);
}

/* --- the scanner, with a list --- */

/* Lock held. @return NULL: another home has it */
static struct zone_entry *
take_zone(struct zone_manager *m, struct newcomers *new, const uint8_t *apex, uint8_t instance)
{
	struct zone_entry *e = zone_table_find(&m->table, apex);

	if (e == NULL) {
		e = zone_table_add(&m->table, apex, NULL);
		if (e == NULL || manager_newcomers_add(new, e) != 0) {
			if (e != NULL) {
				zone_table_remove(&m->table, e);
				zone_entry_destroy(e);
			}
			manager_complain(m, m->backends.name[instance],
				"out of memory: a zone is not served");
			return NULL;
		}
		e->instance = instance;
		(void)!zone_table_set_home(&m->table, e, ZONE_HOME_BACKEND, NULL);
	} else if (e->home != ZONE_HOME_BACKEND || e->instance < instance) {
		e->hides = true;
		m->scan.hidden++;
		return NULL;
	} else if (e->instance != instance) {
		manager_unqueue_zone(m, e);
		e->instance = instance;
		e->current = false;
		e->version = 0;
	}
	return e;
}

/* Those of the instance that are not in its list any more. @return how many */
static uint32_t
settle_zones(struct zone_manager *m, uint8_t instance, uint64_t ticket)
{
	uint32_t before = m->scan.removed;
	bool more = true;

	for (uint32_t i = 0; more && !m->stopping; i++) {
		struct zone_entry *e;
		pthread_mutex_lock(&m->lock);
		more = i < m->table.n_slots;
		e = more ? m->table.slot[i] : NULL;
		if (e == NULL || e->home != ZONE_HOME_BACKEND || e->instance != instance)
			; /* another's */
		else if (e->seen != m->list_count)
			manager_remove_zone(m, e);
		else if (e->wanted)
			manager_queue_zone(m, e, ZONE_QUEUE_BULK, ticket);
		pthread_mutex_unlock(&m->lock);
	}
	return m->scan.removed - before;
}

void
manager_scan_list(struct zone_manager *m, struct backend_list *l, uint64_t ticket)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct newcomers new = {0};

	m->list_count++;
	for (size_t i = 0; i < l->n && !m->stopping; i++) {
		const uint8_t *name = l->name + l->zone[i].name;
		uint64_t version = l->zone[i].version;
		struct zone_entry *e;
		memset(apex, 0, sizeof apex);
		memcpy(apex, name, name_octets(name));
		pthread_mutex_lock(&m->lock);
		e = take_zone(m, &new, apex, l->instance);
		if (e != NULL) {
			e->seen = m->list_count;
			e->wanted = !e->current || version == 0 || version != e->version;
			e->version = version;
			m->scan.reloaded += e->wanted;
		}
		pthread_mutex_unlock(&m->lock);
	}
	m->scan.added = (uint32_t) new.n;
	manager_announce_newcomers(m, &new, ticket);
	if (settle_zones(m, l->instance, ticket) > 0)
		list_behind(m, l->instance);
	pthread_mutex_lock(&m->lock);
	m->n_unlisted -= !m->listed[l->instance];
	m->listed[l->instance] = true;
	pthread_mutex_unlock(&m->lock);
	manager_withdraw_strays(m);
	log_info("backend %s: %zu zones, %u of them new, %u to load", m->backends.name[l->instance],
		l->n, m->scan.added, m->scan.reloaded);
}

/* --- loads --- */

struct stream {
	const struct backend_api *api;
	void *instance;
	const uint8_t *apex;
	int (*take)(void *to, const struct backend_rrset *rrset);
	void *to;
	char error[BACKEND_ERROR_OCTETS];
};

static int
each_rrset(void *arg, int (*take)(void *to, const struct backend_rrset *rrset), void *to)
{
	struct stream *s = arg;

	return s->api->stream(s->instance, s->apex, take, to, s->error);
}

static void
load_stream(struct zone_manager *m, struct attempt *a, struct stream *s)
{
	const char *name = m->backends.name[a->instance];
	struct zone_source source = {.each = each_rrset, .arg = s, .name = name};
	struct zone_load_options options = {.seed = arena_header(m->o.arena)->seed};
	struct zone_model model = {0};
	int ret = zone_load_source(&model, &source, a->apex, &options, &a->report);

	if (ret == 0) {
		ret = zone_compile(m->o.arena, &model, &a->image);
		zone_model_destroy(&model);
		if (ret != 0) {
			a->image = 0;
			manager_report_error(&a->report, name, ret);
		}
		return;
	}
	a->is_gone = ret == -ENOENT;
	if (a->report.n_errors == 0 || s->error[0] != '\0')
		zone_report_add(&a->report, ZONE_ERROR, name, 0, "%s",
			s->error[0] != '\0' ? s->error : strerror(-ret));
}

/* The instance's thread. No lock. @return as backend_job.run() */
static int
load_from(struct zone_manager *m, struct attempt *a, const struct backend_api *api, void *instance)
{
	struct stream s = {.api = api, .instance = instance, .apex = a->apex};
	char path[PATH_MAX];
	int ret = -EOPNOTSUPP;

	if ((api->capabilities & BACKEND_ZONE_FILE) != 0)
		ret = api->zone_file(instance, a->apex, path, sizeof path, s.error);
	if (ret == 0) {
		a->path = strdup(path);
		if (a->path != NULL)
			attempt_load_file(m, a, NULL);
		return 0;
	}
	a->is_gone = ret == -ENOENT;
	s.error[0] = '\0';
	if (!a->is_gone && (api->capabilities & BACKEND_STREAM) != 0)
		load_stream(m, a, &s);
	else if (!a->is_gone)
		zone_report_add(&a->report, ZONE_ERROR, m->backends.name[a->instance], 0,
			"the backend cannot hand out whole zones");
	return 0;
}

/* Loads one zone after the other, each as a job of the instance, so that edits come in between. */
struct pump {
	struct backend_job job;
	struct zone_manager *m;
	uint8_t instance;
};

/* It is not open; when it is, it is listed, and they are queued again. Lock held. */
static void
put_off(struct zone_manager *m, uint8_t instance)
{
	struct zone_entry *e;

	while ((e = TAILQ_FIRST(&m->away[instance])) != NULL)
		manager_unqueue_zone(m, e);
}

/* Lock held on entry and return, not in between. @return as backend_job.run() */
static int
load_next(
	struct zone_manager *m, struct zone_entry *e, const struct backend_api *api, void *instance)
{
	struct attempt a;
	int ret;

	attempt_begin(m, e, &a);
	pthread_mutex_unlock(&m->lock);
	ret = load_from(m, &a, api, instance);
	pthread_mutex_lock(&m->lock);
	attempt_end(m, e, &a);
	if (e->removed && a.is_gone)
		list_behind(m, a.instance);
	if (e->removed)
		zone_entry_destroy(e);
	else if (e->again && !m->stopping)
		manager_queue_zone(m, e, ZONE_QUEUE_URGENT, ++m->last_ticket);
	return ret;
}

/* The instance's thread. */
static int
run_pump(struct backend_job *job, const struct backend_api *api, void *instance)
{
	struct pump *p = (struct pump *)job;
	struct zone_manager *m = p->m;
	struct zone_entry *e;
	bool more;
	int ret = 0;

	pthread_mutex_lock(&m->lock);
	if (instance == NULL || m->stopping)
		put_off(m, p->instance);
	e = TAILQ_FIRST(&m->away[p->instance]);
	if (e != NULL) {
		manager_unqueue_zone(m, e);
		if (e->home == ZONE_HOME_BACKEND)
			ret = load_next(m, e, api, instance);
		else /* a file or the store has this name now */
			manager_queue_zone(m, e, ZONE_QUEUE_URGENT, ++m->last_ticket);
	}
	more = !TAILQ_EMPTY(&m->away[p->instance]) &&
	       m->backends.submit(m->backends.arg, p->instance, &p->job) == 0;
	m->is_pumping[p->instance] = more;
	manager_wake_waiters(m);
	pthread_mutex_unlock(&m->lock);
	if (!more)
		free(p);
	if (e != NULL && m->o.published != NULL)
		m->o.published(m->o.arg);
	return ret;
}

void
manager_queue_elsewhere(struct zone_manager *m, struct zone_entry *e)
{
	struct pump *p;

	if (e->queue != ZONE_QUEUE_AWAY) {
		manager_unqueue_zone(m, e);
		e->asked_ns = manager_clock_ns();
		e->queue = ZONE_QUEUE_AWAY;
		TAILQ_INSERT_TAIL(&m->away[e->instance], e, queue_link);
		m->n_queued++;
	}
	if (m->is_pumping[e->instance])
		return;
	p = calloc(1, sizeof *p);
	if (p == NULL)
		return; /* with the next that is queued */
	*p = (struct pump){.job = {.run = run_pump}, .m = m, .instance = e->instance};
	m->is_pumping[e->instance] = m->backends.submit(m->backends.arg, e->instance, &p->job) == 0;
	if (!m->is_pumping[e->instance])
		free(p);
}
