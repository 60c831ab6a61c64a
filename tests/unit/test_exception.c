/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A queue of a DPDK device between its port, the engine and the kernel's twin: which frames go
 * where, in what order, how many at a time; frames in several buffers; and that no buffer is lost.
 * The port is DPDK's net_ring: what is sent on it is received on it. */
#include "dataplane/ports/ethdev_queue.h"
#include "tests/unit/frame_make.h"

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>

#define BUFFERS 2047u
#define RING 64u

static struct rte_mempool *pool;
static uint16_t port_id;
static struct frame_filter filter;
static struct counters counters;
static struct exception_counts counts;
static struct ethdev_queue queue;
static struct rte_ring *to_kernel, *from_kernel;

static int
set_up_dpdk(void **state)
{
	char *args[] = {"test", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m128",
		"--log-level=error", "--lcores=0"};
	const struct rte_eth_conf conf = {0};

	if (rte_eal_init(sizeof args / sizeof args[0], args) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create(
		"test", BUFFERS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	to_kernel = rte_ring_create("to", RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	from_kernel = rte_ring_create("from", RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (pool == NULL || to_kernel == NULL || from_kernel == NULL)
		return -1;
	if (rte_dev_probe("net_ring0") != 0 ||
		rte_eth_dev_get_port_by_name("net_ring0", &port_id) != 0)
		return -1;
	if (rte_eth_dev_configure(port_id, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(port_id, 0, 512, 0, NULL, pool) != 0 ||
		rte_eth_tx_queue_setup(port_id, 0, 512, 0, NULL) != 0)
		return -1;
	return rte_eth_dev_start(port_id);
}

static int
tear_down_dpdk(void **state)
{
	(void)rte_eth_dev_stop(port_id);
	(void)rte_eth_dev_close(port_id);
	return 0;
}

static int
set_up(void **state)
{
	memset(&counters, 0, sizeof counters);
	memset(&queue, 0, sizeof queue);
	filter.n_ip4 = 1; /* the destination of make4() */
	memcpy(&filter.ip4[0].address_be, "\xc0\x00\x02\x02", 4);
	filter.ip4[0].port_be = rte_cpu_to_be_16(53);
	filter.n_ip6 = 0;
	atomic_store(&counts.refused, 0);
	atomic_store(&counts.tcp_refused, 0);
	queue.port.counters = &counters;
	queue.port_id = port_id;
	queue.mtu = RTE_ETHER_MTU;
	queue.filter = &filter;
	queue.exception = (struct exception_queue){
		.to_kernel = to_kernel, .from_kernel = from_kernel, .counts = &counts};
	return 0;
}

/* Every test gives all buffers back. */
static int
tear_down(void **state)
{
	unsigned left = rte_mempool_in_use_count(pool);

	if (left != 0)
		fprintf(stderr, "%u buffers are lost\n", left);
	return left == 0 && rte_ring_empty(to_kernel) && rte_ring_empty(from_kernel) ? 0 : -1;
}

/* A frame in buffers of at most `part` octets, but for the last. */
static struct rte_mbuf *
make_mbuf(const struct frame *f, unsigned first, unsigned part)
{
	struct rte_mbuf *head = NULL;

	for (unsigned at = 0; at < f->len;) {
		unsigned n = head == NULL ? first : part;
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		assert_non_null(m);
		if (n > f->len - at)
			n = f->len - at;
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), f->octets + at, n);
		at += n;
		if (head == NULL)
			head = m;
		else
			assert_int_equal(rte_pktmbuf_chain(head, m), 0);
	}
	return head;
}

static void
arrive(struct rte_mbuf *m)
{
	assert_int_equal(rte_eth_tx_burst(port_id, 0, &m, 1), 1);
}

/* Frames that left through the port. */
static unsigned
leave(struct rte_mbuf **m, unsigned max)
{
	return rte_eth_rx_burst(port_id, 0, m, (uint16_t)max);
}

static unsigned
receive(struct answer_query *q)
{
	return ethdev_queue_receive(&queue.port, q, PORT_BURST);
}

/* Ends what receive() gave without a response. */
static void
say_nothing(struct answer_query *q, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		q[i].out_len = 0;
	ethdev_queue_transmit(&queue.port, q, n);
}

static void
arp(struct frame *f, unsigned number)
{
	begin(f, 0, 0x0806);
	for (unsigned i = 0; i < 28; i++)
		put8(f, i == 0 ? number : i);
}

static void
assert_frame(const struct rte_mbuf *m, const struct frame *f)
{
	uint8_t copy[FRAME_MAX];

	assert_int_equal(m->pkt_len, f->len);
	assert_memory_equal(rte_pktmbuf_read(m, 0, f->len, copy), f->octets, f->len);
}

static void
test_a_query_in_any_two_buffers_is_found(void **state)
{
	struct answer_query q[PORT_BURST];
	struct frame f;

	plain4(&f);
	for (unsigned first = 1; first < f.len; first++) {
		arrive(make_mbuf(&f, first, f.len));
		assert_int_equal(receive(q), 1);
		assert_int_equal(q[0].len, DNS_LEN);
		assert_memory_equal(q[0].dns, DNS, DNS_LEN);
		assert_int_equal(queue.kept[0]->nb_segs, 1);
		say_nothing(q, 1);
	}
}

static void
test_a_query_in_many_buffers_is_answered_in_one(void **state)
{
	struct answer_query q[PORT_BURST];
	struct rte_mbuf *out = NULL;
	struct frame f;

	plain4(&f);
	arrive(make_mbuf(&f, 10, 7));
	assert_int_equal(receive(q), 1);
	q[0].out_len = q[0].len;
	ethdev_queue_transmit(&queue.port, q, 1);
	assert_int_equal(leave(&out, 1), 1);
	assert_int_equal(out->nb_segs, 1);
	assert_int_equal(out->pkt_len, f.len);
	assert_memory_equal(rte_pktmbuf_mtod(out, uint8_t *) + 6, f.octets, 6);
	rte_pktmbuf_free(out);
}

/* Larger than a buffer: its octets go to the kernel as they came, or are dropped for that reason.
 */
static void
test_what_does_not_fit_a_buffer_is_the_kernels(void **state)
{
	static uint8_t dns[3000];
	struct answer_query q[PORT_BURST];
	struct rte_mbuf *out = NULL;
	struct frame f;

	memcpy(dns, DNS, DNS_LEN);
	make4(&f, 0, 0, dns, sizeof dns);
	arrive(make_mbuf(&f, 1000, 1000));
	assert_int_equal(receive(q), 0);
	assert_int_equal(queue.port.n_taken, 1);
	assert_int_equal(rte_ring_dequeue(to_kernel, (void **)&out), 0);
	assert_frame(out, &f);
	rte_pktmbuf_free(out);
	assert_int_equal(counter_get(&counters, CTR_D_MULTI_SEGMENT), 0);

	queue.exception = (struct exception_queue){0};
	arrive(make_mbuf(&f, 1000, 1000));
	assert_int_equal(receive(q), 0);
	assert_int_equal(counter_get(&counters, CTR_D_MULTI_SEGMENT), 1);
}

static void
test_frames_go_their_ways_in_order(void **state)
{
	struct answer_query q[PORT_BURST];
	struct frame f[6];
	struct rte_mbuf *out = NULL;

	arp(&f[0], 0);
	plain4(&f[1]);
	plain6(&f[2]); /* not an address of ours */
	plain4(&f[3]);
	f[3].octets[f[3].l4 + 6] ^= 1; /* damaged: nobody's */
	plain4(&f[4]);
	arp(&f[5], 5);
	for (unsigned i = 0; i < 6; i++)
		arrive(make_mbuf(&f[i], FRAME_MAX, FRAME_MAX));
	assert_int_equal(receive(q), 2);
	assert_int_equal(queue.port.n_taken, 6);
	say_nothing(q, 2);
	for (unsigned i = 0; i < 6; i += i == 2 ? 3 : 2) {
		assert_int_equal(rte_ring_dequeue(to_kernel, (void **)&out), 0);
		assert_frame(out, &f[i]);
		rte_pktmbuf_free(out);
	}
	assert_true(rte_ring_empty(to_kernel));
	assert_int_equal(counter_get(&counters, CTR_EXCEPTION_TO_KERNEL), 3);
	assert_int_equal(counter_get(&counters, CTR_D_UDP_CHECKSUM), 1);
	assert_int_equal(counter_get(&counters, CTR_D_NOT_IP), 0);
}

static void
test_without_a_twin_frames_are_dropped_by_reason(void **state)
{
	struct answer_query q[PORT_BURST];
	struct frame f;

	queue.exception = (struct exception_queue){0};
	arp(&f, 0);
	arrive(make_mbuf(&f, FRAME_MAX, FRAME_MAX));
	plain6(&f);
	arrive(make_mbuf(&f, FRAME_MAX, FRAME_MAX));
	assert_int_equal(receive(q), 0);
	assert_int_equal(counter_get(&counters, CTR_D_NOT_IP), 1);
	assert_int_equal(counter_get(&counters, CTR_D_NOT_OURS), 1);
	assert_int_equal(counter_get(&counters, CTR_EXCEPTION_TO_KERNEL), 0);
}

/* A frame that no tap takes. */
static void
test_a_runt_is_dropped(void **state)
{
	struct answer_query q[PORT_BURST];
	struct frame f;

	arp(&f, 0);
	f.len = EXCEPTION_FRAME_MIN - 1;
	arrive(make_mbuf(&f, FRAME_MAX, FRAME_MAX));
	assert_int_equal(receive(q), 0);
	assert_int_equal(counter_get(&counters, CTR_D_NOT_IP), 1);
	assert_true(rte_ring_empty(to_kernel));
}

static void
test_a_full_ring_costs_only_what_it_has_no_room_for(void **state)
{
	struct answer_query q[PORT_BURST];
	unsigned n = 3 * PORT_BURST, room = rte_ring_get_capacity(to_kernel);
	struct rte_mbuf *out = NULL;
	struct frame f;

	assert_true(n > room);
	for (unsigned i = 0; i < n; i++) {
		arp(&f, i);
		arrive(make_mbuf(&f, FRAME_MAX, FRAME_MAX));
	}
	plain4(&f);
	arrive(make_mbuf(&f, FRAME_MAX, FRAME_MAX));
	for (unsigned i = 0; i < n; i += PORT_BURST)
		assert_int_equal(receive(q), 0);
	assert_int_equal(receive(q), 1); /* queries are none the worse */
	say_nothing(q, 1);
	assert_int_equal(counter_get(&counters, CTR_EXCEPTION_TO_KERNEL), room);
	assert_int_equal(counter_get(&counters, CTR_D_EXCEPTION_FULL), n - room);
	for (unsigned i = 0; i < room; i++) {
		assert_int_equal(rte_ring_dequeue(to_kernel, (void **)&out), 0);
		arp(&f, i);
		assert_frame(out, &f);
		rte_pktmbuf_free(out);
	}
}

static void
test_the_kernels_frames_leave_in_bursts(void **state)
{
	unsigned n = EXCEPTION_BURST + 5, sent = 0;
	struct rte_mbuf *out[RING];
	struct answer_query q[PORT_BURST];
	struct frame f;

	for (unsigned i = 0; i < n; i++) {
		arp(&f, i);
		assert_int_equal(
			rte_ring_enqueue(from_kernel, make_mbuf(&f, FRAME_MAX, FRAME_MAX)), 0);
	}
	while (sent < n) {
		unsigned want = sent == 0 ? EXCEPTION_BURST : n - EXCEPTION_BURST;
		/* on this port they come straight back: the receive before they were sent sees
		 * none */
		assert_int_equal(receive(q), 0);
		assert_int_equal(queue.port.n_taken, 0);
		assert_int_equal(queue.port.n_passed, want);
		assert_int_equal(leave(out, RING), want);
		for (unsigned i = 0; i < want; i++, sent++) {
			arp(&f, sent);
			assert_frame(out[i], &f);
			rte_pktmbuf_free(out[i]);
		}
	}
	assert_int_equal(receive(q), 0);
	assert_int_equal(queue.port.n_passed, 0);
	assert_int_equal(counter_get(&counters, CTR_EXCEPTION_FROM_KERNEL), n);
}

/* net_ring holds 1023 frames. */
static void
test_what_the_port_does_not_take_is_dropped(void **state)
{
	struct answer_query q[PORT_BURST];
	struct rte_mbuf *out = NULL;
	unsigned n = 0;
	struct frame f;

	arp(&f, 0);
	for (;; n++) {
		struct rte_mbuf *m = make_mbuf(&f, FRAME_MAX, FRAME_MAX);
		if (rte_eth_tx_burst(port_id, 0, &m, 1) == 0) {
			rte_pktmbuf_free(m);
			break;
		}
	}
	for (unsigned i = 0; i < PORT_BURST + 3; i++)
		assert_int_equal(
			rte_ring_enqueue(from_kernel, make_mbuf(&f, FRAME_MAX, FRAME_MAX)), 0);
	/* one receive makes room for a burst */
	assert_int_equal(receive(q), 0);
	assert_int_equal(counter_get(&counters, CTR_D_TX_FULL), 0);
	assert_int_equal(rte_ring_count(from_kernel), 3);
	/* nothing is taken off the port: no room */
	assert_int_equal(ethdev_queue_receive(&queue.port, q, 0), 0);
	assert_int_equal(counter_get(&counters, CTR_D_TX_FULL), 3);
	while (leave(&out, 1) == 1)
		rte_pktmbuf_free(out);
	while (rte_ring_dequeue(to_kernel, (void **)&out) == 0)
		rte_pktmbuf_free(out);
}

static void
test_what_the_thread_gave_up_is_counted_once(void **state)
{
	struct answer_query q[PORT_BURST];

	atomic_store(&counts.refused, 7);
	assert_int_equal(receive(q), 0);
	assert_int_equal(receive(q), 0);
	assert_int_equal(counter_get(&counters, CTR_D_EXCEPTION_REFUSED), 7);
	atomic_store(&counts.refused, 9);
	assert_int_equal(receive(q), 0);
	assert_int_equal(counter_get(&counters, CTR_D_EXCEPTION_REFUSED), 9);
	atomic_store(&counts.tcp_refused, 3);
	assert_int_equal(receive(q), 0);
	assert_int_equal(receive(q), 0);
	assert_int_equal(counter_get(&counters, CTR_TCP_REFUSED), 3);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_query_in_any_two_buffers_is_found),
		TEST(test_a_query_in_many_buffers_is_answered_in_one),
		TEST(test_what_does_not_fit_a_buffer_is_the_kernels),
		TEST(test_frames_go_their_ways_in_order),
		TEST(test_without_a_twin_frames_are_dropped_by_reason),
		TEST(test_a_runt_is_dropped),
		TEST(test_a_full_ring_costs_only_what_it_has_no_room_for),
		TEST(test_the_kernels_frames_leave_in_bursts),
		TEST(test_what_the_port_does_not_take_is_dropped),
		TEST(test_what_the_thread_gave_up_is_counted_once),
	};
	return cmocka_run_group_tests_name("exception", tests, set_up_dpdk, tear_down_dpdk);
}
