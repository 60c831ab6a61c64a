/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every kind of bad zone: what is found, in which line, and whether the zone is refused; and what
 * BIND's named-checkzone and Knot's kzonecheck do with the same file, asked of them where they are
 * installed. */
#include "controlplane/zones/zone_load.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define HEAD                                    \
	"$TTL 300\n"                            \
	"@ SOA ns1 host 1 3600 600 86400 300\n" \
	"@ NS ns1\n"                            \
	"ns1 A 192.0.2.1\n"
#define LABEL63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum verdict { SERVED, WARNED, REFUSED };
#define BOTH 3
enum peers { NOBODY = 0, BIND = 1, KNOT = 2 };

struct bad_zone {
	const char *name;
	const char *text;
	enum verdict verdict; /* ours */
	int refused_by; /* enum peers. Where it differs from ours, `why` says why that is wanted */
	const char *finding; /* NULL: none at all; else part of one of them */
	const char *why;
};

/* clang-format off: a table, a row a zone */
static const struct bad_zone bad_zones[] = {
	{"good", HEAD "www A 192.0.2.2\n", SERVED, NOBODY, NULL, ""},
	{"no SOA", "$TTL 300\n@ NS ns1\nns1 A 192.0.2.1\n", REFUSED, BOTH,
		"zone: no SOA record at example.", ""},
	{"empty file", "", REFUSED, BOTH, "zone: no SOA record at example.", ""},
	{"two SOAs", HEAD "@ SOA ns1 host 2 3600 600 86400 300\n", REFUSED, BIND,
		":5: example.: a zone has one SOA", "Knot serves the first and hides the mistake"},
	{"one SOA twice", HEAD "@ SOA ns1 host 1 3600 600 86400 300\n", WARNED, NOBODY,
		":5: example. SOA was given already", ""},
	{"SOA below the apex", HEAD "www SOA ns1 host 2 3600 600 86400 300\n", REFUSED, BIND,
		":5: www.example.: SOA below", "as BIND"},
	{"no NS", "$TTL 300\n@ SOA ns1 host 1 3600 600 86400 300\n", REFUSED, BOTH,
		"zone: no NS record at example.", ""},
	{"CNAME and A", HEAD "a CNAME ns1\na A 192.0.2.1\n", REFUSED, BOTH,
		":5: a.example.: CNAME and other data", ""},
	{"CNAME and NSEC", HEAD "a CNAME ns1\na NSEC b CNAME RRSIG NSEC\n", SERVED, NOBODY, NULL,
		""},
	{"two CNAMEs", HEAD "a CNAME ns1\na CNAME ns2\n", REFUSED, BOTH,
		":6: a.example.: several CNAME", ""},
	{"CNAME at the apex", HEAD "@ CNAME ns1\n", REFUSED, BOTH,
		":5: example.: CNAME and other data", ""},
	{"CNAME loop", HEAD "a CNAME b\nb CNAME a\n", SERVED, NOBODY, NULL, ""},
	{"CNAME to nothing", HEAD "a CNAME nothere\n", SERVED, NOBODY, NULL, ""},
	{"two DNAMEs", HEAD "a DNAME b.\na DNAME c.\n", REFUSED, BOTH,
		":6: a.example.: several DNAME", ""},
	{"DNAME and CNAME", HEAD "a DNAME b.\na CNAME c.\n", REFUSED, BOTH,
		"a.example.: CNAME and other data", ""},
	{"DNAME and NS", HEAD "a DNAME b.\na NS ns1\n", REFUSED, KNOT,
		":5: a.example.: DNAME and NS",
		"RFC 6672 forbids it, and there is no right answer"},
	{"data below DNAME", HEAD "a DNAME b.\nx.a A 192.0.2.1\n", WARNED, KNOT,
		":6: x.a.example. lies below the DNAME at a.example.",
		"it is served as RFC 6672 2.4 says: hidden"},
	{"data below apex DNAME",
		"$TTL 300\n@ SOA ns1.x. host.x. 1 3600 600 86400 300\n@ NS ns1.x.\n@ DNAME o.\nwww "
		"A 192.0.2.1\n",
		WARNED, KNOT, ":5: www.example. lies below the DNAME at example.", "the same"},
	{"apex DNAME",
		"$TTL 300\n@ SOA ns1.x. host.x. 1 3600 600 86400 300\n@ NS ns1.x.\n@ DNAME o.\n",
		SERVED, NOBODY, NULL, ""},
	{"outside the zone", HEAD "www.other. A 192.0.2.1\n", WARNED, NOBODY,
		":5: www.other. is outside the zone", ""},
	{"outside, but alike", HEAD "a\\007example. A 192.0.2.1\n", WARNED, NOBODY,
		":5: a\\007example. is outside the zone", ""},
	{"escape above 255", HEAD "a\\999 A 192.0.2.1\n", REFUSED, BIND, ":5: \\999 is no octet",
		"Knot takes it modulo 256"},
	{"escape in a comment", HEAD "a\\\\999 A 192.0.2.1 ; \\999\n", SERVED, NOBODY, NULL, ""},
	{"bad IPv4", HEAD "www A 192.0.2.256\n", REFUSED, BOTH, ":5: invalid IPv4 address", ""},
	{"bad IPv6", HEAD "www AAAA 192.0.2.2\n", REFUSED, BOTH, ":5: invalid IPv6 address", ""},
	{"unknown type", HEAD "www FOO 1\n", REFUSED, BOTH,
		":5: a number was expected here, or the RR type is unknown", ""},
	{"class CH", HEAD "www CH A 1.2.3.4\n", REFUSED, BOTH,
		":5: unknown RR type, or a class other than IN", ""},
	{"label of 64", HEAD LABEL63 "a A 192.0.2.1\n", REFUSED, BOTH,
		":5: a label is longer than 63", ""},
	{"name of 257", HEAD LABEL63 "." LABEL63 "." LABEL63 "." LABEL63 " A 192.0.2.1\n", REFUSED,
		BOTH, ":5: a domain name is longer than 255", ""},
	{"empty label", HEAD "a..b A 192.0.2.1\n", REFUSED, BOTH,
		":5: bad character in a domain name", ""},
	{"generic A of 3 octets", HEAD "www TYPE1 \\# 3 010203\n", REFUSED, BIND,
		":5: RDATA is not well-formed for type A", "Knot does not look into \\# octets"},
	{"generic length", HEAD "www TYPE65280 \\# 4 010203\n", REFUSED, BOTH,
		":5: the rdata length", ""},
	{"generic", HEAD "www TYPE65280 \\# 3 010203\n", SERVED, NOBODY, NULL, ""},
	{"OPT", HEAD "www TYPE41 \\# 0\n", REFUSED, BIND, ":5: OPT is no type of data",
		"Knot does not look"},
	{"ANY", HEAD "www TYPE255 \\# 0\n", REFUSED, BIND, ":5: ANY is no type of data",
		"Knot does not look"},
	{"open parenthesis", HEAD "www TXT ( \"x\"\n", REFUSED, BOTH,
		"the file ends inside parentheses", ""},
	{"open quote", HEAD "www TXT \"x\n", REFUSED, BOTH, ":5: ", ""},
	{"stray parenthesis", HEAD "www A 192.0.2.1 )\n", REFUSED, BOTH, ":5: ')' without", ""},
	{"two addresses", HEAD "www A 192.0.2.1 192.0.2.2\n", REFUSED, BOTH, ":5: extra text", ""},
	{"no owner yet", " NS ns1\n" HEAD, REFUSED, BOTH, ":1: the line begins with blank space",
		""},
	{"TXT of nothing", HEAD "www TXT\n", REFUSED, BOTH, ":5: bad RDATA", ""},
	{"TXT of 256 octets", HEAD "www TXT " LABEL63 LABEL63 LABEL63 LABEL63 "aaaa\n", SERVED,
		BIND, NULL, "as Knot: split into strings of 255"},
	{"DS of 3 octets", HEAD "sub NS ns1\nsub DS 1 8 2 010203\n", REFUSED, BOTH,
		":6: sub.example. DS: the digest has not the length of its type", ""},
	{"DS of a type to come", HEAD "sub NS ns1\nsub DS 1 8 99 010203\n", SERVED, KNOT, NULL,
		"as BIND"},
	{"CDS to delete", HEAD "@ CDS 0 0 0 00\n", SERVED, NOBODY, NULL, ""},
	{"CDS of 3 octets", HEAD "@ CDS 1 8 1 010203\n", WARNED, BIND,
		":5: example. CDS: the digest has not the length", "as Knot"},
	{"CAA tag", HEAD "@ CAA 0 is-sue \"ca.test\"\n", WARNED, BIND,
		":5: example. CAA: the tag must be letters and digits", "as Knot"},
	{"CAA without tag", HEAD "@ CAA 0 \"\" \"ca.test\"\n", WARNED, BIND,
		":5: example. CAA: the tag must be letters and digits", "as Knot"},
	{"CAA", HEAD "@ CAA 0 isSue2 \"ca.test\"\n", SERVED, NOBODY, NULL, ""},
	{"ZONEMD of 4 octets", HEAD "@ ZONEMD 1 1 1 01020304\n", WARNED, BIND,
		":5: example. ZONEMD: the digest is shorter than 12 octets", "as Knot"},
	{"ZONEMD of 12 octets", HEAD "@ ZONEMD 1 1 1 010203040506070809101112\n", WARNED, BIND,
		":5: example. ZONEMD: the digest has not the length", "as Knot"},
	{"HTTPS without protocol", HEAD "www HTTPS 1 . no-default-alpn\n", WARNED, BIND,
		":5: www.example. HTTPS: no-default-alpn without alpn", "as Knot"},
	{"HTTPS", HEAD "www HTTPS 1 . alpn=h3 no-default-alpn\n", SERVED, NOBODY, NULL, ""},
	{"SVCB port", HEAD "www SVCB 1 . port=x\n", REFUSED, BOTH, ":5: ", ""},
	{"unknown directive", HEAD "$FOO 1\n", REFUSED, BOTH, ":5: unknown directive", ""},
	{"bad $TTL", "$TTL x\n" HEAD, REFUSED, BOTH, ":1: ", ""},
	{"missing include", HEAD "$INCLUDE nothere.db\n", REFUSED, BOTH, ":5: cannot read", ""},
	{"bad $GENERATE range", HEAD "$GENERATE 3-1 h$ A 192.0.2.$\n", REFUSED, BOTH,
		":5: bad range", ""},
	{"$GENERATE beyond the octet", HEAD "$GENERATE 254-257 h$ A 192.0.2.$\n", REFUSED, BOTH,
		":5: invalid IPv4", ""},
	{"$GENERATE with two fields", HEAD "$GENERATE 1-3 h$ MX 10 ns1\n", REFUSED, BOTH,
		":5: extra text at the end of $GENERATE", ""},
	{"$GENERATE modifier", HEAD "$GENERATE 1-3 h${0,3 A 192.0.2.$\n", REFUSED, BOTH,
		":5: bad modifier", ""},
	{"$GENERATE base of two letters", HEAD "$GENERATE 1-3 h${0,3,dd} A 192.0.2.1\n", REFUSED,
		BOTH, ":5: bad modifier", ""},
	{"$GENERATE without the base", HEAD "$GENERATE 1-3 h${0,3,} A 192.0.2.1\n", REFUSED, BOTH,
		":5: bad modifier", ""},
	{"$GENERATE", HEAD "$GENERATE 1-3 h$ A 192.0.2.$\n", SERVED, KNOT, NULL,
		"Knot has no $GENERATE"},
	{"glue", HEAD "sub NS ns.sub\n", WARNED, KNOT,
		":5: sub.example.: NS ns.sub.example. lacks glue",
		"the delegation still answers; knotd loads it as well"},
	{"NS without address", HEAD "sub NS ns9\n", WARNED, KNOT,
		":5: sub.example.: NS ns9.example. has no address in this zone", "the same"},
	{"sibling glue", HEAD "sub NS ns.sub2\nsub2 NS ns.elsewhere.\n", WARNED, NOBODY,
		":5: sub.example.: NS ns.sub2.example. has no address here; it lies below the "
		"delegation of sub2.example.",
		""},
	{"apex NS without address", HEAD "@ NS ns2\n", WARNED, BOTH,
		":5: example.: NS ns2.example. has no address",
		"one dead name server must not take the zone down; knotd and NSD load it"},
	{"apex NS is CNAME", HEAD "@ NS a\na CNAME ns1\n", REFUSED, BOTH,
		":5: example.: NS a.example. is a CNAME", ""},
	{"apex NS below DNAME", HEAD "@ NS x.dn\ndn DNAME other.\n", REFUSED, BOTH,
		":5: example.: NS x.dn.example. is below the DNAME at dn.example.", ""},
	{"NS is CNAME", HEAD "sub NS a\na CNAME ns1\n", WARNED, KNOT,
		":5: sub.example.: NS a.example. is a CNAME", "as BIND"},
	{"MX is CNAME", HEAD "@ MX 10 a\na CNAME ns1\n", WARNED, NOBODY,
		":5: example.: MX a.example. is a CNAME", ""},
	{"MX without address", HEAD "@ MX 10 mail\n", WARNED, NOBODY,
		":5: example.: MX mail.example. has no address", ""},
	{"MX by wildcard", HEAD "@ MX 10 mail.w\n*.w A 192.0.2.1\n", SERVED, NOBODY, NULL, ""},
	{"MX is address", HEAD "@ MX 10 192.0.2.1.\n", WARNED, NOBODY,
		":5: example.: MX 192.0.2.1. is written as an address", ""},
	{"null MX", HEAD "@ MX 0 .\n", SERVED, NOBODY, NULL, ""},
	{"NS is address", HEAD "sub NS 192.0.2.1.\n", WARNED, NOBODY,
		":5: sub.example.: NS 192.0.2.1. is written as an address", ""},
	{"SRV is CNAME", HEAD "_a._tcp SRV 0 0 5 a\na CNAME ns1\n", WARNED, NOBODY,
		":5: _a._tcp.example.: SRV a.example. is a CNAME", ""},
	{"data below a cut", HEAD "sub NS ns.other.\nwww.sub TXT x\n", WARNED, NOBODY,
		":6: www.sub.example. lies below the delegation at sub.example.", ""},
	{"glue below a cut", HEAD "sub NS ns.sub\nns.sub A 192.0.2.7\n", SERVED, NOBODY, NULL, ""},
	{"cut below a cut", HEAD "sub NS ns.other.\nx.sub NS ns.other.\n", WARNED, NOBODY,
		":6: x.sub.example. lies below the delegation", ""},
	{"data at a cut", HEAD "sub NS ns.other.\nsub TXT x\n", WARNED, NOBODY,
		":6: sub.example.: data at a delegation", ""},
	{"TTLs differ", HEAD "www 200 A 192.0.2.1\nwww 100 A 192.0.2.2\n", WARNED, NOBODY,
		":5: TTLs of the www.example. A RRset differ (200 here, 100 in line 6); the "
		"smallest, 100",
		""},
	{"TTL above 2^31-1", HEAD "www 3000000000 A 192.0.2.1\n", WARNED, NOBODY,
		":5: TTL 3000000000 is above", ""},
	{"no TTL before SOA", "@ NS ns1\n@ SOA ns1 host 1 3600 600 86400 300\nns1 A 192.0.2.1\n",
		WARNED, BIND, ":1: no TTL is known here", "the configured default is used"},
	{"no TTL", "@ SOA ns1 host 1 3600 600 86400 300\n@ NS ns1\nns1 A 192.0.2.1\n", SERVED,
		NOBODY, NULL, ""},
	{"duplicate", HEAD "www A 192.0.2.1\nwww A 192.0.2.1\n", WARNED, NOBODY,
		":6: www.example. A was given already in ", ""},
	{"duplicate in other case", HEAD "www MX 1 ns1.example.\nwww MX 1 NS1.eXample.\n", WARNED,
		NOBODY, ":6: www.example. MX was given", ""},
	{"NS at a wildcard", HEAD "*.w NS ns1\n", WARNED, BIND,
		":5: *.w.example.: NS at a wildcard", "as Knot and NSD"},
	{"DS at the apex",
		HEAD
		"@ DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000000\n",
		WARNED, BIND, ":5: example.: DS at the apex", "harmless: it is not asked for here"},
	{"signed",
		HEAD "@ DNSKEY 256 3 8 AwEAAQ==\n@ RRSIG SOA 8 1 300 20300101000000 20200101000000 "
		     "1 example. AAAA\n",
		WARNED, KNOT,
		":5: example.: the zone is signed, but this version answers without DNSSEC",
		"kzonecheck verifies the signatures"},
	{"CR LF",
		"$TTL 300\r\n@ SOA ns1 host 1 3600 600 86400 300\r\n@ NS ns1\r\nns1 A "
		"192.0.2.1\r\n",
		SERVED, KNOT, NULL, "as BIND"},
	{"some CR LF", HEAD "www A 192.0.2.1\r\n", SERVED, KNOT, NULL, "as BIND"},
	{"CR inside", HEAD "www A 192.0.2.1\rx\n", REFUSED, BOTH,
		":5: carriage return inside a line", ""},
	{"no newline at the end", HEAD "www A 192.0.2.1", SERVED, NOBODY, NULL, ""},
	{"binary", HEAD "\xff\xfe\x01\n", REFUSED, BOTH, ":5: ", ""},
};
/* clang-format on */
#define N_BAD_ZONES (sizeof bad_zones / sizeof *bad_zones)

