/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_replace: write to a temporary file, fsync, rename, fsync the folder. */
#include "backends/zonefile/zone_replace.h"

#include "backends/backend.h"
#include "backends/zonefile/zone_open.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 100 /* of 50 ms */

static int __attribute__((format(printf, 3, 4))) fail(int rc, char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, BACKEND_ERROR_OCTETS, format, args);
	va_end(args);
	return rc;
}

static int
lock_folder(struct zone_replace *r, char *error)
{
	const struct timespec nap = {.tv_nsec = 50000000};

	r->folder_fd = open(r->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->folder_fd < 0)
		return fail(-errno, error, "%s cannot be opened: %s", r->folder, strerror(errno));
	for (unsigned i = 0; i < LOCK_TRIES; i++) {
		if (flock(r->folder_fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return fail(-errno, error, "%s cannot be locked: %s", r->folder,
				strerror(errno));
		nanosleep(&nap, NULL);
	}
	return fail(-EAGAIN, error,
		"%s is locked: another program has been changing zone files there for 5 s",
		r->folder);
}

/* A hidden name, which is no zone's; the same each time, so that what a crash left is overwritten.
 */
static int
name_files(struct zone_replace *r, char *error)
{
	const char *base = strrchr(r->real, '/') + 1;
	int n;

	if (strlen(base) > NAME_MAX - 20)
		base = "long-name";
	n = snprintf(r->temporary, PATH_MAX, "%s/.%s.millrace-new", r->folder, base);
	if (n < 0 || n >= PATH_MAX)
		return fail(-ENAMETOOLONG, error, "%s: the path is too long", r->real);
	return 0;
}

int
zone_replace_begin(struct zone_replace *r, const char *path, char *error)
{
	*r = (struct zone_replace){.folder_fd = -1};
	if (!realpath(path, r->real))
		return fail(errno == ENOENT ? -EIO : -errno, error, "%s cannot be found: %s", path,
			strerror(errno));
	memcpy(r->folder, r->real, sizeof r->folder);
	*strrchr(r->folder, '/') = '\0';
	if (r->folder[0] == '\0')
		r->folder[0] = '/';
	return name_files(r, error) != 0 ? -ENAMETOOLONG : lock_folder(r, error);
}

static int
write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

/* The owner can be kept by root alone, the group by its members. */
static int
keep_attributes(int fd, const struct stat *before)
{
	struct stat now;

	if (fstat(fd, &now) != 0)
		return -errno;
	if (now.st_uid != before->st_uid && fchown(fd, before->st_uid, (gid_t)-1) != 0 &&
		errno != EPERM)
		return -errno;
	if (now.st_gid != before->st_gid && fchown(fd, (uid_t)-1, before->st_gid) != 0 &&
		errno != EPERM)
		return -errno;
	return fchmod(fd, before->st_mode & 07777) == 0 ? 0 : -errno;
}

/* The link beside `path`, if that is another folder. */
static int
make_look(struct zone_replace *r, const char *path, char *error)
{
	char given[PATH_MAX], real[PATH_MAX];
	int n;

	snprintf(given, sizeof given, "%s", path);
	if (!realpath(dirname(given), real) || strcmp(real, r->folder) == 0)
		return 0;
	n = snprintf(r->look, PATH_MAX, "%s/.millrace-look", real);
	if (n < 0 || n >= PATH_MAX)
		return fail(-ENAMETOOLONG, error, "%s: the path is too long", path);
	unlink(r->look);
	if (symlink(r->temporary, r->look) == 0)
		return 0;
	n = -errno;
	(void)fail(n, error, "a link cannot be made in %s: %s", real, strerror(-n));
	r->look[0] = '\0';
	return n;
}

int
zone_replace_write(struct zone_replace *r, const char *path, const char *text, size_t len,
	const struct stat *before, bool beside, const char **look, char *error)
{
	int fd, rc;

	unlink(r->temporary);
	fd = open(r->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		rc = -errno;
		return fail(rc == -EACCES || rc == -EPERM ? -EROFS : rc, error,
			"%s cannot be written: %s%s", r->temporary, strerror(-rc),
			rc == -EACCES || rc == -EROFS
				? "; the control plane's user must be able to write to this folder"
				: "");
	}
	r->written = true;
	rc = write_all(fd, text, len);
	if (rc == 0)
		rc = keep_attributes(fd, before);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	if (close(fd) != 0 && rc == 0)
		rc = -errno;
	if (rc != 0)
		return fail(rc, error, "%s cannot be written: %s", r->temporary, strerror(-rc));
	if (beside)
		rc = make_look(r, path, error);
	*look = r->look[0] ? r->look : r->temporary;
	return rc;
}

int
zone_replace_commit(struct zone_replace *r, const struct stat *before, char *error)
{
	struct stat now;

	if (stat(r->real, &now) != 0 || !zone_open_same(&now, before))
		return fail(
			-ESTALE, error, "%s was changed meanwhile; nothing was written", r->real);
	if (rename(r->temporary, r->real) != 0)
		return fail(-errno, error, "%s cannot be renamed to %s: %s", r->temporary, r->real,
			strerror(errno));
	r->written = false;
	if (fsync(r->folder_fd) != 0)
		return fail(-errno, error, "%s cannot be written to disk: %s", r->folder,
			strerror(errno));
	return 0;
}

void
zone_replace_end(struct zone_replace *r)
{
	if (r->look[0])
		unlink(r->look);
	if (r->written)
		unlink(r->temporary);
	if (r->folder_fd >= 0)
		close(r->folder_fd);
	r->folder_fd = -1;
}
