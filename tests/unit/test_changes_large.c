/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Large zones that must be compiled as a whole are compiled aside: changes of other zones go on,
 * those of the same zone come in order, and nothing that goes wrong meanwhile loses any. A zone of
 * eleven records is large here, and the compiling thread is held where it has taken its snapshot.
 */
#include "changes_asked.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define LARGE 10
#define BIG "big.example."
#define OTHER "other.example."

/* --- holding the compilation --- */

static sem_t reached, go;
static atomic_int n_compilations;
static atomic_bool is_held;

static void
hold(void *arg, const uint8_t *apex)
{
	n_compilations++;
	if (!is_held)
		return;
	sem_post(&reached);
	sem_wait(&go);
}

static int
setup(void **state)
{
	struct changes_fixture *f;

	sem_init(&reached, 0, 0);
	sem_init(&go, 0, 0);
	is_held = false;
	if (changes_setup(state) != 0)
		return -1;
	f = *state;
	changes_fixture_stop(f);
	f->options.large_records = LARGE;
	f->options.compiling = hold;
	changes_fixture_start(f);
	create_full_zone(f, OTHER);
	n_compilations = 0;
	return 0;
}

/* --- changes that nobody waits for at once --- */

/* So many names, in one change. */
static void
ask_for_names(struct asked *a, struct changes_fixture *f, unsigned first, unsigned n)
{
	size_t at = 0;

	for (unsigned i = first; i < first + n; i++)
		at += (size_t)snprintf(a->text + at, sizeof a->text - at,
			"REPLACE n%u." BIG " 60 A 192.0.2.1\n", i);
	ask(a, f, BIG);
}

/* A zone of n names of whose first version the compilation is held. */
static void
begin_big(struct asked *a, struct changes_fixture *f, unsigned n)
{
	assert_int_equal(served(f, BIG), -2);
	create_full_zone(f, BIG); /* small */
	is_held = true;
	ask_for_names(a, f, 0, n);
	sem_wait(&reached);
}

/* --- --- */

static void
others_go_on_while_a_large_zone_is_compiled(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked big;
	struct changes_figures figures;
	char line[100];

	big = (struct asked){0};
	begin_big(&big, f, 20);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(line, sizeof line, "REPLACE x%u." OTHER " 60 A 192.0.2.%u", i % 5, i);
		EDIT_OK(f, OTHER, line);
		snprintf(line, sizeof line, "x%u." OTHER, i % 5);
		assert_true(served_name(f, OTHER, line));
	}
	assert_int_equal(create_zone(f, "third.example."), 0);
	/* all that was answered, and the large one is not: it is stored, and not served */
	changes_figures(f->changes, &figures);
	assert_int_equal(figures.compiling, 1);
	assert_false(big.answered);
	assert_string_equal(stored(f, BIG, "n19." BIG, "A"), "60 192.0.2.1");
	assert_int_equal(served(f, BIG), 1);
	assert_false(served_name(f, BIG, "n19." BIG));
	sem_post(&go);
	expect_answer(&big);
	assert_int_equal(served(f, BIG), big.out.after);
	assert_true(served_name(f, BIG, "n19." BIG));
	changes_figures(f->changes, &figures);
	assert_int_equal(figures.compiling, 0);
	assert_int_equal(n_compilations, 1);
}

/* What is committed while it is compiled is published after it, by a patch. */
static void
changes_of_the_same_zone_come_in_order(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked[4];
	char owner[64];
	struct changes_figures before, after;

	memset(asked, 0, sizeof asked);
	begin_big(&asked[0], f, 40);
	/* of names that are there: a new one would change what is added to answers of others */
	for (unsigned i = 1; i < 4; i++) {
		snprintf(asked[i].text, sizeof asked[i].text, "REPLACE n%u." BIG " 60 TXT \"%u\"\n",
			i, i);
		ask(&asked[i], f, BIG);
		snprintf(owner, sizeof owner, "n%u." BIG, i);
		await_stored(f, BIG, owner, "TXT");
	}
	/* a batch on another zone has been through since: they had their chance */
	EDIT_OK(f, OTHER, "REPLACE y." OTHER " 60 A 192.0.2.1");
	changes_figures(f->changes, &before);
	for (unsigned i = 0; i < 4; i++)
		assert_false(asked[i].answered);
	assert_int_equal(served(f, BIG), 1);
	sem_post(&go);
	for (unsigned i = 0; i < 4; i++)
		expect_answer(&asked[i]);
	assert_int_equal(served(f, BIG), asked[3].out.after);
	assert_int_equal(asked[3].out.after, 5);
	changes_figures(f->changes, &after);
	assert_int_equal(after.compiled_total - before.compiled_total, 1);
	assert_int_equal(after.patched_total - before.patched_total, 1);
	is_held = false;
	EDIT_OK(f, BIG, "REPLACE n0." BIG " 60 TXT \"a\""); /* and further on as ever */
	assert_true(served(f, BIG) > 5);
	assert_int_equal(n_compilations, 1);
}

