/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies of the HTTP API: what becomes of them before anybody asks the zone; and the journal's
 * entries taken together. What PowerDNS says to each mistake is tests/wire's to compare. */
#include "controlplane/api/body_zone.h"
#include "controlplane/api/journal_net.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include <libknot/descriptor.h>

static const uint8_t apex[ZONE_WIRE_OCTETS] = "\1z";

static struct body_rrsets b;
static char error[BODY_ERROR_OCTETS];

static int
parse(const char *text, enum body_rrsets_kind kind)
{
	json_t *json = json_loads(text, 0, NULL);
	int ret;

	assert_non_null(json);
	body_rrsets_free(&b);
	ret = body_rrsets_parse(&b, json, apex, kind, 1000, error);
	json_decref(json);
	return ret;
}

#define RR(kind, type, content)                                                     \
	"{\"name\":\"a.z.\",\"type\":\"" type "\",\"ttl\":5,\"changetype\":\"" kind \
	"\",\"records\":[{\"content\":\"" content "\"}]}"
#define GONE(type) "{\"name\":\"a.z.\",\"type\":\"" type "\",\"changetype\":\"DELETE\"}"

static void
test_later_edits_of_an_rrset_win(void **state)
{
	assert_int_equal(
		parse("[" GONE("A") "," RR("REPLACE", "A", "192.0.2.1") "]", BODY_CHANGES), 0);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.edit[0].kind, EDIT_REPLACE);
	assert_true(b.edit[0].has_comments); /* DELETE takes them away */
	assert_int_equal(b.edit[0].rrset.n_records, 1);

	assert_int_equal(
		parse("[" GONE("A") "," RR("EXTEND", "A", "192.0.2.1") "]", BODY_CHANGES), 0);
	assert_int_equal(b.n, 1);
	assert_int_equal(b.edit[0].kind, EDIT_REPLACE);

	assert_int_equal(parse("[" RR("REPLACE", "A", "192.0.2.1") "," RR(
				       "EXTEND", "TXT", "\\\"x\\\"") "," GONE("A") "]",
				 BODY_CHANGES),
		0);
	assert_int_equal(b.n, 2);
	assert_int_equal(b.edit[0].rrset.type, KNOT_RRTYPE_TXT);
	assert_int_equal(b.edit[1].kind, EDIT_DELETE);

	assert_int_equal(
		parse("[" RR("EXTEND", "A", "192.0.2.1") "," RR("PRUNE", "A", "192.0.2.2") "]",
			BODY_CHANGES),
		0);
	assert_int_equal(b.n, 2);
	assert_int_equal(
		parse("[" RR("EXTEND", "A", "192.0.2.1") "," RR("EXTEND", "A", "192.0.2.2") "]",
			BODY_CHANGES),
		-EINVAL);
	assert_string_equal(error, "Duplicate RRset a.z. IN A with changetype: EXTEND");
}

static void
test_parts_of_an_rrset_become_one(void **state)
{
	assert_int_equal(
		parse("[" RR("", "A", "192.0.2.1") ",{\"name\":\"A.Z.\",\"type\":\"a\",\"ttl\":3,"
						   "\"records\":[{\"content\":\"192.0.2.2\","
						   "\"disabled\":true}],\"comments\":[{\"content\":"
						   "\"c\"}]}," RR("", "TXT", "\\\"x\\\"") "]",
			BODY_CONTENT),
		0);
	assert_int_equal(b.n, 2);
	const struct backend_rrset *set =
		body_rrsets_find(&b, (const uint8_t *)"\1a\1z", KNOT_RRTYPE_A);
	assert_non_null(set);
	assert_int_equal(set->n_records, 2);
	assert_int_equal(set->ttl, 3);
	assert_int_equal(set->n_comments, 1);
	assert_int_equal(set->comment[0].modified_at, 1000);
	assert_false(set->record[0].disabled);
	assert_true(set->record[1].disabled);
	assert_int_equal(
		parse("[" RR("", "A", "192.0.2.1") "," RR("", "A", "192.0.2.1") "]", BODY_CONTENT),
		-EINVAL);
	assert_string_equal(
		error, "Duplicate record in RRset a.z. IN A with content \"192.0.2.1\"");
}

