/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_table: which zones an instance has and where their files are: from named.conf, from a
 * folder, from a list; and which of them changed. One thread. */
#pragma once
#include "backends/backend.h"
#include "backends/zonefile/named_conf.h"

#include <stdbool.h>
#include <sys/stat.h>

/* What tells one version of a file from another. */
struct file_mark {
	int64_t mtime_ns;
	uint64_t inode, octets; /* all 0: it is not there */
};

struct table_zone {
	uint64_t hash;
	uint8_t *apex; /* folded, NAME_PAD readable behind it */
	char *path;
	enum backend_kind kind;
	char *primaries, *also_notify;
	bool in_folder; /* made, and removed, by us */
	struct file_mark mark;
};

struct zone_table {
	struct table_zone *zone; /* by hash */
	size_t n, room;
	/* what it was made from */
	char **source; /* files of named.conf; the folder */
	struct file_mark *source_mark;
	unsigned n_sources;
	size_t looked_at; /* where the next look for changes begins */
};

struct table_options {
	const char *named_conf, *folder; /* NULL: none */
	const char *const *zone;         /* "NAME PATH" */
	size_t n_zones;
	const struct named_source *source;
};

/** @param error  BACKEND_ERROR_OCTETS @return 0, -EINVAL, -ENOMEM or what reading failed with; the
 * table is untouched then */
int zone_table_read(struct zone_table *t, const struct table_options *o, char *error)
	__attribute__((warn_unused_result));
void zone_table_free(struct zone_table *t);

/** NULL: none. */
struct table_zone *zone_table_find(const struct zone_table *t, const uint8_t *apex);
/** One that was made in the folder just now. @return 0 or -ENOMEM */
int zone_table_add(struct zone_table *t, const uint8_t *apex, const char *path)
	__attribute__((warn_unused_result));
void zone_table_remove(struct zone_table *t, struct table_zone *z);
/** The file's mark as it is now. */
struct file_mark file_mark_of(const char *path);
bool file_mark_same(const struct file_mark *a, const struct file_mark *b);

/** Have the files changed that say which zones there are? */
bool zone_table_is_stale(const struct zone_table *t);
/** Tell zones whose file is another one now; as many are looked at as take some 50 ms. */
void zone_table_poll(
	struct zone_table *t, void (*changed)(void *arg, const uint8_t *apex), void *arg);
/** Tell zones that are in one of them only, or from another file. */
void zone_table_compare(const struct zone_table *before, const struct zone_table *after,
	void (*changed)(void *arg, const uint8_t *apex), void *arg);
