/* SPDX-License-Identifier: GPL-3.0-or-later */
/* access_rights: what a token may do. Each request is held against its route before its body is
 * read, so that a handler that forgets to ask gives nothing away: a route that is not in the list
 * here is a zone's as a whole if a zone is in its path, else the server's. */
#include "controlplane/api/access_private.h"
#include "controlplane/zones/rdata_text.h"

#include <microhttpd.h>
#include <string.h>

#define ZONES API_BASE "/zones"
#define ZONE ZONES "/{zone_id}"

/* Who may use a route, where its path alone does not tell. */
enum right {
	ANYBODY,   /* who was let in */
	BY_ZONE,   /* the handler asks, for each zone */
	BY_RRSET,  /* of a zone that is seen the handler asks, for each RRset */
	SEEN_ZONE, /* whoever may do anything with the zone */
	WHOLE_ZONE,
	SERVER,
	EVERYTHING, /* full access */
};

static const struct {
	const char *method, *pattern;
	enum right right;
} special[] = {
	{"GET", "/api", ANYBODY},
	{"GET", "/api/v1", ANYBODY},
	{"GET", "/api/docs", ANYBODY},
	{"GET", "/api/v1/servers", ANYBODY},
	{"GET", API_BASE, ANYBODY},
	{"GET", ZONES, BY_ZONE},
	{"POST", ZONES, BY_ZONE},
	{"GET", API_BASE "/search-data", BY_ZONE},
	{"GET", ZONE, BY_RRSET},
	{"PATCH", ZONE, BY_RRSET},
	/* lego and others ask for it behind a change */
	{"PUT", ZONE "/notify", SEEN_ZONE},
};

/* What is read there are secrets of the whole server's, or makes them. */
static const char *const secret[] = {
	API_BASE "/tsigkeys",
	API_BASE "/millrace/tokens",
	API_BASE "/millrace/audit",
	API_BASE "/millrace/capture",
};

static bool
refuse(struct api_request *r, const char *what)
{
	api_request_error(r, MHD_HTTP_FORBIDDEN, "Forbidden: token '%s' may not %s",
		r->grant->token->name, what);
	return false;
}

static enum right
right_of(const struct route *route)
{
	for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
		if (strcmp(route->method, special[i].method) == 0 &&
			strcmp(route->pattern, special[i].pattern) == 0)
			return special[i].right;
	for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
		if (strncmp(route->pattern, secret[i], strlen(secret[i])) == 0)
			return EVERYTHING;
	/* a zone's private keys are more than its records */
	if (strstr(route->pattern, "/cryptokeys") != NULL && strcmp(route->method, "GET") == 0)
		return EVERYTHING;
	return strstr(route->pattern, "/{zone_id}") != NULL ? WHOLE_ZONE : SERVER;
}

static bool
may_server(struct api_request *r)
{
	const struct token *t = r->grant->token;

	if (!t->server)
		return refuse(r, "use what is no zone's");
	if (strcmp(r->route->method, "GET") != 0)
		return refuse(r, "change what is no zone's");
	return true;
}

static bool
may_zone(struct api_request *r, const uint8_t *apex, bool whole)
{
	const struct token *t = r->grant->token;

	if (!token_allows_zone(t, apex))
		return refuse(r, "use this zone");
	if (whole && token_is_limited(t))
		return refuse(r, "use a zone as a whole, only some of its records");
	return true;
}

bool
access_route(struct api_request *r)
{
	const struct token *t = r->grant->token;
	uint8_t apex[ZONE_WIRE_OCTETS];
	enum right right;

	if (r->grant->everything)
		return true;
	right = right_of(r->route);
	if (!token_allows_method(t, r->route->method))
		return refuse(r, "use this method");
	switch (right) {
	case ANYBODY:
		return true;
	case BY_ZONE:
		if (strcmp(r->route->method, "GET") != 0 && token_is_limited(t))
			return refuse(r, "make a zone, only change some records");
		/* what is found is records, of whatever owner */
		if (strstr(r->route->pattern, "/search-data") != NULL && token_is_limited(t))
			return refuse(r, "search, only use some records");
		return t->n_zones > 0 || refuse(r, "use zones");
	case BY_RRSET:
	case SEEN_ZONE:
	case WHOLE_ZONE:
		return api_request_zone(r, apex) == 0 && may_zone(r, apex, right == WHOLE_ZONE);
	case SERVER:
		return may_server(r);
	case EVERYTHING:
		break;
	}
	return refuse(r, "do this: it takes the API key");
}

bool
access_zone(struct api_request *r, const uint8_t *apex)
{
	return r->grant->everything ||
	       may_zone(r, apex, right_of(r->route) == WHOLE_ZONE || right_of(r->route) == BY_ZONE);
}

bool
access_creation(struct api_request *r)
{
	return r->grant->everything || token_allows_method(r->grant->token, "POST") ||
	       refuse(r, "make a zone: that takes the method POST, too");
}

bool
access_zone_seen(struct api_request *r, const uint8_t *apex)
{
	return r->grant->everything || token_allows_zone(r->grant->token, apex);
}

bool
access_rrset_seen(
	const struct api_request *r, const uint8_t *apex, const uint8_t *owner, uint16_t type)
{
	const struct token *t = r->grant->token;

	return r->grant->everything ||
	       (token_allows_zone(t, apex) && token_allows_rrset(t, owner, type));
}

bool
access_rrset(struct api_request *r, const uint8_t *apex, const uint8_t *owner, uint16_t type)
{
	char name[ZONE_TEXT_OCTETS], word[16];

	if (access_rrset_seen(r, apex, owner, type))
		return true;
	zone_text_from_wire(name, owner);
	rrtype_to_text(type, word);
	api_request_error(r, MHD_HTTP_FORBIDDEN, "Forbidden: token '%s' may not use %s %s",
		r->grant->token->name, name, word);
	return false;
}

bool
access_server(struct api_request *r)
{
	return r->grant->everything || may_server(r);
}

bool
access_is_full(struct api_request *r)
{
	return r->grant->everything || refuse(r, "do this: it takes the API key");
}
