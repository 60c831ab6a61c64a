/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel socket port, over loopback: what comes in goes out, to whom it came from and from
 * where it was asked. */
#include "dataplane/ports/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct counters counters;
static struct answer_query query[ANSWER_BURST];

static struct config_address
address(const char *text, uint16_t port)
{
	struct config_address a;
	assert_int_equal(config_parse_address(text, port, &a), 0);
	return a;
}

static socklen_t
len_of(const struct config_address *a)
{
	return a->sa.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					   : sizeof(struct sockaddr_in);
}

/* A free port: bound and closed again. */
static uint16_t
free_port(const char *text)
{
	struct config_address a = address(text, 0);
	socklen_t len = sizeof a.sa;
	int fd = socket(a.sa.ss_family, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a.sa, len_of(&a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a.sa, &len), 0);
	close(fd);
	return ntohs(((struct sockaddr_in *)&a.sa)->sin_port);
}

static struct port *
open_port(const char *text, uint16_t port)
{
	struct config_address a = address(text, port);
	struct port *p = NULL;
	memset(&counters, 0, sizeof counters);
	assert_int_equal(socket_port_open(&p, &a, &counters), 0);
	return p;
}

/* A client's socket, connected: it takes answers only from where it asked. */
static int
connect_to(const char *text, uint16_t port)
{
	struct config_address a = address(text, port);
	int fd = socket(a.sa.ss_family, SOCK_DGRAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a.sa, len_of(&a)), 0);
	return fd;
}

static unsigned
receive(struct port *p)
{
	struct pollfd f = {.fd = p->wait_fd, .events = POLLIN};
	assert_int_equal(poll(&f, 1, 2000), 1);
	return p->ops->receive(p, query, ANSWER_BURST);
}

static ssize_t
take(int fd, uint8_t *out, size_t room)
{
	struct pollfd f = {.fd = fd, .events = POLLIN};
	return poll(&f, 1, 500) == 1 ? recv(fd, out, room, 0) : -1;
}

/* Ask at `to`, answer from the port bound to `on`, and see it arrive. */
static void
round_trip(const char *on, const char *to, enum answer_transport transport, const void *client)
{
	uint16_t number = free_port(on);
	struct port *p = open_port(on, number);
	int fd = connect_to(to, number);
	uint8_t got[5000];

	assert_int_equal(send(fd, "question", 8, 0), 8);
	assert_int_equal(receive(p), 1);
	assert_int_equal(p->n_taken, 1);
	assert_int_equal(query[0].len, 8);
	assert_memory_equal(query[0].dns, "question", 8);
	assert_int_equal(query[0].transport, transport);
	assert_memory_equal(query[0].client, client, 16);
	assert_true(query[0].room >= ANSWER_ROOM_MIN);
	memset(query[0].dns, 'a', 4096);
	query[0].out_len = 4096;
	p->ops->transmit(p, query, 1);
	assert_int_equal(take(fd, got, sizeof got), 4096);
	assert_int_equal(got[4095], 'a');
	close(fd);
	p->ops->close(p);
}

static const uint8_t loopback4[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};
static const uint8_t loopback6[16] = {[15] = 1};

static void
test_answers_come_from_the_address_that_was_asked(void **state)
{
	round_trip("127.0.0.1", "127.0.0.1", ANSWER_UDP4, loopback4);
	/* one socket for all addresses: without packet information the answer would leave from
	 * 127.0.0.1, and the client's connected socket would not take it */
	round_trip("0.0.0.0", "127.0.0.99", ANSWER_UDP4, loopback4);
	round_trip("0.0.0.0", "127.0.0.1", ANSWER_UDP4, loopback4);
}

static void
test_the_same_over_ip6(void **state)
{
	struct config_address a = address("::1", 0);
	if (socket_port_probe(&a) != 0)
		skip(); /* a machine without IPv6 */
	round_trip("::1", "::1", ANSWER_UDP6, loopback6);
	round_trip("::", "::1", ANSWER_UDP6, loopback6);
}

