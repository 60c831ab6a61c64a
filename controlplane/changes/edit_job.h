/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit_job: edits that changes_edit_zone() was given, copied, on their way to the zone's home.
 * Private to changes/. */
#pragma once
#include "controlplane/changes/edit_set.h"

struct edit_job {
	struct change_job job; /* of the writer; its error is the edits' wherever they go */
	struct edit_memory memory;
	struct zone_edits edits;
	uint32_t if_serial;
	struct edits_outcome outcome;
	void (*done)(void *arg, const struct edits_outcome *o, const struct change_error *e);
	void *arg;
};

/** Tell what came of it, and free it. */
void edit_job_end(struct edit_job *e);

/** To a backend's instance. @return 0: edit_job_end() will be called; or as backends_submit() */
int edit_backend_zone(struct changes *c, struct edit_job *edit, unsigned index)
	__attribute__((warn_unused_result));
