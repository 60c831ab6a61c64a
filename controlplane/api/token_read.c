/* SPDX-License-Identifier: GPL-3.0-or-later */
/* token_read: tokens from JSON and to JSON. */
#include "controlplane/api/token_private.h"
#include "controlplane/zones/rdata_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORED_OCTETS_MAX (1u << 20)
#define CERTIFICATE_OCTETS_MAX 255u

const char *const token_method_name[TOKEN_METHODS] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

static int __attribute__((format(printf, 2, 3)))
fail(char error[TOKEN_ERROR_OCTETS], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, TOKEN_ERROR_OCTETS, format, args);
	va_end(args);
	return -EINVAL;
}

/* --- patterns --- */

/* A label '*' that is not where a star means something, unless it is written "\*". */
static bool
has_bare_star(const struct token_pattern *p, const char *text)
{
	if (strchr(text, '\\') != NULL)
		return false;
	for (const uint8_t *at = p->wire; *at != 0; at += *at + 1u)
		if (at[0] == 1 && at[1] == '*')
			return true;
	return false;
}

int
token_pattern_read(struct token_pattern *p, const char *text)
{
	char middle[ZONE_TEXT_OCTETS];
	size_t len = strlen(text);
	int octets;

	*p = (struct token_pattern){.any = strcmp(text, "*") == 0};
	if (p->any)
		return 0;
	if (strncmp(text, "*.", 2) == 0) {
		p->front_star = true;
		text += 2;
		len -= 2;
	}
	if (len > 2 && strcmp(text + len - 2, ".*") == 0) {
		p->back_star = true;
		len -= 2;
	}
	if (len == 0 || len >= sizeof middle)
		return -EINVAL;
	memcpy(middle, text, len);
	middle[len] = '\0';
	octets = zone_key_from_text(p->wire, middle);
	if (octets < 1 || (zone_key_variant(p->wire) > 0 && (p->front_star || p->back_star)) ||
		(p->back_star && octets == 1) || has_bare_star(p, middle))
		return -EINVAL;
	p->octets = (uint16_t)octets;
	return 0;
}

/* --- members --- */

/* A list of at most max texts. @return how many, or -EINVAL */
static int
list_of_texts(const json_t *list, const char *name, unsigned max, char error[TOKEN_ERROR_OCTETS])
{
	if (list == NULL || json_is_null(list))
		return 0;
	if (!json_is_array(list) || json_array_size(list) > max)
		return fail(error, "'%s' must be a list of at most %u texts", name, max);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_string(json_array_get(list, i)))
			return fail(error, "'%s[%zu]' must be a text", name, i);
	return (int)json_array_size(list);
}

static int
read_patterns(const json_t *scopes, const char *name, bool zones, struct token_pattern **out,
	unsigned *n, char error[TOKEN_ERROR_OCTETS])
{
	const json_t *list = json_object_get(scopes, name);
	int count = list_of_texts(list, name, TOKEN_PATTERNS_MAX, error);

	if (count <= 0)
		return count;
	*out = calloc((size_t)count, sizeof **out);
	if (*out == NULL)
		return -ENOMEM;
	for (*n = 0; *n < (unsigned)count; ++*n) {
		const char *text = json_string_value(json_array_get(list, *n));

		if (token_pattern_read(&(*out)[*n], text) != 0 ||
			(!zones && zone_key_variant((*out)[*n].wire) > 0))
			return fail(error,
				"'%s[%u]': '%.100s' is no name or pattern; it must be as "
				"example.org., %s*.example.org. (what is below), "
				"_acme-challenge.* (what begins so) or *",
				name, *n, text, zones ? "example.org..variant, " : "");
	}
	return 0;
}

static int
read_types(struct token *t, const json_t *scopes, char error[TOKEN_ERROR_OCTETS])
{
	const json_t *list = json_object_get(scopes, "types");
	int count = list_of_texts(list, "types", TOKEN_TYPES_MAX, error);

	if (count <= 0)
		return count;
	t->type = calloc((size_t)count, sizeof *t->type);
	if (t->type == NULL)
		return -ENOMEM;
	for (t->n_types = 0; t->n_types < (unsigned)count; t->n_types++) {
		const char *text = json_string_value(json_array_get(list, t->n_types));

		if (rrtype_from_text(text, &t->type[t->n_types]) != 0)
			return fail(error,
				"'types[%u]': '%.30s' is no RR type; it must be as TXT or "
				"TYPE65400",
				t->n_types, text);
	}
	return 0;
}

