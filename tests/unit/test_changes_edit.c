/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edits of zones: what each kind does, what is refused and in which words, serials. */
#include "changes_fixture.h"

#include <stdio.h>
#include <time.h>

#define ZONE "example.org."
#define W "www.example.org."
#define SOA "ns.example.org. host.example.org."

static void
refused(struct outcome o, enum change_verdict verdict, const char *text)
{
	assert_string_equal(o.text, text);
	assert_int_equal(o.verdict, verdict);
	assert_false(o.changed);
}

static uint32_t
today(uint32_t count)
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	return (uint32_t)((tm.tm_year + 1900) * 1000000 + (tm.tm_mon + 1) * 10000 +
			  tm.tm_mday * 100) +
	       count;
}

static void
replace_sets_and_delete_removes(void **state)
{
	struct changes_fixture *f = *state;
	struct outcome o;

	create_full_zone(f, ZONE);
	assert_int_equal(served(f, ZONE), 1);
	o = EDIT(f, ZONE, "REPLACE " W " 60 A 192.0.2.1 / -192.0.2.2");
	assert_int_equal(o.verdict, CHANGE_OK);
	assert_true(o.changed);
	assert_int_equal(o.before, 1);
	assert_int_equal(o.after, today(1));
	assert_string_equal(stored(f, ZONE, W, "A"), "60 192.0.2.1 -192.0.2.2");
	assert_int_equal(served(f, ZONE), today(1)); /* by the time that it is acknowledged */
	assert_true(served_name(f, ZONE, W));
	o = EDIT(f, ZONE, "DELETE " W " A");
	assert_int_equal(o.after, today(2));
	assert_string_equal(stored(f, ZONE, W, "A"), "");
	assert_false(served_name(f, ZONE, W));
	o = EDIT(f, ZONE, "REPLACE " W " 60 A 192.0.2.1", "DELETE " W " AAAA");
	assert_int_equal(o.after, today(3));
	o = EDIT(f, ZONE, "REPLACE " W " 60 A"); /* none: it goes, too */
	assert_int_equal(o.after, today(4));
	assert_string_equal(stored(f, ZONE, W, "A"), "");
}

static void
what_changes_nothing_leaves_the_serial(void **state)
{
	struct changes_fixture *f = *state;
	struct outcome o;

	create_full_zone(f, ZONE);
	EDIT_OK(f, ZONE, "REPLACE " W " 60 A 192.0.2.1 / 192.0.2.2");
	o = EDIT(f, ZONE, "REPLACE " W " 60 A 192.0.2.2 / 192.0.2.1",
		"DELETE nothing.example.org. A", "DELETE elsewhere.example. A");
	assert_int_equal(o.verdict, CHANGE_OK);
	assert_false(o.changed);
	assert_int_equal(o.before, today(1));
	assert_int_equal(o.after, today(1));
	assert_true(EDIT(f, ZONE, "REPLACE " W " 61 A 192.0.2.2 / 192.0.2.1").changed);
	assert_true(EDIT(f, ZONE, "REPLACE " W " 61 A 192.0.2.2 / -192.0.2.1").changed);
}

static void
extend_and_prune_work_on_single_records(void **state)
{
	struct changes_fixture *f = *state;

	create_full_zone(f, ZONE);
	EDIT_OK(f, ZONE, "EXTEND " W " 60 A 192.0.2.1");
	EDIT_OK(f, ZONE, "EXTEND " W " 60 A 192.0.2.2", "EXTEND " W " 60 A 192.0.2.3");
	assert_string_equal(stored(f, ZONE, W, "A"), "60 192.0.2.1 192.0.2.2 192.0.2.3");
	assert_false(EDIT(f, ZONE, "EXTEND " W " 60 A 192.0.2.2").changed);
	refused(EDIT(f, ZONE, "EXTEND " W " 61 A 192.0.2.4"), CHANGE_INVALID,
		"RRset " W " IN A uses a different TTL value than the remainder of the RRset");
	EDIT_OK(f, ZONE, "PRUNE " W " 60 A 192.0.2.2");
	assert_string_equal(stored(f, ZONE, W, "A"), "60 192.0.2.1 192.0.2.3");
	assert_false(EDIT(f, ZONE, "PRUNE " W " 60 A 192.0.2.9").changed);
	/* in their order, and after a REPLACE of the same RRset */
	EDIT_OK(f, ZONE, "REPLACE " W " 5 A 192.0.2.7", "EXTEND " W " 5 A 192.0.2.8",
		"PRUNE " W " 5 A 192.0.2.7");
	assert_string_equal(stored(f, ZONE, W, "A"), "5 192.0.2.8");
	EDIT_OK(f, ZONE, "PRUNE " W " 5 A 192.0.2.8");
	assert_string_equal(stored(f, ZONE, W, "A"), "");
	refused(EDIT(f, ZONE, "EXTEND " W " 5 A"), CHANGE_INVALID,
		"No record provided for PRUNE or EXTEND operation");
}

