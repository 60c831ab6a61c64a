/* SPDX-License-Identifier: GPL-3.0-or-later */
/* import: what sources hand over goes to Millrace's API, zone by zone, and what cannot goes into
 * the report. */
#include "tools/import/import.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BASE "/api/v1/servers/localhost"
#define HTTP_CONFLICT 409
#define TELL_MS 500 /* between two looks at the progress */

void
import_report(struct import *im, const char *zone, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(im->report, "%s: ", im->source);
	if (zone != NULL)
		fprintf(im->report, "zone %s: ", zone);
	vfprintf(im->report, format, args);
	fputc('\n', im->report);
	va_end(args);
	im->n_left++;
}

/* --- progress --- */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
tell_progress(struct import *im)
{
	int64_t now = now_ms(), ran = now - im->started_ms;

	if (im->o.quiet || now - im->told_ms < TELL_MS || !isatty(STDERR_FILENO))
		return;
	im->told_ms = now;
	fprintf(stderr, "\r%llu zones, %llu records, %llu zones/s \033[K",
		(unsigned long long)im->n_zones, (unsigned long long)im->n_records,
		(unsigned long long)(ran > 0 ? im->n_zones * 1000 / (uint64_t)ran : 0));
}

/* --- talking --- */

/* A request whose refusal is a line of the report.
 * @return 1; 0: refused; -1: nobody answers, which is said */
static int
request(struct import *im, const char *method, const char *path, const json_t *body,
	const char *zone, const char *what)
{
	struct http_reply reply;
	const char *said;
	int ret = 1;

	if (im->target == NULL)
		return 1;
	if (http_exchange(im->target, method, path, body, NULL, &reply) != 0) {
		fprintf(stderr, "Millrace does not answer: %s\n", http_failure(im->target)->text);
		ret = -1;
	} else if (reply.status >= 300) {
		said = json_string_value(json_object_get(reply.json, "error"));
		if (reply.status != HTTP_CONFLICT || !im->o.skip_present || zone == NULL)
			import_report(im, zone, "%s: refused (%ld): %s", what, reply.status,
				said != NULL ? said : "without a reason");
		ret = 0;
	}
	http_reply_free(&reply);
	return ret;
}

static char *
zone_path(const char *zone, const char *below)
{
	char *id = http_zone_id(zone), *path;

	if (asprintf(&path, BASE "/zones/%s%s", id, below) < 0)
		abort();
	free(id);
	return path;
}

/* --- zones --- */

/* "192.0.2.1, 192.0.2.2:5300" as the API's array. */
static json_t *
primaries(const char *list)
{
	json_t *out = json_array();
	char *copy = strdup(list), *rest = copy, *one;

	while ((one = strsep(&rest, ", \t;")) != NULL)
		if (one[0] != '\0')
			json_array_append_new(out, json_string(one));
	free(copy);
	return out;
}

/* In the API's spelling; NULL: not known. */
static const char *
api_kind(const struct import_zone *z)
{
	static const char *const kind[][2] = {{"NATIVE", "Native"}, {"MASTER", "Master"},
		{"PRIMARY", "Master"}, {"SLAVE", "Slave"}, {"SECONDARY", "Slave"},
		{"PRODUCER", "Producer"}, {"CONSUMER", "Consumer"}};

	for (size_t i = 0; i < sizeof kind / sizeof *kind; i++)
		if (strcasecmp(z->kind, kind[i][0]) == 0)
			return kind[i][1];
	return NULL;
}

/* The API takes no records for these: they come from the primary. */
static bool
is_consumer(const struct import_zone *z)
{
	const char *kind = api_kind(z);

	return kind != NULL && strcmp(kind, "Consumer") == 0;
}

/* Metadata that are members of the zone itself in the API. */
static const char *
take_metadata(const struct import_zone *z, const char *kind)
{
	for (size_t i = 0; i < z->n_metadata; i++)
		if (strcmp(z->metadata[i].kind, kind) == 0)
			return z->metadata[i].value;
	return NULL;
}

static void
set_text(json_t *o, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_object_set_new(o, key, json_string(text));
}

