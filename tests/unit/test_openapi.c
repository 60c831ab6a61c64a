/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tables that the API's document is made from fit one another, and the reference page is what
 * they say. tests/wire/test_api_docs.py holds the document against the server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "controlplane/api/openapi.h"

static void
each_route(void (*fn)(const struct route_group *g, const struct route *r))
{
	for (size_t g = 0; g < api_n_route_groups; g++)
		for (size_t i = 0; i < api_route_group[g]->n; i++)
			fn(api_route_group[g], &api_route_group[g]->route[i]);
}

/* Names of schemas within a type are in the table. */
static void
check_type(const char *where, const char *type, size_t len)
{
	static const char *const simple[] = {
		"string", "integer", "number", "boolean", "object", "any"};
	size_t at = 0;

	if (len == 0)
		fail_msg("%s: an empty type", where);
	while (at < len) {
		size_t n = 0;
		bool known = false;
		if (type[at] == '\'') {
			const char *end = memchr(type + at + 1, '\'', len - at - 1);
			if (end == NULL)
				fail_msg("%s: a word without its end", where);
			at = (size_t)(end - type) + 1;
			continue;
		}
		while (at + n < len && isalnum((unsigned char)type[at + n]))
			n++;
		if (n == 0) {
			if (strchr("[]{}|/?", type[at]) == NULL)
				fail_msg("%s: '%.*s'", where, (int)len, type);
			at++;
			continue;
		}
		for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++)
			known = known ||
				(strlen(simple[i]) == n && memcmp(simple[i], type + at, n) == 0);
		if (!known && api_schema_find(type + at, n) == NULL)
			fail_msg("%s: api_schemas.c has no row '%.*s'", where, (int)n, type + at);
		at += n;
	}
}

static void
check_parameter(const struct route_group *g, const struct route *r, const char *name, size_t len)
{
	const struct api_parameter *p = api_parameter_find(g->name, name, len);

	if (p == NULL)
		fail_msg("%s %s: api_parameters.c has no row '%.*s'", r->method, r->pattern,
			(int)len, name);
}

static void
check_route(const struct route_group *g, const struct route *r)
{
	unsigned successes = 0;

	if (r->id == NULL || r->id[0] == '\0' || r->help[0] == '\0')
		fail_msg("%s %s: no id or no help", r->method, r->pattern);
	if (r->help[strlen(r->help) - 1] != '.')
		fail_msg("%s %s: the help is no whole sentence", r->method, r->pattern);
	for (const char *at = r->pattern; (at = strchr(at, '{')) != NULL; at++)
		check_parameter(g, r, at + 1, strcspn(at + 1, "}"));
	for (const char *at = r->query; *at != '\0'; at += strspn(at, " ")) {
		check_parameter(g, r, at, strcspn(at, " "));
		at += strcspn(at, " ");
	}
	if (r->body[0] != '\0' && strchr(r->body, '/') == NULL)
		check_type(r->pattern, r->body, strlen(r->body));
	for (const char *at = r->answers; *at != '\0'; at += strspn(at, ", ")) {
		size_t len = strcspn(at, ",");
		if (len < 3 || at[0] < '2' || at[0] > '5' || !isdigit((unsigned char)at[1]) ||
			!isdigit((unsigned char)at[2]) || (len > 3 && at[3] != ' '))
			fail_msg("%s %s: answers '%s'", r->method, r->pattern, r->answers);
		successes += at[0] == '2';
		if (len > 4 && !islower((unsigned char)at[4]))
			check_type(r->pattern, at + 4, len - 4);
		at += len;
	}
	if (successes == 0 && strstr(r->answers, "501") == NULL)
		fail_msg("%s %s: it never succeeds", r->method, r->pattern);
}

static void
routes_name_parameters_and_schemas_that_there_are(void **state)
{
	each_route(check_route);
}

static void
check_unique(const struct route_group *group, const struct route *r)
{
	unsigned ids = 0, requests = 0;

	for (size_t g = 0; g < api_n_route_groups; g++)
		for (size_t i = 0; i < api_route_group[g]->n; i++) {
			const struct route *o = &api_route_group[g]->route[i];
			ids += strcmp(o->id, r->id) == 0;
			requests += strcmp(o->method, r->method) == 0 &&
				    strcmp(o->pattern, r->pattern) == 0;
		}
	if (ids != 1 || requests != 1)
		fail_msg("%s %s (%s): twice", r->method, r->pattern, r->id);
}

static void
no_two_routes_are_the_same(void **state)
{
	each_route(check_unique);
}

static void
schemas_name_schemas_that_there_are(void **state)
{
	for (size_t i = 0; i < api_n_schemas; i++) {
		const struct api_schema *s = &api_schema[i];
		assert_ptr_equal(api_schema_find(s->name, strlen(s->name)), s);
		assert_true((s->field == NULL) != (s->type == NULL));
		if (s->type != NULL)
			check_type(s->name, s->type, strlen(s->type));
		for (const struct api_field *f = s->field; f != NULL && f->name != NULL; f++) {
			const char *type = f->type + (f->type[0] == '!');
			check_type(s->name, type, strlen(type));
		}
	}
}

static bool used;
static const struct api_parameter *wanted;

static void
look_for_parameter(const struct route_group *g, const struct route *r)
{
	const char *at = r->query;
	char in_path[64];

	snprintf(in_path, sizeof in_path, "{%s}", wanted->name);
	if (wanted->group != NULL && strcmp(wanted->group, g->name) != 0)
		return;
	if (strstr(r->pattern, in_path) != NULL || strcmp(wanted->name, "server_id") == 0)
		used = true;
	for (; *at != '\0'; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		if (strlen(wanted->name) == len && memcmp(wanted->name, at, len) == 0)
			used = true;
		at += len;
	}
}

static void
every_parameter_is_used(void **state)
{
	for (size_t i = 0; i < api_n_parameters; i++) {
		wanted = &api_parameter[i];
		used = false;
		each_route(look_for_parameter);
		if (!used)
			fail_msg("no route has '%s'", wanted->name);
	}
}

static void
the_reference_page_is_current(void **state)
{
	FILE *page = fopen(SOURCE_ROOT "/docs/api-reference.md", "re"), *f = tmpfile();
	char *have = NULL, *made = NULL;
	size_t have_len = 0, len = 0;
	int saved = dup(STDOUT_FILENO);

	assert_non_null(page);
	assert_non_null(f);
	fflush(stdout);
	dup2(fileno(f), STDOUT_FILENO);
	assert_int_equal(api_print_reference(), 0);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(f);
	assert_true(getdelim(&made, &len, '\0', f) > 0);
	assert_true(getdelim(&have, &have_len, '\0', page) > 0);
	fclose(f);
	fclose(page);
	if (strcmp(have, made) != 0)
		fail_msg("make it anew: build/controlplane/millrace-controlplane api-reference "
			 ">docs/api-reference.md");
	free(have);
	free(made);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_name_parameters_and_schemas_that_there_are),
		cmocka_unit_test(no_two_routes_are_the_same),
		cmocka_unit_test(schemas_name_schemas_that_there_are),
		cmocka_unit_test(every_parameter_is_used),
		cmocka_unit_test(the_reference_page_is_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
