/* SPDX-License-Identifier: GPL-3.0-or-later */
/* token: see the header. The text form of limits is in token_read.c. */
#include "controlplane/api/token_private.h"

#include "shm/name.h"

#include <stdlib.h>
#include <string.h>

struct token *
token_hold(struct token *t)
{
	atomic_fetch_add(&t->holders, 1);
	return t;
}

void
token_release(struct token *t)
{
	if (t == NULL || atomic_fetch_sub(&t->holders, 1) > 1)
		return;
	free(t->zone);
	free(t->owner);
	free(t->type);
	free(t->source);
	json_decref(t->scopes);
	free(t);
}

bool
token_fits(const struct token *t, const char *secret, int64_t now_s)
{
	uint8_t digest[CREDENTIAL_DIGEST_OCTETS];
	bool now, before;

	credential_digest(secret, digest);
	now = credential_digest_equal(digest, t->digest);
	before = credential_digest_equal(digest, t->old_digest);
	return now || (before && t->old_until_s > now_s);
}

bool
token_expired(const struct token *t, int64_t now_s)
{
	return t->expires_s != 0 && t->expires_s <= now_s;
}

bool
token_allows_source(const struct token *t, const struct sockaddr_storage *peer)
{
	for (unsigned i = 0; i < t->n_sources; i++)
		if (config_prefix_has(&t->source[i], (const struct sockaddr *)peer))
			return true;
	return t->n_sources == 0;
}

bool
token_allows_method(const struct token *t, const char *method)
{
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	for (unsigned i = 0; i < TOKEN_METHODS; i++)
		if (strcmp(method, token_method_name[i]) == 0)
			return (t->methods & 1u << i) != 0;
	return false;
}

/* --- names --- */

/* Does the name go on, behind the labels of the pattern? `tail` begins with a label or the root. */
static bool
begins_and_goes_on(const struct token_pattern *p, const uint8_t *tail, size_t octets)
{
	size_t n = p->octets - 1u; /* without the root */

	return octets > n + 1 && memcmp(tail, p->wire, n) == 0;
}

bool
token_pattern_matches(const struct token_pattern *p, const uint8_t *name)
{
	size_t octets = name_octets(name);

	if (p->any)
		return true;
	/* at each label: 127 at most */
	for (const uint8_t *at = name;; at += *at + 1u) {
		size_t left = octets - (size_t)(at - name);

		if (p->front_star == (at != name) &&
			(p->back_star ? begins_and_goes_on(p, at, left)
				      : left == p->octets && memcmp(at, p->wire, left) == 0))
			return true;
		if (*at == 0 || (!p->front_star && at == name))
			return false;
	}
}

static bool
matches_one(const struct token_pattern *p, unsigned n, const uint8_t *name)
{
	for (unsigned i = 0; i < n; i++)
		if (token_pattern_matches(&p[i], name))
			return true;
	return false;
}

/* A variant of a zone is a zone of its own, so "example.org." is not "example.org..internal"; but
 * what is below a name is so whatever the variant. */
bool
token_allows_zone(const struct token *t, const uint8_t *key)
{
	const uint8_t *apex = zone_key_apex(key);

	for (unsigned i = 0; i < t->n_zones && !t->full; i++) {
		bool many = t->zone[i].front_star || t->zone[i].back_star;
		if (token_pattern_matches(&t->zone[i], many ? apex : key))
			return true;
	}
	return t->full;
}

bool
token_is_limited(const struct token *t)
{
	return t->n_owners > 0 || t->n_types > 0;
}

bool
token_allows_rrset(const struct token *t, const uint8_t *owner, uint16_t type)
{
	bool typed = t->n_types == 0;

	for (unsigned i = 0; i < t->n_types; i++)
		typed |= t->type[i] == type;
	return typed && (t->n_owners == 0 || matches_one(t->owner, t->n_owners, owner));
}