static void
test_numbers(void **state)
{
	static const struct {
		const char *ttl;
		int64_t expected;
	} row[] = {{"0", 0}, {"2147483647", 2147483647}, {"\"60\"", 60}, {"60.0", 60},
		{"2147483648", -1}, {"-1", -1}, {"1.5", -1}, {"1e300", -1}, {"\"\"", -1},
		{"\"6x\"", -1}, {"null", -1}, {"true", -1}, {"\"99999999999999999999\"", -1}};

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		char text[256];
		snprintf(text, sizeof text,
			"[{\"name\":\"a.z.\",\"type\":\"A\",\"ttl\":%s,\"records\":[{\"content\":"
			"\"192.0.2.1\"}]}]",
			row[i].ttl);
		assert_int_equal(parse(text, BODY_CONTENT), row[i].expected < 0 ? -EINVAL : 0);
		if (row[i].expected >= 0)
			assert_int_equal(b.edit[0].rrset.ttl, row[i].expected);
	}
}

static void
test_names(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} row[] = {{"z.", true}, {"A.Z.", true}, {"*.z.", true}, {"_a-b/1.z.", true}, {"z", false},
		{"", false}, {"yz.", false}, {"a..z.", false}, {"a.z\\\\.", false},
		{"a b.z.", false}, {"b.*.z.", false}, {"\\u00e4.z.", false}, {".", false}};

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		char text[256];
		snprintf(text, sizeof text,
			"[{\"name\":\"%s\",\"type\":\"A\",\"ttl\":1,\"records\":[{\"content\":"
			"\"192.0.2.1\"}]}]",
			row[i].name);
		if (parse(text, BODY_CONTENT) != (row[i].good ? 0 : -EINVAL))
			fail_msg("%s: %s", row[i].name, error);
	}
	/* what is outside cannot be there */
	assert_int_equal(parse("[{\"name\":\"a.y.\",\"type\":\"A\",\"changetype\":\"DELETE\"}]",
				 BODY_CHANGES),
		0);
	assert_int_equal(b.n, 0);
	/* what a zone file brought can be taken away */
	assert_int_equal(
		parse("[{\"name\":\"a\\\\@b.z.\",\"type\":\"A\",\"changetype\":\"DELETE\"}]",
			BODY_CHANGES),
		0);
	assert_int_equal(b.n, 1);
}

static void
test_primaries(void **state)
{
	static const struct {
		const char *json, *expected;
	} row[] = {{"[\"192.0.2.1\"]", "192.0.2.1"},
		{"[\"192.0.2.1:53\",\"192.0.2.1:5300\"]", "192.0.2.1,192.0.2.1:5300"},
		{"[\"2001:DB8::1\",\"[2001:db8::1]:53\",\"[2001:db8::1]:5300\",\"[::1]\"]",
			"2001:db8::1,2001:db8::1,[2001:db8::1]:5300,::1"},
		{"[]", ""}, {"[\"x\"]", NULL}, {"[\"\"]", NULL}, {"[5]", NULL},
		{"[\"192.0.2.1:0\"]", NULL}, {"[\"192.0.2.1:65536\"]", NULL},
		{"[\"192.0.2.1:\"]", NULL}, {"[\"[::1\"]", NULL}, {"[\"[::1]x\"]", NULL},
		{"[\"[192.0.2.1]\"]", NULL},
		{"[\"1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.23\"]", NULL}};

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		json_t *json = json_pack("{s:o}", "masters", json_loads(row[i].json, 0, NULL));
		struct body_zone z;
		assert_int_equal(
			body_zone_parse(&z, json, error), row[i].expected == NULL ? -EINVAL : 0);
		if (row[i].expected != NULL)
			assert_string_equal(z.primaries, row[i].expected);
		body_free(&z.memory);
		json_decref(json);
	}
}

static void
test_an_soa_for_zones_that_bring_none(void **state)
{
	static const uint8_t root[ZONE_WIRE_OCTETS];
	struct backend_rrset set;
	struct body_rrsets own = {0};

	assert_int_equal(body_soa(&own, BODY_SOA_CONTENT, apex, 0x01020304, 60, &set, error), 0);
	assert_int_equal(set.n_records, 1);
	assert_memory_equal(
		set.record->rdata + set.record->rdlength - 20, "\1\2\3\4\0\0\x2a\x30", 8);
	assert_memory_equal(set.record->rdata,
		"\1a\15misconfigured\3dns\6server\7invalid\0\12hostmaster\1z", 50);
	assert_int_equal(body_soa(&own, BODY_SOA_CONTENT, root, 1, 60, &set, error), 0);
	assert_int_equal(body_soa(&own, "nonsense", apex, 1, 60, &set, error), -EINVAL);
	body_rrsets_free(&own);
}

