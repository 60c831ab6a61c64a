/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A patched image answers as one that was compiled as a whole does, whatever was changed; and what
 * two images share is freed once. The seed of the made-up zones is printed; MILLRACE_TEST_SEED and
 * MILLRACE_TEST_STEPS say which and how many. */
#include "controlplane/zones/zone_chunk.h"
#include "controlplane/zones/zone_publish.h"
#include "shm/zone_directory.h"
#include "image_compare.h"
#include "zone_random.h"

#include <errno.h>
#include <time.h>

#define SIZE (64ull << 20)
#define EDITS_MAX 6u

static uint64_t
number(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);
	return text == NULL ? fallback : strtoull(text, NULL, 0);
}

/* A zone that is published, and changed step by step. */
struct life {
	struct arena a;
	struct zone_publisher *publisher;
	struct random_zone zone;
	uint64_t image;
	uint64_t n_records;
	unsigned n_patched, n_whole;
};

static void
life_open(struct life *l, uint64_t seed, unsigned n_hosts, unsigned n_wanted)
{
	uint32_t n_damaged;

	*l = (struct life){0};
	arena_open(&l->a, SIZE);
	assert_int_equal(zone_publisher_create(&l->publisher, &l->a, NULL, &n_damaged), 0);
	random_zone_init(&l->zone, seed, n_hosts, n_wanted);
	assert_int_equal(random_compile(&l->zone, &l->a, &l->image, &l->n_records), 0);
	assert_int_equal(zone_publish(l->publisher, l->image), 0);
}

static uint64_t
live_octets(const struct life *l)
{
	struct arena_usage u;
	arena_usage(&l->a, &u);
	return u.live_octets;
}

static void
life_close(struct life *l)
{
	uint64_t directory = zone_directory_octets(7) + 128;
	uint8_t apex[256 + 40];

	wire_name(apex, "example.");
	assert_int_equal(zone_withdraw(l->publisher, apex), 0);
	/* header and directory */
	assert_in_range(live_octets(l), 128, directory);
	zone_publisher_destroy(l->publisher);
	free(l->zone.record);
	arena_close(&l->a);
}

static void
verify(const struct life *l, uint64_t off)
{
	const char *why = "";
	if (image_verify(&l->a, off, &why) != 0)
		fail_msg("%s", why);
}

static int
patch(struct life *l, uint8_t owner[][256 + 40], unsigned n, struct zone_patch_result *result)
{
	const struct zone_reader reader = {
		random_rrsets, random_below_name, random_referrers, &l->zone, l->n_records};
	const uint8_t *list[EDITS_MAX + 1];

	for (unsigned i = 0; i < n; i++)
		list[i] = owner[i];
	return zone_patch(&l->a, l->image, &reader, list, n, result);
}

static uint64_t
bucket_octets(const struct image *im)
{
	const struct image_chunk_ref *ref =
		(const struct image_chunk_ref *)((const uint8_t *)im + im->chunks_at);
	uint64_t n = 0;

	for (uint32_t i = 0; i < 1u << im->chunk_bits; i++)
		n += ref[i].bucket_mask + 1;
	return n * sizeof(struct image_bucket);
}

/* Not much larger than it would be as a whole, and look-ups do not go farther. */
static void
shape_is_good(const struct life *l, uint64_t patched, uint64_t whole)
{
	const struct image *x = image_at(&l->a, patched), *y = image_at(&l->a, whole);
	uint64_t buckets = bucket_octets(x), room = 128ull << x->chunk_bits;

	assert_in_range(
		x->octets - buckets, 0, (y->octets - bucket_octets(y)) * 4 / 3 + room + 1024);
	/* the names of a chunk are 7 a bucket at most, on average: that many have room in 10 */
	assert_in_range(buckets * 7, x->n_names * 64, bucket_octets(y) * 7 * 4 + room * 4);
}

/* Some edits; the owners that they are at. */
static unsigned
edit(struct life *l, uint8_t owner[][256 + 40])
{
	unsigned n = 1 + random_below(&l->zone, EDITS_MAX);

	memset(owner, 0, (EDITS_MAX + 1) * (256 + 40));
	for (unsigned i = 0; i < n; i++)
		random_edit(&l->zone, owner[i]);
	if (random_below(&l->zone, 4) != 0)
		random_soa(&l->zone, owner[n++]);
	random_sort(&l->zone);
	return n;
}

