/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store's file: faults are found, copies are whole, older formats are read, damage is refused
 * and never followed. */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/store/store_format.h"
#include "controlplane/store/store_pages.h"

/* Some of everything. */
static void
fill(struct fixture *f)
{
	struct store_txn *t = begin_write(f);
	struct store_zone small = create_zone(t, "example."), large = create_zone(t, "large.");
	struct backend_key key = {.flags = 257, .content = "Private-key-format: v1.2\n"};
	static char big[20000];
	char text[64];

	put(t, &small, "example.", 2, "\2ns\7example", 12);
	put(t, &small, "www.example.", 1, "abcd", 4);
	memset(big, 'x', sizeof big - 1);
	put(t, &small, "big.example.", 16, big, sizeof big);
	put_comment(t, &small, "www.example.", 1, "why");
	append_journal(t, &small, 1, 2);
	append_journal(t, &small, 2, 3);
	assert_int_equal(store_key_put(t, &small, &key), 0);
	assert_int_equal(store_metadata_set(t, &small, "X", (const char *const[]){"1"}, 1), 0);
	assert_int_equal(store_row_put(t, STORE_TOKEN, "id", "{}"), 0);
	assert_int_equal(store_row_put(t, STORE_SETTING, "big", big), 0);
	assert_int_equal(store_audit_append(t, "{\"who\":1}"), 0);
	assert_int_equal(store_commit(t), 0);
	t = begin_write(f);
	large = get_zone(t, "large.");
	for (unsigned i = 0; i < 1500; i++) {
		snprintf(text, sizeof text, "n%u.large.", i);
		put(t, &large, text, 15, i % 2 == 0 ? "\0\1\2mx\5large" : "\0\1\2mx\3org",
			i % 2 == 0 ? 12 : 10);
	}
	assert_true(get_zone(t, "large.").has_refs);
	assert_int_equal(store_commit(t), 0);
	/* free pages, too */
	t = begin_write(f);
	large = get_zone(t, "large.");
	for (unsigned i = 0; i < 700; i++) {
		snprintf(text, sizeof text, "n%u.large.", i);
		remove_rrset(t, &large, text, 15);
	}
	assert_int_equal(store_commit(t), 0);
}

struct found {
	unsigned n;
	char text[2048];
};

static void
note(void *arg, const char *text)
{
	struct found *f = arg;

	f->n++;
	if (strlen(f->text) + strlen(text) + 2 < sizeof f->text) {
		strcat(f->text, text);
		strcat(f->text, "\n");
	}
}

static int
verify(const char *path, struct found *f)
{
	struct store_verifier v = {note, f, NULL, NULL};
	char error[STORE_ERROR_OCTETS] = "";
	int ret;

	*f = (struct found){0};
	ret = store_verify(path, &v, error);
	assert_true((ret == 0) == (error[0] == '\0'));
	return ret;
}

static void
close_store(struct fixture *f)
{
	store_close(f->s);
	f->s = NULL;
}

static void
a_sound_store_has_no_faults(void **state)
{
	struct fixture *f = *state;
	struct found found;
	struct stat st;
	char name[128];

	fill(f);
	assert_int_equal(verify(f->path, &found), -EBUSY);
	close_store(f);
	snprintf(name, sizeof name, "%s-lock", f->path);
	assert_int_equal(unlink(name), 0);
	if (verify(f->path, &found) != 0)
		fail_msg("%s", found.text);
	assert_int_equal(stat(name, &st), -1); /* nothing was made beside it */
	snprintf(name, sizeof name, "%s/missing", f->folder);
	assert_int_equal(verify(name, &found), -ENOENT);
}

/* --- faults in entries: the first entry of a database is put again, changed --- */

struct change {
	enum store_db db;
	bool cut; /* the last octet goes; else `at` becomes `octet` */
	unsigned at;
	uint8_t octet;
	bool key; /* of the key, not the value */
	const char *found;
};

