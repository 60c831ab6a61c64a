/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_zones: the list of zones, streamed in pieces from the store and from what the manager has
 * beside it; reloads. */
#include "controlplane/api/api_store.h"
#include "controlplane/api/access.h"
#include "controlplane/api/zone_read.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PIECE_ZONES 256u /* in one transaction, or under one hold of the manager's lock */
#define REFUSED_MAX 100u /* zones that the answer to a reload of all names */
#define PAGE_ZONES_MAX 10000u

/* --- list --- */

struct zone_list {
	bool in_store; /* there may be more zones of the store */
	bool begun;
	bool dnssec;
	uint8_t after[ZONE_WIRE_OCTETS]; /* the last one of the store */
	uint32_t cursor;                 /* of the manager */
	/* paging, an extension */
	uint64_t limit, n; /* limit 0: all */
	struct json_writer scratch;
};

static void
forget_list(void *arg)
{
	struct zone_list *list = arg;

	json_free(&list->scratch);
	free(list);
}

/* Where a zone is served from, and its state. */
struct entry_note {
	struct json_writer *w; /* gets the state */
	const struct transfer_status *transfer;
	bool elsewhere; /* a file hides the store's zone of this name */
};

static void
note_entry(void *arg, const struct zone_entry *e)
{
	struct entry_note *note = arg;

	note->elsewhere = e->home != ZONE_HOME_STORE;
	if (!note->elsewhere)
		zone_write_state(note->w, e, false, note->transfer);
}

/* Does a transfer of this zone wait or run? */
static bool
is_transferred(struct api_request *r, const struct store_zone *zone, struct transfer_status *status)
{
	return (zone->kind == BACKEND_SECONDARY || zone->kind == BACKEND_CONSUMER) &&
	       r->context->transfers != NULL &&
	       transfer_status_of(r->context->transfers, zone->apex, zone->id, status) &&
	       status->state != TRANSFER_IDLE;
}

static void
write_stored(struct api_request *r, struct zone_list *list, struct store_txn *t,
	const struct store_zone *zone)
{
	struct entry_note note = {.w = &list->scratch};
	struct transfer_status transfer;
	struct zone_members m;

	if (!access_zone_seen(r, zone->apex))
		return;
	json_rewind(note.w);
	note.w->comma = true;
	if (is_transferred(r, zone, &transfer))
		note.transfer = &transfer;
	zone_manager_visit(r->context->zones, zone->apex, note_entry, &note);
	if (note.elsewhere)
		return;
	zone_members_of_store(&m, zone);
	m.dnssec = list->dnssec;
	if (m.dnssec) {
		const char *kind = zone_metadata_one(t, zone, "SOA-EDIT");
		if (kind[0] != '\0')
			(void)soa_edit_told(
				kind, zone->serial, (int64_t)time(NULL), &m.edited_serial);
	}
	zone_write_begin(&r->out, &m);
	zone_write_end(&r->out, &m);
	if (note.w->len > 0)
		json_text(&r->out, note.w->text, note.w->len);
	json_close_object(&r->out);
	list->n++;
}

/* @return whether there are more of them */
static bool
list_stored(struct api_request *r, struct zone_list *list)
{
	struct store_txn *t = NULL;
	struct store_zone zone;
	int ret = store_read(r->context->store, &t);

	for (unsigned i = 0; i < PIECE_ZONES && ret == 0; i++) {
		if (list->limit > 0 && list->n >= list->limit)
			break;
		ret = store_zone_next(t, list->begun ? list->after : NULL, &zone);
		if (ret != 0)
			break;
		list->begun = true;
		memset(list->after, 0, sizeof list->after);
		memcpy(list->after, zone.apex, name_octets(zone.apex));
		write_stored(r, list, t, &zone);
	}
	store_end(t);
	r->out.failed |= ret != 0 && ret != -ENOENT;
	return ret == 0;
}

static void
list_entry(void *arg, const struct zone_entry *e)
{
	struct api_request *r = arg;
	struct zone_list *list = r->owned;
	struct zone_members m;

	if (e->home == ZONE_HOME_STORE || !access_zone_seen(r, e->apex))
		return;
	zone_members_of_entry(&m, e);
	m.dnssec = list->dnssec;
	zone_write_begin(&r->out, &m);
	zone_write_end(&r->out, &m);
	zone_write_state(&r->out, e, false, NULL);
	json_close_object(&r->out);
	list->n++;
}

