/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zonefile_zone: what is done with one zone: its properties and records, changes, making and
 * removing it. */
#include "backends/zonefile/zone_apply.h"
#include "backends/zonefile/zone_make.h"
#include "backends/zonefile/zone_open.h"
#include "backends/zonefile/zonefile.h"
#include "controlplane/manager/zone_names.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEEP_MS 2000 /* a zone that was read is kept, for what is asked next */

int
zonefile_fail(int rc, char *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, BACKEND_ERROR_OCTETS, format, args);
	va_end(args);
	return rc;
}

static int
fail_no_zone(const uint8_t *apex, char *error)
{
	char text[ZONE_TEXT_OCTETS];

	zone_text_from_wire(text, apex);
	return zonefile_fail(-ENOENT, error, "there is no zone %.255s", text);
}

int64_t
zonefile_clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Where a zone's file is. @param z  NULL: not asked for; set to NULL when the host has it */
static int
find_path(struct zonefile *f, const uint8_t *apex, char path[PATH_MAX], struct table_zone **z,
	char *error)
{
	struct table_zone *found;

	if (z)
		*z = NULL;
	if (f->host_zones) {
		int rc = f->host->zone_file(f->host, apex, path, PATH_MAX);

		if (rc == -ENOENT)
			return fail_no_zone(apex, error);
		return rc == 0 ? 0
			       : zonefile_fail(rc, error, "no path for a zone: %s", strerror(-rc));
	}
	found = zone_table_find(&f->table, apex);
	/* the folder is the list of its zones, and may be ahead of what was read of it; when there
	 * is no folder at all, that is no word on any zone */
	if (!found || (found->in_folder && access(found->path, F_OK) != 0 && errno == ENOENT &&
			      access(f->folder, F_OK) == 0))
		return fail_no_zone(apex, error);
	if (strlen(found->path) >= PATH_MAX)
		return zonefile_fail(-ENAMETOOLONG, error, "the path of a zone's file is too long");
	memcpy(path, found->path, strlen(found->path) + 1);
	if (z)
		*z = found;
	return 0;
}

/* --- the zone that was read last --- */

void
zonefile_forget(struct zonefile *f)
{
	zone_model_destroy(&f->kept.model);
	f->kept.path[0] = '\0';
}

/* A zone's records, read unless that was just done. What is included is another file, of which a
 * change would not be seen: then it is read each time. */
static int
read_zone(struct zonefile *f, const uint8_t *apex, const char *path, const struct zone_model **out,
	char *error)
{
	struct file_mark now = file_mark_of(path);
	int rc;

	*out = &f->kept.model;
	if (strcmp(f->kept.path, path) == 0 && zonefile_clock_ms() < f->kept.until_ms &&
		f->kept.model.n_files < 2 && file_mark_same(&now, &f->kept.mark) &&
		name_octets(apex) == f->kept.model.apex_len &&
		memcmp(apex, f->kept.model.apex, f->kept.model.apex_len) == 0)
		return 0;
	zonefile_forget(f);
	rc = zone_open_model(&f->kept.model, path, apex, f->default_ttl, NULL, error);
	if (rc != 0) {
		zonefile_forget(f);
		return rc;
	}
	memcpy(f->kept.path, path, strlen(path) + 1);
	f->kept.mark = now;
	f->kept.until_ms = zonefile_clock_ms() + KEEP_MS;
	return 0;
}

/* --- properties --- */

static uint64_t
version_of(const struct file_mark *m)
{
	uint64_t v = (uint64_t)m->mtime_ns * 0x9e3779b97f4a7c15ull ^ m->inode << 20 ^ m->octets;

	return v ? v : 1;
}

struct backend_zone
zonefile_properties(const uint8_t *apex, const char *path, const struct table_zone *z)
{
	struct file_mark mark = file_mark_of(path);

	return (struct backend_zone){
		.apex = apex,
		.kind = z ? z->kind : BACKEND_NATIVE,
		.primaries = z ? z->primaries : "",
		.account = "",
		.catalog = "",
		.options = "",
		.version = version_of(&mark),
		.path = path,
	};
}

