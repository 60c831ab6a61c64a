/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_stream: the stream process as clients and the dataplane see it. */
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
#include <unistd.h>

#include <cmocka.h>

#ifdef __SANITIZE_ADDRESS__
#define SANITIZED true	 /* memory figures say nothing then */
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

static void
wait_for(enum stream_counter c, uint64_t value)
{
	for (unsigned i = 0; i < 1000 && harness_counter(&h, c) != value; i++)
		sleep_ms(5);
	assert_int_equal(harness_counter(&h, c), value);
}

static void
test_queries_in_any_segmentation(void **state)
{
	uint8_t many[100 * 22];
	int fd;

	harness_start(&h, "", 0);
	fd = client_connect(&h);
	client_query(fd, 1, ORDER_ECHO, 0, 20);
	client_expect(fd, 1, 20);
	assert_memory_equal(h.client, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	struct sockaddr_in me;
	socklen_t len = sizeof me;
	getsockname(fd, (struct sockaddr *)&me, &len);
	assert_int_equal(h.client_port, ntohs(me.sin_port));
	/* a hundred at once */
	memset(many, 0, sizeof many);
	for (unsigned i = 0; i < 100; i++) {
		many[i * 22 + 1] = 20;
		many[i * 22 + 3] = (uint8_t)i;
		many[i * 22 + 14] = ORDER_ECHO;
	}
	client_send(fd, many, sizeof many);
	for (uint16_t i = 0; i < 100; i++)
		client_expect(fd, i, 20);
	/* octet by octet, and cut in the middle of the length and of the body */
	for (unsigned i = 0; i < 3 * 22; i++) {
		client_send(fd, many + i, 1);
		if (i % 5 == 0)
			sleep_ms(1);
	}
	for (uint16_t i = 0; i < 3; i++)
		client_expect(fd, i, 20);
	for (unsigned cut = 1; cut < 44; cut++) {
		client_send(fd, many, cut);
		sleep_ms(1);
		client_send(fd, many + cut, 44 - cut);
		client_expect(fd, 0, 20);
		client_expect(fd, 1, 20);
	}
	/* the longest query and the longest answer */
	client_query(fd, 9, ORDER_ECHO, 0, 65535);
	client_expect(fd, 9, 65535);
	client_query(fd, 10, ORDER_SIZE, 65535, 20);
	client_expect(fd, 10, 65535);
	close(fd);
	wait_for(SCTR_CLOSED_CLIENT, 1);
	wait_for(SCTR_CONNECTIONS, 0);
	assert_int_equal(harness_counter(&h, SCTR_RING_DAMAGED), 0);
}

static void
test_answers_come_as_they_are_ready_and_only_real_ones(void **state)
{
	int fd;

	harness_start(&h, "", 0);
	fd = client_connect(&h);
	client_query(fd, 1, ORDER_LATE, 0, 20);
	client_query(fd, 2, ORDER_ECHO, 0, 20);
	client_expect(fd, 2, 20);
	client_expect(fd, 1, 20);
	client_query(fd, 3, ORDER_DROP, 0, 20);
	client_query(fd, 4, ORDER_TWICE, 0, 20);
	client_query(fd, 5, ORDER_ECHO, 0, 20);
	client_expect(fd, 4, 20);
	client_expect(fd, 5, 20);
	assert_int_equal(harness_counter(&h, SCTR_STALE), 3);
	client_query(fd, 6, ORDER_CLOSE, 0, 20);
	assert_int_equal(client_answer(fd, answer), -1);
	wait_for(SCTR_CLOSED_ENGINE, 1);
	close(fd);
}

static void
test_half_closed_clients_get_their_answers(void **state)
{
	int fd;

	harness_start(&h, "", 0);
	fd = client_connect(&h);
	client_query(fd, 1, ORDER_SIZE, 60000, 20);
	client_query(fd, 2, ORDER_ECHO, 0, 20);
	client_send(fd, "\0\24abc", 5); /* and the start of one more */
	shutdown(fd, SHUT_WR);
	client_expect(fd, 1, 60000);
	client_expect(fd, 2, 20);
	assert_int_equal(client_answer(fd, answer), 0);
	close(fd);
	fd = client_connect(&h);
	shutdown(fd, SHUT_WR);
	assert_int_equal(client_answer(fd, answer), 0);
	close(fd);
	wait_for(SCTR_CLOSED_CLIENT, 2);
}

static void
test_messages_without_a_header_reset_the_connection(void **state)
{
	static const char *const bad[] = {"\0\0", "\0\5abcde", "\0\13"};
	static const size_t len[] = {2, 7, 2};

	harness_start(&h, "", 0);
	for (unsigned i = 0; i < 3; i++) {
		int fd = client_connect(&h);
		client_send(fd, bad[i], len[i]);
		assert_int_equal(client_answer(fd, answer), -1);
		close(fd);
	}
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_PROTOCOL), 3);
	assert_int_equal(h.n_queries, 0);
}

