/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns/control_statistics: what is counted, as monitoring reads it: show, list, MRTG, rrdtool. */
#include "tools/pdns/control.h"

#include <stdlib.h>
#include <string.h>

static json_t *
get_statistics(const struct ctl *c)
{
	json_t *all;

	if (pdns_ask(c, "GET", CTL_API "/statistics", NULL, &all) == 200)
		return all;
	pdns_fail(all);
	json_decref(all);
	return NULL;
}

/* A number's text; NULL: it is a map or a ring. */
static const char *
value_of(const json_t *item)
{
	return strcmp(ctl_text(item, "type"), "StatisticItem") == 0
		       ? json_string_value(json_object_get(item, "value"))
		       : NULL;
}

static const json_t *
find(const json_t *all, const char *name)
{
	size_t i;
	json_t *item;

	json_array_foreach(all, i, item) if (strcmp(ctl_text(item, "name"), name) == 0) return item;
	return NULL;
}

char *
statistic_get(const struct ctl *c, const char *name)
{
	json_t *all = get_statistics(c);
	const json_t *item = find(all, name);
	const char *value = item == NULL ? NULL : value_of(item);
	char *out = value == NULL ? NULL : ctl_format("%s", value);

	if (all != NULL && out == NULL)
		fprintf(stderr, "Unknown\n");
	json_decref(all);
	return out;
}

static int
show_matching(const struct ctl *c, const char *prefix)
{
	json_t *all = get_statistics(c), *item;
	size_t i;

	if (all == NULL)
		return CTL_FAILURE;
	json_array_foreach(
		all, i, item) if (value_of(item) != NULL &&
				  strncmp(ctl_text(item, "name"), prefix, strlen(prefix)) == 0)
		printf("%s=%s,", ctl_text(item, "name"), value_of(item));
	putchar('\n');
	json_decref(all);
	return CTL_OK;
}

int
control_show(const struct ctl *c)
{
	size_t len = strlen(c->argv[0]);
	char *value;

	if (len > 0 && c->argv[0][len - 1] == '*') {
		char *prefix = ctl_format("%.*s", (int)len - 1, c->argv[0]);
		int ret = show_matching(c, prefix);
		free(prefix);
		return ret;
	}
	value = statistic_get(c, c->argv[0]);
	if (value == NULL)
		return CTL_FAILURE;
	printf("%s\n", value);
	free(value);
	return CTL_OK;
}

int
control_list(const struct ctl *c)
{
	return show_matching(c, "");
}

static const char *
number(const json_t *all, const char *name)
{
	const json_t *item = find(all, name);
	const char *value = item == NULL ? NULL : value_of(item);

	return value == NULL ? "0" : value;
}

int
control_ccounts(const struct ctl *c)
{
	json_t *all = get_statistics(c);

	if (all == NULL)
		return CTL_FAILURE;
	printf("negative queries: 0, queries: %spackets: %s\n", number(all, "query-cache-size"),
		number(all, "packetcache-size"));
	json_decref(all);
	return CTL_OK;
}

/* Lines "NAME<tab>NUMBER" of the first of these maps that there is, and an empty line. */
static int
print_map(const struct ctl *c, const char *const *name, size_t n)
{
	json_t *all = get_statistics(c), *item;
	const json_t *map = NULL;
	size_t i;

	if (all == NULL)
		return CTL_FAILURE;
	for (i = 0; i < n && map == NULL; i++)
		map = find(all, name[i]);
	json_array_foreach(json_object_get(map, "value"), i, item)
		printf("%s\t%s\n", ctl_text(item, "name"), ctl_text(item, "value"));
	putchar('\n');
	json_decref(all);
	return CTL_OK;
}

int
control_qtypes(const struct ctl *c)
{
	static const char *const name[] = {"millrace-queries-by-qtype", "response-by-qtype"};

	return print_map(c, name, 2);
}

int
control_respsizes(const struct ctl *c)
{
	return print_map(c, &(const char *const){"response-sizes"}, 1);
}

int
control_remotes(const struct ctl *c)
{
	return print_map(c, &(const char *const){"remotes"}, 1);
}

/* Four lines: a value, another one or 0, how long it runs, what it is. */
int
control_mrtg(const struct ctl *c)
{
	char *first = statistic_get(c, c->argv[0]);
	char *second = first == NULL || c->argc < 2 ? NULL : statistic_get(c, c->argv[1]);
	char *uptime = first == NULL ? NULL : statistic_get(c, "uptime");
	int ret = CTL_FAILURE;

	if (first != NULL && (c->argc < 2 || second != NULL)) {
		printf("%s\n%s\n%s seconds\nPowerDNS daemon\n", first,
			second == NULL ? "0" : second, uptime == NULL ? "0" : uptime);
		ret = CTL_OK;
	}
	free(first);
	free(second);
	free(uptime);
	return ret;
}

/* "N:1:2:3": what `rrdtool update FILE` takes. */
int
control_rrd(const struct ctl *c)
{
	json_t *all = get_statistics(c);
	char *line = ctl_format("N");
	int ret = all == NULL ? CTL_FAILURE : CTL_OK;

	for (int i = 0; ret == CTL_OK && i < c->argc; i++) {
		const json_t *item = find(all, c->argv[i]);
		const char *value = item == NULL ? NULL : value_of(item);
		char *longer = ctl_format("%s:%s", line, value == NULL ? "U" : value);
		if (value == NULL) {
			ctl_complain("there is no statistic '%s'", c->argv[i]);
			ret = CTL_FAILURE;
		}
		free(line);
		line = longer;
	}
	if (ret == CTL_OK)
		printf("%s\n", line);
	free(line);
	json_decref(all);
	return ret;
}
