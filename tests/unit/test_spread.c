/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Handing bursts on between two workers that sleep whenever they have nothing: no wake-up is lost,
 * no buffer either, and what comes back goes where it belongs. Under ThreadSanitizer it is also the
 * test of the memory order. The port is DPDK's net_null, which takes all and brings nothing. */
#include "dataplane/ports/spread.h"
#include "dataplane/ports/ethdev.h"
#include "dataplane/ports/ethdev_queue.h"
#include "dataplane/worker.h"
#include "tests/unit/frame_make.h"

#include <poll.h>
#include <pthread.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFERS 2047u
#define WORKERS 2u
#define RING 64u
#define ROUNDS 1000000u   /* of ringing */
#define BURSTS 50000u     /* handed on and given back */
#define UNDER_WAY 96u     /* packets at a time: fewer than a ring holds, so none is dropped */
#define PATIENCE_MS 60000 /* a wake-up that takes longer is lost */
#define QUIET_EVERY 16u   /* rounds after which the other side is left to fall asleep */

static struct rte_mempool *pool;
static struct port *device[1];
static struct ethdev_queue *queue;

static struct spread *spread;
static struct port *port[WORKERS];
static struct counters counters[WORKERS];

#ifdef __SANITIZE_THREAD__
/* rte_ring_count() loads both ends of a ring as they are; what it finds is checked by the dequeue,
 * or decides about sleep together with the fences of sleeper.h. */
const char *__tsan_default_suppressions(void);
const char *
__tsan_default_suppressions(void)
{
	return "race:rte_ring_count\nrace:rte_ring_empty\n";
}
#endif

static int
open_device(void)
{
	struct config_port c = {.device = (char *)(uintptr_t) "net_null0,no-rx=1",
		.exception = CONFIG_EXCEPTION_NONE};
	unsigned n;

	c.queues = 1;
	return ethdev_port_open(&c, 1, device, &n);
}

static int
set_up_dpdk(void **state)
{
	char *args[] = {"test", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m192",
		"--log-level=error", "--lcores=0"};

	if (rte_eal_init(sizeof args / sizeof args[0], args) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create(
		"test", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	return pool != NULL ? 0 : -1;
}

/* Worker 0 has the queue, worker 1 none. */
static int
set_up(void **state)
{
	static const unsigned worker_of[] = {0};
	struct counters *c[WORKERS] = {&counters[0], &counters[1]};

	memset(counters, 0, sizeof counters);
	if (open_device() != 0)
		return -1;
	queue = (struct ethdev_queue *)device[0];
	device[0]->counters = &counters[0];
	return spread_open(&spread, device, worker_of, 1, c, WORKERS, port);
}

static int
tear_down(void **state)
{
	unsigned left = rte_mempool_in_use_count(pool);

	for (unsigned w = 0; w < WORKERS; w++)
		port[w]->ops->close(port[w]);
	device[0]->ops->close(device[0]);
	spread_close(spread);
	if (left != 0)
		fprintf(stderr, "%u buffers are lost\n", left);
	return left == 0 ? 0 : -1;
}

static struct rte_mbuf *
make_mbuf(bool arp)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct frame f;

	assert_non_null(m);
	if (arp) {
		begin(&f, 0, 0x0806);
		for (unsigned i = 0; i < 28; i++)
			put8(&f, i);
	} else {
		plain4(&f);
	}
	memcpy(rte_pktmbuf_append(m, (uint16_t)f.len), f.octets, f.len);
	return m;
}

static unsigned
give(struct rte_mbuf **m, unsigned n)
{
	queue->spread->takers = 2;
	return spread_give(queue->spread, m, n, queue->port_id, &counters[0]);
}

/* Worker 1 takes a burst and answers it. */
static unsigned
take(void)
{
	struct answer_query q[PORT_BURST];
	unsigned n = port[1]->ops->receive(port[1], q, PORT_BURST);

	for (unsigned i = 0; i < n; i++)
		q[i].out_len = q[i].len;
	if (n != 0)
		port[1]->ops->transmit(port[1], q, n);
	return port[1]->n_taken;
}

/* Worker 0 sends what came back. */
static unsigned
send_back(void)
{
	struct answer_query q[PORT_BURST];

	assert_int_equal(queue->port.ops->receive(&queue->port, q, PORT_BURST), 0);
	return queue->port.n_passed;
}

static bool
is_readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

static void
test_a_ring_that_comes_late_is_not_heard_for_ever(void **state)
{
	static const uint64_t one = 1;
	struct sleeper s;

	assert_int_equal(sleeper_open(&s), 0);
	sleeper_arm(&s);
	sleeper_ring(&s);
	assert_true(is_readable(s.bell, 0));
	sleeper_disarm(&s);
	assert_false(is_readable(s.bell, 0));
	/* sleeper_wake() found it asleep, and before it writes something else wakes the worker */
	sleeper_arm(&s);
	assert_true(atomic_exchange(&s.asleep, false));
	sleeper_disarm(&s);
	assert_int_equal(write(s.bell, &one, sizeof one), sizeof one);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(is_readable(s.bell, 0), i == 0);
		sleeper_arm(&s);
		sleeper_disarm(&s);
	}
	assert_false(is_readable(s.bell, 0));
	/* awake: no system call */
	sleeper_ring(&s);
	assert_false(is_readable(s.bell, 0));
	sleeper_close(&s);
}

