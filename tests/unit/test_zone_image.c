/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Model -> image -> message -> records: what goes in comes out, wherever the answer is put; and
 * which additional records come with it. */
#include "controlplane/zones/zone_render.h"
#include "shm/image_find.h"
#include "zone_decode.h"

#include <errno.h>

#define SIZE (256ull << 20)

static const char rich_zone[] =
	"$TTL 3600\n"
	"@ SOA ns1 hostmaster 2024 7200 3600 86400 300\n"
	"@ NS ns1\n@ NS NS2.Other.Test.\n@ MX 10 mail\n@ MX 20 Mail.Sub\n@ A 192.0.2.80\n"
	"ns1 A 192.0.2.1\nns1 AAAA 2001:db8::1\nMAIL A 192.0.2.2\n"
	"*.w A 192.0.2.3\n*.w MX 10 mail\n*.w MX 20 x.*.w\n*.w MX 30 *.w\n*.w HTTPS 1 . "
	"alpn=h2\n*.w TXT \"any\"\n"
	"deep.er.w A 192.0.2.33\n"
	"sub NS ns.sub\nsub NS ns1\nsub NS ns.sib\nsub NS ns.out.test.\nsub NS any.w\n"
	"sub DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000000\n"
	"ns.sub A 192.0.2.9\nns.sub AAAA 2001:db8::9\nmail.sub A 192.0.2.99\nsub A 192.0.2.98\n"
	"sib NS ns.sib\nns.sib A 192.0.2.10\n"
	"a.b.c TXT \"x\"\na.b.c TXT \"y\" \"z\"\na.b.c TYPE65280 \\# 3 c00c01\n"
	"d DNAME Target.Other.Test.\nd TXT \"at a DNAME\"\n"
	"al CNAME A.B.C\n"
	"_sip._tcp SRV 1 2 5060 sip\n_sip._tcp SRV 1 3 5060 sip\nsip A 192.0.2.50\n"
	"svc SVCB 0 sip\nsvc2 HTTPS 1 . port=1\nsvc2 A 192.0.2.51\nsvc2 AAAA 2001:db8::51\n"
	"p PTR one.two.example.\np PTR three.two.example.\np MINFO r.p e.r.p\np KX 1 sip\np RT 1 "
	"sip\np AFSDB 1 sip\n"
	"p NAPTR 1 1 \"s\" \"x\" \"\" _sip._tcp\np RP ns1 sip\n";

struct zone {
	struct arena a;
	struct zone_model z;
	uint64_t off;
};

static void
open_zone(struct zone *t, const char *apex, const char *text)
{
	const char *why = "";
	arena_open(&t->a, SIZE);
	load_text(&t->z, &t->a, apex, text);
	assert_int_equal(zone_compile(&t->a, &t->z, &t->off), 0);
	if (image_verify(&t->a, t->off, &why) != 0)
		fail_msg("%s", why);
}

static void
close_zone(struct zone *t)
{
	struct arena_usage u;
	zone_image_free(&t->a, t->off);
	arena_usage(&t->a, &u);
	assert_true(u.live_octets <= 192);
	zone_model_destroy(&t->z);
	arena_close(&t->a);
}

/* The n records stand in this section in some order, with this owner, and nothing else. */
static void
check_section(const struct zone *t, const struct decoded *d, unsigned section,
	const struct zone_record *rr, uint32_t n, const uint8_t *owner)
{
	assert_int_equal(d->n[section], n);
	for (uint32_t i = 0; i < n; i++) {
		char *want = record_text(&t->z, &rr[i], owner);
		unsigned k = 0;
		while (k < n && strcmp(d->line[section][k], want) != 0)
			k++;
		if (k == n)
			fail_msg("missing: %s", want);
		free(want);
	}
}

/* Additional records are addresses that the model has, or makes from the wildcard of this zone. */
static void
check_additional(const struct zone *t, const struct decoded *d)
{
	for (unsigned k = 0; k < d->n[2]; k++) {
		bool found = false;
		for (uint32_t i = 0; i < t->z.n_records && !found; i++) {
			const struct zone_record *r = &t->z.record[i];
			char type[16];
			if (r->type != 1 && r->type != 28)
				continue;
			snprintf(type, sizeof type, " 3600 %s ", r->type == 1 ? "A" : "AAAA");
			char *want = record_text(&t->z, r, (const uint8_t *)"");
			found = strstr(d->line[2][k], type) != NULL &&
				strcmp(strrchr(d->line[2][k], ' '), strrchr(want, ' ')) == 0;
			free(want);
		}
		if (!found)
			fail_msg("not an address of the zone: %s", d->line[2][k]);
	}
}

