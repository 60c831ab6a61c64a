/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_query: any octets as a query to the answer engine, over a published set of awkward zones;
 * and the same with the arena damaged beforehand, for readers promise never to follow a wrong
 * offset.
 *
 * Input: one octet of modes (enum mode); in MODE_DAMAGE one octet n, then n damages of 8 octets
 * (see damage_arena()); the rest is the DNS message. */
#include "tests/fuzz/fuzz.h"

#include "controlplane/zones/zone_compile.h"
#include "controlplane/zones/zone_load.h"
#include "controlplane/zones/zone_publish.h"
#include "dataplane/answer/answer.h"

#include <libknot/libknot.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum mode {
	MODE_STREAM = 1,
	MODE_IPV6 = 2,
	MODE_DAMAGE = 4,
	MODE_BURST = 8, /* amid other queries */
};

#define NOW_S 1700000000u
#define DAMAGES_MAX 16u
#define DAMAGE_OCTETS 8u
#define UDP_PAYLOAD_MAX 1232u

/* The set is small, so that chance finds its names; each line is there for a branch of RFC
 * 1034 4.3.2. */
static const char zone_t[] =
	"$ORIGIN t.\n$TTL 60\n"
	"@ SOA ns h 1 2 3 4 5\n@ NS ns\n@ NS ns.c\n@ MX 1 m\n@ TXT \"apex\"\n"
	"ns A 192.0.2.1\nns AAAA 2001:db8::1\nm A 192.0.2.2\nm AAAA 2001:db8::2\n"
	"a CNAME b\nb CNAME d\nd A 192.0.2.3\n"
	"l CNAME k\nk CNAME l\ns CNAME s\nx CNAME out.example.\ny CNAME n.u\n"
	"*.w TXT \"wild\"\n*.w MX 5 m\na.b.w A 192.0.2.4\n*.v CNAME a\n*.i CNAME *.i\n"
	"c NS ns.c\nc NS o.example.\nns.c A 192.0.2.5\nns.c AAAA 2001:db8::5\nc DS 1 8 2 "
	"0000000000000000000000000000000000000000000000000000000000000000\n"
	"e NS ns\nf.e TXT \"occluded\"\n"
	"g DNAME d\nj DNAME u.t.\nq DNAME q2.q\nz DNAME "
	"llllllllllllllllllllllllllllllllllllllllllllllllllllllllllll."
	"llllllllllllllllllllllllllllllllllllllllllllllllllllllllllll."
	"llllllllllllllllllllllllllllllllllllllllllllllllllllllllllll.\n"
	"p.p.p A 192.0.2.6\n_s._t SRV 1 2 3 m\nr SVCB 1 m alpn=h2\nh HTTPS 0 m\no TYPE65280 \\# 3 "
	"010203\n"
	"\\000\\255.u A 192.0.2.7\n";
static const char zone_u[] =
	"$ORIGIN u.t.\n$TTL 60\n@ SOA ns.t. h 1 2 3 600 5\n@ NS ns.t.\nd CNAME a.t.\n"
	"* A 192.0.2.8\nns NS ns.ns\nns.ns A 192.0.2.9\n";
static const char zone_big[] =
	"$ORIGIN b.\n$TTL 60\n@ SOA ns.t. h 1 2 3 4 5\n@ NS ns.t.\n"
	"$GENERATE 1-100 t TXT \"record $ of a set that fills more than one datagram\"\n"
	"$GENERATE 1-40 c NS n$.c\n$GENERATE 1-40 n$.c A 192.0.2.$\n"
	"$GENERATE 1-20 m MX \"$ h$\"\n$GENERATE 1-20 h$ AAAA 2001:db8::$\n";

static struct arena
	arena; /* a copy of exactly the octets in use, so that sanitizers see a read behind them */
static uint8_t *octets, *pristine;
static struct answer_context *context;
static struct counters counters;

static void
publish_text(struct arena *a, struct zone_publisher *p, const char *name, const uint8_t *apex,
	const char *text)
{
	struct zone_load_options options = {.seed = arena_header(a)->seed, .default_ttl = 60};
	struct zone_report report = {0};
	struct zone_model model = {0};
	uint64_t image;
	int rc = zone_load_text(&model, text, strlen(text), name, apex, &options, &report);

	for (size_t i = 0; rc != 0 && i < report.n; i++)
		fprintf(stderr, "%s\n", report.finding[i].text);
	FUZZ_CHECK(rc == 0);
	FUZZ_CHECK(zone_compile(a, &model, &image) == 0);
	FUZZ_CHECK(zone_publish(p, image) == 0);
	zone_model_destroy(&model);
	zone_report_destroy(&report);
}

