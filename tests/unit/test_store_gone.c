/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Large zones that are deleted: out of sight at once, out of the file by and by, whatever comes
 * between. */
#include "store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define NAMES 6000u /* with their targets and comments more than one piece */

static void
fill(struct store_txn *t, const struct store_zone *zone, const char *apex, unsigned n)
{
	char owner[64];
	uint8_t mx[] = "\0\7\4mail\7example";

	for (unsigned i = 0; i < n; i++) {
		snprintf(owner, sizeof owner, "name-%u.%s", i, apex);
		mx[1] = (uint8_t)i;
		put(t, zone, owner, 15, mx, sizeof mx);
		if (i % 2 == 0)
			put_comment(t, zone, owner, 15, "because");
	}
}

static void
told(void *arg, const char *text)
{
	print_error("%s\n", text);
}

/* The file as it is committed now has no fault, but for `arg`. */
static void
assert_sound(struct fixture *f)
{
	struct store_verifier v = {told, NULL, NULL, NULL};
	char error[STORE_ERROR_OCTETS] = "", copy[128];

	snprintf(copy, sizeof copy, "%s/copy", f->folder);
	assert_int_equal(store_snapshot_file(f->s, copy, true, error), 0);
	assert_int_equal(store_verify(copy, &v, error), 0);
	unlink(copy);
}

static size_t
entries(struct fixture *f, enum store_db db)
{
	struct store_txn *t = begin_read(f);
	MDB_stat stat;

	assert_int_equal(mdb_stat(t->mdb, f->s->db[db], &stat), 0);
	store_end(t);
	return stat.ms_entries;
}

static void delete (struct fixture *f, const char *apex)
{
	uint8_t name[ZONE_WIRE_OCTETS];
	struct store_txn *t = begin_write(f);

	assert_int_equal(store_zone_delete(t, wire(name, apex)), 0);
	assert_int_equal(store_zone_delete(t, name), -ENOENT);
	assert_int_equal(store_commit(t), 0);
}

static void
a_large_zone_goes_at_once_and_its_records_by_and_by(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example."), again;
	struct backend_key key = {.flags = 257, .active = true, .content = "secret"};
	uint8_t name[ZONE_WIRE_OCTETS];
	unsigned steps = 0;
	int ret;

	fill(t, &zone, "example.", NAMES);
	append_journal(t, &zone, 1, 2);
	assert_int_equal(store_key_put(t, &zone, &key), 0);
	assert_int_equal(store_commit(t), 0);
	assert_int_equal(entries(f, STORE_DB_RECORDS), NAMES);
	while (store_wants_purge(f->s)) /* as it is opened it is not known */
		assert_int_equal(store_purge(f->s), 0);

	delete (f, "example.");
	assert_true(store_wants_purge(f->s));
	assert_int_equal(entries(f, STORE_DB_RECORDS), NAMES);
	assert_int_equal(entries(f, STORE_DB_KEYS), 0); /* no secret stays */
	t = begin_read(f);
	assert_int_equal(store_zone_get(t, wire(name, "example."), &again), -ENOENT);
	assert_int_equal(store_zone_count(t), 0);
	store_end(t);
	assert_sound(f);

	/* another one of this name has nothing of it */
	t = begin_write(f);
	again = create_zone(t, "example.");
	assert_true(again.id != zone.id);
	fill(t, &again, "example.", 3);
	assert_int_equal(store_commit(t), 0);
	while ((ret = store_purge(f->s)) == 1) {
		assert_sound(f);
		t = begin_read(f);
		again = get_zone(t, "example.");
		assert_int_equal(again.n_names, 3);
		assert_int_equal(count_rrsets(t, &again, NULL, false), 3);
		store_end(t);
		if (++steps == 1)
			reopen(f); /* it goes on after a restart */
		assert_true(store_wants_purge(f->s));
	}
	assert_int_equal(ret, 0);
	assert_false(store_wants_purge(f->s));
	assert_true(steps >= 3);
	assert_int_equal(entries(f, STORE_DB_RECORDS), 3);
	assert_int_equal(entries(f, STORE_DB_COMMENTS), 2);
	assert_int_equal(entries(f, STORE_DB_REFS), 0);
	assert_int_equal(entries(f, STORE_DB_JOURNAL), 0);
	assert_int_equal(entries(f, STORE_DB_ROWS), 0);
	assert_sound(f);
}

static void
a_small_zone_goes_as_a_whole(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example.");

	fill(t, &zone, "example.", 20);
	assert_int_equal(store_commit(t), 0);
	assert_int_equal(store_purge(f->s), 0);
	delete (f, "example.");
	assert_false(store_wants_purge(f->s));
	assert_int_equal(entries(f, STORE_DB_RECORDS), 0);
	assert_int_equal(entries(f, STORE_DB_COMMENTS), 0);
	assert_sound(f);
}

static void
several_wait_and_one_that_was_given_up_is_still_there(void **state)
{
	static const char *const apex[] = {"a.", "b.", "c."};
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone;
	uint8_t name[ZONE_WIRE_OCTETS];
	int ret;

	for (unsigned i = 0; i < 3; i++) {
		zone = create_zone(t, apex[i]);
		fill(t, &zone, apex[i], 3000);
	}
	assert_int_equal(store_commit(t), 0);
	delete (f, "a.");
	delete (f, "c.");
	t = begin_write(f);
	assert_int_equal(store_zone_delete(t, wire(name, "b.")), 0);
	store_end(t); /* given up */
	while ((ret = store_purge(f->s)) == 1)
		;
	assert_int_equal(ret, 0);
	t = begin_read(f);
	zone = get_zone(t, "b.");
	assert_int_equal(count_rrsets(t, &zone, NULL, false), 3000);
	store_end(t);
	assert_int_equal(entries(f, STORE_DB_RECORDS), 3000);
	assert_sound(f);
}

/* A note of an id that a zone has. */
static void
a_note_that_cannot_be_is_a_fault(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example.");
	struct store_verifier v = {told, NULL, NULL, NULL};
	char error[STORE_ERROR_OCTETS], key[32];

	fill(t, &zone, "example.", 5);
	snprintf(key, sizeof key, "%016llx", (unsigned long long)zone.id);
	assert_int_equal(store_row_put(t, STORE_GONE, key, ""), 0);
	assert_int_equal(store_commit(t), 0);
	store_close(f->s);
	f->s = NULL;
	assert_int_equal(store_verify(f->path, &v, error), -EPROTO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_large_zone_goes_at_once_and_its_records_by_and_by),
		STORE_TEST(a_small_zone_goes_as_a_whole),
		STORE_TEST(several_wait_and_one_that_was_given_up_is_still_there),
		STORE_TEST(a_note_that_cannot_be_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
