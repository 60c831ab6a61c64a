/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_exchange: the connection, its timer, and messages cut out of the stream. */
#include "controlplane/transfer/transfer_exchange.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define LENGTH_OCTETS 2u
#define BUFFER_OCTETS (2u * (TRANSFER_MESSAGE_MAX + LENGTH_OCTETS))

struct transfer_exchange {
	struct transfer_exchange_options o;
	uv_tcp_t socket;
	uv_timer_t timer;
	unsigned open; /* of the two */
	uv_connect_t connect;
	uv_write_t write;
	struct transfer_reader reader;
	struct transfer_error result;
	bool ending, connected;
	uint64_t octets, begun_ms, asked_ms;
	uint8_t question[LENGTH_OCTETS + TRANSFER_QUESTION_OCTETS];
	size_t question_octets, have; /* have: octets in the buffer */
	uint8_t buffer[BUFFER_OCTETS];
};

static void
closed(uv_handle_t *h)
{
	struct transfer_exchange *x = h->data;

	if (--x->open > 0)
		return;
	x->o.done(x->o.arg, &x->result, x->octets, x->reader.serial);
	transfer_reader_end(&x->reader);
	free(x);
}

static void
finish(struct transfer_exchange *x)
{
	uv_handle_t *h[] = {(uv_handle_t *)&x->socket, (uv_handle_t *)&x->timer};

	if (x->ending)
		return;
	x->ending = true;
	for (unsigned i = 0; i < 2; i++)
		uv_close(h[i], closed);
}

static void
fail(struct transfer_exchange *x, enum transfer_result result, const char *what, int error)
{
	if (x->ending)
		return;
	transfer_fail(&x->result, result, "%s%s%s", what, error != 0 ? ": " : "",
		error != 0 ? uv_strerror(error) : "");
	finish(x);
}

void
transfer_exchange_cancel(struct transfer_exchange *x)
{
	fail(x, TRANSFER_FAILED, "given up: the control plane ends", 0);
}

/* --- time --- */

static void wait_for_next(struct transfer_exchange *x);

static void
too_slow(uv_timer_t *timer)
{
	struct transfer_exchange *x = timer->data;

	if (uv_now(x->o.loop) - x->begun_ms >= x->o.time_max_ms)
		fail(x, TRANSFER_TOO_LARGE, "it takes longer than 'transfer.time-max'", 0);
	else if (!x->connected)
		fail(x, TRANSFER_UNREACHABLE, "no connection within 'transfer.timeout'", 0);
	else
		fail(x, TRANSFER_UNREACHABLE,
			"no whole message with records within 'transfer.timeout' of the one before",
			0);
}

/* Slower than any network that a zone should come by: somebody only holds on to the slot. */
static bool
is_crawling(const struct transfer_exchange *x)
{
	uint64_t periods = (uv_now(x->o.loop) - x->asked_ms) / x->o.timeout_ms;

	return periods >= 2 && x->octets / TRANSFER_RATE_OCTETS < periods;
}

/* The next message may take so long, and all of them what is left. */
static void
wait_for_next(struct transfer_exchange *x)
{
	uint64_t gone_ms = uv_now(x->o.loop) - x->begun_ms;
	uint64_t left_ms = gone_ms < x->o.time_max_ms ? x->o.time_max_ms - gone_ms : 0;

	uv_timer_start(
		&x->timer, too_slow, x->o.timeout_ms < left_ms ? x->o.timeout_ms : left_ms, 0);
}

/* --- what comes --- */

static void
get_room(uv_handle_t *h, size_t suggested, uv_buf_t *buffer)
{
	struct transfer_exchange *x = h->data;

	*buffer = uv_buf_init((char *)x->buffer + x->have, (unsigned)(BUFFER_OCTETS - x->have));
}

static void
take_message(struct transfer_exchange *x, uint8_t *message, size_t len)
{
	int ret = transfer_reader_take(&x->reader, message, len, &x->result);

	if (ret == 1)
		x->result.result = TRANSFER_REPLACED;
	if (ret != 0)
		finish(x);
}

/* At most BUFFER_OCTETS / 2 messages, and there is always room for the rest of one. */
static void
take_messages(struct transfer_exchange *x)
{
	uint64_t before = x->reader.n_records;
	size_t at = 0;

	while (!x->ending && x->have - at >= LENGTH_OCTETS) {
		size_t len = (size_t)x->buffer[at] << 8 | x->buffer[at + 1];
		if (x->have - at - LENGTH_OCTETS < len)
			break;
		take_message(x, x->buffer + at + LENGTH_OCTETS, len);
		at += LENGTH_OCTETS + len;
	}
	x->have -= at;
	memmove(x->buffer, x->buffer + at, x->have);
	if (x->ending || x->reader.n_records == before) /* a message without any buys no time */
		return;
	if (is_crawling(x)) {
		transfer_fail(&x->result, TRANSFER_UNREACHABLE,
			"slower than %u KiB within each 'transfer.timeout'",
			TRANSFER_RATE_OCTETS >> 10);
		finish(x);
		return;
	}
	wait_for_next(x);
}

