/* SPDX-License-Identifier: GPL-3.0-or-later */
/* records: what is put in comes out, octet by octet, and a changeset is done as a whole or not at
 * all. */
#include "conformance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One record of every type that a zone may hold. */
static const char *const types =
	"@ 300 NS ns.other.\n"
	"@ 300 DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+"
	"KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n"
	"@ 300 CDS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
	"@ 300 CDNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+"
	"KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==\n"
	"@ 300 NSEC3PARAM 1 0 10 AABBCCDD\n"
	"@ 300 CSYNC 66 3 A NS AAAA\n"
	"@ 300 ZONEMD 2018031500 1 1 "
	"FEBE3D4CE2EC2FFA4BA99D46CD69D6D29711E55217057BEE7EB1A7B641A47BA7"
	"FED2DD5B97AE499FAFA4F22C6BD647DE\n"
	"a 60 A 192.0.2.1\n"
	"aaaa 61 AAAA 2001:db8::1\n"
	"afsdb 300 AFSDB 1 host.other.\n"
	"apl 300 APL 1:192.168.32.0/21 !1:192.168.38.0/28\n"
	"caa 300 CAA 0 issue \"ca.example.net; policy=ev\"\n"
	"cert 300 CERT PKIX 0 0 AQID\n"
	"cname 300 CNAME Target.Example.NET.\n"
	"dhcid 300 DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=\n"
	"dname 300 DNAME other.\n"
	"ds 300 NS ns.other.\n"
	"ds 300 DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118\n"
	"eui 300 EUI48 00-00-5e-00-53-2a\n"
	"eui 300 EUI64 00-00-5e-ef-10-00-00-2a\n"
	"hinfo 300 HINFO \"PC \\\" 1\" Linux\n"
	"ipseckey 300 IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==\n"
	"kx 300 KX 10 kx.other.\n"
	"l32 300 L32 10 10.1.2.0\n"
	"l64 300 L64 10 2001:0DB8:1140:1000\n"
	"loc 300 LOC 51 30 12.748 N 0 7 39.612 W 0.00m 1m 10000m 10m\n"
	"lp 300 LP 10 l64.other.\n"
	"mx 300 MX 10 Mail.Other.\n"
	"naptr 300 NAPTR 100 50 \"s\" \"http+I2L+I2C+I2R\" \"!^.*$!sip:a@b!\" _http._tcp.other.\n"
	"nid 300 NID 10 0014:4fff:ff20:ee64\n"
	"openpgp 300 OPENPGPKEY AQIDBA==\n"
	"ptr 300 PTR Host.Other.\n"
	"rp 300 RP mbox.other. txt.other.\n"
	"smimea 300 SMIMEA 0 0 1 D2ABDE240D7CD3EE6B4B28C54DF034B97983A1D16E8A410E4561CB106618E971\n"
	"spf 300 SPF \"v=spf1 -all\"\n"
	"_x._tcp 300 SRV 1 2 443 Srv.Other.\n"
	"sshfp 300 SSHFP 2 1 123456789ABCDEF67890123456789ABCDEF67890\n"
	"svcb 300 SVCB 1 foo.other. alpn=h2,h3 port=53 ipv4hint=192.0.2.1 mandatory=alpn\n"
	"https 300 HTTPS 0 alias.other.\n"
	"https2 300 HTTPS 1 . alpn=h2 ech=AQID key65333=\"a\\000b\"\n"
	"tlsa 300 TLSA 3 1 1 0C72AC70B745AC19998811B131D662C9AC69DBDBE7CB23E5B514B56664C5D3D6\n"
	"txt 300 TXT \"a;b\" \"\" \"\\000\\255\\\"\\\\\" \"x\"\n"
	"uri 300 URI 10 1 \"ftp://ftp.example.com/public\"\n"
	"u 300 TYPE65400 \\# 5 0001020aff\n"
	"u 300 TYPE65401 \\# 0\n"
	"\\000\\255.\\032\\.\\@\\\\\\\".\\(\\;\\) 300 A 192.0.2.1\n"
	"* 300 A 192.0.2.2\n"
	"*.w 300 TXT star\n"
	"\\* 300 TXT star\n"
	"deep.a.b.c.d.e.f.g 300 A 192.0.2.3\n"
	"many 300 A 192.0.2.1\nmany 300 A 192.0.2.2\nmany 300 A 192.0.2.3\n"
	"zero 0 A 192.0.2.1\n"
	"most 2147483647 A 192.0.2.1\n";

