/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manager_load: one zone from its file to the arena, in a loader's thread. The file is read and the
 * image compiled without the lock; publishing happens under it, so that a zone that was removed in
 * the meantime cannot come back. */
#include "controlplane/manager/manager_load.h"
#include "config/log.h"
#include "controlplane/manager/stored_zone.h"
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOG_FINDINGS_MAX 10u /* of one zone */
#define LOG_REFUSED_MAX 100u /* zones with findings, between two times of having nothing to do */
#define LOG_ZONES_MAX                                                                              \
	20u                 /* zones queued above which their success is no longer told one by one \
			     */
#define INCLUDES_MAX 32768u /* of one zone, remembered */

static int64_t
realtime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void
manager_report_error(struct zone_report *report, const char *place, int error)
{
	switch (error) {
	case -ENOSPC:
		zone_report_add(report, ZONE_ERROR, place, 0,
			"the arena is full: the zone does not fit beside the others; raise "
			"arena.size, or give the "
			"machine (or hugetlbfs) more memory");
		break;
	case -ENOMEM:
		zone_report_add(
			report, ZONE_ERROR, place, 0, "out of memory while compiling the zone");
		break;
	default:
		zone_report_add(report, ZONE_ERROR, place, 0, "the zone cannot be compiled: %s",
			strerror(-error));
		break;
	}
}

/* A refused zone's too: it is one of them that will be mended. */
static void
note_include(void *arg, const char *path)
{
	struct attempt *a = arg;

	if (a->n_includes == INCLUDES_MAX)
		return;
	if (a->n_includes == a->includes_room) {
		size_t room = a->includes_room == 0 ? 8 : a->includes_room * 2;
		char **bigger = realloc(a->include, room * sizeof *bigger);
		if (bigger == NULL) {
			a->includes_lost = true;
			return;
		}
		a->include = bigger;
		a->includes_room = room;
	}
	a->include[a->n_includes] = strdup(path);
	if (a->include[a->n_includes] == NULL)
		a->includes_lost = true;
	else
		a->n_includes++;
}

static void
keep_includes(struct attempt *a, int64_t since_ns)
{
	if (a->n_includes > 0)
		a->includes =
			file_list_create((const char *const *)a->include, a->n_includes, since_ns);
	if (a->includes_lost || (a->n_includes > 0 && a->includes == NULL))
		a->stamp = 0; /* then it counts as changed */
	for (size_t i = 0; i < a->n_includes; i++)
		free(a->include[i]);
	free(a->include);
}

/* No lock. */
static void
attempt_load_stored(struct zone_manager *m, struct attempt *a, struct zone_scratch *scratch)
{
	struct stored_image out = {0};
	struct store_txn *txn;
	int ret = store_read(m->store, &txn);

	if (ret != 0) {
		zone_report_add(
			&a->report, ZONE_ERROR, "store", 0, "cannot be read: %s", strerror(-ret));
		return;
	}
	a->version = store_version(txn);
	ret = stored_zone_compile(m->o.arena, txn, a->apex, scratch, &a->report, &out);
	a->is_gone = ret == -ENOENT;
	a->is_empty = out.is_empty;
	a->image = out.image;
	store_end(txn);
}

void
attempt_load_file(struct zone_manager *m, struct attempt *a, struct zone_scratch *scratch)
{
	struct stat as_read;
	struct zone_load_options options = {
		.seed = arena_header(m->o.arena)->seed,
		.default_ttl = a->default_ttl,
		.included = note_include,
		.included_arg = a,
		.as_read = &as_read,
		.scratch = scratch,
	};
	struct zone_model model = {0};
	int64_t since_ns = realtime_ns();
	int ret;

	ret = zone_load_file(&model, a->path, a->apex, &options, &a->report);
	if (ret == 0) {
		a->stamp = file_stamp_settled(&as_read, since_ns);
		ret = zone_compile(m->o.arena, &model, &a->image);
		if (ret != 0) {
			a->image = 0;
			manager_report_error(&a->report, a->path, ret);
		}
		zone_model_destroy(&model);
	} else if (a->report.n_errors == 0) {
		zone_report_add(
			&a->report, ZONE_ERROR, a->path, 0, "cannot be loaded: %s", strerror(-ret));
	}
	keep_includes(a, since_ns);
}

