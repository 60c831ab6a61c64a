/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stream ring port, with a test in the place of the stream process: friendly, slow, and
 * hostile. */
#include "dataplane/ports/stream.h"
#include "shm/doorbell.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MESSAGES_MAX 16u /* the port takes no more at a time */

static struct hub_rings *shared;
static struct counters counters;
static struct ring_end to, from; /* the stream process's sides */
static struct port *port;
static struct answer_query query[ANSWER_BURST];
static char bell_path[64];
static int bell;

static int
set_up(void **state)
{
	shared = aligned_alloc(4096, sizeof *shared);
	assert_non_null(shared);
	memset(shared, 0, sizeof *shared);
	memset(&counters, 0, sizeof counters);
	ring_producer(&to, &shared->to_worker.ring, HUB_RING_OCTETS);
	ring_consumer(&from, &shared->from_worker.ring, HUB_RING_OCTETS);
	snprintf(bell_path, sizeof bell_path, "/tmp/millrace-test-bell-%d", (int)getpid());
	bell = doorbell_open(bell_path);
	assert_true(bell >= 0);
	assert_int_equal(stream_port_open(&port, shared, &counters, bell, bell), 0);
	return 0;
}

static int
tear_down(void **state)
{
	port->ops->close(port);
	close(bell);
	unlink(bell_path);
	free(shared);
	return 0;
}

static bool
rung(void)
{
	struct pollfd p = {.fd = bell, .events = POLLIN};
	bool yes = poll(&p, 1, 0) == 1;
	doorbell_drain(bell);
	return yes;
}

static uint64_t
counted(enum counter id)
{
	return counter_get(&counters, id);
}

/* Put a message on the ring that says `claims` octets and holds `len`. */
static void
send_message(uint64_t token, uint32_t len, uint32_t claims, bool ip6, uint8_t transport)
{
	struct stream_message *m = ring_reserve(&to, (uint32_t)sizeof *m + len);
	assert_non_null(m);
	memset(m, 0, sizeof *m);
	m->token = token;
	m->len = claims;
	m->transport = transport;
	m->client_port = 1234;
	if (ip6)
		memset(m->client, 0x20, 16);
	else
		memcpy(m->client, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16);
	memset(m->dns, (int)(token & 0xff), len);
	ring_commit(&to, (uint32_t)sizeof *m + len);
}

/* The next response; its octets are checked against the fill pattern. */
static void
expect_response(uint64_t token, uint32_t len, uint8_t fill, bool closes)
{
	bool damaged = false;
	uint32_t got = 0;
	const struct stream_message *m = ring_peek(&from, &got, &damaged);

	assert_non_null(m);
	assert_false(damaged);
	assert_int_equal(m->token, token);
	assert_int_equal(m->client_port, 1234);
	assert_int_equal(m->len, len);
	assert_int_equal(got, sizeof *m + len);
	assert_int_equal(m->close, closes);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(m->dns[i], fill);
	ring_release(&from);
}

static void
expect_nothing(void)
{
	bool damaged = false;
	uint32_t len = 0;
	assert_null(ring_peek(&from, &len, &damaged));
	assert_false(damaged);
}

static void
answer(unsigned n, uint32_t len)
{
	for (unsigned i = 0; i < n; i++) {
		assert_true(len <= query[i].room);
		memset(query[i].dns, 0xaa, len);
		query[i].out_len = len;
	}
	port->ops->transmit(port, query, n);
}

static void
test_a_message_comes_with_its_client_and_goes_back_with_its_token(void **state)
{
	send_message(7, 40, 40, false, STREAM_TCP);
	send_message(1ull << 63, 1, 1, true, STREAM_DOQ);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 2);
	assert_int_equal(port->n_taken, 2);
	assert_int_equal(query[0].len, 40);
	assert_int_equal(query[0].dns[39], 7);
	assert_int_equal(query[0].room, ANSWER_ROOM_STREAM);
	assert_int_equal(query[0].transport, ANSWER_TCP4);
	assert_memory_equal(query[0].client + 12, "\xc0\0\2\1", 4);
	assert_int_equal(query[1].transport, ANSWER_TCP6);
	answer(2, 300);
	expect_response(7, 300, 0xaa, false);
	expect_response(1ull << 63, 300, 0xaa, false);
	expect_nothing();
}

