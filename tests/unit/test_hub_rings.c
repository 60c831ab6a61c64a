/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_hub_rings: who may write the rings' file damages it and keeps it locked, to hold up a
 * dataplane that mends it. */
#include "tests/unit/hub_test.h"

#define LOCK_CREATE ((1ll << 40) + 4096) /* hub_lock.c */
#define AT_ONCE_MS 500u

/* Lock the file that has the name, or one of its own in its place, for ever. */
static pid_t
child_locking(bool replace)
{
	int says[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(says), 0);
	pid = fork();
	if (pid == 0) {
		struct flock l = {.l_type = F_WRLCK, .l_start = LOCK_CREATE, .l_len = 1};
		int fd;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (replace)
			unlink(file_path("rings"));
		fd = open(file_path("rings"), O_RDWR | O_CREAT, 0660);
		c = fcntl(fd, F_SETLK, &l) == 0 ? 'y' : 'n';
		if (write(says[1], &c, 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(says[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	close(says[0]);
	close(says[1]);
	return pid;
}

static int
mend(struct hub *h)
{
	struct timespec begin, end;
	int err;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	err = hub_repair_rings(h);
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_in_range(
		(end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000, 0,
		AT_ONCE_MS);
	return err;
}

static void
expect_shared(struct hub *h)
{
	struct hub *stream;

	assert_true(hub_rings_are_whole(h));
	h->rings[0].to_worker.data[0] = 7;
	assert_int_equal(hub_open(&stream, path, HUB_STREAM), 0);
	assert_int_equal(stream->rings[0].to_worker.data[0], 7);
	hub_close(stream);
}

static void
test_who_keeps_the_rings_locked_holds_up_no_dataplane(void **state)
{
	struct hub *h;

	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(hub_worker_claim(h, 0), 0);
	h->instance[h->seat].n_workers = 1;
	for (unsigned replace = 0; replace < 2; replace++) {
		pid_t pid = child_locking(replace != 0);
		assert_int_equal(truncate(file_path("rings"), 0), 0);
		assert_false(hub_rings_are_whole(h));
		/* it might be a stream process that starts, and is making the file just now */
		assert_int_equal(mend(h), -EAGAIN);
		assert_int_equal(mend(h), -EAGAIN);
		assert_int_equal(mend(h), 0);
		expect_shared(h);
		child_end(pid);
	}
	/* the next one is believed again */
	pid_t pid = child_locking(false);
	assert_int_equal(truncate(file_path("rings"), 0), 0);
	assert_int_equal(mend(h), -EAGAIN);
	child_end(pid);
	assert_int_equal(mend(h), 0);
	expect_shared(h);
	hub_close(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_who_keeps_the_rings_locked_holds_up_no_dataplane, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
