/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bursts through access list, engine and rate limit, as a worker sends them. */
#include "controlplane/policy/acl_compile.h"
#include "dataplane/policy/limiter.h"
#include "dataplane/policy/policy.h"
#include "tests/support/zone_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define NOW_S 1700000000u
#define SECOND ((uint64_t)LIMITER_TICKS_A_SECOND)
#define ROOM 2048u
#define TC 2u

static const char zone[] = "$TTL 60\n@ SOA ns h 1 1 1 1 30\n@ NS ns\nns A 192.0.2.8\n";
static const uint64_t seed[2] = {1, 2};

static struct zone_set set;
static struct counters counters;
static struct answer_context *engine;
static struct policy_context *policy;
static struct policy_rate_limit limit;
static uint64_t ticks;
static uint8_t buffer[ANSWER_BURST][ROOM];
static struct answer_query query[ANSWER_BURST];

static int
setup(void **state)
{
	struct settings s = {.magic = SETTINGS_MAGIC,
		.udp_payload_max = 1232,
		.tcp_keepalive_ds = 100,
		.cookies = 1};

	zone_set_open(&set, 16u << 20);
	assert_int_equal(zone_set_add(&set, "x.test.", zone), 0);
	assert_int_equal(settings_publish(set.publisher, &s), 0);
	memset(&counters, 0, sizeof counters);
	engine = answer_create(&set.arena, &counters);
	policy = policy_create(1, seed, &counters);
	limit = (struct policy_rate_limit){.rate = {10, 10, 10},
		.window_ms = 1000,
		.enabled = 1,
		.slip = 0,
		.v4_bits = 24,
		.v6_bits = 56};
	ticks = 7 * SECOND;
	return engine == NULL || policy == NULL;
}

static int
teardown(void **state)
{
	answer_destroy(engine);
	policy_destroy(policy);
	zone_set_close(&set);
	return 0;
}

/* Publish the limit, and rules as pairs of prefix and action. */
static void
publish(const char *const *prefix, const enum policy_action *action, unsigned n)
{
	struct acl_rules r = {0};
	struct config_prefix p;
	struct policy *block;

	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(config_parse_prefix(prefix[i], &p), 0);
		assert_int_equal(acl_rules_add(&r, &p, action[i], false), 0);
	}
	assert_int_equal(acl_rules_sort(&r, &p), 0);
	assert_int_equal(acl_compile(&block, &r, POLICY_ALLOW, &limit), 0);
	assert_int_equal(policy_publish(set.publisher, block), 0);
	free(block);
	acl_rules_free(&r);
}

/* Query i of the burst: first.x.test. A, with a COOKIE option when cookie_len is not 0. */
static void
put_query(unsigned i, const char *client, enum answer_transport transport, const char *first,
	const uint8_t *cookie, unsigned cookie_len)
{
	static const uint8_t rest[] = "\1x\4test\0\0\1\0\1";
	struct config_prefix address;
	uint8_t *p = buffer[i];
	unsigned label = (unsigned)strlen(first);

	memset(p, 0, 12);
	p[0] = (uint8_t)i;
	p[5] = 1;
	p += 12;
	*p++ = (uint8_t)label;
	memcpy(p, first, label);
	memcpy(p + label, rest, sizeof rest - 1);
	p += label + sizeof rest - 1;
	if (cookie_len != 0) {
		const uint8_t opt[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, (uint8_t)(cookie_len + 4),
			0, 10, 0, (uint8_t)cookie_len};
		memcpy(p, opt, sizeof opt);
		memcpy(p + sizeof opt, cookie, cookie_len);
		p += sizeof opt + cookie_len;
		buffer[i][11] = 1;
	}
	assert_int_equal(config_parse_prefix(client, &address), 0);
	query[i] = (struct answer_query){.dns = buffer[i],
		.len = (uint32_t)(p - buffer[i]),
		.room = ROOM,
		.transport = (uint8_t)transport};
	memcpy(query[i].client, address.address, 16);
}

