/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transfers: what the content makes of records, and the client against a primary of a few lines,
 * with a store and the engine of changes behind it: random zones end as the primary has them,
 * whatever was there before; many who ask at once; the end in the midst of it. tests/wire has the
 * rest. */
#include "transfer_peer.h"

#include "controlplane/transfer/transfer_client.h"
#include "controlplane/transfer/transfer_content.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 60u
#define RECORDS 400u
#define WAIT_S 60

/* --- the client --- */

struct secondary_job {
	struct change_job job;
	sem_t done;
	uint8_t apex[ZONE_WIRE_OCTETS];
	char primaries[64];
	int result;
};

static int
apply_secondary(struct change_job *j, struct store_txn *t)
{
	struct secondary_job *s = (struct secondary_job *)j;
	struct store_zone zone;
	int ret = store_zone_get(t, s->apex, &zone);

	zone.kind = BACKEND_SECONDARY;
	zone.primaries = s->primaries;
	return ret == 0 ? store_zone_update(t, &zone) : ret;
}

static void
secondary_done(struct change_job *j, int result)
{
	struct secondary_job *s = (struct secondary_job *)j;

	s->result = result;
	sem_post(&s->done);
}

static void
create_secondary(struct changes_fixture *f, const char *zone, const struct primary *p)
{
	struct secondary_job s = {.job = {.apply = apply_secondary, .done = secondary_done}};

	assert_int_equal(create_zone(f, zone), 0);
	snprintf(s.primaries, sizeof s.primaries, "127.0.0.1:%u", p->port);
	wire(s.apex, zone);
	sem_init(&s.done, 0, 0);
	assert_int_equal(changes_submit(f->changes, &s.job), 0);
	sem_wait(&s.done);
	sem_destroy(&s.done);
	assert_int_equal(s.result, 0);
}

static struct transfer_client *
start_client(struct changes_fixture *f)
{
	struct transfer_options o = {.config = &f->config, .changes = f->changes};
	struct transfer_client *c;

	f->config.transfer.timeout_ms = 20000;
	f->config.transfer.time_max_ms = 60000;
	f->config.transfer.octets_max = f->config.transfer.memory_max = 64u << 20;
	f->config.transfer.records_max = 100000;
	f->config.transfer.parallel = 2;
	assert_int_equal(transfer_start(&c, &o), 0);
	transfer_set_store(c, f->store);
	return c;
}

static void
stop_client(struct transfer_client *c)
{
	assert_true(transfer_stop(c, WAIT_S * 1000));
	transfer_destroy(c);
}

static uint64_t
id_of(struct changes_fixture *f, const char *name)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct store_zone zone;
	struct store_txn *t;

	assert_int_equal(store_read(f->store, &t), 0);
	assert_int_equal(store_zone_get(t, wire(apex, name), &zone), 0);
	store_end(t);
	return zone.id;
}

static int
queue(struct transfer_client *c, const char *zone, uint64_t id, const struct primary *p)
{
	struct sockaddr_storage address = {.ss_family = AF_INET};
	struct sockaddr_in *sa = (struct sockaddr_in *)(void *)&address;
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct transfer_request r = {.apex = wire(apex, zone), .zone = id, .primary = &address};

	sa->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sa->sin_port = htons(p->port);
	return transfer_queue(c, &r);
}

static struct transfer_status
wait_idle(struct transfer_client *c, const char *zone, uint64_t id)
{
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct transfer_status s;

	wire(apex, zone);
	for (unsigned i = 0; i < WAIT_S * 1000; i++) {
		assert_true(transfer_status_of(c, apex, id, &s));
		if (s.state == TRANSFER_IDLE)
			return s;
		usleep(1000);
	}
	fail_msg("%s is not over", zone);
	return s;
}

static struct transfer_status
transfer(struct changes_fixture *f, struct transfer_client *c, const char *zone,
	const struct primary *p)
{
	uint64_t id = id_of(f, zone);

	assert_int_equal(queue(c, zone, id, p), 0);
	return wait_idle(c, zone, id);
}

