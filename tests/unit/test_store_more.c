/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store beside records: journal, index of targets, tables, audit log. */
#include "store_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

/* --- journal --- */

struct seen {
	unsigned n;
	uint32_t before[64], after[64];
	uint64_t sequence[64];
	bool cut[64];
};

static int
see(void *arg, const struct store_journal_entry *e)
{
	struct seen *s = arg;

	s->before[s->n] = e->serial_before;
	s->after[s->n] = e->serial_after;
	s->sequence[s->n] = e->sequence;
	s->cut[s->n++] = e->cut;
	return s->n == 64;
}

static int
look_closely(void *arg, const struct store_journal_entry *e)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	assert_true(e->at_ms / 1000 >= now.tv_sec - 60 && e->at_ms / 1000 <= now.tv_sec);
	assert_string_equal(e->who, "token:x");
	assert_string_equal(e->origin, "api");
	assert_int_equal(e->n_removed, 1);
	assert_int_equal(e->n_added, 1);
	assert_memory_equal(e->removed->owner, "\3www\7example\0", 13);
	assert_int_equal(e->removed->type, 1);
	assert_int_equal(e->removed->n_records, 0);
	assert_memory_equal(e->added->owner, "\3www\7example\0", 13);
	assert_int_equal(e->added->type, 1);
	assert_int_equal(e->added->ttl, 60);
	assert_int_equal(e->added->n_records, 1);
	assert_int_equal(e->added->record[0].rdlength, 4);
	assert_int_equal(e->added->n_comments, 1);
	assert_string_equal(e->added->comment[0].content, "because");
	return 7;
}

static void
the_journal_is_told_from_either_end(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example."), next = create_zone(t, "a.example.");
	struct seen s = {0};

	append_journal(t, &next, 7, 8);
	for (uint32_t i = 1; i <= 10; i++)
		append_journal(t, &zone, i, i + 1);
	append_journal(t, &zone, 11, 11); /* SOA-EDIT-API OFF */
	append_journal(t, &zone, 11, 12);
	assert_int_equal(store_commit(t), 0);
	t = begin_read(f);
	zone = get_zone(t, "example.");
	assert_int_equal(store_journal_each(t, &zone, UINT64_MAX, look_closely, NULL), 7);
	assert_int_equal(store_journal_each(t, &zone, UINT64_MAX, see, &s), 0);
	assert_int_equal(s.n, 12);
	for (unsigned i = 1; i < s.n; i++)
		assert_true(s.sequence[i] < s.sequence[i - 1]);
	assert_int_equal(s.after[0], 12);
	uint64_t middle = s.sequence[5];
	s.n = 0;
	assert_int_equal(store_journal_each(t, &zone, middle, see, &s), 0);
	assert_int_equal(s.n, 6);
	assert_int_equal(s.before[0], 6);

	s.n = 0;
	assert_int_equal(store_journal_since(t, &zone, 9, see, &s), 0);
	assert_int_equal(s.n, 4);
	assert_int_equal(s.before[0], 9);
	assert_int_equal(s.after[3], 12);
	/* from before the change that left the serial */
	s.n = 0;
	assert_int_equal(store_journal_since(t, &zone, 11, see, &s), 0);
	assert_int_equal(s.n, 2);
	assert_int_equal(store_journal_since(t, &zone, 12, see, &s), -ENOENT);
	assert_int_equal(store_journal_since(t, &zone, 0, see, &s), -ENOENT);
	store_end(t);

	/* what changed beside the journal leaves a gap */
	t = begin_write(f);
	append_journal(t, &zone, 50, 51);
	zone = get_zone(t, "example.");
	assert_int_equal(store_journal_since(t, &zone, 11, see, &s), -ENOENT);
	s.n = 0;
	assert_int_equal(store_journal_since(t, &zone, 50, see, &s), 0);
	assert_int_equal(s.n, 1);
	store_end(t);
}

