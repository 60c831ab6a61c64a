/* SPDX-License-Identifier: GPL-3.0-or-later */
/* socket: bursts of recvmmsg(2) and sendmmsg(2). The one port whose packet path is system calls,
 * two a burst. All buffers are made at open; the response is written where the query was read. */
#include "dataplane/ports/socket.h"

#include "dataplane/capture/tap.h"
#include "dataplane/ports/synthetic.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM 4096u          /* octets of a query or response: the largest answers.udp_payload_max */
#define STRIDE (ROOM + 64u) /* the engine may read behind a name; an odd number of cache lines */
#define SEND_TRIES 4u       /* sendmmsg calls without progress before a response is dropped */
#define KERNEL_BUFFER (4 << 20) /* octets asked for, each way; the kernel may give less */

static_assert(ROOM + SYNTHETIC_HEADERS_MAX <= TAP_PACKET_OCTETS, "a frame around a message");

union peer {
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

union control {
	struct cmsghdr align;
	uint8_t ip4[CMSG_SPACE(sizeof(struct in_pktinfo))];
	uint8_t ip6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct socket_port {
	struct port port;
	int fd;
	bool ip6;
	bool wildcard;              /* bound to no address: replies must name theirs */
	struct synthetic_end local; /* bound to; for captures */
	uint8_t kept[PORT_BURST];   /* slot of each query handed out */
	struct mmsghdr rx[PORT_BURST], tx[PORT_BURST];
	struct iovec rx_iov[PORT_BURST], tx_iov[PORT_BURST];
	union peer peer[PORT_BURST];
	union control control[PORT_BURST];
	_Alignas(64) uint8_t buffer[PORT_BURST][STRIDE];
};

/* Make the received packet information say where the reply leaves from; false: do not answer. */
static bool
prepare_reply_source(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	if (c == NULL)
		return true;
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo *i = (struct in_pktinfo *)CMSG_DATA(c);
		i->ipi_ifindex = 0; /* routing decides */
		/* not equal: it came to a broadcast or multicast address */
		return i->ipi_addr.s_addr == i->ipi_spec_dst.s_addr;
	}
	if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo *i = (struct in6_pktinfo *)CMSG_DATA(c);
		if (!IN6_IS_ADDR_LINKLOCAL(&i->ipi6_addr))
			i->ipi6_ifindex = 0;
		return !IN6_IS_ADDR_MULTICAST(&i->ipi6_addr);
	}
	return true;
}

static void
set_client(const struct socket_port *s, const union peer *from, struct answer_query *q)
{
	if (s->ip6) {
		memcpy(q->client, &from->in6.sin6_addr, 16);
		q->transport = ANSWER_UDP6;
	} else {
		memset(q->client, 0, 10);
		memset(q->client + 10, 0xff, 2);
		memcpy(q->client + 12, &from->in.sin_addr, 4);
		q->transport = ANSWER_UDP4;
	}
}

/* --- captures --- */

static void
peer_end(const struct socket_port *s, unsigned slot, struct synthetic_end *out)
{
	const union peer *p = &s->peer[slot];

	if (s->ip6)
		memcpy(out->address, &p->in6.sin6_addr, 16);
	else
		memcpy(out->address, &p->in.sin_addr, 4);
	out->port_be = p->in.sin_port; /* the same place in both */
}

