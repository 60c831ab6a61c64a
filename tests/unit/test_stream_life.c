/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_stream_life: the stream process under load and want, and when it or the dataplane dies. */
#include "tests/unit/stream_harness.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true   /* memory figures say nothing then */
#define STOP_MS_MAX 2000 /* the search for leaks included */
#else
#define SANITIZED false
#define STOP_MS_MAX 300
#endif

static struct harness h;
static uint8_t answer[65535];

static int
teardown(void **state)
{
	harness_stop(&h);
	return 0;
}

/* Memory that the process has in use, in KiB. */
static unsigned
resident_kib(pid_t pid)
{
	char path[64], line[128];
	unsigned kib = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof line, f) != NULL)
		if (sscanf(line, "VmRSS: %u", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

static void
test_a_thousand_idle_connections_cost_little_and_hurt_nobody(void **state)
{
	static int fd[1000];
	struct rlimit l;
	unsigned before;
	uint64_t start;
	int other;

	getrlimit(RLIMIT_NOFILE, &l);
	l.rlim_cur = l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
	if (l.rlim_cur < 1100)
		skip();
	harness_start(&h, "  connections-per-client-max: 2000\n", 0);
	other = client_connect(&h);
	client_query(other, 1, ORDER_ECHO, 0, 20);
	client_expect(other, 1, 20);
	before = resident_kib(h.pid);
	for (unsigned i = 0; i < 1000; i++) {
		fd[i] = client_connect(&h);
		assert_true(fd[i] >= 0);
		client_query(fd[i], 1, ORDER_ECHO, 0, 20);
		client_expect(fd[i], 1, 20);
	}
	assert_int_equal(harness_counter(&h, SCTR_CONNECTIONS), 1001);
	if (!SANITIZED)
		assert_in_range(resident_kib(h.pid) - before, 0, 1000);
	start = now_ms();
	for (uint16_t i = 0; i < 500; i++) {
		client_query(other, i, ORDER_ECHO, 0, 20);
		client_expect(other, i, 20);
	}
	assert_true(now_ms() - start < 2000);
	for (unsigned i = 0; i < 1000; i++)
		close(fd[i]);
	harness_wait(&h, SCTR_CONNECTIONS, 1);
	close(other);
}

static void
test_descriptors_run_out_without_harm(void **state)
{
	int fd[300];
	unsigned served = 0;

	harness_start(&h, "  connections-per-client-max: 2000\n  idle-timeout: 300ms\n", 250);
	for (unsigned i = 0; i < 300; i++)
		fd[i] = client_connect(&h);
	sleep_ms(100);
	/* 250 less what the process needs itself: the older ones had to go */
	assert_in_range(harness_counter(&h, SCTR_CONNECTIONS), 10, 100);
	for (unsigned i = 280; i < 300; i++) {
		if (send(fd[i], "\0\14............", 14, MSG_NOSIGNAL) == 14)
			served += client_answer(fd[i], answer) == 12;
	}
	assert_int_equal(served, 20);
	for (unsigned i = 0; i < 300; i++)
		close(fd[i]);
}

static void
test_the_process_is_killed_and_comes_back(void **state)
{
	int fd;

	harness_start(&h, "", 0);
	for (unsigned round = 0; round < 5; round++) {
		fd = client_connect(&h);
		for (uint16_t i = 0; i < 20; i++)
			client_query(fd, i, ORDER_ECHO, 0, 2000);
		harness_process_kill(&h);
		close(fd);
		harness_process_start(&h, 0);
		fd = client_connect(&h);
		client_query(fd, 77, ORDER_ECHO, 0, 20);
		client_expect(fd, 77, 20);
		assert_int_equal(harness_counter(&h, SCTR_CONNECTIONS), 1);
		close(fd);
	}
	assert_int_equal(harness_counter(&h, SCTR_RING_DAMAGED), 0);
}

static void
test_the_dataplane_dies_and_comes_back(void **state)
{
	uint64_t start;
	int waiting, idle, fd;

	harness_start(&h, "", 0);
	waiting = client_connect(&h);
	idle = client_connect(&h);
	client_query(idle, 1, ORDER_ECHO, 0, 20);
	client_expect(idle, 1, 20);
	client_query(waiting, 1, ORDER_MUTE, 0, 20);
	sleep_ms(50);
	harness_dataplane_stop(&h);
	start = now_ms();
	client_expect_end(waiting, start, 800, 1800);
	/* asked while there is none */
	fd = client_connect(&h);
	client_query(fd, 2, ORDER_ECHO, 0, 20);
	sleep_ms(300);
	harness_dataplane_start(&h);
	client_expect(fd, 2, 20);
	client_query(idle, 3, ORDER_ECHO, 0, 20);
	client_expect(idle, 3, 20);
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_NO_DATAPLANE), 1);
	/* replaced at once: what the old one had taken is lost with it */
	client_query(fd, 4, ORDER_MUTE, 0, 20);
	sleep_ms(50);
	harness_dataplane_stop(&h);
	harness_dataplane_start(&h);
	start = now_ms();
	client_expect_end(fd, start, 800, 1800);
	client_query(idle, 5, ORDER_ECHO, 0, 20);
	client_expect(idle, 5, 20);
	close(idle);
}

