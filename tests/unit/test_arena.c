/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The arena: attach and its refusals, the allocator's bounds, adoption after a crash, lack of
 * memory. */
#include "shm/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define SIZE (64ull << 20)
#define BLOCKS 600u

static char path[] = "/dev/shm/millrace-test-arena.XXXXXX";

static int
setup(void **state)
{
	strcpy(path + sizeof path - 7, "XXXXXX");
	int fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int
teardown(void **state)
{
	unlink(path);
	return 0;
}

static void
open_writer(struct arena *a, uint64_t size, bool expect_fresh)
{
	bool fresh;
	int err = arena_open_writer(a, path, size, &fresh);
	if (err != 0)
		fail_msg("arena_open_writer: %d %s", err, arena_error());
	assert_int_equal(fresh, expect_fresh);
}

/* Where `user` is set, that user may write to the run directory, and root opens the arena. */
static void
writer_follows_no_link(void **state)
{
	char target[sizeof path + 8];
	struct stat st;
	struct arena a;
	bool fresh;

	snprintf(target, sizeof target, "%s.target", path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(arena_open_writer(&a, path, SIZE, &fresh), -ELOOP);
	assert_non_null(strstr(arena_error(), "symbolic link"));
	assert_int_equal(lstat(target, &st), -1);
}

static void
reader_sees_what_the_writer_wrote(void **state)
{
	struct arena w, r;
	open_writer(&w, SIZE, true);
	uint64_t off = arena_alloc(&w, 100);
	assert_true(off != 0 && off % ARENA_ALIGN == 0);
	strcpy(arena_writable(&w, off), "hello");
	assert_int_equal(arena_attach(&r, path), 0);
	assert_string_equal(arena_at(&r, off, 6), "hello");
	assert_true(
		arena_header(&r)->seed == arena_header(&w)->seed && arena_header(&r)->seed != 0);
	assert_null(arena_at(&r, SIZE - 5, 6));
	assert_null(arena_at(&r, ~0ull, 6));
	assert_null(arena_at(&r, 0, 6));
	arena_close(&r);
	arena_close(&w);
}

static void
second_writer_is_refused(void **state)
{
	struct arena w, w2;
	bool fresh;
	open_writer(&w, SIZE, true);
	assert_int_equal(arena_open_writer(&w2, path, SIZE, &fresh), -EBUSY);
	assert_non_null(strstr(arena_error(), "another control plane"));
	arena_close(&w);
	open_writer(&w, SIZE, false);
	arena_close(&w);
}

static void
attach_refuses_what_is_no_arena(void **state)
{
	struct arena w, r;
	bool fresh;
	struct arena_header h;

	assert_int_equal(arena_attach(&r, "/nonexistent/arena"), -ENOENT);
	assert_int_equal(arena_attach(&r, path), -EAGAIN); /* empty file: its creator is not done */
	open_writer(&w, SIZE, true);
	memcpy(&h, w.base, sizeof h);
	arena_close(&w);
	int fd = open(path, O_RDWR);
	h.version++;
	assert_int_equal(pwrite(fd, &h, sizeof h, 0), sizeof h);
	assert_int_equal(arena_attach(&r, path), -EPROTO);
	assert_non_null(strstr(arena_error(), "restart"));
	assert_int_equal(arena_open_writer(&w, path, SIZE, &fresh), -EPROTO);
	h.version--;
	h.size += ARENA_SEGMENT;
	assert_int_equal(pwrite(fd, &h, sizeof h, 0), sizeof h);
	assert_int_equal(arena_attach(&r, path), -EPROTO);
	h.magic = 0;
	assert_int_equal(pwrite(fd, &h, sizeof h, 0), sizeof h);
	assert_int_equal(arena_attach(&r, path), -EAGAIN);
	open_writer(&w, SIZE, true); /* what nobody finished is made anew */
	arena_close(&w);
	assert_int_equal(pwrite(fd, "rubbish!", 8, 0), 8);
	assert_int_equal(arena_attach(&r, path), -EPROTO);
	assert_int_equal(arena_open_writer(&w, path, SIZE, &fresh), -EPROTO);
	close(fd);
}

static void
sizes_out_of_range_are_refused(void **state)
{
	struct arena w;
	bool fresh;
	assert_int_equal(
		arena_open_writer(&w, path, ARENA_SIZE_MIN - ARENA_SEGMENT, &fresh), -EINVAL);
	assert_int_equal(arena_open_writer(&w, path, SIZE + 4096, &fresh), -EINVAL);
}

struct block {
	uint64_t off, len;
	uint8_t fill;
};

/* Sizes as zones have them: mostly small, some chunks, now and then more than a segment. */
static uint64_t
some_length(unsigned *seed)
{
	unsigned kind = (unsigned)rand_r(seed) % 1000;
	if (kind < 900)
		return 1 + (uint64_t)rand_r(seed) % 2000;
	if (kind < 995)
		return 1 + (uint64_t)rand_r(seed) % 60000;
	return 1 + (uint64_t)rand_r(seed) % (5 * ARENA_SEGMENT);
}

static void
check_filled(const struct arena *a, const struct block *b)
{
	const uint8_t *p = a->base + b->off;
	assert_int_equal(p[0], b->fill);
	assert_int_equal(p[b->len - 1], b->fill);
	assert_memory_equal(p, p + b->len / 2, b->len / 2 == 0 ? 0 : b->len - b->len / 2 - 1);
}

static void
random_rounds_keep_content_and_do_not_grow(void **state)
{
	struct arena a;
	struct block b[BLOCKS] = {0};
	struct arena_usage first, u;
	unsigned seed = 7;

	open_writer(&a, SIZE, true);
	arena_usage(&a, &first);
	for (unsigned round = 0; round < 40000; round++) {
		struct block *x = &b[(unsigned)rand_r(&seed) % BLOCKS];
		if (x->off != 0) {
			check_filled(&a, x);
			arena_free(&a, x->off, x->len);
		}
		x->len = some_length(&seed);
		x->off = arena_alloc(&a, x->len);
		x->fill = (uint8_t)round;
		if (x->off != 0)
			memset(arena_writable(&a, x->off), x->fill, x->len);
		arena_usage(&a, &u);
		assert_true(u.live_octets <= u.backed_octets && u.backed_octets <= u.size_octets);
	}
	for (unsigned i = 0; i < BLOCKS; i++)
		if (b[i].off != 0) {
			check_filled(&a, &b[i]);
			arena_free(&a, b[i].off, b[i].len);
		}
	arena_usage(&a, &u);
	assert_int_equal(u.live_octets, first.live_octets);
	/* everything given back but for the header's segment and one spare: the kernel says so too
	 */
	assert_true(u.backed_octets <= 2 * ARENA_SEGMENT);
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_true((uint64_t)st.st_blocks * 512 <= 2 * ARENA_SEGMENT);
	arena_close(&a);
}

static void
replacing_small_blocks_does_not_grow(void **state)
{
	struct arena a;
	struct arena_usage before, after;
	static uint64_t off[40000], len[40000];
	unsigned seed = 3;

	open_writer(&a, SIZE, true);
	for (unsigned i = 0; i < 40000; i++) {
		off[i] = arena_alloc(&a, len[i] = 300 + (uint64_t)rand_r(&seed) % 900);
		assert_true(off[i] != 0);
	}
	arena_usage(&a, &before);
	for (unsigned round = 0; round < 400000; round++) {
		unsigned i = (unsigned)rand_r(&seed) % 40000;
		uint64_t l = 300 + (uint64_t)rand_r(&seed) % 900;
		uint64_t o = arena_alloc(
			&a, l); /* the new version before the old one goes, as a reload does */
		assert_true(o != 0);
		arena_free(&a, off[i], len[i]);
		off[i] = o;
		len[i] = l;
	}
	arena_usage(&a, &after);
	assert_true(after.backed_octets <= before.backed_octets + before.backed_octets / 4);
	arena_close(&a);
}

static void
exhaustion_gives_zero_and_is_recovered_from(void **state)
{
	struct arena a;
	uint64_t off[32];
	unsigned n = 0;

	open_writer(&a, ARENA_SIZE_MIN, true);
	assert_int_equal(arena_alloc(&a, ARENA_SIZE_MIN + 1), 0);
	assert_int_equal(arena_alloc(&a, ~0ull), 0);
	assert_int_equal(arena_alloc(&a, 0), 0);
	while ((off[n] = arena_alloc(&a, ARENA_SEGMENT)) != 0)
		n++;
	assert_int_equal(n, ARENA_SIZE_MIN / ARENA_SEGMENT - 1); /* all but the header's */
	assert_int_equal(arena_alloc(&a, ARENA_SEGMENT), 0);
	assert_true(arena_alloc(&a, 64) != 0);
	arena_free(&a, off[2], ARENA_SEGMENT);
	arena_free(&a, off[3], ARENA_SEGMENT);
	assert_int_equal(arena_alloc(&a, 2 * ARENA_SEGMENT), off[2]);
	arena_close(&a);
}

static void
adopted_blocks_survive_and_the_rest_is_free(void **state)
{
	struct arena a;
	uint64_t small[64], big, half, n = 0;
	int fds[2];

	open_writer(&a, SIZE, true);
	arena_close(&a);
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		bool fresh;
		uint64_t out[66];
		if (arena_open_writer(&a, path, SIZE, &fresh) != 0)
			_exit(1);
		for (unsigned i = 0; i < 64; i++) {
			out[i] = arena_alloc(&a, 1000 + i);
			memset(arena_writable(&a, out[i]), (int)i, 1000 + i);
		}
		out[64] = arena_alloc(&a, 5 * ARENA_SEGMENT);
		memset(arena_writable(&a, out[64]), 0x64, 5 * ARENA_SEGMENT);
		out[65] = arena_alloc(&a, ARENA_SEGMENT / 2);
		if (write(fds[1], out, sizeof out) != (ssize_t)sizeof out)
			_exit(1);
		pause();
		_exit(1);
	}
	uint64_t in[66];
	assert_int_equal(read(fds[0], in, sizeof in), sizeof in);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	memcpy(small, in, sizeof small);
	big = in[64];
	half = in[65];

	open_writer(&a, SIZE, false);
	for (unsigned i = 0; i < 64; i += 2)
		assert_int_equal(arena_adopt(&a, small[i], 1000 + i), 0);
	assert_int_equal(arena_adopt(&a, small[2], 64), -EINVAL); /* live already */
	assert_int_equal(arena_adopt(&a, 0, 64), -EINVAL);        /* the header */
	assert_int_equal(arena_adopt(&a, 64, 64), -EINVAL);
	assert_int_equal(arena_adopt(&a, SIZE - 64, 128), -EINVAL);
	assert_int_equal(arena_adopt(&a, small[1] + 1, 64), -EINVAL);
	assert_int_equal(
		arena_adopt(&a, ARENA_SEGMENT * 20 - 64, 128), -EINVAL); /* across segments */
	assert_int_equal(arena_adopt(&a, big, 5 * ARENA_SEGMENT), 0);
	assert_int_equal(arena_adopt(&a, big + ARENA_SEGMENT, 64), -EINVAL);
	/* what was not adopted is allocated again, and nothing that was adopted is touched */
	for (uint64_t off; (off = arena_alloc(&a, 1024)) != 0; n++)
		memset(arena_writable(&a, off), 0xff, 1024);
	assert_int_equal(arena_adopt(&a, half, 64), -EINVAL); /* too late */
	assert_true(n > (SIZE - 6 * ARENA_SEGMENT) / 1024 - 200);
	for (unsigned i = 0; i < 64; i += 2) {
		struct block b = {small[i], 1000 + i, (uint8_t)i};
		check_filled(&a, &b);
		arena_free(&a, small[i], 1000 + i);
	}
	struct block b = {big, 5 * ARENA_SEGMENT, 0x64};
	check_filled(&a, &b);
	arena_free(&a, big, 5 * ARENA_SEGMENT);
	arena_close(&a);
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writer_follows_no_link, setup, teardown),
		cmocka_unit_test_setup_teardown(reader_sees_what_the_writer_wrote, setup, teardown),
		cmocka_unit_test_setup_teardown(second_writer_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(attach_refuses_what_is_no_arena, setup, teardown),
		cmocka_unit_test_setup_teardown(sizes_out_of_range_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			random_rounds_keep_content_and_do_not_grow, setup, teardown),
		cmocka_unit_test_setup_teardown(
			replacing_small_blocks_does_not_grow, setup, teardown),
		cmocka_unit_test_setup_teardown(
			exhaustion_gives_zero_and_is_recovered_from, setup, teardown),
		cmocka_unit_test_setup_teardown(
			adopted_blocks_survive_and_the_rest_is_free, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
