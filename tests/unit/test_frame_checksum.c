/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checksums that a kernel of this machine left to hardware, made complete; all else untouched. */
#include "dataplane/ports/frame.h"
#include "tests/unit/frame_make.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const uint8_t TEXT[] = "text of some packet, of a length that may be odd";

/* Runs on an exact heap copy, so that the sanitizers see each octet too far. */
static bool
complete(struct frame *f)
{
	uint8_t *copy = malloc(f->len ? f->len : 1);
	bool changed;

	assert_non_null(copy);
	memcpy(copy, f->octets, f->len);
	changed = frame_complete_checksum(copy, f->len);
	memcpy(f->octets, copy, f->len);
	free(copy);
	return changed;
}

static unsigned
pseudo_sum(const struct frame *f, unsigned protocol)
{
	unsigned sum = protocol + f->l4_end - f->l4;
	return plain_sum(f->octets + f->l3 + (f->ip6 ? 8 : 12), f->ip6 ? 32 : 8, sum);
}

static bool
is_right(const struct frame *f, unsigned protocol)
{
	return plain_sum(f->octets + f->l4, f->l4_end - f->l4, pseudo_sum(f, protocol)) == 0xffff;
}

/* A packet with its pseudo-header's sum where the checksum belongs. */
static void
make_partial(
	struct frame *f, bool ip6, unsigned tags, unsigned options, unsigned protocol, unsigned len)
{
	if (ip6)
		make6(f, tags, 17, NULL, 0, TEXT, len);
	else
		make4(f, tags, options, TEXT, len);
	if (ip6)
		f->octets[f->l3 + 6] = (uint8_t)protocol;
	else
		f->octets[f->l3 + 9] = (uint8_t)protocol;
	set16(f->octets + f->l4 + (protocol == 6 ? 16 : 6), pseudo_sum(f, protocol));
}

static void
test_partial_checksums_become_whole(void **state)
{
	static const unsigned protocols[] = {6, 17};
	struct frame f;

	for (unsigned ip6 = 0; ip6 < 2; ip6++)
		for (unsigned tags = 0; tags <= 2; tags++)
			for (unsigned p = 0; p < 2; p++)
				for (unsigned len = 12; len < sizeof TEXT; len++) {
					make_partial(&f, ip6, tags, ip6 ? 0 : len % 3 * 4,
						protocols[p], len);
					assert_false(is_right(&f, protocols[p]));
					assert_true(complete(&f));
					assert_true(is_right(&f, protocols[p]));
				}
}

static void
test_padding_does_not_count(void **state)
{
	struct frame f;

	make_partial(&f, false, 0, 0, 17, 13);
	put(&f, "\xaa\xbb\xcc\xdd\xee\xff", 6);
	assert_true(complete(&f));
	assert_true(is_right(&f, 17));
}

static void
unchanged(const char *what, const struct frame *f)
{
	struct frame copy = *f;

	if (complete(&copy) || memcmp(copy.octets, f->octets, f->len) != 0)
		fail_msg("%s: the frame was changed", what);
}

static void
test_other_frames_stay_as_they_are(void **state)
{
	struct frame f;

	plain4(&f);
	unchanged("a whole checksum", &f);
	plain6(&f);
	unchanged("a whole checksum over IPv6", &f);
	plain4(&f);
	f.octets[f.l4 + 6] ^= 1;
	unchanged("a wrong checksum stays wrong", &f);
	make_partial(&f, false, 0, 0, 17, 20);
	set16(f.octets + f.l3 + 6, 0x2000);
	unchanged("a first fragment", &f);
	make_partial(&f, false, 0, 0, 17, 20);
	set16(f.octets + f.l3 + 6, 1);
	unchanged("a later fragment", &f);
	make_partial(&f, false, 0, 0, 17, 20);
	f.octets[f.l3 + 9] = 47;
	unchanged("another protocol", &f);
	make_partial(&f, false, 0, 0, 17, 20);
	f.octets[f.l3] = 0x44;
	unchanged("a header shorter than headers are", &f);
	make_partial(&f, false, 0, 0, 17, 20);
	f.octets[f.l3] = 0x55;
	unchanged("another version", &f);
	make_partial(&f, false, 0, 0, 17, 20);
	f.len--;
	unchanged("a packet that is cut off", &f);
	make_partial(&f, true, 0, 0, 17, 20);
	f.len--;
	unchanged("an IPv6 packet that is cut off", &f);
	make_partial(&f, false, 3, 0, 17, 20);
	unchanged("more tags than we know", &f);
	make_partial(&f, false, 0, 0, 17, 4);
	f.octets[f.l3 + 9] = 6; /* TCP of 12 octets */
	unchanged("a TCP header that is cut off", &f);
}

