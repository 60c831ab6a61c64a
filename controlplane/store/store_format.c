/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_format: the header record and the databases; a new file gets them. */
#include "controlplane/store/store_format.h"

#include <errno.h>
#include <stdio.h>

#define HEADER_OCTETS 64u

int
store_header_read(MDB_txn *mdb, MDB_dbi main, struct store_header *out)
{
	MDB_val key = {sizeof STORE_HEADER - 1, STORE_HEADER}, value;
	struct store_header h = {0};
	struct store_in in;
	int rc = mdb_get(mdb, main, &key, &value);

	if (rc != 0)
		return store_error(rc);
	in = store_in(value.mv_data, value.mv_size);
	h.format = (uint32_t)store_in_number(&in, UINT32_MAX);
	h.next_key = (uint32_t)store_in_number(&in, UINT32_MAX);
	h.version = store_in_number(&in, UINT64_MAX);
	h.next_zone = store_in_number(&in, UINT64_MAX);
	h.next_audit = store_in_number(&in, UINT64_MAX);
	h.audit_octets = store_in_number(&in, UINT64_MAX);
	if (in.bad)
		return -EPROTO;
	*out = h;
	return 0;
}

int
store_header_write(MDB_txn *mdb, MDB_dbi main, const struct store_header *h)
{
	MDB_val key = {sizeof STORE_HEADER - 1, STORE_HEADER}, value;
	struct store_out o = {0};
	int rc;

	store_out_number(&o, h->format);
	store_out_number(&o, h->next_key);
	store_out_number(&o, h->version);
	store_out_number(&o, h->next_zone);
	store_out_number(&o, h->next_audit);
	store_out_number(&o, h->audit_octets);
	/* of one size, so that it is overwritten where it lies */
	static const uint8_t zero[HEADER_OCTETS];
	if (o.len < HEADER_OCTETS)
		store_out_octets(&o, zero, HEADER_OCTETS - o.len);
	if (o.failed) {
		store_out_free(&o);
		return -ENOMEM;
	}
	value = (MDB_val){o.len, o.octets};
	rc = mdb_put(mdb, main, &key, &value, 0);
	store_out_free(&o);
	return store_error(rc);
}

static int
open_databases(struct store *s, MDB_txn *mdb, unsigned flags)
{
	for (unsigned i = 0; i < STORE_DBS; i++) {
		int rc = mdb_dbi_open(mdb, store_db_name[i],
			flags | (i == STORE_DB_REFS ? MDB_DUPSORT : 0), &s->db[i]);
		if (rc != 0)
			return store_error(rc);
	}
	return 0;
}

/* What is in the file, if it is a store. */
static int
look(struct store *s, MDB_txn *mdb, struct store_header *h, char *error)
{
	MDB_stat stat;
	int ret = store_error(mdb_dbi_open(mdb, NULL, 0, &s->main));

	if (ret == 0)
		ret = store_header_read(mdb, s->main, h);
	if (ret == -ENOENT && mdb_stat(mdb, s->main, &stat) == 0 && stat.ms_entries == 0)
		return -ENOENT; /* new */
	if (ret == -ENOENT || ret == -EPROTO)
		snprintf(error, STORE_ERROR_OCTETS,
			"%s: is an LMDB file, but no store of Millrace's, or is damaged; name "
			"another file, or restore a snapshot",
			s->path);
	else if (ret != 0)
		snprintf(error, STORE_ERROR_OCTETS, "%s: %s", s->path, strerror(-ret));
	else if (h->format < STORE_FORMAT && s->options.read_only)
		snprintf(error, STORE_ERROR_OCTETS,
			"%s: has format %u, which is brought to %u when it is opened for writing; "
			"until then it cannot be read",
			s->path, h->format, STORE_FORMAT);
	else if (h->format > STORE_FORMAT)
		snprintf(error, STORE_ERROR_OCTETS,
			"%s: has format %u; this version knows formats up to %u: install a newer "
			"one, or restore a snapshot of the older format",
			s->path, h->format, STORE_FORMAT);
	if (ret == -ENOENT || (ret == 0 && error[0] != '\0'))
		ret = -EPROTO;
	return ret;
}

int
store_format_open(struct store *s, char error[STORE_ERROR_OCTETS])
{
	struct store_header h = {
		.format = STORE_FORMAT, .next_key = 1, .next_zone = 1, .next_audit = 1};
	bool read_only = s->options.read_only;
	MDB_txn *mdb;
	int ret = store_error(mdb_txn_begin(s->env, NULL, read_only ? MDB_RDONLY : 0, &mdb));

	error[0] = '\0';
	if (ret != 0) {
		snprintf(error, STORE_ERROR_OCTETS, "%s: %s", s->path, strerror(-ret));
		return ret;
	}
	ret = look(s, mdb, &h, error);
	if (ret == -ENOENT && !read_only) {
		ret = store_header_write(mdb, s->main, &h);
		if (ret != 0)
			snprintf(error, STORE_ERROR_OCTETS, "%s: cannot be made: %s", s->path,
				strerror(-ret));
	} else if (ret == -ENOENT) {
		snprintf(error, STORE_ERROR_OCTETS, "%s: is empty", s->path);
	}
	if (ret != 0) {
		mdb_txn_abort(mdb);
		return ret;
	}
	ret = open_databases(s, mdb, read_only ? 0 : MDB_CREATE);
	if (ret == 0 && h.format < STORE_FORMAT && !read_only)
		ret = store_upgrade(s, mdb, &h, error);
	if (ret != 0) {
		mdb_txn_abort(mdb);
	} else {
		ret = store_error(mdb_txn_commit(mdb));
	}
	if (ret != 0 && error[0] == '\0')
		snprintf(error, STORE_ERROR_OCTETS, "%s: its databases cannot be opened: %s",
			s->path, ret == -ENOENT ? "some are missing" : strerror(-ret));
	s->version_known = h.version;
	return ret;
}
