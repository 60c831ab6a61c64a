/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_audit: who did what. Changes of records are told by whoever makes them, in their transaction
 * (controlplane/changes), and tokens by theirs; every other request that is no question gets a row
 * here when it was answered, whatever came of it. */
#include "config/log.h"
#include "controlplane/api/access_private.h"
#include "controlplane/api/api_private.h"
#include "controlplane/api/json_body.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS_A_PIECE 1000u /* looked at, before it is other requests' turn */
#define PIECE_OCTETS 65536u
#define AUDIT_TIME_MAX (INT64_MAX / 1000 - 1) /* seconds, of which milliseconds can be made */
#define LIMIT 100u
#define LIMIT_MAX 100000u

/* --- writing --- */

struct audit_job {
	struct change_job job; /* first */
	char text[];
};

static int
apply(struct change_job *job, struct store_txn *t)
{
	return store_audit_append(t, ((struct audit_job *)job)->text);
}

static void
done(struct change_job *job, int result)
{
	if (result != 0)
		log_error("audit: %s: %s", strerror(-result), ((struct audit_job *)job)->text);
	free(job);
}

/* Is it told already, with what was before and after? */
static bool
is_told(const struct api_request *r)
{
	return r->audited || (strcmp(r->route->method, "PATCH") == 0 &&
				     strcmp(r->route->pattern, API_BASE "/zones/{zone_id}") == 0 &&
				     r->status < 300);
}

/* A new zone's name is in its body. */
static void
add_zone(json_t *o, const struct api_request *r)
{
	char error[JSON_BODY_ERROR_OCTETS];
	const char *name = NULL;
	json_t *body = NULL;

	if (r->match.n_params > 0 && strstr(r->route->pattern, "/{zone_id}") != NULL) {
		uint8_t apex[ZONE_WIRE_OCTETS];
		char text[ZONE_TEXT_OCTETS];

		if (zone_key_from_id(apex, r->match.param[0]) < 0)
			return;
		zone_text_from_key(text, apex);
		json_object_set_new(o, "zone", json_string(text));
		return;
	}
	if (strcmp(r->route->pattern, API_BASE "/zones") == 0 && r->body_octets > 0)
		body = json_body_load(r->body, r->body_octets, error);
	name = json_string_value(json_object_get(body, "name"));
	if (name != NULL)
		json_object_set_new(o, "zone", json_string(name));
	json_decref(body);
}

static char *
row_of(const struct api_request *r)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1] = "", *text;
	json_t *o;

	if (r->body_octets > 0) {
		SHA256((const unsigned char *)r->body, r->body_octets, digest);
		for (unsigned i = 0; i < sizeof digest; i++)
			sprintf(hex + 2 * i, "%02x", digest[i]);
	}
	o = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "action", "request", "who", access_who(r),
		"source", access_from(r), "method", r->route->method, "path", r->path, "status",
		(int)r->status);
	if (o == NULL)
		return NULL;
	add_zone(o, r);
	if (hex[0] != '\0')
		json_object_set_new(o, "body_sha256", json_string(hex));
	text = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(o);
	return text;
}

void
api_audit_request(const struct api_request *r)
{
	struct changes *changes = r->context->changes;
	struct audit_job *j;
	char *text;
	size_t len;

	/* who was not let in, or found nothing, has done nothing */
	if (r->route == NULL || r->grant == NULL || r->grant->who[0] == '\0' || changes == NULL ||
		r->path == NULL || strcmp(r->route->method, "GET") == 0 || is_told(r))
		return;
	text = row_of(r);
	if (text == NULL)
		return;
	len = strlen(text) + 1;
	j = calloc(1, sizeof *j + len);
	if (j != NULL) {
		memcpy(j->text, text, len);
		j->job.apply = apply;
		j->job.done = done;
		if (changes_submit(changes, &j->job) != 0) {
			log_warning("audit: not written: %s", text);
			free(j);
		}
	}
	free(text);
}

/* --- reading --- */

struct audit_query {
	char zone[ZONE_TEXT_OCTETS], who[ACCESS_WHO_OCTETS]; /* "": whichever */
	int64_t since_ms, until_ms;
	uint64_t before; /* sequence: newest first */
	uint64_t left;   /* entries that are still wanted */
	unsigned looked; /* rows in this piece */
	bool ended;
	struct json_writer *out;
};

