/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_path: where the store is when the configuration does not say, and the folder around it. */
#include "config/config.h"
#include "config/log.h"
#include "config/privileges.h"
#include "config/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STORE_FILE "store.mdb"
#define SYSTEM_FOLDER "/var/lib/millrace"

/* The first of systemd's list, or NULL. */
static char *
state_directory(void)
{
	const char *list = getenv("STATE_DIRECTORY");

	return list && list[0] == '/' ? strndup(list, strcspn(list, ":")) : NULL;
}

static int
default_path(char **path, const struct config *c)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *folder;
	int n;

	if (c->chroot)
		return asprintf(path, "%s" SYSTEM_FOLDER "/" STORE_FILE,
			c->chroot_entered ? "" : c->chroot);
	folder = state_directory();
	if (folder) {
		n = asprintf(path, "%s/" STORE_FILE, folder);
		free(folder);
		return n;
	}
	/* with `user` the process was root, or is going to be that user: no matter which, now */
	if (c->user || geteuid() == 0)
		return asprintf(path, SYSTEM_FOLDER "/" STORE_FILE);
	if (state && state[0] == '/')
		return asprintf(path, "%s/millrace/" STORE_FILE, state);
	if (home && home[0] == '/')
		return asprintf(path, "%s/.local/state/millrace/" STORE_FILE, home);
	return asprintf(path, "%s/" STORE_FILE, c->run_dir);
}

char *
config_store_path(const struct config *c)
{
	char *path;

	if (c->store.path)
		return strdup(c->store.path);
	return default_path(&path, c) < 0 ? NULL : path;
}

/* Every folder above the last, as far as they are missing. `path` is the folder's; restored. */
static int
make_parents(char *path)
{
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		int rc;

		*at = '\0';
		rc = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
		*at = '/';
		if (rc)
			return rc;
	}
	return 0;
}

/* Just made by us: the user's that the store will be opened as. */
static int
hand_folder(const struct config *c, const char *folder)
{
	uid_t uid;
	gid_t gid;
	int fd, rc;

	if (!c->user || geteuid() != 0)
		return 0;
	rc = privileges_find_user(c->user, &uid, &gid);
	if (rc)
		return rc;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	rc = fd < 0 || fchown(fd, uid, gid) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

int
program_make_store_dir(const struct config *c, const char *path)
{
	char *folder = strdup(path), *end = folder ? strrchr(folder, '/') : NULL;
	int rc = folder ? 0 : -ENOMEM;

	if (end && end != folder) {
		*end = '\0';
		rc = make_parents(folder);
		if (rc == 0 && mkdir(folder, 0750) == 0)
			rc = hand_folder(c, folder);
		else if (rc == 0 && errno != EEXIST)
			rc = -errno;
	}
	if (rc)
		log_error("the store's folder %s cannot be made: %s; make it, or set the key "
			  "'store.path'",
			folder ? folder : path, strerror(-rc));
	free(folder);
	return rc;
}