static void
what_cannot_stand_together_is_refused(void **state)
{
	struct changes_fixture *f = *state;
	struct zone_edits whole = {.whole = true};

	create_full_zone(f, ZONE);
	EDIT_OK(f, ZONE, "REPLACE " W " 60 A 192.0.2.1", "REPLACE alias.example.org. 60 CNAME " W);
	refused(EDIT(f, ZONE, "REPLACE " W " 60 CNAME a.example."), CHANGE_INVALID,
		"RRset " W " IN CNAME: Conflicts with pre-existing RRset");
	refused(EDIT(f, ZONE, "REPLACE alias.example.org. 60 A 192.0.2.1"), CHANGE_INVALID,
		"RRset alias.example.org. IN A: Conflicts with pre-existing RRset");
	refused(EDIT(f, ZONE, "REPLACE " ZONE " 60 CNAME a.example."), CHANGE_INVALID,
		"RRset " ZONE " IN CNAME: Conflicts with pre-existing RRset");
	refused(edit_with(f, ZONE,
			(const char *const[]){"REPLACE " ZONE " 60 SOA " SOA " 1 2 3 4 5",
				"REPLACE " W " 60 A 192.0.2.1", "REPLACE " W " 60 CNAME a.example.",
				NULL},
			&whole),
		CHANGE_INVALID, "RRset " W " IN CNAME: Conflicts with another RRset");
	/* one goes, the other comes */
	EDIT_OK(f, ZONE, "DELETE " W " A", "REPLACE " W " 60 CNAME a.example.");
	EDIT_OK(f, ZONE, "REPLACE " W " 60 A 192.0.2.1", "DELETE " W " CNAME");
	/* disabled records are in nobody's way */
	EDIT_OK(f, ZONE, "REPLACE " W " 60 A -192.0.2.1", "REPLACE " W " 60 CNAME a.example.");
	assert_true(served_name(f, ZONE, W));
	refused(EDIT(f, ZONE, "REPLACE d.example.org. 60 NS a.example.",
			"REPLACE d.example.org. 60 DNAME a.example."),
		CHANGE_INVALID,
		"RRset d.example.org. IN DNAME: Cannot have both NS and DNAME except in zone apex");
	EDIT_OK(f, ZONE, "REPLACE " ZONE " 60 DNAME a.example.");
}

static void
malformed_rrsets_are_refused(void **state)
{
	struct changes_fixture *f = *state;

	create_full_zone(f, ZONE);
	refused(EDIT(f, ZONE, "REPLACE www.example.com. 60 A 192.0.2.1"), CHANGE_INVALID,
		"RRset www.example.com. IN A: Name is out of zone");
	refused(EDIT(f, ZONE, "REPLACE wwwexample.org. 60 A 192.0.2.1"), CHANGE_INVALID,
		"RRset wwwexample.org. IN A: Name is out of zone");
	refused(EDIT(f, ZONE, "REPLACE " W " 60 CNAME a.example. / b.example."), CHANGE_INVALID,
		"RRset " W " IN CNAME has more than one record");
	refused(EDIT(f, ZONE, "REPLACE " W " 60 TXT \"a\" / \"b\" / \"a\""), CHANGE_INVALID,
		"Duplicate record in RRset " W " IN TXT with content \"\"a\"\"");
	refused(EDIT(f, ZONE, "REPLACE " W " 60 SOA " SOA " 1 2 3 4 5"), CHANGE_INVALID,
		"RRset " W " IN SOA is only allowed at apex");
	refused(EDIT(f, ZONE,
			"REPLACE " ZONE " 60 DS 1 8 2 "
			"0000000000000000000000000000000000000000000000000000000000000000"),
		CHANGE_INVALID, "RRset " ZONE " IN DS is not allowed at apex");
	refused(EDIT(f, ZONE, "REPLACE " W " 60 A 192.0.2.1", "REPLACE " W " 60 A 192.0.2.2"),
		CHANGE_INVALID, "Duplicate RRset " W " IN A with changetype: REPLACE");
	refused(EDIT(f, ZONE, "REPLACE " W " 2147483648 A 192.0.2.1"), CHANGE_INVALID,
		"RRset " W " IN A: the TTL must be at most 2147483647");
	refused(EDIT(f, ZONE, "REPLACE " W " 60 TYPE65401 \\# 1 00"), CHANGE_INVALID,
		"RRset " W " IN TYPE65401: ALIAS records are not served by this version of "
		"Millrace");
	refused(EDIT(f, "nowhere.example.", "DELETE " W " A"), CHANGE_NOT_FOUND,
		"Could not find domain 'nowhere.example.'");
	assert_int_equal(served(f, ZONE), 1); /* and nothing of it happened */
}

