/* SPDX-License-Identifier: GPL-3.0-or-later */
/* access: who asks. On the unix socket that is told by the kernel; over TCP by what the headers
 * show. */
#include "controlplane/api/access_private.h"
#include "controlplane/api/credential.h"

#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PASSWD "/etc/passwd"
#define PROVEN_MAX 64u /* pairs of client and key that were right lately */
/* A hash takes the API's only thread, some milliseconds or, as the configuration may have it, half
 * a second. For whomever they are computed, they take a quarter of its time, and at once no more
 * than: */
#define HASHES_BURST_MS 1900
#define HASH_MS_LEAST 100 /* what one is taken for, however short */
#define HASH_SHARE 4

struct access {
	uint8_t secret[32];
	struct throttle *throttle;
	struct token_table *tokens;
	int64_t hashes_debt_ms, hashes_at_ms;
	uint8_t proven[PROVEN_MAX][SHA256_DIGEST_LENGTH];
	unsigned next_proven;
	_Atomic uint64_t refused, throttled;
};

int
access_create(struct access **out)
{
	struct access *a = calloc(1, sizeof *a);

	if (a == NULL)
		return -ENOMEM;
	a->throttle = throttle_create();
	a->tokens = token_table_create();
	if (a->throttle == NULL || a->tokens == NULL ||
		RAND_bytes(a->secret, sizeof a->secret) != 1) {
		access_destroy(a);
		return -EIO;
	}
	*out = a;
	return 0;
}

void
access_destroy(struct access *a)
{
	if (a == NULL)
		return;
	throttle_destroy(a->throttle);
	token_table_destroy(a->tokens);
	OPENSSL_cleanse(a, sizeof *a);
	free(a);
}

void
access_figures(const struct access *a, struct metrics_api *out)
{
	out->credentials_refused = atomic_load(&a->refused);
	out->credentials_throttled = atomic_load(&a->throttled);
}

static int64_t
monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- the unix socket --- */

/* The file itself: a directory service may take its time, and nobody waits in this thread. */
static void
name_user(uid_t uid, char *out, size_t room)
{
	FILE *f = fopen(PASSWD, "re");
	struct passwd *p = NULL;

	snprintf(out, room, "unix:%u", (unsigned)uid);
	if (f == NULL)
		return;
	while ((p = fgetpwent(f)) != NULL && p->pw_uid != uid)
		;
	if (p != NULL)
		snprintf(out, room, "unix:%s", p->pw_name);
	fclose(f);
}

