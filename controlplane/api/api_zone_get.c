/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_zone_get: one zone with its RRsets, or as a zone file. From the store it is written while it
 * is sent; a zone from elsewhere is read by another thread and then sent. */
#include "controlplane/api/api_store.h"
#include "controlplane/api/access.h"
#include "controlplane/api/api_worker.h"
#include "controlplane/api/zone_read.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <libknot/descriptor.h>

#define FIRST_OCTETS (128u << 10) /* an answer of up to this is sent with its length */
#define PIECE_OCTETS (48u << 10)
#define OTHER_OCTETS_MAX (512u << 20) /* of a zone that is written before it is sent */

enum shape { AS_JSON, AS_LINES, AS_LINES_IN_JSON };

struct zone_answer {
	struct api_request *r;
	enum shape shape;
	bool rrsets;
	struct rrset_view view;
	uint8_t apex[ZONE_WIRE_OCTETS], name[ZONE_WIRE_OCTETS];
	uint64_t id;             /* of a zone of the store */
	struct json_writer tail; /* what follows the RRsets */
	/* a zone file begins with the SOA: lines that come before are held back */
	struct json_writer early;
	bool soa_done;
	/* of the store */
	struct zone_walk walk;
	bool walking;
	/* of a file or a backend */
	struct api_work work;
	struct backend_job job;
	char *path;
	uint32_t default_ttl;
	struct json_writer out;
	uint32_t serial; /* that was served before its records were read: its entity tag */
	bool tagged;
	int error;
	char why[BACKEND_ERROR_OCTETS];
};

static void
forget_answer(void *arg)
{
	struct zone_answer *a = arg;

	if (a->walking)
		zone_walk_end(&a->walk);
	json_free(&a->tail);
	json_free(&a->early);
	json_free(&a->out);
	free(a->view.text);
	free(a->path);
	free(a);
}

/* 0, or -1: the error is the answer. */
static int
ask_flag(struct api_request *r, const char *name, bool *value)
{
	char text[16];
	int found = api_request_query(r, name, text, sizeof text);

	if (found <= 0)
		return found;
	if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || text[0] == '\0')
		*value = true;
	else if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
		*value = false;
	else
		return api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			       "'%s' request parameter value '%s' is not supported", name, text),
		       -1;
	return 0;
}

/* rrset_name and rrset_type. An unknown type is none that a zone could have. */
static int
ask_view(struct api_request *r, struct zone_answer *a)
{
	char name[ZONE_TEXT_OCTETS], type[32];
	bool disabled = true;
	int has_name = api_request_query(r, "rrset_name", name, sizeof name);
	int has_type = api_request_query(r, "rrset_type", type, sizeof type);

	if (has_name < 0 || has_type < 0 || ask_flag(r, "include_disabled", &disabled) != 0)
		return -1;
	a->view.no_disabled = !disabled;
	if (has_name > 0) {
		if (zone_wire_from_text(a->name, name) < 0) {
			api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
				"Unable to parse DNS Name '%.300s'", name);
			return -1;
		}
		a->view.name = a->name;
	}
	if (has_type > 0 && rrtype_from_text(type, &a->view.type) != 0) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"'rrset_type' request parameter value '%.32s' is no type of records", type);
		return -1;
	}
	return 0;
}

static struct zone_answer *
new_answer(struct api_request *r, enum shape shape)
{
	struct zone_answer *a = calloc(1, sizeof *a);

	if (a != NULL)
		a->view.text = malloc(RRSET_TEXT_OCTETS);
	if (a == NULL || a->view.text == NULL) {
		free(a);
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
		return NULL;
	}
	a->r = r;
	a->shape = shape;
	a->rrsets = true;
	a->default_ttl = r->config->zones.default_ttl;
	r->owned = a;
	r->forget = forget_answer;
	return a;
}

/* --- what surrounds the RRsets --- */

static void
write_head(struct json_writer *w, const struct zone_answer *a, const struct zone_members *m)
{
	switch (a->shape) {
	case AS_JSON:
		zone_write_begin(w, m);
		if (a->rrsets)
			json_open_array(w, "rrsets");
		break;
	case AS_LINES_IN_JSON:
		json_raw(w, "{\"zone\":\"");
		break;
	case AS_LINES:
		break;
	}
}

struct state_note {
	struct json_writer *w;
	const struct transfer_status *transfer;
};

