/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sysroot: reads and writes single values. Whatever is longer than expected is cut, whatever is not
 * there is said to be not there: a check that finds nothing has nothing to say. */
#include "tools/doctor/sysroot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
make_path(const struct sysroot *r, char path[PATH_MAX], const char *format, va_list args)
{
	int n = snprintf(path, PATH_MAX, "%s", r->prefix), m;

	if (n < 0 || n >= PATH_MAX)
		return false;
	m = vsnprintf(path + n, (size_t)(PATH_MAX - n), format, args);
	return m >= 0 && m < PATH_MAX - n;
}

bool
sys_exists(const struct sysroot *r, const char *format, ...)
{
	char path[PATH_MAX];
	struct stat st;
	va_list args;
	bool made;

	va_start(args, format);
	made = make_path(r, path, format, args);
	va_end(args);
	return made && lstat(path, &st) == 0;
}

static bool
read_text(const char *path, char out[SYS_TEXT_MAX])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, out, SYS_TEXT_MAX - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return false;
	out[n] = '\0';
	while (n > 0 && strchr(" \t\r\n", out[n - 1]) != NULL)
		out[--n] = '\0';
	return true;
}

bool
sys_text(const struct sysroot *r, char out[SYS_TEXT_MAX], const char *format, ...)
{
	char path[PATH_MAX];
	va_list args;
	bool made;

	va_start(args, format);
	made = make_path(r, path, format, args);
	va_end(args);
	return made && read_text(path, out);
}

bool
sys_number(const struct sysroot *r, int64_t *out, const char *format, ...)
{
	char path[PATH_MAX], text[SYS_TEXT_MAX], *end;
	long long value;
	va_list args;
	bool made;

	va_start(args, format);
	made = make_path(r, path, format, args);
	va_end(args);
	if (!made || !read_text(path, text))
		return false;
	errno = 0;
	value = strtoll(text, &end, 0);
	if (end == text || errno != 0)
		return false;
	*out = value;
	return true;
}

bool
sys_link(const struct sysroot *r, char out[SYS_TEXT_MAX], const char *format, ...)
{
	char path[PATH_MAX], target[SYS_TEXT_MAX];
	const char *slash;
	va_list args;
	ssize_t n;
	bool made;

	va_start(args, format);
	made = make_path(r, path, format, args);
	va_end(args);
	n = made ? readlink(path, target, sizeof target - 1) : -1;
	if (n <= 0)
		return false;
	target[n] = '\0';
	slash = strrchr(target, '/');
	snprintf(out, SYS_TEXT_MAX, "%s", slash != NULL ? slash + 1 : target);
	return true;
}

int
sys_write(const struct sysroot *r, const char *value, const char *format, ...)
{
	char path[PATH_MAX];
	size_t len = strlen(value);
	ssize_t n;
	va_list args;
	bool made;
	int fd, err;

	va_start(args, format);
	made = make_path(r, path, format, args);
	va_end(args);
	if (!made)
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, value, len);
	err = n < 0 ? -errno : (size_t)n < len ? -EIO : 0;
	close(fd);
	return err;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

size_t
sys_list(const struct sysroot *r, char (*names)[256], size_t room, const char *format, ...)
{
	char path[PATH_MAX];
	struct dirent *entry;
	size_t n = 0;
	va_list args;
	bool made;
	DIR *d;

	va_start(args, format);
	made = make_path(r, path, format, args);
	va_end(args);
	d = made ? opendir(path) : NULL;
	if (d == NULL)
		return 0;
	while (n < room && (entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			snprintf(names[n++], 256, "%s", entry->d_name);
	closedir(d);
	qsort(names, n, sizeof *names, compare_names);
	return n;
}

void
sys_parse_cpus(const char *text, struct sys_cpus *out)
{
	char *end;

	memset(out, 0, sizeof *out);
	while (*text >= '0' && *text <= '9') {
		unsigned long first = strtoul(text, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		for (unsigned long cpu = first; cpu <= last && cpu < SYS_CPUS_MAX; cpu++)
			sys_add_cpu(out, (unsigned)cpu);
		text = *end == ',' ? end + 1 : end;
	}
}

void
sys_format_cpus(const struct sys_cpus *c, char *out, size_t room)
{
	size_t at = 0;

	out[0] = '\0';
	for (unsigned first = 0, last; first < SYS_CPUS_MAX && at + 1 < room; first = last + 1) {
		last = first;
		if (!sys_has_cpu(c, first))
			continue;
		while (sys_has_cpu(c, last + 1))
			last++;
		at += (size_t)snprintf(out + at, room - at, "%s%u", at > 0 ? "," : "", first);
		if (last > first && at < room)
			at += (size_t)snprintf(out + at, room - at, "-%u", last);
	}
}