static void
test_what_is_not_answered_closes_its_stream(void **state)
{
	send_message(9, 5, 5, false, STREAM_TCP);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 1);
	query[0].out_len = 0;
	port->ops->transmit(port, query, 1);
	expect_response(9, 0, 0, true);
}

static void
test_a_burst_is_bounded_and_the_rest_comes_next(void **state)
{
	for (unsigned i = 0; i < MESSAGES_MAX + 3; i++)
		send_message(i, 12, 12, false, STREAM_TCP);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), MESSAGES_MAX);
	answer(MESSAGES_MAX, 20);
	assert_int_equal(port->ops->receive(port, query, 2), 2);
	answer(2, 20);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 1);
	answer(1, 20);
	for (unsigned i = 0; i < MESSAGES_MAX + 3; i++)
		expect_response(i, 20, 0xaa, false);
	expect_nothing();
}

static void
test_responses_wait_for_a_slow_reader_and_none_is_lost(void **state)
{
	unsigned n_asked = 0, n_read = 0;

	/* until the ring is full of responses as large as they get */
	while (!port->stalled) {
		assert_true(n_asked < 100);
		send_message(n_asked, 12, 12, false, STREAM_TCP);
		assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 1);
		n_asked++;
		answer(1, ANSWER_ROOM_STREAM);
	}
	assert_true(n_asked > 10);
	send_message(n_asked, 12, 12, false, STREAM_TCP);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 0); /* not taken yet */
	assert_int_equal(port->n_taken, 0);
	assert_true(port->ops->may_sleep(port)); /* or a stuck peer costs a whole CPU */
	port->ops->awake(port);
	while (n_read < n_asked) {
		expect_response(n_read++, ANSWER_ROOM_STREAM, 0xaa, false);
		if (n_read == 2) { /* room again: what waited goes first, then the next is taken */
			assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 1);
			assert_false(port->stalled);
			answer(1, 30);
		}
	}
	expect_response(n_asked, 30, 0xaa, false);
	expect_nothing();
}

/* What one turn costs is bounded, or whoever fills the ring takes the worker's time from others. */
static void
test_long_messages_end_a_turn(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		send_message(i, 30000, 30000, false, STREAM_TCP);
	for (unsigned i = 4; i < 7; i++)
		send_message(i, 65535, i == 6 ? 65536 : 65535, false, STREAM_TCP);
	send_message(7, 12, 12, false, STREAM_TCP);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 3);
	answer(3, 20);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 2); /* 30000 and 65535 */
	answer(2, 20);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 1);
	answer(1, 20);
	/* nor is what makes no sense free */
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 0);
	assert_int_equal(port->n_taken, 1);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 1);
	answer(1, 20);
	for (unsigned i = 0; i < 8; i++)
		if (i != 6)
			expect_response(i, 20, 0xaa, false);
	expect_nothing();
}

static void
test_what_waited_when_the_worker_ended_goes_out(void **state)
{
	unsigned n_asked = 0, n_read = 0;

	while (!port->stalled) {
		assert_true(n_asked < 100);
		send_message(n_asked, 12, 12, false, STREAM_TCP);
		assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 1);
		n_asked++;
		answer(1, ANSWER_ROOM_STREAM);
	}
	send_message(n_asked, 12, 12, false, STREAM_TCP); /* the successor's */
	assert_false(port->ops->flush(port));
	assert_true(port->stalled);
	while (n_read < 2)
		expect_response(n_read++, ANSWER_ROOM_STREAM, 0xaa, false);
	assert_true(port->ops->flush(port));
	assert_false(port->stalled);
	assert_true(port->ops->flush(port));
	while (n_read < n_asked)
		expect_response(n_read++, ANSWER_ROOM_STREAM, 0xaa, false);
	expect_nothing();
	assert_false(port->ops->may_sleep(port)); /* it is still there */
}