/* Our end of what lies in a slot: with no address of its own the socket has it from the kernel. */
static void
local_end(const struct socket_port *s, unsigned slot, struct synthetic_end *out)
{
	const struct msghdr *m = &s->rx[slot].msg_hdr;
	const struct cmsghdr *c = m->msg_controllen != 0 ? CMSG_FIRSTHDR(m) : NULL;

	*out = s->local;
	if (c != NULL && c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
		memcpy(out->address, &((const struct in_pktinfo *)CMSG_DATA(c))->ipi_addr, 4);
	else if (c != NULL && c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
		memcpy(out->address, &((const struct in6_pktinfo *)CMSG_DATA(c))->ipi6_addr, 16);
}

/* A frame around the message in a slot, in the tap's memory. */
static struct tap_packet
make_frame(const struct socket_port *s, unsigned slot, const uint8_t *dns, uint32_t len, bool in)
{
	struct capture_tap *t = s->port.tap;
	struct synthetic_end peer, local;
	uint32_t octets;

	peer_end(s, slot, &peer);
	local_end(s, slot, &local);
	octets = synthetic_frame(
		t->packet, s->ip6, in ? &peer : &local, in ? &local : &peer, dns, len);
	return (struct tap_packet){t->packet, octets, octets, s->port.tap_index};
}

/* Dropped datagrams, by slot, and queries. */
static __attribute__((cold, noinline)) void
capture_received(const struct socket_port *s, unsigned n_kept, const uint8_t *bad,
	const enum counter *why, unsigned n_bad)
{
	struct capture_tap *t = s->port.tap;
	uint32_t i;

	for (i = tap_first(t); i < n_bad + n_kept; i = tap_next(t, i)) {
		unsigned slot = i < n_bad ? bad[i] : s->kept[i - n_bad];
		struct tap_packet p =
			make_frame(s, slot, s->buffer[slot], s->rx[slot].msg_len, true);
		if (i < n_bad)
			tap_drop(t, &p, why[i]);
		else
			tap_query(t, i - n_bad, &p);
	}
	tap_over(t, i, n_bad + n_kept);
}

/* @param dropped  by number of the message sent */
static __attribute__((cold, noinline)) void
capture_sent(
	const struct socket_port *s, const struct answer_query *q, unsigned n, uint32_t dropped)
{
	for (unsigned i = 0, k = 0; i < n; i++) {
		struct capture_record *r = NULL;
		if (q[i].out_len == 0)
			continue;
		if (tap_picked(s->port.tap, i)) {
			struct tap_packet p =
				make_frame(s, s->kept[i], q[i].dns, q[i].out_len, false);
			r = tap_answer(s->port.tap, &p);
		}
		if ((dropped >> k++ & 1) != 0)
			tap_dropped(r, CTR_D_TX_FULL);
	}
}

/* --- bursts --- */

static unsigned
socket_receive(struct port *p, struct answer_query *q, unsigned max)
{
	struct socket_port *s = (struct socket_port *)p;
	enum counter why[PORT_BURST];
	uint8_t bad[PORT_BURST];
	unsigned n_kept = 0, n_bad = 0;
	int n;

	for (unsigned i = 0; i < max; i++) {
		s->rx[i].msg_hdr.msg_namelen = sizeof s->peer[i];
		s->rx[i].msg_hdr.msg_controllen = s->wildcard ? sizeof s->control[i] : 0;
	}
	n = recvmmsg(s->fd, s->rx, max, MSG_DONTWAIT, NULL);
	p->n_taken = n > 0 ? (unsigned)n : 0;
	for (unsigned i = 0; i < p->n_taken; i++) {
		struct msghdr *m = &s->rx[i].msg_hdr;
		/* the same place in both kinds of address */
		if (s->peer[i].in.sin_port == 0) {
			bad[n_bad] = (uint8_t)i;
			why[n_bad++] = CTR_D_PORT0;
			continue;
		}
		if (m->msg_flags & MSG_TRUNC) {
			bad[n_bad] = (uint8_t)i;
			why[n_bad++] = CTR_D_UDP_LENGTH;
			continue;
		}
		if (s->wildcard && !prepare_reply_source(m)) {
			bad[n_bad] = (uint8_t)i;
			why[n_bad++] = CTR_D_NOT_OURS;
			continue;
		}
		q[n_kept].dns = s->buffer[i];
		q[n_kept].len = s->rx[i].msg_len;
		q[n_kept].room = ROOM;
		set_client(s, &s->peer[i], &q[n_kept]);
		s->kept[n_kept++] = (uint8_t)i;
	}
	for (unsigned i = 0; i < n_bad; i++)
		counter_add(p->counters, why[i], 1);
	if (__builtin_expect(p->tap != NULL, 0))
		capture_received(s, n_kept, bad, why, n_bad);
	return n_kept;
}

static void
socket_transmit(struct port *p, const struct answer_query *q, unsigned n)
{
	struct socket_port *s = (struct socket_port *)p;
	unsigned n_tx = 0, at = 0, tries = 0, n_dropped = 0;
	uint32_t dropped = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct msghdr *from = &s->rx[s->kept[i]].msg_hdr;
		struct msghdr *to = &s->tx[n_tx].msg_hdr;
		if (q[i].out_len == 0)
			continue;
		s->tx_iov[n_tx] = (struct iovec){.iov_base = q[i].dns, .iov_len = q[i].out_len};
		to->msg_name = from->msg_name;
		to->msg_namelen = from->msg_namelen;
		to->msg_control = from->msg_controllen ? from->msg_control : NULL;
		to->msg_controllen = from->msg_controllen;
		n_tx++;
	}
	while (at < n_tx) {
		int sent = sendmmsg(s->fd, s->tx + at, n_tx - at, MSG_DONTWAIT);
		if (sent > 0) {
			at += (unsigned)sent;
			tries = 0;
			continue;
		}
		if ((errno == EAGAIN || errno == EINTR || errno == ENOBUFS) && ++tries < SEND_TRIES)
			continue;
		/* this one cannot be sent (no route, firewall, no room): the others may */
		dropped |= 1u << at++;
		n_dropped++;
		tries = 0;
	}
	if (n_dropped)
		counter_add(p->counters, CTR_D_TX_FULL, n_dropped);
	if (__builtin_expect(p->tap != NULL && tap_wants_answers(p->tap), 0))
		capture_sent(s, q, n, dropped);
}

static void
socket_close(struct port *p)
{
	struct socket_port *s = (struct socket_port *)p;
	close(s->fd);
	free(s);
}

/* Datagrams that the kernel threw away: the buffer was full, or the sum was wrong. */
static void
socket_figures(struct port *p, struct port_figures *sum)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t len = sizeof info;

	if (getsockopt(p->wait_fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 &&
		len > SK_MEMINFO_DROPS * sizeof info[0])
		sum->counter[PCTR_RX_MISSED] += info[SK_MEMINFO_DROPS];
}

static const struct port_ops socket_ops = {
	.figures = socket_figures,
	.receive = socket_receive,
	.transmit = socket_transmit,
	.close = socket_close,
};

static socklen_t
address_len(const struct config_address *a)
{
	return a->sa.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					   : sizeof(struct sockaddr_in);
}

int
socket_port_probe(const struct config_address *a)
{
	static const int on = 1;
	int fd = socket(a->sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	if (a->sa.ss_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		err = -errno;
	if (err == 0 && bind(fd, (const struct sockaddr *)&a->sa, address_len(a)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Options that must hold, and those that only help. */
static int
set_options(int fd, bool ip6, bool wildcard)
{
	static const int on = 1, buffer = KERNEL_BUFFER;
	/* Never let a forged "fragmentation needed" make us send fragments, nor set DF: as the
	 * other servers do; answers.udp_payload_max keeps responses below the common MTU */
	static const int omit4 = IP_PMTUDISC_OMIT, omit6 = IPV6_PMTUDISC_OMIT;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
		return -errno;
	if (ip6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
		return -errno;
	if (wildcard && setsockopt(fd, ip6 ? IPPROTO_IPV6 : IPPROTO_IP,
				ip6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof on) < 0)
		return -errno;
	if (ip6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &omit6, sizeof omit6) < 0
		: setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &omit4, sizeof omit4) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	return 0;
}

static bool
is_wildcard(const struct config_address *a)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a->sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->sa;
	return a->sa.ss_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr)
					   : in->sin_addr.s_addr == 0;
}

/* A port over a bound socket, which it owns from here on. */
static int
make_port(struct port **out, int fd, const struct config_address *a, struct counters *counters)
{
	struct socket_port *s = aligned_alloc(64, sizeof *s);
	char text[64];

	if (s == NULL)
		return -ENOMEM;
	memset(s, 0, sizeof *s);
	s->fd = fd;
	s->ip6 = a->sa.ss_family == AF_INET6;
	s->wildcard = is_wildcard(a);
	if (s->ip6)
		memcpy(s->local.address, &((const struct sockaddr_in6 *)&a->sa)->sin6_addr, 16);
	else
		memcpy(s->local.address, &((const struct sockaddr_in *)&a->sa)->sin_addr, 4);
	s->local.port_be = ((const struct sockaddr_in *)&a->sa)->sin_port;
	for (unsigned i = 0; i < PORT_BURST; i++) {
		s->rx_iov[i] = (struct iovec){.iov_base = s->buffer[i], .iov_len = ROOM};
		s->rx[i].msg_hdr.msg_iov = &s->rx_iov[i];
		s->rx[i].msg_hdr.msg_iovlen = 1;
		s->rx[i].msg_hdr.msg_name = &s->peer[i];
		s->rx[i].msg_hdr.msg_control = &s->control[i];
		s->tx[i].msg_hdr.msg_iov = &s->tx_iov[i];
		s->tx[i].msg_hdr.msg_iovlen = 1;
	}
	s->port = (struct port){
		.ops = &socket_ops, .counters = counters, .wait_fd = s->fd, .costly = true};
	config_format_address(a, text);
	snprintf(s->port.name, sizeof s->port.name, "%s", text);
	*out = &s->port;
	return 0;
}

int
socket_open(const struct config_address *a)
{
	int fd = socket(a->sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	err = set_options(fd, a->sa.ss_family == AF_INET6, is_wildcard(a));
	if (err == 0 && bind(fd, (const struct sockaddr *)&a->sa, address_len(a)) < 0)
		err = -errno;
	if (err == 0)
		return fd;
	close(fd);
	return err;
}

int
socket_port_open(struct port **out, const struct config_address *a, struct counters *counters)
{
	int fd = socket_open(a), err = fd < 0 ? fd : make_port(out, fd, a, counters);

	if (fd >= 0 && err != 0)
		close(fd);
	return err;
}

int
socket_port_inherit(
	struct port **out, int fd, const struct config_address *a, struct counters *counters)
{
	/* its options are those that it was made with: some cannot be set again once it is bound */
	return make_port(out, fd, a, counters);
}

int
socket_spread(int fd, unsigned n)
{
	const struct sock_filter program[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)},
		{BPF_ALU | BPF_MOD | BPF_K, 0, 0, n},
		{BPF_RET | BPF_A, 0, 0, 0},
	};
	const struct sock_fprog f = {
		.len = sizeof program / sizeof program[0],
		.filter = (struct sock_filter *)(uintptr_t)program,
	};

	if (n < 2)
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &f, sizeof f) < 0 ? -errno : 0;
}

bool
socket_port_is_bound_to(int fd, const struct config_address *a)
{
	struct sockaddr_storage is = {0};
	socklen_t len = sizeof is, type_len = sizeof(int);
	int type = 0;

	if (getsockname(fd, (struct sockaddr *)&is, &len) < 0 ||
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) < 0 || type != SOCK_DGRAM ||
		is.ss_family != a->sa.ss_family)
		return false;
	if (is.ss_family == AF_INET6) {
		const struct sockaddr_in6 *x = (const struct sockaddr_in6 *)&is;
		const struct sockaddr_in6 *y = (const struct sockaddr_in6 *)&a->sa;
		return x->sin6_port == y->sin6_port && x->sin6_scope_id == y->sin6_scope_id &&
		       memcmp(&x->sin6_addr, &y->sin6_addr, sizeof x->sin6_addr) == 0;
	}
	const struct sockaddr_in *x = (const struct sockaddr_in *)&is;
	const struct sockaddr_in *y = (const struct sockaddr_in *)&a->sa;
	return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
}

int
socket_port_fd(const struct port *p)
{
	return p->ops == &socket_ops ? ((const struct socket_port *)p)->fd : -1;
}
