/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_key: keys of the store. A name is its labels from the root down, each ended by 0x00, with
 * 0x00 in a label written 01 01 and 0x01 written 01 02: octet by octet they sort in canonical order
 * (RFC 4034 6.1), and the key of a name is a prefix of the keys of all names below it. Pure
 * functions, any thread. */
#pragma once
#include "shm/name.h"

#include <stddef.h>
#include <stdint.h>

#define STORE_KEY_OCTETS 511u /* LMDB's limit */
#define STORE_NAME_OCTETS (NAME_OCTETS_MAX + 1 + NAME_PAD)

struct store_key {
	uint16_t len;
	uint8_t octets[STORE_KEY_OCTETS];
};

/** Append a zone's id: its length, then its octets, so that ids sort as numbers. */
void store_key_id(struct store_key *k, uint64_t id);
/** Take an id off the front. @return octets taken, 0: damaged */
unsigned store_key_take_id(const uint8_t *octets, size_t len, uint64_t *id);
/**
 * Append a name without the labels that it shares with `apex`.
 * @param apex  NULL: the root
 * @return 0; -EINVAL: it is not at or below apex; -ENAMETOOLONG: the key would be too long
 */
int store_key_name(struct store_key *k, const uint8_t *name, const uint8_t *apex)
	__attribute__((warn_unused_result));
/**
 * The name that such a key was made from.
 * @param[out] name  zeroed behind the name
 * @return 0 or -EPROTO: that is no key
 */
int store_key_to_name(uint8_t name[STORE_NAME_OCTETS], const uint8_t *octets, size_t len,
	const uint8_t *apex) __attribute__((warn_unused_result));
