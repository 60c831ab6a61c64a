/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which request line finds which route, and what JSON comes out of the writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "controlplane/api/json_writer.h"
#include "controlplane/api/route.h"

static const struct route table[] = {
	{"GET", "/api", NULL, "", "", "", "", ""},
	{"GET", "/zones", NULL, "", "", "", "", ""},
	{"POST", "/zones", NULL, "", "", "", "", ""},
	{"GET", "/zones/{zone}", NULL, "", "", "", "", ""},
	{"PUT", "/zones/{zone}/reload", NULL, "", "", "", "", ""},
	{"GET", "/zones/{zone}/keys/{key}", NULL, "", "", "", "", ""},
};

static void
finds_the_route_of_a_request(void **state)
{
	static const struct {
		const char *method, *path;
		enum route_verdict verdict;
		int row;
		const char *param0, *param1;
	} c[] = {
		{"GET", "/api", ROUTE_FOUND, 0, NULL, NULL},
		{"GET", "/api/", ROUTE_FOUND, 0, NULL, NULL},
		{"HEAD", "/api", ROUTE_FOUND, 0, NULL, NULL},
		{"GET", "/api//", ROUTE_UNKNOWN_PATH, 0, NULL, NULL},
		{"GET", "//api", ROUTE_UNKNOWN_PATH, 0, NULL, NULL},
		{"GET", "/apix", ROUTE_UNKNOWN_PATH, 0, NULL, NULL},
		{"GET", "/ap", ROUTE_UNKNOWN_PATH, 0, NULL, NULL},
		{"GET", "api", ROUTE_UNKNOWN_PATH, 0, NULL, NULL},
		{"GET", "", ROUTE_UNKNOWN_PATH, 0, NULL, NULL},
		{"GET", "/", ROUTE_UNKNOWN_PATH, 0, NULL, NULL},
		{"GET", "*", ROUTE_UNKNOWN_PATH, 0, NULL, NULL},
		{"POST", "/zones", ROUTE_FOUND, 2, NULL, NULL},
		{"DELETE", "/zones", ROUTE_UNKNOWN_METHOD, 0, NULL, NULL},
		{"get", "/zones", ROUTE_UNKNOWN_METHOD, 0, NULL, NULL},
		{"GET", "/zones/example.org.", ROUTE_FOUND, 3, "example.org.", NULL},
		{"GET", "/zones/0%2f25.2.0.192.in-addr.arpa.", ROUTE_FOUND, 3,
			"0/25.2.0.192.in-addr.arpa.", NULL},
		{"GET", "/zones/a+b", ROUTE_FOUND, 3, "a+b", NULL},
		{"GET", "/zones/%2e%2E", ROUTE_FOUND, 3, "..", NULL},
		{"GET", "/zones/a%00b", ROUTE_MALFORMED, 0, NULL, NULL},
		{"GET", "/zones/a%", ROUTE_MALFORMED, 0, NULL, NULL},
		{"GET", "/zones/a%4", ROUTE_MALFORMED, 0, NULL, NULL},
		{"GET", "/zones/a%g0", ROUTE_MALFORMED, 0, NULL, NULL},
		{"GET", "/nothing/a%g0", ROUTE_UNKNOWN_PATH, 0, NULL, NULL},
		{"PUT", "/zones/a/reload", ROUTE_FOUND, 4, "a", NULL},
		{"PUT", "/zones//reload", ROUTE_UNKNOWN_PATH, 0, NULL, NULL},
		{"GET", "/zones/a/keys/7", ROUTE_FOUND, 5, "a", "7"},
		{"GET", "/zones/a/keys", ROUTE_UNKNOWN_PATH, 0, NULL, NULL},
	};
	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
		const struct route *route = NULL;
		static struct route_match match;
		enum route_verdict v = route_find(table, sizeof table / sizeof table[0],
			c[i].method, c[i].path, &route, &match);
		if (v != c[i].verdict)
			fail_msg("%s %s: verdict %d", c[i].method, c[i].path, v);
		if (v != ROUTE_FOUND)
			continue;
		assert_ptr_equal(route, &table[c[i].row]);
		assert_int_equal(match.n_params, (c[i].param0 != NULL) + (c[i].param1 != NULL));
		if (c[i].param0 != NULL)
			assert_string_equal(match.param[0], c[i].param0);
		if (c[i].param1 != NULL)
			assert_string_equal(match.param[1], c[i].param1);
	}
}

