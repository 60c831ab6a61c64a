/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub: creates and maps the shared file, holds roles, ends grace periods. Runs in every process,
 * off the packet path. Locks are fcntl(2) locks on octets far behind the data, the same in every
 * layout version: they go with the process, F_GETLK names their holder, and a child does not
 * inherit them. But closing any descriptor of the file drops them all, so a process has one
 * descriptor for one hub. */
#include "shm/hub.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_ROLES (1ll << 40)          /* octet of role 0 */
#define LOCK_CREATE (LOCK_ROLES + 4096) /* held while the file is made or judged */
#define CREATE_WAIT_MS 2000             /* how long somebody else may take to do so */
#define REOPEN_MAX 16                   /* the file was replaced under our hands */

static_assert(offsetof(struct hub_ring, data) == sizeof(struct ring), "data follows its ring");
static_assert(sizeof(struct hub) < (1ll << 40), "locks lie behind the data");

/* One file, however often this process has it mapped. */
struct hub_file {
	struct hub_file *next;
	dev_t dev;
	ino_t ino;
	int fd;
	unsigned references;
	pid_t role_pid[HUB_ROLES]; /* ours, when this process took it through this descriptor */
};

/* One mapping, which is what callers know. */
struct hub_map {
	struct hub_map *next;
	struct hub *hub;
	struct hub_file *file;
	enum hub_role role;
};

static pthread_mutex_t hubs_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hub_file *files;
static struct hub_map *maps;
static _Thread_local char error_text[1024];

static const char *const role_name[HUB_ROLES] = {
	"millrace-dataplane", "millrace-controlplane", "millrace-stream", "millrace-recursor"};

__attribute__((format(printf, 2, 3))) static int
fail(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error_text, sizeof error_text, format, args);
	va_end(args);
	return err;
}

const char *
hub_error(void)
{
	return error_text;
}

int
hub_share_file(int fd, const char *path)
{
	char copy[PATH_MAX];
	struct stat st;

	if (fchmod(fd, 0660) < 0)
		return -errno;
	if (geteuid() != 0)
		return 0;
	if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
		return -ENAMETOOLONG;
	if (stat(dirname(copy), &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0)
		return -errno;
	return 0;
}

/* Lock one octet without waiting. @return 0, -EAGAIN when another process has it, negative errno */
static int
lock_octet(int fd, off_t at, short type)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	if (fcntl(fd, F_SETLK, &l) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

/* Pid of another process that has the octet locked, or 0. */
static pid_t
lock_holder(int fd, off_t at)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	if (fcntl(fd, F_GETLK, &l) < 0 || l.l_type == F_UNLCK)
		return 0;
	return l.l_pid;
}

static pid_t
file_role_pid(const struct hub_file *f, enum hub_role role)
{
	pid_t pid = lock_holder(f->fd, LOCK_ROLES + role);

	/* F_GETLK does not speak of our own locks; a forked child has the table but not the lock */
	if (pid == 0 && f->role_pid[role] == getpid())
		pid = f->role_pid[role];
	return pid;
}

static int
lock_creation(int fd, const char *path)
{
	struct timespec ms = {.tv_nsec = 1000000};
	int err;

	for (unsigned i = 0; i < CREATE_WAIT_MS; i++) {
		err = lock_octet(fd, LOCK_CREATE, F_WRLCK);
		if (err != -EAGAIN)
			return err < 0 ? fail(err, "%s: cannot lock: %s", path, strerror(-err)) : 0;
		nanosleep(&ms, NULL);
	}
	return fail(-EAGAIN,
		"%s: process %ld has been creating it for %u ms: is it stopped? End it", path,
		(long)lock_holder(fd, LOCK_CREATE), CREATE_WAIT_MS);
}

/* Give a new, empty file its size and its header. */
static int
file_initialise(int fd, const char *path)
{
	struct hub *h;
	int err;

	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)sizeof *h) < 0)
		return fail(-errno, "%s: cannot set its size: %s", path, strerror(errno));
	err = posix_fallocate(fd, 0, offsetof(struct hub, worker));
	if (err != 0)
		return fail(-err, "%s: no memory for its header: %s", path, strerror(err));
	err = hub_share_file(fd, path);
	if (err < 0)
		return fail(err, "%s: cannot set owner and mode: %s", path, strerror(-err));
	h = mmap(NULL, offsetof(struct hub, worker), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (h == MAP_FAILED)
		return fail(-errno, "%s: cannot map: %s", path, strerror(errno));
	h->version = HUB_VERSION;
	h->n_counters = CTR_N;
	h->n_stream_counters = SCTR_N;
	h->octets = sizeof *h;
	atomic_store_explicit(&h->epoch, 1, memory_order_relaxed);
	/* release: whoever sees the magic number sees the rest */
	__atomic_store_n(&h->magic, HUB_MAGIC, __ATOMIC_RELEASE);
	munmap(h, offsetof(struct hub, worker));
	return 0;
}

