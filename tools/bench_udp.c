/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_udp: millrace-bench over connected kernel UDP sockets, a burst a system call. Each socket
 * is a flow, so a server that spreads clients over threads by source port sees several. */
#include "tools/bench.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_ROOM 4096u
#define SPIN_NS 50000u    /* look again this long before sleeping */
#define SLEEP_NS 1000000u /* at most, so that the rate and the end are kept */
#define BUFFER_OCTETS (4 << 20)

struct bench_udp {
	unsigned n;
	struct pollfd *fd;
	struct mmsghdr rx[BENCH_BURST], tx[BENCH_BURST];
	struct iovec rx_io[BENCH_BURST], tx_io[BENCH_BURST];
	uint8_t answer[BENCH_BURST][ANSWER_ROOM];
	uint8_t query[BENCH_BURST][BENCH_QUERY_OCTETS_MAX];
	unsigned tx_from, tx_to, tx_flow; /* made, but not yet taken by the kernel */
};

int
bench_server_address(const char *text, struct sockaddr_storage *sa, socklen_t *len)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)sa;
	const char *colon = strrchr(text, ':'), *end = strchr(text, ']');
	bool bare6 = text[0] != '[' && colon != strchr(text, ':');
	unsigned long port = 53;
	char host[64], *rest;

	if (colon != NULL && !bare6 && (end == NULL || colon == end + 1)) {
		port = strtoul(colon + 1, &rest, 10);
		if (colon[1] == 0 || *rest != 0 || port == 0 || port > 65535)
			return -EINVAL;
	} else {
		colon = text + strlen(text);
	}
	const char *start = text + (text[0] == '[');
	size_t n = (size_t)((text[0] == '[' && end != NULL ? end : colon) - start);
	if (n >= sizeof host)
		return -EINVAL;
	memcpy(host, start, n);
	host[n] = 0;
	memset(sa, 0, sizeof *sa);
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*len = sizeof *v4;
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*len = sizeof *v6;
	} else {
		return -EINVAL;
	}
	return 0;
}

static int
open_sockets(struct bench_udp *u, const struct sockaddr_storage *sa, socklen_t len)
{
	int octets = BUFFER_OCTETS;

	for (unsigned i = 0; i < u->n; i++) {
		int fd = socket(sa->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			return -errno;
		u->fd[i] = (struct pollfd){.fd = fd, .events = POLLIN};
		/* larger than the system's limit only for root; smaller buffers do as well, with
		 * more loss */
		if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets) != 0)
			(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets);
		if (connect(fd, (const struct sockaddr *)sa, len) != 0)
			return -errno;
	}
	return 0;
}

static void
prepare_messages(struct bench_udp *u)
{
	for (unsigned i = 0; i < BENCH_BURST; i++) {
		u->rx_io[i] = (struct iovec){u->answer[i], ANSWER_ROOM};
		u->rx[i].msg_hdr = (struct msghdr){.msg_iov = &u->rx_io[i], .msg_iovlen = 1};
		u->tx_io[i].iov_base = u->query[i];
		u->tx[i].msg_hdr = (struct msghdr){.msg_iov = &u->tx_io[i], .msg_iovlen = 1};
	}
}

/* Make a burst for the flow that is next. A run of BENCH_BURST sequence numbers has the same flow.
 */
static void
make_burst(struct bench *b, struct bench_udp *u, uint64_t now)
{
	unsigned in_run = BENCH_BURST - (unsigned)(b->next % BENCH_BURST);
	unsigned n = bench_budget(b, now, in_run);

	u->tx_from = 0;
	u->tx_to = n;
	u->tx_flow = bench_flow(b, b->next);
	for (unsigned i = 0; i < n; i++) {
		const struct bench_query *q;
		uint16_t id = bench_id(b, bench_take(b, now, &q));
		memcpy(u->query[i], bench_query_octets(b, q), q->len);
		u->query[i][0] = (uint8_t)(id >> 8);
		u->query[i][1] = (uint8_t)id;
		u->tx_io[i].iov_len = q->len;
	}
}

/* Returns how many the kernel took. */
static unsigned
send_some(struct bench *b, struct bench_udp *u, uint64_t now)
{
	if (u->tx_from == u->tx_to)
		make_burst(b, u, now);
	if (u->tx_from == u->tx_to)
		return 0;
	int n = sendmmsg(
		u->fd[u->tx_flow].fd, u->tx + u->tx_from, u->tx_to - u->tx_from, MSG_DONTWAIT);
	if (n <= 0)
		return 0; /* no room, or a port unreachable that was reported late: try again */
	u->tx_from += (unsigned)n;
	return (unsigned)n;
}

static unsigned
receive_some(struct bench *b, struct bench_udp *u, unsigned flow)
{
	int n = recvmmsg(u->fd[flow].fd, u->rx, BENCH_BURST, MSG_DONTWAIT, NULL);
	if (n <= 0)
		return 0;
	uint64_t now = bench_now();
	for (int i = 0; i < n; i++)
		bench_answer(b, flow, u->answer[i], u->rx[i].msg_len, now);
	b->r.polls++;
	b->r.polls_full += n == (int)BENCH_BURST;
	return (unsigned)n;
}

static void
run_loop(struct bench *b, struct bench_udp *u)
{
	uint64_t now = bench_now(), worked = now, before;

	bench_start(b, now);
	while (!bench_over(b, now)) {
		unsigned did = 0;
		before = now;
		/* which sockets have something is one call; asking each would be one a socket */
		struct timespec wait = {0, 0};
		if (now - worked > SPIN_NS && u->tx_from == u->tx_to)
			wait.tv_nsec = b->interval_ns > 0 && b->interval_ns < SLEEP_NS
					       ? (long)b->interval_ns
					       : (long)SLEEP_NS;
		if (b->in_flight != 0 || wait.tv_nsec != 0) {
			int ready = u->n == 1 && wait.tv_nsec == 0
					    ? 1
					    : ppoll(u->fd, u->n, &wait, NULL);
			for (unsigned i = 0; i < u->n && ready > 0; i++)
				if (u->n == 1 || (u->fd[i].revents & (POLLIN | POLLERR)) != 0)
					did += receive_some(b, u, i);
		}
		now = bench_now();
		bench_expire(b, now);
		did += send_some(b, u, now);
		if (did != 0)
			worked = now;
		else if (b->sending)
			b->r.idle_ns += now - before;
	}
}

int
bench_udp_run(struct bench *b)
{
	struct bench_udp *u = calloc(1, sizeof *u);
	struct sockaddr_storage sa;
	socklen_t len;
	int ret = -ENOMEM;

	if (u == NULL)
		return ret;
	u->n = 1u << b->flow_bits;
	u->fd = calloc(u->n, sizeof *u->fd);
	if (u->fd == NULL)
		goto done;
	for (unsigned i = 0; i < u->n; i++)
		u->fd[i].fd = -1;
	ret = bench_server_address(b->o.server, &sa, &len);
	if (ret != 0) {
		fprintf(stderr,
			"millrace-bench: --server %s: not ADDR, ADDR:PORT or [ADDR6]:PORT\n",
			b->o.server);
		goto done;
	}
	ret = open_sockets(u, &sa, len);
	if (ret != 0) {
		fprintf(stderr, "millrace-bench: sockets to %s: %s\n", b->o.server, strerror(-ret));
		goto done;
	}
	prepare_messages(u);
	run_loop(b, u);
done:
	for (unsigned i = 0; u->fd != NULL && i < u->n; i++)
		if (u->fd[i].fd >= 0)
			close(u->fd[i].fd);
	free(u->fd);
	free(u);
	return ret;
}
