/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rrset_write: RRsets as the API shows them: JSON with PowerDNS's members in its order, or lines of
 * a zone file. Any thread; the text buffer is the caller's. */
#pragma once
#include "backends/backend.h"
#include "controlplane/api/json_writer.h"
#include "controlplane/manager/zone_names.h"
#include "controlplane/zones/rdata_text.h"

/* Room for the text of any RDATA: each octet as \DDD, with quotes and spaces. */
#define RRSET_TEXT_OCTETS (5u * RDATA_WIRE_MAX + 4096u)

/* Which of a zone's RRsets are shown, and how. */
struct rrset_view {
	const uint8_t *name; /* folded; NULL: all */
	uint16_t type;       /* 0: all */
	bool no_disabled;    /* records that are not served are left out */
	char *text;          /* RRSET_TEXT_OCTETS */
};

/** The content of a record; in RFC 3597's form where it is not well-formed for its type. */
const char *rrset_content(
	char text[RRSET_TEXT_OCTETS], uint16_t type, const uint8_t *rdata, uint16_t rdlength);

/** Is it to be shown? */
bool rrset_is_seen(const struct rrset_view *v, const struct backend_rrset *set);

/** An object: an element of the array that is open, or a member. */
void rrset_write_json(struct json_writer *w, const char *key, const struct rrset_view *v,
	const struct backend_rrset *set);

/** "name TTL IN TYPE content" with tabs, a line for each record that is served. @param json  the
 * lines are inside a JSON string */
void rrset_write_lines(struct json_writer *w, const struct rrset_view *v,
	const struct backend_rrset *set, bool json);
