/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Access lists: what people write, compiled, published and looked up as workers do, against a naive
 * reference. */
#include "controlplane/policy/acl_compile.h"
#include "controlplane/policy/policy_control.h"
#include "tests/support/zone_set.h"

#include <arpa/inet.h>
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

static const struct policy_rate_limit no_limit = {.v4_bits = 24, .v6_bits = 56};

static uint64_t rng = 1;

static uint64_t
random64(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng * 0x2545f4914f6cdd1dull;
}

static void
add(struct acl_rules *r, const char *text, enum policy_action action)
{
	struct config_prefix p;

	assert_int_equal(config_parse_prefix(text, &p), 0);
	assert_int_equal(acl_rules_add(r, &p, action, false), 0);
}

static void
sort(struct acl_rules *r)
{
	struct config_prefix twice;
	assert_int_equal(acl_rules_sort(r, &twice), 0);
}

static void
publish(struct zone_set *s, const struct acl_rules *r, enum policy_action default_action)
{
	struct policy *block = NULL;

	assert_int_equal(acl_compile(&block, r, default_action, &no_limit), 0);
	assert_int_equal(policy_publish(s->publisher, block), 0);
	free(block);
}

/* As a worker does. */
static enum policy_action
look_up(const struct zone_set *s, const uint8_t address[16])
{
	const struct policy *p = policy_current(&s->arena);
	struct policy_key key = policy_key_of(address);

	assert_non_null(p);
	if (!p->acl)
		return (enum policy_action)p->default_action;
	struct policy_span span = policy_span_of(p, &key);
	return policy_action_of(p, &key, &span);
}

static enum policy_action
look_up_text(const struct zone_set *s, const char *text)
{
	struct config_prefix p;
	assert_int_equal(config_parse_prefix(text, &p), 0);
	return look_up(s, p.address);
}

