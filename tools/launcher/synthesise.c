/* SPDX-License-Identifier: GPL-3.0-or-later */
/* synthesise: the configuration that `millrace serve` makes from its options, as a file in the run
 * directory, since the other processes read files. */
#include "config/log.h"
#include "config/program.h"
#include "tools/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVE_PORT                                                                    \
	"5300" /* where an unprivileged user may listen, and no other DNS server does \
		*/

/* A YAML double-quoted scalar: whatever octets a file name has, it stays one value. */
static void
write_quoted(FILE *f, const char *text, size_t len)
{
	fputc('"', f);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\')
			fputc('\\', f);
		if (c < ' ' || c == 127)
			fprintf(f, "\\x%02x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

static void
write_entry(FILE *f, const char *key, const char *text)
{
	fputs(key, f);
	write_quoted(f, text, strlen(text));
	fputc('\n', f);
}

/* A path that holds whatever the working directory is. @return allocated, or NULL after a log line
 */
static char *
real_path(const char *path, const char *what, bool folder)
{
	char *real = realpath(path, NULL);
	struct stat st;

	if (!real) {
		log_error("%s %s: %s", what, path, strerror(errno));
	} else if (stat(real, &st) == 0 && S_ISDIR(st.st_mode) != folder) {
		log_error("%s %s: %s", what, path,
			folder ? "is no folder" : "is a folder; give folders with --zones");
		free(real);
		real = NULL;
	}
	return real;
}

/* A file that need not be there yet. @return allocated, or NULL when out of memory */
static char *
absolute_path(const char *path)
{
	char folder[PATH_MAX], *absolute;

	if (path[0] == '/' || !getcwd(folder, sizeof folder))
		return strdup(path);
	return asprintf(&absolute, "%s/%s", folder, path) < 0 ? NULL : absolute;
}

static int
write_store(FILE *f, const struct serve_options *o)
{
	char *path = o->store ? absolute_path(o->store) : NULL;

	if (!o->store)
		return 0;
	if (!path)
		return EX_OSERR;
	fputs("store:\n", f);
	write_entry(f, "  path: ", path);
	free(path);
	return 0;
}

/* Can [::1] be listened on? */
static bool
ip6_exists(void)
{
	struct config_address a;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	ok = config_parse_address("[::1]:1", 0, &a) == 0;
	((struct sockaddr_in6 *)&a.sa)->sin6_port = 0;
	ok = ok && bind(fd, (struct sockaddr *)&a.sa, sizeof(struct sockaddr_in6)) == 0;
	close(fd);
	return ok;
}

static void
write_listen(FILE *f, const struct serve_options *o)
{
	fputs("dataplane:\n", f);
	if (o->n_listen || !o->n_ports)
		fputs("  listen:\n", f);
	for (unsigned i = 0; i < o->n_listen; i++)
		write_entry(f, "    - ", o->listen[i]);
	if (o->n_listen == 0 && o->n_ports == 0) {
		fputs("    - \"127.0.0.1:" SERVE_PORT "\"\n", f);
		if (ip6_exists())
			fputs("    - \"[::1]:" SERVE_PORT "\"\n", f);
	}
	if (o->n_ports)
		fputs("  ports:\n", f);
	for (unsigned i = 0; i < o->n_ports; i++)
		write_entry(f, "    - device: ", o->port[i]);
	/* A port without addresses answers on all of them; TCP, which it leaves to the kernel,
	 * likewise. */
	if (o->n_ports && !o->n_listen)
		fprintf(f, "stream:\n  listen:\n    - \"0.0.0.0:53\"\n%s",
			ip6_exists() ? "    - \"[::]:53\"\n" : "");
}

static int
write_zones(FILE *f, const struct serve_options *o)
{
	char *real;

	if (!o->n_zones && !o->zones)
		return 0;
	fputs("zones:\n", f);
	if (o->zones) {
		real = real_path(o->zones, "zone folder", true);
		if (!real)
			return EX_NOINPUT;
		write_entry(f, "  directory: ", real);
		free(real);
	}
	if (o->n_zones)
		fputs("  list:\n", f);
	for (unsigned i = 0; i < o->n_zones; i++) {
		const char *file = strchr(o->zone[i], '=') + 1;

		real = real_path(file, "zone file", false);
		if (!real)
			return EX_NOINPUT;
		fputs("    - zone: ", f);
		write_quoted(f, o->zone[i], (size_t)(file - 1 - o->zone[i]));
		fputc('\n', f);
		write_entry(f, "      file: ", real);
		free(real);
	}
	return 0;
}

/* Where the run directory is when nobody says. Allocated. */
char *
default_run_dir(void)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *dir;
	int n;

	if (geteuid() == 0)
		return strdup("/run/millrace");
	if (runtime && runtime[0] == '/')
		n = asprintf(&dir, "%s/millrace", runtime);
	else
		n = asprintf(&dir, "/tmp/millrace-%u", (unsigned)geteuid());
	return n < 0 ? NULL : dir;
}

/* The run directory as an absolute path that exists, is ours and is safe. Allocated; NULL after a
 * log line. */
static char *
make_run_dir(const char *wanted)
{
	char *dir = wanted ? strdup(wanted) : default_run_dir(), *absolute = NULL, cwd[PATH_MAX];
	struct config c = {.run_dir = dir};

	if (!dir || program_make_run_dir(&c) != 0) {
		free(dir);
		return NULL;
	}
	if (dir[0] == '/')
		return dir;
	if (!getcwd(cwd, sizeof cwd) || asprintf(&absolute, "%s/%s", cwd, dir) < 0) {
		log_error("run directory %s: %s", dir, strerror(errno));
		absolute = NULL;
	}
	free(dir);
	return absolute;
}

/* A new file in the run directory; what was there, be it a link, is not followed. */
static FILE *
create_file(const char *path)
{
	int fd;
	FILE *f;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return NULL;
	f = fdopen(fd, "w");
	if (!f)
		close(fd);
	return f;
}

int
synthesise_config(const struct serve_options *o, char **out)
{
	char *dir = make_run_dir(o->run_dir), *path = NULL;
	FILE *f = NULL;
	int status = EX_CANTCREAT;

	if (!dir)
		return status;
	/* one file a launcher: a second one must not pull it from under the first */
	if (asprintf(&path, "%s/" LAUNCHER_CONFIG, dir, (long)getpid()) < 0) {
		path = NULL;
		goto done;
	}
	f = create_file(path);
	if (!f) {
		log_error("cannot write %s: %s", path, strerror(errno));
		goto done;
	}
	fputs("# Made by `millrace serve` from its options; removed when it ends.\n", f);
	write_entry(f, "run-dir: ", dir);
	write_listen(f, o);
	status = write_zones(f, o);
	if (status == 0)
		status = write_store(f, o);
	if (status == 0 && ferror(f))
		status = EX_IOERR;
	if (fclose(f) != 0 && status == 0)
		status = EX_IOERR;
	if (status == EX_IOERR)
		log_error("cannot write %s: %s", path, strerror(errno));
	if (status)
		unlink(path);
done:
	free(dir);
	if (status)
		free(path);
	else
		*out = path;
	return status;
}