static void
serials_follow_the_zones_metadata(void **state)
{
	struct changes_fixture *f = *state;
	struct outcome o;

	create_full_zone(f, ZONE);
	set_metadata(f, ZONE, "SOA-EDIT-API", "INCREASE");
	o = EDIT(f, ZONE, "REPLACE " W " 60 A 192.0.2.1");
	assert_int_equal(o.after, 2);
	set_metadata(f, ZONE, "SOA-EDIT-API", "OFF");
	o = EDIT(f, ZONE, "REPLACE " W " 60 A 192.0.2.2");
	assert_int_equal(o.after, 2);
	assert_true(o.changed);
	set_metadata(f, ZONE, "SOA-EDIT-API", "SOA-EDIT-INCREASE");
	set_metadata(f, ZONE, "SOA-EDIT", "NONE");
	o = EDIT(f, ZONE, "REPLACE " W " 60 A 192.0.2.3");
	assert_int_equal(o.after, 3);
	set_metadata(f, ZONE, "SOA-EDIT-API", "EPOCH");
	o = EDIT(f, ZONE, "REPLACE " W " 60 A 192.0.2.4");
	assert_in_range(o.after, time(NULL) - 10, time(NULL));
	assert_int_equal(served(f, ZONE), o.after);
	set_metadata(f, ZONE, "SOA-EDIT-API", NULL); /* then it is DEFAULT */
	o = EDIT(f, ZONE, "REPLACE " W " 60 A 192.0.2.5");
	assert_int_equal(o.after, today(1));
}

static void
a_change_may_set_the_soa(void **state)
{
	struct changes_fixture *f = *state;
	struct outcome o;

	create_full_zone(f, ZONE);
	set_metadata(f, ZONE, "SOA-EDIT-API", "INCREASE");
	o = EDIT(f, ZONE, "REPLACE " ZONE " 7 SOA " SOA " 100 2 3 4 5");
	assert_int_equal(o.before, 1);
	assert_int_equal(o.after, 101);
	assert_string_equal(stored(f, ZONE, ZONE, "SOA"), "7 " SOA " 101 2 3 4 5");
	set_metadata(f, ZONE, "SOA-EDIT-API", "OFF");
	o = EDIT(f, ZONE, "REPLACE " ZONE " 7 SOA " SOA " 50 2 3 4 5");
	assert_int_equal(o.after, 50);
	assert_int_equal(served(f, ZONE), 50);
	assert_false(EDIT(f, ZONE, "REPLACE " ZONE " 7 SOA " SOA " 50 2 3 4 5").changed);
	/* without one, or with a disabled one, it answers SERVFAIL, and comes back */
	EDIT_OK(f, ZONE, "REPLACE " ZONE " 7 SOA -" SOA " 51 2 3 4 5");
	assert_int_equal(served(f, ZONE), -1);
	EDIT_OK(f, ZONE, "DELETE " ZONE " SOA", "REPLACE " W " 60 A 192.0.2.1");
	assert_int_equal(served(f, ZONE), -1);
	EDIT_OK(f, ZONE, "REPLACE " ZONE " 7 SOA " SOA " 52 2 3 4 5");
	assert_int_equal(served(f, ZONE), 52);
	assert_true(served_name(f, ZONE, W));
}

