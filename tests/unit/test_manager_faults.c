/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The zone manager at its worst moments: requests that cross a scan, a store that cannot be read,
 * memory that is out. What it calls is held, or fails, here: the linker puts the functions below
 * before the real ones (--wrap). */
#include "changes_fixture.h"

#include "controlplane/manager/stored_zone.h"
#include "controlplane/zones/zone_publish.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define ZONE "example.org."
#define PATIENCE_S 20 /* the engine tries again after 5 s */

/* --- what stands before the real functions --- */

/* A thread that comes here waits. */
struct hold {
	atomic_bool on;
	sem_t reached, go;
};

static struct hold scanner, loader, aside;
static struct hold *const hold[] = {&scanner, &loader, &aside};
static atomic_bool store_fails;
/* calls that are to fail */
static atomic_int n_unpublished, n_unadded, n_unwithdrawn, n_uncompiled;
static atomic_uint n_withdrawals;
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

int __real_stored_zone_compile(struct arena *a, struct store_txn *t, const uint8_t *apex,
	struct zone_scratch *scratch, struct zone_report *report, struct stored_image *out);
int __wrap_stored_zone_compile(struct arena *a, struct store_txn *t, const uint8_t *apex,
	struct zone_scratch *scratch, struct zone_report *report, struct stored_image *out);

int
__wrap_stored_zone_compile(struct arena *a, struct store_txn *t, const uint8_t *apex,
	struct zone_scratch *scratch, struct zone_report *report, struct stored_image *out)
{
	char name[16] = "";

	(void)pthread_getname_np(pthread_self(), name, sizeof name);
	if (strcmp(name, "zone-loader") == 0)
		pass(&loader);
	if (n_uncompiled > 0) {
		n_uncompiled--;
		*out = (struct stored_image){0};
		return -EIO;
	}
	return __real_stored_zone_compile(a, t, apex, scratch, report, out);
}

int __real_zone_publish(struct zone_publisher *p, uint64_t image_off);
int __wrap_zone_publish(struct zone_publisher *p, uint64_t image_off);

int
__wrap_zone_publish(struct zone_publisher *p, uint64_t image_off)
{
	if (n_unpublished == 0)
		return __real_zone_publish(p, image_off);
	n_unpublished--;
	return -ENOMEM;
}

struct zone_entry *__real_zone_table_add(
	struct zone_table *t, const uint8_t *apex, const char *path);
struct zone_entry *__wrap_zone_table_add(
	struct zone_table *t, const uint8_t *apex, const char *path);

struct zone_entry *
__wrap_zone_table_add(struct zone_table *t, const uint8_t *apex, const char *path)
{
	if (n_unadded == 0)
		return __real_zone_table_add(t, apex, path);
	n_unadded--;
	return NULL;
}

int __real_zone_withdraw(struct zone_publisher *p, const uint8_t *key);
int __wrap_zone_withdraw(struct zone_publisher *p, const uint8_t *key);

int
__wrap_zone_withdraw(struct zone_publisher *p, const uint8_t *key)
{
	n_withdrawals++;
	if (n_unwithdrawn == 0)
		return __real_zone_withdraw(p, key);
	n_unwithdrawn--;
	return -ENOMEM;
}

