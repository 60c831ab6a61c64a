/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_reader: from the messages of a transfer (RFC 5936 2.2) to records. It knows no sockets:
 * octets in, records out, so that it can be fuzzed. What it reads is hostile until the whole of it
 * has been checked; parsing (compression, form of RRs) is libknot's. One thread at a time. */
#pragma once
#include "controlplane/transfer/transfer_content.h"
#include "controlplane/transfer/transfer_tsig.h"
#include "shm/name.h"

#define TRANSFER_MESSAGE_MAX 65535u
#define TRANSFER_QUESTION_OCTETS 1024u /* room of a question, signed */

struct transfer_reader {
	/* the caller's, before the first message */
	const uint8_t *apex; /* folded */
	uint16_t id;
	struct transfer_tsig *tsig; /* NULL: none is expected, and one that comes is refused */
	struct transfer_content *content;
	/* the reader's */
	bool begun, ended;
	uint8_t *soa; /* RDATA of the first one */
	uint16_t soa_octets;
	uint32_t serial;
	uint64_t n_messages, n_records;
};

/**
 * The question for a zone, signed if there is a key.
 * @param[out] out  with the ID of `r`
 * @return octets, or a negative errno with `e`
 */
ssize_t transfer_reader_ask(struct transfer_reader *r, uint8_t out[TRANSFER_QUESTION_OCTETS],
	struct transfer_error *e) __attribute__((warn_unused_result));

/**
 * The next message.
 * @param message  it may be written to
 * @return 1: that was the last; 0: more are to come; or a negative errno with `e`, and the reader
 * takes no more
 */
int transfer_reader_take(struct transfer_reader *r, uint8_t *message, size_t len,
	struct transfer_error *e) __attribute__((warn_unused_result));
void transfer_reader_end(struct transfer_reader *r);