static void
test_messages_that_make_no_sense_are_dropped_alone(void **state)
{
	struct stream_message *stub;

	send_message(1, 10, 11, false, STREAM_TCP);       /* says more than it holds */
	send_message(2, 10, 0, false, STREAM_TCP);        /* nothing */
	send_message(3, 70000, 65536, false, STREAM_TCP); /* more than a DNS message can be */
	send_message(4, 10, UINT32_MAX, false, STREAM_TCP);
	send_message(5, 10, 10, false, STREAM_DOQ + 1);
	send_message(6, 65535, 65535, false, STREAM_TCP);
	/* less than a header, though what lies behind it in the ring looks like the rest of one */
	stub = ring_reserve(&to, (uint32_t)sizeof *stub + 10);
	assert_non_null(stub);
	*stub = (struct stream_message){.len = 10};
	ring_commit(&to, 8);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 0);
	assert_int_equal(port->n_taken, 3); /* long ones end a turn */
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 1);
	assert_int_equal(port->n_taken, 3);
	assert_int_equal(query[0].len, 65535);
	answer(1, 100);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 0);
	assert_int_equal(port->n_taken, 1);
	assert_int_equal(counted(CTR_D_RING_DAMAGED), 6);
	expect_response(6, 100, 0xaa, false);
}

static void
test_a_ring_full_of_rubbish_costs_nothing_else(void **state)
{
	/* lengths and indices of a peer gone mad */
	memset(shared->to_worker.data, 0x5a, HUB_RING_OCTETS);
	for (unsigned i = 0; i < 50; i++) {
		atomic_store(&shared->to_worker.ring.head, 0x123456789abcdef0ull * (i + 1));
		for (unsigned k = 0; k < 4; k++) {
			unsigned n = port->ops->receive(port, query, ANSWER_BURST);
			assert_true(n <= MESSAGES_MAX);
			answer(n, 12);
		}
	}
	assert_true(counted(CTR_D_RING_DAMAGED) > 0);
}

static void
test_the_bell_is_rung_only_for_a_sleeper(void **state)
{
	send_message(1, 12, 12, false, STREAM_TCP);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 1);
	answer(1, 20);
	assert_false(rung());
	expect_response(1, 20, 0xaa, false);
	assert_true(ring_may_sleep(&from));
	send_message(2, 12, 12, false, STREAM_TCP);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 1);
	answer(1, 20);
	assert_true(rung());
}

static void
test_a_worker_with_a_message_waiting_does_not_sleep(void **state)
{
	assert_true(port->ops->may_sleep(port));
	port->ops->awake(port);
	send_message(1, 12, 12, false, STREAM_TCP);
	assert_false(port->ops->may_sleep(port));
	port->ops->awake(port);
	assert_int_equal(port->ops->receive(port, query, ANSWER_BURST), 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_message_comes_with_its_client_and_goes_back_with_its_token),
		TEST(test_what_is_not_answered_closes_its_stream),
		TEST(test_a_burst_is_bounded_and_the_rest_comes_next),
		TEST(test_responses_wait_for_a_slow_reader_and_none_is_lost),
		TEST(test_long_messages_end_a_turn),
		TEST(test_what_waited_when_the_worker_ended_goes_out),
		TEST(test_messages_that_make_no_sense_are_dropped_alone),
		TEST(test_a_ring_full_of_rubbish_costs_nothing_else),
		TEST(test_the_bell_is_rung_only_for_a_sleeper),
		TEST(test_a_worker_with_a_message_waiting_does_not_sleep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
