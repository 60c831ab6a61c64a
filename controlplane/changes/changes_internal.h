/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_internal: what the engine's files share: changes.c (queue, batches), changes_life.c,
 * changes_touch.c (what a batch touched), changes_publish.c (from a commit to being served),
 * changes_aside.c (large zones, that another thread compiles). */
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
	struct change_job *job;
	struct change_touched *into; /* one of the batch that has all this too; NULL: none */
	struct aside *aside; /* of one that is nobody's `into`: served when this is over; or NULL */
	STAILQ_ENTRY(change_touched) held; /* of an aside */
	uint64_t version;                  /* of the commit; while it is held */
	uint8_t apex[ZONE_WIRE_OCTETS];
};
STAILQ_HEAD(touched_held, change_touched);

/* The zones of a batch, each once. They belong to their jobs. */
struct touched_zones {
	struct change_touched **slot; /* open addressing by name */
	size_t n, room;
};

/* A large zone that is compiled in a thread of its own. From begin to end nobody else publishes
 * anything of it; what is committed meanwhile is published by the writer right after. */
struct aside {
	TAILQ_ENTRY(aside) link;  /* all there are; the writer's */
	STAILQ_ENTRY(aside) turn; /* under the lock: that wait, or that are over */
	bool begun;           /* under the lock: its snapshot may not have what is committed now */
	_Atomic bool is_gone; /* the zone was deleted: what comes of it is thrown away */
	struct zone_update update; /* the compiling thread's, until it is over, like the next one */
	int result;                /* of zone_manager_update_end() */
	/* the writer's */
	struct touched_held held; /* what is answered when it is over, oldest first */
	bool has_since;
	uint64_t since_version;      /* the last commit that is in `since` */
	struct change_touched since; /* what changed since it began; its apex is the zone's */
};
TAILQ_HEAD(asides, aside);
STAILQ_HEAD(asides_turn, aside);

STAILQ_HEAD(change_jobs, change_job);

struct changes {
	struct changes_options o;
	char *default_soa_edit_api;
	pthread_mutex_t lock; /* down to the threads */
	struct store *store;  /* NULL: not open; see `why` */
	char why[STORE_ERROR_OCTETS];
	pthread_cond_t work, ended;
	struct change_jobs waiting;
	bool stopping, running;
	struct changes_figures figures;
	pthread_cond_t aside_work;
	struct asides_turn aside_waiting, aside_over;
	pthread_t thread, aside_thread;
	_Atomic bool given_up; /* jobs that wait are not done any more */

	/* the writer's own */
	struct zone_scratch *scratch;
	_Atomic bool has_unpublished_views;
	bool purge_failed; /* try again now and then */
	uint64_t purged_ns,
		retry_ns;     /* retry_ns: when what failed is tried again; 0: nothing has */
	bool has_unpublished; /* a version could not be published: try again now and then */
	struct asides asides;
	unsigned n_asides;
};

uint64_t changes_clock_ns(void);
/** Body of the writer. @param arg  struct changes */
void *changes_writer_main(void *arg);

void touched_destroy_all(struct change_touched *list);
/** Add what a job touched, which stays the job's and outlives `all`. @return 0 or -ENOMEM */
int touched_merge(struct touched_zones *all, struct change_touched *list);
/** What `from` has, `into` has too; more of it if there is no memory. */
void touched_add(struct change_touched *into, const struct change_touched *from);
/** Was it only looked at? */
bool touched_is_nothing(const struct change_touched *z);
/** Nothing is touched any more. */
void touched_clear(struct change_touched *z);
void touched_zones_free(struct touched_zones *all);
/** Each name once. Returns pointers into the heap, allocated; NULL: no memory */
const uint8_t **touched_owners(struct change_touched *z, size_t *n);

/** Compile and publish what a batch changed, or have it done aside. Writer's thread. @param version
 * of its commit */
void changes_publish(struct changes *c, const struct touched_zones *zones, uint64_t version);
/** The same of one zone. */
void changes_publish_zone(
	struct changes *c, struct store_txn *t, struct change_touched *z, uint64_t version);
/** Count a version of a zone. @param ret  of zone_manager_update_end() */
void changes_note_version(struct changes *c, bool patched, int ret);
/** Tell who asked, when nothing of his is being compiled any more. Writer's thread. */
void changes_end_jobs(struct changes *c, struct change_job *const *job, size_t n);

/* --- changes_aside.c; the writer's thread, but for the first --- */

/** Body of the thread that compiles. @param arg  struct changes */
void *aside_main(void *arg);
/** The one of this zone, or NULL. */
struct aside *aside_find(struct changes *c, const uint8_t *apex);
/** Have it compiled. @param u  begun; taken over. @return NULL: too many wait, or no memory; then
 * the writer does it itself */
struct aside *aside_begin(struct changes *c, const uint8_t *apex, const struct zone_update *u);
/** A change of its zone was committed. */
void aside_add(
	struct changes *c, struct aside *a, const struct change_touched *z, uint64_t version);
/** The zone was deleted. */
void aside_forget(struct changes *c, struct aside *a);
/** The job of z is answered when it is over. @param version  of its commit; 0: it has only seen
 * what was committed before */
void aside_hold(struct aside *a, struct change_touched *z, uint64_t version);
/** Those that are over: publish what came since, answer. */
void aside_settle(struct changes *c, struct asides_turn *over);