static void
test_a_burst_keeps_questions_and_answers_together(void **state)
{
	uint16_t number = free_port("127.0.0.1");
	struct port *p = open_port("127.0.0.1", number);
	int fd[40];
	uint8_t got[16];
	unsigned n = 0;

	for (unsigned i = 0; i < 40; i++) {
		fd[i] = connect_to("127.0.0.1", number);
		uint8_t octet = (uint8_t)i;
		assert_int_equal(send(fd[i], &octet, 1, 0), 1);
	}
	while (n < 40) {
		unsigned k = receive(p);
		assert_in_range(k, 1, ANSWER_BURST);
		for (unsigned i = 0; i < k; i++) {
			/* every third is not answered */
			query[i].out_len = query[i].dns[0] % 3 == 0 ? 0 : 2;
			query[i].dns[1] = 0xff;
		}
		p->ops->transmit(p, query, k);
		n += k;
	}
	assert_int_equal(p->ops->receive(p, query, ANSWER_BURST), 0);
	assert_int_equal(p->n_taken, 0);
	for (unsigned i = 0; i < 40; i++) {
		if (i % 3 != 0) {
			assert_int_equal(take(fd[i], got, sizeof got), 2);
			assert_int_equal(got[0], i);
		} else {
			assert_int_equal(recv(fd[i], got, sizeof got, MSG_DONTWAIT), -1);
		}
		close(fd[i]);
	}
	p->ops->close(p);
}

static void
test_a_datagram_too_long_for_any_query_is_dropped(void **state)
{
	static uint8_t large[5000];
	uint16_t number = free_port("127.0.0.1");
	struct port *p = open_port("127.0.0.1", number);
	int fd = connect_to("127.0.0.1", number);

	assert_int_equal(send(fd, large, sizeof large, 0), sizeof large);
	assert_int_equal(receive(p), 0);
	assert_int_equal(p->n_taken, 1);
	assert_int_equal(counter_get(&counters, CTR_D_UDP_LENGTH), 1);
	close(fd);
	p->ops->close(p);
}

static void
test_a_response_that_cannot_be_sent_is_counted_and_holds_up_no_other(void **state)
{
	uint16_t number = free_port("127.0.0.1");
	struct port *p = open_port("127.0.0.1", number);
	int fd[3];
	uint8_t got[16];

	for (unsigned i = 0; i < 3; i++) {
		fd[i] = connect_to("127.0.0.1", number);
		assert_int_equal(send(fd[i], "x", 1, 0), 1);
	}
	for (unsigned n = 0; n < 3;) {
		unsigned k = receive(p);
		n += k;
		assert_int_equal(n, 3); /* loopback: all are there at once */
	}
	query[0].out_len = 1;
	query[1].out_len = 70000; /* no datagram is that long: EMSGSIZE */
	query[2].out_len = 1;
	p->ops->transmit(p, query, 3);
	assert_int_equal(counter_get(&counters, CTR_D_TX_FULL), 1);
	assert_int_equal(take(fd[0], got, sizeof got), 1);
	assert_int_equal(take(fd[2], got, sizeof got), 1);
	for (unsigned i = 0; i < 3; i++)
		close(fd[i]);
	p->ops->close(p);
}

static void
test_an_address_in_use_is_found_out(void **state)
{
	uint16_t number = free_port("127.0.0.1");
	struct config_address a = address("127.0.0.1", number), none = address("192.0.2.1", number);
	struct port *p, *second = NULL;

	assert_int_equal(socket_port_probe(&a), 0);
	p = open_port("127.0.0.1", number);
	assert_int_equal(socket_port_probe(&a), -EADDRINUSE);
	/* but our own workers share it */
	assert_int_equal(socket_port_open(&second, &a, &counters), 0);
	assert_int_equal(socket_port_probe(&none), -EADDRNOTAVAIL);
	second->ops->close(second);
	p->ops->close(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_come_from_the_address_that_was_asked),
		cmocka_unit_test(test_the_same_over_ip6),
		cmocka_unit_test(test_a_burst_keeps_questions_and_answers_together),
		cmocka_unit_test(test_a_datagram_too_long_for_any_query_is_dropped),
		cmocka_unit_test(
			test_a_response_that_cannot_be_sent_is_counted_and_holds_up_no_other),
		cmocka_unit_test(test_an_address_in_use_is_found_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
