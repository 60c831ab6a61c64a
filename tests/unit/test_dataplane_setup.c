/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the dataplane claims in the hub when it opens its ports: grace periods hang on it. */
#include "dataplane/crew.h"
#include "dataplane/ports/stream.h"
#include "dataplane/setup.h"
#include "shm/hub.h"
#include "tests/unit/hub_fixture.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
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

static struct hub_rings *rings;
static _Atomic unsigned n_read;

/* The stream process, which has other things to do at first. */
static void *
reader_run(void *arg)
{
	const struct timespec a_while = {.tv_nsec = 5000000};
	struct ring_end from;
	bool damaged = false;
	uint32_t len;

	nanosleep(&a_while, NULL);
	ring_consumer(&from, &rings->from_worker.ring, HUB_RING_OCTETS);
	while (ring_peek(&from, &len, &damaged) != NULL) {
		n_read++;
		ring_release(&from);
	}
	return NULL;
}

/* One worker whose stream port has answered until there was no room. @return how often */
static unsigned
stall(struct setup *s, struct worker *w, struct port **port)
{
	static struct counters counters;
	struct answer_query q[ANSWER_BURST];
	struct ring_end to;
	unsigned n = 0;

	rings = aligned_alloc(HUB_PAGE, sizeof *rings);
	assert_non_null(rings);
	memset(rings, 0, sizeof *rings);
	memset(w, 0, sizeof *w);
	assert_int_equal(stream_port_open(port, rings, &counters, -1, -1), 0);
	w->port = port;
	w->n_ports = 1;
	*s = (struct setup){.worker = w, .n_workers = 1};
	ring_producer(&to, &rings->to_worker.ring, HUB_RING_OCTETS);
	for (; !(*port)->stalled; n++) {
		struct stream_message *m = ring_reserve(&to, sizeof *m + 12);
		assert_non_null(m);
		memset(m, 0, sizeof *m + 12);
		m->len = 12;
		ring_commit(&to, sizeof *m + 12);
		assert_int_equal((*port)->ops->receive(*port, q, ANSWER_BURST), 1);
		q[0].out_len = 60000;
		(*port)->ops->transmit(*port, q, 1);
	}
	return n;
}

static void
test_answers_that_wait_for_room_outlive_the_workers(void **state)
{
	static struct worker w;
	struct timespec begin, end;
	struct port *port;
	struct setup s;
	pthread_t reader;
	unsigned n = stall(&s, &w, &port);

	/* nobody takes anything: it is over soon */
	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_false(crew_flush(&s));
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - begin.tv_sec < 2);
	assert_int_equal(pthread_create(&reader, NULL, reader_run, NULL), 0);
	assert_true(crew_flush(&s));
	pthread_join(reader, NULL);
	reader_run(NULL); /* what came after it had looked */
	assert_int_equal(n_read, n);
	port->ops->close(port);
	free(rings);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_grace_periods_wait_for_every_worker_of_the_dataplane, set_up,
			tear_down),
		cmocka_unit_test(test_answers_that_wait_for_room_outlive_the_workers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