static void
publish_all(struct arena *a)
{
	struct settings s = {.magic = SETTINGS_MAGIC,
		.udp_payload_max = UDP_PAYLOAD_MAX,
		.tcp_keepalive_ds = 100,
		.cookies = 1};
	struct zone_publisher *p;
	uint32_t n_damaged;
	uint64_t image;

	FUZZ_CHECK(zone_publisher_create(&p, a, NULL, &n_damaged) == 0);
	publish_text(a, p, "t.zone", (const uint8_t *)"\1t", zone_t);
	publish_text(a, p, "u.t.zone", (const uint8_t *)"\1u\1t", zone_u);
	publish_text(a, p, "b.zone", (const uint8_t *)"\1b", zone_big);
	FUZZ_CHECK(zone_compile_unavailable(a, (const uint8_t *)"\1n\1t", &image) == 0);
	FUZZ_CHECK(zone_publish(p, image) == 0);
	memset(s.cookie_secret, 0x5a, sizeof s.cookie_secret);
	memset(s.cookie_secret_old, 0xa5, sizeof s.cookie_secret_old);
	s.nsid.len = s.version.len = s.identity.len = 3;
	memcpy(s.nsid.octets, "nid", 3);
	memcpy(s.version.octets, "ver", 3);
	memcpy(s.identity.octets, "ids", 3);
	FUZZ_CHECK(settings_publish(p, &s) == 0);
	zone_publisher_destroy(p);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[] = "/tmp/millrace-fuzz-query-XXXXXX";
	struct arena a;
	bool fresh;
	uint64_t used;
	int fd = mkstemp(path);

	FUZZ_CHECK(fd >= 0);
	close(fd);
	unlink(path);
	FUZZ_CHECK(arena_open_writer(&a, path, ARENA_SIZE_MIN, &fresh) == 0);
	publish_all(&a);
	for (used = a.size; a.base[used - 1] == 0; used--)
		;
	used = (used + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
	octets = aligned_alloc(ARENA_ALIGN, used);
	pristine = malloc(used);
	FUZZ_CHECK(octets != NULL && pristine != NULL);
	memcpy(octets, a.base, used);
	((struct arena_header *)octets)->size = used;
	memcpy(pristine, octets, used);
	arena_close(&a);
	unlink(path);
	arena = (struct arena){.base = octets, .size = used, .fd = -1};
	context = answer_create(&arena, &counters);
	FUZZ_CHECK(context != NULL);
	return 0;
}

/* Overwrite: 3 octets of offset, 1 of width (1, 2, 4, 4), 4 of value. */
static void
damage_arena(const uint8_t *d)
{
	uint64_t at = (d[0] | (uint32_t)d[1] << 8 | (uint32_t)d[2] << 16) % arena.size;
	uint64_t width = (d[3] & 3) == 0 ? 1 : (d[3] & 3) == 1 ? 2 : 4;

	at -= at % width;
	memcpy(octets + at, d + 4, width);
}

static void
repair_arena(const uint8_t *d)
{
	uint64_t at = (d[0] | (uint32_t)d[1] << 8 | (uint32_t)d[2] << 16) % arena.size & ~3ull;

	memcpy(octets + at, pristine + at, 4);
}

/* Answer in a block of exactly the room that the contract asks for. The caller frees the response.
 */
static uint8_t *
ask(const uint8_t *query, size_t len, unsigned mode, uint32_t *out_len)
{
	static const uint8_t other[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\1w\1t\0\0\1\0\1";
	uint8_t beside[ANSWER_BURST][ANSWER_ROOM_MIN];
	struct answer_query q[ANSWER_BURST] = {0};
	uint32_t room = mode & MODE_STREAM ? ANSWER_ROOM_STREAM : ANSWER_ROOM_MIN;
	uint8_t *dns = malloc(room);
	unsigned n = mode & MODE_BURST ? ANSWER_BURST : 1, at = n / 2;

	FUZZ_CHECK(dns != NULL);
	memcpy(dns, query, len);
	memset(dns + len, 0xee, room - len);
	for (unsigned i = 0; i < n; i++) {
		memcpy(beside[i], other, sizeof other - 1);
		q[i] = (struct answer_query){
			.dns = beside[i], .len = sizeof other - 1, .room = ANSWER_ROOM_MIN};
		memcpy(q[i].client, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1", 16);
	}
	q[at].dns = dns;
	q[at].len = (uint32_t)len;
	q[at].room = room;
	q[at].transport = (uint8_t)((mode & MODE_STREAM ? ANSWER_TCP4 : ANSWER_UDP4) +
				    (mode & MODE_IPV6 ? 1 : 0));
	answer_burst(context, q, n, NOW_S);
	*out_len = q[at].out_len;
	return dns;
}

/* What holds for every response, whatever state the arena is in. */
static void
check_header(const uint8_t *q, size_t len, const uint8_t *r, uint32_t out_len, unsigned mode)
{
	if (len < 12 || (q[2] & 0x80) != 0) { /* no header, or a response: never answered */
		FUZZ_CHECK(out_len == 0);
		return;
	}
	if (out_len == 0)
		return;
	FUZZ_CHECK(out_len >= 12);
	FUZZ_CHECK(out_len <= (mode & MODE_STREAM ? 65535u : UDP_PAYLOAD_MAX));
	FUZZ_CHECK(r[0] == q[0] && r[1] == q[1]);
	FUZZ_CHECK((r[2] & 0xf9) == (0x80 | (q[2] & 0x79))); /* QR; opcode and RD echoed */
	FUZZ_CHECK((r[3] & 0xc0) == 0);                      /* RA, Z (RFC 1035 4.1.1) */
	FUZZ_CHECK((mode & MODE_STREAM) == 0 || (r[2] & 2) == 0);
}

/* What holds when nothing is damaged: a message that another implementation reads, within the
 * client's limit, with the client's question, and with OPT only for those who sent one. */
static void
check_message(uint8_t *q, size_t len, uint8_t *r, uint32_t out_len, unsigned mode)
{
	knot_pkt_t *response = knot_pkt_new(r, (uint16_t)out_len, NULL);
	knot_pkt_t *query = knot_pkt_new(q, (uint16_t)len, NULL);
	unsigned limit = UDP_PAYLOAD_MAX, rcode = r[3] & 15;

	FUZZ_CHECK(response != NULL && query != NULL);
	FUZZ_CHECK(knot_pkt_parse(response, 0) == KNOT_EOK);
	if (knot_pkt_parse(query, 0) == KNOT_EOK && knot_wire_get_qdcount(q) == 1) {
		size_t question = query->qname_size + 4u;

		if (query->opt_rr == NULL)
			limit = 512;
		else if (knot_edns_get_payload(query->opt_rr) < UDP_PAYLOAD_MAX)
			limit = knot_edns_get_payload(query->opt_rr);
		if (limit < 512)
			limit = 512;
		FUZZ_CHECK(query->opt_rr != NULL || response->opt_rr == NULL);
		if (rcode != KNOT_RCODE_FORMERR && rcode != KNOT_RCODE_NOTIMPL) {
			FUZZ_CHECK(knot_wire_get_qdcount(r) == 1);
			FUZZ_CHECK(
				out_len >= 12 + question && memcmp(r + 12, q + 12, question) == 0);
		}
	}
	FUZZ_CHECK((mode & MODE_STREAM) || out_len <= limit);
	knot_pkt_free(query);
	knot_pkt_free(response);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *damage = NULL;
	unsigned mode, n_damage = 0;
	uint8_t *query, *response, *again;
	uint32_t out_len, again_len;

	if (len < 1)
		return 0;
	mode = *data++;
	len--;
	if (mode & MODE_DAMAGE) {
		if (len < 1 || len - 1 < (data[0] % DAMAGES_MAX) * DAMAGE_OCTETS)
			return 0;
		n_damage = data[0] % DAMAGES_MAX;
		damage = data + 1;
		data += 1 + n_damage * DAMAGE_OCTETS;
		len -= 1 + n_damage * DAMAGE_OCTETS;
	}
	if (len > ANSWER_ROOM_MIN)
		len = ANSWER_ROOM_MIN;
	query = malloc(len + 1);
	FUZZ_CHECK(query != NULL);
	memcpy(query, data, len);
	for (unsigned i = 0; i < n_damage; i++)
		damage_arena(damage + i * DAMAGE_OCTETS);

	response = ask(query, len, mode, &out_len);
	check_header(query, len, response, out_len, mode);
	if (n_damage == 0 && out_len > 0)
		check_message(query, len, response, out_len, mode);
	if (n_damage == 0 &&
		(mode & MODE_BURST)) { /* its neighbours in a burst do not change an answer */
		again = ask(query, len, mode & ~(unsigned)MODE_BURST, &again_len);
		FUZZ_CHECK(out_len == again_len && memcmp(response, again, out_len) == 0);
		free(again);
	}

	for (unsigned i = 0; i < n_damage; i++)
		repair_arena(damage + i * DAMAGE_OCTETS);
	free(response);
	free(query);
	return 0;
}
