/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metrics: one page of everything that is counted or measured, for Prometheus; and whether the
 * suite is ready. Costs O(workers x counters + ports), whatever the number of zones and clients.
 * Thread: any of the control plane's; waits for short locks only. */
#pragma once
#include "config/config.h"
#include "controlplane/changes/changes.h"
#include "controlplane/manager/zone_manager.h"
#include "controlplane/metrics/exposition.h"
#include "controlplane/transfer/transfer_client.h"
#include "shm/arena.h"
#include "shm/hub.h"

struct absence;
struct busy;

/* What was counted before the API's requests, and of the NOTIFY that it sends. */
struct metrics_api {
	uint64_t accepted, refused_address, refused_full, refused_tls, evicted,
		timeouts; /* of TCP */
	uint32_t open;
	uint64_t credentials_refused, credentials_throttled;
	uint64_t notify_sent, notify_answered, notify_failed;
	uint32_t notify_waiting;
};

/* Where figures come from. Outlives its users. */
struct metrics_source {
	const struct config *config; /* what the process was started with: for what cannot change */
	struct arena *arena;
	struct hub *hub;
	struct zone_manager *zones;
	struct zone_publisher *publisher;
	struct changes *changes;           /* NULL: none (tests) */
	struct transfer_client *transfers; /* NULL: it did not start */
	struct busy *busy;
	struct absence *absence;                         /* NULL: nobody watches (tests) */
	void (*api)(void *arg, struct metrics_api *out); /* any thread; NULL: none (tests) */
	void *api_arg;
	int64_t started_s; /* CLOCK_REALTIME; the control plane */
};

/**
 * Write the page.
 * @param powerdns  also PowerDNS's names (pdns_auth_...)
 */
void metrics_write(struct json_writer *out, const struct metrics_source *s,
	enum exposition_format format, bool powerdns);

/** Does the suite answer, and is every zone loaded or refused? @param[out] why  "ready", or what is
 * missing */
bool metrics_ready(const struct metrics_source *s, const char **why);

/** Print docs/metrics.md. @return 0 or -EIO */
int metrics_print_reference(void);