static const uint8_t apex[] = "\7example";
static char folder[] = "/tmp/test_zone_check.XXXXXX";

static void
write_zone(const struct bad_zone *b, char path[128])
{
	snprintf(path, 128, "%s/zone", folder);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(b->text, 1, strlen(b->text), f), strlen(b->text));
	assert_int_equal(fclose(f), 0);
}

static void
bad_zones_are_found_and_placed(void **state)
{
	const struct zone_load_options options = {.seed = 42, .default_ttl = 3600};
	char path[128];

	for (size_t i = 0; i < N_BAD_ZONES; i++) {
		const struct bad_zone *b = &bad_zones[i];
		struct zone_report report = {0};
		struct zone_model z = {0};
		bool found = b->finding == NULL && report.n == 0;

		write_zone(b, path);
		int rc = zone_load_file(&z, path, apex, &options, &report);
		enum verdict verdict = report.n_errors > 0     ? REFUSED
				       : report.n_warnings > 0 ? WARNED
							       : SERVED;
		for (size_t k = 0; k < report.n && b->finding != NULL; k++) {
			const char *at = strstr(report.finding[k].text, b->finding);
			/* what is expected with a line stands behind the path */
			if (at != NULL && (b->finding[0] != ':' ||
						  at == report.finding[k].text + strlen(path)))
				found = true;
		}
		if (verdict != b->verdict || !found || (rc != 0) != (verdict == REFUSED)) {
			for (size_t k = 0; k < report.n; k++)
				print_message("  %s\n", report.finding[k].text);
			fail_msg("%s: verdict %d, wanted %d with \"%s\"; rc %d", b->name, verdict,
				b->verdict, b->finding == NULL ? "(nothing)" : b->finding, rc);
		}
		zone_model_destroy(&z);
		zone_report_destroy(&report);
	}
}

