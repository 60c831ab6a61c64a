/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOTIFY: what is sent, what counts as an answer, and the sender against sockets that answer,
 * answer wrongly, and do not answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "controlplane/manager/zone_names.h"
#include "controlplane/transfer/notify_send.h"

static void
make_apex(uint8_t apex[ZONE_WIRE_OCTETS], const char *text)
{
	assert_true(zone_wire_from_text(apex, text) > 0);
}

static void
a_message_asks_for_the_soa(void **state)
{
	static const uint8_t want[] =
		"\x12\x34\x24\x00\x00\x01\x00\x00\x00\x00\x00\x00\1a\0\0\6\0\1";
	uint8_t apex[ZONE_WIRE_OCTETS], out[NOTIFY_MESSAGE_OCTETS];

	make_apex(apex, "a.");
	assert_int_equal(notify_message(out, 0x1234, apex), sizeof want - 1);
	assert_memory_equal(out, want, sizeof want - 1);
}

static void
only_an_answer_to_it_counts(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
		int want;
	} c[] = {
#define O(text) text, sizeof text - 1
		{O("\x12\x34\xa4\0\0\1\0\0\0\0\0\0\1A\0\0\6\0\1"), 0},
		{O("\x12\x34\xa4\4\0\1\0\0\0\0\0\0\1a\0\0\6\0\1"), 4},
		{O("\x12\x34\xa4\5\0\0\0\0\0\0\0\0"), 5},                     /* no question */
		{O("\x12\x35\xa4\0\0\1\0\0\0\0\0\0\1a\0\0\6\0\1"), -EBADMSG}, /* ID */
		{O("\x12\x34\x24\0\0\1\0\0\0\0\0\0\1a\0\0\6\0\1"), -EBADMSG}, /* a query */
		{O("\x12\x34\x84\0\0\1\0\0\0\0\0\0\1a\0\0\6\0\1"), -EBADMSG}, /* opcode */
		{O("\x12\x34\xa4\0\0\1\0\0\0\0\0\0\1b\0\0\6\0\1"), -EBADMSG}, /* zone */
		{O("\x12\x34\xa4\0\0\1\0\0\0\0\0\0\1a"), -EBADMSG},
		{O("\x12\x34\xa4\0\0\1\0\0\0\0\0"), -EBADMSG},
		{O(""), -EBADMSG},
#undef O
	};
	uint8_t apex[ZONE_WIRE_OCTETS];

	make_apex(apex, "a.");
	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++)
		if (notify_answer((const uint8_t *)c[i].octets, c[i].len, 0x1234, apex) !=
			c[i].want)
			fail_msg("case %zu", i);
}

/* --- the sender --- */

static int
listen_udp(struct sockaddr_storage *out)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval patience = {.tv_sec = 10};
	socklen_t len = sizeof sa;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	memset(out, 0, sizeof *out);
	memcpy(out, &sa, sizeof sa);
	return fd;
}

/* @return octets of the next NOTIFY; who sent it in `from` */
static size_t
take(int fd, uint8_t octets[NOTIFY_MESSAGE_OCTETS], struct sockaddr_in *from)
{
	socklen_t len = sizeof *from;
	ssize_t n = recvfrom(fd, octets, NOTIFY_MESSAGE_OCTETS, 0, (struct sockaddr *)from, &len);

	assert_true(n >= 12);
	return (size_t)n;
}

static void
answer(int fd, uint8_t *octets, size_t len, const struct sockaddr_in *to)
{
	octets[2] |= 0x80;
	assert_int_equal(sendto(fd, octets, len, 0, (const struct sockaddr *)to, sizeof *to), len);
}

