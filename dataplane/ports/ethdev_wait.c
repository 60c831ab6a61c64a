/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_wait: DPDK has no call for the descriptor under an AF_XDP or AF_PACKET queue; it is found
 * as the socket of its family that was not there before the driver opened it. Sleeping and
 * waking only: nothing here runs while packets come. */
#include "dataplane/ports/ethdev_wait.h"

#include <dirent.h>
#include <errno.h>
#include <rte_ethdev.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool
is_family(int fd, int family)
{
	int domain;
	socklen_t len = sizeof domain;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == family;
}

void
ethdev_sockets_note(struct ethdev_sockets *s, int family)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *entry;

	s->family = family;
	s->n = 0;
	while (d != NULL && s->n < ETHDEV_SOCKETS_MAX && (entry = readdir(d)) != NULL) {
		int fd = atoi(entry->d_name);
		if (entry->d_name[0] != '.' && is_family(fd, family))
			s->fd[s->n++] = fd;
	}
	if (d != NULL)
		closedir(d);
}

static int
by_number(const void *a, const void *b)
{
	return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b;
}

unsigned
ethdev_sockets_new(const struct ethdev_sockets *before, int fd[], unsigned room)
{
	struct ethdev_sockets now;
	unsigned n = 0;

	if (before->n == ETHDEV_SOCKETS_MAX)
		return 0;
	ethdev_sockets_note(&now, before->family);
	for (unsigned i = 0; i < now.n; i++) {
		bool old = false;
		for (unsigned k = 0; k < before->n && !old; k++)
			old = before->fd[k] == now.fd[i];
		if (old)
			continue;
		if (n < room)
			fd[n] = now.fd[i];
		n++;
	}
	if (n > room)
		return 0;
	qsort(fd, n, sizeof fd[0], by_number);
	return n;
}

uint64_t
ethdev_socket_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == 0 ? cookie : 0;
}

/* Drivers that can be asked for interrupts say so by letting us have one; tap only has a
 * descriptor. */
static enum ethdev_wait_kind
ask_driver(uint16_t port_id, uint16_t queue_id, int *fd)
{
	struct rte_eth_dev_info info;
	int err;

	*fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port_id, queue_id);
	if (*fd < 0)
		return ETHDEV_WAIT_NONE;
	err = rte_eth_dev_rx_intr_enable(port_id, queue_id);
	if (err == 0) {
		(void)rte_eth_dev_rx_intr_disable(port_id, queue_id);
		return ETHDEV_WAIT_INTERRUPT;
	}
	if (err == -ENOTSUP && rte_eth_dev_info_get(port_id, &info) == 0 &&
		strcmp(info.driver_name, "net_tap") == 0)
		return ETHDEV_WAIT_SOCKET;
	return ETHDEV_WAIT_NONE;
}

static int
watch(int epoll_fd, int fd)
{
	struct epoll_event e = {.events = EPOLLIN};
	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
}

void
ethdev_wait_open(struct ethdev_wait *w, uint16_t port_id, uint16_t queue_id, int socket)
{
	*w = (struct ethdev_wait){.fd = -1, .rx = socket, .sleeper = {.bell = -1}};
	w->kind = socket >= 0 ? ETHDEV_WAIT_SOCKET : ask_driver(port_id, queue_id, &w->rx);
	if (w->kind == ETHDEV_WAIT_NONE)
		return;
	w->fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->fd >= 0 && sleeper_open(&w->sleeper) == 0 && watch(w->fd, w->rx) == 0 &&
		watch(w->fd, w->sleeper.bell) == 0)
		return;
	ethdev_wait_close(w); /* no descriptors left: poll */
	w->kind = ETHDEV_WAIT_NONE;
}

void
ethdev_wait_close(struct ethdev_wait *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	sleeper_close(&w->sleeper);
}

bool
ethdev_wait_arm(struct ethdev_wait *w, uint16_t port_id, uint16_t queue_id)
{
	sleeper_arm(&w->sleeper);
	if (w->kind != ETHDEV_WAIT_INTERRUPT)
		return true;
	if (rte_eth_dev_rx_intr_enable(port_id, queue_id) != 0)
		return false;
	/* what came before the interrupt was asked for may not raise it; -ENOTSUP is no packet */
	return rte_eth_rx_queue_count(port_id, queue_id) <= 0;
}

void
ethdev_wait_disarm(struct ethdev_wait *w, uint16_t port_id, uint16_t queue_id)
{
	uint64_t n;

	sleeper_disarm(&w->sleeper);
	if (w->kind != ETHDEV_WAIT_INTERRUPT)
		return;
	(void)rte_eth_dev_rx_intr_disable(port_id, queue_id);
	if (read(w->rx, &n, sizeof n) < 0) {
		/* EAGAIN: no interrupt came */
	}
}
