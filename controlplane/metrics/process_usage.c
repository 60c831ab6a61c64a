/* SPDX-License-Identifier: GPL-3.0-or-later */
/* process_usage: reads /proc/PID/stat (proc(5)). */
#include "controlplane/metrics/process_usage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STAT_OCTETS_MAX 1024u
/* fields of the line, counted from the state, which follows the name in parentheses */
enum { FIELD_UTIME = 11, FIELD_STIME = 12, FIELD_START = 19, FIELD_RESIDENT = 21, FIELDS };

static int
read_stat(pid_t pid, char text[STAT_OCTETS_MAX])
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ESRCH;
	n = read(fd, text, STAT_OCTETS_MAX - 1);
	close(fd);
	if (n <= 0)
		return -ESRCH;
	text[n] = '\0';
	return 0;
}

int
process_usage(pid_t pid, struct process_usage *out)
{
	uint64_t field[FIELDS] = {0}, hz = (uint64_t)sysconf(_SC_CLK_TCK);
	char text[STAT_OCTETS_MAX], *at, *rest;
	struct timespec now, boot;

	memset(out, 0, sizeof *out);
	if (read_stat(pid, text) != 0)
		return -ESRCH;
	/* a name may have spaces and parentheses, but nothing behind it has */
	at = strrchr(text, ')');
	if (at == NULL || at[1] != ' ')
		return -ESRCH;
	at += 3; /* ") S" */
	for (unsigned i = 1; i < FIELDS; i++) {
		field[i] = strtoull(at, &rest, 10);
		if (rest == at)
			return -ESRCH;
		at = rest;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	out->cpu_ns = (field[FIELD_UTIME] + field[FIELD_STIME]) * (1000000000u / hz);
	out->resident_octets = field[FIELD_RESIDENT] * (uint64_t)sysconf(_SC_PAGESIZE);
	out->started_s = now.tv_sec - boot.tv_sec + (int64_t)(field[FIELD_START] / hz);
	return 0;
}
