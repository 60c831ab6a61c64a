/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zonefile: the backend for zone files in BIND's format: from named.conf, from a folder, from a
 * list, or the control plane's own. Changes are written back into the files (zone_apply.h). */
#include "backends/backend.h"

#include "backends/zonefile/zone_apply.h"
#include "backends/zonefile/zone_make.h"
#include "backends/zonefile/zone_open.h"
#include "backends/zonefile/zone_table.h"
#include "controlplane/manager/zone_names.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REREAD_REST 20 /* a list that takes 1 s to read is read every 20 s at most */

static const struct backend_setting settings[] = {
	{"named-conf", BACKEND_PATH, .help = "BIND's configuration: its zone statements are read"},
	{"directory", BACKEND_PATH,
		.help = "folder in which each file NAME.zone is the zone NAME; zones can be made "
			"and removed there"},
	{"zone", BACKEND_TEXT, .help = "a zone's name, a space, and the absolute path of its file",
		.repeats = true},
	{"default-ttl", BACKEND_UINT, .fallback = "3600",
		.help = "seconds: TTL of records that have none, in files without $TTL"},
	{"host-zones", BACKEND_BOOL, .fallback = "false",
		.help = "the zones of the configuration's own section 'zones'; the control plane "
			"sets it"},
	{0},
};

struct zonefile {
	const struct backend_host *host;
	char *named_conf, *folder;
	char **zone;
	size_t n_zones;
	uint32_t default_ttl;
	bool host_zones;
	struct zone_table table;
	bool list_is_bad; /* told already */
	int64_t reread_at_ms;
};

static int __attribute__((format(printf, 3, 4))) fail(int rc, char *error, const char *format, ...)
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
	return fail(-ENOENT, error, "there is no zone %.255s", text);
}

/* --- list --- */

static void
note_skipped(void *arg, const char *text)
{
	const struct zonefile *f = arg;

	f->host->log(f->host, BACKEND_LOG_WARNING, text);
}

static int64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
read_table(struct zonefile *f, struct zone_table *t, char *error)
{
	const struct named_source source = {named_conf_read_file, note_skipped, f};
	const struct table_options o = {
		.named_conf = f->named_conf,
		.folder = f->folder,
		.zone = (const char *const *)f->zone,
		.n_zones = f->n_zones,
		.source = &source,
	};
	int64_t began = clock_ms();
	int rc = f->host_zones ? 0 : zone_table_read(t, &o, error);

	f->reread_at_ms = clock_ms() + REREAD_REST * (clock_ms() - began);
	return rc;
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
		return rc == 0 ? 0 : fail(rc, error, "no path for a zone: %s", strerror(-rc));
	}
	found = zone_table_find(&f->table, apex);
	if (!found)
		return fail_no_zone(apex, error);
	if (strlen(found->path) >= PATH_MAX)
		return fail(-ENAMETOOLONG, error, "the path of a zone's file is too long");
	memcpy(path, found->path, strlen(found->path) + 1);
	if (z)
		*z = found;
	return 0;
}

/* --- open, close --- */

static void
zonefile_close(void *instance)
{
	struct zonefile *f = instance;

	zone_table_free(&f->table);
	for (size_t i = 0; i < f->n_zones; i++)
		free(f->zone[i]);
	free(f->zone);
	free(f->named_conf);
	free(f->folder);
	free(f);
}

static int
take_option(struct zonefile *f, const struct backend_option *o)
{
	if (strcmp(o->name, "named-conf") == 0)
		return (f->named_conf = strdup(o->value)) ? 0 : -ENOMEM;
	if (strcmp(o->name, "directory") == 0)
		return (f->folder = strdup(o->value)) ? 0 : -ENOMEM;
	if (strcmp(o->name, "zone") == 0)
		return (f->zone[f->n_zones++] = strdup(o->value)) ? 0 : -ENOMEM;
	if (strcmp(o->name, "default-ttl") == 0)
		f->default_ttl = (uint32_t)strtoull(o->value, NULL, 10);
	if (strcmp(o->name, "host-zones") == 0)
		f->host_zones = strcmp(o->value, "true") == 0;
	return 0;
}

static int
check_options(const struct zonefile *f, char *error)
{
	if (f->default_ttl > INT32_MAX)
		return fail(-EINVAL, error, "option 'default-ttl' is at most 2147483647");
	if (f->host_zones && !f->host->zone_file)
		return fail(-EINVAL, error, "option 'host-zones' is for the control plane only");
	if (!f->host_zones && !f->named_conf && !f->folder && f->n_zones == 0)
		return fail(-EINVAL, error,
			"there are no zones; give one of the options 'named-conf', 'directory' and "
			"'zone'");
	return 0;
}