/* An RRset in a message where the name that it answers for lies at 12, behind a CNAME, or is
 * longer. */
static void
check_placements(const struct zone *t, const struct zone_name *n, const struct zone_record *rr,
	uint32_t count, const struct image_answer *a)
{
	const uint8_t *owner = zone_owner(&t->z, n);
	bool referral = rr->type == ZONE_NS && n->flags & ZONE_NAME_CUT;
	bool wildcard = owner[0] == 1 && owner[1] == '*';
	struct image_counts c = image_answer_counts(a);
	uint8_t other[256 + 40], longer[256 + 40] = {0};
	struct decoded *d;

	wire_name(other, "some.other.name.test.");
	d = decode(a, owner, NULL, n->len, a->len, c.ar);
	check_section(t, d, referral, rr, count, owner);
	check_additional(t, d);
	decoded_free(d);
	d = decode(a, other, owner, n->len, a->len, c.ar);
	check_section(t, d, referral, rr, count, owner);
	check_additional(t, d);
	decoded_free(d);
	if (referral || rr->type == ZONE_DNAME || wildcard) {
		unsigned skip = wildcard && !referral ? 2 : 0;
		memcpy(longer, "\3foo\7longish", 12);
		memcpy(longer + 12, owner + skip, n->len - skip);
		for (unsigned behind = 0; behind < 2; behind++) {
			d = behind ? decode(a, other, longer, n->len, a->len, c.ar)
				   : decode(a, longer, NULL, n->len, a->len, c.ar);
			check_section(t, d, referral, rr, count, wildcard ? longer : owner);
			check_additional(t, d);
			decoded_free(d);
		}
	}
	for (unsigned i = 0; i < a->n_cut; i++) { /* each place to cut at leaves whole records */
		const struct image_cut *cut = &image_answer_cuts(a)[i];
		d = decode(a, owner, NULL, n->len, cut->len, cut->ar);
		check_section(t, d, referral, rr, count, owner);
		assert_int_equal(d->n[2], cut->ar);
		decoded_free(d);
	}
}

static void
every_record_comes_out_wherever_it_is_put(void **state)
{
	struct zone t;
	unsigned n_nodes = 0, n_sets = 0;

	open_zone(&t, "example.", rich_zone);
	for (uint32_t i = 0; i < t.z.n_names; i++) {
		const struct zone_name *n = &t.z.name[i];
		const struct image_node *node;
		const uint8_t *owner = zone_owner(&t.z, n);
		image_answer_for(&t.a, t.off, owner, 0, &node);
		assert_int_equal(node != NULL, !(n->flags & ZONE_NAME_OCCLUDED));
		if (node == NULL)
			continue;
		n_nodes++;
		for (uint32_t k = n->first, end; k < n->first + n->n; k = end) {
			for (end = k;
				end < n->first + n->n && t.z.record[end].type == t.z.record[k].type;
				end++)
				;
			const struct image_answer *a =
				image_answer_for(&t.a, t.off, owner, t.z.record[k].type, NULL);
			if (n->flags & ZONE_NAME_CUT && t.z.record[k].type != ZONE_NS &&
				t.z.record[k].type != ZONE_DS) {
				assert_null(a);
				continue;
			}
			assert_non_null(a);
			check_placements(&t, n, &t.z.record[k], end - k, a);
			n_sets++;
		}
	}
	assert_int_equal(n_nodes, image_at(&t.a, t.off)->n_names);
	assert_true(n_sets > 30);
	close_zone(&t);
}

/* Additional section, in order; what is before "|" must fit. */
static const struct {
	const char *name;
	uint16_t type;
	const char *additional;
} additional_cases[] = {
	{"example.", ZONE_NS, "| ns1.example. A; ns1.example. AAAA;"},
	{"example.", ZONE_MX, "| mail.example. A; mail.sub.example. A;"},
	{"example.", ZONE_SOA, "|"},
	/* in-domain glue first; then sibling glue, addresses of the zone, and what a wildcard makes
	 */
	{"sub.example.", ZONE_NS,
		"ns.sub.example. A; ns.sub.example. AAAA; | ns.sib.example. A; any.w.example. A; "
		"ns1.example. A; "
		"ns1.example. AAAA;"},
	{"sub.example.", ZONE_DS, "|"},
	{"sib.example.", ZONE_NS, "ns.sib.example. A; |"},
	{"_sip._tcp.example.", ZONE_SRV, "| sip.example. A;"}, /* once for two */
	{"svc.example.", ZONE_SVCB, "| sip.example. A;"},
	{"svc2.example.", ZONE_HTTPS,
		"| svc2.example. A; svc2.example. AAAA;"}, /* "." is the owner */
	{"*.w.example.", ZONE_HTTPS, "| *.w.example. A;"},
	{"al.example.", ZONE_CNAME, "|"},
	{"p.example.", ZONE_PTR, "|"},
};

