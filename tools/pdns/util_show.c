/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pdns/util_show: pdnsutil zone: what there is, and whether it is right. */
#include "controlplane/manager/zone_names.h"
#include "controlplane/zones/zone_load.h"
#include "tools/pdns/pdns.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DEFAULT_TTL_S 3600u
#define HTTP_NOT_FOUND 404

/* --- list --- */

static int
compare_lines(const void *a, const void *b)
{
	const struct rrset *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : strcmp(x->type, y->type);
}

/* PowerDNS shows the names of a SOA without their dots. */
static char *
soa_content(const char *content)
{
	char primary[1025], mail[1025], rest[160], *a, *b, *out;

	if (sscanf(content, "%1024s %1024s %159[^\n]", primary, mail, rest) != 3)
		return ctl_format("%s", content);
	a = pdns_plain(primary);
	b = pdns_plain(mail);
	out = ctl_format("%s %s %s", a, b, rest);
	free(a);
	free(b);
	return out;
}

int
util_zone_list(const struct ctl *c)
{
	struct rrsets z = {0};
	json_t *zone;
	int ret = pdns_ask_zone(c, "GET", c->argv[0], "", NULL, "Zone '%s' not found!", &zone);

	if (ret == CTL_OK &&
		rrsets_from_json(&z, ctl_text(zone, "name"), json_object_get(zone, "rrsets")) != 0)
		ret = CTL_FAILURE;
	if (ret == CTL_OK)
		printf("$ORIGIN .\n");
	if (z.n > 1)
		qsort(z.set, z.n, sizeof *z.set, compare_lines);
	for (size_t i = 0; i < z.n; i++) {
		const struct rrset *s = &z.set[i];
		char *name = pdns_plain(s->name);
		for (size_t k = 0; k < s->n; k++) {
			char *soa =
				strcmp(s->type, "SOA") == 0 ? soa_content(s->rr[k].content) : NULL;
			if (!s->rr[k].disabled)
				printf("%s\t%u\tIN\t%s\t%s\n", name, s->ttl, s->type,
					soa != NULL ? soa : s->rr[k].content);
			free(soa);
		}
		free(name);
	}
	json_decref(zone);
	rrsets_free(&z);
	return ret;
}

struct listing {
	const char *kind; /* the API's word, or NULL: all */
	unsigned n;
	struct ctl_table names;
};

static void
list_one(void *arg, const json_t *zone)
{
	struct listing *l = arg;
	char *plain;

	if (l->kind != NULL && strcasecmp(l->kind, ctl_text(zone, "kind")) != 0)
		return;
	plain = pdns_plain(ctl_text(zone, "name"));
	ctl_table_add(&l->names, &(const char *){plain});
	free(plain);
	l->n++;
}

int
util_zone_list_all(const struct ctl *c)
{
	static const struct ctl_column column[] = {{"", false}};
	struct listing l = {.names = {.column = column, .n_columns = 1}};
	int ret;

	if (c->argc > 0 && (l.kind = ctl_kind_to_api(c->argv[0])) == NULL)
		return CTL_FAILURE;
	ret = ctl_request_each(c, CTL_API "/zones", list_one, &l) == 0 ? CTL_OK : CTL_FAILURE;
	ctl_table_sort(&l.names, 0);
	for (size_t i = 0; i < l.names.n_rows; i++)
		printf("%s\n", l.names.cell[i]);
	if (ret == CTL_OK && ctl_given(c, "verbose")) {
		if (l.kind == NULL)
			printf("All zonecount: %u\n", l.n);
		else
			printf("%s zonecount: %u\n", l.kind, l.n);
	}
	ctl_table_free(&l.names);
	return ret;
}

/* --- show --- */

static void
show_secondary(const json_t *zone)
{
	time_t check = (time_t)ctl_uint(zone, "last_check");
	char when[64] = "Never";
	struct tm tm;
	size_t i;
	json_t *primary;

	json_array_foreach(json_object_get(zone, "masters"), i, primary)
	{
		const char *text = json_string_value(primary);
		bool port = strchr(text, ']') != NULL ? strstr(text, "]:") != NULL
						      : strchr(text, ':') == strrchr(text, ':') &&
								strchr(text, ':') != NULL;
		bool six = strchr(text, ':') != strrchr(text, ':');
		printf("%s%s%s%s%s ",
			i > 0                                                   ? ""
			: json_array_size(json_object_get(zone, "masters")) > 1 ? "Primaries: "
										: "Primary: ",
			six && !port ? "[" : "", text, six && !port ? "]" : "", port ? "" : ":53");
	}
	if (json_array_size(json_object_get(zone, "masters")) > 0)
		putchar('\n');
	if (check != 0 && gmtime_r(&check, &tm) != NULL)
		strftime(when, sizeof when, "%a %b %e %H:%M:%S %Y", &tm);
	printf("Last time we got update from primary: %s\n", when);
	if (ctl_uint(zone, "serial") == 0)
		printf("No SOA serial found in database\n");
	else
		printf("SOA serial in database: %u\n", (unsigned)ctl_uint(zone, "serial"));
}

