/* SPDX-License-Identifier: GPL-3.0-or-later */
/* millrace: commands and options. */
#include "config/config.h"
#include "config/log.h"
#include "config/program.h"
#include "shm/paths.h"
#include "tools/launcher/launcher.h"

#include <dirent.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help_text[] =
	"usage: millrace serve [--listen ADDR:PORT]... [--port DEVARGS]... [--zones DIR]\n"
	"                      [--store FILE] [ZONE=FILE]...\n"
	"       millrace serve --config FILE\n"
	"       millrace upgrade [--run-dir DIR | --config FILE]\n"
	"       millrace config-reference\n"
	"\n"
	"serve starts the suite's processes and supervises them until Ctrl-C.\n"
	"  ZONE=FILE            serve a zone from a zone file, such as "
	"example.com=example.com.zone\n"
	"  -z, --zones DIR      every file NAME.zone in DIR is the zone NAME\n"
	"  -s, --store FILE     keep zones that are made through the API in this file; default\n"
	"                       /var/lib/millrace/store.mdb for root, else\n"
	"                       $XDG_STATE_HOME/millrace/store.mdb (~/.local/state)\n"
	"  -l, --listen ADDR[:PORT]  answer there through the kernel's sockets (port 53 if none is "
	"given);\n"
	"                       without --listen and --port: 127.0.0.1:5300 and [::1]:5300\n"
	"  -p, --port DEVARGS   answer on a device driven by DPDK: 0000:01:00.0, "
	"net_af_xdp0,iface=eth1\n"
	"  -r, --run-dir DIR    sockets and shared memory; default /run/millrace for root, else\n"
	"                       $XDG_RUNTIME_DIR/millrace or /tmp/millrace-UID\n"
	"  -c, --config FILE    take everything from a configuration file instead\n"
	"                       (docs/configuration.md; config/millrace.yaml is an example)\n"
	"upgrade has the running dataplane replaced by the one that is installed now; no query is "
	"lost\n"
	"on the kernel's sockets and on AF_XDP ports (docs/operations.md).\n"
	"config-reference prints the reference of the configuration's keys, in Markdown.\n"
	"\n"
	"  -h, --help           this text\n"
	"  -V, --version        version\n"
	"\n"
	"SIGHUP takes over the configuration file and what changed in zone files.\n"
	"MILLRACE_LIBEXEC names the folder of the other programs.\n";

static int __attribute__((format(printf, 1, 2))) usage_error(const char *format, ...)
{
	va_list args;

	fputs("millrace: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("; see millrace --help\n", stderr);
	return EX_USAGE;
}

/* The rest of the command line, which getopt moved to the end: zones. */
static int
take_zones(struct serve_options *o, int argc, char **argv)
{
	for (int i = optind; i < argc; i++) {
		const char *file = strchr(argv[i], '=');

		if (!file || file == argv[i] || !file[1])
			return usage_error("'%s' is not ZONE=FILE; write it as "
					   "example.com=example.com.zone",
				argv[i]);
	}
	o->zone = argv + optind;
	o->n_zones = (unsigned)(argc - optind);
	if (o->config_path &&
		(o->n_zones || o->n_listen || o->n_ports || o->zones || o->run_dir || o->store))
		return usage_error("with --config everything else is in the file");
	return 0;
}

static int
add_listen(struct serve_options *o, const char *text)
{
	struct config_address a;

	if (config_parse_address(text, 53, &a))
		return usage_error("--listen %s: not an address; write it as 192.0.2.1:53 or "
				   "[2001:db8::1]:53",
			text);
	if (o->n_listen == SERVE_LISTEN_MAX)
		return usage_error("more than %u --listen", SERVE_LISTEN_MAX);
	o->listen[o->n_listen++] = text;
	return 0;
}

/* @return 0 to go on, -1 when all is done (help), or an exit status */
static int
parse_options(struct serve_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"listen", required_argument, NULL, 'l'},
		{"port", required_argument, NULL, 'p'},
		{"zones", required_argument, NULL, 'z'},
		{"run-dir", required_argument, NULL, 'r'},
		{"store", required_argument, NULL, 's'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "c:l:p:z:r:s:hV", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			o->config_path = optarg;
			break;
		case 'l':
			if ((rc = add_listen(o, optarg)) != 0)
				return rc;
			break;
		case 'p':
			if (o->n_ports == SERVE_PORTS_MAX)
				return usage_error("more than %u --port", SERVE_PORTS_MAX);
			o->port[o->n_ports++] = optarg;
			break;
		case 'z':
			if (o->zones)
				return usage_error("--zones is given twice");
			o->zones = optarg;
			break;
		case 'r':
			o->run_dir = optarg;
			break;
		case 's':
			o->store = optarg;
			break;
		case 'h':
			fputs(help_text, stdout);
			return -1;
		case 'V':
			puts("millrace " MILLRACE_VERSION);
			return -1;
		default: /* getopt has said what is wrong */
			fputs("see millrace --help\n", stderr);
			return EX_USAGE;
		}
	}
	return 0;
}

