/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_table: a sorted array, made anew when its sources change. */
#include "backends/zonefile/zone_table.h"

#include "controlplane/manager/zone_names.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED 0x0123456789abcdefull
#define LOOKS_MAX 50000u /* files that one poll looks at */

struct file_mark
file_mark_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return (struct file_mark){0};
	return (struct file_mark){
		.mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
		.inode = st.st_ino,
		.octets = (uint64_t)st.st_size,
	};
}

bool
file_mark_same(const struct file_mark *a, const struct file_mark *b)
{
	return a->mtime_ns == b->mtime_ns && a->inode == b->inode && a->octets == b->octets;
}

static int
no_memory(char *error)
{
	snprintf(error, BACKEND_ERROR_OCTETS, "not enough memory for the list of zones");
	return -ENOMEM;
}

static void
zone_free(struct table_zone *z)
{
	free(z->apex);
	free(z->path);
	free(z->primaries);
	free(z->also_notify);
}

void
zone_table_free(struct zone_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		zone_free(&t->zone[i]);
	for (unsigned i = 0; i < t->n_sources; i++)
		free(t->source[i]);
	free(t->zone);
	free(t->source);
	free(t->source_mark);
	*t = (struct zone_table){0};
}

static int
add_source(struct zone_table *t, const char *path)
{
	char **more = reallocarray(t->source, t->n_sources + 1, sizeof *more);
	struct file_mark *marks;

	if (!more)
		return -ENOMEM;
	t->source = more;
	marks = reallocarray(t->source_mark, t->n_sources + 1, sizeof *marks);
	if (!marks)
		return -ENOMEM;
	t->source_mark = marks;
	marks[t->n_sources] = file_mark_of(path);
	more[t->n_sources] = strdup(path);
	return more[t->n_sources++] ? 0 : -ENOMEM;
}

/* @param z  its texts are taken over, also on failure */
static int
add_zone(struct zone_table *t, struct table_zone z)
{
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 64;
		struct table_zone *more = realloc(t->zone, room * sizeof *more);

		if (!more)
			z.apex = (free(z.apex), NULL);
		else
			t->zone = more;
		t->room = more ? room : t->room;
	}
	if (!z.apex || !z.path || !z.primaries || !z.also_notify) {
		zone_free(&z);
		return -ENOMEM;
	}
	z.hash = name_hash(SEED, z.apex);
	t->zone[t->n++] = z;
	return 0;
}

static uint8_t *
copy_wire(const uint8_t wire[ZONE_WIRE_OCTETS])
{
	size_t len = name_octets(wire) + NAME_PAD;
	uint8_t *copy = malloc(len);

	if (copy)
		memcpy(copy, wire, len);
	return copy;
}

static int
add_plain(struct zone_table *t, const uint8_t wire[ZONE_WIRE_OCTETS], const char *path,
	bool in_folder)
{
	return add_zone(t, (struct table_zone){
				   .apex = copy_wire(wire),
				   .path = strdup(path),
				   .primaries = strdup(""),
				   .also_notify = strdup(""),
				   .in_folder = in_folder,
			   });
}

/* --- sources --- */

static int
read_list(struct zone_table *t, const struct table_options *o, char *error)
{
	for (size_t i = 0; i < o->n_zones; i++) {
		const char *space = strchr(o->zone[i], ' ');
		char name[ZONE_TEXT_OCTETS];
		uint8_t wire[ZONE_WIRE_OCTETS];

		if (!space || space[1] != '/' || (size_t)(space - o->zone[i]) >= sizeof name) {
			snprintf(error, BACKEND_ERROR_OCTETS,
				"option 'zone': '%.128s' is not valid; write the zone's name, a "
				"space, and the absolute path of its file",
				o->zone[i]);
			return -EINVAL;
		}
		snprintf(name, sizeof name, "%.*s", (int)(space - o->zone[i]), o->zone[i]);
		if (zone_wire_from_text(wire, name) < 0) {
			snprintf(error, BACKEND_ERROR_OCTETS,
				"option 'zone': '%.128s' is no domain name", name);
			return -EINVAL;
		}
		if (add_plain(t, wire, space + 1, false) != 0)
			return no_memory(error);
	}
	return 0;
}

static int
read_named_conf(struct zone_table *t, const struct table_options *o, char *error)
{
	struct named_conf c;
	int rc = named_conf_read(&c, o->named_conf, o->source, error);

	for (unsigned i = 0; rc == 0 && i < c.n_files; i++)
		rc = add_source(t, c.file[i]) == 0 ? 0 : no_memory(error);
	for (size_t i = 0; rc == 0 && i < c.n; i++) {
		const struct named_zone *z = &c.zone[i];

		if (add_zone(t, (struct table_zone){
					.apex = copy_wire(z->apex),
					.path = strdup(z->path),
					.kind = z->kind,
					.primaries = strdup(z->primaries),
					.also_notify = strdup(z->also_notify),
				}) != 0)
			rc = no_memory(error);
	}
	named_conf_free(&c);
	return rc == -ENOENT ? -EIO : rc;
}

