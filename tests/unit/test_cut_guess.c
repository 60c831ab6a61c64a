/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names are looked up first where their zone was cut lately (work_find_labels). What comes out must
 * be what comes out without that, octet by octet, and the guess must follow what is asked for. */
#include "dataplane/answer/work.h"
#include "tests/support/zone_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define NOW_S 1700000000u

/* Cuts, a DNAME, wildcards, hosts, an empty non-terminal and nothing, all two labels deep and below
 * that. */
static const char example[] =
	"$TTL 3600\n"
	"@ SOA ns1 host.master 7 7200 3600 1209600 300\n@ NS ns1\nns1 A 192.0.2.1\n"
	"cut NS ns.cut\nns.cut A 192.0.2.6\ncut DS 1 8 2 "
	"0000000000000000000000000000000000000000000000000000000000000001\n"
	"other NS ns1\nother NS ns.cut\n"
	"plain A 192.0.2.2\nhost.plain A 192.0.2.3\nalias.plain CNAME host.plain\n"
	"away.plain CNAME a.cut\ndeep.down.plain TXT \"deep\"\nsub.plain NS ns.cut\n"
	"*.wild A 192.0.2.4\nb.wild A 192.0.2.5\n*.wc CNAME host.plain\n"
	"below.empty A 192.0.2.7\ndn DNAME plain\n"
	"www.x.y.z A 192.0.2.9\n";
static const char child[] =
	"$TTL 60\n@ SOA ns h 1 1 1 1 30\n@ NS ns\nns A 192.0.2.8\nwww A 192.0.2.9\n";

static const char *const names[] = {
	"cut.example.",
	"a.cut.example.",
	"a.b.c.cut.example.",
	"NS.Cut.example.",
	"other.example.",
	"x.other.example.",
	"plain.example.",
	"host.plain.example.",
	"alias.plain.example.",
	"away.plain.example.",
	"none.plain.example.",
	"x.none.plain.example.",
	"down.plain.example.",
	"deep.down.plain.example.",
	"x.sub.plain.example.",
	"a.wild.example.",
	"b.wild.example.",
	"a.b.wild.example.",
	"x.wc.example.",
	"empty.example.",
	"below.empty.example.",
	"not.below.empty.example.",
	"x.dn.example.",
	"host.dn.example.",
	"nothing.example.",
	"x.nothing.example.",
	"www.x.y.z.example.",
	"no.x.y.z.example.",
	"www.child.example.",
	"child.example.",
	"example.",
	".",
	"elsewhere.",
};
static const uint16_t types[] = {1, TYPE_NS, TYPE_CNAME, TYPE_TXT, TYPE_DS, TYPE_ANY};

static struct zone_set set;
static struct counters counters;

static int
setup(void **state)
{
	(void)state;
	zone_set_open(&set, 64u << 20);
	return zone_set_add(&set, "example.", example) != 0 ||
	       zone_set_add(&set, "child.example.", child) != 0;
}

static int
teardown(void **state)
{
	(void)state;
	zone_set_close(&set);
	return 0;
}

static uint32_t
make_query(uint8_t *dns, const char *name, uint16_t type)
{
	uint8_t *p = dns + DNS_HEADER;

	memset(dns, 0, DNS_HEADER);
	dns[5] = 1;
	for (const char *dot; name[0] != 0 && name[0] != '.'; name = dot + 1) {
		dot = strchr(name, '.');
		*p = (uint8_t)(dot - name);
		memcpy(p + 1, name, *p);
		p += 1 + *p;
	}
	const uint8_t tail[5] = {0, 0, (uint8_t)type, 0, 1};
	memcpy(p, tail, 5);
	return (uint32_t)(p + 5 - dns);
}

static uint32_t
ask(struct answer_context *c, uint8_t *dns, const char *name, uint16_t type)
{
	struct answer_query q = {.dns = dns, .room = 2048, .transport = ANSWER_UDP4};

	q.len = make_query(dns, name, type);
	answer_burst(c, &q, 1, NOW_S);
	return q.out_len;
}

static struct answer_context *
make_engine(void)
{
	struct answer_context *c = answer_create(&set.arena, &counters);
	assert_non_null(c);
	return c;
}

