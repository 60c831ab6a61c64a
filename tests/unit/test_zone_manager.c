/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zones of a folder and a list: loaded, refused, changed, added, removed; what is served meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <ftw.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/log.h"
#include "controlplane/manager/zone_manager.h"
#include "shm/zone_directory.h"

#define ARENA_OCTETS (64ull << 20)
#define WAIT_S 30

struct fixture {
	char dir[64], zones[80], arena_path[80];
	struct config config;
	struct config_zone list[1];
	struct arena arena;
	struct zone_publisher *publisher;
	struct zone_manager *m;
	sem_t ended;
};

static void
ended(void *arg)
{
	struct fixture *f = arg;

	sem_post(&f->ended);
}

static void
wait_for(struct fixture *f, const uint8_t *apex, uint64_t ticket)
{
	struct timespec until;
	int ret = zone_manager_wait(f->m, apex, ticket, ended, f);

	if (ret == -EALREADY)
		return;
	assert_int_equal(ret, 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	assert_int_equal(sem_timedwait(&f->ended, &until), 0);
}

static void
write_file(struct fixture *f, const char *file, const char *text)
{
	char path[256];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s", f->zones, file);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	assert_int_equal(fclose(out), 0);
}

static void
write_zone(struct fixture *f, const char *file, unsigned serial, const char *more)
{
	char text[512];

	snprintf(text, sizeof text, "$TTL 60\n@ SOA a b %u 2 3 4 5\n@ NS a\na A 192.0.2.1\n%s",
		serial, more);
	write_file(f, file, text);
}

static void
wire(uint8_t apex[ZONE_WIRE_OCTETS], const char *zone)
{
	assert_true(zone_wire_from_text(apex, zone) > 0);
}

struct seen {
	enum zone_state state;
	bool serving;
	uint32_t serial;
	size_t n_errors;
	char error[256];
};

static void
look(void *arg, const struct zone_entry *e)
{
	struct seen *s = arg;

	s->state = e->state;
	s->serving = e->serving;
	s->serial = e->serial;
	s->n_errors = e->report == NULL ? 0 : e->report->n_errors;
	if (s->n_errors > 0)
		snprintf(s->error, sizeof s->error, "%s", e->report->finding[0].text);
}

/* @return false when there is no such zone */
static bool
see(struct fixture *f, const char *zone, struct seen *s)
{
	uint8_t apex[ZONE_WIRE_OCTETS];

	memset(s, 0, sizeof *s);
	wire(apex, zone);
	return zone_manager_visit(f->m, apex, look, s);
}

/* Serial that a worker would answer with; -1: SERVFAIL; -2: no such zone. */
static int64_t
served(struct fixture *f, const char *zone)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	const struct zone_directory *d;
	const struct image *im;

	wire(apex, zone);
	d = zone_directory_current(&f->arena);
	if (d == NULL)
		return -2;
	im = zone_directory_find(&f->arena, d, name_hash(arena_header(&f->arena)->seed, apex), apex,
		name_octets(apex));
	if (im == NULL)
		return -2;
	return (im->flags & IMAGE_UNAVAILABLE) != 0 ? -1 : (int64_t)im->serial;
}

static void
start(struct fixture *f)
{
	struct zone_manager_options o = {
		.config = &f->config, .arena = &f->arena, .published = NULL};
	uint32_t n_damaged;
	bool fresh;

	assert_int_equal(arena_open_writer(&f->arena, f->arena_path, ARENA_OCTETS, &fresh), 0);
	assert_int_equal(zone_publisher_create(&f->publisher, &f->arena, NULL, &n_damaged), 0);
	o.publisher = f->publisher;
	assert_int_equal(zone_manager_start(&f->m, &o), 0);
}

static void
stop(struct fixture *f)
{
	assert_true(zone_manager_stop(f->m, WAIT_S * 1000));
	zone_manager_destroy(f->m);
	zone_publisher_destroy(f->publisher);
	arena_close(&f->arena);
}

static void
start_and_wait(struct fixture *f)
{
	start(f);
	wait_for(f, NULL, 1); /* the first ticket is the start's */
}

static void
reload_all(struct fixture *f, bool force)
{
	uint64_t ticket;

	assert_int_equal(zone_manager_reload_all(f->m, force, &ticket), 0);
	wait_for(f, NULL, ticket);
}