static void
test_a_lying_dataplane_harms_nobody_for_long(void **state)
{
	int fd;

	harness_start(&h, "", 0);
	fd = client_connect(&h);
	client_query(fd, 1, ORDER_ECHO, 0, 20);
	client_expect(fd, 1, 20);
	client_query(fd, 2, ORDER_ECHO, 0, 20);
	client_expect(fd, 2, 20);
	h.hub->instance[h.hub->seat].n_workers = 4000000000u; /* more than have memory, or bells */
	for (uint16_t i = 0; i < 8; i++) {
		int more = client_connect(&h);
		client_query(more, i, ORDER_ECHO, 0, 20);
		client_expect(more, i, 20);
		close(more);
	}
	h.hub->instance[h.hub->seat].n_workers = WORKERS;
	close(fd);
}

static void
test_stop_is_quick_and_lets_answers_out(void **state)
{
	uint64_t start;
	int fd, status;

	harness_start(&h, "", 0);
	fd = client_connect(&h);
	client_query(fd, 1, ORDER_MUTE, 0, 20);
	client_query(fd, 2, ORDER_SIZE, 65535, 20);
	sleep_ms(30);
	start = now_ms();
	kill(h.pid, SIGTERM);
	client_expect(fd, 2, 65535);
	assert_int_equal(waitpid(h.pid, &status, 0), h.pid);
	assert_true(now_ms() - start < STOP_MS_MAX);
	assert_int_equal(status, 0);
	h.pid = 0;
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_STOP), 1);
	assert_int_equal(harness_counter(&h, SCTR_CONNECTIONS), 0);
	close(fd);
}

static void
test_an_address_in_use_is_a_configuration_error(void **state)
{
	int status, says[2];
	char text[512] = "";
	pid_t pid;

	harness_start(&h, "", 0);
	assert_int_equal(pipe(says), 0);
	pid = fork();
	if (pid == 0) {
		dup2(says[1], STDERR_FILENO);
		execl(getenv("MILLRACE_STREAM"), "millrace-stream", "--config", h.config, NULL);
		_exit(127);
	}
	close(says[1]);
	waitpid(pid, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 78);
	assert_true(read(says[0], text, sizeof text - 1) > 0);
	assert_non_null(strstr(text, "cannot listen on TCP 127.0.0.1:"));
	assert_non_null(strstr(text, "Address already in use; another program listens there"));
	close(says[0]);
}

/* The limit falls under what is in use, so that accept(2) itself fails. */
static void
test_accept_fails_without_harm(void **state)
{
	struct rlimit few = {40, 40};
	struct timespec cpu_before, cpu_after;
	int fd[40];
	clockid_t clock;

	harness_start(&h, "", 0);
	assert_int_equal(prlimit(h.pid, RLIMIT_NOFILE, &few, NULL), 0);
	for (unsigned i = 0; i < 40; i++)
		fd[i] = client_connect(&h);
	assert_int_equal(clock_getcpuclockid(h.pid, &clock), 0);
	clock_gettime(clock, &cpu_before);
	client_query(fd[39], 1, ORDER_ECHO, 0, 20);
	client_expect(fd[39], 1, 20); /* an idle one made room for it */
	clock_gettime(clock, &cpu_after);
	assert_true(harness_counter(&h, SCTR_ACCEPT_REFUSED) > 0);
	assert_true(harness_counter(&h, SCTR_CLOSED_EVICTED) > 0);
	assert_true((cpu_after.tv_sec - cpu_before.tv_sec) * 1000 +
			    (cpu_after.tv_nsec - cpu_before.tv_nsec) / 1000000 <
		    500);
	for (unsigned i = 0; i < 40; i++)
		close(fd[i]);
}

int
main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(test_a_thousand_idle_connections_cost_little_and_hurt_nobody),
		T(test_descriptors_run_out_without_harm),
		T(test_the_process_is_killed_and_comes_back),
		T(test_the_dataplane_dies_and_comes_back),
		T(test_a_lying_dataplane_harms_nobody_for_long),
		T(test_stop_is_quick_and_lets_answers_out),
		T(test_an_address_in_use_is_a_configuration_error),
		T(test_accept_fails_without_harm),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
