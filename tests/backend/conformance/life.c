/* SPDX-License-Identifier: GPL-3.0-or-later */
/* life: several instances of one source at a time, changes that others make, and processes that are
 * killed in the middle of one. */
#include "conformance.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHANGES 40u /* of each thread */
#define KILLS 12u   /* processes */
#define WATCH_S 10  /* until a change of another instance must have been told */

/* --- two instances, each in its thread --- */

struct hammer {
	const uint8_t *apex;
	const char *owner;
	unsigned n_done, n_stale;
	char error[BACKEND_ERROR_OCTETS];
	int rc;
};

static void
note_serial(void *arg, const struct backend_zone *z)
{
	*(uint32_t *)arg = z->serial;
}

static int
change_once(void *i, struct hammer *h)
{
	uint32_t serial = 0;
	char text[512];
	struct made *m;
	int rc = api->zone(i, h->apex, note_serial, &serial, h->error);

	if (rc != 0)
		return rc;
	snprintf(text, sizeof text, "%s%s 300 TXT \"%u\"\n", soa_text(serial + 1), h->owner,
		h->n_done);
	m = made_from(h->apex, serial, serial + 1, text);
	rc = api->apply(i, &m->set, h->error);
	made_free(m);
	return rc;
}

static void *
hammer_zone(void *arg)
{
	struct hammer *h = arg;
	void *i = try_open_instance(h->error);

	h->rc = i ? 0 : -EIO;
	while (h->rc == 0 && h->n_done < CHANGES) {
		h->rc = change_once(i, h);
		if (h->rc == 0)
			h->n_done++;
		else if (h->rc == -ESTALE || h->rc == -EAGAIN)
			h->n_stale++, h->rc = 0;
	}
	if (i)
		api->close(i);
	return NULL;
}

static unsigned
count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

static void
instances_work_at_the_same_time(void **state)
{
	struct hammer h[3] = {{.apex = wire("one."), .owner = "a"},
		{.apex = wire("one."), .owner = "b"}, {.apex = wire("two."), .owner = "c"}};
	pthread_t thread[3];
	uint32_t serial = 0;
	char *all;
	void *i;

	need(BACKEND_CREATE | BACKEND_APPLY | BACKEND_STREAM);
	i = open_instance();
	must_create(i, wire("one."));
	must_create(i, wire("two."));
	api->close(i);
	for (unsigned k = 0; k < 3; k++)
		assert_int_equal(pthread_create(&thread[k], NULL, hammer_zone, &h[k]), 0);
	for (unsigned k = 0; k < 3; k++)
		pthread_join(thread[k], NULL);
	for (unsigned k = 0; k < 3; k++)
		if (h[k].rc != 0 || h[k].n_done != CHANGES)
			fail_msg("thread %u: %d %s", k, h[k].rc, h[k].error);
	i = open_instance();
	assert_works(api->zone(i, wire("one."), note_serial, &serial, error));
	assert_int_equal(serial, 1 + 2 * CHANGES); /* none was lost, none done twice */
	assert_works(api->zone(i, wire("two."), note_serial, &serial, error));
	assert_int_equal(serial, 1 + CHANGES);
	all = dump(i, wire("one."));
	assert_int_equal(count(all, "\n"), 4);
	free(all);
	api->close(i);
}

/* --- watching --- */

struct told {
	const uint8_t *apex;
	unsigned n;
};

static void
note_changed(void *arg, const uint8_t *apex)
{
	struct told *t = arg;

	if (!apex || (name_octets(apex) == name_octets(t->apex) &&
			     memcmp(apex, t->apex, name_octets(apex)) == 0))
		t->n++;
}

static bool
is_told(void *i, struct told *t)
{
	const struct timespec nap = {.tv_nsec = 100000000};

	t->n = 0;
	for (unsigned k = 0; k < WATCH_S * 10 && t->n == 0; k++) {
		assert_works(api->poll(i, note_changed, t, error));
		if (t->n == 0)
			nanosleep(&nap, NULL);
	}
	return t->n > 0;
}

