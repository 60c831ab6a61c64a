/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_exchange: one transfer from one primary: a TCP connection, the question, and what comes,
 * handed to a reader message by message. Bounded in octets and in time, whatever the primary does,
 * and it must not be slower than nobody's network is.
 * All of it in the thread of its loop. */
#pragma once
#include "controlplane/transfer/transfer_reader.h"

#include <netinet/in.h>
#include <uv.h>

/* Octets that must come within each timeout_ms, on the average since the question; looked at from
 * the second one on. */
#define TRANSFER_RATE_OCTETS (8u << 10)

struct transfer_exchange;

struct transfer_exchange_options {
	uv_loop_t *loop;
	struct sockaddr_storage primary, source; /* source AF_UNSPEC: the system chooses */
	const uint8_t *apex;                     /* folded; the caller's until `done` */
	struct transfer_tsig *tsig;              /* likewise; NULL: unsigned */
	struct transfer_content *content;        /* likewise: records are added */
	uint64_t timeout_ms;  /* of connecting, and of each message that has records, from the one
				 before it */
	uint64_t time_max_ms; /* of all of it */
	uint64_t octets_max;  /* received */
	/* Once, in the loop's thread, when nothing is open any more, and not before
	 * transfer_exchange_start() has returned. @param e  result TRANSFER_REPLACED: the content
	 * is all there; else why not */
	void (*done)(void *arg, const struct transfer_error *e, uint64_t octets, uint32_t serial);
	void *arg;
};

/** @return 0, or -ENOMEM (`done` is not called then). Whatever else goes wrong is told by `done` */
int transfer_exchange_start(struct transfer_exchange **out,
	const struct transfer_exchange_options *o) __attribute__((warn_unused_result));
/** End it now; `done` follows. */
void transfer_exchange_cancel(struct transfer_exchange *x);
