/* SPDX-License-Identifier: GPL-3.0-or-later */
/* changes_fixture: see the header. */
#include "changes_fixture.h"

#include "config/log.h"
#include "controlplane/zones/rdata_text.h"
#include "shm/image_find.h"
#include "shm/zone_directory.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WAIT_S 60
#define EDITS_MAX 64
#define RECORDS_MAX 64

/* --- life --- */

static void
post(void *arg)
{
	sem_post(arg);
}

static void
wait_for(struct changes_fixture *f)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	assert_int_equal(sem_timedwait(&f->ended, &until), 0);
}

void
settle_loads(struct changes_fixture *f)
{
	/* everything asked for so far has an earlier ticket than this */
	uint64_t ticket;

	assert_int_equal(zone_manager_reload_all(f->zones_of, false, &ticket), 0);
	int ret = zone_manager_wait(f->zones_of, NULL, ticket, post, &f->ended);
	if (ret == 0)
		wait_for(f);
	else
		assert_int_equal(ret, -EALREADY);
}

void
changes_fixture_start(struct changes_fixture *f)
{
	struct store_options so = {.path = f->store_path};
	struct zone_manager_options mo = {
		.config = &f->config, .arena = &f->arena, .awaits_store = true};
	struct changes_options co = f->options;
	char error[STORE_ERROR_OCTETS];
	uint32_t n_damaged;
	bool fresh;

	if (store_open(&f->store, &so, error) != 0)
		fail_msg("%s", error);
	assert_int_equal(arena_open_writer(&f->arena, f->arena_path, f->arena_octets, &fresh), 0);
	assert_int_equal(zone_publisher_create(&f->publisher, &f->arena, NULL, &n_damaged), 0);
	mo.publisher = f->publisher;
	assert_int_equal(zone_manager_start(&f->zones_of, &mo), 0);
	co.store = f->store;
	co.zones = f->zones_of;
	assert_int_equal(changes_start(&f->changes, &co), 0);
	assert_int_equal(zone_manager_set_store(f->zones_of, f->store), 0);
	settle_loads(f);
}

void
changes_fixture_stop(struct changes_fixture *f)
{
	assert_true(changes_stop(f->changes, WAIT_S * 1000));
	assert_true(zone_manager_stop(f->zones_of, WAIT_S * 1000));
	zone_manager_destroy(f->zones_of);
	changes_destroy(f->changes);
	zone_publisher_destroy(f->publisher);
	arena_close(&f->arena);
	store_close(f->store);
}

int
changes_setup(void **state)
{
	return changes_setup_sized(state, ARENA_OCTETS);
}

