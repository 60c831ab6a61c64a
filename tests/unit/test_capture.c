/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture: the rings' two ends, what a tap keeps of a burst, frames made up around messages, and
 * the blocks of the file that comes out. */
#include "controlplane/capture/pcapng.h"
#include "controlplane/capture/rings.h"
#include "dataplane/capture/tap.h"
#include "dataplane/ports/frame.h"
#include "dataplane/ports/synthetic.h"
#include "tests/unit/frame_make.h"

#include <errno.h>
#include <stdlib.h>

#define INSTANCE 77u

/* One worker's ring, and both ends of it. */
struct bench {
	struct capture_data *data;
	struct capture_tails tails;
	struct capture_writer writer;
	struct capture_reader reader;
	struct capture_packet packet;
	struct counters counters;
	struct capture_tap tap;
	struct answer_query query[ANSWER_BURST];
};

static int
setup(void **state)
{
	struct bench *b = aligned_alloc(64, sizeof *b);

	memset(b, 0, sizeof *b);
	b->data = aligned_alloc(HUB_PAGE, capture_data_octets(1));
	memset(b->data, 0, capture_data_octets(1));
	capture_writer_init(&b->writer, &b->data->ring[0], &b->tails, 0, INSTANCE);
	b->reader = (struct capture_reader){
		.ring = &b->data->ring[0], .tail = &b->tails.worker[0].tail};
	b->tails.instance = INSTANCE;
	b->tap.writer = b->writer;
	b->tap.counters = &b->counters;
	b->tap.sample = 1;
	b->tap.random = 1;
	b->tap.snaplen = CAPTURE_SNAPLEN_MAX;
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	free(b->data);
	free(b);
	return 0;
}

/* --- rings --- */

/* A record with `kept` octets that tell which one it is. */
static bool
write_one(struct bench *b, uint32_t kept, uint8_t seed)
{
	struct capture_record *r = capture_write(&b->writer, kept);

	if (r == NULL)
		return false;
	r->original = kept + 1;
	r->port = seed % CAPTURE_PORTS_MAX;
	r->direction = CAPTURE_OUT;
	r->fate = CAPTURE_PASSED;
	r->tsc = seed;
	memset(r->reason, 0, sizeof r->reason);
	for (uint32_t i = 0; i < kept; i++)
		r->frame[i] = (uint8_t)(seed + i);
	return true;
}

static void
read_one(struct bench *b, uint32_t kept, uint8_t seed)
{
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_PACKET);
	assert_int_equal(b->packet.record.kept, kept);
	assert_int_equal(b->packet.record.original, kept + 1);
	assert_int_equal(b->packet.record.port, seed % CAPTURE_PORTS_MAX);
	assert_int_equal(b->packet.record.tsc, seed);
	for (uint32_t i = 0; i < kept; i++)
		assert_int_equal(b->packet.frame[i], (uint8_t)(seed + i));
}

static void
test_records_come_out_as_they_went_in(void **state)
{
	static const uint32_t sizes[] = {60, 0, 1, 9000, 7, 8, 1514, CAPTURE_SNAPLEN_MAX};
	struct bench *b = *state;

	/* many times around the ring, so that records meet its end in all ways */
	for (unsigned n = 0; n < 400; n++) {
		uint32_t size = sizes[n % (sizeof sizes / sizeof sizes[0])];
		assert_true(write_one(b, size, (uint8_t)n));
		assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_NOTHING);
		capture_publish(&b->writer);
		read_one(b, size, (uint8_t)n);
	}
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_NOTHING);
	assert_true(b->writer.at > 3 * CAPTURE_RING_OCTETS);
}

static void
test_a_full_ring_takes_nothing_until_it_is_read(void **state)
{
	struct bench *b = *state;
	unsigned n = 0;

	while (write_one(b, 1000, (uint8_t)n))
		n++;
	assert_in_range(n, CAPTURE_RING_OCTETS / 1056 - 1, CAPTURE_RING_OCTETS / 1048);
	capture_publish(&b->writer);
	read_one(b, 1000, 0);
	assert_true(write_one(b, 900, 5));
	assert_false(write_one(b, 1000, 6));
	/* and with the tail of another file it is full as well: nothing of this one was read */
	b->tails.instance++;
	for (unsigned i = 1; i < n; i++)
		read_one(b, 1000, (uint8_t)i);
	assert_false(write_one(b, 1000, 6));
	b->tails.instance--;
	assert_true(write_one(b, 1000, 6));
}