static void
damage(struct fixture *f, const struct change *c)
{
	struct store_txn *t = begin_write(f);
	uint8_t key_octets[512], *octets;
	MDB_val key, value;
	MDB_cursor *cursor;

	assert_int_equal(store_cursor_of(t, c->db, &cursor), 0);
	assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
	octets = malloc(value.mv_size);
	memcpy(octets, value.mv_data, value.mv_size);
	memcpy(key_octets, key.mv_data, key.mv_size);
	value.mv_data = octets;
	key.mv_data = key_octets;
	assert_int_equal(mdb_cursor_del(cursor, 0), 0);
	if (c->key)
		key_octets[c->at] = c->octet;
	else if (c->cut)
		value.mv_size--;
	else
		octets[c->at] = c->octet;
	mdb_cursor_close(cursor);
	assert_int_equal(mdb_put(t->mdb, t->s->db[c->db], &key, &value, 0), 0);
	t->dirty = true;
	assert_int_equal(store_commit(t), 0);
	free(octets);
}

static void
faults_in_entries_are_found(void **state)
{
	static const struct change c[] = {
		{STORE_DB_ZONES, false, 0, 200, false, "zones: a record"},
		{STORE_DB_ZONES, false, 1, 'f', false, "does not lie where"},
		{STORE_DB_ZONES, false, 9, 77, false, "id 77 was never given"},
		{STORE_DB_ZONES, false, 9, 2, false, "given twice"},
		{STORE_DB_ZONES, false, 15, 9, false, "records of"},
		{STORE_DB_ZONES, true, 0, 0, false, "zones: a record"},
		{STORE_DB_RECORDS, true, 0, 0, false, "records are damaged"},
		{STORE_DB_RECORDS, false, 3, 2, false, "records are damaged"},
		{STORE_DB_RECORDS, false, 0, 0, true, "records: a key is damaged"},
		{STORE_DB_RECORDS, false, 1, 99, true, "records: an entry is of no zone"},
		{STORE_DB_COMMENTS, true, 0, 0, false, "comments are damaged"},
		{STORE_DB_REFS, false, 2, 'x', true, "index of targets"},
		{STORE_DB_REFS, false, 1, 'x', false, "index of targets"},
		{STORE_DB_REFS, false, 1, 1, true, "is said to have no index"},
		{STORE_DB_JOURNAL, true, 0, 0, false, "of the journal is damaged"},
		{STORE_DB_JOURNAL, false, 9, 99, true, "a number that was not given"},
		{STORE_DB_METADATA, true, 0, 0, false, "metadata is damaged"},
		{STORE_DB_KEYS, true, 0, 0, false, "a key is damaged"},
		{STORE_DB_KEYS, false, 4, 9, true, "a key is damaged"},
		{STORE_DB_ROWS, true, 0, 0, false, "rows: one is damaged"},
		{STORE_DB_ROWS, false, 0, 99, true, "unknown table"},
		{STORE_DB_AUDIT, true, 0, 0, false, "audit: an entry is damaged"},
		{STORE_DB_AUDIT, false, 7, 99, true, "audit: an entry is damaged"},
	};
	struct fixture *f = *state;
	struct found found;
	char error[STORE_ERROR_OCTETS], sound[128];

	fill(f);
	snprintf(sound, sizeof sound, "%s/sound", f->folder);
	assert_int_equal(store_snapshot_file(f->s, sound, false, error), 0);
	for (unsigned i = 0; i < sizeof c / sizeof c[0]; i++) {
		damage(f, &c[i]);
		close_store(f);
		assert_int_equal(verify(f->path, &found), -EPROTO);
		if (strstr(found.text, c[i].found) == NULL)
			fail_msg("change %u: '%s' is not among:\n%s", i, c[i].found, found.text);
		assert_int_equal(rename(sound, f->path), 0);
		reopen(f);
		assert_int_equal(store_snapshot_file(f->s, sound, false, error), 0);
	}
}

/* --- faults in pages --- */

