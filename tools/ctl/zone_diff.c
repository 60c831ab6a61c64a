/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/zone_diff: what is served against a file, or one of its versions against another. */
#include "tools/ctl/zone_edit.h"

#include <stdlib.h>
#include <string.h>

/* As diff(1): 0 the same, 1 different, 2 trouble. */
enum { DIFF_SAME = 0, DIFF_DIFFERENT = 1, DIFF_TROUBLE = 2 };

static int
diff_file(const struct ctl *c)
{
	char *zone = ctl_absolute(c->argv[0]), *title = NULL;
	struct rrsets file = {0};
	struct fetched now = {0};
	int ret = DIFF_TROUBLE;
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
		ret = n == 0 ? DIFF_SAME : DIFF_DIFFERENT;
	}
	fetched_free(&now);
	rrsets_free(&file);
	free(title);
	free(zone);
	return ret;
}

int
ctl_zone_diff(const struct ctl *c)
{
	return diff_file(c);
}