/* --- what ends in the store --- */

/* Names of one and two labels, letters of both cases, records twice. */
static struct record
random_record(const char *zone, unsigned *seed)
{
	struct record r = {.type = rand_r(seed) % 3 == 0 ? TXT : A,
		.ttl = rand_r(seed) % 8 == 0 ? 30 : 60,
		.len = 4};
	unsigned x = (unsigned)rand_r(seed) % 50;

	snprintf(r.owner, sizeof r.owner, rand_r(seed) % 2 == 0 ? "n%u.%s" : "W%u.Sub.%s", x, zone);
	r.rdata[0] = r.type == TXT ? 3 : 10;
	r.rdata[3] = (uint8_t)(rand_r(seed) % 4);
	return r;
}

static size_t
random_zone(const char *zone, uint32_t serial, unsigned *seed, struct record *r)
{
	size_t n = 2 + (size_t)rand_r(seed) % (RECORDS - 3);

	r[0] = r[n] = make_soa(zone, serial);
	r[1] = (struct record){.type = NS, .ttl = 60, .rdata = {2, 'n', 's', 0}, .len = 4};
	snprintf(r[1].owner, sizeof r[1].owner, "%s", zone);
	for (size_t i = 2; i < n; i++)
		r[i] = random_record(zone, seed);
	return n + 1;
}

/* A few records otherwise, so that the difference is small. */
static void
change_some(const char *zone, uint32_t serial, unsigned *seed, struct record *r, size_t n)
{
	r[0] = r[n - 1] = make_soa(zone, serial);
	for (unsigned i = 0; i < 5 && n > 3; i++)
		r[2 + (size_t)rand_r(seed) % (n - 3)] = random_record(zone, seed);
}

static bool
same_rrset(const struct record *a, const struct record *b)
{
	return strcasecmp(a->owner, b->owner) == 0 && a->type == b->type;
}

/* Every record of the primary is in the store with its RRset's lowest TTL, and nothing else. */
static void
check_stored(struct changes_fixture *f, const char *zone, const struct record *r, size_t n)
{
	uint8_t apex[ZONE_WIRE_OCTETS], owner[ZONE_WIRE_OCTETS];
	struct store_decoder d = {0};
	struct store_zone z;
	struct store_txn *t;
	uint64_t n_records = 0;

	assert_int_equal(store_read(f->store, &t), 0);
	assert_int_equal(store_zone_get(t, wire(apex, zone), &z), 0);
	for (size_t i = 0; i + 1 < n; i++) {
		struct backend_rrset set;
		uint32_t ttl = UINT32_MAX;
		bool first = true, found = false;
		for (size_t j = 0; j + 1 < n; j++) {
			if (!same_rrset(&r[i], &r[j]))
				continue;
			ttl = r[j].ttl < ttl ? r[j].ttl : ttl;
			if (j < i && r[i].len == r[j].len &&
				memcmp(r[i].rdata, r[j].rdata, r[i].len) == 0)
				first = false;
		}
		n_records += first;
		assert_int_equal(
			store_rrset_get(t, &z, wire(owner, r[i].owner), r[i].type, &d, &set), 0);
		assert_int_equal(set.ttl, ttl);
		for (uint32_t k = 0; k < set.n_records; k++)
			found |= set.record[k].rdlength == r[i].len &&
				 memcmp(set.record[k].rdata, r[i].rdata, r[i].len) == 0;
		assert_true(found);
	}
	assert_int_equal(z.n_records, n_records);
	store_decoder_free(&d);
	store_end(t);
}