enum file_state { FILE_NEW, FILE_OURS, FILE_FOREIGN };

/* Read the header with read(2): a file that was cut short must not be touched through a mapping. */
static enum file_state
file_judge(int fd, uint32_t *version)
{
	struct hub_head {
		uint64_t magic;
		uint32_t version, n_counters;
		uint64_t octets;
		uint32_t n_stream_counters;
	} head;
	struct stat st;

	static_assert(offsetof(struct hub_head, octets) == offsetof(struct hub, octets) &&
			      offsetof(struct hub_head, n_stream_counters) ==
				      offsetof(struct hub, n_stream_counters),
		"hub_head is the start of struct hub");
	if (pread(fd, &head, sizeof head, 0) != (ssize_t)sizeof head || head.magic != HUB_MAGIC)
		return FILE_NEW; /* its creator died before it was done */
	*version = head.version;
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size != head.octets)
		return FILE_FOREIGN;
	if (head.version != HUB_VERSION || head.n_counters != CTR_N ||
		head.octets != sizeof(struct hub) || head.n_stream_counters != SCTR_N)
		return FILE_FOREIGN;
	return FILE_OURS;
}

/* Another layout: name who still uses it. @return 0 when nobody does, else -EPROTO */
static int
file_foreign(int fd, const char *path, uint32_t version)
{
	char users[512] = "";
	size_t at = 0;

	for (int role = 0; role < HUB_ROLES; role++) {
		pid_t pid = lock_holder(fd, LOCK_ROLES + role);
		if (pid != 0 && at < sizeof users)
			at += (size_t)snprintf(users + at, sizeof users - at, "%s%s (pid %ld)",
				at ? ", " : "", role_name[role], (long)pid);
	}
	if (at == 0)
		return 0;
	return fail(-EPROTO,
		"%s: it has layout version %u, and this program (" MILLRACE_VERSION
		") needs version %u with %u counters; restart with the same version: %s",
		path, version, HUB_VERSION, (unsigned)CTR_N, users);
}

/* Is this descriptor still what the path names? */
static bool
file_current(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Open the file and make sure that it has our layout. @return descriptor; -ESTALE: try again;
 * negative errno */
static int
file_open(const char *path, bool create)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);
	uint32_t version = 0;
	enum file_state state;
	int fd, err;

	fd = open(path, flags, 0660);
	if (fd < 0 && !create && (errno == EACCES || errno == EROFS))
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return fail(-errno, "%s: cannot open: %s", path, strerror(errno));
	if (!create) {
		state = file_judge(fd, &version);
		if (state == FILE_OURS)
			return fd;
		err = state == FILE_NEW ? fail(-EAGAIN, "%s: its creator has not finished", path)
					: file_foreign(fd, path, version);
		if (err == 0)
			err = fail(-EPROTO,
				"%s: left behind by another version (layout %u, not %u); start "
				"the suite of this version",
				path, version, HUB_VERSION);
		goto fail;
	}
	err = lock_creation(fd, path);
	if (err < 0)
		goto fail;
	err = -ESTALE;
	if (!file_current(fd, path))
		goto fail;
	state = file_judge(fd, &version);
	err = 0;
	if (state == FILE_NEW) {
		err = file_initialise(fd, path);
	} else if (state == FILE_FOREIGN) {
		err = file_foreign(fd, path, version);
		/* nobody holds a role: make another file, and leave this one to tools that map it
		 */
		if (err == 0)
			err = unlink(path) == 0 || errno == ENOENT ? -ESTALE : -errno;
	}
	if (err < 0)
		goto fail;
	lock_octet(fd, LOCK_CREATE, F_UNLCK);
	return fd;
