/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_private: what the files of the HTTP server share. Thread: the API's. */
#pragma once
#include "controlplane/api/access_private.h"
#include "controlplane/api/gate.h"
#include "controlplane/api/request.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* What requests act on. Later ones come in front; all live as long as the API, since a request
 * keeps the one that it began with. */
struct api_view {
	struct api_context context;
	struct api_view *before;
};

#define API_PATH_KEPT 1024u /* octets of a path, for the audit log */

struct api {
	struct api_view *_Atomic view; /* for the requests that come */
	pthread_mutex_t config_lock;
	struct config *config; /* what holds now */
	struct MHD_Daemon *daemon;
	char *socket_path;
	struct access *access;
	struct gate *gate;    /* NULL: no TCP */
	size_t bodies_octets; /* memory of all requests' bodies */
	unsigned n_spools;    /* bodies on the disk */
};

/** What came in: MHD_AccessHandlerCallback and MHD_RequestCompletedCallback. api_dispatch.c */
enum MHD_Result api_handle_request(void *arg, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *upload, size_t *upload_octets,
	void **state);
void api_request_ended(void *arg, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode code);

void api_request_forget_headers(struct api_request *r); /* api_request.c */

/** What holds now, held. api_server.c */
struct config *api_config_now(struct api *a);

/** A request that was no question is over: tell the audit log. api_audit.c */
void api_audit_request(const struct api_request *r);

/** Send what the handler has written. api_answer.c */
enum MHD_Result api_answer(struct api_request *r);

/** Is it beyond doubt where this request ends? api_framing.c
 * @return 0, or -1: the answer is set, and the connection is to end */
int api_framing_check(struct api_request *r, const char *version);

/* --- the body: api_body.c --- */

/** The headers are there, and what they ask for may be done: is a body welcome? Sets the answer if
 * not. @return 0 or -1 */
int api_body_begin(struct api *a, struct api_request *r);
/** The answer is set: shall it wait until the body was thrown away? Many clients read no answer
 * before they have sent everything. */
bool api_body_wait(struct api_request *r);
/** Some octets of it. Keeps them, or sets the answer. @return 0, or -1: end the connection */
int api_body_add(struct api *a, struct api_request *r, const char *octets, size_t n);
void api_body_free(struct api *a, struct api_request *r);
