/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_frame: any octets as an Ethernet frame, through what an ethdev port does with it: parse,
 * answer in place, write the response's headers. What comes out must be a frame that a client's
 * stack accepts.
 *
 * Input: one octet (low bits: enum frame_flag; FILTER: only some addresses are ours), the frame. */
#include "tests/fuzz/fuzz.h"

#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"
#include "controlplane/zones/zone_publish.h"
#include "dataplane/answer/answer.h"
#include "dataplane/ports/frame.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#define FLAGS 7u
#define FILTER 8u
#define FRAME_OCTETS_MAX 2048u
#define ROOM ANSWER_ROOM_MIN
#define NOW_S 1700000000u

static const char zone[] = "$ORIGIN t.\n$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
			   "*.w TXT \"wild\"\nc NS ns.c\nns.c AAAA 2001:db8::5\na CNAME ns\n"
			   "$GENERATE 1-100 b TXT \"record $ of a set that fills a datagram\"\n";

static struct arena arena;
static struct counters counters;
static struct answer_context *context;
static struct frame_filter any, own;

static void
publish_zone(void)
{
	struct zone_load_options options = {.seed = arena_header(&arena)->seed, .default_ttl = 60};
	struct settings s = {.magic = SETTINGS_MAGIC, .udp_payload_max = 1232, .cookies = 1};
	struct zone_report report = {0};
	struct zone_model model = {0};
	struct zone_publisher *p;
	uint32_t n_damaged;
	uint64_t image;

	FUZZ_CHECK(zone_publisher_create(&p, &arena, NULL, &n_damaged) == 0);
	FUZZ_CHECK(zone_load_text(&model, zone, sizeof zone - 1, "t.zone", (const uint8_t *)"\1t",
			   &options, &report) == 0);
	FUZZ_CHECK(zone_compile(&arena, &model, &image) == 0);
	FUZZ_CHECK(zone_publish(p, image) == 0);
	FUZZ_CHECK(settings_publish(p, &s) == 0);
	zone_model_destroy(&model);
	zone_report_destroy(&report);
	zone_publisher_destroy(p);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[] = "/tmp/millrace-fuzz-frame-XXXXXX";
	int fd = mkstemp(path);
	bool fresh;

	FUZZ_CHECK(fd >= 0);
	close(fd);
	unlink(path);
	FUZZ_CHECK(arena_open_writer(&arena, path, ARENA_SIZE_MIN, &fresh) == 0);
	unlink(path);
	publish_zone();
	context = answer_create(&arena, &counters);
	FUZZ_CHECK(context != NULL);
	own.n_ip4 = own.n_ip6 = 1;
	own.ip4[0].address_be = htonl(0xc0000202);
	own.ip4[0].port_be = htons(53);
	memcpy(own.ip6[0].address, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2", 16);
	own.ip6[0].port_be = htons(5353);
	return 0;
}

/* RFC 1071, one word at a time: shares nothing with frame.c. */
static unsigned
plain_sum(const uint8_t *p, unsigned len, unsigned sum)
{
	for (unsigned i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (unsigned)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static unsigned
get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* What the parser promises of a frame that it takes for a query. */
static void
check_query(const uint8_t *frame, uint32_t len, const struct frame_info *i, unsigned flags)
{
	const uint8_t *ip = frame + i->l3_at, *udp = frame + i->dns_at - FRAME_UDP_HEADER;
	unsigned udp_len = FRAME_UDP_HEADER + i->dns_len;

	FUZZ_CHECK(i->dns_at + i->dns_len <= len);
	FUZZ_CHECK(i->l3_at == 14 || i->l3_at == 18 || i->l3_at == 22);
	FUZZ_CHECK(frame_header_octets(i) <= i->dns_at);
	FUZZ_CHECK(get16(udp) != 0);
	FUZZ_CHECK(get16(udp + 4) == udp_len);
	FUZZ_CHECK(ip[0] >> 4 == (i->ip6 ? 6 : 4));
	if (!i->ip6 && !(flags & FRAME_IP_GOOD))
		FUZZ_CHECK(plain_sum(ip, (ip[0] & 15u) * 4, 0) == 0xffff);
	if ((flags & (FRAME_UDP_GOOD | FRAME_PARTIAL_OK)) || (!i->ip6 && get16(udp + 6) == 0))
		return;
	FUZZ_CHECK(plain_sum(udp, udp_len,
			   plain_sum(ip + (i->ip6 ? 8 : 12), i->ip6 ? 32 : 8, 17 + udp_len)) ==
		   0xffff);
}

/* The response, parsed by the client: the same code, which check_query() keeps honest. */
static void
check_response(const uint8_t *query, const struct frame_info *i, const uint8_t *response,
	uint32_t len, uint32_t dns_len)
{
	static struct frame_filter client;
	struct frame_info r;

	client.n_ip4 = client.n_ip6 = 1; /* any address */
	memcpy(&client.ip4[0].port_be, query + i->dns_at - FRAME_UDP_HEADER, 2);
	client.ip6[0].port_be = client.ip4[0].port_be;
	FUZZ_CHECK(frame_parse(&client, response, len, 0, &r) == FRAME_QUERY);
	check_query(response, len, &r, 0);
	FUZZ_CHECK(r.dns_len == dns_len && r.ip6 == i->ip6 && r.l3_at == i->l3_at);
	FUZZ_CHECK(r.dns_at == frame_header_octets(&r)); /* plain headers */
	FUZZ_CHECK(memcmp(response, query + 6, 6) == 0 && memcmp(response + 6, query, 6) == 0);
	FUZZ_CHECK(memcmp(response + 12, query + 12, i->l3_at - 12u) == 0);
	FUZZ_CHECK(get16(response + r.dns_at - 2) != 0);
}

static void
answer_frame(const uint8_t *frame, uint32_t len, const struct frame_info *i)
{
	struct answer_query q = {.len = i->dns_len, .room = ROOM};
	uint8_t *buffer = malloc(i->dns_at + ROOM), *copy;
	uint32_t start, total;

	FUZZ_CHECK(buffer != NULL);
	memset(buffer, 0xee, i->dns_at + ROOM);
	memcpy(buffer, frame, i->dns_at + (i->dns_len < ROOM ? i->dns_len : ROOM));
	q.dns = buffer + i->dns_at;
	frame_client(buffer, i, q.client);
	q.transport = i->ip6 ? ANSWER_UDP6 : ANSWER_UDP4;
	answer_burst(context, &q, 1, NOW_S);
	FUZZ_CHECK(q.out_len <= ROOM);
	if (q.out_len != 0) {
		start = frame_respond(buffer, i, q.out_len, 0);
		total = frame_header_octets(i) + q.out_len;
		copy = malloc(total);
		FUZZ_CHECK(copy != NULL);
		memcpy(copy, buffer + start, total);
		check_response(frame, i, copy, total, q.out_len);
		free(copy);
	}
	free(buffer);
}

/* A checksum that was left to hardware is made complete: two octets change, once, and for DNS to us
 * the parser then finds it good. */
static void
check_completion(uint8_t *frame, uint32_t len, unsigned flags)
{
	uint8_t *before = malloc(len ? len : 1);
	struct frame_info info;
	enum frame_verdict v;
	unsigned n_changed = 0;

	FUZZ_CHECK(before != NULL);
	memcpy(before, frame, len);
	v = frame_parse(&any, frame, len, (flags & FRAME_IP_GOOD) | FRAME_PARTIAL_OK, &info);
	if (frame_complete_checksum(frame, len)) {
		for (uint32_t i = 0; i < len; i++)
			n_changed += frame[i] != before[i];
		FUZZ_CHECK(n_changed <= 2);
		memcpy(before, frame, len);
		(void)frame_complete_checksum(frame, len);
		FUZZ_CHECK(memcmp(before, frame, len) == 0);
		/* the packet ends where its UDP does: then both sums are of the same octets */
		if (v == FRAME_QUERY && !info.ip6 &&
			get16(frame + info.l3_at + 2) + info.l3_at ==
				info.dns_at + info.dns_len + 0u)
			FUZZ_CHECK(frame_parse(&any, frame, len, flags & FRAME_IP_GOOD, &info) ==
				   FRAME_QUERY);
	} else {
		FUZZ_CHECK(memcmp(before, frame, len) == 0);
	}
	free(before);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct frame_filter *filter;
	struct frame_info info;
	enum frame_verdict v;
	uint8_t *frame;
	unsigned flags;

	if (len < 1 || len > FRAME_OCTETS_MAX)
		return 0;
	flags = data[0] & FLAGS;
	filter = data[0] & FILTER ? &own : &any;
	len--;
	frame = malloc(len ? len : 1);
	FUZZ_CHECK(frame != NULL);
	memcpy(frame, data + 1, len);
	v = frame_parse(filter, frame, (uint32_t)len, flags, &info);
	FUZZ_CHECK(v < FRAME_VERDICTS);
	FUZZ_CHECK(v == FRAME_QUERY || frame_verdict_counter[v] < CTR_N);
	FUZZ_CHECK(v != FRAME_QUERY || !frame_is_kernels(v));
	if (v == FRAME_QUERY) {
		check_query(frame, (uint32_t)len, &info, flags);
		if (info.dns_len <= ROOM)
			answer_frame(frame, (uint32_t)len, &info);
	}
	check_completion(frame, (uint32_t)len, flags);
	free(frame);
	return 0;
}
