/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/http: requests, by libcurl. */
#include "tools/ctl/ctl.h"

#include <curl/curl.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define STARTING "is starting" /* in the answer of a control plane that takes over its zones */
#define STARTING_TRIES 100u
#define STARTING_PAUSE_MS 100u
#define ANSWER_OCTETS_MAX (256u << 20) /* of a document that is parsed as a whole */
#define ELEMENT_OCTETS_MAX (1u << 20)  /* of one element of an array */

/* What comes in, and what is done with it. */
struct intake {
	char *text;
	size_t len, room, max;
	FILE *copy_to;
	/* splitting an array: depth within it, and where we are in its text */
	void (*each)(void *arg, const json_t *element);
	void *arg;
	unsigned depth;
	bool in_string, escaped, overflow;
	CURL *curl;
	const char *body;     /* to send, or NULL */
	const char *if_match; /* ETag, or NULL */
	char *etag;           /* of the answer; the taker frees it */
};

static bool
append(struct intake *in, const char *data, size_t len)
{
	if (len > in->max - in->len) {
		in->overflow = true;
		return false;
	}
	if (in->len + len > in->room) {
		size_t room = in->room == 0 ? 65536 : in->room;
		char *bigger;
		while (room < in->len + len)
			room *= 2;
		bigger = realloc(in->text, room);
		if (bigger == NULL)
			return false;
		in->text = bigger;
		in->room = room;
	}
	memcpy(in->text + in->len, data, len);
	in->len += len;
	return true;
}

static bool
end_element(struct intake *in)
{
	json_t *element = json_loadb(in->text, in->len, 0, NULL);

	in->len = 0;
	if (element == NULL)
		return false;
	in->each(in->arg, element);
	json_decref(element);
	return true;
}

/* Elements of the outermost array are objects: an element is what lies between its braces. */
static bool
split(struct intake *in, const char *data, size_t len)
{
	size_t start = 0; /* of the part of an element that is in this piece */

	for (size_t i = 0; i < len; i++) {
		char ch = data[i];
		if (in->in_string) {
			if (in->escaped)
				in->escaped = false;
			else if (ch == '\\')
				in->escaped = true;
			else if (ch == '"')
				in->in_string = false;
		} else if (ch == '"') {
			in->in_string = true;
		} else if (ch == '{' || ch == '[') {
			if (++in->depth == 2)
				start = i;
		} else if ((ch == '}' || ch == ']') && in->depth > 0 && --in->depth == 1) {
			if (!append(in, data + start, i + 1 - start) || !end_element(in))
				return false;
		}
	}
	return in->depth < 2 || append(in, data + start, len - start);
}

static size_t
take(char *data, size_t size, size_t n, void *arg)
{
	struct intake *in = arg;
	long status = 0;

	curl_easy_getinfo(in->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status < 300 && in->copy_to != NULL)
		return fwrite(data, size, n, in->copy_to) * size;
	if (status < 300 && in->each != NULL)
		return split(in, data, size * n) ? size * n : 0;
	return append(in, data, size * n) ? size * n : 0;
}

/* libcurl speaks of port 80 of localhost when it means a socket's path: error is the system's. */
void
ctl_say_unreachable(const struct ctl *c, int code, long error, const char *why)
{
	if (code == CURLE_COULDNT_CONNECT && error != 0)
		why = strerror((int)error);
	ctl_complain("the control plane does not answer on %s: %s",
		c->server != NULL ? c->server : c->socket_path,
		why[0] != '\0' ? why : curl_easy_strerror((CURLcode)code));
	if (c->server != NULL)
		return;
	if (code == CURLE_COULDNT_CONNECT && (error == EACCES || error == EPERM))
		fprintf(stderr, "Become root or the user that the suite runs as, or join that "
				"user's group.\n");
	else if (code == CURLE_COULDNT_CONNECT)
		fprintf(stderr, "Start the suite with `millrace serve` (or `systemctl start "
				"millrace.target`), or name the run "
				"directory of the one that runs with --run-dir.\n");
}

/* Worth asking again: it will be there in a moment. */
static bool
is_starting(CURLcode code, const struct intake *in, long status)
{
	return code == CURLE_OK && status == 503 && in->text != NULL &&
	       memmem(in->text, in->len, STARTING, strlen(STARTING)) != NULL;
}

