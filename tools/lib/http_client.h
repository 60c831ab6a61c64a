/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http_client: the HTTP API's client that all tools share, by libcurl: JSON, to a unix socket or to
 * a server. One thread a client. Allocations that fail end the program, as in any tool. */
#pragma once
#include <curl/curl.h>
#include <jansson.h>
#include <stddef.h>

/* Where the API is, and who asks. The texts are the caller's, and must outlive the client. */
struct http_place {
	const char *socket_path; /* of a unix socket; NULL: it is at server */
	const char *server;      /* http://HOST:PORT or https://HOST:PORT, "/" at the end or not */
	const char *token;       /* for X-API-Key, or NULL */
	const char *ca, *cert, *key; /* files: certificates to trust, our own, its key; or NULL */
	size_t answer_octets_max;    /* of a document that is parsed as a whole; 0: 256 MiB */
	long call_s;                 /* what a call may take; 0: as long as it takes */
};

struct http;

/** Nothing is sent yet. @return a client, which http_close() ends; its connection is kept from call
 * to call */
struct http *http_open(const struct http_place *place);
void http_close(struct http *h);

struct http_reply {
	long status;
	json_t *json; /* a text that is no JSON, with a status above 299: {"error": text}; NULL: no
			 body */
	char *etag;   /* or NULL */
};

/* Why there was no answer, or none that can be used. */
struct http_failure {
	CURLcode code; /* CURLE_OK: something answered, but not what was asked for */
	long os_error; /* errno of the connection, or 0 */
	char text[CURL_ERROR_SIZE + 128];
};

/**
 * Ask. A control plane that is only starting (it says so) is waited for, for ten seconds.
 * @param path      with the query; "/api/v1/..."
 * @param body      or NULL; not taken over
 * @param if_match  entity tag, or NULL
 * @param[out] out  http_reply_free() it, also after -1
 * @return 0 with any status, or -1: http_failure() says why
 */
int http_exchange(struct http *h, const char *method, const char *path, const json_t *body,
	const char *if_match, struct http_reply *out);

/** Takes a piece of a body. @return 0, or -1: no more of it */
typedef int http_sink(void *arg, const char *data, size_t len);

/** GET, handing the body of a good answer to sink as it comes: out->json is NULL then. Otherwise as
 * http_exchange(). */
int http_get_pieces(
	struct http *h, const char *path, http_sink *sink, void *arg, struct http_reply *out);

void http_reply_free(struct http_reply *r);
/** Of the last call that returned -1. */
const struct http_failure *http_failure(const struct http *h);

/* --- for who drives libcurl himself --- */

/** Address of a path there. Allocated. */
char *http_url(const struct http_place *place, const char *path);
/** Have curl go there, as who asks. Headers may be in the list already; the caller frees it after
 * curl ran. */
void http_prepare(const struct http_place *place, CURL *curl, struct curl_slist **headers);

/* --- paths --- */

/** A path segment or a query's value with everything escaped that must be. Allocated. */
char *http_escape(const char *text);
/** A zone's id as PowerDNS writes it in paths, from its name with or without the final dot.
 * Allocated. */
char *http_zone_id(const char *zone);
