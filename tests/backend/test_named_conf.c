/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of BIND's configuration, what is skipped, and what an error says. */
#include "backends/zonefile/named_conf.h"
#include "controlplane/manager/zone_names.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct file {
	const char *path, *text;
} files[] = {
	{"/etc/bind/zones.conf",
		"zone \"net\" { type slave; masters { 192.0.2.1; }; file \"net\"; };"},
	{"/etc/bind/self.conf", "include \"self.conf\";"},
	{"/var/bind/more.conf", "zone more { file m; };"},
};

static char notes[4096];

static int
read_text(void *arg, const char *path, char **text, size_t *len)
{
	const char *found = strcmp(path, "/etc/bind/named.conf") == 0 ? arg : NULL;

	for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
		if (strcmp(path, files[i].path) == 0)
			found = files[i].text;
	if (!found)
		return -ENOENT;
	*text = strdup(found);
	*len = strlen(found);
	return 0;
}

static void
keep_note(void *arg, const char *text)
{
	strcat(strcat(notes, text), "\n");
}

static const struct {
	const char *text, *zones, *notes;
} good[] = {
	{"", "", ""},
	{"zone \"a.example\" { type master; file \"a\"; };", "a.example. 1 /etc/bind/a||\n", ""},
	{"zone \"A.Example.\" IN { type primary; file \"/x/a\"; };zone b { file b; };",
		"a.example. 1 /x/a||\nb. 0 /etc/bind/b||\n", ""},
	{"# one\n// two { \"\n/* three\n } */ options /**/ { directory \"/var/bind\"; // x\n};\n"
	 "zone a{type master;file \"a\";};include \"more.conf\";",
		"a. 1 /var/bind/a||\nmore. 0 /var/bind/m||\n", ""},
	{"options { directory \"sub\"; };zone a { file b; };", "a. 0 /etc/bind/sub/b||\n", ""},
	{"acl x { !10.0.0.1; { any; }; }; logging { channel c { file \"a}\"; severity info; }; };\n"
	 "key k { algorithm hmac-sha256; secret \"YQ==\"; };controls { };\n"
	 "zone a { update-policy { grant k zonesub any; }; type master; allow-transfer { x; { y; "
	 "}; }; file a; };",
		"a. 1 /etc/bind/a||\n", ""},
	{"include \"zones.conf\"; zone a { file a; };",
		"net. 2 /etc/bind/net|192.0.2.1|\na. 0 /etc/bind/a||\n", ""},
	{"options { also-notify { 192.0.2.9; }; };\n"
	 "zone a { type secondary; primaries port 5300 { 192.0.2.1; 2001:db8::1 port 54 key k; "
	 "named; }; also-notify { 2001:db8::2; }; file a; };",
		"a. 2 /etc/bind/a|192.0.2.1:5300,[2001:db8::1]:54|192.0.2.9,2001:db8::2\n",
		"/etc/bind/named.conf:2: 'named' is no address, and lists are not looked up by "
		"name; it is left out\n"},
	{"view v { match-clients { any; }; zone a { file a; }; };\nzone \".\" { type hint; file r; "
	 "};\nzone s { type slave; };\nzone \"c\" CH { file c; };",
		"",
		"/etc/bind/named.conf:1: views are not read; zones in them are left out\n"
		"/etc/bind/named.conf:2: zone '.' is of type 'hint', which is not served; it is "
		"left out\n"
		"/etc/bind/named.conf:3: zone 's' has no file; it is left out\n"},
};

static void
zones_are_found(void **state)
{
	for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
		struct named_source source = {
			read_text, keep_note, (void *)(uintptr_t)good[i].text};
		char error[BACKEND_ERROR_OCTETS] = "", all[4096] = "", name[ZONE_TEXT_OCTETS];
		struct named_conf c;

		notes[0] = '\0';
		if (named_conf_read(&c, "/etc/bind/named.conf", &source, error) != 0)
			fail_msg("%s: %s", good[i].text, error);
		for (size_t k = 0; k < c.n; k++) {
			zone_text_from_wire(name, c.zone[k].apex);
			snprintf(all + strlen(all), sizeof all - strlen(all), "%s %d %s|%s|%s\n",
				name, (int)c.zone[k].kind, c.zone[k].path, c.zone[k].primaries,
				c.zone[k].also_notify);
		}
		assert_string_equal(all, good[i].zones);
		assert_string_equal(notes, good[i].notes);
		named_conf_free(&c);
	}
}

static const struct {
	const char *text, *error;
} bad[] = {
	{"zone a {\n type master;\n file \"a\" }\n",
		"/etc/bind/named.conf:3: there is a '}' without a '{' before it"},
	{"zone a { file a; }", "/etc/bind/named.conf:1: the statement that begins in line 1 has no "
			       "end; a ';' is missing"},
	{"\nacl x { {};",
		"/etc/bind/named.conf:2: the statement that begins in line 2 has no end; a "
		"'}' is missing"},
	{"zone { file a; };", "/etc/bind/named.conf:1: the zone's name was expected here, not '{'"},
	{"zone a file a;", "/etc/bind/named.conf:1: '{' behind the zone's name was expected here, "
			   "not 'a'"},
	{"zone a..b { file a; };", "/etc/bind/named.conf:1: 'a..b' is no domain name"},
	{"\n\nx \"y", "/etc/bind/named.conf:3: the text in quotes that begins here has no end"},
	{"\n/* y", "/etc/bind/named.conf:2: the comment that begins here has no end; write '*/'"},
	{"include \"self.conf\";", "/etc/bind/self.conf:1: includes are nested more than 20 deep; "
				   "does a file include itself?"},
	{"\ninclude none;",
		"/etc/bind/named.conf:2: /etc/bind/none cannot be read: No such file or "
		"directory"},
	{"zone a { masters port 0 { 1.2.3.4; }; };",
		"/etc/bind/named.conf:1: a port is a number from 1 to 65535"},
	{"zone a { masters { 1.2.3.4 }; };",
		"/etc/bind/named.conf:1: ';' behind an address was expected here, not '}'"},
};

static void
errors_name_the_line(void **state)
{
	for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct named_source source = {read_text, keep_note, (void *)(uintptr_t)bad[i].text};
		char error[BACKEND_ERROR_OCTETS] = "";
		struct named_conf c;

		assert_true(named_conf_read(&c, "/etc/bind/named.conf", &source, error) < 0);
		assert_string_equal(error, bad[i].error);
		named_conf_free(&c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones_are_found),
		cmocka_unit_test(errors_name_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
