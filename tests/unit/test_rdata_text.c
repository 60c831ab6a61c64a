/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RDATA and its text: every type that libknot knows comes back as it was, in PowerDNS's spelling;
 * what PowerDNS's API refuses is refused with its words. */
#include "controlplane/zones/rdata_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <libknot/descriptor.h>

#define TEXT_ROOM 400000u

static uint8_t rdata[RDATA_WIRE_MAX];
static char text[TEXT_ROOM];

#define HEX32 "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
#define HEX20 "abcdef0123456789abcdef0123456789abcdef01"

/* Contents as PowerDNS 4.7 shows them: GET gives back what PATCH took. */
static const struct {
	const char *type, *content;
} same[] = {
	{"A", "192.0.2.1"},
	{"NS", "ns1.Example.org."},
	{"CNAME", "Foo.bar."},
	{"SOA", "a. b.c. 1 2 3 4 5"},
	{"NULL", "\\# 3 010203"},
	{"PTR", "a\\.b.c."},
	{"HINFO", "\"a\" \"b c\""},
	{"MINFO", "a. b."},
	{"MX", "10 Mail.Example.org."},
	{"MX", "0 ."},
	{"TXT", "\"a\\\"b\\\\c\\009\\195\" \"x\""},
	{"TXT", "\"\""},
	{"RP", "a.b. c.d."},
	{"AFSDB", "1 a.b."},
	{"RT", "10 a.b."},
	{"KEY", "257 3 8 AQ=="},
	{"AAAA", "2001:db8::1"},
	{"LOC", "51 56 0.123 N 5 54 0.000 E 4.00m 1.00m 10000.00m 10.00m"},
	{"LOC", "0 0 0.001 S 179 59 59.999 W -4.50m 0.00m 90000000.00m 0.09m"},
	{"SRV", "1 2 3 a.b."},
	{"NAPTR", "100 50 \"s\" \"z3950+I2L+I2C\" \"\" _z3950._tcp.gatech.edu."},
	{"KX", "1 a.b."},
	{"CERT", "1 0 0 MQ=="},
	{"DNAME", "a.b."},
	{"APL", "1:10.0.0.0/8 !2:fe80::/16"},
	{"DS", "1 8 2 " HEX32},
	{"SSHFP", "1 1 " HEX20},
	{"IPSECKEY", "10 1 2 192.0.2.1 AQ=="},
	{"IPSECKEY", "10 3 2 a.b. AQ=="},
	{"RRSIG", "A 8 2 3600 20300101000000 20200101000000 1 example.org. AQ=="},
	{"NSEC", "a.b. A NS RRSIG"},
	{"DNSKEY", "257 3 8 AQ=="},
	{"DHCID", "AQ=="},
	{"NSEC3PARAM", "1 0 1 ab"},
	{"TLSA", "3 1 1 " HEX32},
	{"SMIMEA", "3 1 1 abcd"},
	{"CDS", "1 8 2 " HEX32},
	{"CDNSKEY", "257 3 8 AQ=="},
	{"OPENPGPKEY", "AQ=="},
	{"CSYNC", "1 3 A NS"},
	{"ZONEMD", "1 1 1 abcd"},
	{"SVCB", "0 foo.example.org."},
	{"SVCB", "1 . mandatory=alpn alpn=h2 no-default-alpn port=443 ech=\"AAAA\" ipv6hint=::1 "
		 "key65380=\"a b\""},
	{"HTTPS", "1 . alpn=h2,h3 ipv4hint=192.0.2.1"},
	{"SPF", "\"v\""},
	{"NID", "10 0014:4FFF:FF20:EE64"},
	{"L32", "10 192.0.2.1"},
	{"L64", "10 2001:0DB8:1140:1000"},
	{"LP", "10 l64.a.b."},
	{"EUI48", "00-11-22-33-44-aa"},
	{"EUI64", "00-11-22-33-44-aa-bb-cc"},
	{"URI", "10 1 \"http://a/;x\""},
	{"CAA", "0 issue \"letsencrypt.org; x=y\""},
	{"TYPE65400", "\\# 3 abcdef"},
	{"TYPE65400", "\\# 0"},
	{"NSEC3", "1 1 1 AB 2t7b4g4vsa5smi47k61mv5bv1a22bojr A RRSIG"},
};

