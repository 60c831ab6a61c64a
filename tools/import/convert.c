/* SPDX-License-Identifier: GPL-3.0-or-later */
/* convert: rows of PowerDNS -> JSON of the API. In its databases names have no final dot and are
 * absolute all the same, and the priority of MX and SRV stands in a column of its own. */
#include "controlplane/zones/rdata_text.h"
#include "tools/import/import.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NAME_TEXT_MAX 1020u
#define FIELDS_MAX 16u

/* Which fields of the presentation format are domain names: bit n is field n, from 0. */
static const struct {
	const char *type;
	unsigned names;
	bool priority; /* field 0 may come from the column */
} shape[] = {
	{"AFSDB", 1u << 1, false},
	{"CNAME", 1u << 0, false},
	{"DNAME", 1u << 0, false},
	{"HTTPS", 1u << 1, true},
	{"KX", 1u << 1, true},
	{"LP", 1u << 1, false},
	{"MB", 1u << 0, false},
	{"MG", 1u << 0, false},
	{"MINFO", 1u << 0 | 1u << 1, false},
	{"MR", 1u << 0, false},
	{"MX", 1u << 1, true},
	{"NAPTR", 1u << 5, false},
	{"NS", 1u << 0, false},
	{"NSEC", 1u << 0, false},
	{"PTR", 1u << 0, false},
	{"PX", 1u << 1 | 1u << 2, false},
	{"RP", 1u << 0 | 1u << 1, false},
	{"RRSIG", 1u << 7, false},
	{"RT", 1u << 1, false},
	{"SOA", 1u << 0 | 1u << 1, false},
	{"SRV", 1u << 3, true},
	{"SVCB", 1u << 1, true},
	{"TALINK", 1u << 0 | 1u << 1, false},
};