static int
setup(void **state)
{
	store_fails = false;
	n_reads = 0;
	n_unpublished = n_unadded = n_unwithdrawn = n_uncompiled = 0;
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
find_entry(struct changes_fixture *f, const char *zone, struct zone_entry *e)
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
		if (find_entry(f, zone, &e) && e.state == state)
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
	assert_true(find_entry(f, "goes.example.", &e));
	assert_false(e.announced);
	assert_int_equal(e.state, ZONE_CONFIGURED);
	/* whoever asked is answered when it has been loaded */
	assert_int_equal(zone_manager_wait(f->zones_of, apex, ticket, post, &f->ended), 0);
	assert_int_equal(sem_trywait(&f->ended), -1);
	let_go(&scanner);
	sem_wait(&f->ended);
	settle_loads(f);
	assert_false(find_entry(f, "goes.example.", &e));
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

/* A load that a retry began is still on its way when the next one comes round, and fails. */
static void
a_load_that_takes_longer_than_a_retry_is_tried_again(void **state)
{
	struct changes_fixture *f = *state;

	create_full_zone(f, ZONE);
	assert_int_equal(zone_manager_retry(f->zones_of), 0);
	store_fails = true;
	EDIT_OK(f, ZONE, "REPLACE www.example.org. 60 A 192.0.2.1");
	assert_true(await_state(f, ZONE, ZONE_FAILED));
	n_uncompiled = 1;
	loader.on = true;
	store_fails = false;
	assert_int_equal(zone_manager_retry(f->zones_of), 1);
	sem_wait(&loader.reached);
	assert_int_equal(zone_manager_retry(f->zones_of), 1);
	sleep(6); /* the engine has been through */
	let_go(&loader);
	assert_true(await_state(f, ZONE, ZONE_LOADED));
	assert_int_equal(n_uncompiled, 0);
	assert_true(served_name(f, ZONE, "www.example.org."));
	assert_int_equal(zone_manager_retry(f->zones_of), 0);
}

/* --- memory that is out --- */

/* The change that made it has been answered: it comes as soon as there is memory. */
static void
a_zone_that_finds_no_memory_is_served_later(void **state)
{
	struct changes_fixture *f = *state;
	struct zone_entry e;

	n_unadded = 2; /* the engine's try, and the first retry's */
	assert_int_equal(create_zone(f, ZONE), 0);
	assert_false(find_entry(f, ZONE, &e));
	assert_int_equal(served(f, ZONE), -2);
	assert_true(await_state(f, ZONE, ZONE_EMPTY));
	assert_int_equal(n_unadded, 0);
	settle_loads(f);
	assert_int_equal(served(f, ZONE), -1);
}

/* And one that is deleted goes; until then nobody else's is taken for such a one. */
static void
a_zone_that_cannot_be_withdrawn_goes_later(void **state)
{
	struct changes_fixture *f = *state;
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct zone_entry e;

	create_full_zone(f, ZONE);
	create_full_zone(f, "stays.example.");
	n_unwithdrawn = 2;
	assert_int_equal(delete_zone(f, ZONE), 0);
	assert_false(find_entry(f, ZONE, &e));
	assert_int_equal(served(f, ZONE), 1);
	wire(apex, ZONE);
	for (unsigned i = 0; i < PATIENCE_S * 100 && zone_published(f->publisher, apex) != 0; i++)
		usleep(10000);
	assert_int_equal(zone_published(f->publisher, apex), 0);
	assert_int_equal(n_unwithdrawn, 0);
	settle_loads(f);
	assert_int_equal(served(f, ZONE), -2);
	assert_int_equal(served(f, "stays.example."), 1);
	/* it is over: nothing is left to be tried */
	assert_int_equal(zone_manager_retry(f->zones_of), 0);
}

/* At a start without memory what an earlier control plane published is not taken for a stray. */
static void
a_zone_that_finds_no_memory_at_the_start_goes_on_being_served(void **state)
{
	struct changes_fixture *f = *state;
	struct zone_entry e;

	create_full_zone(f, ZONE);
	changes_fixture_stop(f);
	n_unadded = 1;
	n_withdrawals = 0;
	changes_fixture_start(f);
	assert_int_equal(n_unadded, 0);
	settle_loads(f);
	assert_int_equal(n_withdrawals, 0);
	assert_int_equal(served(f, ZONE), 1);
	assert_true(find_entry(f, ZONE, &e)); /* the next scan has found it */
	assert_int_equal(e.state, ZONE_LOADED);
}

/* --- large zones, that are compiled aside --- */

#define NAMES 20

static void
compiling(void *arg, const uint8_t *apex)
{
	pass(&aside);
}

/* With one loader, and ten records are large. */
static void
start_large(struct changes_fixture *f)
{
	changes_fixture_stop(f);
	f->options.large_records = 10;
	f->options.compiling = compiling;
	f->config.zones.threads = 1;
	changes_fixture_start(f);
	create_full_zone(f, ZONE);
}

struct asked {
	struct changes_fixture *f;
	pthread_t thread;
	struct outcome out;
};

static void *
ask_main(void *arg)
{
	struct asked *a = arg;
	struct zone_edits with = {.soa_edit = "INCREASE"};
	char text[NAMES][64];
	const char *line[NAMES + 1] = {NULL};

	for (unsigned i = 0; i < NAMES; i++) {
		snprintf(text[i], sizeof text[i], "REPLACE n%u." ZONE " 60 A 192.0.2.1", i);
		line[i] = text[i];
	}
	a->out = edit_with(a->f, ZONE, line, &with);
	return NULL;
}

/* A change that is compiled aside, and held there. */
static void
begin_large(struct asked *a, struct changes_fixture *f)
{
	a->f = f;
	aside.on = true;
	assert_int_equal(pthread_create(&a->thread, NULL, ask_main, a), 0);
	sem_wait(&aside.reached);
}

static void
reload(struct changes_fixture *f, const char *zone)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	uint64_t ticket;
	int ret;

	assert_int_equal(zone_manager_reload_zone(f->zones_of, wire(apex, zone), &ticket), 0);
	ret = zone_manager_wait(f->zones_of, apex, ticket, post, &f->ended);
	if (ret == -EALREADY)
		sem_post(&f->ended);
	else
		assert_int_equal(ret, 0);
}

