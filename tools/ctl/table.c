/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/table: aligned columns, and numbers as people read them. */
#include "config/progress.h"
#include "tools/ctl/ctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16u
#define TEXTS 8u /* that may be in use at one time */
#define TEXT_OCTETS 48u

static char *
next_text(void)
{
	static char text[TEXTS][TEXT_OCTETS];
	static unsigned at;

	return text[at++ % TEXTS];
}

const char *
ctl_number(uint64_t n)
{
	return progress_number(next_text(), n);
}

const char *
ctl_octets(uint64_t n)
{
	static const char *const unit[] = {"octets", "KiB", "MiB", "GiB", "TiB"};
	char *out = next_text();
	double value = (double)n;
	unsigned u = 0;

	while (value >= 1024 && u + 1 < sizeof unit / sizeof unit[0]) {
		value /= 1024;
		u++;
	}
	snprintf(out, TEXT_OCTETS, u == 0 ? "%.0f %s" : "%.1f %s", value, unit[u]);
	return out;
}

const char *
ctl_duration(uint64_t s)
{
	char *out = next_text();

	if (s < 60)
		snprintf(out, TEXT_OCTETS, "%" PRIu64 " s", s);
	else if (s < 3600)
		snprintf(out, TEXT_OCTETS, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(out, TEXT_OCTETS, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
	else
		snprintf(out, TEXT_OCTETS, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
	return out;
}

const char *
ctl_colour(const struct ctl *c, const char *sequence)
{
	return c->colour ? sequence : "";
}

void
ctl_table_add(struct ctl_table *t, const char *const *cell)
{
	if (t->n_rows == t->room) {
		t->room = t->room == 0 ? 64 : t->room * 2;
		t->cell = realloc(t->cell, t->room * t->n_columns * sizeof *t->cell);
		if (t->cell == NULL)
			abort();
	}
	for (size_t i = 0; i < t->n_columns; i++) {
		char *copy = strdup(cell[i]);
		if (copy == NULL)
			abort();
		t->cell[t->n_rows * t->n_columns + i] = copy;
	}
	t->n_rows++;
}

static int
compare_rows(const void *a, const void *b, void *column)
{
	size_t i = *(size_t *)column;

	return strcmp(((char *const *)a)[i], ((char *const *)b)[i]);
}

void
ctl_table_sort(struct ctl_table *t, size_t column)
{
	if (t->n_rows > 1)
		qsort_r(t->cell, t->n_rows, t->n_columns * sizeof *t->cell, compare_rows, &column);
}

static void
print_cell(const struct ctl_column *column, const char *text, size_t width, bool last)
{
	if (column->right)
		printf("%*s", (int)width, text);
	else if (last)
		printf("%s", text); /* no trailing blanks */
	else
		printf("%-*s", (int)width, text);
}

void
ctl_table_print(const struct ctl *c, const struct ctl_table *t,
	const char *(*colour_of)(size_t column, const char *cell))
{
	size_t width[COLUMNS_MAX] = {0};

	for (size_t k = 0; k < t->n_columns && k < COLUMNS_MAX; k++) {
		width[k] = strlen(t->column[k].title);
		for (size_t i = 0; i < t->n_rows; i++) {
			size_t len = strlen(t->cell[i * t->n_columns + k]);
			if (len > width[k])
				width[k] = len;
		}
	}
	printf("%s", ctl_colour(c, CTL_BOLD));
	for (size_t k = 0; k < t->n_columns; k++) {
		printf("%s", k == 0 ? "" : "  ");
		print_cell(&t->column[k], t->column[k].title, width[k], k + 1 == t->n_columns);
	}
	printf("%s\n", ctl_colour(c, CTL_PLAIN));
	for (size_t i = 0; i < t->n_rows; i++) {
		for (size_t k = 0; k < t->n_columns; k++) {
			const char *cell = t->cell[i * t->n_columns + k];
			const char *colour = colour_of == NULL ? NULL : colour_of(k, cell);
			printf("%s%s", k == 0 ? "" : "  ",
				colour == NULL ? "" : ctl_colour(c, colour));
			print_cell(&t->column[k], cell, width[k], k + 1 == t->n_columns);
			printf("%s", colour == NULL ? "" : ctl_colour(c, CTL_PLAIN));
		}
		putchar('\n');
	}
}

void
ctl_table_free(struct ctl_table *t)
{
	for (size_t i = 0; i < t->n_rows * t->n_columns; i++)
		free(t->cell[i]);
	free(t->cell);
	t->cell = NULL;
	t->n_rows = t->room = 0;
}

const char *
ctl_text(const json_t *object, const char *key)
{
	const char *s = json_string_value(json_object_get(object, key));

	return s == NULL ? "" : s;
}

uint64_t
ctl_uint(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n < 0 ? 0 : (uint64_t)n;
}

bool
ctl_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

char *
ctl_utf8(const char *text)
{
	char *out = strdup(text);

	if (out == NULL)
		abort();
	for (char *at = out; *at != '\0';) {
		unsigned char lead = (unsigned char)*at;
		size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
		json_t *valid = json_stringn(at, strnlen(at, len));

		if (valid == NULL) {
			*at = '?';
			len = 1;
		}
		json_decref(valid);
		at += len;
	}
	return out;
}

void
ctl_print_json(const json_t *j)
{
	json_dumpf(j, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

void
ctl_print_json_new(json_t *j)
{
	if (j == NULL)
		abort();
	ctl_print_json(j);
	json_decref(j);
}