int
zonefile_zone(void *instance, const uint8_t *apex,
	void (*found)(void *arg, const struct backend_zone *zone), void *arg, char *error)
{
	struct zonefile *f = instance;
	char path[PATH_MAX], ignored[BACKEND_ERROR_OCTETS];
	const struct zone_model *model;
	struct backend_zone zone;
	struct table_zone *z;
	int rc = find_path(f, apex, path, &z, error);

	if (rc != 0)
		return rc;
	zone = zonefile_properties(apex, path, z);
	/* a file that is no good zone has no serial, but is there */
	if (read_zone(f, apex, path, &model, ignored) == 0)
		(void)zone_open_serial(model, &zone.serial);
	found(arg, &zone);
	return 0;
}

/* --- records --- */

struct streaming {
	int (*each)(void *arg, const struct backend_rrset *rrset);
	void *arg;
	struct backend_record *record; /* of one RRset */
	size_t room;
};

static int
stream_rrset(struct streaming *s, const struct zone_model *z, const uint8_t *owner,
	const struct zone_record *r, uint32_t n)
{
	struct backend_rrset set = {.owner = owner, .type = r->type, .ttl = r->ttl, .n_records = n};

	if (n > s->room) {
		struct backend_record *more = reallocarray(s->record, n, sizeof *more);

		if (!more)
			return -ENOMEM;
		s->record = more;
		s->room = n;
	}
	for (uint32_t i = 0; i < n; i++) {
		s->record[i].disabled = false;
		s->record[i].rdata = zone_rdata(z, &r[i], &s->record[i].rdlength);
	}
	set.record = s->record;
	return s->each(s->arg, &set);
}

/* @param type  0: all */
static int
stream_name(struct streaming *s, const struct zone_model *z, const struct zone_name *name,
	uint16_t type)
{
	int rc = 0;

	for (uint32_t k = 0, n; rc == 0 && k < name->n; k += n) {
		const struct zone_record *r = &z->record[name->first + k];

		for (n = 1; k + n < name->n && r[n].type == r->type; n++)
			;
		if (type == 0 || r->type == type)
			rc = stream_rrset(s, z, zone_owner(z, name), r, n);
	}
	return rc;
}

/* The zone that is asked for, as a model. */
static int
find_zone(struct zonefile *f, const uint8_t *apex, const struct zone_model **model, char *error)
{
	struct table_zone *z;
	char path[PATH_MAX];
	int rc = find_path(f, apex, path, &z, error);

	if (rc != 0)
		return rc;
	if (z && z->kind == BACKEND_SECONDARY && access(path, F_OK) != 0)
		return zonefile_fail(-EAGAIN, error,
			"%.300s is not there yet: the zone was not transferred", path);
	return read_zone(f, apex, path, model, error);
}

int
zonefile_stream(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error)
{
	struct streaming s = {.each = each, .arg = arg};
	const struct zone_model *z;
	int rc = find_zone(instance, apex, &z, error);

	for (uint32_t i = 0; rc == 0 && i < z->n_names; i++)
		rc = stream_name(&s, z, &z->name[i], 0);
	free(s.record);
	return rc;
}

int
zonefile_lookup(void *instance, const uint8_t *apex, const uint8_t *owner, uint16_t type,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error)
{
	struct streaming s = {.each = each, .arg = arg};
	uint8_t padded[ZONE_WIRE_OCTETS] = {0};
	const struct zone_name *name = NULL;
	const struct zone_model *z;
	int rc = find_zone(instance, apex, &z, error);

	memcpy(padded, owner, name_octets(owner));
	if (rc == 0)
		name = zone_model_find(z, name_hash(z->seed, padded), padded, name_octets(padded));
	if (name)
		rc = stream_name(&s, z, name, type);
	free(s.record);
	return rc;
}

int
zonefile_zone_file(void *instance, const uint8_t *apex, char *path, size_t room, char *error)
{
	char whole[PATH_MAX];
	int rc = find_path(instance, apex, whole, NULL, error);

	if (rc == 0 && strlen(whole) >= room)
		return zonefile_fail(
			-ENAMETOOLONG, error, "%.300s is longer than %zu octets", whole, room);
	if (rc == 0)
		memcpy(path, whole, strlen(whole) + 1);
	return rc;
}

