/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_write: zones as the API shows them: members as PowerDNS's, in its (alphabetical) order, and
 * ours in "millrace". */
#pragma once
#include "backends/backend.h"
#include "controlplane/api/json_writer.h"
#include "controlplane/manager/zone_table.h"
#include "controlplane/store/store.h"
#include "controlplane/transfer/transfer_client.h"

/* Texts are "" for none. */
struct zone_members {
	const uint8_t *apex;
	enum backend_kind kind;
	const char *primaries, *account, *catalog;
	uint32_t serial, edited_serial, notified_serial, last_check;
	bool dnssec; /* and what PowerDNS leaves out for dnssec=false */
	/* of a zone that is shown alone */
	bool detail;
	const char *soa_edit, *soa_edit_api;
	bool rectify;
	const char *const *primary_tsig, *const *secondary_tsig;
	size_t n_primary_tsig, n_secondary_tsig;
	bool counted;
	uint64_t n_records;
};

/** Properties of a zone of the store; texts stay in its map. */
void zone_members_of_store(struct zone_members *m, const struct store_zone *z);
/** Of one that the manager has from elsewhere. */
void zone_members_of_entry(struct zone_members *m, const struct zone_entry *e);

/** The object's beginning, up to where "rrsets" belongs. */
void zone_write_begin(struct json_writer *w, const struct zone_members *m);
/** What follows; the object stays open. */
void zone_write_end(struct json_writer *w, const struct zone_members *m);
/** "millrace": how it is served. @param detail  with file and findings. @param transfer  how it was
 * retrieved; NULL: it was not */
void zone_write_state(struct json_writer *w, const struct zone_entry *e, bool detail,
	const struct transfer_status *transfer);
/** "findings": what was seen in a zone's text. @param report  NULL: none */
void zone_write_findings(struct json_writer *w, const struct zone_report *report);
