/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_body: a request's body as JSON. Parses what a client sent, so: bounded in depth and in what
 * it makes of few octets, fuzzed. Pure, any thread. */
#pragma once
#include <jansson.h>
#include <stddef.h>

#define JSON_BODY_DEPTH_MAX 32u /* arrays and objects in one another; PowerDNS's has 5 */
#define JSON_BODY_ERROR_OCTETS 512u

/**
 * Parse it: one value, UTF-8, no key twice in an object.
 * @param[out] error  one line: what is wrong, in which line and column
 * @return NULL on failure; the caller lets go of it
 */
json_t *json_body_load(const char *text, size_t len, char error[JSON_BODY_ERROR_OCTETS])
	__attribute__((warn_unused_result));
