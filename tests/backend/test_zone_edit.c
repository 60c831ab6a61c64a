/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edits of zone files: what is changed, and that nothing else is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include "edit_fixture.h"

#include <cmocka.h>

#define SOA "@ IN SOA ns1 host 1 3600 600 86400 300\n"
#define HEAD "$TTL 300\n" SOA "@ NS ns1\nns1 A 192.0.2.1\n"

static const struct {
	const char *name, *before, *change, *after;
} cases[] = {
	{"an address is changed where it stands, with its comment",
		HEAD "www  600 IN A 192.0.2.2 ; the web server\n; more\nftp A 192.0.2.3\n",
		"www 600 A 192.0.2.9\n",
		HEAD "www  600 IN A 192.0.2.9 ; the web server\n; more\nftp A 192.0.2.3\n"},
	{"one of two goes, the other stays as it was written",
		HEAD "www\tA\t192.0.2.2\n\tA 192.0.2.3 ; b\nftp A 192.0.2.3\n",
		"www 300 A 192.0.2.2\n", HEAD "www\tA\t192.0.2.2\nftp A 192.0.2.3\n"},
	{"a line that took over its owner says it when the line before goes",
		HEAD "www A 192.0.2.2\n    A 192.0.2.3\n  TXT \"a;b\"\n", "www 300 A 192.0.2.3\n",
		HEAD "www    A 192.0.2.3\n  TXT \"a;b\"\n"},
	{"the same when the whole RRset goes",
		HEAD "www A 192.0.2.2\n    A 192.0.2.3\n\n; text\n  TXT \"a;b\"\n",
		"www A 192.0.2.3 ; gone\n", HEAD "\n; text\nwww  TXT \"a;b\"\n"},
	{"a new RRset goes behind the owner's last record",
		HEAD "www A 192.0.2.2\n    A 192.0.2.3\n;\nftp A 192.0.2.3\n",
		"www 60 TXT \"hello world\"\n",
		HEAD
		"www A 192.0.2.2\n    A 192.0.2.3\nwww\t60\tIN\tTXT\t\"hello world\"\n;\nftp A "
		"192.0.2.3\n"},
	{"a new owner goes to the end, relative to the origin there",
		HEAD "$ORIGIN sub.example.\nwww A 192.0.2.2", "new.sub 300 A 192.0.2.7\n",
		HEAD "$ORIGIN sub.example.\nwww A 192.0.2.2\nnew\tIN\tA\t192.0.2.7\n"},
	{"or absolute when it is not below that", HEAD "$ORIGIN sub\nwww A 192.0.2.2\n",
		"new 301 A 192.0.2.7\n",
		HEAD "$ORIGIN sub\nwww A 192.0.2.2\nnew.example.\t301\tIN\tA\t192.0.2.7\n"},
	{"the serial is changed inside its parentheses",
		"$TTL 300\n@ IN SOA ns1 host (\n\t2024010101 ; serial\n\t3600 600\n\t86400 300 )\n"
		"@ NS ns1\nns1 A 192.0.2.1\n",
		"@ 300 IN SOA ns1 host 2024010102 3600 600 86400 300\n",
		"$TTL 300\n@ IN SOA ns1 host (\n\t2024010102 ; serial\n\t3600 600\n\t86400 300 )\n"
		"@ NS ns1\nns1 A 192.0.2.1\n"},
	{"and its other fields, as far as they differ",
		"$TTL 300\n@ IN SOA ns1 host. ( 1 1h 10m ; a\n 1d 5m )\n@ NS ns1\nns1 A "
		"192.0.2.1\n",
		"@ 300 IN SOA ns1 admin 2 3600 601 86400 300\n",
		"$TTL 300\n@ IN SOA ns1 admin.example. ( 2 1h 601 ; a\n 1d 5m )\n@ NS ns1\nns1 A "
		"192.0.2.1\n"},
	{"a TTL is changed where it stands", HEAD "www 1h IN A 192.0.2.2 ; x\n IN 1h A 192.0.2.3\n",
		"www 60 A 192.0.2.2\nwww 60 A 192.0.2.3\n",
		HEAD "www 60 IN A 192.0.2.2 ; x\n IN 60 A 192.0.2.3\n"},
	{"or written where none was", HEAD "www IN A 192.0.2.2 ; x\n  A 192.0.2.3\n",
		"www 60 A 192.0.2.2\nwww 60 A 192.0.2.3\n",
		HEAD "www 60 IN A 192.0.2.2 ; x\n  60 A 192.0.2.3\n"},
	{"without $TTL nobody inherits from what is new or gone",
		"@ 77 IN SOA ns1 host 1 3600 600 86400 300\n@ 77 NS ns1\nns1 88 A 192.0.2.1\nb A "
		"192.0.2.2\nc TXT x\n",
		"ns1 99 A 192.0.2.1\nb 88 A 192.0.2.4\nb 66 TXT y\n",
		"@ 77 IN SOA ns1 host 1 3600 600 86400 300\n@ 77 NS ns1\nns1 99 A 192.0.2.1\nb 88 "
		"A 192.0.2.4\nb\t66\tIN\tTXT\t\"y\"\nc 88 TXT x\n"},
	{"a record in parentheses is written anew", HEAD "t TXT ( \"a\" ; one\n \"b\" )\n; after\n",
		"t 300 TXT \"c\" \"d\"\n", HEAD "t\tIN\tTXT\t\"c\" \"d\"\n; after\n"},
	{"CR LF stays CR LF",
		"$TTL 300\r\n@ IN SOA ns1 host 1 3600 600 86400 300\r\n@ NS ns1\r\nns1 A "
		"192.0.2.1\r\nw A 192.0.2.2 ; x\r\n",
		"w 300 A 192.0.2.3\nx 300 A 192.0.2.4\n",
		"$TTL 300\r\n@ IN SOA ns1 host 1 3600 600 86400 300\r\n@ NS ns1\r\nns1 A "
		"192.0.2.1\r\nw A 192.0.2.3 ; x\r\nx\tIN\tA\t192.0.2.4\r\n"},
	{"mixed case is found, and kept", HEAD "WwW in a 192.0.2.2\nFtP MX 10 MaiL\n",
		"www 300 A 192.0.2.2\nwww 300 A 192.0.2.3\nftp 300 MX 10 MaiL\nftp 300 MX 20 "
		"b.\n",
		HEAD "WwW in a 192.0.2.2\nwww\tIN\tA\t192.0.2.3\nFtP MX 10 MaiL\nftp\tIN\tMX\t20 "
		     "b.\n"},
	{"names with odd octets", HEAD "a\\.b A 192.0.2.2\n\\@ A 192.0.2.2\n*.w A 192.0.2.2\n",
		"a\\.b 300 A 192.0.2.3\n\\@ 300 TXT x\n*.w 300 TXT x\n\\000\\255 300 A "
		"192.0.2.2\n\\$TTL 300 A 192.0.2.2\n",
		HEAD "a\\.b A 192.0.2.3\n\\@ A 192.0.2.2\n\\@\tIN\tTXT\t\"x\"\n*.w A 192.0.2.2\n"
		     "*.w\tIN\tTXT\t\"x\"\n\\000\\255\tIN\tA\t192.0.2.2\n"
		     "\\$ttl\tIN\tA\t192.0.2.2\n"},
	{"types that nobody knows", HEAD "x TYPE65400 \\# 3 010203 ; three\n",
		"x 300 TYPE65400 \\# 2 abcd\nx 300 TYPE65400 \\# 0\n",
		HEAD "x TYPE65400 \\# 2 ABCD ; three\nx\tIN\tTYPE65400\t\\# 0 \n"},
	{"a $GENERATE and its neighbours stay",
		HEAD "$GENERATE 1-3 h$ A 192.0.2.$\nb A 192.0.2.9\n", "b 300 A 192.0.2.8\n",
		HEAD "$GENERATE 1-3 h$ A 192.0.2.$\nb A 192.0.2.8\n"},
	{"what a $GENERATE made may get company", HEAD "$GENERATE 1-3 h$ A 192.0.2.$\n",
		"h2 300 A 192.0.2.2\nh2 300 A 192.0.2.9\n",
		HEAD "$GENERATE 1-3 h$ A 192.0.2.$\nh2\tIN\tA\t192.0.2.9\n"},
	{"a double of a record goes with it", HEAD "d A 192.0.2.2\nd A 192.0.2.2\ne A 192.0.2.3\n",
		"d A 192.0.2.2 ; gone\n", HEAD "e A 192.0.2.3\n"},
};