/* Until it looks there first. */
static void
teach(struct answer_context *c, const char *below)
{
	uint8_t dns[2048];

	for (unsigned i = 0; i < 4 * CUT_TRUST_MAX; i++)
		assert_true(ask(c, dns, below, 1) > DNS_HEADER);
}

/* How many guesses are trusted, and at how many labels the last of them is. */
static unsigned
trusted(const struct answer_context *c, unsigned *labels)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CUT_GUESSES; i++)
		if (c->cut[i].trust >= CUT_TRUST_USE) {
			*labels = c->cut[i].labels;
			n++;
		}
	return n;
}

static void
a_guess_changes_no_answer(void **state)
{
	static const char *const lessons[] = {
		"a.cut.example.", "b.a.cut.example.", "x.sub.plain.example."};
	static uint8_t want[2048], got[2048];

	(void)state;
	for (unsigned l = 0; l < sizeof lessons / sizeof *lessons; l++)
		for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
			for (unsigned t = 0; t < sizeof types / sizeof *types; t++) {
				struct answer_context *taught = make_engine(),
						      *fresh = make_engine();
				unsigned labels = 0;

				teach(taught, lessons[l]);
				assert_int_equal(trusted(taught, &labels), 1);
				assert_int_equal(labels, l < 2 ? 2 : 3);
				uint32_t n = ask(fresh, want, names[i], types[t]);
				assert_true(n > DNS_HEADER);
				assert_int_equal(ask(taught, got, names[i], types[t]), n);
				assert_memory_equal(got, want, n);
				answer_destroy(taught);
				answer_destroy(fresh);
			}
}

static void
nor_does_it_in_a_burst(void **state)
{
	enum { N = sizeof names / sizeof *names };
	static uint8_t want[N][2048], got[N][2048];
	struct answer_context *taught = make_engine();
	struct answer_query q[N];
	uint32_t len[N];

	(void)state;
	teach(taught, "a.cut.example.");
	for (unsigned i = 0; i < N; i++) {
		struct answer_context *fresh = make_engine();
		len[i] = ask(fresh, want[i], names[i], 1);
		answer_destroy(fresh);
		q[i] = (struct answer_query){.dns = got[i], .room = 2048};
		q[i].len = make_query(got[i], names[i], 1);
	}
	answer_burst(taught, q, N, NOW_S);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(q[i].out_len, len[i]);
		assert_memory_equal(got[i], want[i], len[i]);
	}
	answer_destroy(taught);
}

/* Names that are there are asked for twice for a while, and then no more. */
static void
wrong_guesses_are_given_up(void **state)
{
	struct answer_context *c = make_engine();
	uint8_t dns[2048];
	unsigned labels = 0;

	(void)state;
	teach(c, "a.cut.example.");
	assert_int_equal(trusted(c, &labels), 1);
	for (unsigned i = 0; i < CUT_TRUST_MAX / CUT_TRUST_LOSS; i++)
		ask(c, dns, "host.plain.example.", 1);
	assert_int_equal(trusted(c, &labels), 0);
	/* cuts that lie deeper take its place */
	teach(c, "x.sub.plain.example.");
	assert_int_equal(trusted(c, &labels), 1);
	assert_int_equal(labels, 3);
	answer_destroy(c);
}

/* They are no question that a referral could answer. */
static void
transfers_below_a_cut_are_not_ours(void **state)
{
	static const char *const asked[] = {"cut.example.", "a.cut.example.", "b.a.cut.example."};
	static const uint16_t transfers[] = {TYPE_AXFR, TYPE_IXFR};
	uint8_t dns[2048];

	(void)state;
	for (unsigned t = 0; t < 2; t++)
		for (unsigned i = 0; i < 2 * 3; i++) {
			struct answer_context *c = make_engine();
			struct answer_query q = {
				.dns = dns, .room = 2048, .transport = ANSWER_TCP4};

			if (i >= 3)
				teach(c, "a.cut.example.");
			q.len = make_query(dns, asked[i % 3], transfers[t]);
			answer_burst(c, &q, 1, NOW_S);
			assert_int_equal(q.out_len, q.len);
			assert_int_equal(dns[3] & 15, RCODE_NOTAUTH);
			answer_destroy(c);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guess_changes_no_answer),
		cmocka_unit_test(nor_does_it_in_a_burst),
		cmocka_unit_test(wrong_guesses_are_given_up),
		cmocka_unit_test(transfers_below_a_cut_are_not_ours),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
