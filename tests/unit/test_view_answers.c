/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Views as the engine answers by them: variants published and adopted beside zones, and blocks that
 * are damaged. */
#include "controlplane/views/views_compile.h"
#include "controlplane/manager/zone_names.h"
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"
#include "controlplane/zones/zone_publish.h"
#include "dataplane/answer/answer.h"
#include "shm/image_verify.h"
#include "shm/zone_directory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static uint64_t random_state = 88172645463325252ull;

static uint64_t
random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void
key_of(uint8_t key[ZONE_WIRE_OCTETS], const char *text)
{
	if (zone_key_from_text(key, text) < 0)
		fail_msg("%s", text);
}

static char arena_path[64];
static struct arena arena;
static struct zone_publisher *publisher;
static struct counters counters;
static struct answer_context *engine;

static int
setup(void **state)
{
	uint32_t n_damaged;
	bool fresh;

	snprintf(arena_path, sizeof arena_path, "/tmp/test_views.%d", (int)getpid());
	unlink(arena_path);
	if (arena_open_writer(&arena, arena_path, 64u << 20, &fresh) != 0 ||
		zone_publisher_create(&publisher, &arena, NULL, &n_damaged) != 0)
		return -1;
	memset(&counters, 0, sizeof counters);
	engine = answer_create(&arena, &counters);
	return engine == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	answer_destroy(engine);
	zone_publisher_destroy(publisher);
	arena_close(&arena);
	unlink(arena_path);
	return 0;
}

/* A zone or a variant, with www A 192.0.2.LAST. @return its image */
static uint64_t
compile_zone(const char *name, unsigned last)
{
	struct zone_load_options o = {.seed = arena_header(&arena)->seed};
	struct zone_report report = {0};
	uint8_t key[ZONE_WIRE_OCTETS];
	struct zone_model model;
	const char *why = NULL;
	char text[256];
	uint64_t image;

	key_of(key, name);
	snprintf(text, sizeof text,
		"$TTL 60\n@ SOA a b 1 2 3 4 5\n@ NS a\na A 192.0.2.1\nwww A 192.0.2.%u\n", last);
	assert_int_equal(zone_load_text(&model, text, strlen(text), name, key, &o, &report), 0);
	assert_int_equal(zone_compile(&arena, &model, &image), 0);
	zone_model_destroy(&model);
	zone_report_destroy(&report);
	if (image_verify(&arena, image, &why) != 0)
		fail_msg("%s: %s", name, why);
	return image;
}

static void
publish(const char *name, unsigned last)
{
	assert_int_equal(zone_publish(publisher, compile_zone(name, last)), 0);
}

/* Networks 127.0.0.I/32, "vI" for i from 1. zones: "vI ZONE", ended by NULL */
static void
publish_views(unsigned n, const char *const *zone)
{
	struct views_builder *b = views_builder_create(arena_header(&arena)->seed);
	struct config_prefix p = {.address = {[10] = 0xff, [11] = 0xff, 127}, .bits = 128};
	struct views *v = NULL;
	char view[16];

	for (; *zone != NULL; zone++) {
		uint8_t key[ZONE_WIRE_OCTETS];
		char name[64];
		assert_int_equal(sscanf(*zone, "%15s %63s", view, name), 2);
		key_of(key, name);
		assert_int_equal(views_builder_zone(b, view, key), 0);
	}
	for (unsigned i = 1; i <= n; i++) {
		p.address[15] = (uint8_t)i;
		snprintf(view, sizeof view, "v%u", i);
		assert_int_equal(views_builder_network(b, &p, view), 0);
	}
	assert_int_equal(views_builder_finish(b, &v), 0);
	assert_int_equal(views_publish(publisher, v), 0);
	views_builder_destroy(b);
	free(v);
}

