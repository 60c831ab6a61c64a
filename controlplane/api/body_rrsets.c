/* SPDX-License-Identifier: GPL-3.0-or-later */
/* body_rrsets: see the header. */
#include "controlplane/api/body_rrsets.h"

#include "controlplane/api/body_check.h"
#include "controlplane/zones/rdata_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TTL_MAX 0x7fffffff /* RFC 2181 8 */

/* What is known while one RRset is read. */
struct reader {
	struct body_rrsets *out;
	const uint8_t *apex;
	enum body_rrsets_kind kind;
	int64_t now_s;
	uint8_t *rdata; /* RDATA_WIRE_MAX octets */
	char *error;
	/* of the present RRset */
	char name[ZONE_TEXT_OCTETS], type_text[16];
};

const char *
body_string(const json_t *object, const char *key, char error[BODY_ERROR_OCTETS])
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL)
		snprintf(error, BODY_ERROR_OCTETS, "Key '%s' not present or not a String", key);
	return text;
}

int
body_name(uint8_t wire[ZONE_WIRE_OCTETS], const char *text, char error[BODY_ERROR_OCTETS])
{
	size_t len = strlen(text);
	int ret;

	if (len == 0 || text[len - 1] != '.') {
		snprintf(error, BODY_ERROR_OCTETS, "DNS Name '%.*s' is not canonical",
			BODY_TEXT_SHOWN, text);
		return -EINVAL;
	}
	ret = zone_wire_from_text(wire, text);
	/* "a\." ends in a dot that is none: it was completed */
	if (ret > 0 && len > 1 && text[len - 2] == '\\') {
		size_t n = 0;
		while (n < len - 1 && text[len - 2 - n] == '\\')
			n++;
		if (n % 2 == 1) {
			snprintf(error, BODY_ERROR_OCTETS, "DNS Name '%.*s' is not canonical",
				BODY_TEXT_SHOWN, text);
			return -EINVAL;
		}
	}
	if (ret < 0)
		snprintf(error, BODY_ERROR_OCTETS, "Unable to parse DNS Name '%.*s'",
			BODY_TEXT_SHOWN, text);
	return ret;
}

int
body_zone_name(uint8_t key[ZONE_WIRE_OCTETS], const char *text, char error[BODY_ERROR_OCTETS])
{
	int ret = zone_key_from_text(key, text);

	if (ret > 0 && zone_key_variant(key) > 0)
		return ret;
	/* the ordinary checks know what is wrong, unless it is a variant's name, which ends without
	 * a dot */
	ret = body_name(key, text, error);
	if (ret > 0 && zone_key_variant(key) > 0) {
		snprintf(error, BODY_ERROR_OCTETS, "Name '%.*s' is kept for variants of zones",
			BODY_TEXT_SHOWN, text);
		ret = -EINVAL;
	} else if (ret < 0 && strstr(text, "..") != NULL && text[strlen(text) - 1] != '.') {
		snprintf(error, BODY_ERROR_OCTETS,
			"Unable to parse DNS Name '%.*s': a variant of a zone is named as "
			"example.org..variant, with lower-case letters, digits, '_' and '-', at "
			"most %u of them",
			BODY_TEXT_SHOWN, text, ZONE_VARIANT_MAX);
	}
	return ret;
}

/* An integer, or one as a string, as PowerDNS takes them. @return 0 or -EINVAL */
static int
take_integer(const json_t *object, const char *key, int64_t max, int64_t *out, char *error)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);
	char *end;

	if (json_is_integer(value)) {
		*out = json_integer_value(value);
	} else if (json_is_real(value) && json_real_value(value) >= 0 &&
		   json_real_value(value) <= 4294967295.0 &&
		   json_real_value(value) == (double)(int64_t)json_real_value(value)) {
		*out = (int64_t)json_real_value(value);
	} else if (text != NULL && text[0] >= '0' && text[0] <= '9') {
		errno = 0;
		*out = strtoll(text, &end, 10);
		if (*end != '\0' || errno != 0)
			goto none;
	} else {
		goto none;
	}
	if (*out >= 0 && *out <= max)
		return 0;
	snprintf(error, BODY_ERROR_OCTETS, "Key '%s' is %lld; it must be 0 to %lld", key,
		(long long)*out, (long long)max);
	return -EINVAL;
none:
	snprintf(error, BODY_ERROR_OCTETS, "Key '%s' not an Integer or not present", key);
	return -EINVAL;
}

static const char *
copy_text(struct body_memory *m, const char *text)
{
	size_t len = strlen(text) + 1;
	char *copy = body_take(m, len);

	return copy == NULL ? NULL : memcpy(copy, text, len);
}

/* --- records --- */

