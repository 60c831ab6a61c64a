/* SPDX-License-Identifier: GPL-3.0-or-later */
/* succession: see succession.h. A socket between the two: one message says that it is done, its end
 * that the other one is gone. */
#include "dataplane/succession.h"

#include "config/log.h"
#include "config/notify.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LEAVE_S 5        /* for the predecessor's process to end, once it has handed over */
#define LEAVE_LOOK_MS 10 /* how often that is looked at */

struct done {
	pid_t successor, predecessor;
};

static int line = -1; /* to the one that waits */

/* A second reload finds the predecessor's place free. */
static void
wait_until_gone(pid_t pid)
{
	const struct timespec pause = {.tv_nsec = LEAVE_LOOK_MS * 1000000l};

	for (unsigned i = 0; i < LEAVE_S * 1000u / LEAVE_LOOK_MS; i++) {
		if (pid <= 0 || (kill(pid, 0) < 0 && errno == ESRCH))
			return;
		nanosleep(&pause, NULL);
	}
	log_warning("the old dataplane (pid %ld) has handed over, but does not end", (long)pid);
}

/* The one that waits. */
_Noreturn static void
wait_for_successor(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n, err;
	struct done d;

	do
		n = poll(&p, 1, SUCCESSION_PATIENCE_S * 1000);
	while (n < 0 && errno == EINTR);
	if (n <= 0) {
		log_error("the new dataplane has not taken over within %d s, and is given up; the "
			  "old one goes on",
			SUCCESSION_PATIENCE_S);
		exit(EXIT_FAILURE);
	}
	if (recv(fd, &d, sizeof d, 0) != (ssize_t)sizeof d) {
		log_error("the new dataplane did not take over; the old one goes on");
		exit(EXIT_FAILURE);
	}
	/* before the old one's end can be noticed: it would be the service's */
	err = notify_main_process(d.successor);
	if (err != 0)
		log_warning("cannot tell systemd that process %ld is the dataplane now: %s",
			(long)d.successor, strerror(-err));
	wait_until_gone(d.predecessor);
	log_info("process %ld took over from %ld", (long)d.successor, (long)d.predecessor);
	exit(EXIT_SUCCESS);
}

void
succession_start(void)
{
	int fd[2], status = -1;
	pid_t between;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fd) < 0) {
		log_error("cannot make a socket: %s", strerror(errno));
		exit(EXIT_FAILURE);
	}
	/* by way of a process that ends at once: systemd notices the end of its own children only,
	 * and the successor is one from its first instruction on that anybody sees */
	between = fork();
	if (between == 0) {
		pid_t successor = fork();
		if (successor != 0)
			_exit(successor > 0 ? EXIT_SUCCESS : EXIT_FAILURE);
		close(fd[0]);
		line = fd[1];
		notify_close();
		return;
	}
	close(fd[1]);
	if (between < 0 || waitpid(between, &status, 0) != between || status != 0) {
		log_error("cannot start another process");
		exit(EXIT_FAILURE);
	}
	wait_for_successor(fd[0]);
}

bool
succession_is_awaited(void)
{
	struct pollfd p = {.fd = line};

	/* without a line poll() ignores it: nothing happens on it */
	return poll(&p, 1, 0) <= 0 || (p.revents & (POLLHUP | POLLERR)) == 0;
}

void
succession_done(pid_t predecessor)
{
	const struct done d = {.successor = getpid(), .predecessor = predecessor};

	if (line < 0)
		return;
	if (send(line, &d, sizeof d, MSG_NOSIGNAL) != (ssize_t)sizeof d)
		log_warning("whoever asked for this take-over has gone: %s", strerror(errno));
	close(line);
	line = -1;
}
