/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What goes wrong is put right: a version that found no room is served once there is some, however
 * busy the writer is, and a commit that fails leaves nobody with an answer that rests on it. */
#include "changes_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ZONE "example.org."
#define FILLER "filler.example."
#define OTHER "other.example."
#define SECONDS 30 /* a retry comes after 5 */

/* Put in RRsets of 3.4 KB each. @return how many until a version could not be published, or n */
static unsigned
fill(struct changes_fixture *f, const char *zone, unsigned n)
{
	struct zone_edits with = {.soa_edit = "INCREASE"};
	struct changes_figures figures;
	char text[3600], line[3700];

	memset(text, 'x', sizeof text);
	for (unsigned k = 0; k + 250 < sizeof text; k += 250)
		memcpy(text + k, "\" \"", 3);
	text[0] = ' ';
	text[1] = ' ';
	memcpy(text + 3501, "\"", 2);
	for (unsigned i = 0; i < n; i++) {
		snprintf(line, sizeof line, "REPLACE x%u.%s 60 TXT %s", i, zone, text);
		assert_int_equal(
			edit_with(f, zone, (const char *const[]){line, NULL}, &with).verdict,
			CHANGE_OK);
		changes_figures(f->changes, &figures);
		if (figures.unpublished_total > 0)
			return i;
	}
	return n;
}

static void
a_version_is_published_later_also_when_there_is_much_else_to_do(void **state)
{
#ifdef __SANITIZE_THREAD__
	skip(); /* takes minutes there, and only one thread changes anything */
#endif
	struct changes_fixture *f = *state;
	char line[100];
	unsigned i;

	changes_fixture_stop(f);
	assert_int_equal(unlink(f->arena_path), 0);
	f->arena_octets = 16ull << 20;
	changes_fixture_start(f);
	create_full_zone(f, ZONE);
	create_full_zone(f, FILLER);
	create_full_zone(f, OTHER);
	assert_int_equal(fill(f, FILLER, 1500), 1500);
	assert_true(fill(f, ZONE, 20000) < 20000);
	assert_int_equal(entry(f, ZONE).state, ZONE_FAILED);
	assert_int_equal(delete_zone(f, FILLER), 0);
	assert_int_equal(entry(f, ZONE).state, ZONE_FAILED);
	/* there is room, and something to do all the time */
	for (i = 0; i < SECONDS * 50 && entry(f, ZONE).state != ZONE_LOADED; i++) {
		snprintf(line, sizeof line, "REPLACE www." OTHER " 60 A 192.0.2.%u", i % 250);
		EDIT_OK(f, OTHER, line);
		usleep(20000);
	}
	assert_int_equal(entry(f, ZONE).state, ZONE_LOADED);
	assert_true(i > 0);
}

/* --- a commit that fails --- */

struct job {
	struct change_job job; /* first */
	size_t octets;         /* of the row that it writes; 0: it only looks for one */
	unsigned n_applied;
	int result;
	sem_t done, reached, go;
};

static int
apply_large(struct change_job *job, struct store_txn *t)
{
	struct job *j = (struct job *)job;
	char *text = malloc(j->octets + 1), key[32];
	int ret = 0;

	j->n_applied++;
	assert_non_null(text);
	memset(text, 'x', j->octets);
	text[j->octets] = '\0';
	for (unsigned i = 0; i < 100 && ret == 0; i++) {
		snprintf(key, sizeof key, "large-%u", i);
		ret = store_row_put(t, STORE_SETTING, key, text);
	}
	free(text);
	return ret;
}

static int
apply_if_absent(struct change_job *job, struct store_txn *t)
{
	struct job *j = (struct job *)job;
	const char *value;

	j->n_applied++;
	if (store_row_get(t, STORE_SETTING, "large-0", &value) == 0)
		return change_refuse(&job->error, CHANGE_CONFLICT, "it is there");
	return 0;
}

static int
apply_gate(struct change_job *job, struct store_txn *t)
{
	struct job *j = (struct job *)job;

	sem_post(&j->reached);
	sem_wait(&j->go);
	return 0;
}

static void
job_done(struct change_job *job, int result)
{
	struct job *j = (struct job *)job;

	j->result = result;
	sem_post(&j->done);
}

static void
submit(struct changes_fixture *f, struct job *j,
	int (*apply)(struct change_job *job, struct store_txn *t))
{
	j->job.apply = apply;
	j->job.done = job_done;
	sem_init(&j->done, 0, 0);
	sem_init(&j->reached, 0, 0);
	sem_init(&j->go, 0, 0);
	assert_int_equal(changes_submit(f->changes, &j->job), 0);
}

static void
nobody_is_refused_for_what_has_not_happened(void **state)
{
	struct changes_fixture *f = *state;
	struct rlimit all, now;
	struct stat st;

	signal(SIGXFSZ, SIG_IGN);
	create_full_zone(f, ZONE);
	/* one behind the other, the second a culprit or not */
	for (unsigned n = 2; n <= 3; n++) {
		struct job gate = {0}, job[3];
		memset(job, 0, sizeof job);
		job[0].octets = 20000;
		submit(f, &gate, apply_gate);
		sem_wait(&gate.reached);
		for (unsigned i = 0; i < n; i++)
			submit(f, &job[i], i == 0 ? apply_large : apply_if_absent);
		/* the file cannot grow */
		assert_int_equal(stat(f->store_path, &st), 0);
		assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
		now = all;
		now.rlim_cur = (rlim_t)st.st_size;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
		sem_post(&gate.go);
		for (unsigned i = 0; i < n; i++)
			sem_wait(&job[i].done);
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
		assert_int_not_equal(job[0].result, 0);
		for (unsigned i = 1; i < n; i++) {
			assert_int_equal(job[i].result, 0);
			assert_int_equal(job[i].job.error.verdict, CHANGE_OK);
			assert_true(job[i].n_applied >= 2);
		}
		sem_wait(&gate.done);
	}
	EDIT_OK(f, ZONE, "REPLACE www." ZONE " 60 A 192.0.2.1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CHANGES_TEST(a_version_is_published_later_also_when_there_is_much_else_to_do),
		CHANGES_TEST(nobody_is_refused_for_what_has_not_happened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
