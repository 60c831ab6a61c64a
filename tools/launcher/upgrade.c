/* SPDX-License-Identifier: GPL-3.0-or-later */
/* upgrade: tells the launcher that runs (SIGUSR2) to replace its dataplane, and watches. */
#include "config/log.h"
#include "config/program.h"
#include "config/ready.h"
#include "tools/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 20
#define PATIENCE_MS 30000

/* Is it a process of the file's owner? Others may be able to put a file there, and we may be root:
 * what it says must not make us signal a process that its writer could not. */
static bool
is_owners(int fd, pid_t pid)
{
	struct stat file, process;
	char path[32];

	snprintf(path, sizeof path, "/proc/%ld", (long)pid);
	return fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && stat(path, &process) == 0 &&
	       file.st_uid == process.st_uid;
}

/* Pid of the launcher, which holds a lock on its file; 0: none runs. */
static pid_t
launcher_pid(const char *run_dir)
{
	char path[PATH_MAX], text[24] = "";
	pid_t pid = 0;
	int fd;

	if (snprintf(path, sizeof path, "%s/millrace.pid", run_dir) >= (int)sizeof path)
		return 0;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_SH | LOCK_NB) < 0 && read(fd, text, sizeof text - 1) > 0)
		pid = (pid_t)strtol(text, NULL, 10);
	if (pid <= 1 || !is_owners(fd, pid))
		pid = 0;
	close(fd);
	return pid;
}

int
upgrade(const char *run_dir)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000l};
	pid_t launcher, old;

	if (run_dir == NULL)
		return EX_OSERR;
	launcher = launcher_pid(run_dir);
	old = ready_pid(run_dir, "dataplane");
	if (launcher == 0 || old == 0) {
		log_error("no %s runs in %s; name its run directory with --run-dir, and where "
			  "systemd supervises: systemctl reload millrace-dataplane",
			launcher == 0 ? "launcher" : "dataplane", run_dir);
		return EX_UNAVAILABLE;
	}
	if (kill(launcher, SIGUSR2) < 0) {
		log_error("cannot signal the launcher (pid %ld): %s", (long)launcher,
			strerror(errno));
		return EX_NOPERM;
	}
	for (unsigned ms = 0; ms < PATIENCE_MS; ms += LOOK_MS) {
		pid_t now = ready_pid(run_dir, "dataplane");
		if (now != 0 && now != old) {
			printf("process %ld took over from %ld\n", (long)now, (long)old);
			return EXIT_SUCCESS;
		}
		nanosleep(&pause, NULL);
	}
	log_error("no other dataplane took over within %d s; the launcher's log says why",
		PATIENCE_MS / 1000);
	return EXIT_FAILURE;
}
