/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of zones, of their files and of their ids, and the table that finds them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "controlplane/manager/zone_names.h"
#include "controlplane/manager/zone_table.h"

static void
files_name_zones(void **state)
{
	static const struct {
		const char *file, *zone; /* zone NULL: no zone file */
	} c[] = {
		{"example.org.zone", "example.org."},
		{"EXAMPLE.org.zone", "example.org."},
		{"example.org..zone", "example.org."},
		{"org.zone", "org."},
		{"root.zone", "."},
		{"root..zone", "root."},
		{"zone.zone", "zone."},
		{"0\\04725.2.0.192.in-addr.arpa.zone", "0/25.2.0.192.in-addr.arpa."},
		{"a\\.b.example.zone", "a\\.b.example."},
		{".zone", NULL},
		{"..zone", NULL},
		{".example.org.zone", NULL},
		{"example.org", NULL},
		{"example.org.zone~", NULL},
		{"example.org.zone.swp", NULL},
		{"a..b.zone", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
		uint8_t wire[ZONE_WIRE_OCTETS];
		char text[ZONE_TEXT_OCTETS];
		int len = zone_wire_from_file(wire, c[i].file);
		if ((len < 0) != (c[i].zone == NULL))
			fail_msg("%s: %d", c[i].file, len);
		if (len < 0)
			continue;
		zone_text_from_wire(text, wire);
		assert_string_equal(text, c[i].zone);
		assert_int_equal(len, name_octets(wire));
	}
}

/* Any zone has a file name, which names it and nothing else, and which holds no folder. */
static void
zones_survive_the_way_through_file_names_and_ids(void **state)
{
	static const char *const zone[] = {".", "root.", "org.", "example.org.",
		"0/25.2.0.192.in-addr.arpa.", "\\..", "\\.\\.\\047etc.example.", "a\\.b.example.",
		"*.example.", "_sip.example.", "\\000\\001\\255.example.", "zone.",
		"a\\032b.example.", "a=b.example.", "a\\\"b.example.", "\\\\.example."};
	for (size_t i = 0; i < sizeof zone / sizeof zone[0]; i++) {
		uint8_t wire[ZONE_WIRE_OCTETS], again[ZONE_WIRE_OCTETS];
		char file[256], id[ZONE_ID_OCTETS];
		int len = zone_wire_from_text(wire, zone[i]);

		assert_true(len > 0);
		assert_int_equal(zone_file_from_wire(file, sizeof file, wire), 0);
		assert_null(strchr(file, '/'));
		assert_true(file[0] != '.');
		if (zone_wire_from_file(again, file) != len ||
			memcmp(wire, again, (size_t)len) != 0)
			fail_msg("%s: file %s", zone[i], file);
		zone_id_from_wire(id, wire);
		assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01"
					    "23456789.-_="),
			strlen(id));
		assert_string_not_equal(id, "."); /* would be lost as a path segment */
		if (zone_key_from_id(again, id) != len || memcmp(wire, again, (size_t)len) != 0)
			fail_msg("%s: id %s", zone[i], id);
	}
}

static void
ids_of_powerdns_are_understood(void **state)
{
	uint8_t wire[ZONE_WIRE_OCTETS], want[ZONE_WIRE_OCTETS];
	int len = zone_wire_from_text(want, "0/25.2.0.192.in-addr.arpa.");

	assert_int_equal(zone_key_from_id(wire, "0=2F25.2.0.192.in-addr.arpa."), len);
	assert_memory_equal(wire, want, (size_t)len);
	assert_int_equal(zone_key_from_id(wire, "0=2f25.2.0.192.in-addr.arpa"), len);
	assert_int_equal(zone_key_from_id(wire, "=2E"), 1);
	assert_true(zone_key_from_id(wire, "") < 0);
	assert_true(zone_key_from_id(wire, "a=") < 0);
	assert_true(zone_key_from_id(wire, "a=2") < 0);
	assert_true(zone_key_from_id(wire, "a=00b") < 0);
	assert_true(zone_key_from_id(wire, "a..B") < 0);
}

