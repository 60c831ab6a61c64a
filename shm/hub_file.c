/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub_file: one file of the hub: made, judged, opened, and its sections found. */
#include "shm/hub_private.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REOPEN_MAX 16 /* the file was replaced under our hands */

static struct hub_file *files;
static _Thread_local char error_text[1024];

static const struct {
	const char *ending;
	mode_t mode;
	enum hub_role role; /* whose it is, for messages; HUB_ROLES: of several */
} about[HUB_FILES] = {
	[HUB_FILE_CONTROL] = {"control", 0640, HUB_CONTROLPLANE},
	[HUB_FILE_DATA] = {"data", 0640, HUB_DATAPLANE},
	[HUB_FILE_STREAM] = {"stream", 0640, HUB_STREAM},
	[HUB_FILE_RECURSOR] = {"recursor", 0640, HUB_RECURSOR},
	[HUB_FILE_RINGS] = {"rings", 0660, HUB_ROLES},
};

static const struct {
	enum hub_file_id file;
	enum hub_section_id id;
	uint32_t count;
	uint64_t entry_octets;
	bool backed; /* has memory from the start */
} sections[] = {
	{HUB_FILE_CONTROL, HUB_SECTION_CONTROL, 1, sizeof(struct hub_control), true},
	{HUB_FILE_DATA, HUB_SECTION_INSTANCE, HUB_SEATS, sizeof(struct hub_instance), true},
	{HUB_FILE_DATA, HUB_SECTION_WORKER, HUB_SEATS *HUB_WORKERS_MAX, sizeof(struct hub_worker),
		false},
	{HUB_FILE_DATA, HUB_SECTION_PORT, HUB_SEATS *HUB_PORTS_MAX, sizeof(struct hub_port), true},
	{HUB_FILE_STREAM, HUB_SECTION_STREAM, 1, sizeof(struct hub_stream), true},
	{HUB_FILE_RINGS, HUB_SECTION_RINGS, HUB_WORKERS_MAX, sizeof(struct hub_rings), false},
};
#define N_SECTIONS (sizeof sections / sizeof sections[0])

int
hub_fail(int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error_text, sizeof error_text, format, args);
	va_end(args);
	return err;
}

const char *
hub_error(void)
{
	return error_text;
}

