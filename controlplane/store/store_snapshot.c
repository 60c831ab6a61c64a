/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_snapshot: a copy of the store while it is in use. */
#include "controlplane/store/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int
store_snapshot(struct store *s, int fd, char error[STORE_ERROR_OCTETS])
{
	struct store_txn *t;
	int rc, ret;

	/* holds the environment where it is */
	ret = store_read(s, &t);
	if (ret != 0) {
		snprintf(error, STORE_ERROR_OCTETS, "%s: cannot be read: %s", s->path,
			strerror(-ret));
		return ret;
	}
	rc = mdb_env_copyfd2(s->env, fd, MDB_CP_COMPACT);
	store_end(t);
	if (rc != 0)
		snprintf(
			error, STORE_ERROR_OCTETS, "snapshot of %s: %s", s->path, mdb_strerror(rc));
	return store_error(rc);
}