static bool
is_mapped(const uint8_t *a)
{
	return memcmp(a, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
}

/* Every rule looked at, bit by bit. */
static enum policy_action
naive(const struct acl_rules *r, const uint8_t address[16], enum policy_action default_action)
{
	enum policy_action action = default_action;
	int best = -1;

	for (size_t i = 0; i < r->n; i++) {
		const struct acl_rule *rule = &r->rule[i];
		bool inside = !is_mapped(address) || rule->bits >= 96;
		for (unsigned bit = 0; bit < rule->bits && inside; bit++)
			inside = ((rule->address[bit / 8] ^ address[bit / 8]) &
					 (0x80 >> bit % 8)) == 0;
		if (inside && (int)rule->bits > best) {
			best = rule->bits;
			action = (enum policy_action)rule->action;
		}
	}
	return action;
}

static void
mask(uint8_t address[16], unsigned bits)
{
	for (unsigned bit = bits; bit < 128; bit++)
		address[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

/* Random, but so that prefixes fall into one another. */
static void
random_address(uint8_t out[16], bool v4, bool crowded)
{
	uint64_t high = random64(), low = random64();

	if (crowded) {
		high = 0x20010db800000000ull | (random64() & 0x0000000100010003ull);
		low = random64() & 0x8000000000000103ull;
	}
	for (unsigned i = 0; i < 8; i++) {
		out[i] = (uint8_t)(high >> (56 - 8 * i));
		out[8 + i] = (uint8_t)(low >> (56 - 8 * i));
	}
	if (v4) {
		memcpy(out, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
		if (crowded)
			out[12] = 10;
	}
}

static void
random_rules(struct acl_rules *r, unsigned n, bool crowded)
{
	while (n-- > 0) {
		struct config_prefix p;
		bool v4 = random64() % 2 == 0;
		random_address(p.address, v4, crowded);
		p.bits = (uint8_t)(v4 ? 96 + random64() % 33 : random64() % 129);
		/* an IPv6 prefix that is ::ffff:0:0/96 or longer is IPv4 */
		if (!v4 && crowded && random64() % 4 == 0)
			p.bits = (uint8_t)(60 + random64() % 69);
		mask(p.address, p.bits);
		if (acl_rules_find(r, &p) != NULL)
			continue;
		assert_int_equal(acl_rules_add(r, &p,
					 (enum policy_action)(random64() % POLICY_ACTIONS), false),
			0);
		sort(r);
	}
}

/* The addresses where something may begin or end, of a rule. */
static unsigned
edges(const struct acl_rule *rule, uint8_t out[4][16])
{
	unsigned __int128 first = 0, host;

	for (unsigned i = 0; i < 16; i++)
		first = first << 8 | rule->address[i];
	host = rule->bits == 0 ? ~(unsigned __int128)0
			       : ((unsigned __int128)1 << (128 - rule->bits)) - 1;
	const unsigned __int128 at[4] = {first, first - 1, first | host, (first | host) + 1};
	for (unsigned e = 0; e < 4; e++)
		for (unsigned i = 0; i < 16; i++)
			out[e][i] = (uint8_t)(at[e] >> (120 - 8 * i));
	return 4;
}

static void
compare(const struct zone_set *s, const struct acl_rules *r, enum policy_action default_action,
	const uint8_t address[16])
{
	char text[INET6_ADDRSTRLEN];
	enum policy_action want = naive(r, address, default_action), got = look_up(s, address);
	const struct acl_rule *match = acl_rules_match(r, address);

	inet_ntop(AF_INET6, address, text, sizeof text);
	if (got != want)
		fail_msg("%s: %u, not %u", text, got, want);
	if ((match != NULL ? match->action : default_action) != want)
		fail_msg("%s: the control plane says otherwise", text);
}

static void
look_ups_agree_with_a_naive_reference(void **state)
{
	for (unsigned round = 0; round < 120; round++) {
		struct acl_rules r = {0};
		struct zone_set s;
		enum policy_action default_action = (enum policy_action)(round % POLICY_ACTIONS);
		bool crowded = round % 2 == 0;

		rng = round + 1;
		zone_set_open(&s, 16u << 20);
		random_rules(&r, round % 7 == 0 ? round / 7 : 60, crowded);
		publish(&s, &r, default_action);
		for (size_t i = 0; i < r.n; i++) {
			uint8_t edge[4][16];
			for (unsigned e = edges(&r.rule[i], edge); e-- > 0;)
				compare(&s, &r, default_action, edge[e]);
		}
		for (unsigned i = 0; i < 500; i++) {
			uint8_t address[16];
			random_address(address, i % 2 == 0, i % 3 != 0);
			compare(&s, &r, default_action, address);
		}
		acl_rules_free(&r);
		zone_set_close(&s);
	}
}

static void
the_longest_prefix_wins(void **state)
{
	static const struct {
		const char *address;
		enum policy_action action;
	} row[] = {
		{"0.0.0.0", POLICY_REFUSE},
		{"255.255.255.255", POLICY_TCP_ONLY},
		{"255.255.255.254", POLICY_REFUSE},
		{"10.0.0.1", POLICY_DENY},
		{"10.1.2.3", POLICY_ALLOW},
		{"10.1.2.4", POLICY_UNLIMITED},
		{"10.255.255.254", POLICY_DENY},
		{"10.255.255.255", POLICY_UNLIMITED},
		{"11.0.0.0", POLICY_REFUSE},
		{"::", POLICY_DENY},
		{"2001:db8::1", POLICY_ALLOW},
		{"2001:db8::2", POLICY_TCP_ONLY},
		{"2001:db8:0:1::", POLICY_TCP_ONLY},
		{"2001:db8:ffff:ffff:ffff:ffff:ffff:fffe", POLICY_TCP_ONLY},
		{"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", POLICY_UNLIMITED},
		{"2001:db9::", POLICY_DENY},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", POLICY_ALLOW},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", POLICY_DENY},
	};
	struct acl_rules r = {0};
	struct zone_set s;

	zone_set_open(&s, 16u << 20);
	add(&r, "::/0", POLICY_DENY);
	add(&r, "0.0.0.0/0", POLICY_REFUSE);
	add(&r, "10.0.0.0/8", POLICY_DENY);
	add(&r, "10.1.0.0/16", POLICY_UNLIMITED);
	add(&r, "10.1.2.3", POLICY_ALLOW);
	add(&r, "10.255.255.255", POLICY_UNLIMITED);
	add(&r, "255.255.255.255/32", POLICY_TCP_ONLY);
	add(&r, "2001:db8::/32", POLICY_TCP_ONLY);
	add(&r, "2001:db8::1/128", POLICY_ALLOW);
	add(&r, "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", POLICY_UNLIMITED);
	add(&r, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", POLICY_ALLOW);
	sort(&r);
	publish(&s, &r, POLICY_ALLOW);
	for (unsigned i = 0; i < sizeof row / sizeof *row; i++)
		if (look_up_text(&s, row[i].address) != row[i].action)
			fail_msg("%s: not %u", row[i].address, row[i].action);
	acl_rules_free(&r);
	zone_set_close(&s);
}

static void
repetitions_are_dropped_and_contradictions_refused(void **state)
{
	struct acl_rules r = {0};
	struct config_prefix twice;

	add(&r, "192.0.2.0/24", POLICY_DENY);
	add(&r, "::ffff:192.0.2.0/120", POLICY_DENY); /* the same */
	add(&r, "192.0.2.0/25", POLICY_ALLOW);
	sort(&r);
	assert_int_equal(r.n, 2);
	add(&r, "192.0.2.0/25", POLICY_REFUSE);
	assert_int_equal(acl_rules_sort(&r, &twice), -EEXIST);
	assert_int_equal(twice.bits, 96 + 25);
	acl_rules_free(&r);
}

static void
a_hundred_thousand_prefixes_take_little(void **state)
{
	const unsigned n = 100000;
	struct acl_rules r = {0};
	struct policy *block = NULL;
	struct zone_set s;

	rng = 77;
	zone_set_open(&s, 64u << 20);
	/* the worst for a trie: single addresses all over, each in a /64 of its own */
	for (unsigned i = 0; i < n; i++) {
		struct config_prefix p = {.bits = 128};
		random_address(p.address, i % 2 == 0, false);
		assert_int_equal(
			acl_rules_add(&r, &p, i % 3 == 0 ? POLICY_DENY : POLICY_TCP_ONLY, false),
			0);
	}
	sort(&r);
	assert_int_equal(acl_compile(&block, &r, POLICY_ALLOW, &no_limit), 0);
	assert_true(block->octets < 8u << 20);
	assert_int_equal(policy_publish(s.publisher, block), 0);
	free(block);
	for (size_t i = 0; i < r.n; i++) {
		uint8_t edge[4][16];
		edges(&r.rule[i], edge);
		assert_int_equal(look_up(&s, edge[0]), r.rule[i].action);
		for (unsigned e = 1; e < 4; e += 2) {
			const struct acl_rule *match = acl_rules_match(&r, edge[e]);
			assert_int_equal(
				look_up(&s, edge[e]), match != NULL ? match->action : POLICY_ALLOW);
		}
	}
	acl_rules_free(&r);
	zone_set_close(&s);
}

static void
files_have_a_prefix_a_line(void **state)
{
	static const char text[] = "# a comment\n\n192.0.2.0/24 ; another\r\n\t2001:db8::/32\n"
				   "198.51.100.7# and one more\n;203.0.113.0/24\n203.0.113.1";
	struct acl_rules r = {0};
	char error[ACL_ERROR_OCTETS];

	assert_int_equal(acl_rules_parse(&r, text, sizeof text - 1, "f", POLICY_DENY, error), 0);
	assert_int_equal(r.n, 4);
	assert_int_equal(r.rule[0].bits, 96 + 24);
	assert_int_equal(r.rule[1].bits, 32);
	assert_int_equal(r.rule[2].bits, 128);
	assert_int_equal(r.rule[3].bits, 128);
	acl_rules_free(&r);
}

static void
a_bad_line_is_named(void **state)
{
	static const char *const bad[] = {"192.0.2.1/24", "192.0.2.0/33", "192.0.2",
		"2001:db8::/129", "192.0.2.0/24 deny", "192.0.2.0/", "/24", "x", "192.0.2.0/ 24",
		"192.0.2.0 /24",
		"0000000000000000000000000000000000000000000000000000000000000000000000000000000"};
	char error[ACL_ERROR_OCTETS], text[256], want[256];

	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct acl_rules r = {0};
		int len = snprintf(
			text, sizeof text, "# one\n10.0.0.0/8\n%s # oops\n11.0.0.0/8\n", bad[i]);
		assert_int_equal(
			acl_rules_parse(&r, text, (size_t)len, "some/file", POLICY_DENY, error),
			-EINVAL);
		snprintf(want, sizeof want, "some/file:3: '%.30s", bad[i]);
		if (strncmp(error, want, strlen(want)) != 0)
			fail_msg("'%s' does not begin with '%s'", error, want);
		acl_rules_free(&r);
	}
	struct acl_rules r = {0};
	assert_int_equal(
		acl_rules_parse(&r, "1.2.3.4\0001\n", 10, "f", POLICY_DENY, error), -EINVAL);
	/* the end of a file that a crash or a full disk left behind */
	assert_int_equal(
		acl_rules_parse(&r, "1.2.3.4\n\0\0\0\0", 12, "f", POLICY_DENY, error), -EINVAL);
	assert_int_equal(acl_rules_parse(&r, "1.2.3.4\0\n", 9, "f", POLICY_DENY, error), -EINVAL);
	acl_rules_free(&r);
	assert_int_equal(acl_rules_read(&r, "/nonexistent", POLICY_DENY, error), -ENOENT);
	assert_string_equal(error, "/nonexistent: No such file or directory");
	assert_int_equal(acl_rules_read(&r, "/", POLICY_DENY, error), -EISDIR);
}

static void
policies_replace_one_another_and_damaged_ones_are_dropped(void **state)
{
	struct acl_rules r = {0};
	struct zone_set s;
	struct arena_usage before, after;
	uint32_t n_damaged;

	zone_set_open(&s, 16u << 20);
	add(&r, "192.0.2.0/24", POLICY_DENY);
	sort(&r);
	publish(&s, &r, POLICY_ALLOW);
	publish(&s, &r, POLICY_ALLOW);
	arena_usage(&s.arena, &before);
	publish(&s, &r, POLICY_ALLOW);
	arena_usage(&s.arena, &after); /* the one before was freed */
	assert_int_equal(before.live_octets, after.live_octets);
	/* one that cannot be true is dropped */
	uint64_t off = atomic_load(&arena_header(&s.arena)->policy);
	zone_publisher_destroy(s.publisher);
	((struct policy *)arena_writable(&s.arena, off))->octets = UINT64_MAX;
	assert_null(policy_current(&s.arena));
	assert_int_equal(zone_publisher_create(&s.publisher, &s.arena, NULL, &n_damaged), 0);
	assert_int_equal(n_damaged, 1);
	assert_int_equal(atomic_load(&arena_header(&s.arena)->policy), 0);
	acl_rules_free(&r);
	zone_set_close(&s);
}

static void
changes_are_made_whole_or_not_at_all(void **state)
{
	static const char config_text[] =
		"acl: {default: refuse, rules: [{action: allow, prefixes: [192.0.2.0/24]}]}\n"
		"rrl: {rate: 7, slip: 3}\n";
	static const char bad_text[] =
		"acl: {rules: [{action: deny, file: /nonexistent/list}]}\nrrl: {rate: 8}\n";
	char error[ACL_ERROR_OCTETS], *config_error = NULL;
	struct config *c = config_load_text(config_text, strlen(config_text), "c", &config_error);
	struct config *bad = config_load_text(bad_text, strlen(bad_text), "c", &config_error);
	struct config_prefix p;
	struct policy_control *control;
	struct policy_rate_limit limit;
	struct zone_set s;

	assert_non_null(c);
	assert_non_null(bad);
	zone_set_open(&s, 16u << 20);
	assert_int_equal(policy_control_create(&control, c, s.publisher, NULL, NULL, error), 0);
	assert_int_equal(look_up_text(&s, "192.0.2.9"), POLICY_ALLOW);
	assert_int_equal(look_up_text(&s, "192.0.3.9"), POLICY_REFUSE);
	struct policy_plan *plan = NULL;
	assert_int_equal(policy_plan_create(&plan, bad, error), -ENOENT);
	assert_string_equal(error, "/nonexistent/list: No such file or directory");
	policy_control_limit(control, &limit);
	assert_int_equal(limit.rate[POLICY_ANSWERS], 7);
	assert_int_equal(limit.slip, 3);
	assert_int_equal(look_up_text(&s, "192.0.3.9"), POLICY_REFUSE);
	/* at run time */
	assert_int_equal(config_parse_prefix("192.0.3.0/24", &p), 0);
	assert_int_equal(policy_control_remove(control, &p), -ENOENT);
	assert_int_equal(policy_control_set(control, &p, POLICY_DENY), 0);
	assert_int_equal(look_up_text(&s, "192.0.3.9"), POLICY_DENY);
	assert_int_equal(policy_control_set(control, &p, POLICY_TCP_ONLY), 0);
	assert_int_equal(look_up_text(&s, "192.0.3.9"), POLICY_TCP_ONLY);
	assert_int_equal(policy_control_remove(control, &p), 0);
	assert_int_equal(look_up_text(&s, "192.0.3.9"), POLICY_REFUSE);
	assert_int_equal(policy_control_set_default(control, POLICY_ALLOW), 0);
	assert_int_equal(look_up_text(&s, "192.0.3.9"), POLICY_ALLOW);
	limit.rate[POLICY_ANSWERS] = 9;
	assert_int_equal(policy_control_set_limit(control, &limit), 0);
	assert_int_equal(policy_current(&s.arena)->limit.rate[POLICY_ANSWERS], 9);
	/* the access list alone: limits stay */
	assert_int_equal(policy_control_apply_acl(control, c, error), 0);
	assert_int_equal(look_up_text(&s, "192.0.3.9"), POLICY_REFUSE);
	assert_int_equal(policy_current(&s.arena)->limit.rate[POLICY_ANSWERS], 9);
	/* all of it, and back */
	assert_int_equal(policy_control_set(control, &p, POLICY_DENY), 0);
	assert_int_equal(policy_plan_create(&plan, c, error), 0);
	assert_int_equal(look_up_text(&s, "192.0.3.9"), POLICY_DENY);
	assert_int_equal(policy_control_swap(control, plan), 0);
	assert_int_equal(policy_current(&s.arena)->limit.rate[POLICY_ANSWERS], 7);
	assert_int_equal(look_up_text(&s, "192.0.3.9"), POLICY_REFUSE);
	assert_int_equal(policy_control_swap(control, plan), 0);
	assert_int_equal(policy_current(&s.arena)->limit.rate[POLICY_ANSWERS], 9);
	assert_int_equal(look_up_text(&s, "192.0.3.9"), POLICY_DENY);
	policy_plan_free(plan);
	policy_control_destroy(control);
	zone_set_close(&s);
	config_free(c);
	config_free(bad);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(look_ups_agree_with_a_naive_reference),
		cmocka_unit_test(the_longest_prefix_wins),
		cmocka_unit_test(repetitions_are_dropped_and_contradictions_refused),
		cmocka_unit_test(a_hundred_thousand_prefixes_take_little),
		cmocka_unit_test(files_have_a_prefix_a_line),
		cmocka_unit_test(a_bad_line_is_named),
		cmocka_unit_test(policies_replace_one_another_and_damaged_ones_are_dropped),
		cmocka_unit_test(changes_are_made_whole_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
