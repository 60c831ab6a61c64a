/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answer engine, asked in memory: what RFC 1034 4.3.2 and its successors say comes out.
 * Responses are decoded by libknot, so the engine's own idea of compression is not trusted. */
#include "dataplane/answer/answer.h"
#include "shm/image_find.h"
#include "tests/support/zone_set.h"

#include <libknot/libknot.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define NOW_S 1700000000u

static const char example[] =
	"$TTL 3600\n"
	"@ SOA ns1 host.master 7 7200 3600 1209600 300\n"
	"@ NS ns1\n@ NS ns.elsewhere.test.\n@ MX 10 Mail\n@ TXT \"apex\"\n"
	"ns1 A 192.0.2.1\nns1 AAAA 2001:db8::1\n"
	"mail A 192.0.2.25\n"
	"Host A 192.0.2.2\nhost A 192.0.2.3\n"
	"www CNAME host\nalias CNAME www\nout CNAME x.elsewhere.test.\ngone CNAME nope\nloop CNAME "
	"pool\npool CNAME loop\n"
	"tocut CNAME a.sub\ntochild CNAME www.child\n"
	"*.wild TXT \"star\"\n*.wild MX 5 mail\nhost.wild A 192.0.2.4\n*.wc CNAME host\n"
	"a.b.ent A 192.0.2.5\n"
	"sub NS ns.sub\nsub NS ns1\nsub NS ns.other\nsub DS 1 8 2 "
	"0000000000000000000000000000000000000000000000000000000000000001\n"
	"ns.sub A 192.0.2.6\nns.sub AAAA 2001:db8::6\nother NS ns.other\nns.other A "
	"192.0.2.7\ntxt.sub TXT \"hidden\"\n"
	"child NS ns.child\nchild DS 2 8 2 "
	"0000000000000000000000000000000000000000000000000000000000000002\nns.child A 192.0.2.8\n"
	"*.wd DNAME ent\n*.wm DNAME ent\n*.wm TXT \"m\"\n"
	"dn DNAME ent\nlong DNAME "
	"lllllllllllllllllllllllllllllllllllllllllllllllllllll."
	"mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm.test.\n"
	"big TXT "
	"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\n"
	"big TXT "
	"\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	"bbbbbbbbbbbbbbbbbbbbbbbbb\"\n"
	"big TXT "
	"\"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
	"cccccccccccccccccc\"\n";
static const char child[] =
	"$TTL 60\n@ SOA ns h 1 1 1 1 30\n@ NS ns\nns A 192.0.2.8\nwww A 192.0.2.9\n";

static struct zone_set set;
static struct counters counters;
static struct answer_context *engine;

static int
setup(void **state)
{
	(void)state;
	zone_set_open(&set, 64u << 20);
	assert_int_equal(zone_set_add(&set, "example.test.", example), 0);
	assert_int_equal(zone_set_add(&set, "child.example.test.", child), 0);
	assert_int_equal(zone_set_add_unavailable(&set, "broken.test."), 0);
	struct settings s = {.magic = SETTINGS_MAGIC,
		.udp_payload_max = 1232,
		.tcp_keepalive_ds = 100,
		.cookies = 1,
		.nsid = {4, "me-1"},
		.version = {8, "Millrace"}};
	assert_int_equal(settings_publish(set.publisher, &s), 0);
	engine = answer_create(&set.arena, &counters);
	return engine == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	answer_destroy(engine);
	zone_set_close(&set);
	return 0;
}

/* Ask; the response lies in buf. */
static uint32_t
ask_octets(uint8_t *buf, uint32_t len, uint32_t room, enum answer_transport transport)
{
	struct answer_query q = {.dns = buf, .len = len, .room = room, .transport = transport};
	memset(q.client + 10, 0xff, 2);
	answer_burst(engine, &q, 1, NOW_S);
	return q.out_len;
}

