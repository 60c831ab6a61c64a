/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store: zones, metadata, keys, tokens and journal in one LMDB file. Durable at commit. One process
 * has it open for writing, and in that one struct store a path: opening it again gives the same one
 * (the `lmdb` backend and the control plane share it).
 *
 * Names are folded wire names with NAME_PAD octets readable behind them; texts are UTF-8, "" for
 * none. What a reader function hands out lies in the map: valid until its transaction ends or, in a
 * writing one, until the next write; a struct store_zone is good until the end in both. Functions
 * return 0 or a negative errno: -ENOENT not there, -EEXIST there already, -ENOSPC disk or map full,
 * -EPROTO the file is damaged here, -EIO. */
#pragma once
#include "backends/backend.h"
#include "controlplane/manager/zone_names.h"

#define STORE_FORMAT 1u /* of the file; a later version reads this one and the one before it */
#define STORE_ERROR_OCTETS 512u

struct store;
struct store_txn;

struct store_options {
	const char *path; /* a file; beside it PATH-lock */
	bool read_only;
	bool alone;               /* with read_only: nobody has it open; no PATH-lock is made */
	uint64_t journal_octets;  /* a zone's journal is cut to this; 0: 16 MiB */
	uint32_t journal_seconds; /* and to this age; 0: 30 days */
};

/** @param[out] error  one line: what is wrong with which file, and what would be right */
int store_open(struct store **out, const struct store_options *o, char error[STORE_ERROR_OCTETS])
	__attribute__((warn_unused_result));
/** The last user closes it. No transaction is open. */
void store_close(struct store *s);

/* --- transactions --- */

/* A reading one may wander between threads, one at a time; a writing one stays with the thread that
 * began it. Cursors are closed before their transaction ends. A thread that has a writing one
 * begins no second. */

/** It sees what was committed before. -EIO: the disk failed, and older transactions are still open
 * (once they have ended the file is opened anew), or that failed less than a second ago. */
int store_read(struct store *s, struct store_txn **out) __attribute__((warn_unused_result));
/** One at a time; a second thread waits. */
int store_write(struct store *s, struct store_txn **out) __attribute__((warn_unused_result));
/** @return 0: it is on the disk. Else nothing of it happened, and it has ended as well. */
int store_commit(struct store_txn *t) __attribute__((warn_unused_result));
/** Ends a reading one; gives up a writing one. NULL: nothing. */
void store_end(struct store_txn *t);
/** How much was written in it so far, in no unit: the same twice, nothing was between. */
uint64_t store_writes(const struct store_txn *t);
/** Counts commits. Of what this transaction reads; in a writing one, of what it will be. */
uint64_t store_version(const struct store_txn *t);

/* --- zones --- */

struct store_zone {
	uint64_t id;         /* never given twice */
	const uint8_t *apex; /* its key (shm/zone_key.h): owners end in zone_key_apex() of it.
				NAME_PAD readable behind it */
	enum backend_kind kind;
	bool has_refs; /* the store's own: large enough for an index of targets */
	uint32_t serial, notified_serial, last_check;
	uint32_t n_names; /* owners that have records, disabled ones too */
	uint64_t n_records;
	uint64_t version;    /* store_version() of the last change of records */
	uint64_t created_at; /* seconds since 1970 */
	const char *primaries, *account, *catalog, *options; /* as in struct backend_zone */
};

/** The zone of this very apex; -ENOENT. */
int store_zone_get(struct store_txn *t, const uint8_t *apex, struct store_zone *out)
	__attribute__((warn_unused_result));
/** The zone with the longest apex that ends this name; -ENOENT. */
int store_zone_of(struct store_txn *t, const uint8_t *name, struct store_zone *out)
	__attribute__((warn_unused_result));
/** In canonical order (RFC 4034 6.1) of apexes, after `after` (NULL: from the start). -ENOENT: the
 * end. */
int store_zone_next(struct store_txn *t, const uint8_t *after, struct store_zone *out)
	__attribute__((warn_unused_result));
/** All of them. */
uint64_t store_zone_count(struct store_txn *t);
/** id, version, counts and created_at are the store's to fill in; id is written back. */
int store_zone_create(struct store_txn *t, struct store_zone *zone)
	__attribute__((warn_unused_result));
/** Kind, serials, last_check and texts of an existing zone. */
int store_zone_update(struct store_txn *t, const struct store_zone *zone)
	__attribute__((warn_unused_result));
/** With its records, comments, metadata, keys and journal; what a large zone had is out of sight,
 * and waits for store_purge(). */
int store_zone_delete(struct store_txn *t, const uint8_t *apex) __attribute__((warn_unused_result));

