/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The zone manager at its worst moments: requests that cross a scan, a store that cannot be read,
 * memory that is out. What it calls is held, or fails, here: the linker puts the functions below
 * before the real ones (--wrap). */
#include "changes_fixture.h"

#include "controlplane/zones/zone_publish.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define ZONE "example.org."
#define PATIENCE_S 20 /* the engine tries again after 5 s */

/* --- what stands before the real functions --- */

/* A thread that comes here waits. */
struct hold {
	atomic_bool on;
	sem_t reached, go;
};

static struct hold scanner;
static struct hold *const hold[] = {&scanner};
static atomic_bool store_fails;
static atomic_uint n_reads; /* of the store, that failed */
#define HOLDS (sizeof hold / sizeof *hold)

static void
pass(struct hold *h)
{
	if (!h->on)
		return;
	sem_post(&h->reached);
	sem_wait(&h->go);
}

static void
let_go(struct hold *h)
{
	h->on = false;
	sem_post(&h->go);
}

int __real_zone_publish_many(struct zone_publisher *p, const uint64_t *image_off, size_t n);
int __wrap_zone_publish_many(struct zone_publisher *p, const uint64_t *image_off, size_t n);

int
__wrap_zone_publish_many(struct zone_publisher *p, const uint64_t *image_off, size_t n)
{
	pass(&scanner); /* newcomers are about to be announced */
	return __real_zone_publish_many(p, image_off, n);
}

int __real_store_read(struct store *s, struct store_txn **out);
int __wrap_store_read(struct store *s, struct store_txn **out);

int
__wrap_store_read(struct store *s, struct store_txn **out)
{
	if (!store_fails)
		return __real_store_read(s, out);
	n_reads++;
	return -EIO;
}

static int
setup(void **state)
{
	store_fails = false;
	n_reads = 0;
	for (size_t i = 0; i < HOLDS; i++) {
		hold[i]->on = false;
		sem_init(&hold[i]->reached, 0, 0);
		sem_init(&hold[i]->go, 0, 0);
	}
	return changes_setup(state);
}

/* A test that has failed leaves nobody behind. */
static int
teardown(void **state)
{
	for (size_t i = 0; i < HOLDS; i++)
		let_go(hold[i]);
	store_fails = false;
	return changes_teardown(state);
}

/* --- looking --- */

static void
look_at(void *arg, const struct zone_entry *e)
{
	*(struct zone_entry *)arg = *e;
}

/* @return false: there is none */
static bool
entry(struct changes_fixture *f, const char *zone, struct zone_entry *e)
{
	uint8_t apex[ZONE_WIRE_OCTETS];

	return zone_manager_visit(f->zones_of, wire(apex, zone), look_at, e);
}

/* Until it has this state. @return whether it came to that */
static bool
await_state(struct changes_fixture *f, const char *zone, enum zone_state state)
{
	struct zone_entry e;

	for (unsigned i = 0; i < PATIENCE_S * 100; i++) {
		if (entry(f, zone, &e) && e.state == state)
			return true;
		usleep(10000);
	}
	return false;
}

/* --- requests that cross a scan --- */

static void
post(void *arg)
{
	sem_post(arg);
}

/* In the store, behind the engine's back: only a scan finds out. */
static void
write_store(struct changes_fixture *f, const char *zone, bool exists)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct store_zone z = {.apex = wire(apex, zone),
		.primaries = "",
		.account = "",
		.catalog = "",
		.options = ""};
	struct store_txn *t;

	assert_int_equal(store_write(f->store, &t), 0);
	assert_int_equal(exists ? store_zone_create(t, &z) : store_zone_delete(t, apex), 0);
	assert_int_equal(store_commit(t), 0);
}

/* The scanner holds on to zones until they are announced: what is asked for one of them waits until
 * then, or a loader that finds it gone would free what the scanner is about to look at. */
static void
a_zone_is_not_loaded_before_it_is_announced(void **state)
{
	struct changes_fixture *f = *state;
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct zone_entry e;
	uint64_t ticket;

	write_store(f, "stays.example.", true);
	write_store(f, "goes.example.", true);
	scanner.on = true;
	assert_int_equal(zone_manager_reload_all(f->zones_of, false, &ticket), 0);
	sem_wait(&scanner.reached);
	write_store(f, "goes.example.", false);
	assert_int_equal(
		zone_manager_reload_zone(f->zones_of, wire(apex, "goes.example."), &ticket), 0);
	usleep(200000); /* a loader has nothing else to do */
	assert_true(entry(f, "goes.example.", &e));
	assert_false(e.announced);
	assert_int_equal(e.state, ZONE_CONFIGURED);
	/* whoever asked is answered when it has been loaded */
	assert_int_equal(zone_manager_wait(f->zones_of, apex, ticket, post, &f->ended), 0);
	assert_int_equal(sem_trywait(&f->ended), -1);
	let_go(&scanner);
	sem_wait(&f->ended);
	settle_loads(f);
	assert_false(entry(f, "goes.example.", &e));
	assert_int_equal(served(f, "goes.example."), -2);
	assert_int_equal(served(f, "stays.example."), -1);
}

/* --- a store that cannot be read --- */

/* The change is durable; nobody can publish it. That is an end of the load, told and tried again in
 * its turn: not a loader that does nothing else any more. */
static void
a_store_that_cannot_be_read_is_tried_now_and_then(void **state)
{
	struct changes_fixture *f = *state;
	struct zone_manager_status before, after;

	create_full_zone(f, ZONE);
	zone_manager_status(f->zones_of, &before);
	store_fails = true;
	EDIT_OK(f, ZONE, "REPLACE www.example.org. 60 A 192.0.2.1");
	assert_true(await_state(f, ZONE, ZONE_FAILED));
	assert_int_equal(served(f, ZONE), 1);
	usleep(200000);
	/* the engine, the load, and perhaps a retry */
	assert_in_range(n_reads, 2, 6);
	zone_manager_status(f->zones_of, &after);
	assert_in_range(after.failures_total - before.failures_total, 1, 2);
	store_fails = false;
	assert_true(await_state(f, ZONE, ZONE_LOADED));
	assert_true(served_name(f, ZONE, "www.example.org."));
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(a_zone_is_not_loaded_before_it_is_announced),
		ROW(a_store_that_cannot_be_read_is_tried_now_and_then),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
