/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_fixture: see the header. */
#include "store_fixture.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

int
store_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	char error[STORE_ERROR_OCTETS] = "";

	strcpy(f->folder, "/tmp/test_store.XXXXXX");
	if (mkdtemp(f->folder) == NULL)
		return -1;
	snprintf(f->path, sizeof f->path, "%s/zones.lmdb", f->folder);
	f->options.path = f->path;
	if (store_open(&f->s, &f->options, error) != 0) {
		fprintf(stderr, "%s\n", error);
		return -1;
	}
	*state = f;
	return 0;
}

static int
unlink_one(const char *path, const struct stat *st, int flag, struct FTW *where)
{
	return remove(path);
}

int
store_teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->s);
	(void)nftw(f->folder, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

void
reopen(struct fixture *f)
{
	char error[STORE_ERROR_OCTETS] = "";

	store_close(f->s);
	f->s = NULL;
	if (store_open(&f->s, &f->options, error) != 0)
		fail_msg("%s", error);
}

struct store_txn *
begin_write(struct fixture *f)
{
	struct store_txn *t;
	assert_int_equal(store_write(f->s, &t), 0);
	return t;
}

struct store_txn *
begin_read(struct fixture *f)
{
	struct store_txn *t;
	assert_int_equal(store_read(f->s, &t), 0);
	return t;
}

const uint8_t *
wire(uint8_t name[ZONE_WIRE_OCTETS], const char *text)
{
	if (zone_wire_from_text(name, text) < 0)
		fail_msg("%s", text);
	return name;
}

struct store_zone
create_zone(struct store_txn *t, const char *apex)
{
	uint8_t name[ZONE_WIRE_OCTETS];
	struct store_zone zone = {.apex = wire(name, apex),
		.primaries = "",
		.account = "",
		.catalog = "",
		.options = ""};

	assert_int_equal(store_zone_create(t, &zone), 0);
	return get_zone(t, apex);
}

struct store_zone
get_zone(struct store_txn *t, const char *apex)
{
	uint8_t name[ZONE_WIRE_OCTETS];
	struct store_zone zone;
	int ret = store_zone_get(t, wire(name, apex), &zone);

	if (ret != 0)
		fail_msg("%s: %s", apex, strerror(-ret));
	return zone;
}

void
put(struct store_txn *t, const struct store_zone *zone, const char *owner, uint16_t type,
	const void *rdata, size_t len)
{
	uint8_t name[ZONE_WIRE_OCTETS];
	struct backend_record record = {rdata, (uint16_t)len, false};
	struct backend_change c = {
		.rrset = {wire(name, owner), type, 3600, 1, 0, &record, NULL}, .has_records = true};
	int ret = store_rrset_put(t, zone, &c);

	if (ret != 0)
		fail_msg("%s %u: %s", owner, type, strerror(-ret));
}

void
put_comment(struct store_txn *t, const struct store_zone *zone, const char *owner, uint16_t type,
	const char *content)
{
	uint8_t name[ZONE_WIRE_OCTETS];
	struct backend_comment comment = {content, "me", 99};
	struct backend_change c = {
		.rrset = {wire(name, owner), type, 0, 0, 1, NULL, &comment}, .has_comments = true};

	assert_int_equal(store_rrset_put(t, zone, &c), 0);
}

void
remove_rrset(struct store_txn *t, const struct store_zone *zone, const char *owner, uint16_t type)
{
	uint8_t name[ZONE_WIRE_OCTETS];
	struct backend_change c = {
		.rrset = {wire(name, owner), type, 0, 0, 0, NULL, NULL}, .has_records = true};

	assert_int_equal(store_rrset_put(t, zone, &c), 0);
}

void
append_journal(struct store_txn *t, const struct store_zone *zone, uint32_t before, uint32_t after)
{
	uint8_t name[ZONE_WIRE_OCTETS];
	struct backend_record record = {(const uint8_t *)&after, 4, false};
	struct backend_comment comment = {"because", "me", 5};
	struct backend_rrset old, new;
	struct store_journal_entry e = {.serial_before = before,
		.serial_after = after,
		.who = "token:x",
		.origin = "api",
		.n_removed = 1,
		.n_added = 1,
		.removed = &old,
		.added = &new};
	struct store_zone z = *zone;

	memset(name, 0, sizeof name);
	memcpy(name, "\3www", 4);
	memcpy(name + 4, zone->apex, name_octets(zone->apex));
	old = (struct backend_rrset){name, 1, 60, 0, 0, NULL, NULL};
	new = (struct backend_rrset){name, 1, 60, 1, 1, &record, &comment};
	z.serial = after;
	assert_int_equal(store_zone_update(t, &z), 0);
	assert_int_equal(store_journal_append(t, zone, &e), 0);
}

unsigned
count_rrsets(struct store_txn *t, const struct store_zone *zone, const uint8_t *from, bool below)
{
	struct store_cursor *c;
	struct backend_rrset r;
	unsigned n = 0;
	int ret;

	assert_int_equal(store_cursor_open(t, zone, from, below, &c), 0);
	while ((ret = store_cursor_next(c, &r)) == 0)
		n++;
	assert_int_equal(ret, -ENOENT);
	store_cursor_close(c);
	return n;
}