/* Put this into a zone, and it is what comes out; again after it was opened anew. */
static void
round_trip(const uint8_t *apex, const char *text)
{
	struct backend_zone zone = plain_zone(apex);
	struct made *m = made_from(apex, 0, 1, text);
	char *expected = dump_of_made(m), *is;
	void *i = open_instance();

	assert_works(api->create(i, &zone, error));
	assert_works(api->apply(i, &m->set, error));
	for (unsigned turn = 0; turn < 2; turn++) {
		is = dump(i, apex);
		assert_non_null(is);
		if (strlen(expected) < 100000)
			assert_string_equal(is, expected);
		assert_int_equal(strcmp(is, expected), 0);
		free(is);
		api->close(i);
		i = open_instance();
	}
	api->close(i);
	free(expected);
	made_free(m);
}

static char *
with_soa(const char *text)
{
	char *out = NULL;

	assert_true(asprintf(&out, "%s%s", soa_text(1), text) > 0);
	return out;
}

static void
every_type_comes_out_as_it_went_in(void **state)
{
	char *text = with_soa(types);

	need(BACKEND_CREATE | BACKEND_APPLY | BACKEND_STREAM);
	round_trip(wire("example.com."), text);
	free(text);
}

static void
the_root_zone_is_a_zone(void **state)
{
	char *text =
		with_soa("@ 300 NS ns.other.\nother 300 NS ns.other.\nns.other 300 A 192.0.2.1\n");

	need(BACKEND_CREATE | BACKEND_APPLY | BACKEND_STREAM);
	round_trip(wire("."), text);
	free(text);
}

static void
so_are_zones_with_odd_names(void **state)
{
	static const char *const name[] = {"root.", "a\\.b.c.", "x\\/y.z.", "\\000\\255.z.",
		"1.0/25.2.0.192.in-addr.arpa.", "xn--bcher-kva.example."};
	char *text = with_soa("@ 300 NS ns.other.\n*.a 300 A 192.0.2.1\n");

	need(BACKEND_CREATE | BACKEND_APPLY | BACKEND_STREAM);
	for (unsigned k = 0; k < sizeof name / sizeof *name; k++)
		round_trip(wire(name[k]), text);
	free(text);
}

/* 255 octets: three labels of 63 and one of 61. */
static void
names_may_be_as_long_as_names_can_be(void **state)
{
	char label[64], text[1024];

	need(BACKEND_CREATE | BACKEND_APPLY | BACKEND_STREAM);
	memset(label, 'x', 63);
	label[63] = '\0';
	snprintf(text, sizeof text, "%s@ 300 NS ns.other.\n%.55s.%s.%s.%s 300 A 192.0.2.1\n",
		soa_text(1), label, label, label, label);
	round_trip(wire("zone."), text);
}

static void
sixty_four_thousand_rrsets_in_one_changeset(void **state)
{
	need(BACKEND_CREATE | BACKEND_APPLY |
		BACKEND_STREAM); /* before anything that a skipped test would leave */

	size_t len, n = 65536;
	char *text;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "%s@ 300 NS ns.other.\n", soa_text(1));
	for (size_t i = 0; i < n; i++)
		fprintf(f, "n%zu 300 %s\n", i, i % 3 ? "A 192.0.2.1" : "TXT \"a b\"");
	fclose(f);
	round_trip(wire("large."), text);
	free(text);
}

static void
large_records_and_large_rrsets(void **state)
{
	need(BACKEND_CREATE | BACKEND_APPLY |
		BACKEND_STREAM); /* before anything that a skipped test would leave */

	size_t len;
	char *text;
	FILE *f = open_memstream(&text, &len);

	fprintf(f, "%s@ 300 NS ns.other.\nbig 300 TXT", soa_text(1));
	for (unsigned i = 0; i < 250; i++)
		fprintf(f, " \"%0250u\"", i);
	fprintf(f, "\nbig 300 TYPE65400 \\# 65535 ");
	for (unsigned i = 0; i < 65535; i++)
		fprintf(f, "%02x", i & 255);
	fprintf(f, "\n");
	for (unsigned i = 0; i < 3000; i++)
		fprintf(f, "set 300 A 10.0.%u.%u\n", i / 256, i % 256);
	fclose(f);
	round_trip(wire("large."), text);
	free(text);
}

/* --- changes of a zone that has records --- */

/* After: what the whole must be. */
static void
change_and_expect(
	void *i, const uint8_t *apex, uint32_t before, const char *change, const char *after)
{
	struct made *m = made_from(apex, before, before + 1, after);
	char *expected = dump_of_made(m), *is;

	must_apply(i, apex, before, before + 1, change);
	is = dump(i, apex);
	assert_non_null(is);
	assert_string_equal(is, expected);
	free(is);
	free(expected);
	made_free(m);
}

