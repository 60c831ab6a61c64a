/* SPDX-License-Identifier: GPL-3.0-or-later */
/* http_client: see http_client.h. */
#include "tools/lib/http_client.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SOCKET_CONNECT_MS 2000L
#define SERVER_CONNECT_MS 10000L
#define ANSWER_OCTETS_MAX ((size_t)256 << 20)
#define STARTING "is starting" /* in the answer of a control plane that takes over its zones */
#define STARTING_TRIES 100u
#define STARTING_PAUSE_MS 100u

struct http {
	struct http_place place;
	CURL *curl;
	char *text; /* of the answer */
	size_t len, room;
	bool overflow;
	http_sink *sink;
	void *sink_arg;
	char *etag;
	struct http_failure failure;
};

struct http *
http_open(const struct http_place *place)
{
	struct http *h = calloc(1, sizeof *h);

	if (h == NULL || (h->curl = curl_easy_init()) == NULL)
		abort();
	h->place = *place;
	if (h->place.answer_octets_max == 0)
		h->place.answer_octets_max = ANSWER_OCTETS_MAX;
	return h;
}

void
http_close(struct http *h)
{
	if (h == NULL)
		return;
	curl_easy_cleanup(h->curl);
	free(h->text);
	free(h->etag);
	free(h);
}

/* --- where to --- */

char *
http_url(const struct http_place *place, const char *path)
{
	const char *base = place->socket_path != NULL ? "http://localhost" : place->server;
	size_t len = strlen(base);
	char *url;

	while (len > 0 && base[len - 1] == '/')
		len--;
	if (asprintf(&url, "%.*s%s", (int)len, base, path) < 0)
		abort();
	return url;
}

static void
add_header(struct curl_slist **headers, const char *name, const char *value)
{
	struct curl_slist *longer;
	char *line;

	if (asprintf(&line, "%s: %s", name, value) < 0)
		abort();
	longer = curl_slist_append(*headers, line);
	if (longer == NULL)
		abort();
	*headers = longer;
	free(line);
}

static void
set_file(CURL *curl, CURLoption option, const char *path)
{
	if (path != NULL)
		curl_easy_setopt(curl, option, path);
}

void
http_prepare(const struct http_place *place, CURL *curl, struct curl_slist **headers)
{
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	/* "." and ".." are zone names, not folders */
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	if (place->socket_path != NULL) {
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, place->socket_path);
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, SOCKET_CONNECT_MS);
	} else {
		curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, SERVER_CONNECT_MS);
		curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
		curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
		set_file(curl, CURLOPT_CAINFO, place->ca);
		set_file(curl, CURLOPT_SSLCERT, place->cert);
		set_file(curl, CURLOPT_SSLKEY, place->key);
	}
	if (place->token != NULL)
		add_header(headers, "X-API-Key", place->token);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
}

/* --- what comes --- */

static bool
append(struct http *h, const char *data, size_t len)
{
	if (len > h->place.answer_octets_max - h->len) {
		h->overflow = true;
		return false;
	}
	if (h->len + len > h->room) {
		size_t room = h->room == 0 ? 65536 : h->room;

		while (room < h->len + len)
			room *= 2;
		h->text = realloc(h->text, room);
		if (h->text == NULL)
			abort();
		h->room = room;
	}
	memcpy(h->text + h->len, data, len);
	h->len += len;
	return true;
}

static size_t
take(char *data, size_t size, size_t n, void *arg)
{
	struct http *h = arg;
	long status = 0;

	n *= size;
	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 300 && h->sink != NULL)
		return h->sink(h->sink_arg, data, n) == 0 ? n : 0;
	return append(h, data, n) ? n : 0;
}

static size_t
take_header(char *line, size_t size, size_t n, void *arg)
{
	static const char name[] = "etag:";
	struct http *h = arg;
	size_t len = size * n, at = sizeof name - 1, end;

	if (len <= at || strncasecmp(line, name, at) != 0)
		return len;
	while (at < len && line[at] == ' ')
		at++;
	for (end = at; end < len && line[end] != '\r' && line[end] != '\n'; end++)
		;
	free(h->etag);
	h->etag = strndup(line + at, end - at);
	if (h->etag == NULL)
		abort();
	return len;
}

/* Worth asking again: it will be there in a moment. */
static bool
is_starting(const struct http *h, long status)
{
	return status == 503 && h->text != NULL &&
	       memmem(h->text, h->len, STARTING, strlen(STARTING)) != NULL;
}

/* --- calls --- */

static CURLcode
perform(struct http *h, long *status)
{
	CURLcode code;

	for (unsigned n = 0;; n++) {
		h->len = 0;
		code = curl_easy_perform(h->curl);
		if (code != CURLE_OK)
			return code;
		curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, status);
		if (n == STARTING_TRIES || !is_starting(h, *status))
			return CURLE_OK;
		nanosleep(&(struct timespec){.tv_nsec = STARTING_PAUSE_MS * 1000000l}, NULL);
	}
}

