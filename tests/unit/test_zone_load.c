/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zone text to zone_model: the directives, TTLs, and an index that is compared with a naive one. */
#include "tests/unit/zone_text_fixture.h"

struct expected {
	const char *zone;
	const char *owner;
	const char *records;
};

/* Checked once against named-compilezone of BIND 9.18, which makes the same of each. */
/* clang-format off: a table, a row a claim */
static const struct expected expected[] = {
	{HEAD "$GENERATE 1-3 h$ A 192.0.2.$\n", "h3.example.", "300 A 192.0.2.3"},
	{HEAD "$GENERATE 0-6/3 m${-0,3} 77 IN MX \"10 m${1,4,x}\"\n", "m006.example.",
		"77 MX 10 m0007.example."},
	{HEAD "$GENERATE 0-6/3 m${-0,3} IN 77 MX \"10 m${1,4,x}\"\n", "m005.example.", ""},
	{HEAD "$GENERATE 10-11 ${0,7,n}.nib PTR p${0,5,N}.x.\n", "b.0.0.0.nib.example.",
		"300 PTR pB.0.0.x."},
	{HEAD "$GENERATE 300-301 q${0,2,n} A 1.2.3.4\n", "qd.2.1.example.", "300 A 1.2.3.4"},
	{HEAD "$GENERATE 250-251 o${0,0,o}-${0,0,X}-${0,0,x} CNAME t$$x\n", "o373-fb-fb.example.",
		"300 CNAME t\\$x.example."},
	{HEAD "$GENERATE 1-2 e\\$$ TXT \"\\\"a b $\\\" \\\"c\\\\\\\\$\\\"\"\n", "e\\$2.example.",
		"300 TXT \"a b 2\" \"c\\\\\\\\2\""},
	{HEAD "$GENERATE 5-6 d${-5} CNAME ${5}\n", "d1.example.", "300 CNAME 11.example."},
	{HEAD "$GENERATE 1-2 d${-5,3} TXT ${-2,0,x}\n", "d-03.example.", "300 TXT \"0\""},
	{HEAD "$GENERATE 1-2 d${-5,3} TXT ${-2,0,x}\n", "d-04.example.", "300 TXT \"ffffffff\""},
	{HEAD "$GENERATE 1-1 @ TXT x$ ; comment\n", "example.",
		"300 NS ns1.example. | 300 SOA ns1.example. host.example. 1 3600 600 86400 300 | "
		"300 TXT \"x1\""},
	{HEAD "$GENERATE 1-2 t$ 1h TXT y$\n", "t2.example.", "3600 TXT \"y2\""},
	{HEAD "$ORIGIN sub.example.\n$generate 1-2 t$ TXT y$\nafter TXT z\n", "t2.sub.example.",
		"300 TXT \"y2\""},
	{HEAD "$ORIGIN sub.example.\n$generate 1-2 t$ TXT y$\nafter TXT z\n", "after.sub.example.",
		"300 TXT \"z\""},
	{HEAD "first TXT x\n$GENERATE 1-2 t$ TXT y$\n TXT z\n", "first.example.",
		"300 TXT \"x\" | 300 TXT \"z\""},
	{HEAD "a TXT ( \"x\"\n\"y\" ; comment )\n \"z\" )\n", "a.example.",
		"300 TXT \"x\" \"y\" \"z\""},
	{HEAD "$ORIGIN sub.example.\na A 192.0.2.1\n", "a.sub.example.", "300 A 192.0.2.1"},
	{HEAD "$ORIGIN sub\na A 192.0.2.1\n$ORIGIN deeper ; x\nb A 192.0.2.2\n$ORIGIN "
	      "other.example.\n$origin\tq\nc TXT x\n",
		"b.deeper.sub.example.", "300 A 192.0.2.2"},
	{HEAD "$ORIGIN sub\na A 192.0.2.1\n$ORIGIN deeper ; x\nb A 192.0.2.2\n$ORIGIN "
	      "other.example.\n$origin\tq\nc TXT x\n",
		"c.q.other.example.", "300 TXT \"x\""},
	{HEAD "$ORIGIN .\n$ORIGIN example\n$ORIGIN @\nc TXT x\n", "c.example.", "300 TXT \"x\""},
	{HEAD "$TTL 1h\na A 192.0.2.1\n", "a.example.", "3600 A 192.0.2.1"},
	{HEAD "A.B A 192.0.2.1\n", "a.b.example.", "300 A 192.0.2.1"},
	{HEAD "a 3000000000 A 192.0.2.1\n", "a.example.", "0 A 192.0.2.1"},
	{HEAD "a 100 A 192.0.2.2\na 50 A 192.0.2.1\na 70 AAAA ::\n", "a.example.",
		"50 A 192.0.2.1 | 50 A 192.0.2.2 | 70 AAAA ::"},
	{HEAD "a MX 10 B.\nx A 1.1.1.1\nA MX 10 a.\na MX 10 b.\na MX 9 c.\n", "a.example.",
		"300 MX 9 c. | 300 MX 10 a. | 300 MX 10 B."},
	{HEAD "a TYPE65280 \\# 2 0102\na TYPE65280 \\# 1 02\na TYPE65280 \\# 1 01\n", "a.example.",
		"300 TYPE65280 \\# 1 01 | 300 TYPE65280 \\# 2 0102 | 300 TYPE65280 \\# 1 02"},
	{HEAD "a TYPE1 \\# 4 01020304\n", "a.example.", "300 A 1.2.3.4"},
	{HEAD "a CNAME b\na NSEC b CNAME\n", "a.example.",
		"300 CNAME b.example. | 300 NSEC b.example. CNAME"},
	{"@ SOA ns1 host 1 3600 600 86400 300\n@ NS ns1\nns1 60 A 192.0.2.1\nb A 192.0.2.9\n",
		"b.example.", "300 A 192.0.2.9"},
	{"@ 60 SOA ns1 host 1 3600 600 86400 300\n@ NS ns1\nns1 70 A 192.0.2.1\nb A 192.0.2.9\n",
		"b.example.", "70 A 192.0.2.9"},
};
/* clang-format on */

