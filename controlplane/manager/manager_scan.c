/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manager_scan: the scanner's work: which zones there are (the list, the folder's files, the
 * store), which are new, gone or changed. It alone adds and removes zones of files, so it may keep
 * such an entry while it lets go of the lock; those of the store come and go by the engine of
 * changes too. The first home wins, in the order above. */
#include "controlplane/manager/manager_internal.h"
#include "config/log.h"
#include "controlplane/zones/zone_compile.h"
#include "shm/image.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ZONE_SUFFIX_OCTETS (sizeof ZONE_FILE_SUFFIX - 1)

void
manager_complain(struct zone_manager *m, const char *path, const char *what)
{
	if (m->scan.file_errors++ < LOG_FILES_MAX)
		log_error("%s: %s", path, what);
}

int
manager_newcomers_add(struct newcomers *new, struct zone_entry *e)
{
	if (new->n == new->room) {
		size_t room = new->room == 0 ? 64 : new->room * 2;
		struct newcomer *bigger = realloc(new->zone, room * sizeof *bigger);
		if (bigger == NULL)
			return -ENOMEM;
		new->zone = bigger;
		new->room = room;
	}
	new->zone[new->n++] = (struct newcomer){.entry = e};
	return 0;
}

/* Two files for one zone: the list wins over the folder, and the first by name within the folder.
 */
static void
resolve_double(struct zone_manager *m, struct zone_entry *e, const char *path, bool in_directory)
{
	bool replace = in_directory && e->in_directory && strcmp(path, e->path) < 0;
	char *copy = replace ? strdup(path) : NULL;

	if (in_directory != e->in_directory || replace || strcmp(path, e->path) != 0)
		manager_complain(
			m, replace ? e->path : path, "ignored: its zone has another file already");
	if (copy == NULL)
		return;
	free(e->path);
	e->path = copy;
	e->stamp = 0;
}

/* This zone is configured. */
static void
found_zone(struct zone_manager *m, struct newcomers *new, const uint8_t *apex, const char *path,
	bool in_directory)
{
	struct zone_entry *e;

	pthread_mutex_lock(&m->lock);
	e = zone_table_find(&m->table, apex);
	if (e != NULL && e->home == ZONE_HOME_FILE && e->seen == m->scan_count) {
		resolve_double(m, e, path, in_directory);
	} else if (e != NULL) {
		e->seen = m->scan_count;
		/* a zone file comes before the store, and a file may have moved */
		if ((e->home != ZONE_HOME_FILE || strcmp(e->path, path) != 0) &&
			zone_table_set_home(&m->table, e, ZONE_HOME_FILE, path) != 0)
			manager_complain(m, path, "out of memory: it is not served from here");
		e->in_directory = in_directory;
	} else {
		e = zone_table_add(&m->table, apex, path);
		if (e != NULL && manager_newcomers_add(new, e) != 0) {
			zone_table_remove(&m->table, e);
			zone_entry_destroy(e);
			e = NULL;
		}
		if (e != NULL) {
			e->seen = m->scan_count;
			e->in_directory = in_directory;
		} else {
			manager_complain(m, path, "out of memory: the zone is not served");
			m->files_complete = false; /* what is published of it is no stray */
		}
	}
	pthread_mutex_unlock(&m->lock);
}

static void
scan_list(struct zone_manager *m, struct newcomers *new)
{
	const struct config *c = m->scan_config;

	for (unsigned i = 0; i < c->zones.list_count; i++) {
		uint8_t apex[ZONE_WIRE_OCTETS];
		if (zone_wire_from_text(apex, c->zones.list[i].zone) < 0)
			manager_complain(m, c->zones.list[i].zone, "is not a domain name");
		else if (zone_key_variant(apex) > 0)
			manager_complain(m, c->zones.list[i].zone,
				"is a name that is kept for variants of zones, which live in the "
				"store");
		else
			found_zone(m, new, apex, c->zones.list[i].file, false);
	}
}

static bool
is_zone_suffixed(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > ZONE_SUFFIX_OCTETS &&
	       strcmp(name + len - ZONE_SUFFIX_OCTETS, ZONE_FILE_SUFFIX) == 0;
}

/* @return false when the folder cannot be read to its end: then nothing of it may be taken as gone
 */
static bool
scan_directory(struct zone_manager *m, struct newcomers *new)
{
	const char *directory = m->scan_config->zones.directory;
	size_t room = strlen(directory) + sizeof(((struct dirent *)0)->d_name) + 2;
	const struct dirent *d;
	char *path = malloc(room);
	DIR *dir = opendir(directory);
	bool complete = false;

	if (dir == NULL || path == NULL) {
		manager_complain(m, directory, strerror(errno));
		goto out;
	}
	while (errno = 0, (d = readdir(dir)) != NULL && !m->stopping) {
		uint8_t apex[ZONE_WIRE_OCTETS];
		if (!is_zone_suffixed(d->d_name) || d->d_type == DT_DIR)
			continue;
		snprintf(path, room, "%s/%s", directory, d->d_name);
		if (zone_wire_from_file(apex, d->d_name) < 0)
			manager_complain(
				m, path, "ignored: its name without .zone is not a domain name");
		else
			found_zone(m, new, apex, path, true);
	}
	complete = errno == 0 && !m->stopping;
	if (errno != 0)
		manager_complain(m, directory, strerror(errno));
out:
	if (dir != NULL)
		closedir(dir);
	free(path);
	return complete;
}