static uint32_t
make_query(uint8_t *buf, const char *name, uint16_t type, uint16_t class, int edns_size)
{
	uint32_t at = 12;
	memset(buf, 0, 12);
	buf[0] = 0x12;
	buf[1] = 0x34;
	buf[2] = 1; /* RD */
	buf[5] = 1;
	assert_non_null(knot_dname_from_str(buf + at, name, 255));
	at += (uint32_t)knot_dname_size(buf + at);
	const uint8_t tail[4] = {
		(uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(class >> 8), (uint8_t) class};
	memcpy(buf + at, tail, 4);
	at += 4;
	if (edns_size >= 0) {
		const uint8_t opt[11] = {0, 0, 41, (uint8_t)(edns_size >> 8), (uint8_t)edns_size};
		memcpy(buf + at, opt, 11);
		at += 11;
		buf[11] = 1;
	}
	return at;
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* libknot lower-cases what it parses. The records of a section, each "owner ttl type rdata",
 * sorted, "; " between them. */
static void
section_text(knot_pkt_t *pkt, knot_section_t section, char *out, size_t room)
{
	const knot_pktsection_t *s = knot_pkt_section(pkt, section);
	char *line[64];
	unsigned n = 0;
	size_t used = 0;

	for (unsigned i = 0; i < s->count; i++) {
		const knot_rrset_t *rr = knot_pkt_rr(s, i);
		char owner[512], type[32], data[2048];
		if (rr->type == KNOT_RRTYPE_OPT)
			continue;
		knot_dname_to_str(owner, rr->owner, sizeof owner);
		knot_rrtype_to_string(rr->type, type, sizeof type);
		assert_true(knot_rrset_txt_dump_data(
				    rr, 0, data, sizeof data, &KNOT_DUMP_STYLE_DEFAULT) >= 0);
		assert_true(n < 64);
		assert_true(asprintf(&line[n++], "%s %u %s %.40s", owner, rr->ttl, type, data) > 0);
	}
	qsort(line, n, sizeof *line, by_text);
	out[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		used += (size_t)snprintf(
			out + used, room - used, "%s%s", i != 0 ? "; " : "", line[i]);
		assert_true(used < room);
		free(line[i]);
	}
}

struct expectation {
	const char *name;
	uint16_t type;
	const char *status; /* RCODE and flags */
	const char *answer, *authority, *additional;
};

#define SOA_NEG "example.test. 300 SOA ns1.example.test. host.master.example.te"

/* clang-format off */
static const struct expectation expectations[] = {
	{"HOST.example.test.", 1, "NOERROR aa", "host.example.test. 3600 A 192.0.2.2; host.example.test. 3600 A 192.0.2.3", "", ""},
	{"host.example.test.", 16, "NOERROR aa", "", SOA_NEG, ""},
	{"nope.example.test.", 1, "NXDOMAIN aa", "", SOA_NEG, ""},
	{"a.b.c.nope.example.test.", 1, "NXDOMAIN aa", "", SOA_NEG, ""},
	{"ent.example.test.", 1, "NOERROR aa", "", SOA_NEG, ""},
	{"b.ent.example.test.", 1, "NOERROR aa", "", SOA_NEG, ""},
	{"x.b.ent.example.test.", 1, "NXDOMAIN aa", "", SOA_NEG, ""},
	{"example.test.", 15, "NOERROR aa", "example.test. 3600 MX 10 mail.example.test.", "", "mail.example.test. 3600 A 192.0.2.25"},
	{"example.test.", 43, "NOERROR aa", "", SOA_NEG, ""},
	{"www.example.test.", 1, "NOERROR aa", "host.example.test. 3600 A 192.0.2.2; host.example.test. 3600 A 192.0.2.3; www.example.test. 3600 CNAME host.example.test.", "", ""},
	{"www.example.test.", 5, "NOERROR aa", "www.example.test. 3600 CNAME host.example.test.", "", ""},
	{"alias.example.test.", 16, "NOERROR aa", "alias.example.test. 3600 CNAME www.example.test.; www.example.test. 3600 CNAME host.example.test.", SOA_NEG, ""},
	{"out.example.test.", 1, "NOERROR aa", "out.example.test. 3600 CNAME x.elsewhere.test.", "", ""},
	{"gone.example.test.", 1, "NXDOMAIN aa", "gone.example.test. 3600 CNAME nope.example.test.", SOA_NEG, ""},
	{"loop.example.test.", 1, "NOERROR aa", "loop.example.test. 3600 CNAME pool.example.test.; pool.example.test. 3600 CNAME loop.example.test.", "", ""},
	{"tocut.example.test.", 1, "NOERROR aa", "tocut.example.test. 3600 CNAME a.sub.example.test.",
		"sub.example.test. 3600 NS ns.other.example.test.; sub.example.test. 3600 NS ns.sub.example.test.; sub.example.test. 3600 NS ns1.example.test.",
		"ns.other.example.test. 3600 A 192.0.2.7; ns.sub.example.test. 3600 A 192.0.2.6; ns.sub.example.test. 3600 AAAA 2001:db8::6; ns1.example.test. 3600 A 192.0.2.1; ns1.example.test. 3600 AAAA 2001:db8::1"},
	{"tochild.example.test.", 1, "NOERROR aa", "tochild.example.test. 3600 CNAME www.child.example.test.; www.child.example.test. 60 A 192.0.2.9", "", ""},
	{"q.wild.example.test.", 16, "NOERROR aa", "q.wild.example.test. 3600 TXT \"star\"", "", ""},
	{"q.r.Wild.example.test.", 15, "NOERROR aa", "q.r.wild.example.test. 3600 MX 5 mail.example.test.", "", "mail.example.test. 3600 A 192.0.2.25"},
	{"*.wild.example.test.", 16, "NOERROR aa", "*.wild.example.test. 3600 TXT \"star\"", "", ""},
	{"q.wild.example.test.", 1, "NOERROR aa", "", SOA_NEG, ""},
	{"q.host.wild.example.test.", 16, "NXDOMAIN aa", "", SOA_NEG, ""},
	{"wild.example.test.", 16, "NOERROR aa", "", SOA_NEG, ""},
	{"abc.wd.example.test.", 39, "NOERROR aa", "", SOA_NEG, ""},
	{"abc.wd.example.test.", 255, "NOERROR aa", "", SOA_NEG, ""},
	{"abc.wm.example.test.", 255, "NOERROR aa", "abc.wm.example.test. 3600 TXT \"m\"", "", ""},
	{"*.wd.example.test.", 255, "NOERROR aa", "*.wd.example.test. 3600 DNAME ent.example.test.", "", ""},
	{"zz.wc.example.test.", 1, "NOERROR aa", "host.example.test. 3600 A 192.0.2.2; host.example.test. 3600 A 192.0.2.3; zz.wc.example.test. 3600 CNAME host.example.test.", "", ""},
	{"a.b.sub.example.test.", 1, "NOERROR",
		"", "sub.example.test. 3600 NS ns.other.example.test.; sub.example.test. 3600 NS ns.sub.example.test.; sub.example.test. 3600 NS ns1.example.test.",
		"ns.other.example.test. 3600 A 192.0.2.7; ns.sub.example.test. 3600 A 192.0.2.6; ns.sub.example.test. 3600 AAAA 2001:db8::6; ns1.example.test. 3600 A 192.0.2.1; ns1.example.test. 3600 AAAA 2001:db8::1"},
	{"other.example.test.", 2, "NOERROR", "", "other.example.test. 3600 NS ns.other.example.test.", "ns.other.example.test. 3600 A 192.0.2.7"},
	{"sub.example.test.", 43, "NOERROR aa", "sub.example.test. 3600 DS 1 8 2 0000000000000000000000000000000000", "", ""},
	{"other.example.test.", 43, "NOERROR aa", "", SOA_NEG, ""},
	{"x.sub.example.test.", 43, "NOERROR", "", "sub.example.test. 3600 NS ns.other.example.test.; sub.example.test. 3600 NS ns.sub.example.test.; sub.example.test. 3600 NS ns1.example.test.",
		"ns.other.example.test. 3600 A 192.0.2.7; ns.sub.example.test. 3600 A 192.0.2.6; ns.sub.example.test. 3600 AAAA 2001:db8::6; ns1.example.test. 3600 A 192.0.2.1; ns1.example.test. 3600 AAAA 2001:db8::1"},
	{"child.example.test.", 43, "NOERROR aa", "child.example.test. 3600 DS 2 8 2 0000000000000000000000000000000000", "", ""},
	{"www.child.example.test.", 1, "NOERROR aa", "www.child.example.test. 60 A 192.0.2.9", "", ""},
	{"a.b.dn.example.test.", 1, "NOERROR aa", "a.b.dn.example.test. 3600 CNAME a.b.ent.example.test.; a.b.ent.example.test. 3600 A 192.0.2.5; dn.example.test. 3600 DNAME ent.example.test.", "", ""},
	{"dn.example.test.", 1, "NOERROR aa", "", SOA_NEG, ""},
	{"x.dn.example.test.", 5, "NOERROR aa", "dn.example.test. 3600 DNAME ent.example.test.; x.dn.example.test. 3600 CNAME x.ent.example.test.", "", ""},
	{"elsewhere.test.", 1, "REFUSED", "", "", ""},
	{"x.broken.test.", 1, "SERVFAIL", "", "", ""},
};
/* clang-format on */

static void
check_response(const struct expectation *e, const uint8_t *buf, uint32_t len)
{
	char text[4096], status[64];
	knot_pkt_t *pkt = knot_pkt_new((void *)(uintptr_t)buf, len, NULL);

	assert_non_null(pkt);
	assert_int_equal(knot_pkt_parse(pkt, 0), KNOT_EOK);
	const knot_lookup_t *rcode = knot_lookup_by_id(knot_rcode_names, knot_wire_get_rcode(buf));
	snprintf(status, sizeof status, "%s%s%s", rcode->name, knot_wire_get_aa(buf) ? " aa" : "",
		knot_wire_get_tc(buf) ? " tc" : "");
	assert_string_equal(status, e->status);
	section_text(pkt, KNOT_ANSWER, text, sizeof text);
	assert_string_equal(text, e->answer);
	section_text(pkt, KNOT_AUTHORITY, text, sizeof text);
	assert_string_equal(text, e->authority);
	section_text(pkt, KNOT_ADDITIONAL, text, sizeof text);
	assert_string_equal(text, e->additional);
	knot_pkt_free(pkt);
}

static void
every_kind_of_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
		uint8_t *buf = malloc(65535), question[300];
		uint32_t len = make_query(buf, expectations[i].name, expectations[i].type, 1, 1232);
		memcpy(question, buf + 12, len - 12 - 11);
		print_message("%s %u\n", expectations[i].name, expectations[i].type);
		uint32_t out = ask_octets(buf, len, 65535, ANSWER_UDP6);
		assert_memory_equal(buf + 12, question, len - 12 - 11); /* 0x20 */
		check_response(&expectations[i], buf, out);
		free(buf);
	}
}

