/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_edit: what an editing of a zone goes through. */
#pragma once
#include "tools/ctl/rrsets.h"

/* A zone as the server had it. */
struct fetched {
	struct rrsets zone;
	uint32_t serial;
	char *etag; /* NULL: the server has none */
};

/** @return 0, or -1 after a message */
int fetched_get(const struct ctl *c, const char *zone, struct fetched *out);
void fetched_free(struct fetched *f);

enum step { STEP_EDIT, STEP_SHOW, STEP_SEND, STEP_MERGE, STEP_END, STEP_FAILED };

struct edit {
	const struct ctl *c;
	char *zone, *path;
	struct fetched base;
	struct rrsets wanted;
};

/* Two changes of one zone put together, RRset by RRset. */
struct merge {
	struct rrsets merged;   /* theirs, with ours upon it; where both changed an RRset: ours */
	struct rrsets conflict; /* theirs of what both changed; a set of none is gone there */
	size_t n_conflicts;
	struct rrsets added; /* while it is made */
};
void merge_zones(struct merge *m, const struct rrsets *base, const struct rrsets *ours,
	const struct rrsets *theirs);
void merge_free(struct merge *m);
/** Comments for the head of a file. */
void merge_write_notes(FILE *to, const struct merge *m);
/** For rrsets_compare(), to count. */
void merge_ignore(void *arg, const struct rrset *before, const struct rrset *after);