/* Exit status of a checker, or -1 when it cannot be run. */
static int
run(const char *const argv[])
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		if (null < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
			_exit(127);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && WEXITSTATUS(status) != 127 ? WEXITSTATUS(status) : -1;
}

static void
compare_with(enum peers peer, const char *const argv[], const char *path)
{
	char unused[128];

	for (size_t i = 0; i < N_BAD_ZONES; i++) {
		const struct bad_zone *b = &bad_zones[i];
		write_zone(b, unused);
		int rc = run(argv);
		if (rc < 0) {
			print_message("%s is not installed\n", argv[0]);
			skip();
		}
		bool refused = rc != 0, ours = b->verdict == REFUSED;
		if (refused != ((b->refused_by & peer) != 0))
			fail_msg("%s: %s %s it", b->name, argv[0], refused ? "refuses" : "accepts");
		if (refused != ours && b->why[0] == '\0')
			fail_msg("%s: %s disagrees with us, and no reason is given", b->name,
				argv[0]);
	}
	unlink(path);
}

static void
named_checkzone_agrees_or_the_table_says_why(void **state)
{
	char path[128];
	snprintf(path, sizeof path, "%s/zone", folder);
	compare_with(BIND,
		(const char *const[]){"named-checkzone", "-i", "local", "example.", path, NULL},
		path);
}

static void
kzonecheck_agrees_or_the_table_says_why(void **state)
{
	char path[128];
	snprintf(path, sizeof path, "%s/zone", folder);
	compare_with(KNOT, (const char *const[]){"kzonecheck", "-o", "example.", path, NULL}, path);
}

static int
remove_folder(void **state)
{
	char path[128];
	snprintf(path, sizeof path, "%s/zone", folder);
	unlink(path);
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_zones_are_found_and_placed),
		cmocka_unit_test(named_checkzone_agrees_or_the_table_says_why),
		cmocka_unit_test(kzonecheck_agrees_or_the_table_says_why),
	};

	if (mkdtemp(folder) == NULL)
		return 1;
	/* named-checkzone of a system install may lie outside a user's path */
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	return cmocka_run_group_tests(tests, NULL, remove_folder);
}
