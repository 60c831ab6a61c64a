/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/policy: access list and rate limits on the command line. */
#include "tools/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#define BASE "/api/v1/servers/localhost/millrace/"

/* Ask, print an error, or hand the answer out. */
static int
ask(const struct ctl *c, const char *method, const char *path, json_t **out)
{
	long status;
	json_t *answer = ctl_request(c, method, path, &status);

	if (answer == NULL)
		return CTL_FAILURE;
	if (status != 200) {
		ctl_print_error(c, answer, status);
		json_decref(answer);
		return CTL_FAILURE;
	}
	*out = answer;
	return CTL_OK;
}

/* Ask for a change, and say how long it lasts. */
static int
change(const struct ctl *c, const char *method, const char *path)
{
	json_t *answer;
	int ret = ask(c, method, path, &answer);

	if (ret != CTL_OK)
		return ret;
	if (c->json)
		ctl_print_json(answer);
	else if (json_object_get(answer, "lasts") != NULL)
		printf("%s. %s.\n", ctl_text(answer, "result"), ctl_text(answer, "lasts"));
	else
		printf("%s.\n", ctl_text(answer, "result"));
	json_decref(answer);
	return CTL_OK;
}

/* "BASE what?key=value&key=value", values escaped; freed by the caller. */
static char *
make_path(const char *what, const char *const pair[][2], size_t n)
{
	char *path = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&path, &len);

	if (f == NULL)
		abort();
	fprintf(f, BASE "%s", what);
	for (size_t i = 0; i < n; i++) {
		char *value = ctl_escape(pair[i][1]);
		fprintf(f, "%s%s=%s", i == 0 ? "?" : "&", pair[i][0], value);
		free(value);
	}
	if (fclose(f) != 0)
		abort();
	return path;
}

int
ctl_acl_list(const struct ctl *c)
{
	static const struct ctl_column column[] = {
		{"prefix", false}, {"action", false}, {"from", false}};
	struct ctl_table t = {.column = column, .n_columns = 3};
	json_t *answer, *rule;
	size_t i;
	int ret = ask(c, "GET", BASE "acl", &answer);

	if (ret != CTL_OK)
		return ret;
	if (c->json) {
		ctl_print_json(answer);
		json_decref(answer);
		return CTL_OK;
	}
	json_array_foreach(json_object_get(answer, "rules"), i, rule)
	{
		ctl_table_add(&t, (const char *const[]){ctl_text(rule, "prefix"),
					  ctl_text(rule, "action"), ctl_text(rule, "source")});
	}
	ctl_table_add(&t, (const char *const[]){"all others", ctl_text(answer, "default"), ""});
	ctl_table_print(c, &t, NULL);
	ctl_table_free(&t);
	json_decref(answer);
	return CTL_OK;
}

int
ctl_acl_add(const struct ctl *c)
{
	const char *const pair[][2] = {{"prefix", c->argv[0]}, {"action", c->argv[1]}};
	char *path = make_path("acl", pair, 2);
	int ret = change(c, "PUT", path);

	free(path);
	return ret;
}

int
ctl_acl_delete(const struct ctl *c)
{
	const char *const pair[][2] = {{"prefix", c->argv[0]}};
	char *path = make_path("acl", pair, 1);
	int ret = change(c, "DELETE", path);

	free(path);
	return ret;
}

int
ctl_acl_default(const struct ctl *c)
{
	const char *const pair[][2] = {{"default", c->argv[0]}};
	char *path = make_path("acl", pair, 1);
	int ret = change(c, "PUT", path);

	free(path);
	return ret;
}

int
ctl_acl_reload(const struct ctl *c)
{
	return change(c, "PUT", BASE "acl/reload");
}

int
ctl_acl_check(const struct ctl *c)
{
	const char *const pair[][2] = {{"address", c->argv[0]}};
	char *path = make_path("acl/check", pair, 1);
	json_t *answer;
	int ret = ask(c, "GET", path, &answer);

	free(path);
	if (ret != CTL_OK)
		return ret;
	if (c->json)
		ctl_print_json(answer);
	else if (json_object_get(answer, "prefix") != NULL)
		printf("%s: %s, by %s (%s)\n", ctl_text(answer, "address"),
			ctl_text(answer, "action"), ctl_text(answer, "prefix"),
			ctl_text(answer, "source"));
	else
		printf("%s: %s, by default\n", ctl_text(answer, "address"),
			ctl_text(answer, "action"));
	json_decref(answer);
	return CTL_OK;
}

int
ctl_rrl_show(const struct ctl *c)
{
	const char *key;
	json_t *answer, *value;
	int ret = ask(c, "GET", BASE "rrl", &answer);

	if (ret != CTL_OK)
		return ret;
	if (c->json) {
		ctl_print_json(answer);
		json_decref(answer);
		return CTL_OK;
	}
	json_object_foreach(answer, key, value)
	{
		if (json_is_string(value))
			printf("%-16s %s\n", key, json_string_value(value));
		else if (json_is_boolean(value))
			printf("%-16s %s\n", key, json_is_true(value) ? "true" : "false");
		else
			printf("%-16s %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(value));
	}
	json_decref(answer);
	return CTL_OK;
}

/* Arguments are KEY=VALUE, with the configuration's keys. */
int
ctl_rrl_set(const struct ctl *c)
{
	const char *(*pair)[2] = calloc((size_t)c->argc, sizeof *pair);
	char *path;
	int ret;

	if (pair == NULL)
		abort();
	for (int i = 0; i < c->argc; i++) {
		char *equals = strchr(c->argv[i], '=');
		if (equals == NULL) {
			fprintf(stderr, "millracectl: '%s' is not KEY=VALUE, such as rate=500\n",
				c->argv[i]);
			free(pair);
			return CTL_USAGE;
		}
		*equals = '\0';
		for (char *k = c->argv[i]; *k != '\0'; k++)
			if (strchr("abcdefghijklmnopqrstuvwxyz0123456789-", *k) == NULL)
				*k = '?'; /* no key has it, and it must not become syntax */
		pair[i][0] = c->argv[i];
		pair[i][1] = equals + 1;
	}
	path = make_path("rrl", (const char *const(*)[2])pair, (size_t)c->argc);
	ret = change(c, "PUT", path);
	free(path);
	free(pair);
	return ret;
}
