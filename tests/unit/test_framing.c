/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_framing: the stream process's parts that make no system calls: framing over chunks, tokens
 * of queries, connections per client. */
#include "controlplane/stream/clients.h"
#include "controlplane/stream/framing.h"
#include "controlplane/stream/queries.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t random_state = 88172645463325252ull;

static uint32_t
next_random(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 11) % below;
}

/* --- framing --- */

struct taker {
	const uint8_t *expect; /* the whole stream; messages are compared in place */
	uint32_t at;
	unsigned n, refuse_percent;
};

static enum framing_verdict
take(void *arg, const struct framing_message *m)
{
	static uint8_t copy[65535];
	struct taker *t = arg;

	if (next_random(100) < t->refuse_percent)
		return FRAMING_LATER;
	assert_int_equal(m->len, t->expect[t->at] << 8 | t->expect[t->at + 1]);
	framing_copy(m, copy);
	assert_memory_equal(copy, t->expect + t->at + 2, m->len);
	t->at += 2 + m->len;
	t->n++;
	return FRAMING_TAKEN;
}

/* A stream of n messages; the lengths lean to both ends. @return octets */
static uint32_t
stream_make(uint8_t *out, unsigned n)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < n; i++) {
		static const uint32_t odd[] = {12, 13, 1014, 1015, 1016, 1017, 2032, 65535};
		uint32_t len = next_random(4) ? 12 + next_random(60) : odd[next_random(8)];
		out[at++] = (uint8_t)(len >> 8);
		out[at++] = (uint8_t)len;
		for (uint32_t k = 0; k < len; k++)
			out[at++] = (uint8_t)next_random(256);
	}
	return at;
}

static void
test_messages_come_whole_whatever_the_pieces(void **state)
{
	static uint8_t octets[40 * 65537];
	struct chunk_pool pool;

	assert_int_equal(chunk_pool_create(&pool, 4096), 0);
	for (unsigned round = 0; round < 400; round++) {
		unsigned n = 1 + next_random(40),
			 piece_max = next_random(3) ? 1 + next_random(50) : 20000;
		uint32_t len = stream_make(octets, n), at = 0;
		struct taker t = {.expect = octets, .refuse_percent = round % 2 ? 20 : 0};
		struct chunk_queue q = {0};
		enum framing_state state_now = FRAMING_BETWEEN;
		while (at < len || state_now == FRAMING_BLOCKED) {
			uint32_t piece = 1 + next_random(piece_max);
			/* an exact copy, so that a sanitizer sees a read behind the piece */
			if (piece > len - at)
				piece = len - at;
			if (state_now == FRAMING_BLOCKED && next_random(2))
				piece = 0;
			uint8_t *exact = malloc(piece + 1);
			memcpy(exact, octets + at, piece);
			state_now = framing_feed(&pool, &q, exact, piece, take, &t);
			free(exact);
			at += piece;
			assert_int_equal(q.len, at - t.at);
			assert_true(state_now == FRAMING_BLOCKED ||
				    (q.len > 0) == (state_now == FRAMING_PARTIAL));
		}
		assert_int_equal(t.n, n);
		assert_int_equal(state_now, FRAMING_BETWEEN);
		assert_int_equal(pool.n_free, pool.n_chunks);
	}
	chunk_pool_destroy(&pool);
}

static void
test_a_message_in_one_piece_needs_no_memory(void **state)
{
	static uint8_t octets[65537 + 14] = {0xff, 0xff};
	struct chunk_pool pool;
	struct chunk_queue q = {0};
	struct taker t = {.expect = octets};

	octets[65537 + 1] = 12;
	assert_int_equal(chunk_pool_create(&pool, 1), 0);
	assert_int_equal(framing_feed(&pool, &q, octets, sizeof octets, take, &t), FRAMING_BETWEEN);
	assert_int_equal(t.n, 2);
	assert_int_equal(pool.n_touched, 0);
	chunk_pool_destroy(&pool);
}

