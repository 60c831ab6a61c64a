/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_zone_import: PUT of a zone file of any size. The body has gone to a file while it came; it is
 * parsed by the API's worker, one at a time, and then is one change: the zone is made, or its
 * records are replaced, or nothing happens. */
#include "controlplane/api/access.h"
#include "controlplane/api/api_worker.h"
#include "controlplane/api/zone_change.h"
#include "controlplane/api/zone_write.h"

#include <errno.h>
#include <malloc.h>
#include <microhttpd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MUCH_OCTETS (8u << 20) /* of a file, whose memory is given back to the system */
#define ACCOUNT_OCTETS 1024u

struct import {
	struct zone_change change; /* first */
	struct api_work work;
	bool create_only, created;
	bool was_there; /* when it was asked whether the client may make it */
	int parsed;     /* 0 or a negative errno */
	uint64_t n_records;
	char account[ACCOUNT_OCTETS];
	char error[BACKEND_ERROR_OCTETS];
};

static struct import *
import_of(struct zone_change *c)
{
	return (struct import *)c;
}

/* --- the worker's thread --- */

static int
parse(struct import *im)
{
	struct api_request *r = im->change.base.r;
	size_t len = (size_t)r->spool_octets;
	void *text = mmap(NULL, len, PROT_READ, MAP_PRIVATE, r->spool, 0);
	int ret;

	if (text == MAP_FAILED)
		return -errno;
	(void)madvise(text, len, MADV_SEQUENTIAL);
	ret = zone_change_text(&im->change, text, len, im->error);
	munmap(text, len);
	for (size_t i = 0; ret == 0 && i < im->change.rrsets.n; i++)
		im->n_records += im->change.rrsets.edit[i].rrset.n_records;
	return ret;
}

static void
run(struct api_work *work, bool stopping)
{
	struct import *im = (struct import *)((char *)work - offsetof(struct import, work));

	im->parsed = stopping ? -ECANCELED : parse(im);
	/* its room on the disk may be needed for what is in it */
	(void)!ftruncate(im->change.base.r->spool, 0);
	if (im->change.base.r->spool_octets > MUCH_OCTETS)
		malloc_trim(0);
	api_request_resume(im->change.base.r);
}

static void
start(struct api_request *r)
{
	struct import *im = r->owned;
	int ret;

	im->work.run = run;
	ret = api_worker_submit(r->context->worker, &im->work);
	/* else it may be done already, and `im` gone */
	if (ret != 0) {
		im->parsed = ret;
		api_request_resume(r);
	}
}

/* --- the writer's thread --- */

static int
refuse_existing(struct zone_change *c)
{
	char text[ZONE_TEXT_OCTETS];

	zone_text_from_key(text, c->apex);
	return change_refuse(
		&c->base.job.error, CHANGE_CONFLICT, "Domain '%.300s' already exists", text);
}

static int
apply(struct change_job *job, struct store_txn *t)
{
	struct zone_change *c = zone_change_of(job);
	struct import *im = import_of(c);
	struct store_zone zone = {
		.apex = c->apex, .primaries = "", .account = "", .catalog = "", .options = ""};
	int ret = store_zone_get(t, c->apex, &zone);

	im->created = ret == -ENOENT;
	if (im->created && im->was_there)
		return change_refuse(&job->error, CHANGE_NOT_FOUND, "The zone has just gone");
	if (ret == 0)
		ret = im->create_only ? refuse_existing(c) : zone_change_check(c, t, &zone);
	else if (im->created && c->matches)
		return change_refuse(&job->error, CHANGE_STALE, "There is no such zone");
	else if (im->created)
		ret = zone_change_properties(c, t, &zone, true);
	if (ret == 0 && im->created)
		ret = zone_change_audit(c, t, "zone create", NULL);
	if (ret == 0)
		ret = changes_edit(job, t, &c->edits, &c->outcome);
	if (ret == 0 && im->created)
		ret = change_touch_zone(job, c->apex, CHANGE_ZONE_NEW);
	return ret;
}

/* --- the API's thread --- */