static void
texts_become_the_records_that_bind_makes_of_them(void **state)
{
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		struct zone_model z;
		struct zone_report report;
		char text[4096];

		if (load(&z, expected[i].zone, &report) != 0)
			fail_msg("row %zu: %s", i, report.n > 0 ? report.finding[0].text : "?");
		assert_string_equal(records_text(&z, expected[i].owner, text, sizeof text),
			expected[i].records);
		zone_model_destroy(&z);
		zone_report_destroy(&report);
	}
}

struct flagged {
	const char *owner;
	int flags; /* -1: not there */
};

static void
flags_say_what_names_are(void **state)
{
	static const char zone[] = HEAD "deep.a.b TXT x\n"
					"*.w A 192.0.2.1\n"
					"x.*.v TXT x\n"
					"cut NS ns.cut\n"
					"ns.cut A 192.0.2.1\n"
					"lower.cut NS ns.other.\n"
					"far.below.cut A 192.0.2.2\n"
					"*.cut A 192.0.2.3\n"
					"dn DNAME other.\n"
					"x.dn A 192.0.2.2\n"
					"cn CNAME ns1\n"
					"c2.ent NS ns.other.\n";
	static const struct flagged flagged[] = {
		{"example.", ZONE_NAME_APEX},
		{"a.b.example.", ZONE_NAME_ENT},
		{"b.example.", ZONE_NAME_ENT},
		{"deep.a.b.example.", 0},
		{"w.example.", ZONE_NAME_ENT | ZONE_NAME_WILDCARD_CHILD},
		{"*.w.example.", 0},
		{"v.example.", ZONE_NAME_ENT | ZONE_NAME_WILDCARD_CHILD},
		{"*.v.example.", ZONE_NAME_ENT},
		{"cut.example.", ZONE_NAME_CUT},
		{"ns.cut.example.", ZONE_NAME_OCCLUDED},
		{"lower.cut.example.", ZONE_NAME_OCCLUDED},
		{"below.cut.example.", -1},
		{"far.below.cut.example.", ZONE_NAME_OCCLUDED},
		{"dn.example.", ZONE_NAME_DNAME},
		{"x.dn.example.", ZONE_NAME_OCCLUDED},
		{"cn.example.", ZONE_NAME_CNAME},
		{"ent.example.", ZONE_NAME_ENT},
		{"c2.ent.example.", ZONE_NAME_CUT},
		{"nothing.example.", -1},
		{"other.", -1},
	};
	struct zone_model z;
	struct zone_report report;

	assert_int_equal(load(&z, zone, &report), 0);
	for (size_t i = 0; i < sizeof flagged / sizeof *flagged; i++) {
		const struct zone_name *name = find(&z, flagged[i].owner);
		int flags = name == NULL ? -1 : name->flags;
		if (flags != flagged[i].flags)
			fail_msg("%s: %d, wanted %d", flagged[i].owner, flags, flagged[i].flags);
	}
	zone_model_destroy(&z);
	zone_report_destroy(&report);
}