static void
test_too_short_a_message_breaks_the_stream_at_once(void **state)
{
	struct chunk_pool pool;

	assert_int_equal(chunk_pool_create(&pool, 4), 0);
	for (uint8_t len = 0; len < 14; len++) {
		uint8_t octets[2] = {0, len};
		struct chunk_queue q = {0};
		struct taker t = {0};
		enum framing_state want = len < 12 ? FRAMING_BROKEN : FRAMING_PARTIAL;
		assert_int_equal(framing_feed(&pool, &q, octets, 2, take, &t), want);
		chunk_queue_consume(&pool, &q, q.len);
		assert_int_equal(framing_feed(&pool, &q, octets, 1, take, &t), FRAMING_PARTIAL);
		assert_int_equal(framing_feed(&pool, &q, octets + 1, 1, take, &t), want);
		chunk_queue_consume(&pool, &q, q.len);
		assert_int_equal(pool.n_free, 4);
	}
	chunk_pool_destroy(&pool);
}

static struct chunk_pool reclaim_pool;

static bool
empty_victim(void *arg)
{
	struct chunk_queue *victim = arg;
	bool any = victim->len > 0;

	chunk_queue_consume(&reclaim_pool, victim, victim->len);
	return any;
}

static void
test_a_used_up_pool_takes_from_a_victim_or_changes_nothing(void **state)
{
	static uint8_t octets[5000];
	struct chunk_queue victim = {0}, q = {0};
	uint32_t len_before;

	assert_int_equal(chunk_pool_create(&reclaim_pool, 4), 0);
	assert_true(chunk_queue_append(&reclaim_pool, &victim, octets, 3000));
	assert_true(chunk_queue_append(&reclaim_pool, &q, octets, 500));
	len_before = q.len;
	assert_false(chunk_queue_append(&reclaim_pool, &q, octets, 1000)); /* nobody to ask */
	assert_int_equal(q.len, len_before);
	assert_true(chunk_queue_append(&reclaim_pool, &q, octets, 516)); /* fits what it has */
	reclaim_pool.reclaim = empty_victim;
	reclaim_pool.reclaim_arg = &victim;
	assert_true(chunk_queue_append(&reclaim_pool, &q, octets, 2000));
	assert_int_equal(victim.len, 0);
	assert_false(chunk_queue_append(&reclaim_pool, &q, octets, 3000));
	assert_int_equal(q.len, 3016);
	chunk_queue_consume(&reclaim_pool, &q, q.len);
	assert_int_equal(reclaim_pool.n_free, 4);
	chunk_pool_destroy(&reclaim_pool);
}

/* --- queries --- */

static void
test_a_token_is_good_once(void **state)
{
	struct queries *t = queries_create(3, UINT32_MAX);
	uint64_t token[3], more;
	struct query *q;

	assert_non_null(t);
	for (unsigned i = 0; i < 3; i++)
		assert_non_null(queries_enter(t, &token[i]));
	assert_null(queries_enter(t, &more));
	assert_ptr_equal(queries_oldest(t), queries_find(t, token[0]));
	for (unsigned i = 0; i < 3; i++)
		for (unsigned bit = 0; bit < 64; bit++) {
			q = queries_find(t, token[i] ^ 1ull << bit);
			/* a flip in the slot number may hit another one that is in use */
			assert_true(q == NULL || bit < 2);
		}
	queries_leave(t, queries_find(t, token[1]));
	assert_null(queries_find(t, token[1]));
	assert_non_null(queries_enter(t, &more)); /* the same slot: the generation went past 2^32 */
	assert_int_equal((uint32_t)more, (uint32_t)token[1]);
	assert_null(queries_find(t, token[1]));
	queries_leave(t, queries_find(t, token[0]));
	assert_ptr_equal(queries_oldest(t), queries_find(t, token[2]));
	queries_leave(t, queries_find(t, token[2]));
	assert_ptr_equal(queries_oldest(t), queries_find(t, more));
	queries_leave(t, queries_find(t, more));
	assert_null(queries_oldest(t));
	assert_int_equal(queries_count(t), 0);
	queries_destroy(t);
}

