/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Publishing: what a reader finds, growth of the directory, bounds of memory, take-over, grace. */
#include "controlplane/zones/zone_publish.h"
#include "shm/zone_directory.h"
#include "zone_fixture.h"
#include "tests/unit/hub_fixture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define SIZE (256ull << 20)

static char hub_path[] = "/dev/shm/millrace-test-hub.XXXXXX";

static struct zone_publisher *
publisher(struct arena *a, struct hub *hub)
{
	struct zone_publisher *p;
	uint32_t n_damaged;
	assert_int_equal(zone_publisher_create(&p, a, hub, &n_damaged), 0);
	assert_int_equal(n_damaged, 0);
	return p;
}

/* A small zone called `name`, with this serial. */
static uint64_t
small_zone(struct arena *a, const char *name, unsigned serial)
{
	char text[512];
	snprintf(text, sizeof text,
		"$TTL 60\n@ SOA ns h %u 1 1 1 60\n@ NS ns\nns A 192.0.2.1\nwww A 192.0.2.%u\n",
		serial, serial & 255);
	return compile_text(a, name, text);
}

/* As a worker would; NULL when there is no such zone. */
static const struct image *
reader_finds(const struct arena *a, const char *name)
{
	uint8_t wire[256 + 40];
	unsigned len = wire_name(wire, name);
	const struct zone_directory *d = zone_directory_current(a);
	if (d == NULL)
		return NULL;
	uint8_t label[NAME_LABELS_MAX];
	const struct image *im =
		zone_directory_find(a, d, name_hash(arena_header(a)->seed, wire), wire, len);
	struct label_set set = zone_directory_labels(d, NAME_LABELS_MAX);
	bool announced = false;
	for (unsigned k; im != NULL && (k = label_set_next(&set)) != LABELS_END;)
		announced |= k == name_labels(wire, label);
	assert_true(im == NULL || announced);
	return im;
}

static void
published_replaced_and_withdrawn(void **state)
{
	struct arena a, r;
	uint8_t wire[256 + 40];

	arena_open(&a, SIZE);
	struct zone_publisher *p = publisher(&a, NULL);
	assert_int_equal(arena_attach(&r, arena_path), 0);
	assert_null(reader_finds(&r, "one.test."));
	uint64_t first = small_zone(&a, "one.test.", 1);
	assert_int_equal(zone_publish(p, first), 0);
	assert_int_equal(zone_publish(p, small_zone(&a, "two.test.", 2)), 0);
	assert_int_equal(reader_finds(&r, "one.test.")->serial, 1);
	assert_int_equal(reader_finds(&r, "two.test.")->serial, 2);
	assert_null(reader_finds(&r, "test."));
	wire_name(wire, "one.test.");
	assert_int_equal(zone_published(p, wire), first);
	uint64_t generation = arena_header(&r)->generation;
	assert_int_equal(zone_publish(p, small_zone(&a, "one.test.", 7)), 0);
	assert_int_equal(reader_finds(&r, "one.test.")->serial, 7);
	assert_true(arena_header(&r)->generation > generation);
	assert_int_equal(zone_withdraw(p, wire), 0);
	assert_null(reader_finds(&r, "one.test."));
	assert_int_equal(zone_published(p, wire), 0);
	assert_int_equal(zone_withdraw(p, wire), -ENOENT);
	assert_non_null(reader_finds(&r, "two.test."));
	assert_int_equal(zone_publish(p, 12345 * 64), -EINVAL);
	zone_publisher_destroy(p);
	arena_close(&r);
	arena_close(&a);
}

static void
count_one(void *arg, uint64_t image_off)
{
	++*(unsigned *)arg;
}