void
launcher_remove(const char *folder, const char *pattern, const char *except)
{
	DIR *d = opendir(folder);
	const struct dirent *e;

	/* not glob(3): the folder's own name may have a '*' or '[' in it */
	while (d && (e = readdir(d)))
		if (fnmatch(pattern, e->d_name, FNM_PERIOD) == 0 &&
			(!except || strcmp(e->d_name, except) != 0))
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

/* Give back what a suite without a configuration of its own leaves in shared memory: nobody counts
 * on finding it again, and it could be large. */
static void
remove_memory(const struct config *c)
{
	static const char *const patterns[] = {
		RUN_ARENA, RUN_HUB ".*", RUN_BELL_STREAM, "bell.worker.*"};

	for (unsigned i = 0; i < sizeof patterns / sizeof *patterns; i++)
		launcher_remove(c->run_dir, patterns[i], NULL);
}

static int
serve(const struct serve_options *o)
{
	char *made = NULL, *error = NULL;
	struct config *c;
	int status;

	if (!o->config_path) {
		status = synthesise_config(o, &made);
		if (status)
			return status;
	}
	c = config_load_part(made ? made : o->config_path, NULL, &error);
	if (!c) {
		log_error("%s", error ? error : "out of memory");
		status = EX_CONFIG;
	} else {
		log_open("millrace", c->log_level);
		status = program_make_run_dir(c) == 0 ? supervise(c, made ? made : o->config_path)
						      : EX_CANTCREAT;
		/* EX_TEMPFAIL: it belongs to another launcher */
		if (made && status != EX_TEMPFAIL)
			remove_memory(c);
	}
	if (made)
		unlink(made);
	config_free(c);
	free(error);
	free(made);
	return status;
}

static int
run_upgrade(const struct serve_options *o)
{
	struct config *c = NULL;
	char *error = NULL, *usual = NULL;
	int status = EX_CONFIG;

	if (o->config_path != NULL)
		c = config_load_part(o->config_path, NULL, &error);
	else if (o->run_dir == NULL)
		usual = default_run_dir();
	if (o->config_path != NULL && c == NULL)
		log_error("%s", error != NULL ? error : "out of memory");
	else
		status = upgrade(c != NULL ? c->run_dir : o->run_dir != NULL ? o->run_dir : usual);
	config_free(c);
	free(error);
	free(usual);
	return status;
}

int
main(int argc, char **argv)
{
	struct serve_options o = {0};
	int rc;

	log_open("millrace", LOG_LEVEL_INFO);
	rc = parse_options(&o, argc, argv);
	if (rc)
		return rc < 0 ? EXIT_SUCCESS : rc;
	if (optind == argc)
		return usage_error("a command is missing: serve");
	if (strcmp(argv[optind], "config-reference") == 0)
		return optind + 1 == argc ? (config_print_reference() == 0 ? 0 : EX_IOERR)
					  : usage_error("unexpected '%s'", argv[optind + 1]);
	if (strcmp(argv[optind], "upgrade") == 0)
		return optind + 1 == argc ? run_upgrade(&o)
					  : usage_error("unexpected '%s'", argv[optind + 1]);
	if (strcmp(argv[optind], "serve") != 0)
		return usage_error("unknown command '%s'", argv[optind]);
	optind++;
	rc = take_zones(&o, argc, argv);
	return rc ? rc : serve(&o);
}