static bool
is_wanted(const struct audit_query *q, const json_t *row)
{
	const char *zone = json_string_value(json_object_get(row, "zone"));
	const char *who = json_string_value(json_object_get(row, "who"));

	return (q->zone[0] == '\0' || (zone != NULL && strcasecmp(zone, q->zone) == 0)) &&
	       (q->who[0] == '\0' || (who != NULL && strcmp(who, q->who) == 0));
}

static int
look_at(void *arg, uint64_t sequence, int64_t at_ms, const char *text)
{
	struct audit_query *q = arg;
	json_t *row;

	if (q->left == 0 || ++q->looked > ROWS_A_PIECE || q->out->len > PIECE_OCTETS)
		return 1;
	q->before = sequence;
	if (at_ms < q->since_ms) {
		q->ended = true; /* the rest is older still */
		return 1;
	}
	if (at_ms > q->until_ms)
		return 0;
	row = json_loads(text, 0, NULL);
	if (json_object_size(row) > 0 && is_wanted(q, row)) {
		json_open_object(q->out, NULL);
		json_uint(q->out, "sequence", sequence);
		json_int(q->out, "at_ms", at_ms);
		/* its members, as they are */
		json_raw(q->out, ",");
		json_text(q->out, strchr(text, '{') + 1, strlen(text));
		q->out->comma = true;
		q->left--;
	}
	json_decref(row);
	return 0;
}

static bool
more(struct api_request *r)
{
	struct audit_query *q = r->owned;
	struct store_txn *t;
	int ret = store_read(r->context->store, &t);

	q->out = &r->out;
	q->looked = 0;
	if (ret == 0) {
		ret = store_audit_each(t, q->before, look_at, q);
		store_end(t);
	}
	if (ret < 0 && ret != -ENOENT) {
		r->out.failed = true; /* half a document */
		return false;
	}
	if (ret == 1 && !q->ended && q->left > 0) {
		json_raw(&r->out,
			" "); /* so that this piece is not empty, and others come in between */
		return true;
	}
	json_close_array(&r->out);
	if (ret == 1 && !q->ended)
		json_uint(&r->out, "cursor", q->before);
	else
		json_str(&r->out, "cursor", NULL);
	json_close_object(&r->out);
	return false;
}

/* A number of the query. @return 0, or -1: the error is the answer */
static int
query_number(struct api_request *r, const char *name, uint64_t max, uint64_t *out)
{
	char text[24], *end;
	int found = api_request_query(r, name, text, sizeof text);
	uint64_t value;

	if (found <= 0)
		return found;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' && text[0] != '-' && value <= max)
		return *out = value, 0;
	api_request_error(r, MHD_HTTP_BAD_REQUEST,
		"Query parameter '%s' must be an integer from 0 to %llu", name,
		(unsigned long long)max);
	return -1;
}

static int
query_zone(struct api_request *r, char zone[ZONE_TEXT_OCTETS])
{
	char text[ZONE_TEXT_OCTETS];
	uint8_t apex[ZONE_WIRE_OCTETS];
	int found = api_request_query(r, "zone", text, sizeof text);

	if (found <= 0)
		return found;
	if (zone_key_from_text(apex, text) < 0) {
		api_request_error(r, MHD_HTTP_BAD_REQUEST, "'%.300s' is no zone's name", text);
		return -1;
	}
	zone_text_from_key(zone, apex);
	return 0;
}

void
api_audit(struct api_request *r)
{
	uint64_t limit = LIMIT, since_s = 0, until_s = AUDIT_TIME_MAX, before = UINT64_MAX;
	struct audit_query *q;

	if (!access_is_full(r))
		return;
	if (r->context->store == NULL) {
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "The store is not open");
		return;
	}
	q = calloc(1, sizeof *q);
	if (q == NULL) {
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
		return;
	}
	r->owned = q;
	r->forget = free;
	if (query_zone(r, q->zone) < 0 || api_request_query(r, "who", q->who, sizeof q->who) < 0 ||
		query_number(r, "limit", LIMIT_MAX, &limit) < 0 ||
		query_number(r, "since", AUDIT_TIME_MAX, &since_s) < 0 ||
		query_number(r, "until", AUDIT_TIME_MAX, &until_s) < 0 ||
		query_number(r, "cursor", UINT64_MAX, &before) < 0)
		return;
	q->since_ms = (int64_t)since_s * 1000;
	q->until_ms = (int64_t)until_s * 1000 + 999;
	if (until_s == AUDIT_TIME_MAX)
		q->until_ms = INT64_MAX;
	q->left = limit;
	q->before = before;
	json_open_object(&r->out, NULL);
	json_open_array(&r->out, "entries");
	r->more = more;
}
