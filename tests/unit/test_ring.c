/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_ring: what ring.h promises, also to somebody whose peer lies or dies. */
#include "shm/ring.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE 1024u
#define LEN_MAX (SIZE / 2 - 16)

static struct ring *
ring_new(uint64_t size)
{
	struct ring *r = mmap(
		NULL, RING_OCTETS(size), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(r != MAP_FAILED);
	return r;
}

static void
ring_delete(struct ring *r, uint64_t size)
{
	munmap(r, RING_OCTETS(size));
}

static uint64_t
next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

/* Message n: its length and octets follow from n. */
static uint32_t
message_len(uint32_t n, uint32_t max)
{
	return 4 + (n * 2654435761u >> 7) % (max - 3);
}

static bool
message_put(struct ring_end *p, uint32_t n, uint32_t max)
{
	uint32_t len = message_len(n, max);
	uint8_t *m = ring_reserve(p, len + (n % 3 && len + n % 3 <= max ? n % 3 : 0));

	if (m == NULL)
		return false;
	memcpy(m, &n, 4);
	memset(m + 4, (int)(n & 0xff), len - 4);
	ring_commit(p, len);
	return true;
}

static void
message_check(const uint8_t *m, uint32_t len, uint32_t n, uint32_t max)
{
	uint32_t got;

	memcpy(&got, m, 4);
	assert_int_equal(got, n);
	assert_int_equal(len, message_len(n, max));
	assert_int_equal((uintptr_t)m % 8, 0);
	for (uint32_t i = 4; i < len; i++)
		if (m[i] != (uint8_t)n)
			fail_msg("message %u octet %u", n, i);
}

/* The next message is number n, and nothing is damaged. */
static void
message_expect(struct ring_end *c, uint32_t n, uint32_t max)
{
	bool damaged = false;
	uint32_t len = 0;
	const uint8_t *m = ring_peek(c, &len, &damaged);

	assert_non_null(m);
	assert_false(damaged);
	message_check(m, len, n, max);
	ring_release(c);
}

static void
test_messages_arrive_whole_and_in_order_through_many_wraps(void **state)
{
	struct ring *r = ring_new(SIZE);
	struct ring_end p, c;
	uint32_t put = 0, got = 0, len;
	uint64_t s = 88172645463325252ull;
	bool damaged = false;

	ring_producer(&p, r, SIZE);
	ring_consumer(&c, r, SIZE);
	while (got < 100000) {
		for (uint64_t k = next_random(&s) % 7; k > 0 && message_put(&p, put, LEN_MAX); k--)
			put++;
		for (uint64_t k = next_random(&s) % 7; k > 0; k--) {
			const uint8_t *m = ring_peek(&c, &len, &damaged);
			if (m == NULL)
				break;
			message_check(m, len, got++, LEN_MAX);
			ring_release(&c);
		}
	}
	assert_true(put >= got && put - got < SIZE / 12);
	assert_false(damaged);
	ring_delete(r, SIZE);
}

static void
test_a_full_ring_refuses_and_then_goes_on(void **state)
{
	struct ring *r = ring_new(SIZE);
	struct ring_end p, c;
	unsigned n = 0;
	uint32_t len;
	bool damaged = false;

	ring_producer(&p, r, SIZE);
	ring_consumer(&c, r, SIZE);
	for (; ring_reserve(&p, 24) != NULL; n++)
		ring_commit(&p, 24);
	assert_int_equal(n, SIZE / 32);
	assert_non_null(ring_peek(&c, &len, &damaged));
	assert_null(ring_reserve(&p, 24)); /* peeked is not released */
	ring_release(&c);
	assert_non_null(ring_reserve(&p, 24));
	ring_commit(&p, 0);
	assert_int_equal(p.at, SIZE + 8);
	ring_delete(r, SIZE);
}

static void
test_the_longest_message_fits_an_empty_ring_at_every_index(void **state)
{
	struct ring *r = ring_new(SIZE);
	struct ring_end p, c;
	uint32_t len;
	bool damaged = false;

	for (uint64_t at = 0; at < 2 * SIZE; at += 8) {
		r->head = r->tail = at;
		ring_producer(&p, r, SIZE);
		ring_consumer(&c, r, SIZE);
		assert_non_null(ring_reserve(&p, LEN_MAX));
		ring_commit(&p, LEN_MAX);
		assert_non_null(ring_peek(&c, &len, &damaged));
		assert_int_equal(len, LEN_MAX);
		ring_release(&c);
		assert_int_equal(p.at, c.at);
	}
	assert_false(damaged);
	ring_delete(r, SIZE);
}

/* Indices run over 2^64 without harm. */
static void
test_indices_wrap(void **state)
{
	struct ring *r = ring_new(SIZE);
	struct ring_end p, c;
	bool damaged = false;

	r->head = r->tail = (uint64_t)-512;
	ring_producer(&p, r, SIZE);
	ring_consumer(&c, r, SIZE);
	for (uint32_t n = 0; n < 1000; n++) {
		assert_true(message_put(&p, n, 200));
		message_expect(&c, n, 200);
	}
	assert_false(damaged);
	ring_delete(r, SIZE);
}

/* A producer that writes anything anywhere: the consumer stays inside the ring, ends, reports, and
 * works again as soon as a sane producer attaches. */
static void
test_a_lying_producer_is_emptied_and_reported(void **state)
{
	static const uint64_t odd[] = {
		0, 1, 4, 8, SIZE - 8, SIZE, SIZE + 8, 0xffffffff, 1ull << 63};
	struct ring *r = ring_new(SIZE);
	struct ring_end p, c;
	uint64_t s = 1234567;
	unsigned n_damaged = 0;
	uint32_t len;

	ring_consumer(&c, r, SIZE);
	for (unsigned round = 0; round < 50000; round++) {
		bool damaged = false;
		for (unsigned i = 0; i < SIZE; i += 4) {
			uint32_t word = (uint32_t)next_random(&s);
			if (word % 4 == 0)
				word = RING_SKIP;
			else if (word % 4 == 1)
				word %= SIZE;
			memcpy(&r->data[i], &word, 4);
		}
		r->head += next_random(&s) % 3 ? (next_random(&s) % (2 * SIZE)) & ~7ull
					       : odd[next_random(&s) % (sizeof odd / sizeof *odd)];
		for (unsigned k = 0; k <= SIZE; k++) {
			const uint8_t *m = ring_peek(&c, &len, &damaged);
			if (m == NULL)
				break;
			assert_true(m >= r->data + 8 && len <= SIZE && m + len <= r->data + SIZE);
			ring_release(&c);
			assert_true(k < SIZE);
		}
		n_damaged += damaged;
	}
	assert_in_range(n_damaged, 1000, 50000);

	bool damaged = false;
	ring_peek(&c, &len, &damaged);
	ring_producer(&p, r, SIZE);
	for (uint32_t n = 0; n < 100; n++) {
		damaged = false;
		assert_true(message_put(&p, n, LEN_MAX));
		message_expect(&c, n, LEN_MAX);
		assert_false(damaged);
	}
	ring_delete(r, SIZE);
}

static void
test_a_lying_consumer_stops_the_producer_and_nothing_else(void **state)
{
	static const uint64_t tails[] = {
		8, 1, 16, (uint64_t)-SIZE - 8, 1ull << 63, SIZE, 3 * SIZE + 16};
	struct ring *r = ring_new(SIZE);
	struct ring_end p, c;
	uint32_t len;
	bool damaged = false;

	for (unsigned i = 0; i < sizeof tails / sizeof *tails; i++) {
		r->head = 0;
		r->tail = tails[i];
		ring_producer(&p, r, SIZE);
		assert_null(ring_reserve(&p, 16));
		/* the next consumer mends it */
		ring_consumer(&c, r, SIZE);
		assert_null(ring_peek(&c, &len, &damaged));
		assert_true(damaged || tails[i] < 8);
		assert_non_null(ring_reserve(&p, 16));
	}
	ring_delete(r, SIZE);
}

static void
test_what_was_not_committed_is_not_there(void **state)
{
	struct ring *r = ring_new(SIZE);
	struct ring_end p, c;
	uint32_t len;
	bool damaged = false;

	ring_producer(&p, r, SIZE);
	ring_consumer(&c, r, SIZE);
	memset(ring_reserve(&p, 100), 0xff, 100);
	assert_null(ring_peek(&c, &len, &damaged));
	ring_producer(&p, r, SIZE); /* it died; the next one starts over */
	assert_true(message_put(&p, 7, LEN_MAX));
	message_expect(&c, 7, LEN_MAX);
	assert_false(damaged);
	ring_delete(r, SIZE);
}

static void
pause_us(long us)
{
	nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

/* The producer is killed anywhere; each successor goes on. The consumer sees whole messages,
 * numbered from each producer's start without gaps, and never damage. */
static void
test_a_producer_killed_anywhere_leaves_no_damage(void **state)
{
	struct ring *r = ring_new(SIZE);
	struct ring_end c;
	uint64_t s = 42;
	uint32_t len, expect = 0, total = 0;
	bool damaged = false;

	ring_consumer(&c, r, SIZE);
	for (unsigned round = 0; round < 150; round++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct ring_end p;
			prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the test fail */
			ring_producer(&p, r, SIZE);
			for (uint32_t n = 0;; n++)
				while (!message_put(&p, n, LEN_MAX))
					continue;
		}
		assert_true(pid > 0);
		expect = 0;
		long end = (long)(next_random(&s) % 60);
		for (long k = 0; k < end * 20; k++) {
			const uint8_t *m = ring_peek(&c, &len, &damaged);
			if (m == NULL) {
				pause_us(20);
				continue;
			}
			message_check(m, len, expect++, LEN_MAX);
			ring_release(&c);
			total++;
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		for (const uint8_t *m; (m = ring_peek(&c, &len, &damaged)) != NULL; total++) {
			message_check(m, len, expect++, LEN_MAX);
			ring_release(&c);
		}
		assert_false(damaged);
	}
	assert_true(total > 10000);
	ring_delete(r, SIZE);
}

/* The consumer is killed anywhere; the next one gets every message at least once, in order. */
static void
test_a_consumer_killed_anywhere_loses_nothing(void **state)
{
	struct ring *r = ring_new(SIZE);
	_Atomic uint32_t *seen =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct ring_end p;
	uint32_t put = 0;
	uint64_t s = 4711;

	assert_true(seen != MAP_FAILED);
	ring_producer(&p, r, SIZE);
	for (unsigned round = 0; round < 100; round++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct ring_end c;
			bool damaged = false;
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			ring_consumer(&c, r, SIZE);
			for (bool first = true;;) {
				uint32_t len, n;
				const uint8_t *m = ring_peek(&c, &len, &damaged);
				if (damaged)
					_exit(1);
				if (m == NULL)
					continue;
				memcpy(&n, m, 4);
				/* the first one may be what the one before us saw but did not
				 * release */
				if (n != *seen && !(first && n + 1 == *seen))
					_exit(2);
				first = false;
				*seen = n + 1;
				ring_release(&c);
			}
		}
		uint32_t end = put + (uint32_t)(next_random(&s) % 2000);
		while (put < end && waitpid(pid, NULL, WNOHANG) == 0)
			put += message_put(&p, put, LEN_MAX);
		assert_int_equal(put, end);
		kill(pid, SIGKILL);
		int status;
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
	}
	assert_true(put - *seen < SIZE / 12);
	munmap((void *)seen, 4096);
	ring_delete(r, SIZE);
}

#define THREAD_MESSAGES 200000u
#define THREAD_LEN_MAX 300u

struct pipe_end {
	struct ring *r;
	int bell[2];
};

static void *
thread_produce(void *arg)
{
	struct pipe_end *e = arg;
	struct ring_end p;
	char one = 1;

	ring_producer(&p, e->r, SIZE);
	for (uint32_t n = 0; n < THREAD_MESSAGES; n++) {
		while (!message_put(&p, n, THREAD_LEN_MAX))
			sched_yield();
		if (ring_should_wake(&p) && write(e->bell[1], &one, 1) != 1)
			abort();
	}
	return NULL;
}

/* Full speed against a consumer that sleeps whenever the ring is empty: no message is lost, and no
 * wake-up either (the test would hang, and the harness's time limit ends it). Run under TSan too.
 */
static void
test_threads_hand_over_with_sleep(void **state)
{
	struct pipe_end e = {.r = ring_new(SIZE)};
	struct ring_end c;
	pthread_t t;
	uint32_t len, n = 0, sleeps = 0;
	bool damaged = false;
	char one;

	assert_int_equal(pipe(e.bell), 0);
	ring_consumer(&c, e.r, SIZE);
	assert_int_equal(pthread_create(&t, NULL, thread_produce, &e), 0);
	while (n < THREAD_MESSAGES) {
		const uint8_t *m = ring_peek(&c, &len, &damaged);
		if (m != NULL) {
			message_check(m, len, n++, THREAD_LEN_MAX);
			ring_release(&c);
		} else if (ring_may_sleep(&c)) {
			assert_int_equal(read(e.bell[0], &one, 1), 1);
			ring_awake(&c);
			sleeps++;
		}
	}
	pthread_join(t, NULL);
	assert_false(damaged);
	assert_true(sleeps > 0);
	close(e.bell[0]);
	close(e.bell[1]);
	ring_delete(e.r, SIZE);
}

static void
test_the_bell_is_rung_once_for_each_announcement(void **state)
{
	struct ring *r = ring_new(SIZE);
	struct ring_end p, c;
	uint32_t len;
	bool damaged = false;

	ring_producer(&p, r, SIZE);
	ring_consumer(&c, r, SIZE);
	assert_false(ring_should_wake(&p));
	assert_true(ring_may_sleep(&c));
	assert_true(message_put(&p, 1, LEN_MAX));
	assert_true(ring_should_wake(&p));
	assert_false(ring_should_wake(&p));
	assert_false(ring_may_sleep(&c)); /* a message is there */
	assert_false(ring_should_wake(&p));
	assert_non_null(ring_peek(&c, &len, &damaged));
	ring_release(&c);
	assert_true(ring_may_sleep(&c));
	ring_awake(&c);
	assert_false(ring_should_wake(&p));
	ring_delete(r, SIZE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_arrive_whole_and_in_order_through_many_wraps),
		cmocka_unit_test(test_a_full_ring_refuses_and_then_goes_on),
		cmocka_unit_test(test_the_longest_message_fits_an_empty_ring_at_every_index),
		cmocka_unit_test(test_indices_wrap),
		cmocka_unit_test(test_a_lying_producer_is_emptied_and_reported),
		cmocka_unit_test(test_a_lying_consumer_stops_the_producer_and_nothing_else),
		cmocka_unit_test(test_what_was_not_committed_is_not_there),
		cmocka_unit_test(test_a_producer_killed_anywhere_leaves_no_damage),
		cmocka_unit_test(test_a_consumer_killed_anywhere_loses_nothing),
		cmocka_unit_test(test_threads_hand_over_with_sleep),
		cmocka_unit_test(test_the_bell_is_rung_once_for_each_announcement),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