static void
the_journal_is_bounded_by_octets(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	struct store_zone zone;
	struct seen s = {0};
	uint8_t name[ZONE_WIRE_OCTETS], big[3000] = {1};
	struct backend_record record = {big, sizeof big, false};
	struct backend_rrset rrset = {wire(name, "example."), 16, 60, 1, 0, &record, NULL};
	struct store_journal_entry e = {.serial_before = 40,
		.serial_after = 41,
		.who = "me",
		.origin = "api",
		.n_added = 1,
		.added = &rrset};

	f->options.journal_octets = 1000;
	reopen(f);
	t = begin_write(f);
	zone = create_zone(t, "example.");
	for (uint32_t i = 1; i < 40; i++)
		append_journal(t, &zone, i, i + 1);
	assert_int_equal(store_journal_each(t, &zone, UINT64_MAX, see, &s), 0);
	assert_in_range(s.n, 10, 25);
	assert_int_equal(s.after[0], 40);
	/* one that is larger than all of it: only who and when are kept */
	assert_int_equal(store_journal_append(t, &zone, &e), 0);
	assert_int_equal(store_commit(t), 0);
	reopen(f);
	t = begin_read(f);
	zone = get_zone(t, "example.");
	s.n = 0;
	assert_int_equal(store_journal_each(t, &zone, UINT64_MAX, see, &s), 0);
	assert_true(s.n > 10);
	assert_true(s.cut[0]);
	assert_int_equal(s.after[0], 41);
	zone.serial = 41;
	assert_int_equal(store_journal_since(t, &zone, 40, see, &s), -ENOENT);
	store_end(t);
}

static void
the_journal_is_bounded_by_age(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t;
	struct store_zone zone;
	struct seen s = {0};

	f->options.journal_seconds = 1;
	reopen(f);
	t = begin_write(f);
	zone = create_zone(t, "example.");
	append_journal(t, &zone, 1, 2);
	append_journal(t, &zone, 2, 3);
	nanosleep(&(struct timespec){1, 50000000}, NULL);
	append_journal(t, &zone, 3, 4);
	assert_int_equal(store_journal_each(t, &zone, UINT64_MAX, see, &s), 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.before[0], 3);
	store_end(t);
}

/* --- targets --- */

struct owners {
	unsigned n;
	uint8_t last[ZONE_WIRE_OCTETS];
};

static int
take_owner(void *arg, const uint8_t *owner)
{
	struct owners *o = arg;

	memcpy(o->last, owner, name_octets(owner));
	o->n++;
	return 0;
}

static unsigned
referrers(struct store_txn *t, const struct store_zone *zone, const char *target, bool below,
	const char *last)
{
	uint8_t name[ZONE_WIRE_OCTETS];
	struct owners o = {0};

	assert_int_equal(store_referrers(t, zone, wire(name, target), below, take_owner, &o), 0);
	if (last != NULL)
		assert_memory_equal(o.last, wire(name, last), strlen(last) + 1);
	return o.n;
}

static void
large_zones_know_who_names_a_target(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example."), small = create_zone(t, "small.");
	char text[64];

	put(t, &small, "small.", 2, "\2ns\5small", 10);
	put(t, &zone, "example.", 2, "\2NS\7Example", 12);
	put(t, &zone, "example.", 15, "\0\1\7example", 11);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "n%u.example.", i);
		if (i % 10 == 0)
			put(t, &zone, text, 33, "\0\1\0\1\0\1\1b\2ns\7example", 20);
		else
			put(t, &zone, text, 15, "\0\1\3out\3org", 11);
	}
	assert_true(get_zone(t, "example.").has_refs);
	assert_false(get_zone(t, "small.").has_refs);
	assert_int_equal(referrers(t, &zone, "ns.example.", false, "example."), 1);
	assert_int_equal(referrers(t, &zone, "b.ns.example.", false, NULL), 100);
	assert_int_equal(referrers(t, &zone, "ns.example.", true, NULL), 101);
	assert_int_equal(referrers(t, &zone, "example.", false, "example."), 1);
	assert_int_equal(referrers(t, &zone, "example.", true, NULL), 102);
	assert_int_equal(referrers(t, &zone, "out.example.", false, NULL), 0);

	/* from here on it is kept: two types of one owner are one pair */
	put(t, &zone, "x.example.", 64, "\0\1\1y\7example", 13);
	put(t, &zone, "x.example.", 65, "\0\1\1Y\7example", 13);
	assert_int_equal(referrers(t, &zone, "y.example.", false, "x.example."), 1);
	remove_rrset(t, &zone, "x.example.", 64);
	assert_int_equal(referrers(t, &zone, "y.example.", false, "x.example."), 1);
	put(t, &zone, "x.example.", 65, "\0\1\1z\7example", 13);
	assert_int_equal(referrers(t, &zone, "y.example.", false, NULL), 0);
	assert_int_equal(referrers(t, &zone, "z.example.", false, "x.example."), 1);
	remove_rrset(t, &zone, "x.example.", 65);
	assert_int_equal(referrers(t, &zone, "z.example.", false, NULL), 0);
	/* RDATA that ends before its name does names nobody */
	put(t, &zone, "x.example.", 15, "\0\1\7exam", 7);
	put(t, &zone, "x.example.", 33, "\0", 1);
	assert_int_equal(store_commit(t), 0);
}

