/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns/util_records: pdnsutil rrset. */
#include "tools/pdns/pdns.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TTL_DEFAULT 3600

struct target {
	char *name, *type;
	const char *zone;
	json_int_t ttl;
	int first; /* of the contents */
};

static bool
is_number(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n > 0 && n < 10 && text[n] == '\0';
}

/* ZONE NAME TYPE [TTL] CONTENT... A number is the TTL if something stands behind it. */
static struct target
target_of(const struct ctl *c)
{
	struct target t = {.zone = c->argv[0], .ttl = -1, .first = 3};

	t.name = ctl_full_name(c->argv[1][0] == '\0' ? "@" : c->argv[1], t.zone);
	for (char *at = t.name; *at != '\0'; at++)
		*at = (char)tolower((unsigned char)*at);
	t.type = ctl_format("%s", c->argc > 2 ? c->argv[2] : "");
	for (char *at = t.type; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
	if (c->argc > 4 && is_number(c->argv[3])) {
		t.ttl = atoll(c->argv[3]);
		t.first = 4;
	}
	return t;
}

static void
forget(struct target *t)
{
	free(t->name);
	free(t->type);
}

/* The RRset as it is. @return it, or NULL: there is none; *ret is enum ctl_exit */
static json_t *
get_set(const struct ctl *c, const struct target *t, int *ret)
{
	char *name = ctl_escape(t->name);
	char *query = ctl_format("?rrset_name=%s&rrset_type=%s", name, t->type);
	json_t *zone, *set, *found = NULL;
	size_t i;

	*ret = pdns_ask_zone(c, "GET", t->zone, query, NULL, "Zone '%s' does not exist", &zone);
	json_array_foreach(json_object_get(zone, "rrsets"), i,
		set) if (strcmp(ctl_text(set, "type"), t->type) == 0 &&
			 strcasecmp(ctl_text(set, "name"), t->name) == 0) found = json_incref(set);
	json_decref(zone);
	free(query);
	free(name);
	return found;
}

static int
patch(const struct ctl *c, const struct target *t, json_t *set)
{
	json_t *body = json_pack("{s:[o]}", "rrsets", set), *answer;
	int ret = pdns_ask_zone(c, "PATCH", t->zone, "", body, "Zone '%s' does not exist", &answer);

	json_decref(answer);
	json_decref(body);
	return ret;
}

/* Names within content without their final dots, as PowerDNS shows them here; quoted text as it is.
 */
static void
print_content(const char *content)
{
	bool quoted = false;

	for (const char *at = content; *at != '\0'; at++) {
		if (*at == '\\' && at[1] != '\0') {
			putchar(*at++);
			putchar(*at);
			continue;
		}
		quoted ^= *at == '"';
		if (!quoted && *at == '.' && at > content && at[-1] != ' ' &&
			(at[1] == ' ' || at[1] == '\0'))
			continue;
		putchar(*at);
	}
}

static void
print_set(const json_t *set)
{
	size_t i;
	json_t *record;

	printf("New rrset:\n");
	json_array_foreach(json_object_get(set, "records"), i, record)
	{
		printf("%s %u IN %s ", ctl_text(set, "name"), (unsigned)ctl_uint(set, "ttl"),
			ctl_text(set, "type"));
		print_content(ctl_text(record, "content"));
		putchar('\n');
	}
}

static json_t *
contents(const struct ctl *c, const struct target *t)
{
	json_t *records = json_array();

	for (int i = t->first; i < c->argc; i++) {
		char *content = pdns_content(t->type, c->argv[i]);
		/* what is no content goes as it is: the server says what is wrong with it */
		json_array_append_new(
			records, json_pack("{s:s, s:b}", "content",
					 content != NULL ? content : c->argv[i], "disabled", 0));
		free(content);
	}
	return records;
}

static int
change(const struct ctl *c, const char *changetype)
{
	bool replaces = strcmp(changetype, "REPLACE") == 0;
	struct target t = target_of(c);
	int ret;
	json_t *before = get_set(c, &t, &ret), *after;

	if (t.ttl < 0)
		t.ttl = before == NULL || replaces ? TTL_DEFAULT
						   : (json_int_t)ctl_uint(before, "ttl");
	if (ret == CTL_OK && replaces) {
		char *plain = pdns_plain(t.name);
		printf("Current records for %s IN %s will be replaced\n", plain, t.type);
		free(plain);
	}
	if (ret == CTL_OK)
		ret = patch(c, &t,
			json_pack("{s:s, s:s, s:s, s:I, s:o}", "name", t.name, "type", t.type,
				"changetype", changetype, "ttl", t.ttl, "records",
				contents(c, &t)));
	if (ret == CTL_OK) {
		after = get_set(c, &t, &ret);
		print_set(after);
		json_decref(after);
	}
	json_decref(before);
	forget(&t);
	return ret;
}

int
util_rrset_add(const struct ctl *c)
{
	return change(c, "EXTEND");
}

int
util_rrset_replace(const struct ctl *c)
{
	return change(c, "REPLACE");
}

int
util_rrset_delete(const struct ctl *c)
{
	struct target t = target_of(c);
	int ret = patch(c, &t,
		json_pack("{s:s, s:s, s:s, s:[]}", "name", t.name, "type", t.type, "changetype",
			"DELETE", "records"));

	forget(&t);
	return ret;
}

/* add-comment ZONE NAME TYPE COMMENT [ACCOUNT] */
int
util_rrset_comment(const struct ctl *c)
{
	struct target t = target_of(c);
	int ret;
	json_t *set = get_set(c, &t, &ret), *comments;

	if (ret == CTL_OK && set == NULL) {
		fprintf(stderr, "Error: there is no RRset %s %s\n", t.name, t.type);
		ret = CTL_FAILURE;
	}
	if (ret == CTL_OK) {
		comments = json_deep_copy(json_object_get(set, "comments"));
		if (comments == NULL)
			comments = json_array();
		json_array_append_new(comments, json_pack("{s:s, s:s}", "content", c->argv[3],
							"account", c->argc > 4 ? c->argv[4] : ""));
		ret = patch(c, &t,
			json_pack("{s:s, s:s, s:s, s:o}", "name", t.name, "type", t.type,
				"changetype", "REPLACE", "comments", comments));
	}
	json_decref(set);
	forget(&t);
	return ret;
}

int
util_rrset_comments(const struct ctl *c)
{
	json_t *zone, *set, *comment;
	size_t i, k;
	int ret = pdns_ask_zone(c, "GET", c->argv[0], "", NULL, "Zone '%s' not found!", &zone);

	json_array_foreach(json_object_get(zone, "rrsets"), i, set) json_array_foreach(
		json_object_get(set, "comments"), k, comment) printf("%s\t%s\t%s\t%s\t%u\n",
		ctl_text(set, "name"), ctl_text(set, "type"), ctl_text(comment, "content"),
		ctl_text(comment, "account"), (unsigned)ctl_uint(comment, "modified_at"));
	json_decref(zone);
	return ret;
}