struct pair {
	struct sleeper s;
	struct rte_ring *ring;
	unsigned lost, wrong, slept;
};

static void *
consume(void *arg)
{
	struct pair *p = arg;

	for (uintptr_t next = 1; next <= ROUNDS;) {
		void *got;
		if (rte_ring_sc_dequeue(p->ring, &got) == 0) {
			p->wrong += (uintptr_t)got != next++;
			continue;
		}
		sleeper_arm(&p->s);
		if (rte_ring_empty(p->ring)) {
			p->slept++;
			if (!is_readable(p->s.bell, PATIENCE_MS)) {
				p->lost++;
				return NULL;
			}
		}
		sleeper_disarm(&p->s);
	}
	return NULL;
}

static void
test_no_ring_is_lost_in_a_million(void **state)
{
	ssize_t octets = rte_ring_get_memsize(RING);
	struct pair p = {0};
	pthread_t thread;

	p.ring = aligned_alloc(64, ((size_t)octets + 63) & ~63ul);
	assert_non_null(p.ring);
	assert_int_equal(rte_ring_init(p.ring, "test", RING, RING_F_SP_ENQ | RING_F_SC_DEQ), 0);
	assert_int_equal(sleeper_open(&p.s), 0);
	assert_int_equal(pthread_create(&thread, NULL, consume, &p), 0);
	for (uintptr_t i = 1; i <= ROUNDS; i++) {
		unsigned tries = 0;
		while (rte_ring_sp_enqueue(p.ring, (void *)i) != 0 && tries++ < ROUNDS)
			sched_yield();
		assert_true(tries <= ROUNDS);
		sleeper_ring(&p.s);
		/* now and then, so that it falls asleep in all places */
		if (i % QUIET_EVERY == 0 && i / QUIET_EVERY % 2 != 0)
			sched_yield();
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(p.lost, 0);
	assert_int_equal(p.wrong, 0);
	assert_true(p.slept > 0);
	sleeper_close(&p.s);
	free(p.ring);
}

static void
test_what_is_handed_on_comes_back_to_be_sent(void **state)
{
	struct rte_ring *to_kernel = queue->back_from[0]; /* any ring will do for a twin's */
	struct rte_mbuf *m[PORT_BURST], *out = NULL;
	struct frame f;

	plain4(&f);
	for (unsigned i = 0; i < PORT_BURST; i++)
		m[i] = make_mbuf(false);
	assert_int_equal(give(m, PORT_BURST), 0);
	assert_int_equal(take(), PORT_BURST);
	assert_int_equal(rte_ring_count(to_kernel), PORT_BURST);
	assert_int_equal(rte_ring_sc_dequeue(to_kernel, (void **)&out), 0);
	assert_memory_equal(rte_pktmbuf_mtod(out, uint8_t *) + 6, f.octets, 6);
	rte_pktmbuf_free(out);
	assert_int_equal(send_back(), PORT_BURST - 1);
	/* without a twin what is not DNS is dropped by who took it */
	m[0] = make_mbuf(true);
	assert_int_equal(give(m, 1), 0);
	assert_int_equal(take(), 1);
	assert_int_equal(counter_get(&counters[1], CTR_D_NOT_IP), 1);
	assert_int_equal(send_back(), 0);
}

static void
test_a_full_ring_leaves_the_rest_in_order(void **state)
{
	struct rte_mbuf *m[PORT_BURST], *copy[PORT_BURST];
	unsigned n_given = 0, left = 0;

	while (left == 0) {
		for (unsigned i = 0; i < PORT_BURST; i++)
			copy[i] = m[i] = make_mbuf(false);
		left = give(m, PORT_BURST);
		n_given += PORT_BURST - left;
	}
	assert_int_equal(n_given, SPREAD_RING - 1);
	assert_memory_equal(m, copy + PORT_BURST - left, left * sizeof *m);
	rte_pktmbuf_free_bulk(m, left);
	assert_int_equal(counter_get(&counters[0], CTR_SPREAD_GIVEN), SPREAD_RING - 1);
	assert_false(port[1]->ops->may_sleep(port[1]));
	port[1]->ops->awake(port[1]);
	for (unsigned n = n_given; n != 0;)
		n -= take();
	assert_true(port[1]->ops->may_sleep(port[1]));
	port[1]->ops->awake(port[1]);
	for (unsigned n = n_given; n != 0;)
		n -= send_back();
}

/* The owner of the queue stands still for a while (another program has its CPU): what was handed on
 * waits until it can be given back. */
static void
test_what_cannot_be_given_back_is_not_dropped(void **state)
{
	unsigned n_given = 0, n_taken = 0, n_sent = 0, n;

	for (unsigned burst = 0; burst < 3 * SPREAD_RING / PORT_BURST; burst++) {
		struct rte_mbuf *m[PORT_BURST];
		unsigned left;
		for (unsigned i = 0; i < PORT_BURST; i++)
			m[i] = make_mbuf(false);
		left = give(m, PORT_BURST);
		n_given += PORT_BURST - left;
		rte_pktmbuf_free_bulk(m, left);
		n_taken += take();
	}
	assert_true(n_given > SPREAD_RING);
	assert_int_equal(n_taken, SPREAD_RING - 1);
	assert_int_equal(take(), 0);
	assert_false(port[1]->ops->may_sleep(port[1]));
	port[1]->ops->awake(port[1]);
	while ((n = send_back()) != 0 || n_taken < n_given) {
		n_sent += n;
		n_taken += take();
	}
	assert_int_equal(n_sent, n_given);
	assert_int_equal(counter_get(&counters[1], CTR_D_TX_FULL), 0);
}

static _Atomic bool stop;
static unsigned lost;

/* As a worker does it. */
static void
sleep_on(struct port *p, int bell)
{
	if (p->ops->may_sleep(p) && !is_readable(bell, PATIENCE_MS)) {
		lost++;
		abort(); /* the other one would wait for ever */
	}
	p->ops->awake(p);
}

static void *
taker(void *arg)
{
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		if (take() == 0)
			sleep_on(port[1], port[1]->wait_fd);
	return arg;
}

static void
test_two_workers_wake_each_other(void **state)
{
	static const uint64_t one = 1;
	unsigned n_out = 0, seed = 4711;
	pthread_t thread;

	/* net_null cannot wake: what comes back does */
	assert_int_equal(sleeper_open(&queue->wait.sleeper), 0);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&thread, NULL, taker, NULL), 0);
	for (unsigned i = 0; i < BURSTS; i++) {
		struct rte_mbuf *m[PORT_BURST];
		unsigned n = 1 + (unsigned)rand_r(&seed) % PORT_BURST;
		for (unsigned k = 0; k < n; k++)
			m[k] = make_mbuf(false);
		assert_int_equal(give(m, n), 0);
		n_out += n;
		while (n_out > UNDER_WAY - PORT_BURST || (i % QUIET_EVERY == 0 && n_out != 0)) {
			unsigned n_back = send_back();
			n_out -= n_back;
			if (n_back == 0)
				sleep_on(&queue->port, queue->wait.sleeper.bell);
		}
	}
	for (unsigned tries = 0; n_out != 0; tries++) {
		unsigned n_back = send_back();
		n_out -= n_back;
		if (n_back == 0)
			sleep_on(&queue->port, queue->wait.sleeper.bell);
	}
	atomic_store(&stop, true);
	/* heard also by who is just about to sleep */
	assert_int_equal(write(port[1]->wait_fd, &one, sizeof one), sizeof one);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(lost, 0);
	assert_int_equal(counter_get(&counters[0], CTR_D_TX_FULL), 0);
	assert_int_equal(counter_get(&counters[1], CTR_D_TX_FULL), 0);
}