static void
note_state(void *arg, const struct zone_entry *e)
{
	const struct state_note *note = arg;

	zone_write_state(note->w, e, true, note->transfer);
}

/* @param m  NULL: not as JSON */
static void
write_tail(struct zone_answer *a, const struct zone_members *m)
{
	const struct api_context *context = a->r->context;
	struct json_writer *w = &a->tail;
	struct state_note note = {.w = w};
	struct transfer_status transfer;

	if (a->shape == AS_LINES_IN_JSON)
		json_raw(w, "\"}");
	if (a->shape != AS_JSON)
		return;
	w->comma = true; /* goes on in an object that has members */
	zone_write_end(w, m);
	if (context->transfers != NULL && a->id != 0 &&
		transfer_status_of(context->transfers, a->apex, a->id, &transfer))
		note.transfer = &transfer;
	zone_manager_visit(context->zones, a->apex, note_state, &note);
	json_close_object(w);
}

static void
flush_early(struct json_writer *w, struct zone_answer *a)
{
	if (a->early.len > 0)
		json_text(w, a->early.text, a->early.len);
	w->failed |= a->early.failed;
	json_free(&a->early);
	a->soa_done = true;
}

static void
write_lines(struct json_writer *w, struct zone_answer *a, const struct backend_rrset *set)
{
	bool json = a->shape == AS_LINES_IN_JSON;

	if (!a->soa_done && set->type < KNOT_RRTYPE_SOA &&
		name_octets(set->owner) == name_octets(zone_key_apex(a->apex))) {
		rrset_write_lines(&a->early, &a->view, set, json);
		return;
	}
	if (!a->soa_done && set->type != KNOT_RRTYPE_SOA)
		flush_early(w, a);
	rrset_write_lines(w, &a->view, set, json);
	if (!a->soa_done)
		flush_early(w, a);
}

static void
write_rrset(struct json_writer *w, struct zone_answer *a, const struct backend_rrset *set)
{
	/* a token of some records is shown those, whatever it asks for */
	if (!rrset_is_seen(&a->view, set) ||
		!access_rrset_seen(a->r, a->apex, set->owner, set->type))
		return;
	if (a->shape == AS_JSON)
		rrset_write_json(w, NULL, &a->view, set);
	else
		write_lines(w, a, set);
}

static void
append_tail(struct json_writer *w, struct zone_answer *a)
{
	if (a->shape == AS_JSON && a->rrsets)
		json_close_array(w);
	flush_early(w, a);
	if (a->tail.len > 0)
		json_text(w, a->tail.text, a->tail.len);
	w->failed |= a->tail.failed;
}

static void
set_type_of_content(struct api_request *r, enum shape shape)
{
	if (shape == AS_LINES)
		r->content_type = "text/plain; charset=us-ascii";
}

/* --- from the store --- */

/* Write RRsets until there are so many octets. @return whether there may be more */
static bool
write_some(struct api_request *r, struct zone_answer *a, size_t octets)
{
	struct backend_rrset set;
	int ret = 0;

	while (r->out.len < octets && ret == 0 && !r->out.failed) {
		ret = zone_walk_next(&a->walk, &set);
		if (ret == 0)
			write_rrset(&r->out, a, &set);
	}
	if (ret == 0)
		return true;
	if (ret == -ENOENT)
		append_tail(&r->out, a);
	else
		r->out.failed = true; /* cut off, so that nobody takes it for all of it */
	return false;
}

static bool
zone_more(struct api_request *r)
{
	struct zone_answer *a = r->owned;

	if (zone_walk_refresh(&a->walk) != 0) {
		r->out.failed = true;
		return false;
	}
	return write_some(r, a, PIECE_OCTETS);
}

static void
fill_metadata(struct zone_members *m, struct store_txn *t, const struct store_zone *zone)
{
	m->soa_edit = zone_metadata_one(t, zone, "SOA-EDIT");
	m->soa_edit_api = zone_metadata_one(t, zone, "SOA-EDIT-API");
	m->rectify = strcmp(zone_metadata_one(t, zone, "API-RECTIFY"), "1") == 0;
	if (m->soa_edit[0] != '\0')
		(void)soa_edit_told(
			m->soa_edit, zone->serial, (int64_t)time(NULL), &m->edited_serial);
	/* one document shows them, so a failure shows none */
	if (store_metadata_get(t, zone, "TSIG-ALLOW-AXFR", (const char ***)&m->primary_tsig,
		    &m->n_primary_tsig) != 0)
		m->n_primary_tsig = 0;
	if (store_metadata_get(t, zone, "AXFR-MASTER-TSIG", (const char ***)&m->secondary_tsig,
		    &m->n_secondary_tsig) != 0)
		m->n_secondary_tsig = 0;
}