int
changes_setup_sized(void **state, uint64_t arena_octets)
{
	struct changes_fixture *f = calloc(1, sizeof *f);

	f->arena_octets = arena_octets;
	setenv("TZ", "UTC", 1);
	log_open("test", LOG_LEVEL_ERROR);
	strcpy(f->folder, "/tmp/millrace-changes-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->store_path, sizeof f->store_path, "%s/store.mdb", f->folder);
	snprintf(f->arena_path, sizeof f->arena_path, "%s/arena", f->folder);
	snprintf(f->zones, sizeof f->zones, "%s/zones", f->folder);
	assert_int_equal(mkdir(f->zones, 0700), 0);
	f->config.zones.directory = f->zones;
	f->config.zones.default_ttl = 3600;
	f->config.zones.threads = 2;
	sem_init(&f->ended, 0, 0);
	changes_fixture_start(f);
	*state = f;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int
changes_teardown(void **state)
{
	struct changes_fixture *f = *state;

	changes_fixture_stop(f);
	nftw(f->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	sem_destroy(&f->ended);
	free(f);
	return 0;
}

const uint8_t *
wire(uint8_t name[ZONE_WIRE_OCTETS], const char *text)
{
	assert_true(zone_wire_from_text(name, text) > 0);
	return name;
}

/* --- edits from text --- */

struct edits_text {
	struct zone_edit edit[EDITS_MAX];
	struct backend_record record[EDITS_MAX][RECORDS_MAX];
	uint8_t owner[EDITS_MAX][ZONE_WIRE_OCTETS];
	size_t n;
};

/* Threads do this at the same time. */
static uint8_t *
rdata_of(uint16_t type, const char *text, uint16_t *len)
{
	uint8_t *rdata = malloc(RDATA_WIRE_MAX);
	char error[RDATA_TEXT_ERROR_OCTETS];

	assert_non_null(rdata);
	if (rdata_from_text(type, text, rdata, len, error) != 0)
		fail_msg("%s: %s", text, error);
	return realloc(rdata, *len + 1u);
}

static void
parse_records(struct zone_edit *e, struct backend_record *r, char *text)
{
	char *part;

	while ((part = text) != NULL) {
		text = strstr(text, " / ");
		if (text != NULL) {
			*text = '\0';
			text += 3;
		}
		r->disabled = *part == '-';
		r->rdata = rdata_of(e->rrset.type, part + r->disabled, &r->rdlength);
		r++;
		e->rrset.n_records++;
	}
}

static void
parse_line(struct edits_text *t, const char *line)
{
	struct zone_edit *e = &t->edit[t->n];
	char kind[16], owner[300], type[16], text[4096] = "";
	unsigned ttl = 0;
	int at = 0;

	if (strncmp(line, "DELETE", 6) == 0)
		assert_int_equal(sscanf(line, "%15s %299s %15s", kind, owner, type), 3);
	else
		assert_int_equal(
			sscanf(line, "%15s %299s %u %15s %n", kind, owner, &ttl, type, &at), 4);
	snprintf(text, sizeof text, "%s", at > 0 ? line + at : "");
	e->kind = strcmp(kind, "REPLACE") == 0  ? EDIT_REPLACE
		  : strcmp(kind, "DELETE") == 0 ? EDIT_DELETE
		  : strcmp(kind, "EXTEND") == 0 ? EDIT_EXTEND
						: EDIT_PRUNE;
	e->rrset.owner = wire(t->owner[t->n], owner);
	e->rrset.ttl = ttl;
	assert_int_equal(rrtype_from_text(type, &e->rrset.type), 0);
	e->rrset.record = t->record[t->n];
	e->has_records = true;
	if (text[0] != '\0')
		parse_records(e, t->record[t->n], text);
	t->n++;
}

static void
free_edits(struct edits_text *t)
{
	for (size_t i = 0; i < t->n; i++)
		for (uint32_t k = 0; k < t->edit[i].rrset.n_records; k++)
			free((void *)(uintptr_t)t->record[i][k].rdata);
	free(t);
}

struct waiting {
	sem_t done;
	struct outcome out;
};

static void
edited(void *arg, const struct edits_outcome *o, const struct change_error *e)
{
	struct waiting *w = arg;

	w->out.verdict = e->verdict;
	snprintf(w->out.text, sizeof w->out.text, "%s", e->text);
	w->out.before = o->serial_before;
	w->out.after = o->serial_after;
	w->out.changed = o->changed;
	sem_post(&w->done);
}

struct outcome
edit_with(struct changes_fixture *f, const char *zone, const char *const *line,
	struct zone_edits *with)
{
	struct edits_text *t = calloc(1, sizeof *t);
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct waiting w = {0};

	for (; *line != NULL; line++)
		parse_line(t, *line);
	with->apex = wire(apex, zone);
	with->edit = t->edit;
	with->n = t->n;
	with->who = "test";
	with->origin = "unit";
	sem_init(&w.done, 0, 0);
	assert_int_equal(changes_edit_zone(f->changes, with, edited, &w), 0);
	free_edits(t); /* they are copied */
	sem_wait(&w.done);
	sem_destroy(&w.done);
	return w.out;
}

struct outcome
edit(struct changes_fixture *f, const char *zone, const char *const *line)
{
	struct zone_edits with = {0};

	return edit_with(f, zone, line, &with);
}

/* --- zones --- */

struct zone_job {
	struct change_job job;
	sem_t done;
	uint8_t apex[ZONE_WIRE_OCTETS];
	const char *kind, *value;
	int result;
};

static int
apply_create(struct change_job *j, struct store_txn *t)
{
	struct zone_job *z = (struct zone_job *)j;
	struct store_zone zone = {
		.apex = z->apex, .primaries = "", .account = "", .catalog = "", .options = ""};
	int ret = store_zone_create(t, &zone);

	if (ret == -EEXIST)
		return change_refuse(&j->error, CHANGE_CONFLICT, "it is there");
	return ret == 0 ? change_touch_zone(j, z->apex, CHANGE_ZONE_NEW) : ret;
}

static int
apply_delete(struct change_job *j, struct store_txn *t)
{
	struct zone_job *z = (struct zone_job *)j;
	int ret = store_zone_delete(t, z->apex);

	return ret == 0 ? change_touch_zone(j, z->apex, CHANGE_ZONE_GONE) : ret;
}

static int
apply_metadata(struct change_job *j, struct store_txn *t)
{
	struct zone_job *z = (struct zone_job *)j;
	struct store_zone zone;
	int ret = store_zone_get(t, z->apex, &zone);

	zone.apex = z->apex;
	return ret == 0 ? store_metadata_set(t, &zone, z->kind, &z->value, z->value != NULL) : ret;
}

static void
zone_done(struct change_job *j, int result)
{
	struct zone_job *z = (struct zone_job *)j;

	z->result = result;
	sem_post(&z->done);
}

static int
run_zone_job(struct changes_fixture *f, const char *zone,
	int (*apply)(struct change_job *j, struct store_txn *t), const char *kind,
	const char *value)
{
	struct zone_job z = {
		.job = {.apply = apply, .done = zone_done}, .kind = kind, .value = value};

	wire(z.apex, zone);
	sem_init(&z.done, 0, 0);
	assert_int_equal(changes_submit(f->changes, &z.job), 0);
	sem_wait(&z.done);
	sem_destroy(&z.done);
	return z.result;
}

int
create_zone(struct changes_fixture *f, const char *zone)
{
	return run_zone_job(f, zone, apply_create, NULL, NULL);
}

int
delete_zone(struct changes_fixture *f, const char *zone)
{
	return run_zone_job(f, zone, apply_delete, NULL, NULL);
}

void
set_metadata(struct changes_fixture *f, const char *zone, const char *kind, const char *value)
{
	assert_int_equal(run_zone_job(f, zone, apply_metadata, kind, value), 0);
}

void
create_full_zone(struct changes_fixture *f, const char *zone)
{
	struct zone_edits with = {.soa_edit = "OFF"};
	char soa[600], ns[600];
	struct outcome o;

	assert_int_equal(create_zone(f, zone), 0);
	snprintf(soa, sizeof soa, "REPLACE %s 60 SOA ns.%s host.%s 1 2 3 4 5", zone, zone, zone);
	snprintf(ns, sizeof ns, "REPLACE %s 60 NS ns.%s", zone, zone);
	o = edit_with(f, zone, (const char *const[]){soa, ns, NULL}, &with);
	if (o.verdict != CHANGE_OK)
		fail_msg("%s", o.text);
	assert_int_equal(o.after, 1);
}

const char *
stored(struct changes_fixture *f, const char *zone, const char *owner, const char *type)
{
	static char out[65536];
	struct store_decoder d = {0};
	struct backend_rrset set;
	uint8_t apex[ZONE_WIRE_OCTETS], name[ZONE_WIRE_OCTETS];
	struct store_zone z;
	struct store_txn *t;
	uint16_t number;
	size_t at = 0;

	out[0] = '\0';
	assert_int_equal(rrtype_from_text(type, &number), 0);
	assert_int_equal(store_read(f->store, &t), 0);
	if (store_zone_get(t, wire(apex, zone), &z) == 0 &&
		store_rrset_get(t, &z, wire(name, owner), number, &d, &set) == 0) {
		at += (size_t)snprintf(out, sizeof out, "%u", set.ttl);
		for (uint32_t i = 0; i < set.n_records; i++) {
			const struct backend_record *r = &set.record[i];
			at += (size_t)snprintf(
				out + at, sizeof out - at, " %s", r->disabled ? "-" : "");
			at += (size_t)rdata_to_text(
				number, r->rdata, r->rdlength, out + at, sizeof out - at);
		}
		for (uint32_t i = 0; i < set.n_comments; i++)
			at += (size_t)snprintf(
				out + at, sizeof out - at, " #%s", set.comment[i].content);
	}
	store_decoder_free(&d);
	store_end(t);
	return out;
}

/* --- what is served --- */

static const struct image *
image_of(struct changes_fixture *f, const char *zone)
{
	const struct zone_directory *d = zone_directory_current(&f->arena);
	uint8_t apex[ZONE_WIRE_OCTETS];

	wire(apex, zone);
	return d == NULL ? NULL
			 : zone_directory_find(&f->arena, d,
				   name_hash(arena_header(&f->arena)->seed, apex), apex,
				   name_octets(apex));
}

int64_t
served(struct changes_fixture *f, const char *zone)
{
	const struct image *im = image_of(f, zone);

	if (im == NULL)
		return -2;
	return (im->flags & IMAGE_UNAVAILABLE) != 0 ? -1 : (int64_t)im->serial;
}

bool
served_name(struct changes_fixture *f, const char *zone, const char *name)
{
	const struct image *im = image_of(f, zone);
	uint8_t owner[ZONE_WIRE_OCTETS];
	struct image_chunk c;
	uint64_t hash;

	if (im == NULL || (im->flags & IMAGE_UNAVAILABLE) != 0)
		return false;
	wire(owner, name);
	hash = name_hash(arena_header(&f->arena)->seed, owner);
	c = image_chunk_of(&f->arena, im, hash);
	assert_non_null(c.base);
	return image_find(&c, hash, owner, name_octets(owner)) != NULL;
}

static void
look_at(void *arg, const struct zone_entry *e)
{
	*(struct zone_entry *)arg = *e;
}

struct zone_entry
entry(struct changes_fixture *f, const char *zone)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct zone_entry e = {0};

	assert_true(zone_manager_visit(f->zones_of, wire(apex, zone), look_at, &e));
	return e;
}