/* The second of two who ask for the same changes nothing, and may look as well when it is told so.
 */
static void
who_finds_it_done_waits_until_it_is_served(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked[4];

	memset(asked, 0, sizeof asked);
	begin_big(&asked[0], f, 20);
	ask_for_names(&asked[1], f, 3, 1); /* of what is being compiled */
	ask_for_names(&asked[2], f, 100, 1);
	await_stored(f, BIG, "n100." BIG, "A");
	ask_for_names(&asked[3], f, 100, 1); /* of what comes after it */
	for (unsigned i = 0; i < 20; i++)
		EDIT_OK(f, OTHER, "REPLACE y." OTHER " 60 A 192.0.2.1"); /* nothing, too */
	usleep(100000);
	for (unsigned i = 0; i < 4; i++)
		assert_false(asked[i].answered);
	sem_post(&go);
	expect_answer(&asked[0]);
	sem_wait(&reached);
	assert_false(asked[2].answered);
	assert_false(asked[3].answered);
	sem_post(&go);
	expect_answer(&asked[1]); /* with the first or the second, whenever it came */
	assert_false(asked[1].out.changed);
	expect_answer(&asked[2]);
	expect_answer(&asked[3]);
	assert_true(served_name(f, BIG, "n100." BIG));
}

/* A zone that is too small to be patched: as a whole again. */
static void
what_came_since_is_compiled_again(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked[3];

	memset(asked, 0, sizeof asked);
	begin_big(&asked[0], f, 15);
	ask_for_names(&asked[1], f, 100, 1);
	await_stored(f, BIG, "n100." BIG, "A");
	sem_post(&go);
	expect_answer(&asked[0]);
	sem_wait(&reached); /* the second one */
	assert_int_equal(served(f, BIG), asked[0].out.after);
	assert_false(served_name(f, BIG, "n100." BIG));
	assert_false(asked[1].answered);
	ask_for_names(&asked[2], f, 101, 1);
	await_stored(f, BIG, "n101." BIG, "A");
	sem_post(&go);
	sem_wait(&reached);
	expect_answer(&asked[1]);
	assert_int_equal(served(f, BIG), asked[1].out.after);
	assert_false(asked[2].answered);
	sem_post(&go);
	expect_answer(&asked[2]);
	assert_int_equal(served(f, BIG), asked[2].out.after);
	assert_int_equal(n_compilations, 3);
}

/* A compilation that is held, and a second zone that waits for its own. */
static void
begin_two(struct asked *asked, struct changes_fixture *f)
{
	memset(asked, 0, 2 * sizeof *asked);
	create_full_zone(f, "second.example.");
	begin_big(&asked[0], f, 20);
	for (unsigned i = 0; i < 12; i++)
		snprintf(asked[1].text + strlen(asked[1].text),
			sizeof asked[1].text - strlen(asked[1].text),
			"REPLACE n%u.second.example. 60 A 192.0.2.1\n", i);
	ask(&asked[1], f, "second.example.");
	await_stored(f, "second.example.", "n11.second.example.", "A");
}

/* What was committed before a compilation began is in it. */
static void
one_that_waits_takes_later_changes_along(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked[3];

	begin_two(asked, f);
	strcpy(asked[2].text, "REPLACE last.second.example. 60 A 192.0.2.1\n");
	ask(&asked[2], f, "second.example.");
	await_stored(f, "second.example.", "last.second.example.", "A");
	EDIT_OK(f, OTHER, "REPLACE y." OTHER " 60 A 192.0.2.1");
	is_held = false;
	sem_post(&go);
	for (unsigned i = 0; i < 3; i++)
		expect_answer(&asked[i]);
	assert_int_equal(n_compilations, 2);
	assert_int_equal(served(f, "second.example."), asked[2].out.after);
	assert_true(served_name(f, "second.example.", "last.second.example."));
}

/* --- what may happen meanwhile --- */

static void
a_zone_that_is_deleted_meanwhile_stays_away(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked[2];
	struct changes_figures figures;

	memset(asked, 0, sizeof asked);
	begin_big(&asked[0], f, 20);
	ask_for_names(&asked[1], f, 100, 1);
	await_stored(f, BIG, "n100." BIG, "A");
	assert_int_equal(delete_zone(f, BIG), 0);
	/* both changes were made, and are gone; nobody needs to wait for what is thrown away */
	expect_answer(&asked[0]);
	expect_answer(&asked[1]);
	assert_int_equal(served(f, BIG), -2);
	sem_post(&go);
	do
		changes_figures(f->changes, &figures);
	while (figures.compiling > 0 && usleep(1000) == 0);
	settle_loads(f);
	assert_int_equal(served(f, BIG), -2);
	assert_int_equal(n_compilations, 1);
}

