/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop that decides how much a worker hands on, run against workers that are simulated. */
#include "dataplane/ports/spread_balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define WORKERS_MAX 64u
#define STEPS 100u    /* ten seconds */
#define HAND_OVER 0.1 /* what handing on costs, of what answering does */

struct sim {
	unsigned n;
	double load[WORKERS_MAX]; /* what comes to each worker's queues, in workers' full time */
	double busy[WORKERS_MAX], lost;
	struct spread_share share[WORKERS_MAX];
};

/* A tenth of a second with the shares as they are. */
static void
step(struct sim *s)
{
	double work[WORKERS_MAX] = {0};

	s->lost = 0;
	for (unsigned i = 0; i < s->n; i++) {
		double given = s->load[i] * s->share[i].give / SPREAD_WHOLE;
		unsigned n_takers = (unsigned)__builtin_popcountll(s->share[i].takers);
		if (n_takers == 0)
			given = 0;
		work[i] += s->load[i] - given + given * HAND_OVER;
		for (unsigned k = 0; k < s->n; k++)
			if (s->share[i].takers >> k & 1)
				work[k] += given / n_takers;
	}
	for (unsigned i = 0; i < s->n; i++) {
		s->busy[i] = work[i] > 1 ? 1 : work[i];
		s->lost += work[i] - s->busy[i];
	}
	spread_decide(s->busy, s->n, s->share);
	for (unsigned i = 0; i < s->n; i++) {
		assert_true(s->share[i].give <= SPREAD_WHOLE);
		assert_int_equal(s->share[i].takers >> i & 1, 0);
		assert_true(s->n == 64 || s->share[i].takers >> s->n == 0);
	}
}

/* Busiest to mean, the worst of the last second. */
static double
settle(struct sim *s)
{
	double worst = 0;

	for (unsigned t = 0; t < STEPS; t++) {
		double most = 0, sum = 0;
		step(s);
		for (unsigned i = 0; i < s->n; i++) {
			sum += s->busy[i];
			most = s->busy[i] > most ? s->busy[i] : most;
		}
		if (t >= STEPS - 10 && sum > 0 && most / (sum / s->n) > worst)
			worst = most / (sum / s->n);
	}
	return worst;
}

static void
test_even_load_is_left_alone(void **state)
{
	struct sim s = {.n = 4, .load = {0.8, 0.85, 0.9, 0.8}};

	assert_true(settle(&s) < 1.1);
	for (unsigned i = 0; i < s.n; i++)
		assert_int_equal(s.share[i].give, 0);
}

static void
test_one_heavy_client_is_shared_by_all(void **state)
{
	struct sim two = {.n = 2, .load = {1.6, 0}}, four = {.n = 4, .load = {0.1, 2.5, 0.1, 0.1}};

	assert_true(settle(&two) <= 1.25);
	assert_true(two.lost < 0.001);
	assert_true(settle(&four) <= 1.25);
	assert_true(four.lost < 0.001);
}

static void
test_a_single_queue_feeds_many_workers(void **state)
{
	struct sim s = {.n = 8, .load = {3.5}};

	(void)settle(&s);
	/* four takers at most at a time: all that comes is answered */
	assert_true(s.lost < 0.01);
}

static void
test_who_has_little_to_do_keeps_it(void **state)
{
	struct sim s = {.n = 4, .load = {0.15, 0, 0, 0}};

	(void)settle(&s);
	assert_int_equal(s.share[0].give, 0);
}

static void
test_when_the_heavy_client_goes_nothing_is_handed_on_any_more(void **state)
{
	struct sim s = {.n = 4, .load = {2.5, 0, 0, 0}};

	(void)settle(&s);
	assert_true(s.share[0].give > 0);
	s.load[0] = 0.05;
	step(&s);
	assert_int_equal(s.share[0].give, 0);
	assert_true(s.share[0].takers == 0);
}

static void
test_all_at_their_limit_do_not_shift_work_about(void **state)
{
	struct sim s = {.n = 4, .load = {2, 2, 2, 2}};

	(void)settle(&s);
	for (unsigned i = 0; i < s.n; i++)
		assert_int_equal(s.share[i].give, 0);
}

static void
test_many_workers_and_moving_load(void **state)
{
	struct sim s = {.n = 64};
	unsigned seed = 1;

	for (unsigned t = 0; t < 2000; t++) {
		seed = seed * 1103515245u + 12345u;
		s.load[seed >> 16 & 63] = (double)(seed >> 8 & 255) / 64.0;
		step(&s); /* what it asserts holds whatever comes */
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_even_load_is_left_alone),
		cmocka_unit_test(test_one_heavy_client_is_shared_by_all),
		cmocka_unit_test(test_a_single_queue_feeds_many_workers),
		cmocka_unit_test(test_who_has_little_to_do_keeps_it),
		cmocka_unit_test(test_when_the_heavy_client_goes_nothing_is_handed_on_any_more),
		cmocka_unit_test(test_all_at_their_limit_do_not_shift_work_about),
		cmocka_unit_test(test_many_workers_and_moving_load),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
