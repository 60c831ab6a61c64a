/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_publish_private: between zone_publish.c (directories of zones), zone_publish_blocks.c
 * (everything else that workers read) and zone_publish_retired.c (grace periods). */
#pragma once
#include "controlplane/zones/zone_publish.h"
#include "shm/zone_directory.h"

#include <pthread.h>
#include <stddef.h>

/* What nobody can find any more, but somebody may still read. */
struct retired {
	uint64_t epoch;
	uint64_t off;
	uint64_t len;      /* of a block; 0: an image, with its chunks */
	uint64_t since_ns; /* CLOCK_MONOTONIC */
};

/* A directory as it is published. */
struct published {
	struct zone_directory *directory; /* NULL before the first zone */
	uint64_t off;
	uint32_t n_removed; /* slots that are ZONE_SLOT_REMOVED */
};

struct zone_publisher {
	pthread_mutex_t lock;
	struct arena *arena;
	struct hub *hub;
	struct published zones, variants;
	struct retired *retired; /* oldest at [first]; epochs ascend */
	size_t first, n_retired, cap_retired;
	uint64_t periods_total;
	struct histogram grace;
};

/* All with the lock held. */

struct arena_header *publisher_header(struct zone_publisher *p);

/** Make room for n more that retire, so that a publication cannot fail half way. @return 0 or
 * -ENOMEM */
int publisher_reserve(struct zone_publisher *p, size_t n) __attribute__((warn_unused_result));

/** To be called after the store that unpublishes, before publisher_retire(). */
uint64_t publisher_epoch(struct zone_publisher *p);

/** It was unpublished just now; `epoch` began after that. Room was reserved. off 0: nothing. */
void publisher_retire(struct zone_publisher *p, uint64_t epoch, uint64_t off, uint64_t len);

/** Adopt what an earlier control plane published beside zones. @return how many blocks are damaged,
 * and unpublished */
uint32_t publisher_adopt_blocks(struct zone_publisher *p);
