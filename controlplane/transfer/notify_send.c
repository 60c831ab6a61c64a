/* SPDX-License-Identifier: GPL-3.0-or-later */
/* notify_send: the thread and its loop. Others only touch the queue, under its lock. */
#include "controlplane/transfer/notify_send.h"

#include "config/log.h"
#include "controlplane/manager/zone_names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <uv.h>

#define OWN_MAX 256u
#define FIRST_WAIT_MS 1000u
#define LOOKUPS_MAX 64u /* at the system's resolver */
#define STOP_PATIENCE_S 1

/* A zone to be told of, as it was asked for. */
struct request {
	STAILQ_ENTRY(request) link;
	uint8_t apex[ZONE_WIRE_OCTETS];
	uint32_t serial;
	size_t n;
	struct notify_target target[];
};

/* A message on its way. */
struct flight {
	LIST_ENTRY(flight) link;
	struct notify_sender *s;
	uv_udp_t socket;
	uv_timer_t timer;
	unsigned open; /* of the two */
	unsigned tries;
	uint16_t id;
	uint8_t apex[ZONE_WIRE_OCTETS];
	struct sockaddr_storage to;
	uint8_t message[NOTIFY_MESSAGE_OCTETS];
	size_t len;
	uint8_t answer[NOTIFY_MESSAGE_OCTETS];
};

/* A name being looked up. */
struct lookup {
	uv_getaddrinfo_t request;
	struct notify_sender *s;
	uint8_t apex[ZONE_WIRE_OCTETS];
	char name[256];
};

struct notify_sender {
	uv_loop_t loop;
	uv_async_t wake;
	pthread_t thread;
	pthread_mutex_t lock; /* of the queue */
	STAILQ_HEAD(, request) queue;
	unsigned n_queued;
	_Atomic bool stopping;
	/* the thread's own */
	LIST_HEAD(, flight) flights;
	unsigned n_flights, n_lookups;
	struct sockaddr_storage own[OWN_MAX];
	unsigned n_own;
	_Atomic uint64_t sent, answered, failed;
	_Atomic uint32_t in_flight;
};

static const char *
format_address(const struct sockaddr_storage *sa, char out[80])
{
	char ip[INET6_ADDRSTRLEN] = "?";
	bool six = sa->ss_family == AF_INET6;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)sa;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)sa;

	inet_ntop(sa->ss_family, six ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr,
		ip, sizeof ip);
	snprintf(out, 80, six ? "[%s]:%u" : "%s:%u", ip, ntohs(six ? v6->sin6_port : v4->sin_port));
	return out;
}

/* --- a message --- */

static void
flight_closed(uv_handle_t *h)
{
	struct flight *f = h->data;

	if (--f->open > 0)
		return;
	LIST_REMOVE(f, link);
	f->s->n_flights--;
	atomic_store(&f->s->in_flight, f->s->n_flights);
	free(f);
}

static void
end_flight(struct flight *f)
{
	uv_handle_t *h[] = {(uv_handle_t *)&f->socket, (uv_handle_t *)&f->timer};

	for (unsigned i = 0; i < 2; i++)
		if (!uv_is_closing(h[i]))
			uv_close(h[i], flight_closed);
}

static void
give_up(struct flight *f, const char *why)
{
	char zone[ZONE_TEXT_OCTETS], to[80];

	zone_text_from_key(zone, f->apex);
	log_warning("zone %s: NOTIFY to %s: %s", zone, format_address(&f->to, to), why);
	atomic_fetch_add(&f->s->failed, 1);
	end_flight(f);
}

static void
get_room(uv_handle_t *h, size_t suggested, uv_buf_t *buffer)
{
	struct flight *f = h->data;

	*buffer = uv_buf_init((char *)f->answer, sizeof f->answer);
}

static void
received(
	uv_udp_t *h, ssize_t n, const uv_buf_t *buffer, const struct sockaddr *from, unsigned flags)
{
	struct flight *f = h->data;
	char zone[ZONE_TEXT_OCTETS], to[80];
	int rcode;

	if (n <= 0 || from == NULL) /* ICMP's errors are passing: the next try will tell */
		return;
	rcode = notify_answer(f->answer, (size_t)n, f->id, zone_key_apex(f->apex));
	if (rcode < 0)
		return;
	if (rcode != 0) {
		zone_text_from_key(zone, f->apex);
		log_warning("zone %s: NOTIFY to %s: answered with RCODE %d", zone,
			format_address(&f->to, to), rcode);
	}
	atomic_fetch_add(&f->s->answered, 1);
	end_flight(f);
}

