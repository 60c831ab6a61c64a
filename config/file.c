/* SPDX-License-Identifier: GPL-3.0-or-later */
/* file: reads the configuration file, whole or without its list of zones (part.c). */
#include "config/loader.h"
#include "config/part.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A shorter file is read whole, in 20 ms at most, so that every process checks all of it. */
#define WHOLE_OCTETS_MAX (256u << 10)

char *
load_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup("");
}

/* A whole regular file, allocated; NULL and errno. */
static char *
read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = 0;
	struct stat st;
	char *text = NULL;
	size_t at = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0)
		err = errno;
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	else if ((unsigned long long)st.st_size > LOAD_OCTETS_MAX)
		err = EFBIG;
	else if (!(text = malloc((size_t)st.st_size + 1)))
		err = ENOMEM;
	while (!err && at < (size_t)st.st_size) {
		ssize_t n = read(fd, text + at, (size_t)st.st_size - at);

		if (n < 0 && errno != EINTR)
			err = errno;
		if (n == 0)
			break; /* it became shorter */
		if (n > 0)
			at += (size_t)n;
	}
	close(fd);
	if (err) {
		free(text);
		errno = err;
		return NULL;
	}
	*len = at;
	return text;
}

/* A file as it was read. */
struct config_rest {
	char *name, *folder, *text;
	size_t len;
};

void
config_rest_free(struct config_rest *r)
{
	if (r == NULL)
		return;
	free(r->name);
	free(r->folder);
	free(r->text);
	free(r);
}

/* Read the file that is called `path`, and is found at `at` by this process; NULL and an error
 * otherwise. */
static struct config_rest *
rest_read(const char *path, const char *at, char **error)
{
	struct config_rest *r = calloc(1, sizeof *r);
	char *real = NULL;

	*error = NULL;
	if (r == NULL)
		goto no_memory;
	r->text = read_file(at, &r->len);
	if (r->text == NULL) {
		if (asprintf(error, "%s: cannot read the configuration: %s", path,
			    errno == EFBIG ? "it has more than 64 MiB" : strerror(errno)) < 0)
			*error = NULL;
		config_rest_free(r);
		return NULL;
	}
	real = realpath(path, NULL);
	r->folder = load_folder(real ? real : path);
	free(real);
	r->name = strdup(path);
	if (r->folder != NULL && r->name != NULL)
		return r;
no_memory:
	config_rest_free(r);
	*error = strdup("out of memory");
	return NULL;
}

struct config *
config_load_rest(struct config_rest *r, char **error)
{
	struct config *c = load_text(r->text, r->len, r->name, r->folder, error);

	config_rest_free(r);
	return c;
}

struct config *
config_load(const char *path, char **error)
{
	struct config_rest *r;

	if (!path)
		return load_text("", 0, "(defaults)", "", error);
	r = rest_read(path, path, error);
	return r ? config_load_rest(r, error) : NULL;
}

struct config *
config_load_again(const struct config *now, const char *path, char **error)
{
	size_t len = now->chroot_entered ? strlen(now->chroot) : 0;
	struct config_rest *r;
	struct config *c;

	if (len && (strncmp(path, now->chroot, len) != 0 || path[len] != '/')) {
		if (asprintf(error,
			    "%s: is not below the root folder %s, so it cannot be read any more; "
			    "put it there, or restart",
			    path, now->chroot) < 0)
			*error = NULL;
		return NULL;
	}
	r = rest_read(path, path + len, error);
	c = r ? config_load_rest(r, error) : NULL;
	if (c && len)
		config_enter_chroot(c);
	return c;
}

/* "a.b[1].c" into steps. @return false: too deep, or no key */
static bool
path_from_key(char *key, struct locate_path *path)
{
	char *rest = NULL;

	path->n = 0;
	for (char *at = strtok_r(key, ".", &rest); at; at = strtok_r(NULL, ".", &rest)) {
		char *entry = strchr(at, '[');

		if (path->n == LOCATE_DEPTH_MAX)
			return false;
		path->step[path->n++] =
			(struct locate_step){at, entry ? (int)strtol(entry + 1, NULL, 10) : -1};
		if (entry)
			*entry = '\0';
	}
	return path->n > 0;
}

size_t
config_find_line(const char *path, const char *key)
{
	struct locate_path steps;
	char *copy = strdup(key);
	size_t len = 0, line = 0;
	char *text = copy && path_from_key(copy, &steps) ? read_file(path, &len) : NULL;

	if (text)
		line = locate_line(text, len, &steps);
	free(text);
	free(copy);
	return line;
}

static struct config *
load_part(const char *text, size_t len, const char *name, const char *folder, char **error)
{
	struct config *c = NULL;
	struct part list;
	size_t len_without = 0;
	char *without;

	if (!part_find_list(text, len, &list))
		return load_text(text, len, name, folder, error);
	without = part_without(text, len, &list, &len_without);
	if (without)
		c = load_text(without, len_without, name, folder, error);
	else
		*error = strdup("out of memory");
	free(without);
	if (c)
		c->zones.list_left_out = true;
	return c;
}

struct config *
config_load_text_part(const char *text, size_t len, const char *name, char **error)
{
	char *folder = load_folder(name);
	struct config *c = NULL;

	if (folder)
		c = load_part(text, len, name, folder, error);
	else
		*error = strdup("out of memory");
	free(folder);
	return c;
}

struct config *
config_load_part(const char *path, struct config_rest **rest, char **error)
{
	struct config_rest *r = rest_read(path, path, error);
	struct config *c;

	if (rest)
		*rest = NULL;
	if (!r)
		return NULL;
	if (r->len < WHOLE_OCTETS_MAX)
		return config_load_rest(r, error);
	c = load_part(r->text, r->len, r->name, r->folder, error);
	if (c && c->zones.list_left_out && rest)
		*rest = r;
	else
		config_rest_free(r);
	return c;
}
