/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A configuration without its list of zones: when the list is left out, that nothing else is
 * missing then, and that lines keep their numbers. */
#include "config/loader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BEFORE "run-dir: /run/x\nzones:\n"
#define BEHIND "  threads: 3\nanswers:\n  version: v1\n"

static struct config *
part(const char *text)
{
	char *error = NULL;
	struct config *c = config_load_text_part(text, strlen(text), "/etc/m/t.yaml", &error);

	if (!c)
		fail_msg("refused: %s\n%s", error, text);
	return c;
}

static void
note_key(void *arg, const struct config_change *change)
{
	assert_string_equal(change->key, "zones.list");
	++*(unsigned *)arg;
}

/* Both ways of reading it agree on all keys but the list. */
static void
check_rest(const char *text, const struct config *c, unsigned n_zones)
{
	char *error = NULL;
	struct config *whole = config_load_text(text, strlen(text), "/etc/m/t.yaml", &error);
	unsigned n = 0;

	if (!whole)
		fail_msg("refused as a whole: %s\n%s", error, text);
	assert_int_equal(whole->zones.list_count, n_zones);
	config_compare(whole, c, 0, note_key, &n);
	config_compare(whole, c, CONFIG_ALL, note_key, &n);
	assert_int_equal(n, c->zones.list_left_out && n_zones > 0 ? 1 : 0);
	config_free(whole);
}

static void
lists_that_are_left_out(void **state)
{
	static const char *const list[] = {
		"  list:\n  - {zone: a, file: b}\n  - {zone: c, file: d}\n",
		"  list:   # of zones\n    - {zone: a, file: b} # one\n\n# two\n    - {zone: c, "
		"file: d}\n",
		"  list:\n    - zone: a\n      file: b\n    - file: d\n      zone: c\n",
		"  list:\n  - zone: a\n    file: b\n  -\n    file: d\n    zone: c\n",
		"  list:\n    - zone: a\n      file:\n        b\n       c # of two lines\n    - "
		"{zone: c, file: d}\n",
		"  list:\n    - zone: a\n      file: x{1}\n    - {zone: c, file: d}   \n",
	};

	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		char text[1024];
		struct config *c;

		snprintf(text, sizeof text, BEFORE "%s" BEHIND, list[i]);
		c = part(text);
		assert_true(c->zones.list_left_out);
		assert_int_equal(c->zones.list_count, 0);
		assert_int_equal(c->zones.threads, 3);
		assert_string_equal(c->answers.version, "v1");
		check_rest(text, c, 2);
		config_free(c);
		/* and as the last thing of the file, with its last line ended or not */
		for (int cut = 0; cut < 2; cut++) {
			snprintf(text, sizeof text, BEFORE "%s", list[i]);
			text[strlen(text) - (size_t)cut] = '\0';
			c = part(text);
			assert_true(c->zones.list_left_out);
			check_rest(text, c, 2);
			config_free(c);
		}
	}
}

/* Here the end of the list cannot be told by indentation alone. */
static void
doubtful_lists_are_read(void **state)
{
	static const struct {
		unsigned n;
		const char *text;
	} row[] = {
		{1, BEFORE "  list: [ {zone: a, file: b} ]\n" BEHIND},
		{1, BEFORE "  list:\n  - {zone: a,\n  file: b}\n" BEHIND},
		{1, BEFORE "  list:\n  - {zone: a, file: \"b\n  threads: 4\n  c\"}\n" BEHIND},
		{1, BEFORE "  list:\n  - zone: 'a'\n    file: 'b\nanswers: c'\n" BEHIND},
		{1, BEFORE "  list:\n  - zone: a\n    file: >-\n      b\n" BEHIND},
		{1, BEFORE "  list:\n  - zone: a\n    file: |-\n      - c\n" BEHIND},
		{1, BEFORE "  list:\n  - zone: a\n    file: b\xc3\xa4\n" BEHIND},
		{1, BEFORE "  list:\r\n  - zone: a\r\n    file: b\r\n" BEHIND},
		{1, BEFORE "  list:\n  - !!map {zone: a, file: b}\n" BEHIND},
		{2, BEFORE "  list:\n  - {zone: a, file: b}\n  -\t{zone: c, file: d}\n" BEHIND},
		{1, BEFORE "  \"list\":\n  - {zone: a, file: b}\n" BEHIND},
		{1, "{run-dir: /run/x, zones:\n  {\n  list:\n  - {zone: a, file: b}}}\n"},
		{0, "answers:\n  version: \"\nzones:\n  list:\n  - a\n  \"\n"},
		{0, "answers:\n  version: |\n    \n    zones:\n     list:\n     - a\n"},
		{0, "answers:\n  version: a\n# zones:\n#   list:\n#   - a\n"},
		{0, BEFORE "  list:\n" BEHIND},
		{0, BEFORE "  list:\n  # - {zone: a, file: b}\n" BEHIND},
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char *error = NULL;
		struct config *whole =
			config_load_text(row[i].text, strlen(row[i].text), "/etc/m/t.yaml", &error);
		struct config *c;

		if (!whole) { /* libyaml refuses it: then so does the other way */
			free(error);
			c = config_load_text_part(
				row[i].text, strlen(row[i].text), "/etc/m/t.yaml", &error);
			assert_null(c);
			free(error);
			continue;
		}
		config_free(whole);
		c = part(row[i].text);
		if (c->zones.list_left_out)
			fail_msg("row %zu: left out", i);
		assert_int_equal(c->zones.list_count, row[i].n);
		check_rest(row[i].text, c, row[i].n);
		config_free(c);
	}
}

