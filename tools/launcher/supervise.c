/* SPDX-License-Identifier: GPL-3.0-or-later */
/* supervise: starts the suite's processes, starts them again when they die, and ends them all. One
 * loop around sigtimedwait(): every event is a signal or a time. */
#include "config/log.h"
#include "config/program.h"
#include "config/ready.h"
#include "shm/paths.h"
#include "tools/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 5000
#define BACKOFF_FORGET_MS 10000 /* whoever lived so long starts at once again */
#define STOP_MS 700             /* to end in good order, before SIGKILL */
#define READY_POLL_MS 20
#define READY_LATE_MS 10000 /* when we say who is not ready yet */
#define HEIR_MS 25000       /* for an heir to take over: less than its predecessor waits for it */

struct child {
	const char *name; /* of its ready file */
	const char *program;
	char path[PATH_MAX];
	pid_t pid; /* 0: not running */
	int64_t started_ms;
	int64_t start_at_ms; /* when pid is 0 */
	unsigned delay_ms;   /* before the next restart; 0: at once */
	bool was_ready;      /* ever: its configuration is good enough */
};

struct suite {
	const struct config *c;
	const char *config_path;
	struct child child[3];
	struct child heir;  /* a dataplane that takes over from the one that runs */
	int64_t heir_by_ms; /* it has taken over by then; 0: nobody is waited for */
	bool announced;
	bool reload_wanted; /* SIGHUP came; the control plane has not had it yet */
	int64_t late_at_ms; /* 0: said */
};

#define DATAPLANE 1 /* in suite.child */
#define N_CHILDREN (sizeof((struct suite *)0)->child / sizeof(struct child))

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- one child --- */

static void
child_exec(const struct child *child, const char *config_path, pid_t launcher, const char *option)
{
	char *const argv[] = {(char *)(uintptr_t)child->program, (char *)(uintptr_t) "--config",
		(char *)(uintptr_t)config_path, (char *)(uintptr_t)option, NULL};
	sigset_t none;

	/* SIGTERM, so that it can undo what outlives it (an XDP program); the launcher's own death
	 * is the only one after which nobody else tells it */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != launcher)
		_exit(EX_UNAVAILABLE);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(child->path, argv);
	log_error("cannot run %s: %s", child->path, strerror(errno));
	_exit(EX_OSFILE);
}

/* When the next start is due: at once, then 100 ms, doubling to 5 s. */
static void
child_plan(struct child *child, int64_t now)
{
	if (now - child->started_ms >= BACKOFF_FORGET_MS)
		child->delay_ms = 0;
	child->start_at_ms = now + child->delay_ms;
	child->delay_ms = child->delay_ms ? 2 * child->delay_ms : BACKOFF_FIRST_MS;
	if (child->delay_ms > BACKOFF_LAST_MS)
		child->delay_ms = BACKOFF_LAST_MS;
}

static void
child_start(struct suite *s, struct child *child)
{
	pid_t launcher = getpid(), pid;
	char *ready;

	if (asprintf(&ready, "%s/" RUN_READY, s->c->run_dir, child->name) >= 0) {
		unlink(ready);
		free(ready);
	}
	if (child == &s->child[DATAPLANE])
		s->heir_by_ms = 0; /* that one is dead */
	child->started_ms = now_ms();
	pid = fork();
	if (pid == 0)
		child_exec(child, s->config_path, launcher, NULL);
	if (pid < 0) {
		/* no memory or no processes left: the next try comes with the backoff */
		log_error("cannot start %s: %s", child->name, strerror(errno));
		child_plan(child, child->started_ms);
		return;
	}
	child->pid = pid;
	log_debug("%s started, pid %ld", child->name, (long)pid);
}