int
hub_share_file(int fd, const char *path, mode_t mode)
{
	char copy[PATH_MAX];
	struct stat st;

	if (fchmod(fd, mode) < 0)
		return -errno;
	if (geteuid() != 0)
		return 0;
	if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
		return -ENAMETOOLONG;
	if (stat(dirname(copy), &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0)
		return -errno;
	return 0;
}

int
hub_file_path(char *out, size_t size, const char *path, enum hub_file_id id)
{
	if (snprintf(out, size, "%s.%s", path, about[id].ending) >= (int)size)
		return hub_fail(-ENAMETOOLONG, "%s: the path is too long", path);
	return 0;
}

/* --- header and sections --- */

static const struct hub_section *
find_section(const struct hub_header *h, enum hub_section_id id)
{
	uint32_t n = h->n_sections < HUB_SECTIONS_MAX ? h->n_sections : HUB_SECTIONS_MAX;

	for (uint32_t i = 0; i < n; i++)
		if (h->section[i].id == (uint32_t)id)
			return &h->section[i];
	return NULL;
}

uint64_t
hub_file_section(const struct hub_file *f, enum hub_section_id id)
{
	const struct hub_section *s = find_section(&f->header, id);
	return s != NULL ? s->offset : 0;
}

/* Is a section that we know not there? */
static bool
is_lacking(const struct hub_header *h, enum hub_file_id id)
{
	for (unsigned i = 0; i < N_SECTIONS; i++)
		if (sections[i].file == id && find_section(h, sections[i].id) == NULL)
			return true;
	return false;
}

enum file_state { FILE_NEW, FILE_OURS, FILE_FOREIGN };

/* Read the header with read(2): a file that was cut short must not be touched through a mapping. */
static enum file_state
file_judge(int fd, enum hub_file_id id, struct hub_header *out)
{
	struct hub_header h;
	struct stat st;

	memset(out, 0, sizeof *out);
	if (pread(fd, &h, sizeof h, 0) != (ssize_t)sizeof h || h.magic != HUB_MAGIC)
		return FILE_NEW; /* its creator died before it was done */
	*out = h;
	if (h.major != HUB_MAJOR || h.file != (uint32_t)id || h.n_sections > HUB_SECTIONS_MAX ||
		fstat(fd, &st) < 0)
		return FILE_FOREIGN;
	for (uint32_t i = 0; i < h.n_sections; i++) {
		const struct hub_section *s = &h.section[i];
		uint64_t octets;
		if (s->offset % HUB_PAGE != 0 || s->offset < HUB_PAGE ||
			__builtin_mul_overflow(s->entry_octets, s->count, &octets) ||
			s->offset > (uint64_t)st.st_size ||
			octets > (uint64_t)st.st_size - s->offset)
			return FILE_FOREIGN;
	}
	for (unsigned i = 0; i < N_SECTIONS; i++) {
		const struct hub_section *s = find_section(&h, sections[i].id);
		if (s != NULL && (s->entry_octets != sections[i].entry_octets ||
					 s->count != sections[i].count))
			return FILE_FOREIGN;
	}
	return FILE_OURS;
}

/* Append the sections that we know and the file lacks. The table's new row counts once the section
 * is there. */
static int
add_sections(int fd, const char *path, enum hub_file_id id, struct hub_header *h)
{
	struct stat st;
	int err;

	for (unsigned i = 0; i < N_SECTIONS; i++) {
		uint64_t octets = sections[i].entry_octets * sections[i].count, at;
		if (sections[i].file != id || find_section(h, sections[i].id) != NULL)
			continue;
		if (h->n_sections >= HUB_SECTIONS_MAX || fstat(fd, &st) < 0)
			return hub_fail(-EPROTO, "%s: no room for another section", path);
		at = ((uint64_t)st.st_size + HUB_PAGE - 1) & ~(uint64_t)(HUB_PAGE - 1);
		/* the header's room, should somebody have cut it off just now */
		at = at > HUB_PAGE ? at : HUB_PAGE;
		octets = (octets + HUB_PAGE - 1) & ~(uint64_t)(HUB_PAGE - 1);
		if (ftruncate(fd, (off_t)(at + octets)) < 0)
			return hub_fail(
				-errno, "%s: cannot set its size: %s", path, strerror(errno));
		err = sections[i].backed ? posix_fallocate(fd, (off_t)at, (off_t)octets) : 0;
		if (err != 0)
			return hub_fail(-err, "%s: no memory for it: %s", path, strerror(err));
		h->section[h->n_sections] = (struct hub_section){
			sections[i].id, sections[i].count, at, sections[i].entry_octets};
		h->n_sections++;
	}
	h->minor = h->minor > HUB_MINOR ? h->minor : HUB_MINOR;
	return 0;
}

/* Store the header: all of it, then the magic number. With write(2): should somebody cut the file
 * short meanwhile, it is no fault of ours. */
static int
write_header(int fd, const char *path, const struct hub_header *from)
{
	struct hub_header h = *from;
	const uint64_t magic = HUB_MAGIC;
	const size_t skip = sizeof h.magic;

	if (pwrite(fd, (const uint8_t *)&h + skip, sizeof h - skip, (off_t)skip) !=
			(ssize_t)(sizeof h - skip) ||
		pwrite(fd, &magic, sizeof magic, 0) != (ssize_t)sizeof magic)
		return hub_fail(-EIO, "%s: cannot write its header: %s", path, strerror(errno));
	return 0;
}

/* Give a new, empty file its size and its header. */
static int
file_initialise(int fd, const char *path, enum hub_file_id id, struct hub_header *h)
{
	int err;

	if (ftruncate(fd, 0) < 0 || ftruncate(fd, HUB_PAGE) < 0)
		return hub_fail(-errno, "%s: cannot set its size: %s", path, strerror(errno));
	err = posix_fallocate(fd, 0, HUB_PAGE);
	if (err != 0)
		return hub_fail(-err, "%s: no memory for its header: %s", path, strerror(err));
	err = hub_share_file(fd, path, about[id].mode);
	if (err < 0)
		return hub_fail(err, "%s: cannot set owner and mode: %s", path, strerror(-err));
	*h = (struct hub_header){
		.magic = HUB_MAGIC, .major = HUB_MAJOR, .minor = HUB_MINOR, .file = id};
	err = add_sections(fd, path, id, h);
	return err == 0 ? write_header(fd, path, h) : err;
}

/* Another layout: name who still uses it. @return 0 when nobody does, else -EPROTO */
static int
file_foreign(int fd, const char *path, enum hub_file_id id, const struct hub_header *h)
{
	char users[512] = "";
	size_t at = 0;

	/* nobody takes a seat of the rings but to keep us out; who uses them has another file's */
	if (about[id].role == HUB_ROLES)
		return 0;
	for (unsigned seat = 0; seat < HUB_SEATS; seat++) {
		pid_t pid = hub_lock_holder(fd, seat);
		if (pid != 0 && at < sizeof users)
			at += (size_t)snprintf(users + at, sizeof users - at, "%s%s (%s)",
				at ? ", " : "", hub_role_name[about[id].role],
				hub_pid_text("pid", pid));
	}
	if (at == 0)
		return 0;
	return hub_fail(-EPROTO,
		"%s: it has layout version %u.%u, and this program (" MILLRACE_VERSION
		") needs version %u.x; restart with the same version: %s",
		path, h->major, h->minor, HUB_MAJOR, users);
}

/* --- opening --- */

/* Is this descriptor still what the path names? */
static bool
fd_current(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Somebody else's file. @return descriptor or negative errno */
static int
open_foreign(const char *path, enum hub_file_id id, struct hub_header *h)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), err;
	enum file_state state;

	if (fd < 0)
		return hub_fail(-errno, "%s: cannot open: %s", path, strerror(errno));
	state = file_judge(fd, id, h);
	if (state == FILE_OURS)
		return fd;
	err = state == FILE_NEW ? hub_fail(-ENOENT, "%s: its creator has not finished", path)
				: file_foreign(fd, path, id, h);
	if (err == 0)
		err = hub_fail(-ENOENT, "%s: left behind by another version (layout %u.%u)", path,
			h->major, h->minor);
	close(fd);
	return err;
}

