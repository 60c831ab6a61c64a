/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ready: the file is written beside its place and renamed, so that nobody reads half a pid, and a
 * link that somebody put in its place is replaced rather than followed. */
#include "config/ready.h"

#include "shm/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int
ready_path(char out[PATH_MAX], const char *run_dir, const char *name, const char *suffix)
{
	int n = snprintf(out, PATH_MAX, "%s/" RUN_READY "%s", run_dir, name, suffix);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int
ready_announce(const char *run_dir, const char *name)
{
	char path[PATH_MAX], new_path[PATH_MAX], text[24];
	int rc, fd, n;

	if ((rc = ready_path(path, run_dir, name, "")) ||
		(rc = ready_path(new_path, run_dir, name, ".new")))
		return rc;
	unlink(new_path);
	fd = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	rc = write(fd, text, (size_t)n) == n ? 0 : -EIO;
	close(fd);
	if (rc == 0 && rename(new_path, path) < 0)
		rc = -errno;
	if (rc)
		unlink(new_path);
	return rc;
}

/* The pid that the file names, or 0. */
static pid_t
ready_read(const char *path)
{
	char text[24];
	long pid;
	char *end;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	pid = strtol(text, &end, 10);
	return *end == '\n' && pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

void
ready_withdraw(const char *run_dir, const char *name)
{
	char path[PATH_MAX];

	if (ready_path(path, run_dir, name, "") == 0 && ready_read(path) == getpid())
		unlink(path);
}

pid_t
ready_pid(const char *run_dir, const char *name)
{
	char path[PATH_MAX];
	pid_t pid;

	if (ready_path(path, run_dir, name, ""))
		return 0;
	pid = ready_read(path);
	/* EPERM: it lives, but under another user */
	return pid && (kill(pid, 0) == 0 || errno == EPERM) ? pid : 0;
}
