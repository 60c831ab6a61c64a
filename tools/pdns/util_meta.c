/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns/util_meta: pdnsutil metadata and tsigkey. */
#include "tools/pdns/pdns.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define INVALID_ZONE "Invalid zone '%s'"
#define HTTP_NOT_FOUND 404

/* --- metadata --- */

static char *
upper(const char *text)
{
	char *out = ctl_format("%s", text);

	for (char *at = out; *at != '\0'; at++)
		*at = (char)toupper((unsigned char)*at);
	return out;
}

static void
print_values(const char *kind, const json_t *values)
{
	size_t i;
	json_t *value;

	printf("%s = ", kind);
	json_array_foreach(values, i, value)
		printf("%s%s", i == 0 ? "" : ", ", json_string_value(value));
	putchar('\n');
}

/* All metadata of a zone as {KIND: [values]}. */
static int
get_all(const struct ctl *c, json_t **out)
{
	json_t *all, *m;
	size_t i;
	int ret = pdns_ask_zone(c, "GET", c->argv[0], "/metadata", NULL, INVALID_ZONE, &all);

	*out = json_object();
	json_array_foreach(all, i, m)
		json_object_set(*out, ctl_text(m, "kind"), json_object_get(m, "metadata"));
	json_decref(all);
	return ret;
}

int
util_meta_get(const struct ctl *c)
{
	json_t *all, *values;
	char *zone = pdns_plain(c->argv[0]);
	const char *kind;
	int ret = get_all(c, &all);

	if (ret == CTL_OK)
		printf("Metadata for '%s'\n", zone);
	if (ret == CTL_OK && c->argc == 1)
		json_object_foreach(all, kind, values) print_values(kind, values);
	for (int i = 1; ret == CTL_OK && i < c->argc; i++) {
		char *name = upper(c->argv[i]);
		print_values(name, json_object_get(all, name));
		free(name);
	}
	json_decref(all);
	free(zone);
	return ret;
}

/* Make it these values; none: the kind is to be gone. */
static int
put_values(const struct ctl *c, const char *kind, json_t *values)
{
	char *escaped = ctl_escape(kind), *rest = ctl_format("/metadata/%s", escaped);
	bool none = json_array_size(values) == 0;
	json_t *body = none ? NULL : json_pack("{s:s, s:O}", "kind", kind, "metadata", values);
	json_t *answer;
	char *zone = pdns_plain(c->argv[0]), *title;
	int ret = pdns_ask_zone(
		c, none ? "DELETE" : "PUT", c->argv[0], rest, body, INVALID_ZONE, &answer);

	if (ret == CTL_OK) {
		title = ctl_format("Set '%s' meta %s", zone, kind);
		print_values(title, values);
		free(title);
	}
	json_decref(answer);
	json_decref(body);
	free(zone);
	free(rest);
	free(escaped);
	return ret;
}

static int
set_values(const struct ctl *c, bool add)
{
	char *kind = upper(c->argv[1]);
	json_t *all, *values = json_array();
	int ret = get_all(c, &all);

	if (add)
		json_array_extend(values, json_object_get(all, kind));
	for (int i = 2; i < c->argc; i++)
		json_array_append_new(values, json_string(c->argv[i]));
	if (ret == CTL_OK)
		ret = put_values(c, kind, values);
	json_decref(values);
	json_decref(all);
	free(kind);
	return ret;
}

int
util_meta_set(const struct ctl *c)
{
	return set_values(c, false);
}

int
util_meta_add(const struct ctl *c)
{
	return set_values(c, true);
}

/* --- TSIG keys --- */

static char *
key_path(const char *name)
{
	char *full = ctl_absolute(name), *escaped = ctl_escape(full);
	char *path = ctl_format(CTL_API "/tsigkeys/%s", escaped);

	free(full);
	free(escaped);
	return path;
}

static int
create_key(const struct ctl *c, const char *secret, json_t **key)
{
	char *name = ctl_absolute(c->argv[0]);
	json_t *body =
		json_pack("{s:s, s:s, s:s}", "name", name, "algorithm", c->argv[1], "key", secret);
	long status = pdns_ask(c, "POST", CTL_API "/tsigkeys", body, key);

	free(name);
	json_decref(body);
	return status >= 200 && status < 300 ? CTL_OK : pdns_fail(*key);
}

