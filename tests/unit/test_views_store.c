/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Views from the store to the arena: a damaged row costs itself alone, and zones of a store are not
 * served before its views are. */
#include "store_fixture.h"

#include "config/log.h"
#include "controlplane/manager/zone_manager.h"
#include "controlplane/open_store.h"
#include "controlplane/views/views_control.h"
#include "controlplane/views/views_rows.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_OCTETS (32ull << 20)
#define WAIT_MS 20000u

struct place {
	struct arena arena;
	struct zone_publisher *publisher;
	struct views_control *views;
	char path[128];
};

static void
make_place(struct place *p, const char *folder)
{
	uint32_t n_damaged;
	bool fresh;

	snprintf(p->path, sizeof p->path, "%s/arena", folder);
	assert_int_equal(arena_open_writer(&p->arena, p->path, ARENA_OCTETS, &fresh), 0);
	assert_int_equal(zone_publisher_create(&p->publisher, &p->arena, NULL, &n_damaged), 0);
	assert_int_equal(views_control_create(&p->views, p->publisher, &p->arena, NULL, NULL), 0);
}

static void
end_place(struct place *p)
{
	views_control_destroy(p->views);
	zone_publisher_destroy(p->publisher);
	arena_close(&p->arena);
}

static void
put_row(struct fixture *f, enum store_table table, const char *key, const char *value)
{
	struct store_txn *t = begin_write(f);
	const char *full;

	assert_int_equal(views_put_row(t, table, key, value, &full), 0);
	assert_int_equal(store_commit(t), 0);
}

/* As the API cannot put it. */
static void
put_damaged(struct fixture *f, enum store_table table, const char *key)
{
	struct store_txn *t = begin_write(f);
	struct store_key k = {.len = (uint16_t)(strlen(key) + 1)};
	const char *value;

	k.octets[0] = (uint8_t)table;
	memcpy(k.octets + 1, key, strlen(key));
	assert_int_equal(store_put(t, STORE_DB_ROWS, &k, "\xff\xff", 2, 0), 0);
	assert_int_equal(store_row_get(t, table, key, &value), -EPROTO);
	assert_int_equal(store_commit(t), 0);
}

/* What a client at 10.0.0.LAST sees of a zone: the variant's name, or "". */
static const char *
variant_of(const struct place *p, uint8_t last, const char *zone)
{
	static char text[64];
	uint8_t a[16] = {[10] = 0xff, [11] = 0xff, 10, 0, 0, last}, apex[ZONE_WIRE_OCTETS] = {0};
	const struct views *v = views_current(&p->arena);
	const struct view *view = v == NULL ? NULL : views_of(v, a);
	const uint8_t *label = NULL;

	wire(apex, zone);
	if (view != NULL)
		label = view_variant(v, view, name_hash(arena_header(&p->arena)->seed, apex), apex,
			name_octets(apex));
	snprintf(text, sizeof text, "%.*s", label == NULL ? 0 : label[0] - 1,
		label == NULL ? "" : (const char *)label + 2);
	return text;
}

/* What is logged meanwhile. */
struct overheard {
	int real;
	FILE *file;
};

static void
listen_to_log(struct overheard *o)
{
	fflush(stderr);
	o->real = dup(STDERR_FILENO);
	o->file = tmpfile();
	assert_non_null(o->file);
	assert_true(dup2(fileno(o->file), STDERR_FILENO) >= 0);
}

static void
end_listening(struct overheard *o, char *text, size_t octets)
{
	size_t n;

	fflush(stderr);
	dup2(o->real, STDERR_FILENO);
	close(o->real);
	rewind(o->file);
	n = fread(text, 1, octets - 1, o->file);
	text[n] = '\0';
	fclose(o->file);
}

static void
a_damaged_row_is_left_out_and_the_others_hold(void **state)
{
	struct fixture *f = *state;
	struct overheard o;
	struct place p;
	char text[4096];

	put_row(f, STORE_VIEW, "in/a.test.", "v");
	put_row(f, STORE_VIEW, "in/c.test.", "v");
	put_row(f, STORE_NETWORK, "10.0.0.0/24", "in");
	put_row(f, STORE_NETWORK, "10.0.0.9/32", "in");
	make_place(&p, f->folder);
	put_damaged(f, STORE_VIEW, "in/b.test.");
	listen_to_log(&o);
	assert_int_equal(views_control_refresh(p.views, f->s), 0);
	end_listening(&o, text, sizeof text);
	assert_string_equal(variant_of(&p, 1, "a.test."), "v");
	assert_string_equal(variant_of(&p, 1, "c.test."), "v");
	assert_string_equal(variant_of(&p, 1, "b.test."), "");
	assert_non_null(strstr(text, "error"));
	assert_non_null(strstr(text, "'in/b.test.'"));
	/* a network that is damaged sees nothing, not what the one around it sees */
	put_damaged(f, STORE_NETWORK, "10.0.0.7/32");
	assert_int_equal(views_control_refresh(p.views, f->s), 0);
	assert_string_equal(variant_of(&p, 7, "a.test."), "");
	assert_string_equal(variant_of(&p, 8, "a.test."), "v");
	assert_string_equal(variant_of(&p, 9, "a.test."), "v");
	/* and both are mended by setting or removing them */
	put_row(f, STORE_VIEW, "in/b.test.", "w");
	put_row(f, STORE_NETWORK, "10.0.0.7/32", NULL);
	assert_int_equal(views_control_refresh(p.views, f->s), 0);
	assert_string_equal(variant_of(&p, 7, "b.test."), "w");
	end_place(&p);
}

