/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_env: the LMDB environment: one a file in a process, opened, grown and given up. */
#include "controlplane/store/store_internal.h"
#include "controlplane/store/store_format.h"
#include "controlplane/store/store_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define READERS_MAX 4096u
/* Only addresses are reserved: the file is as large as what is in it. */
#ifdef __SANITIZE_THREAD__
#define MAP_MOST (64ull << 30) /* as much as fits beside its shadow */
#else
#define MAP_MOST (1ull << 40)
#endif
#define MAP_LEAST (16ull << 20)
#define MAP_SPARE (64ull << 20) /* grown when less than this and than a quarter is left */
#define QUIET_MS 1000
#define FULL_OCTETS (1u << 20) /* with less a disk is full */
#define READER_OCTETS 64u      /* a row of LMDB's table of readers */

const char *const store_db_name[STORE_DBS] = {
	"zones", "records", "comments", "refs", "journal", "metadata", "keys", "rows", "audit"};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct store *registry;

int
store_error(int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_KEYEXIST:
		return -EEXIST;
	case MDB_MAP_FULL:
	case EDQUOT:
	case EFBIG: /* a limit of files' sizes */
		return -ENOSPC;
	case MDB_READERS_FULL:
		return -EBUSY;
	case MDB_TXN_FULL:
		return -E2BIG;
	case MDB_BAD_VALSIZE:
		return -ENAMETOOLONG;
	case MDB_PANIC:
	case MDB_BAD_TXN:
		return -EIO;
	default:
		return rc > 0 ? -rc : -EPROTO;
	}
}

int
store_write_error(const struct store *s, int rc)
{
	struct statvfs fs;

	/* LMDB says EIO when a write was cut short, as the last one is on a disk that gets full */
	if (rc == EIO && statvfs(s->path, &fs) == 0 &&
		(uint64_t)fs.f_bavail * fs.f_frsize < FULL_OCTETS)
		rc = ENOSPC;
	return store_error(rc);
}

/* --- the map --- */

static void
first_fault(void *arg, const char *text)
{
	char *error = arg;

	if (error[0] == '\0')
		snprintf(error, STORE_ERROR_OCTETS, "%s", text);
}

/* Room for addresses of this process. */
static size_t
map_most(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
		limit.rlim_cur / 2 < MAP_MOST)
		return limit.rlim_cur / 2;
	return MAP_MOST;
}

static size_t
whole_pages(size_t octets)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (octets + page - 1) / page * page;
}

/* LMDB's table of readers is a mapped file with holes. Whoever is the first in one of its pages
 * when the disk is full is killed by SIGBUS: so all of it is taken from the disk before it is used.
 * Before the environment is opened: closing another descriptor would end its locks.
 * @return how many readers it has room for */
static unsigned
reserve_readers(const struct store *s)
{
	size_t head = (size_t)sysconf(_SC_PAGESIZE);
	unsigned n = READERS_MAX;
	char path[4096];
	int fd;

	if (s->options.alone ||
		(size_t)snprintf(path, sizeof path, "%s-lock", s->path) >= sizeof path)
		return n;
	fd = store_file_open(path, s->path, O_RDWR);
	if (fd < 0)
		return n; /* LMDB says why */
	/* not posix_fallocate(), which may write where others do */
	if (fallocate(fd, 0, 0, (off_t)(head + (size_t)n * READER_OCTETS)) != 0 &&
		(errno == ENOSPC || errno == EDQUOT)) {
		off_t there = lseek(fd, 0, SEEK_HOLE);
		n = there > (off_t)head ? (unsigned)((size_t)there - head) / READER_OCTETS : 0;
	}
	close(fd);
	return n < READERS_MAX ? n : READERS_MAX;
}

static int
open_with_map(struct store *s, size_t octets, MDB_env **out)
{
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
	unsigned n_readers = reserve_readers(s);
	MDB_env *env;
	int rc;

	if (n_readers == 0)
		return ENOSPC;
	rc = mdb_env_create(&env);
	if (rc != 0)
		return rc;
	if (s->options.read_only)
		flags |= MDB_RDONLY;
	if (s->options.alone)
		flags |= MDB_NOLOCK;
	rc = mdb_env_set_mapsize(env, octets);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(env, STORE_DBS + 8);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(env, n_readers);
	if (rc == 0)
		rc = mdb_env_open(env, s->path, flags, STORE_FILE_MODE);
	if (rc != 0)
		mdb_env_close(env);
	else
		*out = env;
	return rc;
}

/* LMDB trusts its file, so that is looked at before: what is damaged would be followed anywhere. A
 * file that is too short is read as if zeros followed. */
