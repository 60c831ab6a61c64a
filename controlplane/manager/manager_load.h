/* SPDX-License-Identifier: GPL-3.0-or-later */
/* manager_load: one attempt to load a zone: begun and ended under the manager's lock, made without
 * it, by a loader or by the thread of a backend's instance. Private to manager/. */
#pragma once
#include "controlplane/manager/manager_internal.h"

/* What a load is made from and what came of it. */
struct attempt {
	uint8_t apex[ZONE_WIRE_OCTETS];
	enum zone_home home;
	uint8_t instance; /* of a backend */
	char *path;       /* of a file */
	uint64_t version; /* of the store; 0: it could not be read */
	bool is_gone, is_empty;
	uint32_t default_ttl;
	struct zone_report report;
	char **include; /* while it is loaded: what its files include, readable or not */
	size_t n_includes, includes_room;
	bool includes_lost; /* no memory to remember them */
	struct file_list *includes;
	uint64_t stamp;
	uint64_t image; /* 0: refused */
	uint32_t load_ms;
	int64_t asked_ns, started_ns; /* CLOCK_MONOTONIC */
};

/** Lock held. */
void attempt_begin(struct zone_manager *m, struct zone_entry *e, struct attempt *a);
/** From a->path. No lock. */
void attempt_load_file(struct zone_manager *m, struct attempt *a, struct zone_scratch *scratch);
/** Publish it, and write down how it went. Lock held. */
void attempt_end(struct zone_manager *m, struct zone_entry *e, struct attempt *a);
