/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub_rings: the memory behind workers' blocks and rings, and the rings' file kept whole, which a
 * hostile stream process can cut short or replace. Dataplane, off the packet path. */
#include "shm/hub_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>

#define REFUSED_MAX                                                                   \
	2u /* times that somebody who has the file locked is believed to be making it \
	    */

int
hub_back(const struct hub_map *m, enum hub_file_id id, uint64_t at, size_t octets)
{
	int err = posix_fallocate(m->file[id]->fd, (off_t)at, (off_t)octets);

	return err == 0 ? 0
			: hub_fail(-err,
				  "no memory for a worker's counters and rings (%zu octets in the "
				  "run directory's file system): %s; make it larger, or use fewer "
				  "workers",
				  octets, strerror(err));
}

int
hub_back_rings(const struct hub_map *m, unsigned n)
{
	return hub_back(m, HUB_FILE_RINGS,
		hub_file_section(m->file[HUB_FILE_RINGS], HUB_SECTION_RINGS) +
			n * sizeof(struct hub_rings),
		sizeof(struct hub_rings));
}

bool
hub_rings_are_whole(struct hub *h)
{
	const struct hub_map *m;
	char path[PATH_MAX];
	bool whole;

	pthread_mutex_lock(&hubs_lock);
	m = hub_map_of(h);
	whole = hub_file_path(path, sizeof path, m->path, HUB_FILE_RINGS) == 0 &&
		hub_file_is_whole(m->file[HUB_FILE_RINGS], path, HUB_FILE_RINGS);
	pthread_mutex_unlock(&hubs_lock);
	return whole;
}

/* Go over to the file that has the name now, or make one. */
static int
change_rings(struct hub_map *m, const char *path, enum hub_patience patience)
{
	struct hub_file *former = m->file[HUB_FILE_RINGS];
	int err = hub_file_get(&m->file[HUB_FILE_RINGS], path, HUB_FILE_RINGS, true, patience);

	if (err < 0)
		m->file[HUB_FILE_RINGS] = former;
	else
		hub_file_put(former);
	return err;
}

/* Our file, made whole. Another one may have its name: what ours became was of no use to a process
 * that started since, which put a new one there. Who has the file locked may be such a process,
 * which holds the lock for a moment; or it may be there to hold us up. So nobody is waited for, and
 * after a few times the file is given up. */
static int
mend_rings(struct hub_map *m, const char *path)
{
	enum hub_patience patience = m->n_refused < REFUSED_MAX ? HUB_TRY : HUB_SPURN;
	int err = hub_file_is_current(m->file[HUB_FILE_RINGS], path)
			  ? 0
			  : change_rings(m, path, patience);

	if (err == 0)
		err = hub_file_repair(m->file[HUB_FILE_RINGS], path, HUB_FILE_RINGS, patience);
	if (err == -ESTALE)
		err = change_rings(m, path, patience);
	m->n_refused = err == -EAGAIN ? m->n_refused + 1 : 0;
	return err;
}

int
hub_repair_rings(struct hub *h)
{
	uint32_t n = atomic_load_explicit(&h->instance[h->seat].n_workers, memory_order_relaxed);
	char path[PATH_MAX];
	struct hub_map *m;
	int err;

	pthread_mutex_lock(&hubs_lock);
	m = hub_map_of(h);
	err = hub_file_path(path, sizeof path, m->path, HUB_FILE_RINGS);
	if (err == 0)
		err = mend_rings(m, path);
	for (uint32_t i = 0; i < n && err == 0; i++)
		err = hub_back_rings(m, i);
	if (err == 0)
		err = hub_map_sections(m, HUB_FILE_RINGS);
	pthread_mutex_unlock(&hubs_lock);
	return err;
}