static void
damaged_pages_are_found_and_not_followed(void **state)
{
	struct fixture *f = *state;
	struct store_pages p = {0};
	struct found found = {0};
	char error[STORE_ERROR_OCTETS] = "";
	struct stat st;
	uint8_t *file;
	unsigned n_accepted = 0, n_refused = 0;
	int fd;

	fill(f);
	close_store(f);
	fd = open(f->path, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	file = malloc((size_t)st.st_size);
	assert_int_equal(pread(fd, file, (size_t)st.st_size, 0), st.st_size);
	p = (struct store_pages){
		.file = file, .len = (size_t)st.st_size, .found = note, .arg = &found};
	assert_int_equal(store_pages_check(&p), 0);
	assert_true(p.n_pages > 20);
	/* cut off */
	p.len -= 4096 * 4;
	assert_int_equal(store_pages_check(&p), -EPROTO);
	p.len = 100;
	assert_int_equal(store_pages_check(&p), -EPROTO);
	p.len = (size_t)st.st_size;
	/* octets of pages' heads and first entries, one after the other. (A sanitizer says when one
	 * is followed; what is accepted is read as a store in fuzz_store.) */
	for (size_t page = 0; page < p.len; page += 4096)
		for (unsigned at = 0; at < 40; at++) {
			uint8_t was = file[page + at];
			file[page + at] ^= (uint8_t)(1u << (page / 4096 + at) % 8);
			found = (struct found){0};
			if (store_pages_check(&p) == 0)
				n_accepted++;
			else
				n_refused++;
			file[page + at] = was;
		}
	assert_true(n_refused > n_accepted / 4);
	/* the store says so, too, and the file is left as it is */
	assert_int_equal(ftruncate(fd, st.st_size - 4096 * 4), 0);
	close(fd);
	assert_int_equal(store_open(&f->s, &f->options, error), -EPROTO);
	assert_non_null(strstr(error, "restore a snapshot"));
	fd = open(f->path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "zone \"example\" {};\n", 19), 19);
	close(fd);
	assert_int_equal(store_open(&f->s, &f->options, error), -EPROTO);
	assert_non_null(strstr(error, "is no store"));
	f->s = NULL;
	free(file);
}

/* --- copies --- */

static void
a_snapshot_is_restored(void **state)
{
	struct fixture *f = *state;
	char copy[128], error[STORE_ERROR_OCTETS] = "";
	struct found found;
	struct store_verifier v = {note, &found, NULL, NULL};
	struct store_txn *t;
	struct store_zone zone;
	uint64_t version, id;
	struct stat st;

	fill(f);
	snprintf(copy, sizeof copy, "%s/copy", f->folder);
	t = begin_write(f);
	zone = create_zone(t, "uncommitted.");
	assert_int_equal(store_snapshot_file(f->s, copy, false, error), 0);
	store_end(t);
	assert_int_equal(store_snapshot_file(f->s, copy, false, error), -EEXIST);
	assert_non_null(strstr(error, "--force"));
	assert_int_equal(store_snapshot_file(f->s, copy, true, error), 0);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);

	t = begin_write(f);
	zone = create_zone(t, "later.");
	id = zone.id;
	version = store_version(t);
	assert_int_equal(store_commit(t), 0);
	assert_int_equal(store_restore(copy, f->path, false, &v, error), -EEXIST);
	assert_int_equal(store_restore(copy, f->path, true, &v, error), -EBUSY);
	close_store(f);
	assert_int_equal(store_restore(copy, f->path, true, &v, error), 0);
	assert_int_equal(verify(f->path, &found), 0);
	reopen(f);
	t = begin_write(f);
	assert_int_equal(store_zone_count(t), 2);
	assert_int_equal(
		count_rrsets(t, &(struct store_zone){.id = 1, .apex = get_zone(t, "example.").apex},
			NULL, false),
		3);
	assert_true(store_version(t) > version + 1);
	assert_true(create_zone(t, "again.").id > id);
	store_end(t);

	/* a damaged one is not restored, and what is there stays */
	assert_int_equal(truncate(copy, st.st_size / 2), 0);
	close_store(f);
	assert_int_equal(store_restore(copy, f->path, true, &v, error), -EPROTO);
	assert_int_equal(verify(f->path, &found), 0);
	snprintf(error, sizeof error, "ls %s | grep -v -E '^(zones.lmdb(-lock|-writer)?|copy)$'",
		f->folder);
	assert_int_not_equal(system(error), 0); /* nothing else is left */
}

