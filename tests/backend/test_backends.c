/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The host of backends: options are checked with the line that is wrong, what is no backend is
 * refused, and an instance that hangs delays neither another one nor the end. */
#include "controlplane/backends/backends.h"
#include "controlplane/backends/zone_files.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD "backend-directory: " TEST_BACKENDS "\nbackends:\n"

static char folder[] = "/tmp/test_backends.XXXXXX";

static const char *
in_folder(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof path[0], "%s/%s", folder, name);
	return p;
}

static void
write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

/* %1$s is the test's folder. */
static struct config *
load(const char *text)
{
	char *error = NULL, whole[4096];
	struct config *c;

	snprintf(whole, sizeof whole, text, folder);
	write_file(in_folder("m.yaml"), whole);
	c = config_load(in_folder("m.yaml"), &error);
	if (!c)
		fail_msg("%s", error);
	return c;
}

static int
start(struct backends **b, struct config *c, char error[BACKEND_ERROR_OCTETS])
{
	struct backends_options o = {.config = c, .config_path = in_folder("m.yaml")};

	return backends_start(b, &o, error);
}

/* --- what is refused --- */

static const struct {
	const char *text, *error; /* without the path in front */
	int rc;
} refused[] = {
	{HEAD "- {name: a, type: nonsense}\n",
		":3: key 'backends[0]': there is no backend 'nonsense': " TEST_BACKENDS
		"/backend_nonsense.so does not exist; is its package installed, or the key "
		"'backend-directory' wrong?",
		-ENOENT},
	{HEAD "- {name: a, type: old}\n",
		":3: key 'backends[0]': " TEST_BACKENDS "/backend_old.so was built for version 0 "
		"of the backends' interface, this control plane has version 1; install the "
		"backend "
		"that belongs to it",
		-ELIBACC},
	{HEAD "- {name: a, type: none}\n",
		":3: key 'backends[0]': " TEST_BACKENDS "/backend_none.so is no backend: it has no "
		"function millrace_backend()",
		-ELIBACC},
	{HEAD "- {name: a, type: incomplete}\n",
		":3: key 'backends[0]': " TEST_BACKENDS "/backend_incomplete.so is not usable: it "
		"tells APPLY and lacks apply()",
		-ELIBACC},
	{HEAD "- name: a\n  type: test\n",
		":3: key 'backends[0]': the backend test needs the option 'path': a file; it opens "
		"while this exists",
		-EINVAL},
	{HEAD "- name: a\n  type: test\n  options:\n  - {name: path, value: /x}\n"
	      "  - {name: paht, value: /x}\n",
		":7: key 'backends[0].options[1]': the backend test has no option 'paht'; there "
		"are "
		"path, list-sleep-ms, stream-sleep-ms, open-sleep-ms, healthy, password, zone",
		-EINVAL},
	{HEAD "- name: a\n  type: test\n  options:\n  - {name: path, value: x}\n",
		":6: key 'backends[0].options[0]': 'x' is no absolute path; the option 'path' must "
		"begin with '/'",
		-EINVAL},
	{HEAD "- name: a\n  type: test\n  options:\n  - {name: path, value: /x}\n"
	      "  - {name: path, value: /y}\n",
		":7: key 'backends[0].options[1]': the option 'path' is given twice (first as "
		"options[0]); remove one of them",
		-EINVAL},
	{HEAD "- name: a\n  type: test\n  options:\n  - {name: list-sleep-ms, value: -1}\n",
		":6: key 'backends[0].options[0]': '-1' is no number; the option 'list-sleep-ms' "
		"is an integer from 0 up",
		-EINVAL},
	{HEAD "- name: a\n  type: test\n  options:\n  - {name: healthy, value: maybe}\n",
		":6: key 'backends[0].options[0]': 'maybe' is not valid; the option 'healthy' is "
		"true or false",
		-EINVAL},
	{HEAD "- name: a\n  type: test\n  options:\n  - {name: password, value: x}\n",
		":6: key 'backends[0].options[0]': the option 'password' is a secret; write it as "
		"'secret:' instead of 'value:', so that it is never shown",
		-EINVAL},
};

static void
what_is_wrong_is_refused_with_its_line(void **state)
{
	for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
		char error[BACKEND_ERROR_OCTETS] = "";
		struct config *c = load(refused[i].text);
		struct backends *b = NULL;
		size_t len = strlen(in_folder("m.yaml"));

		assert_int_equal(start(&b, c, error), refused[i].rc);
		assert_null(b);
		assert_memory_equal(error, in_folder("m.yaml"), len);
		assert_string_equal(error + len, refused[i].error);
		assert_int_equal(backends_preload(c, in_folder("m.yaml"), error), refused[i].rc);
		assert_string_equal(error + len, refused[i].error);
		config_free(c);
	}
}

/* --- instances --- */

struct count_job {
	struct backend_job job;
	_Atomic unsigned *done, *without;
	unsigned n_zones;
};

