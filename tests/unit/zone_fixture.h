/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_fixture: an arena of one's own and images from zone text, for tests of what is compiled. */
#pragma once
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"
#include "shm/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char arena_path[] = "/dev/shm/millrace-test-zones.XXXXXX";

static inline int
arena_path_setup(void **state)
{
	strcpy(arena_path + sizeof arena_path - 7, "XXXXXX");
	int fd = mkstemp(arena_path);
	if (fd < 0)
		return -1;
	return close(fd);
}

static inline int
arena_path_teardown(void **state)
{
	return unlink(arena_path);
}

static inline void
arena_open(struct arena *a, uint64_t size)
{
	bool fresh;
	int err = arena_open_writer(a, arena_path, size, &fresh);
	if (err != 0)
		fail_msg("arena_open_writer: %d %s", err, arena_error());
}

/* "a.b." -> wire, folded already if it is written so; 8 octets behind it are zero. */
static inline unsigned
wire_name(uint8_t out[256 + 40], const char *text)
{
	uint8_t *p = out;
	memset(out, 0, 256 + 40);
	while (*text != '\0' && *text != '.') {
		const char *dot = strchr(text, '.');
		size_t n = dot == NULL ? strlen(text) : (size_t)(dot - text);
		*p++ = (uint8_t)n;
		memcpy(p, text, n);
		p += n;
		text += n + (dot != NULL);
	}
	return (unsigned)(p - out) + 1;
}

/* Load zone text that has no errors. */
static inline void
load_text(struct zone_model *z, const struct arena *a, const char *apex, const char *text)
{
	struct zone_report report = {0};
	struct zone_load_options o = {.seed = arena_header(a)->seed, .default_ttl = 3600};
	uint8_t name[256 + 40];

	wire_name(name, apex);
	int err = zone_load_text(z, text, strlen(text), "test.zone", name, &o, &report);
	if (err != 0)
		fail_msg("zone_load_text: %d %s", err, report.n > 0 ? report.finding[0].text : "");
	zone_report_destroy(&report);
}

/* Load and compile; 0 when the arena is full. */
static inline uint64_t
compile_text(struct arena *a, const char *apex, const char *text)
{
	struct zone_model z;
	uint64_t off = 0;

	load_text(&z, a, apex, text);
	int err = zone_compile(a, &z, &off);
	zone_model_destroy(&z);
	assert_true(err == 0 || err == -28 /* ENOSPC */);
	return err == 0 ? off : 0;
}
