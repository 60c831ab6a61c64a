/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_internal: what the client's files share: transfer_client.c (queue, statuses, thread),
 * transfer_turns.c (the queue's order), transfer_run.c (one zone: its primaries, then the writer).
 * Private to transfer/. */
#pragma once
#include "controlplane/transfer/transfer_client.h"
#include "controlplane/transfer/transfer_compare.h"
#include "controlplane/transfer/transfer_exchange.h"
#include "controlplane/transfer/transfer_turns.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

/* A zone that somebody asked for. Under the client's lock. */
struct transfer_zone {
	STAILQ_ENTRY(transfer_zone) waiting;
	TAILQ_ENTRY(transfer_zone) idle; /* the one that is idle longest first */
	struct transfer_status status;
	/* ids of zones of this name: of which the status tells, which was asked for last, and which
	 * is being retrieved */
	uint64_t told_of, asked, running;
	bool again;                      /* it was asked for while it was running */
	struct sockaddr_storage primary; /* to ask first the next time */
	bool only;                       /* it alone */
	/* it was put back into the queue: where to go on, and what it has taken */
	bool put_back;
	unsigned resume_at;
	uint64_t spent_ms;
	uint8_t apex[ZONE_WIRE_OCTETS];
};

/* One transfer. The loop thread's, but for `work` and `job` while they run. */
struct transfer {
	LIST_ENTRY(transfer) link;
	STAILQ_ENTRY(transfer) done_link;
	struct transfer_client *client;
	struct transfer_zone *zone;
	struct config *config; /* held */
	struct store *store;
	struct transfer_settings settings;
	uint64_t id;                  /* of the zone that was asked for */
	unsigned next;                /* primary to be asked next */
	struct sockaddr_storage only; /* the one to be asked alone; AF_UNSPEC: the zone's */
	struct transfer_turn *turn;   /* of the primary that is being asked */
	uint64_t begun_ns, spent_ms;  /* spent before it was put back into the queue */
	char primary[TRANSFER_ADDRESS_OCTETS];
	struct transfer_exchange *exchange; /* NULL: none runs */
	struct transfer_content *content;
	struct transfer_error error;
	uint64_t octets;
	uint32_t serial; /* that the content has */
	/* from content to the store */
	uv_work_t work;
	bool whole;
	int work_ret;
	struct transfer_difference difference;
	struct change_job job;
	int job_ret;
	struct zone_edits edits;
	char who[TRANSFER_ADDRESS_OCTETS + 16];
	struct edits_outcome outcome;
};

LIST_HEAD(transfer_list, transfer);
STAILQ_HEAD(transfer_done, transfer);
STAILQ_HEAD(transfer_waiting, transfer_zone);
TAILQ_HEAD(transfer_idle, transfer_zone);

struct transfer_client {
	uv_loop_t loop;
	uv_async_t wake;
	pthread_t thread;
	struct changes *changes;
	pthread_mutex_t lock; /* of the next ten */
	struct config *config;
	struct store *store;
	bool stopping;
	void *zones; /* a tree of struct transfer_zone by apex (tsearch) */
	size_t n_zones;
	struct transfer_turns turns; /* of the zones that wait */
	struct transfer_idle idle;
	struct transfer_done done; /* the writer is done with these */
	struct transfer_totals totals;
	bool ended;
	pthread_cond_t has_ended;
	/* the loop thread's */
	struct transfer_list running;
	unsigned n_running;
};

/** Begin one; transfer_over() is called when it has ended, also before this returns. */
void transfer_begin(struct transfer_client *c, struct transfer_zone *zone);
/** The writer is done with it. */
void transfer_written(struct transfer *t);
/** Give it up, as far as that can be done. */
void transfer_cancel(struct transfer *t);

/** May it ask this primary now? Then it counts as asking it, and the one before no more. */
bool transfer_take_turn(struct transfer *t, const struct sockaddr_storage *primary);
/** It may not: its zone waits until it may, and then goes on with the primary that is next. The
 * transfer is freed. */
void transfer_put_back(struct transfer *t);
/** ms since it was begun, without those that it was waiting */
uint64_t transfer_gone_ms(const struct transfer *t);

/** It has ended: note what came of it, free it, begin what waits. @param t  its error's result says
 * how */
void transfer_over(struct transfer *t);
