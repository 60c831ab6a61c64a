/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/zone_create: zones come, go, and get other properties. */
#include "tools/ctl/rrsets.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Ours, and what PowerDNS's API calls it. */
static const char *const kind_word[][2] = {{"native", "Native"}, {"primary", "Master"},
	{"secondary", "Slave"}, {"producer", "Producer"}, {"consumer", "Consumer"},
	{"master", "Master"}, {"slave", "Slave"}};
#define N_KINDS (sizeof kind_word / sizeof kind_word[0])

const char *
ctl_kind_to_api(const char *word)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (strcasecmp(kind_word[i][0], word) == 0)
			return kind_word[i][1];
	ctl_complain("'%s' is no kind of zones; native, primary, secondary, producer and consumer "
		     "are",
		word);
	return NULL;
}

const char *
ctl_kind_from_api(const char *word)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (strcasecmp(kind_word[i][1], word) == 0)
			return kind_word[i][0];
	return word;
}

/* Octets before ".." in the name of a variant of a zone, its final dot included; 0: it is none. */
static size_t
variant_at(const char *name)
{
	for (const char *at = name; *at != '\0'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		else if (at[0] == '.' && at[1] == '.')
			return (size_t)(at - name) + 1;
	}
	return 0;
}

char *
ctl_apex(const char *zone)
{
	size_t octets = variant_at(zone);

	return octets == 0 ? ctl_absolute(zone) : ctl_format("%.*s", (int)octets, zone);
}

char *
ctl_absolute(const char *name)
{
	size_t len = strlen(name);

	if (variant_at(name) != 0) /* example.org..variant has its final dot in the middle */
		return ctl_format("%s", name);
	return ctl_format("%s%s", name, len > 0 && name[len - 1] == '.' ? "" : ".");
}

static void
set_text(json_t *to, const struct ctl *c, const char *option, const char *member)
{
	if (ctl_given(c, option))
		json_object_set_new(to, member, json_string(ctl_value(c, option)));
}

static void
set_list(json_t *to, const struct ctl *c, const char *option, const char *member, bool names)
{
	json_t *list = json_array();
	const char *value;

	for (unsigned i = 0; (value = ctl_value_at(c, option, i)) != NULL; i++) {
		char *name = names ? ctl_absolute(value) : ctl_format("%s", value);
		if (value[0] != '\0') /* --primary "" empties the list */
			json_array_append_new(list, json_string(name));
		free(name);
	}
	if (ctl_given(c, option))
		json_object_set(to, member, list);
	json_decref(list);
}

/* What create and set have in common. @return enum ctl_exit */
static int
set_properties(json_t *to, const struct ctl *c)
{
	const char *kind = ctl_value(c, "kind"), *rectify = ctl_value(c, "api-rectify");

	if (kind != NULL) {
		kind = ctl_kind_to_api(kind);
		if (kind == NULL)
			return CTL_USAGE;
		json_object_set_new(to, "kind", json_string(kind));
	}
	if (rectify != NULL) {
		if (strcmp(rectify, "yes") != 0 && strcmp(rectify, "no") != 0) {
			ctl_complain("--api-rectify %s: yes or no", rectify);
			return CTL_USAGE;
		}
		json_object_set_new(to, "api_rectify", json_boolean(strcmp(rectify, "yes") == 0));
	}
	set_list(to, c, "primary", "masters", false);
	set_text(to, c, "account", "account");
	set_text(to, c, "soa-edit", "soa_edit");
	set_text(to, c, "soa-edit-api", "soa_edit_api");
	if (ctl_given(c, "tsig-key")) {
		const char *key = ctl_value(c, "tsig-key");
		json_t *keys = json_array();
		if (key[0] != '\0') {
			char *name = ctl_absolute(key);
			json_array_append_new(keys, json_string(name));
			free(name);
		}
		json_object_set_new(to, "slave_tsig_key_ids", keys);
	}
	if (ctl_given(c, "catalog")) {
		const char *catalog = ctl_value(c, "catalog");
		char *name = catalog[0] == '\0' ? ctl_format("%s", "") : ctl_absolute(catalog);
		json_object_set_new(to, "catalog", json_string(name));
		free(name);
	}
	return CTL_OK;
}