static int
take_record(struct reader *r, const json_t *json, uint16_t type, struct backend_record *out)
{
	const char *content = body_string(json, "content", r->error);
	const json_t *disabled = json_object_get(json, "disabled");
	char why[RDATA_TEXT_ERROR_OCTETS];
	uint8_t *copy;

	if (content == NULL)
		return -EINVAL;
	if (disabled != NULL && !json_is_null(disabled) && !json_is_boolean(disabled)) {
		snprintf(r->error, BODY_ERROR_OCTETS, "Key 'disabled' not present or not a Bool");
		return -EINVAL;
	}
	out->disabled = json_is_true(disabled);
	if (rdata_from_text(type, content, r->rdata, &out->rdlength, why) != 0) {
		snprintf(r->error, BODY_ERROR_OCTETS, "Record %.*s/%s '%.*s': %s", BODY_TEXT_SHOWN,
			r->name, r->type_text, BODY_TEXT_SHOWN, content, why);
		return -EINVAL;
	}
	copy = body_take(&r->out->memory, out->rdlength + 1u);
	if (copy == NULL)
		return -ENOMEM;
	memcpy(copy, r->rdata, out->rdlength);
	out->rdata = copy;
	return 0;
}

static int
take_records(struct reader *r, const json_t *records, struct backend_rrset *set)
{
	size_t n = json_array_size(records);
	struct backend_record *record =
		body_take(&r->out->memory, (n == 0 ? 1 : n) * sizeof *record);

	if (record == NULL)
		return -ENOMEM;
	set->record = record;
	for (size_t i = 0; i < n; i++) {
		int ret = take_record(r, json_array_get(records, i), set->type, &record[i]);
		if (ret != 0)
			return ret;
	}
	set->n_records = (uint32_t)n;
	return 0;
}

/* --- comments --- */

static int
take_comment(struct reader *r, const json_t *json, struct backend_comment *out)
{
	const char *content = body_string(json, "content", r->error);
	const char *account = json_string_value(json_object_get(json, "account"));
	const json_t *modified_at = json_object_get(json, "modified_at");
	int64_t at = r->now_s;

	if (content == NULL)
		return -EINVAL;
	if (modified_at != NULL && !json_is_null(modified_at) &&
		take_integer(json, "modified_at", UINT32_MAX, &at, r->error) != 0)
		return -EINVAL;
	out->modified_at = (uint32_t)at;
	out->content = copy_text(&r->out->memory, content);
	out->account = copy_text(&r->out->memory, account == NULL ? "" : account);
	return out->content == NULL || out->account == NULL ? -ENOMEM : 0;
}

static int
take_comments(struct reader *r, const json_t *comments, struct backend_rrset *set)
{
	size_t n = json_array_size(comments);
	struct backend_comment *comment =
		body_take(&r->out->memory, (n == 0 ? 1 : n) * sizeof *comment);

	if (comment == NULL)
		return -ENOMEM;
	set->comment = comment;
	for (size_t i = 0; i < n; i++) {
		int ret = take_comment(r, json_array_get(comments, i), &comment[i]);
		if (ret != 0)
			return ret;
	}
	set->n_comments = (uint32_t)n;
	return 0;
}

/* --- RRsets --- */

static int
take_kind(struct reader *r, const json_t *json, enum edit_kind *out)
{
	static const char *const word[] = {[EDIT_REPLACE] = "REPLACE",
		[EDIT_DELETE] = "DELETE",
		[EDIT_EXTEND] = "EXTEND",
		[EDIT_PRUNE] = "PRUNE"};
	const char *text;

	*out = EDIT_REPLACE;
	if (r->kind == BODY_CONTENT)
		return 0;
	text = body_string(json, "changetype", r->error);
	if (text == NULL)
		return -EINVAL;
	for (unsigned i = 0; i < sizeof word / sizeof word[0]; i++)
		if (strcasecmp(text, word[i]) == 0)
			return (*out = (enum edit_kind)i), 0;
	snprintf(r->error, BODY_ERROR_OCTETS, "Changetype not understood");
	return -EINVAL;
}

static int
take_owner(struct reader *r, const json_t *json, struct zone_edit *e)
{
	const char *text = body_string(json, "name", r->error);
	uint8_t wire[ZONE_WIRE_OCTETS];
	uint8_t *copy;
	int len;

	if (text == NULL)
		return -EINVAL;
	len = body_name(wire, text, r->error);
	if (len < 0)
		return -EINVAL;
	zone_text_from_wire(r->name, wire);
	if ((e->kind == EDIT_REPLACE || e->kind == EDIT_EXTEND) &&
		!body_name_is_plain(wire, true)) {
		snprintf(r->error, BODY_ERROR_OCTETS, "Name '%.*s' contains unsupported characters",
			BODY_TEXT_SHOWN, text);
		return -EINVAL;
	}
	copy = body_take(&r->out->memory, (size_t)len + NAME_PAD);
	if (copy == NULL)
		return -ENOMEM;
	e->rrset.owner = memcpy(copy, wire, (size_t)len);
	return 0;
}