static void
variants_have_keys_of_their_own(void **state)
{
	static const struct {
		const char *text, *id;
		const char *same; /* as it is told */
	} good[] = {
		{"example.org..internal", "example.org..internal", "example.org..internal"},
		{"Example.ORG..a-_9", "example.org..a-_9", "example.org..a-_9"},
		{"..top", "=2E.top", "..top"},
		{"a\\.b..x", "a=5C.b..x", "a\\.b..x"},
		{"example.org", "example.org.", "example.org."},
	};
	static const char *const bad[] = {"example.org..", "example.org..A", "example.org..a.",
		"example.org..a.b", "example.org...a", "..", "...", "", "..a..b", "a..b c",
		"\\000internal.example.org.", "\\000x.",
		"example.org.."
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};
	uint8_t key[ZONE_WIRE_OCTETS], again[ZONE_WIRE_OCTETS], apex[ZONE_WIRE_OCTETS];
	char text[ZONE_TEXT_OCTETS], id[ZONE_ID_OCTETS];

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		int len = zone_key_from_text(key, good[i].text);
		if (len < 0)
			fail_msg("%s is refused", good[i].text);
		assert_int_equal(len, name_octets(key));
		zone_text_from_key(text, key);
		assert_string_equal(text, good[i].same);
		zone_id_from_wire(id, key);
		assert_string_equal(id, good[i].id);
		assert_int_equal(zone_key_from_id(again, id), len);
		assert_memory_equal(key, again, sizeof key);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (zone_key_from_text(key, bad[i]) >= 0)
			fail_msg("'%s' is taken for a zone", bad[i]);
	/* the apex is a suffix of the key; a name is none, and an owner may look like a key */
	assert_int_equal(zone_key_from_text(key, "example.org..in"), 4 + 13);
	assert_int_equal(zone_key_variant(key), 4);
	assert_int_equal(zone_wire_from_text(apex, "example.org"), 13);
	assert_memory_equal(zone_key_apex(key), apex, 13);
	assert_int_equal(zone_key_variant(apex), 0);
	assert_ptr_equal(zone_key_apex(apex), apex);
	assert_int_equal(zone_wire_from_text(again, "\\000in.example.org."), 4 + 13);
	assert_memory_equal(key, again, sizeof key);
	zone_text_from_wire(text, again);
	assert_string_equal(text, "\\000in.example.org.");
	/* a file's name makes none, and none makes one */
	assert_int_equal(zone_file_from_wire(text, sizeof text, key), -EINVAL);
	assert_true(zone_wire_from_file(again, "\\000in.example.org.zone") < 0);
	assert_true(zone_wire_from_file(again, "example.org..in.zone") < 0);
	/* a name that is as long as may be has no variants */
	static const char long_label[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."; /* 61 */
	snprintf(text, sizeof text, "%s%s%s%s", long_label, long_label, long_label, long_label);
	assert_int_equal(zone_wire_from_text(apex, text), 245);
	assert_int_equal(zone_key_make(key, apex, "12345678", 8), 255);
	assert_int_equal(zone_key_make(key, apex, "123456789", 9), 0);
}

static void
names_that_do_not_fit_are_refused(void **state)
{
	uint8_t wire[ZONE_WIRE_OCTETS];
	char text[2 * ZONE_TEXT_OCTETS], file[16];

	memset(text, 'a', 64);
	strcpy(text + 64, ".zone");
	assert_true(zone_wire_from_file(wire, text) < 0);
	memset(text, 'a', sizeof text);
	strcpy(text + sizeof text - 6, ".zone");
	assert_true(zone_wire_from_file(wire, text) < 0);
	assert_true(zone_key_from_id(wire, text) < 0);
	assert_true(zone_wire_from_text(wire, "0123456789a.") > 0);
	assert_true(zone_file_from_wire(file, sizeof file, wire) < 0);
	assert_true(zone_wire_from_text(wire, "0123456789.") > 0);
	assert_int_equal(zone_file_from_wire(file, sizeof file, wire), 0);
}

/* --- zone_table --- */

#define ZONES 5000u

static void
name_of(uint8_t wire[ZONE_WIRE_OCTETS], unsigned i)
{
	char text[32];

	snprintf(text, sizeof text, "z%u.example.", i);
	assert_true(zone_wire_from_text(wire, text) > 0);
}

static void
zones_are_found_until_they_are_removed(void **state)
{
	struct zone_table t;
	uint8_t wire[ZONE_WIRE_OCTETS];

	assert_int_equal(zone_table_init(&t, 42), 0);
	for (unsigned i = 0; i < ZONES; i++) {
		name_of(wire, i);
		assert_null(zone_table_find(&t, wire));
		assert_non_null(zone_table_add(&t, wire, "f"));
	}
	for (unsigned i = 0; i < ZONES; i += 2) {
		name_of(wire, i);
		struct zone_entry *e = zone_table_find(&t, wire);
		assert_non_null(e);
		zone_table_remove(&t, e);
		zone_entry_destroy(e);
	}
	assert_int_equal(t.n_zones, ZONES / 2);
	assert_int_equal(t.n_state[ZONE_CONFIGURED], ZONES / 2);
	for (unsigned i = 0; i < ZONES; i++) {
		name_of(wire, i);
		assert_int_equal(zone_table_find(&t, wire) != NULL, i % 2);
	}
	zone_table_destroy(&t);
}

static void
a_zone_keeps_its_slot_and_free_ones_are_used_again(void **state)
{
	struct zone_table t;
	uint8_t wire[ZONE_WIRE_OCTETS];
	struct zone_entry *e[64];

	assert_int_equal(zone_table_init(&t, 42), 0);
	for (unsigned i = 0; i < 64; i++) {
		name_of(wire, i);
		e[i] = zone_table_add(&t, wire, "f");
		assert_int_equal(e[i]->slot, i);
	}
	zone_table_remove(&t, e[10]);
	zone_table_remove(&t, e[3]);
	zone_entry_destroy(e[10]);
	zone_entry_destroy(e[3]);
	for (unsigned i = 100; i < 103; i++) {
		name_of(wire, i);
		e[i - 100] = zone_table_add(&t, wire, "f");
	}
	assert_int_equal(e[0]->slot, 3);
	assert_int_equal(e[1]->slot, 10);
	assert_int_equal(e[2]->slot, 64);
	assert_int_equal(t.n_slots, 65);
	for (unsigned i = 11; i < 64; i++)
		assert_ptr_equal(t.slot[i], e[i]);
	zone_table_destroy(&t);
}

static void
states_are_counted(void **state)
{
	struct zone_table t;
	uint8_t wire[ZONE_WIRE_OCTETS];
	struct zone_entry *e;

	assert_int_equal(zone_table_init(&t, 42), 0);
	name_of(wire, 1);
	e = zone_table_add(&t, wire, "f");
	zone_table_set_state(&t, e, ZONE_LOADING);
	zone_table_set_state(&t, e, ZONE_FAILED);
	assert_int_equal(t.n_state[ZONE_CONFIGURED], 0);
	assert_int_equal(t.n_state[ZONE_LOADING], 0);
	assert_int_equal(t.n_state[ZONE_FAILED], 1);
	zone_table_remove(&t, e);
	e->removed = true;
	zone_table_set_state(&t, e, ZONE_LOADED); /* its loader ends later */
	assert_int_equal(t.n_state[ZONE_FAILED], 0);
	assert_int_equal(t.n_state[ZONE_LOADED], 0);
	zone_entry_destroy(e);
	zone_table_destroy(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_name_zones),
		cmocka_unit_test(zones_survive_the_way_through_file_names_and_ids),
		cmocka_unit_test(ids_of_powerdns_are_understood),
		cmocka_unit_test(variants_have_keys_of_their_own),
		cmocka_unit_test(names_that_do_not_fit_are_refused),
		cmocka_unit_test(zones_are_found_until_they_are_removed),
		cmocka_unit_test(a_zone_keeps_its_slot_and_free_ones_are_used_again),
		cmocka_unit_test(states_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
