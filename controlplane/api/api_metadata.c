/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_metadata: domain metadata of zones of the store, as PowerDNS's API has it. */
#include "controlplane/api/access_private.h"
#include "controlplane/api/api_store.h"
#include "controlplane/api/metadata_kind.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AUDIT_ROW_OCTETS 65536u
#define KIND_SHOWN 100 /* octets of a client's kind in a message */

static void
write_metadata(struct json_writer *w, const char *kind, const char *const *value, size_t n)
{
	json_open_object(w, NULL);
	json_str(w, "kind", kind);
	json_open_array(w, "metadata");
	for (size_t i = 0; i < n; i++)
		json_str(w, NULL, value[i]);
	json_close_array(w);
	json_str(w, "type", "Metadata");
	json_close_object(w);
}

static bool
kind_reachable(struct api_request *r, const char *kind, bool change)
{
	if (metadata_kind_reachable(kind, change))
		return true;
	api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT, "Unsupported metadata kind '%.*s'",
		KIND_SHOWN, kind);
	return false;
}

/* --- reading --- */

static int
list_kind(void *arg, const struct backend_metadata *m)
{
	write_metadata(arg, m->kind, m->value, m->n);
	return 0;
}

void
api_metadata_list(struct api_request *r)
{
	struct store_txn *t = api_store_read(r);
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct store_zone zone;
	enum api_zone_home home;
	int ret = 0;

	if (t == NULL)
		return;
	home = api_store_zone(r, t, apex, &zone);
	if (home != API_ZONE_NOWHERE) {
		json_open_array(&r->out, NULL);
		if (home == API_ZONE_STORED)
			ret = store_metadata_each(t, &zone, list_kind, &r->out);
		json_close_array(&r->out);
	}
	store_end(t);
	if (ret != 0)
		api_answer_store_error(r, ret);
}

void
api_metadata_get(struct api_request *r)
{
	const char *kind = r->match.param[1], **value = NULL;
	struct store_txn *t = api_store_read(r);
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct store_zone zone;
	enum api_zone_home home;
	size_t n = 0;
	int ret = -ENOENT;

	if (t == NULL)
		return;
	home = api_store_zone(r, t, apex, &zone);
	if (home != API_ZONE_NOWHERE && kind_reachable(r, kind, false)) {
		if (home == API_ZONE_STORED)
			ret = store_metadata_get(t, &zone, kind, &value, &n);
		if (ret == 0 || ret == -ENOENT)
			write_metadata(&r->out, kind, value, ret == 0 ? n : 0);
		else
			api_answer_store_error(r, ret);
	}
	free(value);
	store_end(t);
}

/* --- changing --- */

struct metadata_job {
	struct api_job base;
	uint8_t apex[ZONE_WIRE_OCTETS];
	char kind[METADATA_KIND_OCTETS];
	bool add;             /* to those that there are */
	json_t *given;        /* strings; NULL: none */
	json_t *before, *now; /* what there is, and then; of the last try */
};

static void
free_metadata_job(struct api_job *base)
{
	struct metadata_job *j = (struct metadata_job *)base;

	json_decref(j->given);
	json_decref(j->before);
	json_decref(j->now);
}

static bool
holds(const json_t *array, const char *text)
{
	const json_t *value;
	size_t i;

	json_array_foreach(
		array, i, value) if (strcmp(json_string_value(value), text) == 0) return true;
	return false;
}

static int
append(json_t *array, const char *text)
{
	return holds(array, text) ? 0 : json_array_append_new(array, json_string(text));
}

/* What the kind is, into j->before, and what it is to be, into j->now. */
static int
collect(struct metadata_job *j, struct store_txn *t, const struct store_zone *zone)
{
	const char **value = NULL;
	const json_t *one;
	size_t i, n = 0;
	int ret = store_metadata_get(t, zone, j->kind, &value, &n);

	if (ret != 0 && ret != -ENOENT)
		return ret;
	json_decref(j->before);
	json_decref(j->now);
	j->before = json_array();
	j->now = json_array();
	ret = j->before == NULL || j->now == NULL ? -ENOMEM : 0;
	for (i = 0; i < n && ret == 0; i++)
		if (json_array_append_new(j->before, json_string(value[i])) != 0 ||
			(j->add && append(j->now, value[i]) != 0))
			ret = -ENOMEM;
	free(value);
	if (ret != 0)
		return ret;
	json_array_foreach(
		j->given, i, one) if (append(j->now, json_string_value(one)) != 0) return -ENOMEM;
	return 0;
}

/* In the transaction of the change, as that of records. Very long values are only counted. */
static int
tell(const struct metadata_job *j, struct store_txn *t)
{
	char name[ZONE_TEXT_OCTETS], *text;
	json_t *row;
	int ret;

	zone_text_from_key(name, j->apex);
	row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:O, s:O}", "action", "metadata", "who",
		j->base.who, "origin", "api", "zone", name, "kind", j->kind, "before", j->before,
		"after", j->now);
	text = row == NULL ? NULL : json_dumps(row, JSON_COMPACT);
	if (text != NULL && strlen(text) > AUDIT_ROW_OCTETS) {
		free(text);
		json_object_set_new(
			row, "before", json_integer((json_int_t)json_array_size(j->before)));
		json_object_set_new(
			row, "after", json_integer((json_int_t)json_array_size(j->now)));
		text = json_dumps(row, JSON_COMPACT);
	}
	ret = text == NULL ? -ENOMEM : store_audit_append(t, text);
	free(text);
	json_decref(row);
	return ret;
}

