/* SPDX-License-Identifier: GPL-3.0-or-later */
/* openapi: what the API is, in words and types, made from tables: the OpenAPI 3.1 document that
 * clients are generated from, and docs/api-reference.md. Pure functions, any thread.
 *
 * Types are written short:
 *   string integer number boolean    as JSON has them
 *   any object                       whatever; an object with whatever members
 *   [T] {T}                          array, object whose members are all T
 *   'a'|'b'                          one of these words
 *   Name                             a row of api_schema
 *   A/B                              one of these schemas
 *   T?                               or null
 *   !T                               of a field or parameter: it is always there */
#pragma once
#include "controlplane/api/json_writer.h"
#include "controlplane/api/route.h"

struct api_field {
	const char *name; /* NULL ends the list */
	const char *type;
	const char *help;
};

struct api_schema {
	const char *name;
	const char *help;
	const struct api_field *field; /* NULL: no object, then `type` */
	const char *type;
	bool open; /* it may have other members */
};

/* A name in a path, or one that may follow '?'. */
struct api_parameter {
	const char *name;
	const char *group; /* only for routes of this group; NULL: for all that have no own row */
	const char *type;  /* without '!' a query parameter may be left out */
	const char *fallback; /* what that means, as JSON; NULL: nothing to tell */
	const char *help;
};

extern const struct route_group *const api_route_group[]; /* api_routes.c */
extern const size_t api_n_route_groups;
extern const struct api_schema api_schema[]; /* api_schemas.c */
extern const size_t api_n_schemas;
extern const struct api_parameter api_parameter[]; /* api_parameters.c */
extern const size_t api_n_parameters;

/** As route_find(), in all groups. */
enum route_verdict api_route_find(
	const char *method, const char *path, const struct route **route, struct route_match *out);

/** As route_methods(), in all groups. */
void api_route_methods(const char *path, char *out, size_t room);

/** The whole document, as JSON (which is YAML as well). */
void openapi_write(struct json_writer *w);

/** Print docs/api-reference.md. @return 0 or -EIO */
int api_print_reference(void);

/** The row of a parameter of a route of this group, or NULL. */
const struct api_parameter *api_parameter_find(const char *group, const char *name, size_t len);
/** The row of a schema, or NULL. */
const struct api_schema *api_schema_find(const char *name, size_t len);
