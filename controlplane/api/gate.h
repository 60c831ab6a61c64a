/* SPDX-License-Identifier: GPL-3.0-or-later */
/* gate: TCP and TLS in front of the HTTP server. A thread of its own accepts, makes the handshakes,
 * holds every client to its time limits and numbers, and hands libmicrohttpd one end of a socket
 * pair when the first octets of a request are there. So whoever is slow, or many, is slow here: the
 * HTTP server's thread and its unix socket never see them. */
#pragma once
#include "config/config.h"
#include "controlplane/metrics/metrics.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct MHD_Daemon;
struct gate;
struct gate_client;

#define GATE_ERROR_OCTETS 512u
#define GATE_SUBJECT_OCTETS 256u /* of a client certificate's subject, with a NUL */

/** Bind the addresses of api.listen, before privileges are dropped. What cannot be bound is told in
 * the log and left out. *out is NULL when nothing is configured. @return 0 or negative errno */
int gate_bind(struct gate **out, const struct config *c) __attribute__((warn_unused_result));
/**
 * Serve. Certificates that cannot be read leave the addresses closed: the log tells, and a reload
 * tries again.
 * @param daemon  libmicrohttpd's, with MHD_USE_ITC; outlives gate_stop()
 * @return 0 or negative errno; NULL: 0
 */
int gate_start(struct gate *g, struct MHD_Daemon *daemon) __attribute__((warn_unused_result));
/** Can this configuration's certificates be used? Thread: any. @return 0 or negative errno, with
 * `error` set */
int gate_check(const struct config *c, char error[GATE_ERROR_OCTETS])
	__attribute__((warn_unused_result));
/** Another configuration holds, for connections that come; certificates are read anew. Main thread.
 * NULL: nothing. */
void gate_reconfigure(struct gate *g, const struct config *c);
/** End the thread and every connection. NULL: nothing. */
void gate_stop(struct gate *g);
/** After the daemon was stopped. NULL: nothing. */
void gate_destroy(struct gate *g);

/** What of it the gate counts. Thread: any. g NULL: nothing. */
void gate_figures(struct gate *g, struct metrics_api *out);

/* --- for the HTTP server's thread --- */

/** Who is behind this end of a socket pair. The caller holds it until gate_client_release().
 * @return NULL: none of ours */
struct gate_client *gate_client_take(struct gate *g, int fd);
void gate_client_release(struct gate_client *c);
const struct sockaddr_storage *gate_client_peer(const struct gate_client *c);
/** Subject of the certificate that was verified (RFC 2253), or NULL. */
const char *gate_client_subject(const struct gate_client *c);
/** A request is there as a whole, and takes its time: true; it was answered: false. NULL:
 * nothing. */
void gate_client_working(struct gate_client *c, bool working);
