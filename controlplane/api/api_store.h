/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_store: how handlers read the store and change it. Thread: the API's, but for what says
 * otherwise. */
#pragma once
#include "controlplane/api/access.h"
#include "controlplane/api/request.h"

#define API_SOURCE_OCTETS 64u

/** 404, in PowerDNS's words of before 4.2: they name the zone. */
void api_answer_no_zone(struct api_request *r, const uint8_t *apex);
/** 503: the store is not open, and why. */
void api_answer_no_store(struct api_request *r);
/** 500: it cannot be read. @param error  a negative errno of the store */
void api_answer_store_error(struct api_request *r, int error);

/** A reading transaction; the caller ends it with store_end(). @return NULL: the answer is there */
struct store_txn *api_store_read(struct api_request *r) __attribute__((warn_unused_result));

enum api_zone_home {
	API_ZONE_NOWHERE, /* the answer is there: 404, 403, 422 */
	API_ZONE_STORED,
	API_ZONE_ELSEWHERE, /* it is served, and comes from a file or another backend */
};

/**
 * The zone that parameter 0 of the path names, if the client may use it as a whole (access_zone()).
 * @param[out] apex  folded
 * @param[out] zone  of the store; valid with the transaction
 */
enum api_zone_home api_store_zone(struct api_request *r, struct store_txn *t,
	uint8_t apex[ZONE_WIRE_OCTETS], struct store_zone *zone)
	__attribute__((warn_unused_result));

/** Is there such a zone in the store? As api_store_zone(); a zone that is elsewhere is answered
 * 422: `what` is not kept for it. */
bool api_store_zone_only(struct api_request *r, uint8_t apex[ZONE_WIRE_OCTETS], const char *what);

/* A change that a request waits for. A handler makes one larger than this, fills in what `apply`
 * needs, and gives it to api_job_run(). */
struct api_job {
	struct change_job job;
	struct api_request *r;
	char who[ACCESS_WHO_OCTETS], source[API_SOURCE_OCTETS]; /* for the audit log */
	bool told; /* the audit log has it, with what was before and after */
	int result;
	/* it is durable, or was refused; writer's thread, in the order of the changes; may be NULL
	 */
	void (*done)(struct api_job *j);
	void (*free)(struct api_job *j); /* what the handler put behind; may be NULL */
};

/** Zeroed, larger than this by what the handler needs, owned by the request from here on. @return
 * NULL: the answer is 500 */
void *api_job_new(struct api_request *r, size_t octets, void (*forget)(struct api_job *j))
	__attribute__((warn_unused_result));
/**
 * Have it done, and the request answered by `after`, which asks api_job_of() for it.
 * @param apply  writer's thread, maybe more than once: changes.h
 */
void api_job_run(struct api_request *r, int (*apply)(struct change_job *j, struct store_txn *t),
	void (*after)(struct api_request *r));
/**
 * Tell the change of a row of the server (a key, a view, ...) in the audit log, in the transaction
 * of the change. Writer's thread.
 * @param action         what kind of thing it is
 * @param before, after  what is known of it, NULL: it was not there, or is gone; the references are
 *                       taken. Both NULL: nothing changed, and nothing is told
 * @return 0 or negative errno
 */
int api_job_tell(struct api_job *j, struct store_txn *t, const char *action, const char *key,
	json_t *before, json_t *after) __attribute__((warn_unused_result));
/** The request's job, done. @return NULL: it failed, and the answer says why */
void *api_job_of(struct api_request *r) __attribute__((warn_unused_result));

/** Is the body an object? @return it, or NULL: the answer is 400 or 422; the caller lets go of it
 */
json_t *api_request_object(struct api_request *r) __attribute__((warn_unused_result));
/** A member that must be a string, as PowerDNS words it. @return NULL: the answer is 422 */
const char *api_need_string(struct api_request *r, const json_t *object, const char *key)
	__attribute__((warn_unused_result));
/** 204, without a body. */
void api_request_done(struct api_request *r);