static void
test_known_types_come_back(void **state)
{
	char error[RDATA_TEXT_ERROR_OCTETS];

	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
		uint16_t type, len;
		char word[16];
		assert_int_equal(rrtype_from_text(same[i].type, &type), 0);
		rrtype_to_text(type, word);
		assert_string_equal(word, same[i].type);
		if (rdata_from_text(type, same[i].content, rdata, &len, error) != 0)
			fail_msg("%s %s: %s", same[i].type, same[i].content, error);
		assert_true(rdata_is_valid(type, rdata, len));
		assert_true(rdata_to_text(type, rdata, len, text, sizeof text) >= 0);
		if (strcmp(text, same[i].content) != 0)
			fail_msg("%s %s comes back as %s", same[i].type, same[i].content, text);
		/* one octet less is too little room, and nothing is written behind it */
		size_t room = strlen(text);
		memset(text, 'x', sizeof text);
		assert_int_equal(rdata_to_text(type, rdata, len, text, room), -ENOSPC);
		for (size_t j = room; j < room + 64; j++)
			assert_int_equal(text[j], 'x');
	}
}

/* A type that a later libknot adds needs a row above. */
static void
test_table_has_every_type(void **state)
{
	for (unsigned type = 1; type < 65536; type++) {
		const knot_rdata_descriptor_t *d = knot_get_rdata_descriptor((uint16_t)type);
		uint16_t got;
		bool found = false;
		if (d->type_name == NULL || rrtype_from_text(d->type_name, &got) != 0 ||
			type == KNOT_RRTYPE_SIG)
			continue;
		for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
			found |= strcmp(same[i].type, d->type_name) == 0;
		if (!found)
			fail_msg("no content of type %s is tried", d->type_name);
	}
}

static void
test_other_spellings_are_taken(void **state)
{
	static const struct {
		const char *type, *content, *shown;
	} row[] = {
		{"TLSA", "3 1 1 ABCD", "3 1 1 abcd"},
		{"AAAA", "2001:DB8:0::1", "2001:db8::1"},
		{"MX", "  10\ta.b. ", "10 a.b."},
		{"SOA", "a. b. ( 1 2 3 4 5 )", "a. b. 1 2 3 4 5"},
		{"LOC", "51 N 5 E 4m", "51 0 0.000 N 5 0 0.000 E 4.00m 1.00m 10000.00m 10.00m"},
		{"CAA", "0 issue x", "0 issue \"x\""},
		{"CERT", "PKIX 0 0 MQ==", "1 0 0 MQ=="},
		{"TXT", "\"\xc3\xa4\"", "\"\\195\\164\""},
		{"TXT", "\"a\"\"b\"", "\"a\" \"b\""},
		{"HTTPS", "1 . alpn=\"h2,h3\"", "1 . alpn=h2,h3"},
		/* RFC 3597 5 */
		{"A", "\\# 4 c0000201", "192.0.2.1"},
		{"MX", "\\# 4 000A 0000", NULL},
		{"MX", "\\# 3 000A 00", "10 ."},
		{"TXT", "\\# 2 0161", "\"a\""},
		{"TYPE1", "192.0.2.1", "192.0.2.1"},
		{"TYPE65400", "\\# 3 ABCDEF", "\\# 3 abcdef"},
	};
	char error[RDATA_TEXT_ERROR_OCTETS];

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		uint16_t type, len;
		assert_int_equal(rrtype_from_text(row[i].type, &type), 0);
		int ret = rdata_from_text(type, row[i].content, rdata, &len, error);
		assert_int_equal(ret, row[i].shown == NULL ? -EINVAL : 0);
		if (ret == 0) {
			assert_true(rdata_to_text(type, rdata, len, text, sizeof text) >= 0);
			assert_string_equal(text, row[i].shown);
		}
	}
}