void
manager_adopt(struct zone_manager *m, struct zone_entry *e, uint64_t image)
{
	const struct image *im = image_at(m->o.arena, image);

	if (im == NULL || (im->flags & IMAGE_UNAVAILABLE) != 0)
		return;
	e->serial = im->serial;
	e->octets = im->octets;
	e->n_names = (uint32_t)im->n_names;
	e->n_records = (uint32_t)im->n_records;
	m->n_serving += !e->serving;
	e->serving = true;
}

/* From here on new zones may be loaded; those that somebody asked for at once. */
static void
announce(struct zone_manager *m, const struct newcomers *new, uint64_t ticket)
{
	for (size_t i = 0; i < new->n; i++) {
		struct zone_entry *e = new->zone[i].entry;
		pthread_mutex_lock(&m->lock);
		if (new->zone[i].image != 0)
			manager_adopt(m, e, new->zone[i].image);
		e->announced = true;
		pthread_cond_broadcast(&m->zone_free);
		if (e->again) {
			e->again = false;
			manager_queue_zone(m, e, ZONE_QUEUE_URGENT, ticket);
		}
		pthread_mutex_unlock(&m->lock);
	}
}

/* Before any of the new zones is loaded, all of them are there: a parent zone must not answer for a
 * child that will be served from here in a moment. One directory is built for all.
 * @return whether every one of them is published then, for now perhaps as a placeholder */
static bool
publish_placeholders(struct zone_manager *m, struct newcomers *new, uint64_t ticket)
{
	uint64_t *image = malloc((new->n == 0 ? 1 : new->n) * sizeof *image);
	/* at the very first start a million look-ups would find nothing */
	bool none_before = zone_published_count(m->o.publisher) == 0;
	size_t n = 0;
	int ret = image == NULL ? -ENOMEM : 0;

	for (size_t i = 0; i < new->n &&ret == 0; i++) {
		struct newcomer *z = &new->zone[i];
		if (!none_before)
			z->image = zone_published(m->o.publisher, z->entry->apex);
		if (z->image != 0)
			continue;
		ret = zone_compile_unavailable(m->o.arena, z->entry->apex, &image[n]);
		n += ret == 0;
	}
	if (ret == 0 && n > 0)
		ret = zone_publish_many(m->o.publisher, image, n);
	if (ret != 0) {
		log_error("%zu zones are not announced before they are loaded: %s", new->n,
			strerror(-ret));
		for (size_t i = 0; i < n; i++)
			zone_image_free(m->o.arena, image[i]);
	}
	free(image);
	announce(m, new, ticket);
	return ret == 0;
}

void
manager_announce_newcomers(struct zone_manager *m, struct newcomers *new, uint64_t ticket)
{
	m->all_published &= publish_placeholders(m, new, ticket);
	free(new->zone);
	*new = (struct newcomers){0};
}

/* Is what is served still what its files say? Under the lock, for the list of includes. */
static bool
zone_unchanged(const struct zone_entry *e, uint64_t stamp_now)
{
	return e->state != ZONE_FAILED && e->state != ZONE_CONFIGURED && e->stamp != 0 &&
	       e->stamp == stamp_now && file_list_unchanged(e->includes);
}

/* --- commands --- */

/* What became of a zone of a file. Only this thread removes such or gives them another home: that
 * of the file can be looked at without the lock. */
static void
settle_file_zone(struct zone_manager *m, struct zone_entry *e, bool force, uint64_t ticket)
{
	uint64_t stamp = e->seen == m->scan_count && !force ? file_stamp_now(e->path) : 0;

	pthread_mutex_lock(&m->lock);
	if (e->seen != m->scan_count) {
		if (m->files_complete || !e->in_directory)
			manager_remove_zone(m, e);
	} else if (!force && zone_unchanged(e, stamp)) {
		m->scan.unchanged++;
	} else {
		m->scan.reloaded++;
		manager_queue_zone(m, e, ZONE_QUEUE_BULK, ticket);
	}
	pthread_mutex_unlock(&m->lock);
}

/* @param files  those of files too */
static void
settle_zones(struct zone_manager *m, bool files, bool force, uint64_t since, uint64_t ticket)
{
	bool more = true;

	for (uint32_t i = 0; more && !m->stopping; i++) {
		struct zone_entry *e;
		bool of_file;
		pthread_mutex_lock(&m->lock);
		more = i < m->table.n_slots;
		e = more ? m->table.slot[i] : NULL;
		of_file = e != NULL && e->home == ZONE_HOME_FILE;
		if (e != NULL && !of_file)
			manager_settle_stored_zone(m, e, force, since, ticket);
		pthread_mutex_unlock(&m->lock);
		if (of_file && files)
			settle_file_zone(m, e, force, ticket);
	}
}

