/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/backend: places where zones come from, and how they are. */
#include "tools/ctl/ctl.h"

#include <string.h>

static const char *
backend_colour(size_t column, const char *cell)
{
	return column == 2 ? (strcmp(cell, "open") == 0 ? CTL_GREEN : CTL_RED) : NULL;
}

static void
print_backends(const struct ctl *c, const json_t *all)
{
	static const struct ctl_column column[] = {{"NAME", false}, {"TYPE", false},
		{"STATE", false}, {"WAITING", true}, {"CALLS", true}, {"FAILED", true},
		{"ERROR", false}};
	struct ctl_table t = {.column = column, .n_columns = 7};
	json_t *b;
	size_t i;

	json_array_foreach(all, i, b)
	{
		const char *cell[] = {ctl_text(b, "name"), ctl_text(b, "type"),
			ctl_bool(b, "open") ? "open" : "closed", ctl_number(ctl_uint(b, "queued")),
			ctl_number(ctl_uint(b, "calls")), ctl_number(ctl_uint(b, "failures")),
			ctl_text(b, "error")};
		ctl_table_add(&t, cell);
	}
	ctl_table_print(c, &t, backend_colour);
	ctl_table_free(&t);
}

int
ctl_backend_list(const struct ctl *c)
{
	json_t *all = ctl_ask(c, "GET", CTL_API "/millrace/backends", NULL);

	if (all == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(all);
	else
		print_backends(c, all);
	json_decref(all);
	return CTL_OK;
}

static void
print_backend(const struct ctl *c, const json_t *b)
{
	bool open = ctl_bool(b, "open");
	size_t i;
	json_t *word;

	printf("%-13s %s\n%-13s %s: %s\n", "name", ctl_text(b, "name"), "type", ctl_text(b, "type"),
		ctl_text(b, "description"));
	printf("%-13s %s%s%s\n", "state", ctl_colour(c, open ? CTL_GREEN : CTL_RED),
		open ? "open" : "closed", ctl_colour(c, CTL_PLAIN));
	if (ctl_text(b, "error")[0] != '\0')
		printf("%-13s %s\n", "error", ctl_text(b, "error"));
	printf("%-13s %s, %s failed; %s attempts to open it\n", "calls",
		ctl_number(ctl_uint(b, "calls")), ctl_number(ctl_uint(b, "failures")),
		ctl_number(ctl_uint(b, "opens")));
	printf("%-13s %s; the one that runs: %s ms\n", "waiting", ctl_number(ctl_uint(b, "queued")),
		ctl_number(ctl_uint(b, "running_ms")));
	printf("%-13s ", "can");
	json_array_foreach(json_object_get(b, "capabilities"), i, word)
		printf("%s%s", i == 0 ? "" : ", ", json_string_value(word));
	putchar('\n');
}

int
ctl_backend_status(const struct ctl *c)
{
	json_t *all = ctl_ask(c, "GET", CTL_API "/millrace/backends", NULL), *b;
	const json_t *found = NULL;
	int ret = CTL_FAILURE;
	size_t i;

	json_array_foreach(all, i, b) if (strcmp(ctl_text(b, "name"), c->argv[0]) == 0) found = b;
	if (found != NULL) {
		if (c->json)
			ctl_print_json(found);
		else
			print_backend(c, found);
		ret = ctl_bool(found, "open") ? CTL_OK : CTL_FAILURE;
	} else if (all != NULL) {
		ctl_complain("there is no backend '%s'", c->argv[0]);
	}
	json_decref(all);
	return ret;
}