static void
random_zones_end_as_the_primary_has_them(void **state)
{
	static struct record r[RECORDS + 2];
	struct changes_fixture *f = *state;
	struct transfer_client *c = start_client(f);
	unsigned seed = 4711;
	struct primary p;
	size_t n = 0;

	start_primary(&p);
	create_secondary(f, "a.", &p);
	for (uint32_t serial = 1; serial <= ROUNDS; serial++) {
		struct transfer_status s;
		if (serial % 4 == 1)
			n = random_zone("a.", serial, &seed, r);
		else
			change_some("a.", serial, &seed, r, n);
		set_answer(&p, make_answer("a.", r, n, 1 + (size_t)rand_r(&seed) % 100));
		s = transfer(f, c, "a.", &p);
		if (s.result != TRANSFER_REPLACED)
			fail_msg("serial %u: %s: %s", serial, transfer_result_word[s.result],
				s.error);
		check_stored(f, "a.", r, n);
		assert_int_equal(served(f, "a."), serial);
		assert_int_equal(transfer(f, c, "a.", &p).result, TRANSFER_UNCHANGED);
	}
	stop_client(c);
	stop_primary(&p);
}

/* --- somebody else is faster --- */

/* Adds "own.a." once the transfer, which has compared without it, waits behind it. */
struct faster {
	struct change_job job;
	sem_t done;
	struct changes *changes;
	int result;
};

static int
apply_faster(struct change_job *j, struct store_txn *t)
{
	struct faster *fa = (struct faster *)j;
	uint8_t apex[ZONE_WIRE_OCTETS], owner[ZONE_WIRE_OCTETS];
	struct backend_record record = {.rdata = (const uint8_t *)"1234", .rdlength = 4};
	struct zone_edit edit = {.kind = EDIT_REPLACE,
		.has_records = true,
		.rrset = {.owner = wire(owner, "own.a."),
			.type = A,
			.ttl = 60,
			.n_records = 1,
			.record = &record}};
	struct zone_edits edits = {
		.apex = wire(apex, "a."), .edit = &edit, .n = 1, .who = "test", .origin = "unit"};
	struct changes_figures figures = {.queued = 0};
	struct edits_outcome out;

	for (unsigned i = 0; i < WAIT_S * 1000 && figures.queued == 0; i++) {
		usleep(1000);
		changes_figures(fa->changes, &figures);
	}
	return figures.queued == 0 ? -ETIMEDOUT : changes_edit(j, t, &edits, &out);
}

static void
faster_done(struct change_job *j, int result)
{
	struct faster *fa = (struct faster *)j;

	fa->result = result;
	sem_post(&fa->done);
}

static void
a_zone_that_was_changed_since_it_was_compared_is_replaced_as_a_whole(void **state)
{
	static struct record r[RECORDS + 2];
	struct changes_fixture *f = *state;
	struct transfer_client *c = start_client(f);
	struct faster fa = {
		.job = {.apply = apply_faster, .done = faster_done}, .changes = f->changes};
	unsigned seed = 1;
	struct primary p;
	size_t n;

	start_primary(&p);
	create_secondary(f, "a.", &p);
	do /* large enough for a difference to be a small part of it */
		n = random_zone("a.", 1, &seed, r);
	while (n < RECORDS / 2);
	set_answer(&p, make_answer("a.", r, n, 100));
	assert_int_equal(transfer(f, c, "a.", &p).result, TRANSFER_REPLACED);
	change_some("a.", 2, &seed, r, n);
	set_answer(&p, make_answer("a.", r, n, 100));
	sem_init(&fa.done, 0, 0);
	assert_int_equal(changes_submit(f->changes, &fa.job), 0);
	assert_int_equal(transfer(f, c, "a.", &p).result, TRANSFER_REPLACED);
	sem_wait(&fa.done);
	sem_destroy(&fa.done);
	assert_int_equal(fa.result, 0);
	assert_string_equal(stored(f, "a.", "own.a.", "A"), "");
	check_stored(f, "a.", r, n);
	assert_int_equal(served(f, "a."), 2);
	stop_client(c);
	stop_primary(&p);
}

