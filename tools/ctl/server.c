/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/server: what concerns all zones: search, the caches, who changed what, backends. */
#include "tools/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- search --- */

static void
add_hit(struct ctl_table *t, const json_t *hit)
{
	const char *type = ctl_text(hit, "type"), *kind = ctl_text(hit, "object_type");
	const char *cell[] = {
		kind, ctl_text(hit, "name"), type, ctl_text(hit, "content"), ctl_text(hit, "zone")};

	ctl_table_add(t, cell);
}

int
ctl_search(const struct ctl *c)
{
	static const struct ctl_column column[] = {{"WHAT", false}, {"NAME", false},
		{"TYPE", false}, {"CONTENT", false}, {"ZONE", false}};
	struct ctl_table t = {.column = column, .n_columns = 5};
	const char *what = ctl_value(c, "type");
	unsigned long max = ctl_count(c, "max");
	char *text = ctl_escape(c->argv[0]), *path;
	json_t *all, *hit;
	size_t i;

	path = ctl_format(CTL_API "/search-data?q=%s&max=%lu&object_type=%s", text,
		max == 0 ? 100 : max, what == NULL ? "all" : what);
	all = ctl_ask(c, "GET", path, NULL);
	free(text);
	free(path);
	if (all == NULL)
		return CTL_FAILURE;
	if (c->json) {
		ctl_print_json(all);
	} else {
		json_array_foreach(all, i, hit) add_hit(&t, hit);
		ctl_table_print(c, &t, NULL);
		ctl_table_free(&t);
	}
	json_decref(all);
	return CTL_OK;
}

/* --- cache --- */

int
ctl_cache_flush(const struct ctl *c)
{
	char *name = ctl_absolute(c->argv[0]), *escaped = ctl_escape(name);
	char *path = ctl_format(CTL_API "/cache/flush?domain=%s", escaped);
	json_t *answer = ctl_ask(c, "PUT", path, NULL);

	free(name);
	free(escaped);
	free(path);
	if (answer == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(answer);
	else
		printf("%s entries flushed\n", ctl_number(ctl_uint(answer, "count")));
	json_decref(answer);
	return CTL_OK;
}
