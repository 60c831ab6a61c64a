/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Serials after a change, and those that are told: PowerDNS's documented kinds, with the numbers
 * that its own code (pdns/serialtweaker.cc) makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "controlplane/changes/changes.h"

#define NOW 1764043200        /* Tuesday 2025-11-25 04:00:00 UTC */
#define WEEK 1763596800       /* Thursday 2025-11-20 00:00:00 UTC */
#define WEEKS (WEEK / 604800) /* 2916 */

static uint32_t
after(const char *kind, const char *soa_edit, uint32_t serial)
{
	uint32_t out = 0;

	assert_true(soa_edit_serial(kind, soa_edit, serial, NULL, NOW, &out));
	return out;
}

static uint32_t
told(const char *soa_edit, uint32_t serial)
{
	uint32_t out = 0;

	assert_true(soa_edit_told(soa_edit, serial, NOW, &out));
	return out;
}

static void
default_is_the_day_or_one_more(void **state)
{
	assert_int_equal(after("DEFAULT", "", 1), 2025112501);
	assert_int_equal(after("DEFAULT", "", 2025112400), 2025112501);
	assert_int_equal(after("DEFAULT", "", 2025112501), 2025112502);
	assert_int_equal(after("DEFAULT", "", 2025112599), 2025112600); /* past the day's own */
	assert_int_equal(after("DEFAULT", "", 4000000000u), 4000000001u);
	assert_int_equal(after("default", "", 1), 2025112501); /* in whatever case */
	assert_int_equal(after("DEFAULT", "", UINT32_MAX), 0); /* it wraps; RFC 1982 */
}

static void
increase_and_epoch_and_off(void **state)
{
	assert_int_equal(after("INCREASE", "", 7), 8);
	assert_int_equal(after("EPOCH", "", 7), NOW);
	assert_int_equal(after("EPOCH", "", 2025112501), NOW);
	assert_int_equal(after("OFF", "EPOCH", 7), 7);
	assert_int_equal(after("", "EPOCH", 7), 7);
}

static void
soa_edit_decides_where_it_is_asked(void **state)
{
	assert_int_equal(after("SOA-EDIT", "", 7), 7);
	assert_int_equal(after("SOA-EDIT", "NONE", 7), 7);
	assert_int_equal(after("SOA-EDIT", "EPOCH", 7), NOW);
	assert_int_equal(after("SOA-EDIT", "INCEPTION-INCREMENT", 1), 2025112001);
	assert_int_equal(after("SOA-EDIT", "INCEPTION-EPOCH", 1), WEEK);
	assert_int_equal(after("SOA-EDIT-INCREASE", "", 7), 8);
	assert_int_equal(after("SOA-EDIT-INCREASE", "NONE", 7), 8);
	assert_int_equal(after("SOA-EDIT-INCREASE", "INCEPTION-EPOCH", 7), NOW);
	assert_int_equal(after("SOA-EDIT-INCREASE", "INCEPTION-EPOCH", 4000000000u), 4000000001u);
	assert_int_equal(after("SOA-EDIT-INCREASE", "INCEPTION-INCREMENT", 2025120100), 2025120101);
	assert_int_equal(after("SOA-EDIT-INCREASE", "INCREMENT-WEEKS", 10), 10 + WEEKS);
}

static void
kinds_of_soa_edit(void **state)
{
	assert_int_equal(told("", 7), 7);
	assert_int_equal(told("NONE", 7), 7);
	assert_int_equal(told("EPOCH", 7), NOW);
	assert_int_equal(told("INCREMENT-WEEKS", 7), 7 + WEEKS);
	assert_int_equal(told("INCEPTION-EPOCH", 7), WEEK);
	assert_int_equal(told("INCEPTION-EPOCH", WEEK + 5), WEEK + 5);
	/* the documentation: 00 and 01 of the day of inception are reserved */
	assert_int_equal(told("INCEPTION-INCREMENT", 2025111999), 2025112001);
	assert_int_equal(told("INCEPTION-INCREMENT", 2025112000), 2025112002);
	assert_int_equal(told("INCEPTION-INCREMENT", 2025112001), 2025112002);
	assert_int_equal(told("INCEPTION-INCREMENT", 2025112002), 2025112003);
	assert_int_equal(told("INCEPTION-INCREMENT", 2025112299), 2025112300);
	assert_int_equal(told("INCEPTION-INCREMENT", 2025112300), 2025112300); /* later days' own */
	assert_int_equal(told("inception-increment", 2025112002), 2025112003);
}

static void
a_given_serial_is_counted_from(void **state)
{
	uint32_t given = 5, out;

	assert_true(soa_edit_serial("INCREASE", "", 100, &given, NOW, &out));
	assert_int_equal(out, 6);
	assert_true(soa_edit_serial("OFF", "", 100, &given, NOW, &out));
	assert_int_equal(out, 5);
	given = 2025112555;
	assert_true(soa_edit_serial("DEFAULT", "", 100, &given, NOW, &out));
	assert_int_equal(out, 2025112556);
}

static void
unknown_kinds_are_told_apart(void **state)
{
	uint32_t out = 0;

	assert_false(soa_edit_serial("INCEPTION-INCREMENT", "", 7, NULL, NOW, &out));
	assert_int_equal(out, 7); /* and leave the serial, as PowerDNS does */
	assert_false(soa_edit_serial("SOA-EDIT", "YEARLY", 7, NULL, NOW, &out));
	assert_int_equal(out, 7);
	assert_false(soa_edit_told("DEFAULT", 7, NOW, &out));
	assert_int_equal(out, 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_is_the_day_or_one_more),
		cmocka_unit_test(increase_and_epoch_and_off),
		cmocka_unit_test(soa_edit_decides_where_it_is_asked),
		cmocka_unit_test(kinds_of_soa_edit),
		cmocka_unit_test(a_given_serial_is_counted_from),
		cmocka_unit_test(unknown_kinds_are_told_apart),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