/* "exit status 1", "signal 11 (Segmentation fault)" */
static const char *
describe_end(int status, char out[96])
{
	if (WIFSIGNALED(status))
		snprintf(out, 96, "signal %d (%s)%s", WTERMSIG(status), strsignal(WTERMSIG(status)),
			WCOREDUMP(status) ? ", core dumped" : "");
	else
		snprintf(out, 96, "exit status %d", WEXITSTATUS(status));
	return out;
}

/* --- an upgrade of the dataplane --- */

/* Start the program that is installed now beside the dataplane that runs. */
static void
heir_start(struct suite *s)
{
	struct child *now = &s->child[DATAPLANE];
	pid_t launcher = getpid(), pid;

	if (s->heir.pid || !now->pid || ready_pid(s->c->run_dir, now->name) != now->pid) {
		log_warning("upgrade: %s",
			s->heir.pid ? "the last one is not finished"
				    : "the dataplane is not ready; wait until it is");
		return;
	}
	s->heir = *now;
	s->heir.was_ready = true; /* should its predecessor die: it is tried again, not given up */
	s->heir.started_ms = now_ms();
	pid = fork();
	if (pid == 0)
		child_exec(&s->heir, s->config_path, launcher, "--take-over");
	if (pid < 0)
		log_error("upgrade: cannot start %s: %s", now->name, strerror(errno));
	s->heir.pid = pid > 0 ? pid : 0;
	s->heir_by_ms = pid > 0 ? s->heir.started_ms + HEIR_MS : 0;
}

/* The one before it has left: it is the suite's dataplane now. */
static void
heir_succeeds(struct suite *s)
{
	log_info("upgrade: the dataplane is process %ld now", (long)s->heir.pid);
	s->child[DATAPLANE] = s->heir;
	s->heir.pid = 0;
}

static void
heir_ended(struct suite *s, int status)
{
	char how[96];

	s->heir.pid = 0;
	s->heir_by_ms = 0;
	log_error("upgrade: the new dataplane did not take over: %s; the old one goes on",
		describe_end(status, how));
}

/* One that hangs is in the way of every other one, and would be all that is left should the one
 * before it die, which it may have done. @return milliseconds until it is to be looked at */
static int64_t
heir_watch(struct suite *s)
{
	const struct child *now = s->heir.pid ? &s->heir : &s->child[DATAPLANE];
	pid_t late = now->pid;
	int64_t left = s->heir_by_ms - now_ms();

	if (s->heir_by_ms == 0)
		return INT64_MAX;
	if (left > 0)
		return left;
	s->heir_by_ms = 0;
	if (ready_pid(s->c->run_dir, now->name) == late) {
		if (s->heir.pid == 0)
			return INT64_MAX;
		late = s->child[DATAPLANE].pid; /* has handed over, and does not end */
	}
	if (late <= 0) /* it has ended already, and is started again */
		return INT64_MAX;
	log_error("upgrade: process %ld is killed: it has not %s within %d s", (long)late,
		late == now->pid ? "taken over" : "ended", HEIR_MS / 1000);
	kill(late, SIGKILL);
	return INT64_MAX;
}

/* --- the suite --- */

/* A child has died. @return the exit status with which the launcher must end, or -1 to go on */
static int
suite_child_ended(struct suite *s, struct child *child, int status)
{
	int64_t now = now_ms();
	char how[96], when[24] = "now";
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

	child->pid = 0;
	describe_end(status, how);
	if (!child->was_ready && (code == EX_USAGE || code == EX_CONFIG || code == EX_OSFILE)) {
		log_error("%s cannot run: %s; stopping", child->name, how);
		return code;
	}
	child_plan(child, now);
	if (child->start_at_ms > now)
		snprintf(when, sizeof when, "in %d ms", (int)(child->start_at_ms - now));
	log_warning("%s died: %s after %.1f s; starting it again %s", child->name, how,
		(double)(now - child->started_ms) / 1e3, when);
	return -1;
}