#define SOA(serial) "@ 300 SOA ns.other. host.other. " #serial " 3600 600 86400 300\n"
#define NS "@ 300 NS ns.other.\n"

static void
rrsets_are_replaced_added_and_removed(void **state)
{
	const uint8_t *apex = wire("example.com.");
	void *i;

	need(BACKEND_CREATE | BACKEND_APPLY | BACKEND_STREAM);
	i = open_instance();
	must_create(i, apex);
	change_and_expect(i, apex, 1, SOA(2) "a 300 A 192.0.2.1\na 300 TXT x\n",
		SOA(2) NS "a 300 A 192.0.2.1\na 300 TXT x\n");
	/* another TTL; a second record; the other RRset of the name is left alone */
	change_and_expect(i, apex, 2, SOA(3) "a 60 A 192.0.2.1\na 60 A 192.0.2.2\n",
		SOA(3) NS "a 60 A 192.0.2.1\na 60 A 192.0.2.2\na 300 TXT x\n");
	/* another case in RDATA is another content */
	change_and_expect(i, apex, 3, SOA(4) "a 60 A 192.0.2.2\nb 300 MX 1 Mail.\n",
		SOA(4) NS "a 60 A 192.0.2.2\na 300 TXT x\nb 300 MX 1 Mail.\n");
	change_and_expect(i, apex, 4, SOA(5) "b 300 MX 1 mAIL.\n",
		SOA(5) NS "a 60 A 192.0.2.2\na 300 TXT x\nb 300 MX 1 mAIL.\n");
	change_and_expect(i, apex, 5, SOA(6) "a 60 A 192.0.2.2 ; gone\nc 1 A 192.0.2.9 ; gone\n",
		SOA(6) NS "a 300 TXT x\nb 300 MX 1 mAIL.\n");
	change_and_expect(
		i, apex, 6, SOA(7) "a 300 TXT x ; gone\nb 300 MX 1 mail. ; gone\n", SOA(7) NS);
	api->close(i);
}

static void
a_stale_changeset_changes_nothing(void **state)
{
	const uint8_t *apex = wire("example.com.");
	char *before, *after;
	struct made *m;
	void *i;

	need(BACKEND_CREATE | BACKEND_APPLY | BACKEND_STREAM);
	i = open_instance();
	must_create(i, apex);
	before = dump(i, apex);
	m = made_from(apex, 2, 3, SOA(3) "a 300 A 192.0.2.1\n");
	assert_fails(api->apply(i, &m->set, error), ESTALE);
	after = dump(i, apex);
	assert_string_equal(after, before);
	m->set.serial_before = 1;
	assert_works(api->apply(i, &m->set, error));
	assert_fails(api->apply(i, &m->set, error), ESTALE);
	free(before);
	free(after);
	made_free(m);
	api->close(i);
}

struct looked_up {
	unsigned n;
	uint16_t type;
};

static int
count_rrset(void *arg, const struct backend_rrset *r)
{
	struct looked_up *l = arg;

	l->n++;
	l->type = r->type;
	return 0;
}

static void
look_ups_find_what_is_there(void **state)
{
	const uint8_t *apex = wire("example.com.");
	struct looked_up l = {0};
	void *i;

	need(BACKEND_CREATE | BACKEND_APPLY | BACKEND_LOOKUP);
	i = open_instance();
	must_create(i, apex);
	must_apply(i, apex, 1, 2, SOA(2) "a 300 A 192.0.2.1\na 300 TXT x\nb.a 300 A 192.0.2.1\n");
	assert_works(api->lookup(i, apex, wire("a.example.com."), 0, count_rrset, &l, error));
	assert_int_equal(l.n, 2);
	assert_works(api->lookup(i, apex, wire("a.example.com."), 16, count_rrset, &l, error));
	assert_int_equal(l.n, 3);
	assert_int_equal(l.type, 16);
	assert_works(api->lookup(i, apex, wire("c.example.com."), 0, count_rrset, &l, error));
	assert_works(api->lookup(i, apex, wire("a.example.com."), 28, count_rrset, &l, error));
	assert_int_equal(l.n, 3);
	api->close(i);
}

int
run_record_tests(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh_source, remove_source)
	const struct CMUnitTest tests[] = {
		TEST(every_type_comes_out_as_it_went_in),
		TEST(the_root_zone_is_a_zone),
		TEST(so_are_zones_with_odd_names),
		TEST(names_may_be_as_long_as_names_can_be),
		TEST(sixty_four_thousand_rrsets_in_one_changeset),
		TEST(large_records_and_large_rrsets),
		TEST(rrsets_are_replaced_added_and_removed),
		TEST(a_stale_changeset_changes_nothing),
		TEST(look_ups_find_what_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
