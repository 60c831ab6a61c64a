/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/zone: zone list, status, reload, check. */
#include "tools/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define API_ZONES "/api/v1/servers/localhost/zones"

static const char *
state_colour(const char *state)
{
	if (strcmp(state, "loaded") == 0)
		return CTL_GREEN;
	return strcmp(state, "failed") == 0 ? CTL_RED : CTL_YELLOW;
}

/* --- list --- */

enum list_column {
	LIST_ZONE,
	LIST_STATE,
	LIST_SERVED,
	LIST_SERIAL,
	LIST_RECORDS,
	LIST_NAMES,
	LIST_OCTETS,
	LIST_N
};

static void
list_one(void *arg, const json_t *zone)
{
	const json_t *own = json_object_get(zone, "millrace");
	const char *cell[LIST_N];
	char serial[16];

	snprintf(serial, sizeof serial, "%u", (unsigned)ctl_uint(zone, "serial"));
	cell[LIST_ZONE] = ctl_text(zone, "name");
	cell[LIST_STATE] = ctl_text(own, "state");
	cell[LIST_SERVED] = ctl_bool(own, "serving") ? "yes" : "no";
	cell[LIST_SERIAL] = ctl_bool(own, "serving") ? serial : "-";
	cell[LIST_RECORDS] = ctl_number(ctl_uint(own, "records"));
	cell[LIST_NAMES] = ctl_number(ctl_uint(own, "names"));
	cell[LIST_OCTETS] = ctl_octets(ctl_uint(own, "octets"));
	ctl_table_add(arg, cell);
}

static const char *
list_colour(size_t column, const char *cell)
{
	if (column == LIST_STATE)
		return state_colour(cell);
	return column == LIST_SERVED && strcmp(cell, "no") == 0 ? CTL_RED : NULL;
}

int
ctl_zone_list(const struct ctl *c)
{
	static const struct ctl_column column[LIST_N] = {
		[LIST_ZONE] = {"ZONE", false},
		[LIST_STATE] = {"STATE", false},
		[LIST_SERVED] = {"SERVED", false},
		[LIST_SERIAL] = {"SERIAL", true},
		[LIST_RECORDS] = {"RECORDS", true},
		[LIST_NAMES] = {"NAMES", true},
		[LIST_OCTETS] = {"MEMORY", true},
	};
	struct ctl_table t = {.column = column, .n_columns = LIST_N};

	if (c->json)
		return ctl_request_copy(c, API_ZONES, stdout) == 0 ? CTL_OK : CTL_FAILURE;
	if (ctl_request_each(c, API_ZONES, list_one, &t) != 0)
		return CTL_FAILURE;
	ctl_table_sort(&t, LIST_ZONE);
	ctl_table_print(c, &t, list_colour);
	ctl_table_free(&t);
	return CTL_OK;
}

/* --- status --- */

static void
print_findings(const struct ctl *c, const json_t *findings)
{
	size_t i;
	json_t *f;

	json_array_foreach(findings, i, f)
	{
		bool error = strcmp(ctl_text(f, "severity"), "error") == 0;
		printf("%s%s%s: %s\n", ctl_colour(c, error ? CTL_RED : CTL_YELLOW),
			error ? "error" : "warning", ctl_colour(c, CTL_PLAIN), ctl_text(f, "text"));
	}
}

static const char *
format_time(uint64_t at_s, char out[64])
{
	time_t at = (time_t)at_s;
	struct tm tm;

	if (at == 0 || localtime_r(&at, &tm) == NULL)
		strcpy(out, "never");
	else
		strftime(out, 64, "%F %T", &tm);
	return out;
}

/* Of a secondary zone. */
static void
print_transfer(const struct ctl *c, const json_t *t)
{
	const char *error = ctl_text(t, "last_error");
	char when[64];

	if (t == NULL)
		return;
	if (ctl_uint(t, "last_success") != 0)
		printf("%-9s %s: serial %u, %s records, %s, in %s ms\n", "retrieved",
			format_time(ctl_uint(t, "last_success"), when),
			(unsigned)ctl_uint(t, "serial"), ctl_number(ctl_uint(t, "records")),
			ctl_octets(ctl_uint(t, "octets")), ctl_number(ctl_uint(t, "ms")));
	if (ctl_uint(t, "last_check") != 0)
		printf("%-9s %s, from %s: %s%s%s%s%s\n", "checked",
			format_time(ctl_uint(t, "last_check"), when), ctl_text(t, "primary"),
			*error != '\0' ? ctl_colour(c, CTL_RED) : "", ctl_text(t, "result"),
			ctl_colour(c, CTL_PLAIN), *error != '\0' ? ": " : "", error);
	if (strcmp(ctl_text(t, "state"), "idle") != 0)
		printf("%-9s %s\n", "transfer", ctl_text(t, "state"));
}

