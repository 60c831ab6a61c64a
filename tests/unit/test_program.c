/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the daemons do at their start: privileges, run directory, readiness. */
#include "config/log.h"
#include "config/notify.h"
#include "config/program.h"
#include "config/ready.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int
setup(void **state)
{
	strcpy(dir, "/tmp/millrace-program-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command);
}

static void
readiness_is_a_file_with_the_pid(void **state)
{
	char path[128];

	assert_int_equal(ready_pid(dir, "stream"), 0);
	assert_int_equal(ready_announce(dir, "stream"), 0);
	assert_int_equal(ready_pid(dir, "stream"), getpid());
	assert_int_equal(ready_pid(dir, "dataplane"), 0);
	assert_int_equal(ready_announce(dir, "stream"), 0); /* again is fine */
	ready_withdraw(dir, "stream");
	assert_int_equal(ready_pid(dir, "stream"), 0);
	snprintf(path, sizeof path, "%s/stream.ready", dir);
	assert_int_equal(access(path, F_OK), -1);
	ready_withdraw(dir, "stream");
	assert_int_equal(ready_announce("/nonexistent", "stream"), -ENOENT);
}

static void
a_dead_process_is_not_ready_and_its_file_is_not_ours_to_remove(void **state)
{
	char path[128];
	pid_t child = fork();

	if (child == 0)
		_exit(ready_announce(dir, "dataplane") != 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(ready_pid(dir, "dataplane"), 0);
	ready_withdraw(dir, "dataplane");
	snprintf(path, sizeof path, "%s/dataplane.ready", dir);
	assert_int_equal(access(path, F_OK), 0);
}

static void
a_link_in_the_place_of_the_file_is_replaced_and_not_followed(void **state)
{
	char path[128], victim[128];
	struct stat st;

	snprintf(path, sizeof path, "%s/controlplane.ready", dir);
	snprintf(victim, sizeof victim, "%s/victim", dir);
	assert_int_equal(symlink(victim, path), 0);
	assert_int_equal(ready_announce(dir, "controlplane"), 0);
	assert_int_equal(lstat(victim, &st), -1);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static struct config *
load(const char *run_dir, const char *user)
{
	char text[256], *error = NULL;
	struct config *c;

	snprintf(text, sizeof text, "run-dir: %s\nuser: %s\n", run_dir, user);
	c = config_load_text(text, strlen(text), "test", &error);
	if (!c)
		fail_msg("%s", error);
	return c;
}

static void
a_run_directory_is_made_or_refused(void **state)
{
	char path[96], other[96];
	struct config *c;
	struct stat st;

	snprintf(path, sizeof path, "%s/run", dir);
	c = load(path, "~");
	assert_int_equal(program_make_run_dir(c), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(program_make_run_dir(c), 0);
	chmod(path, 0777);
	assert_int_equal(program_make_run_dir(c), -EPERM);
	config_free(c);

	chmod(path, 0700);
	snprintf(other, sizeof other, "%s/link", dir);
	assert_int_equal(symlink(path, other), 0);
	c = load(other, "~");
	assert_int_equal(program_make_run_dir(c), -EPERM);
	config_free(c);

	snprintf(other, sizeof other, "%s/no/where", dir);
	c = load(other, "~");
	assert_int_equal(program_make_run_dir(c), -ENOENT);
	config_free(c);
}

/* In a child: become nobody, and try to get back. Returns the number of the check that failed. */
static int
drop_and_look(struct config *c, uid_t uid)
{
	int death = 0, fd;
	char path[128];
	gid_t groups[64];
	struct stat st;

	if (setgroups(1, &(gid_t){0}) != 0) /* something to get rid of */
		return 11;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (program_make_run_dir(c) != 0)
		return 1;
	if (program_drop_privileges(c) != 0)
		return 2;
	if (getuid() != uid || geteuid() != uid || setuid(0) == 0 || seteuid(0) == 0)
		return 3;
	int n = getgroups(64, groups);
	for (int i = 0; i < n; i++)
		if (groups[i] == 0)
			return 4;
	if (getegid() == 0 || setgid(0) == 0)
		return 5;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 6;
	prctl(PR_GET_PDEATHSIG, &death);
	if (death != SIGTERM)
		return 7;
	/* and the run directory is still ours to work in */
	if (ready_announce(c->run_dir, "stream") != 0)
		return 8;
	snprintf(path, sizeof path, "%s/socket", c->run_dir);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0660);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_gid != getegid())
		return 9;
	if (program_drop_privileges(c) != 0) /* again is fine */
		return 10;
	return 0;
}

static void
privileges_are_dropped_for_good(void **state)
{
	struct passwd *pw = getpwnam("nobody");
	char path[96];
	struct config *c;
	pid_t child;
	int status;

	if (geteuid() != 0 || !pw)
		skip();
	chmod(dir, 0711); /* made with mode 0700 */
	snprintf(path, sizeof path, "%s/dropped", dir);
	c = load(path, "nobody");
	child = fork();
	if (child == 0)
		_exit(drop_and_look(c, pw->pw_uid));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	config_free(c);

	c = load(path, "no-such-user");
	assert_int_equal(program_drop_privileges(c), -ENOENT);
	config_free(c);
	c = load(path, "~");
	assert_int_equal(program_drop_privileges(c), 0);
	assert_int_equal(geteuid(), 0);
	config_free(c);
}

/* --- root folder --- */

/* In a child: the number of the check that failed. */
static int
enter_and_look(struct config *c)
{
	char path[128];

	if (program_make_run_dir(c) != 0)
		return 1;
	if (program_drop_privileges(c) != 0)
		return 2;
	/* outside is gone, and the paths are those of inside */
	if (access("/etc/passwd", F_OK) == 0 || access("/proc", F_OK) == 0)
		return 3;
	if (strcmp(c->run_dir, "/run") != 0 || strcmp(c->zones.directory, "/zones") != 0)
		return 4;
	if (strcmp(c->zones.list[0].file, "/a.zone") != 0 || !c->chroot_entered)
		return 5;
	if (strcmp(c->arena.path, "/run/arena") != 0)
		return 6;
	snprintf(path, sizeof path, "%s/x", c->zones.directory);
	if (access(path, R_OK) != 0 || ready_announce(c->run_dir, "stream") != 0)
		return 7;
	if (chroot("/") == 0 || geteuid() == 0)
		return 8;
	return 0;
}

static void
below_a_chroot_the_same_files_have_shorter_names(void **state)
{
	char text[1024], root[80], path[96], *error = NULL;
	struct config *c;
	pid_t child;
	int status;

	if (geteuid() != 0 || !getpwnam("nobody"))
		skip();
	chmod(dir, 0711);
	snprintf(root, sizeof root, "%s/root", dir);
	snprintf(path, sizeof path, "%s/zones", root);
	assert_int_equal(mkdir(root, 0755), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof path, "%s/zones/x", root);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	snprintf(text, sizeof text,
		"chroot: %s\nuser: nobody\nrun-dir: %s/run\narena: {path: %s/run/arena}\n"
		"zones: {directory: %s/zones, list: [{zone: a, file: %s/a.zone}]}\n",
		root, root, root, root, root);
	c = config_load_text(text, strlen(text), "test", &error);
	if (!c)
		fail_msg("%s", error);
	child = fork();
	if (child == 0)
		_exit(enter_and_look(c));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	config_free(c);
}

/* --- capabilities that somebody gave to a process which is not root --- */

static atomic_bool thread_may_end;
static atomic_int thread_tid;

static void *
wait_in_thread(void *arg)
{
	atomic_store(&thread_tid, gettid());
	while (!atomic_load(&thread_may_end))
		usleep(1000);
	return NULL;
}

/* Any capability of a thread of ours: its line CapPrm or CapAmb is not all zeros. */
static bool
has_capabilities(pid_t tid)
{
	char path[64], line[256];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%d/status", (int)tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (strncmp(line, "CapPrm:", 7) == 0 || strncmp(line, "CapEff:", 7) == 0 ||
			strncmp(line, "CapInh:", 7) == 0 || strncmp(line, "CapAmb:", 7) == 0)
			found = found || strtoull(line + 7, NULL, 16) != 0;
	if (f)
		fclose(f);
	return found || !f;
}

/* What systemd's User= and AmbientCapabilities= do. */
static int
become_with_capability(uid_t uid)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{.effective = 1 << CAP_NET_BIND_SERVICE,
		.permitted = 1 << CAP_NET_BIND_SERVICE,
		.inheritable = 1 << CAP_NET_BIND_SERVICE}};

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 || setresuid(uid, uid, uid) != 0 ||
		syscall(SYS_capset, &head, data) != 0)
		return -1;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0);
}

