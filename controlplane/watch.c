/* SPDX-License-Identifier: GPL-3.0-or-later */
/* watch: inotify(7) on folders, gathered for a moment and handed to the zone manager as one
 * request. What happens to the target of a symbolic link in another folder is not seen. */
#include "controlplane/watch.h"
#include "config/log.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUIET_MS 150        /* without a further event, before zones are loaded */
#define GATHER_MS 2000      /* at most, however busy the folder is */
#define REFRESH_MS 1000     /* after loads, before the folders of includes are looked for */
#define PATHS_MAX 65536u    /* changed files gathered; more is a reload of everything */
#define FOLDERS_MAX 65536u  /* watched */
#define LOOK_MS 1000        /* between looks at whether a path still leads to the folder watched */
#define LOOK_FOLDERS 1024u  /* in one of them */
#define EVENTS_READ_MAX 64u /* buffers read for one wake-up; the loop comes back for the rest */
#define FOLDER_EVENTS \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ONLYDIR)

/* One folder as one configuration entry spells it; two spellings may share a descriptor. */
struct folder {
	char *path;
	int wd; /* -1: not watched now */
};

struct watch {
	struct zone_manager *manager;
	int fd;
	uv_poll_t poll;
	uv_timer_t flush, refresh, look;
	unsigned n_open; /* handles of the loop */
	struct folder *folder;
	size_t n_folders, folders_room;
	size_t looked_at; /* folders of this round */
	char **path;
	size_t n_paths, paths_room;
	uint64_t first_ms; /* loop time of the oldest event gathered */
	bool all;          /* events were lost: look at everything */
};

static int
compare_folder(const void *a, const void *b)
{
	return strcmp(((const struct folder *)a)->path, ((const struct folder *)b)->path);
}

/* Watch a folder of `len` octets, unless it is known. Folders are kept sorted by name. */
static void
add_folder(struct watch *w, const char *path, size_t len)
{
	char *copy = len == 0 ? strdup(".") : strndup(path, len);
	struct folder key = {.path = copy}, *known;
	size_t at;

	if (copy == NULL)
		return;
	known = w->n_folders == 0
			? NULL
			: bsearch(&key, w->folder, w->n_folders, sizeof key, compare_folder);
	if (known != NULL && known->wd < 0)
		known->wd = inotify_add_watch(w->fd, copy, FOLDER_EVENTS);
	if (known != NULL || w->n_folders == FOLDERS_MAX) {
		free(copy);
		return;
	}
	if (w->n_folders == w->folders_room) {
		size_t room = w->folders_room == 0 ? 8 : w->folders_room * 2;
		struct folder *bigger = realloc(w->folder, room * sizeof *bigger);
		if (bigger == NULL) {
			free(copy);
			return;
		}
		w->folder = bigger;
		w->folders_room = room;
	}
	key.wd = inotify_add_watch(w->fd, copy, FOLDER_EVENTS);
	if (key.wd < 0)
		log_warning("zones.watch: %s cannot be watched: %s", copy, strerror(errno));
	for (at = w->n_folders++; at > 0 && strcmp(w->folder[at - 1].path, copy) > 0; at--)
		w->folder[at] = w->folder[at - 1];
	w->folder[at] = key;
}

static void
add_folder_of(struct watch *w, const char *file)
{
	const char *slash = strrchr(file, '/');

	add_folder(w, file, slash == NULL ? 0 : slash == file ? 1 : (size_t)(slash - file));
}

static void
collect_includes(void *arg, const struct zone_entry *e)
{
	for (size_t i = 0; e->includes != NULL && i < e->includes->n; i++)
		add_folder_of(arg, e->includes->item[i].path);
}

static void
refresh(uv_timer_t *t)
{
	struct watch *w = t->data;
	uint32_t cursor = 0;

	while (zone_manager_visit_some(w->manager, &cursor, 1024, collect_includes, w))
		;
}

void
watch_refresh_soon(struct watch *w)
{
	if (w != NULL && !uv_is_active((uv_handle_t *)&w->refresh))
		uv_timer_start(&w->refresh, refresh, REFRESH_MS, 0);
}

static void
flush(uv_timer_t *t)
{
	struct watch *w = t->data;
	uint64_t ticket;
	int ret;

	if (w->all) {
		for (size_t i = 0; i < w->n_paths; i++)
			free(w->path[i]);
		free(w->path);
		ret = zone_manager_reload_all(w->manager, false, &ticket);
	} else {
		ret = zone_manager_files_changed(
			w->manager, w->path, w->n_paths); /* takes them over */
	}
	if (ret != 0)
		log_error("zones.watch: changed files are not loaded: %s", strerror(-ret));
	w->path = NULL;
	w->n_paths = w->paths_room = 0;
	w->all = false;
}

static bool
is_watched(const struct watch *w, int wd)
{
	for (size_t i = 0; i < w->n_folders; i++)
		if (w->folder[i].wd == wd)
			return true;
	return false;
}

/* A watch stays with the folder that it was put on. When another one was moved to its path, or made
 * there, or a link there leads elsewhere now, that is the one to watch; and anything may differ. */
static void
look_at_folder(struct watch *w, struct folder *f)
{
	int old = f->wd, wd = inotify_add_watch(w->fd, f->path, FOLDER_EVENTS), error = errno;

	if (wd == old)
		return;
	f->wd = wd;
	if (old >= 0 && !is_watched(w, old))
		inotify_rm_watch(w->fd, old);
	if (wd < 0) {
		log_warning(
			"zones.watch: %s cannot be watched any more: %s", f->path, strerror(error));
		return;
	}
	log_info("zones.watch: %s is %s", f->path, old < 0 ? "there again" : "another folder now");
	w->all = true;
	uv_timer_start(&w->flush, flush, QUIET_MS, 0);
}