static uint32_t
next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

#define RANDOM_NAMES 20000u

/* A name as text: up to four labels of few letters, so that names share suffixes and repeat. */
static void
random_owner(uint32_t *seed, char text[64])
{
	unsigned labels = 1 + next_random(seed) % 4, at = 0;

	for (unsigned i = 0; i < labels; i++)
		at += (unsigned)snprintf(text + at, 64 - at, "%s%c%u", i == 0 ? "" : ".",
			"aAbBcC"[next_random(seed) % 6], next_random(seed) % (i == 0 ? 900 : 12));
}

static void
check_order(const struct zone_model *z)
{
	uint32_t record = 0;

	for (uint32_t i = 0; i < z->n_names; i++) {
		const struct zone_name *n = &z->name[i];
		assert_int_equal(n->hash, name_hash(z->seed, zone_owner(z, n)));
		assert_int_equal(n->len, name_octets(zone_owner(z, n)));
		assert_true(i == 0 || z->name[i - 1].hash <= n->hash);
		assert_ptr_equal(zone_model_find(z, n->hash, zone_owner(z, n), n->len), n);
		assert_int_equal(n->n == 0, (n->flags & ZONE_NAME_ENT) != 0);
		if (n->n > 0)
			assert_int_equal(n->first, record);
		record += n->n;
		for (uint32_t k = 1; k < n->n; k++) {
			const struct zone_record *a = &z->record[n->first + k - 1], *b = a + 1;
			uint16_t a_len, b_len;
			const uint8_t *x = zone_rdata(z, a, &a_len), *y = zone_rdata(z, b, &b_len);
			assert_true(a->type < b->type ||
				    (a->type == b->type && a->ttl == b->ttl &&
					    zone_rdata_compare(a->type, x, a_len, y, b_len) < 0));
		}
	}
	assert_int_equal(record, z->n_records);
}

/* All ancestors of a name in the zone are names, and a name without records has a child. */
static void
check_ents(const struct zone_model *z)
{
	uint8_t *has_child = calloc(z->n_names, 1);

	assert_non_null(has_child);
	for (uint32_t i = 0; i < z->n_names; i++) {
		const struct zone_name *n = &z->name[i];
		const uint8_t *owner = zone_owner(z, n);
		if (n->flags & ZONE_NAME_APEX)
			continue;
		owner += owner[0] + 1;
		const struct zone_name *up =
			zone_model_find(z, name_hash(z->seed, owner), owner, name_octets(owner));
		assert_non_null(up);
		has_child[up - z->name] = 1;
	}
	for (uint32_t i = 0; i < z->n_names; i++)
		assert_true(z->name[i].n > 0 || has_child[i]);
	free(has_child);
}

static void
random_zones_are_indexed_without_loss(void **state)
{
	static const char *const types[] = {
		"A 192.0.2.%u", "TXT x%u", "MX %u a.B.", "AAAA 2001:db8::%x"};

	for (uint32_t round = 0, n = 1; n <= RANDOM_NAMES; round++, n *= 12) {
		uint32_t seed = 12345 + round;
		size_t at = 0, room = strlen(HEAD) + n * 128u + 1;
		char *text = malloc(room);
		assert_non_null(text);
		at += (size_t)snprintf(text, room, HEAD);
		for (uint32_t i = 0; i < n; i++) {
			char owner[64];
			random_owner(&seed, owner);
			at += (size_t)snprintf(text + at, room - at, "%s ", owner);
			at += (size_t)snprintf(text + at, room - at, types[next_random(&seed) % 4],
				next_random(&seed) % 200);
			text[at++] = '\n';
		}
		text[at] = '\0';
		struct zone_model z;
		struct zone_report report;
		assert_int_equal(load(&z, text, &report), 0);
		/* each line is a record, but for those that a warning of a duplicate stands for */
		assert_int_equal(z.n_records + report.n_warnings, n + 3);
		check_order(&z);
		check_ents(&z);
		seed = 12345 + round;
		for (uint32_t i = 0; i < n; i++) {
			char owner[64], full[80];
			random_owner(&seed, owner);
			next_random(&seed);
			next_random(&seed);
			for (char *p = owner; *p != '\0'; p++)
				if (*p >= 'A' && *p <= 'Z')
					*p |= 0x20;
			snprintf(full, sizeof full, "%s.example.", owner);
			assert_non_null(find(&z, full));
		}
		zone_model_destroy(&z);
		zone_report_destroy(&report);
		free(text);
	}
}

