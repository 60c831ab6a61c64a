/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Views and networks: rows as the store keeps them, and compiled tables against a plain search. */
#include "controlplane/views/views_compile.h"
#include "controlplane/views/views_rows.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define SEED 0x1234567890abcdefull

static uint64_t random_state = 88172645463325252ull;

static uint64_t
random64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void
key_of(uint8_t key[ZONE_WIRE_OCTETS], const char *text)
{
	if (zone_key_from_text(key, text) < 0)
		fail_msg("%s", text);
}

/* --- tables against a plain search --- */

#define N_NETWORKS 3000u
#define N_VIEWS 40u

static struct {
	struct config_prefix prefix;
	unsigned view;
} network[N_NETWORKS];
static unsigned n_networks;

static bool
is_v4(const uint8_t a[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(a, mapped, 12) == 0;
}

/* Addresses that lie near one another, so that networks nest and divide /64s. */
static void
random_address(uint8_t a[16], bool v4)
{
	uint64_t r = random64();

	memset(a, 0, 16);
	if (v4) {
		a[10] = a[11] = 0xff;
		a[12] = (uint8_t)(10 + r % 2);
		a[13] = (uint8_t)(r >> 8 & 3);
		a[14] = (uint8_t)(r >> 16 & 7);
		a[15] = (uint8_t)(r >> 24);
		return;
	}
	a[0] = 0x20;
	a[1] = 0x01;
	a[5] = (uint8_t)(r & 3);
	a[7] = (uint8_t)(r >> 8 & 3);
	a[9] = (uint8_t)(r >> 16 & 1);
	a[15] = (uint8_t)(r >> 24);
}

static void
random_network(struct config_prefix *p)
{
	bool v4 = random64() % 2 == 0;

	random_address(p->address, v4);
	p->bits = (uint8_t)(v4 ? 96 + random64() % 33 : random64() % 129);
	for (unsigned i = p->bits; i < 128; i++)
		p->address[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
}

static bool
covers(const struct config_prefix *p, const uint8_t a[16])
{
	if (is_v4(a) && (p->bits < 96 || !is_v4(p->address)))
		return false; /* ::/0 is of IPv6 addresses */
	for (unsigned i = 0; i < p->bits; i++)
		if (((p->address[i / 8] ^ a[i / 8]) & 0x80u >> i % 8) != 0)
			return false;
	return true;
}

/* The view of the narrowest network; N_VIEWS: none. */
static unsigned
view_by_search(const uint8_t a[16])
{
	int best = -1;
	unsigned view = N_VIEWS;

	for (unsigned i = 0; i < n_networks; i++)
		if (covers(&network[i].prefix, a) && network[i].prefix.bits > best) {
			best = network[i].prefix.bits;
			view = network[i].view;
		}
	return view;
}

/* View i has zone.test..vI, but the views that 5 divides have none: they are as no view. */
static struct views *
compile_random(void)
{
	struct views_builder *b = views_builder_create(SEED);
	uint8_t key[ZONE_WIRE_OCTETS];
	struct views *v = NULL;
	char name[32];

	assert_non_null(b);
	for (unsigned i = 0; i < N_VIEWS; i++) {
		char zone[64];
		snprintf(name, sizeof name, "view%u", i);
		snprintf(zone, sizeof zone, i % 5 == 0 ? "zone.test." : "zone.test..v%u", i);
		key_of(key, zone);
		assert_int_equal(views_builder_zone(b, name, key), 0);
	}
	n_networks = 0;
	while (n_networks < N_NETWORKS) {
		struct config_prefix p;
		unsigned i = 0;
		random_network(&p);
		while (i < n_networks && memcmp(&network[i].prefix, &p, sizeof p) != 0)
			i++;
		if (i < n_networks)
			continue;
		network[n_networks].prefix = p;
		network[n_networks].view = (unsigned)(random64() % N_VIEWS);
		snprintf(name, sizeof name, "view%u", network[n_networks].view);
		assert_int_equal(views_builder_network(b, &p, name), 0);
		n_networks++;
	}
	assert_int_equal(views_builder_finish(b, &v), 0);
	views_builder_destroy(b);
	assert_non_null(v);
	return v;
}

static void
the_narrowest_network_of_thousands_gives_the_view(void **state)
{
	struct views *v = compile_random();
	uint8_t apex[ZONE_WIRE_OCTETS], other[ZONE_WIRE_OCTETS], a[16];
	unsigned seen = 0;

	key_of(apex, "zone.test.");
	key_of(other, "zone2.test.");
	for (unsigned i = 0; i < 20000; i++) {
		const struct view *view;
		const uint8_t *label;
		unsigned want;
		char text[16];

		random_address(a, i % 2 == 0);
		want = view_by_search(a);
		view = views_of(v, a);
		if (want == N_VIEWS || want % 5 == 0) {
			assert_null(view);
			continue;
		}
		assert_non_null(view);
		label = view_variant(v, view, name_hash(SEED, apex), apex, name_octets(apex));
		assert_non_null(label);
		snprintf(text, sizeof text, "v%u", want);
		assert_int_equal(label[0], strlen(text) + 1);
		assert_memory_equal(label + 2, text, strlen(text));
		assert_null(
			view_variant(v, view, name_hash(SEED, other), other, name_octets(other)));
		seen++;
	}
	assert_true(seen > 5000);
	free(v);
}

static void
a_view_of_many_zones_has_them_all(void **state)
{
	struct views_builder *b = views_builder_create(SEED);
	struct config_prefix all = {.address = {[10] = 0xff, [11] = 0xff}, .bits = 96};
	uint8_t key[ZONE_WIRE_OCTETS], a[16] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 1};
	struct views *v = NULL;
	char text[64];

	for (unsigned i = 0; i < VIEWS_ZONES_MAX; i++) {
		snprintf(text, sizeof text, "%s%u.test..v%u", i % 2 ? "a.b." : "", i, i % 7);
		key_of(key, text);
		assert_int_equal(views_builder_zone(b, "x", key), 0);
	}
	assert_int_equal(views_builder_zone(b, "x", key), -E2BIG);
	assert_int_equal(views_builder_network(b, &all, "x"), 0);
	assert_int_equal(views_builder_finish(b, &v), 0);
	const struct view *view = views_of(v, a);
	assert_non_null(view);
	assert_int_equal(view->label_counts[0], 1u << 2 | 1u << 4);
	assert_int_equal(view->label_counts[1], 0);
	for (unsigned i = 0; i < VIEWS_ZONES_MAX; i++) {
		snprintf(text, sizeof text, "%s%u.test", i % 2 ? "a.b." : "", i);
		key_of(key, text);
		const uint8_t *label =
			view_variant(v, view, name_hash(SEED, key), key, name_octets(key));
		assert_non_null(label);
		assert_int_equal(label[3], '0' + i % 7);
	}
	views_builder_destroy(b);
	free(v);
}

static void
nothing_is_published_for_views_that_show_nothing(void **state)
{
	struct config_prefix p = {.bits = 0};
	uint8_t key[ZONE_WIRE_OCTETS];
	struct views *v = (struct views *)&p;

	struct views_builder *b = views_builder_create(SEED);
	assert_int_equal(views_builder_finish(b, &v), 0);
	assert_null(v);
	v = (struct views *)&p;
	key_of(key, "a.test.");
	assert_int_equal(views_builder_zone(b, "x", key), 0);
	key_of(key, "a.test..v");
	assert_int_equal(views_builder_zone(b, "y", key), 0);
	assert_int_equal(views_builder_network(b, &p, "x"), 0);
	assert_int_equal(views_builder_finish(b, &v), 0);
	assert_null(v);
	views_builder_destroy(b);
}

static void
there_are_bounds(void **state)
{
	struct views_builder *b = views_builder_create(SEED);
	struct config_prefix p = {.bits = 128};
	uint8_t key[ZONE_WIRE_OCTETS];
	char name[16];

	for (unsigned i = 0; i < VIEWS_NETWORKS_MAX; i++) {
		p.address[1] = (uint8_t)(i >> 16);
		p.address[2] = (uint8_t)(i >> 8);
		p.address[3] = (uint8_t)i;
		snprintf(name, sizeof name, "v%u", i % VIEWS_MAX);
		assert_int_equal(views_builder_network(b, &p, name), 0);
	}
	assert_int_equal(views_builder_network(b, &p, "v0"), -E2BIG);
	views_builder_destroy(b);
	b = views_builder_create(SEED);
	key_of(key, "a.test..v");
	for (unsigned i = 0; i < VIEWS_MAX; i++) {
		snprintf(name, sizeof name, "v%u", i);
		assert_int_equal(views_builder_zone(b, name, key), 0);
	}
	assert_int_equal(views_builder_zone(b, "one more", key), -E2BIG);
	key_of(key, "b.test..v");
	assert_int_equal(views_builder_zone(b, "v0", key), 0);
	views_builder_destroy(b);
}

static void
networks_may_name_any_number_of_views_that_are_not_there(void **state)
{
	struct views_builder *b = views_builder_create(SEED);
	struct config_prefix p = {.address = {[10] = 0xff, [11] = 0xff, 10}, .bits = 104};
	uint8_t key[ZONE_WIRE_OCTETS], a[16] = {[10] = 0xff, [11] = 0xff, 10};
	struct views *v = NULL;
	char name[16];

	key_of(key, "a.test..v");
	assert_int_equal(views_builder_zone(b, "wide", key), 0);
	assert_int_equal(views_builder_zone(b, "v299", key), 0);
	assert_int_equal(views_builder_network(b, &p, "wide"), 0);
	p.bits = 128;
	for (unsigned i = 0; i < 300; i++) {
		p.address[14] = (uint8_t)(i >> 8);
		p.address[15] = (uint8_t)i;
		snprintf(name, sizeof name, "v%u", i);
		assert_int_equal(views_builder_network(b, &p, i == 7 ? NULL : name), 0);
	}
	assert_int_equal(views_builder_finish(b, &v), 0);
	assert_non_null(v);
	for (unsigned i = 0; i < 301; i++) {
		a[14] = (uint8_t)(i >> 8);
		a[15] = (uint8_t)i;
		/* the wide one's view stands for none of those that have one of their own */
		assert_int_equal(views_of(v, a) != NULL, i >= 299);
	}
	views_builder_destroy(b);
	free(v);
}

#define BLOCK_AT ((uint64_t)(sizeof(struct arena_header) + 63) / 64 * 64)

/* In an arena that ends where the block does, so that a sanitizer sees what is read behind it. */
static void
of_a_damaged_block_nothing_outside_is_read(void **state)
{
	struct views *v = compile_random();
	uint64_t octets = v->octets, front = v->sources_at + sizeof(struct policy);
	struct arena arena = {.size = BLOCK_AT + octets, .fd = -1};
	uint8_t apex[ZONE_WIRE_OCTETS], a[16];
	unsigned accepted = 0, found = 0;
	void *base = NULL;

	key_of(apex, "zone.test.");
	assert_int_equal(posix_memalign(&base, 64, BLOCK_AT + octets), 0);
	memset(base, 0, BLOCK_AT);
	arena.base = base;
	for (unsigned round = 0; round < 1000; round++) {
		uint8_t *block = (uint8_t *)base + BLOCK_AT;
		memcpy(block, v, octets);
		/* most of it is networks: half of the hits go to what is in front of them */
		for (unsigned i = 0; i < 1 + round % 64; i++)
			block[random64() % (i % 2 == 0 ? front : octets)] ^=
				(uint8_t)(1u << random64() % 8);
		const struct views *damaged = views_at(&arena, BLOCK_AT);
		if (damaged == NULL)
			continue;
		accepted++;
		for (unsigned i = 0; i < 200; i++) {
			random_address(a, i % 2 == 0);
			const struct view *view = views_of(damaged, a);
			if (view == NULL)
				continue;
			const uint8_t *label = view_variant(
				damaged, view, name_hash(SEED, apex), apex, name_octets(apex));
			found += label != NULL && zone_variant_is_label(label);
		}
	}
	assert_true(accepted > 100 && found > 1000);
	free(base);
	free(v);
}

/* --- rows --- */

static void
networks_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text, *same; /* NULL: it is none */
	} c[] = {{"192.0.2.1/24", "192.0.2.0/24"}, {"0.0.0.0/0", "0.0.0.0/0"},
		{"10.0.0.1/32", "10.0.0.1/32"}, {"2001:DB8::1/32", "2001:db8::/32"},
		{"::/0", "::/0"}, {"::1/128", "::1/128"}, {"::ffff:192.0.2.7/120", "192.0.2.0/24"},
		{"10.0.0.0/33", NULL}, {"10.0.0.0", NULL}, {"10.0.0/8", NULL}, {"::/129", NULL},
		{"10.0.0.0/-1", NULL}, {"10.0.0.0/+1", NULL}, {"10.0.0.0/ 1", NULL},
		{"10.0.0.0/1x", NULL}, {"/8", NULL}, {"", NULL}, {"10.0.0.0/0000", NULL}};

	for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
		struct config_prefix p;
		char text[64];
		int ret = network_parse_text(&p, c[i].text);
		if ((ret == 0) != (c[i].same != NULL))
			fail_msg("'%s': %d", c[i].text, ret);
		if (ret != 0)
			continue;
		config_format_prefix(&p, text);
		assert_string_equal(text, c[i].same);
	}
}

