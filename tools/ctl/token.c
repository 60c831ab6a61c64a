/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/token: keys of the API that may do only so much, and the audit log of what they did. */
#include "tools/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOKENS CTL_API "/millrace/tokens"

/* Texts of an array, parted by blanks; fallback when there are none. Allocated. */
static char *
joined(const json_t *array, const char *fallback)
{
	char *out = ctl_format("%s", json_array_size(array) == 0 ? fallback : "");
	json_t *one;
	size_t i;

	json_array_foreach(array, i, one)
	{
		char *more = ctl_format("%s%s%s", out, i > 0 ? " " : "", json_string_value(one));
		free(out);
		out = more;
	}
	return out;
}

static const char *
day_of(uint64_t seconds, char text[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (seconds == 0 || gmtime_r(&t, &tm) == NULL)
		return "never";
	strftime(text, 32, "%Y-%m-%d %H:%M", &tm);
	return text;
}

/* The id of a token that is given by name or id; NULL after a message. Allocated. */
static char *
find_token(const struct ctl *c, const char *name)
{
	json_t *all = ctl_ask(c, "GET", TOKENS, NULL), *token;
	char *id = NULL;
	size_t i;

	if (all == NULL)
		return NULL;
	json_array_foreach(all, i, token)
	{
		if (strcmp(ctl_text(token, "name"), name) == 0 ||
			strcmp(ctl_text(token, "id"), name) == 0)
			id = ctl_format("%s", ctl_text(token, "id"));
	}
	json_decref(all);
	if (id == NULL)
		ctl_complain("there is no token '%s'; `millracectl token list` has them all", name);
	return id;
}

int
ctl_token_list(const struct ctl *c)
{
	static const struct ctl_column column[] = {{"NAME", false}, {"ID", false}, {"ZONES", false},
		{"OWNERS", false}, {"TYPES", false}, {"METHODS", false}, {"SOURCES", false},
		{"EXPIRES", false}};
	struct ctl_table t = {.column = column, .n_columns = sizeof column / sizeof *column};
	json_t *all = ctl_ask(c, "GET", TOKENS, NULL), *token;
	size_t i;

	if (all == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(all);
	json_array_foreach(all, i, token)
	{
		bool full = ctl_bool(token, "full");
		char *zones = joined(json_object_get(token, "zones"), full ? "*" : "-");
		char *owners = joined(json_object_get(token, "owners"), "*");
		char *types = joined(json_object_get(token, "types"), "*");
		char *methods = joined(json_object_get(token, "methods"), full ? "*" : "GET");
		char *sources = joined(json_object_get(token, "sources"), "*");
		char expires[32];
		const char *cell[] = {ctl_text(token, "name"), ctl_text(token, "id"), zones, owners,
			types, methods, sources, day_of(ctl_uint(token, "expires"), expires)};

		ctl_table_add(&t, cell);
		free(zones);
		free(owners);
		free(types);
		free(methods);
		free(sources);
	}
	if (!c->json) {
		ctl_table_sort(&t, 0);
		ctl_table_print(c, &t, NULL);
	}
	ctl_table_free(&t);
	json_decref(all);
	return CTL_OK;
}

/* The values of an option that may be repeated, as an array member. */
static void
put_values(const struct ctl *c, json_t *body, const char *option, const char *member)
{
	json_t *values;

	if (!ctl_given(c, option))
		return;
	values = json_array();
	for (unsigned i = 0; i < ctl_times(c, option); i++)
		json_array_append_new(values, json_string(ctl_value_at(c, option, i)));
	json_object_set_new(body, member, values);
}

/* Shown once: who asked keeps it. */
static int
print_secret(const struct ctl *c, json_t *answer)
{
	if (answer == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(answer);
	else
		puts(ctl_text(answer, "token"));
	json_decref(answer);
	return CTL_OK;
}

int
ctl_token_create(const struct ctl *c)
{
	json_t *body = json_pack("{s:s}", "name", c->argv[0]), *answer;
	unsigned long days = ctl_count(c, "days");

	if (body == NULL) {
		ctl_complain("the name is not UTF-8");
		return CTL_USAGE;
	}
	put_values(c, body, "zone", "zones");
	put_values(c, body, "owner", "owners");
	put_values(c, body, "type", "types");
	put_values(c, body, "method", "methods");
	put_values(c, body, "source", "sources");
	if (ctl_given(c, "certificate"))
		json_object_set_new(body, "certificate", json_string(ctl_value(c, "certificate")));
	if (ctl_given(c, "read-server"))
		json_object_set_new(body, "server", json_true());
	if (ctl_given(c, "full"))
		json_object_set_new(body, "full", json_true());
	if (days > 0)
		json_object_set_new(body, "expires",
			json_integer((json_int_t)time(NULL) + (json_int_t)days * 86400));
	answer = ctl_ask(c, "POST", TOKENS, body);
	json_decref(body);
	return print_secret(c, answer);
}

static int
on_token(const struct ctl *c, const char *method, const char *rest, const json_t *body,
	json_t **answer)
{
	char *id = find_token(c, c->argv[0]), *path;

	if (id == NULL)
		return CTL_FAILURE;
	path = ctl_format(TOKENS "/%s%s", id, rest);
	*answer = ctl_ask(c, method, path, body);
	free(path);
	free(id);
	return *answer == NULL ? CTL_FAILURE : CTL_OK;
}

int
ctl_token_show(const struct ctl *c)
{
	json_t *token;
	int ret = on_token(c, "GET", "", NULL, &token);

	if (ret == CTL_OK)
		ctl_print_json(token);
	json_decref(token);
	return ret;
}

int
ctl_token_rotate(const struct ctl *c)
{
	json_t *body = json_object(), *answer = NULL;
	int ret;

	if (ctl_given(c, "grace"))
		json_object_set_new(body, "grace", json_integer((json_int_t)ctl_count(c, "grace")));
	ret = on_token(c, "POST", "/rotate", body, &answer);
	json_decref(body);
	return ret == CTL_OK ? print_secret(c, answer) : ret;
}

int
ctl_token_revoke(const struct ctl *c)
{
	json_t *answer = NULL;
	int ret;

	if (!ctl_confirm(c, "Revoke the token %s?", c->argv[0]))
		return CTL_FAILURE;
	ret = on_token(c, "DELETE", "", NULL, &answer);
	json_decref(answer);
	return ret;
}

/* --- audit --- */

/* What a row is about, beside its zone. The caller frees it. */
static char *
what_of(const json_t *entry)
{
	static const char *const about[] = {"key", "kind", "token"};

	for (size_t i = 0; i < sizeof about / sizeof *about; i++)
		if (json_is_string(json_object_get(entry, about[i])))
			return ctl_format("%s", ctl_text(entry, about[i]));
	if (json_is_integer(json_object_get(entry, "n_rrsets")))
		return ctl_format("%llu RRsets, serial %llu to %llu",
			(unsigned long long)ctl_uint(entry, "n_rrsets"),
			(unsigned long long)ctl_uint(entry, "serial_before"),
			(unsigned long long)ctl_uint(entry, "serial_after"));
	return ctl_format("%s %s", ctl_text(entry, "method"), ctl_text(entry, "path"));
}

int
ctl_audit(const struct ctl *c)
{
	static const struct ctl_column column[] = {{"TIME (UTC)", false}, {"WHO", false},
		{"ACTION", false}, {"ZONE", false}, {"WHAT", false}};
	struct ctl_table t = {.column = column, .n_columns = sizeof column / sizeof *column};
	char *zone = ctl_escape(ctl_given(c, "zone") ? ctl_value(c, "zone") : "");
	char *who = ctl_escape(ctl_given(c, "who") ? ctl_value(c, "who") : "");
	char *path = ctl_format(CTL_API "/millrace/audit?limit=%lu%s%s%s%s",
		ctl_count(c, "max") > 0 ? ctl_count(c, "max") : 100,
		zone[0] != '\0' ? "&zone=" : "", zone, who[0] != '\0' ? "&who=" : "", who);
	json_t *page = ctl_ask(c, "GET", path, NULL), *entry;
	size_t i;

	free(path);
	free(zone);
	free(who);
	if (page == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(page);
	json_array_foreach(json_object_get(page, "entries"), i, entry)
	{
		char at[32], *what = what_of(entry);
		const char *cell[] = {day_of(ctl_uint(entry, "at_ms") / 1000, at),
			ctl_text(entry, "who"), ctl_text(entry, "action"), ctl_text(entry, "zone"),
			what};

		ctl_table_add(&t, cell);
		free(what);
	}
	if (!c->json)
		ctl_table_print(c, &t, NULL);
	ctl_table_free(&t);
	json_decref(page);
	return CTL_OK;
}