/* The last octet of the address of a name as 127.0.0.CLIENT sees it, or -RCODE. */
static int
ask(const char *name, unsigned client)
{
	uint8_t dns[ANSWER_ROOM_MIN] = {0, 1, 0, 0, 0, 1}, wire[ZONE_WIRE_OCTETS];
	int len = zone_wire_from_text(wire, name);
	struct answer_query q = {.dns = dns,
		.len = 12 + (uint32_t)len + 4,
		.room = sizeof dns,
		.client = {[10] = 0xff, [11] = 0xff, 127, 0, 0, (uint8_t)client}};

	assert_true(len > 0);
	memcpy(dns + 12, wire, (size_t)len);
	dns[12 + len + 1] = 1;
	dns[12 + len + 3] = 1;
	answer_burst(engine, &q, 1, 1);
	assert_true(q.out_len > 12);
	if ((dns[3] & 15) != 0)
		return -(dns[3] & 15);
	return dns[7] == 1 ? dns[12 + len + 4 + 15] : 0;
}

static void
the_engine_sees_what_the_client_sees(void **state)
{
	static const char *const zones[] = {"v1 a.test..one", "v2 a.test..two",
		"v2 sub.a.test..two", "v3 only.test..x", "v4 a.test..missing", "v1 b.test.", NULL};

	publish("a.test", 10);
	publish("a.test..one", 11);
	publish("a.test..two", 12);
	publish("b.test", 20);
	publish("sub.a.test..two", 32);
	publish("only.test..x", 40);
	assert_int_equal(zone_published_count(publisher), 6);
	/* nobody has a view: variants are nowhere */
	for (unsigned client = 0; client < 6; client++) {
		assert_int_equal(ask("www.a.test", client), 10);
		assert_int_equal(ask("www.sub.a.test", client), -3);
		assert_int_equal(ask("www.only.test", client), -5);
	}
	publish_views(5, zones);
	static const int want[6][4] = {/* a, sub.a, b, only */
		{10, -3, 20, -5}, {11, -3, 20, -5}, {12, 32, 20, -5}, {10, -3, 20, 40},
		{-5, -5, 20, -5}, {10, -3, 20, -5}};
	for (unsigned client = 0; client < 6; client++) {
		assert_int_equal(ask("www.a.test", client), want[client][0]);
		assert_int_equal(ask("www.sub.a.test", client), want[client][1]);
		assert_int_equal(ask("www.b.test", client), want[client][2]);
		assert_int_equal(ask("www.only.test", client), want[client][3]);
	}
	/* a new version, and none any more */
	publish("a.test..one", 111);
	assert_int_equal(ask("www.a.test", 1), 111);
	assert_int_equal(ask("www.a.test", 0), 10);
	uint8_t key[ZONE_WIRE_OCTETS];
	key_of(key, "a.test");
	assert_int_equal(zone_withdraw(publisher, key), 0);
	assert_int_equal(ask("www.a.test", 0), -5);
	assert_int_equal(ask("www.a.test", 1), 111);
	key_of(key, "a.test..one");
	assert_int_equal(zone_withdraw(publisher, key), 0);
	assert_int_equal(zone_withdraw(publisher, key), -ENOENT);
	assert_int_equal(ask("www.a.test", 1), -5);
	assert_int_equal(ask("www.a.test", 2), 12);
	assert_int_equal(views_publish(publisher, NULL), 0);
	assert_int_equal(ask("www.a.test", 2), -5);
	assert_int_equal(counter_get(&counters, CTR_IMAGE_DAMAGED), 0);
}

static void
many_are_published_at_once_or_none(void **state)
{
	static const char *const zones[] = {"v1 a.test..x", "v2 a.test..y", NULL};
	uint64_t image[4] = {compile_zone("a.test", 1), compile_zone("a.test..x", 2),
		compile_zone("a.test..y", 3), compile_zone("b.test", 4)};

	assert_int_equal(zone_publish_many(publisher, image, 4), 0);
	publish_views(2, zones);
	assert_int_equal(ask("www.a.test", 0), 1);
	assert_int_equal(ask("www.a.test", 1), 2);
	assert_int_equal(ask("www.a.test", 2), 3);
	/* two of the same key: nothing of it, neither of zones nor of variants */
	image[0] = compile_zone("a.test", 11);
	image[1] = compile_zone("a.test..x", 12);
	image[2] = compile_zone("a.test..x", 13);
	assert_int_equal(zone_publish_many(publisher, image, 3), -EINVAL);
	assert_int_equal(ask("www.a.test", 0), 1);
	assert_int_equal(ask("www.a.test", 1), 2);
	assert_int_equal(zone_published_count(publisher), 4);
}

