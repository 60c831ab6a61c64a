/* SPDX-License-Identifier: GPL-3.0-or-later */
/* socket: a kernel UDP socket as a port. Needs no privileges, huge pages or EAL. One socket for
 * each worker and listen address (SO_REUSEPORT); the kernel spreads queries over them. */
#pragma once
#include "config/config.h"
#include "dataplane/ports/port.h"

/**
 * Is an address free for us? With SO_REUSEPORT another program of the same user would otherwise
 * silently share its queries with us. Thread: control, before the first socket_port_open() for it.
 * @return 0, -EADDRINUSE, -EADDRNOTAVAIL, -EACCES or another negative errno of bind(2)
 */
int socket_port_probe(const struct config_address *a) __attribute__((warn_unused_result));

/**
 * A bound socket with all options that a port's has, of which there may be several (SO_REUSEPORT).
 * @return descriptor for socket_port_inherit(), or negative errno
 */
int socket_open(const struct config_address *a);
/**
 * Open one worker's socket. Thread: control.
 * @param[out] out  closed with its ops->close(); untouched on error
 * @return 0, -ENOMEM or the negative errno of the system call that failed
 */
int socket_port_open(struct port **out, const struct config_address *a, struct counters *counters)
	__attribute__((warn_unused_result));

/**
 * A port over a socket that another process opened for this address (takeover.h).
 * @param fd  owned by the port, unless this fails
 * @return 0 or negative errno
 */
int socket_port_inherit(struct port **out, int fd, const struct config_address *a,
	struct counters *counters) __attribute__((warn_unused_result));
/**
 * Have the kernel choose at random among the sockets of this address for each query. Left alone it
 * chooses by a hash of the client, and a heavy client keeps one worker busy while others sleep.
 * Thread: control, once for an address, when all of its sockets are open.
 * @param fd  one of them
 * @param n   how many there are
 * @return 0 or negative errno; then clients are spread, as without
 */
int socket_spread(int fd, unsigned n);
/** Is this a UDP socket that is bound to this address? */
bool socket_port_is_bound_to(int fd, const struct config_address *a);
/** Descriptor of a socket's port, for a successor; -1 when it is another kind of port. */
int socket_port_fd(const struct port *p);
