/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_replace: another text in a zone file's place, at once and for good: whoever reads it finds
 * the one or the other, also after a crash. Any thread; one at a time in a folder, by a lock that
 * other processes of the suite take as well. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* A replacement that is under way. */
struct zone_replace {
	char real[PATH_MAX];   /* the file, symbolic links followed */
	char folder[PATH_MAX]; /* of it */
	char temporary[PATH_MAX];
	char look[PATH_MAX]; /* a link to it, beside the path that was given; "": not needed */
	int folder_fd;       /* locked; -1: closed */
	bool written;
};

/**
 * Lock the folder.
 * @param error  BACKEND_ERROR_OCTETS
 * @return 0; -EAGAIN: somebody else has been changing files there for 5 s; negative errno
 */
int zone_replace_begin(struct zone_replace *r, const char *path, char *error)
	__attribute__((warn_unused_result));
/**
 * Write the new text, to the disk, beside the file, with the owner and mode that it has.
 * @param before  of the file
 * @param beside  the text includes files by relative paths, so it must be looked at in the folder
 * of `path`
 * @param[out] look  path under which it can be read
 */
int zone_replace_write(struct zone_replace *r, const char *path, const char *text, size_t len,
	const struct stat *before, bool beside, const char **look, char *error)
	__attribute__((warn_unused_result));
/** Put it in place. @return 0; -ESTALE: the file is not `before` any more; negative errno */
int zone_replace_commit(struct zone_replace *r, const struct stat *before, char *error)
	__attribute__((warn_unused_result));
/** Unlock; what was not put in place is removed. Also after an error of zone_replace_begin(). */
void zone_replace_end(struct zone_replace *r);
