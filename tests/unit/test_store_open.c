/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store's file and its transactions: one of each file in a process, one process that writes,
 * room that grows, copies, formats. */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void
a_file_is_opened_once_in_a_process(void **state)
{
	struct fixture *f = *state;
	char other[128], error[STORE_ERROR_OCTETS];
	struct store_options o = {.path = other};
	struct store *again;
	struct stat st;

	snprintf(other, sizeof other, "%s/./link", f->folder);
	assert_int_equal(symlink(f->path, other), 0);
	assert_int_equal(store_open(&again, &o, error), 0);
	assert_ptr_equal(again, f->s);
	store_close(again);
	store_end(begin_write(f)); /* is open still */
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* In a process of its own. @return what `body` returns */
static int
elsewhere(int (*body)(struct fixture *f), struct fixture *f)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(body(f));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* exec, for a fork has the parent's stores open */
static char self[4096];

static int
open_elsewhere(struct fixture *f)
{
	execl(self, self, "open", f->path, NULL);
	return 99;
}

static int
read_elsewhere(struct fixture *f)
{
	execl(self, self, "read", f->path, NULL);
	return 99;
}

static int
fill_small(struct fixture *f)
{
	struct rlimit limit = {96u << 20, 96u << 20};
	char path[128];

	snprintf(path, sizeof path, "%s/small", f->folder);
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return 98;
	execl(self, self, "fill", path, NULL);
	return 99;
}

static void
only_one_process_writes(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);

	create_zone(t, "example.");
	assert_int_equal(store_commit(t), 0);
	assert_int_equal(elsewhere(open_elsewhere, f), EBUSY);
	assert_int_equal(elsewhere(read_elsewhere, f), 0);
	store_close(f->s);
	assert_int_equal(elsewhere(open_elsewhere, f), 0);
	f->s = NULL;
	reopen(f);
}

static void
a_small_map_grows(void **state)
{
#ifdef __SANITIZE_THREAD__
	skip(); /* its shadow needs more addresses than the child is left */
#endif
#ifdef __SANITIZE_ADDRESS__
	skip(); /* its shadow needs more addresses than this test leaves */
#endif
	assert_int_equal(elsewhere(fill_small, *state), 0);
}