static void
a_zone_that_is_made_again_meanwhile_is_the_new_one(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked[2];

	memset(asked, 0, sizeof asked);
	begin_big(&asked[0], f, 20);
	assert_int_equal(delete_zone(f, BIG), 0);
	expect_answer(&asked[0]);
	asked[1].creates = true;
	ask(&asked[1], f, BIG);
	for (unsigned i = 0; i < 6000 && !is_stored(f, BIG); i++)
		usleep(10000);
	sem_post(&go);
	expect_answer(&asked[1]);
	assert_int_equal(served(f, BIG), 1);
	assert_false(served_name(f, BIG, "n0." BIG));
	is_held = false;
	EDIT_OK(f, BIG, "REPLACE www." BIG " 60 A 192.0.2.1");
	assert_true(served_name(f, BIG, "www." BIG));
}

static void
a_zone_file_takes_the_name_meanwhile(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked;
	char path[256];
	FILE *out;

	asked = (struct asked){0};
	begin_big(&asked, f, 20);
	snprintf(path, sizeof path, "%s/big.example.zone", f->zones);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "$TTL 60\n@ SOA a b 77 2 3 4 5\n@ NS a\na A 192.0.2.1\n");
	assert_int_equal(fclose(out), 0);
	is_held = false;
	sem_post(&go);
	settle_loads(f);
	expect_answer(&asked);
	settle_loads(f);
	assert_int_equal(served(f, BIG), 77);
}

static void
a_load_meanwhile_puts_nothing_older_there(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked[2];
	uint64_t ticket;

	memset(asked, 0, sizeof asked);
	begin_big(&asked[0], f, 40);
	assert_int_equal(zone_manager_reload_all(f->zones_of, true, &ticket), 0);
	ask_for_names(&asked[1], f, 100, 1);
	await_stored(f, BIG, "n100." BIG, "A");
	is_held = false;
	sem_post(&go);
	expect_answer(&asked[0]);
	expect_answer(&asked[1]);
	assert_int_equal(served(f, BIG), asked[1].out.after);
	settle_loads(f);
	assert_int_equal(served(f, BIG), asked[1].out.after);
	EDIT_OK(f, BIG, "REPLACE www." BIG " 60 A 192.0.2.1");
	assert_true(served_name(f, BIG, "www." BIG) && served_name(f, BIG, "n100." BIG));
}

static void
post(void *arg)
{
	sem_post(arg);
}

static bool
answered_within(struct changes_fixture *f, unsigned s)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += s;
	return sem_timedwait(&f->ended, &until) == 0;
}

/* As many zones wait to be compiled as there are loaders, and all are to be loaded anew. */
static void
loaders_do_not_wait_for_it(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked[2];
	struct zone_manager_status status;
	uint8_t big[ZONE_WIRE_OCTETS], other[ZONE_WIRE_OCTETS];
	uint64_t ticket;

	begin_two(asked, f);
	EDIT_OK(f, OTHER, "REPLACE y." OTHER " 60 A 192.0.2.1"); /* it waits for its turn by now */
	zone_manager_status(f->zones_of, &status);
	assert_int_equal(status.n_threads, 2);
	assert_int_equal(zone_manager_reload_all(f->zones_of, true, &ticket), 0);
	usleep(300000); /* the loaders have come to them */
	assert_int_equal(zone_manager_reload_zone(f->zones_of, wire(other, OTHER), &ticket), 0);
	if (zone_manager_wait(f->zones_of, other, ticket, post, &f->ended) == 0)
		assert_true(answered_within(f, 10));
	/* who asked for one of them is answered when it is compiled */
	assert_int_equal(zone_manager_reload_zone(f->zones_of, wire(big, BIG), &ticket), 0);
	assert_int_equal(zone_manager_wait(f->zones_of, big, ticket, post, &f->ended), 0);
	usleep(100000);
	assert_int_equal(sem_trywait(&f->ended), -1);
	is_held = false;
	sem_post(&go);
	assert_true(answered_within(f, 10));
	expect_answer(&asked[0]);
	expect_answer(&asked[1]);
	settle_loads(f); /* the reload of everything is answered as well */
	assert_int_equal(served(f, BIG), asked[0].out.after);
	assert_int_equal(served(f, "second.example."), asked[1].out.after);
	assert_int_equal(n_compilations, 2);
}

