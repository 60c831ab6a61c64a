/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of the load generator's bookkeeping: what it reports must be right before anything that was
 * measured with it can be. */
#include "tools/bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

volatile bool bench_interrupted;

#define SLOTS 4096u

static void
start(struct bench *b, unsigned flow_bits, unsigned run_bits)
{
	static const uint8_t dns[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};

	memset(b, 0, sizeof *b);
	b->flow_bits = flow_bits;
	b->run_bits = run_bits;
	b->key_mask = (1u << (16 + flow_bits)) - 1;
	b->slot_mask = SLOTS - 1;
	b->slot = calloc(SLOTS, sizeof *b->slot);
	b->o.window = 100;
	b->o.duration_ns = 1000000;
	b->o.timeout_ns = 1000;
	assert_int_equal(bench_queries_add(&b->q, dns, sizeof dns), 0);
	bench_start(b, 5000);
}

static void
stop(struct bench *b)
{
	bench_queries_free(&b->q);
	free(b->slot);
}

/* Send one query and return the answer that a good server would give. */
static unsigned
ask(struct bench *b, uint64_t now, uint8_t answer[19])
{
	const struct bench_query *q;
	uint64_t seq = bench_take(b, now, &q);
	uint16_t id = bench_id(b, seq);

	memcpy(answer, bench_query_octets(b, q), q->len);
	answer[0] = (uint8_t)(id >> 8);
	answer[1] = (uint8_t)id;
	answer[2] |= 0x80;
	return bench_flow(b, seq);
}

static void
percentiles_are_within_a_64th_of_the_truth(void **state)
{
	static struct bench_histogram h;

	memset(&h, 0, sizeof h);
	for (uint64_t v = 1; v <= 1000000; v++)
		bench_histogram_add(&h, v);
	assert_int_equal(h.total, 1000000);
	assert_int_equal(h.max, 1000000);
	for (unsigned i = 1; i < 1000; i++) {
		uint64_t truth = i * 1000, got = bench_histogram_percentile(&h, i / 1000.0);
		assert_true(got >= truth && got <= truth + truth / 64);
	}
	assert_int_equal(bench_histogram_percentile(&h, 1), 1000000);
}

static void
every_value_has_a_step_that_holds_it(void **state)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int64_t d = -1; d <= 1; d++) {
			uint64_t v = (1ull << bit) + (uint64_t)d;
			unsigned i = bench_histogram_index(v);
			assert_true(i < BENCH_HISTOGRAM_SIZE);
			assert_true(v <= bench_histogram_upper(i));
			assert_true(i == 0 || v > bench_histogram_upper(i - 1));
		}
	}
}

static void
flow_and_id_lead_back_to_the_query(void **state)
{
	struct bench b;

	for (unsigned flow_bits = 0; flow_bits <= 12; flow_bits += 3) {
		for (unsigned run_bits = 0; run_bits <= 5; run_bits += 5) {
			start(&b, flow_bits, run_bits);
			for (uint64_t seq = 0; seq < 300000; seq += 7)
				assert_int_equal(
					bench_key(&b, bench_flow(&b, seq), bench_id(&b, seq)),
					seq & b.key_mask);
			stop(&b);
		}
	}
}

static void
each_answer_is_counted_once_and_only_if_right(void **state)
{
	struct bench b;
	uint8_t answer[19], other[19];

	start(&b, 3, 0);
	unsigned flow = ask(&b, 6000, answer);
	assert_int_equal(b.in_flight, 1);
	bench_answer(&b, (flow + 1) % 8, answer, sizeof answer, 6500);
	assert_int_equal(b.r.unexpected, 1); /* another flow */
	answer[3] = 3;
	bench_answer(&b, flow, answer, sizeof answer, 6500);
	assert_int_equal(b.r.received, 1);
	assert_int_equal(b.r.rcode[3], 1);
	assert_int_equal(b.r.latency.max, 500);
	bench_answer(&b, flow, answer, sizeof answer, 6500);
	assert_int_equal(b.r.unexpected, 2); /* a duplicate */

	flow = ask(&b, 6000, answer);
	memcpy(other, answer, sizeof other);
	other[13] = 'b';
	bench_answer(&b, flow, other, sizeof other, 6500);
	flow = ask(&b, 6000, answer);
	answer[2] = 0; /* a query, not a response */
	bench_answer(&b, flow, answer, sizeof answer, 6500);
	flow = ask(&b, 6000, answer);
	bench_answer(&b, flow, answer, sizeof answer - 1, 6500);
	assert_int_equal(b.r.invalid, 3);
	bench_answer(&b, flow, answer, 11, 6500);
	assert_int_equal(b.r.ignored, 1);
	assert_int_equal(b.r.received, 1);
	assert_int_equal(b.in_flight, 0);
	stop(&b);
}

