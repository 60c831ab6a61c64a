/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_zones: zone objects as PowerDNS writes them, with our state under "millrace"; reloads. */
#include "controlplane/api/request.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#define PIECE_ZONES 256u /* listed under one hold of the manager's lock */
#define REFUSED_MAX 100u /* zones that the answer to a reload of all names */
#define URL_PREFIX API_BASE "/zones/"

static void
write_findings(struct json_writer *w, const struct zone_report *report)
{
	json_open_array(w, "findings");
	for (size_t i = 0; report != NULL && i < report->n; i++) {
		const struct zone_finding *f = &report->finding[i];
		json_open_object(w, NULL);
		json_str(w, "severity", f->severity == ZONE_ERROR ? "error" : "warning");
		json_str(w, "text", f->text == NULL ? "(out of memory)" : f->text);
		json_close_object(w);
	}
	json_close_array(w);
}

static void
write_state(struct json_writer *w, const struct zone_entry *e, bool detail)
{
	json_open_object(w, "millrace");
	json_str(w, "state", zone_state_word[e->state]);
	json_bool(w, "serving", e->serving);
	json_uint(w, "records", e->n_records);
	json_uint(w, "names", e->n_names);
	json_uint(w, "octets", e->octets);
	json_uint(w, "errors", e->report == NULL ? 0 : e->report->n_errors);
	json_uint(w, "warnings", e->report == NULL ? 0 : e->report->n_warnings);
	if (detail) {
		json_str(w, "file", e->path);
		json_open_array(w, "includes");
		for (size_t i = 0; e->includes != NULL && i < e->includes->n; i++)
			json_str(w, NULL, e->includes->item[i].path);
		json_close_array(w);
		json_uint(w, "load_ms", e->load_ms);
		json_uint(w, "loaded_at", e->loaded_at_s);
		write_findings(w, e->report);
	}
	json_close_object(w);
}

static void
write_empty_array(struct json_writer *w, const char *key)
{
	json_open_array(w, key);
	json_close_array(w);
}

/* @param dnssec  also what PowerDNS leaves out for dnssec=false */
static void
write_zone(struct json_writer *w, const struct zone_entry *e, bool dnssec, bool detail)
{
	char text[ZONE_TEXT_OCTETS], url[sizeof URL_PREFIX + ZONE_ID_OCTETS] = URL_PREFIX;
	char *id = url + sizeof URL_PREFIX - 1;

	zone_text_from_wire(text, e->apex);
	zone_id_from_wire(id, e->apex);
	json_open_object(w, NULL);
	json_str(w, "account", "");
	if (detail)
		json_bool(w, "api_rectify", false);
	json_str(w, "catalog", "");
	if (dnssec) {
		json_bool(w, "dnssec", false);
		json_uint(w, "edited_serial", e->serial);
	}
	json_str(w, "id", id);
	json_str(w, "kind", "Native");
	json_uint(w, "last_check", 0);
	if (detail)
		write_empty_array(w, "master_tsig_key_ids");
	write_empty_array(w, "masters");
	json_str(w, "name", text);
	json_uint(w, "notified_serial", 0);
	if (detail) {
		json_bool(w, "nsec3narrow", false);
		json_str(w, "nsec3param", "");
	}
	json_uint(w, "serial", e->serial);
	if (detail) {
		write_empty_array(w, "slave_tsig_key_ids");
		json_str(w, "soa_edit", "");
		json_str(w, "soa_edit_api", "");
	}
	json_str(w, "url", url);
	write_state(w, e, detail);
	json_close_object(w);
}

/* --- list --- */

static void
list_zone(void *arg, const struct zone_entry *e)
{
	struct api_request *r = arg;

	write_zone(&r->out, e, r->flag, false);
}

static bool
list_more(struct api_request *r)
{
	bool more =
		zone_manager_visit_some(r->context->zones, &r->cursor, PIECE_ZONES, list_zone, r);

	if (!more)
		json_close_array(&r->out);
	return more;
}

void
api_zones_list(struct api_request *r)
{
	char name[ZONE_ID_OCTETS];
	uint8_t apex[ZONE_WIRE_OCTETS];
	int found = api_request_query(r, "zone", name, sizeof name);

	r->flag = true;
	if (found < 0 || api_request_query_bool(r, "dnssec", &r->flag) != 0)
		return;
	if (found > 0 && zone_wire_from_text(apex, name) < 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Unable to parse zone name '%.300s'", name);
		return;
	}
	json_open_array(&r->out, NULL);
	if (found == 0) {
		r->more = list_more;
		return;
	}
	zone_manager_visit(r->context->zones, apex, list_zone, r);
	json_close_array(&r->out);
}

/* --- one zone --- */

static void
get_zone(void *arg, const struct zone_entry *e)
{
	struct api_request *r = arg;

	write_zone(&r->out, e, true, true);
}

static void
answer_no_zone(struct api_request *r, const uint8_t *apex)
{
	char text[ZONE_TEXT_OCTETS];

	zone_text_from_wire(text, apex);
	api_request_error(r, MHD_HTTP_NOT_FOUND, "Could not find domain '%s'", text);
}

void
api_zone_get(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];

	if (api_request_zone(r, apex) == 0 &&
		!zone_manager_visit(r->context->zones, apex, get_zone, r))
		answer_no_zone(r, apex);
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

	zone_text_from_wire(text, e->apex);
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
	write_state(&r->out, e, true);
	json_close_object(&r->out);
}

static void
zone_reloaded(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];

	if (api_request_zone(r, apex) == 0 &&
		!zone_manager_visit(r->context->zones, apex, tell_reloaded, r))
		answer_no_zone(r, apex);
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
		answer_no_zone(r, apex);
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
	zone_text_from_wire(text, e->apex);
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
