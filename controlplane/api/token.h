/* SPDX-License-Identifier: GPL-3.0-or-later */
/* token: what the holder of a secret may do: a name, and limits to zones, owners, types, methods,
 * addresses and time. Read from JSON, which a client or the store gives, so: bounded, fuzzed.
 * Names are folded wire names. What a token may do never changes: another one takes its place. */
#pragma once
#include "config/config.h"
#include "controlplane/api/credential.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define TOKEN_NAME_OCTETS 65u /* with the NUL */
#define TOKEN_ERROR_OCTETS 512u
#define TOKEN_PATTERNS_MAX 1000u /* zones, and owners */
#define TOKEN_TYPES_MAX 64u
#define TOKEN_SOURCES_MAX 256u

enum token_method {
	TOKEN_GET = 1 << 0, /* and HEAD */
	TOKEN_POST = 1 << 1,
	TOKEN_PUT = 1 << 2,
	TOKEN_PATCH = 1 << 3,
	TOKEN_DELETE = 1 << 4,
};

struct token_pattern;

struct token {
	char id[TOKEN_ID_OCTETS + 1];
	char name[TOKEN_NAME_OCTETS];
	uint8_t digest[CREDENTIAL_DIGEST_OCTETS], old_digest[CREDENTIAL_DIGEST_OCTETS];
	int64_t created_s, old_until_s, expires_s; /* 0: no secret before, never */
	_Atomic int64_t used_s;                    /* since this process runs; 0: not yet */
	bool full;                                 /* everything, tokens included */
	bool server;                               /* may read what is no zone's */
	unsigned methods;                          /* enum token_method */
	struct token_pattern *zone, *owner;
	unsigned n_zones, n_owners; /* no owners: all */
	uint16_t *type;
	unsigned n_types; /* 0: all */
	struct config_prefix *source;
	unsigned n_sources;      /* 0: all */
	const char *certificate; /* subject (RFC 2253), or NULL */
	json_t *scopes;          /* what all of this was made from */
	_Atomic unsigned holders;
	struct token *next; /* of a table's chain */
};

/**
 * Make one from the members that a client writes: name, full, zones, owners, types, methods,
 * server, sources, certificate, expires. Id, digests and times are zero.
 * @param[out] error  one line: which member, what is wrong, what would be right
 * @return 0, -EINVAL or -ENOMEM; the caller holds it
 */
int token_create(struct token **out, const json_t *scopes, char error[TOKEN_ERROR_OCTETS])
	__attribute__((warn_unused_result));
/** Make one from what the store keeps. */
int token_load(struct token **out, const char *id, const char *text, char error[TOKEN_ERROR_OCTETS])
	__attribute__((warn_unused_result));
/** What the store is to keep. The caller frees it. NULL: no memory */
char *token_store_text(const struct token *t);
/** What a client is shown: all but the digests. NULL: no memory */
json_t *token_show(const struct token *t, int64_t now_s);

/** One more holder. @return t */
struct token *token_hold(struct token *t);
/** The last holder frees it. NULL: nothing. */
void token_release(struct token *t);

/** Is this its secret, or the one before while that is still good? */
bool token_fits(const struct token *t, const char *secret, int64_t now_s);
/** Seconds since 1970. */
bool token_expired(const struct token *t, int64_t now_s);
/** May it be used from there? */
bool token_allows_source(const struct token *t, const struct sockaddr_storage *peer);
/** @param method  "GET", "HEAD", ... */
bool token_allows_method(const struct token *t, const char *method);
/** Anything with this zone? @param key  shm/zone_key.h */
bool token_allows_zone(const struct token *t, const uint8_t *key);
/** Not the zone as a whole: only some of its RRsets. */
bool token_is_limited(const struct token *t);
/** Of a zone that it allows. */
bool token_allows_rrset(const struct token *t, const uint8_t *owner, uint16_t type);
