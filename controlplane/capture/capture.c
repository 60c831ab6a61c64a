/* SPDX-License-Identifier: GPL-3.0-or-later */
/* capture: one request and its thread. What the thread and the API share is under the lock; rings
 * are read without it. */
#include "controlplane/capture/capture.h"

#include "config/log.h"
#include "controlplane/capture/control.h"
#include "controlplane/capture/pcapng.h"
#include "controlplane/capture/rings.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_OCTETS (4u << 20) /* of the file that nobody has taken yet; then rings fill up */
#define PAUSE_MS 5               /* between looks at rings that were empty */
#define BATCH_PACKETS 1024u      /* before the client's socket is looked at again */
#define JOIN_WAIT_MS 10000u      /* for a dataplane to take part */
#define STOP_WAIT_MS 2000u       /* for the thread, when the control plane ends */

struct captures {
	pthread_mutex_t lock;
	pthread_cond_t gone;
	struct capture_link *link;
	struct hub *hub;
	bool stopping;
	struct capture *current; /* its thread runs */
	char who[128];
};

enum state { STARTING, RUNNING, FAILED, ENDED, BROKEN };

struct capture {
	struct captures *all;
	struct capture_options options;
	int fd; /* our own descriptor of the client's socket */
	struct capture_request request;
	/* under all->lock */
	unsigned references; /* the thread's and the request's */
	bool abandoned;      /* the request is gone: it is not to be woken */
	bool sleeping;       /* the reader waits to be woken */
	enum state state;
	int error;
	char why[512];
	uint8_t *buffer; /* ring of octets: `written` - `taken` are there */
	uint64_t written, taken;
	/* the thread's own */
	struct capture_rings *rings;
	uint64_t n_packets;
	uint8_t piece[CAPTURE_SNAPLEN_MAX + PCAPNG_OVERHEAD_MAX];
};

static uint64_t
clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- shared state --- */

/* With the lock. */
static void
wake(struct capture *k)
{
	if (k->sleeping && !k->abandoned)
		k->options.wake(k->options.arg);
	k->sleeping = false;
}

static void
set_state(struct capture *k, enum state state)
{
	pthread_mutex_lock(&k->all->lock);
	k->state = state;
	wake(k);
	pthread_mutex_unlock(&k->all->lock);
}

static void __attribute__((format(printf, 3, 4)))
fail(struct capture *k, int error, const char *format, ...)
{
	va_list args;

	pthread_mutex_lock(&k->all->lock);
	va_start(args, format);
	vsnprintf(k->why, sizeof k->why, format, args);
	va_end(args);
	k->error = error;
	k->state = FAILED;
	wake(k);
	pthread_mutex_unlock(&k->all->lock);
}

/* Without the lock. */
static void
release(struct capture *k)
{
	unsigned left;

	pthread_mutex_lock(&k->all->lock);
	left = --k->references;
	pthread_mutex_unlock(&k->all->lock);
	if (left != 0)
		return;
	close(k->fd);
	free(k->buffer);
	free(k);
}

/* Is there room in the buffer for any one block? */
static bool
has_room(struct capture *k)
{
	bool room;

	pthread_mutex_lock(&k->all->lock);
	room = BUFFER_OCTETS - (k->written - k->taken) >= sizeof k->piece;
	pthread_mutex_unlock(&k->all->lock);
	return room;
}

/* Append octets to the file. There is room. */
static void
deliver(struct capture *k, const uint8_t *octets, size_t len)
{
	size_t at, first;

	pthread_mutex_lock(&k->all->lock);
	at = k->written % BUFFER_OCTETS;
	first = len < BUFFER_OCTETS - at ? len : BUFFER_OCTETS - at;
	memcpy(k->buffer + at, octets, first);
	memcpy(k->buffer, octets + first, len - first);
	k->written += len;
	pthread_mutex_unlock(&k->all->lock);
}

static void
wake_reader(struct capture *k)
{
	pthread_mutex_lock(&k->all->lock);
	if (k->written != k->taken)
		wake(k);
	pthread_mutex_unlock(&k->all->lock);
}

/* --- the thread --- */

static bool
compile_filter(struct capture *k)
{
	struct capture_request *r = &k->request;
	struct bpf_program program = {0};
	pcap_t *p;
	bool ok = false;

	if (k->options.filter[0] == '\0')
		return true;
	p = pcap_open_dead(DLT_EN10MB, (int)CAPTURE_SNAPLEN_MAX);
	if (p == NULL) {
		fail(k, -ENOMEM, "Out of memory");
		return false;
	}
	if (pcap_compile(p, &program, k->options.filter, 1, PCAP_NETMASK_UNKNOWN) != 0) {
		fail(k, -EINVAL, "Filter '%s': %s", k->options.filter, pcap_geterr(p));
	} else if (program.bf_len > CAPTURE_INSTRUCTIONS_MAX) {
		fail(k, -EINVAL, "Filter '%.200s': it takes %u instructions, and may take %u",
			k->options.filter, program.bf_len, CAPTURE_INSTRUCTIONS_MAX);
	} else {
		ok = true;
		r->n_instructions = program.bf_len;
		for (unsigned i = 0; i < program.bf_len; i++)
			r->program[i] = (struct capture_instruction){program.bf_insns[i].code,
				program.bf_insns[i].jt, program.bf_insns[i].jf,
				program.bf_insns[i].k};
	}
	pcap_freecode(&program);
	pcap_close(p);
	return ok;
}