static void
lines_behind_the_list_keep_their_numbers(void **state)
{
	const char *text = BEFORE "  list:\n  - {zone: a, file: b}\n\n  - {zone: c, file: d}\n"
				  "  thraeds: 3\n";
	char *error = NULL;

	assert_null(config_load_text_part(text, strlen(text), "/etc/m/t.yaml", &error));
	if (strncmp(error, "/etc/m/t.yaml:7: key 'zones.thraeds'", 36) != 0)
		fail_msg("%s", error);
	free(error);
}

static void
write_file(const char *path, unsigned n_zones, const char *last)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs("zones:\n  list:\n", f);
	for (unsigned i = 0; i < n_zones; i++)
		fprintf(f, "  - {zone: zone-number-%06u.example, file: zone}\n", i);
	fputs(last, f);
	assert_int_equal(fclose(f), 0);
}

static void
long_lists_wait_and_short_ones_do_not(void **state)
{
	static const struct {
		unsigned n;
		bool left_out;
	} row[] = {{100, false}, {8000, true}};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char path[] = "/tmp/millrace-part-XXXXXX", *error = NULL;
		struct config_rest *rest;
		struct config *c;

		close(mkstemp(path));
		write_file(path, row[i].n, "  threads: 3\n");
		c = config_load_part(path, &rest, &error);
		assert_non_null(c);
		assert_int_equal(c->zones.threads, 3);
		assert_int_equal(c->zones.list_left_out, row[i].left_out);
		assert_int_equal(rest != NULL, row[i].left_out);
		config_free(c);
		write_file(path, 1, ""); /* the rest is of the version that was read */
		if (rest != NULL) {
			c = config_load_rest(rest, &error);
			assert_non_null(c);
			assert_false(c->zones.list_left_out);
			assert_int_equal(c->zones.list_count, row[i].n);
			config_free(c);
		}
		/* a mistake in a list that is not read is not seen; in one that is, it is */
		write_file(path, row[i].n, "  - {zone: a..b, file: c}\n");
		c = config_load_part(path, NULL, &error);
		assert_int_equal(c != NULL, row[i].left_out);
		config_free(c);
		free(error);
		unlink(path);
	}
}

/* However a list is read: the same configuration, or the same error. */
static void
plain_lists_read_as_yaml_does(void **state)
{
	static const char *const list[] = {
		"  list:\n  - {zone: a, file: b}\n  - {file: d, zone: c}\n",
		"  list:\n    # two\n    - zone: a\n      file: b\n\n    - file: d\n      zone: "
		"c\n",
		"  list:\n  - {zone: a, file: b}\n  - zone: c\n    # here\n    file: d\n",
		"  list:\n  - {zone: a, file: b}\n  - {zone: null, file: d}\n",
		"  list:\n  - {zone: a, file: b}\n  - {zone: c}\n",
		"  list:\n  - {zone: a, file: b}\n  - zone: c\n",
		"  list:\n  - {zone: a, file: b}\n  - {zone: A., file: d}\n",
		"  list:\n  - {zone: a, file: b}\n  - {zone: a..b, file: d}\n",
		"  list:\n  - {zone: a, file: b}\n  - {zone: c, zone: d}\n",
		"  list:\n  - zone: a\n    file: b\n     zone: c\n",
		"  list:\n  - zone: a\n    file: b\n   zone: c\n",
		"  list:\n  - zone: a\n    file: b\n    zone: c\n",
		"  list:\n  - {zone: a, file: b}\n   - {zone: c, file: d}\n",
		"  list:\n  - {zone: a, file: b}\n    file: d\n",
		"  list:\n  - {zone: 1, file: true}\n  - {zone: c, file: ~}\n",
		"  list:\n  - {zone: a, file: -}\n  - {zone: c, file: ...}\n",
		"  list:\n  - {zone: a, file: b}\n  list: \n",
	};

	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		char text[1024], *by_yaml = NULL, *error = NULL;
		struct config *yaml, *c;

		snprintf(text, sizeof text, BEFORE "%s" BEHIND, list[i]);
		c = config_load_text(text, strlen(text), "/etc/m/t.yaml", &error);
		yaml = load_text_as_yaml(text, strlen(text), "/etc/m/t.yaml", "/etc/m", &by_yaml);
		if ((c == NULL) != (yaml == NULL) || (c == NULL && strcmp(error, by_yaml) != 0))
			fail_msg("row %zu: %s, and by libyaml: %s", i, error ? error : "good",
				by_yaml ? by_yaml : "good");
		if (c != NULL) {
			assert_int_equal(config_compare(c, yaml, 0, NULL, NULL), 0);
			assert_int_equal(config_compare(c, yaml, CONFIG_ALL, NULL, NULL), 0);
		}
		config_free(c);
		config_free(yaml);
		free(error);
		free(by_yaml);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_that_are_left_out),
		cmocka_unit_test(doubtful_lists_are_read),
		cmocka_unit_test(lines_behind_the_list_keep_their_numbers),
		cmocka_unit_test(long_lists_wait_and_short_ones_do_not),
		cmocka_unit_test(plain_lists_read_as_yaml_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
