/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manager_requests: zone_manager's side towards the API and the main loop: ask, wait, look. */
#include "controlplane/manager/manager_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Path that a zone's file has in the zone directory, if it is there; the caller frees it. */
static char *
directory_file(const struct config *config, const uint8_t *apex)
{
	const char *directory = config->zones.directory;
	char file[NAME_MAX + 1], *path = NULL;

	if (directory == NULL || zone_file_from_wire(file, sizeof file, apex) != 0 ||
		asprintf(&path, "%s/%s", directory, file) < 0)
		return NULL;
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

int
zone_manager_reload_zone(struct zone_manager *m, const uint8_t *apex, uint64_t *ticket)
{
	struct config *config;
	struct zone_entry *e;
	char **path;
	int ret = 0;

	pthread_mutex_lock(&m->lock);
	config = config_hold(m->config);
	e = zone_table_find(&m->table, apex);
	if (e != NULL) {
		manager_queue_zone(m, e, ZONE_QUEUE_URGENT, ++m->last_ticket);
		*ticket = 0; /* who waits for it need not wait for the scanner */
	}
	pthread_mutex_unlock(&m->lock);
	path = e != NULL ? NULL : calloc(1, sizeof *path);
	if (path != NULL)
		path[0] = directory_file(config, apex);
	config_free(config);
	if (e != NULL)
		return 0;
	if (path == NULL)
		return -ENOMEM;
	if (path[0] == NULL) {
		free(path);
		return -ENOENT;
	}
	pthread_mutex_lock(&m->lock);
	ret = manager_command(m, COMMAND_FILES, path, 1, ticket);
	pthread_mutex_unlock(&m->lock);
	return ret;
}

int
zone_manager_reload_all(struct zone_manager *m, bool force, uint64_t *ticket)
{
	int ret;

	pthread_mutex_lock(&m->lock);
	ret = manager_command(m, force ? COMMAND_FORCE_ALL : COMMAND_RELOAD_ALL, NULL, 0, ticket);
	pthread_mutex_unlock(&m->lock);
	return ret;
}

int
zone_manager_reconfigure(
	struct zone_manager *m, const struct config *config, bool force, uint64_t *ticket)
{
	struct config *old = NULL;
	int ret;

	pthread_mutex_lock(&m->lock);
	/* a scan that runs has the one before; this one comes after it */
	ret = manager_command(m, force ? COMMAND_FORCE_ALL : COMMAND_RELOAD_ALL, NULL, 0, ticket);
	if (ret == 0) {
		old = m->config;
		m->config = config_hold(config);
		if (!m->stopping)
			manager_set_threads(m, config->zones.threads);
	}
	pthread_mutex_unlock(&m->lock);
	config_free(old);
	return ret;
}

int
zone_manager_files_changed(struct zone_manager *m, char **path, size_t n)
{
	uint64_t ticket;
	int ret;

	pthread_mutex_lock(&m->lock);
	ret = manager_command(m, COMMAND_FILES, path, n, &ticket);
	pthread_mutex_unlock(&m->lock);
	return ret;
}

bool
zone_manager_visit(struct zone_manager *m, const uint8_t *apex,
	void (*fn)(void *arg, const struct zone_entry *e), void *arg)
{
	const struct zone_entry *e;

	pthread_mutex_lock(&m->lock);
	e = zone_table_find(&m->table, apex);
	if (e != NULL)
		fn(arg, e);
	pthread_mutex_unlock(&m->lock);
	return e != NULL;
}

bool
zone_manager_visit_some(struct zone_manager *m, uint32_t *cursor, uint32_t max,
	void (*fn)(void *arg, const struct zone_entry *e), void *arg)
{
	const struct zone_table *t = &m->table;
	bool more;

	pthread_mutex_lock(&m->lock);
	for (; *cursor < t->n_slots && max > 0; ++*cursor) {
		if (t->slot[*cursor] == NULL)
			continue;
		fn(arg, t->slot[*cursor]);
		max--;
	}
	more = *cursor < t->n_slots;
	pthread_mutex_unlock(&m->lock);
	return more;
}

void
zone_manager_status(struct zone_manager *m, struct zone_manager_status *out)
{
	memset(out, 0, sizeof *out);
	pthread_mutex_lock(&m->lock);
	out->n_zones = m->table.n_zones;
	out->n_serving = m->n_serving;
	memcpy(out->n_state, m->table.n_state, sizeof out->n_state);
	out->n_stored = m->table.n_home[ZONE_HOME_STORE];
	out->n_queued = m->n_queued;
	out->n_threads = m->n_wanted;
	out->ready = m->ready;
	out->run_loads = m->run_loads;
	if (m->run_loads > 0)
		out->run_ms = (uint32_t)((manager_clock_ns() - m->run_started_ns) / 1000000);
	out->scanning = m->scanning != 0 || !STAILQ_EMPTY(&m->commands);
	out->busy = manager_oldest_ticket(m) != UINT64_MAX;
	out->loads_total = m->loads_total;
	out->failures_total = m->failures_total;
	out->published_total = m->published_total;
	out->start_ms = m->start_ms;
	out->scan = m->scan_ended;
	memcpy(out->stage, m->stage, sizeof out->stage);
	pthread_mutex_unlock(&m->lock);
}

struct arena *
zone_manager_arena(const struct zone_manager *m)
{
	return m->o.arena;
}

bool
zone_manager_stopping(const struct zone_manager *m)
{
	return m->stopping;
}

int
zone_manager_wait(struct zone_manager *m, const uint8_t *apex, uint64_t ticket,
	void (*fn)(void *arg), void *arg)
{
	struct waiter *w = calloc(1, sizeof *w);
	bool done;

	if (w == NULL)
		return -ENOMEM;
	*w = (struct waiter){.ticket = ticket, .for_zone = apex != NULL, .fn = fn, .arg = arg};
	if (apex != NULL)
		memcpy(w->apex, apex, name_octets(apex));
	pthread_mutex_lock(&m->lock);
	done = manager_waiter_done(m, w);
	if (!done)
		LIST_INSERT_HEAD(&m->waiters, w, link);
	pthread_mutex_unlock(&m->lock);
	if (done)
		free(w);
	return done ? -EALREADY : 0;
}