/* Octets of files that count as this process's memory. */
static long
resident_octets(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%*d %*d %ld", &pages), 1);
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static int
read_row(void *arg, const char *key, const char *value)
{
	*(size_t *)arg += strlen(value);
	return 0;
}

static void
pages_that_were_read_can_be_released(void **state)
{
	enum { N = 30, OCTETS = 1 << 20 };
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	char *big = malloc(OCTETS), key[16];
	long before, read;

	memset(big, 'x', OCTETS - 1);
	big[OCTETS - 1] = '\0';
	for (unsigned i = 0; i < N; i++) {
		snprintf(key, sizeof key, "%u", i);
		assert_int_equal(store_row_put(t, STORE_SETTING, key, big), 0);
	}
	assert_int_equal(store_commit(t), 0);
	free(big);
	reopen(f);
	before = resident_octets();
	t = begin_read(f);
	for (unsigned round = 0; round < 2; round++) {
		size_t octets = 0;
		assert_int_equal(store_row_each(t, STORE_SETTING, NULL, read_row, &octets), 0);
		assert_int_equal(octets, N * (OCTETS - 1));
		read = resident_octets();
		assert_true(read - before > N * OCTETS / 2);
		store_release_pages(f->s);
		assert_true(read - resident_octets() > N * OCTETS / 2);
	}
	store_end(t);
}

/* --- transactions --- */

static void
versions_count_commits(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_read(f), *before = begin_read(f);
	struct store_figures figures;
	uint64_t v = store_version(t);

	store_end(t);
	t = begin_write(f);
	assert_int_equal(store_version(t), v + 1);
	store_end(t);
	t = begin_write(f);
	assert_int_equal(store_commit(t), 0); /* nothing was written */
	t = begin_write(f);
	assert_int_equal(store_row_put(t, STORE_SETTING, "a", "b"), 0);
	assert_int_equal(store_version(t), v + 1);
	assert_int_equal(store_commit(t), 0);
	assert_int_equal(store_version(before), v);
	t = begin_read(f);
	assert_int_equal(store_version(t), v + 1);
	store_figures(f->s, &figures);
	assert_int_equal(figures.commits_total, 1);
	assert_int_equal(figures.readers, 2);
	assert_true(figures.used_octets <= figures.file_octets);
	assert_true(figures.map_octets > 1u << 30);
	store_end(t);
	store_end(before);
}

static void
what_failed_half_way_is_not_committed(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct store_zone zone = create_zone(t, "example.");
	MDB_val key, value;
	MDB_cursor *c;

	put(t, &zone, "www.example.", 1, "abcd", 4);
	assert_int_equal(store_commit(t), 0);
	/* damage: the value claims a record that is longer than it */
	t = begin_write(f);
	assert_int_equal(store_cursor_of(t, STORE_DB_RECORDS, &c), 0);
	assert_int_equal(mdb_cursor_get(c, &key, &value, MDB_FIRST), 0);
	uint8_t damaged[64];
	size_t len = value.mv_size;
	memcpy(damaged, value.mv_data, len);
	damaged[len - 5] = 0xff;
	value = (MDB_val){len, damaged};
	assert_int_equal(mdb_cursor_put(c, &key, &value, MDB_CURRENT), 0);
	mdb_cursor_close(c);
	t->dirty = true;
	assert_int_equal(store_commit(t), 0);

	t = begin_write(f);
	zone = get_zone(t, "example.");
	struct store_decoder d = {0};
	struct backend_rrset r;
	uint8_t name[ZONE_WIRE_OCTETS];
	assert_int_equal(store_rrset_get(t, &zone, wire(name, "www.example."), 1, &d, &r), -EPROTO);
	struct backend_change change = {
		.rrset = {name, 16, 0, 0, 0, NULL, NULL}, .has_records = true};
	assert_int_equal(store_row_put(t, STORE_SETTING, "a", "b"), 0);
	assert_int_equal(store_rrset_put(t, &zone, &change), -EPROTO);
	assert_int_equal(store_commit(t), -EPROTO);
	t = begin_read(f);
	const char *text;
	assert_int_equal(store_row_get(t, STORE_SETTING, "a", &text), -ENOENT);
	store_end(t);
	store_decoder_free(&d);
}

/* Each try walks all of the file, and loaders ask as fast as they can. */
static void
a_broken_file_is_opened_anew_once_a_second(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_write(f);
	struct timespec since, now;
	char aside[128];
	FILE *out;
	int ret;

	create_zone(t, "example.");
	assert_int_equal(store_commit(t), 0);
	snprintf(aside, sizeof aside, "%s.aside", f->path);
	assert_int_equal(rename(f->path, aside), 0);
	out = fopen(f->path, "w");
	assert_non_null(out);
	for (unsigned i = 0; i < 8192; i++)
		fputc('x', out);
	assert_int_equal(fclose(out), 0);
	f->s->broken = true; /* as when LMDB has given up */
	clock_gettime(CLOCK_MONOTONIC, &since);
	assert_int_equal(store_read(f->s, &t), -EIO);
	assert_int_equal(rename(aside, f->path), 0);
	assert_int_equal(store_read(f->s, &t), -EIO); /* it is good again, and nobody looks */
	assert_int_equal(store_write(f->s, &t), -EIO);
	while ((ret = store_read(f->s, &t)) == -EIO)
		usleep(10000);
	assert_int_equal(ret, 0);
	assert_int_equal(store_zone_count(t), 1);
	store_end(t);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_in_range(
		(now.tv_sec - since.tv_sec) * 1000 + (now.tv_nsec - since.tv_nsec) / 1000000, 999,
		20000);
	/* and when that succeeds there is nothing to wait for */
	f->s->broken = true;
	store_end(begin_read(f));
	f->s->broken = true;
	store_end(begin_write(f));
}

/* --- many threads --- */

#define ROUNDS 300

static void *
reader_thread(void *arg)
{
	struct fixture *f = arg;
	const char *a, *b;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct store_txn *t = begin_read(f);
		int ret = store_row_get(t, STORE_SETTING, "a", &a);
		assert_int_equal(store_row_get(t, STORE_SETTING, "b", &b), ret);
		if (ret == 0)
			assert_string_equal(a, b);
		store_end(t);
	}
	return NULL;
}

