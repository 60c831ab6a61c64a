/* SPDX-License-Identifier: GPL-3.0-or-later */
/* open_store: see the header. */
#include "controlplane/open_store.h"
#include "config/log.h"
#include "controlplane/manager/zone_manager.h"
#include "controlplane/views/views_control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 5000

struct reason {
	struct reason *next; /* those before it: the API may still be telling them */
	char text[STORE_ERROR_OCTETS];
};

struct store_opener {
	struct store_opener_options o;
	uv_work_t work;
	uv_timer_t again;
	bool opening;
	int status;        /* of the attempt */
	bool views_missed; /* what was published before of them holds until they are */
	char error[STORE_ERROR_OCTETS];
	struct store *store;
	struct changes *changes;
	struct transfer_client *transfers;
	struct reason *reason; /* why there is none; the last one that was told */
};

static void start_opening(struct store_opener *o);

/* Before any zone of the store is served: who has a view must not see another variant first. */
static void
publish_views(struct store_opener *o)
{
	int ret = views_control_refresh(o->o.views, o->store);

	o->views_missed = ret != 0;
	if (ret == 0 || views_control_has_some(o->o.views))
		return; /* older ones hold, and the engine tries again */
	o->status = ret;
	snprintf(o->error, sizeof o->error,
		"store %s is open, but its views cannot be published (%s), and without them its "
		"zones are not served",
		o->o.path, strerror(-ret));
}

/* A thread of the pool. */
static void
open_it(uv_work_t *work)
{
	struct store_opener *o = work->data;
	struct store_options options = {.path = o->o.path};

	o->status = o->store != NULL ? 0 : store_open(&o->store, &options, o->error);
	if (o->status == 0)
		publish_views(o);
}

static void
try_again(uv_timer_t *t)
{
	start_opening(t->data);
}

/* Tell why there is none, if that is news. */
static void
tell_reason(struct store_opener *o, const char *text)
{
	struct reason *r;

	if (o->reason != NULL && strcmp(o->reason->text, text) == 0)
		return;
	log_error("%s; zones that are published go on being served, and the store is tried again "
		  "every %u s",
		text, RETRY_MS / 1000);
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return;
	snprintf(r->text, sizeof r->text, "%s", text);
	r->next = o->reason;
	o->reason = r;
	changes_set_store(o->changes, NULL, r->text);
	o->o.changed(o->o.arg, NULL, r->text);
}

static void
opened(uv_work_t *work, int status)
{
	struct store_opener *o = work->data;
	int ret = status != 0 ? status : o->status;

	o->opening = false;
	if (status != 0)
		return; /* cancelled: the end */
	if (ret == 0)
		log_info("store %s is open", o->o.path);
	else
		tell_reason(o, o->error);
	if (ret == 0) {
		if (o->views_missed)
			changes_retry_views(o->changes);
		changes_set_store(o->changes, o->store, NULL);
		if (o->transfers != NULL)
			transfer_set_store(o->transfers, o->store);
		o->o.changed(o->o.arg, o->store, NULL);
	}
	if (zone_manager_set_store(o->o.zones, ret == 0 ? o->store : NULL) != 0)
		log_error("zones of the store are not served: out of memory");
	if (ret != 0)
		uv_timer_start(&o->again, try_again, RETRY_MS, 0);
}

static void
start_opening(struct store_opener *o)
{
	o->work.data = o;
	o->opening = uv_queue_work(o->o.loop, &o->work, open_it, opened) == 0;
}

int
store_opener_start(struct store_opener **out, const struct store_opener_options *options)
{
	struct changes_options changes = {.zones = options->zones,
		.backends = options->backends,
		.views = views_control_refresh,
		.views_arg = options->views};
	struct transfer_options transfers = {.config = options->config};
	struct store_opener *o = calloc(1, sizeof *o);
	int ret;

	if (o == NULL)
		return -ENOMEM;
	o->o = *options;
	ret = changes_start(&o->changes, &changes);
	if (ret != 0) {
		free(o);
		return ret;
	}
	transfers.changes = o->changes;
	ret = transfer_start(&o->transfers, &transfers);
	if (ret != 0) /* the rest does without */
		log_error("zones cannot be retrieved from primaries: %s", strerror(-ret));
	uv_timer_init(o->o.loop, &o->again);
	o->again.data = o;
	*out = o;
	start_opening(o);
	return 0;
}

struct changes *
store_opener_changes(const struct store_opener *o)
{
	return o->changes;
}

struct transfer_client *
store_opener_transfers(const struct store_opener *o)
{
	return o->transfers;
}

bool
store_opener_stop(struct store_opener *o, unsigned patience_ms)
{
	bool idle;

	if (o == NULL)
		return true;
	uv_timer_stop(&o->again);
	idle = transfer_stop(o->transfers, patience_ms); /* first: it submits changes */
	idle &= changes_stop(o->changes, patience_ms);
	return idle && !o->opening;
}

void
store_opener_destroy(struct store_opener *o)
{
	if (o == NULL)
		return;
	transfer_destroy(o->transfers);
	changes_destroy(o->changes);
	if (o->store != NULL)
		store_close(o->store);
	while (o->reason != NULL) {
		struct reason *r = o->reason;
		o->reason = r->next;
		free(r);
	}
	free(o);
}
