/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns/util_zone: pdnsutil zone: zones come, go, and change. */
#include "tools/ctl/zone_edit.h"
#include "tools/pdns/pdns.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NOT_FOUND "Zone '%s' not found!"
#define HTTP_CONFLICT 409

/* POST a zone. A 409 is said by `exists`, if there is one. @return enum ctl_exit, or -HTTP_CONFLICT
 */
static int
post_zone(const struct ctl *c, json_t *body)
{
	json_t *answer;
	long status = pdns_ask(c, "POST", CTL_API "/zones", body, &answer);
	int ret = CTL_OK;

	if (status == HTTP_CONFLICT)
		ret = -HTTP_CONFLICT;
	else if (status < 0 || status >= 300)
		ret = pdns_fail(answer);
	json_decref(answer);
	json_decref(body);
	return ret;
}

static int
say_exists(int ret, const char *plain)
{
	if (ret != -HTTP_CONFLICT)
		return ret;
	fprintf(stderr, "Zone '%s' exists already\n", plain);
	return CTL_FAILURE;
}

int
util_zone_create(const struct ctl *c)
{
	char *name = ctl_absolute(c->argv[0]), *plain = pdns_plain(name);
	json_t *servers = json_array();
	int ret;

	for (int i = 1; i < c->argc; i++) {
		char *server = ctl_absolute(c->argv[i]);
		json_array_append_new(servers, json_string(server));
		free(server);
	}
	ret = post_zone(c, json_pack("{s:s, s:s, s:o}", "name", name, "kind", "Native",
				   "nameservers", servers));
	if (ret == CTL_OK) {
		fprintf(stderr, "Creating empty zone '%s'\n", plain);
		if (c->argc > 1)
			printf("Also adding one NS record\n");
	}
	ret = say_exists(ret, plain);
	free(name);
	free(plain);
	return ret;
}

static json_t *
addresses(const struct ctl *c, char **joined)
{
	json_t *list = json_array();

	*joined = ctl_format("%s", "");
	for (int i = 1; i < c->argc; i++) {
		char *longer = ctl_format("%s%s%s", *joined, i == 1 ? "" : ",", c->argv[i]);
		free(*joined);
		*joined = longer;
		json_array_append_new(list, json_string(c->argv[i]));
	}
	return list;
}

int
util_zone_create_secondary(const struct ctl *c)
{
	char *name = ctl_absolute(c->argv[0]), *plain = pdns_plain(name), *joined;
	json_t *list = addresses(c, &joined);
	int ret = post_zone(c, json_pack("{s:s, s:s, s:[], s:o}", "name", name, "kind", "Slave",
				       "nameservers", "masters", list));

	if (ret == CTL_OK)
		fprintf(stderr, "Creating secondary zone '%s', with primaries '%s'\n", plain,
			joined);
	ret = say_exists(ret, plain);
	free(joined);
	free(name);
	free(plain);
	return ret;
}

/* PUT some properties. body is taken. */
static int
put_zone(const struct ctl *c, const char *zone, json_t *body)
{
	json_t *answer;
	int ret =
		pdns_ask_zone(c, "PUT", zone, "", body, "No such zone %s in the database", &answer);

	json_decref(answer);
	json_decref(body);
	return ret;
}

int
util_zone_change_primary(const struct ctl *c)
{
	char *plain = pdns_plain(c->argv[0]), *joined;
	json_t *list = addresses(c, &joined);
	int ret = put_zone(c, c->argv[0], json_pack("{s:o}", "masters", list));

	if (ret == CTL_OK)
		fprintf(stderr, "Updating secondary zone '%s', primaries to '%s'\n", plain, joined);
	free(joined);
	free(plain);
	return ret;
}

int
util_zone_set_kind(const struct ctl *c)
{
	const char *kind = ctl_kind_to_api(c->argv[1]);

	return kind == NULL ? CTL_FAILURE
			    : put_zone(c, c->argv[0], json_pack("{s:s}", "kind", kind));
}

int
util_zone_set_account(const struct ctl *c)
{
	return put_zone(c, c->argv[0], json_pack("{s:s}", "account", c->argv[1]));
}

