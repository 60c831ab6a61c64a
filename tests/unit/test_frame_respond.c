/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames: responses, field by field, with a second, simple-minded checksum. */
#include "dataplane/ports/frame.h"
#include "tests/unit/frame_make.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const struct frame_filter any;

static void
parse(const struct frame *f, struct frame_info *i)
{
	assert_int_equal(frame_parse(&any, f->octets, f->len, 0, i), FRAME_QUERY);
}

/* Respond with `len` octets to f, and look at every field of the frame that comes out. */
static void
check_response(struct frame *f, unsigned tags, unsigned len)
{
	struct frame asked = *f, r = {.ip6 = f->ip6};
	struct frame_info i;
	uint8_t *ip;
	uint32_t start;

	parse(f, &i);
	for (unsigned n = 0; n < len; n++)
		f->octets[i.dns_at + n] = (uint8_t)(n * 7 + len);
	start = frame_respond(f->octets, &i, len, 0);
	r.len = frame_header_octets(&i) + len;
	assert_int_equal(start + r.len, i.dns_at + len);
	memcpy(r.octets, f->octets + start, r.len);
	r.l3 = 14 + 4 * tags;
	r.l4 = r.l3 + (f->ip6 ? 40 : 20);
	ip = r.octets + r.l3;

	assert_memory_equal(r.octets, asked.octets + 6, 6);
	assert_memory_equal(r.octets + 6, asked.octets, 6);
	assert_memory_equal(r.octets + 12, asked.octets + 12, 2 + 4 * tags);
	if (f->ip6) {
		assert_memory_equal(ip, "\x60\0\0\0", 4);
		assert_int_equal(ip[4] << 8 | ip[5], 8 + len);
		assert_int_equal(ip[6], 17);
		assert_int_equal(ip[7], 64);
		assert_memory_equal(ip + 8, asked.octets + asked.l3 + 24, 16);
		assert_memory_equal(ip + 24, asked.octets + asked.l3 + 8, 16);
	} else {
		assert_memory_equal(ip, "\x45\0", 2);
		assert_int_equal(ip[2] << 8 | ip[3], 28 + len);
		assert_memory_equal(ip + 4, "\0\0\x40\0\x40\x11", 6);
		assert_int_equal(plain_sum(ip, 20, 0), 0xffff);
		assert_memory_equal(ip + 12, asked.octets + asked.l3 + 16, 4);
		assert_memory_equal(ip + 16, asked.octets + asked.l3 + 12, 4);
	}
	assert_memory_equal(r.octets + r.l4, asked.octets + asked.l4 + 2, 2);
	assert_memory_equal(r.octets + r.l4 + 2, asked.octets + asked.l4, 2);
	assert_int_equal(r.octets[r.l4 + 4] << 8 | r.octets[r.l4 + 5], 8 + len);
	assert_int_equal(plain_udp_sum(&r), 0xffff);
	assert_int_not_equal(r.octets[r.l4 + 6] << 8 | r.octets[r.l4 + 7], 0);
	for (unsigned n = 0; n < len; n++)
		assert_int_equal(r.octets[r.l4 + 8 + n], (uint8_t)(n * 7 + len));
}

static void
test_responses_go_back_with_plain_headers(void **state)
{
	static const uint8_t hop[16] = {17, 1, 1, 12};
	struct frame f;

	for (unsigned tags = 0; tags <= 2; tags++) {
		for (unsigned len = 12; len <= 1472; len += 73) {
			for (unsigned options = 0; options <= 40; options += 20) {
				make4(&f, tags, options, DNS, DNS_LEN);
				check_response(&f, tags, len);
			}
			make6(&f, tags, 17, NULL, 0, DNS, DNS_LEN);
			check_response(&f, tags, len);
			make6(&f, tags, 0, hop, sizeof hop, DNS, DNS_LEN);
			check_response(&f, tags, len);
		}
	}
}

static void
test_a_checksum_of_zero_is_sent_as_all_ones(void **state)
{
	struct frame f;
	struct frame_info i;
	unsigned sum;

	plain4(&f);
	parse(&f, &i);
	/* choose two octets of the message so that the sum of everything else is cancelled */
	memset(f.octets + i.dns_at, 0, 12);
	frame_respond(f.octets, &i, 12, 0);
	f.ip6 = false;
	set16(f.octets + f.l4 + 6, 0);
	sum = plain_udp_sum(&f);
	plain4(&f);
	memset(f.octets + i.dns_at, 0, 12);
	set16(f.octets + i.dns_at, 0xffff - sum);
	frame_respond(f.octets, &i, 12, 0);
	assert_memory_equal(f.octets + f.l4 + 6, "\xff\xff", 2);
	assert_int_equal(plain_udp_sum(&f), 0xffff);
}

static void
test_offloads_leave_what_the_device_completes(void **state)
{
	struct frame f;
	struct frame_info i;

	plain4(&f);
	parse(&f, &i);
	frame_respond(f.octets, &i, DNS_LEN, FRAME_OFFLOAD_IP | FRAME_OFFLOAD_UDP);
	assert_memory_equal(f.octets + f.l3 + 10, "\0\0", 2);
	assert_int_equal(f.octets[f.l4 + 6] << 8 | f.octets[f.l4 + 7],
		plain_sum(f.octets + f.l3 + 12, 8, 17 + 8 + DNS_LEN));
}

/* In buffers that end where the octets end: a sanitizer sees what is read beyond them. */
static void
test_checksums_of_every_length_are_the_plain_sum(void **state)
{
	(void)state;
	for (unsigned len = 1; len < 200; len++)
		for (unsigned at = 0; at < 3; at++) {
			uint8_t *buffer = malloc(at + len), *p = buffer + at;
			uint32_t sum = 0;

			assert_non_null(buffer);
			for (unsigned i = 0; i < len; i++) {
				/* mostly large, so that there are carries */
				p[i] = (uint8_t)(255 - (i * 7 + len + at) % 31);
				sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
			}
			while (sum >> 16 != 0)
				sum = (sum & 0xffff) + (sum >> 16);
			assert_int_equal(ntohs(frame_checksum(p, len)), (uint16_t)~sum);
			free(buffer);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_responses_go_back_with_plain_headers),
		cmocka_unit_test(test_checksums_of_every_length_are_the_plain_sum),
		cmocka_unit_test(test_a_checksum_of_zero_is_sent_as_all_ones),
		cmocka_unit_test(test_offloads_leave_what_the_device_completes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
