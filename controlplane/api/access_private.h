/* SPDX-License-Identifier: GPL-3.0-or-later */
/* access_private: between access and the HTTP server. Thread: the API's, unless it says other. */
#pragma once
#include "controlplane/api/access.h"
#include "controlplane/api/gate.h"
#include "controlplane/api/token.h"

struct access;

struct access_grant {
	char who[ACCESS_WHO_OCTETS];
	char from[64]; /* "192.0.2.1:4711", "unix" */
	bool everything;
	struct gate_client *client; /* NULL: the unix socket */
	struct token *token;        /* held; NULL: none */
	struct access *access;
};

/** @return 0 or -ENOMEM, -EIO. Thread: main */
int access_create(struct access **out) __attribute__((warn_unused_result));
/** After the HTTP server. NULL: nothing. Thread: main */
void access_destroy(struct access *a);

/** The headers are there: find out who asks. @return 0; -1: the answer is set */
int access_begin(struct access *a, struct api_request *r, struct gate_client *client);
void access_end(struct api_request *r);
/** The route is known: may it be used, as far as the headers tell? @return false: the answer is set
 */
bool access_route(struct api_request *r);
/** Are the tokens there? @return NULL: the answer is 503 */
struct token_table *access_tokens(struct api_request *r);

/** What of it is counted here. Thread: any */
void access_figures(const struct access *a, struct metrics_api *out);

/* --- access_throttle.c: clients that guess --- */

struct throttle;
struct throttle *throttle_create(void);
void throttle_destroy(struct throttle *t);
/** May this client show another credential? */
bool throttle_permits(struct throttle *t, const struct sockaddr_storage *peer, int64_t now_ms);
/** It was wrong. */
void throttle_failed(struct throttle *t, const struct sockaddr_storage *peer, int64_t now_ms);

/* --- access_tokens.c: the tokens in memory; any thread --- */

struct token_table;
struct token_table *token_table_create(void);
void token_table_destroy(struct token_table *t);
/** Read the store's, once. @return 0 or negative errno */
int token_table_load(struct token_table *t, struct store *s);
/** @return held, or NULL */
struct token *token_table_find(struct token_table *t, const char *id);
/** The first, in the order of ids, for which `is` says so. @return held, or NULL */
struct token *token_table_search(
	struct token_table *t, bool (*is)(void *arg, const struct token *k), void *arg);
/** Add it, or put it in the place of the one with its id. The table is its holder now. */
void token_table_put(struct token_table *t, struct token *k);
void token_table_remove(struct token_table *t, const char *id);
size_t token_table_count(struct token_table *t);