static int
reload(struct fixture *f, const char *zone)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	uint64_t ticket;
	int ret;

	wire(apex, zone);
	ret = zone_manager_reload_zone(f->m, apex, &ticket);
	if (ret == 0)
		wait_for(f, apex, ticket);
	return ret;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	log_open("test", LOG_LEVEL_ERROR);
	strcpy(f->dir, "/tmp/millrace-manager-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->zones, sizeof f->zones, "%s/zones", f->dir);
	snprintf(f->arena_path, sizeof f->arena_path, "%s/arena", f->dir);
	assert_int_equal(mkdir(f->zones, 0700), 0);
	f->config.zones.directory = f->zones;
	f->config.zones.default_ttl = 3600;
	f->config.zones.threads = 2;
	sem_init(&f->ended, 0, 0);
	*state = f;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	sem_destroy(&f->ended);
	free(f);
	return 0;
}

/* --- */

static void
zones_of_the_folder_and_the_list_are_loaded(void **state)
{
	struct fixture *f = *state;
	struct zone_manager_status s;
	char path[128];

	write_zone(f, "one.zone", 1, "");
	write_zone(f, "two.example.zone", 2, "");
	write_zone(f, "elsewhere.txt", 3, "");
	write_zone(f, ".hidden.zone", 4, "");
	write_zone(f, "root.zone", 5, "");
	snprintf(path, sizeof path, "%s/elsewhere.txt", f->zones);
	f->list[0] = (struct config_zone){.zone = "Listed.example", .file = path};
	f->config.zones.list = f->list;
	f->config.zones.list_count = 1;
	start_and_wait(f);
	assert_int_equal(served(f, "one."), 1);
	assert_int_equal(served(f, "two.example."), 2);
	assert_int_equal(served(f, "listed.example."), 3);
	assert_int_equal(served(f, "."), 5);
	zone_manager_status(f->m, &s);
	assert_int_equal(s.n_zones, 4);
	assert_int_equal(s.n_serving, 4);
	assert_int_equal(s.n_state[ZONE_LOADED], 4);
	assert_false(s.busy);
	assert_true(s.ready);
	stop(f);
}

static void
a_zone_that_was_never_good_answers_servfail(void **state)
{
	struct fixture *f = *state;
	struct seen s;

	write_zone(f, "parent.zone", 1, "");
	write_zone(f, "child.parent.zone", 1, "bad A 1.2.3\n");
	start_and_wait(f);
	assert_int_equal(served(f, "parent."), 1);
	assert_int_equal(served(f, "child.parent."), -1);
	assert_true(see(f, "child.parent.", &s));
	assert_int_equal(s.state, ZONE_FAILED);
	assert_false(s.serving);
	assert_non_null(strstr(s.error, "child.parent.zone:5:"));
	stop(f);
}

static void
a_refused_version_leaves_the_one_before(void **state)
{
	struct fixture *f = *state;
	struct seen s;

	write_zone(f, "z.zone", 1, "");
	start_and_wait(f);
	write_zone(f, "z.zone", 2, "bad A 1.2.3\n");
	assert_int_equal(reload(f, "z."), 0);
	assert_true(see(f, "z.", &s));
	assert_int_equal(s.state, ZONE_FAILED);
	assert_true(s.serving);
	assert_int_equal(s.serial, 1);
	assert_int_equal(served(f, "z."), 1);
	write_zone(f, "z.zone", 3, "");
	assert_int_equal(reload(f, "z."), 0);
	assert_true(see(f, "z.", &s));
	assert_int_equal(s.state, ZONE_LOADED);
	assert_int_equal(s.n_errors, 0);
	assert_int_equal(served(f, "z."), 3);
	stop(f);
}

/* Files are older than the moment of grace, so that only what is written later counts as changed.
 */
static void
settle(struct fixture *f)
{
	struct timespec t = {.tv_nsec = 150000000};

	nanosleep(&t, NULL);
	reload_all(f, true);
}

static void
a_reload_of_all_reads_only_what_changed(void **state)
{
	struct fixture *f = *state;
	struct zone_manager_status s;

	write_zone(f, "same.zone", 1, "");
	write_zone(f, "changes.zone", 1, "");
	write_zone(f, "goes.zone", 1, "");
	start_and_wait(f);
	settle(f);
	reload_all(f, false);
	zone_manager_status(f->m, &s);
	assert_int_equal(s.scan.unchanged, 3);
	assert_int_equal(s.scan.reloaded, 0);

	write_zone(f, "changes.zone", 2, "");
	write_zone(f, "comes.zone", 7, "");
	char path[128];
	snprintf(path, sizeof path, "%s/goes.zone", f->zones);
	assert_int_equal(unlink(path), 0);
	reload_all(f, false);
	zone_manager_status(f->m, &s);
	assert_int_equal(s.scan.unchanged, 1);
	assert_int_equal(s.scan.reloaded, 2);
	assert_int_equal(s.scan.added, 1);
	assert_int_equal(s.scan.removed, 1);
	assert_int_equal(served(f, "same."), 1);
	assert_int_equal(served(f, "changes."), 2);
	assert_int_equal(served(f, "comes."), 7);
	assert_int_equal(served(f, "goes."), -2);

	reload_all(f, true);
	zone_manager_status(f->m, &s);
	assert_int_equal(s.scan.reloaded, 3);
	stop(f);
}

