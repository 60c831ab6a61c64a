/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zones: making, listing, finding and removing them; and what is said of those that are not there.
 */
#include "conformance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what list() and zone() tell --- */

struct seen {
	unsigned n;
	uint32_t serial;
	uint64_t version;
	enum backend_kind kind;
	char primaries[256], account[256];
	const uint8_t *wanted; /* only this one counts; NULL: all */
};

static void
see(void *arg, const struct backend_zone *z)
{
	struct seen *s = arg;

	if (s->wanted && (name_octets(z->apex) != name_octets(s->wanted) ||
				 memcmp(z->apex, s->wanted, name_octets(z->apex)) != 0))
		return;
	s->n++;
	s->serial = z->serial;
	s->version = z->version;
	s->kind = z->kind;
	snprintf(s->primaries, sizeof s->primaries, "%s", z->primaries);
	snprintf(s->account, sizeof s->account, "%s", z->account);
	assert_non_null(z->catalog);
	assert_non_null(z->options);
	assert_non_null(z->path);
	assert_true(z->kind < BACKEND_KINDS);
}

static int
see_each(void *arg, const struct backend_zone *z)
{
	see(arg, z);
	return 0;
}

static struct seen
list_one(void *instance, const uint8_t *apex)
{
	struct seen s = {.wanted = apex};

	assert_works(api->list(instance, see_each, &s, error));
	return s;
}

static struct seen
zone_one(void *instance, const uint8_t *apex)
{
	struct seen s = {.wanted = apex};

	assert_works(api->zone(instance, apex, see, &s, error));
	assert_int_equal(s.n, 1);
	return s;
}

static void
it_is_healthy_and_opens_twice(void **state)
{
	void *a = open_instance(), *b = open_instance();

	assert_works(api->health(a, error));
	assert_works(api->health(b, error));
	api->close(a);
	assert_works(api->health(b, error));
	api->close(b);
}

static void
zones_are_made_listed_and_removed(void **state)
{
	const uint8_t *apex = wire("example.com."), *other = wire("example.net.");
	struct backend_zone zone = plain_zone(apex);
	void *i;
	char *all;

	need(BACKEND_CREATE | BACKEND_LIST | BACKEND_STREAM);
	i = open_instance();
	assert_int_equal(list_one(i, NULL).n, 0);
	assert_works(api->create(i, &zone, error));
	all = dump(i, apex);
	assert_string_equal(all, "");
	free(all);
	assert_int_equal(zone_one(i, apex).serial, 0);
	assert_int_equal(zone_one(i, apex).kind, BACKEND_NATIVE);
	assert_fails(api->create(i, &zone, error), EEXIST);
	must_create(i, other);
	assert_int_equal(list_one(i, NULL).n, 2);
	assert_int_equal(list_one(i, apex).n, 1);
	assert_int_equal(zone_one(i, other).serial, 1);
	/* it costs some backends too much to tell the serial of each */
	assert_true(list_one(i, other).serial == 1 || list_one(i, other).serial == 0);
	assert_works(api->remove(i, apex, error));
	assert_int_equal(list_one(i, NULL).n, 1);
	assert_fails(api->remove(i, apex, error), ENOENT);
	api->close(i);
	i = open_instance();
	assert_int_equal(list_one(i, NULL).n, 1);
	assert_int_equal(list_one(i, other).n, 1);
	assert_works(api->create(i, &zone, error)); /* again, and empty */
	all = dump(i, apex);
	assert_string_equal(all, "");
	free(all);
	api->close(i);
}

static int
stop_with_7(void *arg, const struct backend_zone *z)
{
	++*(int *)arg;
	return 7;
}

static int
stop_rrsets_with_7(void *arg, const struct backend_rrset *r)
{
	++*(int *)arg;
	return 7;
}

static void
a_walk_ends_when_it_is_told_to(void **state)
{
	char error[BACKEND_ERROR_OCTETS] = "";
	int n = 0;
	void *i;

	need(BACKEND_CREATE | BACKEND_LIST | BACKEND_STREAM | BACKEND_APPLY);
	i = open_instance();
	must_create(i, wire("a."));
	must_create(i, wire("b."));
	assert_int_equal(api->list(i, stop_with_7, &n, error), 7);
	assert_int_equal(n, 1);
	assert_int_equal(api->stream(i, wire("a."), stop_rrsets_with_7, &n, error), 7);
	assert_int_equal(n, 2);
	assert_string_equal(error, "");
	api->close(i);
}