/* Nobody may write it with us but who made the run directory: a file that another process put there
 * beforehand would be its to write. The rings' file is of two. */
static int
check_owner(int fd, const char *path, enum hub_file_id id)
{
	char copy[PATH_MAX];
	struct stat st, dir;

	if (about[id].role == HUB_ROLES)
		return 0;
	if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
		return hub_fail(-ENAMETOOLONG, "%s: the path is too long", path);
	if (fstat(fd, &st) < 0 || stat(dirname(copy), &dir) < 0)
		return hub_fail(-errno, "%s: %s", path, strerror(errno));
	if (st.st_uid == geteuid() || st.st_uid == 0 || st.st_uid == dir.st_uid)
		return 0;
	return hub_fail(
		-EPERM, "%s: it belongs to user %ld, not to us; remove it", path, (long)st.st_uid);
}

/* A file that we write. @return descriptor; -ESTALE: try again; negative errno */
static int
open_own(const char *path, enum hub_file_id id, struct hub_header *h, enum hub_patience patience)
{
	/* without O_CREAT first: in a directory with the sticky bit the kernel may refuse it for a
	 * file that is there and somebody else's (fs.protected_regular) */
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW), err;
	enum file_state state;

	if (fd < 0 && errno == ENOENT)
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, about[id].mode);
	if (fd < 0)
		return hub_fail(-errno, "%s: cannot open: %s", path, strerror(errno));
	err = check_owner(fd, path, id);
	if (err < 0)
		goto fail;
	err = hub_lock_creation(fd, path, patience == HUB_WAIT);
	/* of a file that several may write somebody may have the lock for ever, to spite us */
	if (err == -EAGAIN && patience != HUB_TRY && about[id].role == HUB_ROLES &&
		unlink(path) == 0)
		err = -ESTALE;
	if (err < 0)
		goto fail;
	err = -ESTALE;
	if (!fd_current(fd, path))
		goto fail;
	state = file_judge(fd, id, h);
	err = 0;
	if (state == FILE_NEW) {
		err = file_initialise(fd, path, id, h);
	} else if (state == FILE_FOREIGN) {
		err = file_foreign(fd, path, id, h);
		/* nobody holds a seat: make another file, and leave this one to who maps it */
		if (err == 0)
			err = unlink(path) == 0 || errno == ENOENT ? -ESTALE : -errno;
	} else {
		uint32_t n = h->n_sections;
		err = add_sections(fd, path, id, h);
		if (err == 0 && h->n_sections != n)
			err = write_header(fd, path, h);
		/* somebody made the rings' file such that nothing can be added */
		if (err < 0 && err != -ENOSPC && about[id].role == HUB_ROLES && unlink(path) == 0)
			err = -ESTALE;
	}
	if (err < 0)
		goto fail;
	hub_unlock_creation(fd);
	return fd;
