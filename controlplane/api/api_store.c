/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_store: see the header. */
#include "controlplane/api/api_store.h"
#include "controlplane/api/access.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_INSUFFICIENT_STORAGE 507u

void
api_answer_no_zone(struct api_request *r, const uint8_t *apex)
{
	char text[ZONE_TEXT_OCTETS];

	zone_text_from_key(text, apex);
	api_request_error(r, MHD_HTTP_NOT_FOUND, "Could not find domain '%s'", text);
}

void
api_answer_no_store(struct api_request *r)
{
	api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "The store cannot be used: %s",
		r->context->store_error != NULL ? r->context->store_error : "it is not open");
}

void
api_answer_store_error(struct api_request *r, int error)
{
	api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "The store cannot be read: %s",
		error == -EPROTO ? "its file is damaged; see millracectl store verify"
				 : strerror(-error));
}

struct store_txn *
api_store_read(struct api_request *r)
{
	struct store_txn *t;
	int ret;

	if (r->context->store == NULL) {
		api_answer_no_store(r);
		return NULL;
	}
	ret = store_read(r->context->store, &t);
	if (ret == 0)
		return t;
	api_answer_store_error(r, ret);
	return NULL;
}

static void
nothing(void *arg, const struct zone_entry *e)
{
}

enum api_zone_home
api_store_zone(struct api_request *r, struct store_txn *t, uint8_t apex[ZONE_WIRE_OCTETS],
	struct store_zone *zone)
{
	int ret;

	if (api_request_zone(r, apex) != 0 || !access_zone(r, apex))
		return API_ZONE_NOWHERE;
	ret = store_zone_get(t, apex, zone);
	if (ret == 0)
		return API_ZONE_STORED;
	if (ret != -ENOENT) {
		api_answer_store_error(r, ret);
		return API_ZONE_NOWHERE;
	}
	if (zone_manager_visit(r->context->zones, apex, nothing, NULL))
		return API_ZONE_ELSEWHERE;
	api_answer_no_zone(r, apex);
	return API_ZONE_NOWHERE;
}

bool
api_store_zone_only(struct api_request *r, uint8_t apex[ZONE_WIRE_OCTETS], const char *what)
{
	struct store_txn *t = api_store_read(r);
	char text[ZONE_TEXT_OCTETS];
	struct store_zone zone;
	enum api_zone_home home;

	if (t == NULL)
		return false;
	home = api_store_zone(r, t, apex, &zone);
	store_end(t);
	if (home != API_ZONE_ELSEWHERE)
		return home == API_ZONE_STORED;
	zone_text_from_key(text, apex);
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		"Zone '%s' is not in the store: no %s of it can be kept", text, what);
	return false;
}

/* --- jobs --- */

static void
forget_job(void *owned)
{
	struct api_job *j = owned;

	if (j->free != NULL)
		j->free(j);
	free(j);
}

void *
api_job_new(struct api_request *r, size_t octets, void (*forget)(struct api_job *j))
{
	struct api_job *j = calloc(1, octets);

	if (j == NULL) {
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
		return NULL;
	}
	j->r = r;
	snprintf(j->who, sizeof j->who, "%s", access_who(r));
	snprintf(j->source, sizeof j->source, "%s", access_from(r));
	j->free = forget;
	r->owned = j;
	r->forget = forget_job;
	return j;
}

int
api_job_tell(struct api_job *j, struct store_txn *t, const char *action, const char *key,
	json_t *before, json_t *after)
{
	bool changed = before != NULL || after != NULL;
	json_t *row = json_pack("{s:s, s:s, s:s, s:s, s:o?, s:o?}", "action", action, "who", j->who,
		"source", j->source, "key", key, "before", before, "after", after);
	char *text = row != NULL ? json_dumps(row, JSON_COMPACT) : NULL;
	int ret = text == NULL ? -ENOMEM : changed ? store_audit_append(t, text) : 0;

	j->told = changed;
	free(text);
	json_decref(row);
	return ret;
}

/* Writer's thread. */
static void
job_done(struct change_job *job, int result)
{
	struct api_job *j = (struct api_job *)job; /* its first member */

	j->result = result;
	if (j->done != NULL)
		j->done(j);
	api_request_resume(j->r);
}

static void
start_job(struct api_request *r)
{
	struct api_job *j = r->owned;
	int ret = changes_submit(r->context->changes, &j->job);

	if (ret == 0)
		return; /* it may be done already, and `j` gone */
	j->result = ret;
	api_request_resume(r);
}

void
api_job_run(struct api_request *r, int (*apply)(struct change_job *j, struct store_txn *t),
	void (*after)(struct api_request *r))
{
	struct api_job *j = r->owned;

	if (r->context->changes == NULL) {
		api_answer_no_store(r);
		return;
	}
	j->job.apply = apply;
	j->job.done = job_done;
	j->job.octets = r->body_octets + r->spool_octets;
	api_request_wait_for(r, start_job, after);
}

/* What the writer refused, as an answer. */
static void
answer_refusal(struct api_request *r, int result, const struct change_error *e)
{
	static const unsigned status[] = {
		[CHANGE_OK] = MHD_HTTP_INTERNAL_SERVER_ERROR,
		[CHANGE_INVALID] = MHD_HTTP_UNPROCESSABLE_CONTENT,
		[CHANGE_NOT_FOUND] = MHD_HTTP_NOT_FOUND,
		[CHANGE_CONFLICT] = MHD_HTTP_CONFLICT,
		[CHANGE_STALE] = MHD_HTTP_PRECONDITION_FAILED,
		[CHANGE_READ_ONLY] = MHD_HTTP_UNPROCESSABLE_CONTENT,
		[CHANGE_NO_SPACE] = HTTP_INSUFFICIENT_STORAGE,
		[CHANGE_BUSY] = MHD_HTTP_SERVICE_UNAVAILABLE,
		[CHANGE_FAILED] = MHD_HTTP_INTERNAL_SERVER_ERROR,
	};

	if (e->verdict != CHANGE_OK)
		api_request_error(r, status[e->verdict], "%s", e->text);
	else if (result == -ENOSPC)
		api_request_error(r, HTTP_INSUFFICIENT_STORAGE, "The disk of the store is full");
	else if (result == -EBUSY || result == -ECANCELED)
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "%s",
			result == -EBUSY ? "Too many changes wait already; ask again"
					 : "The control plane is stopping; ask the next one");
	else
		api_request_error(
			r, MHD_HTTP_INTERNAL_SERVER_ERROR, "The store: %s", strerror(-result));
}

void *
api_job_of(struct api_request *r)
{
	struct api_job *j = r->owned;

	if (j->result == 0) {
		r->audited |= j->told;
		return j;
	}
	answer_refusal(r, j->result, &j->job.error);
	return NULL;
}

/* --- bodies --- */

json_t *
api_request_object(struct api_request *r)
{
	json_t *body = api_request_json(r);

	if (body == NULL || json_is_object(body))
		return body;
	json_decref(body);
	api_request_error(
		r, MHD_HTTP_UNPROCESSABLE_CONTENT, "The body must be an object: {\"...\": ...}");
	return NULL;
}

const char *
api_need_string(struct api_request *r, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Key '%s' not present or not a String", key);
	return text;
}

void
api_request_done(struct api_request *r)
{
	r->status = MHD_HTTP_NO_CONTENT;
}