static void
send_again(uv_timer_t *timer)
{
	struct flight *f = timer->data;
	uv_buf_t buffer = uv_buf_init((char *)f->message, (unsigned)f->len);

	if (f->tries == NOTIFY_TRIES) {
		give_up(f, "no answer");
		return;
	}
	/* an error (no route, refused last time) is as good as a lost packet */
	(void)uv_udp_try_send(&f->socket, &buffer, 1, NULL);
	atomic_fetch_add(&f->s->sent, 1);
	uv_timer_start(timer, send_again, (uint64_t)FIRST_WAIT_MS << f->tries, 0);
	f->tries++;
}

static bool
is_own(const struct notify_sender *s, const struct sockaddr_storage *to)
{
	for (unsigned i = 0; i < s->n_own; i++) {
		const struct sockaddr_storage *o = &s->own[i];
		if (o->ss_family != to->ss_family)
			continue;
		if (to->ss_family == AF_INET && memcmp(o, to, sizeof(struct sockaddr_in)) == 0)
			return true;
		if (to->ss_family == AF_INET6 && memcmp(o, to, sizeof(struct sockaddr_in6)) == 0)
			return true;
	}
	return false;
}

static bool
is_flying(const struct notify_sender *s, const uint8_t *apex, const struct sockaddr_storage *to)
{
	const struct flight *f;

	LIST_FOREACH(f, &s->flights, link)
	if (memcmp(&f->to, to, sizeof *to) == 0 && name_octets(f->apex) == name_octets(apex) &&
		memcmp(f->apex, apex, name_octets(apex)) == 0 &&
		!uv_is_closing((const uv_handle_t *)&f->timer))
		return true;
	return false;
}

/* The limit of descriptors may be raised after the start. */
static unsigned
flights_max(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur / 4 < NOTIFY_IN_FLIGHT_MAX)
		return (unsigned)(l.rlim_cur / 4);
	return NOTIFY_IN_FLIGHT_MAX;
}

static void
begin_flight(struct notify_sender *s, const uint8_t *apex, const struct sockaddr_storage *to)
{
	struct flight *f;

	/* one that is on its way already will do: the secondary asks for the newest serial */
	if (is_own(s, to) || is_flying(s, apex, to))
		return;
	f = s->n_flights < flights_max() ? calloc(1, sizeof *f) : NULL;
	if (f == NULL) {
		atomic_fetch_add(&s->failed, 1);
		log_warning("NOTIFY: %u messages wait for an answer already; one more is not sent",
			s->n_flights);
		return;
	}
	f->s = s;
	f->to = *to;
	memcpy(f->apex, apex, sizeof f->apex);
	LIST_INSERT_HEAD(&s->flights, f, link);
	s->n_flights++;
	atomic_store(&s->in_flight, s->n_flights);
	uv_udp_init(&s->loop, &f->socket);
	uv_timer_init(&s->loop, &f->timer);
	f->socket.data = f->timer.data = f;
	f->open = 2;
	if (getrandom(&f->id, sizeof f->id, 0) != sizeof f->id ||
		uv_udp_connect(&f->socket, (const struct sockaddr *)to) != 0 ||
		uv_udp_recv_start(&f->socket, get_room, received) != 0) {
		give_up(f, "no socket for it");
		return;
	}
	f->len = notify_message(f->message, f->id, zone_key_apex(f->apex));
	send_again(&f->timer);
}

/* --- names --- */

static void
looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *result)
{
	struct lookup *l = request->data;
	char zone[ZONE_TEXT_OCTETS];
	unsigned n = 0, left_out = 0;

	if (status != 0 && !l->s->stopping) {
		zone_text_from_key(zone, l->apex);
		log_warning("zone %s: NOTIFY to %s: its address is not known: %s", zone, l->name,
			uv_strerror(status));
	}
	for (const struct addrinfo *a = result; status == 0 && a != NULL; a = a->ai_next) {
		struct sockaddr_storage to = {0};
		if (l->s->stopping || a->ai_addrlen > sizeof to)
			continue;
		if (n == NOTIFY_NAME_ADDRESSES_MAX) {
			left_out++;
			continue;
		}
		n++;
		memcpy(&to, a->ai_addr, a->ai_addrlen);
		begin_flight(l->s, l->apex, &to);
	}
	if (left_out > 0) {
		zone_text_from_key(zone, l->apex);
		log_warning("zone %s: NOTIFY to %s: it has %u addresses; the first %u are told",
			zone, l->name, n + left_out, n);
	}
	uv_freeaddrinfo(result);
	l->s->n_lookups--;
	free(l);
}

static void
look_up(struct notify_sender *s, const uint8_t *apex, const char *name)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
	struct lookup *l = s->n_lookups < LOOKUPS_MAX ? calloc(1, sizeof *l) : NULL;

	if (l == NULL) {
		log_warning("NOTIFY to %s is not sent: %u other names are being looked up", name,
			s->n_lookups);
		atomic_fetch_add(&s->failed, 1);
		return;
	}
	l->s = s;
	l->request.data = l;
	memcpy(l->apex, apex, sizeof l->apex);
	snprintf(l->name, sizeof l->name, "%s", name);
	if (uv_getaddrinfo(&s->loop, &l->request, looked_up, l->name, "53", &hints) != 0)
		free(l);
	else
		s->n_lookups++;
}

