/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_open: a zone file, read both as text and as a zone. Any thread. */
#pragma once
#include "backends/backend.h"
#include "backends/zonefile/zone_lines.h"
#include "controlplane/zones/zone_model.h"

#include <sys/stat.h>

#define ZONE_SEED 0x0123456789abcdefull /* of models here; no outsider gets at their tables */

/**
 * Load it as the control plane does.
 * @param[out] st  the file as it was read; NULL: not asked for
 * @param error  BACKEND_ERROR_OCTETS: the first finding
 * @return 0; a file without any record is a zone without records; -EINVAL: it is no good zone;
 * -ENOMEM; what reading failed with, but -EIO instead of -ENOENT
 */
int zone_open_model(struct zone_model *out, const char *path, const uint8_t *apex,
	uint32_t default_ttl, struct stat *st, char *error) __attribute__((warn_unused_result));

/** A zone file's text. @return 0 or as zone_open_model(); the caller frees *text */
int zone_open_text(char **text, size_t *len, const char *path, struct stat *st, char *error)
	__attribute__((warn_unused_result));

/** Is it one and the same version of one file? */
bool zone_open_same(const struct stat *a, const struct stat *b);

/** Serial of the zone's SOA. @return false: it has none */
bool zone_open_serial(const struct zone_model *z, uint32_t *serial);
