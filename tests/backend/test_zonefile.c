/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the zonefile backend does with files that the conformance test knows nothing of: named.conf,
 * symbolic links, includes, what a crash left, and files that are no zones. */
#include "backends/backend.h"
#include "controlplane/manager/zone_names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ZONE "$TTL 300\n@ SOA ns.other. host.other. 1 3600 600 86400 300\n@ NS ns.other.\n"

static char folder[64];
static char logged[4096];
static void *instance;
static const struct backend_api *api;

static void
note_log(const struct backend_host *h, enum backend_log_level level, const char *text)
{
	strncat(logged, text, sizeof logged - strlen(logged) - 1);
}

static const struct backend_host host = {
	.abi_version = BACKEND_ABI_VERSION, .instance = "test", .log = note_log};

static const char *
at(const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", folder, name);
	return p;
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static void
assert_text(const char *name, const char *text)
{
	char is[4096] = "";
	FILE *f = fopen(at(name), "r");

	assert_non_null(f);
	is[fread(is, 1, sizeof is - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(is, text);
}

static void
open_with(const char *name, const char *value)
{
	const struct backend_option o[] = {{name, value}, {"default-ttl", "3600"}};
	char error[BACKEND_ERROR_OCTETS];

	api = millrace_backend();
	if (api->open(&instance, &host, o, 2, error) != 0)
		fail_msg("%s", error);
}

/* "www 300 A 192.0.2.N", and the next serial. */
static int
change(const char *apex, uint32_t serial, const char *owner, uint8_t n, char *error)
{
	static const char soa_text[] = "\2ns\5other\0\4host\5other";
	uint8_t name[ZONE_WIRE_OCTETS], www[ZONE_WIRE_OCTETS], soa[64];
	uint8_t address[4] = {192, 0, 2, n};
	uint32_t number[5] = {serial + 1, 3600, 600, 86400, 300};
	size_t len = sizeof soa_text;
	struct backend_record records[2] = {{.rdata = soa}, {.rdata = address, .rdlength = 4}};
	struct backend_change c[2] = {{.has_records = true,
					      .rrset = {.owner = name,
						      .type = 6,
						      .ttl = 300,
						      .n_records = 1,
						      .record = records}},
		{.has_records = true,
			.rrset = {.owner = www,
				.type = 1,
				.ttl = 300,
				.n_records = 1,
				.record = records + 1}}};
	struct backend_changeset set = {.apex = name,
		.serial_before = serial,
		.serial_after = serial + 1,
		.n = 2,
		.change = c,
		.who = "test"};

	memcpy(soa, soa_text, len);
	for (unsigned i = 0; i < 5; i++) {
		number[i] = __builtin_bswap32(number[i]);
		memcpy(soa + len + 4 * i, &number[i], 4);
	}
	records[0].rdlength = (uint16_t)(len + 20);
	assert_true(zone_wire_from_text(name, apex) > 0);
	assert_true(zone_wire_from_text(www, owner) > 0);
	return api->apply(instance, &set, error);
}

static int
begin(void **state)
{
	snprintf(folder, sizeof folder, "/tmp/test_zonefile.XXXXXX");
	logged[0] = '\0';
	instance = NULL;
	return mkdtemp(folder) ? 0 : -1;
}

static int
end(void **state)
{
	char command[128];

	if (instance)
		api->close(instance);
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

static int
note_zone(void *arg, const struct backend_zone *z)
{
	char *text = arg, name[ZONE_TEXT_OCTETS];

	zone_text_from_wire(name, z->apex);
	sprintf(text + strlen(text), "%s %d %s|", name, (int)z->kind, z->primaries);
	return 0;
}

static int
note_metadata(void *arg, const struct backend_metadata *m)
{
	sprintf(arg, "%s %zu %s %s", m->kind, m->n, m->value[0], m->value[m->n - 1]);
	return 0;
}

static int
no_rrset(void *arg, const struct backend_rrset *r)
{
	return 0;
}

static void
zones_of_named_conf_are_served_and_edited(void **state)
{
	const uint8_t *apex = (const uint8_t *)"\1a", *second = (const uint8_t *)"\1b";
	struct backend_zone zone = {.apex = (const uint8_t *)"\1c",
		.primaries = "",
		.account = "",
		.catalog = "",
		.options = "",
		.path = ""};
	char error[BACKEND_ERROR_OCTETS] = "", all[1024] = "";

	put("named.conf", "options { also-notify { 192.0.2.8; }; };\n"
			  "zone a { type master; file \"a.db\"; also-notify { 192.0.2.9; }; };\n"
			  "zone b { type slave; file \"b.db\"; masters { 192.0.2.1; }; };\n");
	put("a.db", ZONE "www A 192.0.2.1 ; x\n");
	open_with("named-conf", at("named.conf"));
	assert_int_equal(api->list(instance, note_zone, all, error), 0);
	assert_non_null(strstr(all, "a. 1 |"));
	assert_non_null(strstr(all, "b. 2 192.0.2.1|"));
	assert_int_equal(api->metadata_each(instance, apex, note_metadata, all, error), 0);
	assert_string_equal(all, "ALSO-NOTIFY 2 192.0.2.8 192.0.2.9");
	assert_int_equal(change("a.", 1, "www.a.", 7, error), 0);
	assert_text("a.db",
		"$TTL 300\n@ SOA ns.other. host.other. 2 3600 600 86400 300\n@ NS ns.other.\n"
		"www A 192.0.2.7 ; x\n");
	/* not transferred yet */
	assert_int_equal(api->stream(instance, second, no_rrset, NULL, error), -EAGAIN);
	/* nowhere to make a zone, and none of these is ours to remove */
	assert_int_equal(api->create(instance, &zone, error), -EROFS);
	assert_int_equal(api->remove(instance, apex, error), -EROFS);
}

static void
note_changed(void *arg, const uint8_t *apex)
{
	strncat(arg, (const char *)apex + 1, apex[0]);
}

/* mtime has the resolution of the kernel's tick. */
static void
tick(void)
{
	const struct timespec nap = {.tv_nsec = 20000000};

	nanosleep(&nap, NULL);
}

static void
another_named_conf_is_read_and_a_broken_one_is_not(void **state)
{
	char error[BACKEND_ERROR_OCTETS] = "", told[64] = "", all[256] = "";

	put("named.conf", "zone a { file \"a.db\"; };zone b { file \"b.db\"; };");
	put("a.db", ZONE);
	put("b.db", ZONE);
	open_with("named-conf", at("named.conf"));
	assert_int_equal(api->poll(instance, note_changed, told, error), 0);
	assert_string_equal(told, "");
	tick();
	put("named.conf", "zone b { file \"b.db\"; };zone c { file \"b.db\"; };");
	assert_int_equal(api->poll(instance, note_changed, told, error), 0);
	assert_int_equal(strlen(told), 2);
	assert_non_null(strchr(told, 'a'));
	assert_non_null(strchr(told, 'c'));
	tick();
	put("named.conf", "zone b { file \"b.db\" }");
	told[0] = '\0';
	assert_int_equal(api->poll(instance, note_changed, told, error), 0);
	assert_int_equal(api->poll(instance, note_changed, told, error), 0);
	assert_string_equal(told, "");
	assert_non_null(strstr(logged, "named.conf:1: "));
	assert_int_equal(api->list(instance, note_zone, all, error), 0);
	assert_int_equal(strlen(all), 2 * strlen("b. 0 |"));
	tick();
	put("b.db", ZONE "; x\n");
	assert_int_equal(api->poll(instance, note_changed, told, error), 0);
	assert_true(strchr(told, 'b') && strchr(told, 'c'));
}

static void
includes_stay_and_are_not_edited(void **state)
{
	char error[BACKEND_ERROR_OCTETS] = "", value[160], expected[256];

	put("z", ZONE "$INCLUDE more\nwww A 192.0.2.1\n");
	put("more", "; more\nmail A 192.0.2.5\n");
	snprintf(value, sizeof value, "a %s", at("z"));
	open_with("zone", value);
	assert_int_equal(change("a.", 1, "www.a.", 7, error), 0);
	assert_text("z", "$TTL 300\n@ SOA ns.other. host.other. 2 3600 600 86400 300\n@ NS "
			 "ns.other.\n$INCLUDE more\nwww A 192.0.2.7\n");
	assert_int_equal(change("a.", 2, "mail.a.", 7, error), -EROFS);
	snprintf(expected, sizeof expected,
		"%s:2: the record that is to change stands in an included file; edit it there by "
		"hand",
		at("more"));
	assert_string_equal(error, expected);
	assert_text("more", "; more\nmail A 192.0.2.5\n");
	/* a $TTL in there lasts: then a TTL is written where none was */
	put("more", "$TTL 99\nmail 300 A 192.0.2.5\n");
	put("z", ZONE "$INCLUDE more\nwww A 192.0.2.1\nftp A 192.0.2.1\n");
	assert_int_equal(change("a.", 1, "www.a.", 7, error), 0);
	assert_text("z", "$TTL 300\n@ SOA ns.other. host.other. 2 3600 600 86400 300\n@ NS "
			 "ns.other.\n$INCLUDE more\nwww 300 A 192.0.2.7\nftp A 192.0.2.1\n");
}

static void
a_link_stays_a_link_and_modes_are_kept(void **state)
{
	char error[BACKEND_ERROR_OCTETS] = "", value[160];
	struct stat st;

	assert_int_equal(mkdir(at("real"), 0755), 0);
	put("real/z", ZONE "$INCLUDE more\nwww A 192.0.2.1\n");
	put("more", "mail A 192.0.2.5\n"); /* beside the link, as the control plane finds it */
	put("real/.z.millrace-new", "what a crash left");
	assert_int_equal(chmod(at("real/z"), 0604), 0);
	assert_int_equal(symlink("real/z", at("z")), 0);
	snprintf(value, sizeof value, "a %s", at("z"));
	open_with("zone", value);
	assert_int_equal(change("a.", 1, "www.a.", 7, error), 0);
	assert_int_equal(lstat(at("z"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(at("real/z"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(access(at("real/.z.millrace-new"), F_OK), -1);
	assert_int_equal(access(at(".millrace-look"), F_OK), -1);
}

static void
what_is_no_zone_is_refused_and_left_alone(void **state)
{
	char error[BACKEND_ERROR_OCTETS] = "";

	put("a.zone", ZONE "www A 192.0.2.1 oops\n");
	put("b.zone", ZONE "www CNAME x\n");
	put(".c.zone", ZONE);
	open_with("directory", folder);
	assert_int_equal(change("a.", 1, "www.a.", 7, error), -EINVAL);
	assert_non_null(strstr(error, "a.zone:4: "));
	assert_text("a.zone", ZONE "www A 192.0.2.1 oops\n");
	/* it would become one that the control plane refuses */
	assert_int_equal(change("b.", 1, "www.b.", 7, error), -EINVAL);
	assert_non_null(strstr(error, "CNAME"));
	assert_text("b.zone", ZONE "www CNAME x\n");
	assert_int_equal(change("c.", 1, "www.c.", 7, error), -ENOENT);
}

static void
a_zone_is_put_aside_not_destroyed(void **state)
{
	char error[BACKEND_ERROR_OCTETS] = "", command[256] = "";

	put("a.zone", ZONE);
	open_with("directory", folder);
	assert_int_equal(api->remove(instance, (const uint8_t *)"\1a", error), 0);
	put("a.zone", ZONE "; second\n");
	tick();
	assert_int_equal(api->poll(instance, note_changed, command, error), 0);
	assert_int_equal(api->remove(instance, (const uint8_t *)"\1a", error), 0);
	snprintf(command, sizeof command, "test $(ls %s/a.zone.deleted-* | wc -l) = 2", folder);
	assert_int_equal(system(command), 0);
}

static void
doubles_and_nothing_at_all_do_not_open(void **state)
{
	const struct backend_option none[] = {{"default-ttl", "3600"}};
	char error[BACKEND_ERROR_OCTETS] = "", value[160];
	const struct backend_option twice[] = {
		{"zone", value}, {"zone", value}, {"zone", "b relative"}};

	api = millrace_backend();
	snprintf(value, sizeof value, "a %s", at("a"));
	assert_int_equal(api->open(&instance, &host, none, 1, error), -EINVAL);
	assert_string_equal(error, "there are no zones; give one of the options 'named-conf', "
				   "'directory' and 'zone'");
	assert_int_equal(api->open(&instance, &host, twice, 2, error), -EINVAL);
	assert_non_null(strstr(error, "zone a. is there twice"));
	assert_int_equal(api->open(&instance, &host, twice + 1, 2, error), -EINVAL);
	assert_non_null(strstr(error, "'b relative' is not valid"));
	assert_null(instance);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(zones_of_named_conf_are_served_and_edited),
		TEST(another_named_conf_is_read_and_a_broken_one_is_not),
		TEST(includes_stay_and_are_not_edited),
		TEST(a_link_stays_a_link_and_modes_are_kept),
		TEST(what_is_no_zone_is_refused_and_left_alone),
		TEST(a_zone_is_put_aside_not_destroyed),
		TEST(doubles_and_nothing_at_all_do_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
