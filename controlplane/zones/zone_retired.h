/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_retired: what a publisher unpublished, until its readers have let go of it. Between
 * zone_publish.c and zone_retired.c. */
#pragma once
#include "controlplane/zones/zone_publish.h"

#include <pthread.h>

/* What nobody can find any more, but somebody may still read. */
struct retired {
	uint64_t epoch;
	uint64_t off;
	uint64_t len;      /* of a block; 0: an image, with its chunks */
	uint64_t since_ns; /* CLOCK_MONOTONIC */
};

struct zone_publisher {
	pthread_mutex_t lock;
	struct arena *arena;
	struct hub *hub;
	struct zone_directory *directory; /* the published one; NULL before the first zone */
	uint64_t directory_off;
	uint32_t n_removed;      /* slots that are ZONE_SLOT_REMOVED */
	struct retired *retired; /* oldest at [first]; epochs ascend */
	size_t first, n_retired, cap_retired;
	uint64_t periods_total;
	struct histogram grace;
};

static inline struct arena_header *
publisher_header(struct zone_publisher *p)
{
	return arena_writable(p->arena, 0);
}

/* All of these under the lock. */

/** Make room for n more, so that a publication cannot fail half way. @return 0 or -ENOMEM */
int retired_reserve(struct zone_publisher *p, size_t n) __attribute__((warn_unused_result));
/** Begin an epoch: after the store that unpublishes, before retired_add(). */
uint64_t retired_epoch(struct zone_publisher *p);
/** It was unpublished just now; `epoch` began after that. Room was reserved. @param off  0: nothing
 * was
 * @param len  of a block; 0: an image, with its chunks */
void retired_add(struct zone_publisher *p, uint64_t epoch, uint64_t off, uint64_t len);