static void
test_cut_frames_are_not_read_beyond_their_end(void **state)
{
	struct frame f;

	for (unsigned ip6 = 0; ip6 < 2; ip6++) {
		make_partial(&f, ip6, 2, 0, 17, 20);
		for (unsigned len = f.len; len-- > 0;) {
			f.len = len;
			assert_false(complete(&f));
		}
	}
}

/* A checksum that was whole and looks like the pseudo-header's sum comes out as it was. */
static void
test_a_whole_checksum_that_looks_partial_stays(void **state)
{
	struct frame f;

	make4(&f, 0, 0, TEXT, 20);
	/* data of which the sum with the UDP header is 0xffff - 2 * pseudo - ... : tried out */
	for (unsigned v = 0; v < 0x10000; v++) {
		set16(f.octets + f.l4 + 8, v);
		fix_udp_checksum(&f);
		unsigned sum = (unsigned)f.octets[f.l4 + 6] << 8 | f.octets[f.l4 + 7];
		if (sum != pseudo_sum(&f, 17))
			continue;
		struct frame before = f;
		(void)complete(&f);
		assert_memory_equal(f.octets, before.octets, f.len);
		return;
	}
	fail_msg("no such packet was found");
}

/* On an exact heap copy, as complete(). */
static bool
refuses(const struct frame_filter *filter, const struct frame *f)
{
	uint8_t *copy = malloc(f->len ? f->len : 1);
	bool found;

	assert_non_null(copy);
	memcpy(copy, f->octets, f->len);
	found = frame_refuses_tcp(filter, copy, f->len);
	free(copy);
	return found;
}

/* What a kernel says to a SYN for port 53. */
static void
make_refusal(struct frame *f, bool ip6, unsigned tags)
{
	make_partial(f, ip6, tags, ip6 ? 0 : 8, 6, 12);
	set16(f->octets + f->l4, 53);
	memset(f->octets + f->l4 + 4, 0, 4); /* sequence number */
	set16(f->octets + f->l4 + 12, 0x5014);
}

static void
test_a_refused_connection_is_told_from_other_packets(void **state)
{
	const struct frame_filter all = {0}, other = {.n_ip4 = 1, .ip4 = {{.port_be = htons(54)}}},
				  both = {.n_ip4 = 1,
					  .ip4 = {{.port_be = htons(54)}},
					  .n_ip6 = 1,
					  .ip6 = {{.port_be = htons(53)}}};
	/* offset in the TCP header, and what is there instead */
	static const struct {
		unsigned at, value;
	} others[] = {{0, 54}, {4, 1}, {6, 1}, {12, 0x5004}, {12, 0x5010}, {12, 0x5012}};

	for (unsigned ip6 = 0; ip6 < 2; ip6++)
		for (unsigned tags = 0; tags <= 2; tags++) {
			struct frame f;
			make_refusal(&f, ip6, tags);
			assert_true(refuses(&all, &f));
			assert_false(refuses(&other, &f));
			assert_true(refuses(&both, &f));
			for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
				struct frame g = f;
				set16(g.octets + g.l4 + others[i].at, others[i].value);
				assert_false(refuses(&all, &g));
			}
			f.octets[f.l3 + (ip6 ? 6 : 9)] = 17;
			assert_false(refuses(&all, &f));
			make_refusal(&f, ip6, tags);
			while (f.len-- > 0)
				assert_false(refuses(&all, &f));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_refused_connection_is_told_from_other_packets),
		cmocka_unit_test(test_partial_checksums_become_whole),
		cmocka_unit_test(test_padding_does_not_count),
		cmocka_unit_test(test_other_frames_stay_as_they_are),
		cmocka_unit_test(test_cut_frames_are_not_read_beyond_their_end),
		cmocka_unit_test(test_a_whole_checksum_that_looks_partial_stays),
	};
	return cmocka_run_group_tests_name("frame_checksum", tests, NULL, NULL);
}
