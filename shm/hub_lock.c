/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub_lock: who holds a role. fcntl(2) locks on octets far behind the data, the same in every
 * layout version: they go with the process, F_GETLK names their holder, and a child does not
 * inherit them. Who may only read a file cannot take the write locks that mean something in it. */
#include "shm/hub_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOCK_SEATS (1ll << 40)             /* octet of seat 0 */
#define LOCK_CREATE (LOCK_SEATS + 4096)    /* held while the file is made or judged */
#define CREATE_WAIT_MS 2000                /* how long somebody else may take to do so */
#define FORMER_MAGIC 0x627568454341524dull /* layout version 1 */
#define FORMER_ROLES 4u

static_assert(sizeof(struct hub) < (1ll << 39), "locks lie behind the data");

const char *const hub_role_name[HUB_ROLES] = {
	"millrace-dataplane", "millrace-controlplane", "millrace-stream", "millrace-recursor"};

/* Lock one octet without waiting. @return 0, -EAGAIN when another process has it, negative errno */
static int
lock_octet(int fd, off_t at, short type)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	if (fcntl(fd, F_SETLK, &l) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

/* Pid of another process that has the octet locked for writing, or 0. Asked for as a reader: read
 * locks, which anybody who may read the file can take, then say nothing. The kernel gives no pid,
 * or 0, for a process that we cannot see. */
static pid_t
lock_holder(int fd, off_t at)
{
	struct flock l = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};

	if (fcntl(fd, F_GETLK, &l) < 0 || l.l_type == F_UNLCK)
		return 0;
	return l.l_pid > 0 ? l.l_pid : HUB_PID_UNSEEN;
}

const char *
hub_pid_text(const char *word, pid_t pid)
{
	static _Thread_local char text[32];

	if (pid == HUB_PID_UNSEEN)
		return "a process that is not visible from here";
	snprintf(text, sizeof text, "%s %ld", word, (long)pid);
	return text;
}

pid_t
hub_lock_holder(int fd, unsigned seat)
{
	return lock_holder(fd, LOCK_SEATS + seat);
}

int
hub_lock_creation(int fd, const char *path, bool wait)
{
	struct timespec ms = {.tv_nsec = 1000000};
	unsigned wait_ms = wait ? CREATE_WAIT_MS : 0;
	int err;

	for (unsigned i = 0; i <= wait_ms; i++) {
		err = lock_octet(fd, LOCK_CREATE, F_WRLCK);
		if (err != -EAGAIN)
			return err < 0 ? hub_fail(err, "%s: cannot lock: %s", path, strerror(-err))
				       : 0;
		if (i < wait_ms)
			nanosleep(&ms, NULL);
	}
	return hub_fail(-EAGAIN, "%s: %s has been creating it for %u ms: is it stopped? End it",
		path, hub_pid_text("process", lock_holder(fd, LOCK_CREATE)), wait_ms);
}

void
hub_unlock_creation(int fd)
{
	lock_octet(fd, LOCK_CREATE, F_UNLCK);
}

int
hub_file_lock(struct hub_file *f, unsigned seat)
{
	int err;

	if (f->lock_pid[seat] == getpid())
		return -EBUSY;
	err = lock_octet(f->fd, LOCK_SEATS + seat, F_WRLCK);
	if (err == 0)
		f->lock_pid[seat] = getpid();
	return err == -EAGAIN ? -EBUSY : err;
}

void
hub_file_unlock(struct hub_file *f, unsigned seat)
{
	if (f->lock_pid[seat] != getpid())
		return;
	f->lock_pid[seat] = 0;
	lock_octet(f->fd, LOCK_SEATS + seat, F_UNLCK);
}

pid_t
hub_file_holder(const struct hub_file *f, unsigned seat)
{
	pid_t pid = lock_holder(f->fd, LOCK_SEATS + seat);

	/* F_GETLK does not speak of our own locks; a forked child has the table but not the lock */
	if (pid == 0 && f->lock_pid[seat] == getpid())
		pid = f->lock_pid[seat];
	return pid;
}

int
hub_file_check_former(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), err = 0;
	uint64_t magic;

	if (fd < 0)
		return 0;
	if (pread(fd, &magic, sizeof magic, 0) == (ssize_t)sizeof magic && magic == FORMER_MAGIC) {
		for (unsigned role = 0; role < FORMER_ROLES && err == 0; role++) {
			pid_t pid = hub_lock_holder(fd, role);
			if (pid != 0)
				err = hub_fail(-EPROTO,
					"%s: %s (%s) is of a release whose hub this program "
					"(" MILLRACE_VERSION
					") cannot use; end it, then start the suite",
					path, hub_role_name[role], hub_pid_text("pid", pid));
		}
		if (err == 0)
			(void)unlink(path);
	}
	close(fd);
	return err;
}