static bool
list_more(struct api_request *r)
{
	struct zone_list *list = r->owned;

	if (list->in_store) {
		list->in_store = list_stored(r, list);
		return !r->out.failed;
	}
	if (zone_manager_visit_some(r->context->zones, &list->cursor, PIECE_ZONES, list_entry, r))
		return true;
	json_close_array(&r->out);
	return false;
}

/* One page: zones of the store in canonical order, then the others. */
static void
list_page(struct api_request *r, struct zone_list *list)
{
	bool more = true;

	while (more && list->n < list->limit && !r->out.failed) {
		if (list->in_store)
			list->in_store = list_stored(r, list);
		else
			more = zone_manager_visit_some(
				r->context->zones, &list->cursor, 1, list_entry, r);
	}
	json_close_array(&r->out);
	if (!more)
		return;
	if (list->in_store) {
		char id[ZONE_ID_OCTETS];
		zone_id_from_wire(id, list->after);
		api_request_header(r, "X-Millrace-Cursor", "s:%s", id);
	} else {
		api_request_header(r, "X-Millrace-Cursor", "m:%u", list->cursor);
	}
}

/* `limit` and `cursor`. @return 0, or -1: the error is the answer */
static int
ask_page(struct api_request *r, struct zone_list *list)
{
	char text[ZONE_ID_OCTETS];
	char *end;
	int found;

	if (!api_request_extensions(r))
		return 0;
	found = api_request_query(r, "limit", text, sizeof text);
	if (found <= 0)
		return found;
	list->limit = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || list->limit == 0 ||
		list->limit > PAGE_ZONES_MAX) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"'limit' must be a number from 1 to %u", PAGE_ZONES_MAX);
		return -1;
	}
	found = api_request_query(r, "cursor", text, sizeof text);
	if (found <= 0)
		return found;
	if (strncmp(text, "s:", 2) == 0 && zone_key_from_id(list->after, text + 2) >= 0) {
		list->begun = true;
		return 0;
	}
	if (strncmp(text, "m:", 2) == 0) {
		list->in_store = false;
		list->cursor = (uint32_t)strtoul(text + 2, &end, 10);
		if (text[2] >= '0' && text[2] <= '9' && *end == '\0')
			return 0;
	}
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
		"'cursor' must be what X-Millrace-Cursor of the page before said");
	return -1;
}

static void
list_one(struct api_request *r, struct zone_list *list, const uint8_t *apex)
{
	struct store_txn *t = NULL;
	struct store_zone zone;
	struct zone_at at = {0};
	int ret = 0;

	if (r->context->store != NULL)
		ret = store_read(r->context->store, &t);
	if (ret == 0)
		ret = zone_locate(r->context, t, apex, &at, &zone);
	if (ret != 0)
		api_answer_store_error(r, ret);
	else if (at.place == ZONE_IN_STORE)
		write_stored(r, list, t, &zone);
	else if (at.place != ZONE_NOWHERE)
		zone_manager_visit(r->context->zones, apex, list_entry, r);
	store_end(t);
	free(at.path);
	if (ret == 0)
		json_close_array(&r->out);
}

void
api_zones_list(struct api_request *r)
{
	struct zone_list *list = calloc(1, sizeof *list);
	char name[ZONE_ID_OCTETS];
	uint8_t apex[ZONE_WIRE_OCTETS];
	int found;

	if (list == NULL) {
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
		return;
	}
	list->dnssec = true;
	list->in_store = r->context->store != NULL;
	r->owned = list;
	r->forget = forget_list;
	found = api_request_query(r, "zone", name, sizeof name);
	if (found < 0 || api_request_query_bool(r, "dnssec", &list->dnssec) != 0 ||
		ask_page(r, list) != 0)
		return;
	if (found > 0 && zone_key_from_text(apex, name) < 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Unable to parse zone name '%.300s'", name);
		return;
	}
	json_open_array(&r->out, NULL);
	if (found > 0)
		list_one(r, list, apex);
	else if (list->limit > 0)
		list_page(r, list);
	else
		r->more = list_more;
}

/* --- reloads --- */

static void
write_errors(struct json_writer *w, const struct zone_report *report)
{
	json_open_array(w, "errors");
	for (size_t i = 0; report != NULL && i < report->n; i++)
		if (report->finding[i].severity == ZONE_ERROR && report->finding[i].text != NULL)
			json_str(w, NULL, report->finding[i].text);
	json_close_array(w);
}

