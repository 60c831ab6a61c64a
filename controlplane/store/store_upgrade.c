/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_upgrade: from an older format of the file to the present one, a step a format, all of them
 * in one transaction: a power cut leaves the old one. A version reads its own format and the one
 * before it, so a step may go when the format after it is no longer the last but one. */
#include "controlplane/store/store_format.h"

#include <errno.h>
#include <stdio.h>

/* Format 0, of before the first release: zones without created_at. They get 0: not known. */
static int
add_created_at(struct store *s, MDB_txn *mdb)
{
	struct store_out o = {0};
	struct store_record r;
	MDB_val key, value;
	MDB_cursor *c;
	uint8_t name[STORE_KEY_OCTETS];
	int rc, ret = store_error(mdb_cursor_open(mdb, s->db[STORE_DB_ZONES], &c));

	if (ret != 0)
		return ret;
	rc = mdb_cursor_get(c, &key, &value, MDB_FIRST);
	while (rc == 0 && ret == 0) {
		ret = store_record_decode_as(0, value.mv_data, value.mv_size, &r);
		o.len = 0;
		if (ret == 0)
			store_record_encode(&o, &r);
		if (ret == 0 && o.failed)
			ret = -ENOMEM;
		/* not the one that lies in the page: it moves while it is written */
		memcpy(name, key.mv_data, key.mv_size);
		key.mv_data = name;
		value = (MDB_val){o.len, o.octets};
		if (ret == 0)
			ret = store_error(mdb_cursor_put(c, &key, &value, MDB_CURRENT));
		if (ret == 0)
			rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	store_out_free(&o);
	return ret != 0 || rc == 0 || rc == MDB_NOTFOUND ? ret : store_error(rc);
}

/* From the format that is its index to the next. */
static int (*const step[STORE_FORMAT])(struct store *s, MDB_txn *mdb) = {
	[0] = add_created_at,
};

int
store_upgrade(struct store *s, MDB_txn *mdb, struct store_header *h, char error[STORE_ERROR_OCTETS])
{
	for (; h->format < STORE_FORMAT; h->format++) {
		int ret = step[h->format] == NULL ? -EPROTO : step[h->format](s, mdb);
		if (ret != 0) {
			snprintf(error, STORE_ERROR_OCTETS,
				"%s: cannot be brought from format %u to %u: %s; it is as it was",
				s->path, h->format, STORE_FORMAT, strerror(-ret));
			return ret;
		}
	}
	return store_header_write(mdb, s->main, h);
}
