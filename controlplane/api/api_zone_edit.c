/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_zone_edit: PATCH of RRsets, PUT of properties and of all RRsets at once,
 * DELETE. */
#include "controlplane/api/access.h"
#include "controlplane/api/zone_change.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <libknot/descriptor.h>

#define NO_SOA "Must give SOA record for zone when replacing all RR sets"

/* --- how all of them begin --- */

/* Find the zone, and who has no business with it. @return 0, or -1: the error is the answer */
static int
find_zone(struct api_request *r, uint8_t apex[ZONE_WIRE_OCTETS], enum zone_place *place)
{
	struct store_txn *t;
	struct store_zone zone;
	struct zone_at at;
	int ret;

	if (api_request_zone(r, apex) != 0)
		return -1;
	/* whether there is such a zone is nobody else's business */
	if (!access_zone_seen(r, apex) && !access_zone(r, apex))
		return -1;
	ret = zone_locate_for(r, apex, &at, &t, &zone);
	free(at.path);
	store_end(t);
	*place = at.place;
	return ret;
}

static void
answer_changed(struct api_request *r, struct zone_change *c)
{
	r->status = MHD_HTTP_NO_CONTENT;
	if (!c->outcome.changed)
		return;
	api_request_header(r, "X-PDNS-Old-Serial", "%u", c->outcome.serial_before);
	api_request_header(r, "X-PDNS-New-Serial", "%u", c->outcome.serial_after);
}

static int
get_zone(struct zone_change *c, struct store_txn *t, struct store_zone *zone)
{
	char text[ZONE_TEXT_OCTETS];
	int ret = store_zone_get(t, c->apex, zone);

	if (ret == 0)
		return zone_change_check(c, t, zone);
	if (ret != -ENOENT)
		return ret;
	zone_text_from_key(text, c->apex);
	return change_refuse(
		&c->base.job.error, CHANGE_NOT_FOUND, "Could not find domain '%.300s'", text);
}

/* RRsets of the body. @return 0, or -1: the error is the answer */
static int
take_rrsets(struct zone_change *c, const json_t *rrsets, enum body_rrsets_kind kind)
{
	char error[BODY_ERROR_OCTETS];
	int ret = body_rrsets_parse(&c->rrsets, rrsets, c->apex, kind, (int64_t)time(NULL), error);

	if (ret != 0) {
		api_request_error(c->base.r,
			ret == -ENOMEM ? MHD_HTTP_INTERNAL_SERVER_ERROR
				       : MHD_HTTP_UNPROCESSABLE_CONTENT,
			"%s", error);
		return -1;
	}
	c->edits.edit = c->rrsets.edit;
	c->edits.n = c->rrsets.n;
	return zone_change_allowed(c) ? 0 : -1;
}

/* --- PATCH --- */

static int
apply_edits(struct change_job *job, struct store_txn *t)
{
	struct zone_change *c = zone_change_of(job);
	struct store_zone zone;
	int ret = get_zone(c, t, &zone);

	return ret != 0 ? ret : changes_edit(job, t, &c->edits, &c->outcome);
}

void
api_zone_patch(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	enum zone_place place;
	struct zone_change *c;
	const json_t *rrsets;

	if (find_zone(r, apex, &place) != 0)
		return;
	c = zone_change_new(r, apex);
	if (c == NULL || zone_change_body(c) != 0 || zone_change_match(c) != 0)
		return;
	rrsets = json_object_get(c->document, "rrsets");
	if (!json_is_array(rrsets)) {
		api_request_error(
			r, MHD_HTTP_UNPROCESSABLE_CONTENT, "No rrsets given in update request");
		return;
	}
	if (take_rrsets(c, rrsets, BODY_CHANGES) != 0)
		return;
	if (c->rrsets.n == 0)
		r->status = MHD_HTTP_NO_CONTENT;
	else if (place == ZONE_IN_STORE)
		zone_change_submit(c, apply_edits, answer_changed);
	else
		zone_change_submit_edits(c, answer_changed);
}

/* --- PUT --- */

