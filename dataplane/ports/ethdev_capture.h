/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_capture: shows a tap what a queue of a device receives and sends. Called only while
 * packets are captured; packet path. Internal to dataplane/ports. */
#pragma once
#include "dataplane/capture/tap.h"
#include "dataplane/ports/ethdev_queue.h"

/* A burst received, sorted; nothing of it was changed or freed yet. */
struct ethdev_sorted {
	struct rte_mbuf *bad[PORT_BURST], *other[PORT_BURST]; /* dropped, for the kernel */
	enum counter why[PORT_BURST];                         /* of bad */
	unsigned n_bad, n_other;
};

/** @param[out] record  of the frames for the kernel */
void ethdev_capture_received(struct ethdev_queue *e, const struct ethdev_sorted *s, unsigned n_kept,
	struct capture_record *record[PORT_BURST]);
/** Responses that are about to be sent: tx[k] is the k-th of q that has one. @param[out] record */
void ethdev_capture_answers(struct ethdev_queue *e, const struct answer_query *q, unsigned n,
	struct rte_mbuf *const tx[PORT_BURST], struct capture_record *record[PORT_BURST]);
/** Frames of the kernel that are about to be sent. @param[out] record */
void ethdev_capture_kernels(struct ethdev_queue *e, struct rte_mbuf *const tx[], unsigned n,
	struct capture_record *record[PORT_BURST]);
/** Frames that were not sent, and are still whole.
 * @param record  of them; NULL: they were captured as sent by another worker, or not at all */
void ethdev_capture_unsent(struct ethdev_queue *e, struct rte_mbuf *const tx[], unsigned n,
	struct capture_record *const record[]);