static int
read_sources(struct token *t, const json_t *scopes, char error[TOKEN_ERROR_OCTETS])
{
	const json_t *list = json_object_get(scopes, "sources");
	int count = list_of_texts(list, "sources", TOKEN_SOURCES_MAX, error);

	if (count <= 0)
		return count;
	t->source = calloc((size_t)count, sizeof *t->source);
	if (t->source == NULL)
		return -ENOMEM;
	for (t->n_sources = 0; t->n_sources < (unsigned)count; t->n_sources++) {
		const char *text = json_string_value(json_array_get(list, t->n_sources));

		if (config_parse_prefix(text, &t->source[t->n_sources]) != 0)
			return fail(error,
				"'sources[%u]': '%.60s' is no prefix; it must be as 192.0.2.0/24, "
				"with no bit set behind the length",
				t->n_sources, text);
	}
	return 0;
}

static int
read_methods(struct token *t, const json_t *scopes, char error[TOKEN_ERROR_OCTETS])
{
	const json_t *list = json_object_get(scopes, "methods");
	int count = list_of_texts(list, "methods", TOKEN_METHODS, error);

	if (count < 0)
		return count;
	if (count == 0)
		t->methods = TOKEN_GET;
	for (unsigned i = 0; i < (unsigned)count; i++) {
		const char *text = json_string_value(json_array_get(list, i));
		unsigned m = 0;

		while (m < TOKEN_METHODS && strcmp(text, token_method_name[m]) != 0)
			m++;
		if (m == TOKEN_METHODS)
			return fail(error,
				"'methods[%u]': '%.30s' must be GET, POST, PUT, PATCH or DELETE", i,
				text);
		t->methods |= 1u << m;
	}
	return 0;
}

static int
read_bool(const json_t *scopes, const char *name, bool *out, char error[TOKEN_ERROR_OCTETS])
{
	const json_t *v = json_object_get(scopes, name);

	if (v != NULL && !json_is_boolean(v))
		return fail(error, "'%s' must be true or false", name);
	*out = json_is_true(v);
	return 0;
}

static int
read_name(struct token *t, const json_t *scopes, char error[TOKEN_ERROR_OCTETS])
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._@+-";
	const char *name = json_string_value(json_object_get(scopes, "name"));
	const json_t *certificate = json_object_get(scopes, "certificate");
	const json_t *expires = json_object_get(scopes, "expires");

	if (name == NULL || *name == '\0' || strlen(name) >= sizeof t->name ||
		name[strspn(name, allowed)] != '\0')
		return fail(error,
			"'name' must be a text of 1 to %zu letters, digits, and . _ @ + -",
			sizeof t->name - 1);
	strcpy(t->name, name);
	if (certificate != NULL && !json_is_null(certificate)) {
		t->certificate = json_string_value(certificate);
		if (t->certificate == NULL || *t->certificate == '\0' ||
			strlen(t->certificate) > CERTIFICATE_OCTETS_MAX)
			return fail(error,
				"'certificate' must be a subject as `openssl x509 -noout -subject "
				"-nameopt rfc2253` prints it, such as CN=certbot,O=Example");
	}
	if (expires != NULL && !json_is_null(expires)) {
		if (!json_is_integer(expires) || json_integer_value(expires) <= 0)
			return fail(error, "'expires' must be null or seconds since 1970");
		t->expires_s = json_integer_value(expires);
	}
	return 0;
}

static int
check_members(const json_t *scopes, char error[TOKEN_ERROR_OCTETS])
{
	static const char *const known[] = {"name", "full", "zones", "owners", "types", "methods",
		"server", "sources", "certificate", "expires"};
	const char *key;
	json_t *value;

	if (!json_is_object(scopes))
		return fail(error, "a token must be an object");
	json_object_foreach((json_t *)(uintptr_t)scopes, key, value)
	{
		size_t i = 0;

		while (i < sizeof known / sizeof known[0] && strcmp(key, known[i]) != 0)
			i++;
		if (i == sizeof known / sizeof known[0])
			return fail(error,
				"'%.60s' is not known; a token has name, full, zones, owners, "
				"types, methods, server, sources, certificate and expires",
				key);
	}
	return 0;
}

/* What contradicts itself would be taken for less than it is, or for more. */
static int
check_sense(const struct token *t, const json_t *scopes, char error[TOKEN_ERROR_OCTETS])
{
	if (t->full && (t->n_zones > 0 || t->server || token_is_limited(t) ||
			       json_object_get(scopes, "methods") != NULL))
		return fail(error, "'full' is everything: leave out zones, owners, types, methods "
				   "and server");
	if (!t->full && t->n_zones == 0 && !t->server)
		return fail(error, "it may do nothing; give 'zones' ([\"*\"] for all), 'server' or "
				   "'full'");
	if (t->n_zones == 0 && token_is_limited(t))
		return fail(error, "'owners' and 'types' limit zones; give 'zones' too");
	return 0;
}