static void
show_keys(const json_t *zone)
{
	size_t i;
	json_t *id;

	json_array_foreach(json_object_get(zone, "master_tsig_key_ids"), i, id)
	{
		char *plain = pdns_plain(json_string_value(id));
		printf("%s%s", i == 0 ? "Zone has following allowed TSIG key(s): " : ",", plain);
		free(plain);
	}
	if (json_array_size(json_object_get(zone, "master_tsig_key_ids")) > 0)
		putchar('\n');
}

static void
show_metadata(const struct ctl *c)
{
	json_t *all, *m, *value;
	size_t i, k;

	if (pdns_ask_zone(c, "GET", c->argv[0], "/metadata", NULL, "%s", &all) != CTL_OK)
		return;
	if (json_array_size(all) == 0)
		printf("Metadata items: None\n");
	else
		printf("Metadata items: \n");
	json_array_foreach(all, i, m)
	{
		printf("\t%s\t", ctl_text(m, "kind"));
		json_array_foreach(json_object_get(m, "metadata"), k, value)
			printf("%s%s", k == 0 ? "" : ", ", json_string_value(value));
		putchar('\n');
	}
	json_decref(all);
}

int
util_zone_show(const struct ctl *c)
{
	char *plain = pdns_plain(c->argv[0]);
	const char *kind;
	json_t *zone;
	int ret = pdns_ask_zone(
		c, "GET", c->argv[0], "?rrsets=false", NULL, "No such zone in the database", &zone);

	if (ret == CTL_OK) {
		kind = ctl_text(zone, "kind");
		if (ctl_text(zone, "account")[0] != '\0')
			printf("This zone is owned by %s\n", ctl_text(zone, "account"));
		printf("This is a %s zone\n", kind);
		if (strcmp(kind, "Master") == 0 || strcmp(kind, "Producer") == 0)
			printf("Last SOA serial number we notified: %u %s %u (serial in the "
			       "database)\n",
				(unsigned)ctl_uint(zone, "notified_serial"),
				ctl_uint(zone, "notified_serial") == ctl_uint(zone, "serial")
					? "=="
					: "!=",
				(unsigned)ctl_uint(zone, "serial"));
		else if (strcmp(kind, "Slave") == 0 || strcmp(kind, "Consumer") == 0)
			show_secondary(zone);
		printf("Zone is %s\n", ctl_bool(zone, "presigned") ? "presigned"
				       : ctl_bool(zone, "dnssec")  ? "actively secured"
								   : "not actively secured");
		show_keys(zone);
		show_metadata(c);
		fflush(stdout);
		if (!ctl_bool(zone, "dnssec"))
			fprintf(stderr, "No keys for zone '%s'.\n", plain);
	}
	json_decref(zone);
	free(plain);
	return ret;
}

/* --- check --- */

/* Read it as a load would. @return how many errors */
static size_t
check_records(const char *plain, const struct rrsets *z)
{
	struct zone_load_options options = {.default_ttl = DEFAULT_TTL_S};
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct zone_report report = {0};
	struct zone_model model = {0};
	char *text = NULL;
	size_t len = 0, errors;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		abort();
	rrsets_write(f, z);
	fclose(f);
	if (zone_key_from_text(apex, z->zone) < 0 ||
		(zone_load_text(&model, text, len, plain, apex, &options, &report) != 0 &&
			report.n_errors == 0))
		zone_report_add(&report, ZONE_ERROR, plain, 0, "cannot be read");
	for (size_t i = 0; i < report.n; i++)
		printf("[%s] %s\n", report.finding[i].severity == ZONE_ERROR ? "Error" : "Warning",
			report.finding[i].text == NULL ? "(out of memory)"
						       : report.finding[i].text);
	printf("Checked %zu records of '%s', %zu errors, %zu warnings.\n", rrsets_records(z), plain,
		report.n_errors, report.n_warnings);
	errors = report.n_errors;
	zone_model_destroy(&model);
	zone_report_destroy(&report);
	free(text);
	return errors;
}