static void
what_was_asked_for_another_zone_of_the_name_is_not_done_to_this_one(void **state)
{
	struct changes_fixture *f = *state;
	struct transfer_client *c = start_client(f);
	struct record r[2] = {make_soa("a.", 5), make_soa("a.", 5)};
	struct transfer_status s;
	struct primary p;
	uint8_t apex[ZONE_WIRE_OCTETS];
	uint64_t before, id;

	start_primary(&p);
	set_answer(&p, make_answer("a.", r, 2, 2));
	create_secondary(f, "a.", &p);
	before = id_of(f, "a.");
	assert_int_equal(delete_zone(f, "a."), 0);
	create_secondary(f, "a.", &p);
	id = id_of(f, "a.");
	assert_true(id != before);
	assert_int_equal(queue(c, "a.", before, &p), 0);
	s = wait_idle(c, "a.", before);
	assert_int_equal(s.result, TRANSFER_FAILED);
	assert_string_equal(s.error, "there is no such zone any more");
	assert_false(transfer_status_of(c, wire(apex, "a."), id, &s));
	assert_int_equal(p.asked, 0);
	assert_int_equal(transfer(f, c, "a.", &p).result, TRANSFER_REPLACED);
	assert_false(transfer_status_of(c, apex, before, &s));
	stop_client(c);
	stop_primary(&p);
}

/* --- threads --- */

struct asker {
	struct transfer_client *client;
	const struct primary *primary;
	const uint64_t *id;
	unsigned number;
	pthread_t thread;
};

static void *
ask_often(void *arg)
{
	struct asker *a = arg;
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct transfer_status s;
	struct transfer_totals t;
	char zone[16];

	for (unsigned i = 0; i < 50; i++) {
		uint64_t id = a->id[(i + a->number) % 4];
		snprintf(zone, sizeof zone, "z%u.", (i + a->number) % 4);
		if (queue(a->client, zone, id, a->primary) != 0)
			return NULL;
		(void)transfer_status_of(a->client, wire(apex, zone), id, &s);
		transfer_totals(a->client, &t);
		usleep(500);
	}
	return NULL;
}

