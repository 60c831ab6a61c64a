/* SPDX-License-Identifier: GPL-3.0-or-later */
/* notify: one datagram. See notify.h. */
#include "config/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STATUS_OCTETS 256

static int notify_fd = -1;

int
notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd, rc = 0;
	size_t len;

	if (!name || !*name)
		return 0;
	len = strlen(name);
	/* a path, or '@' and a name in the abstract name space */
	if ((name[0] != '/' && name[0] != '@') || len >= sizeof sa.sun_path)
		return -EINVAL;
	memcpy(sa.sun_path, name, len);
	if (name[0] == '@')
		sa.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&sa,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	notify_fd = fd;
	unsetenv("NOTIFY_SOCKET");
	return 0;
}

/* Once: the socket is closed. */
static int
notify_send(const char *text, size_t len)
{
	int rc = 0;

	if (notify_fd >= 0 && send(notify_fd, text, len, MSG_NOSIGNAL) < 0)
		rc = -errno;
	notify_close();
	return rc;
}

int
notify_ready(const char *status)
{
	char text[STATUS_OCTETS];
	int n = snprintf(text, sizeof text, "READY=1\nSTATUS=%s", status);

	if (n >= (int)sizeof text) /* what of it fits */
		n = sizeof text - 1;
	return notify_send(text, (size_t)n);
}

int
notify_main_process(pid_t pid)
{
	char text[STATUS_OCTETS];
	int n = snprintf(text, sizeof text, "MAINPID=%ld", (long)pid);

	return notify_send(text, (size_t)n);
}

void
notify_close(void)
{
	if (notify_fd >= 0)
		close(notify_fd);
	notify_fd = -1;
}