static void
additional_records_are_those_of_the_rules(void **state)
{
	struct zone t;

	open_zone(&t, "example.", rich_zone);
	for (size_t i = 0; i < sizeof additional_cases / sizeof additional_cases[0]; i++) {
		uint8_t name[256 + 40];
		char got[1024] = "";
		unsigned len = wire_name(name, additional_cases[i].name);
		const struct image_answer *a =
			image_answer_for(&t.a, t.off, name, additional_cases[i].type, NULL);
		assert_non_null(a);
		struct image_counts c = image_answer_counts(a);
		unsigned must = a->n_cut == 0 ? c.ar : image_answer_cuts(a)[a->n_cut - 1].ar;
		struct decoded *d = decode(a, name, NULL, len, a->len, c.ar);
		for (unsigned k = 0; k <= d->n[2]; k++) {
			if (k == must)
				strcat(got, "|");
			if (k == d->n[2])
				break;
			char owner[300], type[16];
			if (k == must)
				strcat(got, " ");
			assert_int_equal(sscanf(d->line[2][k], "%299s %*u %15s", owner, type), 2);
			snprintf(got + strlen(got), sizeof got - strlen(got), "%s %s;%s", owner,
				type, k + 1 < d->n[2] || k + 1 == must ? " " : "");
		}
		assert_string_equal(got, additional_cases[i].additional);
		decoded_free(d);
	}
	close_zone(&t);
}

static void
negative_answer_has_the_smaller_ttl(void **state)
{
	static const struct {
		const char *text;
		const char *soa;
	} cases[] = {
		{"@ 3600 SOA n h 1 2 3 4 300\n@ NS n.test.\n",
			"example. 300 SOA n.example. h.example. 1 2 3 4 300"},
		{"@ 60 SOA n h 1 2 3 4 300\n@ NS n.test.\n",
			"example. 60 SOA n.example. h.example. 1 2 3 4 300"},
	};
	uint8_t name[256 + 40];

	for (size_t i = 0; i < 2; i++) {
		struct zone t;
		open_zone(&t, "example.", cases[i].text);
		const struct image *im = image_at(&t.a, t.off);
		const struct image_answer *a =
			image_answer_at((const uint8_t *)im, im->block_len, im->negative_at);
		wire_name(name, "no.such.name.example.");
		struct decoded *d = decode(a, name, NULL, im->apex_len, a->len, 0);
		assert_int_equal(d->n[0] + d->n[2], 0);
		assert_int_equal(d->n[1], 1);
		assert_string_equal(d->line[1][0], cases[i].soa);
		decoded_free(d);
		close_zone(&t);
	}
}

static void
glue_below_a_dname_is_not_given(void **state)
{
	struct zone t;
	uint8_t name[256 + 40];

	open_zone(&t, "example.",
		"$TTL 3600\n@ SOA n.test. h 1 2 3 4 300\n@ NS n.test.\nd DNAME other.test.\nd MX 1 "
		"x.c\n"
		"c NS x.c\nx.c A 192.0.2.1\ne MX 1 x.c\nf MX 1 x.d\nx.d A 192.0.2.2\n");
	wire_name(name, "e.example.");
	assert_int_equal(
		image_answer_counts(image_answer_for(&t.a, t.off, name, ZONE_MX, NULL)).ar, 1);
	wire_name(name, "f.example.");
	assert_int_equal(
		image_answer_counts(image_answer_for(&t.a, t.off, name, ZONE_MX, NULL)).ar, 0);
	close_zone(&t);
}

/* n records "name TYPE PREFIX<i>SUFFIX" behind a small zone. */
static char *
many_records(unsigned n, const char *format)
{
	char *text = malloc(200 + (size_t)n * 100);
	size_t at = (size_t)sprintf(text, "$TTL 3600\n@ SOA n.test. h 1 2 3 4 300\n@ NS n.test.\n");
	for (unsigned i = 0; i < n; i++)
		at += (size_t)sprintf(text + at, format, i, i);
	return text;
}

