/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manager_load: one zone from its file to the arena, in a loader's thread. The file is read and the
 * image compiled without the lock; publishing happens under it, so that a zone that was removed in
 * the meantime cannot come back. */
#include "controlplane/manager/manager_internal.h"
#include "config/log.h"
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"
#include "shm/image.h"

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

/* What a load is made from and what came of it. */
struct attempt {
	uint8_t apex[ZONE_WIRE_OCTETS];
	char *path;
	uint32_t default_ttl;
	struct zone_report report;
	char **include; /* while it is loaded: what its files include, readable or not */
	size_t n_includes, includes_room;
	bool includes_lost; /* no memory to remember them */
	struct file_list *includes;
	uint64_t stamp;
	uint64_t image; /* 0: refused */
	uint32_t n_names, n_records;
	uint32_t load_ms;
	int64_t asked_ns, started_ns; /* CLOCK_MONOTONIC */
};

static int64_t
realtime_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
report_compile_error(struct attempt *a, int error)
{
	switch (error) {
	case -ENOSPC:
		zone_report_add(&a->report, ZONE_ERROR, a->path, 0,
			"the arena is full: the zone does not fit beside the others; raise "
			"arena.size, or give the "
			"machine (or hugetlbfs) more memory");
		break;
	case -ENOMEM:
		zone_report_add(&a->report, ZONE_ERROR, a->path, 0,
			"out of memory while compiling the zone");
		break;
	default:
		zone_report_add(&a->report, ZONE_ERROR, a->path, 0,
			"the zone cannot be compiled: %s", strerror(-error));
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
attempt_load(struct zone_manager *m, struct attempt *a, struct zone_scratch *scratch)
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
	int64_t started_ns = manager_clock_ns(), since_ns = realtime_ns();
	int ret;

	ret = zone_load_file(&model, a->path, a->apex, &options, &a->report);
	if (ret == 0) {
		a->stamp = file_stamp_settled(&as_read, since_ns);
		a->n_names = model.n_names;
		a->n_records = model.n_records;
		ret = zone_compile(m->o.arena, &model, &a->image);
		if (ret != 0) {
			a->image = 0;
			report_compile_error(a, ret);
		}
		zone_model_destroy(&model);
	} else if (a->report.n_errors == 0) {
		zone_report_add(
			&a->report, ZONE_ERROR, a->path, 0, "cannot be loaded: %s", strerror(-ret));
	}
	keep_includes(a, since_ns);
	a->load_ms = (uint32_t)((manager_clock_ns() - started_ns) / 1000000);
}

/* Lock held. */
static void
keep_report(struct zone_entry *e, struct attempt *a)
{
	if (e->report != NULL) {
		zone_report_destroy(e->report);
		free(e->report);
		e->report = NULL;
	}
	if (a->report.n == 0) {
		zone_report_destroy(&a->report);
		return;
	}
	e->report = malloc(sizeof *e->report);
	if (e->report == NULL)
		zone_report_destroy(&a->report);
	else
		*e->report = a->report;
}

/* Lock held. */
static void
tell_log(struct zone_manager *m, const struct zone_entry *e, const struct attempt *a, bool quiet)
{
	char zone[ZONE_TEXT_OCTETS];

	if (quiet && e->state != ZONE_FAILED && a->report.n == 0 &&
		!log_would_write(LOG_LEVEL_DEBUG))
		return; /* nothing is made of nothing: a million times at a start */
	zone_text_from_wire(zone, e->apex);
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

/* Publish it and write down how it went. Lock held. */
static void
settle(struct zone_manager *m, struct zone_entry *e, struct attempt *a)
{
	bool quiet = m->n_queued > LOG_ZONES_MAX || m->run_loads > LOG_ZONES_MAX ||
		     (m->scanning != 0 && m->table.n_zones > LOG_ZONES_MAX);
	const struct image *im = NULL;
	int ret;

	if (a->image != 0) {
		im = arena_at(m->o.arena, a->image, sizeof *im);
		ret = zone_publish(m->o.publisher, a->image);
		if (ret != 0) {
			zone_image_free(m->o.arena, a->image);
			a->image = 0;
			report_compile_error(a, ret);
		}
	}
	m->loads_total++;
	m->run_loads++;
	e->load_ms = a->load_ms;
	if (a->image != 0) {
		m->published_total++;
		note_times(m, a);
		m->n_serving += !e->serving;
		e->serving = true;
		e->serial = im->serial;
		e->octets = im->octets;
		e->n_names = a->n_names;
		e->n_records = a->n_records;
		e->loaded_at_s = (uint32_t)(realtime_ns() / 1000000000);
		e->stamp = a->stamp;
		zone_table_set_state(&m->table, e, ZONE_LOADED);
	} else {
		m->failures_total++;
		m->run_failures++;
		zone_table_set_state(&m->table, e, ZONE_FAILED);
	}
	if (a->report.n == 0 || m->run_warned < LOG_REFUSED_MAX)
		tell_log(m, e, a, quiet);
	m->run_warned += a->report.n > 0;
	file_list_destroy(e->includes);
	e->includes = a->includes;
	a->includes = NULL;
	keep_report(e, a);
}

void
manager_load_zone(struct zone_manager *m, struct zone_entry *e, struct zone_scratch *scratch)
{
	bool again;

	do {
		struct attempt a = {.asked_ns = e->asked_ns, .started_ns = manager_clock_ns()};

		e->again = false;
		zone_table_set_state(&m->table, e, ZONE_LOADING);
		memcpy(a.apex, e->apex, e->apex_len);
		a.path = strdup(e->path);
		a.default_ttl = m->config->zones.default_ttl;
		pthread_mutex_unlock(&m->lock);
		if (a.path != NULL)
			attempt_load(m, &a, scratch);
		else
			zone_report_add(&a.report, ZONE_ERROR, NULL, 0, "out of memory");
		pthread_mutex_lock(&m->lock);
		if (e->removed || m->stopping) {
			if (a.image != 0)
				zone_image_free(m->o.arena, a.image);
			zone_report_destroy(&a.report);
			zone_table_set_state(&m->table, e, ZONE_CONFIGURED);
		} else {
			settle(m, e, &a);
		}
		file_list_destroy(a.includes);
		free(a.path);
		again = e->again && !e->removed && !m->stopping;
	} while (again);
	if (e->removed)
		zone_entry_destroy(e);
	else if (m->o.published != NULL) {
		pthread_mutex_unlock(&m->lock);
		m->o.published(m->o.arg);
		pthread_mutex_lock(&m->lock);
	}
}
