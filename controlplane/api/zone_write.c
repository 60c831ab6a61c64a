/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_write: see the header. */
#include "controlplane/api/zone_write.h"

#include "controlplane/api/body_zone.h"
#include "controlplane/api/request.h"

#include <string.h>

#define URL_PREFIX API_BASE "/zones/"

void
zone_members_of_store(struct zone_members *m, const struct store_zone *z)
{
	*m = (struct zone_members){
		.apex = z->apex,
		.kind = z->kind,
		.primaries = z->primaries,
		.account = z->account,
		.catalog = z->catalog,
		.serial = z->serial,
		.edited_serial = z->serial,
		.notified_serial = z->notified_serial,
		.last_check = z->last_check,
		.soa_edit = "",
		.soa_edit_api = "",
		.n_records = z->n_records,
	};
}

void
zone_members_of_entry(struct zone_members *m, const struct zone_entry *e)
{
	*m = (struct zone_members){
		.apex = e->apex,
		.kind = BACKEND_NATIVE,
		.primaries = "",
		.account = "",
		.catalog = "",
		.serial = e->serial,
		.edited_serial = e->serial,
		.soa_edit = "",
		.soa_edit_api = "",
		.n_records = e->n_records,
	};
}

/* "192.0.2.1,[2001:db8::1]:5300" as an array. */
static void
write_primaries(struct json_writer *w, const char *list)
{
	json_open_array(w, "masters");
	while (*list != '\0') {
		size_t n = strcspn(list, ", ");
		char address[64];
		if (n > 0 && n < sizeof address) {
			memcpy(address, list, n);
			address[n] = '\0';
			json_str(w, NULL, address);
		}
		list += n;
		list += strspn(list, ", ");
	}
	json_close_array(w);
}

static void
write_keys(struct json_writer *w, const char *key, const char *const *name, size_t n)
{
	json_open_array(w, key);
	for (size_t i = 0; i < n; i++)
		json_str(w, NULL, name[i]);
	json_close_array(w);
}

void
zone_write_begin(struct json_writer *w, const struct zone_members *m)
{
	char text[ZONE_TEXT_OCTETS], id[ZONE_ID_OCTETS];

	zone_text_from_key(text, m->apex);
	zone_id_from_wire(id, m->apex);
	json_open_object(w, NULL);
	json_str(w, "account", m->account);
	if (m->detail)
		json_bool(w, "api_rectify", m->rectify);
	json_str(w, "catalog", m->catalog);
	if (m->dnssec) {
		json_bool(w, "dnssec", false);
		json_uint(w, "edited_serial", m->edited_serial);
	}
	json_str(w, "id", id);
	json_str(w, "kind", body_kind_word[m->kind]);
	json_uint(w, "last_check", m->last_check);
	if (m->detail)
		write_keys(w, "master_tsig_key_ids", m->primary_tsig, m->n_primary_tsig);
	write_primaries(w, m->primaries);
	json_str(w, "name", text);
	json_uint(w, "notified_serial", m->notified_serial);
	if (m->detail) {
		json_bool(w, "nsec3narrow", false);
		json_str(w, "nsec3param", "");
	}
	if (m->counted)
		json_uint(w, "record_count", m->n_records);
}

void
zone_write_end(struct json_writer *w, const struct zone_members *m)
{
	char url[sizeof URL_PREFIX + ZONE_ID_OCTETS] = URL_PREFIX;

	zone_id_from_wire(url + sizeof URL_PREFIX - 1, m->apex);
	json_uint(w, "serial", m->serial);
	if (m->detail) {
		write_keys(w, "slave_tsig_key_ids", m->secondary_tsig, m->n_secondary_tsig);
		json_str(w, "soa_edit", m->soa_edit);
		json_str(w, "soa_edit_api", m->soa_edit_api);
	}
	json_str(w, "url", url);
}

void
zone_write_findings(struct json_writer *w, const struct zone_report *report)
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
write_transfer(struct json_writer *w, const struct transfer_status *s)
{
	json_open_object(w, "transfer");
	json_str(w, "state", transfer_state_word[s->state]);
	json_str(w, "primary", s->primary);
	if (s->named[0] != '\0')
		json_str(w, "named", s->named);
	json_uint(w, "last_check", (uint64_t)s->checked_s);
	json_uint(w, "last_success", (uint64_t)s->succeeded_s);
	json_str(w, "result", s->checked_s == 0 ? "" : transfer_result_word[s->result]);
	json_str(w, "last_error", s->error);
	if (s->succeeded_s != 0) {
		json_uint(w, "serial", s->serial);
		json_uint(w, "records", s->records);
		json_uint(w, "dropped", s->dropped);
		json_uint(w, "octets", s->octets);
		json_uint(w, "ms", s->ms);
	}
	json_close_object(w);
}

void
zone_write_state(struct json_writer *w, const struct zone_entry *e, bool detail,
	const struct transfer_status *transfer)
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
		json_str(w, "file", e->path == NULL ? "" : e->path);
		json_open_array(w, "includes");
		for (size_t i = 0; e->includes != NULL && i < e->includes->n; i++)
			json_str(w, NULL, e->includes->item[i].path);
		json_close_array(w);
		json_uint(w, "load_ms", e->load_ms);
		json_uint(w, "loaded_at", e->loaded_at_s);
		zone_write_findings(w, e->report);
	}
	if (transfer != NULL)
		write_transfer(w, transfer);
	json_close_object(w);
}