static int
check_file(struct store *s, char *error)
{
	struct store_pages p = {0};
	struct stat st;
	int ret, fd = open(s->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0) {
		ret = -errno;
		snprintf(error, STORE_ERROR_OCTETS, "%s: %s", s->path, strerror(-ret));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	p.len = (size_t)st.st_size;
	p.found = first_fault;
	p.arg = error;
	error[0] = '\0';
	p.file = p.len == 0 ? NULL : mmap(NULL, p.len, PROT_READ, MAP_SHARED, fd, 0);
	ret = p.file == MAP_FAILED ? -errno : 0;
	close(fd);
	if (p.len == 0) /* it is made */
		return 0;
	if (ret == 0) {
		ret = store_pages_check(&p);
		munmap((void *)(uintptr_t)p.file, p.len);
	}
	if (ret == -EPROTO) {
		char fault[STORE_ERROR_OCTETS / 2];
		snprintf(fault, sizeof fault, "%s", error);
		snprintf(error, STORE_ERROR_OCTETS,
			"%s: is damaged, or is no store (%s); restore "
			"a snapshot, or name another file",
			s->path, fault);
	} else if (ret != 0) {
		snprintf(error, STORE_ERROR_OCTETS, "%s: %s", s->path, strerror(-ret));
	}
	return ret;
}

int
store_env_open(struct store *s, char error[STORE_ERROR_OCTETS])
{
	size_t octets = whole_pages(map_most());
	MDB_envinfo info;
	int rc, ret = 0;

	/* a reader beside the writer would see pages change while it looks */
	if (!s->options.read_only || s->options.alone)
		ret = check_file(s, error);
	if (ret != 0)
		return ret;
	do {
		rc = open_with_map(s, octets, &s->env);
		octets = whole_pages(octets / 2);
	} while (rc == ENOMEM && octets >= MAP_LEAST);
	if (rc != 0) {
		s->env = NULL;
		snprintf(error, STORE_ERROR_OCTETS, "%s: %s", s->path,
			rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH
				? "is no store (not a file of LMDB), or is damaged; restore a "
				  "snapshot"
				: mdb_strerror(rc));
		return store_error(rc);
	}
	(void)mdb_env_info(s->env, &info);
	s->map_octets = info.me_mapsize;
	if (!s->options.alone)
		(void)mdb_reader_check(s->env, NULL); /* of processes that were killed */
	ret = store_format_open(s, error);
	if (ret != 0)
		store_env_close(s);
	return ret;
}

static void
drop_idle(struct store *s)
{
	while (s->n_idle > 0)
		mdb_txn_abort(s->idle[--s->n_idle]);
}

void
store_env_close(struct store *s)
{
	drop_idle(s);
	if (s->env != NULL)
		mdb_env_close(s->env);
	s->env = NULL;
}

/* Wait until no transaction is open; nobody begins one meanwhile. Called with the lock. */
static bool
wait_for_quiet(struct store *s, int patience_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += patience_ms / 1000;
	s->closed_gate = true;
	while (s->n_open > 0)
		if (patience_ms == 0 || pthread_cond_timedwait(&s->quiet, &s->lock, &until) != 0)
			break;
	s->closed_gate = false;
	pthread_cond_broadcast(&s->quiet);
	return s->n_open == 0;
}

/* How much larger the map may become, up to twice. Tried out before, for an environment that cannot
 * get a new map has lost its old one, too. */
static size_t
more_addresses(size_t now)
{
	for (size_t more = whole_pages(now); more >= MAP_LEAST / 4; more = whole_pages(more / 2)) {
		void *p = mmap(NULL, more + MAP_LEAST, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p != MAP_FAILED) {
			munmap(p, more + MAP_LEAST);
			return more;
		}
	}
	return 0;
}

void
store_env_make_room(struct store *s)
{
	MDB_envinfo info;
	MDB_stat stat;
	size_t used, spare, octets;

	pthread_mutex_lock(&s->lock);
	if (s->env == NULL || s->broken || mdb_env_info(s->env, &info) != 0 ||
		mdb_env_stat(s->env, &stat) != 0)
		goto out;
	used = (info.me_last_pgno + 1) * stat.ms_psize;
	spare = info.me_mapsize > used ? info.me_mapsize - used : 0;
	if (!s->wants_room && (spare > info.me_mapsize / 4 || spare > MAP_SPARE))
		goto out;
	/* waiting for readers is for when it is needed soon */
	if (!wait_for_quiet(s, s->wants_room || spare < info.me_mapsize / 16 ? QUIET_MS : 0))
		goto out;
	drop_idle(s);
	octets = more_addresses(info.me_mapsize);
	if (octets > 0 && mdb_env_set_mapsize(s->env, info.me_mapsize + octets) != 0)
		s->broken = true; /* and without a map, but opened anew it may get one */
	s->wants_room = false;
	if (mdb_env_info(s->env, &info) == 0)
		s->map_octets = info.me_mapsize;
out:
	pthread_mutex_unlock(&s->lock);
}

/* --- open and close --- */

static struct store *
store_create(const struct store_options *o, const struct stat *st)
{
	pthread_condattr_t attr;
	struct store *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->path = strdup(o->path);
	if (s->path == NULL) {
		free(s);
		return NULL;
	}
	s->device = st->st_dev;
	s->inode = st->st_ino;
	s->users = 1;
	s->writer_fd = -1;
	s->options = *o;
	s->options.path = s->path;
	if (s->options.journal_octets == 0)
		s->options.journal_octets = 16u << 20;
	if (s->options.journal_seconds == 0)
		s->options.journal_seconds = 30u * 86400;
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->quiet, &attr);
	pthread_condattr_destroy(&attr);
	return s;
}