void
manager_keep_report(struct zone_entry *e, struct zone_report *report)
{
	if (e->report != NULL) {
		zone_report_destroy(e->report);
		free(e->report);
		e->report = NULL;
	}
	if (report->n == 0) {
		zone_report_destroy(report);
		return;
	}
	e->report = malloc(sizeof *e->report);
	if (e->report == NULL)
		zone_report_destroy(report);
	else
		*e->report = *report;
}

void
manager_note_published(
	struct zone_manager *m, struct zone_entry *e, const struct image *im, bool is_empty)
{
	m->published_total++;
	m->n_serving += !is_empty;
	m->n_serving -= e->serving;
	e->serving = !is_empty;
	e->serial = is_empty ? 0 : im->serial;
	e->octets = im->octets;
	e->n_names = is_empty ? 0 : (uint32_t)im->n_names;
	e->n_records = is_empty ? 0 : (uint32_t)im->n_records;
	e->loaded_at_s = (uint32_t)(realtime_ns() / 1000000000);
	if (e->state != ZONE_LOADING)
		zone_table_set_state(&m->table, e, is_empty ? ZONE_EMPTY : ZONE_LOADED);
}

/* Lock held. */
static void
tell_log(struct zone_manager *m, const struct zone_entry *e, const struct attempt *a, bool quiet)
{
	char zone[ZONE_TEXT_OCTETS];

	if (quiet && e->state != ZONE_FAILED && a->report.n == 0 &&
		!log_would_write(LOG_LEVEL_DEBUG))
		return; /* nothing is made of nothing: a million times at a start */
	zone_text_from_key(zone, e->apex);
	if (e->state == ZONE_FAILED)
		log_error("zone %s refused: %zu errors; %s", zone, a->report.n_errors,
			e->serving ? "the version before goes on being served"
				   : "it answers SERVFAIL");
	else
		log_write(quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
			"zone %s loaded: serial %u, %u records, %u names, %llu octets, %u ms", zone,
			e->serial, e->n_records, e->n_names, (unsigned long long)e->octets,
			e->load_ms);
	for (size_t i = 0, told = 0; i < a->report.n && told < LOG_FINDINGS_MAX; i++) {
		const struct zone_finding *f = &a->report.finding[i];
		if (f->text == NULL || (e->state == ZONE_FAILED && f->severity != ZONE_ERROR))
			continue;
		log_write(f->severity == ZONE_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "%s",
			f->text);
		told++;
	}
}

/* Lock held. */
static void
note_times(struct zone_manager *m, const struct attempt *a)
{
	int64_t now_ns = manager_clock_ns();
	int64_t wait_ns = a->started_ns - a->asked_ns, load_ns = now_ns - a->started_ns;

	histogram_add(&m->stage[ZONE_STAGE_WAIT], (uint64_t)wait_ns, 1);
	histogram_add(&m->stage[ZONE_STAGE_LOAD], (uint64_t)load_ns, 1);
	histogram_add(&m->stage[ZONE_STAGE_TOTAL], (uint64_t)(wait_ns + load_ns), 1);
}

/* In messages. */
static const char *
place_of(const struct zone_manager *m, const struct attempt *a)
{
	return a->home == ZONE_HOME_STORE     ? "store"
	       : a->home == ZONE_HOME_BACKEND ? m->backends.name[a->instance]
					      : a->path;
}

/* Lock held. */
static void
publish(struct zone_manager *m, struct zone_entry *e, struct attempt *a)
{
	int ret = a->image == 0 ? 0 : zone_publish(m->o.publisher, a->image);

	if (ret != 0) {
		zone_image_free(m->o.arena, a->image);
		a->image = 0;
		manager_report_error(&a->report, place_of(m, a), ret);
	}
	m->loads_total++;
	m->run_loads++;
	e->load_ms = a->load_ms;
	if (a->version > e->version)
		e->version = a->version;
	e->current = a->image != 0 && a->home != ZONE_HOME_FILE;
	if (a->image != 0) {
		note_times(m, a);
		e->stamp = a->stamp;
		zone_table_set_state(&m->table, e, a->is_empty ? ZONE_EMPTY : ZONE_LOADED);
		manager_note_published(
			m, e, arena_at(m->o.arena, a->image, sizeof(struct image)), a->is_empty);
	} else {
		m->failures_total++;
		m->run_failures++;
		zone_table_set_state(&m->table, e, ZONE_FAILED);
	}
}