static void
test_refused_with_powerdns_words(void **state)
{
	static const struct {
		const char *type, *content, *error;
	} row[] = {
		{"MX", "10 mail", "Not in expected format (parsed as '10 mail.')"},
		{"CNAME", "a.b", "Not in expected format (parsed as 'a.b.')"},
		{"NS", "ns", "Not in expected format (parsed as 'ns.')"},
		{"NS", "@", "Not in expected format (parsed as '.')"},
		{"SRV", "1 2 3 a", "Not in expected format (parsed as '1 2 3 a.')"},
		{"SVCB", "1 a alpn=h2", "Not in expected format (parsed as '1 a. alpn=h2')"},
		{"TXT", "foo", "Not in expected format (parsed as '\"foo\"')"},
		{"AAAA", "::g", "Invalid IPv6 address"},
		{"A", "192.0.2.400", "Parsing record content (try 'pdnsutil check-zone'): "},
		{"A", "", "Parsing record content (try 'pdnsutil check-zone'): "},
		{"MX", "10 a.b. ; c",
			"Parsing record content (try 'pdnsutil check-zone'): a ';' at"},
		{"MX", "10 a.b.\n@ 0 A 192.0.2.1",
			"Parsing record content (try 'pdnsutil check-zone'): octet 10"},
		{"MX", "10 \\300.b.",
			"Parsing record content (try 'pdnsutil check-zone'): '\\300'"},
		{"MX", "10 a.b. 3", "Parsing record content (try 'pdnsutil check-zone'): "},
		{"SOA", "a. b. ( 1 2 3 4 5",
			"Parsing record content (try 'pdnsutil check-zone'): "},
		{"MX", "10 a.\xc3\xa4.",
			"Parsing record content (try 'pdnsutil check-zone'): octet "
			"195"},
		{"TXT", "\"a", "Parsing record content (try 'pdnsutil check-zone'): the quotes"},
		{"TXT", "\"a\\\"",
			"Parsing record content (try 'pdnsutil check-zone'): the quotes"},
		{"TXT", "\"\\256\"", "Parsing record content (try 'pdnsutil check-zone'): '\\256'"},
		{"TXT", "\"a\" b",
			"Parsing record content (try 'pdnsutil check-zone'): Data field "
			"in DNS should start with quote (\")"},
		{"TXT", "", "Parsing record content (try 'pdnsutil check-zone'): "},
		{"CAA", "\\# 2 00ff", "Parsing record content (try 'pdnsutil check-zone'): "},
		{"TYPE65400", "\\# 4 00", "Parsing record content (try 'pdnsutil check-zone'): "},
	};
	char error[RDATA_TEXT_ERROR_OCTETS];

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		uint16_t type, len;
		assert_int_equal(rrtype_from_text(row[i].type, &type), 0);
		if (rdata_from_text(type, row[i].content, rdata, &len, error) != -EINVAL)
			fail_msg("%s %s is taken", row[i].type, row[i].content);
		if (strncmp(error, row[i].error, strlen(row[i].error)) != 0)
			fail_msg("%s %s: %s", row[i].type, row[i].content, error);
	}
}

static void
test_types_that_no_zone_holds(void **state)
{
	static const char *const word[] = {"OPT", "ANY", "AXFR", "IXFR", "TSIG", "TKEY", "TYPE0",
		"TYPE65536", "TYPE41", "FOO", "", "A "};
	uint16_t type = 7, len;
	char error[RDATA_TEXT_ERROR_OCTETS];

	for (size_t i = 0; i < sizeof word / sizeof word[0]; i++) {
		assert_int_equal(rrtype_from_text(word[i], &type), -EINVAL);
		assert_int_equal(type, 7);
	}
	assert_int_equal(rdata_from_text(41, "\\# 0", rdata, &len, error), -EINVAL);
	assert_false(rdata_is_valid(41, rdata, 0));
	assert_int_equal(rrtype_from_text("mx", &type), 0);
	assert_int_equal(type, KNOT_RRTYPE_MX);
}

