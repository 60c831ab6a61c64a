/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_internal: what the files of the store share. Nobody else includes it, but for its tests. */
#pragma once
#include "controlplane/store/store.h"
#include "controlplane/store/store_key.h"
#include "controlplane/store/store_pack.h"

#include <lmdb.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>

#define STORE_FILE_MODE 0600u   /* keys and hashed tokens are in it */
#define STORE_HEADER "millrace" /* key in the main database */
#define STORE_REFS_MIN 1000u    /* owners from which on a zone has an index of targets */
#define STORE_AUDIT_OCTETS (64u << 20)
#define STORE_IDLE_MAX 64u /* reading transactions that are kept to be used again */

enum store_db {
	STORE_DB_ZONES,    /* apex -> store_record_*() */
	STORE_DB_RECORDS,  /* zone id, owner -> RRsets of the owner */
	STORE_DB_COMMENTS, /* zone id, owner -> comments of the owner */
	STORE_DB_REFS,     /* zone id, target -> owners (MDB_DUPSORT) */
	STORE_DB_JOURNAL,  /* zone id, sequence -> entry */
	STORE_DB_METADATA, /* zone id, kind -> texts */
	STORE_DB_KEYS,     /* zone id, key id -> key */
	STORE_DB_ROWS,     /* table, key -> text */
	STORE_DB_AUDIT,    /* sequence -> time, JSON */
	STORE_DBS
};
extern const char *const store_db_name[STORE_DBS];

/* What is kept once a file: written at every commit, in the main database, whose page is written
 * then anyway. */
struct store_header {
	uint32_t format;
	uint32_t next_key;
	uint64_t version; /* commits */
	uint64_t next_zone, next_audit;
	uint64_t audit_octets;
};

/* --- the environment (store_env.c) --- */

struct store {
	struct store *next; /* of the process's */
	dev_t device;
	ino_t inode;
	unsigned users;
	char *path;
	int writer_fd; /* locked while we may write, else -1 */
	struct store_options options;
	MDB_env *env;
	MDB_dbi main, db[STORE_DBS];
	size_t map_octets;

	_Atomic bool wants_purge;

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t quiet;
	unsigned n_open;  /* transactions */
	bool closed_gate; /* nobody begins one: the map is about to move */
	bool broken; /* LMDB gave the environment up: opened anew when the last one has ended */
	int64_t unopened_ns; /* CLOCK_MONOTONIC; when that failed last; 0: it did not */
	bool wants_room;     /* a write found the map full */
	MDB_txn *idle[STORE_IDLE_MAX];
	unsigned n_idle;
	uint64_t commits, failures;
	uint64_t version_known; /* of the last commit of ours */
};

/** LMDB's code as a negative errno. */
int store_error(int rc);
/** The same of what has failed to write: a disk that is full is -ENOSPC, however LMDB puts it. */
int store_write_error(const struct store *s, int rc);
/** Open the file that s->path names. */
int store_env_open(struct store *s, char error[STORE_ERROR_OCTETS]);
void store_env_close(struct store *s);
/** Is the map large enough for more? If it is not, make it so, if that can be had. */
void store_env_make_room(struct store *s);

/* --- its files (store_file.c) --- */

/** Owner, group and mode (0777) for a store of this path: those of the file that is there, else the
 * folder's owner and group, and STORE_FILE_MODE. @return 0 or a negative errno */
int store_whose(const char *path, struct stat *out) __attribute__((warn_unused_result));
/** Give a file owner, group and mode of that. Somebody other than root who may not leaves it as it
 * is. @return 0 or a negative errno */
int store_own(int fd, const struct stat *like);
/** Open `name`, the store or one of the files beside it. It is made where there is none; made by
 * root it is store_whose(store). @param flags  O_RDWR, O_NOFOLLOW @return its descriptor or a
 * negative errno */
int store_file_open(const char *name, const char *store, int flags)
	__attribute__((warn_unused_result));
/** Which file it is; made if there is none. */
int store_identify(const struct store_options *o, struct stat *out, char error[STORE_ERROR_OCTETS]);
/** One process writes: PATH-writer is locked, and says which. @param[out] fd  close it to unlock */
int store_lock_writer(const char *path, int *fd, char error[STORE_ERROR_OCTETS])
	__attribute__((warn_unused_result));

/* --- transactions (store_txn.c) --- */