static void
test_damage_empties_the_ring(void **state)
{
	struct bench *b = *state;
	struct capture_record *r = (void *)b->data->ring[0].data;
	static const struct {
		uint32_t octets, kept;
		uint16_t port;
		uint8_t direction, fate;
	} bad[] = {
		{0, 100, 0, 0, 0},
		{160, 100, 0, 0, 0},
		{152, 105, 0, 0, 0},
		{153, 100, 0, 0, 0},
		{CAPTURE_SKIP, 100, 0, 0, 0},
		{152, 0xffffffff, 0, 0, 0},
		{152, 100, CAPTURE_PORTS_MAX, 0, 0},
		{152, 100, 0, CAPTURE_DIRECTIONS, 0},
		{152, 100, 0, 0, CAPTURE_FATES},
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		b->reader.at = 0;
		b->data->ring[0].head = 152;
		memset(r, 0, sizeof *r);
		r->octets = 152;
		r->kept = 100;
		assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_PACKET);
		b->reader.at = 0;
		r->octets = bad[i].octets;
		r->kept = bad[i].kept;
		r->port = bad[i].port;
		r->direction = bad[i].direction;
		r->fate = bad[i].fate;
		assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_DAMAGED);
		assert_int_equal(b->tails.worker[0].tail, 152);
		assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_NOTHING);
	}
	b->data->ring[0].head = 152 + CAPTURE_RING_OCTETS + 8;
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_DAMAGED);
	b->data->ring[0].head += 4;
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_DAMAGED);
}

static void
test_reasons_are_made_printable(void **state)
{
	struct bench *b = *state;

	assert_true(write_one(b, 4, 0));
	memset(((struct capture_record *)(void *)b->data->ring[0].data)->reason, 0x9b,
		CAPTURE_REASON_OCTETS);
	capture_publish(&b->writer);
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_PACKET);
	assert_string_equal(b->packet.record.reason, "???????????????????????");
}

/* --- taps --- */

static const uint8_t frame[] = "aaaaaabbbbbb\x08\x00 as if it were IPv4";

static struct tap_packet
some_packet(unsigned port)
{
	return (struct tap_packet){frame, sizeof frame, sizeof frame, (uint16_t)port};
}

/* A burst of n queries on port 3, of which those in `silent` get no response. */
static void
pass_burst(struct bench *b, unsigned n, uint32_t silent)
{
	struct tap_packet p = some_packet(3);
	uint32_t at;

	tap_begin(&b->tap, b->query, 1000);
	for (at = tap_first(&b->tap); at < n; at = tap_next(&b->tap, at))
		tap_query(&b->tap, at, &p);
	tap_over(&b->tap, at, n);
	for (unsigned i = 0; i < n; i++) {
		b->query[i].out_len = silent >> i & 1 ? 0 : 100;
		if (silent >> i & 1)
			b->query[i].why = CTR_D_RESPONSE;
	}
	tap_answered(&b->tap, b->query, 2000);
	for (unsigned i = 0; i < n; i++)
		if (b->query[i].out_len != 0 && tap_picked(&b->tap, i))
			(void)tap_answer(&b->tap, &p);
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_NOTHING);
	tap_end(&b->tap);
}

static void
expect(struct bench *b, enum capture_direction direction, enum capture_fate fate,
	const char *reason, uint64_t tsc)
{
	const struct capture_record *r = &b->packet.record;

	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_PACKET);
	assert_int_equal(r->direction, direction);
	assert_int_equal(r->fate, fate);
	assert_string_equal(r->reason, reason);
	assert_int_equal(r->tsc, tsc);
	assert_int_equal(r->kept, sizeof frame);
	assert_memory_equal(b->packet.frame, frame, sizeof frame);
}

