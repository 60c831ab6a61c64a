/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stream_harness: see stream_harness.h. */
#include "tests/unit/stream_harness.h"

#include "config/ready.h"
#include "shm/doorbell.h"
#include "shm/paths.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CLIENT_WAIT_S 8

static pthread_t worker_thread[WORKERS];

struct worker_arg {
	struct harness *h;
	unsigned n;
};

uint64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void
sleep_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l}, NULL);
}

/* --- the dataplane --- */

static void
respond(const struct harness *h, struct ring_end *to, const struct stream_message *q,
	uint64_t token, const uint8_t *dns, uint32_t len, uint8_t close)
{
	struct stream_message *m;

	while ((m = ring_reserve(to, (uint32_t)sizeof *m + len)) == NULL) {
		if (h->stop) /* and nobody takes anything any more */
			return;
		sched_yield();
	}
	*m = *q;
	m->token = token;
	m->len = len;
	m->close = close;
	memcpy(m->dns, dns, len);
	ring_commit(to, (uint32_t)sizeof *m + len);
}

static void
obey(struct harness *h, struct ring_end *to, const struct stream_message *q,
	struct stream_message *late)
{
	static _Thread_local uint8_t big[UINT16_MAX];
	uint8_t order = q->len > 12 ? q->dns[12] : 0;

	memcpy(h->client, q->client, 16);
	h->client_port = q->client_port;
	switch (order) {
	case ORDER_MUTE:
		return;
	case ORDER_DROP:
	case ORDER_CLOSE:
		respond(h, to, q, q->token, q->dns, 0, order == ORDER_CLOSE);
		return;
	case ORDER_LATE:
		memcpy(late, q, sizeof *q + q->len);
		return;
	case ORDER_SIZE: {
		uint32_t len = (uint32_t)q->dns[13] << 8 | q->dns[14];
		memset(big, q->dns[1], len);
		memcpy(big, q->dns, 12);
		respond(h, to, q, q->token, big, len, 0);
		return;
	}
	default:
		respond(h, to, q, q->token, q->dns, q->len, 0);
	}
	if (order == ORDER_TWICE) {
		respond(h, to, q, q->token, q->dns, q->len, 0);
		respond(h, to, q, q->token ^ 1ull << 40, q->dns, q->len, 0);
		respond(h, to, q, UINT64_MAX, q->dns, q->len, 1);
	}
	if (late->len > 0)
		respond(h, to, late, late->token, late->dns, late->len, 0);
	late->len = 0;
}

static void *
worker_run(void *arg)
{
	struct harness *h = ((struct worker_arg *)arg)->h;
	unsigned n = ((struct worker_arg *)arg)->n;
	static _Thread_local union {
		struct stream_message m;
		uint8_t octets[sizeof(struct stream_message) + UINT16_MAX];
	} late;
	struct ring_end from, to;
	char path[128];
	int bell, peer;

	snprintf(path, sizeof path, "%s/" RUN_BELL_WORKER, h->dir, n);
	bell = doorbell_open(path);
	snprintf(path, sizeof path, "%s/" RUN_BELL_STREAM, h->dir);
	peer = doorbell_open(path);
	late.m.len = 0;
	ring_consumer(&from, &h->hub->rings[n].to_worker.ring, HUB_RING_OCTETS);
	ring_producer(&to, &h->hub->rings[n].from_worker.ring, HUB_RING_OCTETS);
	while (!h->stop) {
		bool damaged = false;
		uint32_t len;
		const struct stream_message *q = h->hang ? NULL : ring_peek(&from, &len, &damaged);
		if (q != NULL) {
			h->n_queries++;
			obey(h, &to, q, &late.m);
			ring_release(&from);
			if (ring_should_wake(&to))
				doorbell_ring(peer);
		} else if (ring_may_sleep(&from) || h->hang) {
			/* the time limit is for `stop` only: a lost wake-up shows as a slow test */
			struct pollfd p = {.fd = bell, .events = POLLIN};
			poll(&p, 1, h->hang ? 5 : 200);
			ring_awake(&from);
			doorbell_drain(bell);
		}
	}
	close(bell);
	close(peer);
	free(arg);
	return NULL;
}

void
harness_dataplane_start(struct harness *h)
{
	char path[128];

	snprintf(path, sizeof path, "%s/" RUN_HUB, h->dir);
	assert_int_equal(hub_open(&h->hub, path, HUB_DATAPLANE), 0);
	if (h->control == NULL) /* it has run, whatever becomes of it */
		assert_int_equal(hub_open(&h->control, path, HUB_CONTROLPLANE), 0);
	h->stop = h->hang = false;
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker_arg *a = malloc(sizeof *a);
		*a = (struct worker_arg){h, i};
		assert_int_equal(hub_worker_claim(h->hub, i), 0);
		assert_int_equal(pthread_create(&worker_thread[i], NULL, worker_run, a), 0);
	}
	h->hub->instance[h->hub->seat].started_ns = now_ms();
	h->hub->instance[h->hub->seat].n_workers = WORKERS;
}