static size_t
take_header(char *line, size_t size, size_t n, void *arg)
{
	static const char name[] = "etag:";
	struct intake *in = arg;
	size_t len = size * n, at = sizeof name - 1;

	if (len <= at || strncasecmp(line, name, at) != 0)
		return len;
	while (at < len && line[at] == ' ')
		at++;
	free(in->etag);
	in->etag = ctl_format("%.*s", (int)strcspn(line + at, "\r\n"), line + at);
	return len;
}

static void
add_header(struct curl_slist **headers, const char *name, const char *value)
{
	char *line = ctl_format("%s: %s", name, value);
	struct curl_slist *longer = curl_slist_append(*headers, line);

	if (longer == NULL)
		abort();
	*headers = longer;
	free(line);
}

/* @return 0 or -1; *status is set on 0 */
static int
perform(const struct ctl *c, const char *method, const char *path, struct intake *in, long *status)
{
	char why[CURL_ERROR_SIZE] = "", *url = ctl_url(c, path);
	struct curl_slist *headers = NULL;
	CURL *curl = curl_easy_init();
	CURLcode code = CURLE_OK;
	long error = 0;

	if (curl == NULL)
		abort();
	if (in->body != NULL)
		add_header(&headers, "Content-Type", "application/json");
	if (in->if_match != NULL)
		add_header(&headers, "If-Match", in->if_match);
	/* entity tags: a server that offers them to nobody has them for who asks */
	add_header(&headers, "X-Millrace-Extensions", "true");
	if (ctl_prepare(c, curl, &headers) != 0) {
		curl_slist_free_all(headers);
		curl_easy_cleanup(curl);
		free(url);
		return -1;
	}
	if (in->body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, in->body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(in->body));
	}
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, in);
	in->curl = curl;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, in);
	for (unsigned n = 0; n == 0 || (n < STARTING_TRIES && is_starting(code, in, *status));
		n++) {
		if (n > 0)
			nanosleep(
				&(struct timespec){.tv_nsec = STARTING_PAUSE_MS * 1000000l}, NULL);
		in->len = 0;
		code = curl_easy_perform(curl);
		if (code == CURLE_OK)
			curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	}
	if (code == CURLE_OK)
		error = 0;
	else if (in->overflow)
		ctl_complain("the answer to %s is too long", path);
	else {
		curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
		ctl_say_unreachable(c, (int)code, error, why);
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	free(url);
	return code == CURLE_OK ? 0 : -1;
}

static json_t *
parse(struct intake *in, const char *path)
{
	json_error_t error;
	json_t *j = json_loadb(in->text == NULL ? "" : in->text, in->len, JSON_DECODE_ANY, &error);

	if (j == NULL)
		ctl_complain("the answer to %s is not JSON: %s", path, error.text);
	free(in->text);
	return j;
}

json_t *
ctl_request(const struct ctl *c, const char *method, const char *path, long *status)
{
	struct intake in = {.max = ANSWER_OCTETS_MAX};
	int ret = perform(c, method, path, &in, status);

	free(in.etag);
	if (ret == 0)
		return parse(&in, path);
	free(in.text);
	return NULL;
}

int
ctl_exchange(const struct ctl *c, const char *method, const char *path, const json_t *body,
	const char *if_match, struct ctl_reply *out)
{
	char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
	struct intake in = {.max = ANSWER_OCTETS_MAX, .body = text, .if_match = if_match};
	int ret;

	memset(out, 0, sizeof *out);
	if (body != NULL && text == NULL)
		abort();
	ret = perform(c, method, path, &in, &out->status);
	free(text);
	out->etag = in.etag;
	if (ret == 0 && in.len == 0) {
		free(in.text);
		out->json = json_object();
	} else if (ret == 0 && out->status >= 300 && in.text[0] != '{') {
		/* PowerDNS says some of its errors in plain text */
		char *plain = ctl_format("%.*s", (int)in.len, in.text), *utf8 = ctl_utf8(plain);
		out->json = json_pack("{s:s}", "error", utf8);
		free(plain);
		free(utf8);
		free(in.text);
	} else if (ret == 0) {
		out->json = parse(&in, path);
	} else {
		free(in.text);
	}
	return out->json == NULL ? -1 : 0;
}

