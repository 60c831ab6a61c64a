/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What tokens and keys let in, and what they are refused for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <netinet/in.h>

#include "controlplane/api/token_private.h"
#include "controlplane/zones/rdata_text.h"

static struct token *
make(const char *text)
{
	char error[TOKEN_ERROR_OCTETS] = "";
	json_t *o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	struct token *t = NULL;

	assert_non_null(o);
	if (token_create(&t, o, error) != 0)
		fail_msg("%s: %s", text, error);
	json_decref(o);
	return t;
}

static void
patterns_match_whole_labels(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} c[] = {
		{"example.org.", "example.org.", true},
		{"example.org", "EXAMPLE.org.", true},
		{"example.org.", "a.example.org.", false},
		{"example.org.", "ample.org.", false},
		{"example.org.", "org.", false},
		{"*.example.org.", "a.example.org.", true},
		{"*.example.org.", "a.b.example.org.", true},
		{"*.example.org.", "example.org.", false},
		{"*.example.org.", "badexample.org.", false},
		{"*.example.org.", "*.example.org.", true},
		{"\\*.example.org.", "*.example.org.", true},
		{"\\*.example.org.", "a.example.org.", false},
		{"_acme-challenge.*", "_acme-challenge.example.org.", true},
		{"_acme-challenge.*", "_ACME-challenge.a.b.example.org.", true},
		{"_acme-challenge.*", "_acme-challenge.", false},
		{"_acme-challenge.*", "x._acme-challenge.example.org.", false},
		{"_acme-challenge.*", "_acme-challengex.example.org.", false},
		{"_acme-challenge.www.*", "_acme-challenge.www.example.org.", true},
		{"_acme-challenge.www.*", "_acme-challenge.example.org.", false},
		{"*._tcp.*", "_https._tcp.example.org.", true},
		{"*._tcp.*", "_tcp.example.org.", false},
		{"*._tcp.*", "_https._tcp.", false},
		{"*._tcp.*", "a.b._tcp.c.d.", true},
		{"*", ".", true},
		{"*", "example.org.", true},
		{".", ".", true},
		{".", "org.", false},
		{"*..", "org.", true},
		{"*..", ".", false},
		{"*.org", "org.", false},
	};
	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
		uint8_t wire[ZONE_WIRE_OCTETS];
		struct token_pattern p;

		assert_true(zone_wire_from_text(wire, c[i].name) > 0);
		assert_int_equal(token_pattern_read(&p, c[i].pattern), 0);
		if (token_pattern_matches(&p, wire) != c[i].matches)
			fail_msg("%s %s", c[i].pattern, c[i].name);
	}
}

static void
mistakes_are_named(void **state)
{
	static const struct {
		const char *text, *error;
	} c[] = {
		{"[]", "must be an object"},
		{"{\"zones\":[\"a.\"]}", "'name' must be"},
		{"{\"name\":\"a b\",\"zones\":[\"a.\"]}", "'name' must be"},
		{"{\"name\":\"a\"}", "may do nothing"},
		{"{\"name\":\"a\",\"zones\":[]}", "may do nothing"},
		{"{\"name\":\"a\",\"zone\":[\"a.\"]}", "'zone' is not known"},
		{"{\"name\":\"a\",\"zones\":\"a.\"}", "'zones' must be a list"},
		{"{\"name\":\"a\",\"zones\":[1]}", "'zones[0]' must be a text"},
		{"{\"name\":\"a\",\"zones\":[\"a.\",\"a..B\"]}", "'zones[1]': 'a..B' is no name"},
		{"{\"name\":\"a\",\"zones\":[\"*.a..b\"]}", "'zones[0]': '*.a..b' is no name"},
		{"{\"name\":\"a\",\"zones\":[\"a.\"],\"owners\":[\"a..b\"]}",
			"'owners[0]': 'a..b' is no name"},
		{"{\"name\":\"a\",\"zones\":[\"a.*.b.\"]}", "'zones[0]'"},
		{"{\"name\":\"a\",\"zones\":[\"*.*\"]}", "'zones[0]'"},
		{"{\"name\":\"a\",\"zones\":[\"\"]}", "'zones[0]'"},
		{"{\"name\":\"a\",\"zones\":[\"a.\"],\"types\":[\"TXXT\"]}", "'types[0]': 'TXXT'"},
		{"{\"name\":\"a\",\"zones\":[\"a.\"],\"types\":[\"ANY\"]}", "'types[0]'"},
		{"{\"name\":\"a\",\"zones\":[\"a.\"],\"methods\":[\"get\"]}",
			"'methods[0]': 'get'"},
		{"{\"name\":\"a\",\"zones\":[\"a.\"],\"sources\":[\"10.0.0.1/8\"]}",
			"'sources[0]'"},
		{"{\"name\":\"a\",\"zones\":[\"a.\"],\"expires\":\"soon\"}", "'expires' must be"},
		{"{\"name\":\"a\",\"zones\":[\"a.\"],\"expires\":0}", "'expires' must be"},
		{"{\"name\":\"a\",\"zones\":[\"a.\"],\"certificate\":\"\"}",
			"'certificate' must be"},
		{"{\"name\":\"a\",\"full\":1}", "'full' must be true or false"},
		{"{\"name\":\"a\",\"full\":true,\"zones\":[\"a.\"]}", "'full' is everything"},
		{"{\"name\":\"a\",\"full\":true,\"methods\":[\"GET\"]}", "'full' is everything"},
		{"{\"name\":\"a\",\"server\":true,\"types\":[\"A\"]}", "give 'zones' too"},
	};
	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
		char error[TOKEN_ERROR_OCTETS] = "";
		json_t *o = json_loads(c[i].text, 0, NULL);
		struct token *t;

		assert_non_null(o);
		assert_int_not_equal(token_create(&t, o, error), 0);
		if (strstr(error, c[i].error) == NULL)
			fail_msg("%s: '%s' is not in '%s'", c[i].text, c[i].error, error);
		json_decref(o);
	}
}

