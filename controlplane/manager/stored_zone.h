/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stored_zone: a zone of the store -> an image, whole. Any thread. */
#pragma once
#include "controlplane/store/store.h"
#include "controlplane/zones/zone_report.h"
#include "controlplane/zones/zone_scratch.h"
#include "shm/arena.h"

struct stored_image {
	uint64_t image; /* nothing is published */
	bool is_empty;  /* a placeholder: the zone has no SOA that is served */
};

/**
 * @param scratch  of the calling thread; may be NULL
 * @param report   findings are added, but for -ENOENT
 * @return 0; -ENOENT: there is no such zone; another negative errno: it is in the report too
 */
int stored_zone_compile(struct arena *a, struct store_txn *t, const uint8_t *apex,
	struct zone_scratch *scratch, struct zone_report *report, struct stored_image *out)
	__attribute__((warn_unused_result));