static int
read_folder(struct zone_table *t, const char *folder, char *error)
{
	DIR *d = opendir(folder);
	const struct dirent *e;
	int rc = d ? 0 : -errno;

	if (!d) {
		snprintf(error, BACKEND_ERROR_OCTETS, "folder %.300s cannot be read: %s", folder,
			strerror(errno));
		return rc == -ENOENT ? -EIO : rc;
	}
	if (add_source(t, folder) != 0)
		rc = no_memory(error);
	while (rc == 0 && (e = readdir(d))) {
		uint8_t wire[ZONE_WIRE_OCTETS];
		char *path;

		if (zone_wire_from_file(wire, e->d_name) < 0)
			continue;
		if (asprintf(&path, "%s/%s", folder, e->d_name) < 0)
			path = NULL;
		if (!path || add_plain(t, wire, path, true) != 0)
			rc = no_memory(error);
		free(path);
	}
	closedir(d);
	return rc;
}

/* --- order --- */

static int
zone_compare(const void *a, const void *b)
{
	const struct table_zone *x = a, *y = b;
	int x_len, y_len;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	x_len = (int)name_octets(x->apex);
	y_len = (int)name_octets(y->apex);
	return x_len != y_len ? x_len - y_len : memcmp(x->apex, y->apex, (size_t)x_len);
}

/* A zone has one file; which, is no guess of ours. */
static int
check_doubles(const struct zone_table *t, char *error)
{
	char name[ZONE_TEXT_OCTETS];

	for (size_t i = 1; i < t->n; i++) {
		if (zone_compare(&t->zone[i - 1], &t->zone[i]) != 0)
			continue;
		zone_text_from_wire(name, t->zone[i].apex);
		snprintf(error, BACKEND_ERROR_OCTETS,
			"zone %.100s is there twice, with the files %.150s and %.150s; remove one "
			"of "
			"them",
			name, t->zone[i - 1].path, t->zone[i].path);
		return -EINVAL;
	}
	return 0;
}

int
zone_table_read(struct zone_table *t, const struct table_options *o, char *error)
{
	struct zone_table new = {0};
	int rc = read_list(&new, o, error);

	if (rc == 0 && o->named_conf)
		rc = read_named_conf(&new, o, error);
	if (rc == 0 && o->folder)
		rc = read_folder(&new, o->folder, error);
	if (rc == 0) {
		if (new.n > 0)
			qsort(new.zone, new.n, sizeof *new.zone, zone_compare);
		rc = check_doubles(&new, error);
	}
	if (rc != 0) {
		zone_table_free(&new);
		return rc;
	}
	for (size_t i = 0; i < new.n; i++)
		new.zone[i].mark = file_mark_of(new.zone[i].path);
	zone_table_free(t);
	*t = new;
	return 0;
}

struct table_zone *
zone_table_find(const struct zone_table *t, const uint8_t *apex)
{
	uint8_t wire[ZONE_WIRE_OCTETS] = {0};
	struct table_zone key = {.apex = wire};

	memcpy(wire, apex, name_octets(apex));
	key.hash = name_hash(SEED, wire);
	return t->n == 0 ? NULL : bsearch(&key, t->zone, t->n, sizeof *t->zone, zone_compare);
}

/* --- changes --- */

bool
zone_table_is_stale(const struct zone_table *t)
{
	for (unsigned i = 0; i < t->n_sources; i++) {
		struct file_mark now = file_mark_of(t->source[i]);

		if (!file_mark_same(&now, &t->source_mark[i]))
			return true;
	}
	return false;
}

void
zone_table_poll(struct zone_table *t, void (*changed)(void *arg, const uint8_t *apex), void *arg)
{
	size_t looks = t->n < LOOKS_MAX ? t->n : LOOKS_MAX;

	for (; looks > 0; looks--) {
		struct table_zone *z = &t->zone[t->looked_at++ % t->n];
		struct file_mark now = file_mark_of(z->path);

		if (file_mark_same(&now, &z->mark))
			continue;
		z->mark = now;
		changed(arg, z->apex);
	}
}

void
zone_table_compare(const struct zone_table *before, const struct zone_table *after,
	void (*changed)(void *arg, const uint8_t *apex), void *arg)
{
	for (size_t i = 0; i < before->n; i++)
		if (!zone_table_find(after, before->zone[i].apex))
			changed(arg, before->zone[i].apex);
	for (size_t i = 0; i < after->n; i++) {
		const struct table_zone *z = &after->zone[i];
		const struct table_zone *was = zone_table_find(before, z->apex);

		if (!was || !file_mark_same(&was->mark, &z->mark) ||
			strcmp(was->path, z->path) != 0 || was->kind != z->kind ||
			strcmp(was->primaries, z->primaries) != 0)
			changed(arg, z->apex);
	}
}

int
zone_table_add(struct zone_table *t, const uint8_t *apex, const char *path)
{
	uint8_t wire[ZONE_WIRE_OCTETS] = {0};

	memcpy(wire, apex, name_octets(apex));
	if (add_plain(t, wire, path, true) != 0)
		return -ENOMEM;
	t->zone[t->n - 1].mark = file_mark_of(path);
	qsort(t->zone, t->n, sizeof *t->zone, zone_compare);
	return 0;
}

void
zone_table_remove(struct zone_table *t, struct table_zone *z)
{
	size_t i = (size_t)(z - t->zone);

	zone_free(z);
	memmove(z, z + 1, (t->n - i - 1) * sizeof *z);
	t->n--;
}