static void
rrset_that_fits_in_no_message_is_marked(void **state)
{
	struct zone t;
	uint8_t name[256 + 40];
	const struct image_answer *a;
	char *text;

	/* names of many lengths, as it is an answer without octets, and may be a chunk's last */
	for (unsigned i = 0; i < 24; i++) {
		char owner[64], line[128];
		snprintf(owner, sizeof owner, "%.*s.example.", 3 + (int)i,
			"bigbigbigbigbigbigbigbigbigbig");
		snprintf(line, sizeof line, "%s TXT \"%%08u-------------------\"\n", owner);
		text = many_records(2200, line);
		open_zone(&t, "example.", text);
		wire_name(name, owner);
		a = image_answer_for(&t.a, t.off, name, 16, NULL);
		assert_int_equal(a->flags, ANSWER_TOO_BIG);
		assert_int_equal(a->len, 0);
		close_zone(&t);
		free(text);
	}
	wire_name(name, "big.example.");
	/* a few less fit, with wide fixes and large counts */
	text = many_records(1500, "big TXT \"%08u-------------------\"\n");
	open_zone(&t, "example.", text);
	a = image_answer_for(&t.a, t.off, name, 16, NULL);
	assert_int_equal(a->flags, ANSWER_WIDE | ANSWER_LARGE);
	struct decoded *d = decode(a, name, NULL, name_octets(name), a->len, 0);
	assert_int_equal(d->n[0], 1500);
	decoded_free(d);
	close_zone(&t);
	free(text);
}

static void
optional_addresses_may_be_cut_at_255_places_at_most(void **state)
{
	struct zone t;
	uint8_t name[256 + 40];
	char *text = many_records(700, "m MX 1 h%u\nh%u A 192.0.2.1\n");

	open_zone(&t, "example.", text);
	wire_name(name, "m.example.");
	const struct image_answer *a = image_answer_for(&t.a, t.off, name, ZONE_MX, NULL);
	assert_int_equal(image_answer_counts(a).ar, 700);
	assert_true(a->n_cut > 127);
	assert_int_equal(image_answer_cuts(a)[a->n_cut - 1].ar, 0);
	for (unsigned i = 0; i < a->n_cut; i++) /* every fourth, as 255 do not hold 700 */
		assert_int_equal(image_answer_cuts(a)[i].ar, 4 * (a->n_cut - 1 - i));
	for (unsigned i = 0; i < a->n_cut; i += 20) {
		const struct image_cut *cut = &image_answer_cuts(a)[i];
		struct decoded *d = decode(a, name, NULL, name_octets(name), cut->len, cut->ar);
		assert_int_equal(d->n[2], cut->ar);
		decoded_free(d);
	}
	close_zone(&t);
	free(text);
	/* more than a message holds: the rest is left out */
	text = many_records(1500, "m MX 1 host-with-a-name-%u\nhost-with-a-name-%u A 192.0.2.1\n");
	open_zone(&t, "example.", text);
	a = image_answer_for(&t.a, t.off, name, ZONE_MX, NULL);
	assert_true(a->len <= RENDER_OCTETS_MAX && a->len > RENDER_OCTETS_MAX - 100);
	assert_int_equal(image_answer_counts(a).an, 1500);
	assert_in_range(image_answer_counts(a).ar, 300, 1499);
	close_zone(&t);
	free(text);
}

static void
zone_of_many_chunks_has_every_name(void **state)
{
	struct zone t;
	uint8_t name[256 + 40];
	char *text = many_records(50000, "host-%u A 192.0.2.%1.1u\n");

	for (char *p = text; (p = strstr(p, " A 192.0.2.")) != NULL; p++) {
		/* keep the last octet a single digit */
		p += 11;
		memset(p + 1, ' ', strcspn(p, "\n") - 1);
	}
	open_zone(&t, "example.", text);
	assert_true(image_at(&t.a, t.off)->chunk_bits >= 4);
	assert_int_equal(image_at(&t.a, t.off)->n_names, 50001);
	for (unsigned i = 0; i < 50000; i++) {
		char owner[64];
		snprintf(owner, sizeof owner, "host-%u.example.", i);
		wire_name(name, owner);
		const struct image_answer *a = image_answer_for(&t.a, t.off, name, 1, NULL);
		assert_non_null(a);
		assert_int_equal(a->len, 16);
	}
	wire_name(name, "host-50000.example.");
	assert_null(image_answer_for(&t.a, t.off, name, 1, NULL));
	close_zone(&t);
	free(text);
}

