/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub_private: between hub.c (the view), hub_role.c, hub_file.c and hub_lock.c; inside shm/. A
 * process has one descriptor for one file, however often it is mapped: closing any descriptor of it
 * drops all of the process's locks. Everything here is called with hubs_lock held. */
#pragma once
#include "shm/hub.h"

#include <limits.h>
#include <pthread.h>

struct hub_file {
	struct hub_file *next;
	dev_t dev;
	ino_t ino;
	int fd;
	bool writable;
	unsigned references;
	pid_t lock_pid[HUB_SEATS]; /* ours, when this process took that seat through this fd */
	struct hub_header header;  /* as read when it was opened, checked */
};

/* Somebody else makes or judges the file just now, or holds the lock under which that is done to
 * spite us, as whoever may write the rings' file can. */
enum hub_patience {
	HUB_WAIT,  /* for a while; a rings' file is given up after that, and another one made */
	HUB_TRY,   /* not at all: -EAGAIN */
	HUB_SPURN, /* not at all, and do the latter at once */
};

/** The file's path. @return 0 or -ENAMETOOLONG */
int hub_file_path(char *out, size_t size, const char *path, enum hub_file_id id);

/**
 * Open a file, or make it. Made anew when it has another layout and nobody holds a seat of it.
 * @param own  it is (also) ours to write: make it if need be, add sections that it lacks
 * @param patience  where it is ours to write
 * @param[out] out  give back with hub_file_put()
 * @return 0; -ENOENT (not own, and not there, or its creator has not finished); -EPROTO;
 *         another negative errno. hub_file_error() has text.
 */
int hub_file_get(struct hub_file **out, const char *path, enum hub_file_id id, bool own,
	enum hub_patience patience) __attribute__((warn_unused_result));
void hub_file_put(struct hub_file *f);

/** Does the path name this file? A path that names nothing: true, the file may be on its way back.
 */
bool hub_file_is_current(const struct hub_file *f, const char *path);

/** Octets of the section from the start of the file, or 0 when it is absent. */
uint64_t hub_file_section(const struct hub_file *f, enum hub_section_id id);

/** Take a seat of a file that is ours. @return 0, -EBUSY, or negative errno */
int hub_file_lock(struct hub_file *f, unsigned seat) __attribute__((warn_unused_result));
void hub_file_unlock(struct hub_file *f, unsigned seat);
/** For messages: "process 123", where that is the word. */
const char *hub_pid_text(const char *word, pid_t pid);
/** Pid of the process that has this seat, or 0, or HUB_PID_UNSEEN. */
pid_t hub_file_holder(const struct hub_file *f, unsigned seat);
/** The same for a descriptor; our own lock is not seen. */
pid_t hub_lock_holder(int fd, unsigned seat);
/** Serialises those who make a file, or choose a seat. @return 0, -EAGAIN or negative errno */
int hub_lock_creation(int fd, const char *path, bool wait) __attribute__((warn_unused_result));
void hub_unlock_creation(int fd);

/** Set the text of hub_error(). @return err */
__attribute__((format(printf, 2, 3))) int hub_fail(int err, const char *format, ...);

extern const char *const hub_role_name[HUB_ROLES];

/** Would a process that opens the path now get this file, and take it as we have it? Where the path
 * names no file that question is not open. */
bool hub_file_is_whole(const struct hub_file *f, const char *path, enum hub_file_id id);
/** Our file, if it is not what it should be any more: make it anew in place. Its content is lost.
 * @return 0; -ESTALE: the path has no file any more, and it is for the caller to make one; another
 * negative errno */
int hub_file_repair(struct hub_file *f, const char *path, enum hub_file_id id,
	enum hub_patience patience) __attribute__((warn_unused_result));

/** Read the header again: its writer may have added sections. */
void hub_file_reread(struct hub_file *f, enum hub_file_id id);

/** Is a process of a release before 0.2 alive, which had everything in one file of this path? If
 * none is, the file is removed. @return 0 or -EPROTO */
int hub_file_check_former(const char *path);

/* --- the view --- */

/* One view, which is what callers know. */
struct hub_map {
	struct hub_map *next;
	struct hub *hub;
	enum hub_role role;
	bool beside; /* a dataplane that takes over from another one */
	int seat;    /* of our lock on the role's file; -1: none */
	struct hub_file *file[HUB_FILES];
	uint32_t mapped;    /* places of the view with a section in them, by bit */
	unsigned n_refused; /* mendings of the rings' file in a row for which it was locked */
	char path[PATH_MAX];
};

extern pthread_mutex_t hubs_lock;
extern const enum hub_file_id hub_file_of_role[HUB_ROLES];

struct hub_map *hub_map_of(const struct hub *h);

/** Map a file that is there, if it is not mapped yet or is another one now. @return 0; -ENOENT;
 * another negative errno: it cannot be used */
int hub_look_at_file(struct hub_map *m, enum hub_file_id id);

/** Lay a file's sections over their places in the view. @return 0 or negative errno, with text */
int hub_map_sections(struct hub_map *m, enum hub_file_id id) __attribute__((warn_unused_result));
/** Give a block of a file memory. @return 0, -ENOSPC or another negative errno, with text */
int hub_back(const struct hub_map *m, enum hub_file_id id, uint64_t at, size_t octets)
	__attribute__((warn_unused_result));
/** The same for the rings of worker n. */
int hub_back_rings(const struct hub_map *m, unsigned n) __attribute__((warn_unused_result));

/** Take the role of a view whose files are open. @return 0, -EBUSY or negative errno, with text */
int hub_take_role(struct hub_map *m) __attribute__((warn_unused_result));