static int
give_and_look(struct config *c, uid_t uid)
{
	pthread_t thread;

	if (become_with_capability(uid) != 0)
		return 1;
	if (pthread_create(&thread, NULL, wait_in_thread, NULL) != 0)
		return 2;
	while (!atomic_load(&thread_tid))
		usleep(1000);
	if (!has_capabilities(gettid()) || !has_capabilities(atomic_load(&thread_tid)))
		return 3;
	if (program_drop_privileges(c) != 0)
		return 4;
	if (has_capabilities(gettid()))
		return 5;
	if (has_capabilities(atomic_load(&thread_tid)))
		return 6;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
		return 7;
	if (program_drop_privileges(c) != 0) /* again is fine */
		return 8;
	atomic_store(&thread_may_end, true);
	pthread_join(thread, NULL);
	return 0;
}

static void
capabilities_from_outside_are_given_up_by_every_thread(void **state)
{
	struct passwd *pw = getpwnam("nobody");
	char path[96];
	struct config *c;
	pid_t child;
	int status;

#ifdef __SANITIZE_THREAD__
	skip(); /* its own thread takes no signals */
#endif
	if (geteuid() != 0 || !pw || prctl(PR_CAPBSET_READ, CAP_NET_BIND_SERVICE, 0, 0, 0) != 1)
		skip();
	snprintf(path, sizeof path, "%s/run", dir);
	c = load(path, "~");
	child = fork();
	if (child == 0)
		_exit(give_and_look(c, pw->pw_uid));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	config_free(c);
}

