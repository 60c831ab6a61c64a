/* SPDX-License-Identifier: GPL-3.0-or-later */
/* source_api: a running PowerDNS, by its HTTP API: whatever backend it has. Zones one by one. */
#include "tools/import/import.h"

#include <stdlib.h>
#include <string.h>

#define SERVER "/api/v1/servers/localhost"

struct api {
	struct import *im;
	struct http *http;
	char *error;
};

/* @return a new document; NULL: error is set */
static json_t *
get(struct api *a, const char *path)
{
	struct http_reply reply;
	json_t *answer = NULL;
	const char *said;

	if (http_exchange(a->http, "GET", path, NULL, NULL, &reply) != 0) {
		snprintf(a->error, IMPORT_ERROR_OCTETS, "%s", http_failure(a->http)->text);
	} else if (reply.status == 200 && reply.json != NULL) {
		answer = json_incref(reply.json);
	} else {
		said = json_string_value(json_object_get(reply.json, "error"));
		snprintf(a->error, IMPORT_ERROR_OCTETS, "GET %s: %ld %s%s", path, reply.status,
			said != NULL ? said : "",
			reply.status == 401 ? " (is the key right? --source-key-file)" : "");
	}
	http_reply_free(&reply);
	return answer;
}

static char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return (char *)(uintptr_t)(s != NULL ? s : "");
}

static long
number_of(const json_t *o, const char *key, long fallback)
{
	const json_t *n = json_object_get(o, key);

	return json_is_integer(n) ? (long)json_integer_value(n) : fallback;
}

/* --- a zone --- */

static size_t
count(const json_t *rrsets, const char *member)
{
	size_t n = 0, i;
	json_t *s;

	json_array_foreach(rrsets, i, s) n += json_array_size(json_object_get(s, member));
	return n;
}

static void
take_rrsets(const json_t *rrsets, struct import_zone *z)
{
	size_t i, k;
	json_t *s, *one;

	z->record = calloc(count(rrsets, "records") + 1, sizeof *z->record);
	z->comment = calloc(count(rrsets, "comments") + 1, sizeof *z->comment);
	if (z->record == NULL || z->comment == NULL)
		abort();
	json_array_foreach(rrsets, i, s)
	{
		json_array_foreach(json_object_get(s, "records"), k, one)
			z->record[z->n_records++] = (struct import_record){text_of(s, "name"),
			text_of(s, "type"), text_of(one, "content"), number_of(s, "ttl", -1), -1,
			json_is_true(json_object_get(one, "disabled"))};
		json_array_foreach(json_object_get(s, "comments"), k, one)
			z->comment[z->n_comments++] = (struct import_comment){text_of(s, "name"),
			text_of(s, "type"), text_of(one, "account"), text_of(one, "content"),
			number_of(one, "modified_at", 0)};
	}
}

/* Metadata of the API, and what it tells as members of the zone. */
static void
take_metadata(const json_t *zone, const json_t *kinds, struct import_zone *z)
{
	size_t i, k, n = 4;
	json_t *one, *value;

	json_array_foreach(kinds, i, one) n += json_array_size(json_object_get(one, "metadata"));
	z->metadata = calloc(n, sizeof *z->metadata);
	if (z->metadata == NULL)
		abort();
	json_array_foreach(kinds, i, one) json_array_foreach(json_object_get(one, "metadata"), k,
		value) if (json_is_string(value)) z->metadata[z->n_metadata++] =
		(struct import_metadata){
			text_of(one, "kind"), (char *)(uintptr_t)json_string_value(value)};
	if (text_of(zone, "soa_edit_api")[0] != '\0')
		z->metadata[z->n_metadata++] = (struct import_metadata){
			(char *)"SOA-EDIT-API", text_of(zone, "soa_edit_api")};
	if (text_of(zone, "soa_edit")[0] != '\0')
		z->metadata[z->n_metadata++] =
			(struct import_metadata){(char *)"SOA-EDIT", text_of(zone, "soa_edit")};
	if (json_is_true(json_object_get(zone, "api_rectify"))) /* false: not set */
		z->metadata[z->n_metadata++] =
			(struct import_metadata){(char *)"API-RECTIFY", (char *)"1"};
}

static void
take_keys(const json_t *keys, struct import_zone *z)
{
	static char id[64][16];
	json_t *one;
	size_t i;

	z->key = calloc(json_array_size(keys) + 1, sizeof *z->key);
	if (z->key == NULL)
		abort();
	json_array_foreach(keys, i, one)
	{
		if (z->n_keys == sizeof id / sizeof *id)
			return; /* nobody has so many; the report would only repeat itself */
		snprintf(id[z->n_keys], sizeof *id, "%ld", number_of(one, "id", 0));
		z->key[z->n_keys] = (struct import_key){id[z->n_keys],
			strcmp(text_of(one, "keytype"), "zsk") == 0 ? 256 : 257,
			json_is_true(json_object_get(one, "active"))};
		z->n_keys++;
	}
}

static char *
join_primaries(const json_t *masters)
{
	char *out = strdup(""), *more;
	json_t *one;
	size_t i;

	json_array_foreach(masters, i, one)
	{
		if (!json_is_string(one))
			continue;
		if (asprintf(&more, "%s%s%s", out, out[0] != '\0' ? "," : "",
			    json_string_value(one)) < 0)
			abort();
		free(out);
		out = more;
	}
	return out;
}