static bool
says_nothing(const struct body_zone *z)
{
	return !z->has_kind && z->primaries == NULL && z->account == NULL && z->catalog == NULL &&
	       z->soa_edit == NULL && z->soa_edit_api == NULL && !z->has_rectify &&
	       z->primary_tsig == NULL && z->secondary_tsig == NULL;
}

static int
apply_put(struct change_job *job, struct store_txn *t)
{
	struct zone_change *c = zone_change_of(job);
	struct json_writer told = {0};
	struct store_zone zone;
	int ret = get_zone(c, t, &zone);

	if (ret == 0 && !says_nothing(&c->zone)) {
		zone_change_tell_properties(c, t, &zone, &told);
		ret = told.failed ? -ENOMEM : zone_change_properties(c, t, &zone, false);
		if (ret == 0)
			ret = zone_change_audit(c, t, "zone properties", told.text);
		json_free(&told);
	}
	/* one that is transferred here may wait for it */
	if (ret == 0 && c->edits.whole && zone.kind != BACKEND_SECONDARY &&
		body_rrsets_find(&c->rrsets, zone_key_apex(c->apex), KNOT_RRTYPE_SOA) == NULL)
		ret = change_refuse(&job->error, CHANGE_INVALID, NO_SOA);
	if (ret == 0 && c->edits.whole)
		ret = changes_edit(job, t, &c->edits, &c->outcome);
	return ret;
}

void
api_zone_put(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	char error[BODY_ERROR_OCTETS];
	enum zone_place place;
	struct zone_change *c;
	const json_t *rrsets;

	if (find_zone(r, apex, &place) != 0 || !access_zone(r, apex))
		return;
	c = zone_change_new(r, apex);
	if (c == NULL || zone_change_body(c) != 0 || zone_change_match(c) != 0)
		return;
	if (!json_is_object(c->document)) { /* it would be a change of nothing */
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"The body must be an object: {\"...\": ...}");
		return;
	}
	if (body_zone_parse(&c->zone, c->document, error) != 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "%s", error);
		return;
	}
	if (zone_change_check_properties(c) != 0)
		return;
	rrsets = json_object_get(c->document, "rrsets");
	c->edits.whole = json_is_array(rrsets); /* as PowerDNS, since 4.8 */
	if (c->edits.whole && take_rrsets(c, rrsets, BODY_CONTENT) != 0)
		return;
	if (says_nothing(&c->zone) && !c->edits.whole)
		r->status = MHD_HTTP_NO_CONTENT;
	else if (place == ZONE_IN_STORE)
		zone_change_submit(c, apply_put, answer_changed);
	else if (!says_nothing(&c->zone))
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"The zone does not come from the store: it has no properties that could "
			"be changed here");
	else if (body_rrsets_find(&c->rrsets, zone_key_apex(apex), KNOT_RRTYPE_SOA) == NULL)
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, NO_SOA);
	else
		zone_change_submit_edits(c, answer_changed);
}

/* --- DELETE --- */

static int
apply_delete(struct change_job *job, struct store_txn *t)
{
	struct zone_change *c = zone_change_of(job);
	struct store_zone zone;
	int ret = get_zone(c, t, &zone);

	if (ret == 0)
		ret = store_zone_delete(t, c->apex);
	if (ret == 0)
		ret = zone_change_audit(c, t, "zone delete", NULL);
	return ret != 0 ? ret : change_touch_zone(job, c->apex, CHANGE_ZONE_GONE);
}

void
api_zone_delete(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	char text[ZONE_TEXT_OCTETS];
	enum zone_place place;
	struct zone_change *c;

	if (find_zone(r, apex, &place) != 0 || !access_zone(r, apex))
		return;
	if (place != ZONE_IN_STORE) {
		zone_text_from_key(text, apex);
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Deleting domain '%s' failed: it does not come from the store; remove it "
			"from where it is configured",
			text);
		return;
	}
	c = zone_change_new(r, apex);
	if (c != NULL && zone_change_match(c) == 0)
		zone_change_submit(c, apply_delete, answer_changed);
}
