/* SPDX-License-Identifier: GPL-3.0-or-later */
/* doorbell: see doorbell.h. Both ends hold the FIFO open for reading and writing, so neither blocks
 * at open, gets SIGPIPE, or sees end of file when the other one dies. */
#include "shm/doorbell.h"

#include "shm/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Octets taken out by one read; a ringer adds one each, and only for an announced sleep. */
#define DRAIN_OCTETS 512
#define DRAIN_READS_MAX 256 /* together more than a FIFO holds (64 KiB) */

int
doorbell_open(const char *path)
{
	struct stat st;
	bool made = mkfifo(path, 0660) == 0;
	int fd, err;

	if (!made && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode)) {
		close(fd);
		return -ENXIO;
	}
	if (made && (err = hub_share_file(fd, path, 0660)) < 0) {
		close(fd);
		return err;
	}
	return fd;
}

void
doorbell_ring(int fd)
{
	ssize_t n = write(fd, "", 1);
	(void)n; /* EAGAIN: full of rings that nobody has answered yet, so it rings */
}

void
doorbell_drain(int fd)
{
	char buf[DRAIN_OCTETS];

	for (unsigned i = 0; i < DRAIN_READS_MAX; i++)
		if (read(fd, buf, sizeof buf) < (ssize_t)sizeof buf)
			return;
}
