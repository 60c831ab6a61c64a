/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rate limiter's table, under a clock of the test's own. */
#include "dataplane/policy/limiter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define SECOND ((uint64_t)LIMITER_TICKS_A_SECOND)
#define RATE 100u
#define COST (SECOND / RATE)

static const uint64_t seed[2] = {0x0123456789abcdefull, 0xfedcba9876543210ull};
static uint64_t now;

static int
setup(void **state)
{
	*state = limiter_create(seed);
	now = 5 * SECOND;
	return *state == NULL;
}

static int
teardown(void **state)
{
	limiter_destroy(*state);
	return 0;
}

static bool
take(struct limiter *l, uint64_t prefix, uint64_t window)
{
	return limiter_take(l, limiter_hash(l, prefix, true), 0, now, COST, window);
}

/* How many of n in a row are let through. */
static unsigned
take_many(struct limiter *l, uint64_t prefix, unsigned n, uint64_t window)
{
	unsigned taken = 0;

	while (n-- > 0)
		taken += take(l, prefix, window);
	return taken;
}

static void
a_window_may_be_taken_at_once_and_then_the_rate(void **state)
{
	struct limiter *l = *state;

	assert_int_equal(take_many(l, 1, 1000, SECOND), RATE);
	now += SECOND / 2;
	assert_int_equal(take_many(l, 1, 1000, SECOND), RATE / 2);
	now += 100 * SECOND; /* no more than a window is saved up */
	assert_int_equal(take_many(l, 1, 1000, SECOND), RATE);
	/* evenly at the rate: never refused */
	now += 100 * SECOND;
	for (unsigned i = 0; i < 10 * RATE; i++, now += COST)
		assert_true(take(l, 1, COST));
	/* twice as fast: every second one */
	unsigned taken = 0;
	for (unsigned i = 0; i < 10 * RATE; i++, now += COST / 2)
		taken += take(l, 1, COST);
	assert_in_range(taken, 5 * RATE - 1, 5 * RATE + 1);
}

static void
prefixes_families_and_kinds_are_apart(void **state)
{
	struct limiter *l = *state;
	uint64_t hash = limiter_hash(l, 7, true);

	assert_int_equal(take_many(l, 7, 1000, SECOND), RATE);
	assert_int_equal(take_many(l, 8, 1000, SECOND), RATE);
	assert_int_not_equal(hash, limiter_hash(l, 7, false));
	for (unsigned kind = 1; kind < 3; kind++)
		for (unsigned i = 0; i <= RATE; i++)
			assert_int_equal(limiter_take(l, hash, kind, now, COST, SECOND), i < RATE);
	assert_false(take(l, 7, SECOND));
}

static void
the_clock_may_wrap(void **state)
{
	struct limiter *l = *state;

	now = LIMITER_TIME_MASK - COST * 10;
	for (unsigned i = 0; i < 50; i++, now += COST)
		assert_true(take(l, 3, COST * 2));
	assert_int_equal(take_many(l, 3, 1000, SECOND), RATE);
	/* what is left of long ago is no debt */
	now += 40 * 3600 * SECOND;
	assert_int_equal(take_many(l, 3, 1000, SECOND), RATE);
}

/* A million prefixes in a second, and one that asks at ten times its rate. */
static void
assert_an_offender_is_held(struct limiter *l)
{
	unsigned taken = 0, asked = 0;
	uint64_t x = 1;

	for (unsigned i = 0; i < 1000000; i++, now += SECOND / 1000000) {
		x = x * 6364136223846793005ull + 1442695040888963407ull;
		(void)take(l, x & ~0xffull, SECOND / 10);
		if (i % 1000 == 0) {
			asked++;
			taken += take(l, 0xabcdef00, SECOND / 10);
		}
	}
	assert_int_equal(asked, 10 * RATE);
	/* one window and a second's worth; a few more if it was forgotten while it was young */
	assert_in_range(taken, RATE, RATE + RATE / 10 + 10);
}

static void
made_up_prefixes_do_not_push_an_offender_out(void **state)
{
	assert_an_offender_is_held(*state);
}

/* The whole table was in use once, and then for a day or two nobody asked. */
static void
nor_do_those_of_days_ago(void **state)
{
	for (unsigned hours = 0; hours <= 90; hours += 15) {
		struct limiter *l = limiter_create(seed);
		assert_non_null(l);
		now = 5 * SECOND;
		for (uint64_t i = 0; i < 1000000; i++)
			(void)take(l, i * 0x9e3779b97f4a7c15ull & ~0xffull, SECOND);
		now += hours * 3600 * SECOND + SECOND;
		assert_an_offender_is_held(l);
		limiter_destroy(l);
	}
}

static void
a_full_bucket_gives_up_the_weakest(void **state)
{
	struct limiter *l = *state;
	uint64_t prefix[LIMITER_WAYS + 1];
	unsigned n = 0;

	for (uint64_t p = 0; n < LIMITER_WAYS + 1; p++)
		if (limiter_hash(l, p, true) % LIMITER_BUCKETS == 9)
			prefix[n++] = p;
	for (unsigned i = 0; i < LIMITER_WAYS; i++)
		assert_int_equal(take_many(l, prefix[i], 10 + i, SECOND), 10 + i);
	assert_true(take(l, prefix[LIMITER_WAYS], SECOND)); /* in the place of the first */
	for (unsigned i = 1; i < LIMITER_WAYS; i++)
		assert_int_equal(take_many(l, prefix[i], 1000, SECOND), RATE - 10 - i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_window_may_be_taken_at_once_and_then_the_rate, setup, teardown),
		cmocka_unit_test_setup_teardown(
			prefixes_families_and_kinds_are_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(the_clock_may_wrap, setup, teardown),
		cmocka_unit_test_setup_teardown(
			made_up_prefixes_do_not_push_an_offender_out, setup, teardown),
		cmocka_unit_test(nor_do_those_of_days_ago),
		cmocka_unit_test_setup_teardown(
			a_full_bucket_gives_up_the_weakest, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