static void *
writer_thread(void *arg)
{
	struct fixture *f = arg;
	char text[32];

	for (unsigned i = 0; i < ROUNDS / 10; i++) {
		struct store_txn *t = begin_write(f);
		snprintf(text, sizeof text, "%llu", (unsigned long long)store_version(t));
		assert_int_equal(store_row_put(t, STORE_SETTING, "a", text), 0);
		assert_int_equal(store_row_put(t, STORE_SETTING, "b", text), 0);
		assert_int_equal(store_commit(t), 0);
	}
	return NULL;
}

static void
readers_see_whole_commits(void **state)
{
	struct fixture *f = *state;
	struct store_txn *t = begin_read(f);
	uint64_t v = store_version(t);
	pthread_t thread[8];

	store_end(t);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(
			pthread_create(&thread[i], NULL, i < 2 ? writer_thread : reader_thread, f),
			0);
	for (unsigned i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	t = begin_read(f);
	assert_int_equal(store_version(t), v + 2 * (ROUNDS / 10));
	store_end(t);
}

/* --- the other processes --- */

static int
fill(const char *path)
{
	struct store_options o = {.path = path};
	char error[STORE_ERROR_OCTETS];
	static char text[100000];
	struct store_figures before, after;
	struct store *s;

	if (store_open(&s, &o, error) != 0) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	store_figures(s, &before);
	memset(text, 'x', sizeof text - 1);
	/* what does not fit at first does at the second try */
	for (unsigned i = 0; i < 600; i++) {
		struct store_txn *t;
		int ret = 0;
		for (unsigned try = 0; try < 2; try++) {
			char key[16];
			snprintf(key, sizeof key, "%u", i);
			if (store_write(s, &t) != 0)
				return 2;
			(void)store_row_put(t, STORE_SETTING, key, text);
			ret = store_commit(t);
			if (ret == 0)
				break;
		}
		if (ret != 0) {
			fprintf(stderr, "%u: %s\n", i, strerror(-ret));
			return 3;
		}
	}
	store_figures(s, &after);
	store_close(s);
	return after.map_octets > before.map_octets ? 0 : 4;
}

static int
other_process(const char *what, const char *path)
{
	struct store_options o = {.path = path, .read_only = strcmp(what, "read") == 0};
	char error[STORE_ERROR_OCTETS] = "", pid[32];
	struct store_txn *t;
	struct store *s;
	int ret = store_open(&s, &o, error);

	snprintf(pid, sizeof pid, "process %ld ", (long)getppid());
	if (ret == -EBUSY && strstr(error, pid) == NULL) {
		fprintf(stderr, "does not tell who: %s\n", error);
		return 1;
	}
	if (ret != 0)
		return -ret;
	if (o.read_only && (store_write(s, &t) != -EROFS || store_read(s, &t) != 0 ||
				   store_zone_count(t) != 1))
		return 2;
	if (o.read_only)
		store_end(t);
	store_close(s);
	return 0;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_file_is_opened_once_in_a_process),
		STORE_TEST(only_one_process_writes),
		STORE_TEST(a_small_map_grows),
		STORE_TEST(pages_that_were_read_can_be_released),
		STORE_TEST(versions_count_commits),
		STORE_TEST(what_failed_half_way_is_not_committed),
		STORE_TEST(a_broken_file_is_opened_anew_once_a_second),
		STORE_TEST(readers_see_whole_commits),
	};
	if (argc == 3)
		return strcmp(argv[1], "fill") == 0 ? fill(argv[2])
						    : other_process(argv[1], argv[2]);
	if (realpath("/proc/self/exe", self) == NULL)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