static void
rows_are_read_as_they_are_written(void **state)
{
	uint8_t key[ZONE_WIRE_OCTETS], again[ZONE_WIRE_OCTETS];
	char row[VIEWS_KEY_OCTETS], view[VIEW_NAME_MAX + 1];

	key_of(key, "0/25.2.0.192.in-addr.arpa..a-b");
	assert_int_equal(view_row_key(row, "my view", key), 0);
	assert_string_equal(row, "my view/0/25.2.0.192.in-addr.arpa.");
	assert_int_equal(view_row_read(row, "a-b", view, again), 0);
	assert_string_equal(view, "my view");
	assert_memory_equal(key, again, sizeof key);
	assert_int_equal(view_row_read(row, "", view, again), 0);
	assert_int_equal(zone_key_variant(again), 0);
	assert_int_equal(view_row_read("no slash", "a", view, again), -EPROTO);
	assert_int_equal(view_row_read("v/a.test.", "A", view, again), -EPROTO);
	assert_int_equal(view_row_read("v/a..test.", "a", view, again), -EPROTO);
	assert_null(view_name_wrong("inside"));
	assert_null(view_name_wrong("B\xc3\xbcro \xe2\x82\xac \xf0\x9f\x98\x80"));
	for (const char *const *w = (const char *const[]){"", ".a", " a", "a/b", "a\nb", "\xff",
		     "a\xc3", "\xc0\xaf", "\xed\xa0\x80", NULL};
		*w != NULL; w++)
		assert_non_null(view_name_wrong(*w));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_narrowest_network_of_thousands_gives_the_view),
		cmocka_unit_test(a_view_of_many_zones_has_them_all),
		cmocka_unit_test(nothing_is_published_for_views_that_show_nothing),
		cmocka_unit_test(there_are_bounds),
		cmocka_unit_test(networks_may_name_any_number_of_views_that_are_not_there),
		cmocka_unit_test(of_a_damaged_block_nothing_outside_is_read),
		cmocka_unit_test(networks_are_read_as_people_write_them),
		cmocka_unit_test(rows_are_read_as_they_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