/** Is there something left of zones that were deleted? True also when it is not known. */
bool store_wants_purge(const struct store *s);
/** Take a bounded part of that out of the file, in a transaction of its own: some milliseconds.
 * @return 1: there is more; 0: nothing is left; negative errno: it is tried again later */
int store_purge(struct store *s) __attribute__((warn_unused_result));

/* --- records --- */

/* Decodes RRsets into memory of its own, which the next call overwrites; zeroed at first. */
struct store_decoder {
	struct backend_record *record;
	struct backend_comment *comment;
	uint32_t record_room, comment_room;
};
void store_decoder_free(struct store_decoder *d);

/** One RRset with its comments. An RRset of comments alone (no records) counts. */
int store_rrset_get(struct store_txn *t, const struct store_zone *zone, const uint8_t *owner,
	uint16_t type, struct store_decoder *d, struct backend_rrset *out)
	__attribute__((warn_unused_result));

/* A walk over RRsets, in canonical order of owners, then by type. */
struct store_cursor;
/**
 * @param from   first owner; NULL: the apex. Need not exist
 * @param below  only names at or below `from`
 */
int store_cursor_open(struct store_txn *t, const struct store_zone *zone, const uint8_t *from,
	bool below, struct store_cursor **out) __attribute__((warn_unused_result));
/** out->owner is the cursor's own until the next call. -ENOENT: the end. */
int store_cursor_next(struct store_cursor *c, struct backend_rrset *out)
	__attribute__((warn_unused_result));
/** Skip what is left of the present owner. */
void store_cursor_skip_owner(struct store_cursor *c);
void store_cursor_close(struct store_cursor *c);

/** Replace an RRset's records and, if has_comments, its comments; no records: it is removed (its
 * comments too, unless it is left with new ones). Counts, version and refs follow; the caller reads
 * the zone again to see them. -ENAMETOOLONG: an owner of more than 503 octets of key: some 250
 * octets of which nearly all are 0 or 1. */
int store_rrset_put(struct store_txn *t, const struct store_zone *zone,
	const struct backend_change *change) __attribute__((warn_unused_result));
/** The same of several RRsets of one owner, in one go: an owner's RRsets are one value. @param
 * change  n of them, at least one, types ascending, each once */
int store_owner_put(struct store_txn *t, const struct store_zone *zone,
	const struct backend_change *change, size_t n) __attribute__((warn_unused_result));

/** Owners of NS, MX, SRV, SVCB, ... (zone_rdata_target()) whose RDATA name this target, or, with
 * `below`, one at or below it; only of zones with has_refs. */
int store_referrers(struct store_txn *t, const struct store_zone *zone, const uint8_t *target,
	bool below, int (*each)(void *arg, const uint8_t *owner), void *arg)
	__attribute__((warn_unused_result));

/* --- journal: every changeset, what it took away and what it put in --- */

struct store_journal_entry {
	uint64_t sequence; /* ascends within a zone */
	uint32_t serial_before, serial_after;
	int64_t at_ms;            /* since 1970 */
	const char *who, *origin; /* "token:certbot", "api" */
	bool cut; /* its RRsets were more than the bound of the journal: they are not there */
	uint32_t n_removed, n_added; /* RRsets */
	const struct backend_rrset *removed, *added;
};

/** Append, and cut the oldest beyond the bounds. sequence and at_ms are set here. */
int store_journal_append(struct store_txn *t, const struct store_zone *zone,
	struct store_journal_entry *entry) __attribute__((warn_unused_result));
/** Newest first, before this sequence (UINT64_MAX: from the newest). `each` returning other than 0
 * ends it with that. */
int store_journal_each(struct store_txn *t, const struct store_zone *zone, uint64_t before,
	int (*each)(void *arg, const struct store_journal_entry *e), void *arg)
	__attribute__((warn_unused_result));
/** Oldest first, from the entry whose serial_before is this up to the zone's serial; -ENOENT: the
 * journal does not reach back to it without a gap. */
int store_journal_since(struct store_txn *t, const struct store_zone *zone, uint32_t serial,
	int (*each)(void *arg, const struct store_journal_entry *e), void *arg)
	__attribute__((warn_unused_result));

/* --- metadata, keys: by zone. Of each `each` here and below: other than 0 ends the walk with that
 * --- */

/** @param[out] value  an array that the caller frees; its texts lie in the map. -ENOENT: none */
int store_metadata_get(struct store_txn *t, const struct store_zone *zone, const char *kind,
	const char ***value, size_t *n);
/** Replace all values of a kind. @param n  0: removed, also if there are none */
int store_metadata_set(struct store_txn *t, const struct store_zone *zone, const char *kind,
	const char *const *value, size_t n);