/* A large zone goes on in pieces, the first of which has the SOA. */
static int
hand_over(struct import *im, struct import_zone *z)
{
	struct import_record *all = z->record;
	size_t n = z->n_records, n_comments = z->n_comments, at = 0;
	int ret;

	for (size_t i = 1; i < n; i++) {
		if (strcasecmp(all[i].type, "SOA") == 0) {
			struct import_record soa = all[i];

			all[i] = all[0];
			all[0] = soa;
			break;
		}
	}
	do {
		z->record = all + at;
		z->n_records = n - at < IMPORT_PIECE_RECORDS ? n - at : IMPORT_PIECE_RECORDS;
		z->first = at == 0;
		at += z->n_records;
		z->last = at == n;
		z->n_comments = z->last ? n_comments : 0;
		ret = import_zone(im, z);
	} while (ret == 0 && at < n);
	z->record = all;
	return ret;
}

static int
read_zone(struct api *a, const char *id)
{
	char *escaped = http_escape(id), *path = NULL, *primaries;
	json_t *zone, *kinds = NULL, *keys = NULL;
	int ret = -1;

	if (asprintf(&path, SERVER "/zones/%s", escaped) < 0)
		abort();
	zone = get(a, path);
	if (zone == NULL) { /* of many, one that cannot be read is a line of the report */
		import_report(a->im, id, "cannot be read: %s", a->error);
		a->im->n_zones_left++;
		free(path);
		free(escaped);
		return 0;
	}
	free(path);
	if (asprintf(&path, SERVER "/zones/%s/metadata", escaped) < 0)
		abort();
	kinds = get(a, path);
	free(path);
	if (asprintf(&path, SERVER "/zones/%s/cryptokeys", escaped) < 0)
		abort();
	keys = kinds != NULL ? get(a, path) : NULL;
	primaries = join_primaries(json_object_get(zone, "masters"));
	if (keys != NULL) {
		struct import_zone z = {.name = text_of(zone, "name"),
			.kind = text_of(zone, "kind"),
			.account = text_of(zone, "account"),
			.catalog = text_of(zone, "catalog"),
			.options = "",
			.primaries = primaries};

		take_rrsets(json_object_get(zone, "rrsets"), &z);
		take_metadata(zone, kinds, &z);
		take_keys(keys, &z);
		ret = hand_over(a->im, &z);
		free(z.record);
		free(z.comment);
		free(z.metadata);
		free(z.key);
	}
	free(primaries);
	free(path);
	free(escaped);
	json_decref(zone);
	json_decref(kinds);
	json_decref(keys);
	return ret;
}

/* --- the server --- */

static int
read_tsig(struct api *a)
{
	json_t *all = get(a, SERVER "/tsigkeys"), *one;
	int ret = all != NULL ? 0 : -1;
	size_t i;

	json_array_foreach(all, i, one)
	{ /* the list hides the secrets */
		char *id = http_escape(text_of(one, "id")), *path = NULL;
		json_t *key;

		if (asprintf(&path, SERVER "/tsigkeys/%s", id) < 0)
			abort();
		key = ret == 0 ? get(a, path) : NULL;
		if (key != NULL)
			ret = import_tsig(a->im, text_of(key, "name"), text_of(key, "algorithm"),
				text_of(key, "key"));
		else
			ret = -1;
		json_decref(key);
		free(path);
		free(id);
	}
	json_decref(all);
	return ret;
}

static int
read_autoprimaries(struct api *a)
{
	json_t *all = get(a, SERVER "/autoprimaries"), *one;
	size_t i;
	int ret = 0;

	if (all == NULL) { /* before 4.5 there was no such thing in the API */
		import_report(a->im, NULL, "autoprimaries cannot be read: %s", a->error);
		return 0;
	}
	json_array_foreach(all, i, one) if (ret == 0) ret = import_autoprimary(
		a->im, text_of(one, "ip"), text_of(one, "nameserver"), text_of(one, "account"));
	json_decref(all);
	return ret;
}

/* Since 5.0, of its LMDB backend only. */
static void
report_views(struct api *a)
{
	struct http_reply reply;

	(void)http_exchange(a->http, "GET", SERVER "/views", NULL, NULL, &reply);
	if (json_array_size(json_object_get(reply.json, "views")) > 0)
		import_report(a->im, NULL,
			"its views are not carried over: this version serves one view");
	http_reply_free(&reply);
}

int
api_import(struct import *im, struct http *from, char error[IMPORT_ERROR_OCTETS])
{
	struct api a = {im, from, error};
	json_t *zones, *one;
	int ret = read_tsig(&a);
	size_t i;

	if (ret == 0)
		ret = read_autoprimaries(&a);
	if (ret == 0)
		report_views(&a);
	/* dnssec=false: a list of many is made in a tenth of the time (PowerDNS 4.5 and later) */
	zones = ret == 0 ? get(&a, SERVER "/zones?dnssec=false") : NULL;
	json_array_foreach(zones, i, one) if (ret == 0) ret = read_zone(&a, text_of(one, "id"));
	if (zones == NULL)
		ret = -1;
	json_decref(zones);
	return ret;
}