enum client { CLIENT_THERE, CLIENT_DONE, CLIENT_GONE };

/* Wait a moment, or until the client goes. One that says that it will send nothing more
 * (millracectl at Ctrl-C) wants the file to end. */
static enum client
look_at_client(struct capture *k, int wait_ms)
{
	struct pollfd p = {.fd = k->fd, .events = POLLRDHUP};
	enum client client = CLIENT_THERE;

	if (poll(&p, 1, wait_ms) > 0) {
		if (p.revents & (POLLHUP | POLLERR | POLLNVAL))
			return CLIENT_GONE;
		client = CLIENT_DONE;
	}
	pthread_mutex_lock(&k->all->lock);
	if (k->abandoned)
		client = CLIENT_GONE;
	else if (k->all->stopping)
		client = CLIENT_DONE;
	pthread_mutex_unlock(&k->all->lock);
	return client;
}

/* Until a dataplane has joined. @return false: none did, or nobody wants it any more */
static bool
wait_for_dataplane(struct capture *k)
{
	for (unsigned waited = 0; waited < JOIN_WAIT_MS; waited += PAUSE_MS) {
		capture_link_renew(k->all->link);
		if (capture_rings_look(k->rings))
			return true;
		if (look_at_client(k, PAUSE_MS) != CLIENT_THERE)
			break;
	}
	fail(k, -EHOSTDOWN, "%s",
		hub_role_pid(k->all->hub, HUB_DATAPLANE) == 0
			? "No dataplane runs"
			: "The dataplane does not take part; see its log");
	return false;
}

/* Deliver what the rings have. @return packets */
static unsigned
drain(struct capture *k)
{
	unsigned n = 0;

	while (n < BATCH_PACKETS && has_room(k) &&
		(k->options.count == 0 || k->n_packets < k->options.count)) {
		bool packet;
		size_t len = capture_rings_next(k->rings, k->piece, sizeof k->piece, &packet);
		if (len == 0)
			break;
		deliver(k, k->piece, len);
		n++;
		k->n_packets += packet;
	}
	wake_reader(k);
	return n;
}

/* The last blocks, as far as the client makes room for them. */
static void
deliver_statistics(struct capture *k)
{
	size_t len;

	for (unsigned i = 0;
		(len = capture_rings_statistics(k->rings, i, k->piece, sizeof k->piece)) != 0;
		i++) {
		while (!has_room(k))
			if (look_at_client(k, PAUSE_MS) == CLIENT_GONE)
				return;
		deliver(k, k->piece, len);
	}
}

/* From the first packet to the last. */
static void
run(struct capture *k)
{
	uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + k->options.seconds * 1000000000u;
	struct pcapng p = {k->piece, sizeof k->piece};
	enum client client = CLIENT_THERE;

	if (pcapng_section(&p, "Millrace " MILLRACE_VERSION))
		deliver(k, k->piece, (size_t)(p.at - k->piece));
	set_state(k, RUNNING);
	while (client == CLIENT_THERE &&
		(k->options.count == 0 || k->n_packets < k->options.count) &&
		(k->options.seconds == 0 || clock_ns(CLOCK_MONOTONIC) < end_ns)) {
		unsigned n;
		capture_link_renew(k->all->link);
		(void)capture_rings_look(k->rings);
		n = drain(k);
		client = look_at_client(k, n == BATCH_PACKETS ? 0 : PAUSE_MS);
	}
	capture_link_withdraw(k->all->link);
	if (client != CLIENT_GONE) {
		/* what was seen until now belongs to it */
		(void)drain(k);
		deliver_statistics(k);
	}
	set_state(k, client == CLIENT_GONE ? BROKEN : ENDED);
}

static void *
capture_thread(void *arg)
{
	struct capture *k = arg;
	struct captures *all = k->all;

	if (compile_filter(k)) {
		capture_link_ask(all->link, &k->request);
		k->rings = capture_rings_create(all->link, k->options.filter, k->options.snaplen);
		if (k->rings == NULL)
			fail(k, -ENOMEM, "Out of memory");
		else if (wait_for_dataplane(k))
			run(k);
		capture_link_withdraw(all->link);
	}
	log_info("a capture is over: %" PRIu64 " packets, for %s", k->n_packets, all->who);
	capture_rings_destroy(k->rings);
	pthread_mutex_lock(&all->lock);
	all->current = NULL;
	pthread_cond_broadcast(&all->gone);
	pthread_mutex_unlock(&all->lock);
	release(k);
	return NULL;
}

