/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file_stamp: tells whether a zone's files are still those that were read. A stamp is a digest of
 * device, inode, size, modification and change time; 0 never equals anything. Thread: any. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/* The files that a zone file includes, as they were when it was read. Owned by one zone entry. */
struct file_list {
	size_t n;
	struct file_list_item {
		uint64_t stamp;
		char *path;
	} item[];
};

/** Stamp of a file as it is now; 0 when it cannot be looked at. */
uint64_t file_stamp_now(const char *path);

/**
 * Of a file that was looked at before it was read; but 0 when it changed so shortly before that one
 * more change might leave all its times as they are (file systems keep time in ticks).
 * @param since_ns  CLOCK_REALTIME before reading began
 */
uint64_t file_stamp_settled(const struct stat *st, int64_t since_ns);

/**
 * @param path  the paths; copied. @param n > 0
 * @param since_ns  CLOCK_REALTIME before reading began: what changed after that gets no stamp
 * @return NULL when out of memory
 */
struct file_list *file_list_create(const char *const *path, size_t n, int64_t since_ns);
void file_list_destroy(struct file_list *l);
/** Is every file still the one that was read? NULL: yes. */
bool file_list_unchanged(const struct file_list *l);
