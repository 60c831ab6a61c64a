/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which sockets a driver has opened, and that they are told in the order in which it did. */
#include "dataplane/ports/ethdev_wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define N 4u

static int
open_socket(int family)
{
	int fd = socket(family, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	return fd;
}

static void
test_new_sockets_come_in_the_order_in_which_they_were_opened(void **state)
{
	int hole[2] = {dup(0), dup(0)}, old = open_socket(AF_UNIX), fd[N], found[N];
	struct ethdev_sockets before;

	ethdev_sockets_note(&before, AF_UNIX);
	assert_int_equal(ethdev_sockets_new(&before, found, N), 0);
	close(hole[0]); /* numbers that are free again are given first */
	close(hole[1]);
	for (unsigned i = 0; i < N; i++)
		fd[i] = open_socket(AF_UNIX);
	assert_true(fd[0] < old);
	assert_int_equal(ethdev_sockets_new(&before, found, N), N);
	assert_memory_equal(found, fd, sizeof fd);
	assert_int_equal(ethdev_sockets_new(&before, found, N - 1), 0);
	for (unsigned i = 0; i < N; i++)
		close(fd[i]);
	close(old);
}

static void
test_others_are_none_of_them(void **state)
{
	struct ethdev_sockets before;
	int found[N], inet, file;

	ethdev_sockets_note(&before, AF_UNIX);
	inet = open_socket(AF_INET);
	file = dup(0);
	assert_int_equal(ethdev_sockets_new(&before, found, N), 0);
	close(inet);
	close(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_sockets_come_in_the_order_in_which_they_were_opened),
		cmocka_unit_test(test_others_are_none_of_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
