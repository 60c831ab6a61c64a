/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store on a disk that fails: at every call that writes or syncs, the process is killed, the
 * power is cut, or the call fails. Then every commit that returned 0 is whole, and nothing of any
 * other is there. The seed is printed; STORE_SEED repeats a run. */
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMITS 12u
#define ACK_FD 9

static char self[4096];
static unsigned seed;

/* --- the process on that disk --- */

static int
commit(struct store *s, unsigned i)
{
	static char big[9000];
	struct store_txn *t;
	char text[16], key[16];
	int ret = store_write(s, &t);

	if (ret != 0)
		return ret;
	memset(big, 'a' + (int)(i % 26), sizeof big - 1);
	snprintf(text, sizeof text, "%u", i);
	snprintf(key, sizeof key, "k%u", i % 4);
	(void)store_row_put(t, STORE_SETTING, "a", text);
	(void)store_row_put(t, STORE_TOKEN, "b", text);
	(void)store_row_put(t, STORE_SETTING, key, big);
	(void)store_audit_append(t, text);
	return store_commit(t);
}

static int
work(const char *path)
{
	struct store_options o = {.path = path};
	char error[STORE_ERROR_OCTETS];
	struct store *s;
	unsigned failures = 0;
	int ret;

	for (;;) {
		ret = store_open(&s, &o, error);
		if (ret == 0)
			break;
		if (++failures > 3)
			return 2;
	}
	for (unsigned i = 1; i <= COMMITS; i++) {
		while (commit(s, i) != 0)
			if (++failures > 3)
				return 3; /* one call failed, but it never works again */
		if (write(ACK_FD, &i, sizeof i) != sizeof i)
			return 4;
	}
	store_close(s);
	return 0;
}

/* --- the one that looks afterwards --- */

static unsigned
run(struct fixture *f, const char *kind, unsigned at, int *status)
{
	unsigned acknowledged = 0, i;
	char text[16], number[16];
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	snprintf(text, sizeof text, "%u", at);
	snprintf(number, sizeof number, "%u", seed + at);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], ACK_FD);
		close(ends[0]);
		setenv("FAULT_FILE", f->path, 1);
		setenv("FAULT_KIND", kind, 1);
		setenv("FAULT_AT", text, 1);
		setenv("FAULT_SEED", number, 1);
		setenv("LD_PRELOAD", getenv("DISK_FAULTS"), 1);
		execl(self, self, "work", f->path, NULL);
		_exit(99);
	}
	close(ends[1]);
	while (read(ends[0], &i, sizeof i) == sizeof i)
		acknowledged = i;
	close(ends[0]);
	assert_int_equal(waitpid(pid, status, 0), pid);
	return acknowledged;
}

static void
print_fault(void *arg, const char *text)
{
	fprintf(stderr, "%s\n", text);
}

static void
look(struct fixture *f, const char *kind, unsigned at, unsigned acknowledged)
{
	struct store_verifier v = {print_fault, NULL, NULL, NULL};
	char error[STORE_ERROR_OCTETS] = "";
	const char *a = "0", *b = "0", *big;
	char key[16];
	struct store_txn *t;
	unsigned n;

	if (store_open(&f->s, &f->options, error) != 0)
		fail_msg("%s at %u: %s", kind, at, error);
	t = begin_read(f);
	(void)store_row_get(t, STORE_SETTING, "a", &a);
	(void)store_row_get(t, STORE_TOKEN, "b", &b);
	n = (unsigned)atoi(a);
	if (strcmp(a, b) != 0 || n < acknowledged || n > acknowledged + 1)
		fail_msg("seed %u: %s at %u: acknowledged %u, there are %s and %s", seed, kind, at,
			acknowledged, a, b);
	for (unsigned i = n > 3 ? n - 3 : 1; i <= n; i++) {
		snprintf(key, sizeof key, "k%u", i % 4);
		assert_int_equal(store_row_get(t, STORE_SETTING, key, &big), 0);
		assert_int_equal(strlen(big), 8999);
		assert_int_equal(big[8998], 'a' + (int)(i % 26));
	}
	store_end(t);
	store_close(f->s);
	f->s = NULL;
	if (store_verify(f->path, &v, error) != 0)
		fail_msg("seed %u: %s at %u: %s", seed, kind, at, error);
}

/* At every call, until there are no more. */
static void
at_every_call(struct fixture *f, const char *kind, bool dies)
{
	unsigned at, n_hit = 0;

	store_close(f->s);
	f->s = NULL;
	for (at = 1; at < 1000; at++) {
		int status;
		unsigned acknowledged;
		(void)unlink(f->path);
		acknowledged = run(f, kind, at, &status);
		if (dies && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
			n_hit++;
		else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			fail_msg("seed %u: %s at %u: status %#x", seed, kind, at, status);
		else
			assert_int_equal(acknowledged, COMMITS);
		look(f, kind, at, acknowledged);
		if (dies ? WIFEXITED(status) : at > 4 * COMMITS)
			break;
	}
	assert_true(!dies || n_hit > 3 * COMMITS);
}

static void
killed(void **state)
{
	at_every_call(*state, "kill", true);
}

static void
power_cut(void **state)
{
	at_every_call(*state, "power", true);
}

static void
disk_error(void **state)
{
	at_every_call(*state, "eio", false);
}

static void
disk_full(void **state)
{
	at_every_call(*state, "enospc", false);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(killed),
		STORE_TEST(power_cut),
		STORE_TEST(disk_error),
		STORE_TEST(disk_full),
	};
	if (argc == 3)
		return work(argv[2]);
	if (realpath("/proc/self/exe", self) == NULL || getenv("DISK_FAULTS") == NULL)
		return 1;
	seed = getenv("STORE_SEED") != NULL ? (unsigned)atoi(getenv("STORE_SEED"))
					    : (unsigned)time(NULL);
	printf("STORE_SEED=%u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