static bool
has_soa(const struct import_zone *z)
{
	for (size_t i = 0; i < z->n_records; i++)
		if (z->record[i].type != NULL && strcasecmp(z->record[i].type, "SOA") == 0)
			return true;
	return !z->last; /* further pieces may */
}

static int
create(struct import *im, const struct import_zone *z, const char *name)
{
	const char *kind = api_kind(z);
	json_t *zone = json_pack("{s:s, s:s, s:[]}", "name", name, "kind",
		kind != NULL ? kind : "Native", "nameservers");
	json_t *rrsets = is_consumer(z) ? json_array() : import_rrsets(im, z, NULL);
	char *catalog = z->catalog[0] != '\0' ? import_name(z->catalog) : NULL;
	int ret;

	if (zone == NULL)
		abort();
	if (kind == NULL)
		import_report(
			im, name, "its kind '%.32s' is not known; it becomes Native", z->kind);
	set_text(zone, "account", z->account);
	set_text(zone, "catalog", catalog);
	set_text(zone, "soa_edit", take_metadata(z, "SOA-EDIT"));
	json_object_set_new(
		zone, "soa_edit_api", json_string("OFF")); /* serials stay as they are */
	if (z->primaries[0] != '\0')
		json_object_set_new(zone, "masters", primaries(z->primaries));
	im->n_rrsets += json_array_size(rrsets);
	if (!has_soa(z) && !is_consumer(z) && (kind == NULL || strcmp(kind, "Slave") != 0))
		import_report(
			im, name, "it has no SOA: PowerDNS does not serve it; here it gets one");
	json_object_set_new(zone, "rrsets", rrsets);
	ret = request(im, "POST", BASE "/zones?rrsets=false", zone, name, "the zone");
	json_decref(zone);
	free(catalog);
	return ret;
}

static int
extend(struct import *im, const struct import_zone *z, const char *name, json_t *rrsets)
{
	json_t *patch = json_pack("{s:o}", "rrsets", rrsets);
	char *path = zone_path(name, "");
	int ret = 1;

	im->n_rrsets += json_array_size(rrsets);
	if (json_array_size(rrsets) > 0)
		ret = request(im, "PATCH", path, patch, name, "some of its RRsets");
	json_decref(patch);
	free(path);
	return ret;
}

/* The kinds that are set otherwise, that the server makes itself, or that are told otherwise. */
static bool
is_own_member(const char *kind)
{
	static const char *const own[] = {"SOA-EDIT", "SOA-EDIT-API", "API-RECTIFY", "CATALOG-HASH",
		"AXFR-MASTER-TSIG", "TSIG-ALLOW-AXFR", "PRESIGNED"};

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strcmp(kind, own[i]) == 0)
			return true;
	return import_effects_left_out(kind);
}

static int
send_metadata(struct import *im, const struct import_zone *z, const char *name)
{
	for (size_t i = 0; i < z->n_metadata; i++) {
		const char *kind = z->metadata[i].kind;
		json_t *values = json_array(), *body;
		bool again = false;
		char *path;
		int ret;

		for (size_t k = 0; k < z->n_metadata; k++) {
			if (strcmp(z->metadata[k].kind, kind) != 0)
				continue;
			again |= k < i;
			json_array_append_new(values, json_string(z->metadata[k].value));
		}
		if (again || is_own_member(kind)) {
			json_decref(values);
			continue;
		}
		path = zone_path(name, "/metadata");
		body = json_pack("{s:s, s:o}", "kind", kind, "metadata", values);
		ret = body == NULL ? 1 : request(im, "POST", path, body, name, kind);
		if (body == NULL)
			import_report(im, name, "metadata %s: not valid UTF-8", kind);
		json_decref(body);
		free(path);
		if (ret < 0)
			return -1;
	}
	return 1;
}

/* Values of a kind as a member of the zone. */
static void
put_metadata(json_t *zone, const struct import_zone *z, const char *kind, const char *member)
{
	json_t *values = json_array();

	for (size_t i = 0; i < z->n_metadata; i++) {
		if (strcmp(z->metadata[i].kind, kind) == 0) {
			char *name = import_name(z->metadata[i].value);

			json_array_append_new(values, json_string(name != NULL ? name : ""));
			free(name);
		}
	}
	if (json_array_size(values) > 0)
		json_object_set(zone, member, values);
	json_decref(values);
}