static void
unanswered_queries_are_lost_after_the_timeout(void **state)
{
	struct bench b;
	uint8_t answer[19];

	start(&b, 0, 0);
	for (unsigned i = 0; i < 10; i++)
		ask(&b, 6000 + i, answer);
	bench_answer(&b, 0, answer, sizeof answer, 6100); /* the last one */
	bench_expire(&b, 7003);
	assert_int_equal(b.r.lost, 4);
	assert_int_equal(b.in_flight, 5);
	bench_expire(&b, 100000);
	assert_int_equal(b.r.lost, 9);
	assert_int_equal(b.in_flight, 0);
	bench_answer(&b, 0, answer, sizeof answer, 100000);
	assert_int_equal(b.r.received, 1);
	for (unsigned i = 0; i < SLOTS + 5; i++) /* more than are remembered */
		ask(&b, 200000, answer);
	assert_int_equal(b.r.lost, 9 + 5);
	bench_finish(&b);
	assert_int_equal(b.r.lost + b.r.received, b.r.sent);
	stop(&b);
}

static void
window_rate_count_and_time_bound_what_is_sent(void **state)
{
	struct bench b;
	uint8_t answer[19];

	start(&b, 0, 0);
	assert_int_equal(bench_budget(&b, 5001, 1000), 100);
	assert_int_equal(bench_budget(&b, 5001, 32), 32);
	ask(&b, 5001, answer);
	assert_int_equal(bench_budget(&b, 5001, 1000), 99);
	b.o.count = 3;
	assert_int_equal(bench_budget(&b, 5001, 1000), 2);
	b.o.count = 0;
	b.interval_ns = 100;
	assert_int_equal(bench_budget(&b, 5000 + 950, 1000), 9); /* ten are due, one was sent */
	assert_int_equal(bench_budget(&b, 5000 + b.o.duration_ns, 1000), 0);
	assert_false(b.sending);
	b.o.timeout_ns = 2 * b.o.duration_ns;
	assert_false(bench_over(&b, 5000 + b.o.duration_ns));
	assert_true(bench_over(&b, 6000 + 3 * b.o.duration_ns));
	b.in_flight = 0;
	assert_true(bench_over(&b, 5000 + b.o.duration_ns));
	stop(&b);
}

static void
only_messages_with_one_question_are_taken(void **state)
{
	static const uint8_t two[] = {0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1};
	static const uint8_t pointer[] = {
		0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 0, 1, 0, 1};
	static const uint8_t cut[] = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9, 'a', 0, 0, 1, 0, 1};
	static const uint8_t longer[BENCH_QUERY_OCTETS_MAX + 1] = {[5] = 1};
	struct bench_queries q = {0};

	assert_true(bench_queries_add(&q, two, sizeof two) < 0);
	assert_true(bench_queries_add(&q, pointer, sizeof pointer) < 0);
	assert_true(bench_queries_add(&q, cut, sizeof cut) < 0);
	assert_true(bench_queries_add(&q, longer, sizeof longer) < 0);
	assert_int_equal(q.n, 0);
	bench_queries_free(&q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_are_within_a_64th_of_the_truth),
		cmocka_unit_test(every_value_has_a_step_that_holds_it),
		cmocka_unit_test(flow_and_id_lead_back_to_the_query),
		cmocka_unit_test(each_answer_is_counted_once_and_only_if_right),
		cmocka_unit_test(unanswered_queries_are_lost_after_the_timeout),
		cmocka_unit_test(window_rate_count_and_time_bound_what_is_sent),
		cmocka_unit_test(only_messages_with_one_question_are_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
