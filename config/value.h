/* SPDX-License-Identifier: GPL-3.0-or-later */
/* value: text of one configuration value -> its field. Private to config/. */
#pragma once
#include "config/schema.h"

#include <stddef.h>
#include <stdint.h>

#define VALUE_WHY_MAX 512u

/**
 * Convert a scalar of type k->type and store it.
 * @param text   the value; stays referenced by text-like fields
 * @param field  of k->octets or of the type's natural width; untouched on failure
 * @param[out] why  on failure "what is wrong; what would be right"
 * @return 0 or -EINVAL
 */
int value_convert(const struct schema_key *k, const char *text, void *field,
	char why[VALUE_WHY_MAX]) __attribute__((warn_unused_result));

/**
 * A domain name in presentation format to lower-cased wire format, for comparing.
 * @return octets written (1..255), or -EINVAL
 */
int value_zone_wire(const char *text, uint8_t wire[255]);

/** At most `max` octets of a text that came from outside, fit for a message. Returns `out`. */
const char *value_quote(const char *text, char *out, size_t len);
