/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/zone_show: a zone's properties and records, as a table or as a zone file. */
#include "tools/ctl/rrsets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum record_column { RECORD_NAME, RECORD_TTL, RECORD_TYPE, RECORD_CONTENT, RECORD_N };
static const struct ctl_column record_column[RECORD_N] = {
	[RECORD_NAME] = {"NAME", false},
	[RECORD_TTL] = {"TTL", true},
	[RECORD_TYPE] = {"TYPE", false},
	[RECORD_CONTENT] = {"CONTENT", false},
};

static void
add_records(struct ctl_table *t, const struct rrset *s)
{
	char ttl[16];

	snprintf(ttl, sizeof ttl, "%u", s->ttl);
	for (size_t i = 0; i < s->n; i++) {
		char *content = ctl_format(
			"%s%s", s->rr[i].content, s->rr[i].disabled ? "  (disabled)" : "");
		const char *cell[RECORD_N] = {s->name, ttl, s->type, content};
		ctl_table_add(t, cell);
		free(content);
	}
}

static const char *
record_colour(size_t column, const char *cell)
{
	size_t len = strlen(cell);

	if (column == RECORD_TYPE)
		return CTL_GREEN;
	return column == RECORD_CONTENT && len > 10 && strcmp(cell + len - 10, "(disabled)") == 0
		       ? CTL_YELLOW
		       : NULL;
}

static void
print_comments(const struct ctl *c, const json_t *array)
{
	size_t i, k;
	json_t *set, *comment;

	json_array_foreach(array, i, set) json_array_foreach(json_object_get(set, "comments"), k,
		comment) printf("%s; %s %s: %s%s%s%s%s\n", ctl_colour(c, CTL_YELLOW),
		ctl_text(set, "name"), ctl_text(set, "type"), ctl_text(comment, "content"),
		ctl_text(comment, "account")[0] == '\0' ? "" : " (", ctl_text(comment, "account"),
		ctl_text(comment, "account")[0] == '\0' ? "" : ")", ctl_colour(c, CTL_PLAIN));
}

int
ctl_print_records(const struct ctl *c, const char *zone, const json_t *array)
{
	struct ctl_table t = {.column = record_column, .n_columns = RECORD_N};
	struct rrsets z;

	if (rrsets_from_json(&z, zone, array) != 0)
		return CTL_FAILURE;
	for (size_t i = 0; i < z.n; i++)
		add_records(&t, &z.set[i]);
	ctl_table_print(c, &t, record_colour);
	print_comments(c, array);
	ctl_table_free(&t);
	rrsets_free(&z);
	return CTL_OK;
}

static void
print_line(const char *name, const char *value)
{
	if (value != NULL && value[0] != '\0')
		printf("%-13s %s\n", name, value);
}

static void
print_properties(const json_t *zone)
{
	const json_t *transfer = json_object_get(json_object_get(zone, "millrace"), "transfer");
	const char *error = ctl_text(transfer, "last_error");
	char serial[16];
	size_t i;
	json_t *primary, *key;

	snprintf(serial, sizeof serial, "%u", (unsigned)ctl_uint(zone, "serial"));
	print_line("zone", ctl_text(zone, "name"));
	print_line("kind", ctl_kind_from_api(ctl_text(zone, "kind")));
	print_line("serial", serial);
	json_array_foreach(json_object_get(zone, "masters"), i, primary)
		print_line(i == 0 ? "primaries" : "", json_string_value(primary));
	json_array_foreach(json_object_get(zone, "slave_tsig_key_ids"), i, key)
		print_line(i == 0 ? "tsig-key" : "", json_string_value(key));
	print_line("account", ctl_text(zone, "account"));
	print_line("catalog", ctl_text(zone, "catalog"));
	print_line("soa-edit", ctl_text(zone, "soa_edit"));
	print_line("soa-edit-api", ctl_text(zone, "soa_edit_api"));
	if (transfer != NULL)
		print_line("transfer", *error != '\0' ? error : ctl_text(transfer, "result"));
	print_line("dnssec", ctl_bool(zone, "dnssec") ? "yes" : "no");
}