/* --- metadata, keys, rows, audit --- */

static int
count_metadata(void *arg, const struct backend_metadata *m)
{
	assert_true(m->n > 0 && m->value[0] != NULL);
	++*(unsigned *)arg;
	return 0;
}

static void
metadata_is_a_list_of_texts_a_kind(void **state)
{
	static const char *const from[] = {"192.0.2.0/24", "", "2001:db8::/32"};
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example."), other = create_zone(t, "b.");
	const char **value;
	unsigned n_kinds = 0;
	size_t n;

	assert_int_equal(store_metadata_set(t, &zone, "ALLOW-AXFR-FROM", from, 3), 0);
	assert_int_equal(store_metadata_set(t, &zone, "X-ü", from, 1), 0);
	assert_int_equal(store_metadata_set(t, &other, "X-ü", from, 2), 0);
	assert_int_equal(store_metadata_set(t, &zone, "", from, 2), -EINVAL);
	assert_int_equal(store_commit(t), 0);
	t = begin_write(f);
	assert_int_equal(store_metadata_get(t, &zone, "ALLOW-AXFR-FROM", &value, &n), 0);
	assert_int_equal(n, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(value[i], from[i]);
	free(value);
	assert_int_equal(store_metadata_each(t, &zone, count_metadata, &n_kinds), 0);
	assert_int_equal(n_kinds, 2);
	assert_int_equal(store_metadata_set(t, &zone, "ALLOW-AXFR-FROM", NULL, 0), 0);
	assert_int_equal(store_metadata_set(t, &zone, "ALLOW-AXFR-FROM", NULL, 0), 0);
	assert_int_equal(store_metadata_get(t, &zone, "ALLOW-AXFR-FROM", &value, &n), -ENOENT);
	store_end(t);
}

static int
take_key(void *arg, const struct backend_key *key)
{
	struct backend_key *last = arg;

	last->id = key->id;
	last->flags++;
	last->active = key->active;
	last->published = key->published;
	assert_string_equal(key->content, "Private-key-format: v1.2\nAlgorithm: 13\n");
	return 0;
}

static void
keys_have_ids_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example."), other = create_zone(t, "b.");
	struct backend_key key = {.flags = 257,
		.published = true,
		.content = "Private-key-format: v1.2\nAlgorithm: 13\n"};
	struct backend_key second = key, third = key, last = {0};

	assert_int_equal(store_key_put(t, &zone, &key), 0);
	assert_int_equal(store_key_put(t, &other, &second), 0);
	assert_int_equal(store_key_put(t, &zone, &third), 0);
	assert_true(key.id != 0 && key.id != second.id && second.id != third.id);
	third.active = true;
	third.published = false;
	assert_int_equal(store_key_put(t, &zone, &third), 0);
	assert_int_equal(store_commit(t), 0);
	reopen(f);
	t = begin_write(f);
	assert_int_equal(store_key_each(t, &zone, take_key, &last), 0);
	assert_int_equal(last.flags, 2);
	assert_int_equal(last.id, third.id);
	assert_true(last.active);
	assert_false(last.published);
	assert_int_equal(store_key_remove(t, &zone, second.id), -ENOENT);
	assert_int_equal(store_key_remove(t, &zone, key.id), 0);
	key.id = 0;
	assert_int_equal(store_key_put(t, &zone, &key), 0);
	assert_true(key.id > third.id);
	store_end(t);
}

