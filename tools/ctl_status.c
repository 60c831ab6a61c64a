/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl_status: status, and config check. */
#include "config/config.h"
#include "tools/ctl.h"

#include <stdlib.h>
#include <string.h>

#define API_STATUS "/api/v1/servers/localhost/millrace/status"

static void
print_processes(const struct ctl *c, const json_t *processes)
{
	bool some = false;
	size_t i;
	json_t *p;

	printf("%-11s", "processes");
	json_array_foreach(processes, i, p)
	{
		bool running = ctl_bool(p, "running"),
		     wanted = strcmp(ctl_text(p, "role"), "recursor") != 0;
		if (!running && !wanted)
			continue;
		printf("%s", some ? ", " : " ");
		some = true;
		if (running)
			printf("%s (pid %u)", ctl_text(p, "role"), (unsigned)ctl_uint(p, "pid"));
		else
			printf("%s%s not running%s", ctl_colour(c, CTL_RED), ctl_text(p, "role"),
				ctl_colour(c, CTL_PLAIN));
	}
	putchar('\n');
}

static void
print_status(const struct ctl *c, const json_t *s)
{
	const json_t *zones = json_object_get(s, "zones"), *arena = json_object_get(s, "arena");
	uint64_t failed = ctl_uint(zones, "failed"), waiting = ctl_uint(zones, "queued");
	bool ready = ctl_bool(s, "ready");

	printf("%-11s %s, up %s, %s%s%s\n", "millrace", ctl_text(s, "version"),
		ctl_duration(ctl_uint(s, "uptime_s")),
		ctl_colour(c, ready ? CTL_GREEN : CTL_YELLOW), ready ? "ready" : "loading",
		ctl_colour(c, CTL_PLAIN));
	print_processes(c, json_object_get(s, "processes"));
	printf("%-11s %u\n", "workers", (unsigned)ctl_uint(s, "workers"));
	printf("%-11s %s, %s served", "zones", ctl_number(ctl_uint(zones, "total")),
		ctl_number(ctl_uint(zones, "serving")));
	if (failed > 0)
		printf(", %s%s refused%s", ctl_colour(c, CTL_RED), ctl_number(failed),
			ctl_colour(c, CTL_PLAIN));
	if (waiting > 0)
		printf(", %s waiting to be loaded", ctl_number(waiting));
	putchar('\n');
	printf("%-11s %s in use, %s of memory, room for %s; %s pages\n", "arena",
		ctl_octets(ctl_uint(arena, "live_octets")),
		ctl_octets(ctl_uint(arena, "backed_octets")),
		ctl_octets(ctl_uint(arena, "size_octets")),
		ctl_octets(ctl_uint(arena, "page_octets")));
	printf("%-11s %s\n", "config", ctl_text(s, "config"));
	printf("%-11s %s\n", "run dir", ctl_text(s, "run_dir"));
}

int
ctl_status(const struct ctl *c)
{
	long status = 0;
	json_t *s = ctl_request(c, "GET", API_STATUS, &status);

	if (s == NULL)
		return CTL_FAILURE;
	if (status >= 300)
		ctl_print_error(c, s, status);
	else if (c->json)
		ctl_print_json(s);
	else
		print_status(c, s);
	json_decref(s);
	return status < 300 ? CTL_OK : CTL_FAILURE;
}

/* What JSON can hold of a message: a path, and so a message, may have any octets. Allocated. */
static char *
make_utf8(const char *text)
{
	char *out = strdup(text);

	if (out == NULL)
		abort();
	for (char *at = out; *at != '\0';) {
		unsigned char lead = (unsigned char)*at;
		size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
		json_t *valid = json_stringn(at, strnlen(at, len));

		if (valid == NULL) {
			*at = '?';
			len = 1;
		}
		json_decref(valid);
		at += len;
	}
	return out;
}

int
ctl_config_check(const struct ctl *c)
{
	char *error = NULL;
	struct config *config = config_load(c->argv[0], &error);
	bool good = config != NULL;

	if (c->json) {
		char *file = make_utf8(c->argv[0]),
		     *text = make_utf8(error != NULL ? error : "out of memory");
		json_t *j = json_pack("{s:s,s:b,s:s*}", "file", file, "ok", (int)good, "error",
			good ? NULL : text);
		if (j == NULL)
			abort();
		ctl_print_json(j);
		json_decref(j);
		free(file);
		free(text);
	} else if (good) {
		printf("%s: OK\n", c->argv[0]);
	} else {
		fprintf(stderr, "%s\n", error != NULL ? error : "out of memory");
	}
	config_free(config);
	free(error);
	return good ? CTL_OK : CTL_FAILURE;
}
