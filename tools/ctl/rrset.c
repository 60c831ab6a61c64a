/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/rrset: single RRsets. Each verb is one PATCH, which happens as a whole or not at all. */
#include "tools/ctl/rrsets.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TTL_DEFAULT 3600u
#define TTL_MAX 2147483647ul

struct target {
	const char *zone;
	char *name, *type;
};

static struct target
target_of(const struct ctl *c)
{
	struct target t = {.zone = c->argv[0]};

	if (c->argc > 1)
		t.name = ctl_full_name(c->argv[1], t.zone);
	if (c->argc > 2)
		t.type = ctl_format("%s", c->argv[2]);
	for (char *at = t.type; at != NULL && *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
	return t;
}

static void
forget(struct target *t)
{
	free(t->name);
	free(t->type);
}

/* The rrsets of the zone, of one name, or of one name and type. @return the zone, or NULL after a
 * message */
static json_t *
get_sets(const struct ctl *c, const struct target *t)
{
	char *name = t->name == NULL ? NULL : ctl_escape(t->name), *query, *path;
	json_t *zone;

	query = name == NULL ? ctl_format("%s", "")
			     : ctl_format("?rrset_name=%s%s%s", name,
				       t->type == NULL ? "" : "&rrset_type=",
				       t->type == NULL ? "" : t->type);
	path = ctl_zone_path(t->zone, query);
	zone = ctl_ask(c, "GET", path, NULL);
	free(name);
	free(query);
	free(path);
	return zone;
}

int
ctl_rrset_list(const struct ctl *c)
{
	struct target t = target_of(c);
	json_t *zone = get_sets(c, &t);
	int ret = CTL_FAILURE;

	if (zone != NULL && c->json) {
		ctl_print_json(json_object_get(zone, "rrsets"));
		ret = CTL_OK;
	} else if (zone != NULL) {
		ret = ctl_print_records(c, ctl_text(zone, "name"), json_object_get(zone, "rrsets"));
	}
	json_decref(zone);
	forget(&t);
	return ret;
}

/* --ttl, else the RRset's, else the default. @return 0, or -1 after a message */
static int
find_ttl(const struct ctl *c, const struct target *t, json_int_t *ttl)
{
	const char *text = ctl_value(c, "ttl");
	const json_t *set;
	json_t *zone;
	size_t i;

	*ttl = TTL_DEFAULT;
	if (text != NULL) {
		char *end;
		unsigned long n = strtoul(text, &end, 10);
		if (!isdigit((unsigned char)*text) || *end != '\0' || n > TTL_MAX) {
			ctl_complain("--ttl %s: seconds, 0 to %lu", text, TTL_MAX);
			return -1;
		}
		*ttl = (json_int_t)n;
		return 0;
	}
	zone = get_sets(c, t);
	if (zone == NULL)
		return -1;
	json_array_foreach(json_object_get(zone, "rrsets"), i,
		set) if (strcmp(ctl_text(set, "type"), t->type) == 0) *ttl =
		(json_int_t)ctl_uint(set, "ttl");
	json_decref(zone);
	return 0;
}

/* One change. set is taken. */
static int
patch(const struct ctl *c, const struct target *t, json_t *set)
{
	char *path = ctl_zone_path(t->zone, "");
	json_t *body = json_pack("{s:[o]}", "rrsets", set), *answer;

	answer = ctl_ask(c, "PATCH", path, body);
	free(path);
	json_decref(body);
	if (answer == NULL)
		return CTL_FAILURE;
	json_decref(answer);
	if (c->json) { /* what there is now */
		json_t *zone = get_sets(c, t);
		if (zone == NULL)
			return CTL_FAILURE;
		ctl_print_json(json_object_get(zone, "rrsets"));
		json_decref(zone);
	}
	return CTL_OK;
}

static json_t *
contents(const struct ctl *c)
{
	json_t *records = json_array();

	for (int i = 3; i < c->argc; i++)
		json_array_append_new(records, json_pack("{s:s, s:b}", "content", c->argv[i],
						       "disabled", ctl_given(c, "disabled")));
	return records;
}

static int
change(const struct ctl *c, const char *changetype)
{
	struct target t = target_of(c);
	json_int_t ttl;
	int ret = CTL_FAILURE;

	if (find_ttl(c, &t, &ttl) == 0)
		ret = patch(c, &t,
			json_pack("{s:s, s:s, s:s, s:I, s:o}", "name", t.name, "type", t.type,
				"changetype", changetype, "ttl", ttl, "records", contents(c)));
	forget(&t);
	return ret;
}

int
ctl_rrset_add(const struct ctl *c)
{
	return change(c, "EXTEND");
}

int
ctl_rrset_replace(const struct ctl *c)
{
	return change(c, "REPLACE");
}

int
ctl_rrset_delete(const struct ctl *c)
{
	struct target t = target_of(c);
	json_t *records = json_array();
	int ret = CTL_FAILURE;

	for (int i = 3; i < c->argc; i++)
		json_array_append_new(records, json_pack("{s:s}", "content", c->argv[i]));
	if (c->argc > 3)
		ret = patch(c, &t,
			json_pack("{s:s, s:s, s:s, s:O}", "name", t.name, "type", t.type,
				"changetype", "PRUNE", "records", records));
	else if (ctl_confirm(c, "Delete all %s records of %s?", t.type, t.name))
		ret = patch(c, &t,
			json_pack("{s:s, s:s, s:s, s:O}", "name", t.name, "type", t.type,
				"changetype", "DELETE", "records", records));
	json_decref(records);
	forget(&t);
	return ret;
}

int
ctl_rrset_comment(const struct ctl *c)
{
	const char *account = ctl_value(c, "account");
	struct target t = target_of(c);
	json_t *comments = json_array();
	int ret;

	for (int i = 3; i < c->argc; i++)
		json_array_append_new(comments, json_pack("{s:s, s:s}", "content", c->argv[i],
							"account", account == NULL ? "" : account));
	ret = patch(c, &t,
		json_pack("{s:s, s:s, s:s, s:o}", "name", t.name, "type", t.type, "changetype",
			"REPLACE", "comments", comments));
	forget(&t);
	return ret;
}
