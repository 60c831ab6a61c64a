/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/program: other programs of the suite that a verb runs. */
#include "tools/ctl/ctl.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

char *
ctl_find_program(const char *name)
{
	/* beside this one; in a build folder; installed */
	static const char *const place[] = {"", "../controlplane/", "../sbin/",
		"../libexec/millrace/", "../libexec/millrace-import/"};
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof self);

	while (len > 0 && self[len - 1] != '/')
		len--;
	for (size_t i = 0; len > 1 && i < sizeof place / sizeof place[0]; i++) {
		char *path = ctl_format("%.*s%s%s", (int)len, self, place[i], name);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return ctl_format("%s", name);
}
