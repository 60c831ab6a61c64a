/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_zone_create: POST of a zone: its properties and records, as RRsets or as a zone file, with
 * what PowerDNS adds where something is missing. */
#include "controlplane/api/access.h"
#include "controlplane/api/zone_change.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <libknot/descriptor.h>

#define DEFAULT_TTL_S ZONE_CHANGE_TTL_S

static int
refuse(struct zone_change *c, const char *text)
{
	api_request_error(c->base.r, MHD_HTTP_UNPROCESSABLE_CONTENT, "%s", text);
	return -1;
}

/* --- a zone file as the body's "zone" --- */

/* @param before  lines to put in front of it; NULL: none */
static int
read_text(struct zone_change *c, const char *before, const char *text,
	char error[BACKEND_ERROR_OCTETS])
{
	char *whole = NULL;
	int ret;

	if (before != NULL && asprintf(&whole, "%s%s", before, text) < 0)
		return -ENOMEM;
	if (whole != NULL)
		text = whole;
	ret = zone_change_text(c, text, strlen(text), error);
	free(whole);
	return ret;
}

/* Lines of what a text may lack. @return octets, or more than there is room for */
static size_t
complete_text(const struct zone_change *c, char *out, size_t room, bool soa, bool ns)
{
	const json_t *list = json_object_get(c->document, "nameservers");
	size_t at = 0;

	if (soa)
		at = (size_t)snprintf(out, room,
			"@ %u IN SOA a.misconfigured.dns.server.invalid. hostmaster 0 10800 3600 "
			"604800 3600\n",
			DEFAULT_TTL_S);
	for (size_t i = 0; ns && i < json_array_size(list) && at < room; i++) {
		const char *name = json_string_value(json_array_get(list, i));
		at += (size_t)snprintf(out + at, room - at, "@ %u IN NS %.300s\n", DEFAULT_TTL_S,
			name == NULL ? "" : name);
	}
	return at;
}

/* A text without SOA, or without NS when name servers are named beside it, is completed, as
 * PowerDNS does. What it lacks is found by trying. */
static int
take_text(struct zone_change *c, const char *text)
{
	char error[BACKEND_ERROR_OCTETS] = "", again[BACKEND_ERROR_OCTETS], before[8192];
	bool names = json_array_size(json_object_get(c->document, "nameservers")) > 0;

	if (read_text(c, NULL, text, error) == 0)
		return 0;
	for (unsigned lacks = 1; lacks <= (names ? 3 : 1); lacks++)
		if (complete_text(c, before, sizeof before, (lacks & 1) != 0, (lacks & 2) != 0) <
				sizeof before &&
			read_text(c, before, text, again) == 0)
			return 0;
	api_request_error(c->base.r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		"An error occurred while parsing the zonedata: %s", error);
	return -1;
}

/* --- records --- */

static int
take_rrsets(struct zone_change *c, const json_t *rrsets)
{
	char error[BODY_ERROR_OCTETS];

	if (body_rrsets_parse(
		    &c->rrsets, rrsets, c->apex, BODY_CONTENT, (int64_t)time(NULL), error) != 0)
		return refuse(c, error);
	return 0;
}

/* SOA and NS of a zone that brings none. */
static int
complete(struct zone_change *c, bool from_text)
{
	struct body_rrsets *b = &c->rrsets;
	bool has_ns = body_rrsets_find(b, zone_key_apex(c->apex), KNOT_RRTYPE_NS) != NULL;
	json_int_t serial = json_integer_value(json_object_get(c->document, "serial"));
	char error[BODY_ERROR_OCTETS] = "Out of memory";
	struct backend_rrset set;

	if (body_nameservers(b, c->document, c->apex, DEFAULT_TTL_S, &set, error) != 0)
		return refuse(c, error);
	if (set.n_records > 0 && has_ns && !from_text)
		return refuse(c, "Nameservers list MUST NOT be mixed with zone-level NS in rrsets");
	if (set.n_records > 0 && !has_ns)
		body_rrsets_add(b, &set);
	if (c->zone.kind == BACKEND_SECONDARY || c->zone.kind == BACKEND_CONSUMER ||
		body_rrsets_find(b, zone_key_apex(c->apex), KNOT_RRTYPE_SOA) != NULL)
		return 0;
	if (body_soa(b, BODY_SOA_CONTENT, c->apex, (uint32_t)serial, DEFAULT_TTL_S, &set, error) !=
		0)
		return refuse(c, error);
	body_rrsets_add(b, &set);
	return 0;
}