/* One step: edit, patch, compare with the whole, publish one or the other, or nothing. */
static void
step(struct life *l)
{
	uint8_t owner[EDITS_MAX + 1][256 + 40];
	struct zone_patch_result result;
	uint64_t whole;
	unsigned n = edit(l, owner);

	assert_int_equal(random_compile(&l->zone, &l->a, &whole, &l->n_records), 0);
	uint64_t with_whole = live_octets(l);
	int err = patch(l, owner, n, &result);
	if (err == -EAGAIN) {
		assert_int_equal(live_octets(l), with_whole);
		assert_int_equal(zone_publish(l->publisher, whole), 0);
		l->image = whole;
		l->n_whole++;
		return;
	}
	assert_int_equal(err, 0);
	l->n_patched++;
	verify(l, l->image); /* the old one is as it was */
	verify(l, result.image_off);
	images_are_equal(&l->a, whole, result.image_off);
	shape_is_good(l, result.image_off, whole);
	if (random_below(&l->zone, 8) == 0) {
		zone_patch_discard(&l->a, l->image, result.image_off);
		assert_int_equal(live_octets(l), with_whole);
		assert_int_equal(zone_publish(l->publisher, whole), 0);
		l->image = whole;
		return;
	}
	zone_image_free(&l->a, whole);
	assert_int_equal(zone_publish_patched(l->publisher, l->image, result.image_off), 0);
	l->image = result.image_off;
	/* nothing is left of the old one */
	assert_in_range(live_octets(l), image_at(&l->a, l->image)->octets,
		image_at(&l->a, l->image)->octets +
			64ull * (2u << image_at(&l->a, l->image)->chunk_bits) + 4096);
}

/* A control plane ends and the next one takes over. */
static void
restart(struct life *l)
{
	uint64_t before = live_octets(l);
	uint32_t n_damaged = 1;
	uint8_t apex[256 + 40];

	wire_name(apex, "example.");
	zone_publisher_destroy(l->publisher);
	arena_close(&l->a);
	arena_open(&l->a, SIZE);
	assert_int_equal(zone_publisher_create(&l->publisher, &l->a, NULL, &n_damaged), 0);
	assert_int_equal(n_damaged, 0);
	assert_int_equal(zone_published(l->publisher, apex), l->image);
	assert_int_equal(live_octets(l), before);
	verify(l, l->image);
}

static void
live(unsigned names_in_chunk, unsigned n_hosts, unsigned n_wanted, unsigned n_steps)
{
	uint64_t seed = number("MILLRACE_TEST_SEED", (uint64_t)time(NULL) * 1000003u);
	struct life l;

	zone_chunk_names = names_in_chunk;
	printf("seed %llu, %u hosts, %u names a chunk\n", (unsigned long long)seed, n_hosts,
		names_in_chunk);
	life_open(&l, seed, n_hosts, n_wanted);
	for (unsigned i = 1; i <= n_steps; i++) {
		step(&l);
		if (i % 100 == 0)
			restart(&l);
	}
	printf("%u patched, %u compiled whole; %llu names, %u chunks at the end\n", l.n_patched,
		l.n_whole, (unsigned long long)image_at(&l.a, l.image)->n_names,
		1u << image_at(&l.a, l.image)->chunk_bits);
	assert_true(l.n_patched > l.n_whole);
	life_close(&l);
}

static void
patched_zones_of_many_chunks_are_as_compiled(void **state)
{
	live(4, 300, 900, (unsigned)number("MILLRACE_TEST_STEPS", 1200));
	live(32, 40, 400, (unsigned)number("MILLRACE_TEST_STEPS", 1200));
}

static void
patched_zones_of_one_chunk_are_as_compiled(void **state)
{
	live(2048, 60, 300, (unsigned)number("MILLRACE_TEST_STEPS", 1200));
}

