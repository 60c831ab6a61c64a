/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_format: the header of a store: which format it is, and the way to the present one. */
#pragma once
#include "controlplane/store/store_internal.h"

/** Open the databases of a file; a new one gets them, an older one is brought up to this format. */
int store_format_open(struct store *s, char error[STORE_ERROR_OCTETS]);
/** -ENOENT: there is none. */
int store_header_read(MDB_txn *mdb, MDB_dbi main, struct store_header *out);
int store_header_write(MDB_txn *mdb, MDB_dbi main, const struct store_header *h);
/** Bring an older format to the present one. */
int store_upgrade(struct store *s, MDB_txn *mdb, struct store_header *h,
	char error[STORE_ERROR_OCTETS]) __attribute__((warn_unused_result));