static void
tell_reloaded(void *arg, const struct zone_entry *e)
{
	struct api_request *r = arg;
	char text[ZONE_TEXT_OCTETS], line[ZONE_TEXT_OCTETS + 100];

	zone_text_from_key(text, e->apex);
	if (e->report != NULL && e->report->n_errors > 0) {
		r->status = MHD_HTTP_UNPROCESSABLE_CONTENT;
		snprintf(line, sizeof line, "Zone %s was refused; %s", text,
			e->serving ? "the version before goes on being served"
				   : "it answers SERVFAIL");
		json_open_object(&r->out, NULL);
		json_str(&r->out, "error", line);
		write_errors(&r->out, e->report);
		json_close_object(&r->out);
		return;
	}
	snprintf(line, sizeof line, "Zone %s loaded", text);
	json_open_object(&r->out, NULL);
	json_str(&r->out, "result", line);
	json_uint(&r->out, "serial", e->serial);
	zone_write_state(&r->out, e, true, NULL);
	json_close_object(&r->out);
}

static void
zone_reloaded(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];

	if (api_request_zone(r, apex) == 0 &&
		!zone_manager_visit(r->context->zones, apex, tell_reloaded, r))
		api_answer_no_zone(r, apex);
}

static void
answer_accepted(struct api_request *r)
{
	r->status = MHD_HTTP_ACCEPTED;
	json_open_object(&r->out, NULL);
	json_str(&r->out, "result", "Reload requested");
	json_close_object(&r->out);
}

void
api_zone_reload(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	bool wait = true;
	uint64_t ticket;
	int ret;

	if (api_request_zone(r, apex) != 0 || api_request_query_bool(r, "wait", &wait) != 0)
		return;
	ret = zone_manager_reload_zone(r->context->zones, apex, &ticket);
	if (ret == -ENOENT)
		api_answer_no_zone(r, apex);
	else if (ret != 0)
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
	else if (wait)
		api_request_wait(r, true, ticket, zone_reloaded);
	else
		answer_accepted(r);
}

struct refused {
	struct json_writer *out;
	unsigned n;
};

static void
list_refused(void *arg, const struct zone_entry *e)
{
	struct refused *list = arg;
	char text[ZONE_TEXT_OCTETS];

	if (e->state != ZONE_FAILED || list->n == REFUSED_MAX)
		return;
	list->n++;
	zone_text_from_key(text, e->apex);
	json_open_object(list->out, NULL);
	json_str(list->out, "name", text);
	json_bool(list->out, "serving", e->serving);
	write_errors(list->out, e->report);
	json_close_object(list->out);
}

void
api_write_reload(struct api_request *r)
{
	struct refused list = {.out = &r->out};
	struct zone_manager_status s;
	uint32_t cursor = 0;

	zone_manager_status(r->context->zones, &s);
	json_uint(&r->out, "zones", s.n_zones);
	json_uint(&r->out, "added", s.scan.added);
	json_uint(&r->out, "removed", s.scan.removed);
	json_uint(&r->out, "reloaded", s.scan.reloaded);
	json_uint(&r->out, "unchanged", s.scan.unchanged);
	json_uint(&r->out, "file_errors", s.scan.file_errors);
	json_uint(&r->out, "failed", s.n_state[ZONE_FAILED]);
	json_open_array(&r->out, "refused");
	while (s.n_state[ZONE_FAILED] > 0 && zone_manager_visit_some(r->context->zones, &cursor,
						     PIECE_ZONES, list_refused, &list))
		;
	json_close_array(&r->out);
}

static void
all_reloaded(struct api_request *r)
{
	struct zone_manager_status s;

	zone_manager_status(r->context->zones, &s);
	json_open_object(&r->out, NULL);
	json_str(&r->out, "result",
		s.n_state[ZONE_FAILED] == 0 ? "Reloaded" : "Reloaded, with refused zones");
	api_write_reload(r);
	json_close_object(&r->out);
}

void
api_reload(struct api_request *r)
{
	bool force = false, wait = true;
	uint64_t ticket;

	if (api_request_query_bool(r, "force", &force) != 0 ||
		api_request_query_bool(r, "wait", &wait) != 0)
		return;
	if (zone_manager_reload_all(r->context->zones, force, &ticket) != 0)
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
	else if (wait)
		api_request_wait(r, false, ticket, all_reloaded);
	else
		answer_accepted(r);
}
