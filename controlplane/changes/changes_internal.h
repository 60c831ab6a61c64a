/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_internal: what the engine's files share: changes.c (queue, batches, life),
 * changes_touch.c (what a batch touched), changes_publish.c (from a commit to being served). */
#pragma once
#include "controlplane/changes/changes.h"
#include "controlplane/manager/zone_manager.h"
#include "controlplane/zones/zone_scratch.h"

#include <pthread.h>

/* A zone that a job, or a batch, touched. */
struct change_touched {
	struct change_touched *next;
	bool is_whole; /* more of it than is worth telling apart */
	size_t n, heap_len, heap_room;
	uint32_t *owner; /* n offsets in heap, allocated with room for a power of two */
	uint8_t *heap;   /* names, with NAME_PAD octets behind each */
	uint8_t apex[ZONE_WIRE_OCTETS];
};

/* The zones of a batch, each once. */
struct touched_zones {
	struct change_touched **slot; /* open addressing by name */
	size_t n, room;
};

STAILQ_HEAD(change_jobs, change_job);

struct changes {
	struct changes_options o;
	char *default_soa_edit_api;
	pthread_mutex_t lock; /* of the next seven */
	struct store *store;  /* NULL: not open; see `why` */
	char why[STORE_ERROR_OCTETS];
	pthread_cond_t work, ended;
	struct change_jobs waiting;
	bool stopping, running;
	struct changes_figures figures;
	pthread_t thread;
	_Atomic bool given_up; /* jobs that wait are not done any more */

	/* the writer's own */
	struct zone_scratch *scratch;
	bool has_unpublished; /* a version could not be published: try again now and then */
};

void touched_destroy(struct change_touched *z);
void touched_destroy_all(struct change_touched *list);
/** Take over what a job touched. @return 0 or -ENOMEM (the list is still the job's) */
int touched_merge(struct touched_zones *all, struct change_touched **list);
void touched_zones_free(struct touched_zones *all);
/** Each name once. Returns pointers into the heap, allocated; NULL: no memory */
const uint8_t **touched_owners(struct change_touched *z, size_t *n);

/** Compile and publish what a batch changed. Writer's thread. @param version  of its commit */
void changes_publish(struct changes *c, const struct touched_zones *zones, uint64_t version);
