/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_publish_retired: what nobody can find any more, until its readers have let go of it. Control
 * plane, any thread. */
#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_publish_private.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RECLAIM_BATCH 64u  /* blocks freed while nobody can publish */
#define RETIRED_KEPT 4096u /* room kept for what waits, while nothing does */

struct arena_header *
publisher_header(struct zone_publisher *p)
{
	return arena_writable(p->arena, 0);
}

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int
publisher_reserve(struct zone_publisher *p, size_t n)
{
	if (p->first > 0 && p->first + p->n_retired + n > p->cap_retired) {
		memmove(p->retired, p->retired + p->first, p->n_retired * sizeof *p->retired);
		p->first = 0;
	}
	if (p->n_retired + n <= p->cap_retired)
		return 0;
	size_t cap =
		p->cap_retired * 2 > p->n_retired + n ? p->cap_retired * 2 : p->n_retired + n + 64;
	struct retired *more = realloc(p->retired, cap * sizeof *more);
	if (more == NULL)
		return -ENOMEM;
	p->retired = more;
	p->cap_retired = cap;
	return 0;
}

static void
release(struct zone_publisher *p, const struct retired *r)
{
	if (r->len == 0)
		zone_image_free(p->arena, r->off);
	else
		arena_free(p->arena, r->off, r->len);
}

void
publisher_retire(struct zone_publisher *p, uint64_t epoch, uint64_t off, uint64_t len)
{
	struct retired r = {.epoch = epoch, .off = off, .len = len, .since_ns = clock_ns()};

	if (off == 0)
		return;
	if (p->hub == NULL) {
		release(p, &r);
		return;
	}
	assert(p->first + p->n_retired < p->cap_retired);
	p->retired[p->first + p->n_retired++] = r;
}

uint64_t
publisher_epoch(struct zone_publisher *p)
{
	atomic_fetch_add_explicit(&publisher_header(p)->generation, 1, memory_order_relaxed);
	p->periods_total += p->hub != NULL;
	return p->hub == NULL ? 0 : grace_start(p->hub);
}

size_t
zone_publisher_reclaim(struct zone_publisher *p)
{
	uint64_t horizon = p->hub == NULL ? 0 : grace_horizon(p->hub), now_ns = clock_ns();
	size_t n;

	do {
		pthread_mutex_lock(&p->lock);
		for (n = 0; n < RECLAIM_BATCH && p->n_retired > 0 &&
			    p->retired[p->first].epoch <= horizon;
			n++) {
			uint64_t since_ns = p->retired[p->first].since_ns;
			/* whoever retired it may have been at it when the clock was read */
			histogram_add(&p->grace, now_ns > since_ns ? now_ns - since_ns : 0, 1);
			release(p, &p->retired[p->first]);
			p->first++;
			p->n_retired--;
		}
		size_t left = p->n_retired;
		if (left == 0 && p->cap_retired > RETIRED_KEPT) {
			/* a new directory of a million zones made room for all that it might
			 * replace */
			free(p->retired);
			p->retired = NULL;
			p->cap_retired = p->first = 0;
		}
		pthread_mutex_unlock(&p->lock); /* between batches others may publish */
		if (n < RECLAIM_BATCH)
			return left;
	} while (true);
}

void
zone_publisher_status(struct zone_publisher *p, struct zone_publisher_status *out)
{
	pthread_mutex_lock(&p->lock);
	*out = (struct zone_publisher_status){
		.n_waiting = p->n_retired,
		.periods_total = p->periods_total,
		.grace = p->grace,
	};
	if (p->n_retired > 0)
		out->oldest_ns = clock_ns() - p->retired[p->first].since_ns;
	pthread_mutex_unlock(&p->lock);
}

uint64_t
zone_publisher_lag_ns(struct zone_publisher *p, uint64_t epoch_seen)
{
	size_t low = 0, high;
	uint64_t age = 0;

	if (epoch_seen == 0)
		return 0;
	pthread_mutex_lock(&p->lock);
	high = p->n_retired;
	while (low < high) { /* the first that began after what it has seen: epochs ascend */
		size_t middle = (low + high) / 2;
		if (p->retired[p->first + middle].epoch > epoch_seen)
			high = middle;
		else
			low = middle + 1;
	}
	if (low < p->n_retired)
		age = clock_ns() - p->retired[p->first + low].since_ns;
	pthread_mutex_unlock(&p->lock);
	return age;
}