static int
join_rows(void *arg, const char *key, const char *value)
{
	strcat(arg, key);
	strcat(arg, "=");
	strcat(arg, value);
	strcat(arg, ";");
	return 0;
}

static void
rows_are_listed_by_prefix(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	char long_key[482], list[256] = "";
	const char *value;

	memset(long_key, 'k', 481);
	long_key[481] = '\0';
	assert_int_equal(store_row_put(t, STORE_VIEW, "a/x", ""), 0);
	assert_int_equal(store_row_put(t, STORE_VIEW, "a/y", "1"), 0);
	assert_int_equal(store_row_put(t, STORE_VIEW, "b/x", "2"), 0);
	assert_int_equal(store_row_put(t, STORE_SETTING, "a/z", "3"), 0);
	assert_int_equal(store_row_put(t, STORE_VIEW, "a/y", "4"), 0);
	assert_int_equal(store_row_put(t, STORE_VIEW, long_key, "4"), -ENAMETOOLONG);
	assert_int_equal(store_row_put(t, STORE_TOKEN, long_key + 1, "long"), 0);
	assert_int_equal(store_commit(t), 0);
	t = begin_write(f);
	assert_int_equal(store_row_each(t, STORE_VIEW, "a/", join_rows, list), 0);
	assert_string_equal(list, "a/x=;a/y=4;");
	list[0] = '\0';
	assert_int_equal(store_row_each(t, STORE_VIEW, NULL, join_rows, list), 0);
	assert_string_equal(list, "a/x=;a/y=4;b/x=2;");
	assert_int_equal(store_row_get(t, STORE_SETTING, "a/z", &value), 0);
	assert_string_equal(value, "3");
	assert_int_equal(store_row_get(t, STORE_TOKEN, long_key + 1, &value), 0);
	assert_int_equal(store_row_get(t, STORE_TOKEN, long_key, &value), -ENOENT);
	assert_int_equal(store_row_remove(t, STORE_VIEW, "a/y"), 0);
	assert_int_equal(store_row_remove(t, STORE_VIEW, "a/y"), -ENOENT);
	store_end(t);
}

struct audit {
	unsigned n;
	uint64_t first, last;
};

static int
take_audit(void *arg, uint64_t sequence, int64_t at_ms, const char *json)
{
	struct audit *a = arg;

	assert_true(at_ms > 1700000000000);
	assert_true(a->n == 0 || sequence == a->last - 1);
	if (a->n++ == 0)
		a->first = sequence;
	a->last = sequence;
	return json[0] != '{';
}

static void
the_audit_log_is_in_order_and_bounded(void **state)
{
	enum { MIB = 1 << 20, N = 70 };
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	char *big = malloc(MIB);
	struct audit a = {0}, b = {0};

	memset(big, 'x', MIB - 1);
	big[0] = '{';
	big[MIB - 1] = '\0';
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(store_audit_append(t, i % 2 == 0 ? big : "{}"), 0);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(store_audit_append(t, big), 0);
	assert_int_equal(store_audit_append(t, "{\"last\":1}"), 0);
	assert_int_equal(store_commit(t), 0);
	t = begin_read(f);
	assert_int_equal(store_audit_each(t, UINT64_MAX, take_audit, &a), 0);
	assert_in_range(a.n, 63, 66);
	assert_int_equal(a.first, 2 * N + 1);
	assert_int_equal(store_audit_each(t, a.first - 9, take_audit, &b), 0);
	assert_int_equal(b.first, a.first - 10);
	assert_int_equal(b.n, a.n - 10);
	store_end(t);
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(the_journal_is_told_from_either_end),
		STORE_TEST(the_journal_is_bounded_by_octets),
		STORE_TEST(the_journal_is_bounded_by_age),
		STORE_TEST(large_zones_know_who_names_a_target),
		STORE_TEST(metadata_is_a_list_of_texts_a_kind),
		STORE_TEST(keys_have_ids_of_their_own),
		STORE_TEST(rows_are_listed_by_prefix),
		STORE_TEST(the_audit_log_is_in_order_and_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
