/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: what is put in comes out, in order, after a commit and after being opened again. */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- zones --- */

static void
zones_are_listed_in_canonical_order(void **state)
{
	static const char *const sorted[] = {".", "com.", "example.com.", "a.example.com.",
		"a\\000.example.com.", "a\\001b.example.com.", "z.example.com.", "examples.com.",
		"org.", "\\200.org."};
	static const unsigned order[] = {4, 0, 7, 2, 9, 5, 1, 3, 8, 6};
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone;
	uint8_t apex[ZONE_WIRE_OCTETS];
	const uint8_t *after = NULL;

	for (unsigned i = 0; i < 10; i++)
		create_zone(t, sorted[order[i]]);
	assert_int_equal(store_commit(t), 0);
	t = begin_read(f);
	assert_int_equal(store_zone_count(t), 10);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(store_zone_next(t, after, &zone), 0);
		wire(apex, sorted[i]);
		assert_int_equal(name_octets(zone.apex), name_octets(apex));
		assert_memory_equal(zone.apex, apex, name_octets(apex));
		after = zone.apex;
	}
	assert_int_equal(store_zone_next(t, after, &zone), -ENOENT);
	store_end(t);
}

static void
a_zone_keeps_what_it_was_given(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = {.kind = BACKEND_SECONDARY,
		.serial = UINT32_MAX,
		.notified_serial = 7,
		.last_check = 1234567890,
		.primaries = "192.0.2.1,[2001:db8::1]:5300",
		.account = "Ünïcode",
		.catalog = "catalog.example.",
		.options = "{\"a\":1}"};
	struct store_zone again, other;
	uint8_t apex[ZONE_WIRE_OCTETS];

	zone.apex = wire(apex, "example.org.");
	assert_int_equal(store_zone_create(t, &zone), 0);
	assert_int_equal(store_zone_create(t, &zone), -EEXIST);
	assert_true(zone.id != 0);
	assert_int_equal(store_commit(t), 0);
	reopen(f);

	t = begin_write(f);
	assert_int_equal(store_zone_get(t, apex, &again), 0);
	assert_int_equal(again.id, zone.id);
	assert_int_equal(again.kind, BACKEND_SECONDARY);
	assert_int_equal(again.serial, UINT32_MAX);
	assert_int_equal(again.notified_serial, 7);
	assert_int_equal(again.last_check, 1234567890);
	assert_string_equal(again.primaries, zone.primaries);
	assert_string_equal(again.account, zone.account);
	assert_string_equal(again.catalog, zone.catalog);
	assert_string_equal(again.options, zone.options);
	assert_true(again.created_at > 1700000000);
	/* one text is what the map holds, another is new */
	again.kind = BACKEND_NATIVE;
	again.account = "";
	again.options = "{}";
	assert_int_equal(store_zone_update(t, &again), 0);
	assert_int_equal(store_zone_get(t, apex, &other), 0);
	assert_string_equal(other.account, "");
	assert_string_equal(other.options, "{}");
	assert_string_equal(other.primaries, zone.primaries);
	assert_int_equal(other.kind, BACKEND_NATIVE);
	assert_int_equal(other.id, zone.id);
	assert_int_equal(store_zone_get(t, wire(apex, "org."), &other), -ENOENT);
	assert_int_equal(store_commit(t), 0);
}

static void
the_zone_of_a_name_is_the_closest_one(void **state)
{
	static const struct {
		const char *name, *zone;
	} c[] = {
		{"www.a.example.", "a.example."},
		{"a.example.", "a.example."},
		{"b.example.", "example."},
		{"example.", "example."},
		{"ba.example.", "example."},
		{"www.other.", NULL},
	};
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone;
	uint8_t name[ZONE_WIRE_OCTETS], want[ZONE_WIRE_OCTETS];

	create_zone(t, "example.");
	create_zone(t, "a.example.");
	for (unsigned i = 0; i < sizeof c / sizeof c[0]; i++) {
		int ret = store_zone_of(t, wire(name, c[i].name), &zone);
		assert_int_equal(ret, c[i].zone == NULL ? -ENOENT : 0);
		if (ret == 0)
			assert_memory_equal(
				zone.apex, wire(want, c[i].zone), strlen(c[i].zone) + 1);
	}
	create_zone(t, ".");
	assert_int_equal(store_zone_of(t, wire(name, "www.other."), &zone), 0);
	assert_int_equal(zone.apex[0], 0);
	store_end(t);
}

