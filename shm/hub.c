/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub: stitches the files' sections into one view, and tells counters by key. Runs in every
 * process, off the packet path. */
#include "shm/hub.h"

#include "shm/hub_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

pthread_mutex_t hubs_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hub_map *maps;

/* Where a section lies in the view. */
static const struct {
	enum hub_file_id file;
	enum hub_section_id id;
	size_t at, octets;
} places[] = {
#define PLACE(file, id, field)                                                          \
	{                                                                               \
		file, id, offsetof(struct hub, field), sizeof(((struct hub *)0)->field) \
	}
	PLACE(HUB_FILE_CONTROL, HUB_SECTION_CONTROL, control),
	PLACE(HUB_FILE_DATA, HUB_SECTION_INSTANCE, instance),
	PLACE(HUB_FILE_DATA, HUB_SECTION_WORKER, worker),
	PLACE(HUB_FILE_DATA, HUB_SECTION_PORT, port),
	PLACE(HUB_FILE_STREAM, HUB_SECTION_STREAM, stream),
	PLACE(HUB_FILE_RINGS, HUB_SECTION_RINGS, rings),
#undef PLACE
};
#define N_PLACES (sizeof places / sizeof places[0])

static_assert(N_PLACES <= 32, "bits of hub_map.mapped");

static_assert(offsetof(struct hub, control) % HUB_PAGE == 0 &&
		      offsetof(struct hub, instance) % HUB_PAGE == 0 &&
		      offsetof(struct hub, worker) % HUB_PAGE == 0 &&
		      offsetof(struct hub, port) % HUB_PAGE == 0 &&
		      offsetof(struct hub, stream) % HUB_PAGE == 0 &&
		      offsetof(struct hub, rings) % HUB_PAGE == 0 &&
		      sizeof(((struct hub *)0)->port) % HUB_PAGE == 0,
	"sections are mapped at pages");

const enum hub_file_id hub_file_of_role[HUB_ROLES] = {
	[HUB_DATAPLANE] = HUB_FILE_DATA,
	[HUB_CONTROLPLANE] = HUB_FILE_CONTROL,
	[HUB_STREAM] = HUB_FILE_STREAM,
	[HUB_RECURSOR] = HUB_FILE_RECURSOR,
};

static bool
is_own(enum hub_role role, enum hub_file_id id)
{
	if (id == HUB_FILE_RINGS)
		return role == HUB_DATAPLANE || role == HUB_STREAM;
	return role != HUB_ROLES && hub_file_of_role[role] == id;
}

/* The stream process is a stranger: it may cut its file short, and whoever had it mapped would die
 * of the next look. So others read it into a copy, as of the last hub_refresh(). */
static bool
is_copied(enum hub_role role, enum hub_file_id id)
{
	return id == HUB_FILE_STREAM && !is_own(role, id);
}

struct hub_map *
hub_map_of(const struct hub *h)
{
	for (struct hub_map *m = maps; m != NULL; m = m->next)
		if (m->hub == h)
			return m;
	assert(!"a hub that is open");
	return NULL;
}

/* --- mapping --- */

/* What of a section is there now, word by word: other threads read the copy. */
static void
copy_section(const struct hub_map *m, unsigned place, uint64_t off)
{
	uint64_t *to = (uint64_t *)(void *)((uint8_t *)m->hub + places[place].at);
	int fd = m->file[places[place].file]->fd;
	uint64_t word[HUB_PAGE / sizeof(uint64_t)];

	for (size_t at = 0; at < places[place].octets; at += sizeof word) {
		ssize_t n = pread(fd, word, sizeof word, (off_t)(off + at));
		for (ssize_t i = 0; i < n / (ssize_t)sizeof *word; i++)
			__atomic_store_n(
				&to[at / sizeof *word + (size_t)i], word[i], __ATOMIC_RELAXED);
		if (n != (ssize_t)sizeof word)
			return; /* cut short: the rest stays as it was */
	}
}

static void
copy_sections(const struct hub_map *m, enum hub_file_id id)
{
	for (unsigned i = 0; i < N_PLACES; i++) {
		uint64_t off =
			places[i].file == id ? hub_file_section(m->file[id], places[i].id) : 0;
		if (off != 0)
			copy_section(m, i, off);
	}
}

/* Lay a file's sections over their places in the view. */
int
hub_map_sections(struct hub_map *m, enum hub_file_id id)
{
	bool copied = is_copied(m->role, id), write = copied || is_own(m->role, id);

	for (unsigned i = 0; i < N_PLACES; i++) {
		uint64_t off;
		bool shared;
		if (places[i].file != id)
			continue;
		off = hub_file_section(m->file[id], places[i].id);
		shared = off != 0 && !copied;
		/* what another file had there is gone */
		if (mmap((uint8_t *)m->hub + places[i].at, places[i].octets,
			    write ? PROT_READ | PROT_WRITE : PROT_READ,
			    MAP_FIXED | MAP_NORESERVE |
				    (shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS),
			    shared ? m->file[id]->fd : -1, (off_t)(shared ? off : 0)) == MAP_FAILED)
			return hub_fail(-errno, "%s: cannot map: %s", m->path, strerror(errno));
		m->mapped = (m->mapped & ~(1u << i)) | (off != 0 ? 1u << i : 0);
	}
	if (copied)
		copy_sections(m, id);
	return 0;
}

