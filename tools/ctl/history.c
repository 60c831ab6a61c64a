/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/history: what changed in a zone, and going back. */
#include "tools/ctl/ctl.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

static char *
path_of(const char *zone, const char *rest)
{
	char *full = ctl_absolute(zone), *escaped = ctl_escape(full);
	char *path = ctl_format(CTL_API "/millrace/zones/%s/%s", escaped, rest);

	free(full);
	free(escaped);
	return path;
}

static void
print_rrsets(const struct ctl *c, const json_t *rrsets, char sign, const char *colour)
{
	json_t *set, *record;
	size_t i, k;

	json_array_foreach(rrsets, i, set)
	{
		json_array_foreach(json_object_get(set, "records"), k, record)
		{
			printf("  %s%c %s %" PRIu64 " %s %s%s\n", ctl_colour(c, colour), sign,
				ctl_text(set, "name"), ctl_uint(set, "ttl"), ctl_text(set, "type"),
				ctl_text(record, "content"), ctl_colour(c, CTL_PLAIN));
		}
	}
}

int
ctl_zone_history(const struct ctl *c)
{
	char *rest =
		ctl_format("history?limit=%lu", ctl_count(c, "max") > 0 ? ctl_count(c, "max") : 20);
	char *path = path_of(c->argv[0], rest);
	json_t *answer = ctl_ask(c, "GET", path, NULL), *change;
	size_t i;

	free(rest);
	free(path);
	if (answer == NULL)
		return CTL_FAILURE;
	if (c->json)
		ctl_print_json(answer);
	json_array_foreach(json_object_get(answer, "changes"), i, change)
	{
		time_t at = (time_t)(ctl_uint(change, "at_ms") / 1000);
		char text[32] = "";
		struct tm tm;

		if (c->json)
			break;
		if (gmtime_r(&at, &tm) != NULL)
			strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
		printf("%sserial %" PRIu64 " -> %" PRIu64 "%s  %s UTC  %s\n",
			ctl_colour(c, CTL_BOLD), ctl_uint(change, "serial_before"),
			ctl_uint(change, "serial_after"), ctl_colour(c, CTL_PLAIN), text,
			ctl_text(change, "who"));
		print_rrsets(c, json_object_get(change, "removed"), '-', CTL_RED);
		print_rrsets(c, json_object_get(change, "added"), '+', CTL_GREEN);
	}
	json_decref(answer);
	return CTL_OK;
}

int
ctl_zone_revert(const struct ctl *c)
{
	char *rest, *path;
	json_t *answer;

	if (!ctl_confirm(c, "Make %s what it was at serial %s?", c->argv[0], c->argv[1]))
		return CTL_FAILURE;
	rest = ctl_format("revert?serial=%s", c->argv[1]);
	path = path_of(c->argv[0], rest);
	answer = ctl_ask(c, "POST", path, NULL);
	free(rest);
	free(path);
	if (answer == NULL)
		return CTL_FAILURE;
	ctl_print_json(answer);
	json_decref(answer);
	return CTL_OK;
}
