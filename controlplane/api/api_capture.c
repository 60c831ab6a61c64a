/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_capture: packets of the workers as a pcapng file that goes on until it is told to end. */
#include "controlplane/api/request.h"
#include "controlplane/capture/capture.h"
#include "shm/capture.h"

#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define CONTENT_TYPE "application/x-pcapng"
#define SECONDS_MAX 31536000u /* a year */
#define READER_TIMEOUT_S 60u

/* A whole number within bounds. @return 0, or -1 (the error is the answer then) */
static int
query_number(struct api_request *r, const char *name, uint64_t min, uint64_t max, uint64_t *value)
{
	char text[32], *end;
	int found = api_request_query(r, name, text, sizeof text);

	if (found <= 0)
		return found;
	errno = 0;
	*value = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *value >= min &&
		*value <= max)
		return 0;
	api_request_error(r, MHD_HTTP_BAD_REQUEST,
		"Query parameter '%s' must be a number from %" PRIu64 " to %" PRIu64, name, min,
		max);
	return -1;
}

/* @return 0, or -1 (the error is the answer then) */
static int
read_options(struct api_request *r, struct capture_options *o)
{
	uint64_t sample = 1, snaplen = CAPTURE_SNAPLEN_MAX;

	if (api_request_query(r, "filter", o->filter, sizeof o->filter) < 0 ||
		query_number(r, "sample", 1, CAPTURE_SAMPLE_MAX, &sample) < 0 ||
		query_number(r, "snaplen", 1, CAPTURE_SNAPLEN_MAX, &snaplen) < 0 ||
		query_number(r, "count", 1, UINT64_MAX, &o->count) < 0 ||
		query_number(r, "duration", 1, SECONDS_MAX, &o->seconds) < 0 ||
		api_request_query_bool(r, "drops", &o->drops_only) < 0)
		return -1;
	o->sample = (uint32_t)sample;
	o->snaplen = (uint32_t)snaplen;
	return 0;
}

/* What a request owns. */
struct wish {
	struct capture_options options;
	struct capture *capture; /* NULL: it did not start */
	int err;                 /* then */
	char why[256];
};

/* --- from its thread --- */

static void
sleep_request(void *arg)
{
	const struct api_request *r = arg;

	MHD_suspend_connection(r->connection);
}

/* Any thread. */
static void
wake_request(void *arg)
{
	api_request_resume(arg);
}

static ssize_t
read_stream(struct api_request *r, char *buffer, size_t max)
{
	struct wish *w = r->owned;

	return capture_take(w->capture, buffer, max, sleep_request);
}

/* --- the request --- */

static void
forget(void *owned)
{
	struct wish *w = owned;

	if (w->capture != NULL)
		capture_leave(w->capture);
	free(w);
}

/* It sleeps; capture.c wakes it. */
static void
start(struct api_request *r)
{
	struct wish *w = r->owned;

	w->err = capture_start(
		&w->capture, r->context->captures, &w->options, w->why, sizeof w->why);
	if (w->err != 0)
		api_request_resume(r);
}

/* It has begun, or not. */
static void
begun(struct api_request *r)
{
	struct wish *w = r->owned;
	char why[2048];
	int err;

	if (w->err == -EBUSY) {
		api_request_error(r, MHD_HTTP_CONFLICT,
			"Packets are being captured already, for %s; one capture at a time",
			w->why);
		return;
	}
	if (w->err != 0) {
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR,
			"Packets cannot be captured: %s", strerror(-w->err));
		return;
	}
	err = capture_begun(w->capture, why, sizeof why);
	if (err != 0) {
		api_request_error(r,
			err == -EINVAL ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_SERVICE_UNAVAILABLE, "%s",
			why);
		return;
	}
	/* who reads slowly, such as a pager, is given a while */
	(void)MHD_set_connection_option(
		r->connection, MHD_CONNECTION_OPTION_TIMEOUT, READER_TIMEOUT_S);
	r->content_type = CONTENT_TYPE;
	r->read = read_stream;
}

void
api_capture(struct api_request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct wish *w = calloc(1, sizeof *w);

	if (w == NULL || info == NULL) {
		free(w);
		api_request_error(r, MHD_HTTP_INTERNAL_SERVER_ERROR, "Out of memory");
		return;
	}
	r->owned = w;
	r->forget = forget;
	w->options =
		(struct capture_options){.fd = info->connect_fd, .wake = wake_request, .arg = r};
	if (read_options(r, &w->options) < 0)
		return;
	r->content_type = CONTENT_TYPE;
	if (!r->head) /* which asks for headers, not for packets */
		api_request_wait_for(r, start, begun);
}
