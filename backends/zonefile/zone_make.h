/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_make: zone files that are made and put aside. Any thread. */
#pragma once
#include <limits.h>
#include <stdint.h>

/** A file without records. @param[out] path  of it @return 0, -EEXIST or negative errno with error
 */
int zone_make(const char *folder, const uint8_t *apex, char path[PATH_MAX], char *error)
	__attribute__((warn_unused_result));
/** Rename it to PATH.deleted-DATE, which is no zone's name. */
int zone_put_aside(const char *path, char *error) __attribute__((warn_unused_result));
