/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_tsig: messages without a signature are held until one comes that covers them. */
#include "controlplane/transfer/transfer_tsig.h"
#include "shm/name.h"

#include <errno.h>
#include <libknot/lookup.h>
#include <libknot/consts.h>
#include <libknot/error.h>
#include <libknot/rrtype/tsig.h>
#include <libknot/tsig-op.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MD5_SUFFIX ".sig-alg.reg.int"

int
transfer_tsig_init(
	struct transfer_tsig *t, const char *name, const char *algorithm, const char *secret)
{
	size_t len = strlen(algorithm), suffix = strlen(MD5_SUFFIX);
	char word[64];
	int ret;

	*t = (struct transfer_tsig){0};
	/* libknot knows it by its short name alone */
	if (len > 0 && algorithm[len - 1] == '.')
		len--;
	if (len > suffix && strncasecmp(algorithm + len - suffix, MD5_SUFFIX, suffix) == 0)
		len -= suffix;
	snprintf(word, sizeof word, "%.*s", (int)(len < 60 ? len : 60), algorithm);
	ret = knot_tsig_key_init(&t->key, word, name, secret);
	if (ret != KNOT_EOK)
		t->key = (knot_tsig_key_t){0};
	return ret == KNOT_EOK ? 0 : ret == KNOT_ENOMEM ? -ENOMEM : -EINVAL;
}

void
transfer_tsig_end(struct transfer_tsig *t)
{
	if (t->key.secret.data != NULL)
		explicit_bzero(t->key.secret.data, t->key.secret.size);
	knot_tsig_key_deinit(&t->key);
	free(t->held);
	*t = (struct transfer_tsig){0};
}

int
transfer_tsig_sign(struct transfer_tsig *t, uint8_t *message, size_t *len, size_t room,
	struct transfer_error *e)
{
	int ret;

	t->mac_octets = sizeof t->mac;
	t->time_signed = 0;
	t->n_unsigned = 0;
	t->held_octets = 0;
	ret = knot_tsig_sign(message, len, room, NULL, 0, t->mac, &t->mac_octets, &t->key, 0, 0);
	if (ret != KNOT_EOK)
		return transfer_fail(e, TRANSFER_FAILED, "the question cannot be signed: %s",
			knot_strerror(ret));
	return 0;
}

/* --- checking --- */

static int
hold(struct transfer_tsig *t, const uint8_t *octets, size_t len, struct transfer_error *e)
{
	size_t need = t->held_octets + len, room = t->held_room == 0 ? 131072 : t->held_room;
	uint8_t *more = t->held;

	while (room < need)
		room *= 2;
	if (room > t->held_room)
		more = realloc(t->held, room);
	if (more == NULL) {
		transfer_fail(e, TRANSFER_FAILED, "out of memory");
		return -ENOMEM;
	}
	t->held = more;
	t->held_room = room;
	memcpy(t->held + t->held_octets, octets, len);
	t->held_octets = need;
	return 0;
}

static int
take_unsigned(struct transfer_tsig *t, const knot_pkt_t *pkt, struct transfer_error *e)
{
	if (t->time_signed == 0)
		return transfer_fail(e, TRANSFER_UNAUTHENTIC,
			"the first message is not signed (TSIG), as it must be");
	if (++t->n_unsigned > TRANSFER_UNSIGNED_MAX)
		return transfer_fail(e, TRANSFER_UNAUTHENTIC,
			"more than %u messages without a signature (TSIG) in a row",
			TRANSFER_UNSIGNED_MAX);
	return hold(t, pkt->wire, pkt->size, e);
}

static const char *
wrong(int error)
{
	switch (error) {
	case KNOT_TSIG_EBADKEY:
		return "BADKEY: it is of another key";
	case KNOT_TSIG_EBADSIG:
		return "BADSIG: it does not fit: the secrets differ, or the message was changed";
	case KNOT_TSIG_EBADTIME:
		return "BADTIME: the clocks differ by too much, or it is an old message";
	default:
		return knot_strerror(error);
	}
}

/* What the primary says of our signature, if anything. */
static int
check_said(const struct transfer_tsig *t, const knot_rrset_t *rr, struct transfer_error *e)
{
	/* RFC 8945 3 */
	static const knot_lookup_t meaning[] = {
		{KNOT_RCODE_BADSIG, "BADSIG: the secrets differ"},
		{KNOT_RCODE_BADKEY, "BADKEY: it has no such key"},
		{KNOT_RCODE_BADTIME, "BADTIME: the clocks differ by too much"},
		{KNOT_RCODE_BADTRUNC, "BADTRUNC: it wants a longer one"},
		{0, NULL},
	};
	uint16_t error = knot_tsig_rdata_error(rr);
	const knot_lookup_t *known = knot_lookup_by_id(meaning, error);

	if (error != 0)
		return transfer_fail(e, TRANSFER_UNAUTHENTIC,
			"the primary does not take our signature (TSIG): %s",
			known != NULL ? known->name : "it gives no known reason");
	/* a shorter one is easier to guess; nobody sends them */
	if (knot_tsig_rdata_mac_length(rr) != t->mac_octets)
		return transfer_fail(e, TRANSFER_UNAUTHENTIC,
			"a signature (TSIG) has %zu octets instead of %zu",
			knot_tsig_rdata_mac_length(rr), t->mac_octets);
	return 0;
}

int
transfer_tsig_take(struct transfer_tsig *t, const knot_pkt_t *pkt, struct transfer_error *e)
{
	const knot_rrset_t *rr = pkt->tsig_rr;
	const uint8_t *octets = pkt->wire;
	size_t len = pkt->size;
	int ret;

	if (rr == NULL)
		return take_unsigned(t, pkt, e);
	ret = check_said(t, rr, e);
	if (ret == 0 && t->held_octets > 0) {
		ret = hold(t, octets, len, e);
		octets = t->held;
		len = t->held_octets;
	}
	if (ret != 0)
		return ret;
	if (t->time_signed == 0)
		ret = knot_tsig_client_check(rr, octets, len, t->mac, t->mac_octets, &t->key, 0);
	else
		ret = knot_tsig_client_check_next(
			rr, octets, len, t->mac, t->mac_octets, &t->key, t->time_signed);
	if (ret != KNOT_EOK)
		return transfer_fail(
			e, TRANSFER_UNAUTHENTIC, "a signature (TSIG) is wrong: %s", wrong(ret));
	memcpy(t->mac, knot_tsig_rdata_mac(rr), t->mac_octets);
	t->time_signed = knot_tsig_rdata_time_signed(rr);
	t->n_unsigned = 0;
	t->held_octets = 0;
	return 0;
}

int
transfer_tsig_last(const struct transfer_tsig *t, struct transfer_error *e)
{
	if (t->n_unsigned > 0)
		return transfer_fail(e, TRANSFER_UNAUTHENTIC,
			"the last message is not signed (TSIG), as it must be");
	return 0;
}