/* Was a section that we know not in the file? */
static bool
is_incomplete(const struct hub_map *m, enum hub_file_id id)
{
	for (unsigned i = 0; i < N_PLACES; i++)
		if (places[i].file == id && (m->mapped & 1u << i) == 0)
			return true;
	return false;
}

/* Map a file that is there, if it is not mapped yet or is another one now. @return 0; -ENOENT;
 * another negative errno: it cannot be used */
int
hub_look_at_file(struct hub_map *m, enum hub_file_id id)
{
	struct hub_file *f = m->file[id];
	char path[PATH_MAX];
	int err = hub_file_path(path, sizeof path, m->path, id);

	if (err < 0)
		return err;
	if (f != NULL && (is_own(m->role, id) || hub_file_is_current(f, path))) {
		if (is_copied(m->role, id) && !is_incomplete(m, id))
			copy_sections(m, id);
		if (is_own(m->role, id) || !is_incomplete(m, id))
			return 0;
		hub_file_reread(f, id);
		return hub_map_sections(m, id);
	}
	err = hub_file_get(&m->file[id], path, id, is_own(m->role, id), HUB_WAIT);
	if (err < 0) {
		m->file[id] = f;
		return err;
	}
	hub_file_put(f);
	return hub_map_sections(m, id);
}

/* Where does each of our counters lie? Rows usually are where we have them ourselves. */
static void
find_counters(struct hub *h)
{
	for (unsigned seat = 0; seat < HUB_SEATS; seat++) {
		const struct hub_instance *in = &h->instance[seat];
		uint32_t n = atomic_load_explicit(&in->n_counters, memory_order_acquire);
		n = n < HUB_COUNTERS_MAX ? n : HUB_COUNTERS_MAX;
		for (unsigned i = 0; i < CTR_N; i++)
			atomic_store_explicit(&h->counter_at[seat][i],
				counter_find(in->counter_key, n, &counter_info[i], i),
				memory_order_relaxed);
	}
	uint32_t n = atomic_load_explicit(&h->stream.n_counters, memory_order_acquire);
	n = n < HUB_STREAM_COUNTERS_MAX ? n : HUB_STREAM_COUNTERS_MAX;
	for (unsigned i = 0; i < SCTR_N; i++)
		atomic_store_explicit(&h->stream_counter_at[i],
			counter_find(h->stream.counter_key, n, &stream_counter_info[i], i),
			memory_order_relaxed);
}

static int
refresh(struct hub_map *m)
{
	int first = 0;

	for (int id = 0; id < HUB_FILES; id++) {
		int err = hub_look_at_file(m, (enum hub_file_id)id);
		if (err != 0 && err != -ENOENT && first == 0)
			first = err;
	}
	find_counters(m->hub);
	return first;
}

int
hub_refresh(struct hub *h)
{
	int err;

	pthread_mutex_lock(&hubs_lock);
	err = refresh(hub_map_of(h));
	pthread_mutex_unlock(&hubs_lock);
	return err;
}

int
hub_set_path(struct hub *h, const char *path)
{
	struct hub_map *m;
	int err = 0;

	pthread_mutex_lock(&hubs_lock);
	m = hub_map_of(h);
	if (strlen(path) < sizeof m->path)
		snprintf(m->path, sizeof m->path, "%s", path);
	else
		err = hub_fail(-ENAMETOOLONG, "%s: the path is too long", path);
	pthread_mutex_unlock(&hubs_lock);
	return err;
}

bool
hub_has(const struct hub *h, enum hub_role role)
{
	bool has;

	pthread_mutex_lock(&hubs_lock);
	has = hub_map_of(h)->file[hub_file_of_role[role]] != NULL;
	pthread_mutex_unlock(&hubs_lock);
	return has;
}

/* --- open and close --- */

