/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_set: see the header. */
#include "tests/support/zone_set.h"

#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"

#include <errno.h>
#include <libknot/libknot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
wire_name(uint8_t out[NAME_OCTETS_MAX + 1 + NAME_PAD], const char *text)
{
	memset(out, 0, NAME_OCTETS_MAX + 1 + NAME_PAD);
	if (knot_dname_from_str(out, text, NAME_OCTETS_MAX) == NULL) {
		fprintf(stderr, "zone_set: bad name %s\n", text);
		abort();
	}
}

void
zone_set_open(struct zone_set *s, uint64_t size)
{
	uint32_t n_damaged;
	bool fresh;
	int rc;

	memset(s, 0, sizeof *s);
	snprintf(s->path, sizeof s->path, "/dev/shm/millrace-test-%d-%p", (int)getpid(), (void *)s);
	unlink(s->path);
	rc = arena_open_writer(&s->arena, s->path, size, &fresh);
	if (rc == 0)
		rc = zone_publisher_create(&s->publisher, &s->arena, NULL, &n_damaged);
	unlink(s->path);
	if (rc != 0) {
		fprintf(stderr, "zone_set: %s: %s\n", strerror(-rc), arena_error());
		abort();
	}
}

int
zone_set_add(struct zone_set *s, const char *apex, const char *text)
{
	struct zone_load_options o = {.seed = arena_header(&s->arena)->seed, .default_ttl = 3600};
	struct zone_report report = {0};
	uint8_t wire[NAME_OCTETS_MAX + 1 + NAME_PAD];
	struct zone_model model;
	uint64_t image;
	int rc;

	wire_name(wire, apex);
	rc = zone_load_text(&model, text, strlen(text), "text", wire, &o, &report);
	if (rc != 0) {
		for (size_t i = 0; i < report.n; i++)
			fprintf(stderr, "%s\n", report.finding[i].text);
		zone_report_destroy(&report);
		return rc;
	}
	zone_report_destroy(&report);
	rc = zone_compile(&s->arena, &model, &image);
	zone_model_destroy(&model);
	return rc != 0 ? rc : zone_publish(s->publisher, image);
}

int
zone_set_add_unavailable(struct zone_set *s, const char *apex)
{
	uint8_t wire[NAME_OCTETS_MAX + 1 + NAME_PAD];
	uint64_t image;
	int rc;

	wire_name(wire, apex);
	rc = zone_compile_unavailable(&s->arena, wire, &image);
	return rc != 0 ? rc : zone_publish(s->publisher, image);
}

void
zone_set_close(struct zone_set *s)
{
	zone_publisher_destroy(s->publisher);
	arena_close(&s->arena);
}
