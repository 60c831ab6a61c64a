/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A successor made for somebody who waits for the end of the process that made it. */
#include "config/log.h"
#include "config/notify.h"
#include "dataplane/succession.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 60000

enum does { SUCCEEDS, ENDS, WAITS };
enum says { STARTED = 's', FORSAKEN = 'f' };

struct word { /* of the successor */
	enum says says;
	pid_t pid, parent;
};

static struct {
	int systemd;    /* what NOTIFY_SOCKET names */
	int word[2];    /* pipe: the successor speaks */
	pid_t reloader; /* whoever starts it */
	pid_t tester;
} t;

/* As process 1 we inherit the successor, and as systemd we are told. */
static int
setup(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	socklen_t len;

	snprintf(sa.sun_path, sizeof sa.sun_path, "@millrace-succession-%ld", (long)getpid());
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(sa.sun_path));
	assert_int_equal(setenv("NOTIFY_SOCKET", sa.sun_path, 1), 0);
	sa.sun_path[0] = '\0';
	t.systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(t.systemd, (struct sockaddr *)&sa, len), 0);
	assert_int_equal(pipe(t.word), 0);
	t.tester = getpid();
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static int
teardown(void **state)
{
	close(t.systemd);
	close(t.word[0]);
	close(t.word[1]);
	return 0;
}

static void
say(enum says says)
{
	const struct word w = {says, getpid(), getppid()};

	if (write(t.word[1], &w, sizeof w) != (ssize_t)sizeof w)
		_exit(EXIT_FAILURE);
}

static struct word
hear(void)
{
	struct word w = {0};

	assert_int_equal(read(t.word[0], &w, sizeof w), sizeof w);
	return w;
}

static void
reload(enum does does, pid_t predecessor)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	t.reloader = fork();
	assert_true(t.reloader >= 0);
	if (t.reloader != 0)
		return;
	if (notify_open() != 0)
		_exit(99);
	succession_start();
	/* until the process between has ended, which the one that waits looks to before it listens
	 */
	for (unsigned ms = 0; ms < PATIENCE_MS && getppid() != t.tester; ms++)
		nanosleep(&pause, NULL);
	say(STARTED);
	if (does == SUCCEEDS)
		succession_done(predecessor);
	for (unsigned ms = 0; does == WAITS && ms < PATIENCE_MS && succession_is_awaited(); ms++)
		nanosleep(&pause, NULL);
	if (does == WAITS && !succession_is_awaited())
		say(FORSAKEN);
	_exit(EXIT_SUCCESS);
}

static int
status_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
its_maker_ends_well_once_it_answers_and_has_told_systemd(void **state)
{
	char told[64] = "", want[64];
	pid_t gone = fork();
	struct word w;

	if (gone == 0)
		_exit(0);
	assert_int_equal(status_of(gone), 0);
	reload(SUCCEEDS, gone);
	w = hear();
	assert_int_equal(status_of(t.reloader), EXIT_SUCCESS);
	assert_int_not_equal(w.pid, t.reloader);
	assert_int_equal(w.parent, getpid());
	assert_true(recv(t.systemd, told, sizeof told - 1, 0) > 0);
	snprintf(want, sizeof want, "MAINPID=%ld", (long)w.pid);
	assert_string_equal(told, want);
	assert_int_equal(status_of(w.pid), 0); /* ours to collect */
}

static void
its_maker_fails_and_tells_nothing_when_it_ends_before(void **state)
{
	char told[64];
	struct word w;

	reload(ENDS, 0);
	w = hear();
	assert_int_equal(status_of(t.reloader), EXIT_FAILURE);
	assert_int_equal(recv(t.systemd, told, sizeof told, 0), -1);
	assert_int_equal(status_of(w.pid), 0);
}

static void
it_notices_that_nobody_waits_any_more(void **state)
{
	struct word w;

	reload(WAITS, 0);
	w = hear();
	assert_int_equal(w.says, STARTED);
	assert_int_equal(kill(t.reloader, SIGKILL), 0);
	assert_int_equal(status_of(t.reloader), -1);
	assert_int_equal(hear().says, FORSAKEN);
	assert_int_equal(status_of(w.pid), 0);
}

static void
without_one_who_waits_nothing_is_awaited_and_nothing_happens(void **state)
{
	assert_true(succession_is_awaited());
	succession_done(0);
	assert_true(succession_is_awaited());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			its_maker_ends_well_once_it_answers_and_has_told_systemd, setup, teardown),
		cmocka_unit_test_setup_teardown(
			its_maker_fails_and_tells_nothing_when_it_ends_before, setup, teardown),
		cmocka_unit_test_setup_teardown(
			it_notices_that_nobody_waits_any_more, setup, teardown),
		cmocka_unit_test(without_one_who_waits_nothing_is_awaited_and_nothing_happens),
	};

	log_open("test_succession", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
