/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api: the HTTP API on a unix socket, PowerDNS's /api/v1 where that has a word for it. One thread
 * of libmicrohttpd's runs all of it; no handler waits for anything but the zone manager's short
 * lock. */
#pragma once
#include "config/config.h"
#include "controlplane/backends/backends.h"
#include "controlplane/capture/capture.h"
#include "controlplane/changes/changes.h"
#include "controlplane/manager/zone_manager.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/reconfigure.h"
#include "controlplane/store/store.h"
#include "controlplane/transfer/notify_send.h"
#include "controlplane/transfer/transfer_client.h"
#include "shm/arena.h"
#include "shm/hub.h"

#include <stdint.h>

struct api;
struct gate; /* controlplane/api/gate.h */

/* What the API tells about and acts on. Outlives it. */
struct api_context {
	const struct config *config; /* what the process was started with: for what cannot change */
	const char *config_path;
	const char *arena_path;
	struct arena *arena;
	struct hub *hub;
	struct zone_manager *zones;
	struct reconfigure *reconfigure;
	struct policy_control *policy;
	const struct metrics_source *figures;
	struct captures *captures;
	int64_t started_s; /* CLOCK_REALTIME */
	/* NULL: there is none, and store_error says why; zones of files are served all the same */
	struct store *store;
	const char *store_error;
	struct changes *changes;           /* NULL: nothing can be changed */
	struct backends *backends;         /* NULL: none */
	struct notify_sender *notify;      /* NULL: it did not start */
	struct transfer_client *transfers; /* likewise */
	struct api_worker *worker;         /* the API's own */
};

/* What is there once everything has started. */
struct api_parts {
	struct zone_manager *zones;
	struct reconfigure *reconfigure;
	struct policy_control *policy;
	struct store *store;
	const char *store_error; /* outlives the API */
	struct changes *changes;
	struct backends *backends;
	struct notify_sender *notify;
	struct transfer_client *transfers;
};

/**
 * Bind the socket (mode 0660; what an earlier process left there is replaced) and serve what needs
 * no zones (context->zones is NULL yet); the rest is answered 503 until api_serve().
 * @param gate  of gate_bind(), or NULL; the API ends it, also when this fails
 * @return 0 or negative errno, after one line in the log
 */
int api_start(struct api **out, const struct api_context *context, const char *socket_path,
	struct gate *gate) __attribute__((warn_unused_result));

/** From now on serve everything; again when one of the parts has come, or is another one. Main
 * thread; few times. @return 0 or -ENOMEM (then as before) */
int api_serve(struct api *a, const struct api_parts *parts) __attribute__((warn_unused_result));

/** Another configuration holds: for the requests that come. Main thread. */
void api_reconfigure(struct api *a, const struct config *config);

/** What it has counted, for metrics_source.api. Thread: any. @param api  struct api */
void api_figures(void *api, struct metrics_api *out);

/** End it; the zone manager and reconfigure must have been stopped before, so that no request waits
 * for them. */
void api_stop(struct api *a);
