/* SPDX-License-Identifier: GPL-3.0-or-later */
/* make_image_seeds FOLDER: writes the corpus of fuzz_image: images of small zones that have a
 * little of everything. To be run again when the image format changes. */
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"
#include "shm/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOA "$TTL 60\n@ SOA ns1 h 1 2 3 4 5\n@ NS ns1\n"

static const struct {
	const char *name, *text;
} zones[] = {
	{"plain", SOA "ns1 A 192.0.2.1\n@ MX 1 ns1\nwww CNAME ns1\n"},
	{"cut", SOA "ns1 A 192.0.2.1\nc NS ns.c\nc NS ns1\nc NS x.e\nns.c A 192.0.2.2\nns.c AAAA "
		    "2001:db8::1\n"
		    "e NS x.e\nx.e A 192.0.2.3\nc DS 1 8 1 00\n"},
	{"wildcard", SOA "ns1 A 192.0.2.1\n*.a.b TXT x\n*.a.b MX 1 ns1\n*.a.b HTTPS 1 .\n*.a.b A "
			 "192.0.2.3\n"},
	{"dname", SOA "ns1 A 192.0.2.1\nd DNAME e.test.\nd TXT y\n_x._y SRV 1 2 3 ns1\n"},
	{"types", SOA "ns1 A 192.0.2.1\np PTR q\np MINFO q r.q\np RP q q\np NAPTR 1 1 s s \"\" "
		      "q\np TYPE65534 \\# 1 00\n"},
	{"unavailable", NULL},
};

static int
write_seed(const char *folder, const char *name, const struct arena *a, uint64_t off)
{
	uint64_t start = (sizeof(struct arena_header) + 63) / 64 * 64;
	const struct image *im = image_at(a, off);
	char path[4096];
	uint32_t at = (uint32_t)off;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	FILE *f = fopen(path, "wb");
	if (f == NULL || im == NULL || fwrite(&at, sizeof at, 1, f) != 1 ||
		fwrite(a->base + start, off - start + im->block_len, 1, f) != 1) {
		perror(path);
		return 1;
	}
	return fclose(f) != 0;
}

static int
make_seed(const char *folder, struct arena *a, const char *name, const char *text)
{
	const struct zone_load_options options = {.seed = 1, .default_ttl = 60};
	static const uint8_t apex[] = "\7example\4test";
	struct zone_report report = {0};
	struct zone_model z;
	uint64_t off;
	int err;

	if (text == NULL) {
		err = zone_compile_unavailable(a, apex, &off);
	} else {
		err = zone_load_text(&z, text, strlen(text), name, apex, &options, &report);
		if (err == 0) {
			err = zone_compile(a, &z, &off);
			zone_model_destroy(&z);
		}
		if (report.n_errors > 0)
			fprintf(stderr, "%s\n", report.finding[0].text);
		zone_report_destroy(&report);
	}
	if (err != 0)
		return 1;
	err = write_seed(folder, name, a, off);
	zone_image_free(a, off);
	return err;
}

int
main(int argc, char **argv)
{
	char path[] = "/dev/shm/millrace-seeds.XXXXXX";
	struct arena a;
	bool fresh;
	int bad = 0;

	if (argc != 2 || mkstemp(path) < 0 ||
		arena_open_writer(&a, path, ARENA_SIZE_MIN, &fresh) != 0) {
		fprintf(stderr, "usage: make_image_seeds FOLDER\n");
		return 2;
	}
	unlink(path);
	((struct arena_header *)arena_writable(&a, 0))->seed = 1;
	for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++)
		bad |= make_seed(argv[1], &a, zones[i].name, zones[i].text);
	arena_close(&a);
	return bad;
}