static void
what_is_not_there_is_said_in_one_line(void **state)
{
	const uint8_t *apex = wire("no\\010such.zone.");
	struct backend_zone zone = plain_zone(apex);
	void *i = open_instance();
	struct seen s = {0};
	char path[256];
	int n = 0;

	if (api->zone)
		assert_fails(api->zone(i, apex, see, &s, error), ENOENT);
	assert_int_equal(s.n, 0);
	if (api->capabilities & BACKEND_STREAM)
		assert_fails(api->stream(i, apex, stop_rrsets_with_7, &n, error), ENOENT);
	if (api->capabilities & BACKEND_ZONE_FILE)
		assert_fails(api->zone_file(i, apex, path, sizeof path, error), ENOENT);
	if (api->capabilities & BACKEND_APPLY) {
		struct made *m = made_from(apex, 0, 1, soa_text(1));

		assert_fails(api->apply(i, &m->set, error), ENOENT);
		made_free(m);
	}
	if (api->capabilities & BACKEND_CREATE) {
		assert_fails(api->remove(i, apex, error), ENOENT);
		assert_fails(api->update(i, &zone, error), ENOENT);
	}
	assert_int_equal(n, 0);
	api->close(i);
}

/* --- zones that are there already, as in a source that cannot be changed --- */

struct listed {
	uint8_t apex[256];
	bool any;
};

static int
keep_first(void *arg, const struct backend_zone *z)
{
	struct listed *l = arg;

	memcpy(l->apex, z->apex, name_octets(z->apex));
	l->any = true;
	return 1;
}

static int
find_soa(void *arg, const struct backend_rrset *r)
{
	if (r->type == 6) {
		const uint8_t *rdata = r->record[0].rdata + r->record[0].rdlength - 20;

		*(uint32_t *)arg = (uint32_t)rdata[0] << 24 | (uint32_t)rdata[1] << 16 |
				   (uint32_t)rdata[2] << 8 | rdata[3];
	}
	return 0;
}

static void
what_is_listed_is_found_and_can_be_streamed(void **state)
{
	char why[BACKEND_ERROR_OCTETS];
	struct listed l = {.any = false};
	uint32_t serial = 0;
	void *i;

	need(BACKEND_LIST | BACKEND_STREAM);
	i = open_instance();
	if (api->capabilities & BACKEND_CREATE)
		must_create(i, wire("one."));
	assert_true(api->list(i, keep_first, &l, why) >= 0);
	if (l.any) {
		assert_works(api->stream(i, l.apex, find_soa, &serial, error));
		assert_true(serial > 0);
		assert_int_equal(zone_one(i, l.apex).serial, serial);
	}
	api->close(i);
}

static void
properties_are_kept_or_refused(void **state)
{
	const uint8_t *apex = wire("example.com.");
	struct backend_zone zone = plain_zone(apex);
	char why[BACKEND_ERROR_OCTETS] = "";
	struct seen s;
	void *i;
	int rc;

	need(BACKEND_CREATE);
	i = open_instance();
	assert_works(api->create(i, &zone, error));
	assert_works(api->update(i, &zone, error)); /* as it is */
	zone.kind = BACKEND_SECONDARY;
	zone.primaries = "192.0.2.1,[2001:db8::1]:5300";
	zone.account = "J\xc3\xbcrgen's \"customers\"";
	rc = api->update(i, &zone, why);
	s = zone_one(i, apex);
	if (rc == -EROFS) {
		check_error_line("update", why);
		assert_int_equal(s.kind, BACKEND_NATIVE);
		assert_string_equal(s.account, "");
	} else {
		assert_int_equal(rc, 0);
		api->close(i);
		i = open_instance();
		s = zone_one(i, apex);
		assert_int_equal(s.kind, BACKEND_SECONDARY);
		assert_string_equal(s.primaries, zone.primaries);
		assert_string_equal(s.account, zone.account);
	}
	api->close(i);
}

static void
a_zone_file_is_where_it_says(void **state)
{
	const uint8_t *apex = wire("example.com.");
	char path[4096], small[4];
	void *i;

	need(BACKEND_CREATE | BACKEND_ZONE_FILE);
	i = open_instance();
	must_create(i, apex);
	assert_works(api->zone_file(i, apex, path, sizeof path, error));
	assert_int_equal(path[0], '/');
	assert_int_equal(access(path, R_OK), 0);
	assert_fails(api->zone_file(i, apex, small, sizeof small, error), ENAMETOOLONG);
	api->close(i);
}

static void
a_version_is_another_after_a_change(void **state)
{
	const uint8_t *apex = wire("example.com.");
	uint64_t before;
	void *i;

	need(BACKEND_CREATE | BACKEND_APPLY);
	i = open_instance();
	must_create(i, apex);
	before = zone_one(i, apex).version;
	must_apply(i, apex, 1, 2, soa_text(2));
	if (before != 0)
		assert_true(zone_one(i, apex).version != before);
	assert_int_equal(zone_one(i, apex).serial, 2);
	api->close(i);
}

int
run_zone_tests(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_source, remove_source)
	const struct CMUnitTest tests[] = {
		TEST(it_is_healthy_and_opens_twice),
		TEST(zones_are_made_listed_and_removed),
		TEST(a_walk_ends_when_it_is_told_to),
		TEST(what_is_not_there_is_said_in_one_line),
		TEST(what_is_listed_is_found_and_can_be_streamed),
		TEST(properties_are_kept_or_refused),
		TEST(a_zone_file_is_where_it_says),
		TEST(a_version_is_another_after_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
