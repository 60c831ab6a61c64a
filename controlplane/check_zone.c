/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_zone: reads zone files as a loader would, prints what it finds, publishes nothing. */
#include "controlplane/check_zone.h"
#include "config/progress.h"
#include "controlplane/api/json_writer.h"
#include "controlplane/manager/zone_names.h"
#include "controlplane/zones/zone_load.h"

#include <getopt.h>
#include <libknot/descriptor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_TTL_S 3600u /* as the configuration key zones.default-ttl */
#define SOA_SERIAL_FROM_END 20u
#define EXIT_USAGE 2 /* as millracectl, which hands over to this */

static void
usage(FILE *to)
{
	fprintf(to,
		"usage: millrace-controlplane check-zone [--origin ZONE] [--default-ttl SECONDS] "
		"FILE...\n"
		"Check zone files as a load would; no server is needed.\n\n"
		"  -o, --origin ZONE    the zone's name (default: FILE's name without .zone)\n"
		"  -t, --default-ttl S  TTL where the file gives none (default %u)\n"
		"  -j, --json           print JSON: an array, one object a file\n"
		"  -h, --help           this text\n\n"
		"Exit status: 0 no errors (warnings are allowed), 1 a zone would be refused, %d "
		"bad usage.\n",
		DEFAULT_TTL_S, EXIT_USAGE);
}

static uint32_t
serial_of(const struct zone_model *z)
{
	const struct zone_name *apex =
		zone_model_find(z, name_hash(z->seed, z->apex), z->apex, z->apex_len);
	const struct zone_record *soa;
	const uint8_t *rdata;
	uint32_t n;
	uint16_t len;

	soa = apex == NULL ? NULL : zone_model_rrset(z, apex, KNOT_RRTYPE_SOA, &n);
	if (soa == NULL)
		return 0;
	rdata = zone_rdata(z, soa, &len);
	if (len < SOA_SERIAL_FROM_END)
		return 0;
	rdata += len - SOA_SERIAL_FROM_END;
	return (uint32_t)rdata[0] << 24 | (uint32_t)rdata[1] << 16 | (uint32_t)rdata[2] << 8 |
	       rdata[3];
}

/* How to check and how to tell. */
struct check {
	const char *origin; /* NULL: by the file's name */
	uint32_t default_ttl;
	bool json;
	struct json_writer out; /* an array, one object a file */
	struct progress progress;
	uint64_t before, octets; /* of the files before this one, and of this one */
};

/* A file that cannot be looked at is told when it is checked. */
static uint64_t
octets_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

static void
tell_progress(void *arg, uint32_t line, uint32_t n_lines)
{
	struct check *c = arg;

	progress_set(&c->progress, c->before + (uint64_t)((double)c->octets * line / n_lines),
		c->progress.total);
}

static void
tell_json(struct json_writer *w, const char *path, const char *zone, const struct zone_model *z,
	const struct zone_report *report)
{
	json_open_object(w, NULL);
	json_str(w, "file", path);
	json_str(w, "zone", zone);
	json_bool(w, "ok", report->n_errors == 0);
	json_uint(w, "serial", report->n_errors == 0 ? serial_of(z) : 0);
	json_uint(w, "records", z->n_records);
	json_uint(w, "names", z->n_names);
	json_uint(w, "errors", report->n_errors);
	json_uint(w, "warnings", report->n_warnings);
	json_open_array(w, "findings");
	for (size_t i = 0; i < report->n; i++) {
		json_open_object(w, NULL);
		json_str(w, "severity",
			report->finding[i].severity == ZONE_ERROR ? "error" : "warning");
		json_str(w, "text", report->finding[i].text);
		json_close_object(w);
	}
	json_close_array(w);
	json_close_object(w);
}

static void
tell_text(struct check *c, const char *zone, const struct zone_model *z,
	const struct zone_report *report)
{
	if (isatty(STDOUT_FILENO))
		progress_hide(&c->progress);
	for (size_t i = 0; i < report->n; i++)
		printf("%s: %s\n", report->finding[i].severity == ZONE_ERROR ? "error" : "warning",
			report->finding[i].text == NULL ? "(out of memory)"
							: report->finding[i].text);
	if (report->n_errors > 0)
		printf("zone %s: refused, %zu errors, %zu warnings\n", zone, report->n_errors,
			report->n_warnings);
	else
		printf("zone %s: OK, serial %u, %u records, %u names, %zu warnings\n", zone,
			serial_of(z), z->n_records, z->n_names, report->n_warnings);
}