static int
take_records(struct zone_change *c)
{
	const json_t *rrsets = json_object_get(c->document, "rrsets");
	const char *text = json_string_value(json_object_get(c->document, "zone"));
	bool has_text = text != NULL && text[0] != '\0';

	if (json_is_array(rrsets) && has_text)
		return refuse(c, "You cannot give rrsets AND zone data as text");
	if (has_text ? take_text(c, text) != 0
		     : take_rrsets(c, json_is_array(rrsets) ? rrsets : NULL) != 0)
		return -1;
	if (c->zone.kind == BACKEND_CONSUMER && c->rrsets.n > 0)
		return refuse(c, "Zone data MUST NOT be given for Consumer zones");
	if (complete(c, has_text) != 0)
		return -1;
	c->edits.edit = c->rrsets.edit;
	c->edits.n = c->rrsets.n;
	c->edits.whole = true;
	return 0;
}

/* --- the zone --- */

static int
refuse_existing(struct zone_change *c)
{
	char text[ZONE_TEXT_OCTETS];

	zone_text_from_key(text, c->apex);
	return change_refuse(
		&c->base.job.error, CHANGE_CONFLICT, "Domain '%.300s' already exists", text);
}

static int
apply_create(struct change_job *job, struct store_txn *t)
{
	struct zone_change *c = zone_change_of(job);
	struct store_zone zone = {
		.apex = c->apex, .primaries = "", .account = "", .catalog = "", .options = ""};
	int ret = store_zone_get(t, c->apex, &zone);

	if (ret == 0)
		return refuse_existing(c);
	if (ret != -ENOENT)
		return ret;
	ret = zone_change_properties(c, t, &zone, true);
	if (ret == 0)
		ret = zone_change_audit(c, t, "zone create", NULL);
	if (ret == 0 && c->edits.n > 0)
		ret = changes_edit(job, t, &c->edits, &c->outcome);
	return ret != 0 ? ret : change_touch_zone(job, c->apex, CHANGE_ZONE_NEW);
}

static void
answer_created(struct api_request *r, struct zone_change *c)
{
	char id[ZONE_ID_OCTETS];
	uint8_t apex[ZONE_WIRE_OCTETS];

	memcpy(apex, c->apex, sizeof apex);
	r->forget(c);
	r->owned = NULL;
	r->forget = NULL;
	zone_id_from_wire(id, apex);
	r->status = MHD_HTTP_CREATED;
	api_request_header(r, MHD_HTTP_HEADER_LOCATION, API_BASE "/zones/%s", id);
	api_zone_show_created(r, apex);
}

/* Is it there already? @return 0, or -1: the error is the answer */
static int
check_absent(struct zone_change *c)
{
	struct store_txn *t = NULL;
	struct zone_at at = {0};
	struct api_request *r = c->base.r;
	int ret = 0;

	if (r->context->store != NULL)
		ret = store_read(r->context->store, &t);
	if (ret == 0)
		ret = zone_locate(r->context, t, c->apex, &at, NULL);
	store_end(t);
	free(at.path);
	if (ret != 0) {
		api_answer_store_error(r, ret);
		return -1;
	}
	if (at.place == ZONE_NOWHERE)
		return 0;
	refuse_existing(c);
	api_request_error(r, MHD_HTTP_CONFLICT, "%s", c->base.job.error.text);
	return -1;
}

static int
take_name(struct api_request *r, const json_t *document, uint8_t apex[ZONE_WIRE_OCTETS])
{
	char error[BODY_ERROR_OCTETS];
	const char *name = body_string(document, "name", error);

	if (name != NULL && body_zone_name(apex, name, error) >= 0) {
		if (body_name_is_plain(zone_key_apex(apex), false))
			return 0;
		snprintf(
			error, sizeof error, "Name '%.300s' contains unsupported characters", name);
	}
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "%s", error);
	return -1;
}

void
api_zone_create(struct api_request *r)
{
	static const uint8_t root[1];
	struct zone_change *c = zone_change_new(r, root);
	char error[BODY_ERROR_OCTETS];

	if (c == NULL || zone_change_body(c) != 0 || take_name(r, c->document, c->apex) != 0 ||
		!access_zone(r, c->apex) || check_absent(c) != 0)
		return;
	if (body_string(c->document, "kind", error) == NULL ||
		body_zone_parse(&c->zone, c->document, error) != 0) {
		(void)refuse(c, error);
		return;
	}
	if (zone_change_check_properties(c) == 0 && take_records(c) == 0)
		zone_change_submit(c, apply_create, answer_created);
}
