/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns/util_other: pdnsutil's verbs of the server as a whole, and those that need none. */
#include "controlplane/zones/rdata_text.h"
#include "tools/pdns/pdns.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* --- autoprimaries --- */

int
util_autoprimary_add(const struct ctl *c)
{
	json_t *body = json_pack("{s:s, s:s, s:s}", "ip", c->argv[0], "nameserver", c->argv[1],
		       "account", c->argc > 2 ? c->argv[2] : ""),
	       *answer;
	long status = pdns_ask(c, "POST", CTL_API "/autoprimaries", body, &answer);
	int ret = status >= 200 && status < 300 ? CTL_OK : pdns_fail(answer);

	json_decref(body);
	json_decref(answer);
	return ret;
}

int
util_autoprimary_list(const struct ctl *c)
{
	json_t *all, *one;
	long status = pdns_ask(c, "GET", CTL_API "/autoprimaries", NULL, &all);
	int ret = status == 200 ? CTL_OK : pdns_fail(all);
	size_t i;

	json_array_foreach(ret == CTL_OK ? all : NULL, i, one) printf("IP=%s, NS=%s, account=%s\n",
		ctl_text(one, "ip"), ctl_text(one, "nameserver"), ctl_text(one, "account"));
	json_decref(all);
	return ret;
}

int
util_autoprimary_remove(const struct ctl *c)
{
	char *ip = ctl_escape(c->argv[0]), *name = ctl_escape(c->argv[1]);
	char *path = ctl_format(CTL_API "/autoprimaries/%s/%s", ip, name);
	json_t *answer;
	long status = pdns_ask(c, "DELETE", path, NULL, &answer);
	int ret = status >= 200 && status < 300 ? CTL_OK : pdns_fail(answer);

	json_decref(answer);
	free(path);
	free(ip);
	free(name);
	return ret;
}

/* --- networks and views --- */

int
util_network_list(const struct ctl *c)
{
	json_t *all, *one;
	long status = pdns_ask(c, "GET", CTL_API "/networks", NULL, &all);
	int ret = status == 200 ? CTL_OK : pdns_fail(all);
	size_t i;

	json_array_foreach(ret == CTL_OK ? json_object_get(all, "networks") : NULL, i, one)
		printf("%s\t%s\n", ctl_text(one, "network"), ctl_text(one, "view"));
	json_decref(all);
	return ret;
}

int
util_network_set(const struct ctl *c)
{
	const char *slash = strchr(c->argv[0], '/');
	char *path;
	json_t *body, *answer;
	long status;
	int ret;

	if (slash == NULL) {
		ctl_complain("'%s' is no network; write it as 192.0.2.0/24", c->argv[0]);
		return CTL_FAILURE;
	}
	path = ctl_format(
		CTL_API "/networks/%.*s/%s", (int)(slash - c->argv[0]), c->argv[0], slash + 1);
	body = json_pack("{s:s}", "view", c->argc > 1 ? c->argv[1] : "");
	status = pdns_ask(c, "PUT", path, body, &answer);
	ret = status >= 200 && status < 300 ? CTL_OK : pdns_fail(answer);
	json_decref(body);
	json_decref(answer);
	free(path);
	return ret;
}

static int
print_list(const struct ctl *c, const char *path, const char *member)
{
	json_t *all, *one;
	long status = pdns_ask(c, "GET", path, NULL, &all);
	int ret = status == 200 ? CTL_OK : pdns_fail(all);
	size_t i;

	json_array_foreach(ret == CTL_OK ? json_object_get(all, member) : NULL, i, one)
		printf("%s\n", json_string_value(one));
	json_decref(all);
	return ret;
}

int
util_view_list_all(const struct ctl *c)
{
	return print_list(c, CTL_API "/views", "views");
}

static char *
view_path(const struct ctl *c, const char *rest)
{
	char *view = ctl_escape(c->argv[0]);
	char *path = ctl_format(CTL_API "/views/%s%s", view, rest);

	free(view);
	return path;
}

int
util_view_list(const struct ctl *c)
{
	char *path = view_path(c, "");
	int ret = print_list(c, path, "zones");

	free(path);
	return ret;
}

/* A view may be told of a zone before there is one. */
static void
tell_of_zone(const struct ctl *c, const char *name)
{
	char *path = ctl_zone_path(name, "?rrsets=false"), *plain = pdns_plain(name);
	json_t *answer;

	if (pdns_ask(c, "GET", path, NULL, &answer) == 404)
		printf("Zone '%s' does not exist yet.\n"
		       "Consider creating it with 'pdnsutil zone create %s'\n",
			plain, plain);
	json_decref(answer);
	free(path);
	free(plain);
}

int
util_view_add(const struct ctl *c)
{
	char *path = view_path(c, ""), *name = ctl_absolute(c->argv[1]);
	json_t *body = json_pack("{s:s}", "name", name), *answer;
	long status = pdns_ask(c, "POST", path, body, &answer);
	int ret = status >= 200 && status < 300 ? CTL_OK : pdns_fail(answer);

	json_decref(body);
	json_decref(answer);
	free(path);
	if (ret == CTL_OK)
		tell_of_zone(c, name);
	free(name);
	return ret;
}

int
util_view_delete(const struct ctl *c)
{
	char *zone = ctl_escape(c->argv[1]), *rest = ctl_format("/%s", zone);
	char *path = view_path(c, rest);
	json_t *answer;
	long status = pdns_ask(c, "DELETE", path, NULL, &answer);
	int ret = status >= 200 && status < 300 ? CTL_OK : pdns_fail(answer);

	json_decref(answer);
	free(zone);
	free(rest);
	free(path);
	return ret;
}

/* --- catalogs --- */

struct members {
	const char *catalog;
};

static void
list_member(void *arg, const json_t *zone)
{
	const struct members *m = arg;
	char *plain;

	if (strcmp(ctl_text(zone, "catalog"), m->catalog) != 0)
		return;
	plain = pdns_plain(ctl_text(zone, "name"));
	printf("%s\n", plain);
	free(plain);
}

int
util_catalog_list(const struct ctl *c)
{
	char *name = ctl_absolute(c->argv[0]);
	struct members m = {.catalog = name};
	int ret =
		ctl_request_each(c, CTL_API "/zones", list_member, &m) == 0 ? CTL_OK : CTL_FAILURE;

	free(name);
	return ret;
}

/* --- RDATA for dnsdist's SpoofRawAction --- */

int
util_raw_lua(const struct ctl *c)
{
	char *content = pdns_content(c->argv[0], c->argv[1]), error[RDATA_TEXT_ERROR_OCTETS] = "";
	uint8_t *rdata = malloc(RDATA_WIRE_MAX);
	uint16_t type, len;

	if (rdata == NULL)
		abort();
	if (content == NULL || rrtype_from_text(c->argv[0], &type) != 0 ||
		rdata_from_text(type, content, rdata, &len, error) != 0) {
		fprintf(stderr, "Error: '%s' is no content of type %s\n", c->argv[1], c->argv[0]);
		free(content);
		free(rdata);
		return CTL_FAILURE;
	}
	putchar('"');
	for (unsigned i = 0; i < len; i++)
		printf(isalpha(rdata[i]) ? "%c" : "\\%03u", rdata[i]);
	printf("\"\n");
	free(content);
	free(rdata);
	return CTL_OK;
}