static void
run(unsigned n)
{
	policy_answer(policy, engine, query, n, NOW_S, ticks);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(query[i].verdict, ANSWER_NORMAL);
}

/* One query; its response's octets. */
static uint32_t
ask(const char *client, enum answer_transport transport, const char *first)
{
	put_query(0, client, transport, first, NULL, 0);
	run(1);
	return query[0].out_len;
}

static void
actions_are_taken_in_the_middle_of_a_burst(void **state)
{
	static const char *const prefix[] = {
		"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "2001:db8::/32"};
	static const enum policy_action action[] = {
		POLICY_DENY, POLICY_REFUSE, POLICY_TCP_ONLY, POLICY_DENY};

	limit.enabled = 0;
	publish(prefix, action, 4);
	for (unsigned i = 0; i < ANSWER_BURST; i += 8) {
		put_query(i, "10.0.0.1", ANSWER_UDP4, "ns", NULL, 0);
		put_query(i + 1, "10.1.0.1", ANSWER_UDP4, "ns", NULL, 0);
		put_query(i + 2, "10.2.0.1", ANSWER_UDP4, "ns", NULL, 0);
		put_query(i + 3, "10.3.0.1", ANSWER_UDP4, "ns", NULL, 0);
		put_query(i + 4, "10.3.0.1", ANSWER_TCP4, "ns", NULL, 0);
		put_query(i + 5, "2001:db8::1", ANSWER_UDP6, "ns", NULL, 0);
		put_query(i + 6, "2001:db9::1", ANSWER_UDP6, "ns", NULL, 0);
		put_query(i + 7, "10.1.0.1", ANSWER_TCP4, "ns", NULL, 0);
	}
	run(ANSWER_BURST);
	for (unsigned i = 0; i < ANSWER_BURST; i++) {
		const uint8_t *r = buffer[i];
		switch (i % 8) {
		case 1: /* deny, over TCP as well */
		case 5:
		case 7:
			assert_int_equal(query[i].out_len, 0);
			continue;
		case 2:
			assert_int_equal(r[3] & 15, 5);
			assert_int_equal(r[7], 0);
			break;
		case 3:
			assert_int_equal(r[3] & 15, 0);
			assert_true(r[2] & TC);
			assert_int_equal(r[7], 0);
			assert_int_equal(query[i].out_len, query[i].len);
			break;
		default:
			assert_int_equal(r[7], 1);
			assert_false(r[2] & TC);
			break;
		}
		assert_true(r[2] & 0x80);
		assert_int_equal(r[0], i);
		assert_int_not_equal(query[i].out_len, 0);
	}
	assert_int_equal(counter_get(&counters, CTR_ACL_DENY), 12);
	assert_int_equal(counter_get(&counters, CTR_D_ACL), 12);
	assert_int_equal(counter_get(&counters, CTR_ACL_REFUSE), 4);
	assert_int_equal(counter_get(&counters, CTR_ACL_TCP_ONLY), 4);
}

static void
refusals_say_why_and_bad_queries_stay_bad(void **state)
{
	static const char *const prefix[] = {"10.0.0.0/8"};
	static const enum policy_action action[] = {POLICY_REFUSE};
	static const uint8_t cookie[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	limit.enabled = 0;
	publish(prefix, action, 1);
	put_query(0, "10.0.0.1", ANSWER_UDP4, "ns", cookie, 8);
	run(1);
	assert_int_equal(buffer[0][3] & 15, 5);
	/* EDE 18, the last option of the OPT */
	assert_memory_equal(buffer[0] + query[0].out_len - 6, "\0\17\0\2\0\22", 6);
	put_query(0, "10.0.0.1", ANSWER_UDP4, "ns", NULL, 0);
	buffer[0][5] = 2; /* two questions */
	run(1);
	assert_int_equal(buffer[0][3] & 15, 1);
	put_query(0, "10.0.0.1", ANSWER_UDP4, "ns", NULL, 0);
	buffer[0][2] = 0x80; /* a response */
	run(1);
	assert_int_equal(query[0].out_len, 0);
}

static void
a_prefix_gets_its_rate_and_no_more(void **state)
{
	publish(NULL, NULL, 0);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(
			ask(i % 2 == 0 ? "10.0.0.1" : "10.0.0.200", ANSWER_UDP4, "ns") != 0,
			i < 10);
	assert_int_not_equal(ask("10.0.1.1", ANSWER_UDP4, "ns"), 0); /* another /24 */
	/* counted apart: NXDOMAIN, and errors */
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(ask("10.0.0.1", ANSWER_UDP4, "nx") != 0, i < 10);
	ticks += SECOND / 2;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ask("10.0.0.1", ANSWER_UDP4, "ns") != 0, i < 5);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(ask(i % 2 == 0 ? "2001:db8:0:1::1" : "2001:db8:0:ff::9",
					 ANSWER_UDP6, "ns") != 0,
			i < 10);
	assert_int_not_equal(ask("2001:db8:0:100::1", ANSWER_UDP6, "ns"), 0);
	assert_int_equal(counter_get(&counters, CTR_RRL_DROP), 20 + 10 + 5 + 20);
	assert_int_equal(counter_get(&counters, CTR_D_RATE_LIMIT), 20 + 10 + 5 + 20);
}

static void
within_one_burst_too(void **state)
{
	publish(NULL, NULL, 0);
	for (unsigned i = 0; i < ANSWER_BURST; i++)
		put_query(i, "10.0.0.1", ANSWER_UDP4, "ns", NULL, 0);
	run(ANSWER_BURST);
	for (unsigned i = 0; i < ANSWER_BURST; i++)
		assert_int_equal(query[i].out_len != 0, i < 10);
}

static void
rates_of_0_do_not_limit(void **state)
{
	limit.rate[POLICY_NXDOMAIN] = 0;
	publish(NULL, NULL, 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_not_equal(ask("10.0.0.1", ANSWER_UDP4, "nx"), 0);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(ask("10.0.0.1", ANSWER_UDP4, "ns") != 0, i < 10);
}

static void
each_worker_gives_its_share(void **state)
{
	policy_destroy(policy);
	policy = policy_create(5, seed, &counters);
	publish(NULL, NULL, 0);
	for (unsigned i = 0; i < 30; i++)
		assert_int_equal(ask("10.0.0.1", ANSWER_UDP4, "ns") != 0, i < 2);
}

static void
slipped_responses_are_the_question_with_tc(void **state)
{
	static const uint8_t cookie[8] = {1, 2, 3, 4, 5, 6, 7, 8};
	uint8_t asked[ROOM];

	for (unsigned slip = 1; slip <= 3; slip++) {
		teardown(NULL);
		setup(NULL);
		limit.slip = (uint8_t)slip;
		publish(NULL, NULL, 0);
		for (unsigned i = 0; i < 40; i++) {
			put_query(0, "10.0.0.1", ANSWER_UDP4, "ns", cookie, 8);
			uint32_t question = query[0].len - 15 - 8;
			memcpy(asked, buffer[0], query[0].len);
			run(1);
			if (i < 10)
				continue;
			if ((i - 9) % slip != 0) {
				assert_int_equal(query[0].out_len, 0);
				continue;
			}
			/* header, question, OPT with a server cookie */
			assert_int_equal(query[0].out_len, question + 11 + 4 + 24);
			assert_memory_equal(buffer[0] + 12, asked + 12, question - 12);
			assert_int_equal(buffer[0][2] & TC, TC);
			assert_memory_equal(buffer[0] + 4, "\0\1\0\0\0\0\0\1", 8);
			assert_memory_equal(buffer[0] + question, "\0\0\51", 3);
			assert_memory_equal(buffer[0] + question + 15, cookie, 8);
		}
		assert_int_equal(counter_get(&counters, CTR_RRL_SLIP), 30 / slip);
		assert_int_equal(counter_get(&counters, CTR_TRUNCATED), 30 / slip);
	}
	/* without EDNS */
	teardown(NULL);
	setup(NULL);
	limit.slip = 1;
	publish(NULL, NULL, 0);
	for (unsigned i = 0; i < 11; i++)
		put_query(0, "10.0.0.1", ANSWER_UDP4, "ns", NULL, 0), run(1);
	assert_int_equal(query[0].out_len, query[0].len);
	assert_memory_equal(buffer[0] + 4, "\0\1\0\0\0\0\0\0", 8);
}

static void
a_valid_cookie_lifts_the_limit(void **state)
{
	uint8_t cookie[24] = {1, 2, 3, 4, 5, 6, 7, 8};

	publish(NULL, NULL, 0);
	put_query(0, "10.0.0.1", ANSWER_UDP4, "ns", cookie, 8);
	run(1);
	memcpy(cookie, buffer[0] + query[0].out_len - 24, 24);
	for (unsigned i = 0; i < 30; i++) {
		put_query(0, "10.0.0.1", ANSWER_UDP4, "ns", cookie, 24);
		run(1);
		assert_int_not_equal(query[0].out_len, 0);
	}
	assert_int_equal(counter_get(&counters, CTR_RRL_COOKIE), 30);
	/* made for another address, it is worth nothing */
	for (unsigned i = 0; i < 30; i++) {
		put_query(0, "10.0.9.1", ANSWER_UDP4, "ns", cookie, 24);
		run(1);
		assert_int_equal(query[0].out_len != 0, i < 10);
	}
	assert_int_equal(counter_get(&counters, CTR_RRL_COOKIE), 30);
}

static void
tcp_unlimited_and_loopback_are_spared(void **state)
{
	static const char *const prefix[] = {"10.0.0.128/25"};
	static const enum policy_action action[] = {POLICY_UNLIMITED};

	publish(prefix, action, 1);
	for (unsigned i = 0; i < 50; i++) {
		assert_int_not_equal(ask("10.0.0.1", ANSWER_TCP4, "ns"), 0);
		assert_int_not_equal(ask("10.0.0.200", ANSWER_UDP4, "ns"), 0);
		assert_int_not_equal(ask("127.1.2.3", ANSWER_UDP4, "ns"), 0);
		assert_int_not_equal(ask("::1", ANSWER_UDP6, "ns"), 0);
	}
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(ask("10.0.0.1", ANSWER_UDP4, "ns") != 0, i < 10);
	limit.limit_loopback = 1;
	publish(prefix, action, 1);
	unsigned n = 0;
	ticks += 10 * SECOND;
	for (unsigned i = 0; i < 20; i++)
		n += ask("127.1.2.3", ANSWER_UDP4, "ns") != 0;
	assert_int_equal(n, 10);
}

static void
a_new_policy_holds_from_the_next_burst_on(void **state)
{
	static const char *const prefix[] = {"10.0.0.0/8"};
	static const enum policy_action action[] = {POLICY_DENY};

	assert_int_not_equal(ask("10.0.0.1", ANSWER_UDP4, "ns"), 0); /* none published */
	publish(prefix, action, 1);
	assert_int_equal(ask("10.0.0.1", ANSWER_UDP4, "ns"), 0);
	publish(NULL, NULL, 0);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(ask("10.0.0.1", ANSWER_UDP4, "ns") != 0, i < 10);
	limit.rate[POLICY_ANSWERS] = 20;
	publish(NULL, NULL, 0);
	ticks += 10 * SECOND;
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(ask("10.0.0.1", ANSWER_UDP4, "ns") != 0, i < 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(actions_are_taken_in_the_middle_of_a_burst),
		TEST(refusals_say_why_and_bad_queries_stay_bad),
		TEST(a_prefix_gets_its_rate_and_no_more),
		TEST(within_one_burst_too),
		TEST(rates_of_0_do_not_limit),
		TEST(each_worker_gives_its_share),
		TEST(slipped_responses_are_the_question_with_tc),
		TEST(a_valid_cookie_lifts_the_limit),
		TEST(tcp_unlimited_and_loopback_are_spared),
		TEST(a_new_policy_holds_from_the_next_burst_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
