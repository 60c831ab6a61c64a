/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_internal: what the client's files share: transfer_client.c (queue, statuses, thread),
 * transfer_run.c (one zone: its primaries, then the writer). Private to transfer/. */
#pragma once
#include "controlplane/transfer/transfer_client.h"
#include "controlplane/transfer/transfer_compare.h"
#include "controlplane/transfer/transfer_exchange.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

/* A zone that somebody asked for. Under the client's lock. */
struct transfer_zone {
	STAILQ_ENTRY(transfer_zone) waiting;
	TAILQ_ENTRY(transfer_zone) idle; /* the one that is idle longest first */
	struct transfer_status status;
	bool again;                      /* it was asked for while it was running */
	struct sockaddr_storage primary; /* to ask the next time; AF_UNSPEC: the zone's */
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
	unsigned next; /* primary to be asked next */
	uint64_t begun_ns;
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
	struct transfer_waiting waiting;
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

/** It has ended: note what came of it, free it, begin what waits. @param t  its error's result says
 * how */
void transfer_over(struct transfer *t);
