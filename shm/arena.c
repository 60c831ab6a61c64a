/* SPDX-License-Identifier: GPL-3.0-or-later */
/* arena: mapping the file, for readers and for the one writer. Runs in every process, at its start;
 * what the writer allocates inside is arena_alloc.c. Nothing here needs DPDK. */
#include "shm/arena.h"
#include "shm/arena_private.h"
#include "shm/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; Debian 12's libc knows it, older ones do not */
#endif

static _Thread_local char error_text[512];

const char *
arena_error(void)
{
	return error_text;
}

/* Remember why, and hand the errno through. */
static int __attribute__((format(printf, 2, 3))) fail(int err, const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	vsnprintf(error_text, sizeof error_text, format, ap);
	va_end(ap);
	return err;
}

/* Octets of a page behind this file: hugetlbfs says so, everything else uses base pages. */
static uint64_t
page_octets_of(int fd)
{
	struct statfs fs;
	if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC && fs.f_bsize > 0)
		return (uint64_t)fs.f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Map the whole file at an address that huge pages can be used for. */
static int
map_file(struct arena *a, int fd, uint64_t size, bool writable)
{
	uint64_t page = page_octets_of(fd);
	uint64_t align = page > ARENA_SEGMENT ? page : ARENA_SEGMENT;
	uint8_t *space = mmap(
		NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (space == MAP_FAILED)
		return -errno;
	uint8_t *base = (uint8_t *)(((uintptr_t)space + align - 1) & ~(uintptr_t)(align - 1));
	uint64_t before = (uint64_t)(base - space), after = align - before;
	if (before != 0)
		munmap(space, before);
	if (after != 0)
		munmap(base + size, after);
	/* NORESERVE: hugetlbfs would otherwise set aside pages for the whole span */
	if (mmap(base, size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
		    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) == MAP_FAILED) {
		int err = -errno;
		munmap(base, size);
		return err;
	}
	/* where tmpfs may use huge pages this makes lookups cheaper; elsewhere it is refused, no
	 * harm */
	(void)madvise(base, size, MADV_HUGEPAGE);
	*a = (struct arena){
		.base = base, .size = size, .fd = fd, .writable = writable, .page_octets = page};
	return 0;
}

/* Is this the header of an arena of our layout, in a file of `octets`? */
static int
check_header(const struct arena_header *h, uint64_t octets, const char *path)
{
	uint64_t magic = __atomic_load_n(&h->magic, __ATOMIC_ACQUIRE);
	if (magic == 0)
		return fail(-EAGAIN,
			"%s: not finished yet; the control plane is still starting, "
			"or died while it did: start it again",
			path);
	if (magic != ARENA_MAGIC)
		return fail(
			-EPROTO, "%s: not an arena; name another path, or remove the file", path);
	if (h->version != ARENA_VERSION)
		return fail(-EPROTO,
			"%s: arena of layout version %u, this program wants %u; restart "
			"millrace-controlplane and millrace-dataplane from the same release "
			"(a new control plane needs the old file removed)",
			path, h->version, ARENA_VERSION);
	if (h->header_len != sizeof *h || h->size != octets || octets % ARENA_SEGMENT != 0 ||
		octets < ARENA_SIZE_MIN || octets > ARENA_SIZE_MAX)
		return fail(-EPROTO,
			"%s: damaged arena (header says %llu octets, the file has %llu); "
			"remove the file and restart millrace-controlplane",
			path, (unsigned long long)h->size, (unsigned long long)octets);
	return 0;
}

int
arena_attach(struct arena *out, const char *path)
{
	struct arena_header h;
	struct arena a;
	struct stat st;
	int err;

	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(
			-errno, "%s: %s; is millrace-controlplane running?", path, strerror(errno));
	if (fstat(fd, &st) != 0) {
		err = fail(-errno, "%s: %s", path, strerror(errno));
		goto fail;
	}
	if ((uint64_t)st.st_size < ARENA_SIZE_MIN) {
		err = st.st_size == 0 ? fail(-EAGAIN, "%s: not finished yet", path)
				      : fail(-EPROTO, "%s: not an arena (too small)", path);
		goto fail;
	}
	/* hugetlbfs has no write(2) but does read(2); looked at before a mapping may fault */
	if (pread(fd, &h, sizeof h, 0) != (ssize_t)sizeof h) {
		err = fail(-EPROTO, "%s: cannot be read", path);
		goto fail;
	}
	err = check_header(&h, (uint64_t)st.st_size, path);
	if (err != 0)
		goto fail;
	err = map_file(&a, fd, h.size, false);
	if (err != 0) {
		fail(err, "%s: cannot be mapped: %s", path, strerror(-err));
		goto fail;
	}
	*out = a;
	return 0;
fail:
	close(fd);
	return err;
}

/* Give memory to the header's segment and write the header; magic last, so that a reader sees all
 * or nothing. */
static int
make_header(struct arena *a, const char *path)
{
	struct arena_header *h = arena_writable(a, 0);
	uint64_t seed;

	if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
		return fail(-EIO, "%s: no random seed", path);
	int err = arena_back(a, 0, 1);
	if (err != 0)
		return fail(err, "%s: no memory for the first segment: %s", path, strerror(-err));
	*h = (struct arena_header){.version = ARENA_VERSION,
		.header_len = sizeof *h,
		.size = a->size,
		.seed = seed,
		.minor = ARENA_MINOR};
	__atomic_store_n(&h->magic, ARENA_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

/* An arena that another release wrote is gone on with. What a later one added to the header leads
 * to blocks that we do not know, and so would use again: nobody finds them from here on. */
static void
take_over_header(struct arena *a)
{
	struct arena_header *h = arena_writable(a, 0);

	for (unsigned i = 0; i < sizeof h->reserved / sizeof h->reserved[0]; i++)
		atomic_store_explicit(&h->reserved[i], 0, memory_order_release);
	__atomic_store_n(&h->minor, ARENA_MINOR, __ATOMIC_RELAXED);
}

/* Open the file and take the writer's lock. Our lock must be on the file that the path names now:
 * another writer may have unlinked it in between. */
static int
open_locked(const char *path, struct stat *st)
{
	for (unsigned tries = 0; tries < 8; tries++) {
		struct stat now;
		/* a link is not followed: where the run directory is the unprivileged user's too,
		 * it would have root make or resize a file of that user's choice */
		int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		/* apart from making one: fs.protected_regular refuses O_CREAT on a file that is
		 * another user's where the folder is sticky */
		if (fd < 0 && errno == ENOENT)
			fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
		if (fd < 0)
			return fail(-errno, "%s: %s", path,
				errno == ELOOP ? "is a symbolic link; name the file itself"
					       : strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			close(fd);
			return fail(-EBUSY, "%s: another control plane writes this arena", path);
		}
		if (fstat(fd, st) == 0 && stat(path, &now) == 0 && now.st_ino == st->st_ino &&
			now.st_dev == st->st_dev)
			return fd;
		close(fd);
	}
	return fail(-EBUSY, "%s: the file changes while it is opened", path);
}

/* What is in the file that we locked? 0: an arena; -EAGAIN: nothing of worth; -EPROTO: keep off. */
static int
look_at_old(int fd, const struct stat *st, const char *path)
{
	struct arena_header h;
	if (!S_ISREG(st->st_mode))
		return fail(-EPROTO, "%s: not a regular file", path);
	if (st->st_size == 0)
		return -EAGAIN;
	if (pread(fd, &h, sizeof h, 0) != (ssize_t)sizeof h)
		return fail(
			-EPROTO, "%s: not an arena; name another path, or remove the file", path);
	return check_header(&h, (uint64_t)st->st_size, path);
}

int
arena_open_writer(struct arena *out, const char *path, uint64_t size, bool *fresh)
{
	struct arena a = {.fd = -1};
	struct stat st;
	int err;

	int fd = open_locked(path, &st);
	if (fd < 0)
		return fd;
	err = look_at_old(fd, &st, path);
	bool make = err == -EAGAIN;
	if (err != 0 && !make)
		goto fail_fd;
	if (make) {
		uint64_t page = page_octets_of(fd);
		if (size < ARENA_SIZE_MIN || size > ARENA_SIZE_MAX || size % ARENA_SEGMENT != 0 ||
			size % page != 0) {
			err = fail(-EINVAL,
				"%s: arena of %llu octets; it must be %llu or more, in steps of "
				"%llu",
				path, (unsigned long long)size, (unsigned long long)ARENA_SIZE_MIN,
				(unsigned long long)(page > ARENA_SEGMENT ? page : ARENA_SEGMENT));
			goto fail_fd;
		}
		/* to nothing first: what a writer that died in the middle left there must not be
		 * seen */
		if (ftruncate(fd, 0) != 0 || ftruncate(fd, (off_t)size) != 0) {
			err = fail(-errno, "%s: cannot be made %llu octets long: %s", path,
				(unsigned long long)size, strerror(errno));
			goto fail_fd;
		}
	} else {
		size = (uint64_t)st.st_size;
	}
	err = map_file(&a, fd, size, true);
	if (err != 0) {
		fail(err, "%s: cannot be mapped: %s", path, strerror(-err));
		goto fail_fd;
	}
	if (make) {
		/* Best effort: a file that another user left here empty is not ours to change. */
		(void)hub_share_file(fd, path, 0640);
		err = make_header(&a, path);
		if (err != 0)
			goto fail_map;
	} else {
		take_over_header(&a);
	}
	err = arena_writer_create(&a, !make);
	if (err != 0) {
		fail(err, "%s: no memory for the allocator", path);
		goto fail_map;
	}
	*out = a;
	*fresh = make;
	return 0;
fail_map:
	munmap((void *)(uintptr_t)a.base, a.size);
fail_fd:
	close(fd);
	return err;
}

void
arena_close(struct arena *a)
{
	if (a->base == NULL)
		return;
	arena_writer_destroy(a->writer);
	munmap((void *)(uintptr_t)a->base, a->size);
	if (a->fd >= 0)
		close(a->fd);
	*a = (struct arena){.fd = -1};
}

int
arena_back(struct arena *a, uint64_t segment, uint64_t n)
{
	uint64_t off = segment * ARENA_SEGMENT, len = n * ARENA_SEGMENT;
	/* Faulting through the mapping honours MADV_HUGEPAGE, which fallocate() does not; either
	 * way a lack of memory is an error here rather than SIGBUS at the first store. */
	if (madvise((void *)(uintptr_t)(a->base + off), len, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno == EINVAL && fallocate(a->fd, 0, (off_t)off, (off_t)len) == 0)
		return 0;
	return -ENOSPC;
}

void
arena_unback(struct arena *a, uint64_t segment, uint64_t n)
{
	(void)fallocate(a->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		(off_t)(segment * ARENA_SEGMENT), (off_t)(n * ARENA_SEGMENT));
}
