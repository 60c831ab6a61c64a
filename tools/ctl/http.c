/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/http: requests of verbs, and what is said when they fail. */
#include "tools/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ELEMENT_OCTETS_MAX (1u << 20) /* of one element of an array */

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

static struct http *
open_client(const struct ctl *c)
{
	struct http_place place = ctl_place(c);

	return http_open(&place);
}

/* @param ret  of the call. @return it, after a message if it is -1 */
static int
end(const struct ctl *c, struct http *h, int ret)
{
	const struct http_failure *f = http_failure(h);

	if (ret != 0 && f->code == CURLE_OK)
		ctl_complain("%s", f->text);
	else if (ret != 0)
		ctl_say_unreachable(c, (int)f->code, f->os_error, f->text);
	http_close(h);
	return ret;
}

json_t *
ctl_request(const struct ctl *c, const char *method, const char *path, long *status)
{
	struct http_reply reply;
	json_t *answer = NULL;

	if (ctl_exchange(c, method, path, NULL, NULL, &reply) == 0) {
		*status = reply.status;
		answer = json_incref(reply.json);
	}
	http_reply_free(&reply);
	return answer;
}

int
ctl_exchange(const struct ctl *c, const char *method, const char *path, const json_t *body,
	const char *if_match, struct http_reply *out)
{
	struct http *h = open_client(c);
	int ret = end(c, h, http_exchange(h, method, path, body, if_match, out));

	if (ret == 0 && out->json == NULL)
		out->json = json_object();
	return ret;
}

json_t *
ctl_ask(const struct ctl *c, const char *method, const char *path, const json_t *body)
{
	struct http_reply reply;
	json_t *answer = NULL;

	if (ctl_exchange(c, method, path, body, NULL, &reply) == 0) {
		if (reply.status < 300)
			answer = json_incref(reply.json);
		else
			ctl_print_error(c, reply.json, reply.status);
	}
	http_reply_free(&reply);
	return answer;
}

char *
ctl_zone_path(const char *zone, const char *rest)
{
	char *id = http_zone_id(zone), *path = ctl_format(CTL_API "/zones/%s%s", id, rest);

	free(id);
	return path;
}

/* --- answers piece by piece --- */

static int
get_pieces(const struct ctl *c, const char *path, http_sink *sink, void *arg)
{
	struct http *h = open_client(c);
	struct http_reply reply;
	int ret = end(c, h, http_get_pieces(h, path, sink, arg, &reply));

	if (ret == 0 && reply.status >= 300) {
		ctl_print_error(c, reply.json, reply.status);
		ret = -1;
	}
	http_reply_free(&reply);
	return ret;
}

/* An array that is taken apart, and where we are in its text. */
struct splitting {
	void (*each)(void *arg, const json_t *element);
	void *arg;
	char text[ELEMENT_OCTETS_MAX]; /* of the element that has begun */
	size_t len;
	unsigned depth;
	bool in_string, escaped;
};

static bool
append(struct splitting *s, const char *data, size_t len)
{
	if (len > sizeof s->text - s->len)
		return false;
	memcpy(s->text + s->len, data, len);
	s->len += len;
	return true;
}

static bool
end_element(struct splitting *s)
{
	json_t *element = json_loadb(s->text, s->len, 0, NULL);

	s->len = 0;
	if (element == NULL)
		return false;
	s->each(s->arg, element);
	json_decref(element);
	return true;
}

/* Elements of the outermost array are objects: an element is what lies between its braces. */
static int
split(void *arg, const char *data, size_t len)
{
	struct splitting *s = arg;
	size_t start = 0; /* of the part of an element that is in this piece */

	for (size_t i = 0; i < len; i++) {
		char ch = data[i];
		if (s->in_string) {
			if (s->escaped)
				s->escaped = false;
			else if (ch == '\\')
				s->escaped = true;
			else if (ch == '"')
				s->in_string = false;
		} else if (ch == '"') {
			s->in_string = true;
		} else if (ch == '{' || ch == '[') {
			if (++s->depth == 2)
				start = i;
		} else if ((ch == '}' || ch == ']') && s->depth > 0 && --s->depth == 1) {
			if (!append(s, data + start, i + 1 - start) || !end_element(s))
				return -1;
		}
	}
	return s->depth < 2 || append(s, data + start, len - start) ? 0 : -1;
}

int
ctl_request_each(const struct ctl *c, const char *path,
	void (*each)(void *arg, const json_t *element), void *arg)
{
	struct splitting *s = calloc(1, sizeof *s);
	int ret;

	if (s == NULL)
		abort();
	s->each = each;
	s->arg = arg;
	ret = get_pieces(c, path, split, s);
	free(s);
	return ret;
}

static int
copy(void *to, const char *data, size_t len)
{
	return fwrite(data, 1, len, to) == len ? 0 : -1;
}

int
ctl_request_copy(const struct ctl *c, const char *path, FILE *to)
{
	int ret = get_pieces(c, path, copy, to);

	if (ret == 0 && c->json)
		putchar('\n');
	return ret;
}

char *
ctl_escape(const char *text)
{
	return http_escape(text);
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