/* A zone's record, decoded. */
struct store_record {
	struct store_zone zone;
	uint64_t journal_next, journal_octets;
};

struct store_txn {
	struct store *s;
	MDB_txn *mdb;
	bool write, dirty;
	int failed; /* a write of it */
	uint64_t writes;
	struct store_header head;
	bool head_read;
	/* the zone that is being written to: its record is written when another one's turn comes */
	struct {
		bool valid, dirty;
		struct store_record record;
		struct store_out octets; /* what its texts lie in */
	} now;
	struct store_out scratch, scratch2;
	/* copies that a writing one hands out, for pages move beneath it */
	struct store_copy *copies;
};

struct store_copy {
	struct store_copy *next;
	uint8_t octets[];
};

int store_txn_header(struct store_txn *t);
/** Find a value. @return 0, -ENOENT, ... */
int store_get(struct store_txn *t, enum store_db db, const struct store_key *k, MDB_val *value)
	__attribute__((warn_unused_result));
int store_put(struct store_txn *t, enum store_db db, const struct store_key *k, const void *octets,
	size_t len, unsigned flags) __attribute__((warn_unused_result));
/** -ENOENT: it was not there. */
int store_del(struct store_txn *t, enum store_db db, const struct store_key *k, MDB_val *dup)
	__attribute__((warn_unused_result));
/** All keys that begin so, as long as `budget` lasts, which they are taken from. */
int store_del_below(struct store_txn *t, enum store_db db, const struct store_key *prefix,
	uint32_t *budget) __attribute__((warn_unused_result));
/** A cursor; ends with mdb_cursor_close(). */
int store_cursor_of(struct store_txn *t, enum store_db db, MDB_cursor **out)
	__attribute__((warn_unused_result));
/** Note what a write came to; the commit fails with the first failure. */
int store_wrote(struct store_txn *t, int rc);

static inline bool
store_has_prefix(const MDB_val *key, const struct store_key *prefix)
{
	return key->mv_size >= prefix->len &&
	       memcmp(key->mv_data, prefix->octets, prefix->len) == 0;
}

/* --- zones (store_zone.c) --- */

/** As a format has it. */
int store_record_decode_as(
	uint32_t format, const void *octets, size_t len, struct store_record *out);
int store_record_decode(const void *octets, size_t len, struct store_record *out);
void store_record_encode(struct store_out *o, const struct store_record *r);
/** The record of a zone that is to be written to, or read beside its writing. */
int store_zone_now(struct store_txn *t, const struct store_zone *zone, struct store_record **out)
	__attribute__((warn_unused_result));
/** Write back what store_zone_now() keeps. */
int store_zone_flush(struct store_txn *t) __attribute__((warn_unused_result));

/* --- what was deleted (store_gone.c) --- */

/** Everything below a zone's id goes; of a large zone a note that it is to go. */
int store_gone_add(struct store_txn *t, const struct store_record *r)
	__attribute__((warn_unused_result));
/** The id of a row of STORE_GONE. @return 0 or -EPROTO */
int store_gone_id(const char *key, uint64_t *id) __attribute__((warn_unused_result));

/* --- targets (store_refs.c) --- */

/** The owner's RRsets changed from these to those. */
int store_refs_change(struct store_txn *t, const struct store_zone *zone, const uint8_t *owner,
	const MDB_val *before, const MDB_val *after) __attribute__((warn_unused_result));
/** Build the index of a zone that has none. */
int store_refs_build(struct store_txn *t, const struct store_zone *zone)
	__attribute__((warn_unused_result));
/** Hold one owner's targets against the index: how many there are is added to `n`, and how many of
 * them the index lacks to `missing`. */
int store_refs_verify(struct store_txn *t, const struct store_zone *zone, const uint8_t *owner,
	const MDB_val *value, uint64_t *n, uint64_t *missing) __attribute__((warn_unused_result));

/* --- values whose decoders are checked alone (fuzz_store, store_verify) --- */

int store_journal_decode(const void *octets, size_t len, const uint8_t *apex, uint64_t sequence,
	int (*each)(void *arg, const struct store_journal_entry *e), void *arg);
int store_texts_decode(const void *octets, size_t len, const char ***text, size_t *n);
int store_dnskey_decode(const MDB_val *rest, const MDB_val *value, struct backend_key *out);
int store_audit_decode(const MDB_val *key, const MDB_val *value, uint64_t *sequence, int64_t *at_ms,
	const char **json);