static int
count_zone(void *arg, const struct backend_zone *zone)
{
	++*(unsigned *)arg;
	return 0;
}

static int
count_run(struct backend_job *j, const struct backend_api *api, void *instance)
{
	struct count_job *c = (struct count_job *)j;
	char error[BACKEND_ERROR_OCTETS];
	int rc = -ENOTCONN;

	if (instance)
		rc = api->list(instance, count_zone, &c->n_zones, error);
	else
		atomic_fetch_add(c->without, 1);
	atomic_fetch_add(c->done, 1);
	return rc;
}

static void
nap(unsigned ms)
{
	usleep(ms * 1000);
}

/* Until it is so, for 10 s. */
#define EVENTUALLY(condition)                                          \
	do {                                                           \
		for (unsigned n_ = 0; n_ < 1000 && !(condition); n_++) \
			nap(10);                                       \
		assert_true(condition);                                \
	} while (0)

static struct backends_state
state_of(struct backends *b, const char *name)
{
	struct backends_state s;

	assert_int_equal(backends_state(b, (unsigned)backends_find(b, name), &s), 0);
	return s;
}

static void
an_instance_that_hangs_delays_nobody(void **state)
{
	static _Atomic unsigned done, without, done_b, without_b;
	static struct count_job a[BACKENDS_QUEUE_MAX + 2], b_job[3];
	struct config *c = load(HEAD "- name: a\n  type: test\n  options:\n"
				     "  - {name: path, value: %1$s}\n"
				     "  - {name: list-sleep-ms, value: 600000}\n"
				     "- name: b\n  type: test\n  options:\n"
				     "  - {name: path, value: %1$s}\n"
				     "  - {name: zone, value: x}\n  - {name: zone, value: y}\n");
	char error[BACKEND_ERROR_OCTETS];
	struct timespec before, after;
	struct backends *b;

	assert_int_equal(start(&b, c, error), 0);
	assert_int_equal(backends_find(b, "a"), 0);
	assert_int_equal(backends_find(b, "c"), -ENOENT);
	EVENTUALLY(state_of(b, "a").open && state_of(b, "b").open);
	for (unsigned i = 0; i < BACKENDS_QUEUE_MAX + 2; i++) {
		a[i] = (struct count_job){{count_run, {0}}, &done, &without, 0};
		if (i == 1)
			EVENTUALLY(state_of(b, "a").running_ms > 0);
		assert_int_equal(
			backends_submit(b, 0, &a[i].job), i <= BACKENDS_QUEUE_MAX ? 0 : -EBUSY);
	}
	assert_int_equal(state_of(b, "a").queued, BACKENDS_QUEUE_MAX);
	for (unsigned i = 0; i < 3; i++) {
		b_job[i] = (struct count_job){{count_run, {0}}, &done_b, &without_b, 0};
		assert_int_equal(backends_submit(b, 1, &b_job[i].job), 0);
	}
	EVENTUALLY(done_b == 3);
	assert_int_equal(b_job[2].n_zones, 2);
	EVENTUALLY(state_of(b, "b").calls_total == 3);
	assert_int_equal(state_of(b, "b").failures_total, 0);
	assert_int_equal(done, 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_false(backends_stop(b, 100));
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_in_range(after.tv_sec - before.tv_sec, 0, 30);
	assert_int_equal(without, BACKENDS_QUEUE_MAX); /* all that waited were told */
	config_free(c);
}

static _Atomic unsigned n_changed, n_looked;

static void
note_changed(void *arg, unsigned index, const uint8_t *apex)
{
	if (apex == NULL) { /* it was opened */
		atomic_fetch_add(&n_looked, index == 0);
		return;
	}
	assert_int_equal(index, 0);
	assert_memory_equal(apex, "\4test", 6);
	atomic_fetch_add(&n_changed, 1);
}

static void
one_that_does_not_open_is_tried_again(void **state)
{
	struct config *c = load(HEAD "- name: a\n  type: test\n  options:\n"
				     "  - {name: path, value: %1$s/there}\n");
	struct backends_options o = {.config = c, .changed = note_changed};
	static _Atomic unsigned done, without;
	struct count_job job = {{count_run, {0}}, &done, &without, 0};
	char error[BACKEND_ERROR_OCTETS], expected[256];
	struct backends *b;

	assert_int_equal(backends_start(&b, &o, error), 0);
	assert_int_equal(backends_submit(b, 0, &job.job), 0);
	EVENTUALLY(done == 1);
	assert_int_equal(without, 1);
	snprintf(expected, sizeof expected, "%s/there is not there; make it", folder);
	assert_string_equal(state_of(b, "a").error, expected);
	assert_false(state_of(b, "a").open);
	write_file(in_folder("there"), "");
	EVENTUALLY(state_of(b, "a").open);
	assert_string_equal(state_of(b, "a").error, "");
	assert_true(state_of(b, "a").opens_total > 1);
	EVENTUALLY(n_looked == 1);
	EVENTUALLY(n_changed == 1); /* poll() is called */
	unlink(in_folder("there"));
	assert_true(backends_stop(b, 5000));
	config_free(c);
}

static int
fail_run(struct backend_job *j, const struct backend_api *api, void *instance)
{
	return instance ? -ECONNRESET : 0;
}

static void
one_that_is_not_well_is_opened_anew(void **state)
{
	struct config *c = load(HEAD "- name: a\n  type: test\n  options:\n"
				     "  - {name: path, value: %1$s}\n"
				     "  - {name: healthy, value: false}\n");
	struct backend_job job = {fail_run, {0}};
	char error[BACKEND_ERROR_OCTETS];
	struct backends *b;

	assert_int_equal(start(&b, c, error), 0);
	EVENTUALLY(state_of(b, "a").open);
	/* the source seems to be gone: ask about its health at once */
	assert_int_equal(backends_submit(b, 0, &job), 0);
	EVENTUALLY(state_of(b, "a").opens_total == 2);
	assert_int_equal(state_of(b, "a").failures_total, 1);
	assert_true(backends_stop(b, 5000));
	config_free(c);
}

static void
one_that_opens_for_ever_does_not_keep_the_process(void **state)
{
	struct config *c = load(HEAD "- name: a\n  type: test\n  options:\n"
				     "  - {name: path, value: %1$s}\n"
				     "  - {name: open-sleep-ms, value: 600000}\n");
	char error[BACKEND_ERROR_OCTETS];
	struct backends *b;

	assert_int_equal(start(&b, c, error), 0);
	EVENTUALLY(state_of(b, "a").running_ms > 0);
	assert_false(state_of(b, "a").open);
	assert_false(backends_stop(b, 50));
	config_free(c);
}

/* --- zone files of the configuration --- */

static int
note_path(void *arg, const uint8_t *apex, const char *path)
{
	strcat(arg, path + strlen(folder));
	strcat(arg, " ");
	return 0;
}

static void
zone_files_are_found_in_list_and_folder(void **state)
{
	struct config *c = load("zones:\n  list:\n    - {zone: eXample.com, file: a}\n"
				"    - {zone: ., file: b}\n  directory: zones\n");
	struct config *none = load("zones: {directory: zones}\n");
	struct zone_files *z;
	char path[256] = "", all[512] = "";

	assert_int_equal(mkdir(in_folder("zones"), 0755), 0);
	write_file(in_folder("zones/example.com.zone"), "");
	write_file(in_folder("zones/net.zone"), "");
	z = zone_files_create(c);
	assert_int_equal(zone_files_find(z, (const uint8_t *)"\7example\3com", path, 256), 0);
	assert_string_equal(path, in_folder("a"));
	assert_int_equal(zone_files_find(z, (const uint8_t *)"\0", path, 256), 0);
	assert_string_equal(path, in_folder("b"));
	assert_int_equal(zone_files_find(z, (const uint8_t *)"\3net", path, 256), 0);
	assert_string_equal(path, in_folder("zones/net.zone"));
	assert_int_equal(zone_files_find(z, (const uint8_t *)"\3net", path, 8), -ENAMETOOLONG);
	assert_int_equal(zone_files_find(z, (const uint8_t *)"\3org", path, 256), -ENOENT);
	assert_int_equal(zone_files_each(z, note_path, all), 0);
	assert_string_equal(all, "/a /b /zones/net.zone ");
	zone_files_set(z, none);
	assert_int_equal(zone_files_find(z, (const uint8_t *)"\7example\3com", path, 256), 0);
	assert_string_equal(path, in_folder("zones/example.com.zone"));
	zone_files_destroy(z);
	config_free(c);
	config_free(none);
}

/* --- the manual --- */

static char *
read_file(const char *path)
{
	char *text = calloc(1, 1 << 20);
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_non_null(text);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	return text;
}

static void
the_manuals_example_is_the_one_that_is_tested(void **state)
{
	char *manual = read_file(SOURCE_ROOT "/docs/backends.md");
	char *example = read_file(SOURCE_ROOT "/tests/backend/backend_example.c");

	/* behind its first two lines, which are about the file */
	assert_non_null(strstr(manual, strchr(strchr(example, '\n') + 1, '\n') + 1));
	free(manual);
	free(example);
}

static int
make_folder(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int
remove_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
		cmocka_unit_test(one_that_does_not_open_is_tried_again),
		cmocka_unit_test(one_that_is_not_well_is_opened_anew),
		cmocka_unit_test(zone_files_are_found_in_list_and_folder),
		cmocka_unit_test(the_manuals_example_is_the_one_that_is_tested),
		cmocka_unit_test(one_that_opens_for_ever_does_not_keep_the_process),
		cmocka_unit_test(an_instance_that_hangs_delays_nobody),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