static void
drop_metadata(struct zone_members *m)
{
	free((void *)m->primary_tsig);
	free((void *)m->secondary_tsig);
}

/* @param t  taken over */
static void
answer_from_store(struct api_request *r, struct zone_answer *a, struct store_txn *t,
	const struct store_zone *zone, bool counted)
{
	char tag[ZONE_TAG_OCTETS];
	struct zone_members m;
	int ret;

	a->id = zone->id;
	zone_members_of_store(&m, zone);
	m.dnssec = m.detail = true;
	m.counted = counted;
	fill_metadata(&m, t, zone);
	write_head(&r->out, a, &m);
	write_tail(a, &m);
	drop_metadata(&m);
	if (api_request_extensions(r) && zone_tag(t, zone, tag) == 0)
		api_request_header(r, MHD_HTTP_HEADER_ETAG, "%s", tag);
	if (!a->rrsets) {
		append_tail(&r->out, a);
		store_end(t);
		return;
	}
	ret = zone_walk_begin(&a->walk, r->context->store, t, zone, a->view.name);
	a->walking = ret == 0;
	if (ret != 0)
		api_answer_store_error(r, ret);
	else if (write_some(r, a, FIRST_OCTETS))
		r->more = zone_more;
	else if (a->walking && r->out.failed)
		api_answer_store_error(r, -EIO);
}

/* --- from elsewhere --- */

static int
take_rrset(void *arg, const struct backend_rrset *set)
{
	struct zone_answer *a = arg;

	write_rrset(&a->out, a, set);
	if (a->out.failed)
		return -ENOMEM;
	return a->out.len > OTHER_OCTETS_MAX ? -EFBIG : 0;
}

static void
read_file(struct api_work *work, bool stopping)
{
	struct zone_answer *a =
		(struct zone_answer *)((char *)work - offsetof(struct zone_answer, work));

	a->error =
		stopping ? -ECANCELED
			 : zone_read_file(a->path, a->apex, a->default_ttl, take_rrset, a, a->why);
	api_request_resume(a->r);
}

static int
read_backend(struct backend_job *job, const struct backend_api *api, void *instance)
{
	struct zone_answer *a =
		(struct zone_answer *)((char *)job - offsetof(struct zone_answer, job));

	int ret = -ENOTSUP;

	if (instance == NULL || api->stream == NULL)
		snprintf(a->why, sizeof a->why, "its backend cannot list its records now");
	else
		ret = api->stream(instance, a->apex, take_rrset, a, a->why);
	a->error = ret;
	api_request_resume(a->r); /* ends with `a`, perhaps at once */
	return ret == -EFBIG ? 0 : ret;
}

static void
start_file(struct api_request *r)
{
	struct zone_answer *a = r->owned;

	int ret;

	a->work.run = read_file;
	ret = api_worker_submit(r->context->worker, &a->work);
	if (ret == 0)
		return; /* it may be done already, and `a` gone */
	a->error = ret;
	snprintf(a->why, sizeof a->why, "too many zones are being read; ask again");
	api_request_resume(r);
}

static void
start_backend(struct api_request *r)
{
	struct zone_answer *a = r->owned;

	int ret;

	a->job.run = read_backend;
	ret = backends_submit_asked(r->context->backends, (unsigned)r->ticket, &a->job);
	if (ret == 0)
		return;
	a->error = ret;
	snprintf(a->why, sizeof a->why, "its backend has too much to do; ask again");
	api_request_resume(r);
}

static void
note_members(void *arg, const struct zone_entry *e)
{
	struct zone_answer *a = arg;
	struct zone_members m;

	zone_members_of_entry(&m, e);
	m.dnssec = m.detail = true;
	m.counted = a->r->flag;
	write_head(&a->r->out, a, &m);
	if (a->shape != AS_JSON)
		return;
	a->tail.comma = true;
	zone_write_end(&a->tail, &m);
	zone_write_state(&a->tail, e, true, NULL);
	json_close_object(&a->tail);
}

