/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishing while workers answer: real images, the real engine, real grace periods. An answer is
 * one version whole, versions never go back, and memory that is used again is never seen.
 * ThreadSanitizer runs this too. */
#include "controlplane/zones/zone_publish.h"
#include "dataplane/answer/answer.h"
#include "tests/unit/zone_fixture.h"
#include "tests/unit/hub_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#define WORKERS 2u
#define VERSIONS 400u
#define NAME_OCTETS_Q 5u /* 1 v 1 z 0 */

static struct {
	struct arena arena;
	struct hub *hub;
	_Atomic bool stop;
	_Atomic unsigned ready;
	_Atomic uint64_t n_answers, n_wrong, n_back, n_versions;
} shared;

/* The MX answer of "v.z." holds the version in each preference; all of them must be equal. */
static uint64_t
publish_version(struct zone_publisher *p, unsigned version)
{
	char text[512];
	int n = snprintf(text, sizeof text,
		"$ORIGIN z.\n$TTL 60\n@ SOA a b %u 2 3 4 5\n@ NS a\na A 192.0.2.1\n"
		"v MX %u m1\nv MX %u m2\nv MX %u m3\nfill%u TXT \"%0*u\"\n",
		version, version, version, version, version, (int)(version % 200 + 1), version);
	uint8_t apex[256 + 40];
	struct zone_model model = {0};
	struct zone_report report = {0};
	struct zone_load_options options = {.seed = arena_header(&shared.arena)->seed};
	uint64_t image = 0;

	wire_name(apex, "z.");
	assert_int_equal(zone_load_text(&model, text, (size_t)n, "z", apex, &options, &report), 0);
	assert_int_equal(zone_compile(&shared.arena, &model, &image), 0);
	zone_model_destroy(&model);
	zone_report_destroy(&report);
	assert_int_equal(zone_publish(p, image), 0);
	return image;
}

/* The version that a response holds; 0 when it holds several, or is none. */
static unsigned
version_of(const uint8_t *dns, uint32_t len)
{
	unsigned at = 12 + NAME_OCTETS_Q + 4, version = 0;

	if (len < at || (dns[3] & 15) != 0 || dns[7] != 3)
		return 0;
	for (unsigned i = 0; i < 3; i++) {
		if (at + 14 > len || dns[at] != 0xc0)
			return 0;
		unsigned v = (unsigned)dns[at + 12] << 8 | dns[at + 13];
		if (i > 0 && v != version)
			return 0;
		version = v;
		at += 12 + ((unsigned)dns[at + 10] << 8 | dns[at + 11]);
	}
	return version;
}

static void *
worker_run(void *arg)
{
	static const uint8_t query[] = "\0\1\0\0\0\1\0\0\0\0\0\0\1v\1z\0\0\17\0\1";
	struct hub_worker *w = arg;
	struct answer_context *c = answer_create(&shared.arena, &w->counters);
	uint8_t dns[4][ANSWER_ROOM_MIN];
	struct answer_query q[4];
	unsigned last = 0, n_versions = 0;

	for (uint64_t n = 0; !atomic_load(&shared.stop); n++) {
		if (n % 5 == 0)
			grace_online(shared.hub, w);
		for (unsigned i = 0; i < 4; i++) {
			memcpy(dns[i], query, sizeof query - 1);
			q[i] = (struct answer_query){
				.dns = dns[i], .len = sizeof query - 1, .room = ANSWER_ROOM_MIN};
		}
		answer_burst(c, q, 4, 1);
		for (unsigned i = 0; i < 4; i++) {
			unsigned v = version_of(dns[i], q[i].out_len);
			atomic_fetch_add(&shared.n_answers, 1);
			atomic_fetch_add(&shared.n_wrong, v == 0);
			atomic_fetch_add(&shared.n_back, v < last);
			n_versions += v != last;
			last = v;
		}
		if (n == 0)
			atomic_fetch_add(&shared.ready, 1);
		if (n % 5 == 4)
			grace_offline(w);
		else
			grace_quiescent(shared.hub, w);
		if (n % 64 == 0)
			sched_yield();
	}
	grace_offline(w);
	atomic_fetch_add(&shared.n_versions, n_versions);
	answer_destroy(c);
	return NULL;
}

static void
answers_are_of_one_version_while_it_changes(void **state)
{
	struct zone_publisher *p;
	struct arena_usage before, after;
	pthread_t t[WORKERS];
	struct hub *control;
	char hub_path[64];
	uint32_t n_damaged;

	snprintf(hub_path, sizeof hub_path, "/dev/shm/millrace-test-hub.%d", (int)getpid());
	arena_open(&shared.arena, ARENA_SIZE_MIN);
	assert_int_equal(hub_open(&control, hub_path, HUB_CONTROLPLANE), 0);
	assert_int_equal(hub_open(&shared.hub, hub_path, HUB_DATAPLANE), 0);
	assert_int_equal(zone_publisher_create(&p, &shared.arena, control, &n_damaged), 0);
	publish_version(p, 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(hub_worker_claim(shared.hub, i), 0);
		assert_int_equal(
			pthread_create(&t[i], NULL, worker_run, hub_own_worker(shared.hub, i)), 0);
	}
	while (atomic_load(&shared.ready) < WORKERS)
		sched_yield();
	arena_usage(&shared.arena, &before);
	for (unsigned v = 2; v <= VERSIONS; v++) {
		uint64_t n = atomic_load(&shared.n_answers);

		publish_version(p, v);
		while (zone_publisher_reclaim(p) > 8 || atomic_load(&shared.n_answers) == n)
			sched_yield();
	}
	while (zone_publisher_reclaim(p) > 0)
		sched_yield();
	arena_usage(&shared.arena, &after);
	atomic_store(&shared.stop, true);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(shared.n_wrong, 0);
	assert_int_equal(shared.n_back, 0);
	assert_true(shared.n_answers > VERSIONS);
	assert_true(shared.n_versions > VERSIONS / 10);
	assert_true(
		after.live_octets < before.live_octets + 4096); /* what was replaced came back */
	zone_publisher_destroy(p);
	hub_close(shared.hub);
	hub_close(control);
	arena_close(&shared.arena);
	hub_remove_files(hub_path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_are_of_one_version_while_it_changes,
			arena_path_setup, arena_path_teardown),
	};
	return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
