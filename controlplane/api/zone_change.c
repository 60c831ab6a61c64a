/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_change: see the header. */
#include "controlplane/api/zone_change.h"

#include "controlplane/api/access.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
forget(struct api_job *j)
{
	struct zone_change *c = (struct zone_change *)j;

	body_rrsets_free(&c->rrsets);
	body_free(&c->zone.memory);
	zone_report_destroy(&c->report);
	json_decref(c->document);
}

struct zone_change *
zone_change_new(struct api_request *r, const uint8_t *apex)
{
	return zone_change_new_larger(r, apex, sizeof(struct zone_change));
}

struct zone_change *
zone_change_new_larger(struct api_request *r, const uint8_t *apex, size_t octets)
{
	struct zone_change *c = api_job_new(r, octets, forget);

	if (c == NULL)
		return NULL;
	memcpy(c->apex, apex, name_octets(apex));
	c->edits.apex = c->apex;
	c->edits.who = c->base.who;
	c->edits.origin = "api";
	return c;
}

int
zone_change_body(struct zone_change *c)
{
	/* what is no object has none of the keys that are looked for */
	c->document = api_request_json(c->base.r);
	return c->document == NULL ? -1 : 0;
}

int
zone_change_match(struct zone_change *c)
{
	const char *tag = MHD_lookup_connection_value(
		c->base.r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_MATCH);

	if (tag == NULL || !api_request_extensions(c->base.r) || strcmp(tag, "*") == 0)
		return 0;
	c->matches = tag[0] == '"' && tag[1] >= '0' && tag[1] <= '9' && strlen(tag) < sizeof c->tag;
	if (c->matches) {
		strcpy(c->tag, tag);
		return 0;
	}
	api_request_error(c->base.r, MHD_HTTP_PRECONDITION_FAILED,
		"If-Match: %.100s is no entity tag of a zone", tag);
	return -1;
}

int
zone_change_check(struct zone_change *c, struct store_txn *t, const struct store_zone *zone)
{
	char now[ZONE_TAG_OCTETS];
	int ret;

	if (!c->matches)
		return 0;
	ret = zone_tag(t, zone, now);
	if (ret != 0 || strcmp(now, c->tag) == 0)
		return ret;
	return change_refuse(&c->base.job.error, CHANGE_STALE,
		"The zone was changed by somebody else meanwhile: it is %s now", now);
}

bool
zone_change_allowed(struct zone_change *c)
{
	for (size_t i = 0; i < c->rrsets.n; i++)
		if (!access_rrset(c->base.r, c->apex, c->rrsets.edit[i].rrset.owner,
			    c->rrsets.edit[i].rrset.type))
			return false;
	return true;
}

/* --- a zone file --- */

struct text_reader {
	struct zone_change *c;
	size_t room;
};

/* Records of a model that ends soon: copied. */
static int
take_rrset(void *arg, const struct backend_rrset *set)
{
	struct text_reader *reader = arg;
	struct body_rrsets *b = &reader->c->rrsets;
	struct backend_record *record;
	struct backend_rrset copy = *set;
	unsigned len = name_octets(set->owner);
	uint8_t *octets;

	if (b->n == reader->room) {
		size_t room = reader->room == 0 ? 256 : 2 * reader->room;
		struct zone_edit *more =
			body_take(&b->memory, (room + BODY_RRSETS_SPARE) * sizeof *more);
		if (more == NULL)
			return -ENOMEM;
		if (b->n > 0)
			memcpy(more, b->edit, b->n * sizeof *more);
		b->edit = more;
		reader->room = room;
	}
	octets = body_take(&b->memory, len + NAME_PAD);
	record = body_take(&b->memory, set->n_records * sizeof *record);
	if (octets == NULL || record == NULL)
		return -ENOMEM;
	copy.owner = memcpy(octets, set->owner, len);
	copy.record = record;
	for (uint32_t i = 0; i < set->n_records; i++) {
		octets = body_take(&b->memory, set->record[i].rdlength + 1u);
		if (octets == NULL)
			return -ENOMEM;
		record[i] = set->record[i];
		record[i].rdata = memcpy(octets, set->record[i].rdata, set->record[i].rdlength);
	}
	body_rrsets_add(b, &copy);
	return 0;
}

int
zone_change_text(
	struct zone_change *c, const char *text, size_t len, char error[BACKEND_ERROR_OCTETS])
{
	struct text_reader reader = {.c = c};
	int ret;

	body_rrsets_free(&c->rrsets);
	zone_report_destroy(&c->report);
	ret = zone_read_text(text, len, zone_key_apex(c->apex), ZONE_CHANGE_TTL_S, take_rrset,
		&reader, &c->report, error);
	return ret == 0 && c->rrsets.edit == NULL ? -EINVAL : ret;
}

/* --- from here to there and back --- */

static void
finish(struct api_request *r)
{
	struct zone_change *c = api_job_of(r);

	if (c != NULL)
		c->answer(r, c);
}

struct zone_change *
zone_change_of(struct change_job *job)
{
	return (struct zone_change *)job; /* the first member of its first */
}

void
zone_change_submit(struct zone_change *c, int (*apply)(struct change_job *, struct store_txn *),
	void (*answer)(struct api_request *, struct zone_change *))
{
	c->answer = answer;
	api_job_run(c->base.r, apply, finish);
}

static void
edits_done(void *arg, const struct edits_outcome *o, const struct change_error *e)
{
	struct zone_change *c = arg;

	if (o != NULL)
		c->outcome = *o;
	if (e != NULL)
		c->base.job.error = *e;
	c->base.result = e == NULL || e->verdict == CHANGE_OK ? 0 : -EINVAL;
	api_request_resume(c->base.r);
}

static void
start_edits(struct api_request *r)
{
	struct zone_change *c = r->owned;

	int ret = changes_edit_zone(r->context->changes, &c->edits, edits_done, c);

	/* else it may be done already, and `c` gone */
	if (ret != 0) {
		c->base.result = ret;
		api_request_resume(r);
	}
}

void
zone_change_submit_edits(
	struct zone_change *c, void (*answer)(struct api_request *, struct zone_change *))
{
	if (c->base.r->context->changes == NULL) {
		api_answer_no_store(c->base.r);
		return;
	}
	if (c->matches) { /* the entity tag of such a zone is its serial; else it is another one's
			   */
		char *end;
		unsigned long long serial = strtoull(c->tag + 1, &end, 10);

		if (strcmp(end, "\"") != 0 || serial > UINT32_MAX) {
			api_request_error(c->base.r, MHD_HTTP_PRECONDITION_FAILED,
				"If-Match: %s is no entity tag of this zone", c->tag);
			return;
		}
		c->serial = (uint32_t)serial;
		c->edits.if_serial = &c->serial;
	}
	c->answer = answer;
	api_request_wait_for(c->base.r, start_edits, finish);
}

/* --- audit --- */

int
zone_change_audit(
	struct zone_change *c, struct store_txn *t, const char *action, const char *detail)
{
	struct json_writer w = {0};
	char name[ZONE_TEXT_OCTETS];
	int ret;

	zone_text_from_key(name, c->apex);
	json_open_object(&w, NULL);
	json_str(&w, "action", action);
	json_str(&w, "who", c->base.who);
	json_str(&w, "origin", "api");
	json_str(&w, "zone", name);
	if (detail != NULL)
		json_raw(&w, ",\"detail\":%s", detail);
	json_close_object(&w);
	json_raw(&w, "%c", 0);
	ret = w.failed ? -ENOMEM : store_audit_append(t, w.text);
	json_free(&w);
	return ret;
}
