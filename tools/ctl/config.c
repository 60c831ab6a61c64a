/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/config: config check, show, diff, reload. */
#include "config/config.h"
#include "tools/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#define API_CONFIG "/api/v1/servers/localhost/millrace/config"

/* --- check: needs no server --- */

int
ctl_config_check(const struct ctl *c)
{
	char *error = NULL;
	struct config *config = config_load(c->argv[0], &error);
	bool good = config != NULL;

	if (c->json) {
		char *file = ctl_utf8(c->argv[0]),
		     *text = ctl_utf8(error != NULL ? error : "out of memory");
		json_t *j = json_pack("{s:s,s:b,s:s*}", "file", file, "ok", (int)good, "error",
			good ? NULL : text);
		if (j == NULL)
			abort();
		ctl_print_json(j);
		json_decref(j);
		free(file);
		free(text);
	} else if (good) {
		printf("%s: OK\n", c->argv[0]);
	} else {
		fprintf(stderr, "%s\n", error != NULL ? error : "out of memory");
	}
	config_free(config);
	free(error);
	return good ? CTL_OK : CTL_FAILURE;
}

/* --- show: as the file could say it --- */

static void
indent(unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		fputs("  ", stdout);
}

/* Quoted where YAML might read something else into it: JSON's quotes are YAML's. */
static void
print_scalar(const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	if (text == NULL)
		abort();
	puts(text);
	free(text);
}

static void print_mapping(const json_t *object, unsigned depth, bool in_list);

static void
print_list(const json_t *list, unsigned depth)
{
	size_t i;
	json_t *entry;

	json_array_foreach(list, i, entry)
	{
		indent(depth);
		fputs("- ", stdout);
		if (json_is_object(entry))
			print_mapping(entry, depth + 1, true);
		else
			print_scalar(entry);
	}
}

/* @param in_list  the first key follows "- " on the same line */
static void
print_mapping(const json_t *object, unsigned depth, bool in_list)
{
	bool first = in_list;
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		bool empty = json_is_null(value) ||
			     (json_is_array(value) && json_array_size(value) == 0);
		bool hidden = json_is_string(value) &&
			      strcmp(json_string_value(value), "(hidden)") == 0 &&
			      strstr(key, "secret") != NULL;
		if (!first)
			indent(depth);
		first = false;
		if (empty || hidden)
			printf("# %s: %s\n", key, hidden ? "(hidden)" : "not set");
		else
			printf("%s:%s", key,
				json_is_object(value) || json_is_array(value) ? "\n" : " ");
		if (empty || hidden)
			continue;
		if (json_is_object(value))
			print_mapping(value, depth + 1, false);
		else if (json_is_array(value))
			print_list(value, depth + 1);
		else
			print_scalar(value);
	}
}

int
ctl_config_show(const struct ctl *c)
{
	long status = 0;
	json_t *answer = ctl_request(c, "GET", API_CONFIG, &status);

	if (answer == NULL)
		return CTL_FAILURE;
	if (status >= 300) {
		ctl_print_error(c, answer, status);
	} else if (c->json) {
		ctl_print_json(answer);
	} else {
		printf("# in use, read from %s\n", ctl_text(answer, "file"));
		print_mapping(json_object_get(answer, "config"), 0, false);
	}
	json_decref(answer);
	return status < 300 ? CTL_OK : CTL_FAILURE;
}

/* --- diff and reload --- */

static void
print_restart(const struct ctl *c, const json_t *processes)
{
	size_t i;
	json_t *p;

	json_array_foreach(processes, i, p)
		printf("%s%s", i == 0 ? " " : " and ", json_string_value(p));
	fputs(ctl_colour(c, CTL_PLAIN), stdout);
}

static void
print_changes(const struct ctl *c, const json_t *changes)
{
	size_t i;
	json_t *change;

	json_array_foreach(changes, i, change)
	{
		const json_t *restart = json_object_get(change, "restart");

		printf("%s: %s -> %s", ctl_text(change, "key"), ctl_text(change, "before"),
			ctl_text(change, "after"));
		if (json_array_size(restart) > 0) {
			printf("; %sneeds a restart of", ctl_colour(c, CTL_YELLOW));
			print_restart(c, restart);
		}
		putchar('\n');
	}
}

int
ctl_config_diff(const struct ctl *c)
{
	long status = 0;
	json_t *answer = ctl_request(c, "GET", API_CONFIG "/diff", &status);
	const json_t *changes;

	if (answer == NULL)
		return CTL_FAILURE;
	changes = json_object_get(answer, "changes");
	if (status >= 300)
		ctl_print_error(c, answer, status);
	else if (c->json)
		ctl_print_json(answer);
	else if (json_array_size(changes) == 0)
		printf("no differences: %s is what runs\n", ctl_text(answer, "file"));
	else
		print_changes(c, changes);
	json_decref(answer);
	return status < 300 ? CTL_OK : CTL_FAILURE;
}

int
ctl_config_reload(const struct ctl *c)
{
	bool wait = !ctl_given(c, "no-wait"), partial = ctl_given(c, "partial");
	int ret = CTL_OK;
	char path[128];
	long status = 0;
	json_t *answer;

	snprintf(path, sizeof path, API_CONFIG "/reload?partial=%s&wait=%s",
		partial ? "true" : "false", wait ? "true" : "false");
	answer = ctl_request(c, "PUT", path, &status);
	if (answer == NULL)
		return CTL_FAILURE;
	if (status >= 300) {
		ctl_print_error(c, answer, status);
		if (status == 409)
			fprintf(stderr, "Restart what is named, or take over the rest with "
					"--partial.\n");
		json_decref(answer);
		return CTL_FAILURE;
	}
	if (c->json)
		ctl_print_json(answer);
	else
		printf("%s\n", ctl_text(answer, "result"));
	if (!c->json)
		print_changes(c, json_object_get(answer, "changes"));
	if (wait)
		ret = ctl_print_reload(c, answer);
	json_decref(answer);
	return ret;
}
