/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/status: status. */
#include "tools/ctl/ctl.h"

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

#define WORKERS_ONE_BY_ONE 4u /* more are summed up */

/* How many, and how much of their time goes into packets. */
static void
print_workers(const json_t *s)
{
	const json_t *busy = json_object_get(s, "busy_percent");
	size_t n = json_array_size(busy), i;
	json_int_t sum = 0, most = 0;
	json_t *value;

	printf("%-11s %u", "workers", (unsigned)ctl_uint(s, "workers"));
	json_array_foreach(busy, i, value)
	{
		json_int_t percent = json_integer_value(value);
		if (n <= WORKERS_ONE_BY_ONE)
			printf("%s%lld %%",
				i == 0       ? ", "
				: i + 1 == n ? " and "
					     : ", ",
				(long long)percent);
		sum += percent;
		most = percent > most ? percent : most;
	}
	if (n > WORKERS_ONE_BY_ONE)
		printf(", %lld %% on average and %lld %% at most", (long long)(sum / (json_int_t)n),
			(long long)most);
	printf("%s\n", n > 0 ? " busy" : "");
}

static void
print_loading(const json_t *l)
{
	uint64_t done = ctl_uint(l, "done"), left = ctl_uint(l, "left");

	printf("%-11s %s of %s zones%s", "loading", ctl_number(done), ctl_number(done + left),
		ctl_bool(l, "scanning") ? " (still looking for more)" : "");
	if (ctl_uint(l, "per_second") > 0)
		printf(", %s a second, %s left", ctl_number(ctl_uint(l, "per_second")),
			ctl_duration(ctl_uint(l, "seconds_left")));
	putchar('\n');
}

static void
print_status(const struct ctl *c, const json_t *s)
{
	const json_t *zones = json_object_get(s, "zones"), *arena = json_object_get(s, "arena");
	const json_t *loading = json_object_get(s, "loading");
	uint64_t failed = ctl_uint(zones, "failed"), waiting = ctl_uint(zones, "queued");
	bool ready = ctl_bool(s, "ready");

	printf("%-11s %s, up %s, %s%s%s\n", "millrace", ctl_text(s, "version"),
		ctl_duration(ctl_uint(s, "uptime_s")),
		ctl_colour(c, ready ? CTL_GREEN : CTL_YELLOW),
		ready                     ? "ready"
		: ctl_bool(s, "starting") ? "starting"
					  : "loading",
		ctl_colour(c, CTL_PLAIN));
	print_processes(c, json_object_get(s, "processes"));
	print_workers(s);
	if (strcmp(ctl_text(s, "dataplane_phase"), "standing-in") == 0)
		printf("%-11s %skernel sockets answer in the place of the AF_XDP ports%s\n",
			"ports", ctl_colour(c, CTL_YELLOW), ctl_colour(c, CTL_PLAIN));
	printf("%-11s %s, %s served", "zones", ctl_number(ctl_uint(zones, "total")),
		ctl_number(ctl_uint(zones, "serving")));
	if (failed > 0)
		printf(", %s%s refused%s", ctl_colour(c, CTL_RED), ctl_number(failed),
			ctl_colour(c, CTL_PLAIN));
	if (waiting > 0)
		printf(", %s waiting to be loaded", ctl_number(waiting));
	putchar('\n');
	if (loading != NULL)
		print_loading(loading);
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