/* Write down how it went, after publishing it. Lock held. */
static void
settle(struct zone_manager *m, struct zone_entry *e, struct attempt *a)
{
	bool quiet = m->n_queued > LOG_ZONES_MAX || m->run_loads > LOG_ZONES_MAX ||
		     (m->scanning != 0 && m->table.n_zones > LOG_ZONES_MAX);

	publish(m, e, a);
	if (a->report.n == 0 || m->run_warned < LOG_REFUSED_MAX)
		tell_log(m, e, a, quiet);
	m->run_warned += a->report.n > 0;
	file_list_destroy(e->includes);
	e->includes = a->includes;
	a->includes = NULL;
	manager_keep_report(e, &a->report);
}

/* It came to nothing. Lock held. */
static void
give_up(struct zone_manager *m, struct zone_entry *e, struct attempt *a)
{
	if (a->image != 0)
		zone_image_free(m->o.arena, a->image);
	zone_report_destroy(&a->report);
	zone_table_set_state(&m->table, e,
		!e->current  ? ZONE_CONFIGURED
		: e->serving ? ZONE_LOADED
			     : ZONE_EMPTY);
}

void
attempt_begin(struct zone_manager *m, struct zone_entry *e, struct attempt *a)
{
	*a = (struct attempt){.home = (enum zone_home)e->home,
		.instance = e->instance,
		.default_ttl = m->config->zones.default_ttl,
		.asked_ns = e->asked_ns,
		.started_ns = manager_clock_ns()};
	memcpy(a->apex, e->apex, e->apex_len);
	a->path = e->path != NULL ? strdup(e->path) : NULL;
	e->again = false;
	zone_table_set_state(&m->table, e, ZONE_LOADING);
}

/* A version of the store is being published, perhaps after others had their turn: it has all that
 * this load has, or it fails and the load comes then. No loader waits for that. Lock held.
 * @return whether it is so; the attempt is over then */
static bool
give_way(struct zone_manager *m, struct zone_entry *e, struct attempt *a)
{
	if (!e->busy || a->home != ZONE_HOME_STORE || m->stopping)
		return false;
	give_up(m, e, a);
	e->again = !e->removed && !manager_put_off(m, e);
	return true;
}

/* Lock held. */
static void
conclude(struct zone_manager *m, struct zone_entry *e, struct attempt *a)
{
	bool late;

	while (e->busy)
		pthread_cond_wait(&m->zone_free, &m->lock);
	/* another home has this name now, or a change came in between, which was not published; a
	 * store that could not be read has no version, and is no better at once */
	late = e->home != a->home ||
	       (a->home == ZONE_HOME_STORE && a->version != 0 && a->version < e->version) ||
	       (a->home == ZONE_HOME_BACKEND && a->instance != e->instance);
	e->again |= late && !e->current;
	if (!late && a->is_gone && !e->removed)
		(void)manager_drop_zone(m, e);
	if (late || e->removed || m->stopping)
		give_up(m, e, a);
	else
		settle(m, e, a);
}

void
attempt_end(struct zone_manager *m, struct zone_entry *e, struct attempt *a)
{
	a->load_ms = (uint32_t)((manager_clock_ns() - a->started_ns) / 1000000);
	if (!give_way(m, e, a))
		conclude(m, e, a);
	file_list_destroy(a->includes);
	free(a->path);
}

/* Lock held on entry and return, not in between. */
static void
load_once(struct zone_manager *m, struct zone_entry *e, struct zone_scratch *scratch)
{
	struct attempt a;

	attempt_begin(m, e, &a);
	pthread_mutex_unlock(&m->lock);
	if (a.home == ZONE_HOME_STORE)
		attempt_load_stored(m, &a, scratch);
	else if (a.path != NULL)
		attempt_load_file(m, &a, scratch);
	else
		zone_report_add(&a.report, ZONE_ERROR, NULL, 0, "out of memory");
	pthread_mutex_lock(&m->lock);
	attempt_end(m, e, &a);
}

void
manager_load_zone(struct zone_manager *m, struct zone_entry *e, struct zone_scratch *scratch)
{
	bool again;

	do {
		load_once(m, e, scratch);
		again = e->again && !e->removed && !m->stopping;
		if (again && e->home == ZONE_HOME_BACKEND) {
			manager_queue_elsewhere(m, e);
			again = false;
		}
	} while (again);
	if (e->removed && e->busy)
		return; /* zone_manager_update_end() frees it */
	if (e->removed)
		zone_entry_destroy(e);
	else if (m->o.published != NULL) {
		pthread_mutex_unlock(&m->lock);
		m->o.published(m->o.arg);
		pthread_mutex_lock(&m->lock);
	}
}
