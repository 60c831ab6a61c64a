/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_settings: what the store says about where a zone is transferred from, and how. */
#pragma once
#include "controlplane/store/store.h"
#include "controlplane/transfer/transfer_result.h"
#include "controlplane/transfer/transfer_tsig.h"

#include <netinet/in.h>

#define TRANSFER_PRIMARIES_MAX 32u /* of one zone; further ones are not asked */
#define TRANSFER_ADDRESS_OCTETS 64u

struct transfer_settings {
	struct sockaddr_storage primary[TRANSFER_PRIMARIES_MAX]; /* in their order */
	unsigned n_primaries;
	struct sockaddr_storage source; /* AXFR-SOURCE; AF_UNSPEC: none */
	bool is_signed;                 /* AXFR-MASTER-TSIG */
	struct transfer_tsig tsig;
	uint32_t serial; /* that the zone has now */
	/* what they were read from, for transfer_settings_hold() */
	uint64_t zone;                   /* its id */
	bool named;                      /* the primary was not the zone's choice */
	char *primaries_text, *key_text; /* owned; key_text NULL: there is none */
};

/** Is it one that is transferred from somewhere? */
bool transfer_is_secondary(const struct store_zone *zone);

/** Addresses of a zone's primaries, as store_zone.primaries has them; what is no address is left
 * out. @return how many */
unsigned transfer_primaries(const char *text, struct sockaddr_storage out[TRANSFER_PRIMARIES_MAX]);

/** As PowerDNS writes addresses: the port only when it is not 53. */
void transfer_format_address(const struct sockaddr_storage *sa, char out[TRANSFER_ADDRESS_OCTETS]);

/**
 * @param apex  folded, NAME_PAD readable behind it
 * @param zone  the id that it must have: one of the same name that was made later is another one
 * @param primary  ask this one instead of the zone's; NULL: the zone's
 * @return 0 (transfer_settings_end() it), or -EPROTO with `e`
 */
int transfer_settings_read(struct store *store, const uint8_t *apex, uint64_t zone,
	const struct sockaddr_storage *primary, struct transfer_settings *out,
	struct transfer_error *e) __attribute__((warn_unused_result));
/**
 * Is what was read still what the store says of whose content this zone takes? A key counts as it
 * is named; primaries do not count for one that was asked for by address.
 * @param[out] changed  what differs, for people; NULL: nothing does
 * @return 0 or a negative errno
 */
int transfer_settings_hold(const struct transfer_settings *s, struct store_txn *t,
	const struct store_zone *zone, const char **changed) __attribute__((warn_unused_result));
void transfer_settings_end(struct transfer_settings *s);
