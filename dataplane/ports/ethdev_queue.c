/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_queue: bursts of frames. The query is answered where it lies in its mbuf; only the headers
 * in front of it are written anew. Each mbuf ends once: sent, handed to the kernel, or freed under
 * a counted reason. */
#include "dataplane/ports/ethdev_queue.h"

#include "dataplane/ports/ethdev_capture.h"

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#define TX_TRIES 16u /* tx bursts in a row that take nothing, before responses are dropped */

/* What the device says about the checksums of a packet. A bad one is summed again: there are NICs
 * that call a UDP checksum of zero (none) bad. */
static inline unsigned
checksum_flags(uint64_t ol_flags)
{
	unsigned flags = 0;
	if ((ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		flags |= FRAME_IP_GOOD;
	/* NONE: not in the packet yet, but the sender (a guest or the host) vouches for it */
	if ((ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD ||
		(ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE)
		flags |= FRAME_UDP_GOOD;
	return flags;
}

/* Octets that the response may have: of the buffer, and of the wire. */
static inline uint32_t
room_of(const struct ethdev_queue *e, const struct rte_mbuf *m, const struct frame_info *i)
{
	uint32_t buffer = (uint32_t)m->buf_len - m->data_off - i->dns_at;
	uint32_t wire = e->mtu - (i->ip6 ? FRAME_IP6_HEADER : FRAME_IP4_HEADER) - FRAME_UDP_HEADER;
	return buffer < wire ? buffer : wire;
}

/* What is to become of a frame. */
enum fate {
	FATE_ANSWER,
	FATE_KERNEL, /* through the exception path */
	FATE_DROP
};

/* *q is set when it is to be answered, *why when it is dropped, or would be without an exception
 * path. */
static inline enum fate
take_frame(struct ethdev_queue *e, struct rte_mbuf *m, struct frame_info *info,
	struct answer_query *q, enum counter *why)
{
	enum frame_verdict v;
	uint8_t *frame;

	/* a frame of several buffers becomes one of one, if it fits */
	if (unlikely(m->nb_segs != 1) && rte_pktmbuf_linearize(m) != 0) {
		*why = CTR_D_MULTI_SEGMENT;
		return FATE_KERNEL;
	}
	frame = rte_pktmbuf_mtod(m, uint8_t *);
	v = frame_parse(
		e->filter, frame, m->data_len, e->parse_flags | checksum_flags(m->ol_flags), info);
	if (unlikely(v != FRAME_QUERY)) {
		*why = frame_verdict_counter[v];
		return frame_is_kernels(v) && m->data_len >= EXCEPTION_FRAME_MIN ? FATE_KERNEL
										 : FATE_DROP;
	}
	q->dns = frame + info->dns_at;
	q->len = info->dns_len;
	q->room = room_of(e, m, info);
	if (unlikely(q->len > q->room)) { /* larger than the MTU */
		*why = CTR_D_UDP_LENGTH;
		return FATE_DROP;
	}
	frame_client(frame, info, q->client);
	q->transport = info->ip6 ? ANSWER_UDP6 : ANSWER_UDP4;
	return FATE_ANSWER;
}

/* Hand mbufs to who sends them: the device, or of a queue that was lent its owner. All, or until no
 * more is taken for a while. @return how many */
static inline unsigned
offer(struct ethdev_queue *e, struct rte_mbuf **tx, unsigned n_tx)
{
	unsigned at = 0;

	if (unlikely(e->back != NULL)) {
		at = rte_ring_sp_enqueue_burst(e->back, (void **)tx, n_tx, NULL);
		if (at != 0)
			sleeper_ring(e->back_sleeper);
		return at;
	}
	for (unsigned tries = 0; at < n_tx && tries < TX_TRIES; tries++) {
		uint16_t sent =
			rte_eth_tx_burst(e->port_id, e->queue_id, tx + at, (uint16_t)(n_tx - at));
		at += sent;
		if (sent != 0)
			tries = 0;
	}
	return at;
}

/* Free what was not sent. @param record  what was captured of them, or NULL */
static __attribute__((cold, noinline)) void
give_up(struct ethdev_queue *e, struct rte_mbuf **tx, unsigned n,
	struct capture_record *const record[])
{
	if (e->port.tap != NULL)
		ethdev_capture_unsent(e, tx, n, record);
	rte_pktmbuf_free_bulk(tx, n);
	counter_add(e->port.counters, CTR_D_TX_FULL, n);
}

/* Send mbufs; the rest is freed and counted. */
static inline void
send_all(struct ethdev_queue *e, struct rte_mbuf **tx, unsigned n_tx,
	struct capture_record *const record[])
{
	unsigned at = offer(e, tx, n_tx);

	if (unlikely(at < n_tx))
		give_up(e, tx + at, n_tx - at, record != NULL ? record + at : NULL);
}

/* Send what the kernel has for the port. At most one burst a round, so that it cannot keep the
 * worker from queries. */
static unsigned
send_kernels(struct ethdev_queue *e)
{
	struct capture_record *record[PORT_BURST];
	struct rte_mbuf *tx[EXCEPTION_BURST];
	unsigned n = exception_take(&e->exception, tx, e->port.counters);

	if (n != 0) {
		counter_add(e->port.counters, CTR_EXCEPTION_FROM_KERNEL, n);
		if (unlikely(e->port.tap != NULL))
			ethdev_capture_kernels(e, tx, n, record);
		send_all(e, tx, n, record);
	}
	return n;
}

/* Frames for the kernel: into its ring, which only the owner of a queue may fill. The rest is freed
 * and counted. */
static void
send_to_kernel(struct ethdev_queue *e, struct rte_mbuf **m, unsigned n,
	struct capture_record *const record[])
{
	unsigned given;

	if (e->back != NULL) {
		for (unsigned i = 0; i < n; i++)
			m[i]->port = SPREAD_KERNEL;
		send_all(e, m, n, record);
		return;
	}
	given = exception_give(&e->exception, m, n, e->port.counters);
	if (unlikely(e->port.tap != NULL && record != NULL))
		for (unsigned i = given; i < n; i++)
			tap_dropped(record[i], CTR_D_EXCEPTION_FULL);
}

/* What other workers finished for this queue: frames to send, and some for the kernel. */
static unsigned
send_lent(struct ethdev_queue *e)
{
	unsigned n_all = 0;

	for (unsigned k = 0; k < e->n_back; k++) {
		struct rte_mbuf *m[PORT_BURST], *tx[PORT_BURST], *other[PORT_BURST];
		unsigned n_tx = 0, n_other = 0;
		unsigned n =
			rte_ring_sc_dequeue_burst(e->back_from[k], (void **)m, PORT_BURST, NULL);
		for (unsigned i = 0; i < n; i++) {
			if (unlikely(m[i]->port == SPREAD_KERNEL))
				other[n_other++] = m[i];
			else
				tx[n_tx++] = m[i];
		}
		if (n_tx != 0)
			send_all(e, tx, n_tx, NULL);
		if (n_other != 0)
			send_to_kernel(e, other, n_other, NULL);
		n_all += n;
	}
	return n_all;
}

unsigned
ethdev_queue_take(struct ethdev_queue *e, struct rte_mbuf **rx, unsigned n, struct answer_query *q)
{
	bool kernel = e->exception.to_kernel != NULL || e->lent_exception;
	struct capture_record *record[PORT_BURST];
	struct ethdev_sorted s;
	unsigned n_kept = 0;

	s.n_bad = s.n_other = 0;
	/* headers of 42 octets and more, and a query behind them: two lines, nearly always */
	for (unsigned i = 0; i < n; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(rx[i], void *));
		rte_prefetch0(rte_pktmbuf_mtod_offset(rx[i], void *, 64));
	}
	for (unsigned i = 0; i < n; i++) {
		enum counter why = CTR_N;
		enum fate fate = take_frame(e, rx[i], &e->info[n_kept], &q[n_kept], &why);
		if (likely(fate == FATE_ANSWER)) {
			e->kept[n_kept++] = rx[i];
			continue;
		}
		if (fate == FATE_KERNEL && kernel) {
			s.other[s.n_other++] = rx[i];
			continue;
		}
		counter_add(e->port.counters, why, 1);
		s.why[s.n_bad] = why;
		s.bad[s.n_bad++] = rx[i];
	}
	if (unlikely(e->port.tap != NULL))
		ethdev_capture_received(e, &s, n_kept, record);
	if (s.n_bad != 0)
		rte_pktmbuf_free_bulk(s.bad, s.n_bad);
	if (s.n_other != 0)
		send_to_kernel(e, s.other, s.n_other, record);
	return n_kept;
}

unsigned
ethdev_queue_receive(struct port *p, struct answer_query *q, unsigned max)
{
	struct ethdev_queue *e = (struct ethdev_queue *)p;
	struct rte_mbuf *rx[PORT_BURST];
	unsigned n = rte_eth_rx_burst(e->port_id, e->queue_id, rx, (uint16_t)max), n_all = n;

	p->n_passed = e->exception.from_kernel != NULL ? send_kernels(e) : 0;
	if (e->n_back != 0)
		p->n_passed += send_lent(e);
	if (e->spread != NULL)
		n = spread_offer(e->spread, rx, n, e->port_id, p->counters);
	p->n_passed += n_all - n;
	p->n_taken = n;
	return ethdev_queue_take(e, rx, n, q);
}

/* Make the mbuf the response's frame. */
static inline void
build_frame(const struct ethdev_queue *e, struct rte_mbuf *m, const struct frame_info *i,
	uint32_t dns_len)
{
	uint32_t start = frame_respond(rte_pktmbuf_mtod(m, uint8_t *), i, dns_len, e->offloads);

	m->data_off = (uint16_t)(m->data_off + start);
	m->data_len = (uint16_t)(frame_header_octets(i) + dns_len);
	m->pkt_len = m->data_len;
	m->ol_flags = 0;
	if (e->offloads != 0) {
		m->l2_len = i->l3_at;
		m->l3_len = i->ip6 ? FRAME_IP6_HEADER : FRAME_IP4_HEADER;
		m->ol_flags = i->ip6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4;
		if ((e->offloads & FRAME_OFFLOAD_IP) && !i->ip6)
			m->ol_flags |= RTE_MBUF_F_TX_IP_CKSUM;
		if (e->offloads & FRAME_OFFLOAD_UDP)
			m->ol_flags |= RTE_MBUF_F_TX_UDP_CKSUM;
	}
}

/* Nothing was captured of a burst. */
static struct capture_record *const none[PORT_BURST];

void
ethdev_queue_transmit(struct port *p, const struct answer_query *q, unsigned n)
{
	struct ethdev_queue *e = (struct ethdev_queue *)p;
	struct rte_mbuf *tx[PORT_BURST], *silent[PORT_BURST];
	struct capture_record *captured[PORT_BURST], *const *record = none;
	uint16_t n_tx = 0;
	unsigned n_silent = 0;

	for (unsigned i = 0; i < n; i++) {
		if (unlikely(q[i].out_len == 0)) {
			silent[n_silent++] = e->kept[i];
			continue;
		}
		build_frame(e, e->kept[i], &e->info[i], q[i].out_len);
		tx[n_tx++] = e->kept[i];
	}
	if (n_silent != 0)
		rte_pktmbuf_free_bulk(silent, n_silent);
	if (unlikely(p->tap != NULL && tap_wants_answers(p->tap))) {
		ethdev_capture_answers(e, q, n, tx, captured);
		record = captured;
	}
	/* some drivers must touch packets whose checksums the device makes */
	if (e->offloads != 0) {
		uint16_t good = rte_eth_tx_prepare(e->port_id, e->queue_id, tx, n_tx);
		if (unlikely(good < n_tx)) {
			give_up(e, tx + good, (unsigned)(n_tx - good), record + good);
			n_tx = good;
		}
	}
	send_all(e, tx, n_tx, record);
}