static void
a_changed_include_counts_as_a_change(void **state)
{
	struct fixture *f = *state;
	struct zone_manager_status s;

	write_file(f, "part.inc", "x A 192.0.2.9\n");
	write_zone(f, "z.zone", 1, "$INCLUDE part.inc\n");
	start_and_wait(f);
	assert_int_equal(served(f, "z."), 1);
	settle(f);
	reload_all(f, false);
	zone_manager_status(f->m, &s);
	assert_int_equal(s.scan.unchanged, 1);
	write_file(f, "part.inc", "x A 192.0.2.10\n");
	reload_all(f, false);
	zone_manager_status(f->m, &s);
	assert_int_equal(s.scan.reloaded, 1);
	stop(f);
}

static void
reloads_of_all_that_have_not_begun_are_one(void **state)
{
	struct fixture *f = *state;
	uint64_t ticket = 0, before = 0;
	unsigned n_scans = 0;

	for (unsigned i = 0; i < 1000; i++) {
		char file[32];
		snprintf(file, sizeof file, "z%u.zone", i);
		write_zone(f, file, 1, "");
	}
	start_and_wait(f);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(zone_manager_reload_all(f->m, i % 2 == 0, &ticket), 0);
		n_scans += ticket != before;
		before = ticket;
	}
	wait_for(f, NULL, ticket);
	assert_true(n_scans < 500);
	write_zone(f, "z999.zone", 2, "");
	reload_all(f, false); /* and the last one sees what came before it */
	assert_int_equal(served(f, "z999."), 2);
	stop(f);
}

static void
a_reload_of_one_zone_touches_no_other(void **state)
{
	struct fixture *f = *state;
	struct zone_manager_status s;

	write_zone(f, "a.zone", 1, "");
	write_zone(f, "b.zone", 1, "");
	start_and_wait(f);
	write_zone(f, "a.zone", 2, "");
	write_zone(f, "b.zone", 2, "");
	zone_manager_status(f->m, &s);
	uint64_t loads = s.loads_total;
	assert_int_equal(reload(f, "a."), 0);
	assert_int_equal(served(f, "a."), 2);
	assert_int_equal(served(f, "b."), 1);
	zone_manager_status(f->m, &s);
	assert_int_equal(s.loads_total, loads + 1);
	stop(f);
}

static void
a_reload_of_a_zone_adds_it_when_its_file_is_there(void **state)
{
	struct fixture *f = *state;

	start_and_wait(f);
	assert_int_equal(reload(f, "new.example."), -ENOENT);
	write_zone(f, "new.example.zone", 9, "");
	assert_int_equal(reload(f, "new.example."), 0);
	assert_int_equal(served(f, "new.example."), 9);
	stop(f);
}

static void
changed_files_are_loaded_and_lost_ones_removed(void **state)
{
	struct fixture *f = *state;
	char **path = calloc(3, sizeof *path), one[128];
	struct timespec pause = {.tv_nsec = 5000000};

	write_file(f, "part.inc", "x A 192.0.2.9\n");
	write_zone(f, "a.zone", 1, "");
	write_zone(f, "b.zone", 1, "$INCLUDE part.inc\n");
	write_zone(f, "c.zone", 1, "");
	start_and_wait(f);
	write_zone(f, "a.zone", 2, "");
	write_zone(f, "b.zone", 2, "$INCLUDE part.inc\n");
	snprintf(one, sizeof one, "%s/c.zone", f->zones);
	assert_int_equal(unlink(one), 0);
	path[0] = strdup(one);
	assert_true(asprintf(&path[1], "%s/a.zone", f->zones) > 0);
	assert_true(asprintf(&path[2], "%s/part.inc", f->zones) > 0);
	assert_int_equal(zone_manager_files_changed(f->m, path, 3), 0);
	/* not by served(): without a hub nobody waits for readers */
	for (unsigned i = 0; i < WAIT_S * 200; i++) {
		struct seen a, b, c;
		if (see(f, "a.", &a) && a.serial == 2 && see(f, "b.", &b) && b.serial == 2 &&
			!see(f, "c.", &c))
			break;
		nanosleep(&pause, NULL);
	}
	assert_int_equal(served(f, "a."), 2);
	assert_int_equal(served(f, "b."), 2);
	assert_int_equal(served(f, "c."), -2);
	stop(f);
}

