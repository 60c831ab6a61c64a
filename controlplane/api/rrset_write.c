/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rrset_write: see the header. */
#include "controlplane/api/rrset_write.h"

#include <stdio.h>
#include <string.h>

const char *
rrset_content(char text[RRSET_TEXT_OCTETS], uint16_t type, const uint8_t *rdata, uint16_t rdlength)
{
	static const char digit[16] = "0123456789abcdef";
	size_t at;

	if (rdata_to_text(type, rdata, rdlength, text, RRSET_TEXT_OCTETS) >= 0)
		return text;
	at = (size_t)sprintf(text, "\\# %u%s", rdlength, rdlength > 0 ? " " : "");
	for (unsigned i = 0; i < rdlength; i++) {
		text[at++] = digit[rdata[i] >> 4];
		text[at++] = digit[rdata[i] & 15];
	}
	text[at] = '\0';
	return text;
}

bool
rrset_is_seen(const struct rrset_view *v, const struct backend_rrset *set)
{
	if (v->type != 0 && set->type != v->type)
		return false;
	if (v->name != NULL && (name_octets(v->name) != name_octets(set->owner) ||
				       memcmp(v->name, set->owner, name_octets(v->name)) != 0))
		return false;
	if (!v->no_disabled || set->n_comments > 0)
		return true;
	for (uint32_t i = 0; i < set->n_records; i++)
		if (!set->record[i].disabled)
			return true;
	return false;
}

void
rrset_write_json(struct json_writer *w, const char *key, const struct rrset_view *v,
	const struct backend_rrset *set)
{
	char name[ZONE_TEXT_OCTETS], type[16];

	zone_text_from_wire(name, set->owner);
	rrtype_to_text(set->type, type);
	json_open_object(w, key);
	json_open_array(w, "comments");
	for (uint32_t i = 0; i < set->n_comments; i++) {
		json_open_object(w, NULL);
		json_str(w, "account", set->comment[i].account);
		json_str(w, "content", set->comment[i].content);
		json_uint(w, "modified_at", set->comment[i].modified_at);
		json_close_object(w);
	}
	json_close_array(w);
	json_str(w, "name", name);
	json_open_array(w, "records");
	for (uint32_t i = 0; i < set->n_records; i++) {
		const struct backend_record *record = &set->record[i];
		if (record->disabled && v->no_disabled)
			continue;
		json_open_object(w, NULL);
		json_str(w, "content",
			rrset_content(v->text, set->type, record->rdata, record->rdlength));
		json_bool(w, "disabled", record->disabled);
		json_close_object(w);
	}
	json_close_array(w);
	json_uint(w, "ttl", set->n_records == 0 ? 0 : set->ttl);
	json_str(w, "type", type);
	json_close_object(w);
}

/* Presentation format is ASCII without control characters. */
static void
put_escaped(struct json_writer *w, const char *text)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\"\\");
		json_text(w, text, n);
		text += n;
		if (*text != '\0')
			json_raw(w, "\\%c", *text++);
	}
}

void
rrset_write_lines(struct json_writer *w, const struct rrset_view *v,
	const struct backend_rrset *set, bool json)
{
	const char *tab = json ? "\\t" : "\t", *end = json ? "\\n" : "\n";
	char name[ZONE_TEXT_OCTETS], type[16];

	zone_text_from_wire(name, set->owner);
	rrtype_to_text(set->type, type);
	for (uint32_t i = 0; i < set->n_records; i++) {
		const struct backend_record *record = &set->record[i];
		const char *content;
		if (record->disabled)
			continue;
		content = rrset_content(v->text, set->type, record->rdata, record->rdlength);
		if (json)
			put_escaped(w, name);
		else
			json_text(w, name, sizeof name);
		json_raw(w, "%s%u%sIN%s%s%s", tab, set->ttl, tab, tab, type, tab);
		if (json)
			put_escaped(w, content);
		else
			json_text(w, content, RRSET_TEXT_OCTETS);
		json_raw(w, "%s", end);
	}
}
