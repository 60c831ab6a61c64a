/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/view: views and networks on the command line. */
#include "tools/ctl/ctl.h"

#include <stdlib.h>
#include <string.h>

#define HTTP_NOT_FOUND 404

/* Ask for a change that is answered with nothing. */
static int
change(const struct ctl *c, const char *method, const char *path, json_t *body)
{
	struct http_reply reply;
	int ret = CTL_FAILURE;

	if (ctl_exchange(c, method, path, body, NULL, &reply) == 0) {
		if (reply.status < 300)
			ret = CTL_OK;
		else
			ctl_print_error(c, reply.json, reply.status);
	}
	http_reply_free(&reply);
	json_decref(body);
	return ret;
}

/* A member that is a list of texts, one a line. */
static int
print_list(const struct ctl *c, const char *path, const char *member)
{
	json_t *all = ctl_ask(c, "GET", path, NULL), *one;
	size_t i;

	if (all == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(all);
	else
		json_array_foreach(json_object_get(all, member), i, one)
			printf("%s\n", json_string_value(one));
	json_decref(all);
	return CTL_OK;
}

/* --- views --- */

/* "CTL_API/views/VIEW" and what follows. Allocated. */
static char *
view_path(const struct ctl *c, const char *rest)
{
	char *view = ctl_escape(c->argv[0]), *path = ctl_format(CTL_API "/views/%s%s", view, rest);

	free(view);
	return path;
}

int
ctl_view_list_all(const struct ctl *c)
{
	return print_list(c, CTL_API "/views", "views");
}

int
ctl_view_list(const struct ctl *c)
{
	char *path = view_path(c, "");
	int ret = print_list(c, path, "zones");

	free(path);
	return ret;
}

/* Is there such a zone by now? */
static bool
is_there(const struct ctl *c, const char *zone)
{
	char *path = ctl_zone_path(zone, "?rrsets=false");
	struct http_reply reply;
	bool there = ctl_exchange(c, "GET", path, NULL, NULL, &reply) != 0 ||
		     reply.status != HTTP_NOT_FOUND;

	http_reply_free(&reply);
	free(path);
	return there;
}

int
ctl_view_add(const struct ctl *c)
{
	char *path = view_path(c, ""), *zone = ctl_absolute(c->argv[1]);
	int ret = change(c, "POST", path, json_pack("{s:s}", "name", zone));

	if (ret == CTL_OK && !c->json)
		printf("View %s has %s%s\n", c->argv[0], zone,
			is_there(c, zone) ? "" : "; the zone does not exist yet");
	free(zone);
	free(path);
	return ret;
}

int
ctl_view_delete(const struct ctl *c)
{
	char *zone = ctl_absolute(c->argv[1]), *escaped = ctl_escape(zone);
	char *rest = ctl_format("/%s", escaped), *path = view_path(c, rest);
	int ret = change(c, "DELETE", path, NULL);

	if (ret == CTL_OK && !c->json)
		printf("View %s has no variant of %s any more\n", c->argv[0], zone);
	free(path);
	free(rest);
	free(escaped);
	free(zone);
	return ret;
}

/* --- networks --- */

int
ctl_network_list(const struct ctl *c)
{
	static const struct ctl_column column[] = {{"NETWORK", false}, {"VIEW", false}};
	struct ctl_table t = {.column = column, .n_columns = 2};
	json_t *all = ctl_ask(c, "GET", CTL_API "/networks", NULL), *one;
	size_t i;

	if (all == NULL)
		return CTL_FAILURE;
	if (c->json) {
		ctl_print_json(all);
	} else {
		json_array_foreach(json_object_get(all, "networks"), i, one) ctl_table_add(
			&t, (const char *const[]){ctl_text(one, "network"), ctl_text(one, "view")});
		ctl_table_print(c, &t, NULL);
		ctl_table_free(&t);
	}
	json_decref(all);
	return CTL_OK;
}

int
ctl_network_set(const struct ctl *c)
{
	const char *text = c->argv[0], *slash = strchr(text, '/');
	const char *view = c->argc > 1 ? c->argv[1] : "";
	size_t octets = slash == NULL ? strlen(text) : (size_t)(slash - text);
	char *plain = ctl_format("%.*s", (int)octets, text), *address = ctl_escape(plain);
	char *length = slash != NULL ? ctl_escape(slash + 1)
				     : ctl_format("%s", strchr(text, ':') != NULL ? "128" : "32");
	char *path = ctl_format(CTL_API "/networks/%s/%s", address, length);
	int ret = change(c, "PUT", path, json_pack("{s:s}", "view", view));

	if (ret == CTL_OK && !c->json)
		printf(view[0] == '\0' ? "Network %s sees what everybody sees\n"
				       : "Network %s sees view %s\n",
			text, view);
	free(path);
	free(length);
	free(address);
	free(plain);
	return ret;
}