static void
directory_grows_one_by_one_and_many_at_once(void **state)
{
	struct arena a;
	uint64_t *off = calloc(20000, sizeof *off);
	char name[32];
	unsigned n = 0;

	arena_open(&a, SIZE);
	struct zone_publisher *p = publisher(&a, NULL);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "z%u.test.", i);
		assert_int_equal(zone_publish(p, small_zone(&a, name, i)), 0);
	}
	/* the last thousand replace, the rest is new */
	for (unsigned i = 2000; i < 20000; i++) {
		snprintf(name, sizeof name, "z%u.test.", i);
		off[i] = small_zone(&a, name, i + 100000);
	}
	assert_int_equal(zone_publish_many(p, off + 2000, 18000), 0);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof name, "z%u.test.", i);
		const struct image *im = reader_finds(&a, name);
		assert_non_null(im);
		assert_int_equal(im->serial, i < 2000 ? i : i + 100000);
	}
	zone_published_each(p, count_one, &n);
	assert_int_equal(n, 20000);
	assert_int_equal(zone_directory_current(&a)->n_zones, 20000);
	off[0] = small_zone(&a, "same.test.", 1);
	off[1] = small_zone(&a, "same.test.", 2);
	assert_int_equal(zone_publish_many(p, off, 2), -EINVAL);
	assert_null(reader_finds(&a, "same.test."));
	free(off);
	zone_publisher_destroy(p);
	arena_close(&a);
}

static void
reloads_and_withdrawals_do_not_grow(void **state)
{
	struct arena a;
	struct arena_usage before, after;
	unsigned seed = 5;
	uint8_t wire[256 + 40];
	char name[32];

	arena_open(&a, SIZE);
	struct zone_publisher *p = publisher(&a, NULL);
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "z%u.test.", i);
		assert_int_equal(zone_publish(p, small_zone(&a, name, i)), 0);
	}
	arena_usage(&a, &before);
	for (unsigned round = 0; round < 10000; round++) {
		snprintf(name, sizeof name, "z%u.test.", (unsigned)rand_r(&seed) % 2000);
		if (round % 3 == 0) {
			wire_name(wire, name);
			assert_int_equal(zone_withdraw(p, wire), 0);
			assert_null(reader_finds(&a, name));
		}
		assert_int_equal(zone_publish(p, small_zone(&a, name, round)), 0);
		assert_int_equal(reader_finds(&a, name)->serial, round);
	}
	arena_usage(&a, &after);
	assert_true(after.backed_octets <= before.backed_octets + ARENA_SEGMENT);
	/* names that come and go leave removed slots: they must not fill the directory */
	for (unsigned round = 0; round < 20000; round++) {
		snprintf(name, sizeof name, "t%u.test.", round);
		wire_name(wire, name);
		assert_int_equal(zone_publish(p, small_zone(&a, name, round)), 0);
		assert_int_equal(zone_withdraw(p, wire), 0);
	}
	arena_usage(&a, &after);
	assert_true(after.backed_octets <= before.backed_octets + ARENA_SEGMENT);
	assert_int_equal(zone_directory_current(&a)->n_zones, 2000);
	zone_publisher_destroy(p);
	arena_close(&a);
}

static void
full_arena_leaves_the_published_zone(void **state)
{
	struct arena a;
	static char text[6 << 20];

	arena_open(&a, ARENA_SIZE_MIN);
	struct zone_publisher *p = publisher(&a, NULL);
	size_t at =
		(size_t)sprintf(text, "$TTL 60\n@ SOA ns h 1 1 1 1 60\n@ NS ns\nns A 192.0.2.1\n");
	for (unsigned i = 0; i < 160000; i++)
		at += (size_t)sprintf(text + at, "host-%u A 192.0.2.1\n", i);
	uint64_t off = compile_text(&a, "big.test.", text);
	assert_true(off != 0);
	assert_int_equal(zone_publish(p, off), 0);
	memcpy(strstr(text, " h 1 1"), " h 2 1", 6);
	/* the arena does not hold it twice */
	struct arena_usage before, after;
	arena_usage(&a, &before);
	assert_int_equal(compile_text(&a, "big.test.", text), 0);
	arena_usage(&a, &after);
	assert_int_equal(before.live_octets, after.live_octets);
	assert_int_equal(reader_finds(&a, "big.test.")->serial, 1);
	/* a smaller version still goes in */
	assert_int_equal(zone_publish(p, small_zone(&a, "big.test.", 3)), 0);
	assert_int_equal(reader_finds(&a, "big.test.")->serial, 3);
	zone_publisher_destroy(p);
	arena_close(&a);
}

