/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http: JSON over HTTP by libcurl, to a unix socket or an URL, on one connection that is kept. */
#pragma once
#include <jansson.h>

struct http;

/**
 * @param where  "http://...", "https://..." or the path of a unix socket
 * @param key    for X-API-Key, or NULL
 * @param ca     file of certificates to trust, or NULL: the system's
 */
struct http *http_open(const char *where, const char *key, const char *ca);
void http_close(struct http *h);

/**
 * @param path    with the query; "/api/v1/..."
 * @param body    NULL: none; not taken over
 * @param[out] answer  NULL when the answer has no body; may be NULL itself
 * @return the status; -1: no answer, and http_error() says why
 */
long http_request(
	struct http *h, const char *method, const char *path, const json_t *body, json_t **answer);
const char *http_error(const struct http *h);

/** A path segment with everything escaped that must be; allocated. */
char *http_escape(struct http *h, const char *text);
