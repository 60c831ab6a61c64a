/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zonefile: one instance of the backend, and what its files share. Private to backends/zonefile. */
#pragma once
#include "backends/zonefile/zone_table.h"
#include "controlplane/zones/zone_model.h"

#include <limits.h>

struct zonefile {
	const struct backend_host *host;
	char *named_conf, *folder;
	char **zone;
	size_t n_zones;
	uint32_t default_ttl;
	bool host_zones;
	struct zone_table table;
	struct {
		struct zone_model model; /* of the zone that was asked for last */
		char path[PATH_MAX];     /* "": none */
		struct file_mark mark;
		int64_t until_ms;
	} kept;
	bool list_is_bad; /* told already */
	int64_t reread_at_ms;
};

/** @return rc */
int zonefile_fail(int rc, char *error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int64_t zonefile_clock_ms(void);
/** What is told of a zone. @param z  NULL: it is one of the host's */
struct backend_zone zonefile_properties(
	const uint8_t *apex, const char *path, const struct table_zone *z);
/** Let go of the zone that was read last. */
void zonefile_forget(struct zonefile *f);

/* as in struct backend_api */
int zonefile_zone(void *instance, const uint8_t *apex,
	void (*found)(void *arg, const struct backend_zone *zone), void *arg, char *error);
int zonefile_stream(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error);
int zonefile_lookup(void *instance, const uint8_t *apex, const uint8_t *owner, uint16_t type,
	int (*each)(void *arg, const struct backend_rrset *rrset), void *arg, char *error);
int zonefile_zone_file(void *instance, const uint8_t *apex, char *path, size_t room, char *error);
int zonefile_apply(void *instance, const struct backend_changeset *changeset, char *error);
int zonefile_create(void *instance, const struct backend_zone *zone, char *error);
int zonefile_remove(void *instance, const uint8_t *apex, char *error);
int zonefile_update(void *instance, const struct backend_zone *zone, char *error);
int zonefile_metadata_each(void *instance, const uint8_t *apex,
	int (*each)(void *arg, const struct backend_metadata *m), void *arg, char *error);