static void
test_what_became_of_a_query_stands_with_it(void **state)
{
	struct bench *b = *state;

	pass_burst(b, 3, 2);
	expect(b, CAPTURE_IN, CAPTURE_PASSED, "", 1000);
	expect(b, CAPTURE_IN, CAPTURE_DROPPED, "response", 1000);
	expect(b, CAPTURE_IN, CAPTURE_PASSED, "", 1000);
	expect(b, CAPTURE_OUT, CAPTURE_PASSED, "", 2000);
	expect(b, CAPTURE_OUT, CAPTURE_PASSED, "", 2000);
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_NOTHING);
	assert_int_equal(counter_get(&b->counters, CTR_CAPTURED), 5);
}

static void
test_of_drops_only_nothing_else_is_seen(void **state)
{
	struct bench *b = *state;
	struct tap_packet p = some_packet(3);

	b->tap.drops_only = true;
	pass_burst(b, 32, 0);
	assert_int_equal(b->tap.writer.at, 0);
	pass_burst(b, 4, 4);
	expect(b, CAPTURE_IN, CAPTURE_DROPPED, "response", 1000);
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_NOTHING);
	tap_begin(&b->tap, b->query, 5);
	tap_drop(&b->tap, &p, CTR_D_UDP_CHECKSUM);
	(void)tap_kernel(&b->tap, &p, CAPTURE_FROM_KERNEL);
	tap_dropped(tap_kernel(&b->tap, &p, CAPTURE_TO_KERNEL), CTR_D_EXCEPTION_FULL);
	tap_unsent(&b->tap, &p);
	tap_end(&b->tap);
	expect(b, CAPTURE_IN, CAPTURE_DROPPED, "udp-checksum", 5);
	expect(b, CAPTURE_IN, CAPTURE_DROPPED, "exception-full", 5);
	expect(b, CAPTURE_OUT, CAPTURE_DROPPED, "transmit-full", 5);
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_NOTHING);
	assert_int_equal(counter_get(&b->counters, CTR_CAPTURED), 4);
}

static void
test_a_sample_is_of_queries_with_their_answers(void **state)
{
	struct bench *b = *state;
	unsigned n_in = 0, n_out = 0;

	b->tap.sample = 8;
	for (unsigned i = 0; i < 1000; i++) {
		pass_burst(b, 32, 0);
		while (capture_read(&b->reader, &b->packet) == CAPTURE_PACKET) {
			n_in += b->packet.record.direction == CAPTURE_IN;
			n_out += b->packet.record.direction == CAPTURE_OUT;
		}
	}
	assert_int_equal(n_in, n_out);
	assert_in_range(n_in, 3800, 4200); /* of 32000 */
}

static void
test_a_filter_and_a_snaplen_are_applied(void **state)
{
	struct bench *b = *state;
	static const struct bpf_insn longer_than[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 40, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct tap_packet p = some_packet(1);

	memcpy(b->tap.program, longer_than, sizeof longer_than);
	b->tap.n_instructions = sizeof longer_than / sizeof longer_than[0];
	b->tap.snaplen = 14;
	pass_burst(b, 2, 0);
	tap_begin(&b->tap, b->query, 0);
	tap_drop(&b->tap, &p, CTR_D_SHORT);
	p.original = 41; /* the filter goes by what it was */
	tap_drop(&b->tap, &p, CTR_D_SHORT);
	tap_end(&b->tap);
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_PACKET);
	assert_int_equal(b->packet.record.kept, 14);
	assert_int_equal(b->packet.record.original, 41);
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_NOTHING);
}

static void
test_a_full_ring_is_counted_and_holds_nobody_up(void **state)
{
	struct bench *b = *state;
	unsigned n = 0;

	for (unsigned i = 0; i < 1000; i++) {
		struct tap_packet p = some_packet(3);
		tap_begin(&b->tap, b->query, 0);
		for (unsigned k = 0; k < 32; k++)
			tap_drop(&b->tap, &p, CTR_D_SHORT);
		tap_end(&b->tap);
	}
	while (capture_read(&b->reader, &b->packet) == CAPTURE_PACKET)
		n++;
	assert_in_range(n, 1000, 31999);
	assert_int_equal(counter_get(&b->counters, CTR_CAPTURED), n);
	assert_int_equal(counter_get(&b->counters, CTR_CAPTURE_LOST), 32000 - n);
	assert_int_equal(b->data->ring[0].lost[3], 32000 - n);
}