/* "?rrset_name=...&rrset_type=..." of the options. Allocated. */
static char *
make_query(const struct ctl *c)
{
	const char *name = ctl_value(c, "name"), *type = ctl_value(c, "type");
	char *full, *escaped, *query;

	if (name == NULL)
		return ctl_format("%s", "");
	full = ctl_full_name(name, c->argv[0]);
	escaped = ctl_escape(full);
	query = ctl_format("?rrset_name=%s%s%s", escaped,
		type == NULL ? "" : "&rrset_type=", type == NULL ? "" : type);
	free(full);
	free(escaped);
	return query;
}

int
ctl_zone_show(const struct ctl *c)
{
	char *query, *path;
	int ret = CTL_OK;
	json_t *zone;

	if (ctl_given(c, "type") && !ctl_given(c, "name")) {
		ctl_complain("--type goes with --name");
		return CTL_USAGE;
	}
	query = make_query(c);
	path = ctl_zone_path(c->argv[0], query);
	zone = ctl_ask(c, "GET", path, NULL);
	free(query);
	free(path);
	if (zone == NULL)
		return CTL_FAILURE;
	if (c->json) {
		ctl_print_json(zone);
	} else {
		if (!ctl_given(c, "name")) {
			print_properties(zone);
			putchar('\n');
		}
		ret = ctl_print_records(c, ctl_text(zone, "name"), json_object_get(zone, "rrsets"));
	}
	json_decref(zone);
	return ret;
}

char *
ctl_full_name(const char *name, const char *zone)
{
	char *apex = ctl_apex(zone), *full;
	size_t len = strlen(name), tail = strlen(apex) - 1; /* without the final dot */

	if (strcmp(name, "@") == 0)
		return apex;
	if (len > 0 && name[len - 1] == '.')
		full = ctl_format("%s", name);
	else if (len >= tail && tail > 0 && strncasecmp(name + len - tail, apex, tail) == 0 &&
		 (len == tail || name[len - tail - 1] == '.'))
		full = ctl_format("%s.", name);
	else
		full = ctl_format("%s.%s", name, strcmp(apex, ".") == 0 ? "" : apex);
	free(apex);
	return full;
}

/* --- export --- */

static int
export_json(const struct ctl *c)
{
	char *path = ctl_zone_path(c->argv[0], "");
	int ret = ctl_request_copy(c, path, stdout) == 0 ? CTL_OK : CTL_FAILURE;

	free(path);
	return ret;
}

/* Beside, and renamed: an export that fails does not cost the last one. */
static int
export_to_file(const struct ctl *c, const char *path, const char *to)
{
	char *beside = ctl_format("%s.XXXXXX", to);
	int fd = mkstemp(beside), ret = -1;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (f == NULL) {
		ctl_complain("%s: %s", beside, strerror(errno));
	} else {
		ret = ctl_request_copy(c, path, f);
		if (fclose(f) != 0 || (ret == 0 && rename(beside, to) != 0)) {
			ctl_complain("%s: %s", to, strerror(errno));
			ret = -1;
		}
	}
	if (ret != 0 && fd >= 0)
		unlink(beside);
	free(beside);
	return ret;
}

int
ctl_zone_export(const struct ctl *c)
{
	const char *to = ctl_value(c, "output");
	char *path;
	int ret;

	if (c->json)
		return export_json(c);
	path = ctl_zone_path(c->argv[0], "/export");
	if (to != NULL && strcmp(to, "-") != 0)
		ret = export_to_file(c, path, to);
	else
		ret = ctl_request_copy(c, path, stdout);
	free(path);
	return ret == 0 ? CTL_OK : CTL_FAILURE;
}