/** In the order of kinds. */
int store_metadata_each(struct store_txn *t, const struct store_zone *zone,
	int (*each)(void *arg, const struct backend_metadata *m), void *arg);

/** DNSSEC keys, in the order of ids. */
int store_key_each(struct store_txn *t, const struct store_zone *zone,
	int (*each)(void *arg, const struct backend_key *key), void *arg);
/** Adds it or replaces it. key->id 0: a new one, which is written back. */
int store_key_put(struct store_txn *t, const struct store_zone *zone, struct backend_key *key);
/** -ENOENT: there is none. */
int store_key_remove(struct store_txn *t, const struct store_zone *zone, uint32_t id);

/* --- tables of the server: small things that are kept as key and value --- */

enum store_table {
	STORE_TSIG,        /* name -> JSON {algorithm, key} */
	STORE_AUTOPRIMARY, /* "ip/nameserver" -> JSON {account} */
	STORE_TOKEN,       /* token id -> JSON; secrets are hashed */
	STORE_NETWORK,     /* "prefix/len" -> view */
	STORE_VIEW,        /* "view/apex" -> variant; "": the zone without one */
	STORE_SETTING,     /* whatever else the control plane keeps */
	STORE_GONE,        /* id of a deleted zone, 16 hex digits -> ""; the store's own */
	STORE_TABLES
};

/** @param[out] value  in the map. -ENOENT: there is none */
int store_row_get(struct store_txn *t, enum store_table table, const char *key, const char **value);
/** Adds it or replaces it. -ENAMETOOLONG: a key is at most 480 octets. */
int store_row_put(struct store_txn *t, enum store_table table, const char *key, const char *value);
/** -ENOENT: there is none. */
int store_row_remove(struct store_txn *t, enum store_table table, const char *key);
/** Rows whose keys begin with this, in their order; NULL or "": all. */
int store_row_each(struct store_txn *t, enum store_table table, const char *prefix,
	int (*each)(void *arg, const char *key, const char *value), void *arg);
/** The same; a row that is damaged does not end it with -EPROTO: its value is NULL. */
int store_row_each_any(struct store_txn *t, enum store_table table, const char *prefix,
	int (*each)(void *arg, const char *key, const char *value), void *arg);

/* --- audit: who did what, in order; bounded by octets (64 MiB) --- */

/** Append a row, with the time; the oldest go when there are too many octets. */
int store_audit_append(struct store_txn *t, const char *json);
/** Newest first, before this sequence (UINT64_MAX: from the newest). */
int store_audit_each(struct store_txn *t, uint64_t before,
	int (*each)(void *arg, uint64_t sequence, int64_t at_ms, const char *json), void *arg);

/* --- the file --- */

/** A consistent copy of what is committed, while everything goes on. @param fd  a file or a pipe */
int store_snapshot(struct store *s, int fd, char error[STORE_ERROR_OCTETS]);
/** The same into a file, which is on the disk when it returns 0. @param force  replace a file */
int store_snapshot_file(struct store *s, const char *path, bool force,
	char error[STORE_ERROR_OCTETS]) __attribute__((warn_unused_result));

struct store_verifier {
	void (*found)(void *arg, const char *text); /* called for each fault, one line */
	void *arg;
	/* Is this RDATA of the type's form? (zone_rdata_valid()) NULL: it is not looked at */
	bool (*rdata_valid)(uint16_t type, const uint8_t *rdata, uint16_t len);
	/* Called now and then: so many entries of so many were looked at. NULL: nobody asks */
	void (*progress)(void *arg, uint64_t done, uint64_t all);
};
/** Check every page and every entry of a file that nobody writes. @return 0: there is no fault.
 * -EPROTO: there is. -EBUSY: somebody writes to it */
int store_verify(const char *path, const struct store_verifier *v, char error[STORE_ERROR_OCTETS])
	__attribute__((warn_unused_result));

/** Verify a snapshot, and put a copy of it where a store is to be that nobody has open. Versions
 * and ids count on from those of the store that is replaced; owner, group and mode are that one's,
 * or the folder's. @param force  replace one */
int store_restore(const char *snapshot, const char *path, bool force,
	const struct store_verifier *v, char error[STORE_ERROR_OCTETS])
	__attribute__((warn_unused_result));

/** After everything was read (at the start): the file's pages no longer count as memory of this
 * process; what is read again comes from the page cache. Thread: any, transactions may be open. */
void store_release_pages(struct store *s);

struct store_figures {
	uint64_t file_octets, used_octets, map_octets;
	uint64_t commits_total, commit_failures_total;
	uint32_t readers;
};
void store_figures(struct store *s, struct store_figures *out);
