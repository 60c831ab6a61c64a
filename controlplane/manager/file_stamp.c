/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file_stamp: one stat(2) and a hash over what it says. */
#include "controlplane/manager/file_stamp.h"
#include "shm/name.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SETTLED_NS 100000000 /* coarser than any tick that a local file system keeps time in */

static int64_t
timespec_ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t
stamp_of(const struct stat *st)
{
	uint64_t h = 1;

	h = name_hash_mix(h, (uint64_t)st->st_dev);
	h = name_hash_mix(h, (uint64_t)st->st_ino);
	h = name_hash_mix(h, (uint64_t)st->st_size);
	h = name_hash_mix(h, (uint64_t)timespec_ns(st->st_mtim));
	h = name_hash_mix(h, (uint64_t)timespec_ns(st->st_ctim));
	return h == 0 ? 1 : h;
}

uint64_t
file_stamp_now(const char *path)
{
	struct stat st;

	return stat(path, &st) != 0 ? 0 : stamp_of(&st);
}

uint64_t
file_stamp_settled(const struct stat *st, int64_t since_ns)
{
	int64_t m = timespec_ns(st->st_mtim), c = timespec_ns(st->st_ctim);

	return (m > c ? m : c) > since_ns - SETTLED_NS ? 0 : stamp_of(st);
}

static uint64_t
stamp_before(const char *path, int64_t since_ns)
{
	struct stat st;

	return stat(path, &st) != 0 ? 0 : file_stamp_settled(&st, since_ns);
}

struct file_list *
file_list_create(const char *const *path, size_t n, int64_t since_ns)
{
	struct file_list *l = calloc(1, sizeof *l + n * sizeof l->item[0]);

	if (l == NULL)
		return NULL;
	for (; l->n < n; l->n++) {
		struct file_list_item *item = &l->item[l->n];
		item->path = strdup(path[l->n]);
		if (item->path == NULL) {
			file_list_destroy(l);
			return NULL;
		}
		item->stamp = stamp_before(item->path, since_ns);
	}
	return l;
}

void
file_list_destroy(struct file_list *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n; i++)
		free(l->item[i].path);
	free(l);
}

bool
file_list_unchanged(const struct file_list *l)
{
	for (size_t i = 0; l != NULL && i < l->n; i++)
		if (l->item[i].stamp == 0 || file_stamp_now(l->item[i].path) != l->item[i].stamp)
			return false;
	return true;
}
