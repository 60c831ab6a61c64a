/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_queue: bursts of frames. The query is answered where it lies in its mbuf; only the headers
 * in front of it are written anew. Each mbuf ends once: sent, or freed under a counted reason. */
#include "dataplane/ports/ethdev_queue.h"

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

/* @return CTR_N when q is set, or the drop reason */
static inline enum counter
take_frame(
	struct ethdev_queue *e, struct rte_mbuf *m, struct frame_info *info, struct answer_query *q)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	enum frame_verdict v;

	if (unlikely(m->nb_segs != 1))
		return CTR_D_MULTI_SEGMENT;
	v = frame_parse(
		e->filter, frame, m->data_len, e->parse_flags | checksum_flags(m->ol_flags), info);
	if (unlikely(v != FRAME_QUERY))
		return frame_verdict_counter[v];
	q->dns = frame + info->dns_at;
	q->len = info->dns_len;
	q->room = room_of(e, m, info);
	if (unlikely(q->len > q->room)) /* larger than the MTU */
		return CTR_D_UDP_LENGTH;
	frame_client(frame, info, q->client);
	q->transport = info->ip6 ? ANSWER_UDP6 : ANSWER_UDP4;
	return CTR_N;
}

unsigned
ethdev_queue_receive(struct port *p, struct answer_query *q, unsigned max)
{
	struct ethdev_queue *e = (struct ethdev_queue *)p;
	struct rte_mbuf *rx[PORT_BURST], *bad[PORT_BURST];
	unsigned n_kept = 0, n_bad = 0;
	uint16_t n = rte_eth_rx_burst(e->port_id, e->queue_id, rx, (uint16_t)max);

	p->n_taken = n;
	for (uint16_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(rx[i], void *));
	for (uint16_t i = 0; i < n; i++) {
		enum counter why = take_frame(e, rx[i], &e->info[n_kept], &q[n_kept]);
		if (likely(why == CTR_N)) {
			e->kept[n_kept++] = rx[i];
			continue;
		}
		counter_add(p->counters, why, 1);
		bad[n_bad++] = rx[i];
	}
	if (n_bad != 0)
		rte_pktmbuf_free_bulk(bad, n_bad);
	return n_kept;
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

void
ethdev_queue_transmit(struct port *p, const struct answer_query *q, unsigned n)
{
	struct ethdev_queue *e = (struct ethdev_queue *)p;
	struct rte_mbuf *tx[PORT_BURST], *silent[PORT_BURST];
	uint16_t n_tx = 0, at = 0;
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
	/* some drivers must touch packets whose checksums the device makes */
	if (e->offloads != 0) {
		uint16_t good = rte_eth_tx_prepare(e->port_id, e->queue_id, tx, n_tx);
		if (unlikely(good < n_tx)) {
			rte_pktmbuf_free_bulk(tx + good, (unsigned)(n_tx - good));
			counter_add(p->counters, CTR_D_TX_FULL, (uint64_t)(n_tx - good));
			n_tx = good;
		}
	}
	for (unsigned tries = 0; at < n_tx && tries < TX_TRIES; tries++) {
		uint16_t sent =
			rte_eth_tx_burst(e->port_id, e->queue_id, tx + at, (uint16_t)(n_tx - at));
		at = (uint16_t)(at + sent);
		if (sent != 0)
			tries = 0;
	}
	if (unlikely(at < n_tx)) {
		rte_pktmbuf_free_bulk(tx + at, (unsigned)(n_tx - at));
		counter_add(p->counters, CTR_D_TX_FULL, (uint64_t)(n_tx - at));
	}
}
