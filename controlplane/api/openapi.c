/* SPDX-License-Identifier: GPL-3.0-or-later */
/* openapi: writes the document in one pass over the tables. Paths are PowerDNS's: relative to
 * /api/v1 and with {server_id}, since clients that are generated from the document call operations
 * by id and pass server_id; ours is always "localhost". */
#include "controlplane/api/openapi.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_OCTETS 128u
#define V1 "/api/v1"
#define SERVER V1 "/servers/localhost"

/* --- types --- */

static void
write_ref(struct json_writer *w, const char *kind, const char *name, size_t len)
{
	char ref[WORD_OCTETS];

	snprintf(ref, sizeof ref, "#/components/%s/%.*s", kind, (int)len, name);
	json_str(w, "$ref", ref);
}

static void
write_word(struct json_writer *w, const char *key, const char *text, size_t len)
{
	char word[WORD_OCTETS];

	snprintf(word, sizeof word, "%.*s", (int)len, text);
	json_str(w, key, word);
}

static void
write_choices(struct json_writer *w, const char *t, size_t len)
{
	json_str(w, "type", "string");
	json_open_array(w, "enum");
	for (const char *end = t + len; t < end;) {
		const char *close = memchr(t + 1, '\'', (size_t)(end - t - 1));
		assert(*t == '\'' && close != NULL);
		write_word(w, NULL, t + 1, (size_t)(close - t - 1));
		t = close + 2;
	}
	json_close_array(w);
}

static void write_type(struct json_writer *w, const char *key, const char *t, size_t len);

/* "A/B/C" */
static void
write_one_of(struct json_writer *w, const char *t, size_t len)
{
	json_open_array(w, "oneOf");
	for (const char *end = t + len; t < end;) {
		const char *slash = memchr(t, '/', (size_t)(end - t));
		size_t n = slash != NULL ? (size_t)(slash - t) : (size_t)(end - t);
		write_type(w, NULL, t, n);
		t += n + 1;
	}
	json_close_array(w);
}

/* Members of a schema, into an object that is open. */
static void
write_type_members(struct json_writer *w, const char *t, size_t len)
{
	static const char *const simple[] = {"string", "integer", "number", "boolean", "object"};

	assert(len > 0);
	if (t[0] == '\'') {
		write_choices(w, t, len);
		return;
	}
	if (t[len - 1] == '?') {
		json_open_array(w, "anyOf");
		write_type(w, NULL, t, len - 1);
		write_type(w, NULL, "null", 4);
		json_close_array(w);
		return;
	}
	if (t[0] == '[' || t[0] == '{') {
		json_str(w, "type", t[0] == '[' ? "array" : "object");
		write_type(w, t[0] == '[' ? "items" : "additionalProperties", t + 1, len - 2);
		return;
	}
	if (memchr(t, '/', len) != NULL) {
		write_one_of(w, t, len);
		return;
	}
	for (size_t i = 0; i < sizeof simple / sizeof simple[0]; i++)
		if (strlen(simple[i]) == len && memcmp(simple[i], t, len) == 0) {
			json_str(w, "type", simple[i]);
			return;
		}
	if (len == 4 && memcmp(t, "null", 4) == 0)
		json_str(w, "type", "null");
	else if (len != 3 || memcmp(t, "any", 3) != 0)
		write_ref(w, "schemas", t, len);
}

static void
write_type(struct json_writer *w, const char *key, const char *t, size_t len)
{
	json_open_object(w, key);
	write_type_members(w, t, len);
	json_close_object(w);
}

static bool
is_required(const char *type)
{
	return type[0] == '!';
}

/* --- schemas --- */

static void
write_schema(struct json_writer *w, const struct api_schema *s)
{
	bool required = false;

	json_open_object(w, s->name);
	json_str(w, "title", s->name);
	json_str(w, "description", s->help);
	if (s->field == NULL) {
		write_type_members(w, s->type, strlen(s->type));
		json_close_object(w);
		return;
	}
	json_str(w, "type", "object");
	json_bool(w, "additionalProperties", s->open);
	json_open_object(w, "properties");
	for (const struct api_field *f = s->field; f->name != NULL; f++) {
		const char *type = f->type + is_required(f->type);
		required = required || is_required(f->type);
		json_open_object(w, f->name);
		if (f->help[0] != '\0')
			json_str(w, "description", f->help);
		write_type_members(w, type, strlen(type));
		json_close_object(w);
	}
	json_close_object(w);
	if (required) {
		json_open_array(w, "required");
		for (const struct api_field *f = s->field; f->name != NULL; f++)
			if (is_required(f->type))
				json_str(w, NULL, f->name);
		json_close_array(w);
	}
	json_close_object(w);
}

/* --- operations --- */