/* Is it worth while to ask again? */
static bool
is_passing(int error)
{
	return error == -EBUSY || error == -ECANCELED || error == -EAGAIN || error == -ENOTSUP ||
	       error == -ECONNREFUSED || error == -ETIMEDOUT;
}

/* The worker is done, or nothing was to be read. */
static void
finish_other(struct api_request *r)
{
	struct zone_answer *a = r->owned;

	/* never as a zone without them: for most clients what is not there is empty, and they would
	 * write all of it anew, or less */
	if (a->error != 0) {
		api_request_error(r,
			is_passing(a->error) ? MHD_HTTP_SERVICE_UNAVAILABLE
					     : MHD_HTTP_INTERNAL_SERVER_ERROR,
			"The zone's records cannot be read: %s",
			a->error == -EFBIG ? "there are too many to be sent at once" : a->why);
		return;
	}
	if (!zone_manager_visit(r->context->zones, a->apex, note_members, a)) {
		api_answer_no_zone(r, a->apex);
		return;
	}
	if (a->tagged && a->rrsets && api_request_extensions(r))
		api_request_header(r, MHD_HTTP_HEADER_ETAG, "\"%u\"", a->serial);
	if (a->shape == AS_LINES_IN_JSON)
		json_raw(&a->tail, "\"}");
	if (a->out.len > 0) {
		if (r->out.len == 0) { /* lines: they are the answer */
			json_free(&r->out);
			r->out = a->out;
			a->out = (struct json_writer){0};
		} else {
			json_text(&r->out, a->out.text, a->out.len);
		}
	}
	append_tail(&r->out, a);
}

static void
note_serial(void *arg, const struct zone_entry *e)
{
	struct zone_answer *a = arg;

	a->serial = e->serial;
	a->tagged = a->shape == AS_JSON;
}

static void
answer_from_elsewhere(struct api_request *r, struct zone_answer *a, struct zone_at *at)
{
	/* before they are read: newer records with an older tag are refused, not the other way */
	zone_manager_visit(r->context->zones, a->apex, note_serial, a);
	a->path = at->path;
	at->path = NULL;
	if (!a->rrsets) {
		finish_other(r);
	} else if (at->place == ZONE_IN_FILE) {
		api_request_wait_for(r, start_file, finish_other);
	} else {
		r->ticket = at->instance;
		api_request_wait_for(r, start_backend, finish_other);
	}
}

/* --- handlers --- */

static void
answer_zone(struct api_request *r, struct zone_answer *a, bool counted)
{
	struct zone_at at;
	struct store_txn *t;
	struct store_zone zone;

	r->flag = counted;
	if (zone_locate_for(r, a->apex, &at, &t, &zone) == 0) {
		set_type_of_content(r, a->shape);
		if (at.place == ZONE_IN_STORE) {
			answer_from_store(r, a, t, &zone, counted);
			t = NULL;
		} else {
			answer_from_elsewhere(r, a, &at);
		}
	}
	free(at.path);
	store_end(t);
}

void
api_zone_get(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct zone_answer *a;
	bool counted = false;

	if (api_request_zone(r, apex) != 0 || !access_zone(r, apex))
		return;
	a = new_answer(r, AS_JSON);
	if (a == NULL)
		return;
	memcpy(a->apex, apex, sizeof apex);
	if (ask_flag(r, "rrsets", &a->rrsets) != 0 || ask_flag(r, "record_count", &counted) != 0 ||
		ask_view(r, a) != 0)
		return;
	answer_zone(r, a, counted);
}

void
api_zone_show_created(struct api_request *r, const uint8_t *apex)
{
	struct zone_answer *a = new_answer(r, AS_JSON);

	if (a == NULL)
		return;
	memcpy(a->apex, apex, sizeof a->apex);
	if (ask_flag(r, "rrsets", &a->rrsets) == 0)
		answer_zone(r, a, false);
}

void
api_zone_export(struct api_request *r)
{
	const char *accept =
		MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct zone_answer *a;

	if (api_request_zone(r, apex) != 0 || !access_zone(r, apex))
		return;
	a = new_answer(r, accept != NULL && strstr(accept, "application/json") != NULL
				  ? AS_LINES_IN_JSON
				  : AS_LINES);
	if (a == NULL)
		return;
	memcpy(a->apex, apex, sizeof apex);
	a->view.no_disabled = true;
	answer_zone(r, a, false);
}