/* @return exit status */
static int
check_file(struct check *c, const char *path)
{
	struct zone_load_options options = {.default_ttl = c->default_ttl,
		.progress = c->progress.on ? tell_progress : NULL,
		.progress_arg = c};
	uint8_t key[ZONE_WIRE_OCTETS];
	char zone[ZONE_TEXT_OCTETS];
	struct zone_report report = {0};
	struct zone_model model = {0};
	int ret;

	ret = c->origin != NULL ? zone_key_from_text(key, c->origin)
				: zone_key_from_path(key, path);
	if (ret < 0) {
		progress_hide(&c->progress);
		fprintf(stderr, "%s: '%s' is not a zone name; give one with --origin\n", path,
			c->origin != NULL ? c->origin : path);
		return EXIT_USAGE;
	}
	zone_text_from_key(zone, key);
	c->octets = octets_of(path);
	ret = zone_load_file(&model, path, zone_key_apex(key), &options, &report);
	if (ret != 0 && report.n_errors == 0)
		zone_report_add(
			&report, ZONE_ERROR, path, 0, "cannot be loaded: %s", strerror(-ret));
	if (c->json)
		tell_json(&c->out, path, zone, &model, &report);
	else
		tell_text(c, zone, &model, &report);
	c->before += c->octets;
	if (c->before < c->progress.total) /* behind the last one is nothing to wait for */
		progress_set(&c->progress, c->before, c->progress.total);
	ret = report.n_errors > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	zone_model_destroy(&model);
	zone_report_destroy(&report);
	return ret;
}

/* @return EXIT_SUCCESS to go on, or what to end with; *done then says that it is no failure */
static int
parse_options(struct check *c, int argc, char **argv, bool *done)
{
	static const struct option options[] = {
		{"origin", required_argument, NULL, 'o'},
		{"default-ttl", required_argument, NULL, 't'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	unsigned long ttl;
	char *end;
	int opt;

	while ((opt = getopt_long(argc, argv, "o:t:jh", options, NULL)) != -1) {
		switch (opt) {
		case 'o':
			c->origin = optarg;
			break;
		case 't':
			ttl = strtoul(optarg, &end, 10);
			if (*optarg < '0' || *optarg > '9' || *end != '\0' || ttl > INT32_MAX) {
				fprintf(stderr, "--default-ttl %s: seconds, 0 to 2147483647\n",
					optarg);
				return EXIT_USAGE;
			}
			c->default_ttl = (uint32_t)ttl;
			break;
		case 'j':
			c->json = true;
			break;
		case 'h':
			usage(stdout);
			*done = true;
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc && (c->origin == NULL || optind + 1 == argc))
		return EXIT_SUCCESS;
	fprintf(stderr, optind < argc ? "--origin goes with one file\n\n" : "no file given\n\n");
	usage(stderr);
	return EXIT_USAGE;
}

int
check_zone_main(int argc, char **argv)
{
	struct check c = {.default_ttl = DEFAULT_TTL_S};
	bool done = false;
	int ret = parse_options(&c, argc, argv, &done);

	if (ret != EXIT_SUCCESS || done)
		return ret;
	progress_start(&c.progress, "octets", 0);
	for (int i = optind; i < argc && c.progress.on; i++)
		c.progress.total += octets_of(argv[i]);
	if (c.json)
		json_open_array(&c.out, NULL);
	for (; optind < argc; optind++) {
		int one = check_file(&c, argv[optind]);
		if (one > ret)
			ret = one;
	}
	progress_hide(&c.progress);
	if (c.json) {
		json_close_array(&c.out);
		json_raw(&c.out, "\n");
		if (c.out.failed || fwrite(c.out.text, 1, c.out.len, stdout) != c.out.len)
			ret = EXIT_FAILURE;
		json_free(&c.out);
	}
	return ret;
}