int
token_create(struct token **out, const json_t *scopes, char error[TOKEN_ERROR_OCTETS])
{
	struct token *t = calloc(1, sizeof *t);
	int ret;

	if (t == NULL)
		return -ENOMEM;
	t->holders = 1;
	/* the texts of it are the token's */
	t->scopes = json_deep_copy(scopes);
	scopes = t->scopes;
	ret = scopes == NULL ? -ENOMEM : check_members(scopes, error);
	if (ret == 0)
		ret = read_name(t, scopes, error);
	if (ret == 0)
		ret = read_bool(scopes, "full", &t->full, error);
	if (ret == 0)
		ret = read_bool(scopes, "server", &t->server, error);
	if (ret == 0)
		ret = read_patterns(scopes, "zones", true, &t->zone, &t->n_zones, error);
	if (ret == 0)
		ret = read_patterns(scopes, "owners", false, &t->owner, &t->n_owners, error);
	if (ret == 0)
		ret = read_types(t, scopes, error);
	if (ret == 0)
		ret = read_sources(t, scopes, error);
	if (ret == 0)
		ret = read_methods(t, scopes, error);
	if (ret == 0)
		ret = check_sense(t, scopes, error);
	if (ret != 0) {
		if (ret == -ENOMEM)
			fail(error, "out of memory");
		token_release(t);
		return ret;
	}
	if (t->full)
		t->methods = (1u << TOKEN_METHODS) - 1;
	*out = t;
	return 0;
}

/* --- the store's form: {"scopes": {...}, "digest": "hex", ...} --- */

static int
read_digest(const json_t *o, const char *name, uint8_t out[CREDENTIAL_DIGEST_OCTETS])
{
	const char *text = json_string_value(json_object_get(o, name));

	if (text == NULL || strlen(text) != 2 * CREDENTIAL_DIGEST_OCTETS ||
		text[strspn(text, "0123456789abcdef")] != '\0')
		return -EINVAL;
	for (unsigned i = 0; i < CREDENTIAL_DIGEST_OCTETS; i++)
		sscanf(text + 2 * i, "%2hhx", &out[i]);
	return 0;
}

static void
digest_text(const uint8_t digest[CREDENTIAL_DIGEST_OCTETS], char out[])
{
	for (unsigned i = 0; i < CREDENTIAL_DIGEST_OCTETS; i++)
		sprintf(out + 2 * i, "%02x", digest[i]);
}

int
token_load(struct token **out, const char *id, const char *text, char error[TOKEN_ERROR_OCTETS])
{
	json_t *o = strlen(text) > STORED_OCTETS_MAX ? NULL : json_loads(text, 0, NULL);
	struct token *t = NULL;
	int ret;

	if (o == NULL || strlen(id) != TOKEN_ID_OCTETS) {
		json_decref(o);
		return fail(error, "it is damaged");
	}
	ret = token_create(&t, json_object_get(o, "scopes"), error);
	if (ret == 0 && read_digest(o, "digest", t->digest) != 0) {
		token_release(t);
		ret = fail(error, "it has no digest");
	}
	if (ret == 0) {
		strcpy(t->id, id);
		t->created_s = json_integer_value(json_object_get(o, "created"));
		if (read_digest(o, "old_digest", t->old_digest) == 0)
			t->old_until_s = json_integer_value(json_object_get(o, "old_until"));
		*out = t;
	}
	json_decref(o);
	return ret;
}

char *
token_store_text(const struct token *t)
{
	char digest[2 * CREDENTIAL_DIGEST_OCTETS + 1], old[2 * CREDENTIAL_DIGEST_OCTETS + 1];
	json_t *o;
	char *text;

	digest_text(t->digest, digest);
	digest_text(t->old_digest, old);
	o = json_pack("{s:O, s:s, s:I}", "scopes", t->scopes, "digest", digest, "created",
		(json_int_t)t->created_s);
	if (o != NULL && t->old_until_s != 0) {
		json_object_set_new(o, "old_digest", json_string(old));
		json_object_set_new(o, "old_until", json_integer(t->old_until_s));
	}
	text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return text;
}

json_t *
token_show(const struct token *t, int64_t now_s)
{
	json_t *o = json_pack("{s:s}", "id", t->id);

	if (o == NULL || json_object_update(o, t->scopes) != 0) {
		json_decref(o);
		return NULL;
	}
	json_object_set_new(o, "created", json_integer(t->created_s));
	json_object_set_new(o, "expired", json_boolean(token_expired(t, now_s)));
	json_object_set_new(o, "old_secret_until",
		t->old_until_s > now_s ? json_integer(t->old_until_s) : json_null());
	json_object_set_new(o, "last_used", t->used_s != 0 ? json_integer(t->used_s) : json_null());
	return o;
}
