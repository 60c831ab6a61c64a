/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_snapshot: copies of a store: out of one that is in use, and back in place of one that is
 * not. Files are written beside, brought to the disk, and renamed. */
#include "controlplane/store/store_format.h"
#include "controlplane/store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_OCTETS 4096u
#define COPY_OCTETS (1u << 20)
/* Restored, a store counts on from beyond whatever the one before it had counted, so that no
 * version and no id comes twice with another content; this far where that one cannot be read. */
#define VERSION_LEAP (1ull << 32)

int
store_snapshot(struct store *s, int fd, char error[STORE_ERROR_OCTETS])
{
	struct store_txn *t;
	int rc, ret;

	/* holds the environment where it is */
	ret = store_read(s, &t);
	if (ret != 0) {
		snprintf(error, STORE_ERROR_OCTETS, "%s: cannot be read: %s", s->path,
			strerror(-ret));
		return ret;
	}
	rc = mdb_env_copyfd2(s->env, fd, MDB_CP_COMPACT);
	store_end(t);
	if (rc != 0)
		snprintf(
			error, STORE_ERROR_OCTETS, "snapshot of %s: %s", s->path, mdb_strerror(rc));
	return store_error(rc);
}

/* --- files --- */

/* A new file beside `path`. @return its descriptor */
static int
open_beside(char beside[PATH_OCTETS], const char *path, char error[STORE_ERROR_OCTETS])
{
	int fd, e = ENAMETOOLONG;

	if ((size_t)snprintf(beside, PATH_OCTETS, "%s.new-XXXXXX", path) < PATH_OCTETS) {
		fd = mkostemp(beside, O_CLOEXEC);
		if (fd >= 0)
			return fd;
		e = errno;
	}
	snprintf(error, STORE_ERROR_OCTETS, "a file beside %s cannot be made: %s", path,
		strerror(e));
	return -e;
}

/* Put what was written to `beside` in its place. */
static int
put_in_place(
	int fd, const char *beside, const char *path, bool force, char error[STORE_ERROR_OCTETS])
{
	char folder[PATH_OCTETS];
	int dir, ret = fsync(fd) != 0 ? -errno : 0;

	/* link() fails where a file is, rename() replaces it */
	if (ret == 0 && force)
		ret = rename(beside, path) != 0 ? -errno : 0;
	else if (ret == 0)
		ret = link(beside, path) != 0 || unlink(beside) != 0 ? -errno : 0;
	if (ret == 0) {
		snprintf(folder, sizeof folder, "%s", path);
		dir = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || fsync(dir) != 0)
			ret = -errno;
		if (dir >= 0)
			close(dir);
	}
	if (ret != 0)
		snprintf(error, STORE_ERROR_OCTETS, "%s: %s%s", path, strerror(-ret),
			ret == -EEXIST ? "; --force replaces it" : "");
	return ret;
}

int
store_snapshot_file(struct store *s, const char *path, bool force, char error[STORE_ERROR_OCTETS])
{
	char beside[PATH_OCTETS];
	int ret, fd = open_beside(beside, path, error);

	if (fd < 0)
		return fd;
	ret = store_snapshot(s, fd, error);
	if (ret == 0)
		ret = put_in_place(fd, beside, path, force, error);
	if (ret != 0)
		(void)unlink(beside);
	close(fd);
	return ret;
}

/* --- restore --- */

static int
copy_octets(const char *from, int to, char error[STORE_ERROR_OCTETS])
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	ssize_t n = in < 0 ? -1 : 1;
	int ret;

	while (n > 0)
		n = sendfile(to, in, NULL, COPY_OCTETS);
	ret = n < 0 ? -errno : 0;
	if (in >= 0)
		close(in);
	if (ret != 0)
		snprintf(error, STORE_ERROR_OCTETS, "%s: cannot be copied: %s", from,
			strerror(-ret));
	return ret;
}

/* What the store that is replaced has counted up to. */
static void
counted_before(const char *path, struct store_header *h)
{
	struct store_options o = {.path = path, .read_only = true, .alone = true};
	char error[STORE_ERROR_OCTETS];
	struct store_txn *t;
	struct store *s;
	struct stat st;

	*h = (struct store_header){0};
	if (stat(path, &st) != 0)
		return;
	h->version = h->next_zone = VERSION_LEAP;
	if (store_open(&s, &o, error) != 0)
		return;
	if (store_read(s, &t) == 0) {
		if (store_txn_header(t) == 0)
			*h = t->head;
		else
			h->version = h->next_zone = VERSION_LEAP;
		store_end(t);
	}
	store_close(s);
}

/* Count on from there, in the copy. */
static int
count_on(const char *beside, const struct store_header *before, char error[STORE_ERROR_OCTETS])
{
	static const char *const left[] = {"-lock", "-writer"};
	struct store_options o = {.path = beside};
	char name[PATH_OCTETS + 16];
	struct store_txn *t;
	struct store *s;
	int ret = store_open(&s, &o, error);

	if (ret == 0) {
		ret = store_write(s, &t);
		if (ret == 0) {
			if (t->head.version <= before->version)
				t->head.version = before->version + 1;
			if (t->head.next_zone < before->next_zone)
				t->head.next_zone = before->next_zone;
			t->dirty = true;
			ret = store_commit(t);
		}
		if (ret != 0)
			snprintf(error, STORE_ERROR_OCTETS, "the copy: %s", strerror(-ret));
		store_close(s);
	}
	for (unsigned i = 0; i < sizeof left / sizeof left[0]; i++) {
		snprintf(name, sizeof name, "%s%s", beside, left[i]);
		(void)unlink(name);
	}
	return ret;
}

/* Whose the replaced file was, or the folder is. */
static int
give_back(int fd, const char *path, const struct stat *whose, char error[STORE_ERROR_OCTETS])
{
	int ret = store_own(fd, whose);

	if (ret != 0)
		snprintf(error, STORE_ERROR_OCTETS, "%s: cannot be given to user %u: %s", path,
			(unsigned)whose->st_uid, strerror(-ret));
	return ret;
}

int
store_restore(const char *snapshot, const char *path, bool force,
	const struct store_verifier *verifier, char error[STORE_ERROR_OCTETS])
{
	char beside[PATH_OCTETS];
	struct store_header before;
	struct stat whose;
	int lock, fd, ret = store_verify(snapshot, verifier, error);

	if (ret != 0)
		return ret;
	if (!force && access(path, F_OK) == 0) {
		snprintf(error, STORE_ERROR_OCTETS, "%s: is there already; --force replaces it",
			path);
		return -EEXIST;
	}
	ret = store_whose(path, &whose);
	if (ret != 0) {
		snprintf(error, STORE_ERROR_OCTETS, "%s: %s", path, strerror(-ret));
		return ret;
	}
	ret = store_lock_writer(path, &lock, error);
	if (ret != 0)
		return ret;
	fd = open_beside(beside, path, error);
	if (fd < 0) {
		close(lock);
		return fd;
	}
	counted_before(path, &before);
	ret = copy_octets(snapshot, fd, error);
	if (ret == 0)
		ret = count_on(beside, &before, error);
	if (ret == 0)
		ret = give_back(fd, path, &whose, error);
	if (ret == 0)
		ret = put_in_place(fd, beside, path, force, error);
	if (ret != 0)
		(void)unlink(beside);
	close(fd);
	close(lock);
	return ret;
}