static void
only_the_expected_serial_is_changed(void **state)
{
	struct changes_fixture *f = *state;
	uint32_t serial = 7;
	struct zone_edits with = {.if_serial = &serial};
	const char *line[] = {"REPLACE " W " 60 A 192.0.2.1", NULL};

	create_full_zone(f, ZONE);
	refused(edit_with(f, ZONE, line, &with), CHANGE_STALE,
		"The zone's serial is 1 by now, not 7: somebody else has changed it");
	serial = 1;
	assert_int_equal(edit_with(f, ZONE, line, &with).verdict, CHANGE_OK);
}

struct journal {
	unsigned n;
	char text[2000];
};

static int
note_entry(void *arg, const struct store_journal_entry *e)
{
	struct journal *j = arg;
	size_t at = strlen(j->text);

	j->n++;
	at += (size_t)snprintf(j->text + at, sizeof j->text - at, "%u>%u %s/%s", e->serial_before,
		e->serial_after, e->who, e->origin);
	for (uint32_t i = 0; i < e->n_removed; i++)
		at += (size_t)snprintf(j->text + at, sizeof j->text - at, " -%u*%u",
			e->removed[i].type, e->removed[i].n_records);
	for (uint32_t i = 0; i < e->n_added; i++)
		at += (size_t)snprintf(j->text + at, sizeof j->text - at, " +%u*%u",
			e->added[i].type, e->added[i].n_records);
	snprintf(j->text + at, sizeof j->text - at, "\n");
	return 0;
}

static void
journal_of(struct changes_fixture *f, const char *zone, struct journal *j)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct store_zone z;
	struct store_txn *t;

	memset(j, 0, sizeof *j);
	assert_int_equal(store_read(f->store, &t), 0);
	assert_int_equal(store_zone_get(t, wire(apex, zone), &z), 0);
	assert_int_equal(store_journal_each(t, &z, UINT64_MAX, note_entry, j), 0);
	store_end(t);
}

static int
note_audit(void *arg, uint64_t sequence, int64_t at_ms, const char *json)
{
	strcpy(arg, json);
	return 1; /* the newest */
}

static void
what_changed_is_in_the_journal_and_the_audit_log(void **state)
{
	struct changes_fixture *f = *state;
	struct journal j;
	struct store_txn *t;
	char audit[4096];

	create_full_zone(f, ZONE);
	set_metadata(f, ZONE, "SOA-EDIT-API", "INCREASE");
	EDIT_OK(f, ZONE, "REPLACE " W " 60 A 192.0.2.1 / 192.0.2.2");
	EDIT_OK(f, ZONE, "REPLACE " W " 60 A 192.0.2.2 / 192.0.2.3 / 192.0.2.4");
	EDIT_OK(f, ZONE, "REPLACE " W " 61 A 192.0.2.2 / 192.0.2.3 / 192.0.2.4");
	journal_of(f, ZONE, &j);
	/* newest first; only records that differ, unless the TTL does */
	assert_string_equal(j.text, "3>4 test/unit -1*3 -6*1 +1*3 +6*1\n"
				    "2>3 test/unit -1*1 -6*1 +1*2 +6*1\n"
				    "1>2 test/unit -6*1 +1*2 +6*1\n"
				    "0>1 test/unit +6*1 +2*1\n");
	assert_int_equal(store_read(f->store, &t), 0);
	assert_int_equal(store_audit_each(t, UINT64_MAX, note_audit, audit), 1);
	store_end(t);
	assert_non_null(strstr(audit, "\"who\":\"test\""));
	assert_non_null(
		strstr(audit, "\"zone\":\"" ZONE "\",\"serial_before\":3,\"serial_after\":4"));
	assert_non_null(
		strstr(audit, "{\"name\":\"" W "\",\"type\":\"A\",\"before\":{\"ttl\":60,"));
	assert_non_null(strstr(audit, "\"content\":\"192.0.2.3\",\"disabled\":false"));
}

