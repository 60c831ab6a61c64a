/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_key: what a zone is told by. Most zones by their apex; a variant of a zone, written
 * example.org..internal, by its apex with one label more in front: NUL, then the variant's name.
 * So a key is a folded wire name that is compared, hashed and stored like any apex, the apex is a
 * suffix of it, and variants come right behind their zone in canonical order. No zone's own name
 * may look like that: who reads names of zones refuses it (zone_names.h). Nothing but this file
 * knows how a key is made (docs/decisions/0033). Pure functions, any thread. */
#pragma once
#include "shm/name.h"

#define ZONE_VARIANT_MARK 0u                     /* first octet of the label */
#define ZONE_VARIANT_MAX (LABEL_OCTETS_MAX - 1u) /* characters of a variant's name */
#define ZONE_VARIANT_LABEL                                                    \
	(LABEL_OCTETS_MAX + 1u) /* octets of the label, length octet included \
				 */

/** May a variant's name have this octet? PowerDNS: lower-case letters, digits, '_' and '-'. */
static inline bool
zone_variant_octet(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/** Is this label, length octet first, one that makes a key of a variant? Reads 1 + label[0] octets.
 */
static inline bool
zone_variant_is_label(const uint8_t *label)
{
	if (label[0] < 2 || label[0] > LABEL_OCTETS_MAX || label[1] != ZONE_VARIANT_MARK)
		return false;
	for (unsigned i = 2; i <= label[0]; i++)
		if (!zone_variant_octet(label[i]))
			return false;
	return true;
}

/** Octets of the label that tells the variant, its length octet included; 0: it is no variant. */
static inline unsigned
zone_key_variant(const uint8_t *key)
{
	return zone_variant_is_label(key) ? key[0] + 1u : 0;
}

/** The zone's apex: what its owners end in. Lies within the key. */
static inline const uint8_t *
zone_key_apex(const uint8_t *key)
{
	return key + zone_key_variant(key);
}

/**
 * Make a key.
 * @param[out] key  NAME_OCTETS_MAX octets are enough; may not overlap the others
 * @param apex      well-formed, folded
 * @param variant   its name, len octets that are all zone_variant_octet(); len 0: none
 * @return octets of the key; 0: it would be too long for a name or a label
 */
static inline unsigned
zone_key_make(uint8_t *key, const uint8_t *apex, const char *variant, unsigned len)
{
	unsigned at = 0, octets = name_octets(apex);

	if (len > ZONE_VARIANT_MAX || (len > 0 && octets + len + 2 > NAME_OCTETS_MAX))
		return 0;
	if (len > 0) {
		key[0] = (uint8_t)(len + 1);
		key[1] = ZONE_VARIANT_MARK;
		memcpy(key + 2, variant, len);
		at = len + 2;
	}
	memcpy(key + at, apex, octets);
	return at + octets;
}