static void
write_parameter(struct json_writer *w, const struct api_parameter *p, bool in_path)
{
	const char *type = p->type + is_required(p->type);

	json_open_object(w, NULL);
	json_str(w, "name", p->name);
	json_str(w, "in", in_path ? "path" : "query");
	json_str(w, "description", p->help);
	json_bool(w, "required", in_path || is_required(p->type));
	json_open_object(w, "schema");
	write_type_members(w, type, strlen(type));
	if (p->fallback != NULL) {
		if (strcmp(type, "boolean") == 0)
			json_bool(w, "default", p->fallback[0] == 't');
		else if (strcmp(type, "integer") == 0)
			json_int(w, "default", strtoll(p->fallback, NULL, 10));
		else
			json_str(w, "default", p->fallback);
	}
	json_close_object(w);
	json_close_object(w);
}

static void
write_parameters(struct json_writer *w, const struct route_group *g, const struct route *r)
{
	json_open_array(w, "parameters");
	for (const char *at = r->pattern; (at = strchr(at, '{')) != NULL;) {
		size_t len = strcspn(++at, "}");
		const struct api_parameter *p = api_parameter_find(g->name, at, len);
		if (p != NULL)
			write_parameter(w, p, true);
	}
	if (strncmp(r->pattern, SERVER, sizeof SERVER - 1) == 0)
		write_parameter(w, api_parameter_find(g->name, "server_id", 9), true);
	for (const char *at = r->query; *at != '\0'; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		const struct api_parameter *p = api_parameter_find(g->name, at, len);
		if (p != NULL)
			write_parameter(w, p, false);
		at += len;
	}
	json_close_array(w);
}

/* A type, or a media type of its own. */
static void
write_content(struct json_writer *w, const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);
	bool media = slash != NULL && text[0] >= 'a' && text[0] <= 'z';
	char name[WORD_OCTETS];

	json_open_object(w, "content");
	snprintf(name, sizeof name, "%.*s", (int)len, text);
	json_open_object(w, media ? name : "application/json");
	if (media)
		write_type(w, "schema", "string", 6);
	else
		write_type(w, "schema", text, len);
	json_close_object(w);
	json_close_object(w);
}

static const char *
status_word(const char *status)
{
	static const struct {
		const char *status, *word;
	} w[] = {
		{"200", "OK"},
		{"201", "Created."},
		{"202", "Taken, and not done yet."},
		{"204", "Done; no body."},
		{"401", "Nobody that is known asks: a key or a token is needed."},
		{"403", "Who asks may not do that."},
		{"400", "The request cannot be understood: bad JSON, or a parameter that is "
			"missing or "
			"cannot be decoded."},
		{"404", "There is no such thing."},
		{"409", "There is one already, or it cannot be done now."},
		{"412", "It changed since the client looked (If-Match)."},
		{"413", "The body is too long."},
		{"422", "It is understood, and refused: the text says why."},
		{"500", "It failed, on this side."},
		{"501", "Not in this version; the text says what is missing."},
		{"503", "Not now; ask again."},
		{"507", "No room on the disk."},
	};
	for (size_t i = 0; i < sizeof w / sizeof w[0]; i++)
		if (strncmp(status, w[i].status, 3) == 0)
			return w[i].word;
	return "Another answer.";
}

/* @param type  of what comes with it; len 0: nothing, or an error */
static void
write_answer(struct json_writer *w, const char *status, const char *type, size_t len)
{
	json_open_object(w, status);
	json_str(w, "description", status_word(status));
	if (len > 0)
		write_content(w, type, len);
	else if (status[0] >= '4')
		write_content(w, "Error", 5);
	json_close_object(w);
}

static void
write_answers(struct json_writer *w, const char *answers)
{
	json_open_object(w, "responses");
	for (const char *at = answers; *at != '\0'; at += strspn(at, ", ")) {
		size_t len = strcspn(at, ",");
		char status[4];
		memcpy(status, at, 3);
		status[3] = '\0';
		write_answer(w, status, at + 4, len > 4 ? len - 4 : 0);
		at += len;
	}
	write_answer(w, "401", NULL, 0);
	write_answer(w, "403", NULL, 0);
	json_open_object(w, "default");
	write_ref(w, "responses", "Error", 5);
	json_close_object(w);
	json_close_object(w);
}

static void
write_operation(struct json_writer *w, const struct route_group *g, const struct route *r)
{
	char method[8];
	size_t i, end = strcspn(r->help, ".");

	for (i = 0; r->method[i] != '\0' && i < sizeof method - 1; i++)
		method[i] = (char)(r->method[i] | 0x20);
	method[i] = '\0';
	json_open_object(w, method);
	json_str(w, "operationId", r->id);
	json_open_array(w, "tags");
	json_str(w, NULL, g->name);
	json_close_array(w);
	write_word(w, "summary", r->help, end < WORD_OCTETS - 1 ? end : WORD_OCTETS - 1);
	json_str(w, "description", r->help);
	write_parameters(w, g, r);
	if (r->body[0] != '\0') {
		json_open_object(w, "requestBody");
		json_bool(w, "required", true);
		write_content(w, r->body, strlen(r->body));
		json_close_object(w);
	}
	write_answers(w, r->answers);
	json_close_object(w);
}

/* --- paths --- */