static void
small_zones_are_small(void **state)
{
	struct arena a;
	arena_open(&a, SIZE);
	uint64_t off = compile_text(&a, "example.",
		"$TTL 3600\n@ SOA ns hostmaster 1 2 3 4 300\n@ NS ns\nns A 192.0.2.1\nwww A "
		"192.0.2.2\n@ MX 10 ns\n");
	assert_in_range(image_at(&a, off)->octets, 200, 576);
	arena_close(&a);
}

static void
unavailable_zone_is_an_image_without_names(void **state)
{
	struct arena a;
	uint64_t off;
	uint8_t name[256 + 40];
	const char *why = "";

	arena_open(&a, SIZE);
	wire_name(name, "broken.example.");
	assert_int_equal(zone_compile_unavailable(&a, name, &off), 0);
	if (image_verify(&a, off, &why) != 0)
		fail_msg("%s", why);
	assert_int_equal(image_at(&a, off)->flags, IMAGE_UNAVAILABLE);
	assert_null(image_chunk_of(&a, image_at(&a, off), 12345).base);
	zone_image_free(&a, off);
	arena_close(&a);
}

static void
same_zone_gives_the_same_octets(void **state)
{
	struct zone t;
	uint64_t again;

	open_zone(&t, "example.", rich_zone);
	assert_int_equal(zone_compile(&t.a, &t.z, &again), 0);
	const struct image *x = image_at(&t.a, t.off), *y = image_at(&t.a, again);
	assert_int_equal(x->block_len, y->block_len);
	/* all but the arena offset of the chunk */
	((struct image_chunk_ref *)((uintptr_t)y + y->chunks_at))->off -= again - t.off;
	assert_memory_equal(x, y, x->block_len);
	((struct image_chunk_ref *)((uintptr_t)y + y->chunks_at))->off += again - t.off;
	zone_image_free(&t.a, again);
	close_zone(&t);
}

static uint32_t
crc(const uint8_t *p, size_t n)
{
	uint32_t h = 2166136261u;
	while (n-- > 0)
		h = (h ^ *p++) * 16777619u;
	return h;
}

/* Each octet changed, one at a time: never a crash, and nearly all that matters is noticed. */
static void
verifier_notices_damage(void **state)
{
	struct zone t;
	unsigned noticed = 0, tried = 0;
	const char *why;

	open_zone(&t, "example.", rich_zone);
	struct image *im = (struct image *)(uintptr_t)image_at(&t.a, t.off);
	uint32_t before = crc((uint8_t *)im, im->block_len), len = im->block_len;
	for (uint32_t i = 0; i < len; i++)
		for (unsigned bit = 0; bit < 8; bit += 3) {
			((uint8_t *)im)[i] ^= (uint8_t)(1u << bit);
			why = NULL;
			int err = image_verify(&t.a, t.off, &why);
			assert_true(err == 0 || (err == -EPROTO && why != NULL));
			noticed += err != 0;
			tried++;
			((uint8_t *)im)[i] ^= (uint8_t)(1u << bit);
		}
	assert_int_equal(crc((uint8_t *)im, im->block_len), before);
	/* addresses, texts, TTLs, padding and hints may be anything */
	assert_true(noticed > tried / 3);
	struct image_chunk c = image_chunk_of(&t.a, im, 0);
	((struct image_bucket *)(uintptr_t)c.base)->spill++;
	assert_int_equal(image_verify(&t.a, t.off, &why), -EPROTO);
	((struct image_bucket *)(uintptr_t)c.base)->spill--;
	assert_int_equal(image_verify(&t.a, t.off, &why), 0);
	assert_int_equal(image_verify(&t.a, t.off + 64, &why), -EPROTO);
	assert_int_equal(image_verify(&t.a, 0, &why), -EPROTO);
	assert_int_equal(image_verify(&t.a, ~0ull, &why), -EPROTO);
	close_zone(&t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, arena_path_setup, arena_path_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_record_comes_out_wherever_it_is_put),
		TEST(additional_records_are_those_of_the_rules),
		TEST(negative_answer_has_the_smaller_ttl),
		TEST(glue_below_a_dname_is_not_given),
		TEST(rrset_that_fits_in_no_message_is_marked),
		TEST(optional_addresses_may_be_cut_at_255_places_at_most),
		TEST(zone_of_many_chunks_has_every_name),
		TEST(small_zones_are_small),
		TEST(unavailable_zone_is_an_image_without_names),
		TEST(same_zone_gives_the_same_octets),
		TEST(verifier_notices_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