#define OWNER 4321u
#define GROUP 5432u

/* The store, with "", or a file beside it. */
static void
check_owner(const struct fixture *f, const char *suffix, mode_t mode)
{
	char name[128];
	struct stat st = {0};

	snprintf(name, sizeof name, "%s%s", f->path, suffix);
	if (stat(name, &st) != 0 || st.st_uid != OWNER || st.st_gid != GROUP ||
		(st.st_mode & 07777) != mode)
		fail_msg("%s: %u:%u %o", name, (unsigned)st.st_uid, (unsigned)st.st_gid,
			(unsigned)st.st_mode);
}

static void
remove_files(const struct fixture *f, bool store)
{
	char name[128];

	snprintf(name, sizeof name, "%s-lock", f->path);
	(void)unlink(name);
	snprintf(name, sizeof name, "%s-writer", f->path);
	(void)unlink(name);
	if (store)
		assert_int_equal(unlink(f->path), 0);
}

/* Root works on a store of the control plane's user. */
static void
what_root_makes_is_the_owners(void **state)
{
	struct fixture *f = *state;
	struct store_options reading = {.path = f->path, .read_only = true};
	char copy[128], error[STORE_ERROR_OCTETS] = "", name[128];
	struct found found;
	struct store_verifier v = {note, &found, NULL, NULL};

	if (geteuid() != 0)
		skip();
	fill(f);
	snprintf(copy, sizeof copy, "%s/copy", f->folder);
	assert_int_equal(store_snapshot_file(f->s, copy, false, error), 0);
	close_store(f);
	assert_int_equal(chown(f->folder, OWNER, GROUP), 0);
	assert_int_equal(chown(f->path, OWNER, GROUP), 0);
	assert_int_equal(chmod(f->path, 0640), 0);
	remove_files(f, false);

	assert_int_equal(store_open(&f->s, &reading, error), 0);
	close_store(f);
	check_owner(f, "-lock", 0640);
	assert_int_equal(store_restore(copy, f->path, true, &v, error), 0);
	check_owner(f, "", 0640);
	check_owner(f, "-writer", 0640);

	remove_files(f, true);
	assert_int_equal(store_restore(copy, f->path, false, &v, error), 0);
	check_owner(f, "", 0600);
	check_owner(f, "-writer", 0600);

	remove_files(f, true);
	reopen(f);
	check_owner(f, "", 0600);
	check_owner(f, "-writer", 0600);
	check_owner(f, "-lock", 0600);

	/* nor is written to what a link of the owner's leads to */
	close_store(f);
	remove_files(f, false);
	snprintf(name, sizeof name, "%s-writer", f->path);
	assert_int_equal(symlink(copy, name), 0);
	assert_int_equal(store_open(&f->s, &f->options, error), -ELOOP);
	f->s = NULL;
	assert_int_equal(verify(copy, &found), 0);
}

static void
a_snapshot_goes_through_a_pipe(void **state)
{
	struct fixture *f = *state;
	char copy[128], command[256], error[STORE_ERROR_OCTETS] = "";
	struct found found;
	FILE *pipe;

	fill(f);
	snprintf(copy, sizeof copy, "%s/copy", f->folder);
	snprintf(command, sizeof command, "cat > %s", copy);
	pipe = popen(command, "w");
	assert_int_equal(store_snapshot(f->s, fileno(pipe), error), 0);
	assert_int_equal(pclose(pipe), 0);
	assert_int_equal(verify(copy, &found), 0);
}

/* --- formats --- */