static void
a_burst_gives_what_single_queries_give(void **state)
{
	(void)state;
	enum { N = sizeof expectations / sizeof *expectations };
	static uint8_t buf[N][2048];
	struct answer_query q[N];

	memset(q, 0, sizeof q);
	for (size_t i = 0; i < N; i++)
		q[i] = (struct answer_query){.dns = buf[i],
			.len = make_query(
				buf[i], expectations[i].name, expectations[i].type, 1, 1232),
			.room = 2048};
	answer_burst(engine, q, N, NOW_S);
	for (size_t i = 0; i < N; i++)
		check_response(&expectations[i], buf[i], q[i].out_len);
}

static void
what_does_not_fit_is_truncated_or_trimmed(void **state)
{
	uint8_t buf[65535];
	uint32_t len, out;

	(void)state;
	len = make_query(buf, "big.example.test.", 16, 1, -1);
	out = ask_octets(buf, len, sizeof buf, ANSWER_UDP4);
	assert_int_equal(out, len);
	assert_true(knot_wire_get_tc(buf));
	assert_int_equal(knot_wire_get_ancount(buf), 0);

	len = make_query(buf, "big.example.test.", 16, 1, 1232);
	out = ask_octets(buf, len, sizeof buf, ANSWER_UDP4);
	assert_false(knot_wire_get_tc(buf));
	assert_int_equal(knot_wire_get_ancount(buf), 3);
	assert_true(out <= 1232);

	len = make_query(buf, "big.example.test.", 16, 1, -1);
	out = ask_octets(buf, len, sizeof buf, ANSWER_TCP4);
	assert_false(knot_wire_get_tc(buf));
	assert_int_equal(knot_wire_get_ancount(buf), 3);

	/* an advertised size beyond ours is clamped to ours, one below 512 raised to that */
	len = make_query(buf, "host.example.test.", 1, 1, 65535);
	out = ask_octets(buf, len, sizeof buf, ANSWER_UDP4);
	assert_int_equal(buf[out - 11 + 3] << 8 | buf[out - 11 + 4], 1232);
}

