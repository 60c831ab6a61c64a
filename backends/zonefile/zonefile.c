/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zonefile: the backend for zone files in BIND's format: from named.conf, from a folder, from a
 * list, or the control plane's own. Changes are written back into the files (zone_apply.h). */

#include "backends/zonefile/zonefile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* --- list --- */

static void
note_skipped(void *arg, const char *text)
{
	const struct zonefile *f = arg;

	f->host->log(f->host, BACKEND_LOG_WARNING, text);
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
	int64_t began = zonefile_clock_ms();
	int rc = f->host_zones ? 0 : zone_table_read(t, &o, error);

	f->reread_at_ms = zonefile_clock_ms() + REREAD_REST * (zonefile_clock_ms() - began);
	return rc;
}

/* --- open, close --- */

static void
zonefile_close(void *instance)
{
	struct zonefile *f = instance;

	zonefile_forget(f);
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
		return zonefile_fail(-EINVAL, error, "option 'default-ttl' is at most 2147483647");
	if (f->host_zones && !f->host->zone_file)
		return zonefile_fail(
			-EINVAL, error, "option 'host-zones' is for the control plane only");
	if (!f->host_zones && !f->named_conf && !f->folder && f->n_zones == 0)
		return zonefile_fail(-EINVAL, error,
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
		return zonefile_fail(-ENOMEM, error, "not enough memory");
	f->host = host;
	f->zone = calloc(n + 1, sizeof *f->zone);
	if (!f->zone)
		rc = -ENOMEM;
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = take_option(f, &option[i]);
	if (rc != 0)
		rc = zonefile_fail(rc, error, "not enough memory");
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

struct listing {
	int (*each)(void *arg, const struct backend_zone *zone);
	void *arg;
};

static int
list_host_zone(void *arg, const uint8_t *apex, const char *path)
{
	const struct listing *l = arg;
	struct backend_zone zone = zonefile_properties(apex, path, NULL);

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
		struct backend_zone zone = zonefile_properties(z->apex, z->path, z);

		rc = each(arg, &zone);
	}
	return rc;
}

/* --- watching --- */

static void
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
		return;
	}
	f->list_is_bad = false;
	zone_table_compare(&f->table, &now, changed, arg);
	zone_table_free(&f->table);
	f->table = now;
}

static int
zonefile_poll(
	void *instance, void (*changed)(void *arg, const uint8_t *apex), void *arg, char *error)
{
	struct zonefile *f = instance;

	if (f->kept.path[0] && zonefile_clock_ms() >= f->kept.until_ms)
		zonefile_forget(f); /* it may be large */
	/* the control plane watches its own files */
	if (f->host_zones)
		return 0;
	if (zonefile_clock_ms() >= f->reread_at_ms && zone_table_is_stale(&f->table))
		reread(f, changed, arg);
	zone_table_poll(&f->table, changed, arg);
	return 0;
}

static int
zonefile_health(void *instance, char *error)
{
	const struct zonefile *f = instance;

	if (f->folder && access(f->folder, R_OK | X_OK) != 0)
		return zonefile_fail(-EIO, error, "folder %.300s cannot be read: %s", f->folder,
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
		.capabilities = BACKEND_LIST | BACKEND_STREAM | BACKEND_LOOKUP | BACKEND_APPLY |
				BACKEND_CREATE | BACKEND_WATCH | BACKEND_ZONE_FILE,
		.settings = settings,
		.open = zonefile_open,
		.close = zonefile_close,
		.list = zonefile_list,
		.zone = zonefile_zone,
		.stream = zonefile_stream,
		.lookup = zonefile_lookup,
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