/* Collect the dead. @return as suite_child_ended() */
static int
suite_reap(struct suite *s)
{
	int status, end = -1;
	pid_t pid;

	/* as process 1 of a container we inherit others' children too: they are only collected */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->heir.pid) {
			heir_ended(s, status);
			continue;
		}
		if (s->heir.pid && pid == s->child[DATAPLANE].pid) {
			heir_succeeds(s);
			continue;
		}
		for (unsigned i = 0; i < N_CHILDREN; i++) {
			if (s->child[i].pid == pid && end < 0)
				end = suite_child_ended(s, &s->child[i], status);
			else if (s->child[i].pid == pid)
				s->child[i].pid = 0;
		}
	}
	return end;
}

/* Is everybody ready? Announce it, once; say who is late, once. */
static void
suite_watch_ready(struct suite *s)
{
	char late[64] = "";
	unsigned n_ready = 0;

	for (unsigned i = 0; i < N_CHILDREN; i++) {
		struct child *child = &s->child[i];

		if (child->pid && ready_pid(s->c->run_dir, child->name) == child->pid) {
			child->was_ready = true;
			n_ready++;
		} else {
			size_t at = strlen(late);

			snprintf(late + at, sizeof late - at, "%s%s", at ? ", " : "", child->name);
		}
	}
	if (n_ready == N_CHILDREN) {
		announce(s->c);
		s->announced = true;
	} else if (s->late_at_ms && now_ms() >= s->late_at_ms) {
		log_warning("still waiting for: %s", late);
		s->late_at_ms = 0;
	}
}

/* Start who is due. @return milliseconds until the next thing to do */
static int64_t
suite_start_due(struct suite *s)
{
	int64_t now = now_ms(), wait = s->announced && !s->reload_wanted ? 3600000 : READY_POLL_MS;

	for (unsigned i = 0; i < N_CHILDREN; i++) {
		struct child *child = &s->child[i];

		if (child->pid == 0 && child->start_at_ms <= now)
			child_start(s, child);
		if (child->pid == 0 && child->start_at_ms - now < wait)
			wait = child->start_at_ms > now ? child->start_at_ms - now : 0;
	}
	return wait;
}

/* SIGHUP for the control plane, which would die of it before it has a handler: not until it is
 * ready.
 */
static void
suite_pass_reload(struct suite *s)
{
	const struct child *child = &s->child[0];

	if (!s->reload_wanted || !child->pid || ready_pid(s->c->run_dir, child->name) != child->pid)
		return;
	kill(child->pid, SIGHUP);
	s->reload_wanted = false;
}

static bool
suite_signal(struct suite *s, int signal_number)
{
	bool any = s->heir.pid != 0;

	if (any)
		kill(s->heir.pid, signal_number);
	for (unsigned i = 0; i < N_CHILDREN; i++) {
		if (s->child[i].pid) {
			kill(s->child[i].pid, signal_number);
			any = true;
		}
	}
	return any;
}

/* End them all: in good order within STOP_MS, else not. */
static void
suite_stop(struct suite *s, const sigset_t *signals)
{
	int64_t deadline = now_ms() + STOP_MS, left;
	bool killed = false;
	int status;
	pid_t pid;

	suite_signal(s, SIGTERM);
	for (;;) {
		bool any;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (s->heir.pid == pid)
				s->heir.pid = 0;
			for (unsigned i = 0; i < N_CHILDREN; i++)
				if (s->child[i].pid == pid)
					s->child[i].pid = 0;
		}
		any = s->heir.pid != 0;
		for (unsigned i = 0; i < N_CHILDREN; i++)
			any = any || s->child[i].pid;
		if (!any)
			break;
		left = deadline - now_ms();
		if (left <= 0 && !killed) {
			for (unsigned i = 0; i < N_CHILDREN; i++)
				if (s->child[i].pid)
					log_warning("%s did not stop within %d ms; killed",
						s->child[i].name, STOP_MS);
			suite_signal(s, SIGKILL);
			killed = true;
		}
		left = killed ? 20 : left > 20 ? 20 : left;
		sigtimedwait(signals, NULL,
			&(struct timespec){.tv_nsec = (left > 0 ? left : 1) * 1000000});
	}
	for (unsigned i = 0; i < N_CHILDREN; i++) {
		char *ready;

		if (asprintf(&ready, "%s/" RUN_READY, s->c->run_dir, s->child[i].name) >= 0) {
			unlink(ready);
			free(ready);
		}
	}
}