static void
scan_all(struct zone_manager *m, bool force, uint64_t ticket)
{
	struct newcomers new = {0};
	bool first = !m->scanned;
	uint64_t since;

	pthread_mutex_lock(&m->lock);
	m->scan_count++;
	pthread_mutex_unlock(&m->lock);
	m->files_complete = true;
	scan_list(m, &new);
	if (m->scan_config->zones.directory != NULL)
		m->files_complete &= scan_directory(m, &new);
	manager_scan_store(m, &new, &since);
	m->scan.added = (uint32_t) new.n;
	m->all_published = true;
	manager_announce_newcomers(m, &new, ticket);
	manager_withdraw_strays(m);
	settle_zones(m, true, force, since, ticket);
	manager_list_backends(m);
	if (!first)
		log_info("reload: %u zones added, %u removed, %u to load, %u unchanged",
			m->scan.added, m->scan.removed, m->scan.reloaded, m->scan.unchanged);
}

/* The store has just been opened, or cannot be. */
static void
scan_store_only(struct zone_manager *m, uint64_t ticket)
{
	struct newcomers new = {0};
	uint64_t since;

	if (!manager_has_store(m))
		return;
	manager_scan_store(m, &new, &since);
	m->scan.added = (uint32_t) new.n;
	manager_announce_newcomers(m, &new, ticket);
	manager_withdraw_strays(m);
	settle_zones(m, false, false, since, ticket);
}

/* The zone of a path within the zone directory. @return octets of its name, or -EINVAL */
static int
zone_of_path(const struct zone_manager *m, uint8_t apex[ZONE_WIRE_OCTETS], const char *path)
{
	const char *directory = m->scan_config->zones.directory;
	size_t len = directory == NULL ? 0 : strlen(directory);

	if (len == 0 || strncmp(path, directory, len) != 0 || path[len] != '/' ||
		strchr(path + len + 1, '/') != NULL)
		return -EINVAL;
	return zone_wire_from_file(apex, path + len + 1);
}

/* A file came, changed or went. */
static void
file_changed(struct zone_manager *m, const char *path, struct newcomers *new)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct stat st;
	struct zone_entry *e;
	bool there = stat(path, &st) == 0 && S_ISREG(st.st_mode);

	if (zone_of_path(m, apex, path) < 0)
		return;
	pthread_mutex_lock(&m->lock);
	e = zone_table_find(&m->table, apex);
	if (e != NULL && e->home != ZONE_HOME_FILE && there)
		e = NULL;
	if (e != NULL && !there && e->in_directory && strcmp(e->path, path) == 0 &&
		!manager_stored_takes_over(m, e))
		manager_remove_zone(m, e);
	pthread_mutex_unlock(&m->lock);
	if (e == NULL && there)
		found_zone(m, new, apex, path, true);
}

static int
compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
zone_has_file(const struct zone_entry *e, const struct command *c)
{
	const char *path = e->path;

	if (path == NULL)
		return false;
	if (bsearch(&path, c->path, c->n_paths, sizeof *c->path, compare_paths) != NULL)
		return true;
	for (size_t i = 0; e->includes != NULL && i < e->includes->n; i++) {
		path = e->includes->item[i].path;
		if (bsearch(&path, c->path, c->n_paths, sizeof *c->path, compare_paths) != NULL)
			return true;
	}
	return false;
}

static void
scan_files(struct zone_manager *m, const struct command *c)
{
	struct newcomers new = {0};
	bool more = true;

	qsort(c->path, c->n_paths, sizeof *c->path, compare_paths);
	/* each once: one that comes and goes meanwhile must not be a newcomer that is gone */
	for (size_t i = 0; i < c->n_paths; i++)
		if (i == 0 || strcmp(c->path[i - 1], c->path[i]) != 0)
			file_changed(m, c->path[i], &new);
	m->scan.added = (uint32_t) new.n;
	manager_announce_newcomers(m, &new, c->ticket);
	for (uint32_t i = 0; more; i++) {
		struct zone_entry *e;
		pthread_mutex_lock(&m->lock);
		more = i < m->table.n_slots;
		e = more ? m->table.slot[i] : NULL;
		if (e != NULL && zone_has_file(e, c)) {
			m->scan.reloaded++;
			manager_queue_zone(m, e, ZONE_QUEUE_URGENT, c->ticket);
		}
		pthread_mutex_unlock(&m->lock);
	}
}

void
manager_scan(struct zone_manager *m, const struct command *c)
{
	m->scan = (struct zone_manager_scan){.ticket = c->ticket};
	if (c->kind == COMMAND_FILES)
		scan_files(m, c);
	else if (c->kind == COMMAND_STORE)
		scan_store_only(m, c->ticket);
	else if (c->kind == COMMAND_LIST)
		manager_scan_list(m, c->list, c->ticket);
	else
		scan_all(m, c->kind == COMMAND_FORCE_ALL, c->ticket);
}
