/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lmdb_journal: what a changeset takes away and puts in, for the store's journal. One thread. */
#pragma once
#include "controlplane/store/store.h"

struct lmdb_journal {
	struct backend_rrset *removed, *added; /* room for as many as the changeset has changes */
	uint32_t n_removed, n_added;
	void **memory; /* blocks that they lie in */
	size_t n_memory;
};

/** @param n  changes that may come @return 0 or -ENOMEM; the caller frees it in every case */
int lmdb_journal_begin(struct lmdb_journal *j, size_t n) __attribute__((warn_unused_result));
/** One RRset. `before` is copied as far as it is needed; `after` must last. */
int lmdb_journal_add(struct lmdb_journal *j, const struct backend_rrset *before,
	const struct backend_rrset *after) __attribute__((warn_unused_result));
void lmdb_journal_free(struct lmdb_journal *j);