/* --- the order of the start --- */

struct watched {
	uv_loop_t loop;
	uv_timer_t clock;
	struct store *store;
	char error[STORE_ERROR_OCTETS];
	unsigned told, gone_ms;
};

static void
changed(void *arg, struct store *store, const char *error)
{
	struct watched *w = arg;

	w->told++;
	w->store = store;
	snprintf(w->error, sizeof w->error, "%s", error != NULL ? error : "");
}

static void
tick(uv_timer_t *t)
{
	struct watched *w = t->data;

	w->gone_ms += 10;
}

static void
run_until_told(struct watched *w, unsigned n)
{
	w->gone_ms = 0;
	while (w->told < n && w->gone_ms < WAIT_MS)
		uv_run(&w->loop, UV_RUN_ONCE);
	assert_true(w->told == n);
}

struct piece {
	uint64_t at, octets;
};

/* Take what the arena has left. @return how many pieces */
static size_t
fill(struct arena *a, struct piece *piece, size_t room)
{
	uint64_t at;
	size_t n = 0;

	for (uint64_t octets = 1u << 20; octets >= ARENA_ALIGN; octets /= 2)
		while ((at = arena_alloc(a, octets)) != 0) {
			assert_true(n < room);
			piece[n++] = (struct piece){at, octets};
		}
	return n;
}

static void
close_handle(uv_handle_t *h, void *arg)
{
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

static void
zones_of_the_store_wait_for_its_views(void **state)
{
	static struct piece piece[4096];
	struct fixture *f = *state;
	struct config config = {.transfer = {.timeout_ms = 1000, .parallel = 1}};
	struct zone_manager_options mo = {.config = &config, .awaits_store = true};
	struct watched w = {.told = 0};
	struct store_opener_options o = {
		.loop = &w.loop, .path = f->path, .config = &config, .changed = changed, .arg = &w};
	struct store_opener *opener;
	char folder[96];
	struct place p;

	put_row(f, STORE_VIEW, "in/a.test.", "v");
	put_row(f, STORE_NETWORK, "10.0.0.0/24", "in");
	store_close(f->s);
	f->s = NULL;
	make_place(&p, f->folder);
	snprintf(folder, sizeof folder, "%s/zones", f->folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	config.zones.directory = folder;
	config.zones.threads = 1;
	mo.arena = &p.arena;
	mo.publisher = p.publisher;
	assert_int_equal(zone_manager_start(&o.zones, &mo), 0);
	o.views = p.views;
	assert_int_equal(uv_loop_init(&w.loop), 0);
	uv_timer_init(&w.loop, &w.clock);
	w.clock.data = &w;
	uv_timer_start(&w.clock, tick, 10, 10);

	size_t n = fill(&p.arena, piece, 4096);
	assert_true(n > 0);
	assert_int_equal(store_opener_start(&opener, &o), 0);
	run_until_told(&w, 1);
	assert_null(w.store);
	assert_non_null(strstr(w.error, "its views cannot be published"));
	for (size_t i = 0; i < n; i++)
		arena_free(&p.arena, piece[i].at, piece[i].octets);
	run_until_told(&w, 2);
	assert_non_null(w.store);
	assert_string_equal(variant_of(&p, 1, "a.test."), "v");

	assert_true(store_opener_stop(opener, WAIT_MS));
	assert_true(zone_manager_stop(o.zones, WAIT_MS));
	zone_manager_destroy(o.zones);
	uv_timer_stop(&w.clock);
	uv_run(&w.loop, UV_RUN_NOWAIT);
	store_opener_destroy(opener);
	uv_walk(&w.loop, close_handle, NULL);
	uv_run(&w.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w.loop), 0);
	end_place(&p);
	char error[STORE_ERROR_OCTETS];
	assert_int_equal(store_open(&f->s, &f->options, error), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_damaged_row_is_left_out_and_the_others_hold),
		STORE_TEST(zones_of_the_store_wait_for_its_views),
	};

	log_open("test", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
