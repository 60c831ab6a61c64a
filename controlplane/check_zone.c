/* SPDX-License-Identifier: GPL-3.0-or-later */
/* check_zone: reads zone files as a loader would, prints what it finds, publishes nothing. */
#include "controlplane/check_zone.h"
#include "controlplane/manager/zone_names.h"
#include "controlplane/zones/zone_load.h"

#include <getopt.h>
#include <libknot/descriptor.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define DEFAULT_TTL_S 3600u /* as the configuration key zones.default-ttl */
#define SOA_SERIAL_FROM_END 20u

static void
usage(FILE *to)
{
	fprintf(to,
		"usage: millrace-controlplane check-zone [--origin ZONE] [--default-ttl SECONDS] "
		"FILE...\n"
		"Check zone files as a load would; no server is needed.\n\n"
		"  -o, --origin ZONE    the zone's name (default: FILE's name without .zone)\n"
		"  -t, --default-ttl S  TTL where the file gives none (default %u)\n"
		"  -h, --help           this text\n\n"
		"Exit status: 0 no errors (warnings are allowed), 1 a zone would be refused, %d "
		"bad usage.\n",
		DEFAULT_TTL_S, EX_USAGE);
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

/* The zone that a file's name stands for; a file need not end in .zone here. */
static int
zone_of_file(uint8_t apex[ZONE_WIRE_OCTETS], const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *file = slash == NULL ? path : slash + 1;

	if (zone_wire_from_file(apex, file) >= 0)
		return 0;
	return zone_wire_from_text(apex, file) < 0 ? -1 : 0;
}

static int
check_file(const char *path, const char *origin, uint32_t default_ttl)
{
	struct zone_load_options options = {.default_ttl = default_ttl};
	uint8_t apex[ZONE_WIRE_OCTETS];
	char name[ZONE_TEXT_OCTETS];
	struct zone_report report = {0};
	struct zone_model model = {0};
	int ret;

	ret = origin != NULL ? zone_wire_from_text(apex, origin) : zone_of_file(apex, path);
	if (ret < 0) {
		fprintf(stderr, "%s: '%s' is not a zone name; give one with --origin\n", path,
			origin != NULL ? origin : path);
		return EX_USAGE;
	}
	zone_text_from_wire(name, apex);
	ret = zone_load_file(&model, path, apex, &options, &report);
	if (ret != 0 && report.n_errors == 0)
		zone_report_add(
			&report, ZONE_ERROR, path, 0, "cannot be loaded: %s", strerror(-ret));
	for (size_t i = 0; i < report.n; i++)
		printf("%s: %s\n", report.finding[i].severity == ZONE_ERROR ? "error" : "warning",
			report.finding[i].text == NULL ? "(out of memory)"
						       : report.finding[i].text);
	if (report.n_errors > 0)
		printf("zone %s: refused, %zu errors, %zu warnings\n", name, report.n_errors,
			report.n_warnings);
	else
		printf("zone %s: OK, serial %u, %u records, %u names, %zu warnings\n", name,
			serial_of(&model), model.n_records, model.n_names, report.n_warnings);
	ret = report.n_errors > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	zone_model_destroy(&model);
	zone_report_destroy(&report);
	return ret;
}

int
check_zone_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"origin", required_argument, NULL, 'o'},
		{"default-ttl", required_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	unsigned long default_ttl = DEFAULT_TTL_S;
	const char *origin = NULL;
	char *end;
	int opt, ret = EXIT_SUCCESS;

	while ((opt = getopt_long(argc, argv, "o:t:h", options, NULL)) != -1) {
		switch (opt) {
		case 'o':
			origin = optarg;
			break;
		case 't':
			default_ttl = strtoul(optarg, &end, 10);
			if (*optarg < '0' || *optarg > '9' || *end != '\0' ||
				default_ttl > INT32_MAX) {
				fprintf(stderr, "--default-ttl %s: seconds, 0 to 2147483647\n",
					optarg);
				return EX_USAGE;
			}
			break;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc || (origin != NULL && optind + 1 != argc)) {
		fprintf(stderr,
			origin != NULL ? "--origin goes with one file\n" : "no file given\n");
		usage(stderr);
		return EX_USAGE;
	}
	for (; optind < argc; optind++) {
		int one = check_file(argv[optind], origin, (uint32_t)default_ttl);
		if (one > ret)
			ret = one;
	}
	return ret;
}