int
zonefile_apply(void *instance, const struct backend_changeset *changeset, char *error)
{
	struct zonefile *f = instance;
	struct table_zone *z;
	char path[PATH_MAX];
	int rc = find_path(f, changeset->apex, path, &z, error);

	zonefile_forget(f);
	if (rc == 0)
		rc = zone_apply(path, changeset, f->default_ttl, error);
	if (rc == 0 && z)
		z->mark = file_mark_of(path);
	return rc;
}

/* --- making and removing zones --- */

static int
check_properties(const struct backend_zone *zone, const struct backend_zone *is, char *error)
{
	if (zone->kind == is->kind && strcmp(zone->primaries, is->primaries) == 0 &&
		zone->account[0] == '\0' && zone->catalog[0] == '\0' && zone->options[0] == '\0')
		return 0;
	return zonefile_fail(-EROFS, error,
		"a zone file keeps no properties of a zone: its kind is %s, without account, "
		"catalog and options",
		is->kind == BACKEND_NATIVE ? "Native" : "the one of named.conf");
}

int
zonefile_create(void *instance, const struct backend_zone *zone, char *error)
{
	const struct backend_zone plain = {.kind = BACKEND_NATIVE, .primaries = ""};
	struct zonefile *f = instance;
	char path[PATH_MAX];
	int rc = check_properties(zone, &plain, error);

	if (rc != 0)
		return rc;
	if (find_path(f, zone->apex, path, NULL, error) == 0)
		return zonefile_fail(-EEXIST, error, "there is a zone already, in %.300s", path);
	if (!f->folder)
		return zonefile_fail(-EROFS, error,
			"there is no folder to make zones in; give the option 'directory'");
	rc = zone_make(f->folder, zone->apex, path, error);
	if (rc == 0 && zone_table_add(&f->table, zone->apex, path) != 0)
		rc = zonefile_fail(-ENOMEM, error, "not enough memory");
	return rc;
}

int
zonefile_remove(void *instance, const uint8_t *apex, char *error)
{
	struct zonefile *f = instance;
	struct table_zone *z;
	char path[PATH_MAX];
	int rc = find_path(f, apex, path, &z, error);

	if (rc != 0)
		return rc;
	if (!z || !z->in_folder)
		return zonefile_fail(-EROFS, error,
			"the zone was not made here; take it out of the configuration that names "
			"%.300s",
			path);
	rc = zone_put_aside(path, error);
	if (rc == 0)
		zone_table_remove(&f->table, z);
	return rc;
}

int
zonefile_update(void *instance, const struct backend_zone *zone, char *error)
{
	struct table_zone *z;
	struct backend_zone is;
	char path[PATH_MAX];
	int rc = find_path(instance, zone->apex, path, &z, error);

	if (rc != 0)
		return rc;
	is = zonefile_properties(zone->apex, path, z);
	return check_properties(zone, &is, error);
}

/* also-notify of named.conf, as PowerDNS calls it. There is nothing else, and nothing to be set. */
int
zonefile_metadata_each(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_metadata *m), void *arg, char *error)
{
	const char *value[2 * NAMED_ADDRESSES_MAX];
	struct backend_metadata m = {.kind = "ALSO-NOTIFY", .value = value};
	struct table_zone *z;
	char path[PATH_MAX], *copy, *rest = NULL;
	int rc = find_path(instance, apex, path, &z, error);

	if (rc != 0 || !z || z->also_notify[0] == '\0')
		return rc;
	copy = strdup(z->also_notify);
	if (!copy)
		return zonefile_fail(-ENOMEM, error, "not enough memory");
	for (char *at = strtok_r(copy, ",", &rest); at && m.n < sizeof value / sizeof *value;
		at = strtok_r(NULL, ",", &rest))
		value[m.n++] = at;
	rc = each(arg, &m);
	free(copy);
	return rc;
}