/* What a zone has beside its records, once they are all there. */
static int
finish(struct import *im, const struct import_zone *z, const char *name)
{
	const char *soa_edit_api = take_metadata(z, "SOA-EDIT-API");
	const char *rectify = take_metadata(z, "API-RECTIFY");
	json_t *put = json_pack("{s:s}", "soa_edit_api", soa_edit_api != NULL ? soa_edit_api : "");
	char *path = zone_path(name, "");
	const char *kind;
	int ret;

	if (rectify != NULL)
		json_object_set_new(put, "api_rectify", json_boolean(strcmp(rectify, "1") == 0));
	put_metadata(put, z, "TSIG-ALLOW-AXFR", "master_tsig_key_ids");
	put_metadata(put, z, "AXFR-MASTER-TSIG", "slave_tsig_key_ids");
	ret = request(im, "PUT", path, put, name, "SOA-EDIT-API and TSIG keys");
	json_decref(put);
	free(path);
	if (ret < 0 || send_metadata(im, z, name) < 0)
		return -1;
	kind = api_kind(z);
	import_effects_zone(im->effects, z, kind != NULL ? kind : "Native", name);
	if (z->options[0] != '\0')
		import_report(im, name,
			"its catalog options '%.200s' are not carried over: the API "
			"cannot set them",
			z->options);
	for (size_t i = 0; i < z->n_keys; i++)
		import_report(im, name,
			"DNSSEC key %s (flags %ld, %s) is not carried over: this version does not "
			"sign. The zone is served unsigned: take its DS out of the parent first",
			z->key[i].id, z->key[i].flags, z->key[i].active ? "active" : "inactive");
	if (take_metadata(z, "PRESIGNED") != NULL)
		import_report(im, name,
			"it is signed elsewhere (PRESIGNED): its signatures are "
			"carried over as records, but not served as DNSSEC answers");
	return 0;
}

int
import_zone(struct import *im, const struct import_zone *z)
{
	char *name = import_name(z->name);
	int ret = 1;

	if (name == NULL) {
		import_report(im, NULL, "zone '%.200s': that is no domain name", z->name);
		im->n_zones_left += z->last;
		return 0;
	}
	if (z->first) {
		ret = create(im, z, name);
		im->refused = ret == 0;
	} else if (!im->refused && !is_consumer(z)) {
		ret = extend(im, z, name, import_rrsets(im, z, "EXTEND"));
	}
	if (ret >= 0 && z->last && !im->refused) {
		if (!z->first && !is_consumer(z))
			ret = extend(im, z, name, import_comments(im, z));
		if (ret >= 0)
			ret = finish(im, z, name);
		im->n_zones++;
	}
	im->n_zones_left += z->last && im->refused;
	tell_progress(im);
	free(name);
	return ret < 0 ? -1 : 0;
}

/* --- what belongs to the server --- */

int
import_tsig(struct import *im, const char *name, const char *algorithm, const char *secret)
{
	char *whole = import_name(name);
	json_t *key;
	int ret;

	if (whole == NULL) {
		import_report(im, NULL, "TSIG key '%.200s': that is no domain name", name);
		return 0;
	}
	key = json_pack("{s:s, s:s, s:s}", "name", whole, "algorithm", algorithm, "key", secret);
	ret = key == NULL ? 0 : request(im, "POST", BASE "/tsigkeys", key, NULL, whole);
	json_decref(key);
	free(whole);
	return ret < 0 ? -1 : 0;
}

int
import_autoprimary(struct import *im, const char *ip, const char *nameserver, const char *account)
{
	json_t *a = json_pack("{s:s, s:s, s:s}", "ip", ip, "nameserver", nameserver, "account",
		account != NULL ? account : "");
	int ret = a == NULL ? 0 : request(im, "POST", BASE "/autoprimaries", a, NULL, ip);

	if (ret > 0)
		import_effects_autoprimary(im->effects, ip);
	json_decref(a);
	return ret < 0 ? -1 : 0;
}