static int
reserve_view(struct hub_map *m)
{
	struct hub *h = mmap(
		NULL, sizeof *h, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (h == MAP_FAILED)
		return hub_fail(-errno, "%s: no address space: %s", m->path, strerror(errno));
	m->hub = h;
	if (mprotect(h, offsetof(struct hub, control), PROT_READ | PROT_WRITE) < 0)
		return hub_fail(-errno, "%s: cannot map: %s", m->path, strerror(errno));
	return 0;
}

static void
destroy(struct hub_map *m)
{
	if (m->seat >= 0)
		hub_file_unlock(m->file[hub_file_of_role[m->role]], (unsigned)m->seat);
	if (m->hub != NULL)
		munmap(m->hub, sizeof *m->hub);
	for (unsigned id = 0; id < HUB_FILES; id++)
		hub_file_put(m->file[id]);
	free(m);
}

/* All files that are ours or there. What another process uses in another layout is an error; what
 * cannot be read is one when somebody needs it. */
static int
open_files(struct hub_map *m)
{
	bool any = false;

	for (int id = 0; id < HUB_FILES; id++) {
		int err = hub_look_at_file(m, (enum hub_file_id)id);
		if (err < 0 && (err == -EPROTO || is_own(m->role, (enum hub_file_id)id)))
			return err;
		any |= err == 0;
	}
	return any ? 0 : hub_fail(-ENOENT, "%s: nothing runs, or ever ran, here", m->path);
}

static int
open_as(struct hub **out, const char *path, enum hub_role role, bool beside)
{
	struct hub_map *m = calloc(1, sizeof *m);
	int err = 0;

	assert(role <= HUB_ROLES);
	if (m == NULL)
		return hub_fail(-ENOMEM, "%s: out of memory", path);
	m->role = role;
	m->beside = beside;
	m->seat = -1;
	pthread_mutex_lock(&hubs_lock);
	if (snprintf(m->path, sizeof m->path, "%s", path) >= (int)sizeof m->path)
		err = hub_fail(-ENAMETOOLONG, "%s: the path is too long", path);
	if (err == 0 && role != HUB_ROLES)
		err = hub_file_check_former(path);
	if (err == 0)
		err = reserve_view(m);
	if (err == 0)
		err = open_files(m);
	if (err == 0 && role != HUB_ROLES)
		err = hub_take_role(m);
	if (err == 0) {
		find_counters(m->hub);
		m->next = maps;
		maps = m;
		*out = m->hub;
	} else {
		destroy(m);
	}
	pthread_mutex_unlock(&hubs_lock);
	return err;
}

int
hub_open(struct hub **out, const char *path, enum hub_role role)
{
	return open_as(out, path, role, false);
}

int
hub_open_beside(struct hub **out, const char *path)
{
	return open_as(out, path, HUB_DATAPLANE, true);
}

void
hub_close(struct hub *h)
{
	if (h == NULL)
		return;
	pthread_mutex_lock(&hubs_lock);
	for (struct hub_map **p = &maps; *p != NULL; p = &(*p)->next)
		if ((*p)->hub == h) {
			struct hub_map *m = *p;
			*p = m->next;
			destroy(m);
			break;
		}
	pthread_mutex_unlock(&hubs_lock);
}

int
hub_worker_claim(struct hub *h, unsigned n)
{
	struct hub_instance *in = &h->instance[h->seat];
	uint32_t n_claimed = atomic_load_explicit(&in->n_claimed, memory_order_acquire);
	const struct hub_map *m;
	int err;

	if (n >= HUB_WORKERS_MAX)
		return hub_fail(-EINVAL, "worker %u: there can be %u at most", n, HUB_WORKERS_MAX);
	if (n > n_claimed)
		return hub_fail(-EINVAL, "worker %u claimed before worker %u", n, n_claimed);
	pthread_mutex_lock(&hubs_lock);
	m = hub_map_of(h);
	/* also if claimed before: the rings are in a file that others write */
	err = hub_back(m, HUB_FILE_DATA,
		hub_file_section(m->file[HUB_FILE_DATA], HUB_SECTION_WORKER) +
			(h->seat * HUB_WORKERS_MAX + n) * sizeof(struct hub_worker),
		sizeof(struct hub_worker));
	if (err == 0)
		err = hub_back_rings(m, n);
	pthread_mutex_unlock(&hubs_lock);
	if (err == 0 && n == n_claimed)
		atomic_store_explicit(&in->n_claimed, n + 1, memory_order_release);
	return err;
}

/* --- counters --- */

unsigned
hub_workers(const struct hub *h)
{
	uint32_t most = 0;

	for (unsigned seat = 0; seat < HUB_SEATS; seat++) {
		uint32_t n =
			atomic_load_explicit(&h->instance[seat].n_claimed, memory_order_acquire);
		most = n > most ? n : most;
	}
	return most < HUB_WORKERS_MAX ? most : HUB_WORKERS_MAX;
}

uint64_t
hub_counter(const struct hub *h, unsigned n, enum counter id)
{
	uint64_t sum = 0;

	for (unsigned seat = 0; seat < HUB_SEATS; seat++) {
		uint16_t at = atomic_load_explicit(&h->counter_at[seat][id], memory_order_relaxed);
		if (at < HUB_COUNTERS_MAX && n < atomic_load_explicit(&h->instance[seat].n_claimed,
							 memory_order_acquire))
			sum += __atomic_load_n(
				&h->worker[seat][n].counters_room[at], __ATOMIC_RELAXED);
	}
	return sum;
}

uint64_t
hub_stream_counter(const struct hub *h, enum stream_counter id)
{
	uint16_t at = atomic_load_explicit(&h->stream_counter_at[id], memory_order_relaxed);

	return at < HUB_STREAM_COUNTERS_MAX
		       ? __atomic_load_n(&h->stream.counters_room[at], __ATOMIC_RELAXED)
		       : 0;
}