/* Until a signal or a child ends it. @return exit status */
static int
suite_run(struct suite *s, const sigset_t *signals)
{
	for (;;) {
		int64_t due = suite_start_due(s), look = heir_watch(s);
		int64_t wait = due < look ? due : look;
		siginfo_t info = {0};
		int end, sig = sigtimedwait(signals, &info,
				 &(struct timespec){wait / 1000, wait % 1000 * 1000000});

		switch (sig) {
		case SIGINT:
		case SIGTERM:
			return EXIT_SUCCESS;
		case SIGHUP:
			if (info.si_code == SI_KERNEL) /* the terminal went away */
				return EXIT_SUCCESS;
			s->reload_wanted = true;
			break;
		case SIGUSR2:
			heir_start(s);
			break;
		}
		/* always: several deaths can come as one SIGCHLD */
		end = suite_reap(s);
		if (end >= 0)
			return end;
		if (!s->announced)
			suite_watch_ready(s);
		suite_pass_reload(s);
	}
}

/* One launcher a run directory. @return descriptor that holds the lock, or -1 after a log line */
static int
take_lock(const char *run_dir)
{
	char path[PATH_MAX], text[24] = "";
	int fd, n;

	snprintf(path, PATH_MAX, "%s/millrace.pid", run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0) {
		log_error("cannot open %s: %s", path, strerror(errno));
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		n = (int)read(fd, text, sizeof text - 1);
		text[n > 0 ? strcspn(text, "\n") : 0] = '\0';
		log_error("another millrace (pid %s) uses the run directory %s; stop it, or choose "
			  "another one with --run-dir",
			text, run_dir);
		close(fd);
		return -1;
	}
	n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	/* `upgrade` believes it only when it is ours */
	if (fchown(fd, geteuid(), (gid_t)-1) < 0 || fchmod(fd, 0644) < 0 || ftruncate(fd, 0) < 0 ||
		write(fd, text, (size_t)n) != n)
		log_warning("cannot write %s: %s", path, strerror(errno));
	return fd;
}

int
supervise(const struct config *c, const char *config_path)
{
	/* the control plane first: it makes what the others attach to */
	struct suite s = {.c = c,
		.config_path = config_path,
		.child = {{.name = "controlplane", .program = "millrace-controlplane"},
			{.name = "dataplane", .program = "millrace-dataplane"},
			{.name = "stream", .program = "millrace-stream"}}};
	static const int wanted[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGUSR2};
	const char *own;
	sigset_t signals;
	int lock, status;

	for (unsigned i = 0; i < N_CHILDREN; i++)
		if (launcher_find(s.child[i].program, s.child[i].path) != 0)
			return EX_OSFILE;
	lock = take_lock(c->run_dir);
	if (lock < 0)
		return EX_TEMPFAIL;
	/* configurations of launchers that were killed; the lock is ours, so nobody uses them */
	own = strrchr(config_path, '/');
	launcher_remove(c->run_dir, LAUNCHER_CONFIG_GLOB, own ? own + 1 : config_path);
	sigemptyset(&signals);
	for (unsigned i = 0; i < sizeof wanted / sizeof *wanted; i++)
		sigaddset(&signals, wanted[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	s.late_at_ms = now_ms() + READY_LATE_MS;
	status = suite_run(&s, &signals);
	suite_stop(&s, &signals);
	/* emptied, not removed: somebody else may have opened it and be about to lock it */
	if (ftruncate(lock, 0) < 0)
		log_warning("cannot empty the pid file: %s", strerror(errno));
	close(lock);
	return status;
}
