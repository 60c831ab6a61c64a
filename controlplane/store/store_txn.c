/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_txn: transactions, and the writes that all files of the store make. */
#include "controlplane/store/store_format.h"
#include "controlplane/store/store_internal.h"

#include <errno.h>
#include <time.h>

#define REOPEN_NS 1000000000 /* between tries: each walks all pages of the file, under the lock */

/* --- begin and end --- */

static int64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Open anew what LMDB gave up. Lock held. */
static void
mend(struct store *s)
{
	char error[STORE_ERROR_OCTETS];

	if (s->n_open > 0 || (s->unopened_ns != 0 && clock_ns() - s->unopened_ns < REOPEN_NS))
		return;
	store_env_close(s);
	s->broken = store_env_open(s, error) != 0;
	s->unopened_ns = s->broken ? clock_ns() : 0;
}

/* One more transaction; waits while the map moves. */
static int
enter(struct store *s)
{
	int ret = 0;

	pthread_mutex_lock(&s->lock);
	while (s->closed_gate)
		pthread_cond_wait(&s->quiet, &s->lock);
	if (s->broken)
		mend(s);
	if (s->broken)
		ret = -EIO;
	else
		s->n_open++;
	pthread_mutex_unlock(&s->lock);
	return ret;
}

static void
leave(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	if (--s->n_open == 0)
		pthread_cond_broadcast(&s->quiet);
	pthread_mutex_unlock(&s->lock);
}

/* A reading transaction of LMDB's that waits to be used again, or NULL. */
static MDB_txn *
take_idle(struct store *s)
{
	MDB_txn *mdb = NULL;

	pthread_mutex_lock(&s->lock);
	if (s->n_idle > 0)
		mdb = s->idle[--s->n_idle];
	pthread_mutex_unlock(&s->lock);
	return mdb;
}

static void
give_idle(struct store *s, MDB_txn *mdb)
{
	mdb_txn_reset(mdb);
	pthread_mutex_lock(&s->lock);
	if (s->n_idle < STORE_IDLE_MAX && !s->broken) {
		s->idle[s->n_idle++] = mdb;
		mdb = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	if (mdb != NULL)
		mdb_txn_abort(mdb);
}

static void
note_failure(struct store *s, int rc)
{
	pthread_mutex_lock(&s->lock);
	s->failures++;
	if (rc == MDB_PANIC)
		s->broken = true;
	if (rc == MDB_MAP_FULL)
		s->wants_room = true;
	pthread_mutex_unlock(&s->lock);
}

int
store_read(struct store *s, struct store_txn **out)
{
	struct store_txn *t;
	int rc, ret = enter(s);

	if (ret != 0)
		return ret;
	t = calloc(1, sizeof *t);
	if (t == NULL) {
		leave(s);
		return -ENOMEM;
	}
	t->s = s;
	t->mdb = take_idle(s);
	if (t->mdb != NULL)
		rc = mdb_txn_renew(t->mdb);
	else
		rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &t->mdb);
	if (rc != 0) {
		if (rc == MDB_PANIC)
			note_failure(s, rc);
		free(t);
		leave(s);
		return store_error(rc);
	}
	*out = t;
	return 0;
}

int
store_write(struct store *s, struct store_txn **out)
{
	struct store_txn *t;
	int rc, ret;

	if (s->options.read_only)
		return -EROFS;
	store_env_make_room(s);
	ret = enter(s);
	if (ret != 0)
		return ret;
	t = calloc(1, sizeof *t);
	if (t == NULL) {
		leave(s);
		return -ENOMEM;
	}
	t->s = s;
	t->write = true;
	rc = mdb_txn_begin(s->env, NULL, 0, &t->mdb);
	ret = store_error(rc);
	if (rc != 0) {
		note_failure(s, rc);
		t->mdb = NULL;
	} else {
		ret = store_txn_header(t);
	}
	if (ret != 0) {
		store_end(t);
		return ret;
	}
	t->head.version++;
	*out = t;
	return 0;
}

void
store_end(struct store_txn *t)
{
	if (t == NULL)
		return;
	if (t->mdb != NULL && !t->write)
		give_idle(t->s, t->mdb);
	else if (t->mdb != NULL)
		mdb_txn_abort(t->mdb);
	store_out_free(&t->now.octets);
	store_out_free(&t->scratch);
	store_out_free(&t->scratch2);
	while (t->copies != NULL) {
		struct store_copy *copy = t->copies;
		t->copies = copy->next;
		free(copy);
	}
	leave(t->s);
	free(t);
}

