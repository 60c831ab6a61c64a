/* SPDX-License-Identifier: GPL-3.0-or-later */
/* listen: see listen.h. */
#include "config/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int
config_listen_tcp(const struct config_address *a, int backlog)
{
	const struct sockaddr *sa = (const struct sockaddr *)&a->sa;
	socklen_t len = sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						  : sizeof(struct sockaddr_in);
	int one = 1, ret, fd;

	fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (ret == 0 && sa->sa_family == AF_INET6)
		ret = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	if (ret == 0)
		ret = bind(fd, sa, len);
	if (ret == 0)
		ret = listen(fd, backlog);
	if (ret == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}
