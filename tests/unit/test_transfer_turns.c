/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose zone is retrieved next: primaries take turns, and none has all slots while others wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "controlplane/transfer/transfer_internal.h"

static const struct sockaddr_storage *
address(unsigned last, uint16_t port)
{
	static struct sockaddr_storage ss;
	struct sockaddr_in *sa = (struct sockaddr_in *)(void *)&ss;

	memset(&ss, 0, sizeof ss);
	sa->sin_family = AF_INET;
	sa->sin_addr.s_addr = htonl(0x0a000000 + last);
	sa->sin_port = htons(port);
	return &ss;
}

/* Zones "a0", "a1", ... of address 1, "b0" ... of address 2 and so on. */
static struct transfer_zone zone[4][8];

static void
wait_for(struct transfer_turns *s, unsigned a, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(
			transfer_turns_wait(s, &zone[a][i], address(a, (uint16_t)(53 + i))), 0);
}

static void
expect(struct transfer_turns *s, unsigned parallel, const char *order)
{
	for (; *order != '\0'; order += 2) {
		struct transfer_zone *z = transfer_turns_next(s, parallel);
		assert_non_null(z);
		assert_ptr_equal(z, &zone[order[0] - 'a'][order[1] - '0']);
	}
}

static void
addresses_take_turns(void **state)
{
	struct transfer_turns s;

	transfer_turns_init(&s);
	assert_null(transfer_turns_next(&s, 1));
	wait_for(&s, 0, 4);
	wait_for(&s, 1, 2);
	wait_for(&s, 2, 1);
	for (unsigned parallel = 1; parallel <= 2; parallel++) {
		expect(&s, parallel, "a0b0c0a1b1a2a3");
		assert_null(transfer_turns_next(&s, parallel));
		wait_for(&s, 0, 4);
		wait_for(&s, 1, 2);
		wait_for(&s, 2, 1);
	}
	transfer_turns_end(&s);
}

static void
no_address_has_all_slots_while_others_wait(void **state)
{
	struct transfer_turn *running[4];
	struct transfer_turns s;

	transfer_turns_init(&s);
	wait_for(&s, 0, 6);
	/* nobody else waits: all of them, whatever their ports are */
	expect(&s, 3, "a0a1a2");
	for (unsigned i = 0; i < 3; i++)
		assert_true(transfer_turns_enter(
			&s, address(0, (uint16_t)(53 + i)), 3, false, &running[i]));
	assert_ptr_equal(running[0], running[2]);
	/* now somebody does, and one that is done leaves its slot to them */
	wait_for(&s, 1, 1);
	transfer_turns_leave(&s, running[2]);
	expect(&s, 3, "b0");
	assert_true(transfer_turns_enter(&s, address(1, 53), 3, false, &running[2]));
	/* it would have another one, and others wait: not now */
	wait_for(&s, 2, 1);
	assert_false(transfer_turns_enter(&s, address(0, 53), 3, false, &running[3]));
	assert_null(running[3]);
	assert_true(transfer_turns_enter(&s, address(0, 53), 3, true, &running[3]));
	transfer_turns_leave(&s, running[3]);
	expect(&s, 3, "c0");
	/* nobody does any more */
	assert_true(transfer_turns_enter(&s, address(0, 53), 3, false, &running[3]));
	transfer_turns_leave(&s, running[3]);
	expect(&s, 3, "a3");
	for (unsigned i = 0; i < 3; i++)
		transfer_turns_leave(&s, running[i]);
	expect(&s, 3, "a4a5");
	assert_null(s.addresses);
	transfer_turns_end(&s);
}

static void
families_are_told_apart(void **state)
{
	struct sockaddr_storage ss = {.ss_family = AF_INET6};
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)&ss;
	struct transfer_turn *one, *other, *same;
	struct transfer_turns s;

	transfer_turns_init(&s);
	assert_int_equal(inet_pton(AF_INET6, "::a00:1", &six->sin6_addr), 1);
	assert_true(transfer_turns_enter(&s, &ss, 2, false, &one));
	assert_true(transfer_turns_enter(&s, address(1, 53), 2, false, &other));
	assert_ptr_not_equal(one, other);
	assert_int_equal(inet_pton(AF_INET6, "::ffff:10.0.0.1", &six->sin6_addr), 1);
	assert_true(transfer_turns_enter(&s, &ss, 2, false, &same));
	assert_ptr_equal(same, other);
	transfer_turns_leave(&s, one);
	transfer_turns_leave(&s, other);
	transfer_turns_leave(&s, same);
	assert_null(s.addresses);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_take_turns),
		cmocka_unit_test(no_address_has_all_slots_while_others_wait),
		cmocka_unit_test(families_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
