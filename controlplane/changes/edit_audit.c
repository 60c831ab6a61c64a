/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit_audit: a row of the audit log as JSON: who, where from, the zone, its serials, and for each
 * RRset its records before and after. Bounded: a zone that is replaced does not fill the log. */
#include "controlplane/api/json_writer.h"
#include "controlplane/changes/edit.h"
#include "controlplane/zones/rdata_text.h"

#include <stdlib.h>
#include <string.h>

#define RRSETS_MAX 100u       /* in one row */
#define ROW_OCTETS_MAX 65536u /* about which no further RRset is begun */
#define RECORDS_MAX 100u      /* of one RRset, before and after each */
#define TEXT_OCTETS 1024u     /* of one record; longer ones are told by their length */

static void
write_records(struct json_writer *w, const char *key, const struct backend_rrset *set)
{
	char text[TEXT_OCTETS];

	json_open_array(w, key);
	for (uint32_t i = 0; i < set->n_records && i < RECORDS_MAX; i++) {
		const struct backend_record *r = &set->record[i];
		json_open_object(w, NULL);
		if (rdata_to_text(set->type, r->rdata, r->rdlength, text, sizeof text) >= 0)
			json_str(w, "content", text);
		else
			json_uint(w, "octets", r->rdlength);
		json_bool(w, "disabled", r->disabled);
		json_close_object(w);
	}
	json_close_array(w);
}

static void
write_side(struct json_writer *w, const char *key, const struct backend_rrset *set)
{
	json_open_object(w, key);
	json_uint(w, "ttl", set->ttl);
	if (set->n_records > RECORDS_MAX)
		json_uint(w, "n_records", set->n_records);
	write_records(w, "records", set);
	json_close_object(w);
}

static void
write_rrset(struct json_writer *w, const struct edited *e)
{
	char name[ZONE_TEXT_OCTETS], word[16];

	zone_text_from_wire(name, e->at->name);
	rrtype_to_text(e->type, word);
	json_open_object(w, NULL);
	json_str(w, "name", name);
	json_str(w, "type", word);
	if (e->before.n_records > 0)
		write_side(w, "before", &e->before);
	if (e->after.n_records > 0)
		write_side(w, "after", &e->after);
	if (e->comments_differ)
		json_bool(w, "comments", true);
	json_close_object(w);
}

char *
edit_audit_row(const struct edit_run *run)
{
	struct json_writer w = {0};
	char name[ZONE_TEXT_OCTETS];
	size_t told = 0;

	zone_text_from_key(name, run->edits->apex);
	json_open_object(&w, NULL);
	json_str(&w, "action", "edit");
	json_str(&w, "who", run->edits->who);
	json_str(&w, "origin", run->edits->origin);
	json_str(&w, "zone", name);
	json_uint(&w, "serial_before", run->out.serial_before);
	json_uint(&w, "serial_after", run->out.serial_after);
	json_uint(&w, "n_rrsets", run->n_differ);
	json_open_array(&w, "rrsets");
	for (const struct edited *e = run->set.first; e != NULL; e = e->next) {
		if (!e->records_differ && !e->comments_differ)
			continue;
		if (told++ == RRSETS_MAX || w.len > ROW_OCTETS_MAX)
			break;
		write_rrset(&w, e);
	}
	json_close_array(&w);
	json_close_object(&w);
	json_raw(&w, "%c", 0);
	if (w.failed)
		json_free(&w);
	return w.text;
}
