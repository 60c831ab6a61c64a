/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_files: which file a zone of the configuration's section `zones` lies in, for the backend
 * that writes edits back into it. Nothing is copied from the configuration; an index of its list is
 * made when somebody asks for the first time. Thread: any. */
#pragma once
#include "config/config.h"

#include <stddef.h>
#include <stdint.h>

struct zone_files;

/** @return NULL without memory */
struct zone_files *zone_files_create(const struct config *config);
/** NULL: nothing. */
void zone_files_destroy(struct zone_files *z);
/** Another configuration. */
void zone_files_set(struct zone_files *z, const struct config *config);

/** @return 0, -ENOENT, -ENAMETOOLONG or -ENOMEM */
int zone_files_find(struct zone_files *z, const uint8_t *apex, char *path, size_t room);
/** Each zone once. @return 0, what `each` returned, or negative errno of reading the folder */
int zone_files_each(struct zone_files *z,
	int (*each)(void *arg, const uint8_t *apex, const char *path), void *arg);