/* Who may open the socket may do everything: its mode says who that is. */
static void
grant_unix(struct access_grant *g, const struct api_request *r)
{
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (fd != NULL && getsockopt(fd->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
		name_user(peer.uid, g->who, sizeof g->who);
	else
		strcpy(g->who, "unix");
	strcpy(g->from, "unix");
	g->everything = true;
}

/* --- TCP --- */

/* What the request shows: X-API-Key, or Authorization: Bearer, or PowerDNS's ?api-key=. NULL:
 * nothing. */
static const char *
shown_secret(const struct api_request *r)
{
	const char *text = MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, "X-API-Key");

	if (text != NULL)
		return text;
	text = MHD_lookup_connection_value(
		r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
	if (text != NULL)
		return credential_bearer(text);
	return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, "api-key");
}

/* Stands for this client with this secret and this key, and tells nothing of them. */
static void
proof_of(const struct access *a, const struct sockaddr_storage *peer, const char *key,
	const char *secret, uint8_t out[SHA256_DIGEST_LENGTH])
{
	char text[NI_MAXHOST + 2 * CREDENTIAL_OCTETS_MAX + 8];
	unsigned len = 0;
	int ret;

	if (getnameinfo((const struct sockaddr *)peer, sizeof *peer, text, NI_MAXHOST, NULL, 0,
		    NI_NUMERICHOST) != 0)
		text[0] = '\0';
	ret = snprintf(text + strlen(text), 2 * CREDENTIAL_OCTETS_MAX + 8, "\n%s\n%s", key, secret);
	assert(ret > 0 && (unsigned)ret < 2 * CREDENTIAL_OCTETS_MAX + 8);
	HMAC(EVP_sha256(), a->secret, sizeof a->secret, (const unsigned char *)text, strlen(text),
		out, &len);
	OPENSSL_cleanse(text, sizeof text);
}

static bool
is_proven(const struct access *a, const uint8_t proof[SHA256_DIGEST_LENGTH])
{
	bool found = false;

	for (unsigned i = 0; i < PROVEN_MAX; i++)
		found |= CRYPTO_memcmp(a->proven[i], proof, SHA256_DIGEST_LENGTH) == 0;
	return found;
}

/* Time pays what hashes have cost. */
static bool
may_hash(struct access *a, int64_t now_ms)
{
	int64_t debt = a->hashes_debt_ms - (now_ms - a->hashes_at_ms);

	a->hashes_debt_ms = debt > 0 ? debt : 0;
	a->hashes_at_ms = now_ms;
	return debt <= HASHES_BURST_MS;
}

static bool
fits_hash(struct access *a, const char *key, const char *secret)
{
	int64_t since_ms = monotonic_ms(), cost_ms;
	bool fits = credential_fits_key(key, secret);

	cost_ms = HASH_SHARE * (monotonic_ms() - since_ms);
	a->hashes_debt_ms += cost_ms > HASH_MS_LEAST ? cost_ms : HASH_MS_LEAST;
	return fits;
}

enum verdict { RIGHT, WRONG, LATER };

/* Is it the key of the configuration? */
static enum verdict
check_key(struct access *a, const struct api_request *r, const struct sockaddr_storage *peer,
	const char *secret, int64_t now_ms)
{
	const char *key = r->config->api.key;
	uint8_t proof[SHA256_DIGEST_LENGTH];

	if (!throttle_permits(a->throttle, peer, now_ms))
		return LATER;
	if (key == NULL)
		return WRONG;
	if (!credential_is_hash(key))
		return credential_fits_key(key, secret) ? RIGHT : WRONG;
	if (!may_hash(a, now_ms))
		return LATER;
	if (!fits_hash(a, key, secret))
		return WRONG;
	proof_of(a, peer, key, secret, proof);
	memcpy(a->proven[a->next_proven++ % PROVEN_MAX], proof, sizeof proof);
	return RIGHT;
}

static int
refuse_client(struct access *a, struct api_request *r, enum verdict v)
{
	const char *accept =
		MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

	if (v == LATER) {
		atomic_fetch_add(&a->throttled, 1);
		api_request_error(r, MHD_HTTP_TOO_MANY_REQUESTS,
			"Too many wrong keys from this address; ask again in a second");
		api_request_header(r, MHD_HTTP_HEADER_RETRY_AFTER, "1");
		return -1;
	}
	atomic_fetch_add(&a->refused, 1);
	api_request_error(r, MHD_HTTP_UNAUTHORIZED, "Unauthorized");
	api_request_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "X-API-Key realm=\"Millrace\"");
	/* as PowerDNS does */
	if (accept == NULL ||
		(strstr(accept, "*/*") == NULL && strstr(accept, "application/json") == NULL)) {
		json_rewind(&r->out);
		json_raw(&r->out, "Unauthorized");
		r->content_type = "text/plain; charset=utf-8";
	}
	return -1;
}

/* --- tokens --- */

struct token_table *
access_tokens(struct api_request *r)
{
	struct access *a = r->grant->access;
	const char *why = r->context->store_error;
	int ret;

	if (r->context->store == NULL) {
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "%s%s",
			why != NULL ? "The store is not open, and tokens are in it: "
				    : "The control plane is starting; ask again",
			why != NULL ? why : "");
		return NULL;
	}
	ret = token_table_load(a->tokens, r->context->store);
	if (ret == 0)
		return a->tokens;
	api_request_error(
		r, MHD_HTTP_SERVICE_UNAVAILABLE, "The store cannot be read: %s", strerror(-ret));
	return NULL;
}