static void
changing_one_name_over_and_over_takes_no_room(void **state)
{
	uint8_t owner[EDITS_MAX + 1][256 + 40] = {0};
	struct zone_patch_result result;
	struct life l;
	uint64_t whole;

	zone_chunk_names = 64;
	life_open(&l, 11, 200, 500);
	wire_name(owner[0], "h0.example.");
	for (unsigned i = 0; i < 300; i++) {
		const uint8_t address[] = {10, 0, 0, (uint8_t)i};
		random_remove(&l.zone, owner[0], 0);
		random_add(&l.zone, owner[0], 1, 60, false, address, 4);
		random_sort(&l.zone);
		assert_int_equal(patch(&l, owner, 1, &result), 0);
		assert_int_equal(result.n_chunks, 1);
		assert_int_equal(zone_publish_patched(l.publisher, l.image, result.image_off), 0);
		l.image = result.image_off;
	}
	assert_int_equal(random_compile(&l.zone, &l.a, &whole, &l.n_records), 0);
	shape_is_good(&l, l.image, whole);
	zone_image_free(&l.a, whole);
	life_close(&l);
}

/* A reader that fails at its call number `at`. */
struct failing {
	struct random_zone *zone;
	unsigned n, at;
};

static int
failing_rrsets(void *arg, const uint8_t *owner,
	int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	struct failing *f = arg;
	return f->n++ == f->at ? -EIO : random_rrsets(f->zone, owner, each, to);
}

static int
failing_below(void *arg, const uint8_t *name,
	int (*each)(void *to, const struct backend_rrset *rrset), void *to)
{
	struct failing *f = arg;
	return f->n++ == f->at ? -EIO : random_below_name(f->zone, name, each, to);
}

static int
failing_referrers(void *arg, const uint8_t *target, bool below,
	int (*each)(void *to, const uint8_t *owner), void *to)
{
	struct failing *f = arg;
	return f->n++ == f->at ? -EIO : random_referrers(f->zone, target, below, each, to);
}

static void
failures_of_the_reader_are_passed_on_and_leave_nothing(void **state)
{
	uint8_t owner[EDITS_MAX + 1][256 + 40];
	const uint8_t *list[EDITS_MAX + 1];
	struct zone_patch_result result;
	struct life l;
	unsigned n_failed = 0;

	zone_chunk_names = 4;
	life_open(&l, 99, 100, 400);
	for (unsigned round = 0; round < 20; round++) {
		unsigned n = edit(&l, owner), at = 0;
		uint64_t before = live_octets(&l);
		int err = -EIO;
		for (unsigned i = 0; i < n; i++)
			list[i] = owner[i];
		for (; err == -EIO; at++) {
			struct failing f = {&l.zone, 0, at};
			const struct zone_reader reader = {
				failing_rrsets, failing_below, failing_referrers, &f, l.n_records};
			err = zone_patch(&l.a, l.image, &reader, list, n, &result);
			if (err == -EIO)
				assert_int_equal(live_octets(&l), before);
		}
		n_failed += at - 1;
		if (err == 0) {
			err = zone_publish_patched(l.publisher, l.image, result.image_off);
			l.image = result.image_off;
		}
		assert_true(err == 0 || err == -EAGAIN);
	}
	assert_true(n_failed > 200);
	life_close(&l);
}

static void
full_arena_is_told_and_leaves_nothing(void **state)
{
	static uint64_t block[1u << 20];
	uint8_t owner[EDITS_MAX + 1][256 + 40];
	struct zone_patch_result result;
	struct life l;
	uint32_t n = 0;

	zone_chunk_names = 4;
	life_open(&l, 7, 100, 400);
	for (uint64_t size = 1 << 20; size >= 64; size /= 2)
		while (n < 1u << 20 && (block[n] = arena_alloc(&l.a, size)) != 0) {
			arena_free(&l.a, block[n], size);
			block[n++] = arena_alloc(&l.a, size) | (uint64_t)__builtin_ctzll(size);
		}
	/* give back a few, so that some chunks find room, but not all that is needed */
	for (unsigned free_blocks = 0; free_blocks < 12; free_blocks++) {
		unsigned changed = edit(&l, owner);
		uint64_t before = live_octets(&l);
		int err = patch(&l, owner, changed, &result);
		assert_true(err == -ENOSPC || err == -EAGAIN);
		assert_int_equal(live_octets(&l), before);
		n--;
		arena_free(&l.a, block[n] & ~63ull, 1ull << (block[n] & 63));
	}
	while (n-- > 0)
		arena_free(&l.a, block[n] & ~63ull, 1ull << (block[n] & 63));
	verify(&l, l.image);
	life_close(&l);
}