/* --- what a successor throws away --- */

static unsigned n_left;

static unsigned
some_receive(struct port *p, struct answer_query *q, unsigned max)
{
	unsigned n = n_left < max ? n_left : max;

	n_left -= n;
	p->n_taken = n;
	return n;
}

static void
some_transmit(struct port *p, const struct answer_query *q, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(q[i].out_len, 0);
}

/* Sockets are handed over with what is in them; of devices both processes get a copy, whether they
 * can be waited for or not. */
static void
test_a_successor_discards_what_its_devices_have_and_no_more(void **state)
{
	static const struct port_ops ops = {.receive = some_receive, .transmit = some_transmit};
	struct port p = {.ops = &ops}, *ports[] = {&p};
	struct worker *w = aligned_alloc(64, sizeof *w);

	assert_non_null(w);
	memset(w, 0, sizeof *w);
	w->port = ports;
	w->n_ports = 1;
	for (unsigned i = 0; i < 4; i++) {
		p.device = i & 1;
		p.wait_fd = i & 2 ? 0 : -1;
		n_left = 100;
		worker_discard(w);
		assert_int_equal(n_left, p.device ? 0 : 100);
	}
	free(w);
}

/* As after a start that failed, or an upgrade that came to nothing. */
static void
test_a_closed_device_can_be_opened_again(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(open_device(), 0);
		device[0]->ops->close(device[0]);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_ring_that_comes_late_is_not_heard_for_ever),
		cmocka_unit_test(test_no_ring_is_lost_in_a_million),
		cmocka_unit_test(test_a_successor_discards_what_its_devices_have_and_no_more),
		cmocka_unit_test(test_a_closed_device_can_be_opened_again),
		T(test_what_is_handed_on_comes_back_to_be_sent),
		T(test_a_full_ring_leaves_the_rest_in_order),
		T(test_what_cannot_be_given_back_is_not_dropped),
		T(test_two_workers_wake_each_other),
	};
	return cmocka_run_group_tests(tests, set_up_dpdk, NULL);
}