/* @param k  held; the grant's from here on, unless it is refused */
static int
grant_token(struct api_request *r, struct token *k, int64_t now_s)
{
	struct access_grant *g = r->grant;

	if (!token_allows_source(k, gate_client_peer(g->client))) {
		api_request_error(r, MHD_HTTP_FORBIDDEN,
			"Forbidden: token '%s' may not be used from %s", k->name, g->from);
		token_release(k);
		return -1;
	}
	snprintf(g->who, sizeof g->who, "token:%s", k->name);
	g->token = k;
	g->everything = k->full;
	atomic_store(&k->used_s, now_s);
	return 0;
}

struct shown_certificate {
	const char *subject;
	int64_t now_s;
};

static bool
is_of_certificate(void *arg, const struct token *k)
{
	const struct shown_certificate *c = arg;

	return k->certificate != NULL && strcmp(k->certificate, c->subject) == 0 &&
	       !token_expired(k, c->now_s);
}

/* The token that this secret, or this certificate, is of. @return 1: refused, with an answer; 0:
 * *out is held, or NULL */
static int
find_token(struct api_request *r, const char *secret, int64_t now_s, struct token **out)
{
	const char *subject = gate_client_subject(r->grant->client);
	char id[TOKEN_ID_OCTETS + 1];
	struct token_table *t;
	bool fits;

	*out = NULL;
	if (secret != NULL ? !credential_is_token(secret, id) : subject == NULL)
		return 0;
	t = access_tokens(r);
	if (t == NULL)
		return 1;
	if (secret != NULL)
		*out = token_table_find(t, id);
	else
		*out = token_table_search(
			t, is_of_certificate, &(struct shown_certificate){subject, now_s});
	if (*out == NULL)
		return 0;
	fits = secret == NULL || token_fits(*out, secret, now_s);
	if (fits && !token_expired(*out, now_s))
		return 0;
	token_release(*out);
	*out = NULL;
	return 0;
}

static int
grant_tcp(struct access *a, struct api_request *r)
{
	const struct sockaddr_storage *peer = gate_client_peer(r->grant->client);
	const char *secret = shown_secret(r), *key = r->config->api.key;
	int64_t now_ms = monotonic_ms(), now_s = time(NULL);
	uint8_t proof[SHA256_DIGEST_LENGTH];
	struct token *token;
	enum verdict v;

	config_format_address(&(struct config_address){.sa = *peer}, r->grant->from);
	if (secret != NULL && (*secret == '\0' || strlen(secret) > CREDENTIAL_OCTETS_MAX))
		return refuse_client(a, r, WRONG); /* no guess */
	if (find_token(r, secret, now_s, &token) != 0)
		return -1;
	if (token != NULL)
		return grant_token(r, token, now_s);
	if (secret == NULL)
		return refuse_client(a, r, WRONG);
	if (key != NULL)
		proof_of(a, peer, key, secret, proof);
	v = key != NULL && is_proven(a, proof) ? RIGHT : check_key(a, r, peer, secret, now_ms);
	if (v == RIGHT) {
		strcpy(r->grant->who, "api-key");
		r->grant->everything = true;
		return 0;
	}
	if (v == WRONG)
		throttle_failed(a->throttle, peer, now_ms);
	return refuse_client(a, r, v);
}

int
access_begin(struct access *a, struct api_request *r, struct gate_client *client)
{
	r->grant = calloc(1, sizeof *r->grant);
	if (r->grant == NULL) {
		api_request_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, "Out of memory");
		return -1;
	}
	r->grant->client = client;
	r->grant->access = a;
	if (client != NULL)
		return grant_tcp(a, r);
	grant_unix(r->grant, r);
	return 0;
}

void
access_end(struct api_request *r)
{
	if (r->grant != NULL)
		token_release(r->grant->token);
	free(r->grant);
	r->grant = NULL;
}

const char *
access_who(const struct api_request *r)
{
	return r->grant->who;
}

const char *
access_from(const struct api_request *r)
{
	return r->grant->from;
}