/* --- systemd --- */

static void
systemd_is_told_once_that_the_start_is_over(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char text[256];
	ssize_t n;
	int fd;

	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(notify_open(), 0);
	assert_int_equal(notify_ready("nobody listens"), 0);

	snprintf(sa.sun_path, sizeof sa.sun_path, "%s/notify", dir);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	setenv("NOTIFY_SOCKET", sa.sun_path, 1);
	assert_int_equal(notify_open(), 0);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_int_equal(recv(fd, text, sizeof text, 0), -1); /* not yet */
	assert_int_equal(notify_ready("listening"), 0);
	assert_int_equal(notify_ready("again"), 0);
	n = recv(fd, text, sizeof text - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, "READY=1\nSTATUS=listening");
	assert_int_equal(recv(fd, text, sizeof text, 0), -1);
	close(fd);

	/* an abstract name; nobody there; nonsense */
	setenv("NOTIFY_SOCKET", "@millrace-test-nobody-here", 1);
	assert_int_equal(notify_open(), -ECONNREFUSED);
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_int_equal(notify_open(), -EINVAL);
	unsetenv("NOTIFY_SOCKET");
}

/* Exit status of program_start() with these arguments, in a child whose output goes nowhere. */
static int
start(const char *const *argv)
{
	pid_t child = fork();
	int status, argc = 0;

	if (child == 0) {
		struct program p = {.name = "test", .summary = "a test"};
		struct config *c;

		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(99);
		while (argv[argc])
			argc++;
		c = program_start(&p, argc, (char **)(uintptr_t)argv);
		_exit(c && p.config_path[0] == '/' ? 42 : 98);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
options_end_with_the_status_that_the_launcher_knows(void **state)
{
	char good[128], bad[128];
	FILE *f;

	snprintf(good, sizeof good, "%s/good.yaml", dir);
	snprintf(bad, sizeof bad, "%s/bad.yaml", dir);
	f = fopen(good, "we");
	fputs("log-level: error\n", f);
	fclose(f);
	f = fopen(bad, "we");
	fputs("log-levle: error\n", f);
	fclose(f);
	assert_int_equal(start((const char *[]){"x", "--help", NULL}), 0);
	assert_int_equal(start((const char *[]){"x", "--version", NULL}), 0);
	assert_int_equal(start((const char *[]){"x", "--bogus", NULL}), EX_USAGE);
	assert_int_equal(start((const char *[]){"x", "--config", NULL}), EX_USAGE);
	assert_int_equal(start((const char *[]){"x", "--config", good, "more", NULL}), EX_USAGE);
	assert_int_equal(start((const char *[]){"x", "--config", bad, NULL}), EX_CONFIG);
	assert_int_equal(start((const char *[]){"x", "--config", "/nonexistent", NULL}), EX_CONFIG);
	assert_int_equal(start((const char *[]){"x", "-c", good, NULL}), 42);
}

static void
a_line_of_the_log_stays_one_line(void **state)
{
	int end[2], saved = dup(STDERR_FILENO);
	char text[256];
	ssize_t n;

	assert_int_equal(pipe(end), 0);
	fflush(stderr);
	dup2(end[1], STDERR_FILENO);
	log_open("x", LOG_LEVEL_INFO);
	log_info("file %s", "a\n<0>x: forged\033[2J\tb\177\xc3\xa4");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(end[1]);
	n = read(end[0], text, sizeof text - 1);
	close(end[0]);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "x: file a?<0>x: forged?[2J b?\xc3\xa4\n"));
	assert_ptr_equal(strchr(text, '\n'), text + n - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readiness_is_a_file_with_the_pid),
		cmocka_unit_test(a_dead_process_is_not_ready_and_its_file_is_not_ours_to_remove),
		cmocka_unit_test(a_link_in_the_place_of_the_file_is_replaced_and_not_followed),
		cmocka_unit_test(a_run_directory_is_made_or_refused),
		cmocka_unit_test(privileges_are_dropped_for_good),
		cmocka_unit_test(below_a_chroot_the_same_files_have_shorter_names),
		cmocka_unit_test(capabilities_from_outside_are_given_up_by_every_thread),
		cmocka_unit_test(systemd_is_told_once_that_the_start_is_over),
		cmocka_unit_test(options_end_with_the_status_that_the_launcher_knows),
		cmocka_unit_test(a_line_of_the_log_stays_one_line),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