static int
check_one(const struct ctl *c, const char *name)
{
	char *plain = pdns_plain(name), *path = ctl_zone_path(name, "");
	struct rrsets z = {0};
	json_t *zone;
	long status = pdns_ask(c, "GET", path, NULL, &zone);
	int ret = CTL_FAILURE;

	if (status == HTTP_NOT_FOUND)
		printf("[Error] Unable to get zone information for zone '%s'\n", plain);
	else if (status < 0 || status >= 300)
		pdns_fail(zone);
	else if (rrsets_from_json(&z, ctl_text(zone, "name"), json_object_get(zone, "rrsets")) == 0)
		ret = check_records(plain, &z) == 0 ? CTL_OK : CTL_FAILURE;
	rrsets_free(&z);
	json_decref(zone);
	free(path);
	free(plain);
	return ret;
}

int
util_zone_check(const struct ctl *c)
{
	return check_one(c, c->argv[0]);
}

/* Every zone in the order of their names. @return enum ctl_exit */
static int
each_zone(const struct ctl *c, int (*one)(const struct ctl *c, const char *name), bool stop,
	unsigned *n, unsigned *bad)
{
	static const struct ctl_column column[] = {{"", false}};
	struct listing l = {.names = {.column = column, .n_columns = 1}};
	int ret = ctl_request_each(c, CTL_API "/zones", list_one, &l) == 0 ? CTL_OK : CTL_FAILURE;

	ctl_table_sort(&l.names, 0);
	for (size_t i = 0; i < l.names.n_rows && !(stop && *bad > 0); i++) {
		*bad += one(c, l.names.cell[i]) != CTL_OK;
		++*n;
	}
	ctl_table_free(&l.names);
	return ret;
}

int
util_zone_check_all(const struct ctl *c)
{
	bool stop = c->argc > 0 && strcmp(c->argv[0], "exit-on-error") == 0;
	unsigned n = 0, bad = 0;
	int ret = each_zone(c, check_one, stop, &n, &bad);

	printf("Checked %u zones, %u had errors.\n", n, bad);
	return ret == CTL_OK && bad == 0 ? CTL_OK : CTL_FAILURE;
}

static int
rectify_one(const struct ctl *c, const char *name)
{
	json_t *answer;
	int ret = pdns_ask_zone(c, "PUT", name, "/rectify", NULL, "Zone '%s' not found!", &answer);

	if (ret == CTL_OK && c->argc == 0)
		fprintf(stderr, "Rectifying %s: %s\n", name, ctl_text(answer, "result"));
	json_decref(answer);
	return ret;
}

int
util_zone_rectify_all(const struct ctl *c)
{
	unsigned n = 0, bad = 0;
	int ret = each_zone(c, rectify_one, true, &n, &bad);

	if (c->argc == 0 && bad == 0)
		printf("Rectified %u zones.\n", n);
	return ret == CTL_OK && bad == 0 ? CTL_OK : CTL_FAILURE;
}

/* --- keys --- */

int
util_zone_list_keys(const struct ctl *c)
{
	static const char rule[] =
		"------------------------------------------------------------------"
		"------------------------";
	json_t *keys = NULL, *key;
	int ret = CTL_OK;
	size_t i;

	if (c->argc > 0)
		ret = pdns_ask_zone(
			c, "GET", c->argv[0], "/cryptokeys", NULL, "Zone '%s' not found!", &keys);
	if (ret != CTL_OK)
		return ret;
	printf("%-30s%-5s%-4s%-4s%-8s%-16s%-5s%-11s%s\n%s\n", "Zone", "Type", "Act", "Pub", "Size",
		"Algorithm", "ID", "Location", "Keytag", rule);
	json_array_foreach(keys, i, key) printf("%-30s%-5s%-4s%-4s%-8u%-16s%-5u%-11s\n", c->argv[0],
		ctl_text(key, "keytype"), ctl_bool(key, "active") ? "Act" : "",
		ctl_bool(key, "published") ? "Pub" : "", (unsigned)ctl_uint(key, "bits"),
		ctl_text(key, "algorithm"), (unsigned)ctl_uint(key, "id"), "");
	json_decref(keys);
	return CTL_OK;
}
