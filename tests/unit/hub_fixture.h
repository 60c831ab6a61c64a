/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hub_fixture: a hub's files are removed after a test. */
#pragma once
#include <stdio.h>
#include <unistd.h>

/** Remove the files of the hub with this path, as far as they are there. */
static inline void
hub_remove_files(const char *path)
{
	static const char *const ending[] = {"control", "data", "stream", "recursor", "rings"};
	char full[256];

	for (unsigned i = 0; i < sizeof ending / sizeof ending[0]; i++) {
		snprintf(full, sizeof full, "%s.%s", path, ending[i]);
		unlink(full);
	}
}