static bool
allows(const struct token *t, const char *owner, const char *type)
{
	uint8_t wire[ZONE_WIRE_OCTETS];
	uint16_t code;

	assert_true(zone_wire_from_text(wire, owner) > 0);
	assert_int_equal(rrtype_from_text(type, &code), 0);
	return token_allows_rrset(t, wire, code);
}

static void
an_acme_token_does_that_and_nothing_else(void **state)
{
	struct token *t = make("{\"name\":\"certbot\",\"zones\":[\"example.org.\"],\"owners\":"
			       "[\"_acme-challenge.*\"],\"types\":[\"TXT\"],\"methods\":[\"GET\","
			       "\"PATCH\"],\"sources\":[\"192.0.2.0/24\",\"2001:db8::/32\"]}");
	struct sockaddr_storage peer = {.ss_family = AF_INET};
	struct sockaddr_in *in = (struct sockaddr_in *)&peer;
	uint8_t wire[ZONE_WIRE_OCTETS];

	assert_true(token_is_limited(t));
	assert_true(allows(t, "_acme-challenge.example.org.", "TXT"));
	assert_true(allows(t, "_acme-challenge.www.example.org.", "TXT"));
	assert_false(allows(t, "_acme-challenge.example.org.", "A"));
	assert_false(allows(t, "_acme-challenge.example.org.", "CNAME"));
	assert_false(allows(t, "www.example.org.", "TXT"));
	assert_false(allows(t, "example.org.", "TXT"));
	assert_true(zone_wire_from_text(wire, "example.org.") > 0);
	assert_true(token_allows_zone(t, wire));
	assert_true(zone_wire_from_text(wire, "sub.example.org.") > 0);
	assert_false(token_allows_zone(t, wire));
	assert_true(token_allows_method(t, "GET") && token_allows_method(t, "HEAD") &&
		    token_allows_method(t, "PATCH"));
	assert_false(token_allows_method(t, "PUT") || token_allows_method(t, "DELETE") ||
		     token_allows_method(t, "POST") || token_allows_method(t, "BREW"));
	in->sin_addr.s_addr = htonl(0xc0000207);
	assert_true(token_allows_source(t, &peer));
	in->sin_addr.s_addr = htonl(0xc0000307);
	assert_false(token_allows_source(t, &peer));
	token_release(t);
}

static void
unless_told_a_token_only_reads(void **state)
{
	struct token *t = make("{\"name\":\"a\",\"zones\":[\"*\"]}");

	assert_true(token_allows_method(t, "GET"));
	assert_false(token_allows_method(t, "PATCH"));
	assert_false(token_is_limited(t) || token_expired(t, 1) || t->server || t->full);
	token_release(t);
}

