/* SPDX-License-Identifier: GPL-3.0-or-later */
/* disk_faults: preloaded, it stands between a program and one file: it fails the n-th call that
 * writes or syncs, kills the process there, or cuts the power: what was not synced is then lost, in
 * part, in no order. FAULT_FILE: path; FAULT_AT: n, from 1; FAULT_KIND: kill, power, eio, enospc;
 * FAULT_SEED. One thread. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512

ssize_t pwritev(int fd, const struct iovec *iov, int n, off_t at);
int fdatasync(int fd);

/* A write that no sync has reached yet, and what was there before. */
struct pending {
	struct pending *before;
	off_t at;
	size_t len;
	uint8_t old[];
};
static struct pending *pending;
static long call;
static unsigned seed;

static bool
is_file(int fd)
{
	char link[64], path[PATH_MAX];
	const char *want = getenv("FAULT_FILE");
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = want == NULL ? -1 : readlink(link, path, sizeof path - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strcmp(path, want) == 0;
}

static ssize_t
real_pwrite(int fd, const void *octets, size_t n, off_t at)
{
	static ssize_t (*real)(int, const void *, size_t, off_t);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pwrite");
	return real(fd, octets, n, at);
}

static void
die(int fd, bool power)
{
	/* sectors reach a disk in no order */
	for (struct pending *p = pending; power && p != NULL; p = p->before) {
		unsigned how = (unsigned)rand_r(&seed) % 3;
		for (size_t i = 0; i < p->len; i += SECTOR) {
			size_t n = p->len - i < SECTOR ? p->len - i : SECTOR;
			if (how == 0 || (how == 1 && rand_r(&seed) % 2 == 0))
				(void)!real_pwrite(fd, p->old + i, n, p->at + (off_t)i);
		}
	}
	kill(getpid(), SIGKILL);
}

/* Count a call. @return 0, or the error that it is to fail with */
static int
count(int fd)
{
	const char *kind = getenv("FAULT_KIND"), *at = getenv("FAULT_AT");

	if (call++ == 0 && getenv("FAULT_SEED") != NULL)
		seed = (unsigned)atoi(getenv("FAULT_SEED"));
	if (kind == NULL || at == NULL || call != atol(at))
		return 0;
	if (strcmp(kind, "eio") == 0)
		return EIO;
	if (strcmp(kind, "enospc") == 0)
		return ENOSPC;
	die(fd, strcmp(kind, "power") == 0);
	return 0;
}

static void
note(int fd, size_t n, off_t at)
{
	struct pending *p;

	if (fcntl(fd, F_GETFL) & O_DSYNC)
		return;
	p = calloc(1, sizeof *p + n);
	if (p == NULL)
		abort();
	p->at = at;
	p->len = n;
	p->before = pending;
	if (pread(fd, p->old, n, at) < 0)
		abort();
	pending = p;
}

ssize_t
pwrite(int fd, const void *octets, size_t n, off_t at)
{
	if (is_file(fd)) {
		int e = count(fd);
		if (e != 0) {
			errno = e;
			return -1;
		}
		note(fd, n, at);
	}
	return real_pwrite(fd, octets, n, at);
}

ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t at)
{
	ssize_t sum = 0;

	for (int i = 0; i < n; i++) {
		ssize_t one = pwrite(fd, iov[i].iov_base, iov[i].iov_len, at + sum);
		if (one < 0)
			return sum > 0 ? sum : -1;
		sum += one;
	}
	return sum;
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	static ssize_t (*real)(int, const struct iovec *, int);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "writev");
	if (!is_file(fd))
		return real(fd, iov, n);
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t sum = pwritev(fd, iov, n, at);
	if (sum > 0)
		lseek(fd, sum, SEEK_CUR);
	return sum;
}

int
fdatasync(int fd)
{
	static int (*real)(int);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
	if (is_file(fd)) {
		int e = count(fd);
		if (e != 0) {
			errno = e;
			return -1;
		}
		while (pending != NULL) {
			struct pending *p = pending;
			pending = p->before;
			free(p);
		}
		return 0; /* what a disk does is simulated; a real one would only be slow */
	}
	return real(fd);
}