static void
expect_end_within(int fd, uint64_t from_ms, uint64_t min_ms, uint64_t max_ms)
{
	assert_in_range(client_answer(fd, answer) + 1, 0, 1); /* end of file or reset */
	assert_in_range(now_ms() - from_ms, min_ms, max_ms);
	close(fd);
}

static void
test_time_limits(void **state)
{
	uint64_t start;
	int idle, busy, partial, trickle;

	harness_start(
		&h, "  idle-timeout: 600ms\n  read-timeout: 300ms\n  write-timeout: 400ms\n", 0);
	start = now_ms();
	idle = client_connect(&h);
	partial = client_connect(&h);
	client_send(partial, "\0", 1);
	trickle = client_connect(&h); /* not saved by sending more, only by ending the message */
	client_send(trickle, "\0\100", 2);
	busy = client_connect(&h);
	for (unsigned i = 0; i < 5; i++) {
		if (i < 2)
			client_send(trickle, "x", 1);
		client_query(busy, 7, ORDER_ECHO, 0, 20);
		client_expect(busy, 7, 20);
		sleep_ms(100);
	}
	expect_end_within(partial, start, 250, 900);
	expect_end_within(trickle, start, 250, 900);
	expect_end_within(idle, start, 550, 1100);
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_READ_TIMEOUT), 2);
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_IDLE), 1);
	start = now_ms();
	client_query(busy, 8, ORDER_ECHO, 0, 20);
	client_expect(busy, 8, 20);
	expect_end_within(busy, start, 550, 1100);
}

static void
test_a_reader_that_does_not_read_is_paused_then_dropped(void **state)
{
	int fd, small = 4096, other;
	struct timeval limit = {.tv_usec = 300000};
	uint8_t q[22] = {0, 20, 0, 1};
	unsigned n;

	harness_start(&h, "  write-timeout: 1s\n", 0);
	fd = client_connect(&h);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	q[14] = ORDER_SIZE;
	q[15] = 60000 >> 8;
	q[16] = 60000 & 0xff;
	/* it is not read from any more either: its own send buffer fills */
	for (n = 0; n < 200000 && send(fd, q, sizeof q, MSG_NOSIGNAL) == sizeof q; n++)
		continue;
	assert_true(n < 200000);
	assert_true(h.n_queries < 100);
	assert_true(harness_counter(&h, SCTR_READ_PAUSED) > 0);
	other = client_connect(&h);
	client_query(other, 5, ORDER_ECHO, 0, 20);
	client_expect(other, 5, 20);
	wait_for(SCTR_CLOSED_WRITE_TIMEOUT, 1);
	client_query(other, 6, ORDER_ECHO, 0, 20);
	client_expect(other, 6, 20);
	close(fd);
	close(other);
}

static void
test_queries_in_flight_are_limited_and_none_is_lost(void **state)
{
	uint8_t seen[50] = {0};
	int fd;

	harness_start(&h, "  queries-per-connection-max: 4\n", 0);
	fd = client_connect(&h);
	client_query(fd, 0, ORDER_ECHO, 0, 20); /* it knows then that answers are short */
	client_expect(fd, 0, 20);
	h.hang = true;
	sleep_ms(20);
	for (uint16_t i = 0; i < 50; i++)
		client_query(fd, i, ORDER_ECHO, 0, 20);
	sleep_ms(150);
	assert_int_equal(harness_counter(&h, SCTR_IN_FLIGHT), 4);
	h.hang = false;
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(client_answer(fd, answer), 20);
		seen[answer[1]]++;
	}
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(seen[i], 1);
	close(fd);
}