static int
take_type(struct reader *r, const json_t *json, struct zone_edit *e)
{
	const char *text = body_string(json, "type", r->error);

	if (text == NULL)
		return -EINVAL;
	if (rrtype_from_text(text, &e->rrset.type) != 0) {
		bool known = strcasecmp(text, "OPT") == 0 || strcasecmp(text, "TSIG") == 0;
		snprintf(r->error, BODY_ERROR_OCTETS, "RRset %.*s IN %.32s: %s type given",
			BODY_TEXT_SHOWN, r->name, text, known ? "invalid" : "unknown");
		return -EINVAL;
	}
	rrtype_to_text(e->rrset.type, r->type_text);
	return 0;
}

static int
take_content(struct reader *r, const json_t *json, struct zone_edit *e)
{
	const json_t *records = json_object_get(json, "records");
	const json_t *comments = json_object_get(json, "comments");
	int64_t ttl = 0;
	int ret = 0;

	e->has_records = json_is_array(records);
	e->has_comments = json_is_array(comments);
	if (!e->has_records && r->kind == BODY_CHANGES &&
		(e->kind != EDIT_REPLACE || !e->has_comments)) {
		snprintf(r->error, BODY_ERROR_OCTETS, "No change for RRset %.*s IN %s",
			BODY_TEXT_SHOWN, r->name, r->type_text);
		return -EINVAL;
	}
	/* only an RRset that will be there needs one */
	if (e->has_records && e->kind != EDIT_PRUNE &&
		(json_array_size(records) > 0 || json_object_get(json, "ttl") != NULL))
		ret = take_integer(json, "ttl", TTL_MAX, &ttl, r->error);
	if (ret == 0 && e->has_records)
		ret = take_records(r, records, &e->rrset);
	if (ret == 0 && e->has_comments)
		ret = take_comments(r, comments, &e->rrset);
	e->rrset.ttl = (uint32_t)ttl;
	return ret;
}

/* @return 1: it is one; 0: it says nothing; or a negative errno */
static int
take_rrset(struct reader *r, const json_t *json, struct zone_edit *e)
{
	int ret = take_kind(r, json, &e->kind);

	if (ret == 0)
		ret = take_owner(r, json, e);
	if (ret == 0)
		ret = take_type(r, json, e);
	if (ret != 0)
		return ret;
	if (!body_name_is_below(e->rrset.owner, r->apex)) {
		/* PowerDNS lets one delete what should not be there; here it never is */
		if (e->kind == EDIT_DELETE || e->kind == EDIT_PRUNE)
			return 0;
		snprintf(r->error, BODY_ERROR_OCTETS, "RRset %.*s IN %s: Name is out of zone",
			BODY_TEXT_SHOWN, r->name, r->type_text);
		return -EINVAL;
	}
	if (e->kind == EDIT_DELETE) {
		e->has_records = e->has_comments = true;
		return 1;
	}
	ret = take_content(r, json, e);
	if (ret != 0)
		return ret;
	return e->has_records || e->has_comments ? 1 : 0;
}

int
body_rrsets_parse(struct body_rrsets *out, const json_t *rrsets, const uint8_t *apex,
	enum body_rrsets_kind kind, int64_t now_s, char error[BODY_ERROR_OCTETS])
{
	struct reader r = {.out = out,
		.apex = zone_key_apex(apex),
		.kind = kind,
		.now_s = now_s,
		.error = error};
	size_t n = json_array_size(rrsets);
	int ret = 0;

	*out = (struct body_rrsets){0};
	/* a few more, for body_rrsets_add() */
	out->edit = body_take(&out->memory, (n + BODY_RRSETS_SPARE) * sizeof *out->edit);
	r.rdata = malloc(RDATA_WIRE_MAX);
	if (out->edit == NULL || r.rdata == NULL)
		ret = -ENOMEM;
	for (size_t i = 0; i < n && ret == 0; i++) {
		out->edit[out->n] = (struct zone_edit){0};
		ret = take_rrset(&r, json_array_get(rrsets, i), &out->edit[out->n]);
		if (ret == 1) {
			out->n++;
			ret = 0;
		}
	}
	free(r.rdata);
	if (ret == 0)
		ret = body_check(out, kind, r.apex, error);
	if (ret == -ENOMEM)
		snprintf(error, BODY_ERROR_OCTETS, "Out of memory");
	return ret;
}

void
body_rrsets_add(struct body_rrsets *b, const struct backend_rrset *rrset)
{
	b->edit[b->n++] = (struct zone_edit){
		.kind = EDIT_REPLACE,
		.rrset = *rrset,
		.has_records = true,
	};
}

const struct backend_rrset *
body_rrsets_find(const struct body_rrsets *b, const uint8_t *owner, uint16_t type)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct backend_rrset *set = &b->edit[i].rrset;
		if (set->type == type && memcmp(set->owner, owner, name_octets(owner)) == 0)
			return set;
	}
	return NULL;
}

void
body_rrsets_free(struct body_rrsets *b)
{
	body_free(&b->memory);
	b->edit = NULL;
	b->n = 0;
}