static int
zonefile_open(void **instance, const struct backend_host *host, const struct backend_option *option,
	size_t n, char *error)
{
	struct zonefile *f = calloc(1, sizeof *f);
	int rc = 0;

	if (!f)
		return fail(-ENOMEM, error, "not enough memory");
	f->host = host;
	f->zone = calloc(n + 1, sizeof *f->zone);
	if (!f->zone)
		rc = -ENOMEM;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = take_option(f, &option[i]);
	if (rc != 0)
		rc = fail(rc, error, "not enough memory");
	if (rc == 0)
		rc = check_options(f, error);
	if (rc == 0)
		rc = read_table(f, &f->table, error);
	if (rc == 0)
		*instance = f;
	else
		zonefile_close(f);
	return rc;
}

/* --- zones --- */

static uint64_t
version_of(const struct file_mark *m)
{
	uint64_t v = (uint64_t)m->mtime_ns * 0x9e3779b97f4a7c15ull ^ m->inode << 20 ^ m->octets;

	return v ? v : 1;
}

static struct backend_zone
zone_of(const uint8_t *apex, const char *path, const struct table_zone *z)
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

struct listing {
	int (*each)(void *arg, const struct backend_zone *zone);
	void *arg;
};

static int
list_host_zone(void *arg, const uint8_t *apex, const char *path)
{
	const struct listing *l = arg;
	struct backend_zone zone = zone_of(apex, path, NULL);

	return l->each(l->arg, &zone);
}

static int
zonefile_list(void *instance, int (*each)(void *arg, const struct backend_zone *zone), void *arg,
	char *error)
{
	struct zonefile *f = instance;
	struct listing l = {each, arg};
	int rc = 0;

	if (f->host_zones)
		return f->host->zone_files(f->host, list_host_zone, &l);
	for (size_t i = 0; rc == 0 && i < f->table.n; i++) {
		const struct table_zone *z = &f->table.zone[i];
		struct backend_zone zone = zone_of(z->apex, z->path, z);

		rc = each(arg, &zone);
	}
	return rc;
}

static int
zonefile_zone(void *instance, const uint8_t *apex,
	void (*found)(void *arg, const struct backend_zone *zone), void *arg, char *error)
{
	struct zonefile *f = instance;
	char path[PATH_MAX], ignored[BACKEND_ERROR_OCTETS];
	struct backend_zone zone;
	struct zone_model model;
	struct table_zone *z;
	int rc = find_path(f, apex, path, &z, error);

	if (rc != 0)
		return rc;
	zone = zone_of(apex, path, z);
	/* a file that is no good zone has no serial, but is there */
	if (zone_open_model(&model, path, apex, f->default_ttl, NULL, ignored) == 0)
		(void)zone_open_serial(&model, &zone.serial);
	zone_model_destroy(&model);
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

static int
stream_model(struct streaming *s, const struct zone_model *z)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < z->n_names; i++) {
		const struct zone_name *name = &z->name[i];

		for (uint32_t k = 0, n; rc == 0 && k < name->n; k += n) {
			const struct zone_record *r = &z->record[name->first + k];

			for (n = 1; k + n < name->n && r[n].type == r->type; n++)
				;
			rc = stream_rrset(s, z, zone_owner(z, name), r, n);
		}
	}
	return rc;
}

static int
zonefile_stream(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error)
{
	struct zonefile *f = instance;
	struct streaming s = {.each = each, .arg = arg};
	struct zone_model model;
	struct table_zone *z;
	char path[PATH_MAX];
	int rc = find_path(f, apex, path, &z, error);

	if (rc != 0)
		return rc;
	if (z && z->kind == BACKEND_SECONDARY && access(path, F_OK) != 0)
		return fail(-EAGAIN, error, "%.300s is not there yet: the zone was not transferred",
			path);
	rc = zone_open_model(&model, path, apex, f->default_ttl, NULL, error);
	if (rc == 0)
		rc = stream_model(&s, &model);
	zone_model_destroy(&model);
	free(s.record);
	return rc;
}

static int
zonefile_zone_file(void *instance, const uint8_t *apex, char *path, size_t room, char *error)
{
	char whole[PATH_MAX];
	int rc = find_path(instance, apex, whole, NULL, error);

	if (rc == 0 && strlen(whole) >= room)
		return fail(-ENAMETOOLONG, error, "%.300s is longer than %zu octets", whole, room);
	if (rc == 0)
		memcpy(path, whole, strlen(whole) + 1);
	return rc;
}

static int
zonefile_apply(void *instance, const struct backend_changeset *changeset, char *error)
{
	struct zonefile *f = instance;
	struct table_zone *z;
	char path[PATH_MAX];
	int rc = find_path(f, changeset->apex, path, &z, error);

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
	return fail(-EROFS, error,
		"a zone file keeps no properties of a zone: its kind is %s, without account, "
		"catalog and options",
		is->kind == BACKEND_NATIVE ? "Native" : "the one of named.conf");
}

