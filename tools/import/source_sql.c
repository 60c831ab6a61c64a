/* SPDX-License-Identifier: GPL-3.0-or-later */
/* source_sql: the tables of PowerDNS's generic SQL backends. The small ones are read whole; the
 * records come as one stream in the order of zones, so nothing grows with them but the zone at
 * hand, of which a large one goes on in pieces. Schemas since 4.0; columns of later ones may be
 * missing. */
#include "tools/import/sql.h"

#include <stdlib.h>
#include <string.h>

/* A row of a table that is read whole; its columns in one allocation. */
struct row {
	int64_t zone;
	const char *column[8]; /* "" where it was NULL */
};

struct table {
	struct row *row;
	size_t n, room, at; /* at: the merge's place */
	unsigned n_columns;
};

struct reading {
	struct import *im;
	struct table zones, metadata, comments, keys;
	struct import_record record[IMPORT_PIECE_RECORDS];
	size_t n_records;
	int64_t zone; /* of them */
	bool begun;   /* a piece of it was handed over */
	int ended;    /* nobody takes it any more */
};

static int64_t
number(const char *text, int64_t fallback)
{
	return text != NULL && text[0] != '\0' ? strtoll(text, NULL, 10) : fallback;
}

static bool
is_true(const char *text)
{
	return text != NULL && (text[0] == 't' || text[0] == '1' || text[0] == 'T');
}

/* The first column is the zone's id. */
static int
take_row(void *arg, const char *const *column)
{
	struct table *t = arg;
	struct row *r;
	size_t octets = 0;
	char *copy;

	if (t->n == t->room) {
		size_t room = t->room == 0 ? 64 : t->room * 2;
		struct row *more = realloc(t->row, room * sizeof *more);

		if (more == NULL)
			abort();
		t->row = more;
		t->room = room;
	}
	r = &t->row[t->n++];
	r->zone = number(column[0], -1);
	for (unsigned i = 0; i < t->n_columns; i++)
		octets += (column[i + 1] != NULL ? strlen(column[i + 1]) : 0) + 1;
	copy = malloc(octets + 1);
	if (copy == NULL)
		abort();
	for (unsigned i = 0; i < t->n_columns; i++) {
		r->column[i] = copy;
		copy = stpcpy(copy, column[i + 1] != NULL ? column[i + 1] : "") + 1;
	}
	return 0;
}

/* Read a table; with the second query where the first does not work: an older schema. A failed
 * query ends a transaction of PostgreSQL's, hence the savepoint. */
static int
read_table(struct sql *s, struct table *t, unsigned n_columns, const char *const query[2],
	char error[IMPORT_ERROR_OCTETS])
{
	char ignored[IMPORT_ERROR_OCTETS];
	int ret;

	t->n_columns = n_columns;
	(void)sql_query(s, "SAVEPOINT t", NULL, NULL, ignored);
	ret = sql_query(s, query[0], take_row, t, error);
	if (ret != 0 && query[1] != NULL) {
		t->n = 0;
		(void)sql_query(s, "ROLLBACK TO SAVEPOINT t", NULL, NULL, ignored);
		ret = sql_query(s, query[1], take_row, t, error);
	}
	return ret;
}

static void
free_table(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->n_columns > 0)
			free((void *)(uintptr_t)t->row[i].column[0]);
	free(t->row);
}

/* --- handing over --- */

/* Rows of this zone in a table in the order of zones: [first, first + result). */
static size_t
rows_of(struct import *im, struct table *t, int64_t zone, const char *what,
	const struct row **first)
{
	size_t n = 0;

	for (; t->at < t->n && t->row[t->at].zone < zone; t->at++)
		import_report(im, NULL, "%s '%s' of zone number %lld: there is no such zone", what,
			t->row[t->at].column[0], (long long)t->row[t->at].zone);
	*first = t->row + t->at;
	while (t->at + n < t->n && t->row[t->at + n].zone == zone)
		n++;
	t->at += n;
	return n;
}

static void
add_metadata(struct reading *r, struct import_zone *z, int64_t zone)
{
	const struct row *row;

	z->n_metadata = rows_of(r->im, &r->metadata, zone, "metadata", &row);
	z->metadata = calloc(z->n_metadata + 1, sizeof *z->metadata);
	for (size_t i = 0; i < z->n_metadata; i++)
		z->metadata[i] = (struct import_metadata){
			(char *)(uintptr_t)row[i].column[0], (char *)(uintptr_t)row[i].column[1]};
	z->n_keys = rows_of(r->im, &r->keys, zone, "DNSSEC key", &row);
	z->key = calloc(z->n_keys + 1, sizeof *z->key);
	for (size_t i = 0; i < z->n_keys; i++)
		z->key[i] = (struct import_key){(char *)(uintptr_t)row[i].column[0],
			(long)number(row[i].column[1], 0), is_true(row[i].column[2])};
	z->n_comments = rows_of(r->im, &r->comments, zone, "comment", &row);
	z->comment = calloc(z->n_comments + 1, sizeof *z->comment);
	for (size_t i = 0; i < z->n_comments; i++)
		z->comment[i] = (struct import_comment){(char *)(uintptr_t)row[i].column[0],
			(char *)(uintptr_t)row[i].column[1], (char *)(uintptr_t)row[i].column[2],
			(char *)(uintptr_t)row[i].column[4], (long)number(row[i].column[3], 0)};
	if (z->metadata == NULL || z->key == NULL || z->comment == NULL)
		abort();
}

