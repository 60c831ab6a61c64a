/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http: see http.h. */
#include "tools/import/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_S 5L
#define TIMEOUT_S 300L
#define ANSWER_OCTETS_MAX (1u << 30)

struct http {
	CURL *curl;
	struct curl_slist *headers;
	char *base; /* of URLs, without a final slash */
	char *in;
	size_t len, room;
	char error[CURL_ERROR_SIZE + 64];
};

struct http *
http_open(const char *where, const char *key, const char *ca)
{
	struct http *h = calloc(1, sizeof *h);
	char header[1024];

	if (h == NULL || (h->curl = curl_easy_init()) == NULL)
		abort();
	if (where[0] == '/') {
		curl_easy_setopt(h->curl, CURLOPT_UNIX_SOCKET_PATH, where);
		where = "http://localhost";
	}
	h->base = strdup(where);
	if (h->base == NULL)
		abort();
	while (h->base[0] != '\0' && h->base[strlen(h->base) - 1] == '/')
		h->base[strlen(h->base) - 1] = '\0';
	h->headers = curl_slist_append(NULL, "Content-Type: application/json");
	h->headers = curl_slist_append(h->headers, "Expect:");
	if (key != NULL) {
		snprintf(header, sizeof header, "X-API-Key: %s", key);
		h->headers = curl_slist_append(h->headers, header);
	}
	if (ca != NULL)
		curl_easy_setopt(h->curl, CURLOPT_CAINFO, ca);
	return h;
}

void
http_close(struct http *h)
{
	if (h == NULL)
		return;
	curl_slist_free_all(h->headers);
	curl_easy_cleanup(h->curl);
	free(h->base);
	free(h->in);
	free(h);
}

static size_t
take(char *data, size_t size, size_t n, void *arg)
{
	struct http *h = arg;
	size_t len = size * n;

	if (len > ANSWER_OCTETS_MAX - h->len)
		return 0;
	if (h->len + len > h->room) {
		size_t room = h->room * 2 > h->len + len ? h->room * 2 : h->len + len + 4096;
		char *more = realloc(h->in, room);

		if (more == NULL)
			return 0;
		h->in = more;
		h->room = room;
	}
	memcpy(h->in + h->len, data, len);
	h->len += len;
	return len;
}

static long
perform(struct http *h, const char *method, const char *url, const char *body)
{
	long status = -1, error = 0;
	CURLcode code;

	h->len = 0;
	h->error[0] = '\0';
	curl_easy_setopt(h->curl, CURLOPT_URL, url);
	curl_easy_setopt(h->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, h->headers);
	curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(h->curl, CURLOPT_POST, body != NULL ? 1L : 0L);
	curl_easy_setopt(h->curl, CURLOPT_HTTPGET, body == NULL ? 1L : 0L);
	curl_easy_setopt(h->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(h->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(h->curl, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
	curl_easy_setopt(h->curl, CURLOPT_TIMEOUT, TIMEOUT_S);
	curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, h->error);
	code = curl_easy_perform(h->curl);
	if (code == CURLE_OK) {
		curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	} else if (h->error[0] == '\0') {
		curl_easy_getinfo(h->curl, CURLINFO_OS_ERRNO, &error);
		snprintf(h->error, sizeof h->error, "%s",
			error != 0 ? strerror((int)error) : curl_easy_strerror(code));
	}
	return status;
}

long
http_request(
	struct http *h, const char *method, const char *path, const json_t *body, json_t **answer)
{
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	char *url = NULL;
	json_error_t wrong;
	json_t *got = NULL;
	long status;

	if ((body != NULL && text == NULL) || asprintf(&url, "%s%s", h->base, path) < 0)
		abort();
	status = perform(h, method, url, text);
	free(text);
	free(url);
	if (status >= 0 && h->len > 0) {
		got = json_loadb(h->in, h->len, JSON_DECODE_ANY, &wrong);
		if (got == NULL && status < 300) {
			snprintf(
				h->error, sizeof h->error, "the answer is no JSON: %s", wrong.text);
			status = -1;
		}
	}
	if (answer != NULL)
		*answer = got;
	else
		json_decref(got);
	return status;
}

const char *
http_error(const struct http *h)
{
	return h->error;
}

char *
http_escape(struct http *h, const char *text)
{
	char *escaped = curl_easy_escape(h->curl, text, 0), *copy;

	copy = escaped != NULL ? strdup(escaped) : NULL;
	if (copy == NULL)
		abort();
	curl_free(escaped);
	return copy;
}