static void
a_deleted_zone_leaves_nothing_and_its_id_is_not_given_again(void **state)
{
	static const char *const secret = "Private-key-format: v1.2\n";
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example."), next = create_zone(t, "next.example.");
	struct backend_key key = {.flags = 257, .active = true, .content = secret};
	uint64_t id = zone.id;
	uint8_t name[ZONE_WIRE_OCTETS];

	for (unsigned i = 0; i < 2000; i++) {
		char text[64];
		snprintf(text, sizeof text, "n%u.example.", i);
		put(t, &zone, text, 15,
			"\x00\x0a\x02ns\x07"
			"example\x00",
			14);
	}
	put_comment(t, &zone, "n1.example.", 15, "why");
	put(t, &next, "www.next.example.", 1, "abcd", 4);
	assert_int_equal(store_key_put(t, &zone, &key), 0);
	assert_int_equal(store_metadata_set(t, &zone, "X-A", (const char *const[]){"1"}, 1), 0);
	append_journal(t, &zone, 1, 2);
	assert_int_equal(store_commit(t), 0);

	t = begin_write(f);
	assert_int_equal(store_zone_delete(t, wire(name, "example.")), 0);
	assert_int_equal(store_zone_delete(t, name), -ENOENT);
	for (unsigned i = 0; i < STORE_DBS; i++) {
		MDB_stat stat;
		assert_int_equal(mdb_stat(t->mdb, t->s->db[i], &stat), 0);
		assert_int_equal(
			stat.ms_entries, i == STORE_DB_ZONES || i == STORE_DB_RECORDS ? 1 : 0);
	}
	zone = create_zone(t, "example.");
	assert_true(zone.id > id);
	assert_int_equal(count_rrsets(t, &zone, NULL, false), 0);
	assert_int_equal(store_commit(t), 0);
}

/* --- RRsets --- */

static void
rrsets_are_replaced_and_removed_and_counted(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example.");
	struct store_decoder d = {0};
	struct backend_rrset r;
	uint8_t name[ZONE_WIRE_OCTETS];
	uint64_t version = store_version(t);

	put(t, &zone, "www.example.", 28, "0123456789abcdef", 16);
	put(t, &zone, "www.example.", 1, "abcd", 4);
	put(t, &zone, "www.example.", 257, "x", 1);
	put(t, &zone, "example.", 2, "\x02ns\x00", 4);
	put(t, &zone, "www.example.", 1, "efgh", 4);
	zone = get_zone(t, "example.");
	assert_int_equal(zone.n_names, 2);
	assert_int_equal(zone.n_records, 4);
	assert_int_equal(zone.version, version);
	assert_int_equal(store_commit(t), 0);
	reopen(f);
	t = begin_write(f);
	assert_int_equal(store_version(t), version + 1);
	zone = get_zone(t, "example.");
	assert_int_equal(store_rrset_get(t, &zone, wire(name, "www.example."), 1, &d, &r), 0);
	assert_int_equal(r.n_records, 1);
	assert_int_equal(r.ttl, 3600);
	assert_int_equal(r.record[0].rdlength, 4);
	assert_memory_equal(r.record[0].rdata, "efgh", 4);
	assert_false(r.record[0].disabled);
	assert_int_equal(store_rrset_get(t, &zone, name, 2, &d, &r), -ENOENT);
	assert_int_equal(store_rrset_get(t, &zone, wire(name, "w.example."), 1, &d, &r), -ENOENT);
	assert_int_equal(store_rrset_get(t, &zone, wire(name, "w.org."), 1, &d, &r), -EINVAL);
	remove_rrset(t, &zone, "www.example.", 28);
	remove_rrset(t, &zone, "www.example.", 28);
	remove_rrset(t, &zone, "nothing.example.", 28);
	zone = get_zone(t, "example.");
	assert_int_equal(zone.n_names, 2);
	assert_int_equal(zone.n_records, 3);
	assert_int_equal(zone.version, version + 1);
	remove_rrset(t, &zone, "www.example.", 1);
	remove_rrset(t, &zone, "www.example.", 257);
	zone = get_zone(t, "example.");
	assert_int_equal(zone.n_names, 1);
	assert_int_equal(zone.n_records, 1);
	assert_int_equal(store_commit(t), 0);
	store_decoder_free(&d);
}

