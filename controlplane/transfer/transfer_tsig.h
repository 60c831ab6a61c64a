/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_tsig: signs the question of a transfer and checks the stream of messages that answers
 * it (RFC 8945 5.3.1), with libknot. One thread at a time. */
#pragma once
#include "controlplane/transfer/transfer_result.h"

#include <libknot/packet/pkt.h>
#include <libknot/tsig.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 8945 5.3.1: at most this many without a signature between two that have one */
#define TRANSFER_UNSIGNED_MAX 99u

struct transfer_tsig {
	knot_tsig_key_t key;
	uint8_t mac[64]; /* of the question, then of the last signed message */
	size_t mac_octets;
	uint64_t time_signed; /* of the last signed message; 0: there was none yet */
	unsigned n_unsigned;  /* messages since */
	uint8_t *held;        /* those messages: the next signature covers them */
	size_t held_octets, held_room;
};

/**
 * A key, for any number of transfers, one after the other.
 * @param name  presentation format; secret: base64
 * @return 0, or -EINVAL: no such algorithm, no name, no base64; -ENOMEM
 */
int transfer_tsig_init(struct transfer_tsig *t, const char *name, const char *algorithm,
	const char *secret) __attribute__((warn_unused_result));
void transfer_tsig_end(struct transfer_tsig *t);

/** Sign a question; this begins a transfer. @param[in,out] len  octets of the message, of which
 * there is room for `room`. @return 0 or -EPROTO with `e` */
int transfer_tsig_sign(struct transfer_tsig *t, uint8_t *message, size_t *len, size_t room,
	struct transfer_error *e) __attribute__((warn_unused_result));

/**
 * The next message of the answer.
 * @param pkt  parsed; libknot has taken its TSIG off
 * @return 0: nothing is wrong with it so far; -EPROTO or -ENOMEM with `e`
 */
int transfer_tsig_take(struct transfer_tsig *t, const knot_pkt_t *pkt, struct transfer_error *e)
	__attribute__((warn_unused_result));
/** Was the last message signed, and thus everything before it? @return 0, or -EPROTO with `e` */
int transfer_tsig_last(const struct transfer_tsig *t, struct transfer_error *e)
	__attribute__((warn_unused_result));