static void
test_more_of_a_burst_than_a_tap_remembers(void **state)
{
	struct bench *b = *state;
	struct tap_packet p = some_packet(0);
	unsigned n = 0;

	tap_begin(&b->tap, b->query, 0);
	for (unsigned i = 0; i < 2 * TAP_RECORDS_MAX + 1; i++)
		tap_unsent(&b->tap, &p);
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_NOTHING);
	tap_end(&b->tap);
	while (capture_read(&b->reader, &b->packet) == CAPTURE_PACKET)
		n++;
	assert_int_equal(n, TAP_RECORDS_MAX);
	assert_int_equal(counter_get(&b->counters, CTR_CAPTURE_LOST), TAP_RECORDS_MAX + 1);
	assert_int_equal(b->data->ring[0].lost[0], TAP_RECORDS_MAX + 1);
}

/* Records that callers still have are theirs until the burst is over. */
static void
test_a_query_is_told_of_behind_more_than_a_tap_remembers(void **state)
{
	struct bench *b = *state;
	struct tap_packet p = some_packet(3);
	struct capture_record *held;

	b->tap.drops_only = true;
	tap_begin(&b->tap, b->query, 1000);
	tap_query(&b->tap, 0, &p);
	held = tap_kernel(&b->tap, &p, CAPTURE_TO_KERNEL);
	for (unsigned i = 0; i < TAP_RECORDS_MAX; i++)
		(void)tap_kernel(&b->tap, &p, CAPTURE_FROM_KERNEL);
	b->query[0].out_len = 0;
	b->query[0].why = CTR_D_RESPONSE;
	tap_answered(&b->tap, b->query, 2000);
	tap_dropped(held, CTR_D_EXCEPTION_FULL);
	tap_end(&b->tap);
	expect(b, CAPTURE_IN, CAPTURE_DROPPED, "response", 1000);
	expect(b, CAPTURE_IN, CAPTURE_DROPPED, "exception-full", 1000);
	assert_int_equal(capture_read(&b->reader, &b->packet), CAPTURE_NOTHING);
}

/* --- frames around messages --- */

static void
test_a_made_up_frame_is_a_good_one(void **state)
{
	static const struct frame_filter any;
	struct synthetic_end from = {.address = {10, 1, 2, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 9},
				     .port_be = 0x3930},
			     to = {.address = {192, 0, 2, 1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5},
				     .port_be = 0x3500};
	uint8_t out[SYNTHETIC_HEADERS_MAX + 4096], dns[4096];

	for (unsigned i = 0; i < sizeof dns; i++)
		dns[i] = (uint8_t)(i * 11);
	from.address[0] = 0x20;
	to.address[0] = 0x20;
	for (unsigned six = 0; six < 2; six++)
		for (uint32_t len = 0; len <= sizeof dns; len += len < 20 ? 1 : 509) {
			struct frame_info i;
			uint32_t n = synthetic_frame(out, six != 0, &from, &to, dns, len);
			assert_int_equal(n, (six ? 62 : 42) + len);
			assert_int_equal(frame_parse(&any, out, n, 0, &i), FRAME_QUERY);
			assert_int_equal(i.dns_len, len);
			assert_memory_equal(out + i.dns_at, dns, len);
			assert_memory_equal(out + i.dns_at - 8, "\x30\x39\0\x35", 4);
		}
}

/* --- files --- */

static uint32_t
get32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return v;
}

static void
test_blocks_are_written_whole_or_not_at_all(void **state)
{
	uint8_t out[8192];
	struct pcapng_packet packet = {
		.interface = 1,
		.time_ns = 0x0123456789abcdefull,
		.frame = frame,
		.kept = sizeof frame,
		.original = 99,
		.direction = PCAPNG_OUT,
		.comment = "dropped: udp-checksum",
	};

	for (unsigned kind = 0; kind < 4; kind++)
		for (size_t room = 0; room < 200; room++) {
			struct pcapng p = {out, room};
			bool done;
			memset(out, 0xee, sizeof out);
			done = kind == 0   ? pcapng_section(&p, "test")
			       : kind == 1 ? pcapng_interface(&p, "a name", 100, "a filter")
			       : kind == 2 ? pcapng_packet(&p, &packet)
					   : pcapng_statistics(&p, 1, 2, 3, 4);
			assert_int_equal(out[room], 0xee);
			if (!done) {
				assert_ptr_equal(p.at, out);
				assert_int_equal(p.room, room);
				continue;
			}
			assert_int_equal(get32(out + 4), p.at - out);
			assert_int_equal(get32(p.at - 4), p.at - out);
			assert_int_equal(p.room, room - (size_t)(p.at - out));
		}
}

