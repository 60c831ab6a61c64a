/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/zone_diff: what is served against a file, or one of its versions against another. */
#include "tools/ctl/zone_edit.h"

#include <stdlib.h>
#include <string.h>

static int
diff_file(const struct ctl *c)
{
	char *zone = ctl_absolute(c->argv[0]), *title = NULL;
	struct rrsets file = {0};
	struct fetched now = {0};
	int ret = CTL_TROUBLE;
	size_t n;

	if (fetched_get(c, zone, &now) == 0 && rrsets_from_file(&file, zone, c->argv[1]) == 0) {
		title = ctl_format("%s serial %u", zone, now.serial);
		if (c->json) {
			json_t *all = rrsets_diff_json(&now.zone, &file);
			n = json_array_size(all);
			ctl_print_json_new(all);
		} else {
			n = rrsets_print_diff(c, &now.zone, &file, title, c->argv[1]);
		}
		ret = n == 0 ? CTL_OK : CTL_FAILURE;
	}
	fetched_free(&now);
	rrsets_free(&file);
	free(title);
	free(zone);
	return ret;
}

/* --- two versions, as the API tells them apart: records that went, records that came --- */

/* "CTL_API/millrace/zones/ID/..." Allocated. */
static char *
own_path(const char *zone, const char *rest)
{
	char *path = ctl_zone_path(zone, rest), *own;

	own = ctl_format(CTL_API "/millrace%s", path + strlen(CTL_API));
	free(path);
	return own;
}

static void
print_records(const struct ctl *c, char sign, const json_t *sets)
{
	size_t i, k;
	json_t *set, *record;

	json_array_foreach(sets, i, set) json_array_foreach(
		json_object_get(set, "records"), k, record) printf("%s%c%s %u %s %s%s%s\n",
		ctl_colour(c, sign == '-' ? CTL_RED : CTL_GREEN), sign, ctl_text(set, "name"),
		(unsigned)ctl_uint(set, "ttl"), ctl_text(set, "type"), ctl_text(record, "content"),
		ctl_bool(record, "disabled") ? "  (disabled)" : "", ctl_colour(c, CTL_PLAIN));
}

static int
diff_versions(const struct ctl *c)
{
	unsigned long from = ctl_count(c, "from"), to = ctl_count(c, "to");
	char *rest = to == 0 ? ctl_format("/diff?from=%lu", from)
			     : ctl_format("/diff?from=%lu&to=%lu", from, to);
	char *path = own_path(c->argv[0], rest);
	json_t *diff = ctl_ask(c, "GET", path, NULL);
	size_t n = json_array_size(json_object_get(diff, "removed")) +
		   json_array_size(json_object_get(diff, "added"));

	free(path);
	free(rest);
	if (diff == NULL)
		return CTL_TROUBLE;
	if (c->json) {
		ctl_print_json(diff);
	} else if (n > 0) {
		char *name = ctl_absolute(c->argv[0]);
		printf("%s--- %s serial %u\n+++ %s serial %u%s\n", ctl_colour(c, CTL_BOLD), name,
			(unsigned)ctl_uint(diff, "from"), name, (unsigned)ctl_uint(diff, "to"),
			ctl_colour(c, CTL_PLAIN));
		print_records(c, '-', json_object_get(diff, "removed"));
		print_records(c, '+', json_object_get(diff, "added"));
		free(name);
	}
	json_decref(diff);
	return n == 0 ? CTL_OK : CTL_FAILURE;
}

int
ctl_zone_diff(const struct ctl *c)
{
	if (ctl_given(c, "from") == (c->argc == 2) ||
		(ctl_given(c, "to") && !ctl_given(c, "from"))) {
		ctl_complain("FILE, or --from SERIAL: what is it compared with?");
		return CTL_USAGE;
	}
	return ctl_given(c, "from") ? diff_versions(c) : diff_file(c);
}