/* --- the queue --- */

static void
begin_request(struct notify_sender *s, const struct request *q)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->target[i].address.ss_family != AF_UNSPEC)
			begin_flight(s, q->apex, &q->target[i].address);
		else
			look_up(s, q->apex, q->target[i].name);
}

static void
woken(uv_async_t *wake)
{
	struct notify_sender *s = wake->data;
	STAILQ_HEAD(, request) taken = STAILQ_HEAD_INITIALIZER(taken);
	struct flight *f, *next;
	struct request *q;
	bool stopping;

	pthread_mutex_lock(&s->lock);
	STAILQ_CONCAT(&taken, &s->queue);
	s->n_queued = 0;
	stopping = s->stopping;
	pthread_mutex_unlock(&s->lock);
	while ((q = STAILQ_FIRST(&taken)) != NULL) {
		STAILQ_REMOVE_HEAD(&taken, link);
		if (!stopping)
			begin_request(s, q);
		free(q);
	}
	if (!stopping)
		return;
	for (f = LIST_FIRST(&s->flights); f != NULL; f = next) {
		next = LIST_NEXT(f, link);
		end_flight(f);
	}
	uv_close((uv_handle_t *)wake, NULL);
}

static void *
run(void *arg)
{
	struct notify_sender *s = arg;

	uv_run(&s->loop, UV_RUN_DEFAULT); /* until the last handle is closed */
	return NULL;
}

int
notify_queue(struct notify_sender *s, const uint8_t *apex, uint32_t serial,
	const struct notify_target *target, size_t n)
{
	struct request *q;
	int ret = 0;

	if (n > NOTIFY_TARGETS_MAX)
		return -E2BIG;
	q = calloc(1, sizeof *q + n * sizeof *target);
	if (q == NULL)
		return -ENOMEM;
	memcpy(q->apex, apex, name_octets(apex));
	q->serial = serial;
	q->n = n;
	memcpy(q->target, target, n * sizeof *target);
	pthread_mutex_lock(&s->lock);
	if (s->n_queued >= NOTIFY_QUEUE_MAX || s->stopping) {
		ret = -EBUSY;
	} else {
		STAILQ_INSERT_TAIL(&s->queue, q, link);
		s->n_queued++;
	}
	pthread_mutex_unlock(&s->lock);
	if (ret == 0)
		uv_async_send(&s->wake);
	else
		free(q);
	return ret;
}

/* --- life --- */

static void
add_own(struct notify_sender *s, const struct config_address *a, unsigned n)
{
	for (unsigned i = 0; i < n && s->n_own < OWN_MAX; i++)
		s->own[s->n_own++] = a[i].sa;
}

static int
start(struct notify_sender *s)
{
	int ret = uv_loop_init(&s->loop);

	if (ret != 0)
		return ret;
	uv_async_init(&s->loop, &s->wake, woken);
	s->wake.data = s;
	ret = -pthread_create(&s->thread, NULL, run, s);
	if (ret != 0) {
		uv_close((uv_handle_t *)&s->wake, NULL);
		uv_run(&s->loop, UV_RUN_DEFAULT);
		uv_loop_close(&s->loop);
	}
	return ret;
}

struct notify_sender *
notify_start(const struct config *own)
{
	struct notify_sender *s = calloc(1, sizeof *s);
	int ret = -ENOMEM;

	if (s != NULL) {
		STAILQ_INIT(&s->queue);
		LIST_INIT(&s->flights);
		pthread_mutex_init(&s->lock, NULL);
		add_own(s, own->dataplane.listen, own->dataplane.listen_count);
		for (unsigned i = 0; i < own->dataplane.ports_count; i++)
			add_own(s, own->dataplane.ports[i].addresses,
				own->dataplane.ports[i].addresses_count);
		ret = start(s);
	}
	if (ret == 0)
		return s;
	log_warning("NOTIFY cannot be sent: %s", strerror(-ret));
	free(s);
	return NULL;
}

void
notify_stop(struct notify_sender *s)
{
	struct timespec end;

	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_mutex_unlock(&s->lock);
	uv_async_send(&s->wake);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += STOP_PATIENCE_S;
	/* the system's resolver cannot be called off; what it holds ends with the process */
	if (pthread_timedjoin_np(s->thread, NULL, &end) != 0)
		return;
	uv_loop_close(&s->loop);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void
notify_figures(struct notify_sender *s, struct notify_figures *out)
{
	out->sent_total = atomic_load(&s->sent);
	out->answered_total = atomic_load(&s->answered);
	out->failed_total = atomic_load(&s->failed);
	out->in_flight = atomic_load(&s->in_flight);
}