fail:
	close(fd); /* lets go of the lock too */
	return err;
}

static struct hub_file *
find_open(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0)
		for (struct hub_file *f = files; f != NULL; f = f->next)
			if (f->dev == st.st_dev && f->ino == st.st_ino)
				return f;
	return NULL;
}

/* We have it open to read, and now it becomes ours to write. No lock of ours is on it: only writers
 * take any. */
static int
make_writable(struct hub_file *f, const char *path, enum hub_file_id id, enum hub_patience patience)
{
	int fd = open_own(path, id, &f->header, patience);

	if (fd < 0)
		return fd;
	if (!fd_current(f->fd, path) || dup3(fd, f->fd, O_CLOEXEC) < 0) {
		close(fd);
		return -ESTALE;
	}
	close(fd);
	f->writable = true;
	return 0;
}

static int
file_add(struct hub_file **out, int fd, bool own, const struct hub_header *h, const char *path)
{
	struct hub_file *f = calloc(1, sizeof *f);
	struct stat st;

	if (f == NULL || fstat(fd, &st) < 0) {
		free(f);
		close(fd);
		return hub_fail(-ENOMEM, "%s: out of memory", path);
	}
	f->next = files;
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	f->fd = fd;
	f->writable = own;
	f->references = 1;
	f->header = *h;
	files = f;
	*out = f;
	return 0;
}

int
hub_file_get(struct hub_file **out, const char *path, enum hub_file_id id, bool own,
	enum hub_patience patience)
{
	struct hub_header h;
	int fd = -ESTALE;

	for (unsigned i = 0; i < REOPEN_MAX && fd == -ESTALE; i++) {
		struct hub_file *f = find_open(path);
		if (f != NULL) {
			int err = own && !f->writable ? make_writable(f, path, id, patience) : 0;
			if (err == 0) {
				f->references++;
				*out = f;
			}
			if (err != -ESTALE)
				return err;
			continue;
		}
		fd = own ? open_own(path, id, &h, patience) : open_foreign(path, id, &h);
	}
	return fd < 0 ? fd : file_add(out, fd, own, &h, path);
}

void
hub_file_put(struct hub_file *f)
{
	if (f == NULL || --f->references > 0)
		return;
	for (struct hub_file **p = &files; *p != NULL; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			break;
		}
	close(f->fd);
	free(f);
}

bool
hub_file_is_current(const struct hub_file *f, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return true;
	return st.st_dev == f->dev && st.st_ino == f->ino;
}

void
hub_file_reread(struct hub_file *f, enum hub_file_id id)
{
	struct hub_header h;

	if (file_judge(f->fd, id, &h) == FILE_OURS)
		f->header = h;
}

bool
hub_file_is_whole(const struct hub_file *f, const char *path, enum hub_file_id id)
{
	struct hub_header h;

	if (!hub_file_is_current(f, path) || file_judge(f->fd, id, &h) != FILE_OURS)
		return false;
	/* and as we have it: others may have made it anew in place */
	for (unsigned i = 0; i < N_SECTIONS; i++) {
		const struct hub_section *s = find_section(&h, sections[i].id);
		if (sections[i].file == id &&
			(s == NULL || s->offset != hub_file_section(f, sections[i].id)))
			return false;
	}
	return true;
}

int
hub_file_repair(
	struct hub_file *f, const char *path, enum hub_file_id id, enum hub_patience patience)
{
	struct hub_header h;
	int err = hub_lock_creation(f->fd, path, patience == HUB_WAIT);

	if (err == -EAGAIN && patience == HUB_SPURN && about[id].role == HUB_ROLES &&
		(unlink(path) == 0 || errno == ENOENT))
		return -ESTALE;
	if (err < 0)
		return err;
	if (file_judge(f->fd, id, &h) != FILE_OURS || is_lacking(&h, id))
		err = file_initialise(f->fd, path, id, &h);
	if (err == 0)
		f->header = h;
	hub_unlock_creation(f->fd);
	return err;
}