static void
wait_until(struct notify_sender *s, uint64_t answered, uint64_t failed)
{
	struct notify_figures f;

	for (int i = 0; i < 2000; i++) {
		notify_figures(s, &f);
		if (f.answered_total == answered && f.failed_total == failed && f.in_flight == 0)
			return;
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
	fail_msg("%u in flight", f.in_flight);
}

static void
it_is_sent_again_until_it_is_answered(void **state)
{
	static const struct config nothing;
	struct notify_sender *s = notify_start(&nothing);
	uint8_t apex[ZONE_WIRE_OCTETS], first[NOTIFY_MESSAGE_OCTETS], again[NOTIFY_MESSAGE_OCTETS];
	struct notify_target target = {.name = ""};
	struct sockaddr_in from, from_again;
	int fd = listen_udp(&target.address);
	struct notify_figures f;
	size_t len;

	assert_non_null(s);
	make_apex(apex, "example.org.");
	assert_int_equal(notify_queue(s, apex, 7, &target, 1), 0);
	len = take(fd, first, &from);
	/* a wrong answer changes nothing; and while it flies, one more request for it does not fly
	 */
	first[0] ^= 1;
	answer(fd, first, len, &from);
	first[0] ^= 1;
	first[2] &= 0x7f;
	assert_int_equal(notify_queue(s, apex, 8, &target, 1), 0);
	assert_int_equal(take(fd, again, &from_again), len);
	assert_memory_equal(first, again, len);
	assert_memory_equal(&from, &from_again, sizeof from);
	answer(fd, again, len, &from_again);
	wait_until(s, 1, 0);
	notify_figures(s, &f);
	assert_int_equal(f.sent_total, 2);
	notify_stop(s);
	close(fd);
}

static void
nobody_is_told_at_our_own_address(void **state)
{
	struct config_address own;
	struct config c = {.dataplane = {.listen = &own, .listen_count = 1}};
	struct notify_target target[2] = {{.name = ""}};
	uint8_t apex[ZONE_WIRE_OCTETS], octets[NOTIFY_MESSAGE_OCTETS];
	struct notify_sender *s;
	struct sockaddr_in from;
	int fd[2];

	for (int i = 0; i < 2; i++)
		fd[i] = listen_udp(&target[i].address);
	own.sa = target[0].address;
	s = notify_start(&c);
	assert_non_null(s);
	make_apex(apex, ".");
	assert_int_equal(notify_queue(s, apex, 1, target, 2), 0);
	answer(fd[1], octets, take(fd[1], octets, &from), &from);
	wait_until(s, 1, 0);
	assert_int_equal(recv(fd[0], octets, sizeof octets, MSG_DONTWAIT), -1);
	notify_stop(s);
	close(fd[0]);
	close(fd[1]);
}

/* --- names: the system's resolver is this one, which libuv calls --- */

#define ADDRESSES 30u

int
getaddrinfo(const char *restrict name, const char *restrict service,
	const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
	struct addrinfo *first = NULL;

	for (unsigned i = 0; i < ADDRESSES; i++) {
		struct addrinfo *a = calloc(1, sizeof *a + sizeof(struct sockaddr_in));
		struct sockaddr_in *sa = (struct sockaddr_in *)(void *)(a + 1);
		*sa = (struct sockaddr_in){.sin_family = AF_INET,
			.sin_port = htons(1), /* nobody answers */
			.sin_addr = {htonl(INADDR_LOOPBACK + i)}};
		a->ai_family = AF_INET;
		a->ai_addr = (struct sockaddr *)sa;
		a->ai_addrlen = sizeof *sa;
		a->ai_next = first;
		first = a;
	}
	*out = first;
	return 0;
}

void
freeaddrinfo(struct addrinfo *a)
{
	while (a != NULL) {
		struct addrinfo *next = a->ai_next;
		free(a);
		a = next;
	}
}

static struct notify_figures
wait_flying(struct notify_sender *s, uint32_t n, uint64_t failed)
{
	struct notify_figures f;

	for (int i = 0; i < 1000; i++) {
		notify_figures(s, &f);
		if (f.in_flight >= n && f.failed_total >= failed)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
	nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	notify_figures(s, &f);
	return f;
}

static void
of_a_name_only_so_many_addresses_are_told(void **state)
{
	static const struct config nothing;
	struct notify_sender *s = notify_start(&nothing);
	struct notify_target target = {.name = "many.example."};
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct notify_figures f;

	assert_non_null(s);
	make_apex(apex, "example.org.");
	assert_int_equal(notify_queue(s, apex, 1, &target, 1), 0);
	f = wait_flying(s, NOTIFY_NAME_ADDRESSES_MAX, 0);
	assert_int_equal(f.in_flight + f.failed_total, NOTIFY_NAME_ADDRESSES_MAX);
	notify_stop(s);
}

static void
messages_leave_descriptors_to_others(void **state)
{
	static const struct config nothing;
	struct notify_sender *s = notify_start(&nothing);
	static struct notify_target target[NOTIFY_TARGETS_MAX];
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct notify_figures f;
	struct rlimit old, few;
	int fd = listen_udp(&target[0].address);

	assert_non_null(s);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = (struct rlimit){.rlim_cur = 128, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (unsigned i = 1; i < NOTIFY_TARGETS_MAX; i++) {
		target[i] = target[0];
		((struct sockaddr_in *)(void *)&target[i].address)->sin_addr.s_addr =
			htonl(INADDR_LOOPBACK + i);
	}
	make_apex(apex, "example.org.");
	assert_int_equal(notify_queue(s, apex, 1, target, NOTIFY_TARGETS_MAX), 0);
	f = wait_flying(s, 32, NOTIFY_TARGETS_MAX - 32);
	assert_int_equal(f.in_flight, 32);
	assert_int_equal(f.failed_total, NOTIFY_TARGETS_MAX - 32);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	notify_stop(s);
	close(fd);
}

static void
it_ends_while_messages_fly(void **state)
{
	static const struct config nothing;
	struct notify_sender *s = notify_start(&nothing);
	struct notify_target target[NOTIFY_TARGETS_MAX + 1] = {{.name = ""}};
	uint8_t apex[ZONE_WIRE_OCTETS];
	int fd = listen_udp(&target[0].address);

	assert_non_null(s);
	make_apex(apex, "example.org.");
	assert_int_equal(notify_queue(s, apex, 1, target, NOTIFY_TARGETS_MAX + 1), -E2BIG);
	for (int i = 0; i < 50; i++) {
		apex[1] = (uint8_t)('a' + i % 26);
		apex[2] = (uint8_t)('a' + i / 26);
		assert_int_equal(notify_queue(s, apex, 1, target, 1), 0);
	}
	notify_stop(s);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_asks_for_the_soa),
		cmocka_unit_test(only_an_answer_to_it_counts),
		cmocka_unit_test(it_is_sent_again_until_it_is_answered),
		cmocka_unit_test(nobody_is_told_at_our_own_address),
		cmocka_unit_test(of_a_name_only_so_many_addresses_are_told),
		cmocka_unit_test(messages_leave_descriptors_to_others),
		cmocka_unit_test(it_ends_while_messages_fly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
