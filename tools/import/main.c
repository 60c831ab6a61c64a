/* SPDX-License-Identifier: GPL-3.0-or-later */
/* millrace-import: `millracectl import powerdns` runs it, and has the command line that people see
 * (tools/ctl/noun_import.c). */
#include "tools/import/sql.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NAME "millracectl import powerdns"
#define KEY_OCTETS_MAX 512
#define ZONE_OCTETS_MAX ((size_t)1 << 30) /* of one zone's JSON */
#define CALL_S 300

enum { STATUS_ALL = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_SOME_LEFT = 3 };

enum import_option {
	OPTION_SQLITE = 256,
	OPTION_PGSQL,
	OPTION_MYSQL,
	OPTION_API,
	OPTION_SOURCE_KEY,
	OPTION_SOURCE_CA,
	OPTION_SOCKET,
	OPTION_SERVER,
	OPTION_CA,
	OPTION_CERT,
	OPTION_KEY,
	OPTION_DRY_RUN,
	OPTION_SKIP_PRESENT,
	OPTION_REPORT,
	OPTION_QUIET,
	OPTION_JSON,
};

static const struct {
	const char *name;
	bool has_argument;
	enum import_option option;
} table[] = {
	{"gsqlite3", true, OPTION_SQLITE},
	{"gpgsql", true, OPTION_PGSQL},
	{"gmysql", true, OPTION_MYSQL},
	{"api", true, OPTION_API},
	{"source-key-file", true, OPTION_SOURCE_KEY},
	{"source-ca", true, OPTION_SOURCE_CA},
	{"socket", true, OPTION_SOCKET},
	{"server", true, OPTION_SERVER},
	{"ca", true, OPTION_CA},
	{"cert", true, OPTION_CERT},
	{"key", true, OPTION_KEY},
	{"dry-run", false, OPTION_DRY_RUN},
	{"skip-present", false, OPTION_SKIP_PRESENT},
	{"report", true, OPTION_REPORT},
	{"quiet", false, OPTION_QUIET},
	{"json", false, OPTION_JSON},
};
#define N_OPTIONS (sizeof table / sizeof *table)

struct arguments {
	const char *from[4]; /* by OPTION_SQLITE... */
	const char *source_key, *source_ca, *socket, *server, *ca, *cert, *key, *report;
	struct import_options o;
	bool json;
};

static void
take_option(struct arguments *a, int option)
{
	switch (option) {
	case OPTION_SQLITE:
	case OPTION_PGSQL:
	case OPTION_MYSQL:
	case OPTION_API:
		a->from[option - OPTION_SQLITE] = optarg;
		break;
	case OPTION_SOURCE_KEY:
		a->source_key = optarg;
		break;
	case OPTION_SOURCE_CA:
		a->source_ca = optarg;
		break;
	case OPTION_SOCKET:
		a->socket = optarg;
		break;
	case OPTION_SERVER:
		a->server = optarg;
		break;
	case OPTION_CA:
		a->ca = optarg;
		break;
	case OPTION_CERT:
		a->cert = optarg;
		break;
	case OPTION_KEY:
		a->key = optarg;
		break;
	case OPTION_REPORT:
		a->report = optarg;
		break;
	case OPTION_DRY_RUN:
		a->o.dry_run = true;
		break;
	case OPTION_SKIP_PRESENT:
		a->o.skip_present = true;
		break;
	case OPTION_QUIET:
		a->o.quiet = true;
		break;
	case OPTION_JSON:
		a->json = true;
		break;
	case 'h':
		puts("usage: millrace-import OPTIONS\n\nThis does the work of `millracectl "
		     "import powerdns`, whose --help tells how.");
		exit(STATUS_ALL);
	case 'V':
		puts("millrace-import " MILLRACE_VERSION);
		exit(STATUS_ALL);
	default:
		exit(STATUS_USAGE);
	}
}

static void
parse(struct arguments *a, int argc, char **argv)
{
	struct option list[N_OPTIONS + 3] = {0};
	unsigned n = 0;
	int got;

	for (size_t i = 0; i < N_OPTIONS; i++)
		list[i] = (struct option){table[i].name,
			table[i].has_argument ? required_argument : no_argument, NULL,
			(int)table[i].option};
	list[N_OPTIONS] = (struct option){"help", no_argument, NULL, 'h'};
	list[N_OPTIONS + 1] = (struct option){"version", no_argument, NULL, 'V'};
	argv[0] = (char *)NAME;
	while ((got = getopt_long(argc, argv, "h", list, NULL)) != -1)
		take_option(a, got);
	for (size_t i = 0; i < 4; i++)
		n += a->from[i] != NULL;
	if (n != 1 || optind != argc) {
		fprintf(stderr,
			NAME ": %s; give exactly one of --gsqlite3, --gpgsql, --gmysql and "
			     "--api\n",
			optind != argc ? "there is an argument too many" : "where from?");
		exit(STATUS_USAGE);
	}
	if (!a->o.dry_run && a->socket == NULL && a->server == NULL) {
		fprintf(stderr, NAME ": give --socket or --server, or --dry-run\n");
		exit(STATUS_USAGE);
	}
}