static void
many_may_ask_at_once(void **state)
{
	struct changes_fixture *f = *state;
	struct transfer_client *c = start_client(f);
	struct record r[2] = {make_soa("z0.", 5), make_soa("z0.", 5)};
	struct asker a[4];
	struct transfer_totals t;
	uint64_t n = 0, id[4];
	struct primary p;

	start_primary(&p);
	set_answer(&p, make_answer("z0.", r, 2, 2));
	for (unsigned i = 0; i < 4; i++) {
		char zone[16];
		snprintf(zone, sizeof zone, "z%u.", i);
		create_secondary(f, zone, &p);
		id[i] = id_of(f, zone);
	}
	for (unsigned i = 0; i < 4; i++) {
		a[i] = (struct asker){.client = c, .primary = &p, .id = id, .number = i};
		assert_int_equal(pthread_create(&a[i].thread, NULL, ask_often, &a[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(a[i].thread, NULL);
	for (unsigned i = 0; i < 4; i++) {
		char zone[16];
		struct transfer_status s;
		snprintf(zone, sizeof zone, "z%u.", i);
		s = wait_idle(c, zone, id[i]);
		/* one of them is what the primary has; it answers the others with the wrong zone */
		assert_int_equal(s.checked_s != 0, true);
		assert_int_equal(s.succeeded_s != 0, i == 0);
	}
	transfer_totals(c, &t);
	for (unsigned i = 0; i < TRANSFER_RESULTS_N; i++)
		n += t.result[i];
	assert_int_equal(n, p.asked);
	assert_int_equal(t.result[TRANSFER_REPLACED], 1);
	assert_int_equal(t.result[TRANSFER_UNCHANGED] + t.result[TRANSFER_MALFORMED] + 1, p.asked);
	assert_int_equal(served(f, "z0."), 5);
	assert_int_equal(served(f, "z1."), -1);
	stop_client(c);
	stop_primary(&p);
}

static void
the_end_comes_in_the_midst_of_it(void **state)
{
	struct changes_fixture *f = *state;
	struct record r[2] = {make_soa("z0.", 5), make_soa("z0.", 5)};
	struct primary p;
	uint64_t id;

	start_primary(&p);
	set_answer(&p, make_answer("z0.", r, 2, 2));
	create_secondary(f, "z0.", &p);
	id = id_of(f, "z0.");
	for (unsigned i = 0; i < 20; i++) {
		struct transfer_client *c = start_client(f);
		p.delay_ms = i % 3 == 0 ? 20 : 0;
		assert_int_equal(queue(c, "z0.", id, &p), 0);
		usleep(i * 200);
		assert_true(transfer_stop(c, WAIT_S * 1000));
		assert_int_equal(queue(c, "z0.", id, &p), -ECANCELED);
		transfer_destroy(c);
	}
	stop_primary(&p);
}

/* --- the content alone --- */

static void
the_content_is_rrsets_in_order(void **state)
{
	static const struct {
		const char *owner;
		uint16_t type;
		uint32_t ttl;
		const char *rdata;
	} in[] = {
		{"z.a.", A, 60, "\1\2\3\4"},
		{"B.a.", TXT, 60, "\3abc"},
		{"a.", SOA, 9, "soa"},
		{"a.b.a.", A, 60, "\1\2\3\4"},
		{"b.A.", A, 50, "\1\2\3\4"},
		{"b.a.", A, 0xffffffff, "\1\2\3\5"},
		{"b.a.", A, 70, "\1\2\3\4"},
		{"b.", A, 60, "\1\2\3\4"},
		{"xa.", A, 60, "\1\2\3\4"},
		{".", A, 60, "\1\2\3\4"},
	};
	static const struct {
		const char *owner;
		uint16_t type;
		uint32_t ttl, n;
	} want[] = {{"a.", SOA, 9, 1}, {"b.a.", A, 0, 2}, {"b.a.", TXT, 60, 1},
		{"a.b.a.", A, 60, 1}, {"z.a.", A, 60, 1}};
	struct transfer_content_limits limits = {.records = 10, .memory = 1 << 20};
	uint8_t apex[ZONE_WIRE_OCTETS], name[ZONE_WIRE_OCTETS];
	struct transfer_content *c = transfer_content_create(wire(apex, "a."), &limits);
	struct transfer_figures f;
	struct transfer_error e;

	for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
		assert_int_equal(
			transfer_content_add(c, wire(name, in[i].owner), in[i].type, in[i].ttl,
				(const uint8_t *)in[i].rdata, (uint16_t)strlen(in[i].rdata), &e),
			0);
	assert_int_equal(
		transfer_content_add(c, wire(name, "c.a."), A, 1, (const uint8_t *)"1234", 4, &e),
		-EPROTO);
	assert_int_equal(e.result, TRANSFER_TOO_LARGE);
	transfer_content_destroy(c);

	c = transfer_content_create(apex, &limits);
	for (size_t i = 0; i < sizeof in / sizeof in[0]; i++)
		assert_int_equal(
			transfer_content_add(c, wire(name, in[i].owner), in[i].type, in[i].ttl,
				(const uint8_t *)in[i].rdata, (uint16_t)strlen(in[i].rdata), &e),
			0);
	assert_int_equal(transfer_content_finish(c, &e), 0);
	transfer_content_figures(c, &f);
	assert_int_equal(f.n, sizeof want / sizeof want[0]);
	assert_int_equal(f.records, 6);
	assert_int_equal(f.dropped, 3);
	assert_string_equal(f.first_dropped, "b. A");
	for (size_t i = 0; i < f.n; i++) {
		const struct backend_rrset *set = &f.rrset[i].rrset;
		wire(name, want[i].owner);
		assert_memory_equal(set->owner, name, name_octets(name));
		assert_int_equal(set->type, want[i].type);
		assert_int_equal(set->ttl, want[i].ttl);
		assert_int_equal(set->n_records, want[i].n);
	}
	transfer_content_destroy(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_content_is_rrsets_in_order),
		CHANGES_TEST(random_zones_end_as_the_primary_has_them),
		CHANGES_TEST(a_zone_that_was_changed_since_it_was_compared_is_replaced_as_a_whole),
		CHANGES_TEST(what_was_asked_for_another_zone_of_the_name_is_not_done_to_this_one),
		CHANGES_TEST(many_may_ask_at_once),
		CHANGES_TEST(the_end_comes_in_the_midst_of_it),
	};

	return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