void
ctl_reply_free(struct ctl_reply *r)
{
	json_decref(r->json);
	free(r->etag);
	memset(r, 0, sizeof *r);
}

json_t *
ctl_ask(const struct ctl *c, const char *method, const char *path, const json_t *body)
{
	struct ctl_reply reply;
	json_t *answer = NULL;

	if (ctl_exchange(c, method, path, body, NULL, &reply) == 0) {
		if (reply.status < 300)
			answer = json_incref(reply.json);
		else
			ctl_print_error(c, reply.json, reply.status);
	}
	ctl_reply_free(&reply);
	return answer;
}

char *
ctl_zone_path(const char *zone, const char *rest)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t len = strlen(zone);
	char *id = malloc(len * 3 + 2), *at = id, *path;

	if (id == NULL)
		abort();
	/* PowerDNS's escape of zone ids; a path segment "." would be dropped on its way */
	for (const char *z = strcmp(zone, ".") == 0 ? "" : zone; *z != '\0'; z++) {
		unsigned char ch = (unsigned char)*z;
		if (isalnum(ch) || ch == '-' || ch == '_' || ch == '.') {
			*at++ = (char)ch;
			continue;
		}
		*at++ = '=';
		*at++ = hex[ch >> 4];
		*at++ = hex[ch & 15];
	}
	*at = '\0';
	if (len > 0 && zone[len - 1] != '.')
		strcpy(at, ".");
	path = ctl_format(CTL_API "/zones/%s%s", id[0] == '\0' ? "=2E" : id, rest);
	free(id);
	return path;
}

/* After a request whose good answer was taken piece by piece. */
static int
finish(const struct ctl *c, const char *path, struct intake *in, int ret, long status)
{
	json_t *answer;

	if (ret != 0 || status < 300) {
		free(in->text);
		return ret;
	}
	answer = parse(in, path);
	if (answer != NULL)
		ctl_print_error(c, answer, status);
	json_decref(answer);
	return -1;
}

int
ctl_request_each(const struct ctl *c, const char *path,
	void (*each)(void *arg, const json_t *element), void *arg)
{
	struct intake in = {.max = ELEMENT_OCTETS_MAX, .each = each, .arg = arg};
	long status = 0;
	int ret = perform(c, "GET", path, &in, &status);

	free(in.etag);
	return finish(c, path, &in, ret, status);
}

int
ctl_request_copy(const struct ctl *c, const char *path, FILE *to)
{
	struct intake in = {.max = ELEMENT_OCTETS_MAX, .copy_to = to};
	long status = 0;
	int ret = perform(c, "GET", path, &in, &status);

	free(in.etag);
	ret = finish(c, path, &in, ret, status);
	if (ret == 0 && c->json)
		putchar('\n');
	return ret;
}

char *
ctl_escape(const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	char *out = malloc(strlen(text) * 3 + 1), *at = out;

	if (out == NULL)
		abort();
	for (; *text != '\0'; text++) {
		unsigned char ch = (unsigned char)*text;
		if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
			(ch >= '0' && ch <= '9') || ch == '-' || ch == '_' || ch == '.') {
			*at++ = (char)ch;
			continue;
		}
		*at++ = '%';
		*at++ = hex[ch >> 4];
		*at++ = hex[ch & 15];
	}
	*at = '\0';
	return out;
}

void
ctl_print_error(const struct ctl *c, const json_t *answer, long status)
{
	const json_t *errors = json_object_get(answer, "errors");
	const char *error = ctl_text(answer, "error");
	size_t i;
	json_t *e;

	if (c->json)
		ctl_print_json(answer);
	fputs(ctl_colour(c, CTL_RED), stderr);
	ctl_complain("%s%s", error[0] != '\0' ? error : "the control plane refused",
		ctl_colour(c, CTL_PLAIN));
	if (error[0] == '\0')
		fprintf(stderr, "(HTTP status %ld)\n", status);
	json_array_foreach(errors, i, e) if (json_is_string(e))
		fprintf(stderr, "%s\n", json_string_value(e));
}