int
ctl_zone_create(const struct ctl *c)
{
	char *name = ctl_absolute(c->argv[0]);
	json_t *body = json_pack("{s:s, s:s, s:[]}", "name", name, "kind", "Native", "nameservers");
	json_t *answer = NULL;
	struct rrsets z = {0};
	int ret = set_properties(body, c);

	set_list(body, c, "ns", "nameservers", true);
	if (ret == CTL_OK && ctl_given(c, "file")) {
		ret = rrsets_from_file(&z, name, ctl_value(c, "file")) == 0 ? CTL_OK : CTL_FAILURE;
		if (ret == CTL_OK)
			json_object_set_new(body, "rrsets", rrsets_json(&z, NULL));
		rrsets_free(&z);
	}
	if (ret == CTL_OK) {
		answer = ctl_ask(c, "POST", CTL_API "/zones", body);
		ret = answer == NULL ? CTL_FAILURE : CTL_OK;
	}
	if (ret == CTL_OK && c->json)
		ctl_print_json(answer);
	else if (ret == CTL_OK)
		printf("Created %s, serial %u\n", name, (unsigned)ctl_uint(answer, "serial"));
	json_decref(answer);
	json_decref(body);
	free(name);
	return ret;
}

int
ctl_zone_delete(const struct ctl *c)
{
	int ret = CTL_OK;

	if (!ctl_confirm(c,
		    c->argc == 1 ? "Delete %s and all its records?"
				 : "Delete %s and the others, and all their records?",
		    c->argv[0]))
		return CTL_FAILURE;
	for (int i = 0; i < c->argc; i++) {
		char *path = ctl_zone_path(c->argv[i], "");
		json_t *answer = ctl_ask(c, "DELETE", path, NULL);
		free(path);
		if (answer == NULL)
			ret = CTL_FAILURE;
		else if (!c->json)
			printf("Deleted %s\n", c->argv[i]);
		json_decref(answer);
	}
	return ret;
}

int
ctl_zone_set(const struct ctl *c)
{
	char *path = ctl_zone_path(c->argv[0], "");
	json_t *body = json_object(), *answer;
	int ret = set_properties(body, c);

	if (ret == CTL_OK && json_object_size(body) == 0) {
		ctl_complain("what is to be set? See millracectl help zone set");
		ret = CTL_USAGE;
	}
	if (ret == CTL_OK) {
		answer = ctl_ask(c, "PUT", path, body);
		ret = answer == NULL ? CTL_FAILURE : CTL_OK;
		json_decref(answer);
	}
	json_decref(body);
	free(path);
	return ret;
}

/* PUT of an action, whose answer is {"result": "..."}. @param body  NULL: none; taken over */
static int
put_action(const struct ctl *c, const char *action, json_t *body)
{
	char *path = ctl_zone_path(c->argv[0], action);
	json_t *answer = ctl_ask(c, "PUT", path, body);

	json_decref(body);
	free(path);
	if (answer == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(answer);
	else
		printf("%s\n", ctl_text(answer, "result"));
	json_decref(answer);
	return CTL_OK;
}

int
ctl_zone_notify(const struct ctl *c)
{
	return put_action(c, "/notify", NULL);
}

int
ctl_zone_retrieve(const struct ctl *c)
{
	const char *primary = ctl_value(c, "primary");

	return put_action(c, "/axfr-retrieve",
		primary == NULL ? NULL : json_pack("{s:s}", "primary", primary));
}

int
ctl_zone_rectify(const struct ctl *c)
{
	return put_action(c, "/rectify", NULL);
}