/* --- the API's side --- */

/* Who asks, for whoever comes second. */
static void
tell_who(struct captures *c, int fd)
{
	struct ucred peer = {0};
	socklen_t len = sizeof peer;
	time_t now = time(NULL);
	char when[32] = "";
	struct tm tm;

	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	if (gmtime_r(&now, &tm) != NULL)
		strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(c->who, sizeof c->who, "process %ld of user %ld, since %s", (long)peer.pid,
		(long)peer.uid, when);
}

static int
start_thread(struct capture *k)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err = pthread_attr_init(&attr);

	if (err != 0)
		return -err;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&thread, &attr, capture_thread, k);
	pthread_attr_destroy(&attr);
	return -err;
}

int
capture_start(struct capture **out, struct captures *c, const struct capture_options *o, char *why,
	size_t room)
{
	struct capture *k = calloc(1, sizeof *k);
	int err = -ENOMEM;

	if (k == NULL)
		return err;
	k->all = c;
	k->options = *o;
	k->references = 2;
	k->sleeping = true; /* for capture_begun() */
	k->request.active = 1;
	k->request.sample = o->sample;
	k->request.snaplen = o->snaplen;
	k->request.drops_only = o->drops_only;
	k->buffer = malloc(BUFFER_OCTETS);
	k->fd = fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
	if (k->buffer == NULL || k->fd < 0)
		goto fail;
	pthread_mutex_lock(&c->lock);
	if (c->current != NULL || c->stopping) {
		snprintf(why, room, "%s", c->who);
		err = -EBUSY;
	} else {
		tell_who(c, o->fd);
		c->current = k;
		err = start_thread(k);
		if (err != 0)
			c->current = NULL;
	}
	pthread_mutex_unlock(&c->lock);
	if (err == 0) {
		*out = k;
		return 0;
	}
fail:
	if (k->fd >= 0)
		close(k->fd);
	free(k->buffer);
	free(k);
	return err;
}

int
capture_begun(struct capture *k, char *why, size_t room)
{
	int error;

	pthread_mutex_lock(&k->all->lock);
	error = k->error;
	snprintf(why, room, "%s", k->why);
	pthread_mutex_unlock(&k->all->lock);
	return error;
}

ssize_t
capture_take(struct capture *k, char *out, size_t max, void (*sleep)(void *arg))
{
	ssize_t ret;

	pthread_mutex_lock(&k->all->lock);
	if (k->state == BROKEN) {
		ret = -2;
	} else if (k->written == k->taken) {
		ret = k->state == RUNNING && !k->abandoned ? 0 : -1;
		if (ret == 0) {
			k->sleeping = true;
			sleep(k->options.arg);
		}
	} else {
		size_t at = k->taken % BUFFER_OCTETS, len = k->written - k->taken;
		len = len < BUFFER_OCTETS - at ? len : BUFFER_OCTETS - at;
		len = len < max ? len : max;
		memcpy(out, k->buffer + at, len);
		k->taken += len;
		ret = (ssize_t)len;
	}
	pthread_mutex_unlock(&k->all->lock);
	return ret;
}

void
capture_leave(struct capture *k)
{
	pthread_mutex_lock(&k->all->lock);
	k->abandoned = true;
	pthread_mutex_unlock(&k->all->lock);
	release(k);
}

/* --- life --- */

int
captures_create(struct captures **out, const char *run_dir, struct hub *hub)
{
	struct captures *c = calloc(1, sizeof *c);
	int err;

	if (c == NULL)
		return -ENOMEM;
	c->hub = hub;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->gone, NULL);
	err = capture_link_open(&c->link, run_dir);
	if (err != 0) {
		log_error("cannot make %s/" RUN_CAPTURE_CONTROL ": %s", run_dir, strerror(-err));
		free(c);
		return err;
	}
	*out = c;
	return 0;
}

void
captures_stop(struct captures *c)
{
	struct timespec until;

	if (c == NULL)
		return;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_WAIT_MS / 1000;
	pthread_mutex_lock(&c->lock);
	c->stopping = true;
	while (c->current != NULL && pthread_cond_timedwait(&c->gone, &c->lock, &until) == 0)
		;
	/* a filter may wait for a name server, or the client reads nothing: the process ends beside
	 * it, and nobody is woken any more */
	if (c->current != NULL) {
		struct capture *k = c->current;
		if (k->state == STARTING) {
			k->error = -ECANCELED;
			snprintf(k->why, sizeof k->why, "The control plane is stopping");
		}
		k->state = k->state == STARTING ? FAILED : BROKEN;
		wake(k);
		k->abandoned = true;
	}
	pthread_mutex_unlock(&c->lock);
}

void
captures_destroy(struct captures *c)
{
	bool busy;

	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	busy = c->current != NULL;
	pthread_mutex_unlock(&c->lock);
	if (busy)
		return;
	capture_link_close(c->link);
	free(c);
}
