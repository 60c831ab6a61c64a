/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transfer_peer: records, the messages of a transfer of them, and a primary that sends them to
 * whoever asks: one thread, one connection at a time. */
#pragma once
#include "changes_fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { A = 1, NS = 2, SOA = 6, TXT = 16 };

/* --- records and messages --- */

struct record {
	char owner[64];
	uint16_t type;
	uint32_t ttl;
	uint8_t rdata[64];
	uint16_t len;
};

struct answer {
	uint8_t *octets; /* messages, each behind its length; their IDs are the question's */
	size_t len;
};

static inline uint8_t *
put16(uint8_t *at, unsigned value)
{
	*at++ = (uint8_t)(value >> 8);
	*at++ = (uint8_t)value;
	return at;
}

static inline uint8_t *
put_name(uint8_t *at, const char *text)
{
	uint8_t name[ZONE_WIRE_OCTETS];

	wire(name, text);
	memcpy(at, name, name_octets(name));
	return at + name_octets(name);
}

static inline uint8_t *
put_record(uint8_t *at, const struct record *r)
{
	at = put_name(at, r->owner);
	at = put16(at, r->type);
	at = put16(at, 1);
	at = put16(put16(at, r->ttl >> 16), r->ttl & 0xffff);
	at = put16(at, r->len);
	memcpy(at, r->rdata, r->len);
	return at + r->len;
}

/* @param a_message  records of one */
static inline struct answer
make_answer(const char *zone, const struct record *r, size_t n, size_t a_message)
{
	struct answer out = {.octets = malloc(65536 + n * 300)};
	uint8_t *at = out.octets;

	for (size_t i = 0; i < n; i += a_message) {
		size_t k = i + a_message < n ? a_message : n - i;
		uint8_t *start = at;
		memset(at, 0, 14);
		put16(at + 4, 0x8400);
		put16(at + 6, 1);
		put16(at + 8, (unsigned)k);
		at = put16(put16(put_name(at + 14, zone), 252), 1);
		for (size_t j = 0; j < k; j++)
			at = put_record(at, &r[i + j]);
		put16(start, (unsigned)(at - start - 2));
	}
	out.len = (size_t)(at - out.octets);
	return out;
}

static inline struct record
make_soa(const char *zone, uint32_t serial)
{
	struct record r = {.type = SOA, .ttl = 60, .rdata = {0, 0}, .len = 22};

	snprintf(r.owner, sizeof r.owner, "%s", zone);
	put16(put16(r.rdata + 2, serial >> 16), serial & 0xffff);
	return r;
}

/* --- the primary --- */

struct primary {
	int fd;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock;
	struct answer answer;
	_Atomic unsigned delay_ms;
	_Atomic unsigned asked;
};

static inline void
answer_one(struct primary *p, int fd)
{
	uint8_t question[512];
	ssize_t n = recv(fd, question, sizeof question, 0);
	size_t at = 0;

	if (n < 14)
		return;
	atomic_fetch_add(&p->asked, 1);
	usleep(p->delay_ms * 1000);
	pthread_mutex_lock(&p->lock);
	while (at < p->answer.len) {
		uint8_t *m = p->answer.octets + at;
		memcpy(m + 2, question + 2, 2);
		at += 2 + (size_t)(m[0] << 8 | m[1]);
	}
	(void)send(fd, p->answer.octets, p->answer.len, MSG_NOSIGNAL);
	pthread_mutex_unlock(&p->lock);
}

static inline void *
run_primary(void *arg)
{
	struct primary *p = arg;
	int fd;

	while ((fd = accept(p->fd, NULL, NULL)) >= 0) {
		answer_one(p, fd);
		close(fd);
	}
	return NULL;
}

static inline void
start_primary(struct primary *p)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof sa;

	*p = (struct primary){.fd = socket(AF_INET, SOCK_STREAM, 0)};
	pthread_mutex_init(&p->lock, NULL);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(listen(p->fd, 64), 0);
	assert_int_equal(getsockname(p->fd, (struct sockaddr *)&sa, &len), 0);
	p->port = ntohs(sa.sin_port);
	assert_int_equal(pthread_create(&p->thread, NULL, run_primary, p), 0);
}

static inline void
set_answer(struct primary *p, struct answer a)
{
	pthread_mutex_lock(&p->lock);
	free(p->answer.octets);
	p->answer = a;
	pthread_mutex_unlock(&p->lock);
}

static inline void
stop_primary(struct primary *p)
{
	shutdown(p->fd, SHUT_RDWR);
	pthread_join(p->thread, NULL);
	close(p->fd);
	free(p->answer.octets);
	pthread_mutex_destroy(&p->lock);
}