static void
free_records(struct reading *r)
{
	for (size_t i = 0; i < r->n_records; i++)
		free(r->record[i].name); /* one allocation a record */
	r->n_records = 0;
}

/* The zone of this row, with the records at hand. */
static int
hand_over(struct reading *r, const struct row *zone, bool last)
{
	struct import_zone z = {
		.name = zone->column[0],
		.kind = zone->column[1],
		.primaries = zone->column[2],
		.account = zone->column[3],
		.options = zone->column[4],
		.catalog = zone->column[5],
		.record = r->record,
		.n_records = r->n_records,
		.first = !r->begun,
		.last = last,
	};
	int ret;

	if (last)
		add_metadata(r, &z, zone->zone);
	ret = import_zone(r->im, &z);
	free(z.metadata);
	free(z.key);
	free(z.comment);
	free_records(r);
	r->begun = !last;
	return ret;
}

/* Zones in front of this one are complete; those without a record too. */
static int
advance(struct reading *r, int64_t zone)
{
	struct table *t = &r->zones;

	for (; r->ended == 0 && t->at < t->n && t->row[t->at].zone < zone; t->at++)
		r->ended = hand_over(r, &t->row[t->at], true);
	return r->ended;
}

/* domain_id, name, type, content, ttl, prio, disabled */
static int
take_record(void *arg, const char *const *column)
{
	struct reading *r = arg;
	int64_t zone = number(column[0], -1);
	struct import_record *rec;
	const char *text[3];
	size_t octets = 0;
	char *copy;

	if (advance(r, zone) != 0)
		return 1;
	if (r->zones.at == r->zones.n || r->zones.row[r->zones.at].zone != zone) {
		import_report(r->im, NULL, "record '%s' of zone number %lld: there is no such zone",
			column[1] != NULL ? column[1] : "", (long long)zone);
		return 0;
	}
	if (r->n_records == IMPORT_PIECE_RECORDS &&
		(r->ended = hand_over(r, &r->zones.row[r->zones.at], false)) != 0)
		return 1;
	for (unsigned i = 0; i < 3; i++) {
		text[i] = column[i + 1] != NULL ? column[i + 1] : "";
		octets += strlen(text[i]) + 1;
	}
	copy = malloc(octets);
	if (copy == NULL)
		abort();
	rec = &r->record[r->n_records++];
	rec->name = copy;
	rec->type = stpcpy(rec->name, text[0]) + 1;
	rec->content = stpcpy(rec->type, text[1]) + 1;
	strcpy(rec->content, text[2]);
	rec->ttl = (long)number(column[4], -1);
	rec->prio = (long)number(column[5], -1);
	rec->disabled = is_true(column[6]);
	return 0;
}

/* --- what belongs to the server --- */

static int
take_tsig(void *arg, const char *const *column)
{
	return import_tsig(arg, column[0] != NULL ? column[0] : "",
		column[1] != NULL ? column[1] : "", column[2] != NULL ? column[2] : "");
}

static int
take_autoprimary(void *arg, const char *const *column)
{
	return import_autoprimary(arg, column[0] != NULL ? column[0] : "",
		column[1] != NULL ? column[1] : "", column[2]);
}

/* --- all of it --- */

static int
read_tables(struct reading *r, struct sql *s, char error[IMPORT_ERROR_OCTETS])
{
	static const char *const zones[] = {
		"SELECT id, name, type, master, account, options, catalog FROM domains ORDER BY id",
		"SELECT id, name, type, master, account, '', '' FROM domains ORDER BY id"};
	static const char *const metadata[] = {
		"SELECT domain_id, kind, content FROM domainmetadata ORDER BY domain_id, id", NULL};
	static const char *const keys[] = {
		"SELECT domain_id, id, flags, active FROM cryptokeys ORDER BY domain_id, id", NULL};
	static const char *const comments[] = {"SELECT domain_id, name, type, account, "
					       "modified_at, comment FROM comments ORDER BY "
					       "domain_id, id",
		NULL};
	int ret = read_table(s, &r->zones, 6, zones, error);

	if (ret == 0)
		ret = read_table(s, &r->metadata, 2, metadata, error);
	if (ret == 0)
		ret = read_table(s, &r->keys, 3, keys, error);
	if (ret == 0)
		ret = read_table(s, &r->comments, 5, comments, error);
	return ret;
}

int
sql_import(struct import *im, struct sql *s, char error[IMPORT_ERROR_OCTETS])
{
	struct reading *r = calloc(1, sizeof *r);
	int ret;

	if (r == NULL)
		abort();
	r->im = im;
	/* keys before zones, whose metadata name them */
	ret = sql_query(s, "SELECT name, algorithm, secret FROM tsigkeys ORDER BY name", take_tsig,
		im, error);
	if (ret == 0)
		ret = sql_query(s, "SELECT ip, nameserver, account FROM supermasters",
			take_autoprimary, im, error);
	if (ret == 0)
		ret = read_tables(r, s, error);
	if (ret == 0)
		ret = sql_query(s,
			"SELECT domain_id, name, type, content, ttl, prio, disabled FROM records "
			/* with its SOA in front: the first piece of a zone makes it */
			"ORDER BY domain_id, CASE WHEN type = 'SOA' THEN 0 ELSE 1 END, name, type",
			take_record, r, error);
	if (ret == 0)
		ret = advance(r, INT64_MAX);
	free_records(r);
	free_table(&r->zones);
	free_table(&r->metadata);
	free_table(&r->keys);
	free_table(&r->comments);
	free(r);
	s->close(s);
	return ret;
}
