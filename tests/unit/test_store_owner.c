/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several RRsets of an owner that are put in one go are what they are when they are put one by one.
 */
#include "store_fixture.h"

#include <stdio.h>

#define ROUNDS 4000u
#define TYPES 12u
#define MOST 4u

static uint64_t seed = 4711;

static unsigned
draw(unsigned below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % below;
}

struct given {
	struct backend_record record[MOST];
	struct backend_comment comment[MOST];
	uint8_t octet[MOST];
};

/* A change of a type: other records, none, comments, or both. */
static struct backend_change
draw_change(struct given *g, const uint8_t *owner, uint16_t type)
{
	struct backend_change c = {.rrset = {.owner = owner, .type = type, .ttl = draw(100)}};

	c.has_records = draw(4) != 0;
	c.has_comments = !c.has_records || draw(3) == 0;
	c.rrset.n_records = c.has_records ? draw(MOST) : 0;
	c.rrset.n_comments = c.has_comments ? draw(MOST) : 0;
	for (unsigned i = 0; i < MOST; i++) {
		g->octet[i] = (uint8_t)draw(256);
		g->record[i] = (struct backend_record){.rdata = &g->octet[i], .rdlength = 1};
		g->comment[i] = (struct backend_comment){.content = draw(2) ? "because" : "",
			.account = "x",
			.modified_at = draw(9)};
	}
	c.rrset.record = g->record;
	c.rrset.comment = g->comment;
	return c;
}

/* The values of an owner in both zones. */
static void
assert_same_values(
	struct store_txn *t, const struct store_zone *const zone[2], const uint8_t *const owner[2])
{
	for (unsigned db = STORE_DB_RECORDS; db <= STORE_DB_COMMENTS; db++) {
		struct store_key k[2] = {0};
		MDB_val v[2];
		int ret[2];
		for (unsigned i = 0; i < 2; i++) {
			store_key_id(&k[i], zone[i]->id);
			assert_int_equal(store_key_name(&k[i], owner[i], zone[i]->apex), 0);
			ret[i] = store_get(t, (enum store_db)db, &k[i], &v[i]);
		}
		assert_int_equal(ret[0], ret[1]);
		if (ret[0] != 0)
			continue;
		assert_int_equal(v[0].mv_size, v[1].mv_size);
		assert_memory_equal(v[0].mv_data, v[1].mv_data, v[0].mv_size);
	}
}

static void
together_is_as_one_by_one(void **state)
{
	static struct given given[TYPES];
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone a = create_zone(t, "a."), b = create_zone(t, "b.");
	uint8_t in_a[ZONE_WIRE_OCTETS], in_b[ZONE_WIRE_OCTETS];
	unsigned n_several = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		struct backend_change change[TYPES];
		struct store_zone now[2];
		char text[2][32];
		unsigned n = 0, host = draw(5);

		snprintf(text[0], sizeof text[0], "h%u.a.", host);
		snprintf(text[1], sizeof text[1], "h%u.b.", host);
		wire(in_a, text[0]);
		wire(in_b, text[1]);
		for (uint16_t type = 1; type <= TYPES; type++)
			if (draw(3) == 0) {
				change[n] = draw_change(&given[n], in_a, type);
				n++;
			}
		if (n == 0)
			continue;
		n_several += n > 1;
		assert_int_equal(store_owner_put(t, &a, change, n), 0);
		for (unsigned i = 0; i < n; i++) {
			change[i].rrset.owner = in_b;
			assert_int_equal(store_rrset_put(t, &b, &change[i]), 0);
		}
		now[0] = get_zone(t, "a.");
		now[1] = get_zone(t, "b.");
		assert_int_equal(now[0].n_records, now[1].n_records);
		assert_int_equal(now[0].n_names, now[1].n_names);
		assert_same_values(t, (const struct store_zone *const[]){&now[0], &now[1]},
			(const uint8_t *const[]){in_a, in_b});
	}
	assert_true(n_several > ROUNDS / 2);
	assert_int_equal(store_commit(t), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {STORE_TEST(together_is_as_one_by_one)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
