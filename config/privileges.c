/* SPDX-License-Identifier: GPL-3.0-or-later */
/* privileges: how a process becomes less than it was started as: root folder, user, capabilities.
 * Main thread; other threads (DPDK's) may exist already. See program.h. */
#include "config/privileges.h"

#include "config/log.h"
#include "config/program.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define OTHERS_WAIT_MS 1000 /* for the other threads to let go of their capabilities */

int
privileges_find_user(const char *name, uid_t *uid, gid_t *gid)
{
	struct passwd *pw = getpwnam(name);

	if (!pw) {
		log_error(
			"user '%s' does not exist; make it (adduser --system --group %s) or change "
			"the key 'user'",
			name, name);
		return -ENOENT;
	}
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

/* --- capabilities of a process that is not root (systemd's AmbientCapabilities=) --- */

/* Of the calling thread. System calls only: runs in a signal handler. */
static int
drop_own_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
		syscall(SYS_capset, &head, none) < 0)
		return -errno;
	return 0;
}

static void
on_drop(int number)
{
	int saved = errno;

	(void)drop_own_capabilities(); /* who asked looks whether it helped */
	errno = saved;
}

/* Does this thread hold capabilities? @return 1, 0, or negative errno */
static int
thread_has_capabilities(pid_t tid)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = tid};
	struct __user_cap_data_struct have[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (syscall(SYS_capget, &head, have) < 0)
		return errno == ESRCH ? 0 : -errno; /* it has ended */
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if (have[i].permitted || have[i].inheritable)
			return 1;
	return 0;
}

/* Ask every other thread that still holds some. @return how many there were, or negative errno */
static int
ask_others(void)
{
	DIR *d = opendir("/proc/self/task");
	const struct dirent *e;
	int n = 0, has = 0;

	if (!d)
		return -errno;
	while (has >= 0 && (e = readdir(d))) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

		if (tid <= 0 || tid == gettid())
			continue;
		has = thread_has_capabilities(tid);
		if (has > 0) {
			n++;
			syscall(SYS_tgkill, getpid(), tid, SIGRTMAX);
		}
	}
	closedir(d);
	return has < 0 ? has : n;
}

/* capset(2) is about one thread; glibc carries setresuid(2) to all of them, but not this. */
static int
drop_others_capabilities(void)
{
	struct sigaction act = {.sa_handler = on_drop, .sa_flags = SA_RESTART}, before;
	const struct timespec pause = {.tv_nsec = 1000000};
	int n = -EIO;

	sigemptyset(&act.sa_mask);
	if (sigaction(SIGRTMAX, &act, &before) < 0)
		return -errno;
	for (unsigned ms = 0; ms < OTHERS_WAIT_MS && (n = ask_others()) > 0; ms++)
		nanosleep(&pause, NULL);
	/* one more may be on its way to a thread that is slow to wake: its default would end us */
	act.sa_handler = SIG_IGN;
	if (n == 0 && before.sa_handler == SIG_DFL)
		before = act;
	sigaction(SIGRTMAX, &before, NULL);
	return n > 0 ? -ETIMEDOUT : n;
}

static int
drop_capabilities(void)
{
	int rc = thread_has_capabilities(0);

	if (rc <= 0)
		return rc;
	rc = drop_others_capabilities();
	if (rc == 0)
		rc = drop_own_capabilities();
	if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = -errno;
	if (rc)
		log_error("cannot let go of capabilities: %s%s", strerror(-rc),
			rc == -EPERM ? "; a system call filter must allow capset" : "");
	return rc;
}

/* --- root folder --- */

static int
enter_chroot(struct config *c)
{
	int rc = 0;

	if (!c->chroot || c->chroot_entered)
		return 0;
	tzset(); /* reads a file */
	if (chroot(c->chroot) < 0 || chdir("/") < 0)
		rc = -errno;
	if (rc == 0) {
		config_enter_chroot(c);
		return 0;
	}
	log_error("cannot make %s the root folder: %s%s", c->chroot, strerror(-rc),
		rc == -EPERM ? "; start as root, or leave the key 'chroot' out: systemd's units "
			       "shut the file system off without it"
			     : "; it must exist, and every folder above it must be open to root");
	return rc;
}

/* --- user --- */

static int
become(const char *user, uid_t uid, gid_t gid)
{
	int death_signal = 0, rc;
	pid_t parent = getppid();

	prctl(PR_GET_PDEATHSIG, &death_signal);
	/* Groups first: afterwards we may not. From root to another user the kernel clears every
	 * capability set, so what is left to do is to shut the ways back. */
	if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		rc = -errno;
		log_error("cannot become user '%s': %s; start as root, or leave the key 'user' out",
			user, strerror(-rc));
		return rc;
	}
	if (uid != 0 && setuid(0) == 0) {
		log_error("privileges came back after becoming user '%s'; refusing to run", user);
		return -EPERM;
	}
	/* a change of user clears it; and the launcher may have died in between */
	if (death_signal) {
		prctl(PR_SET_PDEATHSIG, death_signal);
		if (getppid() != parent)
			raise(death_signal);
	}
	return 0;
}

int
program_drop_privileges(struct config *c)
{
	bool change = false;
	uid_t uid = 0;
	gid_t gid = 0;
	int rc;

	if (c->user) {
		rc = privileges_find_user(c->user, &uid, &gid);
		if (rc)
			return rc;
		change = geteuid() != uid || getuid() != uid;
	}
	/* initgroups() reads files that a chroot hides */
	if (change && initgroups(c->user, gid) < 0) {
		rc = -errno;
		log_error("cannot become user '%s': %s; start as root, or leave the key 'user' out",
			c->user, strerror(-rc));
		return rc;
	}
	rc = enter_chroot(c);
	if (rc == 0 && change)
		rc = become(c->user, uid, gid);
	if (rc == 0 && geteuid() != 0)
		rc = drop_capabilities();
	return rc;
}
