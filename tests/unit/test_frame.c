/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Frames: every verdict of the parser. */
#include "dataplane/ports/frame.h"
#include "tests/unit/frame_make.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const struct frame_filter any;

/* Parses from an exact heap copy, so that the sanitizers see each octet too far. */
static enum frame_verdict
parse(const struct frame *f, const struct frame_filter *filter, unsigned flags,
	struct frame_info *info)
{
	uint8_t *copy = malloc(f->len ? f->len : 1);
	enum frame_verdict v;
	assert_non_null(copy);
	memcpy(copy, f->octets, f->len);
	v = frame_parse(filter, copy, f->len, flags, info);
	free(copy);
	return v;
}

static void
expect(const char *what, const struct frame *f, enum frame_verdict want)
{
	struct frame_info info;
	enum frame_verdict v = parse(f, &any, 0, &info);
	if (v != want)
		fail_msg("%s: verdict %d, not %d", what, (int)v, (int)want);
}

static void
test_queries_are_found(void **state)
{
	struct frame f;
	struct frame_info i;
	uint8_t client[16];

	for (unsigned tags = 0; tags <= 2; tags++) {
		for (unsigned options = 0; options <= 40; options += 4) {
			make4(&f, tags, options, DNS, DNS_LEN);
			assert_int_equal(parse(&f, &any, 0, &i), FRAME_QUERY);
			assert_int_equal(i.l3_at, 14 + 4 * tags);
			assert_int_equal(i.dns_at, 14 + 4 * tags + 20 + options + 8);
			assert_int_equal(i.dns_len, DNS_LEN);
			assert_false(i.ip6);
			frame_client(f.octets, &i, client);
			assert_memory_equal(
				client, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01", 16);
		}
		make6(&f, tags, 17, NULL, 0, DNS, DNS_LEN);
		assert_int_equal(parse(&f, &any, 0, &i), FRAME_QUERY);
		assert_int_equal(i.dns_at, 14 + 4 * tags + 48);
		assert_true(i.ip6);
		frame_client(f.octets, &i, client);
		assert_memory_equal(client, f.octets + f.l3 + 8, 16);
	}
}

static void
test_lengths_of_all_parities_pass_the_checksum(void **state)
{
	uint8_t dns[64];
	struct frame f;
	struct frame_info i;

	for (unsigned n = 0; n < sizeof dns; n++)
		dns[n] = (uint8_t)(n * 37 + 200);
	for (unsigned len = 0; len <= sizeof dns; len++) {
		make4(&f, 0, 0, dns, len);
		assert_int_equal(parse(&f, &any, 0, &i), FRAME_QUERY);
		assert_int_equal(i.dns_len, len);
		make6(&f, 0, 17, NULL, 0, dns, len);
		assert_int_equal(parse(&f, &any, 0, &i), FRAME_QUERY);
		/* and each changed octet of the message fails it */
		if (len != 0) {
			f.octets[f.len - 1] ^= 0x10;
			assert_int_equal(parse(&f, &any, 0, &i), FRAME_UDP_CHECKSUM);
		}
	}
}

static void
test_padding_is_not_part_of_the_query(void **state)
{
	struct frame f;
	struct frame_info i;

	make4(&f, 0, 0, DNS, 12);
	while (f.len < 60)
		put8(&f, 0xee);
	assert_int_equal(parse(&f, &any, 0, &i), FRAME_QUERY);
	assert_int_equal(i.dns_len, 12);
	/* an IP packet longer than its UDP datagram, too */
	make4(&f, 0, 0, DNS, DNS_LEN);
	put16be(&f, 0xeeee);
	set16(f.octets + f.l3 + 2, 20 + 8 + DNS_LEN + 2);
	fix_ip4_checksum(&f);
	assert_int_equal(parse(&f, &any, 0, &i), FRAME_QUERY);
	assert_int_equal(i.dns_len, DNS_LEN);
}

/* Each row breaks one thing of a good frame. */
struct breakage {
	const char *what;
	bool ip6;
	int at; /* octets from l3 (or, with l4 set, from the UDP header) */
	bool l4;
	uint8_t octet[4];
	unsigned octets;
	bool fix; /* make the checksums right again */
	enum frame_verdict want;
};

static const struct breakage breakage[] = {
	{"nothing", false, 0, false, {0}, 0, true, FRAME_QUERY},
	{"nothing, v6", true, 0, false, {0}, 0, true, FRAME_QUERY},
	{"ARP", false, -2, false, {0x08, 0x06}, 2, false, FRAME_NOT_IP},
	{"length as EtherType", false, -2, false, {0, 50}, 2, false, FRAME_NOT_IP},
	{"TCP", false, 9, false, {6}, 1, true, FRAME_NOT_UDP},
	{"ICMPv6", true, 6, false, {58}, 1, false, FRAME_NOT_UDP},
	{"no next header", true, 6, false, {59}, 1, false, FRAME_NOT_UDP},
	{"version 5", false, 0, false, {0x55}, 1, true, FRAME_IP_HEADER},
	{"version 6 as v4", false, 0, false, {0x65}, 1, true, FRAME_IP_HEADER},
	{"IHL 4", false, 0, false, {0x44}, 1, false, FRAME_IP_HEADER},
	{"IHL beyond the total length", false, 2, false, {0, 19}, 2, true, FRAME_IP_HEADER},
	{"total length beyond the frame", false, 2, false, {0x05, 0xdc}, 2, true, FRAME_IP_HEADER},
	{"version 4 as v6", true, 0, false, {0x40}, 1, false, FRAME_IP_HEADER},
	{"payload length beyond the frame", true, 4, false, {0x05, 0xdc}, 2, false,
		FRAME_IP_HEADER},
	{"IP checksum", false, 10, false, {0xab, 0xcd}, 2, false, FRAME_IP_CHECKSUM},
	{"IP total with room for no UDP", false, 2, false, {0, 27}, 2, true, FRAME_UDP_LENGTH},
	{"v6 payload with room for no UDP", true, 4, false, {0, 7}, 2, false, FRAME_UDP_LENGTH},
	{"UDP length 7", false, 4, true, {0, 7}, 2, false, FRAME_UDP_LENGTH},
	{"UDP length 0", true, 4, true, {0, 0}, 2, false, FRAME_UDP_LENGTH},
	{"UDP length beyond IP", false, 4, true, {2, 0}, 2, false, FRAME_UDP_LENGTH},
	{"UDP checksum", false, 6, true, {1, 2}, 2, false, FRAME_UDP_CHECKSUM},
	{"UDP checksum, v6", true, 6, true, {1, 2}, 2, false, FRAME_UDP_CHECKSUM},
	{"no UDP checksum", false, 6, true, {0, 0}, 2, false, FRAME_QUERY},
	{"no UDP checksum, v6", true, 6, true, {0, 0}, 2, false, FRAME_UDP_CHECKSUM},
	{"first fragment", false, 6, false, {0x20, 0}, 2, true, FRAME_FRAGMENT},
	{"last fragment", false, 6, false, {0, 0x10}, 2, true, FRAME_FRAGMENT},
	{"do not fragment", false, 6, false, {0x40, 0}, 2, true, FRAME_QUERY},
	{"ESP", true, 6, false, {50}, 1, false, FRAME_EXTENSION},
	{"other port", false, 2, true, {0, 54}, 2, true, FRAME_NOT_OURS},
	{"other port, v6", true, 2, true, {0x14, 0xe9}, 2, true, FRAME_NOT_OURS},
	{"source port 0", false, 0, true, {0, 0}, 2, true, FRAME_PORT0},
	{"source port 0, v6", true, 0, true, {0, 0}, 2, true, FRAME_PORT0},
	{"from 0.0.0.0", false, 12, false, {0, 0, 0, 0}, 4, true, FRAME_SOURCE_ADDRESS},
	{"from 127.0.0.1", false, 12, false, {127, 0, 0, 1}, 4, true, FRAME_SOURCE_ADDRESS},
	{"from multicast", false, 12, false, {239, 1, 2, 3}, 4, true, FRAME_SOURCE_ADDRESS},
	{"from broadcast", false, 12, false, {255, 255, 255, 255}, 4, true, FRAME_SOURCE_ADDRESS},
	{"from itself", false, 12, false, {192, 0, 2, 2}, 4, true, FRAME_SOURCE_ADDRESS},
	{"from itself, v6", true, 23, false, {2}, 1, true, FRAME_SOURCE_ADDRESS},
	{"from multicast, v6", true, 8, false, {0xff, 2}, 2, true, FRAME_SOURCE_ADDRESS},
	{"to multicast", false, 16, false, {224, 0, 0, 251}, 4, true, FRAME_NOT_OURS},
	{"to broadcast", false, 16, false, {255, 255, 255, 255}, 4, true, FRAME_NOT_OURS},
	{"to loopback", false, 16, false, {127, 0, 0, 1}, 4, true, FRAME_NOT_OURS},
	{"to 0.1.2.3", false, 16, false, {0, 1, 2, 3}, 4, true, FRAME_NOT_OURS},
	{"to multicast, v6", true, 24, false, {0xff, 2}, 2, true, FRAME_NOT_OURS},
	{"to a MAC group", false, -14, false, {0xff}, 1, false, FRAME_NOT_OURS},
	{"from a MAC group", false, -8, false, {0x03}, 1, false, FRAME_SOURCE_ADDRESS},
};

static void
test_each_broken_field_has_its_verdict(void **state)
{
	struct frame f;

	for (unsigned n = 0; n < sizeof breakage / sizeof *breakage; n++) {
		const struct breakage *b = &breakage[n];
		if (b->ip6)
			plain6(&f);
		else
			plain4(&f);
		memcpy(f.octets + (b->l4 ? f.l4 : f.l3) + b->at, b->octet, b->octets);
		if (b->fix && !f.ip6)
			fix_ip4_checksum(&f);
		if (b->fix)
			fix_udp_checksum(&f);
		expect(b->what, &f, b->want);
	}
}

static void
test_unspecified_and_mapped_sources_are_refused_over_ip6(void **state)
{
	static const uint8_t source[][16] = {
		{0},
		{[15] = 1},
		{[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1},
	};
	static const uint8_t fine[][16] = {
		{[8] = 1, [15] = 9}, {[15] = 9}, {[10] = 0xff, [15] = 9}};
	struct frame f;

	for (unsigned n = 0; n < 3; n++) {
		plain6(&f);
		memcpy(f.octets + f.l3 + 8, source[n], 16);
		fix_udp_checksum(&f);
		expect("source", &f, FRAME_SOURCE_ADDRESS);
	}
	for (unsigned n = 0; n < 3; n++) {
		plain6(&f);
		memcpy(f.octets + f.l3 + 8, fine[n], 16);
		fix_udp_checksum(&f);
		expect("an address with leading zero octets", &f, FRAME_QUERY);
	}
}

/* Every truncation of good frames ends with a verdict, and none with an octet read too far (ASan).
 */
static void
test_cut_frames_are_refused(void **state)
{
	static const uint8_t hop[] = {17, 0, 5, 2, 0, 0, 1, 0};
	struct frame f;

	for (unsigned kind = 0; kind < 3; kind++) {
		unsigned full;
		if (kind == 0)
			make4(&f, 2, 12, DNS, DNS_LEN);
		else
			make6(&f, 1, kind == 1 ? 17 : 0, hop, kind == 1 ? 0 : sizeof hop, DNS,
				DNS_LEN);
		full = f.len;
		for (f.len = 0; f.len < full; f.len++) {
			struct frame_info i;
			enum frame_verdict v = parse(&f, &any, 0, &i);
			assert_true(v == FRAME_NOT_IP || v == FRAME_IP_HEADER);
		}
		assert_int_equal(f.len, full);
		expect("whole", &f, FRAME_QUERY);
	}
}

/* Packets that end where the next thing should begin: nothing behind them is read (ASan). */
static void
test_packets_that_end_early_are_refused(void **state)
{
	static const uint8_t overlong[8] = {17, 0, 1, 5}, stub[8] = {17, 0, 1, 4};
	struct frame f;

	plain4(&f);
	f.len = f.l4 + 1;
	set16(f.octets + f.l3 + 2, 21);
	fix_ip4_checksum(&f);
	expect("one octet of UDP", &f, FRAME_UDP_LENGTH);
	plain6(&f);
	f.len = f.l4 + 1;
	set16(f.octets + f.l3 + 4, 1);
	expect("one octet of UDP, v6", &f, FRAME_UDP_LENGTH);
	make6(&f, 0, 60, overlong, 8, NULL, 0);
	f.len = f.l4;
	set16(f.octets + f.l3 + 4, 8);
	expect("an option that goes on behind the packet", &f, FRAME_EXTENSION);
	make6(&f, 0, 60, stub, 8, NULL, 0);
	f.len = f.l3 + 40 + 1;
	set16(f.octets + f.l3 + 4, 1);
	expect("one octet of extension header", &f, FRAME_EXTENSION);
}

static void
test_tags_are_bounded(void **state)
{
	struct frame f;
	make4(&f, 3, 0, DNS, DNS_LEN);
	expect("three tags", &f, FRAME_NOT_IP);
}

struct extension {
	const char *what;
	uint8_t first;
	uint8_t octet[24];
	unsigned octets;
	enum frame_verdict want;
};

static const struct extension extension[] = {
	{"hop-by-hop, router alert", 0, {17, 0, 5, 2, 0, 0, 1, 0}, 8, FRAME_QUERY},
	{"hop-by-hop, Pad1 only", 0, {17, 0, 0, 0, 0, 0, 0, 0}, 8, FRAME_QUERY},
	{"destination options, unknown that may be skipped", 60, {17, 0, 0x1e, 1, 7, 1, 1, 0}, 8,
		FRAME_QUERY},
	{"destination options, unknown that may not", 60, {17, 0, 0x5e, 1, 7, 1, 1, 0}, 8,
		FRAME_EXTENSION},
	{"destination options, unknown, to be reported", 60, {17, 0, 0x9e, 1, 7, 1, 1, 0}, 8,
		FRAME_EXTENSION},
	{"jumbo payload", 0, {17, 0, 0xc2, 4, 0, 1, 0, 0}, 8, FRAME_EXTENSION},
	{"option beyond its header", 60, {17, 0, 1, 5, 0, 0, 0, 0}, 8, FRAME_EXTENSION},
	{"option without length", 60, {17, 0, 1, 3, 0, 0, 0, 1}, 8, FRAME_EXTENSION},
	{"routing, at its end", 43, {17, 0, 0, 0, 0, 0, 0, 0}, 8, FRAME_QUERY},
	{"routing, not at its end", 43, {17, 0, 0, 1, 0, 0, 0, 0}, 8, FRAME_EXTENSION},
	{"hop-by-hop, then destination", 0, {60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0}, 16,
		FRAME_QUERY},
	{"destination, then hop-by-hop", 60, {0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0}, 16,
		FRAME_EXTENSION},
	{"fragment", 44, {17, 0, 0, 1, 0, 0, 0, 1}, 8, FRAME_FRAGMENT},
	{"atomic fragment", 44, {17, 0, 0, 0, 0, 0, 0, 1}, 8, FRAME_FRAGMENT},
	{"fragment behind an extension", 60, {44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0, 1}, 16,
		FRAME_FRAGMENT},
	{"TCP behind an extension", 60, {6, 0, 1, 4, 0, 0, 0, 0}, 8, FRAME_NOT_UDP},
	{"authentication", 51, {17, 1, 0, 0, 0, 0, 0, 0}, 8, FRAME_EXTENSION},
	{"mobility", 135, {17, 0, 0, 0, 0, 0, 0, 0}, 8, FRAME_EXTENSION},
	{"HIP", 139, {17, 0, 0, 0, 0, 0, 0, 0}, 8, FRAME_EXTENSION},
	{"shim6", 140, {17, 0, 0, 0, 0, 0, 0, 0}, 8, FRAME_EXTENSION},
	{"a little longer than the packet", 43, {17, 20, 0, 0, 0, 0, 0, 0}, 8, FRAME_EXTENSION},
	{"longer than the packet", 60, {17, 255, 1, 4, 0, 0, 0, 0}, 8, FRAME_EXTENSION},
};

static void
test_extension_headers(void **state)
{
	struct frame f;
	for (unsigned n = 0; n < sizeof extension / sizeof *extension; n++) {
		const struct extension *e = &extension[n];
		make6(&f, 0, e->first, e->octet, e->octets, DNS, DNS_LEN);
		expect(e->what, &f, e->want);
	}
}

static void
test_extension_headers_are_bounded(void **state)
{
	static const uint8_t one[8] = {60, 0, 1, 4};
	uint8_t many[8 * (FRAME_EXTENSIONS_MAX + 1)], large[FRAME_EXTENSION_OCTETS_MAX + 8] = {0};
	struct frame f;

	for (unsigned n = 0; n <= FRAME_EXTENSIONS_MAX; n++)
		memcpy(many + 8 * n, one, 8);
	many[8 * (FRAME_EXTENSIONS_MAX - 1)] = 17;
	make6(&f, 0, 60, many, 8 * FRAME_EXTENSIONS_MAX, DNS, DNS_LEN);
	expect("as many as may be", &f, FRAME_QUERY);
	many[8 * (FRAME_EXTENSIONS_MAX - 1)] = 60;
	many[8 * FRAME_EXTENSIONS_MAX] = 17;
	make6(&f, 0, 60, many, sizeof many, DNS, DNS_LEN);
	expect("one more", &f, FRAME_EXTENSION);

	/* filled with PadN of 200, and what is left */
	for (unsigned octets = FRAME_EXTENSION_OCTETS_MAX; octets <= sizeof large; octets += 8) {
		memset(large, 0, sizeof large);
		large[0] = 17;
		large[1] = (uint8_t)(octets / 8 - 1);
		large[2] = large[204] = large[406] = 1;
		large[3] = large[205] = 200;
		large[407] = (uint8_t)(octets - 408);
		make6(&f, 0, 60, large, octets, DNS, DNS_LEN);
		expect("octets", &f,
			octets == FRAME_EXTENSION_OCTETS_MAX ? FRAME_QUERY : FRAME_EXTENSION);
	}
	/* an option an octet: too many to look at */
	memset(large, 0, 80);
	large[0] = 17;
	large[1] = 9;
	make6(&f, 0, 60, large, 80, DNS, DNS_LEN);
	expect("78 options", &f, FRAME_EXTENSION);
}

static void
test_filter_admits_own_addresses_only(void **state)
{
	static struct frame_filter own = {.n_ip4 = 1, .n_ip6 = 1};
	struct frame f;
	struct frame_info i;

	own.ip4[0].address_be = htonl(0xc0000202);
	own.ip4[0].port_be = htons(5353);
	memcpy(own.ip6[0].address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
	own.ip6[0].port_be = htons(53);
	plain6(&f);
	assert_int_equal(parse(&f, &own, 0, &i), FRAME_QUERY);
	plain4(&f);
	assert_int_equal(parse(&f, &own, 0, &i), FRAME_NOT_OURS); /* port 53 is not ours */
	set16(f.octets + f.l4 + 2, 5353);
	fix_udp_checksum(&f);
	assert_int_equal(parse(&f, &own, 0, &i), FRAME_QUERY);
	own.ip4[0].address_be = htonl(0xc0000203);
	assert_int_equal(parse(&f, &own, 0, &i), FRAME_NOT_OURS);
	own.ip4[0].address_be = 0; /* any */
	assert_int_equal(parse(&f, &own, 0, &i), FRAME_QUERY);
	own.n_ip4 = 2; /* the client says that it has an address of ours */
	own.ip4[1].address_be = htonl(0xc0000201);
	own.ip4[1].port_be = htons(53);
	assert_int_equal(parse(&f, &own, 0, &i), FRAME_SOURCE_ADDRESS);
	own.n_ip4 = 0; /* an IPv6 address alone does not open all of IPv4 */
	plain4(&f);
	assert_int_equal(parse(&f, &own, 0, &i), FRAME_NOT_OURS);
}

static void
test_flags_of_the_device_replace_checks(void **state)
{
	struct frame f;
	struct frame_info i;
	unsigned pseudo;

	plain4(&f);
	f.octets[f.l3 + 10] ^= 1;
	assert_int_equal(parse(&f, &any, FRAME_IP_GOOD, &i), FRAME_QUERY);
	assert_int_equal(parse(&f, &any, FRAME_UDP_GOOD, &i), FRAME_IP_CHECKSUM);
	plain4(&f);
	f.octets[f.l4 + 6] ^= 1;
	assert_int_equal(parse(&f, &any, FRAME_UDP_GOOD, &i), FRAME_QUERY);
	assert_int_equal(parse(&f, &any, FRAME_IP_GOOD, &i), FRAME_UDP_CHECKSUM);
	plain6(&f);
	set16(f.octets + f.l4 + 6, 0);
	assert_int_equal(parse(&f, &any, FRAME_UDP_GOOD, &i), FRAME_UDP_CHECKSUM);
	/* what a local kernel leaves for the hardware that a veth does not have */
	plain4(&f);
	pseudo = plain_sum(f.octets + f.l3 + 12, 8, 17 + 8 + DNS_LEN);
	set16(f.octets + f.l4 + 6, pseudo);
	assert_int_equal(parse(&f, &any, 0, &i), FRAME_UDP_CHECKSUM);
	assert_int_equal(parse(&f, &any, FRAME_PARTIAL_OK, &i), FRAME_QUERY);
	f.octets[f.l4 + 7] ^= 1;
	assert_int_equal(parse(&f, &any, FRAME_PARTIAL_OK, &i), FRAME_UDP_CHECKSUM);
}

static void
test_each_verdict_has_a_counter(void **state)
{
	assert_int_equal(frame_verdict_counter[FRAME_QUERY], CTR_N);
	for (unsigned v = FRAME_QUERY + 1; v < FRAME_VERDICTS; v++) {
		assert_in_range(frame_verdict_counter[v], CTR_D_SHORT + 1, CTR_D_SOURCE_ADDRESS);
		for (unsigned u = FRAME_QUERY + 1; u < v; u++)
			assert_int_not_equal(frame_verdict_counter[v], frame_verdict_counter[u]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queries_are_found),
		cmocka_unit_test(test_lengths_of_all_parities_pass_the_checksum),
		cmocka_unit_test(test_padding_is_not_part_of_the_query),
		cmocka_unit_test(test_each_broken_field_has_its_verdict),
		cmocka_unit_test(test_unspecified_and_mapped_sources_are_refused_over_ip6),
		cmocka_unit_test(test_cut_frames_are_refused),
		cmocka_unit_test(test_packets_that_end_early_are_refused),
		cmocka_unit_test(test_tags_are_bounded),
		cmocka_unit_test(test_extension_headers),
		cmocka_unit_test(test_extension_headers_are_bounded),
		cmocka_unit_test(test_filter_admits_own_addresses_only),
		cmocka_unit_test(test_flags_of_the_device_replace_checks),
		cmocka_unit_test(test_each_verdict_has_a_counter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