struct broken {
	const char *what;
	int rcode; /* -1: no response */
	void (*break_it)(uint8_t *buf, uint32_t *len);
};

static void
b_response(uint8_t *b, uint32_t *len)
{
	(void)len;
	b[2] |= 0x80;
}
static void
b_short(uint8_t *b, uint32_t *len)
{
	(void)b;
	*len = 11;
}
static void
b_no_question(uint8_t *b, uint32_t *len)
{
	b[5] = 0;
	b[11] = 0;
	*len = 12;
}
static void
b_two_questions(uint8_t *b, uint32_t *len)
{
	(void)len;
	b[5] = 2;
}
static void
b_trailing(uint8_t *b, uint32_t *len)
{
	b[*len] = 0;
	*len += 1;
}
static void
b_cut(uint8_t *b, uint32_t *len)
{
	(void)b;
	*len -= 3;
}
static void
b_pointer(uint8_t *b, uint32_t *len)
{
	(void)len;
	b[12] = 0xc0;
	b[13] = 0x0c;
}
static void
b_label_type(uint8_t *b, uint32_t *len)
{
	(void)len;
	b[12] = 0x41;
}
static void
b_opcode(uint8_t *b, uint32_t *len)
{
	(void)len;
	b[2] = 5 << 3;
}
static void
b_version(uint8_t *b, uint32_t *len)
{
	b[*len - 11 + 6] = 1;
}
static void
b_two_opt(uint8_t *b, uint32_t *len)
{
	memcpy(b + *len, b + *len - 11, 11);
	*len += 11;
	b[11] = 2;
}
static void
b_opt_as_answer(uint8_t *b, uint32_t *len)
{
	(void)len;
	b[11] = 0;
	b[7] = 1;
}
static void
b_opt_option(uint8_t *b, uint32_t *len)
{
	b[*len - 1] = 4;
	memcpy(b + *len, "\0\3\0\5", 4);
	*len += 4;
}
static void
b_short_cookie(uint8_t *b, uint32_t *len)
{
	b[*len - 1] = 8;
	memcpy(b + *len, "\0\12\0\4abcd", 8);
	*len += 8;
}
static void
b_class(uint8_t *b, uint32_t *len)
{
	b[*len - 12] = 4;
}

