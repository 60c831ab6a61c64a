/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lmdb: one instance of the backend, and what its files share. Private to backends/lmdb. */
#pragma once
#include "controlplane/store/store.h"

struct lmdb_instance {
	const struct backend_host *host;
	struct store *store;
	char *path;
	/* what poll() has seen */
	uint64_t seen_version, seen_id, seen_count;
	int64_t look_at_ms;
};

/** @return rc */
int lmdb_fail(const struct lmdb_instance *l, int rc, char *error);

/** A transaction, and the zone in it; apex NULL: none. Nothing is open on failure. */
int lmdb_begin(struct lmdb_instance *l, bool write, const uint8_t *apex, struct store_txn **t,
	struct store_zone *zone, char *error) __attribute__((warn_unused_result));
/** Commit, or on rc != 0 give up. @return rc, or what the commit failed with */
int lmdb_finish(struct lmdb_instance *l, struct store_txn *t, int rc, char *error)
	__attribute__((warn_unused_result));

/* as in struct backend_api */
int lmdb_apply(void *instance, const struct backend_changeset *changeset, char *error);
int lmdb_metadata_each(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_metadata *m), void *arg, char *error);
int lmdb_metadata_set(
	void *instance, const uint8_t *apex, const struct backend_metadata *m, char *error);
int lmdb_keys_each(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_key *key), void *arg, char *error);
int lmdb_key_add(void *instance, const uint8_t *apex, const struct backend_key *key, uint32_t *id,
	char *error);
int lmdb_key_set(void *instance, const uint8_t *apex, const struct backend_key *key, char *error);
int lmdb_key_remove(void *instance, const uint8_t *apex, uint32_t id, char *error);
int lmdb_tsig_each(void *instance, int (*each)(void *arg, const struct backend_tsig *key),
	void *arg, char *error);
int lmdb_tsig_set(void *instance, const struct backend_tsig *key, char *error);
int lmdb_tsig_remove(void *instance, const uint8_t *name, char *error);