static void
test_long_texts_are_split(void **state)
{
	static char content[5 * RDATA_WIRE_MAX];
	char error[RDATA_TEXT_ERROR_OCTETS];
	uint16_t len;

	memset(content, 'x', 302);
	content[0] = content[301] = '"';
	content[302] = '\0';
	assert_int_equal(rdata_from_text(KNOT_RRTYPE_TXT, content, rdata, &len, error), 0);
	assert_int_equal(len, 302);
	assert_int_equal(rdata[0], 255);
	assert_int_equal(rdata[256], 45);
	assert_int_equal(rdata_to_text(KNOT_RRTYPE_TXT, rdata, len, text, sizeof text), 305);
	assert_memory_equal(text + 256, "\" \"", 3);

	/* 65,535 octets of RDATA are 256 whole strings less one octet; one more is too many */
	memset(content, 'y', 65279 + 1);
	content[0] = content[65280] = '"';
	content[65281] = '\0';
	assert_int_equal(rdata_from_text(KNOT_RRTYPE_TXT, content, rdata, &len, error), 0);
	assert_int_equal(len, 65535);
	memset(content, 'y', 65281);
	content[0] = content[65281] = '"';
	content[65282] = '\0';
	assert_int_equal(rdata_from_text(KNOT_RRTYPE_TXT, content, rdata, &len, error), -EINVAL);
}

static void
test_malformed_rdata_has_no_text(void **state)
{
	static const struct {
		uint16_t type, len;
		uint8_t octet[8];
	} row[] = {
		{KNOT_RRTYPE_A, 3, {1, 2, 3}},
		{KNOT_RRTYPE_AAAA, 4, {1, 2, 3, 4}},
		{KNOT_RRTYPE_TXT, 0, {0}},
		{KNOT_RRTYPE_TXT, 2, {2, 'a'}},
		{KNOT_RRTYPE_MX, 2, {0, 10}},
		{KNOT_RRTYPE_NS, 3, {3, 'a', 'b'}},
		{KNOT_RRTYPE_NS, 2, {0xc0, 12}},
		{KNOT_RRTYPE_LOC, 3, {0, 1, 2}},
		{KNOT_RRTYPE_CAA, 2, {0, 9}},
		{KNOT_RRTYPE_CAA, 4, {0, 1, ' ', 'x'}},
		/* bitmaps of types whose window is cut off, empty or too long */
		{KNOT_RRTYPE_NSEC, 4, {0, 0, 2, 1}},
		{KNOT_RRTYPE_NSEC, 2, {0, 0}},
		{KNOT_RRTYPE_NSEC, 4, {0, 0, 0, 1}},
		{KNOT_RRTYPE_CSYNC, 8, {0, 0, 0, 1, 0, 0, 0, 33}},
		{KNOT_RRTYPE_NSEC3, 8, {1, 0, 0, 0, 0, 1, 7, 9}},
		{KNOT_RRTYPE_NSEC3, 6, {1, 0, 0, 0, 0, 9}},
	};

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		assert_false(rdata_is_valid(row[i].type, row[i].octet, row[i].len));
		int n = rdata_to_text(row[i].type, row[i].octet, row[i].len, text, sizeof text);
		if (n != -EINVAL)
			fail_msg("row %zu: %d, %s", i, n, text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_types_come_back),
		cmocka_unit_test(test_table_has_every_type),
		cmocka_unit_test(test_other_spellings_are_taken),
		cmocka_unit_test(test_refused_with_powerdns_words),
		cmocka_unit_test(test_types_that_no_zone_holds),
		cmocka_unit_test(test_long_texts_are_split),
		cmocka_unit_test(test_malformed_rdata_has_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