static void
what_another_instance_changes_is_told(void **state)
{
	struct told one = {.apex = wire("one.")}, two = {.apex = wire("two.")};
	void *watcher, *writer;

	need(BACKEND_CREATE | BACKEND_APPLY | BACKEND_WATCH);
	writer = open_instance();
	must_create(writer, one.apex);
	watcher = open_instance();
	assert_works(api->poll(watcher, note_changed, &one, error));
	assert_int_equal(one.n, 0);
	must_apply(writer, one.apex, 1, 2, soa_text(2));
	assert_true(is_told(watcher, &one));
	must_create(writer, two.apex);
	assert_true(is_told(watcher, &two));
	assert_works(api->remove(writer, one.apex, error));
	assert_true(is_told(watcher, &one));
	api->close(writer);
	api->close(watcher);
}

/* --- SIGKILL --- */

/* The zone as it is to be with this serial. */
static char *
text_of(uint32_t serial)
{
	size_t len;
	char *text;
	FILE *f = open_memstream(&text, &len);

	fputs(soa_text(serial), f);
	for (unsigned i = 0; i < 30; i++)
		fprintf(f, "n%u 300 A 10.%u.%u.%u%s\n", i, (serial >> 16) & 255,
			(serial >> 8) & 255, serial & 255, (serial + i) % 5 == 0 ? " ; gone" : "");
	fprintf(f, "t 300 TXT \"%u\"\n", serial);
	fclose(f);
	return text;
}

/* The child: change after change, and a serial into the pipe for each that was acknowledged. */
static void
change_until_killed(int pipe_fd, const uint8_t *apex, uint32_t serial)
{
	char error[BACKEND_ERROR_OCTETS];
	void *i = try_open_instance(error);

	for (; i; serial++) {
		char *text = text_of(serial + 1);
		struct made *m = made_from(apex, serial, serial + 1, text);
		uint32_t done = serial + 1;

		free(text);
		if (api->apply(i, &m->set, error) != 0) {
			fprintf(stderr, "in the process to be killed: %s\n", error);
			break;
		}
		if (write(pipe_fd, &done, sizeof done) != sizeof done)
			break;
		made_free(m);
	}
	_exit(1);
}

static char *
expected_dump(const uint8_t *apex, uint32_t serial)
{
	char *text = text_of(serial), *whole, *out;
	struct made *m;

	assert_true(asprintf(&whole, "%s@ 300 NS ns.other.\n", text) > 0);
	m = made_from(apex, 0, serial, whole);
	/* what is gone is no line */
	for (size_t k = 0, n = m->set.n; k < n; k++)
		if (m->change[n - 1 - k].rrset.n_records == 0)
			memmove(&m->change[n - 1 - k], &m->change[n - k],
				(m->set.n-- - (n - k)) * sizeof *m->change);
	out = dump_of_made(m);
	made_free(m);
	free(whole);
	free(text);
	return out;
}

/* @return the last serial that was acknowledged */
static uint32_t
run_and_kill(const uint8_t *apex, uint32_t serial, unsigned after_us)
{
	uint32_t acknowledged = serial, told;
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		change_until_killed(ends[1], apex, serial);
	}
	close(ends[1]);
	/* from the first change on, at a random moment */
	if (read(ends[0], &told, sizeof told) == sizeof told)
		acknowledged = told;
	usleep(after_us);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFSIGNALED(status))
		fail_msg("the process ended by itself");
	while (read(ends[0], &told, sizeof told) == sizeof told)
		acknowledged = told;
	close(ends[0]);
	return acknowledged;
}

static void
a_kill_leaves_the_zone_before_or_after_a_change(void **state)
{
	const uint8_t *apex = wire("example.com.");
	uint32_t serial = 1, acknowledged;
	char *is, *expected;
	void *i;

	need(BACKEND_CREATE | BACKEND_APPLY | BACKEND_STREAM);
	i = open_instance();
	must_create(i, apex);
	api->close(i);
	srand(1);
	for (unsigned k = 0; k < KILLS; k++) {
		acknowledged = run_and_kill(apex, serial, (unsigned)rand() % 60000);
		i = open_instance();
		assert_works(api->zone(i, apex, note_serial, &serial, error));
		/* all that was acknowledged, and at most the one after it */
		assert_true(serial == acknowledged || serial == acknowledged + 1);
		is = dump(i, apex);
		assert_non_null(is);
		expected = expected_dump(apex, serial);
		assert_string_equal(is, expected);
		free(expected);
		free(is);
		api->close(i);
	}
	assert_true(serial > KILLS);
}

int
run_life_tests(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_source, remove_source)
	const struct CMUnitTest tests[] = {
		TEST(instances_work_at_the_same_time),
		TEST(what_another_instance_changes_is_told),
		TEST(a_kill_leaves_the_zone_before_or_after_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
