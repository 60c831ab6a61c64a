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

static struct harness h;
static uint8_t answer[65535];

static int
teardown(void **state)
{
	harness_stop(&h);
	return 0;
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
	harness_wait(&h, SCTR_CLOSED_CLIENT, 1);
	harness_wait(&h, SCTR_CONNECTIONS, 0);
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
	harness_wait(&h, SCTR_CLOSED_ENGINE, 1);
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
	harness_wait(&h, SCTR_CLOSED_CLIENT, 2);
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
	client_expect_end(partial, start, 250, 900);
	client_expect_end(trickle, start, 250, 900);
	client_expect_end(idle, start, 550, 1100);
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_READ_TIMEOUT), 2);
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_IDLE), 1);
	start = now_ms();
	client_query(busy, 8, ORDER_ECHO, 0, 20);
	client_expect(busy, 8, 20);
	client_expect_end(busy, start, 550, 1100);
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
	harness_wait(&h, SCTR_CLOSED_WRITE_TIMEOUT, 1);
	client_query(other, 6, ORDER_ECHO, 0, 20);
	client_expect(other, 6, 20);
	close(fd);
	close(other);
}

/* The slot of a connection that went away is used again while its query is still with the worker.
 */
static void
test_answers_go_to_who_asked_and_to_nobody_after_them(void **state)
{
	int first, second;

	harness_start(&h, "", 0);
	for (unsigned round = 0; round < 4; round++) {
		h.hang = true;
		sleep_ms(20);
		first = client_connect(&h);
		client_query(first, 1, ORDER_ECHO, 0, 20);
		sleep_ms(20);
		shutdown(first, SHUT_RDWR);
		/* reset, as the server would else wait for the answer */
		setsockopt(first, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
			sizeof(struct linger));
		close(first);
		harness_wait(&h, SCTR_CONNECTIONS, 0);
		second = client_connect(&h);
		client_query(second, 2, ORDER_ECHO, 0, 20);
		sleep_ms(20);
		h.hang = false;
		client_expect(second, 2, 20);
		client_query(second, 3, ORDER_ECHO, 0, 20);
		client_expect(second, 3, 20);
		harness_wait(&h, SCTR_STALE, round + 1);
		close(second);
		harness_wait(&h, SCTR_CONNECTIONS, 0);
	}
}

static void
test_the_limit_of_a_message_starts_with_the_message(void **state)
{
	uint8_t q[22] = {0, 20, 0, 1};
	int fd;

	/* a busy machine may take a second more over each message, and not be too slow */
	harness_start(&h, "  read-timeout: 1500ms\n", 0);
	q[14] = ORDER_ECHO;
	fd = client_connect(&h);
	client_send(fd, q, 10);
	for (unsigned i = 0; i < 4; i++) { /* never between messages, never slow */
		sleep_ms(450);
		client_send(fd, q + 10, 12);
		client_send(fd, q, 10);
		client_expect(fd, 1, 20);
	}
	for (unsigned i = 0; i < 1000 && harness_counter(&h, SCTR_CLOSED_READ_TIMEOUT) == 0; i++)
		sleep_ms(10);
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_READ_TIMEOUT), 1);
	close(fd);
}

#define NOT_READING 10u

/* Have it ask as much as it may while answers were short, and then they are long. */
static void
ask_for_long_answers_after_a_short_one(int fd)
{
	client_query(fd, 0, ORDER_ECHO, 0, 20);
	client_expect(fd, 0, 20);
	h.hang = true; /* or the machine's pace would decide how many are queued at a time */
	sleep_ms(20);
	for (uint16_t i = 1; i < 100; i++)
		client_query(fd, i, ORDER_SIZE, i % 2 != 0 ? 60000 : 16000, 20);
	sleep_ms(50);
	h.hang = false;
}

/* What is queued for it is our doing, as long as it reads. */
static void
test_who_reads_gets_long_answers_after_short_ones(void **state)
{
	int fd, other[NOT_READING], small = 4096;

	harness_start(&h, "", 0);
	fd = client_connect(&h);
	ask_for_long_answers_after_a_short_one(fd);
	for (uint16_t i = 1; i < 100; i++)
		client_expect(fd, i, i % 2 != 0 ? 60000 : 16000);
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_EVICTED), 0);
	/* of those that do not read some go before there is no memory for others */
	for (unsigned i = 0; i < NOT_READING; i++) {
		other[i] = client_connect(&h);
		setsockopt(other[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
		ask_for_long_answers_after_a_short_one(other[i]);
	}
	for (unsigned i = 0; i < 400 && harness_counter(&h, SCTR_CLOSED_EVICTED) == 0; i++)
		sleep_ms(5);
	assert_in_range(harness_counter(&h, SCTR_CLOSED_EVICTED), 1, NOT_READING);
	ask_for_long_answers_after_a_short_one(fd);
	assert_in_range(client_answer(fd, answer), 16000, 60000);
	for (unsigned i = 0; i < NOT_READING; i++)
		close(other[i]);
	close(fd);
}

static void
test_a_trickle_is_not_reading(void **state)
{
	int fd, small = 4096;
	uint64_t start, end;

	harness_start(&h, "  write-timeout: 600ms\n", 0);
	fd = client_connect(&h);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	/* more than the kernel takes: the first 60000 tell it that answers are large */
	for (uint16_t i = 0; i < 60; i++)
		client_query(fd, i, ORDER_SIZE, 60000, 20);
	start = now_ms();
	for (end = start + 4000; now_ms() < end; sleep_ms(50)) {
		recv(fd, answer, 1000, MSG_DONTWAIT);
		if (harness_counter(&h, SCTR_CLOSED_WRITE_TIMEOUT) == 1)
			break;
	}
	assert_int_equal(harness_counter(&h, SCTR_CLOSED_WRITE_TIMEOUT), 1);
	assert_in_range(now_ms() - start, 500, 2500);
	close(fd);
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
	harness_wait(&h, SCTR_CLOSED_CLIENT, 1);
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
		T(test_answers_go_to_who_asked_and_to_nobody_after_them),
		T(test_the_limit_of_a_message_starts_with_the_message),
		T(test_who_reads_gets_long_answers_after_short_ones),
		T(test_a_trickle_is_not_reading),
		T(test_queries_in_flight_are_limited_and_none_is_lost),
		T(test_a_full_ring_holds_queries_back_and_loses_none),
		T(test_a_client_may_have_so_many_connections),
		T(test_the_oldest_idle_connection_makes_room),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