/* --- the journal --- */

static void
test_entries_taken_together(void **state)
{
	struct backend_record one = {.rdata = (const uint8_t *)"\300\0\2\1", .rdlength = 4};
	struct backend_record two = {.rdata = (const uint8_t *)"\300\0\2\2", .rdlength = 4};
	struct backend_record off = {
		.rdata = (const uint8_t *)"\300\0\2\1", .rdlength = 4, .disabled = true};
	const uint8_t *a = (const uint8_t *)"\1a\1z";
	struct backend_rrset with_one = {
		.owner = a, .type = 1, .ttl = 5, .n_records = 1, .record = &one};
	struct backend_rrset with_two = {
		.owner = a, .type = 1, .ttl = 5, .n_records = 1, .record = &two};
	struct backend_rrset with_off = {
		.owner = a, .type = 1, .ttl = 5, .n_records = 1, .record = &off};
	struct backend_rrset other = {
		.owner = apex, .type = 16, .ttl = 5, .n_records = 1, .record = &one};
	struct journal_net net;

	assert_int_equal(journal_net_init(&net), 0);
	/* one is replaced by two, comes back, goes; the other comes */
	assert_int_equal(journal_net_add(&net, &(struct store_journal_entry){.n_removed = 1,
						       .removed = &with_one,
						       .n_added = 1,
						       .added = &with_two}),
		0);
	assert_int_equal(journal_net_add(&net, &(struct store_journal_entry){.n_removed = 1,
						       .removed = &with_two,
						       .n_added = 1,
						       .added = &with_one}),
		0);
	assert_int_equal(
		journal_net_add(&net, &(struct store_journal_entry){.n_added = 1, .added = &other}),
		0);
	journal_net_sort(&net);
	assert_int_equal(net.n, 1);
	assert_int_equal(net.record[0]->type, 16);
	assert_false(net.record[0]->before.there);
	assert_true(net.record[0]->after.there);
	journal_net_free(&net);

	assert_int_equal(journal_net_init(&net), 0);
	assert_int_equal(journal_net_add(&net, &(struct store_journal_entry){.n_removed = 1,
						       .removed = &with_one,
						       .n_added = 1,
						       .added = &with_off}),
		0);
	assert_int_equal(journal_net_add(&net,
				 &(struct store_journal_entry){.n_added = 1, .added = &with_two}),
		0);
	journal_net_sort(&net);
	assert_int_equal(net.n, 2);
	assert_int_equal(journal_net_rrset_end(&net, 0), 2);
	for (size_t i = 0; i < 2; i++)
		if (memcmp(net.record[i]->rdata, one.rdata, 4) == 0) {
			assert_false(net.record[i]->before.disabled);
			assert_true(net.record[i]->after.disabled);
		}
	journal_net_free(&net);
}

static void
test_many_records_are_found_again(void **state)
{
	struct journal_net net;

	assert_int_equal(journal_net_init(&net), 0);
	for (int pass = 0; pass < 2; pass++)
		for (uint32_t i = 0; i < 5000; i++) {
			struct backend_record r = {.rdata = (const uint8_t *)&i, .rdlength = 4};
			struct backend_rrset set = {
				.owner = apex, .type = 1, .ttl = 1, .n_records = 1, .record = &r};
			struct store_journal_entry e = {.n_added = pass == 0,
				.added = &set,
				.n_removed = pass == 1,
				.removed = &set};
			assert_int_equal(journal_net_add(&net, &e), 0);
		}
	assert_int_equal(net.n, 5000);
	journal_net_sort(&net);
	assert_int_equal(net.n, 0);
	journal_net_free(&net);
}

static int
finish(void **state)
{
	body_rrsets_free(&b);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_later_edits_of_an_rrset_win),
		cmocka_unit_test(test_parts_of_an_rrset_become_one),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_primaries),
		cmocka_unit_test(test_an_soa_for_zones_that_bring_none),
		cmocka_unit_test(test_entries_taken_together),
		cmocka_unit_test(test_many_records_are_found_again),
	};

	return cmocka_run_group_tests(tests, NULL, finish);
}