static const struct broken broken[] = {
	{"a response", -1, b_response},
	{"11 octets", -1, b_short},
	{"no question", 1, b_no_question},
	{"two questions", 1, b_two_questions},
	{"trailing octet", 1, b_trailing},
	{"cut off", 1, b_cut},
	{"compressed question", 1, b_pointer},
	{"label type 01", 1, b_label_type},
	{"opcode UPDATE", 4, b_opcode},
	{"EDNS version 1", 16, b_version},
	{"two OPT", 1, b_two_opt},
	{"OPT as answer", 1, b_opt_as_answer},
	{"option runs out", 1, b_opt_option},
	{"cookie of 4", 1, b_short_cookie},
	{"class HS", 5, b_class},
};

static void
broken_queries_get_what_rfc_8906_wants(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		uint8_t buf[2048];
		uint32_t len = make_query(buf, "host.example.test.", 1, 1, 1232), out;
		print_message("%s\n", broken[i].what);
		broken[i].break_it(buf, &len);
		out = ask_octets(buf, len, sizeof buf, ANSWER_UDP4);
		if (broken[i].rcode < 0) {
			assert_int_equal(out, 0);
			continue;
		}
		assert_true(out >= 12);
		int rcode = knot_wire_get_rcode(buf);
		if (knot_wire_get_arcount(buf) != 0)
			rcode |= buf[out - 11 + 5] << 4;
		assert_int_equal(rcode, broken[i].rcode);
		assert_true(knot_wire_get_qr(buf));
		assert_int_equal(knot_wire_get_id(buf), 0x1234);
	}
}

static void
options_are_answered(void **state)
{
	uint8_t buf[2048];
	uint32_t len, out;

	(void)state;
	len = make_query(buf, "host.example.test.", 1, 1, 1232);
	buf[len - 1] = 4;
	memcpy(buf + len, "\0\3\0\0", 4);
	out = ask_octets(buf, len + 4, sizeof buf, ANSWER_UDP4);
	assert_memory_equal(buf + out - 8, "\0\3\0\4me-1", 8);

	/* edns-tcp-keepalive: over TCP only */
	len = make_query(buf, "host.example.test.", 1, 1, 1232);
	buf[len - 1] = 4;
	memcpy(buf + len, "\0\13\0\0", 4);
	out = ask_octets(buf, len + 4, sizeof buf, ANSWER_TCP6);
	assert_memory_equal(buf + out - 6, "\0\13\0\2\0\144", 6);
	len = make_query(buf, "host.example.test.", 1, 1, 1232);
	buf[len - 1] = 4;
	memcpy(buf + len, "\0\13\0\0", 4);
	out = ask_octets(buf, len + 4, sizeof buf, ANSWER_UDP6);
	assert_memory_equal(buf + out - 2, "\0\0", 2);
}

