/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which request bodies are JSON, and what the others are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "controlplane/api/json_body.h"

static void
json_is_taken_and_the_rest_named_by_line(void **state)
{
	static const struct {
		const char *text, *error; /* NULL: it is good */
	} c[] = {
		{"{\"rrsets\": [{\"name\": \"a.example.\", \"ttl\": 60}]}", NULL},
		{" [1, 2] ", NULL},
		{"\"text\"", NULL},
		{"{\"a\": \"[[[[ \\\"]]]]{\"}", NULL},
		{"", "no body"},
		{"{", "line 1"},
		{"{\"a\": 1,\n \"a\": 2}", "line 2, column 4: duplicate object key"},
		{"{}x", "line 1, column 3"},
		{"{\"a\": \"\xff\"}", "line 1"},
		{"{\"a\": \"\\u0000\"}", "line 1"},
		{"[1e999]", "line 1"},
	};
	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
		char error[JSON_BODY_ERROR_OCTETS] = "";
		json_t *v = json_body_load(c[i].text, strlen(c[i].text), error);

		if (c[i].error == NULL) {
			assert_non_null(v);
			json_decref(v);
			continue;
		}
		assert_null(v);
		if (strstr(error, c[i].error) == NULL)
			fail_msg("%s: '%s' is not in '%s'", c[i].text, c[i].error, error);
	}
}

static json_t *
load_nested(unsigned depth, char error[JSON_BODY_ERROR_OCTETS])
{
	char text[4096];

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	return json_body_load(text, 2 * depth, error);
}

static void
nesting_and_brackets_are_bounded(void **state)
{
	char error[JSON_BODY_ERROR_OCTETS];
	size_t len = 1 << 20;
	char *text = malloc(len);
	json_t *v = load_nested(JSON_BODY_DEPTH_MAX, error);

	assert_non_null(v);
	json_decref(v);
	assert_null(load_nested(JSON_BODY_DEPTH_MAX + 1, error));
	assert_non_null(strstr(error, "in one another"));
	/* [{},{},...: a megabyte would take a hundred */
	text[0] = '[';
	for (size_t i = 1; i + 3 <= len; i += 3)
		memcpy(text + i, "{},", 3);
	assert_null(json_body_load(text, len, error));
	assert_non_null(strstr(error, "arrays and objects"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_taken_and_the_rest_named_by_line),
		cmocka_unit_test(nesting_and_brackets_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
