/* SPDX-License-Identifier: GPL-3.0-or-later */
/* process: the parts that millrace-controlplane is put together from, of main.c and begin.c. The
 * loop's thread, but for what says otherwise. */
#pragma once
#include "controlplane/api/api.h"
#include "controlplane/api/gate.h"
#include "controlplane/backends/backends.h"
#include "controlplane/metrics/absence.h"
#include "controlplane/metrics/busy.h"
#include "controlplane/metrics/metrics_server.h"
#include "controlplane/open_store.h"
#include "controlplane/policy/policy_control.h"
#include "controlplane/reconfigure.h"
#include "controlplane/views/views_control.h"
#include "controlplane/watch.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#define CONTROLPLANE_READY_NAME "controlplane"

struct controlplane {
	const char *config_path;
	struct config *config;    /* as read first: a long list of zones may be missing */
	struct config_rest *rest; /* then it is in here; NULL: nothing is missing */
	struct config *whole;     /* what the services are started with */
	uv_work_t begin;
	bool beginning;    /* `begin` runs */
	int begin_status;  /* what came of it: 0, or the status that the process ends with */
	bool reload_asked; /* by a signal, before there was anybody to do it */
	char *hub_path, *arena_path, *socket_path, *store_path;
	struct hub *hub;
	struct captures *captures;
	struct arena arena;
	struct zone_publisher *publisher;
	struct policy_control *policy;
	struct views_control *views;
	struct zone_manager *zones;
	struct backends *backends;
	struct store_opener *store;
	struct api_parts parts; /* what the API serves now */
	struct reconfigure *reconfigure;
	struct gate *gate; /* the API's, once that has started */
	struct api *api;
	struct watch *watch;
	struct busy *busy;
	struct absence *absence;
	struct metrics_source figures;
	struct metrics_server *metrics;
	uv_loop_t loop;
	uv_async_t published;
	_Atomic bool published_told; /* the loop knows, and goes on reclaiming: spares a wake-up a
					zone */
	uv_timer_t reclaim, busy_timer;
	uv_signal_t on_hup, on_term, on_int;
};

/** Take over the arena, read a long list of zones, and start all that deals with zones: in a thread
 * of libuv's pool where it takes long. If it fails the loop is stopped, with begin_status set.
 * @return 0 or libuv's error */
int controlplane_begin(struct controlplane *c) __attribute__((warn_unused_result));
