/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_file: the files that a store consists of, and whose they are. Root works on a store (a
 * snapshot, a restore) that the control plane opens as a user of its own: what is made then is that
 * user's, or it could not open its store any more. */
#include "controlplane/store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int
store_whose(const char *path, struct stat *out)
{
	char folder[4096];

	if (stat(path, out) == 0)
		return 0;
	if ((size_t)snprintf(folder, sizeof folder, "%s", path) >= sizeof folder)
		return -ENAMETOOLONG;
	if (stat(dirname(folder), out) != 0)
		return -errno;
	out->st_mode = STORE_FILE_MODE;
	return 0;
}

int
store_own(int fd, const struct stat *like)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return -errno;
	/* Who may not give it away keeps it, for nobody else to read. EINVAL: an owner that has no
	 * number in this user namespace. */
	if ((st.st_uid != like->st_uid || st.st_gid != like->st_gid) &&
		fchown(fd, like->st_uid, like->st_gid) != 0)
		return geteuid() == 0 && errno != EINVAL ? -errno : 0;
	if ((st.st_mode & 0777) != (like->st_mode & 0777) && fchmod(fd, like->st_mode & 0777) != 0)
		return -errno;
	return 0;
}

int
store_file_open(const char *name, const char *store, int flags)
{
	struct stat like;
	/* before, for the store may be what is made */
	bool give = geteuid() == 0 && store_whose(store, &like) == 0;
	int fd = open(name, flags | O_CREAT | O_EXCL | O_CLOEXEC, STORE_FILE_MODE);

	if (fd < 0) {
		fd = open(name, flags | O_CREAT | O_CLOEXEC, STORE_FILE_MODE);
		return fd < 0 ? -errno : fd;
	}
	/* only what was made here, and not where a link leads that somebody put there; where it
	 * cannot be given away, root may use it still */
	if (give)
		(void)store_own(fd, &like);
	return fd;
}

int
store_identify(const struct store_options *o, struct stat *st, char error[STORE_ERROR_OCTETS])
{
	int fd = o->read_only ? open(o->path, O_RDONLY | O_CLOEXEC)
			      : store_file_open(o->path, o->path, O_RDWR);
	int e = o->read_only ? errno : -fd;

	if (fd < 0 || fstat(fd, st) != 0) {
		if (fd >= 0) {
			e = errno;
			close(fd);
		}
		snprintf(error, STORE_ERROR_OCTETS, "%s: cannot be opened: %s", o->path,
			strerror(e));
		return -e;
	}
	close(fd);
	if (!S_ISREG(st->st_mode)) {
		snprintf(error, STORE_ERROR_OCTETS, "%s: is not a file", o->path);
		return -EINVAL;
	}
	return 0;
}

/* --- one writer --- */

int
store_lock_writer(const char *file, int *out, char error[STORE_ERROR_OCTETS])
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[4096], pid[32];
	ssize_t n;
	int fd;

	if ((size_t)snprintf(path, sizeof path, "%s-writer", file) >= sizeof path)
		return -ENAMETOOLONG;
	/* what it led to would be written to, by root */
	fd = store_file_open(path, file, O_RDWR | O_NOFOLLOW);
	if (fd < 0) {
		snprintf(error, STORE_ERROR_OCTETS, "%s-writer: cannot be made: %s", file,
			strerror(-fd));
		return fd;
	}
	if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		n = pread(fd, pid, sizeof pid - 1, 0);
		pid[n > 0 ? n : 0] = '\0';
		pid[strcspn(pid, "\n")] = '\0';
		snprintf(error, STORE_ERROR_OCTETS,
			"%s: process %s writes to it; stop that one, or give this one a file of "
			"its own",
			file, pid);
		close(fd);
		return -EBUSY;
	}
	n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n) {
		/* only a message that cannot be as good; the lock is what counts */
	}
	*out = fd;
	return 0;
}