static void
write_path_key(const struct route *r, char out[ROUTE_PATH_OCTETS])
{
	if (strncmp(r->pattern, SERVER, sizeof SERVER - 1) == 0)
		snprintf(out, ROUTE_PATH_OCTETS, "/servers/{server_id}%s",
			r->pattern + sizeof SERVER - 1);
	else if (strncmp(r->pattern, V1 "/", sizeof V1) == 0)
		snprintf(out, ROUTE_PATH_OCTETS, "%s", r->pattern + sizeof V1 - 1);
	else
		snprintf(out, ROUTE_PATH_OCTETS, "%s", r->pattern);
}

/* One path, with the operations of all groups. */
static void
write_path(struct json_writer *w, const struct route *first)
{
	char key[ROUTE_PATH_OCTETS];

	write_path_key(first, key);
	json_open_object(w, key);
	if (key[0] == first->pattern[0] && strcmp(key, first->pattern) == 0) {
		json_open_array(w, "servers"); /* not below /api/v1 */
		json_open_object(w, NULL);
		json_str(w, "url", "/");
		json_close_object(w);
		json_close_array(w);
	}
	for (size_t g = 0; g < api_n_route_groups; g++)
		for (size_t i = 0; i < api_route_group[g]->n; i++) {
			const struct route *r = &api_route_group[g]->route[i];
			if (strcmp(r->pattern, first->pattern) == 0)
				write_operation(w, api_route_group[g], r);
		}
	json_close_object(w);
}

/* Is there no earlier route with this pattern? */
static bool
is_first(size_t group, size_t row)
{
	const char *pattern = api_route_group[group]->route[row].pattern;

	for (size_t g = 0; g <= group; g++)
		for (size_t i = 0; i < (g == group ? row : api_route_group[g]->n); i++)
			if (strcmp(api_route_group[g]->route[i].pattern, pattern) == 0)
				return false;
	return true;
}

static void
write_head(struct json_writer *w)
{
	json_str(w, "openapi", "3.1.0");
	json_open_object(w, "info");
	json_str(w, "title", "Millrace's HTTP API");
	json_str(w, "version", MILLRACE_VERSION);
	json_str(w, "description",
		"PowerDNS Authoritative's /api/v1, and more below servers/{server_id}/millrace.");
	json_open_object(w, "license");
	json_str(w, "name", "GPL-3.0-or-later");
	json_str(w, "identifier", "GPL-3.0-or-later");
	json_close_object(w);
	json_close_object(w);
	json_open_array(w, "servers");
	json_open_object(w, NULL);
	json_str(w, "url", V1);
	json_close_object(w);
	json_close_array(w);
	json_open_array(w, "security");
	json_open_object(w, NULL);
	json_open_array(w, "APIKeyHeader");
	json_close_array(w);
	json_close_object(w);
	json_open_object(w, NULL); /* none: the unix socket */
	json_close_object(w);
	json_close_array(w);
	json_open_array(w, "tags");
	for (size_t g = 0; g < api_n_route_groups; g++) {
		json_open_object(w, NULL);
		json_str(w, "name", api_route_group[g]->name);
		json_str(w, "description", api_route_group[g]->help);
		json_close_object(w);
	}
	json_close_array(w);
}

static void
write_components(struct json_writer *w)
{
	json_open_object(w, "components");
	json_open_object(w, "securitySchemes");
	json_open_object(w, "APIKeyHeader");
	json_str(w, "type", "apiKey");
	json_str(w, "in", "header");
	json_str(w, "name", "X-API-Key");
	json_close_object(w);
	json_close_object(w);
	json_open_object(w, "responses");
	json_open_object(w, "Error");
	json_str(w, "description", "It was not done.");
	write_content(w, "Error", 5);
	json_close_object(w);
	json_close_object(w);
	json_open_object(w, "schemas");
	for (size_t i = 0; i < api_n_schemas; i++)
		write_schema(w, &api_schema[i]);
	json_close_object(w);
	json_close_object(w);
}

void
openapi_write(struct json_writer *w)
{
	json_open_object(w, NULL);
	write_head(w);
	json_open_object(w, "paths");
	for (size_t g = 0; g < api_n_route_groups; g++)
		for (size_t i = 0; i < api_route_group[g]->n; i++)
			if (is_first(g, i))
				write_path(w, &api_route_group[g]->route[i]);
	json_close_object(w);
	write_components(w);
	json_close_object(w);
}

/* --- look-ups --- */

const struct api_parameter *
api_parameter_find(const char *group, const char *name, size_t len)
{
	const struct api_parameter *found = NULL;

	for (size_t i = 0; i < api_n_parameters; i++) {
		const struct api_parameter *p = &api_parameter[i];
		if (strlen(p->name) != len || memcmp(p->name, name, len) != 0)
			continue;
		if (p->group == NULL)
			found = p;
		else if (strcmp(p->group, group) == 0)
			return p;
	}
	return found;
}

const struct api_schema *
api_schema_find(const char *name, size_t len)
{
	for (size_t i = 0; i < api_n_schemas; i++)
		if (strlen(api_schema[i].name) == len && memcmp(api_schema[i].name, name, len) == 0)
			return &api_schema[i];
	return NULL;
}