/* A record as format 0 had it. */
static void
encode_0(struct store_out *o, const struct store_record *r)
{
	static const uint8_t zero[NAME_PAD];

	store_out_octets(o, r->zone.apex, name_octets(r->zone.apex));
	store_out_number(o, r->zone.id);
	store_out_number(o, r->zone.kind);
	store_out_number(o, r->zone.has_refs);
	store_out_number(o, r->zone.serial);
	store_out_number(o, r->zone.notified_serial);
	store_out_number(o, r->zone.last_check);
	store_out_number(o, r->zone.n_names);
	store_out_number(o, r->zone.n_records);
	store_out_number(o, r->zone.version);
	store_out_number(o, r->journal_next);
	store_out_number(o, r->journal_octets);
	store_out_text(o, r->zone.primaries);
	store_out_text(o, r->zone.account);
	store_out_text(o, r->zone.catalog);
	store_out_text(o, r->zone.options);
	store_out_octets(o, zero, sizeof zero);
}

static void
set_format(struct fixture *f, uint32_t format)
{
	struct store_txn *t = begin_write(f);
	struct store_out o = {0};
	struct store_record r;
	MDB_val key, value;
	MDB_cursor *c;
	int rc;

	t->head.format = format;
	t->dirty = true;
	assert_int_equal(store_cursor_of(t, STORE_DB_ZONES, &c), 0);
	rc = mdb_cursor_get(c, &key, &value, MDB_FIRST);
	while (rc == 0 && format == 0) {
		assert_int_equal(store_record_decode(value.mv_data, value.mv_size, &r), 0);
		o.len = 0;
		encode_0(&o, &r);
		uint8_t name[STORE_KEY_OCTETS];
		memcpy(name, key.mv_data, key.mv_size);
		key.mv_data = name;
		value = (MDB_val){o.len, o.octets};
		assert_int_equal(mdb_cursor_put(c, &key, &value, MDB_CURRENT), 0);
		rc = mdb_cursor_get(c, &key, &value, MDB_NEXT);
	}
	mdb_cursor_close(c);
	store_out_free(&o);
	assert_int_equal(store_commit(t), 0);
	close_store(f);
}

static void
the_format_before_is_read(void **state)
{
	struct fixture *f = *state;
	char error[STORE_ERROR_OCTETS] = "";
	struct store_options o = f->options;
	struct store_txn *t;
	struct store_zone zone;
	struct found found;

	fill(f);
	t = begin_write(f);
	zone = get_zone(t, "example.");
	zone.account = "me";
	zone.serial = 7;
	assert_int_equal(store_zone_update(t, &zone), 0);
	assert_int_equal(store_commit(t), 0);
	set_format(f, 0);
	o.read_only = true;
	assert_int_equal(store_open(&f->s, &o, error), -EPROTO);
	assert_non_null(strstr(error, "has format 0"));
	reopen(f);
	t = begin_write(f);
	zone = get_zone(t, "example.");
	assert_int_equal(zone.created_at, 0);
	assert_string_equal(zone.account, "me");
	assert_int_equal(zone.serial, 7);
	assert_int_equal(count_rrsets(t, &zone, NULL, false), 3);
	assert_int_equal(t->head.format, STORE_FORMAT);
	create_zone(t, "new.");
	assert_int_equal(store_commit(t), 0);
	close_store(f);
	if (verify(f->path, &found) != 0)
		fail_msg("%s", found.text);
}

static void
a_later_format_is_refused(void **state)
{
	struct fixture *f = *state;
	char error[STORE_ERROR_OCTETS] = "";

	fill(f);
	set_format(f, STORE_FORMAT + 1);
	assert_int_equal(store_open(&f->s, &f->options, error), -EPROTO);
	f->s = NULL;
	assert_non_null(strstr(error, "install a newer one"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_sound_store_has_no_faults),
		STORE_TEST(faults_in_entries_are_found),
		STORE_TEST(damaged_pages_are_found_and_not_followed),
		STORE_TEST(a_snapshot_is_restored),
		STORE_TEST(what_root_makes_is_the_owners),
		STORE_TEST(a_snapshot_goes_through_a_pipe),
		STORE_TEST(the_format_before_is_read),
		STORE_TEST(a_later_format_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
