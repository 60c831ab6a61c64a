/* SPDX-License-Identifier: GPL-3.0-or-later */
/* route: which handler a request line belongs to. Parses what a client sent, so: bounded, no heap,
 * fuzzed. Pure functions, any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define ROUTE_PATH_OCTETS 4096u  /* of a request's path and query; longer is refused */
#define ROUTE_PARAMS_MAX 4u      /* {names} in a pattern */
#define ROUTE_PARAM_OCTETS 3072u /* of one, decoded, with its NUL: a zone id fits */

struct api_request;

struct route {
	const char *method;
	const char *pattern; /* "/api/v1/servers/{server_id}" */
	void (*handle)(struct api_request *r);
	const char *query; /* names that may follow '?', separated by spaces; "" none */
	const char *help;
};

struct route_match {
	unsigned n_params;
	char param[ROUTE_PARAMS_MAX][ROUTE_PARAM_OCTETS]; /* decoded, in the pattern's order */
};

enum route_verdict {
	ROUTE_FOUND,
	ROUTE_UNKNOWN_PATH,
	ROUTE_UNKNOWN_METHOD, /* the path is known, with other methods */
	ROUTE_MALFORMED,      /* a bad percent escape, or a parameter that is too long */
};

/**
 * Find the route of a request.
 * @param path  as sent: percent-encoded, without the query; one slash at its end does not count
 * @param[out] out  set when a route is found
 */
enum route_verdict route_find(const struct route *table, size_t n, const char *method,
	const char *path, const struct route **route, struct route_match *out);

/** Which methods a path knows: "GET, HEAD, PUT". @param path  as in route_find() */
void route_methods(const struct route *table, size_t n, const char *path, char *out, size_t room);

/**
 * Decode percent escapes.
 * @param plus  '+' means a space, as in queries
 * @return octets written without the NUL, or -1: a bad or NUL escape, or no room
 */
int route_decode(char *out, size_t room, const char *text, size_t len, bool plus);