static bool
answered_within(struct changes_fixture *f, unsigned s)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += s;
	return sem_timedwait(&f->ended, &until) == 0;
}

/* The load had begun when the change came. */
static void
a_load_gives_way_to_an_update(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked;

	start_large(f);
	write_store(f, "other.example.", true);
	settle_loads(f);
	loader.on = true;
	reload(f, ZONE);
	sem_wait(&loader.reached);
	begin_large(&asked, f);
	let_go(&loader);
	usleep(100000);
	assert_int_equal(sem_trywait(&f->ended), -1);
	reload(f, "other.example.");
	assert_true(answered_within(f, 10));
	assert_int_equal(served(f, ZONE), 1);
	let_go(&aside);
	pthread_join(asked.thread, NULL);
	assert_true(answered_within(f, 10));
	assert_int_equal(asked.out.after, 2);
	assert_int_equal(served(f, ZONE), 2);
}

/* What was asked for meanwhile is not lost, nor does it wait for the engine's next try. */
static void
a_load_is_done_when_the_update_fails(void **state)
{
	struct changes_fixture *f = *state;
	struct zone_entry e;
	static struct asked asked;

	start_large(f);
	begin_large(&asked, f);
	reload(f, ZONE);
	n_unpublished = 1;
	let_go(&aside);
	assert_true(answered_within(f, 4));
	assert_true(find_entry(f, ZONE, &e));
	assert_int_equal(e.state, ZONE_LOADED);
	pthread_join(asked.thread, NULL);
	assert_int_equal(served(f, ZONE), asked.out.after);
}

/* A zone that is deleted while a load of it gives way is freed once. */
static void
a_zone_is_deleted_while_its_load_gives_way(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked;

	start_large(f);
	loader.on = true;
	reload(f, ZONE);
	sem_wait(&loader.reached);
	begin_large(&asked, f);
	assert_int_equal(delete_zone(f, ZONE), 0);
	pthread_join(asked.thread, NULL);
	let_go(&loader);
	assert_true(answered_within(f, 10));
	let_go(&aside);
	settle_loads(f);
	assert_int_equal(served(f, ZONE), -2);
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(a_zone_is_not_loaded_before_it_is_announced),
		ROW(a_store_that_cannot_be_read_is_tried_now_and_then),
		ROW(a_load_that_takes_longer_than_a_retry_is_tried_again),
		ROW(a_zone_that_finds_no_memory_is_served_later),
		ROW(a_zone_that_cannot_be_withdrawn_goes_later),
		ROW(a_zone_that_finds_no_memory_at_the_start_goes_on_being_served),
		ROW(a_load_gives_way_to_an_update),
		ROW(a_load_is_done_when_the_update_fails),
		ROW(a_zone_is_deleted_while_its_load_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