#define MODEL_N 50u

static void
test_the_oldest_query_is_the_oldest(void **state)
{
	struct queries *t = queries_create(MODEL_N, 7);
	uint64_t age[MODEL_N], token[MODEL_N], n = 0;
	unsigned used = 0;

	for (unsigned step = 0; step < 20000; step++) {
		if (used < MODEL_N && next_random(2)) {
			struct query *q = queries_enter(t, &token[used]);
			q->sent_ms = age[used++] = ++n;
		} else if (used > 0) {
			unsigned i = next_random(used);
			struct query *q = queries_find(t, token[i]);
			assert_int_equal(q->sent_ms, age[i]);
			queries_leave(t, q);
			token[i] = token[--used];
			age[i] = age[used];
		}
		uint64_t oldest = UINT64_MAX;
		for (unsigned i = 0; i < used; i++)
			oldest = age[i] < oldest ? age[i] : oldest;
		assert_true(used == 0 ? queries_oldest(t) == NULL
				      : queries_oldest(t)->sent_ms == oldest);
		assert_int_equal(queries_count(t), used);
	}
	queries_destroy(t);
}

/* --- clients --- */

static void
address_v4(uint8_t out[16], uint32_t n)
{
	memset(out, 0, 16);
	out[10] = out[11] = 0xff;
	memcpy(out + 12, &n, 4);
}

static void
test_an_ipv4_address_or_an_ipv6_64_is_a_client(void **state)
{
	struct clients *t = clients_create(100, 42);
	uint8_t a[16], b[16], c[16] = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1}, d[16];

	address_v4(a, 0x01020304);
	address_v4(b, 0x02020304);
	assert_int_not_equal(clients_enter(t, a, 1), CLIENT_NONE);
	assert_int_equal(clients_enter(t, a, 1), CLIENT_NONE);
	assert_int_not_equal(clients_enter(t, b, 1), CLIENT_NONE);
	memcpy(d, c, 16);
	d[15] = 9; /* the same /64 */
	assert_int_not_equal(clients_enter(t, c, 1), CLIENT_NONE);
	assert_int_equal(clients_enter(t, d, 1), CLIENT_NONE);
	d[7] = 2; /* the next one */
	assert_int_not_equal(clients_enter(t, d, 1), CLIENT_NONE);
	clients_destroy(t);
}

static void
test_clients_are_counted_right_in_a_full_table(void **state)
{
	enum { N = 200, CLIENTS = 60, MAX = 5 };
	struct clients *t = clients_create(N, 4711);
	uint32_t entry[CLIENTS][MAX];
	unsigned count[CLIENTS] = {0}, total = 0;
	uint8_t a[16];

	for (unsigned step = 0; step < 100000; step++) {
		unsigned i = next_random(CLIENTS);
		address_v4(a, i * 16777216 + i);
		if (next_random(2) && total < N) {
			uint32_t e = clients_enter(t, a, MAX);
			assert_int_equal(e == CLIENT_NONE, count[i] == MAX);
			if (e != CLIENT_NONE) {
				entry[i][count[i]++] = e;
				total++;
			}
		} else if (count[i] > 0) {
			clients_leave(t, entry[i][--count[i]]);
			total--;
		}
	}
	clients_destroy(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_come_whole_whatever_the_pieces),
		cmocka_unit_test(test_a_message_in_one_piece_needs_no_memory),
		cmocka_unit_test(test_too_short_a_message_breaks_the_stream_at_once),
		cmocka_unit_test(test_a_used_up_pool_takes_from_a_victim_or_changes_nothing),
		cmocka_unit_test(test_a_token_is_good_once),
		cmocka_unit_test(test_the_oldest_query_is_the_oldest),
		cmocka_unit_test(test_an_ipv4_address_or_an_ipv6_64_is_a_client),
		cmocka_unit_test(test_clients_are_counted_right_in_a_full_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
