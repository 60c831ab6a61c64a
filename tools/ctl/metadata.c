/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/metadata: domain metadata of PowerDNS's kinds. */
#include "tools/ctl/ctl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* .../metadata/KIND; kinds are upper case. */
static char *
path_of(const struct ctl *c, const char *kind)
{
	char *escaped, *rest, *path;

	if (kind == NULL)
		return ctl_zone_path(c->argv[0], "/metadata");
	escaped = ctl_escape(kind);
	for (char *at = escaped; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
	rest = ctl_format("/metadata/%s", escaped);
	path = ctl_zone_path(c->argv[0], rest);
	free(escaped);
	free(rest);
	return path;
}

static void
add_rows(struct ctl_table *t, const json_t *kind)
{
	size_t i;
	json_t *value;

	json_array_foreach(json_object_get(kind, "metadata"), i, value)
	{
		const char *cell[] = {ctl_text(kind, "kind"), json_string_value(value)};
		if (cell[1] != NULL)
			ctl_table_add(t, cell);
	}
}

int
ctl_metadata_list(const struct ctl *c)
{
	static const struct ctl_column column[] = {{"KIND", false}, {"VALUE", false}};
	struct ctl_table t = {.column = column, .n_columns = 2};
	char *path = path_of(c, NULL);
	json_t *all = ctl_ask(c, "GET", path, NULL), *kind;
	size_t i;

	free(path);
	if (all == NULL)
		return CTL_FAILURE;
	if (c->json) {
		ctl_print_json(all);
	} else {
		json_array_foreach(all, i, kind) add_rows(&t, kind);
		ctl_table_sort(&t, 0);
		ctl_table_print(c, &t, NULL);
		ctl_table_free(&t);
	}
	json_decref(all);
	return CTL_OK;
}

int
ctl_metadata_get(const struct ctl *c)
{
	char *path = path_of(c, c->argv[1]);
	json_t *kind = ctl_ask(c, "GET", path, NULL), *value;
	size_t i;

	free(path);
	if (kind == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(kind);
	else
		json_array_foreach(json_object_get(kind, "metadata"), i, value)
			printf("%s\n", json_string_value(value));
	json_decref(kind);
	return CTL_OK;
}

static int
send_values(const struct ctl *c, const char *method, char *path)
{
	json_t *values = json_array(), *body, *answer;
	char *kind = ctl_format("%s", c->argv[1]);

	for (char *at = kind; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
	for (int i = 2; i < c->argc; i++)
		json_array_append_new(values, json_string(c->argv[i]));
	body = json_pack("{s:s, s:o}", "kind", kind, "metadata", values);
	answer = ctl_ask(c, method, path, body);
	free(kind);
	free(path);
	json_decref(body);
	if (answer == NULL)
		return CTL_FAILURE;
	json_decref(answer);
	return c->json ? ctl_metadata_get(c) : CTL_OK;
}

int
ctl_metadata_set(const struct ctl *c)
{
	return send_values(c, "PUT", path_of(c, c->argv[1]));
}

int
ctl_metadata_add(const struct ctl *c)
{
	return send_values(c, "POST", path_of(c, NULL));
}

int
ctl_metadata_delete(const struct ctl *c)
{
	char *path;
	json_t *answer;

	if (!ctl_confirm(c, "Delete metadata %s of %s?", c->argv[1], c->argv[0]))
		return CTL_FAILURE;
	path = path_of(c, c->argv[1]);
	answer = ctl_ask(c, "DELETE", path, NULL);
	free(path);
	json_decref(answer);
	return answer == NULL ? CTL_FAILURE : CTL_OK;
}