/* An RRset that no message can hold is SERVFAIL, as an answer and as a referral. */
static void
what_fits_in_no_message_is_servfail(void **state)
{
	size_t room = 600000, at;
	char *text = malloc(room);
	uint8_t *buf = malloc(65535);

	(void)state;
	at = (size_t)snprintf(text, room,
		"$TTL 60\n@ SOA ns h 1 1 1 1 30\n@ NS ns\nns A 192.0.2.1\nok A 192.0.2.2\n");
	for (unsigned i = 0; i < 3000; i++)
		at += (size_t)snprintf(text + at, room - at,
			"cut NS a-name-of-some-length-%u.elsewhere.test.\n", i);
	for (unsigned i = 0; i < 300; i++)
		at += (size_t)snprintf(text + at, room - at, "txt TXT \"%0240u\"\n", i);
	assert_true(at < room);
	assert_int_equal(zone_set_add(&set, "huge.test.", text), 0);
	static const struct {
		const char *name;
		uint16_t type;
		int rcode;
	} asked[] = {{"ok.huge.test.", 1, 0}, {"txt.huge.test.", 16, 2}, {"x.cut.huge.test.", 1, 2},
		{"cut.huge.test.", 2, 2}, {"y.huge.test.", 1, 3}};
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		uint32_t out = ask_octets(buf,
			make_query(buf, asked[i].name, asked[i].type, 1, 1232), 65535, ANSWER_TCP4);
		assert_true(out > 12);
		assert_int_equal(knot_wire_get_rcode(buf), asked[i].rcode);
	}
	free(buf);
	free(text);
}

/* Nothing behind the end of an answer is taken for a target, or written to. */
static void
a_cname_cut_short_is_servfail(void **state)
{
	static const uint8_t apex[3 + NAME_PAD] = "\1d", owner[5 + NAME_PAD] = "\1c\1d";
	uint8_t buf[2048] = {0};

	(void)state;
	assert_int_equal(
		zone_set_add(&set, "d.", "$TTL 1\n@ SOA n h 1 1 1 1 1\n@ NS n.test.\nc CNAME e\n"),
		0);
	const struct image *im = image_at(&set.arena, zone_published(set.publisher, apex));
	assert_non_null(im);
	uint64_t hash = name_hash(arena_header(&set.arena)->seed, owner);
	struct image_chunk chunk = image_chunk_of(&set.arena, im, hash);
	const struct image_node *node = image_find(&chunk, hash, owner, 5);
	assert_non_null(node);
	((struct image_answer *)(uintptr_t)(chunk.base + image_node_types(node)->answer))->len = 0;
	assert_true(
		ask_octets(buf, make_query(buf, "c.d.", 1, 1, -1), sizeof buf, ANSWER_UDP4) > 12);
	assert_int_equal(knot_wire_get_rcode(buf), 2);
}

static void
chaos_is_answered_as_configured(void **state)
{
	uint8_t buf[2048];
	uint32_t out;

	(void)state;
	out = ask_octets(buf, make_query(buf, "Version.Bind.", 16, 3, -1), sizeof buf, ANSWER_UDP4);
	assert_int_equal(knot_wire_get_rcode(buf), 0);
	assert_memory_equal(buf + out - 9, "\10Millrace", 9);
	ask_octets(buf, make_query(buf, "id.server.", 16, 3, -1), sizeof buf, ANSWER_UDP4);
	assert_int_equal(knot_wire_get_rcode(buf), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_answer),
		cmocka_unit_test(a_burst_gives_what_single_queries_give),
		cmocka_unit_test(what_does_not_fit_is_truncated_or_trimmed),
		cmocka_unit_test(broken_queries_get_what_rfc_8906_wants),
		cmocka_unit_test(options_are_answered),
		cmocka_unit_test(what_fits_in_no_message_is_servfail),
		cmocka_unit_test(a_cname_cut_short_is_servfail),
		cmocka_unit_test(chaos_is_answered_as_configured),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