static void
print_zone(const struct ctl *c, const json_t *zone)
{
	const json_t *own = json_object_get(zone, "millrace"),
		     *includes = json_object_get(own, "includes");
	const char *state = ctl_text(own, "state");
	time_t loaded_at = (time_t)ctl_uint(own, "loaded_at");
	char when[64] = "by an earlier control plane";
	struct tm tm;
	size_t i;
	json_t *file;

	printf("%-9s %s\n", "zone", ctl_text(zone, "name"));
	printf("%-9s %s%s%s\n", "state", ctl_colour(c, state_colour(state)), state,
		ctl_colour(c, CTL_PLAIN));
	if (ctl_bool(own, "serving")) {
		if (loaded_at != 0 && localtime_r(&loaded_at, &tm) != NULL)
			strftime(when, sizeof when, "%F %T", &tm);
		printf("%-9s serial %u, %s records, %s names, %s\n", "serving",
			(unsigned)ctl_uint(zone, "serial"), ctl_number(ctl_uint(own, "records")),
			ctl_number(ctl_uint(own, "names")), ctl_octets(ctl_uint(own, "octets")));
		printf("%-9s %s, in %s ms\n", "loaded", when, ctl_number(ctl_uint(own, "load_ms")));
	} else {
		printf("%-9s nothing: queries are answered SERVFAIL\n", "serving");
	}
	printf("%-9s %s\n", "file", ctl_text(own, "file"));
	json_array_foreach(includes, i, file)
		printf("%-9s %s\n", i == 0 ? "includes" : "", json_string_value(file));
	print_transfer(c, json_object_get(own, "transfer"));
	print_findings(c, json_object_get(own, "findings"));
}

/* GET or PUT of one zone. @return the answer to a 2xx, or NULL after a message */
static json_t *
ask_zone(const struct ctl *c, const char *method, const char *zone, const char *rest)
{
	char *path = ctl_zone_path(zone, rest);
	json_t *answer = ctl_ask(c, method, path, NULL);

	free(path);
	return answer;
}

int
ctl_zone_status(const struct ctl *c)
{
	/* its state is what is wanted, and that is there when its records cannot be read */
	json_t *zone = ask_zone(c, "GET", c->argv[0], "?rrsets=false");

	if (zone == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(zone);
	else
		print_zone(c, zone);
	json_decref(zone);
	return CTL_OK;
}

/* --- reload --- */

static int
reload_one(const struct ctl *c, bool wait)
{
	json_t *answer = ask_zone(c, "PUT", c->argv[0], wait ? "/reload" : "/reload?wait=false");
	const json_t *own = json_object_get(answer, "millrace");

	if (answer == NULL)
		return CTL_FAILURE;
	if (c->json) {
		ctl_print_json(answer);
	} else if (wait) {
		printf("%s: serial %u, %s records, %s ms\n", ctl_text(answer, "result"),
			(unsigned)ctl_uint(answer, "serial"), ctl_number(ctl_uint(own, "records")),
			ctl_number(ctl_uint(own, "load_ms")));
		print_findings(c, json_object_get(own, "findings"));
	} else {
		printf("%s\n", ctl_text(answer, "result"));
	}
	json_decref(answer);
	return CTL_OK;
}

static void
print_refused(const struct ctl *c, const json_t *refused)
{
	size_t i, k;
	json_t *zone, *text;

	json_array_foreach(refused, i, zone)
	{
		fprintf(stderr, "%szone %s refused%s; %s\n", ctl_colour(c, CTL_RED),
			ctl_text(zone, "name"), ctl_colour(c, CTL_PLAIN),
			ctl_bool(zone, "serving") ? "the version before goes on being served"
						  : "it answers SERVFAIL");
		json_array_foreach(json_object_get(zone, "errors"), k, text)
			fprintf(stderr, "%s\n", json_string_value(text));
	}
}

static int
reload_all(const struct ctl *c, bool wait)
{
	bool force = ctl_given(c, "force");
	char path[128];
	int ret = CTL_OK;
	long status = 0;
	json_t *answer;

	snprintf(path, sizeof path, "/api/v1/servers/localhost/reload?force=%s&wait=%s",
		force ? "true" : "false", wait ? "true" : "false");
	answer = ctl_request(c, "PUT", path, &status);
	if (answer == NULL)
		return CTL_FAILURE;
	if (status >= 300) {
		ctl_print_error(c, answer, status);
		json_decref(answer);
		return CTL_FAILURE;
	}
	if (c->json)
		ctl_print_json(answer);
	else if (!wait)
		printf("%s\n", ctl_text(answer, "result"));
	if (wait)
		ret = ctl_print_reload(c, answer);
	json_decref(answer);
	return ret;
}

int
ctl_print_reload(const struct ctl *c, const json_t *answer)
{
	uint64_t failed = ctl_uint(answer, "failed"), file_errors = ctl_uint(answer, "file_errors");

	if (!c->json)
		printf("%s zones: %s loaded, %s unchanged, %s added, %s removed, %s refused\n",
			ctl_number(ctl_uint(answer, "zones")),
			ctl_number(ctl_uint(answer, "reloaded")),
			ctl_number(ctl_uint(answer, "unchanged")),
			ctl_number(ctl_uint(answer, "added")),
			ctl_number(ctl_uint(answer, "removed")), ctl_number(failed));
	print_refused(c, json_object_get(answer, "refused"));
	if (file_errors > 0)
		fprintf(stderr,
			"%s files or folders could not be used: see the control plane's log\n",
			ctl_number(file_errors));
	return failed > 0 || file_errors > 0 ? CTL_FAILURE : CTL_OK;
}

int
ctl_zone_reload(const struct ctl *c)
{
	bool wait = !ctl_given(c, "no-wait");

	return c->argc == 0 ? reload_all(c, wait) : reload_one(c, wait);
}

/* --- check --- */

int
ctl_zone_check(const struct ctl *c)
{
	const char *word[4] = {"check-zone"};
	size_t n = 1;

	if (c->json)
		word[n++] = "--json";
	if (ctl_given(c, "origin")) {
		word[n++] = "--origin";
		word[n++] = ctl_value(c, "origin");
	}
	return ctl_exec_controlplane(c, word, n);
}
