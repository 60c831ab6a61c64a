/* SPDX-License-Identifier: GPL-3.0-or-later */
/* token_private: between the files of tokens, and their tests. */
#pragma once
#include "controlplane/api/token.h"
#include "controlplane/manager/zone_names.h"

#define TOKEN_METHODS 5u

extern const char *const token_method_name[TOKEN_METHODS]; /* by bit of enum token_method */

/* "example.org.": that name; "*.example.org.": names below it; "_acme-challenge.*": names that
 * begin so and go on; "*._tcp.*": both; "*": every name. */
struct token_pattern {
	bool any, front_star, back_star;
	uint16_t octets; /* of wire, with the root */
	uint8_t wire[ZONE_WIRE_OCTETS];
};

/** @return 0 or -EINVAL */
int token_pattern_read(struct token_pattern *p, const char *text)
	__attribute__((warn_unused_result));
bool token_pattern_matches(const struct token_pattern *p, const uint8_t *name);
