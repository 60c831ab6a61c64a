/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_read: where a zone's records are, and all of them as RRsets, wherever that is. */
#pragma once
#include "controlplane/api/request.h"
#include "controlplane/api/rrset_write.h"
#include "controlplane/api/zone_write.h"

enum zone_place {
	ZONE_NOWHERE,
	ZONE_IN_STORE,
	ZONE_IN_FILE,    /* the manager's */
	ZONE_IN_BACKEND, /* an instance's */
};

struct zone_at {
	enum zone_place place;
	unsigned instance; /* of a backend */
	char *path;        /* of a file; the caller's */
};

/**
 * @param t  a read transaction of the store; NULL: there is none
 * @param[out] zone  of ZONE_IN_STORE; NULL: not asked for
 * @return 0, or a negative errno of the store or -ENOMEM
 */
int zone_locate(const struct api_context *c, struct store_txn *t, const uint8_t *apex,
	struct zone_at *out, struct store_zone *zone) __attribute__((warn_unused_result));

/** The same for a request; 404 or 500 is the answer if it fails. @param[out] t  a read transaction
 * or NULL, the caller's, also on failure */
int zone_locate_for(struct api_request *r, const uint8_t *apex, struct zone_at *out,
	struct store_txn **t, struct store_zone *zone) __attribute__((warn_unused_result));

/** One value of a kind of metadata; "" if there is none. In the map. */
const char *zone_metadata_one(struct store_txn *t, const struct store_zone *z, const char *kind);

/* --- a walk over a zone of the store, in pieces --- */

struct zone_walk {
	struct store *store;
	struct store_txn *txn; /* owned */
	struct store_zone zone;
	struct store_cursor *cursor;
	int64_t since_ns;
	uint8_t apex[ZONE_WIRE_OCTETS], owner[ZONE_WIRE_OCTETS]; /* where it is */
	uint16_t type;
	bool begun, below, again;
};

/** @param txn  taken over, also on failure. @param from  only this owner; NULL: all */
int zone_walk_begin(struct zone_walk *w, struct store *store, struct store_txn *txn,
	const struct store_zone *zone, const uint8_t *from) __attribute__((warn_unused_result));
/** Before each piece: a reader that keeps its version for long keeps the store from using its
 * freed pages again, so after a few seconds it goes on in a newer one. */
int zone_walk_refresh(struct zone_walk *w) __attribute__((warn_unused_result));
/** @return 0, -ENOENT: the end, or another negative errno */
int zone_walk_next(struct zone_walk *w, struct backend_rrset *out)
	__attribute__((warn_unused_result));
void zone_walk_end(struct zone_walk *w);

#define ZONE_TAG_OCTETS 40u

/** The entity tag of a zone of the store, with its quotes: another one when its records have
 * changed, or what PUT can change. What the server itself notes (serials that were told, checks) is
 * not in it.
 * @return 0 or negative errno */
int zone_tag(struct store_txn *t, const struct store_zone *z, char out[ZONE_TAG_OCTETS])
	__attribute__((warn_unused_result));

/* --- any other zone, at once, in another thread --- */

/**
 * Every RRset of a zone file, in canonical order.
 * @param each  other than 0 ends it with that
 * @param[out] error  why it could not be read
 */
int zone_read_file(const char *path, const uint8_t *apex, uint32_t default_ttl,
	int (*each)(void *arg, const struct backend_rrset *set), void *arg,
	char error[BACKEND_ERROR_OCTETS]) __attribute__((warn_unused_result));
/** The same of a text. Messages call it "zone". @param[out] report  what was seen in it, which the
 * caller destroys; zeroed at first */
int zone_read_text(const char *text, size_t len, const uint8_t *apex, uint32_t default_ttl,
	int (*each)(void *arg, const struct backend_rrset *set), void *arg,
	struct zone_report *report, char error[BACKEND_ERROR_OCTETS])
	__attribute__((warn_unused_result));
