/* SPDX-License-Identifier: GPL-3.0-or-later */
/* metrics_server: HTTP over TCP for Prometheus and for probes: GET /metrics, /health/live and
 * /health/ready, and nothing else. It reads figures and changes nothing. One thread of
 * libmicrohttpd's for each address. */
#pragma once
#include "controlplane/metrics/metrics.h"

struct metrics_server;

/**
 * Bind every address of metrics.listen: before privileges are dropped. Main thread. One that cannot
 * be bound is told in the log and left out.
 * @param[out] out  NULL when there is none to listen on
 * @return 0 or -ENOMEM
 */
int metrics_server_bind(struct metrics_server **out, const struct config *c)
	__attribute__((warn_unused_result));

/** Answer what needs no zones; the rest gets a 503 until metrics_server_serve(). @return 0 or
 * negative errno, after one line in the log */
int metrics_server_start(struct metrics_server *m) __attribute__((warn_unused_result));

/** From now on serve everything. Main thread, once. NULL may be given. @param s  outlives the
 * server */
void metrics_server_serve(struct metrics_server *m, const struct metrics_source *s);

/** End it, started or not. NULL may be given. */
void metrics_server_stop(struct metrics_server *m);