static void
secrets_fit_until_they_are_replaced(void **state)
{
	struct token *t = make("{\"name\":\"a\",\"full\":true,\"expires\":1000}"), *back;
	char first[TOKEN_TEXT_OCTETS], second[TOKEN_TEXT_OCTETS], id[TOKEN_ID_OCTETS + 1];
	char error[TOKEN_ERROR_OCTETS], *text;

	assert_int_equal(credential_make_token(t->id, first), 0);
	assert_int_equal(credential_make_token(t->id, second), 0);
	assert_true(credential_is_token(first, id));
	assert_string_equal(id, t->id);
	assert_string_not_equal(first, second);
	credential_digest(second, t->digest);
	credential_digest(first, t->old_digest);
	t->old_until_s = 500;
	t->created_s = 77;
	text = token_store_text(t);
	assert_non_null(text);
	assert_null(strstr(text, second));
	assert_int_equal(token_load(&back, t->id, text, error), 0);
	assert_true(token_fits(back, second, 499) && token_fits(back, second, 501));
	assert_true(token_fits(back, first, 499));
	assert_false(token_fits(back, first, 500));
	assert_false(token_fits(back, "", 1));
	assert_true(back->created_s == 77 && back->full);
	assert_false(token_expired(back, 999));
	assert_true(token_expired(back, 1000));
	free(text);
	token_release(back);
	token_release(t);
}

static void
a_token_without_an_old_secret_has_none(void **state)
{
	struct token *t = make("{\"name\":\"a\",\"full\":true}");

	credential_digest("x", t->digest);
	assert_false(token_fits(t, "", 0));
	assert_true(token_fits(t, "x", 0));
	token_release(t);
}

static void
keys_fit_as_they_are_and_hashed(void **state)
{
	/* printed by pdnsutil hash-password for "secretkey" */
	static const char hash[] = "$scrypt$ln=10,p=1,r=8$U2RONDU9gNz5DLTz1VhZRg==$"
				   "1jrQhMUfJ6Bmt2LLgS+ka70gzemhGOiJZQ2xHZ3UG8g=";
	static const char *const bad[] = {"$scrypt$ln=16,p=1,r=8$U2RONDU9gNz5DLTz1VhZRg==$"
					  "1jrQhMUfJ6Bmt2LLgS+ka70gzemhGOiJZQ2xHZ3UG8g=",
		"$scrypt$ln=0,p=1,r=8$U2RONDU9gNz5DLTz1VhZRg==$"
		"1jrQhMUfJ6Bmt2LLgS+ka70gzemhGOiJZQ2xHZ3UG8g=",
		"$scrypt$ln=10,p=1,r=8$U2RONDU9gNz5DLTz1VhZ$"
		"1jrQhMUfJ6Bmt2LLgS+ka70gzemhGOiJZQ2xHZ3UG8g=",
		"$scrypt$ln=10,p=1,r=8$U2RONDU9gNz5DLTz1VhZRg==$", "$scrypt$", "",
		"$scrypt$ln=10,p=99,r=8$U2RONDU9gNz5DLTz1VhZRg==$"
		"1jrQhMUfJ6Bmt2LLgS+ka70gzemhGOiJZQ2xHZ3UG8g="};

	assert_true(credential_fits_key("secretkey", "secretkey"));
	assert_false(credential_fits_key("secretkey", "secretkeY"));
	assert_false(credential_fits_key("secretkey", "secretkey2"));
	assert_true(credential_is_hash(hash));
	assert_true(credential_fits_key(hash, "secretkey"));
	assert_false(credential_fits_key(hash, "secretkex"));
	assert_false(credential_fits_key(hash, hash));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(credential_is_hash(bad[i]));
}

static void
bearers_are_read(void **state)
{
	assert_string_equal(credential_bearer("Bearer abc"), "abc");
	assert_string_equal(credential_bearer("bEARER   abc"), "abc");
	assert_null(credential_bearer("Bearer"));
	assert_null(credential_bearer("Bearer "));
	assert_null(credential_bearer("Bearerabc"));
	assert_null(credential_bearer("Basic abc"));
	assert_null(credential_bearer(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_match_whole_labels),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(an_acme_token_does_that_and_nothing_else),
		cmocka_unit_test(unless_told_a_token_only_reads),
		cmocka_unit_test(secrets_fit_until_they_are_replaced),
		cmocka_unit_test(a_token_without_an_old_secret_has_none),
		cmocka_unit_test(keys_fit_as_they_are_and_hashed),
		cmocka_unit_test(bearers_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