static void
many_and_long_records_fit(void **state)
{
	enum { N = 65535 };
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example.");
	struct backend_record *record = calloc(N, sizeof *record);
	uint32_t *rdata = calloc(N, sizeof *rdata);
	uint8_t *big = malloc(UINT16_MAX), name[ZONE_WIRE_OCTETS];
	struct store_decoder d = {0};
	struct backend_rrset r;

	memset(big, 7, UINT16_MAX);
	for (uint32_t i = 0; i < N; i++) {
		rdata[i] = i;
		record[i] = (struct backend_record){(uint8_t *)&rdata[i], 4, i % 3 == 0};
	}
	wire(name, "many.example.");
	assert_int_equal(
		store_rrset_put(t, &zone,
			&(struct backend_change){.rrset = {name, 1, INT32_MAX, N, 0, record, NULL},
				.has_records = true}),
		0);
	put(t, &zone, "many.example.", 16, big, UINT16_MAX);
	assert_int_equal(store_commit(t), 0);
	t = begin_read(f);
	zone = get_zone(t, "example.");
	assert_int_equal(store_rrset_get(t, &zone, name, 1, &d, &r), 0);
	assert_int_equal(r.n_records, N);
	assert_int_equal(r.ttl, INT32_MAX);
	for (uint32_t i = 0; i < N; i++) {
		assert_int_equal(r.record[i].disabled, i % 3 == 0);
		assert_memory_equal(r.record[i].rdata, &i, 4);
	}
	assert_int_equal(store_rrset_get(t, &zone, name, 16, &d, &r), 0);
	assert_int_equal(r.record[0].rdlength, UINT16_MAX);
	assert_memory_equal(r.record[0].rdata, big, UINT16_MAX);
	store_end(t);
	store_decoder_free(&d);
	free(record);
	free(rdata);
	free(big);
}

static void
names_too_long_for_a_key_are_refused(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, ".");
	uint8_t name[ZONE_WIRE_OCTETS] = {0};
	struct backend_record record = {(const uint8_t *)"abcd", 4, false};
	struct backend_change c = {
		.rrset = {name, 1, 60, 1, 0, &record, NULL}, .has_records = true};

	/* the longest of zeros that a name can be: 250 of them take 504 octets of key */
	for (unsigned i = 0, at = 0; i < 4; i++) {
		name[at] = i < 3 ? 63 : 61;
		at += name[at] + 1u;
	}
	zone.id = UINT64_MAX; /* 9 octets of key */
	t->now.valid = true;
	t->now.record.zone = zone;
	assert_int_equal(store_rrset_put(t, &zone, &c), -ENAMETOOLONG);
	t->now.valid = false;
	zone = get_zone(t, ".");
	assert_int_equal(store_rrset_put(t, &zone, &c), 0);
	assert_int_equal(count_rrsets(t, &zone, name, true), 1);
	assert_int_equal(store_commit(t), 0);
}

/* --- the walk --- */

static void
a_walk_is_in_order_and_merges_comments(void **state)
{
	static const struct {
		const char *owner;
		uint16_t type;
		unsigned n_records, n_comments;
	} want[] = {
		{"example.", 2, 1, 0},
		{"example.", 6, 1, 1},
		{"a.example.", 1, 1, 0},
		{"a.example.", 16, 0, 1},
		{"b.a.example.", 1, 1, 1},
		{"aa.example.", 28, 0, 1},
		{"*.b.example.", 1, 1, 0},
		{"b.b.example.", 1, 1, 0},
	};
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone other = create_zone(t, "a.example."), zone = create_zone(t, "example."),
			  last = create_zone(t, "z.example.");
	uint8_t name[ZONE_WIRE_OCTETS];

	put(t, &other, "a.example.", 1, "abcd", 4);
	put(t, &last, "z.example.", 1, "abcd", 4);
	for (unsigned n = 0; n < 8; n++) {
		unsigned i = n * 5 % 8;
		if (want[i].n_records > 0)
			put(t, &zone, want[i].owner, want[i].type, "abcd", 4);
		if (want[i].n_comments > 0)
			put_comment(t, &zone, want[i].owner, want[i].type, want[i].owner);
	}
	for (unsigned writing = 0; writing < 2; writing++) {
		struct store_cursor *c;
		struct backend_rrset r;
		assert_int_equal(store_cursor_open(t, &zone, NULL, false, &c), 0);
		for (unsigned i = 0; i < 8; i++) {
			assert_int_equal(store_cursor_next(c, &r), 0);
			assert_memory_equal(r.owner, wire(name, want[i].owner), name_octets(name));
			assert_int_equal(r.type, want[i].type);
			assert_int_equal(r.n_records, want[i].n_records);
			assert_int_equal(r.n_comments, want[i].n_comments);
			if (r.n_comments == 1) {
				assert_string_equal(r.comment[0].content, want[i].owner);
				assert_string_equal(r.comment[0].account, "me");
				assert_int_equal(r.comment[0].modified_at, 99);
			}
		}
		assert_int_equal(store_cursor_next(c, &r), -ENOENT);
		assert_int_equal(store_cursor_next(c, &r), -ENOENT);
		store_cursor_close(c);
		assert_int_equal(count_rrsets(t, &zone, wire(name, "a.example."), true), 3);
		assert_int_equal(count_rrsets(t, &zone, wire(name, "a.example."), false), 6);
		assert_int_equal(count_rrsets(t, &zone, wire(name, "aaa.example."), false), 2);
		assert_int_equal(count_rrsets(t, &zone, wire(name, "aaa.example."), true), 0);
		if (writing == 0) {
			assert_int_equal(store_commit(t), 0);
			t = begin_read(f);
			zone = get_zone(t, "example.");
		}
	}
	store_end(t);
}

