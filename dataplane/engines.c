/* SPDX-License-Identifier: GPL-3.0-or-later */
/* engines: main's side of an arena's life. Workers learn of a new engine through worker.wanted and
 * say through worker.using_now that they have left the old one. */
#include "dataplane/engines.h"

#include "config/log.h"
#include "shm/doorbell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct generation {
	struct arena arena;
	dev_t dev;
	ino_t ino;
	struct answer_context *engine[HUB_WORKERS_MAX];
};

struct engines {
	const char *path;
	struct worker *worker;
	unsigned n_workers;
	struct generation *now, *old; /* old: some worker may still use it */
	int error;                    /* of the last look; 0: there is an engine, or none yet */
	int last_error;               /* logged already */
	bool waited;                  /* said that there is no arena yet */
};

static void
generation_destroy(struct generation *g, unsigned n_workers)
{
	if (g == NULL)
		return;
	for (unsigned i = 0; i < n_workers; i++) {
		if (g->engine[i] != NULL)
			answer_destroy(g->engine[i]);
	}
	if (g->arena.base != NULL)
		arena_close(&g->arena);
	free(g);
}

static int
generation_create(struct generation **out, const struct engines *e)
{
	struct generation *g = calloc(1, sizeof *g);
	struct stat st;
	int err;

	if (g == NULL)
		return -ENOMEM;
	err = arena_attach(&g->arena, e->path);
	if (err != 0) {
		memset(&g->arena, 0, sizeof g->arena);
		goto fail;
	}
	if (fstat(g->arena.fd, &st) < 0) {
		err = -errno;
		goto fail;
	}
	g->dev = st.st_dev;
	g->ino = st.st_ino;
	for (unsigned i = 0; i < e->n_workers; i++) {
		g->engine[i] = answer_create(&g->arena, &e->worker[i].shared->counters);
		if (g->engine[i] == NULL) {
			err = -ENOMEM;
			goto fail;
		}
	}
	*out = g;
	return 0;
fail:
	generation_destroy(g, e->n_workers);
	return err;
}

/* Has every worker left the old engines? Then they and their arena go. */
static void
finish_move(struct engines *e)
{
	if (e->old == NULL)
		return;
	for (unsigned i = 0; i < e->n_workers; i++) {
		/* acquire: its last use of the old engine was before it said so */
		if (atomic_load_explicit(&e->worker[i].using_now, memory_order_acquire) !=
			e->now->engine[i])
			return;
	}
	generation_destroy(e->old, e->n_workers);
	e->old = NULL;
}

/* Is the file at the path still the one that is mapped? A file that is gone may be on its way back.
 */
static bool
is_current(const struct engines *e)
{
	struct stat st;
	if (e->now == NULL)
		return false;
	if (stat(e->path, &st) < 0)
		return true;
	return st.st_dev == e->now->dev && st.st_ino == e->now->ino;
}

static void
log_failure(struct engines *e, int err)
{
	if (err == -ENOENT || err == -EAGAIN) {
		if (!e->waited)
			log_info("waiting for the control plane to make %s", e->path);
		e->waited = true;
		return;
	}
	if (err == e->last_error)
		return;
	e->last_error = err;
	log_error("cannot use the arena %s: %s%s", e->path,
		err == -EPROTO ? arena_error() : strerror(-err),
		e->now != NULL ? "; answering from the former one" : "");
}

bool
engines_update(struct engines *e)
{
	struct generation *g = NULL;
	int err;

	finish_move(e);
	if (e->old != NULL || is_current(e))
		return e->now != NULL;
	e->error = err = generation_create(&g, e);
	if (err != 0) {
		log_failure(e, err);
		return e->now != NULL;
	}
	log_info("%s %s, %llu MiB of address space",
		e->now != NULL ? "moved to another arena" : "attached to", e->path,
		(unsigned long long)(g->arena.size >> 20));
	e->last_error = 0;
	e->old = e->now;
	e->now = g;
	for (unsigned i = 0; i < e->n_workers; i++) {
		atomic_store_explicit(&e->worker[i].wanted, g->engine[i], memory_order_release);
		doorbell_ring(e->worker[i].bell);
	}
	return true;
}

int
engines_probe(const char *path)
{
	struct arena a;
	int err = arena_attach(&a, path);

	if (err == 0)
		arena_close(&a);
	return err;
}

int
engines_error(const struct engines *e)
{
	return e->error;
}

struct engines *
engines_create(const char *path, struct worker *workers, unsigned n_workers)
{
	struct engines *e = calloc(1, sizeof *e);
	if (e == NULL)
		return NULL;
	e->path = path;
	e->worker = workers;
	e->n_workers = n_workers;
	return e;
}

void
engines_destroy(struct engines *e)
{
	if (e == NULL)
		return;
	generation_destroy(e->old, e->n_workers);
	generation_destroy(e->now, e->n_workers);
	free(e);
}