/* First line of a file, or NULL for none. */
static char *
read_key(const char *path)
{
	char text[KEY_OCTETS_MAX] = "", *copy;
	FILE *f;

	if (path == NULL)
		return NULL;
	f = fopen(path, "re");
	if (f == NULL || fgets(text, sizeof text, f) == NULL) {
		fprintf(stderr, NAME ": %s: %s\n", path,
			f == NULL ? strerror(errno) : "has no key in its first line");
		exit(STATUS_FAILED);
	}
	fclose(f);
	text[strcspn(text, "\r\n")] = '\0';
	copy = strdup(text);
	if (copy == NULL)
		abort();
	return copy;
}

static int
run(struct import *im, const struct arguments *a, char error[IMPORT_ERROR_OCTETS])
{
	static int (*const open_sql[])(struct sql *, const char *, char *) = {
		sql_open_sqlite, sql_open_pgsql, sql_open_mysql};
	static const char *const name[] = {"gsqlite3", "gpgsql", "gmysql"};
	struct sql s;
	int ret;

	for (size_t i = 0; i < 3; i++) {
		char *kept = NULL;

		if (a->from[i] == NULL)
			continue;
		im->source = name[i];
		if (a->from[i][0] == '@') /* it may have a password in it */
			kept = read_key(a->from[i] + 1);
		ret = open_sql[i](&s, kept != NULL ? kept : a->from[i], error);
		free(kept);
		return ret != 0 ? -1 : sql_import(im, &s, error);
	}
	char *key = read_key(a->source_key);
	struct http *from = http_open(&(struct http_place){.server = a->from[3],
		.token = key,
		.ca = a->source_ca,
		.answer_octets_max = ZONE_OCTETS_MAX,
		.call_s = CALL_S});

	im->source = "api";
	ret = api_import(im, from, error);
	http_close(from);
	free(key);
	return ret;
}

static void
print_summary(const struct import *im, bool json)
{
	unsigned long long zones = im->n_zones, rrsets = im->n_rrsets, records = im->n_records,
			   zones_left = im->n_zones_left, findings = im->n_left,
			   without = im->n_without_effect;

	if (json)
		printf("{\"zones\": %llu, \"rrsets\": %llu, \"records\": %llu, \"zones_left\": "
		       "%llu, \"findings\": %llu, \"without_effect\": %llu, \"dry_run\": %s}\n",
			zones, rrsets, records, zones_left, findings, without,
			im->o.dry_run ? "true" : "false");
	else
		printf("%llu zones with %llu RRsets and %llu records %s; %llu zones not; %llu "
		       "lines in the report, and %llu about what has no effect yet\n",
			zones, rrsets, records,
			im->o.dry_run ? "can be carried over" : "carried over", zones_left,
			findings, without);
}

int
main(int argc, char **argv)
{
	struct arguments a = {0};
	struct import im = {.report = stderr, .source = "source", .effects = import_effects_new()};
	char error[IMPORT_ERROR_OCTETS] = "";
	struct timespec t;
	int ret;

	parse(&a, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	im.o = a.o;
	clock_gettime(CLOCK_MONOTONIC, &t);
	im.started_ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
	if (a.report != NULL && (im.report = fopen(a.report, "we")) == NULL) {
		fprintf(stderr, NAME ": %s: %s\n", a.report, strerror(errno));
		return STATUS_FAILED;
	}
	if (!a.o.dry_run)
		im.target = http_open(&(struct http_place){.socket_path = a.socket,
			.server = a.server,
			.token = getenv("MILLRACE_IMPORT_TOKEN"),
			.ca = a.ca,
			.cert = a.cert,
			.key = a.key,
			.call_s = CALL_S});
	ret = run(&im, &a, error);
	if (im.told_ms != 0)
		fprintf(stderr, "\r\033[K");
	import_effects_tell(&im);
	if (ret != 0 && error[0] != '\0')
		fprintf(stderr, NAME ": %s: %s\n", im.source, error);
	print_summary(&im, a.json);
	http_close(im.target);
	import_effects_free(im.effects);
	if (im.report != stderr && fclose(im.report) != 0) {
		fprintf(stderr, NAME ": %s: %s\n", a.report, strerror(errno));
		ret = -1;
	}
	return ret != 0 ? STATUS_FAILED : im.n_left > 0 ? STATUS_SOME_LEFT : STATUS_ALL;
}
