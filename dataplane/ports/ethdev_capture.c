/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_capture: see ethdev_capture.h. */
#include "dataplane/ports/ethdev_capture.h"

/* Of a frame of several buffers the first one is shown. */
static struct tap_packet
show(const struct ethdev_queue *e, const struct rte_mbuf *m)
{
	return (struct tap_packet){
		rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, m->pkt_len, e->port.tap_index};
}

void
ethdev_capture_received(struct ethdev_queue *e, const struct ethdev_sorted *s, unsigned n_kept,
	struct capture_record *record[PORT_BURST])
{
	for (unsigned i = 0; i < s->n_bad; i++) {
		struct tap_packet p = show(e, s->bad[i]);
		tap_drop(e->port.tap, &p, s->why[i]);
	}
	for (unsigned i = 0; i < s->n_other; i++) {
		struct tap_packet p = show(e, s->other[i]);
		record[i] = tap_kernel(e->port.tap, &p, CAPTURE_TO_KERNEL);
	}
	for (unsigned i = 0; i < n_kept; i++) {
		struct tap_packet p = show(e, e->kept[i]);
		tap_query(e->port.tap, i, &p);
	}
}

void
ethdev_capture_answers(struct ethdev_queue *e, const struct answer_query *q, unsigned n,
	struct rte_mbuf *const tx[PORT_BURST], struct capture_record *record[PORT_BURST])
{
	for (unsigned i = 0, k = 0; i < n; i++) {
		struct tap_packet p;
		if (q[i].out_len == 0)
			continue;
		p = show(e, tx[k]);
		record[k++] = tap_answer(e->port.tap, i, &p);
	}
}

void
ethdev_capture_kernels(struct ethdev_queue *e, struct rte_mbuf *const tx[], unsigned n,
	struct capture_record *record[PORT_BURST])
{
	for (unsigned i = 0; i < n; i++) {
		struct tap_packet p = show(e, tx[i]);
		record[i] = tap_kernel(e->port.tap, &p, CAPTURE_FROM_KERNEL);
	}
}

void
ethdev_capture_unsent(struct ethdev_queue *e, struct rte_mbuf *const tx[], unsigned n,
	struct capture_record *const record[])
{
	for (unsigned i = 0; i < n; i++) {
		struct tap_packet p = show(e, tx[i]);
		if (record != NULL)
			tap_dropped(record[i], CTR_D_TX_FULL);
		else
			tap_unsent(e->port.tap, &p);
	}
}