/* body: text, or NULL. @return 0, with the answer in h; or -1 with h->failure */
static int
call(struct http *h, const char *method, const char *path, const char *body, const char *if_match,
	long *status)
{
	struct curl_slist *headers = NULL;
	struct http_failure *f = &h->failure;
	char *url = http_url(&h->place, path);

	*f = (struct http_failure){0};
	h->overflow = false;
	h->len = 0;
	curl_easy_reset(h->curl); /* keeps the connection */
	if (body != NULL) {
		add_header(&headers, "Content-Type", "application/json");
		curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
	}
	if (if_match != NULL)
		add_header(&headers, "If-Match", if_match);
	/* entity tags: a server that offers them to nobody has them for who asks */
	add_header(&headers, "X-Millrace-Extensions", "true");
	http_prepare(&h->place, h->curl, &headers);
	curl_easy_setopt(h->curl, CURLOPT_TIMEOUT, h->place.call_s);
	curl_easy_setopt(h->curl, CURLOPT_URL, url);
	curl_easy_setopt(h->curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(h->curl, CURLOPT_ERRORBUFFER, f->text);
	curl_easy_setopt(h->curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(h->curl, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(h->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(h->curl, CURLOPT_WRITEDATA, h);
	f->code = perform(h, status);
	if (h->overflow) {
		f->code = CURLE_OK;
		snprintf(f->text, sizeof f->text, "the answer to %.80s is too long", path);
	} else if (f->code != CURLE_OK) {
		curl_easy_getinfo(h->curl, CURLINFO_OS_ERRNO, &f->os_error);
		if (f->text[0] == '\0')
			snprintf(f->text, sizeof f->text, "%s", curl_easy_strerror(f->code));
	}
	curl_slist_free_all(headers);
	free(url);
	return f->code == CURLE_OK && !h->overflow ? 0 : -1;
}

/* PowerDNS says some of its errors in plain text, of whatever octets. */
static json_t *
error_of(const char *text, size_t len)
{
	json_t *said = json_stringn(text, len); /* NULL: no UTF-8 */

	return json_pack("{s:o}", "error", said != NULL ? said : json_string(""));
}

static int
parse(struct http *h, const char *path, struct http_reply *out)
{
	json_error_t wrong;

	if (h->len == 0)
		return 0;
	if (out->status >= 300 && h->text[0] != '{') {
		out->json = error_of(h->text, h->len);
		return 0;
	}
	out->json = json_loadb(h->text, h->len, JSON_DECODE_ANY, &wrong);
	if (out->json != NULL)
		return 0;
	snprintf(h->failure.text, sizeof h->failure.text, "the answer to %.80s is not JSON: %s",
		path, wrong.text);
	return -1;
}

int
http_exchange(struct http *h, const char *method, const char *path, const json_t *body,
	const char *if_match, struct http_reply *out)
{
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	int ret;

	memset(out, 0, sizeof *out);
	if (body != NULL && text == NULL)
		abort();
	ret = call(h, method, path, text, if_match, &out->status);
	free(text);
	if (ret == 0)
		ret = parse(h, path, out);
	out->etag = h->etag;
	h->etag = NULL;
	return ret;
}

int
http_get_pieces(
	struct http *h, const char *path, http_sink *sink, void *arg, struct http_reply *out)
{
	int ret;

	h->sink = sink;
	h->sink_arg = arg;
	ret = http_exchange(h, "GET", path, NULL, NULL, out);
	h->sink = NULL;
	return ret;
}

void
http_reply_free(struct http_reply *r)
{
	json_decref(r->json);
	free(r->etag);
	memset(r, 0, sizeof *r);
}

const struct http_failure *
http_failure(const struct http *h)
{
	return &h->failure;
}

/* --- paths --- */

/* All but what paths and queries may hold as it is becomes MARK and two digits. */
static char *
escape(const char *text, char mark)
{
	char *out = malloc(strlen(text) * 3 + 2), *at = out; /* room for a dot, see below */

	if (out == NULL)
		abort();
	for (; *text != '\0'; text++) {
		unsigned char ch = (unsigned char)*text;

		if ((ch < 128 && isalnum(ch)) || ch == '-' || ch == '_' || ch == '.')
			*at++ = (char)ch;
		else
			at += sprintf(at, "%c%02X", mark, ch);
	}
	*at = '\0';
	return out;
}

char *
http_escape(const char *text)
{
	return escape(text, '%');
}

char *
http_zone_id(const char *zone)
{
	size_t len = strlen(zone);
	char *id;

	/* a path segment "." would be dropped on its way */
	if (len == 0 || strcmp(zone, ".") == 0) {
		id = strdup("=2E");
		if (id == NULL)
			abort();
		return id;
	}
	id = escape(zone, '=');
	/* that of a variant, example.org..internal, ends in no dot */
	if (zone[len - 1] != '.' && strstr(zone, "..") == NULL)
		strcat(id, ".");
	return id;
}