static void
received(uv_stream_t *s, ssize_t n, const uv_buf_t *buffer)
{
	struct transfer_exchange *x = s->data;

	if (n == 0 || x->ending)
		return;
	if (n == UV_EOF) {
		fail(x, TRANSFER_UNREACHABLE,
			x->octets == 0 ? "the primary closed the connection without an answer"
				       : "the primary closed the connection before the last SOA",
			0);
		return;
	}
	if (n < 0) {
		fail(x, TRANSFER_UNREACHABLE, "the connection broke", (int)n);
		return;
	}
	x->octets += (uint64_t)n;
	x->have += (size_t)n;
	if (x->octets > x->o.octets_max) {
		transfer_fail(&x->result, TRANSFER_TOO_LARGE,
			"more than %" PRIu64 " octets ('transfer.octets-max')", x->o.octets_max);
		finish(x);
		return;
	}
	take_messages(x);
}

/* --- the beginning --- */

static void
written(uv_write_t *w, int status)
{
	if (status != 0)
		fail(w->data, TRANSFER_UNREACHABLE, "the question cannot be sent", status);
}

static void
connected(uv_connect_t *c, int status)
{
	struct transfer_exchange *x = c->data;
	uv_stream_t *s = (uv_stream_t *)&x->socket;
	uv_buf_t b = uv_buf_init((char *)x->question, (unsigned)x->question_octets);
	int ret;

	if (x->ending)
		return;
	if (status != 0) {
		fail(x, TRANSFER_UNREACHABLE, "no connection", status);
		return;
	}
	x->connected = true;
	x->asked_ms = uv_now(x->o.loop);
	x->write.data = x;
	ret = uv_write(&x->write, s, &b, 1, written);
	if (ret == 0)
		ret = uv_read_start(s, get_room, received);
	if (ret != 0)
		fail(x, TRANSFER_UNREACHABLE, "the connection cannot be used", ret);
	else
		wait_for_next(x);
}

static void
ask(struct transfer_exchange *x)
{
	ssize_t len;

	if (getrandom(&x->reader.id, sizeof x->reader.id, 0) != sizeof x->reader.id) {
		fail(x, TRANSFER_FAILED, "no random number for the question", 0);
		return;
	}
	len = transfer_reader_ask(&x->reader, x->question + LENGTH_OCTETS, &x->result);
	if (len < 0) {
		finish(x);
		return;
	}
	x->question[0] = (uint8_t)(len >> 8);
	x->question[1] = (uint8_t)len;
	x->question_octets = LENGTH_OCTETS + (size_t)len;
}

static void
begin_connect(struct transfer_exchange *x)
{
	bool bound = x->o.source.ss_family != AF_UNSPEC;
	int ret = 0;

	if (bound && x->o.source.ss_family != x->o.primary.ss_family) {
		fail(x, TRANSFER_FAILED,
			"AXFR-SOURCE is of the other address family than the primary", 0);
		return;
	}
	if (bound)
		ret = uv_tcp_bind(&x->socket, (const struct sockaddr *)&x->o.source, 0);
	if (ret != 0) {
		fail(x, TRANSFER_FAILED, "AXFR-SOURCE is no address of this machine", ret);
		return;
	}
	x->connect.data = x;
	ret = uv_tcp_connect(
		&x->connect, &x->socket, (const struct sockaddr *)&x->o.primary, connected);
	if (ret != 0)
		fail(x, TRANSFER_UNREACHABLE, "no connection", ret);
	else
		wait_for_next(x);
}

int
transfer_exchange_start(struct transfer_exchange **out, const struct transfer_exchange_options *o)
{
	struct transfer_exchange *x = calloc(1, sizeof *x);

	if (x == NULL)
		return -ENOMEM;
	x->o = *o;
	x->reader.apex = o->apex;
	x->reader.tsig = o->tsig;
	x->reader.content = o->content;
	uv_update_time(o->loop);
	x->begun_ms = uv_now(o->loop);
	uv_tcp_init(o->loop, &x->socket);
	uv_timer_init(o->loop, &x->timer);
	x->socket.data = x->timer.data = x;
	x->open = 2;
	*out = x;
	ask(x);
	if (!x->ending)
		begin_connect(x);
	return 0;
}
