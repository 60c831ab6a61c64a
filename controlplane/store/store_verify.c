/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_verify: reads a whole store that nobody writes, and holds everything against everything
 * else: what a zone's record counts, what lies below its id, what the index of targets says. */
#include "controlplane/store/store_format.h"
#include "controlplane/store/store_internal.h"
#include "controlplane/store/store_pages.h"
#include "controlplane/zones/zone_rdata.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAULTS_MAX 100u
#define PROGRESS_ENTRIES 1024u /* a power of two */

/* What a zone's record says, and what was found. */
struct zone_state {
	uint64_t id, n_records, journal_next, journal_octets;
	uint64_t seen_records, seen_refs, refs, seen_journal;
	uint32_t n_names, seen_names;
	bool has_refs;
	uint8_t apex[NAME_OCTETS_MAX + 1]; /* cut to what is needed: see add_zone() */
};

struct verify {
	const struct store_verifier *v;
	struct store_txn *t;
	struct zone_state **zone; /* by id */
	size_t n, room;
	uint64_t *gone; /* ids of deleted zones of which something is left, ascending */
	size_t n_gone, gone_room;
	uint64_t n_found, n_done, n_all; /* faults; entries */
	struct store_record record;      /* of the zone that is looked at */
};

static void fault(struct verify *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
fault(struct verify *v, const char *format, ...)
{
	char line[1600];
	va_list ap;

	if (v->n_found++ >= FAULTS_MAX)
		return;
	va_start(ap, format);
	vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	v->v->found(v->v->arg, line);
}

static const char *
text_of(char text[ZONE_TEXT_OCTETS], const struct zone_state *z)
{
	/* zone_names is not linked here; this is for messages only */
	const uint8_t *p = zone_key_apex(z->apex);
	unsigned label = zone_key_variant(z->apex);
	size_t at = 0;

	for (; *p != 0; p += *p + 1) {
		for (unsigned i = 1; i <= *p; i++)
			text[at++] = p[i] > ' ' && p[i] < 0x7f ? (char)p[i] : '?';
		text[at++] = '.';
	}
	if (at == 0)
		text[at++] = '.';
	if (label > 0) {
		text[at++] = '.';
		memcpy(text + at, z->apex + 2, label - 2);
		at += label - 2;
	}
	text[at] = '\0';
	return text;
}

/* --- zones --- */

static int
add_zone(struct verify *v, const struct store_record *r)
{
	unsigned len = name_octets(r->zone.apex);
	struct zone_state *z;

	if (v->n == v->room) {
		size_t room = v->room == 0 ? 1024 : 2 * v->room;
		struct zone_state **zone = reallocarray(v->zone, room, sizeof(struct zone_state *));
		if (zone == NULL)
			return -ENOMEM;
		v->zone = zone;
		v->room = room;
	}
	z = calloc(1, offsetof(struct zone_state, apex) + len);
	if (z == NULL)
		return -ENOMEM;
	z->id = r->zone.id;
	z->n_records = r->zone.n_records;
	z->n_names = r->zone.n_names;
	z->has_refs = r->zone.has_refs;
	z->journal_next = r->journal_next;
	z->journal_octets = r->journal_octets;
	memcpy(z->apex, r->zone.apex, len);
	v->zone[v->n++] = z;
	return 0;
}

static int
by_id(const void *a, const void *b)
{
	const struct zone_state *const *x = a, *const *y = b;
	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static struct zone_state *
find_zone(const struct verify *v, uint64_t id)
{
	const struct zone_state key = {.id = id}, *p = &key;
	struct zone_state **z =
		v->n == 0 ? NULL : bsearch(&p, v->zone, v->n, sizeof(struct zone_state *), by_id);
	return z == NULL ? NULL : *z;
}

static int
check_zone(struct verify *v, const MDB_val *key, const MDB_val *value)
{
	uint8_t name[STORE_NAME_OCTETS];
	struct store_record r;
	bool root = key->mv_size == 1 && *(const uint8_t *)key->mv_data == 0;

	if (store_record_decode(value->mv_data, value->mv_size, &r) != 0) {
		fault(v, "zones: a record of %zu octets is damaged", value->mv_size);
		return 0;
	}
	if (store_key_to_name(name, key->mv_data, root ? 0 : key->mv_size, NULL) != 0 ||
		name_octets(name) != name_octets(r.zone.apex) ||
		memcmp(name, r.zone.apex, name_octets(name)) != 0)
		fault(v, "zones: a record does not lie where its zone belongs");
	if (r.zone.id == 0 || r.zone.id >= v->t->head.next_zone)
		fault(v, "zones: id %llu was never given", (unsigned long long)r.zone.id);
	if (r.zone.version > v->t->head.version)
		fault(v, "zones: version %llu is yet to come", (unsigned long long)r.zone.version);
	return add_zone(v, &r);
}

static void
sort_zones(struct verify *v)
{
	if (v->n > 1)
		qsort(v->zone, v->n, sizeof(struct zone_state *), by_id);
	for (size_t i = 1; i < v->n; i++)
		if (v->zone[i]->id == v->zone[i - 1]->id)
			fault(v, "zones: id %llu was given twice",
				(unsigned long long)v->zone[i]->id);
}

static int
add_gone(void *arg, const char *key, const char *value)
{
	struct verify *v = arg;
	uint64_t id;

	if (store_gone_id(key, &id) != 0) {
		fault(v, "rows: the note of a deleted zone is damaged");
		return 0;
	}
	if (find_zone(v, id) != NULL || id == 0 || id >= v->t->head.next_zone)
		fault(v, "zones: id %llu is said to be of a deleted zone", (unsigned long long)id);
	if (v->n_gone == v->gone_room) {
		size_t room = v->gone_room == 0 ? 64 : 2 * v->gone_room;
		uint64_t *gone = reallocarray(v->gone, room, sizeof *gone);
		if (gone == NULL)
			return -ENOMEM;
		v->gone = gone;
		v->gone_room = room;
	}
	v->gone[v->n_gone++] = id;
	return 0;
}

static int
compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static bool
is_gone(const struct verify *v, uint64_t id)
{
	return v->n_gone > 0 && bsearch(&id, v->gone, v->n_gone, sizeof id, compare_ids) != NULL;
}

/* Zone and rest of a key that begins with a zone's id. */
static struct zone_state *
zone_of_key(struct verify *v, const char *db, const MDB_val *key, MDB_val *rest)
{
	struct zone_state *z = NULL;
	uint64_t id;
	unsigned n = store_key_take_id(key->mv_data, key->mv_size, &id);

	if (n != 0)
		z = find_zone(v, id);
	if (z == NULL && n != 0 && is_gone(v, id))
		return NULL;
	if (z == NULL) {
		fault(v, n == 0 ? "%s: a key is damaged" : "%s: an entry is of no zone", db);
		return NULL;
	}
	*rest = (MDB_val){key->mv_size - n, (uint8_t *)key->mv_data + n};
	return z;
}

/* --- records and comments --- */

static void
check_rdata(struct verify *v, const struct zone_state *z, const struct store_packed *p)
{
	struct store_in in = store_in(p->record, (size_t)(p->end - p->record));
	char text[ZONE_TEXT_OCTETS];

	for (uint32_t i = 0; i < p->n; i++) {
		uint16_t len = (uint16_t)(store_in_number(&in, UINT32_MAX) >> 1);
		const uint8_t *rdata = store_in_octets(&in, len);
		if (v->v->rdata_valid != NULL && !v->v->rdata_valid(p->type, rdata, len))
			fault(v, "zone %s: RDATA of a record of type %u is malformed",
				text_of(text, z), p->type);
	}
}

static int
check_records(struct verify *v, const MDB_val *key, const MDB_val *value)
{
	struct store_in in = store_in(value->mv_data, value->mv_size);
	uint8_t owner[STORE_NAME_OCTETS];
	char text[ZONE_TEXT_OCTETS];
	struct store_packed p;
	int before = -1, ret;
	MDB_val rest;
	struct zone_state *z = zone_of_key(v, "records", key, &rest);

	if (z == NULL)
		return 0;
	if (store_key_to_name(owner, rest.mv_data, rest.mv_size, zone_key_apex(z->apex)) != 0) {
		fault(v, "zone %s: an owner's name is damaged", text_of(text, z));
		return 0;
	}
	z->seen_names++;
	while ((ret = store_in_rrset(&in, &p)) == 0) {
		if (p.type <= before)
			fault(v, "zone %s: types are not in order", text_of(text, z));
		before = p.type;
		z->seen_records += p.n;
		check_rdata(v, z, &p);
	}
	if (ret != -ENOENT || before < 0)
		fault(v, "zone %s: records are damaged", text_of(text, z));
	else if (z->has_refs)
		return store_refs_verify(v->t, &(struct store_zone){.id = z->id, .apex = z->apex},
			owner, value, &z->refs, &z->seen_refs);
	return 0;
}

static int
check_comments(struct verify *v, const MDB_val *key, const MDB_val *value)
{
	struct store_in in = store_in(value->mv_data, value->mv_size);
	uint8_t owner[STORE_NAME_OCTETS];
	char text[ZONE_TEXT_OCTETS];
	struct store_packed p;
	int before = -1, ret;
	MDB_val rest;
	struct zone_state *z = zone_of_key(v, "comments", key, &rest);

	if (z == NULL)
		return 0;
	ret = store_key_to_name(owner, rest.mv_data, rest.mv_size, zone_key_apex(z->apex));
	while (ret == 0 && (ret = store_in_comments(&in, &p)) == 0) {
		ret = p.type <= before ? -EPROTO : 0;
		before = p.type;
	}
	if (ret != -ENOENT)
		fault(v, "zone %s: comments are damaged", text_of(text, z));
	return 0;
}

/* --- the rest --- */

static int
count_refs(struct verify *v, const MDB_val *key, const MDB_val *value)
{
	MDB_val rest;
	char text[ZONE_TEXT_OCTETS];
	struct zone_state *z = zone_of_key(v, "refs", key, &rest);

	if (z != NULL && !z->has_refs)
		fault(v, "zone %s: is said to have no index of targets", text_of(text, z));
	else if (z != NULL)
		z->refs--;
	return 0;
}

static int
nothing(void *arg, const struct store_journal_entry *e)
{
	return 0;
}

static int
check_journal(struct verify *v, const MDB_val *key, const MDB_val *value)
{
	char text[ZONE_TEXT_OCTETS];
	uint64_t sequence = 0;
	MDB_val rest;
	struct zone_state *z = zone_of_key(v, "journal", key, &rest);
	int ret = 0;

	if (z == NULL)
		return 0;
	if (rest.mv_size == sizeof sequence)
		memcpy(&sequence, rest.mv_data, sizeof sequence);
	sequence = be64toh(sequence);
	z->seen_journal += key->mv_size + value->mv_size;
	if (sequence == 0 || sequence >= z->journal_next)
		fault(v, "zone %s: the journal has an entry of a number that was not given",
			text_of(text, z));
	ret = store_journal_decode(
		value->mv_data, value->mv_size, z->apex, sequence, nothing, NULL);
	if (ret == -EPROTO)
		fault(v, "zone %s: entry %llu of the journal is damaged", text_of(text, z),
			(unsigned long long)sequence);
	return ret == -EPROTO ? 0 : ret;
}

static int
check_metadata(struct verify *v, const MDB_val *key, const MDB_val *value)
{
	char text[ZONE_TEXT_OCTETS];
	const char **list;
	MDB_val rest;
	size_t n;
	struct zone_state *z = zone_of_key(v, "metadata", key, &rest);

	if (z == NULL)
		return 0;
	if (rest.mv_size == 0 || store_texts_decode(value->mv_data, value->mv_size, &list, &n) != 0)
		fault(v, "zone %s: metadata is damaged", text_of(text, z));
	else
		free(list);
	return 0;
}

static int
check_dnskey(struct verify *v, const MDB_val *key, const MDB_val *value)
{
	char text[ZONE_TEXT_OCTETS];
	struct backend_key k;
	MDB_val rest;
	struct zone_state *z = zone_of_key(v, "keys", key, &rest);

	if (z != NULL &&
		(store_dnskey_decode(&rest, value, &k) != 0 || k.id >= v->t->head.next_key))
		fault(v, "zone %s: a key is damaged", text_of(text, z));
	return 0;
}

static int
check_row(struct verify *v, const MDB_val *key, const MDB_val *value)
{
	const char *text = value->mv_data;

	if (*(const uint8_t *)key->mv_data >= STORE_TABLES)
		fault(v, "rows: one is of an unknown table");
	if (value->mv_size == 0 || memchr(text, 0, value->mv_size) != text + value->mv_size - 1)
		fault(v, "rows: one is damaged");
	return 0;
}

static int
check_audit(struct verify *v, const MDB_val *key, const MDB_val *value)
{
	uint64_t sequence;
	const char *json;
	int64_t at_ms;

	if (store_audit_decode(key, value, &sequence, &at_ms, &json) != 0 || sequence == 0 ||
		sequence >= v->t->head.next_audit)
		fault(v, "audit: an entry is damaged");
	v->t->head.audit_octets -= key->mv_size + value->mv_size;
	return 0;
}

static void
compare_counts(struct verify *v)
{
	char text[ZONE_TEXT_OCTETS];

	for (size_t i = 0; i < v->n; i++) {
		const struct zone_state *z = v->zone[i];
		if (z->n_names != z->seen_names || z->n_records != z->seen_records)
			fault(v, "zone %s: has %llu records of %u names, not %llu of %u",
				text_of(text, z), (unsigned long long)z->seen_records,
				z->seen_names, (unsigned long long)z->n_records, z->n_names);
		if (z->refs != 0 || z->seen_refs != 0)
			fault(v, "zone %s: the index of targets is not what its records say",
				text_of(text, z));
		if (z->journal_octets != z->seen_journal)
			fault(v, "zone %s: the journal has %llu octets, not %llu", text_of(text, z),
				(unsigned long long)z->seen_journal,
				(unsigned long long)z->journal_octets);
	}
	if (v->t->head.audit_octets != 0)
		fault(v, "audit: its octets are not as many as the head says");
}

static int
walk(struct verify *v, enum store_db db,
	int (*check)(struct verify *v, const MDB_val *key, const MDB_val *value))
{
	MDB_val key, value;
	MDB_cursor *c;
	int rc, ret = store_cursor_of(v->t, db, &c);

	if (ret != 0)
		return ret;
	rc = mdb_cursor_get(c, &key, &value, MDB_FIRST);
	while (rc == 0 && ret == 0) {
		ret = check(v, &key, &value);
		if (++v->n_done % PROGRESS_ENTRIES == 0 && v->v->progress != NULL)
			v->v->progress(v->v->arg, v->n_done, v->n_all);
		if (ret == 0)
			rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return ret != 0 || rc == 0 || rc == MDB_NOTFOUND ? ret : store_error(rc);
}

static int
verify_entries(struct verify *v)
{
	static int (*const check[STORE_DBS])(
		struct verify * v, const MDB_val *key, const MDB_val *value) = {
		[STORE_DB_ZONES] = check_zone,
		[STORE_DB_RECORDS] = check_records,
		[STORE_DB_COMMENTS] = check_comments,
		[STORE_DB_REFS] = count_refs,
		[STORE_DB_JOURNAL] = check_journal,
		[STORE_DB_METADATA] = check_metadata,
		[STORE_DB_KEYS] = check_dnskey,
		[STORE_DB_ROWS] = check_row,
		[STORE_DB_AUDIT] = check_audit,
	};
	int ret = store_txn_header(v->t);
	MDB_stat stat;

	for (unsigned db = 0; db < STORE_DBS; db++)
		if (mdb_stat(v->t->mdb, v->t->s->db[db], &stat) == 0)
			v->n_all += stat.ms_entries;
	for (unsigned db = 0; db < STORE_DBS && ret == 0; db++) {
		ret = walk(v, db, check[db]);
		if (db == STORE_DB_ZONES && ret == 0) {
			sort_zones(v);
			ret = store_row_each(v->t, STORE_GONE, "", add_gone, v);
		}
	}
	if (ret == 0)
		compare_counts(v);
	return ret;
}

/* --- the file --- */

/* What a counter of faults makes of the pages. */
static int
verify_pages(const struct store_verifier *v, int fd, size_t len)
{
	struct store_pages p = {.len = len, .found = v->found, .arg = v->arg};
	void *file = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);
	int ret;

	if (file == MAP_FAILED)
		return -errno;
	p.file = file;
	ret = store_pages_check(&p);
	munmap(file, len);
	return ret;
}

/* Does a process write to it? */
static int
writer_of(const char *path, char error[STORE_ERROR_OCTETS])
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char name[4096];
	int fd, ret = 0;

	if ((size_t)snprintf(name, sizeof name, "%s-writer", path) >= sizeof name)
		return -ENAMETOOLONG;
	fd = open(name, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 0; /* nobody ever did */
	if (fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
		snprintf(error, STORE_ERROR_OCTETS,
			"%s: a process writes to it (%s-writer tells which); stop it, or "
			"verify a snapshot",
			path, path);
		ret = -EBUSY;
	}
	close(fd);
	return ret;
}

static int
verify_opened(const char *path, const struct store_verifier *verifier, uint64_t *n_found,
	char error[STORE_ERROR_OCTETS])
{
	struct store_options o = {.path = path, .read_only = true, .alone = true};
	struct verify v = {.v = verifier};
	struct store *s;
	int ret = store_open(&s, &o, error);

	if (ret != 0)
		return ret;
	ret = store_read(s, &v.t);
	if (ret == 0) {
		ret = verify_entries(&v);
		store_end(v.t);
	}
	store_close(s);
	for (size_t i = 0; i < v.n; i++)
		free(v.zone[i]);
	free(v.zone);
	free(v.gone);
	*n_found = v.n_found;
	if (ret != 0)
		snprintf(error, STORE_ERROR_OCTETS, "%s: cannot be read whole: %s", path,
			strerror(-ret));
	return ret;
}

int
store_verify(const char *path, const struct store_verifier *v, char error[STORE_ERROR_OCTETS])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t n_found = 0;
	struct stat st;
	int ret = fd < 0 || fstat(fd, &st) != 0 ? -errno : 0;

	if (ret == 0)
		ret = writer_of(path, error);
	else
		snprintf(error, STORE_ERROR_OCTETS, "%s: %s", path, strerror(-ret));
	if (ret == 0 && st.st_size == 0) {
		snprintf(error, STORE_ERROR_OCTETS, "%s: is empty", path);
		ret = -EPROTO;
	}
	if (ret == 0) {
		ret = verify_pages(v, fd, (size_t)st.st_size);
		if (ret != 0)
			snprintf(error, STORE_ERROR_OCTETS, "%s: is damaged; restore a snapshot",
				path);
	}
	if (fd >= 0)
		close(fd);
	if (ret == 0)
		ret = verify_opened(path, v, &n_found, error);
	if (ret == 0 && n_found > 0) {
		snprintf(error, STORE_ERROR_OCTETS, "%s: has %llu faults; restore a snapshot", path,
			(unsigned long long)n_found);
		ret = -EPROTO;
	}
	return ret;
}
