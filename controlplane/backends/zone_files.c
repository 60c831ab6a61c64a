/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_files: zones.list goes before zones.directory, as in the zone manager's scan. */
#include "controlplane/backends/zone_files.h"

#include "controlplane/manager/zone_names.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEED 0x9e3779b97f4a7c15ull /* of an index that no outsider writes to */

struct slot {
	uint64_t hash;
	unsigned entry;
};

struct zone_files {
	pthread_mutex_t lock;
	struct config *config;
	struct slot *slot; /* one for each entry of the list, by hash; NULL: not made yet */
};

struct zone_files *
zone_files_create(const struct config *config)
{
	struct zone_files *z = calloc(1, sizeof *z);

	if (!z)
		return NULL;
	pthread_mutex_init(&z->lock, NULL);
	z->config = config_hold(config);
	return z;
}

void
zone_files_destroy(struct zone_files *z)
{
	if (!z)
		return;
	pthread_mutex_destroy(&z->lock);
	config_free(z->config);
	free(z->slot);
	free(z);
}

void
zone_files_set(struct zone_files *z, const struct config *config)
{
	struct config *before;

	pthread_mutex_lock(&z->lock);
	before = z->config;
	z->config = config_hold(config);
	free(z->slot);
	z->slot = NULL;
	pthread_mutex_unlock(&z->lock);
	config_free(before);
}

static int
slot_compare(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Lock held. */
static int
make_index(struct zone_files *z)
{
	unsigned n = z->config->zones.list_count;
	uint8_t wire[ZONE_WIRE_OCTETS];

	z->slot = calloc(n + 1, sizeof *z->slot);
	if (!z->slot)
		return -ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		/* the configuration was checked: it is a name */
		if (zone_wire_from_text(wire, z->config->zones.list[i].zone) < 0)
			wire[0] = 0;
		z->slot[i] = (struct slot){name_hash(SEED, wire), i};
	}
	qsort(z->slot, n, sizeof *z->slot, slot_compare);
	return 0;
}

/* The entry of the list. Lock held. @return its number, or negative errno */
static int
find_entry(struct zone_files *z, const uint8_t *apex)
{
	unsigned n = z->config->zones.list_count, low = 0, high = n;
	uint8_t wire[ZONE_WIRE_OCTETS] = {0}, other[ZONE_WIRE_OCTETS];
	size_t len = name_octets(apex);
	uint64_t hash;

	if (!z->slot && make_index(z) != 0)
		return -ENOMEM;
	memcpy(wire, apex, len);
	hash = name_hash(SEED, wire);
	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (z->slot[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < n && z->slot[low].hash == hash; low++) {
		int other_len =
			zone_wire_from_text(other, z->config->zones.list[z->slot[low].entry].zone);

		if (other_len == (int)len && memcmp(other, wire, len) == 0)
			return (int)z->slot[low].entry;
	}
	return -ENOENT;
}

/* NAME.zone in the folder. Lock held. */
static int
find_in_folder(struct zone_files *z, const uint8_t *apex, char *path, size_t room)
{
	char file[NAME_MAX + 1];
	int n;

	if (!z->config->zones.directory || zone_file_from_wire(file, sizeof file, apex) != 0)
		return -ENOENT;
	n = snprintf(path, room, "%s/%s", z->config->zones.directory, file);
	if (n < 0 || (size_t)n >= room)
		return -ENAMETOOLONG;
	return access(path, F_OK) == 0 ? 0 : -ENOENT;
}

int
zone_files_find(struct zone_files *z, const uint8_t *apex, char *path, size_t room)
{
	int rc;

	pthread_mutex_lock(&z->lock);
	rc = find_entry(z, apex);
	if (rc >= 0) {
		const char *file = z->config->zones.list[rc].file;

		rc = strlen(file) < room ? 0 : -ENAMETOOLONG;
		if (rc == 0)
			memcpy(path, file, strlen(file) + 1);
	} else if (rc == -ENOENT) {
		rc = find_in_folder(z, apex, path, room);
	}
	pthread_mutex_unlock(&z->lock);
	return rc;
}

static int
each_in_folder(struct zone_files *z, const char *folder,
	int (*each)(void *arg, const uint8_t *apex, const char *path), void *arg)
{
	DIR *d = opendir(folder);
	const struct dirent *e;
	int rc = 0;

	if (!d)
		return -errno;
	while (rc == 0 && (e = readdir(d))) {
		uint8_t wire[ZONE_WIRE_OCTETS];
		char path[PATH_MAX];
		bool listed;

		if (zone_wire_from_file(wire, e->d_name) < 0 ||
			(size_t)snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >=
				sizeof path)
			continue;
		pthread_mutex_lock(&z->lock);
		listed = find_entry(z, wire) >= 0;
		pthread_mutex_unlock(&z->lock);
		if (!listed)
			rc = each(arg, wire, path);
	}
	closedir(d);
	return rc;
}

int
zone_files_each(struct zone_files *z, int (*each)(void *arg, const uint8_t *apex, const char *path),
	void *arg)
{
	struct config *config;
	int rc = 0;

	pthread_mutex_lock(&z->lock);
	config = config_hold(z->config);
	pthread_mutex_unlock(&z->lock);
	for (unsigned i = 0; rc == 0 && i < config->zones.list_count; i++) {
		uint8_t wire[ZONE_WIRE_OCTETS];

		if (zone_wire_from_text(wire, config->zones.list[i].zone) > 0)
			rc = each(arg, wire, config->zones.list[i].file);
	}
	if (rc == 0 && config->zones.directory)
		rc = each_in_folder(z, config->zones.directory, each, arg);
	config_free(config);
	return rc;
}