static void
a_new_publisher_takes_over_variants_and_views(void **state)
{
	static const char *const zones[] = {"v1 a.test..x", "v2 b.test..y", NULL};
	uint32_t n_damaged = 1;
	bool fresh = true;

	publish("a.test", 1);
	publish("a.test..x", 2);
	publish("b.test..y", 3);
	publish_views(2, zones);
	/* enough of them that the directory grew, more than once */
	for (unsigned i = 0; i < 300; i++) {
		char name[32];
		snprintf(name, sizeof name, "c.test..n%u", i);
		publish(name, i % 250);
	}
	zone_publisher_destroy(publisher);
	arena_close(&arena);
	assert_int_equal(arena_open_writer(&arena, arena_path, 64u << 20, &fresh), 0);
	assert_false(fresh);
	assert_int_equal(zone_publisher_create(&publisher, &arena, NULL, &n_damaged), 0);
	assert_int_equal(n_damaged, 0);
	assert_int_equal(zone_published_count(publisher), 303);
	/* what is written now lies on nothing that is read */
	for (unsigned i = 0; i < 300; i++) {
		char name[32];
		snprintf(name, sizeof name, "d.test..n%u", i);
		publish(name, i % 250);
	}
	assert_int_equal(ask("www.a.test", 0), 1);
	assert_int_equal(ask("www.a.test", 1), 2);
	assert_int_equal(ask("www.b.test", 2), 3);
	assert_int_equal(ask("www.b.test", 1), -5);
	for (unsigned i = 0; i < 300; i++) {
		uint8_t key[ZONE_WIRE_OCTETS];
		char name[32];
		snprintf(name, sizeof name, "c.test..n%u", i);
		key_of(key, name);
		assert_int_not_equal(zone_published(publisher, key), 0);
	}
	publish_views(1, zones);
	assert_int_equal(ask("www.b.test", 2), -5);
	assert_int_equal(ask("www.a.test", 1), 2);
}

/* Whatever lies in the block, a reader stays inside it and ends (a sanitizer build says so). */
static void
damaged_blocks_do_no_harm(void **state)
{
	static const char *const zones[] = {
		"v1 a.test..x", "v7 b.c.test..y", "v9 only.test..x", NULL};

	publish("a.test", 1);
	publish("a.test..x", 2);
	publish("b.c.test..y", 3);
	for (unsigned round = 0; round < 2000; round++) {
		publish_views(9, zones);
		uint64_t off = atomic_load(&arena_header(&arena)->views);
		uint8_t *block = arena_writable(&arena, off);
		/* most of it is the index of networks: half of the hits go to what is in front */
		uint64_t octets = ((const struct views *)block)->octets;
		uint64_t kept = octets;
		uint64_t front = ((const struct views *)block)->sources_at + sizeof(struct policy);
		for (unsigned i = 0; i < 1 + round % 16; i++)
			block[random64() % (i % 2 == 0 ? front : octets)] ^=
				(uint8_t)(1u << random64() % 8);
		for (unsigned client = 0; client < 10; client++) {
			(void)ask("www.a.test", client);
			(void)ask("www.b.c.test", client);
			(void)ask("www.only.test", client);
		}
		((struct views *)block)->octets = kept; /* the writer believes its own block */
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_engine_sees_what_the_client_sees, setup, teardown),
		cmocka_unit_test_setup_teardown(
			many_are_published_at_once_or_none, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_new_publisher_takes_over_variants_and_views, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_blocks_do_no_harm, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