static void
a_whole_zone_is_replaced_by_its_difference(void **state)
{
	struct changes_fixture *f = *state;
	struct zone_edits whole = {.whole = true, .soa_edit = "INCREASE"};
	const char *line[] = {"REPLACE " ZONE " 60 SOA " SOA " 1 2 3 4 5",
		"REPLACE " ZONE " 60 NS ns.example.org.", "REPLACE " W " 60 A 192.0.2.1",
		"REPLACE b.example.org. 60 A 192.0.2.9", NULL};
	struct journal j;
	struct outcome o;

	create_full_zone(f, ZONE);
	set_metadata(f, ZONE, "SOA-EDIT-API", "OFF");
	EDIT_OK(f, ZONE, "REPLACE " W " 60 A 192.0.2.1", "REPLACE a.example.org. 60 A 192.0.2.2");
	o = edit_with(f, ZONE, line, &whole);
	assert_int_equal(o.verdict, CHANGE_OK);
	assert_int_equal(o.after, 2);
	assert_false(served_name(f, ZONE, "a.example.org."));
	assert_true(served_name(f, ZONE, "b.example.org."));
	assert_true(served_name(f, ZONE, W));
	journal_of(f, ZONE, &j);
	/* the RRsets that stay are not in it */
	assert_memory_equal(j.text, "1>2 test/unit -6*1 -1*1 +6*1 +1*1\n", 34);
	whole.soa_edit = "OFF";
	line[0] = "REPLACE " ZONE " 60 SOA " SOA " 2 2 3 4 5";
	assert_false(edit_with(f, ZONE, line, &whole).changed);
}

/* A file that always has the same serial, of a zone that was changed otherwise meanwhile. */
static void
a_whole_zone_does_not_take_the_serial_back(void **state)
{
	static const char *const kind[] = {"INCREASE", "DEFAULT"};
	struct changes_fixture *f = *state;
	struct zone_edits whole = {.whole = true};
	const char *line[] = {"REPLACE " ZONE " 60 SOA " SOA " 1 2 3 4 5",
		"REPLACE " ZONE " 60 NS ns.example.org.", NULL, NULL};
	struct outcome o;

	create_full_zone(f, ZONE);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t before;
		set_metadata(f, ZONE, "SOA-EDIT-API", kind[i]);
		for (unsigned k = 0; k < 3; k++)
			EDIT_OK(f, ZONE,
				k % 2 == 0 ? "REPLACE " W " 60 A 192.0.2.1"
					   : "REPLACE " W " 60 A 192.0.2.2");
		before = (uint32_t)served(f, ZONE);
		line[2] = i == 0 ? "REPLACE " W " 60 A 192.0.2.8" : "REPLACE " W " 60 A 192.0.2.9";
		o = edit_with(f, ZONE, line, &whole);
		assert_int_equal(o.verdict, CHANGE_OK);
		assert_int_equal(o.before, before);
		assert_int_equal(o.after, before + 1);
		/* nothing but the serial differs: nothing has changed */
		o = edit_with(f, ZONE, line, &whole);
		assert_int_equal(o.verdict, CHANGE_OK);
	}
	/* who counts himself may */
	set_metadata(f, ZONE, "SOA-EDIT-API", "OFF");
	line[2] = NULL;
	o = edit_with(f, ZONE, line, &whole);
	assert_int_equal(o.after, 1);
}

static void
a_zone_without_ns_is_served(void **state)
{
	struct changes_fixture *f = *state;

	create_full_zone(f, ZONE);
	EDIT_OK(f, ZONE, "DELETE " ZONE " NS", "REPLACE " W " 60 A 192.0.2.1");
	assert_int_equal(served(f, ZONE), today(1));
	assert_true(served_name(f, ZONE, W));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHANGES_TEST(replace_sets_and_delete_removes),
		CHANGES_TEST(what_changes_nothing_leaves_the_serial),
		CHANGES_TEST(extend_and_prune_work_on_single_records),
		CHANGES_TEST(what_cannot_stand_together_is_refused),
		CHANGES_TEST(malformed_rrsets_are_refused),
		CHANGES_TEST(serials_follow_the_zones_metadata),
		CHANGES_TEST(a_change_may_set_the_soa),
		CHANGES_TEST(only_the_expected_serial_is_changed),
		CHANGES_TEST(what_changed_is_in_the_journal_and_the_audit_log),
		CHANGES_TEST(a_whole_zone_is_replaced_by_its_difference),
		CHANGES_TEST(a_whole_zone_does_not_take_the_serial_back),
		CHANGES_TEST(a_zone_without_ns_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