int
util_catalog_set(const struct ctl *c)
{
	char *catalog = c->argc > 1 ? ctl_absolute(c->argv[1]) : ctl_format("%s", "");
	int ret = put_zone(c, c->argv[0], json_pack("{s:s}", "catalog", catalog));

	free(catalog);
	return ret;
}

int
util_zone_delete(const struct ctl *c)
{
	json_t *answer;
	int ret = pdns_ask_zone(c, "DELETE", c->argv[0], "", NULL, NOT_FOUND, &answer);

	json_decref(answer);
	return ret;
}

/* --- records of a whole zone --- */

static int
get_rrsets(const struct ctl *c, const char *zone, const char *missing, json_t **properties,
	struct rrsets *out)
{
	int ret = pdns_ask_zone(c, "GET", zone, "", NULL, missing, properties);

	if (ret != CTL_OK)
		return ret;
	return rrsets_from_json(out, ctl_text(*properties, "name"),
		       json_object_get(*properties, "rrsets")) == 0
		       ? CTL_OK
		       : CTL_FAILURE;
}

/* All but the SOA and the apex's NS records: without them it would be no zone that can be served.
 */
int
util_zone_clear(const struct ctl *c)
{
	json_t *zone, *changes = json_array(), *body, *answer = NULL;
	struct rrsets z = {0};
	int ret = get_rrsets(c, c->argv[0], NOT_FOUND, &zone, &z);

	for (size_t i = 0; i < z.n; i++) {
		const struct rrset *s = &z.set[i];
		bool apex = strcasecmp(s->name, z.zone) == 0;
		if (apex && (strcmp(s->type, "SOA") == 0 || strcmp(s->type, "NS") == 0))
			continue;
		json_array_append_new(
			changes, json_pack("{s:s, s:s, s:s, s:[]}", "name", s->name, "type",
					 s->type, "changetype", "DELETE", "records"));
	}
	body = json_pack("{s:o}", "rrsets", changes);
	if (ret == CTL_OK && json_array_size(changes) > 0)
		ret = pdns_ask_zone(c, "PATCH", c->argv[0], "", body, NOT_FOUND, &answer);
	if (ret == CTL_OK)
		fprintf(stderr, "The SOA and NS records of the zone itself stay\n");
	json_decref(answer);
	json_decref(body);
	json_decref(zone);
	rrsets_free(&z);
	return ret;
}

/* A name of the old zone, in the new one. */
static char *
move_name(const char *name, const char *from, const char *to)
{
	size_t len = strlen(name), tail = strlen(from);

	if (len < tail)
		return ctl_format("%s", name);
	return ctl_format("%.*s%s", (int)(len - tail), name, to);
}

int
util_zone_copy(const struct ctl *c)
{
	char *to = ctl_absolute(c->argv[1]), *plain = pdns_plain(to);
	char *from_apex = ctl_apex(c->argv[0]), *to_apex = ctl_apex(to);
	json_t *zone, *set, *array, *body;
	struct rrsets z = {0};
	int ret = get_rrsets(c, c->argv[0], NOT_FOUND, &zone, &z);
	size_t i;

	if (ret == CTL_OK) {
		array = rrsets_json(&z, NULL);
		json_array_foreach(array, i, set)
		{
			char *name = move_name(ctl_text(set, "name"), from_apex, to_apex);
			json_object_set_new(set, "name", json_string(name));
			free(name);
		}
		body = json_pack("{s:s, s:s, s:[], s:O, s:o}", "name", to, "kind",
			ctl_text(zone, "kind"), "nameservers", "masters",
			json_object_get(zone, "masters"), "rrsets", array);
		if (body == NULL) /* a zone without a list of primaries */
			body = json_pack("{s:s, s:s, s:[], s:o}", "name", to, "kind",
				ctl_text(zone, "kind"), "nameservers", "rrsets",
				rrsets_json(&z, NULL));
		ret = say_exists(post_zone(c, body), plain);
	}
	json_decref(zone);
	rrsets_free(&z);
	free(from_apex);
	free(to_apex);
	free(to);
	free(plain);
	return ret;
}

