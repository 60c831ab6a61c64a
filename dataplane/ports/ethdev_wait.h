/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ethdev_wait: lets a worker sleep until a queue of a DPDK device has something: on the socket
 * under an AF_XDP or AF_PACKET queue or a tap, or on the receive interrupt of a network card. Where
 * neither can be had (memif) the queue is polled. Internal to dataplane/ports. */
#pragma once
#include "dataplane/ports/sleeper.h"

#include <stdbool.h>
#include <stdint.h>

#define ETHDEV_SOCKETS_MAX 256u /* packet sockets of this process that are told apart */

enum ethdev_wait_kind {
	ETHDEV_WAIT_NONE,      /* poll */
	ETHDEV_WAIT_SOCKET,    /* readable while there are packets */
	ETHDEV_WAIT_INTERRUPT, /* readable after an interrupt, which must be asked for each time */
};

struct ethdev_wait {
	enum ethdev_wait_kind kind;
	int fd;                 /* to wait for: an epoll descriptor; -1: poll */
	int rx;                 /* the device's own, not ours to close */
	struct sleeper sleeper; /* who else has something for this queue rings here */
};

/* The packet sockets that a process has, to find those that a driver opens. */
struct ethdev_sockets {
	int family; /* AF_XDP or AF_PACKET */
	unsigned n;
	int fd[ETHDEV_SOCKETS_MAX];
};

/** Note which sockets of this family there are. Thread: main, while no other opens any. */
void ethdev_sockets_note(struct ethdev_sockets *s, int family);
/**
 * Those that came since, by number, and so in the order in which they were opened: the kernel gives
 * the lowest that is free, and nothing is closed meanwhile.
 * @return how many; 0 also when they are more than `room`
 */
unsigned ethdev_sockets_new(const struct ethdev_sockets *before, int fd[], unsigned room);

/** What tells a socket from all others of this machine, whose descriptor may be used again; 0: it
 * is none. */
uint64_t ethdev_socket_cookie(int fd);

/**
 * Find out how a queue of a started device can be waited for.
 * @param socket  under it, of ethdev_sockets_new(), or -1: ask the driver
 * @return w->fd is -1 when it must be polled; end with ethdev_wait_close()
 */
void ethdev_wait_open(struct ethdev_wait *w, uint16_t port_id, uint16_t queue_id, int socket);
void ethdev_wait_close(struct ethdev_wait *w);

/**
 * The worker is about to sleep: ask for the interrupt. Thread: the queue's worker.
 * @return false when a packet is there already
 */
bool ethdev_wait_arm(struct ethdev_wait *w, uint16_t port_id, uint16_t queue_id);
/** It is awake again. */
void ethdev_wait_disarm(struct ethdev_wait *w, uint16_t port_id, uint16_t queue_id);