static void
a_walk_goes_on_beside_writes_and_skips_owners(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example.");
	struct store_cursor *c;
	struct backend_rrset r;
	unsigned n = 0;

	for (unsigned i = 0; i < 500; i++) {
		char text[64];
		snprintf(text, sizeof text, "n%03u.example.", i);
		put(t, &zone, text, 1, "abcd", 4);
		put(t, &zone, text, 16, "abcd", 4);
	}
	assert_int_equal(store_commit(t), 0);
	t = begin_write(f);
	zone = get_zone(t, "example.");
	assert_int_equal(store_cursor_open(t, &zone, NULL, false, &c), 0);
	while (store_cursor_next(c, &r) == 0) {
		assert_int_equal(r.type, 1);
		/* the record that was handed out goes */
		assert_int_equal(
			store_rrset_put(t, &zone,
				&(struct backend_change){.rrset = {r.owner, 1, 0, 0, 0, NULL, NULL},
					.has_records = true}),
			0);
		assert_memory_equal(r.record[0].rdata, "abcd", 4);
		store_cursor_skip_owner(c);
		n++;
	}
	store_cursor_close(c);
	assert_int_equal(n, 500);
	assert_int_equal(get_zone(t, "example.").n_records, 500);
	assert_int_equal(store_commit(t), 0);
}

static void
comments_live_without_records_and_go_with_them(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example.");
	struct store_decoder d = {0};
	struct backend_rrset r;
	uint8_t name[ZONE_WIRE_OCTETS];

	wire(name, "www.example.");
	put_comment(t, &zone, "www.example.", 1, "first");
	assert_int_equal(store_rrset_get(t, &zone, name, 1, &d, &r), 0);
	assert_int_equal(r.n_records, 0);
	put(t, &zone, "www.example.", 1, "abcd", 4);
	assert_int_equal(store_rrset_get(t, &zone, name, 1, &d, &r), 0);
	assert_int_equal(r.n_records, 1);
	assert_int_equal(r.n_comments, 1);
	assert_string_equal(r.comment[0].content, "first");
	put_comment(t, &zone, "www.example.", 16, "stays");
	remove_rrset(t, &zone, "www.example.", 1);
	assert_int_equal(store_rrset_get(t, &zone, name, 1, &d, &r), -ENOENT);
	assert_int_equal(store_rrset_get(t, &zone, name, 16, &d, &r), 0);
	assert_string_equal(r.comment[0].content, "stays");
	assert_int_equal(get_zone(t, "example.").n_names, 0);
	store_end(t);
	store_decoder_free(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(zones_are_listed_in_canonical_order),
		STORE_TEST(a_zone_keeps_what_it_was_given),
		STORE_TEST(the_zone_of_a_name_is_the_closest_one),
		STORE_TEST(a_deleted_zone_leaves_nothing_and_its_id_is_not_given_again),
		STORE_TEST(rrsets_are_replaced_and_removed_and_counted),
		STORE_TEST(many_and_long_records_fit),
		STORE_TEST(names_too_long_for_a_key_are_refused),
		STORE_TEST(a_walk_is_in_order_and_merges_comments),
		STORE_TEST(a_walk_goes_on_beside_writes_and_skips_owners),
		STORE_TEST(comments_live_without_records_and_go_with_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