static int
load_one(const struct ctl *c, const char *zone, const char *path)
{
	char *plain = pdns_plain(zone);
	struct rrsets z;
	json_t *sets, *answer;
	int ret = CTL_FAILURE;

	if (rrsets_from_file(&z, zone, path) == 0) {
		sets = rrsets_json(&z, NULL);
		ret = post_zone(c, json_pack("{s:s, s:s, s:[], s:O}", "name", z.zone, "kind",
					   "Native", "nameservers", "rrsets", sets));
		if (ret == CTL_OK)
			fprintf(stderr, "Creating '%s'\n", plain);
		if (ret == -HTTP_CONFLICT) {
			json_t *body = json_pack("{s:O}", "rrsets", sets);
			fprintf(stderr, "Replacing existing zone '%s'\n", plain);
			ret = pdns_ask_zone(c, "PUT", zone, "", body, NOT_FOUND, &answer);
			json_decref(answer);
			json_decref(body);
		}
		json_decref(sets);
		rrsets_free(&z);
	}
	free(plain);
	return ret;
}

int
util_zone_load(const struct ctl *c)
{
	int ret = CTL_OK;

	if (c->argc % 2 != 0) {
		ctl_complain("ZONE FILE, and so on in pairs");
		return CTL_USAGE;
	}
	for (int i = 0; i < c->argc && ret == CTL_OK; i += 2)
		ret = load_one(c, c->argv[i], c->argv[i + 1]);
	return ret;
}

/* The SOA with this serial: a change in which the server counts up by itself, or does not. */
static int
put_soa(const struct ctl *c, const struct rrsets *z, uint32_t serial)
{
	const struct rrset like = {.name = z->zone, .type = (char *)"SOA"};
	const struct rrset *soa = rrsets_find(z, &like);
	char primary[1025], mail[1025], rest[128] = "", *content;
	json_t *body, *answer;
	int ret;

	if (soa == NULL || soa->n == 0 ||
		sscanf(soa->rr[0].content, "%1024s %1024s %*u %127[^\n]", primary, mail, rest) != 3)
		return CTL_FAILURE;
	content = ctl_format("%s %s %u %s", primary, mail, serial, rest);
	body = json_pack("{s:[{s:s, s:s, s:s, s:I, s:[{s:s, s:b}]}]}", "rrsets", "name", z->zone,
		"type", "SOA", "changetype", "REPLACE", "ttl", (json_int_t)soa->ttl, "records",
		"content", content, "disabled", 0);
	ret = pdns_ask_zone(c, "PATCH", z->zone, "", body, NOT_FOUND, &answer);
	json_decref(answer);
	json_decref(body);
	free(content);
	return ret;
}

int
util_zone_increase_serial(const struct ctl *c)
{
	char *plain = pdns_plain(c->argv[0]);
	struct rrsets z = {0}, after = {0};
	json_t *zone = NULL, *now = NULL;
	const char *edit;
	uint32_t before;
	int ret = get_rrsets(c, c->argv[0], "No SOA for zone '%s'", &zone, &z);

	before = rrsets_serial(&z);
	edit = ctl_text(zone, "soa_edit_api");
	if (ret == CTL_OK && edit[0] != '\0' && strcasecmp(edit, "OFF") != 0) {
		ret = put_soa(c, &z, before); /* the server counts, in its way */
		if (ret == CTL_OK)
			ret = get_rrsets(c, c->argv[0], NOT_FOUND, &now, &after);
	}
	if (ret == CTL_OK && (now == NULL || rrsets_serial(&after) == before)) {
		ret = put_soa(c, &z, before + 1);
		json_decref(now);
		rrsets_free(&after);
		now = NULL;
		if (ret == CTL_OK)
			ret = get_rrsets(c, c->argv[0], NOT_FOUND, &now, &after);
	}
	if (ret == CTL_OK)
		printf("SOA serial for zone %s set to %u\n", plain, rrsets_serial(&after));
	json_decref(zone);
	json_decref(now);
	rrsets_free(&z);
	rrsets_free(&after);
	free(plain);
	return ret;
}

int
util_zone_rectify(const struct ctl *c)
{
	json_t *answer;
	int ret = CTL_OK;

	for (int i = 0; i < c->argc && ret == CTL_OK; i++) {
		ret = pdns_ask_zone(c, "PUT", c->argv[i], "/rectify", NULL, NOT_FOUND, &answer);
		if (ret == CTL_OK)
			fprintf(stderr, "%s\n", ctl_text(answer, "result"));
		json_decref(answer);
	}
	return ret;
}
