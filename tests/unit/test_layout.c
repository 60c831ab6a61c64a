/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_layout: files that an earlier release left behind are taken over, with what is in them.
 * layouts/arena-1.0.bin is an arena as release 0.1.0 wrote it (its octets that are not zero), with
 * two zones and settings; it is made by `test_layout make FILE`, from the release that it is to
 * stand for, and never again. The hub's layout 2.0 is frozen here as structs. */
#include "controlplane/zones/zone_publish.h"
#include "dataplane/answer/answer.h"
#include "tests/unit/zone_fixture.h"
#include "tests/unit/hub_test.h"

#define RUN 64u /* octets in a run of the fixture: one cache line */

/* --- the fixture: runs of RUN octets, each behind its offset --- */

static int
fixture_make(const char *to)
{
	static uint8_t run[RUN];
	static const uint8_t zero[RUN];
	struct zone_publisher *p;
	uint32_t n_damaged;
	struct settings s = {.magic = SETTINGS_MAGIC, .udp_payload_max = 1232};
	struct arena a;

	arena_path_setup(NULL);
	arena_open(&a, ARENA_SIZE_MIN);
	if (zone_publisher_create(&p, &a, NULL, &n_damaged) != 0)
		return 1;
	s.nsid.len = 4;
	memcpy(s.nsid.octets, "old1", 4);
	if (settings_publish(p, &s) != 0 ||
		zone_publish(p, compile_text(&a, "one.test.",
					"$TTL 60\n@ SOA ns h 11 1 1 1 60\n@ NS ns\nns A "
					"192.0.2.1\nwww A 192.0.2.80\n* TXT \"any\"\n")) != 0 ||
		zone_publish(p, compile_text(&a, "two.test.",
					"$TTL 60\n@ SOA ns h 22 1 1 1 60\n@ NS ns\nns A "
					"192.0.2.2\nsub NS ns.sub\nns.sub A 192.0.2.3\n")) != 0)
		return 1;
	FILE *from = fopen(arena_path, "r"), *out = fopen(to, "w");
	for (uint64_t at = 0; fread(run, RUN, 1, from) == 1; at += RUN)
		if (memcmp(run, zero, RUN) != 0 &&
			(fwrite(&at, sizeof at, 1, out) != 1 || fwrite(run, RUN, 1, out) != 1))
			return 1;
	fclose(from);
	unlink(arena_path);
	return fclose(out);
}

static void
fixture_expand(const char *from)
{
	uint8_t run[RUN];
	uint64_t at;
	FILE *f = fopen(from, "r");
	int fd = open(arena_path, O_RDWR);

	assert_non_null(f);
	assert_int_equal(ftruncate(fd, ARENA_SIZE_MIN), 0);
	while (fread(&at, sizeof at, 1, f) == 1) {
		assert_int_equal(fread(run, RUN, 1, f), 1);
		assert_int_equal(pwrite(fd, run, RUN, (off_t)at), RUN);
	}
	fclose(f);
	close(fd);
}

/* Ask for an address; the last octet of the answer (an A record's), or -RCODE. */
static int
ask(struct answer_context *c, const char *name)
{
	uint8_t dns[ANSWER_ROOM_MIN] = {0, 1, 0, 0, 0, 1}, wire[256 + 40];
	unsigned len = wire_name(wire, name);
	struct answer_query q = {.dns = dns, .len = 12 + len + 4, .room = sizeof dns};

	memcpy(dns + 12, wire, len);
	dns[12 + len + 1] = 1;
	dns[12 + len + 3] = 1;
	answer_burst(c, &q, 1, 1);
	assert_true(q.out_len > 12);
	if ((dns[3] & 15) != 0)
		return -(dns[3] & 15);
	return dns[7] == 1 ? dns[12 + len + 4 + 15] : 0;
}

static void
test_an_arena_of_the_former_layout_is_answered_from_and_gone_on_with(void **state)
{
	struct zone_publisher *p;
	struct counters counters = {0};
	struct arena reader, writer;
	uint32_t n_damaged = 1;
	bool fresh = true;

	fixture_expand(getenv("MILLRACE_LAYOUTS_ARENA"));
	assert_int_equal(arena_attach(&reader, arena_path), 0);
	assert_int_equal(arena_header(&reader)->minor, 0);
	struct answer_context *c = answer_create(&reader, &counters);
	assert_int_equal(ask(c, "www.one.test."), 80);
	assert_int_equal(ask(c, "ns.two.test."), 2);
	assert_int_equal(ask(c, "nix.two.test."), -3);
	/* a new control plane, under the same reader */
	assert_int_equal(arena_open_writer(&writer, arena_path, ARENA_SIZE_MIN, &fresh), 0);
	assert_false(fresh);
	assert_int_equal(arena_header(&reader)->minor, ARENA_MINOR);
	assert_int_equal(zone_publisher_create(&p, &writer, NULL, &n_damaged), 0);
	assert_int_equal(n_damaged, 0);
	assert_int_equal(zone_publish(p, compile_text(&writer, "two.test.",
						 "$TTL 60\n@ SOA ns h 23 1 1 1 60\n@ NS ns\nns A "
						 "192.0.2.99\n")),
		0);
	assert_int_equal(ask(c, "ns.two.test."), 99);
	assert_int_equal(ask(c, "www.one.test."), 80);
	assert_int_equal(counter_get(&counters, CTR_IMAGE_DAMAGED), 0);
	answer_destroy(c);
	zone_publisher_destroy(p);
	arena_close(&writer);
	arena_close(&reader);
}

