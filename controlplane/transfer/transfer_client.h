/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_client: retrieves zones from their primaries by AXFR (RFC 5936) over TCP, in a thread of
 * its own, and puts them in place through the engine of changes. Whoever wants a zone to be
 * retrieved queues it here (the API; later SOA refresh and NOTIFY), and asks for its status.
 *
 * What was served stays served whatever a primary does: a zone is only touched once its last
 * message has come, been verified and been ordered. */
#pragma once
#include "config/config.h"
#include "controlplane/changes/changes.h"
#include "controlplane/transfer/transfer_settings.h"
#include "shm/histogram.h"

#define TRANSFER_QUEUE_MAX 100000u    /* zones that wait */
#define TRANSFER_STATUSES_MAX 200000u /* zones that are remembered; the oldest are forgotten */

struct transfer_client;

struct transfer_options {
	const struct config *config; /* limits; held */
	struct changes *changes;
};

/** @return 0 or a negative errno: no thread, no memory */
int transfer_start(struct transfer_client **out, const struct transfer_options *o)
	__attribute__((warn_unused_result));
/** The store is open. Until then transfers fail. Thread: any. */
void transfer_set_store(struct transfer_client *c, struct store *store);
/** Other limits, for the transfers that begin. Thread: any. */
void transfer_reconfigure(struct transfer_client *c, const struct config *config);
/**
 * No more transfers; those that run are given up, but for what the writer has already. Before
 * changes_stop(). NULL: nothing.
 * @return true: it has ended, transfer_destroy() may be called
 */
bool transfer_stop(struct transfer_client *c, unsigned patience_ms);
void transfer_destroy(struct transfer_client *c);

struct transfer_request {
	const uint8_t *apex; /* folded; copied */
	uint64_t zone;       /* its id (store_zone.id): no other zone of that name is retrieved */
	const struct sockaddr_storage *primary; /* to be asked first; copied */
	bool only; /* it alone, whatever the zone's primaries are; else those, in their order */
};
/**
 * Retrieve a zone of the store. One that waits already waits on; one that is being retrieved will
 * be once more. Thread: any.
 * @return 0; -EBUSY: TRANSFER_QUEUE_MAX wait; -ENOMEM; -ECANCELED: it is stopping
 */
int transfer_queue(struct transfer_client *c, const struct transfer_request *r)
	__attribute__((warn_unused_result));

enum transfer_state { TRANSFER_IDLE, TRANSFER_WAITING, TRANSFER_RUNNING, TRANSFER_STATES };
extern const char *const transfer_state_word[TRANSFER_STATES];

/* Of one zone, since this process was started. */
struct transfer_status {
	enum transfer_state state;
	/* seconds since 1970, 0: never: the last transfer's end, and of the last that was good */
	int64_t checked_s, succeeded_s;
	/* of the last one */
	enum transfer_result result;
	char primary[TRANSFER_ADDRESS_OCTETS]; /* the last one that was asked; "" */
	char error[TRANSFER_ERROR_OCTETS];     /* "": it was good */
	/* of one that waits: the primary that was named with the request; "": the zone's own */
	char named[TRANSFER_ADDRESS_OCTETS];
	/* of the last good one */
	uint32_t serial; /* the primary's */
	uint64_t records, dropped, octets;
	uint32_t ms;
};
/** @param zone  its id. @return false: nobody has asked for this zone. Thread: any */
bool transfer_status_of(
	struct transfer_client *c, const uint8_t *apex, uint64_t zone, struct transfer_status *out);

struct transfer_totals {
	uint64_t result[TRANSFER_RESULTS_N]; /* transfers that are over, by how */
	uint64_t octets, records, dropped;   /* received */
	uint32_t waiting, running;
	struct histogram seconds; /* ns; of transfers, from their begin to being served */
};
void transfer_totals(struct transfer_client *c, struct transfer_totals *out);
