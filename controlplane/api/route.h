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

/* One operation of the API. Matching looks at the first two; the OpenAPI document and
 * docs/api-reference.md are made from the rest (openapi.h). */
struct route {
	const char *method;
	const char *pattern; /* "/api/v1/servers/localhost/zones/{zone_id}" */
	void (*handle)(struct api_request *r);
	/* Names that may follow '?', separated by spaces; "" none. Each, and each name in the
	 * pattern, has a row in api_parameter. */
	const char *query;
	const char *help;    /* whole sentences */
	const char *id;      /* operationId, PowerDNS's where it has one; no two routes the same */
	const char *body;    /* schema of the request's body, or a media type; "" none */
	const char *answers; /* "200 [Zone], 201 Zone, 404": statuses; with a success what comes
				with it: a type as in api_field, a media type, or nothing */
};

/* Routes that belong together: a tag of the document, a section of the reference. */
struct route_group {
	const char *name, *help;
	const struct route *route;
	size_t n;
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
