/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A zone record by record from a backend is the zone that a file with the same records is, and what
 * is wrong with it is told by owner and type. */
#include "controlplane/zones/zone_source.h"
#include "image_compare.h"

#include <errno.h>

#define SIZE (64ull << 20)
#define SETS_MAX 256u

static const char zone_text[] =
	"$TTL 3600\n"
	"@ SOA ns1 hostmaster 2024 7200 3600 86400 300\n"
	"@ NS ns1\n@ NS NS2.Other.Test.\n@ MX 10 mail\n@ MX 20 Mail.Sub\n@ 60 A 192.0.2.80\n"
	"ns1 A 192.0.2.1\nns1 AAAA 2001:db8::1\nmail A 192.0.2.2\n"
	"*.w A 192.0.2.3\n*.w MX 10 mail\n*.w HTTPS 1 . alpn=h2\n"
	"deep.er.w A 192.0.2.33\n"
	"sub NS ns.sub\nsub NS ns1\nns.sub A 192.0.2.9\nmail.sub A 192.0.2.99\n"
	"a.b.c TXT \"x\"\na.b.c TXT \"y\" \"z\"\na.b.c TYPE65280 \\# 3 c00c01\n"
	"d DNAME target.other.test.\nx.d A 192.0.2.7\nal CNAME A.B.C\n";

/* RRsets, as a backend has them. */
struct sets {
	unsigned n;
	struct backend_rrset set[SETS_MAX];
	int result; /* of each(), after the last */
};

static int
each_set(void *arg, int (*take)(void *to, const struct backend_rrset *rrset), void *to)
{
	struct sets *s = arg;
	for (unsigned i = 0; i < s->n; i++) {
		/* only until the callback returns: nothing may be kept of it */
		unsigned len = name_octets(s->set[i].owner);
		uint8_t *owner = malloc(len);
		memcpy(owner, s->set[i].owner, len);
		struct backend_rrset copy = s->set[i];
		copy.owner = owner;
		int rc = take(to, &copy);
		memset(owner, 0xee, len);
		free(owner);
		if (rc != 0)
			return rc;
	}
	return s->result;
}

/* The RRsets of a model, last ones first. Of the model are the octets. */
static void
sets_of(struct sets *s, const struct zone_model *z)
{
	*s = (struct sets){0};
	for (uint32_t i = z->n_names; i-- > 0;) {
		const struct zone_name *name = &z->name[i];
		for (uint32_t k = 0, n; k < name->n; k += n) {
			const struct zone_record *r = &z->record[name->first + k];
			(void)zone_model_rrset(z, name, r->type, &n);
			struct backend_record *record = calloc(n + 1, sizeof *record);
			for (uint32_t m = 0; m < n; m++)
				record[n - 1 - m].rdata =
					zone_rdata(z, &r[m], &record[n - 1 - m].rdlength);
			record[n] = (struct backend_record){record[0].rdata, 1, true};
			assert_true(s->n < SETS_MAX);
			s->set[s->n++] = (struct backend_rrset){.owner = zone_owner(z, name),
				.type = r->type,
				.ttl = r->ttl,
				.n_records = n + 1,
				.record = record};
		}
	}
}

static void
sets_free(struct sets *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free((void *)s->set[i].record);
}

static int
load(struct zone_model *z, const struct arena *a, struct sets *s, struct zone_report *report)
{
	struct zone_load_options o = {.seed = arena_header(a)->seed, .default_ttl = 1};
	struct zone_source source = {each_set, s, "lmdb"};
	uint8_t apex[256 + 40];

	wire_name(apex, "example.");
	*z = (struct zone_model){0};
	*report = (struct zone_report){0};
	return zone_load_source(z, &source, apex, &o, report);
}

static void
zone_of_a_backend_is_the_zone_of_a_file(void **state)
{
	struct arena a;
	struct zone_model file, model;
	struct zone_report report;
	struct sets s;
	uint64_t one, other;

	arena_open(&a, SIZE);
	load_text(&file, &a, "example.", zone_text);
	sets_of(&s, &file);
	/* all of these are disabled: the name must not be there */
	uint8_t owner[256 + 40];
	wire_name(owner, "off.example.");
	struct backend_record off = {(const uint8_t *)"\1\2\3\4", 4, true};
	s.set[s.n++] = (struct backend_rrset){owner, 1, 60, 1, 0, &off, NULL};
	assert_int_equal(load(&model, &a, &s, &report), 0);
	assert_int_equal(report.n_errors, 0);
	assert_int_equal(zone_compile(&a, &file, &one), 0);
	assert_int_equal(zone_compile(&a, &model, &other), 0);
	images_are_equal(&a, one, other);
	images_are_equal(&a, other, one);
	s.n--;
	sets_free(&s);
	zone_report_destroy(&report);
	zone_model_destroy(&file);
	zone_model_destroy(&model);
	arena_close(&a);
}

