/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_cursor: a walk over the RRsets of a zone: records and comments lie in databases of their
 * own, with the same keys, and are merged. In a writing transaction values are copied, so that the
 * walk may go on beside writes. */
#include "controlplane/store/store_internal.h"

#include <errno.h>

/* One of the two databases: where the walk is in it. */
struct side {
	MDB_cursor *mdb;
	MDB_val key, value; /* of the next owner; key.mv_size 0: no more */
	struct store_in in; /* what is left of the present owner */
	struct store_packed part;
	bool has_part;
	struct store_out copy;
};

struct store_cursor {
	struct store_txn *t;
	struct store_key prefix; /* all keys of the walk begin so */
	struct store_key at;     /* the present owner's, or before the first one */
	uint8_t apex[STORE_NAME_OCTETS];
	uint8_t owner[STORE_NAME_OCTETS];
	struct side records, comments;
	struct store_decoder decoder;
	bool has_owner;
};

/* --- owners --- */

static int
seek(struct store_cursor *c, struct side *s)
{
	int rc;

	s->key = (MDB_val){c->at.len, c->at.octets};
	rc = mdb_cursor_get(s->mdb, &s->key, &s->value, MDB_SET_RANGE);
	if (rc == 0 && c->has_owner && s->key.mv_size == c->at.len &&
		store_has_prefix(&s->key, &c->at))
		rc = mdb_cursor_get(s->mdb, &s->key, &s->value, MDB_NEXT);
	if (rc == MDB_NOTFOUND || (rc == 0 && !store_has_prefix(&s->key, &c->prefix))) {
		s->key.mv_size = 0;
		rc = 0;
	}
	return store_error(rc);
}

static int
step(struct store_cursor *c, struct side *s)
{
	int rc = mdb_cursor_get(s->mdb, &s->key, &s->value, MDB_NEXT);

	if (rc == MDB_NOTFOUND || (rc == 0 && !store_has_prefix(&s->key, &c->prefix))) {
		s->key.mv_size = 0;
		rc = 0;
	}
	return store_error(rc);
}

/* Which of the two comes first: <0 records, 0 the same owner, >0 comments. */
static int
order(const MDB_val *a, const MDB_val *b)
{
	size_t shorter = a->mv_size < b->mv_size ? a->mv_size : b->mv_size;
	int d;

	if (a->mv_size == 0 || b->mv_size == 0)
		return b->mv_size == 0 ? -1 : 1;
	d = memcmp(a->mv_data, b->mv_data, shorter);
	return d != 0 ? d : (a->mv_size > b->mv_size) - (a->mv_size < b->mv_size);
}

/* The next owner's value of this side is what will be read. */
static int
begin_owner(struct store_cursor *c, struct side *s, bool has)
{
	s->has_part = false;
	if (!has) {
		s->in = store_in("", 0);
		return 0;
	}
	s->in = store_in(s->value.mv_data, s->value.mv_size);
	if (c->t->write) {
		s->copy.len = 0;
		store_out_octets(&s->copy, s->value.mv_data, s->value.mv_size);
		if (s->copy.failed)
			return -ENOMEM;
		s->in = store_in(s->copy.octets, s->copy.len);
		return 0;
	}
	return step(c, s);
}

static int
next_owner(struct store_cursor *c)
{
	const struct side *first;
	uint64_t id;
	unsigned n;
	int d, ret;

	/* in a writing transaction, what was found before may have moved since */
	if (c->t->write || !c->has_owner) {
		ret = seek(c, &c->records);
		if (ret == 0)
			ret = seek(c, &c->comments);
		if (ret != 0)
			return ret;
	}
	if (c->records.key.mv_size == 0 && c->comments.key.mv_size == 0)
		return -ENOENT;
	d = order(&c->records.key, &c->comments.key);
	first = d <= 0 ? &c->records : &c->comments;
	if (first->key.mv_size > sizeof c->at.octets)
		return -EPROTO;
	c->at.len = (uint16_t)first->key.mv_size;
	memcpy(c->at.octets, first->key.mv_data, c->at.len);
	c->has_owner = true;
	n = store_key_take_id(c->at.octets, c->at.len, &id);
	ret = n == 0 ? -EPROTO
		     : store_key_to_name(c->owner, c->at.octets + n, c->at.len - n, c->apex);
	if (ret == 0)
		ret = begin_owner(c, &c->records, d <= 0);
	if (ret == 0)
		ret = begin_owner(c, &c->comments, d >= 0);
	return ret;
}

/* --- RRsets --- */

static int
next_part(struct side *s, int (*next)(struct store_in *in, struct store_packed *out))
{
	int ret;

	if (s->has_part)
		return 0;
	ret = next(&s->in, &s->part);
	s->has_part = ret == 0;
	return ret == -ENOENT ? 0 : ret;
}

int
store_cursor_next(struct store_cursor *c, struct backend_rrset *out)
{
	struct backend_rrset rrset = {.owner = c->owner};
	bool with_records, with_comments;
	int ret;

	for (;;) {
		ret = next_part(&c->records, store_in_rrset);
		if (ret == 0)
			ret = next_part(&c->comments, store_in_comments);
		if (ret != 0)
			return ret;
		if (c->records.has_part || c->comments.has_part)
			break;
		ret = next_owner(c);
		if (ret != 0)
			return ret;
	}
	with_records = c->records.has_part &&
		       (!c->comments.has_part || c->records.part.type <= c->comments.part.type);
	with_comments = c->comments.has_part &&
			(!c->records.has_part || c->comments.part.type <= c->records.part.type);
	if (with_records) {
		ret = store_unpack_records(&c->records.part, &c->decoder, &rrset);
		c->records.has_part = false;
	}
	if (with_comments && ret == 0) {
		ret = store_unpack_comments(&c->comments.part, &c->decoder, &rrset);
		c->comments.has_part = false;
	}
	if (ret == 0)
		*out = rrset;
	return ret;
}

void
store_cursor_skip_owner(struct store_cursor *c)
{
	c->records.in = c->comments.in = store_in("", 0);
	c->records.has_part = c->comments.has_part = false;
}

/* --- open and close --- */

int
store_cursor_open(struct store_txn *t, const struct store_zone *zone, const uint8_t *from,
	bool below, struct store_cursor **out)
{
	struct store_cursor *c = calloc(1, sizeof *c);
	int ret = 0;

	if (c == NULL)
		return -ENOMEM;
	c->t = t;
	const uint8_t *apex = zone_key_apex(zone->apex);
	memcpy(c->apex, apex, name_octets(apex));
	store_key_id(&c->prefix, zone->id);
	c->at = c->prefix;
	if (from != NULL)
		ret = store_key_name(&c->at, from, apex);
	if (below)
		c->prefix = c->at;
	store_cursor_skip_owner(c);
	if (ret == 0)
		ret = store_cursor_of(t, STORE_DB_RECORDS, &c->records.mdb);
	if (ret == 0)
		ret = store_cursor_of(t, STORE_DB_COMMENTS, &c->comments.mdb);
	if (ret == 0)
		*out = c;
	else
		store_cursor_close(c);
	return ret;
}

void
store_cursor_close(struct store_cursor *c)
{
	if (c == NULL)
		return;
	if (c->records.mdb != NULL)
		mdb_cursor_close(c->records.mdb);
	if (c->comments.mdb != NULL)
		mdb_cursor_close(c->comments.mdb);
	store_out_free(&c->records.copy);
	store_out_free(&c->comments.copy);
	store_decoder_free(&c->decoder);
	free(c);
}