char *
import_name(const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;
	char *out;

	if (len == 0 || len > NAME_TEXT_MAX)
		return NULL;
	out = malloc(len + 2);
	if (out == NULL)
		abort();
	for (size_t i = 0; i <= len; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	/* "\." at the end is an escaped dot; "\\." is not */
	size_t slashes = 0;
	while (slashes + 1 < len && out[len - 2 - slashes] == '\\')
		slashes++;
	if (out[len - 1] != '.' || slashes % 2 == 1) {
		out[len] = '.';
		out[len + 1] = '\0';
	}
	return out;
}

/* Fields of a content, quotes and escapes respected; each is [from, to) of text. */
struct fields {
	unsigned n;
	struct {
		const char *from, *to;
	} field[FIELDS_MAX];
};

static void
split(const char *text, struct fields *f)
{
	f->n = 0;
	while (f->n < FIELDS_MAX) {
		bool quoted = false;

		text += strspn(text, " \t");
		if (*text == '\0')
			return;
		f->field[f->n].from = text;
		for (; *text != '\0' && (quoted || !isblank((unsigned char)*text)); text++) {
			if (*text == '\\' && text[1] != '\0')
				text++;
			else if (*text == '"')
				quoted = !quoted;
		}
		f->field[f->n++].to = text;
	}
}

static bool
lacks_dot(const char *from, const char *to)
{
	return to > from && to[-1] != '.' && *from != '"';
}

/* Names with a final dot; the rest as it is. */
static char *
absolute(const char *text, unsigned names)
{
	struct fields f;
	char *out = malloc(strlen(text) + FIELDS_MAX + 1), *at = out;
	const char *from = text;

	if (out == NULL)
		abort();
	split(text, &f);
	for (unsigned i = 0; i < f.n; i++) {
		if ((names >> i & 1) == 0 || !lacks_dot(f.field[i].from, f.field[i].to))
			continue;
		at = mempcpy(at, from, (size_t)(f.field[i].to - from));
		*at++ = '.';
		from = f.field[i].to;
	}
	strcpy(at, from);
	return out;
}

/* PowerDNS takes a SOA of fewer than seven fields, and fills in its defaults. */
static char *
whole_soa(char *text)
{
	static const char *const fallback[] = {"0", "10800", "3600", "604800", "3600"};
	struct fields f;
	char *out = malloc(strlen(text) + 64);

	if (out == NULL)
		abort();
	strcpy(out, text);
	split(text, &f);
	for (unsigned i = f.n; i >= 2 && i < 7; i++) {
		strcat(out, " ");
		strcat(out, fallback[i - 2]);
	}
	free(text);
	return out;
}

/* Content of a record as the API takes it: priority in front, names with their final dot.
 * @return allocated, or NULL with error set */
static char *
content_of(const struct import_record *r, char error[IMPORT_ERROR_OCTETS])
{
	static uint8_t rdata[RDATA_WIRE_MAX];
	char why[RDATA_TEXT_ERROR_OCTETS], *text, *out = NULL;
	unsigned names = 0;
	bool priority = false;
	uint16_t type, len;

	if (strcasecmp(r->type, "ALIAS") == 0 || strcasecmp(r->type, "LUA") == 0) {
		snprintf(error, IMPORT_ERROR_OCTETS,
			"%s records are not served by this version of Millrace", r->type);
		return NULL;
	}
	if (rrtype_from_text(r->type, &type) != 0) {
		snprintf(error, IMPORT_ERROR_OCTETS, "'%.32s' is no RR type of a zone", r->type);
		return NULL;
	}
	for (size_t i = 0; i < sizeof shape / sizeof *shape; i++)
		if (strcasecmp(shape[i].type, r->type) == 0) {
			names = shape[i].names;
			priority = shape[i].priority;
		}
	text = strdup(r->content);
	if (text == NULL)
		abort();
	if (priority && r->prio >= 0) {
		struct fields f;
		unsigned whole = strcasecmp(r->type, "SRV") == 0 ? 4 : 2;

		/* from the API and from LMDB the content has it already */
		split(text, &f);
		if ((f.n < whole || (names >> 1 & 1 && f.n == 1)) &&
			asprintf(&out, "%ld %s", r->prio, text) < 0)
			abort();
	}
	if (out != NULL) {
		free(text);
		text = out;
	}
	out = absolute(text, names);
	free(text);
	if (strcasecmp(r->type, "SOA") == 0)
		out = whole_soa(out);
	if (rdata_from_text(type, out, rdata, &len, why) == 0)
		return out;
	snprintf(error, IMPORT_ERROR_OCTETS, "'%.200s': %s", out, why);
	free(out);
	return NULL;
}

/* --- RRsets --- */

/* Is this name the zone's, or below it? Both with a final dot, in lower case. */
static bool
is_in_zone(const char *name, const char *zone)
{
	size_t n = strlen(name), z = strlen(zone);

	if (strcmp(zone, ".") == 0)
		return true;
	return n >= z && strcmp(name + n - z, zone) == 0 && (n == z || name[n - z - 1] == '.');
}

static json_t *
new_rrset(const char *name, const char *type, long ttl, const char *changetype)
{
	json_t *s = json_pack("{s:s, s:s, s:I, s:[], s:[]}", "name", name, "type", type, "ttl",
		(json_int_t)ttl, "records", "comments");

	if (s == NULL)
		return NULL;
	if (changetype != NULL)
		json_object_set_new(s, "changetype", json_string(changetype));
	return s;
}

/* The RRset of a name and type; made when it is not there. */
static json_t *
find_rrset(json_t *index, json_t *all, const char *name, const char *type, long ttl,
	const char *changetype)
{
	char *key = NULL;
	json_t *s;

	if (asprintf(&key, "%s/%s", name, type) < 0)
		abort();
	s = json_object_get(index, key);
	if (s == NULL) {
		s = new_rrset(name, type, ttl, changetype);
		if (s != NULL) {
			json_array_append_new(all, s);
			json_object_set(index, key, s);
		}
	}
	free(key);
	return s;
}

static bool
has_content(const json_t *records, const char *content)
{
	for (size_t i = 0; i < json_array_size(records); i++)
		if (strcmp(json_string_value(
				   json_object_get(json_array_get(records, i), "content")),
			    content) == 0)
			return true;
	return false;
}

static void
add_record(struct import *im, const char *zone, const struct import_record *r, json_t *index,
	json_t *all, const char *changetype)
{
	char error[IMPORT_ERROR_OCTETS], *name = import_name(r->name), *content, type[16];
	json_t *s, *record;
	size_t i;

	for (i = 0; i + 1 < sizeof type && r->type[i] != '\0'; i++)
		type[i] = (char)toupper((unsigned char)r->type[i]);
	type[i] = '\0';
	if (name == NULL || !is_in_zone(name, zone)) {
		import_report(im, zone, "%s %s: the name lies outside the zone",
			r->name != NULL ? r->name : "(null)", type);
		free(name);
		return;
	}
	content = content_of(r, error);
	if (content == NULL) {
		import_report(im, zone, "%s %s: %s", name, type, error);
		free(name);
		return;
	}
	s = find_rrset(index, all, name, type, r->ttl >= 0 ? r->ttl : 3600, changetype);
	record = json_pack("{s:s, s:b}", "content", content, "disabled", (int)r->disabled);
	if (s == NULL || record == NULL) {
		import_report(im, zone, "%s %s: not valid UTF-8", name, type);
		json_decref(record);
	} else if (has_content(json_object_get(s, "records"), content)) {
		import_report(im, zone, "%s %s '%s': is there twice; carried over once", name, type,
			content);
		json_decref(record);
	} else {
		long ttl = (long)json_integer_value(json_object_get(s, "ttl"));

		if (r->ttl >= 0 && r->ttl != ttl) {
			import_report(im, zone,
				"%s %s: records of one RRset have TTLs %ld and %ld; the lower one "
				"is taken (RFC 2181 5.2)",
				name, type, ttl, r->ttl);
			if (r->ttl < ttl)
				json_object_set_new(s, "ttl", json_integer(r->ttl));
		}
		json_array_append_new(json_object_get(s, "records"), record);
		im->n_records++;
	}
	free(content);
	free(name);
}

static void
add_comment(struct import *im, const char *zone, const struct import_comment *c, json_t *index)
{
	char *name = import_name(c->name), *key = NULL;
	json_t *s = NULL, *comment;

	if (name != NULL && asprintf(&key, "%s/%s", name, c->type) < 0)
		abort();
	if (key != NULL)
		s = json_object_get(index, key);
	comment = json_pack("{s:s, s:s, s:I}", "content", c->content, "account",
		c->account != NULL ? c->account : "", "modified_at", (json_int_t)c->modified_at);
	if (s == NULL || comment == NULL) {
		import_report(im, zone, "comment '%.100s' of %s %s: %s", c->content, c->name,
			c->type, s == NULL ? "there is no such RRset" : "not valid UTF-8");
		json_decref(comment);
	} else {
		json_array_append_new(json_object_get(s, "comments"), comment);
	}
	free(key);
	free(name);
}

json_t *
import_rrsets(struct import *im, const struct import_zone *zone, const char *changetype)
{
	json_t *all = json_array(), *index = json_object(), *s;
	char *name = import_name(zone->name);
	size_t i;

	if (all == NULL || index == NULL || name == NULL)
		abort();
	for (i = 0; i < zone->n_records; i++)
		if (zone->record[i].type != NULL && zone->record[i].type[0] != '\0')
			add_record(im, name, &zone->record[i], index, all, changetype);
	/* those of a zone in pieces are a change of their own: import_comments() */
	for (i = 0; changetype == NULL && i < zone->n_comments; i++)
		add_comment(im, name, &zone->comment[i], index);
	json_array_foreach(all, i, s) if (json_array_size(json_object_get(s, "comments")) == 0)
		json_object_del(s, "comments");
	json_decref(index);
	free(name);
	return all;
}

json_t *
import_comments(struct import *im, const struct import_zone *zone)
{
	json_t *all = json_array(), *index = json_object(), *s;
	char *name = import_name(zone->name);
	size_t i;

	if (all == NULL || index == NULL || name == NULL)
		abort();
	for (i = 0; i < zone->n_comments; i++) {
		const struct import_comment *c = &zone->comment[i];
		char *owner = import_name(c->name);

		if (owner != NULL)
			find_rrset(index, all, owner, c->type, 0, "REPLACE");
		add_comment(im, name, c, index);
		free(owner);
	}
	json_array_foreach(all, i, s)
	{
		json_object_del(s, "records"); /* they stay as they are */
		json_object_del(s, "ttl");
	}
	json_decref(index);
	free(name);
	return all;
}