static void
test_a_packet_block_is_as_the_draft_has_it(void **state)
{
	static const uint8_t octets[] = {1, 2, 3, 4, 5};
	static const uint8_t want[] = {6, 0, 0, 0, 64, 0, 0, 0,             /* type, length */
		7, 0, 0, 0, 0x67, 0x45, 0x23, 0x01, 0xef, 0xcd, 0xab, 0x89, /* interface, time */
		5, 0, 0, 0, 9, 0, 0, 0,                         /* octets kept, and all */
		1, 2, 3, 4, 5, 0, 0, 0,                         /* padded */
		2, 0, 4, 0, 1, 0, 0, 0,                         /* flags: inbound */
		1, 0, 6, 0, 'r', 'e', 'a', 's', 'o', 'n', 0, 0, /* comment */
		0, 0, 0, 0, 64, 0, 0, 0};                       /* end, length again */
	struct pcapng_packet packet = {.interface = 7,
		.time_ns = 0x0123456789abcdefull,
		.frame = octets,
		.kept = 5,
		.original = 9,
		.direction = PCAPNG_IN,
		.comment = "reason"};
	uint8_t out[256];
	struct pcapng p = {out, sizeof out};

	assert_true(pcapng_packet(&p, &packet));
	assert_int_equal(p.at - out, sizeof want);
	assert_memory_equal(out, want, sizeof want);
}

static void
test_data_files_of_others_are_left_alone(void **state)
{
	struct bench *b = *state;
	struct capture_control *control = aligned_alloc(HUB_PAGE, sizeof *control);
	struct capture_link link = {.control = control, .generation = 8};
	struct capture_rings *r = capture_rings_create(&link, "", 100);
	size_t octets = capture_data_octets(1);
	struct capture_data *d = b->data;

	memset(control, 0, sizeof *control);
	d->magic = CAPTURE_MAGIC;
	d->version = CAPTURE_VERSION;
	d->generation = 8;
	d->instance = INSTANCE;
	d->n_workers = 1;
	assert_int_equal(capture_rings_attach(r, 0, d, octets - 1), -EPROTO);
	assert_int_equal(capture_rings_attach(r, 0, d, 10), -EPROTO);
	d->n_workers = HUB_WORKERS_MAX + 1;
	assert_int_equal(capture_rings_attach(r, 0, d, SIZE_MAX), -EPROTO);
	d->n_workers = 1;
	d->generation = 6;
	assert_int_equal(capture_rings_attach(r, 0, d, octets), -EPROTO);
	d->generation = 8;
	d->version++;
	assert_int_equal(capture_rings_attach(r, 0, d, octets), -EPROTO);
	d->version--;
	control->tails[0].worker[0].tail = 99;
	assert_int_equal(capture_rings_attach(r, 0, d, octets), 0);
	assert_int_equal(control->tails[0].instance, INSTANCE);
	assert_int_equal(control->tails[0].worker[0].tail, 0);
	capture_rings_destroy(r);
	free(control);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_records_come_out_as_they_went_in),
		TEST(test_a_full_ring_takes_nothing_until_it_is_read),
		TEST(test_damage_empties_the_ring),
		TEST(test_reasons_are_made_printable),
		TEST(test_what_became_of_a_query_stands_with_it),
		TEST(test_of_drops_only_nothing_else_is_seen),
		TEST(test_a_sample_is_of_queries_with_their_answers),
		TEST(test_a_filter_and_a_snaplen_are_applied),
		TEST(test_a_full_ring_is_counted_and_holds_nobody_up),
		TEST(test_more_of_a_burst_than_a_tap_remembers),
		TEST(test_a_query_is_told_of_behind_more_than_a_tap_remembers),
		TEST(test_a_made_up_frame_is_a_good_one),
		TEST(test_blocks_are_written_whole_or_not_at_all),
		TEST(test_a_packet_block_is_as_the_draft_has_it),
		TEST(test_data_files_of_others_are_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
