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
	struct capture_tap *t = e->port.tap;
	uint32_t n = s->n_bad + s->n_other + n_kept, i;

	for (unsigned k = 0; k < s->n_other; k++)
		record[k] = NULL;
	for (i = tap_first(t); i < n; i = tap_next(t, i)) {
		struct tap_packet p;
		unsigned other = i - s->n_bad, kept = other - s->n_other;
		if (i < s->n_bad) {
			p = show(e, s->bad[i]);
			tap_drop(t, &p, s->why[i]);
		} else if (other < s->n_other) {
			p = show(e, s->other[other]);
			record[other] = tap_kernel(t, &p, CAPTURE_TO_KERNEL);
		} else {
			p = show(e, e->kept[kept]);
			tap_query(t, kept, &p);
		}
	}
	tap_over(t, i, n);
}

void
ethdev_capture_answers(struct ethdev_queue *e, const struct answer_query *q, unsigned n,
	struct rte_mbuf *const tx[PORT_BURST], struct capture_record *record[PORT_BURST])
{
	struct capture_tap *t = e->port.tap;

	for (unsigned i = 0, k = 0; i < n; i++) {
		if (q[i].out_len == 0)
			continue;
		record[k] = NULL;
		if (tap_picked(t, i)) {
			struct tap_packet p = show(e, tx[k]);
			record[k] = tap_answer(t, &p);
		}
		k++;
	}
}

void
ethdev_capture_kernels(struct ethdev_queue *e, struct rte_mbuf *const tx[], unsigned n,
	struct capture_record *record[PORT_BURST])
{
	struct capture_tap *t = e->port.tap;
	uint32_t i;

	for (unsigned k = 0; k < n; k++)
		record[k] = NULL;
	for (i = tap_first(t); i < n; i = tap_next(t, i)) {
		struct tap_packet p = show(e, tx[i]);
		record[i] = tap_kernel(t, &p, CAPTURE_FROM_KERNEL);
	}
	tap_over(t, i, n);
}

void
ethdev_capture_unsent(struct ethdev_queue *e, struct rte_mbuf *const tx[], unsigned n,
	struct capture_record *const record[])
{
	struct capture_tap *t = e->port.tap;
	uint32_t i;

	if (record != NULL) {
		for (unsigned k = 0; k < n; k++)
			tap_dropped(record[k], CTR_D_TX_FULL);
		return;
	}
	for (i = tap_first(t); i < n; i = tap_next(t, i)) {
		struct tap_packet p = show(e, tx[i]);
		tap_unsent(t, &p);
	}
	tap_over(t, i, n);
}
