/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The launcher against programs that only pretend: what it starts, starts again, and ends. The path
 * of `millrace` comes as the first argument. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const name[] = {"controlplane", "dataplane", "stream"};
static const char *millrace;
static char dir[64];
static pid_t running[4]; /* launchers that were not waited for yet */

/* Notes each start; ends as how.NAME says; else (after a while, when slow) becomes ready, notes
 * SIGHUP, ends on SIGTERM. */
static const char pretender[] = "#!/bin/sh\n"
				"n=${0##*/millrace-}\n"
				"d=$(sed -n 's/^run-dir: \"\\(.*\\)\"/\\1/p' \"$2\")\n"
				"echo $$ >>$d/starts.$n\n"
				"how=$(cat $d/how.$n 2>/dev/null)\n"
				"case $how in [0-9]*) exit $how ;; esac\n"
				"[ \"$how\" = stubborn ] && trap '' TERM || trap 'exit 0' TERM\n"
				"[ \"$how\" = slow ] && sleep 0.5\n"
				"trap 'echo x >>$d/hup.'$n HUP\n"
				"echo $$ >$d/$n.new; mv $d/$n.new $d/$n.ready\n"
				"while :; do sleep 0.02; done\n";

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
pause_ms(long ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void
write_file(const char *file, const char *text, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int
set_up(void **state)
{
	char file[64];

	strcpy(dir, "/tmp/millrace-launcher-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	for (unsigned i = 0; i < 3; i++) {
		snprintf(file, sizeof file, "millrace-%s", name[i]);
		write_file(file, pretender, 0755);
	}
	return setenv("MILLRACE_LIBEXEC", dir, 1);
}

static int
tear_down(void **state)
{
	char command[128];

	for (unsigned i = 0; i < 4; i++) { /* after a failure */
		if (running[i]) {
			kill(running[i], SIGTERM);
			waitpid(running[i], NULL, 0);
			running[i] = 0;
		}
	}
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	return system(command);
}

/* Start `millrace serve --run-dir DIR ...`; its output goes to DIR/out. */
static pid_t
start(const char *argument)
{
	char out[128];
	pid_t pid = fork();

	assert_true(pid >= 0);
	for (unsigned i = 0; pid > 0 && i < 4; i++) {
		if (!running[i]) {
			running[i] = pid;
			break;
		}
	}
	if (pid != 0)
		return pid;
	signal(SIGHUP, SIG_DFL); /* the tests may run under nohup, and a shell cannot trap what it
				    ignores */
	snprintf(out, sizeof out, "%s/out", dir);
	if (!freopen(out, "a", stdout) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
		_exit(99);
	execl(millrace, "millrace", "serve", "--run-dir", dir, argument, (char *)NULL);
	_exit(99);
}

/* Numbers in a file, one a line: how many, and the last of them. */
static unsigned
count_lines(const char *prefix, const char *which, long *last)
{
	char path[128], line[64];
	unsigned n = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s%s", dir, prefix, which);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f)) {
		n++;
		if (last)
			*last = atol(line);
	}
	if (f)
		fclose(f);
	return n;
}

static bool
output_has(const char *text)
{
	char path[128], all[8192];
	size_t n;
	FILE *f;

	snprintf(path, sizeof path, "%s/out", dir);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(all, 1, sizeof all - 1, f);
	fclose(f);
	all[n] = '\0';
	return strstr(all, text) != NULL;
}

/* Pid of the latest start of a program. */
static pid_t
latest(const char *program)
{
	long pid = 0;

	assert_true(count_lines("starts.", program, &pid) > 0);
	assert_true(pid > 1);
	return (pid_t)pid;
}

static void
wait_output(const char *text)
{
	for (double end = now() + 20; !output_has(text); pause_ms(10))
		if (now() > end)
			fail_msg("the launcher never said '%s'", text);
}

static int
wait_end(pid_t pid)
{
	int status;

	for (double end = now() + 20; waitpid(pid, &status, WNOHANG) == 0; pause_ms(5))
		if (now() > end)
			fail_msg("the launcher does not end");
	for (unsigned i = 0; i < 4; i++)
		if (running[i] == pid)
			running[i] = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
it_announces_passes_sighup_on_and_stops_all(void **state)
{
	pid_t pid = start("--listen=127.0.0.1:5301");
	double begin;

	wait_output("Ctrl-C stops it.");
	assert_true(output_has("answering on 127.0.0.1 port 5301 (UDP, TCP): "
			       "dig @127.0.0.1 -p 5301 NAME\n"));
	assert_true(output_has("There are no zones"));
	kill(pid, SIGHUP);
	for (double end = now() + 20; count_lines("hup.", name[0], NULL) == 0; pause_ms(10))
		assert_true(now() < end);
	begin = now();
	kill(pid, SIGINT);
	assert_int_equal(wait_end(pid), 0);
	assert_true(now() - begin < 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(count_lines("starts.", name[i], NULL), 1);
		assert_int_equal(kill(latest(name[i]), 0), -1);
		assert_int_equal(count_lines(name[i], ".ready", NULL), 0);
	}
	assert_int_equal(count_lines("hup.", name[1], NULL), 0);
	assert_int_equal(count_lines("hup.", name[2], NULL), 0);
}

/* `systemctl reload` right behind `systemctl start`: a process without its handlers would die. */
static void
sighup_waits_until_the_control_plane_is_ready(void **state)
{
	pid_t pid;

	write_file("how.controlplane", "slow", 0644);
	pid = start(NULL);
	for (double end = now() + 20; count_lines("starts.", name[0], NULL) == 0; pause_ms(5))
		assert_true(now() < end);
	kill(pid, SIGHUP);
	for (double end = now() + 20; count_lines("hup.", name[0], NULL) == 0; pause_ms(10))
		assert_true(now() < end);
	kill(pid, SIGINT);
	assert_int_equal(wait_end(pid), 0);
	assert_int_equal(count_lines("starts.", name[0], NULL), 1);
}

static void
a_process_that_dies_is_started_again(void **state)
{
	pid_t pid = start(NULL);
	pid_t first;

	wait_output("Ctrl-C stops it.");
	first = latest("dataplane");
	kill(first, SIGKILL);
	wait_output("dataplane died: signal 9 (Killed)");
	for (double end = now() + 20; count_lines("starts.", "dataplane", NULL) < 2; pause_ms(5))
		assert_true(now() < end);
	assert_int_not_equal(latest("dataplane"), first);
	assert_int_equal(count_lines("starts.", "stream", NULL), 1);
	kill(pid, SIGTERM);
	assert_int_equal(wait_end(pid), 0);
}

static void
restarts_are_spaced_ever_wider(void **state)
{
	pid_t pid;
	unsigned n;

	write_file("how.stream", "1", 0644);
	pid = start(NULL);
	wait_output("starting it again in 400 ms"); /* after 0, 0, 100 and 200 ms */
	n = count_lines("starts.", "stream", NULL);
	assert_int_equal(n, 4);
	pause_ms(200);
	assert_int_equal(count_lines("starts.", "stream", NULL), n);
	assert_true(output_has("stream died: exit status 1 after 0."));
	assert_false(output_has("answering on"));
	kill(pid, SIGTERM);
	assert_int_equal(wait_end(pid), 0);
}

static void
a_configuration_that_cannot_work_ends_it(void **state)
{
	write_file("how.dataplane", "78", 0644);
	assert_int_equal(wait_end(start(NULL)), EX_CONFIG);
	assert_int_equal(count_lines("starts.", "dataplane", NULL), 1);
	if (count_lines("starts.", "controlplane", NULL))
		assert_int_equal(kill(latest("controlplane"), 0), -1);
	write_file("how.dataplane", "64", 0644);
	assert_int_equal(wait_end(start(NULL)), EX_USAGE);
}

static void
the_same_status_later_is_only_a_death(void **state)
{
	pid_t pid = start(NULL);

	wait_output("Ctrl-C stops it.");
	write_file("how.controlplane", "78", 0644);
	kill(latest("controlplane"), SIGKILL);
	wait_output("controlplane died: exit status 78");
	kill(pid, SIGTERM);
	assert_int_equal(wait_end(pid), 0);
}

static void
who_does_not_stop_is_killed_in_under_a_second(void **state)
{
	pid_t pid, stopped, stubborn;
	double begin;

	write_file("how.stream", "stubborn", 0644);
	pid = start(NULL);
	wait_output("Ctrl-C stops it.");
	stopped = latest("dataplane");
	stubborn = latest("stream");
	kill(stopped, SIGSTOP);
	begin = now();
	kill(pid, SIGTERM);
	assert_int_equal(wait_end(pid), 0);
	assert_true(now() - begin < 1);
	assert_int_equal(kill(stopped, 0), -1);
	assert_int_equal(kill(stubborn, 0), -1);
}

static void
its_death_ends_the_others(void **state)
{
	pid_t pid = start(NULL), child;

	wait_output("Ctrl-C stops it.");
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	running[0] = 0;
	for (unsigned i = 0; i < 3; i++) {
		child = latest(name[i]);
		for (double end = now() + 20; kill(child, 0) == 0; pause_ms(5))
			assert_true(now() < end);
	}
}

static void
one_launcher_has_the_run_directory(void **state)
{
	pid_t pid;

	write_file("arena", "images\n", 0644);
	pid = start(NULL);
	wait_output("Ctrl-C stops it.");
	assert_int_equal(wait_end(start(NULL)), EX_TEMPFAIL);
	assert_true(output_has("another millrace (pid "));
	/* and what it has there is left alone by who was refused */
	assert_int_equal(count_lines("ar", "ena", NULL), 1);
	kill(pid, SIGTERM);
	assert_int_equal(wait_end(pid), 0);
	assert_int_equal(count_lines("ar", "ena", NULL), 0);
	/* and afterwards it is free */
	pid = start("--listen=127.0.0.1:5302");
	wait_output("port 5302");
	kill(pid, SIGTERM);
	assert_int_equal(wait_end(pid), 0);
}

static void
mistakes_on_the_command_line_start_nothing(void **state)
{
	static const char *const bad[] = {"example.com", "=file", "zone=", "--listen=1.2.3",
		"--listen=127.0.0.1:0", "--bogus", "--config=x"};

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
		if (wait_end(start(bad[i])) != EX_USAGE)
			fail_msg("'%s' is not refused", bad[i]);
	assert_int_equal(wait_end(start("a=/nonexistent")), EX_NOINPUT);
	assert_int_equal(wait_end(start("a=/tmp")), EX_NOINPUT);
	wait_output("give folders with --zones");
	assert_int_equal(wait_end(start("--zones=/etc/passwd")), EX_NOINPUT);
	wait_output("zone folder /etc/passwd: is no folder");
	assert_int_equal(wait_end(start("a..b=/dev/null")), EX_CONFIG);
	assert_int_equal(count_lines("starts.", "controlplane", NULL), 0);
}

/* The run directory's name is no pattern: neither is its memory kept, nor a neighbour's given back.
 */
static void
a_run_directory_may_have_any_name(void **state)
{
	char option[128], path[128];
	pid_t pid;

	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, i == 0 ? "a[b]" : "ab");
		assert_int_equal(mkdir(path, 0700), 0);
		write_file(i == 0 ? "a[b]/arena" : "ab/arena", "", 0600);
	}
	snprintf(option, sizeof option, "--run-dir=%s/a[b]", dir);
	pid = start(option);
	wait_output("Ctrl-C stops it.");
	kill(pid, SIGTERM);
	assert_int_equal(wait_end(pid), 0);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof path, "%s/ab/arena", dir);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof path, "%s/a[b]/arena", dir);
	assert_int_equal(access(path, F_OK), -1);
}