static void
edits_change_what_they_must_and_no_more(void **state)
{
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct edit_set *set = malloc(sizeof *set);
		char error[BACKEND_ERROR_OCTETS] = "", *after;
		int rc;

		assert_int_equal(edit_set_read(set, cases[i].change), 0);
		rc = edit_do(cases[i].before, set, &after, error);
		if (rc != 0 || strcmp(after, cases[i].after) != 0)
			fail_msg("%s: %d %s\n--- is\n%s--- should be\n%s", cases[i].name, rc, error,
				after ? after : "", cases[i].after);
		free(after);
		edit_set_free(set);
		free(set);
	}
}

static void
what_is_not_in_the_text_is_refused_with_its_line(void **state)
{
	struct edit_set *set = malloc(sizeof *set);
	char error[BACKEND_ERROR_OCTETS] = "", *after;

	assert_int_equal(edit_set_read(set, "h2 300 A 192.0.2.9\n"), 0);
	assert_int_equal(
		edit_do(HEAD "$GENERATE 1-3 h$ A 192.0.2.$\n", set, &after, error), -EROFS);
	assert_string_equal(error, "zone:5: the record that is to change comes from a $GENERATE; "
				   "edit it there by hand");
	assert_null(after);
	edit_set_free(set);
	free(set);
}

