/* SPDX-License-Identifier: GPL-3.0-or-later */
/* program: the common start of the daemons. See program.h. */
#include "config/program.h"

#include "config/log.h"
#include "config/notify.h"
#include "config/privileges.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLAG_0 256 /* no character */

static_assert(PROGRAM_FLAGS_MAX == 2, "program_start() names each");

static void
program_print_help(const struct program *p)
{
	printf("usage: %s [--config FILE]\n"
	       "%s\n\n"
	       "  -c, --config FILE  configuration (default " PROGRAM_CONFIG_DEFAULT ")\n",
		p->name, p->summary);
	for (unsigned i = 0; i < PROGRAM_FLAGS_MAX && p->flag[i].name != NULL; i++)
		printf("      --%-14s %s\n", p->flag[i].name, p->flag[i].help);
	printf("  -h, --help         this text\n"
	       "  -V, --version      version\n\n"
	       "Usually started by `millrace serve` or by systemd. Configuration keys: "
	       "docs/configuration.md.\n");
}

/* Symbolic links stay: where they lead may be changed before the file is read again. */
static const char *
program_absolute(const char *path, char *out, size_t len)
{
	char folder[PATH_MAX];

	if (path[0] == '/' || !getcwd(folder, sizeof folder) ||
		snprintf(out, len, "%s/%s", folder, path) >= (int)len)
		return path;
	return out;
}

struct config *
program_start(struct program *p, int argc, char **argv)
{
	const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		/* the end where there is none */
		{p->flag[0].name, no_argument, NULL, FLAG_0},
		{p->flag[1].name, no_argument, NULL, FLAG_0 + 1},
		{NULL, 0, NULL, 0},
	};
	const char *path = PROGRAM_CONFIG_DEFAULT;
	struct config *c;
	int rc;
	static char absolute[PATH_MAX]; /* lives as long as the process */
	char *error = NULL;
	int opt;

	while ((opt = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			path = optarg;
			break;
		case FLAG_0:
		case FLAG_0 + 1:
			p->flag[opt - FLAG_0].given = true;
			break;
		case 'h':
			program_print_help(p);
			exit(EXIT_SUCCESS);
		case 'V':
			printf("%s " MILLRACE_VERSION "\n", p->name);
			exit(EXIT_SUCCESS);
		default:
			fprintf(stderr, "%s: see %s --help\n", p->name, p->name);
			exit(EX_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument '%s'; see %s --help\n", p->name,
			argv[optind], p->name);
		exit(EX_USAGE);
	}
	umask(007);
	log_open(p->name, LOG_LEVEL_INFO);
	/* a thread's own, inherited by those it makes: DPDK's would not have it later */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_warning("cannot set no_new_privs: %s", strerror(errno));
	rc = notify_open();
	if (rc)
		log_warning("cannot reach systemd at NOTIFY_SOCKET: %s", strerror(-rc));
	c = p->without_zones ? config_load_part(path, p->rest, &error) : config_load(path, &error);
	if (!c) {
		log_error("%s", error ? error : "out of memory");
		exit(EX_CONFIG);
	}
	log_open(p->name, c->log_level);
	p->config_path = program_absolute(path, absolute, sizeof absolute);
	return c;
}

/* The directory itself stays the property of root, so that the user can be kept from replacing it;
 * the group may work in it. By descriptor: its path may lead elsewhere by now. */
static int
hand_run_dir(const struct config *c, int place, gid_t gid)
{
	int fd = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fchown(fd, 0, gid) < 0 || fchmod(fd, 02770) < 0) {
		rc = -errno;
		log_error("cannot hand %s to user %s: %s", c->run_dir, c->user, strerror(-rc));
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

int
program_make_run_dir(const struct config *c)
{
	bool give_away = c->user && geteuid() == 0;
	struct stat st;
	uid_t uid = geteuid();
	gid_t gid = 0;
	int place, rc = 0;

	if (give_away && (rc = privileges_find_user(c->user, &uid, &gid)) != 0)
		return rc;
	if (mkdir(c->run_dir, 0700) < 0 && errno != EEXIST) {
		log_error("cannot make the run directory %s: %s", c->run_dir, strerror(errno));
		return -errno;
	}
	place = open(c->run_dir, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (place < 0 || fstat(place, &st) < 0) {
		rc = -errno;
		log_error("cannot open the run directory %s: %s", c->run_dir, strerror(-rc));
	} else if (!S_ISDIR(st.st_mode) ||
		   (st.st_uid != 0 && st.st_uid != geteuid() && st.st_uid != uid) ||
		   (st.st_mode & S_IWOTH)) {
		/* root's and our own are good; anybody else's could be changed under our feet */
		log_error(
			"run directory %s is not a directory that only its owner (root or us) can "
			"write to; remove it or set the key 'run-dir'",
			c->run_dir);
		rc = -EPERM;
	} else if (give_away) {
		rc = hand_run_dir(c, place, gid);
	}
	if (place >= 0)
		close(place);
	return rc;
}

void
program_ready(const char *status)
{
	int rc = notify_ready(status);

	if (rc)
		log_warning("cannot tell systemd that we are ready: %s", strerror(-rc));
}