static void
strange_file_names_stay_file_names(void **state)
{
	char argument[192], path[128];
	pid_t pid;

	write_file("a \"b\": \\c\nuser: x.zone", "", 0644);
	snprintf(path, sizeof path, "%s/a \"b\": \\c\nuser: x.zone", dir);
	snprintf(argument, sizeof argument, "example.com=%s", path);
	pid = start(argument);
	wait_output("Ctrl-C stops it.");
	kill(pid, SIGTERM);
	assert_int_equal(wait_end(pid), 0);
}

int
main(int argc, char **argv)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		ROW(it_announces_passes_sighup_on_and_stops_all),
		ROW(sighup_waits_until_the_control_plane_is_ready),
		ROW(a_process_that_dies_is_started_again),
		ROW(restarts_are_spaced_ever_wider),
		ROW(a_configuration_that_cannot_work_ends_it),
		ROW(the_same_status_later_is_only_a_death),
		ROW(who_does_not_stop_is_killed_in_under_a_second),
		ROW(its_death_ends_the_others),
		ROW(one_launcher_has_the_run_directory),
		ROW(mistakes_on_the_command_line_start_nothing),
		ROW(a_run_directory_may_have_any_name),
		ROW(strange_file_names_stay_file_names),
	};

	if (argc != 2)
		return EXIT_FAILURE;
	millrace = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
