/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show: the value of one key as text. Private to config/. */
#pragma once
#include "config/schema.h"

#define SHOW_TEXT_MAX 80u /* of what is not text in the configuration itself */

/**
 * The value of a key that is no list and no section.
 * @param base   what k->offset counts from
 * @param field  the value itself: base + k->offset, or an entry of a list
 * @param buffer  for values that are no text
 * @param[out] text  in the buffer or in the configuration
 */
enum config_kind show_value(const struct schema_key *k, const uint8_t *base, const uint8_t *field,
	char buffer[SHOW_TEXT_MAX], const char **text);