/* One more RRset beside a zone that is right. */
static void
with(const char *owner_text, uint16_t type, uint32_t ttl, const void *rdata, unsigned len,
	const char *finding, int result)
{
	struct arena a;
	struct zone_model file, model;
	struct zone_report report;
	struct sets s;
	uint8_t owner[256 + 40];
	bool found = false;

	arena_open(&a, SIZE);
	load_text(&file, &a, "example.", zone_text);
	sets_of(&s, &file);
	wire_name(owner, owner_text);
	struct backend_record r = {rdata, (uint16_t)len, false};
	s.set[s.n++] = (struct backend_rrset){owner, type, ttl, 1, 0, &r, NULL};
	assert_int_equal(load(&model, &a, &s, &report), result);
	for (size_t i = 0; i < report.n; i++)
		found |= strcmp(report.finding[i].text, finding) == 0;
	if (!found)
		fail_msg("not among the findings: %s; the last is: %s", finding,
			report.n == 0 ? "none" : report.finding[report.n - 1].text);
	s.n--;
	sets_free(&s);
	zone_report_destroy(&report);
	zone_model_destroy(&file);
	zone_model_destroy(&model);
	arena_close(&a);
}

static void
findings_name_owner_and_type(void **state)
{
	with("www.example.", 1, 60, "\1\2\3", 3,
		"lmdb: www.example. A: a record has RDATA that is not well-formed for its type; "
		"replace it",
		-EINVAL);
	with("www.example.", 15, 60, "\0\1\3abc", 6,
		"lmdb: www.example. MX: a record has RDATA that is not well-formed for its type; "
		"replace it",
		-EINVAL);
	with("www.example.", 255, 60, "", 0,
		"lmdb: www.example. ANY: this is no type of data and cannot stand in a zone; "
		"remove it",
		-EINVAL);
	with("www.example.", 1, 0x80000000u, "\1\2\3\4", 4,
		"lmdb: www.example. A: the TTL is above 2147483647 (RFC 2181 8); make it smaller",
		-EINVAL);
	with("al.example.", 1, 60, "\1\2\3\4", 4,
		"lmdb: al.example.: CNAME and other data; an alias has no other records than RRSIG "
		"and NSEC",
		-EINVAL);
	with("mail.example.", 1, 60, "\xc0\0\2\2", 4,
		"lmdb: mail.example.: two A records are the same; one is ignored, remove it", 0);
	with("mail.example.", 1, 60, "\xc0\0\2\3", 4,
		"lmdb: mail.example.: TTLs of the A RRset differ (3600, 60); the smallest is used "
		"for all",
		0);
	with("www.example.", 15, 60,
		"\0\1\1"
		"1\1"
		"2\1"
		"3\1"
		"4",
		11,
		"lmdb: www.example.: MX 1.2.3.4. is written as an address; it needs the name of a "
		"host",
		0);
	with("www.other.", 1, 60, "\1\2\3\4", 4,
		"lmdb: www.other. is outside the zone and is ignored; remove it", 0);
}

static void
what_the_source_returns_is_the_result(void **state)
{
	struct arena a;
	struct zone_model file, model;
	struct zone_report report;
	struct sets s;

	arena_open(&a, SIZE);
	load_text(&file, &a, "example.", zone_text);
	sets_of(&s, &file);
	s.result = -ETIMEDOUT;
	assert_int_equal(load(&model, &a, &s, &report), -ETIMEDOUT);
	assert_null(model.name);
	zone_report_destroy(&report);
	s.result = 0;
	sets_free(&s);
	s.n = 0;
	assert_int_equal(load(&model, &a, &s, &report), -EINVAL);
	assert_string_equal(report.finding[0].text,
		"lmdb: no SOA record at example.; a zone has one at its apex");
	zone_report_destroy(&report);
	zone_model_destroy(&file);
	arena_close(&a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, arena_path_setup, arena_path_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(zone_of_a_backend_is_the_zone_of_a_file),
		TEST(findings_name_owner_and_type),
		TEST(what_the_source_returns_is_the_result),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