static void
store_destroy(struct store *s)
{
	store_env_close(s);
	if (s->writer_fd >= 0)
		close(s->writer_fd);
	pthread_cond_destroy(&s->quiet);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

static int
open_new(struct store **out, const struct store_options *o, const struct stat *st, char *error)
{
	struct store *s = store_create(o, st);
	int ret = s == NULL ? -ENOMEM : 0;

	if (s == NULL)
		snprintf(error, STORE_ERROR_OCTETS, "%s: out of memory", o->path);
	else if (!o->read_only)
		ret = store_lock_writer(s->path, &s->writer_fd, error);
	if (ret == 0)
		ret = store_env_open(s, error);
	if (ret == 0) {
		s->wants_purge = !o->read_only; /* it is not known yet */
		*out = s;
	} else if (s != NULL)
		store_destroy(s);
	return ret;
}

int
store_open(struct store **out, const struct store_options *o, char error[STORE_ERROR_OCTETS])
{
	struct stat st;
	struct store *s;
	int ret;

	pthread_mutex_lock(&registry_lock);
	ret = store_identify(o, &st, error);
	if (ret != 0)
		goto out;
	for (s = registry; s != NULL; s = s->next)
		if (s->device == st.st_dev && s->inode == st.st_ino)
			break;
	if (s != NULL && s->options.read_only && !o->read_only) {
		snprintf(error, STORE_ERROR_OCTETS,
			"%s: is open in this process already, for reading only", o->path);
		ret = -EBUSY;
	} else if (s != NULL) {
		s->users++;
		*out = s;
	} else {
		ret = open_new(&s, o, &st, error);
		if (ret == 0) {
			s->next = registry;
			registry = s;
			*out = s;
		}
	}
out:
	pthread_mutex_unlock(&registry_lock);
	return ret;
}

void
store_close(struct store *s)
{
	struct store **at;

	if (s == NULL)
		return;
	pthread_mutex_lock(&registry_lock);
	if (--s->users == 0) {
		for (at = &registry; *at != s; at = &(*at)->next) {
		}
		*at = s->next;
		store_destroy(s);
	}
	pthread_mutex_unlock(&registry_lock);
}

/* Where the map begins: LMDB does not tell, but each page begins with its number. */
static uint8_t *
map_start(struct store_txn *t, size_t page_octets)
{
	MDB_val key = {sizeof STORE_HEADER - 1, STORE_HEADER}, value;
	uint8_t *page;
	size_t number;

	if (mdb_get(t->mdb, t->s->main, &key, &value) != 0)
		return NULL;
	page = (uint8_t *)((uintptr_t)value.mv_data / page_octets * page_octets);
	memcpy(&number, page, sizeof number);
	return page - number * page_octets;
}

void
store_release_pages(struct store *s)
{
	struct store_txn *t;
	MDB_envinfo info;
	MDB_stat stat;
	uint8_t *start;

	/* a transaction holds the map where it is */
	if (store_read(s, &t) != 0)
		return;
	if (mdb_env_info(s->env, &info) == 0 && mdb_env_stat(s->env, &stat) == 0) {
		start = map_start(t, stat.ms_psize);
		if (start != NULL)
			(void)madvise(start, whole_pages((info.me_last_pgno + 1) * stat.ms_psize),
				MADV_DONTNEED);
	}
	store_end(t);
}

void
store_figures(struct store *s, struct store_figures *out)
{
	MDB_envinfo info = {0};
	struct stat st;

	*out = (struct store_figures){0};
	pthread_mutex_lock(&s->lock);
	if (s->env != NULL && mdb_env_info(s->env, &info) == 0) {
		out->map_octets = info.me_mapsize;
		out->used_octets = (info.me_last_pgno + 1) * (uint64_t)sysconf(_SC_PAGESIZE);
	}
	out->commits_total = s->commits;
	out->commit_failures_total = s->failures;
	out->readers = s->n_open;
	pthread_mutex_unlock(&s->lock);
	if (stat(s->path, &st) == 0)
		out->file_octets = (uint64_t)st.st_size;
}
