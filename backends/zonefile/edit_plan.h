/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit_plan: what becomes of each line of a zone file when a changeset is done to it. Private to
 * zone_edit. */
#pragma once
#include "backends/zonefile/zone_edit.h"

#define PLAN_NONE UINT32_MAX

enum line_action {
	LINE_KEEP,   /* of no RRset that changes */
	LINE_STAY,   /* its RDATA stay; its TTL becomes the RRset's */
	LINE_CHANGE, /* its RDATA become `record`'s */
	LINE_DELETE
};

struct line_plan {
	uint8_t action;  /* enum line_action */
	uint32_t change; /* of the changeset */
	uint32_t record; /* of the change; LINE_CHANGE */
	uint32_t next;   /* line of the same RRset; PLAN_NONE: the last */
};

/* A record that has no line yet. */
struct line_new {
	size_t behind; /* number of a line; z->n: at the end */
	uint32_t rank; /* order among those behind the same line */
	uint32_t change, record;
};

struct edit_plan {
	struct line_plan *line; /* one for each line */
	struct line_new *new;   /* in order */
	size_t n_new, new_room;
};

/** @return as zone_edit(); the caller frees it in every case */
int edit_plan_make(struct edit_plan *p, const struct zone_lines *z, const struct zone_model *model,
	const struct backend_changeset *changeset, const char *path, char *error)
	__attribute__((warn_unused_result));
void edit_plan_free(struct edit_plan *p);
