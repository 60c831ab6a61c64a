/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_change: a request that changes a zone: who, what, and the answer once it is durable and
 * served. Handlers fill one in and submit it; it is the request's, and ends with it. */
#pragma once
#include "controlplane/api/api_store.h"
#include "controlplane/api/body_zone.h"
#include "controlplane/api/zone_read.h"

struct zone_change {
	struct api_job base;            /* first */
	uint8_t apex[ZONE_WIRE_OCTETS]; /* the key: owners end in zone_key_apex() of it */
	json_t *document;               /* the body: texts point into it */
	struct body_rrsets rrsets;
	struct zone_report report; /* what was seen in the text that they come from */
	struct body_zone zone;
	struct zone_edits edits;
	/* If-Match */
	bool matches;
	char tag[ZONE_TAG_OCTETS];
	uint32_t serial;              /* of a zone that is not the store's */
	struct edits_outcome outcome; /* of a zone that is not the store's */
	void (*answer)(struct api_request *r, struct zone_change *c);
};

/** A new one, the request's. NULL: the error is the answer. */
struct zone_change *zone_change_new(struct api_request *r, const uint8_t *apex);
/** The same, with room behind it: zeroed, `octets` in all. */
struct zone_change *zone_change_new_larger(
	struct api_request *r, const uint8_t *apex, size_t octets);

#define ZONE_CHANGE_TTL_S 3600u /* PowerDNS's default-ttl */
/** RRsets of a zone file's text, in canonical order, in the place of those that there are. Thread:
 * any, one at a time. @return 0 or a negative errno, with the error set (-ENOMEM: perhaps) */
int zone_change_text(struct zone_change *c, const char *text, size_t len,
	char error[BACKEND_ERROR_OCTETS]) __attribute__((warn_unused_result));
/** Parse the body. @return 0, or -1: the error is the answer */
int zone_change_body(struct zone_change *c);
/** If-Match, with extensions. @return 0, or -1: the error is the answer */
int zone_change_match(struct zone_change *c);
/** For apply(): -EINVAL with the error set when If-Match names another version. */
int zone_change_check(struct zone_change *c, struct store_txn *t, const struct store_zone *zone);
/** Is every RRset of the body allowed? @return false: 403 is the answer */
bool zone_change_allowed(struct zone_change *c);

/** Answer by `answer` when the job is done. */
void zone_change_submit(struct zone_change *c,
	int (*apply)(struct change_job *job, struct store_txn *t),
	void (*answer)(struct api_request *r, struct zone_change *c));
/** The same by changes_edit_zone(): for zones that are not the store's. */
void zone_change_submit_edits(
	struct zone_change *c, void (*answer)(struct api_request *r, struct zone_change *c));
/** The change that a job belongs to. */
struct zone_change *zone_change_of(struct change_job *job);

/** A row of the audit log, for what is no edit of records. */
int zone_change_audit(
	struct zone_change *c, struct store_txn *t, const char *action, const char *detail);

/** What the body will change of them, before and after, as an object with a NUL behind; for the
 * audit log. `zone` is the store's as it is. */
void zone_change_tell_properties(const struct zone_change *c, struct store_txn *t,
	const struct store_zone *zone, struct json_writer *w);
/** Properties that the body has: into the zone and its metadata. `zone` is the store's new or
 * present one. @param is_new  it has no metadata yet */
int zone_change_properties(struct zone_change *c, struct store_txn *t, struct store_zone *zone,
	bool is_new) __attribute__((warn_unused_result));
/** What of them makes no sense, whatever the zone is like. @return 0, or -1: 422 is the answer */
int zone_change_check_properties(struct zone_change *c);