static void
test_a_full_ring_holds_queries_back_and_loses_none(void **state)
{
	int fd[40];
	unsigned n = 0;

	harness_start(&h, "", 0);
	h.hang = true;
	sleep_ms(20);
	/* forty of 60000 octets: more than two rings of a mebibyte hold */
	for (unsigned i = 0; i < 40; i++) {
		fd[i] = client_connect(&h);
		client_query(fd[i], (uint16_t)i, ORDER_ECHO, 0, 60000);
	}
	sleep_ms(100);
	assert_true(harness_counter(&h, SCTR_RING_FULL) > 0);
	h.hang = false;
	for (uint16_t i = 0; i < 40; i++, n++) {
		client_expect(fd[i], i, 60000);
		close(fd[i]);
	}
	assert_int_equal(h.n_queries, 40);
}

static void
test_a_client_may_have_so_many_connections(void **state)
{
	int fd[6];

	harness_start(&h, "  connections-per-client-max: 5\n", 0);
	for (unsigned i = 0; i < 6; i++)
		fd[i] = client_connect(&h);
	assert_int_equal(client_answer(fd[5], answer), -1);
	close(fd[5]);
	close(fd[0]);
	wait_for(SCTR_CLOSED_CLIENT, 1);
	fd[0] = client_connect(&h);
	for (unsigned i = 0; i < 5; i++) {
		client_query(fd[i], (uint16_t)i, ORDER_ECHO, 0, 20);
		client_expect(fd[i], (uint16_t)i, 20);
		close(fd[i]);
	}
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_CLIENT_LIMIT), 1);
}

static void
test_the_oldest_idle_connection_makes_room(void **state)
{
	int fd[8];

	harness_start(&h, "  connections-max: 4\n", 0);
	for (unsigned i = 0; i < 4; i++) {
		fd[i] = client_connect(&h);
		client_query(fd[i], 1, ORDER_ECHO, 0, 20);
		client_expect(fd[i], 1, 20);
		sleep_ms(5);
	}
	client_query(fd[0], 2, ORDER_ECHO, 0, 20); /* now the second is the oldest */
	client_expect(fd[0], 2, 20);
	fd[4] = client_connect(&h);
	client_query(fd[4], 3, ORDER_ECHO, 0, 20);
	client_expect(fd[4], 3, 20);
	assert_int_equal(client_answer(fd[1], answer), 0);
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_EVICTED), 1);
	for (unsigned i = 0; i < 5; i++) {
		if (i != 1) {
			client_query(fd[i], 4, ORDER_ECHO, 0, 20);
			client_expect(fd[i], 4, 20);
		}
		close(fd[i]);
	}
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
	wait_for(SCTR_CONNECTIONS, 1);
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
	expect_end_within(waiting, start, 800, 1800);
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
	expect_end_within(fd, start, 800, 1800);
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
	h.hub->n_workers = 4000000000u; /* more than have memory, or bells */
	for (uint16_t i = 0; i < 8; i++) {
		int more = client_connect(&h);
		client_query(more, i, ORDER_ECHO, 0, 20);
		client_expect(more, i, 20);
		close(more);
	}
	h.hub->n_workers = WORKERS;
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

int
main(void)
{
#define T(f) cmocka_unit_test_teardown(f, teardown)
	const struct CMUnitTest tests[] = {
		T(test_queries_in_any_segmentation),
		T(test_answers_come_as_they_are_ready_and_only_real_ones),
		T(test_half_closed_clients_get_their_answers),
		T(test_messages_without_a_header_reset_the_connection),
		T(test_time_limits),
		T(test_a_reader_that_does_not_read_is_paused_then_dropped),
		T(test_queries_in_flight_are_limited_and_none_is_lost),
		T(test_a_full_ring_holds_queries_back_and_loses_none),
		T(test_a_client_may_have_so_many_connections),
		T(test_the_oldest_idle_connection_makes_room),
		T(test_a_thousand_idle_connections_cost_little_and_hurt_nobody),
		T(test_descriptors_run_out_without_harm),
		T(test_the_process_is_killed_and_comes_back),
		T(test_the_dataplane_dies_and_comes_back),
		T(test_a_lying_dataplane_harms_nobody_for_long),
		T(test_stop_is_quick_and_lets_answers_out),
		T(test_an_address_in_use_is_a_configuration_error),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