fail:
	close(fd); /* lets go of the lock too */
	return err;
}

/* Find or open the file of this path. Called with hubs_lock held. */
static int
file_get(struct hub_file **out, const char *path, bool create)
{
	struct hub_file *f;
	struct stat st;
	int fd = -ESTALE;

	if (stat(path, &st) == 0)
		for (f = files; f != NULL; f = f->next)
			if (f->dev == st.st_dev && f->ino == st.st_ino) {
				f->references++;
				*out = f;
				return 0;
			}
	for (unsigned i = 0; i < REOPEN_MAX && fd == -ESTALE; i++)
		fd = file_open(path, create);
	if (fd < 0)
		return fd;
	f = calloc(1, sizeof *f);
	if (f == NULL || fstat(fd, &st) < 0) {
		free(f);
		close(fd);
		return fail(-ENOMEM, "%s: out of memory", path);
	}
	*f = (struct hub_file){
		.next = files, .dev = st.st_dev, .ino = st.st_ino, .fd = fd, .references = 1};
	files = f;
	*out = f;
	return 0;
}

/* Called with hubs_lock held. */
static void
file_put(struct hub_file *f)
{
	if (--f->references > 0)
		return;
	for (struct hub_file **p = &files; *p != NULL; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			break;
		}
	close(f->fd);
	free(f);
}

static int
role_take(struct hub_file *f, const char *path, enum hub_role role)
{
	int err = -EAGAIN;

	if (f->role_pid[role] != getpid())
		err = lock_octet(f->fd, LOCK_ROLES + role, F_WRLCK);
	if (err == -EAGAIN)
		return fail(-EBUSY,
			"%s: %s is running already, as process %ld; stop that one first, or use "
			"another run_dir",
			path, role_name[role], (long)file_role_pid(f, role));
	if (err < 0)
		return fail(err, "%s: cannot lock: %s", path, strerror(-err));
	f->role_pid[role] = getpid();
	return 0;
}

/* A new dataplane: what the workers of the one before said about themselves is void. */
static void
dataplane_reset(struct hub *h)
{
	uint32_t n = atomic_load_explicit(&h->n_claimed, memory_order_acquire);

	atomic_store_explicit(&h->n_workers, 0, memory_order_release);
	for (uint32_t i = 0; i < n && i < HUB_WORKERS_MAX; i++)
		grace_offline(&h->worker[i]);
}

int
hub_open(struct hub **out, const char *path, enum hub_role role)
{
	struct hub_map *m = calloc(1, sizeof *m);
	int err;

	assert(role <= HUB_ROLES);
	if (m == NULL)
		return fail(-ENOMEM, "%s: out of memory", path);
	m->role = role;
	pthread_mutex_lock(&hubs_lock);
	err = file_get(&m->file, path, role != HUB_ROLES);
	if (err < 0)
		goto fail;
	if (role != HUB_ROLES) {
		err = role_take(m->file, path, role);
		if (err < 0)
			goto fail_file;
	}
	m->hub = mmap(NULL, sizeof *m->hub, role == HUB_ROLES ? PROT_READ : PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_NORESERVE, m->file->fd, 0);
	if (m->hub == MAP_FAILED) {
		err = fail(-errno, "%s: cannot map: %s", path, strerror(errno));
		goto fail_role;
	}
	if (role == HUB_DATAPLANE)
		dataplane_reset(m->hub);
	m->next = maps;
	maps = m;
	*out = m->hub;
	pthread_mutex_unlock(&hubs_lock);
	return 0;
fail_role:
	if (role != HUB_ROLES) {
		m->file->role_pid[role] = 0;
		lock_octet(m->file->fd, LOCK_ROLES + role, F_UNLCK);
	}
fail_file:
	file_put(m->file);
fail:
	pthread_mutex_unlock(&hubs_lock);
	free(m);
	return err;
}