/* Writer's thread. */
static int
apply_metadata(struct change_job *job, struct store_txn *t)
{
	struct metadata_job *j = (struct metadata_job *)job;
	struct store_zone zone;
	const char **value;
	size_t n;
	int ret = store_zone_get(t, j->apex, &zone);

	if (ret == -ENOENT)
		return change_refuse(&job->error, CHANGE_NOT_FOUND, "The zone has just gone");
	if (ret == 0)
		ret = collect(j, t, &zone);
	if (ret != 0)
		return ret;
	n = json_array_size(j->now);
	if (!metadata_count_fits(j->kind, n))
		return change_refuse(&job->error, CHANGE_INVALID,
			"Metadata kind '%s' cannot have %zu values", j->kind, n);
	value = calloc(n > 0 ? n : 1, sizeof *value);
	if (value == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		value[i] = json_string_value(json_array_get(j->now, i));
	ret = store_metadata_set(t, &zone, j->kind, value, n);
	free(value);
	return ret != 0 ? ret : tell(j, t);
}

/* The array "metadata" of a body, all of it good for this kind. @return a new reference, or NULL:
 * the answer is 422 */
static json_t *
take_values(struct api_request *r, const json_t *body, const char *kind)
{
	json_t *array = json_object_get(body, "metadata");
	const json_t *value;
	const char *right;
	size_t i;

	if (!json_is_array(array)) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"metadata is not specified or not an array");
		return NULL;
	}
	/* before each is compared with each */
	if (json_array_size(array) > METADATA_VALUES_MAX) {
		api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
			"Metadata kind '%s' cannot have %zu values", kind, json_array_size(array));
		return NULL;
	}
	json_array_foreach(array, i, value)
	{
		const char *text = json_string_value(value);
		if (text == NULL) {
			api_request_error(
				r, MHD_HTTP_UNPROCESSABLE_CONTENT, "metadata must be strings");
			return NULL;
		}
		if (!metadata_value_fits(kind, text, &right)) {
			api_request_error(r, MHD_HTTP_UNPROCESSABLE_CONTENT,
				"Metadata kind '%s': '%.200s' is not valid; it must be %s", kind,
				text, right);
			return NULL;
		}
	}
	return json_incref(array);
}

static struct metadata_job *
new_job(struct api_request *r, const uint8_t *apex, const char *kind)
{
	struct metadata_job *j = api_job_new(r, sizeof *j, free_metadata_job);

	if (j == NULL)
		return NULL;
	memcpy(j->apex, apex, sizeof j->apex);
	memcpy(j->kind, kind, strnlen(kind, sizeof j->kind - 1)); /* a reachable one fits */
	return j;
}

static void
metadata_added(struct api_request *r)
{
	struct metadata_job *j = api_job_of(r);
	const json_t *value;
	size_t i;

	if (j == NULL)
		return;
	r->audited = true;
	json_open_object(&r->out, NULL);
	json_str(&r->out, "kind", j->kind);
	json_open_array(&r->out, "metadata");
	json_array_foreach(j->now, i, value) json_str(&r->out, NULL, json_string_value(value));
	json_close_array(&r->out);
	json_str(&r->out, "type", "Metadata");
	json_close_object(&r->out);
	if (j->add)
		r->status = MHD_HTTP_CREATED;
}

static void
change_kind(
	struct api_request *r, const uint8_t *apex, const char *kind, const json_t *body, bool more)
{
	struct metadata_job *j;
	json_t *values;

	if (!kind_reachable(r, kind, true))
		return;
	values = take_values(r, body, kind);
	if (values == NULL)
		return;
	j = new_job(r, apex, kind);
	if (j == NULL) {
		json_decref(values);
		return;
	}
	j->given = values;
	j->add = more;
	api_job_run(r, apply_metadata, metadata_added);
}

void
api_metadata_add(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	json_t *body;
	const char *kind;

	if (!api_store_zone_only(r, apex, "metadata"))
		return;
	body = api_request_json(r);
	if (body == NULL)
		return;
	kind = json_string_value(json_object_get(body, "kind"));
	if (kind == NULL)
		api_request_error(
			r, MHD_HTTP_UNPROCESSABLE_CONTENT, "kind is not specified or not a string");
	else
		change_kind(r, apex, kind, body, true);
	json_decref(body);
}

void
api_metadata_set(struct api_request *r)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	json_t *body;

	if (!api_store_zone_only(r, apex, "metadata"))
		return;
	body = api_request_json(r);
	if (body == NULL)
		return;
	change_kind(r, apex, r->match.param[1], body, false);
	json_decref(body);
}

static void
metadata_removed(struct api_request *r)
{
	if (api_job_of(r) == NULL)
		return;
	r->audited = true;
	api_request_done(r);
}

void
api_metadata_remove(struct api_request *r)
{
	const char *kind = r->match.param[1];
	uint8_t apex[ZONE_WIRE_OCTETS];

	if (api_store_zone_only(r, apex, "metadata") && kind_reachable(r, kind, true) &&
		new_job(r, apex, kind) != NULL)
		api_job_run(r, apply_metadata, metadata_removed);
}