void
harness_dataplane_stop(struct harness *h)
{
	h->stop = true;
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(worker_thread[i], NULL);
	hub_close(h->hub);
	h->hub = NULL;
}

/* --- the process --- */

/* A port that nobody has just now. */
static uint16_t
free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

void
harness_process_start(struct harness *h, unsigned descriptors)
{
	uint64_t end = now_ms() + 10000;

	h->pid = fork();
	if (h->pid == 0) {
		struct rlimit l = {descriptors, descriptors};
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (descriptors > 0)
			setrlimit(RLIMIT_NOFILE, &l);
		execl(getenv("MILLRACE_STREAM"), "millrace-stream", "--config", h->config, NULL);
		_exit(127);
	}
	while (ready_pid(h->dir, "stream") != h->pid && now_ms() < end)
		sleep_ms(5);
	assert_int_equal(ready_pid(h->dir, "stream"), h->pid);
}

void
harness_process_kill(struct harness *h)
{
	kill(h->pid, SIGKILL);
	waitpid(h->pid, NULL, 0);
	h->pid = 0;
}

void
harness_start(struct harness *h, const char *stream, unsigned descriptors)
{
	FILE *f;

	memset(h, 0, sizeof *h);
	snprintf(h->dir, sizeof h->dir, "%s/millrace-stream-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(h->dir));
	snprintf(h->config, sizeof h->config, "%s/config.yaml", h->dir);
	h->port = free_port();
	f = fopen(h->config, "w");
	assert_non_null(f);
	fprintf(f,
		"run-dir: %s\ndataplane:\n  workers: %u\nstream:\n  listen: ['127.0.0.1:%u', "
		"'[::1]:%u']\n%s",
		h->dir, WORKERS, h->port, h->port, stream);
	fclose(f);
	harness_dataplane_start(h);
	harness_process_start(h, descriptors);
}

void
harness_stop(struct harness *h)
{
	static const char *const file[] = {"config.yaml", RUN_HUB ".data", RUN_HUB ".stream",
		RUN_HUB ".control", RUN_HUB ".rings", RUN_BELL_STREAM, "bell.worker.0",
		"bell.worker.1", "stream.ready"};
	char path[128];

	if (h->pid > 0)
		harness_process_kill(h);
	hub_close(h->control);
	if (h->hub != NULL)
		harness_dataplane_stop(h);
	for (unsigned i = 0; i < sizeof file / sizeof *file; i++) {
		snprintf(path, sizeof path, "%s/%s", h->dir, file[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(h->dir), 0);
}

uint64_t
harness_counter(const struct harness *h, enum stream_counter c)
{
	assert_int_equal(hub_refresh(h->hub), 0);
	return hub_stream_counter(h->hub, c);
}

void
harness_wait(const struct harness *h, enum stream_counter c, uint64_t value)
{
	for (unsigned i = 0; i < 1000 && harness_counter(h, c) != value; i++)
		sleep_ms(5);
	assert_int_equal(harness_counter(h, c), value);
}

/* --- clients --- */

int
client_connect(const struct harness *h)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
		.sin_port = htons(h->port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval limit = {.tv_sec = CLIENT_WAIT_S};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

void
client_send(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

void
client_query(int fd, uint16_t id, enum order order, uint16_t number, size_t len)
{
	uint8_t m[2 + 65535] = {(uint8_t)(len >> 8), (uint8_t)len, (uint8_t)(id >> 8), (uint8_t)id};

	m[14] = (uint8_t)order;
	m[15] = (uint8_t)(number >> 8);
	m[16] = (uint8_t)number;
	client_send(fd, m, 2 + len);
}

static int
read_whole(int fd, uint8_t *out, size_t len)
{
	ssize_t n = recv(fd, out, len, MSG_WAITALL);

	if (n == (ssize_t)len)
		return 1;
	if (n < 0)
		return errno == ECONNRESET ? -1 : -2;
	return 0;
}

int
client_answer(int fd, uint8_t *out)
{
	uint8_t length[2];
	int got = read_whole(fd, length, 2);

	if (got != 1)
		return got;
	got = read_whole(fd, out, (size_t)(length[0] << 8 | length[1]));
	return got == 1 ? length[0] << 8 | length[1] : got;
}

void
client_expect(int fd, uint16_t id, int len)
{
	uint8_t m[65535];

	assert_int_equal(client_answer(fd, m), len);
	assert_int_equal(m[0] << 8 | m[1], id);
}

void
client_expect_end(int fd, uint64_t from_ms, uint64_t min_ms, uint64_t max_ms)
{
	uint8_t m[65535];

	assert_in_range(client_answer(fd, m) + 1, 0, 1);
	assert_in_range(now_ms() - from_ms, min_ms, max_ms);
	close(fd);
}