static void
a_load_of_a_zone_that_is_deleted_meanwhile_is_answered(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked;
	uint8_t big[ZONE_WIRE_OCTETS];
	uint64_t ticket;

	asked = (struct asked){0};
	begin_big(&asked, f, 20);
	assert_int_equal(zone_manager_reload_zone(f->zones_of, wire(big, BIG), &ticket), 0);
	usleep(100000);
	assert_int_equal(zone_manager_wait(f->zones_of, big, ticket, post, &f->ended), 0);
	assert_int_equal(delete_zone(f, BIG), 0);
	expect_answer(&asked);
	assert_true(answered_within(f, 10));
	is_held = false;
	sem_post(&go);
	settle_loads(f);
	assert_int_equal(served(f, BIG), -2);
}

static void
an_end_waits_for_it_and_a_start_has_it(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked[2];

	memset(asked, 0, sizeof asked);
	begin_big(&asked[0], f, 40);
	ask_for_names(&asked[1], f, 100, 1);
	await_stored(f, BIG, "n100." BIG, "A");
	assert_false(changes_stop(f->changes, 1)); /* then a process would end without it */
	is_held = false;
	sem_post(&go);
	changes_fixture_stop(f);
	for (unsigned i = 0; i < 2; i++)
		expect_answer(&asked[i]);
	changes_fixture_start(f);
	assert_int_equal(served(f, BIG), asked[1].out.after);
	assert_true(served_name(f, BIG, "n100." BIG));
}

/* --- many at once --- */

#define THREADS 24
#define EACH 30

static void
look_at(void *arg, const struct zone_entry *e)
{
	*(int64_t *)arg = e->serving ? (int64_t)e->serial : -1;
}

/* As served(), but while others publish: images are freed at once here. */
static int64_t
served_now(struct changes_fixture *f, const char *zone)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	int64_t serial = -2;

	(void)zone_manager_visit(f->zones_of, wire(apex, zone), look_at, &serial);
	return serial;
}

static void *
stress_main(void *arg)
{
	struct asked *a = arg;
	unsigned index = (unsigned)atoi(a->text);
	int64_t last = -2;
	char line[128];

	for (unsigned i = 0; i < EACH; i++) {
		struct zone_edits with = {.soa_edit = "INCREASE"};
		struct outcome o;
		int64_t now;
		snprintf(line, sizeof line, "REPLACE s%u-%u.%s 60 A 192.0.2.1", index, i % 3,
			a->zone);
		if (i % 3 == 2)
			snprintf(line, sizeof line, "DELETE s%u-%u.%s A", index, i % 3, a->zone);
		o = edit_with(a->f, a->zone, (const char *const[]){line, NULL}, &with);
		now = served_now(a->f, a->zone);
		if (o.verdict != CHANGE_OK || now < (int64_t)o.after || now < last)
			return NULL;
		last = now;
	}
	a->answered = true;
	return NULL;
}

/* Every answer is about what is served by then, and no version goes back. */
static void
answers_are_given_when_it_is_served(void **state)
{
	struct changes_fixture *f = *state;
	static struct asked asked[THREADS];
	static const char *const zone[] = {BIG, "second.example.", OTHER};

	create_full_zone(f, BIG);
	create_full_zone(f, "second.example.");
	for (unsigned i = 0; i < THREADS; i++) {
		asked[i] = (struct asked){.f = f, .zone = zone[i % 3]};
		snprintf(asked[i].text, sizeof asked[i].text, "%u", i);
		assert_int_equal(pthread_create(&asked[i].thread, NULL, stress_main, &asked[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(asked[i].thread, NULL);
		assert_true(asked[i].answered);
	}
	assert_true(n_compilations > 0);
	for (unsigned i = 0; i < THREADS; i++) {
		char name[64];
		snprintf(name, sizeof name, "s%u-1.%s", i, asked[i].zone);
		assert_true(served_name(f, asked[i].zone, name));
	}
}

#define LARGE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, changes_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		LARGE_TEST(others_go_on_while_a_large_zone_is_compiled),
		LARGE_TEST(changes_of_the_same_zone_come_in_order),
		LARGE_TEST(who_finds_it_done_waits_until_it_is_served),
		LARGE_TEST(what_came_since_is_compiled_again),
		LARGE_TEST(one_that_waits_takes_later_changes_along),
		LARGE_TEST(a_zone_that_is_deleted_meanwhile_stays_away),
		LARGE_TEST(a_zone_that_is_made_again_meanwhile_is_the_new_one),
		LARGE_TEST(a_zone_file_takes_the_name_meanwhile),
		LARGE_TEST(a_load_meanwhile_puts_nothing_older_there),
		LARGE_TEST(loaders_do_not_wait_for_it),
		LARGE_TEST(a_load_of_a_zone_that_is_deleted_meanwhile_is_answered),
		LARGE_TEST(an_end_waits_for_it_and_a_start_has_it),
		LARGE_TEST(answers_are_given_when_it_is_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