static void
a_new_control_plane_serves_what_the_last_one_published(void **state)
{
	struct fixture *f = *state;
	struct seen s;

	write_zone(f, "stays.zone", 1, "");
	write_zone(f, "breaks.zone", 1, "");
	write_zone(f, "goes.zone", 1, "");
	start_and_wait(f);
	stop(f);
	write_zone(f, "stays.zone", 2, "");
	write_zone(f, "breaks.zone", 2, "bad A 1.2.3\n");
	char path[128];
	snprintf(path, sizeof path, "%s/goes.zone", f->zones);
	assert_int_equal(unlink(path), 0);
	start_and_wait(f);
	assert_int_equal(served(f, "stays."), 2);
	assert_int_equal(served(f, "breaks."), 1);
	assert_true(see(f, "breaks.", &s));
	assert_int_equal(s.state, ZONE_FAILED);
	assert_true(s.serving);
	assert_int_equal(s.serial, 1);
	assert_int_equal(served(f, "goes."), -2);
	stop(f);
}

static void
zones_stay_when_the_folder_cannot_be_read(void **state)
{
	struct fixture *f = *state;
	struct zone_manager_status s;
	char aside[96];

	write_zone(f, "z.zone", 1, "");
	start_and_wait(f);
	snprintf(aside, sizeof aside, "%s.aside", f->zones);
	assert_int_equal(rename(f->zones, aside), 0);
	reload_all(f, false);
	zone_manager_status(f->m, &s);
	assert_int_equal(s.n_zones, 1);
	assert_int_equal(s.scan.file_errors, 1);
	assert_int_equal(served(f, "z."), 1);
	assert_int_equal(rename(aside, f->zones), 0);
	stop(f);
}

static void
a_folder_that_comes_late_still_ends_zones_that_went(void **state)
{
	struct fixture *f = *state;
	char aside[96], gone[128];

	write_zone(f, "stays.zone", 1, "");
	write_zone(f, "goes.zone", 1, "");
	start_and_wait(f);
	stop(f);
	snprintf(aside, sizeof aside, "%s.aside", f->zones);
	assert_int_equal(rename(f->zones, aside), 0);
	start_and_wait(f);
	assert_int_equal(served(f, "stays."), 1);
	assert_int_equal(served(f, "goes."), 1);
	assert_int_equal(rename(aside, f->zones), 0);
	snprintf(gone, sizeof gone, "%s/goes.zone", f->zones);
	assert_int_equal(unlink(gone), 0);
	reload_all(f, false);
	assert_int_equal(served(f, "stays."), 1);
	assert_int_equal(served(f, "goes."), -2);
	stop(f);
}

static void
a_listing_in_pieces_names_each_zone_once(void **state)
{
	struct fixture *f = *state;
	uint32_t cursor = 0, n = 0;
	struct seen s;

	for (unsigned i = 0; i < 50; i++) {
		char file[32];
		snprintf(file, sizeof file, "z%u.zone", i);
		write_zone(f, file, i, "");
	}
	start_and_wait(f);
	while (zone_manager_visit_some(f->m, &cursor, 7, look, &s))
		n++;
	assert_int_equal(n, 7);
	assert_int_equal(cursor, 50);
	stop(f);
}

static void
stopping_does_not_wait_for_what_is_queued(void **state)
{
	struct fixture *f = *state;
	struct timespec before, after;

	for (unsigned i = 0; i < 2000; i++) {
		char file[32];
		snprintf(file, sizeof file, "z%u.zone", i);
		write_zone(f, file, 1, "");
	}
	start(f);
	clock_gettime(CLOCK_MONOTONIC, &before);
	stop(f);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < 2);
	/* and what was published is whole */
	start_and_wait(f);
	assert_int_equal(served(f, "z1999."), 1);
	stop(f);
}

int
main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(zones_of_the_folder_and_the_list_are_loaded),
		ROW(a_zone_that_was_never_good_answers_servfail),
		ROW(a_refused_version_leaves_the_one_before),
		ROW(a_reload_of_all_reads_only_what_changed),
		ROW(a_changed_include_counts_as_a_change),
		ROW(reloads_of_all_that_have_not_begun_are_one),
		ROW(a_reload_of_one_zone_touches_no_other),
		ROW(a_reload_of_a_zone_adds_it_when_its_file_is_there),
		ROW(changed_files_are_loaded_and_lost_ones_removed),
		ROW(a_new_control_plane_serves_what_the_last_one_published),
		ROW(zones_stay_when_the_folder_cannot_be_read),
		ROW(a_folder_that_comes_late_still_ends_zones_that_went),
		ROW(a_listing_in_pieces_names_each_zone_once),
		ROW(stopping_does_not_wait_for_what_is_queued),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