/* --- random files, random changes --- */

static uint64_t dice = 1;

static unsigned
roll(unsigned n)
{
	dice = dice * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)((dice >> 33) % n);
}

static const char *
pick(const char *const *from, unsigned n)
{
	return from[roll(n)];
}
#define PICK(...)                                \
	pick((const char *const[]){__VA_ARGS__}, \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* Names in the zone, as they may be written below "example." and below "sub.example." */
static const char *
random_owner(bool sub)
{
	return sub ? PICK("@", "a", "B", "sub.example.", "a.example.", "c.d", "*", "x\\.y")
		   : PICK("a", "A", "b", "b.sub", "sub", "a.example.", "EXAMPLE.", "*.sub", "@",
			     "c.d", "x\\.y");
}

static void
random_rdata(char *out, size_t len, bool parentheses)
{
	const char *open = parentheses ? PICK("( ", "(\n\t", "( ; c\n ") : "";
	const char *close = parentheses ? PICK(" )", "\n)", " ; (\"\n )") : "";

	switch (roll(5)) {
	case 0:
		snprintf(out, len, "A %s192.0.2.%u%s", open, roll(6), close);
		break;
	case 1:
		snprintf(out, len, "%s %s\"t%u;(\"%s", PICK("TXT", "txt"), open, roll(5), close);
		break;
	case 2:
		snprintf(out, len, "MX %s%u %s%s", open, roll(3), PICK("a", "b.example.", "@"),
			close);
		break;
	case 3:
		snprintf(out, len, "AAAA %s2001:db8::%u%s", open, roll(5), close);
		break;
	default:
		snprintf(out, len, "TYPE65400 %s\\# 2 00%02x%s", open, roll(4), close);
	}
}

static void
random_zone(char *out, size_t room)
{
	size_t at = 0;
	bool sub = false, owner_known = true;

#define ADD(...) (at += (size_t)snprintf(out + at, room - at, __VA_ARGS__))
	if (roll(3) > 0)
		ADD("%s", PICK("$TTL 300\n", "$ttl 5m ; x\n", "$TTL 77\n"));
	ADD("%s", PICK("@ IN SOA ns host 7 3600 600 86400 300\n",
			  "example. 60 SOA ns host ( 7 1h ; a\n 10m 1d ; b\n 5m )\n",
			  "@ SOA ns.example. host.example. (7 3600 600 86400 66) ; x\n"));
	ADD("\tNS ns.other.\n");
	for (unsigned i = roll(20); i > 0; i--) {
		char rdata[256];

		switch (roll(9)) {
		case 0:
			ADD("; comment %u\n", roll(100));
			break;
		case 1:
			ADD("%s", PICK("\n", " \n", "\t ; c ( \" \n"));
			break;
		case 2:
			sub = !sub;
			ADD("$ORIGIN %s\n",
				sub ? PICK("sub.example.", "SUB.example.") : "example.");
			break;
		case 3:
			ADD("$TTL %u\n", 100 + roll(3));
			break;
		default:
			random_rdata(rdata, sizeof rdata, roll(5) == 0);
			ADD("%s%s%s%s%s%s\n", owner_known && roll(3) == 0 ? "" : random_owner(sub),
				PICK(" ", "\t", "   "), PICK("", "", "60 ", "1h ", "60 "),
				PICK("", "IN ", "in "), rdata, PICK("", " ; note", "  "));
		}
	}
	if (roll(4) == 0 && out[at - 1] == '\n')
		out[--at] = '\0';
#undef ADD
}

static void
random_change(char *out, size_t room)
{
	size_t at = 0;

	*out = '\0';
	for (unsigned i = 1 + roll(4); i > 0; i--) {
		char rdata[256];
		const char *owner = random_owner(false);
		bool gone = roll(3) == 0;

		random_rdata(rdata, sizeof rdata, false);
		at += (size_t)snprintf(out + at, room - at, "%s %u %s%s\n", owner, 60 + roll(3),
			rdata, gone ? " ; gone" : "");
	}
	if (roll(2) == 0)
		snprintf(out + at, room - at, "@ 300 SOA ns host 8 3600 600 86400 %u\n",
			300 + roll(2));
}

/* Every line that is a record of its own account, of an RRset that does not change, comments and
 * directives are in the new text as they were, in their order. */
static void
assert_others_untouched(const char *before, const char *after, const struct edit_set *set)
{
	char error[BACKEND_ERROR_OCTETS];
	struct zone_lines z;

	assert_int_equal(
		zone_lines_read(&z, before, strlen(before), edit_apex, &edit_rules, error), 0);
	for (size_t i = 0; i < z.n; i++) {
		const struct zone_line *l = &z.line[i];
		size_t len = l->end - l->start;
		bool changed = l->kind == LINE_RECORD &&
			       (l->inherits_owner || l->written_ttl == LINE_TTL_NONE);
		const char *found;

		for (size_t k = 0; k < set->changeset.n && l->kind == LINE_RECORD; k++)
			changed |= set->change[k].rrset.type == l->type &&
				   memcmp(set->change[k].rrset.owner, z.heap + l->owner,
					   name_octets(set->change[k].rrset.owner)) == 0;
		if (changed)
			continue;
		found = memmem(after, strlen(after), before + l->start, len);
		if (!found)
			fail_msg("line %u is not as it was:\n%s--- before\n%s\n--- after\n%s",
				l->number, before + l->start, before, after);
		after = found + len;
	}
	zone_lines_free(&z);
}

/* CNAME and the like are not among the types, so any change makes a zone, but for doubles. */
static void
random_edits_make_what_was_wanted(void **state)
{
	unsigned n = getenv("EDITS") ? (unsigned)atoi(getenv("EDITS")) : 20000, done = 0;
	static char before[16384], change[4096];

	for (unsigned i = 0; i < n; i++) {
		struct edit_set *set = malloc(sizeof *set);
		char error[BACKEND_ERROR_OCTETS] = "", *after;
		uint64_t seed = dice = i * 0x9e3779b97f4a7c15ull + 1;
		bool double_record = false;
		int rc;

		random_zone(before, sizeof before);
		random_change(change, sizeof change);
		assert_int_equal(edit_set_read(set, change), 0);
		for (size_t k = 0; k < set->changeset.n; k++) {
			const struct backend_rrset *r = &set->change[k].rrset;

			for (uint32_t a = 0; a < r->n_records; a++)
				for (uint32_t b = 0; b < a; b++)
					double_record |=
						r->record[a].rdlength == r->record[b].rdlength &&
						memcmp(r->record[a].rdata, r->record[b].rdata,
							r->record[a].rdlength) == 0;
		}
		if (!double_record) {
			rc = edit_do(before, set, &after, error);
			if (rc != 0)
				fail_msg("seed %llu: %d %s\n--- before\n%s\n--- change\n%s\n--- "
					 "after\n%s",
					(unsigned long long)seed, rc, error, before, change,
					after ? after : "");
			assert_others_untouched(before, after, set);
			free(after);
			done++;
		}
		edit_set_free(set);
		free(set);
	}
	assert_true(done > n / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edits_change_what_they_must_and_no_more),
		cmocka_unit_test(what_is_not_in_the_text_is_refused_with_its_line),
		cmocka_unit_test(random_edits_make_what_was_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