static int
many_referrers(void *arg, const uint8_t *target, bool below,
	int (*each)(void *to, const uint8_t *owner), void *to)
{
	int err = 0;
	for (unsigned i = 0; i < 20001 && err == 0; i++) {
		char text[64];
		uint8_t name[256 + 40];
		snprintf(text, sizeof text, "r%u.example.", i);
		wire_name(name, text);
		err = each(to, name);
	}
	return err;
}

static void
what_cannot_be_patched_is_compiled_whole(void **state)
{
	struct life l;
	struct zone_patch_result result;
	uint64_t off;
	uint8_t apex[256 + 40];
	const uint8_t *list[] = {apex};

	zone_chunk_names = 16;
	life_open(&l, 3, 100, 400);
	wire_name(apex, "example.");
	struct zone_reader reader = {
		random_rrsets, random_below_name, random_referrers, &l.zone, l.n_records};
	uint64_t before = live_octets(&l);
	/* it is no image; it has no data; it is small; its chunks are too large, too small */
	assert_int_equal(zone_patch(&l.a, 64, &reader, list, 1, &result), -EAGAIN);
	assert_int_equal(zone_compile_unavailable(&l.a, apex, &off), 0);
	assert_int_equal(zone_patch(&l.a, off, &reader, list, 1, &result), -EAGAIN);
	zone_image_free(&l.a, off);
	off = compile_text(&l.a, "example.", "@ 9 SOA a b 1 2 3 4 5\n@ 9 NS a\na 9 A 192.0.2.1\n");
	assert_int_equal(zone_patch(&l.a, off, &reader, list, 1, &result), -EAGAIN);
	zone_image_free(&l.a, off);
	zone_chunk_names = 1;
	assert_int_equal(zone_patch(&l.a, l.image, &reader, list, 1, &result), -EAGAIN);
	zone_chunk_names = 200;
	assert_int_equal(zone_patch(&l.a, l.image, &reader, list, 1, &result), -EAGAIN);
	zone_chunk_names = 16;
	/* the SOA is gone; too many names depend on this one */
	assert_int_equal(zone_patch(&l.a, l.image, &reader, list, 1, &result), 0);
	zone_patch_discard(&l.a, l.image, result.image_off);
	assert_int_equal(live_octets(&l), before);
	random_remove(&l.zone, apex, 6);
	assert_int_equal(zone_patch(&l.a, l.image, &reader, list, 1, &result), -EINVAL);
	reader.referrers = many_referrers;
	random_remove(&l.zone, apex, 1);
	static const uint8_t address[] = {1, 2, 3, 4};
	random_add(&l.zone, apex, 1, 77, false, address, 4);
	random_sort(&l.zone);
	assert_int_equal(zone_patch(&l.a, l.image, &reader, list, 1, &result), -EAGAIN);
	assert_int_equal(live_octets(&l), before);
	life_close(&l);
}

static void
patch_of_what_is_not_published_is_refused(void **state)
{
	uint8_t owner[EDITS_MAX + 1][256 + 40];
	struct zone_patch_result result;
	struct life l;
	uint64_t published;

	zone_chunk_names = 4;
	life_open(&l, 5, 100, 400);
	uint64_t before = live_octets(&l);
	published = l.image;
	assert_int_equal(random_compile(&l.zone, &l.a, &l.image, &l.n_records), 0);
	unsigned n = edit(&l, owner);
	assert_int_equal(patch(&l, owner, n, &result), 0);
	assert_int_equal(zone_publish_patched(l.publisher, l.image, result.image_off), -ESTALE);
	assert_int_equal(zone_publish_patched(l.publisher, l.image, 64), -EINVAL);
	verify(&l, result.image_off);
	zone_patch_discard(&l.a, l.image, result.image_off);
	zone_image_free(&l.a, l.image);
	assert_int_equal(live_octets(&l), before);
	verify(&l, published);
	life_close(&l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, arena_path_setup, arena_path_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(patched_zones_of_many_chunks_are_as_compiled),
		TEST(patched_zones_of_one_chunk_are_as_compiled),
		TEST(changing_one_name_over_and_over_takes_no_room),
		TEST(failures_of_the_reader_are_passed_on_and_leave_nothing),
		TEST(full_arena_is_told_and_leaves_nothing),
		TEST(what_cannot_be_patched_is_compiled_whole),
		TEST(patch_of_what_is_not_published_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
