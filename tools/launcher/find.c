/* SPDX-License-Identifier: GPL-3.0-or-later */
/* find: where the suite's programs are. */
#include "config/log.h"
#include "tools/launcher/launcher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_program(char path[PATH_MAX], const char *folder, const char *below, const char *program)
{
	int n = snprintf(path, PATH_MAX, "%s/%s%s", folder, below, program);
	struct stat st;

	return n > 0 && n < PATH_MAX && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       access(path, X_OK) == 0;
}

int
launcher_find(const char *program, char path[PATH_MAX])
{
	static const char *const below[] = {"", "../libexec/millrace/", "../libexec/",
		"../lib/millrace/", "../dataplane/", "../controlplane/", "../controlplane/stream/"};
	const char *libexec = getenv("MILLRACE_LIBEXEC");
	char self[PATH_MAX];
	ssize_t n;

	if (libexec && *libexec) {
		if (is_program(path, libexec, "", program))
			return 0;
		log_error("%s is not in MILLRACE_LIBEXEC=%s", program, libexec);
		return -ENOENT;
	}
	n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return -errno;
	self[n] = '\0';
	*strrchr(self, '/') = '\0';
	for (unsigned i = 0; i < sizeof below / sizeof *below; i++)
		if (is_program(path, self, below[i], program))
			return 0;
	log_error("%s is neither in %s nor in %s/../libexec/millrace; set MILLRACE_LIBEXEC to its "
		  "folder",
		program, self, self);
	return -ENOENT;
}
