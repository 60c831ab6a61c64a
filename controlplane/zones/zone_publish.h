/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_publish: makes images visible to workers, replaces and withdraws them, and frees what they
 * replaced after a grace period. One publisher an arena; thread: any, serialised inside. */
#pragma once
#include "shm/arena.h"
#include "shm/hub.h"
#include "shm/policy.h"
#include "shm/settings.h"
#include "shm/views.h"

struct zone_publisher;

/**
 * Take over an arena: adopts what an earlier control plane published (images whose blocks are
 * damaged are withdrawn and counted), so that zones go on being served without being compiled
 * again.
 * @param hub  for grace periods; may be NULL when there are no readers (tests, benchmarks)
 * Waits until no worker can hold what that control plane had unpublished just before it ended.
 * @param[out] n_damaged  images withdrawn
 * @return 0, -ENOMEM, or -ETIMEDOUT (a live dataplane has not polled for 5 s: it is stopped or
 * stuck)
 */
int zone_publisher_create(struct zone_publisher **out, struct arena *a, struct hub *hub,
	uint32_t *n_damaged) __attribute__((warn_unused_result));
void zone_publisher_destroy(struct zone_publisher *p);

/**
 * Publish an image under its own key (shm/zone_key.h); replaces the current one of that key. The
 * publisher owns the image on success; on failure the caller still does.
 * @return 0, -ENOSPC (the directory had to grow, and could not), -ENOMEM, -EINVAL (no image there)
 */
int zone_publish(struct zone_publisher *p, uint64_t image_off) __attribute__((warn_unused_result));
/** Publish many new zones with one new directory, and their variants with another one (start with
 * 1 M zones). All or nothing. Errors as above, and -EINVAL when two of them have the same key. */
int zone_publish_many(struct zone_publisher *p, const uint64_t *image_off, size_t n)
	__attribute__((warn_unused_result));
/** Withdraw a zone. -ENOENT when it is not published. */
int zone_withdraw(struct zone_publisher *p, const uint8_t *key) __attribute__((warn_unused_result));
/** Zones that are published. */
uint32_t zone_published_count(struct zone_publisher *p);
/** Image published under this key, or 0. */
uint64_t zone_published(struct zone_publisher *p, const uint8_t *key);
/** Call fn for each published image. fn must not publish. */
void zone_published_each(
	struct zone_publisher *p, void (*fn)(void *arg, uint64_t image_off), void *arg);

/** Publish the engine's settings (copied). */
int settings_publish(struct zone_publisher *p, const struct settings *s)
	__attribute__((warn_unused_result));

/** Publish access list and rate limits (copied; the serial is made here). @return 0, -ENOSPC or
 * -ENOMEM */
int policy_publish(struct zone_publisher *p, const struct policy *policy)
	__attribute__((warn_unused_result));

/** Publish who sees which variants (copied). NULL: nobody does. @return 0, -ENOSPC or -ENOMEM */
int views_publish(struct zone_publisher *p, const struct views *views)
	__attribute__((warn_unused_result));

/* What waits for grace periods, and how long they took. */
struct zone_publisher_status {
	size_t n_waiting;       /* blocks */
	uint64_t oldest_ns;     /* age of the oldest of them; 0: there is none */
	uint64_t periods_total; /* begun */
	struct histogram grace; /* from unpublishing a block to having it back */
};
void zone_publisher_status(struct zone_publisher *p, struct zone_publisher_status *out);

/** Age of the oldest block that waits for a reader which was last seen at this epoch; 0: none does,
 * or the reader is offline (epoch_seen 0). */
uint64_t zone_publisher_lag_ns(struct zone_publisher *p, uint64_t epoch_seen);

/** Free what has passed its grace period. Call now and then (each 10 ms while something waits).
 * Returns blocks still waiting. */
size_t zone_publisher_reclaim(struct zone_publisher *p);