#define DELEGATIONS 3000u

/* Loading takes short cuts when glue follows its delegation; what comes out must not depend on the
 * order. */
static void
the_order_of_lines_does_not_matter(void **state)
{
	for (int order = 0; order < 3; order++) {
		size_t at = 0, room = DELEGATIONS * 128u + 512;
		char *text = malloc(room);
		unsigned n_bare = 0;
		assert_non_null(text);
		at += (size_t)snprintf(text, room, HEAD);
		for (unsigned i = 0; i < 2 * DELEGATIONS; i++) {
			/* together; all delegations first; all glue first, backwards */
			unsigned d = order == 0 ? i / 2 : i % DELEGATIONS;
			bool glue = order == 0   ? i % 2
				    : order == 1 ? i >= DELEGATIONS
						 : i < DELEGATIONS;
			if (order == 2)
				d = DELEGATIONS - 1 - d;
			if (!glue)
				at += (size_t)snprintf(
					text + at, room - at, "d%u NS ns.D%u\n", d, d);
			else if (d % 70 == 3)
				n_bare++;
			else
				at += (size_t)snprintf(
					text + at, room - at, "Ns.d%u A 192.0.2.1\n", d);
		}
		struct zone_model z;
		struct zone_report report;
		assert_int_equal(load(&z, text, &report), 0);
		assert_int_equal(report.n_warnings, n_bare);
		for (size_t i = 0; i < report.n; i++)
			assert_non_null(strstr(report.finding[i].text, "lacks glue"));
		for (unsigned d = 0; d < DELEGATIONS; d++) {
			char owner[64];
			snprintf(owner, sizeof owner, "d%u.example.", d);
			const struct zone_name *cut = find(&z, owner);
			assert_non_null(cut);
			assert_int_equal(cut->flags, ZONE_NAME_CUT);
			assert_int_equal(z.record[cut->first].file, 0);
			snprintf(owner, sizeof owner, "ns.d%u.example.", d);
			const struct zone_name *glue = find(&z, owner);
			assert_int_equal(glue == NULL, d % 70 == 3);
			if (glue != NULL)
				assert_int_equal(glue->flags, ZONE_NAME_OCCLUDED);
		}
		zone_model_destroy(&z);
		zone_report_destroy(&report);
		free(text);
	}
}

static void
limits_hold(void **state)
{
	struct zone_load_options o = options;
	struct zone_model z = {0};
	struct zone_report report = {0};
	static const char made[] = HEAD "$GENERATE 1-11 a$ A 192.0.2.$\n";

	o.generate_max = 10;
	assert_int_equal(
		zone_load_text(&z, made, strlen(made), "zone", apex, &o, &report), -EINVAL);
	assert_string_equal(
		report.finding[0].text, "zone:5: $GENERATE would make 11 records; 10 is the limit");
	zone_report_destroy(&report);

	static const char many[] = HEAD "$GENERATE 1-100000 a$ A 192.0.2.1\n";
	o = options;
	o.octets_max = 100000;
	assert_int_equal(zone_load_text(&z, many, strlen(many), "zone", apex, &o, &report), -EFBIG);
	zone_report_destroy(&report);
	o.octets_max = 0;
	assert_int_equal(zone_load_text(&z, many, strlen(many), "zone", apex, &o, &report), 0);
	assert_int_equal(z.n_names, 100002);
	check_order(&z);
	zone_model_destroy(&z);
	zone_report_destroy(&report);

	/* an endless list of mistakes is cut short */
	char *bad = malloc(200000);
	assert_non_null(bad);
	for (size_t i = 0; i < 20000; i++)
		memcpy(bad + i * 10, "a A 1.2.3\n", 10);
	assert_int_equal(zone_load_text(&z, bad, 200000, "zone", apex, &options, &report), -EINVAL);
	assert_int_equal(report.n, ZONE_REPORT_MAX);
	zone_report_destroy(&report);
	free(bad);
}