static int
zonefile_create(void *instance, const struct backend_zone *zone, char *error)
{
	const struct backend_zone plain = {.kind = BACKEND_NATIVE, .primaries = ""};
	struct zonefile *f = instance;
	char path[PATH_MAX];
	int rc = check_properties(zone, &plain, error);

	if (rc != 0)
		return rc;
	if (find_path(f, zone->apex, path, NULL, error) == 0)
		return fail(-EEXIST, error, "there is a zone already, in %.300s", path);
	if (!f->folder)
		return fail(-EROFS, error,
			"there is no folder to make zones in; give the option 'directory'");
	rc = zone_make(f->folder, zone->apex, path, error);
	if (rc == 0 && zone_table_add(&f->table, zone->apex, path) != 0)
		rc = fail(-ENOMEM, error, "not enough memory");
	return rc;
}

static int
zonefile_remove(void *instance, const uint8_t *apex, char *error)
{
	struct zonefile *f = instance;
	struct table_zone *z;
	char path[PATH_MAX];
	int rc = find_path(f, apex, path, &z, error);

	if (rc != 0)
		return rc;
	if (!z || !z->in_folder)
		return fail(-EROFS, error,
			"the zone was not made here; take it out of the configuration that names "
			"%.300s",
			path);
	rc = zone_put_aside(path, error);
	if (rc == 0)
		zone_table_remove(&f->table, z);
	return rc;
}

static int
zonefile_update(void *instance, const struct backend_zone *zone, char *error)
{
	struct table_zone *z;
	struct backend_zone is;
	char path[PATH_MAX];
	int rc = find_path(instance, zone->apex, path, &z, error);

	if (rc != 0)
		return rc;
	is = zone_of(zone->apex, path, z);
	return check_properties(zone, &is, error);
}

/* also-notify of named.conf, as PowerDNS calls it. There is nothing else, and nothing to be set. */
static int
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
		return fail(-ENOMEM, error, "not enough memory");
	for (char *at = strtok_r(copy, ",", &rest); at && m.n < sizeof value / sizeof *value;
		at = strtok_r(NULL, ",", &rest))
		value[m.n++] = at;
	rc = each(arg, &m);
	free(copy);
	return rc;
}

/* --- watching --- */

static int
reread(struct zonefile *f, void (*changed)(void *arg, const uint8_t *apex), void *arg)
{
	char error[BACKEND_ERROR_OCTETS];
	struct zone_table now = {0};
	int rc = read_table(f, &now, error);

	if (rc != 0) {
		/* what was there goes on being there */
		if (!f->list_is_bad)
			f->host->log(f->host, BACKEND_LOG_ERROR, error);
		f->list_is_bad = true;
		return 0;
	}
	f->list_is_bad = false;
	zone_table_compare(&f->table, &now, changed, arg);
	zone_table_free(&f->table);
	f->table = now;
	return 0;
}

static int
zonefile_poll(
	void *instance, void (*changed)(void *arg, const uint8_t *apex), void *arg, char *error)
{
	struct zonefile *f = instance;

	/* the control plane watches its own files */
	if (f->host_zones)
		return 0;
	if (clock_ms() >= f->reread_at_ms && zone_table_is_stale(&f->table))
		return reread(f, changed, arg);
	zone_table_poll(&f->table, changed, arg);
	return 0;
}

static int
zonefile_health(void *instance, char *error)
{
	const struct zonefile *f = instance;

	if (f->folder && access(f->folder, R_OK | X_OK) != 0)
		return fail(-EIO, error, "folder %.300s cannot be read: %s", f->folder,
			strerror(errno));
	return 0;
}

const struct backend_api *
millrace_backend(void)
{
	static const struct backend_api api = {
		.abi_version = BACKEND_ABI_VERSION,
		.name = "zonefile",
		.description = "zone files in BIND's format; changes are written back into them",
		.capabilities = BACKEND_LIST | BACKEND_STREAM | BACKEND_APPLY | BACKEND_CREATE |
				BACKEND_WATCH | BACKEND_ZONE_FILE,
		.settings = settings,
		.open = zonefile_open,
		.close = zonefile_close,
		.list = zonefile_list,
		.zone = zonefile_zone,
		.stream = zonefile_stream,
		.zone_file = zonefile_zone_file,
		.apply = zonefile_apply,
		.create = zonefile_create,
		.remove = zonefile_remove,
		.update = zonefile_update,
		.metadata_each = zonefile_metadata_each,
		.poll = zonefile_poll,
		.health = zonefile_health,
	};
	return &api;
}