/* LMDB gives an environment up when it could not write the page that makes a commit one. */
static void
probe(struct store *s)
{
	MDB_txn *mdb;
	int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &mdb);

	if (rc == 0)
		mdb_txn_abort(mdb);
	else if (rc == MDB_PANIC)
		note_failure(s, rc);
}

int
store_commit(struct store_txn *t)
{
	struct store *s = t->s;
	uint64_t version = t->head.version;
	int rc, ret = 0;

	if (t->write && t->failed == 0)
		ret = store_zone_flush(t);
	if (ret == 0)
		ret = t->failed;
	if (!t->write || ret != 0 || !t->dirty) {
		store_end(t);
		return ret;
	}
	ret = store_header_write(t->mdb, s->main, &t->head);
	if (ret != 0) {
		store_end(t);
		return ret;
	}
	rc = mdb_txn_commit(t->mdb);
	t->mdb = NULL;
	if (rc != 0) {
		note_failure(s, rc);
		probe(s);
	} else {
		pthread_mutex_lock(&s->lock);
		s->commits++;
		s->version_known = version;
		pthread_mutex_unlock(&s->lock);
	}
	store_end(t);
	return store_write_error(s, rc);
}

int
store_txn_header(struct store_txn *t)
{
	int ret;

	if (t->head_read)
		return 0;
	ret = store_header_read(t->mdb, t->s->main, &t->head);
	t->head_read = ret == 0;
	return ret == -ENOENT ? -EPROTO : ret;
}

uint64_t
store_version(const struct store_txn *t)
{
	struct store_header h;

	if (t->write)
		return t->head.version;
	return store_header_read(t->mdb, t->s->main, &h) == 0 ? h.version : 0;
}

/* --- values --- */

static MDB_val
key_value(const struct store_key *k)
{
	return (MDB_val){k->len, (void *)(uintptr_t)k->octets};
}

uint64_t
store_writes(const struct store_txn *t)
{
	return t->writes;
}

int
store_wrote(struct store_txn *t, int rc)
{
	t->dirty = true;
	t->writes += rc != MDB_NOTFOUND && rc != MDB_KEYEXIST;
	if (rc == 0 || rc == MDB_NOTFOUND || rc == MDB_KEYEXIST)
		return store_error(rc);
	if (rc == MDB_MAP_FULL || rc == MDB_PANIC)
		note_failure(t->s, rc);
	rc = store_write_error(t->s, rc);
	if (t->failed == 0)
		t->failed = rc;
	return rc;
}

int
store_get(struct store_txn *t, enum store_db db, const struct store_key *k, MDB_val *value)
{
	MDB_val key = key_value(k);
	return store_error(mdb_get(t->mdb, t->s->db[db], &key, value));
}

int
store_put(struct store_txn *t, enum store_db db, const struct store_key *k, const void *octets,
	size_t len, unsigned flags)
{
	MDB_val key = key_value(k), value = {len, (void *)(uintptr_t)octets};

	if (!t->write)
		return -EROFS;
	return store_wrote(t, mdb_put(t->mdb, t->s->db[db], &key, &value, flags));
}

int
store_del(struct store_txn *t, enum store_db db, const struct store_key *k, MDB_val *dup)
{
	MDB_val key = key_value(k);

	if (!t->write)
		return -EROFS;
	return store_wrote(t, mdb_del(t->mdb, t->s->db[db], &key, dup));
}

int
store_cursor_of(struct store_txn *t, enum store_db db, MDB_cursor **out)
{
	return store_error(mdb_cursor_open(t->mdb, t->s->db[db], out));
}

int
store_del_below(
	struct store_txn *t, enum store_db db, const struct store_key *prefix, uint32_t *budget)
{
	MDB_val key, value;
	MDB_cursor *c;
	int rc, ret;

	if (!t->write)
		return -EROFS;
	ret = store_cursor_of(t, db, &c);
	if (ret != 0)
		return ret;
	do {
		key = key_value(prefix);
		rc = mdb_cursor_get(c, &key, &value, MDB_SET_RANGE);
		if (rc != 0 || !store_has_prefix(&key, prefix))
			break;
		while (rc == 0 && *budget > 0 && store_has_prefix(&key, prefix)) {
			t->dirty = true;
			t->writes++;
			rc = mdb_cursor_del(c, db == STORE_DB_REFS ? MDB_NODUPDATA : 0);
			--*budget;
			if (rc == 0)
				rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
		}
	} while (*budget > 0 && (rc == 0 || rc == MDB_NOTFOUND));
	mdb_cursor_close(c);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return store_wrote(t, rc);
	return 0;
}