static void
octets_that_are_no_text_are_placed(void **state)
{
	static const char nul[] = HEAD "a TXT \"x\"\na TXT \"y\0\"\n";
	struct zone_model z = {0};
	struct zone_report report = {0};

	assert_int_equal(
		zone_load_text(&z, nul, sizeof nul - 1, "zone", apex, &options, &report), -EILSEQ);
	assert_int_equal(report.n, 1);
	assert_non_null(strstr(report.finding[0].text, "zone:6: it is no zone text"));
	zone_report_destroy(&report);

	/* what BIND would write for ever */
	assert_int_equal(load(&z, HEAD "$GENERATE 1-3 ${-2,0,n} A 192.0.2.1\n", &report), -EINVAL);
	assert_non_null(strstr(report.finding[0].text, "zone:5: iterator plus offset in $GENERATE "
						       "is below 0"));
	zone_report_destroy(&report);
}

static void
longest_names_and_lines_load(void **state)
{
	struct zone_model z;
	struct zone_report report;
	char text[200000], owner[256];
	size_t at;

	/* 255 octets: 123 labels of one octet below example. (8 octets and the root) */
	for (at = 0; at < 246; at += 2)
		memcpy(owner + at, "a.", 2);
	strcpy(owner + at, "example.");
	at = (size_t)snprintf(text, sizeof text, HEAD "%s A 192.0.2.1\nbig TXT", owner);
	for (int i = 0; i < 250; i++)
		at += (size_t)snprintf(text + at, sizeof text - at, " %0250d", i);
	text[at++] = '\n';
	text[at] = '\0';
	assert_int_equal(load(&z, text, &report), 0);
	assert_int_equal(report.n, 0);
	const struct zone_name *n = find(&z, owner);
	assert_non_null(n);
	assert_int_equal(n->len, 255);
	assert_int_equal(n->labels, 124);
	check_order(&z);
	check_ents(&z);
	n = find(&z, "big.example.");
	assert_non_null(n);
	uint16_t len;
	(void)zone_rdata(&z, &z.record[n->first], &len);
	assert_int_equal(len, 250 * 251);
	zone_model_destroy(&z);
	zone_report_destroy(&report);
}

static void
rdata_is_ordered_as_rfc4034_says(void **state)
{
	/* names in MX fold, those in SVCB (a newer type) do not */
	assert_int_equal(zone_rdata_compare(
				 15, (const uint8_t *)"\0\1\1A", 5, (const uint8_t *)"\0\1\1a", 5),
		0);
	assert_true(zone_rdata_compare(
			    64, (const uint8_t *)"\0\1\1A", 5, (const uint8_t *)"\0\1\1a", 5) < 0);
	assert_true(zone_rdata_compare(
			    15, (const uint8_t *)"\0\1\1B", 5, (const uint8_t *)"\0\1\1a", 5) > 0);
	assert_true(zone_rdata_compare(
			    16, (const uint8_t *)"\1a", 2, (const uint8_t *)"\1a\1b", 4) < 0);
	assert_true(zone_rdata_compare(
			    16, (const uint8_t *)"\377", 1, (const uint8_t *)"\1a\1b", 4) > 0);
	/* an RRSIG's signature is binary: it must not be folded */
	uint8_t a[20] = {0}, b[20] = {0};
	a[19] = 'A';
	b[19] = 'a';
	assert_true(zone_rdata_compare(46, a, 20, b, 20) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_become_the_records_that_bind_makes_of_them),
		cmocka_unit_test(flags_say_what_names_are),
		cmocka_unit_test(random_zones_are_indexed_without_loss),
		cmocka_unit_test(the_order_of_lines_does_not_matter),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(octets_that_are_no_text_are_placed),
		cmocka_unit_test(longest_names_and_lines_load),
		cmocka_unit_test(rdata_is_ordered_as_rfc4034_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