/* A writer that publishes 500 zones and one of 50,000 names, and settings; then it is killed. */
static void
killed_writer(void)
{
	static char text[3 << 20];
	struct zone_publisher *p;
	struct arena a;
	uint32_t n_damaged;
	bool fresh;
	char name[32];

	if (arena_open_writer(&a, arena_path, SIZE, &fresh) != 0 ||
		zone_publisher_create(&p, &a, NULL, &n_damaged) != 0)
		_exit(1);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "z%u.test.", i);
		if (zone_publish(p, small_zone(&a, name, i)) != 0)
			_exit(1);
	}
	size_t at =
		(size_t)sprintf(text, "$TTL 60\n@ SOA ns h 9 1 1 1 60\n@ NS ns\nns A 192.0.2.1\n");
	for (unsigned i = 0; i < 50000; i++)
		at += (size_t)sprintf(text + at, "host-%u A 192.0.2.1\n", i);
	struct settings s = {.udp_payload_max = 1232};
	if (zone_publish(p, compile_text(&a, "big.test.", text)) != 0 ||
		settings_publish(p, &s) != 0)
		_exit(1);
	/* in the middle of something: compiled, never published */
	if (small_zone(&a, "never.test.", 1) == 0)
		_exit(1);
	kill(getpid(), SIGKILL);
	_exit(1);
}

static void
run_killed_writer(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		killed_writer();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
successor_of_a_killed_writer_goes_on(void **state)
{
	struct arena a, r;
	struct arena_usage u;
	char name[32];

	run_killed_writer();
	arena_open(&a, SIZE);
	assert_int_equal(arena_attach(&r, arena_path), 0);
	struct zone_publisher *p = publisher(&a, NULL);
	arena_usage(&a, &u);
	uint64_t live = u.live_octets;
	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "z%u.test.", i);
		assert_int_equal(reader_finds(&r, name)->serial, i);
		assert_int_equal(zone_publish(p, small_zone(&a, name, i + 1000)), 0);
	}
	arena_usage(&a, &u);
	assert_int_equal(u.live_octets, live);
	assert_int_equal(reader_finds(&r, "big.test.")->n_names, 50002);
	assert_null(reader_finds(&r, "never.test."));
	uint64_t big = (uint64_t)((const uint8_t *)reader_finds(&a, "big.test.") - a.base);
	const char *why = "";
	if (image_verify(&a, big, &why) != 0)
		fail_msg("%s", why);
	const struct settings *s = arena_at(&r, arena_header(&r)->settings, sizeof *s);
	assert_int_equal(s->udp_payload_max, 1232);
	zone_publisher_destroy(p);
	arena_close(&r);
	arena_close(&a);
}

static void
damaged_images_are_withdrawn_at_take_over(void **state)
{
	struct zone_publisher *p;
	struct arena a;
	uint32_t n_damaged;

	run_killed_writer();
	arena_open(&a, SIZE);
	struct image *im = (struct image *)(uintptr_t)reader_finds(&a, "z7.test.");
	im->apex[1] = 'y';
	struct image *big = (struct image *)(uintptr_t)reader_finds(&a, "big.test.");
	struct image_chunk_ref *ref = (struct image_chunk_ref *)((uint8_t *)big + big->chunks_at);
	ref[3].off = ref[2].off; /* two owners of one block */
	im = (struct image *)(uintptr_t)reader_finds(&a, "z8.test.");
	im->block_len = 0x7fffffff;
	assert_int_equal(zone_publisher_create(&p, &a, NULL, &n_damaged), 0);
	assert_int_equal(n_damaged, 3);
	assert_null(reader_finds(&a, "z7.test."));
	assert_null(reader_finds(&a, "z8.test."));
	assert_null(reader_finds(&a, "big.test."));
	assert_int_equal(reader_finds(&a, "z9.test.")->serial, 9);
	assert_int_equal(zone_directory_current(&a)->n_zones, 498);
	assert_int_equal(zone_publish(p, small_zone(&a, "z7.test.", 77)), 0);
	assert_int_equal(reader_finds(&a, "z7.test.")->serial, 77);
	zone_publisher_destroy(p);
	arena_close(&a);
}

static void
damaged_directory_is_given_up(void **state)
{
	struct zone_publisher *p;
	struct arena a;
	uint32_t n_damaged;

	run_killed_writer();
	arena_open(&a, SIZE);
	struct zone_directory *d = (struct zone_directory *)(uintptr_t)zone_directory_current(&a);
	d->bucket_mask = 0x0ffffff0;
	assert_int_equal(zone_publisher_create(&p, &a, NULL, &n_damaged), 0);
	assert_true(n_damaged > 0);
	assert_null(reader_finds(&a, "z9.test."));
	assert_int_equal(zone_publish(p, small_zone(&a, "z9.test.", 99)), 0);
	assert_int_equal(reader_finds(&a, "z9.test.")->serial, 99);
	zone_publisher_destroy(p);
	arena_close(&a);
}

