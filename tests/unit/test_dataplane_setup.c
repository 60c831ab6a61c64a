/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the dataplane claims in the hub when it opens its ports: grace periods hang on it. */
#include "dataplane/setup.h"
#include "shm/hub.h"
#include "tests/unit/hub_fixture.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char hub_path[64];

static int
set_up(void **state)
{
	snprintf(hub_path, sizeof hub_path, "/dev/shm/millrace-test-setup-%d", (int)getpid());
	hub_remove_files(hub_path);
	return 0;
}

static int
tear_down(void **state)
{
	hub_remove_files(hub_path);
	return 0;
}

/* A control plane that frees what a worker reads is what a missing claim comes to. */
static void
test_grace_periods_wait_for_every_worker_of_the_dataplane(void **state)
{
	struct config_address listen = {0};
	struct config c = {0};
	struct setup s;
	struct hub *hub, *control;

	struct sockaddr_in *in = (struct sockaddr_in *)&listen.sa;
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* port 0: the kernel chooses */
	c.dataplane.workers = 2;
	c.dataplane.listen = &listen;
	c.dataplane.listen_count = 1;
	assert_int_equal(hub_open(&control, hub_path, HUB_CONTROLPLANE), 0);
	assert_int_equal(hub_open(&hub, hub_path, HUB_DATAPLANE), 0);
	assert_int_equal(setup_open(&s, &c, hub, NULL), 0);
	assert_int_equal(hub_refresh(control), 0);
	assert_int_equal(hub_refresh(hub), 0);
	assert_int_equal(hub_workers(control), 2);
	for (unsigned i = 0; i < 2; i++) {
		struct hub_worker *w = s.worker[i].shared;
		grace_online(hub, w);
		uint64_t epoch = grace_start(control);
		assert_false(grace_passed(control, epoch));
		grace_quiescent(hub, w);
		assert_true(grace_passed(control, epoch));
		grace_offline(w);
	}
	setup_close(&s);
	hub_close(hub);
	hub_close(control);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_grace_periods_wait_for_every_worker_of_the_dataplane, set_up,
			tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