static void
look(uv_timer_t *t)
{
	struct watch *w = t->data;
	size_t max = w->n_folders < LOOK_FOLDERS ? w->n_folders : LOOK_FOLDERS;

	for (size_t i = 0; i < max; i++) {
		if (w->looked_at >= w->n_folders)
			w->looked_at = 0;
		look_at_folder(w, &w->folder[w->looked_at++]);
	}
}

static void
gather(struct watch *w, const char *folder, const char *name)
{
	char *path = NULL;

	if (w->n_paths == PATHS_MAX) {
		w->all = true;
		return;
	}
	if (w->n_paths == w->paths_room) {
		size_t room = w->paths_room == 0 ? 16 : w->paths_room * 2;
		char **bigger = realloc(w->path, room * sizeof *bigger);
		if (bigger == NULL) {
			w->all = true;
			return;
		}
		w->path = bigger;
		w->paths_room = room;
	}
	if (asprintf(&path, strcmp(folder, "/") == 0 ? "%s%s" : "%s/%s", folder, name) < 0)
		w->all = true;
	else if (w->n_paths > 0 && strcmp(w->path[w->n_paths - 1], path) == 0)
		free(path); /* a burst about one file */
	else
		w->path[w->n_paths++] = path;
}

/* A file that was created is of interest when it is written and closed; a link is never written. */
static bool
is_link(const char *folder, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path &&
	       lstat(path, &st) == 0 && (S_ISLNK(st.st_mode) || st.st_nlink > 1);
}

static void
take_event(struct watch *w, const struct inotify_event *e)
{
	if ((e->mask & IN_Q_OVERFLOW) != 0)
		w->all = true;
	for (size_t i = 0; i < w->n_folders; i++) {
		struct folder *f = &w->folder[i];
		if (f->wd != e->wd)
			continue;
		if ((e->mask & IN_IGNORED) != 0) {
			log_warning("zones.watch: %s is gone", f->path);
			f->wd = -1;
		} else if (e->len > 0 && (e->mask & IN_ISDIR) == 0 &&
			   ((e->mask & IN_CREATE) == 0 || is_link(f->path, e->name))) {
			gather(w, f->path, e->name);
		}
	}
}

static void
readable(uv_poll_t *p, int status, int events)
{
	struct watch *w = p->data;
	_Alignas(struct inotify_event) char buffer[16384];
	uint64_t now_ms = uv_now(p->loop), wait_ms = QUIET_MS;
	bool idle = w->n_paths == 0 && !w->all;

	for (unsigned n = 0; n < EVENTS_READ_MAX; n++) {
		ssize_t len = read(w->fd, buffer, sizeof buffer);
		if (len <= 0)
			break;
		for (ssize_t at = 0; at < len;) {
			const struct inotify_event *e = (const struct inotify_event *)(buffer + at);
			take_event(w, e);
			at += (ssize_t)(sizeof *e + e->len);
		}
	}
	if (w->n_paths == 0 && !w->all)
		return;
	if (idle)
		w->first_ms = now_ms;
	if (now_ms - w->first_ms + wait_ms > GATHER_MS)
		wait_ms = now_ms - w->first_ms < GATHER_MS ? GATHER_MS - (now_ms - w->first_ms) : 0;
	uv_timer_start(&w->flush, flush, wait_ms, 0);
}

int
watch_start(struct watch **out, uv_loop_t *loop, const struct config *c, struct zone_manager *m)
{
	struct watch *w = calloc(1, sizeof *w);
	int ret;

	if (w == NULL)
		return -ENOMEM;
	w->manager = m;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0) {
		ret = -errno;
		log_error("zones.watch: inotify: %s; raise fs.inotify.max_user_instances",
			strerror(-ret));
		free(w);
		return ret;
	}
	ret = uv_poll_init(loop, &w->poll, w->fd);
	if (ret != 0) {
		log_error("zones.watch: %s", uv_strerror(ret));
		close(w->fd);
		free(w);
		return ret;
	}
	uv_timer_init(loop, &w->flush);
	uv_timer_init(loop, &w->refresh);
	uv_timer_init(loop, &w->look);
	w->n_open = 4;
	w->poll.data = w->flush.data = w->refresh.data = w->look.data = w;
	if (c->zones.directory != NULL)
		add_folder(w, c->zones.directory, strlen(c->zones.directory));
	for (unsigned i = 0; i < c->zones.list_count; i++)
		add_folder_of(w, c->zones.list[i].file);
	uv_poll_start(&w->poll, UV_READABLE, readable);
	uv_timer_start(&w->look, look, LOOK_MS, LOOK_MS);
	*out = w;
	return 0;
}

static void
closed(uv_handle_t *h)
{
	struct watch *w = h->data;

	if (--w->n_open > 0)
		return;
	close(w->fd);
	for (size_t i = 0; i < w->n_folders; i++)
		free(w->folder[i].path);
	for (size_t i = 0; i < w->n_paths; i++)
		free(w->path[i]);
	free(w->folder);
	free(w->path);
	free(w);
}

void
watch_stop(struct watch *w)
{
	if (w == NULL)
		return;
	uv_close((uv_handle_t *)&w->poll, closed);
	uv_close((uv_handle_t *)&w->flush, closed);
	uv_close((uv_handle_t *)&w->refresh, closed);
	uv_close((uv_handle_t *)&w->look, closed);
}