static void
answer(struct api_request *r, struct zone_change *c)
{
	struct import *im = import_of(c);

	json_open_object(&r->out, NULL);
	json_str(&r->out, "result",
		im->created          ? "The zone was created"
		: c->outcome.changed ? "The zone was replaced"
				     : "The zone was like this already");
	json_bool(&r->out, "created", im->created);
	json_uint(&r->out, "serial", c->outcome.serial_after);
	json_uint(&r->out, "rrsets", c->rrsets.n);
	json_uint(&r->out, "records", im->n_records);
	json_uint(&r->out, "warnings", c->report.n_warnings);
	zone_write_findings(&r->out, &c->report);
	json_close_object(&r->out);
}

static void
after_parsing(struct api_request *r)
{
	struct import *im = r->owned;
	struct zone_change *c = &im->change;

	if (im->parsed == -EBUSY || im->parsed == -ECANCELED) {
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "%s",
			im->parsed == -EBUSY ? "Too much waits already; ask again"
					     : "The control plane is stopping; ask the next one");
	} else if (im->parsed != 0) {
		api_request_error(r,
			im->parsed == -ENOMEM ? MHD_HTTP_INTERNAL_SERVER_ERROR
					      : MHD_HTTP_UNPROCESSABLE_CONTENT,
			"%s", im->error[0] != '\0' ? im->error : strerror(-im->parsed));
	} else {
		c->edits.edit = c->rrsets.edit;
		c->edits.n = c->rrsets.n;
		c->edits.whole = true;
		zone_change_submit(c, apply, answer);
	}
}

/* Is the zone the store's, or nobody's yet? @return 0, or -1: the error is the answer */
static int
check_place(struct import *im)
{
	struct api_request *r = im->change.base.r;
	struct zone_at at = {0};
	struct store_txn *t = api_store_read(r);
	int ret;

	if (t == NULL)
		return -1;
	ret = zone_locate(r->context, t, im->change.apex, &at, NULL);
	store_end(t);
	free(at.path);
	im->was_there = at.place == ZONE_IN_STORE;
	if (ret != 0) {
		api_answer_store_error(r, ret);
	} else if (at.place != ZONE_NOWHERE && at.place != ZONE_IN_STORE) {
		ret = -1;
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"The zone does not come from the store: replace it where it comes from");
	} else if (at.place == ZONE_NOWHERE && !access_creation(r)) {
		ret = -1;
	} else if (at.place == ZONE_IN_STORE && im->create_only) {
		ret = refuse_existing(&im->change);
		api_request_error(r, MHD_HTTP_CONFLICT, "%s", im->change.base.job.error.text);
	}
	return ret == 0 ? 0 : -1;
}

/* @return 0, or -1: the error is the answer */
static int
take_query(struct import *im)
{
	struct api_request *r = im->change.base.r;
	struct body_zone *z = &im->change.zone;
	char kind[32];
	int has_kind = api_request_query(r, "kind", kind, sizeof kind);
	int has_account = api_request_query(r, "account", im->account, sizeof im->account);

	if (has_kind < 0 || has_account < 0 ||
		api_request_query_bool(r, "create-only", &im->create_only) < 0)
		return -1;
	z->has_kind = true;
	z->kind = BACKEND_NATIVE;
	if (has_account > 0)
		z->account = im->account;
	if (has_kind == 0 || body_kind_from_text(kind, &z->kind) == 0)
		return 0;
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		"Kind '%s' must be Native, Master, Slave, Producer or Consumer", kind);
	return -1;
}

void
api_zone_import(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct import *im;

	if (api_request_zone(r, apex) != 0 || !access_zone(r, apex))
		return;
	if (r->spool_octets == 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"The body must be a zone file; it is empty");
		return;
	}
	im = (struct import *)zone_change_new_larger(r, apex, sizeof *im);
	if (im == NULL || take_query(im) != 0 || zone_change_match(&im->change) != 0 ||
		check_place(im) != 0)
		return;
	api_request_wait_for(r, start, after_parsing);
}
