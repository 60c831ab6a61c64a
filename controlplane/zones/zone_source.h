/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_source: a zone read record by record from anywhere but a zone file, into a zone_model, with
 * the same checks (zone_load.h is the way from a file). Thread: any. */
#pragma once
#include "backends/backend.h"
#include "controlplane/zones/zone_load.h"

struct zone_source {
	/* Hand out every RRset of the zone once; disabled records are left out here. */
	int (*each)(void *arg, int (*take)(void *to, const struct backend_rrset *rrset), void *to);
	void *arg;
	const char *name; /* for messages, where a zone file has its path: "lmdb" */
};

/** As zone_load_file(). Line numbers in findings are 0: they name the owner and type instead. */
int zone_load_source(struct zone_model *out, const struct zone_source *source, const uint8_t *apex,
	const struct zone_load_options *options, struct zone_report *report)
	__attribute__((warn_unused_result));