void
hub_close(struct hub *h)
{
	struct hub_map *m = NULL;

	if (h == NULL)
		return;
	pthread_mutex_lock(&hubs_lock);
	for (struct hub_map **p = &maps; *p != NULL; p = &(*p)->next)
		if ((*p)->hub == h) {
			m = *p;
			*p = m->next;
			break;
		}
	assert(m != NULL);
	munmap(h, sizeof *h);
	if (m->role != HUB_ROLES && m->file->role_pid[m->role] == getpid()) {
		m->file->role_pid[m->role] = 0;
		lock_octet(m->file->fd, LOCK_ROLES + m->role, F_UNLCK);
	}
	file_put(m->file);
	pthread_mutex_unlock(&hubs_lock);
	free(m);
}

/* The descriptor entry of a mapped hub. Entries live as long as the mapping, which the caller
 * keeps. */
static struct hub_file *
file_of(const struct hub *h)
{
	struct hub_file *f = NULL;

	pthread_mutex_lock(&hubs_lock);
	for (struct hub_map *m = maps; m != NULL && f == NULL; m = m->next)
		if (m->hub == h)
			f = m->file;
	pthread_mutex_unlock(&hubs_lock);
	assert(f != NULL);
	return f;
}

pid_t
hub_role_pid(const struct hub *h, enum hub_role role)
{
	return file_role_pid(file_of(h), role);
}

int
hub_worker_claim(struct hub *h, unsigned n)
{
	uint32_t n_claimed = atomic_load_explicit(&h->n_claimed, memory_order_acquire);
	off_t at = (off_t)offsetof(struct hub, worker) + (off_t)(n * sizeof h->worker[0]);
	int err;

	if (n >= HUB_WORKERS_MAX)
		return fail(-EINVAL, "worker %u: there can be %u at most", n, HUB_WORKERS_MAX);
	if (n > n_claimed)
		return fail(-EINVAL, "worker %u claimed before worker %u", n, n_claimed);
	if (n < n_claimed)
		return 0;
	err = posix_fallocate(file_of(h)->fd, at, sizeof h->worker[0]);
	if (err != 0)
		return fail(-err,
			"no memory for the rings of worker %u (%zu octets in the run directory's "
			"file "
			"system): %s; make it larger, or use fewer workers",
			n, sizeof h->worker[0], strerror(err));
	atomic_store_explicit(&h->n_claimed, n + 1, memory_order_release);
	return 0;
}

uint64_t
grace_start(struct hub *h)
{
	/* What was unpublished must be so for every worker that is still seen offline afterwards:
	 * pairs with the fence in grace_online(). */
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_fetch_add_explicit(&h->epoch, 1, memory_order_seq_cst) + 1;
}

bool
grace_passed(struct hub *h, uint64_t epoch)
{
	uint32_t n = atomic_load_explicit(&h->n_claimed, memory_order_acquire);

	for (uint32_t i = 0; i < n && i < HUB_WORKERS_MAX; i++) {
		/* acquire: the worker's reads are over before the caller overwrites */
		uint64_t seen =
			atomic_load_explicit(&h->worker[i].epoch_seen, memory_order_acquire);
		if (seen != 0 && seen < epoch)
			return hub_role_pid(h, HUB_DATAPLANE) == 0;
	}
	return true;
}