static void
a_path_tells_its_methods(void **state)
{
	char out[64];

	route_methods(table, sizeof table / sizeof table[0], "/zones", out, sizeof out);
	assert_string_equal(out, "GET, HEAD, POST");
	route_methods(table, sizeof table / sizeof table[0], "/zones/a/reload", out, sizeof out);
	assert_string_equal(out, "PUT");
	route_methods(table, sizeof table / sizeof table[0], "/none", out, sizeof out);
	assert_string_equal(out, "");
}

static void
a_parameter_longer_than_its_room_is_malformed(void **state)
{
	static char path[ROUTE_PARAM_OCTETS + 16] = "/zones/";
	static struct route_match match;
	const struct route *route;

	memset(path + 7, 'a', ROUTE_PARAM_OCTETS - 1);
	assert_int_equal(route_find(table, 6, "GET", path, &route, &match), ROUTE_FOUND);
	assert_int_equal(strlen(match.param[0]), ROUTE_PARAM_OCTETS - 1);
	path[7 + ROUTE_PARAM_OCTETS - 1] = 'a';
	assert_int_equal(route_find(table, 6, "GET", path, &route, &match), ROUTE_MALFORMED);
}

static void
queries_decode_plus_as_space(void **state)
{
	char out[8];

	assert_int_equal(route_decode(out, sizeof out, "a+%2b", 5, true), 3);
	assert_string_equal(out, "a +");
	assert_int_equal(route_decode(out, sizeof out, "1234567", 7, true), 7);
	assert_int_equal(route_decode(out, sizeof out, "12345678", 8, true), -1);
	assert_int_equal(route_decode(out, 0, "", 0, true), -1);
}

static void
json_comes_out_with_commas_and_escapes(void **state)
{
	struct json_writer w = {0};

	json_open_object(&w, NULL);
	json_str(&w, "text", "a\"b\\c\n\x01\xc3\xa9");
	json_str(&w, "none", NULL);
	json_open_array(&w, "list");
	json_uint(&w, NULL, UINT64_MAX);
	json_int(&w, NULL, INT64_MIN);
	json_int(&w, NULL, 7);
	json_bool(&w, NULL, true);
	json_open_object(&w, NULL);
	json_close_object(&w);
	json_uint_string(&w, NULL, 0);
	json_close_array(&w);
	json_bool(&w, "last", false);
	json_close_object(&w);
	json_raw(&w, "%s", "\n");
	assert_false(w.failed);
	json_raw(&w, "%c", '\0');
	assert_string_equal(w.text, "{\"text\":\"a\\\"b\\\\c\\u000a\\u0001\xc3\xa9\",\"none\":null,"
				    "\"list\":[18446744073709551615,-9223372036854775808,7,true,{},"
				    "\"0\"],\"last\":false}\n");
	json_free(&w);
}

/* RFC 3629 4: overlong forms, surrogates, what is above U+10FFFF and what is cut off */
static void
octets_that_are_no_utf8_are_replaced(void **state)
{
	static const struct {
		const char *in, *out;
	} c[] = {
		{"\x80", "\xef\xbf\xbd"},
		{"\xc3", "\xef\xbf\xbd"},
		{"\xc3z", "\xef\xbf\xbdz"},
		{"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
		{"\xe2\x82\xac", "\xe2\x82\xac"},
	};
	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
		struct json_writer w = {0};
		json_str(&w, NULL, c[i].in);
		assert_int_equal(w.len, strlen(c[i].out) + 2);
		assert_memory_equal(w.text + 1, c[i].out, w.len - 2);
		json_free(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_route_of_a_request),
		cmocka_unit_test(a_path_tells_its_methods),
		cmocka_unit_test(a_parameter_longer_than_its_room_is_malformed),
		cmocka_unit_test(queries_decode_plus_as_space),
		cmocka_unit_test(json_comes_out_with_commas_and_escapes),
		cmocka_unit_test(octets_that_are_no_utf8_are_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
