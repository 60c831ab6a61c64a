/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_make: durable when they return, like every change of a zone. */
#include "backends/zonefile/zone_make.h"

#include "backends/backend.h"
#include "controlplane/manager/zone_names.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ASIDE_TRIES 1000

static int
fail(int rc, const char *path, const char *what, char *error)
{
	snprintf(error, BACKEND_ERROR_OCTETS, "%.300s cannot be %s: %s", path, what, strerror(-rc));
	return rc;
}

static int
sync_folder_of(const char *path)
{
	char copy[PATH_MAX];
	int fd, rc;

	snprintf(copy, sizeof copy, "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) == 0 ? 0 : -errno;
	close(fd);
	return rc;
}

static void
time_text(char out[32])
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(out, 32, "%Y%m%dT%H%M%SZ", &tm);
}

int
zone_make(const char *folder, const uint8_t *apex, char path[PATH_MAX], char *error)
{
	char file[NAME_MAX + 1], text[ZONE_TEXT_OCTETS + 64], name[ZONE_TEXT_OCTETS], date[32];
	int fd, n, rc = 0;

	zone_text_from_wire(name, apex);
	if (zone_file_from_wire(file, sizeof file, apex) != 0 ||
		(size_t)snprintf(path, PATH_MAX, "%s/%s", folder, file) >= PATH_MAX)
		return fail(-ENAMETOOLONG, name, "made a file of", error);
	time_text(date);
	n = snprintf(text, sizeof text, "; %s\n; made by Millrace, %s\n", name, date);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return fail(-errno, path, "made", error);
	if (write(fd, text, (size_t)n) != n)
		rc = errno ? -errno : -EIO;
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0)
		rc = sync_folder_of(path);
	if (rc == 0)
		return 0;
	unlink(path);
	return fail(rc, path, "made", error);
}

int
zone_put_aside(const char *path, char *error)
{
	char aside[PATH_MAX], date[32];
	int rc = -EEXIST;

	time_text(date);
	for (unsigned i = 0; rc == -EEXIST && i < ASIDE_TRIES; i++) {
		int n = snprintf(aside, sizeof aside, i == 0 ? "%s.deleted-%s" : "%s.deleted-%s-%u",
			path, date, i);

		if (n < 0 || (size_t)n >= sizeof aside)
			return fail(-ENAMETOOLONG, path, "put aside", error);
		/* never over one that was put aside before */
		rc = renameat2(AT_FDCWD, path, AT_FDCWD, aside, RENAME_NOREPLACE) == 0 ? 0 : -errno;
		if (rc == -EINVAL && access(aside, F_OK) != 0) /* a file system without that */
			rc = rename(path, aside) == 0 ? 0 : -errno;
	}
	if (rc == 0)
		rc = sync_folder_of(path);
	return rc == 0 ? 0 : fail(rc, path, "put aside", error);
}