/* A live dataplane is needed for grace periods to wait: this process takes its role, in a child. */
static void
readers_keep_what_they_read_until_they_let_go(void **state)
{
	int go[2], gone[2];
	char c;

	strcpy(hub_path + sizeof hub_path - 7, "XXXXXX");
	int fd = mkstemp(hub_path);
	assert_true(fd >= 0);
	close(fd);
	unlink(hub_path);
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(gone), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct hub *h;
		close(go[1]);
		if (hub_open(&h, hub_path, HUB_DATAPLANE) != 0 || hub_worker_claim(h, 0) != 0)
			_exit(1);
		/* the control plane has made its file, and waits for us */
		while (hub_refresh(h), !hub_has(h, HUB_CONTROLPLANE))
			usleep(1000);
		atomic_store(&h->instance[h->seat].n_workers, 1);
		grace_online(h, hub_own_worker(h, 0));
		if (write(gone[1], "r", 1) != 1)
			_exit(1);
		/* each letter that comes in: let go of what is held */
		while (read(go[0], &c, 1) == 1) {
			grace_quiescent(h, hub_own_worker(h, 0));
			if (write(gone[1], "q", 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	close(go[0]);
	close(gone[1]);
	struct hub *h;
	struct arena a;
	struct zone_publisher *p;
	uint32_t n_damaged;
	assert_int_equal(hub_open(&h, hub_path, HUB_CONTROLPLANE), 0);
	assert_int_equal(read(gone[0], &c, 1), 1);
	arena_open(&a, SIZE);
	/* the worker does not let go of anything: taking over an arena cannot be safe */
	assert_int_equal(zone_publisher_create(&p, &a, h, &n_damaged), -ETIMEDOUT);
	assert_int_equal(zone_publisher_create(&p, &a, NULL, &n_damaged), 0);
	zone_publisher_destroy(p);
	(void)!write(go[1], "x", 1);
	assert_int_equal(read(gone[0], &c, 1), 1);
	pid_t helper = fork();
	if (helper == 0) {
		for (unsigned i = 0; i < 50; i++) {
			usleep(10000);
			(void)!write(go[1], "x", 1);
		}
		_exit(0);
	}
	assert_int_equal(zone_publisher_create(&p, &a, h, &n_damaged), 0);
	waitpid(helper, NULL, 0);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(read(gone[0], &c, 1), 1);

	uint64_t first = small_zone(&a, "z.test.", 1);
	assert_int_equal(zone_publish(p, first), 0);
	(void)!write(go[1], "x", 1);
	assert_int_equal(read(gone[0], &c, 1), 1);
	assert_int_equal(zone_publisher_reclaim(p), 0);
	const struct image *held = reader_finds(&a, "z.test.");
	assert_int_equal(zone_publish(p, small_zone(&a, "z.test.", 2)), 0);
	assert_int_equal(zone_publisher_reclaim(p), 1);
	for (unsigned i = 3; i < 100; i++)
		assert_int_equal(zone_publish(p, small_zone(&a, "z.test.", i)), 0);
	assert_int_equal(zone_publisher_reclaim(p), 98);
	assert_int_equal(held->serial, 1);
	(void)!write(go[1], "x", 1);
	assert_int_equal(read(gone[0], &c, 1), 1);
	assert_int_equal(zone_publisher_reclaim(p), 0);
	assert_int_equal(reader_finds(&a, "z.test.")->serial, 99);
	close(go[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	zone_publisher_destroy(p);
	arena_close(&a);
	hub_close(h);
	close(gone[0]);
	hub_remove_files(hub_path);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, arena_path_setup, arena_path_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(published_replaced_and_withdrawn),
		TEST(directory_grows_one_by_one_and_many_at_once),
		TEST(reloads_and_withdrawals_do_not_grow),
		TEST(full_arena_leaves_the_published_zone),
		TEST(successor_of_a_killed_writer_goes_on),
		TEST(damaged_images_are_withdrawn_at_take_over),
		TEST(damaged_directory_is_given_up),
		TEST(readers_keep_what_they_read_until_they_let_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
