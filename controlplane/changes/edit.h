/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit: what changes_edit() and the edits of zones of other backends share: resolve, check, count
 * up. Private to changes/. */
#pragma once
#include "controlplane/changes/edit_set.h"
#include "controlplane/manager/zone_names.h"

#define EDIT_KIND_OCTETS 64u /* of a kind of SOA-EDIT */

/* Where the zone's present RRsets are read. Functions return 0 or a negative errno. */
struct edit_source {
	/* RRsets of one owner, disabled records and comments included; none: 0 as well */
	int (*owner)(void *arg, const uint8_t *owner,
		int (*each)(void *to, const struct backend_rrset *rrset), void *to);
	/* all of the zone */
	int (*all)(void *arg, int (*each)(void *to, const struct backend_rrset *rrset), void *to);
	void *arg;
};

/* One call's state. */
struct edit_run {
	const struct zone_edits *edits;
	struct edit_source source;
	enum backend_kind kind;
	char soa_edit_api[EDIT_KIND_OCTETS], soa_edit[EDIT_KIND_OCTETS];
	int64_t now_s;
	struct change_error *error;
	struct edit_set set;
	size_t n_differ; /* RRsets */
	struct edits_outcome out;
};

/** "RRset NAME IN TYPE" and what is wrong. @return what change_refuse() does */
int edit_refuse(struct edit_run *run, enum change_verdict v, const uint8_t *owner, uint16_t type,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/** Read what the edits name, and find out what is to be there. The first of the three; the set is
 * the caller's to free whatever comes of it. @return 0 or a negative errno, with run->error */
int edit_resolve(struct edit_run *run) __attribute__((warn_unused_result));
/** Would the zone be one, around what differs? */
int edit_check(struct edit_run *run) __attribute__((warn_unused_result));
/** Count up the serial, if anything differs: the SOA is one of the RRsets that do, then. */
int edit_count_up(struct edit_run *run) __attribute__((warn_unused_result));

/** A row for the audit log: who, what, before and after; bounded. @return allocated, or NULL */
char *edit_audit_row(const struct edit_run *run);