/* Back to this release from a later one: what that one added is not found any more. */
static void
test_an_arena_of_a_later_minor_version_is_taken_back(void **state)
{
	struct arena a;
	bool fresh = true;

	fixture_expand(getenv("MILLRACE_LAYOUTS_ARENA"));
	int fd = open(arena_path, O_RDWR);
	uint32_t minor = 77;
	uint64_t block = 4096;
	assert_int_equal(pwrite(fd, &minor, sizeof minor, offsetof(struct arena_header, minor)), 4);
	assert_int_equal(
		pwrite(fd, &block, sizeof block, offsetof(struct arena_header, reserved[1])), 8);
	close(fd);
	assert_int_equal(arena_attach(&a, arena_path), 0);
	arena_close(&a);
	assert_int_equal(arena_open_writer(&a, arena_path, ARENA_SIZE_MIN, &fresh), 0);
	assert_false(fresh);
	assert_int_equal(arena_header(&a)->minor, ARENA_MINOR);
	assert_int_equal(arena_header(&a)->reserved[1], 0);
	arena_close(&a);
}

/* --- the hub's files, layout 2.0: frozen --- */

struct section_2_0 {
	uint32_t id, count;
	uint64_t offset, entry_octets;
};

struct header_2_0 {
	uint64_t magic;
	uint32_t major, minor, file, n_sections;
	uint64_t reserved[5];
	struct section_2_0 section[64];
};

struct instance_2_0 {
	_Alignas(4096) uint32_t n_workers;
	uint32_t n_claimed;
	uint64_t started_ns;
	uint32_t n_counters, n_ports;
	char release[32];
	uint32_t n_port_counters, reserved0;
	uint64_t port_counter_key[64];
	uint8_t reserved1[3520];
	uint64_t counter_key[512];
};

struct worker_2_0 {
	_Alignas(4096) uint64_t counters[512];
	uint64_t epoch_seen, tsc_hz;
	uint8_t reserved[4080];
};

struct data_2_0 {
	union {
		struct header_2_0 header;
		uint8_t page[4096];
	};
	struct instance_2_0 instance[2];
	struct worker_2_0 worker[2][64];
};

/* A dataplane's file of release 0.2, whose counters were others: taken over with what it counted.
 */
static void
test_a_hub_of_the_former_layout_is_gone_on_with(void **state)
{
	static const struct section_2_0 sections[] = {
		{2, 2, offsetof(struct data_2_0, instance), sizeof(struct instance_2_0)},
		{3, 128, offsetof(struct data_2_0, worker), sizeof(struct worker_2_0)},
	};
	struct hub *h, *control;
	int fd = open(file_path("data"), O_RDWR | O_CREAT, 0640);
	struct data_2_0 *d = NULL;

	assert_int_equal(ftruncate(fd, sizeof *d), 0);
	d = mmap(NULL, sizeof *d, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(d, MAP_FAILED);
	d->header = (struct header_2_0){.magic = 0x323062756841524dull,
		.major = 2,
		.file = 1, /* hub.data */
		.n_sections = 2,
		.section = {sections[0], sections[1]}};
	d->instance[1].n_workers = d->instance[1].n_claimed = 1;
	d->instance[1].started_ns = 1000;
	d->instance[1].n_counters = 2;
	d->instance[1].counter_key[1] = counter_key(&counter_info[CTR_Q_UDP4]);
	d->worker[1][0].counters[1] = 4711;
	d->worker[1][0].epoch_seen = 5;

	assert_int_equal(hub_open(&control, path, HUB_CONTROLPLANE), 0);
	assert_int_equal(hub_counter(control, 0, CTR_Q_UDP4), 4711);
	assert_true(grace_passed(control, grace_start(control))); /* its dataplane is dead */
	assert_int_equal(hub_open(&h, path, HUB_DATAPLANE), 0);
	assert_int_equal(h->seat, 1);
	assert_int_equal(hub_worker_claim(h, 0), 0);
	assert_int_equal(counter_get(&hub_own_worker(h, 0)->counters, CTR_Q_UDP4), 4711);
	/* in place, for those who have it mapped */
	assert_int_equal(d->instance[1].n_counters, CTR_N);
	assert_int_equal(d->worker[1][0].epoch_seen, 0);
	assert_int_equal(hub_refresh(h), 0);
	grace_online(h, hub_own_worker(h, 0));
	assert_int_equal(d->worker[1][0].epoch_seen, h->control.epoch);
	assert_int_equal(d->header.n_sections, 3);
	assert_int_equal(hub_refresh(control), 0);
	assert_int_equal(hub_counter(control, 0, CTR_Q_UDP4), 4711);
	hub_close(h);
	hub_close(control);
	munmap(d, sizeof *d);
	close(fd);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_an_arena_of_the_former_layout_is_answered_from_and_gone_on_with,
			arena_path_setup, arena_path_teardown),
		cmocka_unit_test_setup_teardown(
			test_an_arena_of_a_later_minor_version_is_taken_back, arena_path_setup,
			arena_path_teardown),
		cmocka_unit_test_setup_teardown(
			test_a_hub_of_the_former_layout_is_gone_on_with, setup, teardown),
	};

	if (argc == 3 && strcmp(argv[1], "make") == 0)
		return fixture_make(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