int
util_tsig_generate(const struct ctl *c)
{
	json_t *key;
	int ret = create_key(c, "", &key);

	if (ret == CTL_OK)
		printf("Create new TSIG key %s %s %s\n", c->argv[0], c->argv[1],
			ctl_text(key, "key"));
	json_decref(key);
	return ret;
}

int
util_tsig_import(const struct ctl *c)
{
	json_t *key;
	int ret = create_key(c, c->argv[2], &key);

	if (ret == CTL_OK)
		printf("Imported TSIG key %s %s\n", c->argv[0], c->argv[1]);
	json_decref(key);
	return ret;
}

int
util_tsig_list(const struct ctl *c)
{
	json_t *all, *one, *key;
	long status = pdns_ask(c, "GET", CTL_API "/tsigkeys", NULL, &all);
	int ret = status == 200 ? CTL_OK : pdns_fail(all);
	size_t i;

	json_array_foreach(ret == CTL_OK ? all : NULL, i, one)
	{
		char *path = key_path(ctl_text(one, "name")),
		     *name = ctl_absolute(ctl_text(one, "name"));
		if (pdns_ask(c, "GET", path, NULL, &key) == 200)
			printf("%s %s. %s\n", name, ctl_text(key, "algorithm"),
				ctl_text(key, "key"));
		json_decref(key);
		free(path);
		free(name);
	}
	json_decref(all);
	return ret;
}

int
util_tsig_delete(const struct ctl *c)
{
	char *path = key_path(c->argv[0]);
	json_t *answer;
	long status = pdns_ask(c, "DELETE", path, NULL, &answer);
	/* PowerDNS does not mind a key that is not there */
	int ret = (status >= 200 && status < 300) || status == HTTP_NOT_FOUND ? CTL_OK
									      : pdns_fail(answer);

	if (ret == CTL_OK)
		printf("Deleted TSIG key %s\n", c->argv[0]);
	json_decref(answer);
	free(path);
	return ret;
}

/* Which of the two lists of keys a zone has is meant: of transfers from here, or to here. */
static const char *
member_of(const char *role)
{
	static const char *const from_here[] = {"primary", "master", "producer"},
				 *const to_here[] = {"secondary", "slave", "consumer"};

	for (size_t i = 0; i < 3; i++) {
		if (strcmp(role, from_here[i]) == 0)
			return "master_tsig_key_ids";
		if (strcmp(role, to_here[i]) == 0)
			return "slave_tsig_key_ids";
	}
	fprintf(stderr, "Invalid parameter '%s', expected primary or secondary\n", role);
	return NULL;
}

static int
set_active(const struct ctl *c, bool active)
{
	const char *member = member_of(c->argv[2]);
	char *id = ctl_absolute(c->argv[1]), *plain = pdns_plain(c->argv[1]);
	char *zone_plain = pdns_plain(c->argv[0]);
	json_t *zone = NULL, *ids = json_array(), *one, *body, *answer = NULL;
	int ret = CTL_FAILURE;
	size_t i;

	if (member != NULL)
		ret = pdns_ask_zone(c, "GET", c->argv[0], "?rrsets=false", NULL,
			"Zone '%s' does not exist", &zone);
	json_array_foreach(json_object_get(zone, member == NULL ? "" : member), i,
		one) if (strcmp(json_string_value(one), id) != 0) json_array_append(ids, one);
	if (active)
		json_array_append_new(ids, json_string(id));
	if (ret == CTL_OK) {
		body = json_pack("{s:O}", member, ids);
		ret = pdns_ask_zone(
			c, "PUT", c->argv[0], "", body, "Zone '%s' does not exist", &answer);
		json_decref(body);
	}
	if (ret == CTL_OK)
		printf("%s TSIG key %s for %s\n", active ? "Enabled" : "Disabled", plain,
			zone_plain);
	json_decref(answer);
	json_decref(zone);
	json_decref(ids);
	free(id);
	free(plain);
	free(zone_plain);
	return ret;
}

int
util_tsig_activate(const struct ctl *c)
{
	return set_active(c, true);
}

int
util_tsig_deactivate(const struct ctl *c)
{
	return set_active(c, false);
}
