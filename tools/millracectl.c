/* SPDX-License-Identifier: GPL-3.0-or-later */
/* millracectl: the operator's command. Words and options are declared in two tables; parsing and
 * help come from them. It has no power that the HTTP API lacks. */
#include "config/config.h"
#include "shm/paths.h"
#include "tools/ctl.h"

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GLOBAL_OPTIONS \
	(CTL_OPTION_JSON | CTL_OPTION_SOCKET | CTL_OPTION_RUN_DIR | CTL_OPTION_CONFIG)
#define OPTION_HELP 0x10000
#define OPTION_VERSION 0x20000
#define MACHINE_RUN_DIR "/run/millrace" /* of the suite that systemd or root started */

static const struct verb {
	const char *noun, *word; /* word NULL: the noun says it all */
	const char *arguments;
	int min, max; /* arguments */
	unsigned options;
	int (*run)(const struct ctl *c);
	const char *help;
} verb_table[] = {
	{"status", NULL, "", 0, 0, 0, ctl_status,
		"What runs, what is served, how full the arena is."},
	{"stats", NULL, "[--watch [SECONDS]]", 0, 1,
		CTL_OPTION_WATCH | CTL_OPTION_COUNT | CTL_OPTION_ALL, ctl_stats,
		"Counters of the workers; with --watch rates as well."},
	{"zone", "list", "", 0, 0, 0, ctl_zone_list, "All zones."},
	{"zone", "status", "ZONE", 1, 1, 0, ctl_zone_status,
		"One zone: what is served, its file, what is wrong."},
	{"zone", "reload", "[ZONE]", 0, 1, CTL_OPTION_FORCE | CTL_OPTION_WAIT | CTL_OPTION_NO_WAIT,
		ctl_zone_reload,
		"Load a zone's file anew; without ZONE whatever changed. Exit status 1 when one is "
		"refused."},
	{"zone", "check", "FILE...", 1, INT32_MAX, CTL_OPTION_ORIGIN, ctl_zone_check,
		"Check zone files as a load would. Needs no server."},
	{"acl", "list", "", 0, 0, 0, ctl_acl_list,
		"The access list, with where each prefix comes from."},
	{"acl", "add", "PREFIX ACTION", 2, 2, 0, ctl_acl_add,
		"allow, deny, refuse, tcp-only or unlimited for a prefix; until a restart."},
	{"acl", "delete", "PREFIX", 1, 1, 0, ctl_acl_delete, "Forget a prefix; until a restart."},
	{"acl", "default", "ACTION", 1, 1, 0, ctl_acl_default,
		"For addresses that no prefix matches; until a restart."},
	{"acl", "check", "ADDRESS", 1, 1, 0, ctl_acl_check,
		"What becomes of queries from there, and why."},
	{"acl", "reload", "", 0, 0, 0, ctl_acl_reload,
		"Back to the configuration's list, its files read anew."},
	{"rrl", "show", "", 0, 0, 0, ctl_rrl_show, "Response rate limits."},
	{"rrl", "set", "KEY=VALUE...", 1, 16, 0, ctl_rrl_set,
		"Change some, by the configuration's keys; until a restart."},
	{"config", "check", "FILE", 1, 1, 0, ctl_config_check,
		"Check a configuration file. Needs no server."},
	{"config", "show", "", 0, 0, 0, ctl_config_show,
		"The configuration that holds, defaults included; secrets are hidden."},
	{"config", "diff", "", 0, 0, 0, ctl_config_diff,
		"What the file would change, and what needs a restart for it."},
	{"config", "reload", "", 0, 0, CTL_OPTION_PARTIAL | CTL_OPTION_WAIT | CTL_OPTION_NO_WAIT,
		ctl_config_reload,
		"Take over the configuration file as a whole. Exit status 1 when it is refused."},
	{"capture", NULL, "", 0, 0,
		CTL_OPTION_FILTER | CTL_OPTION_SAMPLE | CTL_OPTION_COUNT | CTL_OPTION_DURATION |
			CTL_OPTION_SNAPLEN | CTL_OPTION_DROPS_ONLY | CTL_OPTION_WRITE,
		ctl_capture,
		"Packets that the workers receive, send and drop, as a pcapng file, until Ctrl-C."},
	{"doctor", NULL, "", 0, 0, CTL_OPTION_ROOT, ctl_doctor,
		"What keeps this machine from running the suite, or from running it fast, and what "
		"mends it. Needs no server. Exit status 1 when something will not work."},
	{"port", "list", "", 0, 0, CTL_OPTION_ROOT, ctl_port_list,
		"PCI network cards, and which driver has them. Needs no server."},
	{"port", "bind", "CARD", 1, 1, CTL_OPTION_DRIVER | CTL_OPTION_FORCE | CTL_OPTION_ROOT,
		ctl_port_bind,
		"Take a card (address or interface) from the kernel for DPDK. One with the default "
		"route only with --force twice. Needs root, and no server."},
	{"port", "unbind", "CARD", 1, 1, CTL_OPTION_ROOT, ctl_port_unbind,
		"Give a card back to the kernel driver that it had. Needs root, and no server."},
};
#define N_VERBS (sizeof verb_table / sizeof verb_table[0])

static const struct option_row {
	const char *name, *value;
	int has_arg;
	unsigned bit;
	const char *help;
} option_table[] = {
	{"json", NULL, no_argument, CTL_OPTION_JSON, "print JSON"},
	{"force", NULL, no_argument, CTL_OPTION_FORCE,
		"zone reload: load all zones, changed or not; port bind: said twice, also the "
		"card with the default route"},
	{"wait", NULL, no_argument, CTL_OPTION_WAIT, "wait for the outcome (the default)"},
	{"no-wait", NULL, no_argument, CTL_OPTION_NO_WAIT, "return before it is done"},
	{"partial", NULL, no_argument, CTL_OPTION_PARTIAL,
		"take over what needs no restart, even if other keys do"},
	{"origin", "ZONE", required_argument, CTL_OPTION_ORIGIN,
		"the zone's name (default: FILE's without .zone)"},
	{"watch", "[=SECONDS]", optional_argument, CTL_OPTION_WATCH,
		"again and again (default: each second)"},
	{"count", "N", required_argument, CTL_OPTION_COUNT, "end after N times, or packets"},
	{"filter", "EXPR", required_argument, CTL_OPTION_FILTER,
		"only packets that tcpdump would show for EXPR"},
	{"sample", "N", required_argument, CTL_OPTION_SAMPLE,
		"one query in N, with what became of it"},
	{"duration", "SECONDS", required_argument, CTL_OPTION_DURATION, "end after this time"},
	{"snaplen", "OCTETS", required_argument, CTL_OPTION_SNAPLEN, "of a packet, at most"},
	{"drops-only", NULL, no_argument, CTL_OPTION_DROPS_ONLY, "only packets that were dropped"},
	{"write", "FILE", required_argument, CTL_OPTION_WRITE,
		"or -w FILE: where packets go; - is standard output"},
	{"all", NULL, no_argument, CTL_OPTION_ALL, "counters that are 0 too"},
	{"driver", "NAME", required_argument, CTL_OPTION_DRIVER, "default: vfio-pci"},
	{"root", "DIR", required_argument, CTL_OPTION_ROOT,
		"look at the /sys and /proc of another machine, copied to DIR"},
	{"run-dir", "DIR", required_argument, CTL_OPTION_RUN_DIR,
		"run directory of the suite (environment: MILLRACE_RUN_DIR)"},
	{"config", "FILE", required_argument, CTL_OPTION_CONFIG,
		"configuration of the suite, for its run directory"},
	{"socket", "PATH", required_argument, CTL_OPTION_SOCKET,
		"socket of the HTTP API (default: DIR/" RUN_API ")"},
	{"help", NULL, no_argument, OPTION_HELP, "this text; behind a verb, that verb's"},
	{"version", NULL, no_argument, OPTION_VERSION, "version"},
};
#define N_OPTIONS (sizeof option_table / sizeof option_table[0])

/* --- help --- */

static void
print_option(FILE *to, const struct option_row *o)
{
	char left[32];

	snprintf(left, sizeof left, "--%s%s%s", o->name, o->has_arg == required_argument ? " " : "",
		o->value == NULL ? "" : o->value);
	fprintf(to, "  %-20s %s\n", left, o->help);
}

static void
print_options(FILE *to, unsigned bits)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if ((option_table[i].bit & bits) != 0)
			print_option(to, &option_table[i]);
}

static void
print_usage(FILE *to)
{
	fprintf(to, "usage: millracectl NOUN VERB [ARGUMENTS] [OPTIONS]\n\n");
	for (size_t i = 0; i < N_VERBS; i++) {
		char left[64];
		const struct verb *v = &verb_table[i];
		snprintf(left, sizeof left, "%s%s%s %s", v->noun, v->word == NULL ? "" : " ",
			v->word == NULL ? "" : v->word, v->arguments);
		fprintf(to, "  %-27s %s\n", left, v->help);
	}
	fprintf(to, "\nOptions everywhere:\n");
	print_options(to, GLOBAL_OPTIONS | OPTION_HELP | OPTION_VERSION);
	fprintf(to, "\nExit status: 0 done, 1 failed, 2 bad usage.\n");
}

static void
print_verb_usage(FILE *to, const struct verb *v)
{
	fprintf(to, "usage: millracectl %s%s%s %s [OPTIONS]\n%s\n\n", v->noun,
		v->word == NULL ? "" : " ", v->word == NULL ? "" : v->word, v->arguments, v->help);
	print_options(to, v->options | GLOBAL_OPTIONS | OPTION_HELP);
}

/* --- command line --- */

/* Words are matched as far as they go, so that `zone` alone can say which verbs it has. */
static const struct verb *
find_verb(int argc, char **argv, int *n_words)
{
	for (size_t i = 0; i < N_VERBS; i++) {
		const struct verb *v = &verb_table[i];
		if (argc == 0 || strcmp(argv[0], v->noun) != 0)
			continue;
		if (v->word == NULL) {
			*n_words = 1;
			return v;
		}
		if (argc > 1 && strcmp(argv[1], v->word) == 0) {
			*n_words = 2;
			return v;
		}
	}
	return NULL;
}

static int
fail_unknown(int argc, char **argv)
{
	bool known = false;

	if (argc == 0) {
		print_usage(stderr);
		return CTL_USAGE;
	}
	for (size_t i = 0; i < N_VERBS; i++)
		known |= strcmp(argv[0], verb_table[i].noun) == 0;
	if (!known)
		fprintf(stderr, "millracectl: there is no '%s'; see millracectl --help\n", argv[0]);
	else if (argc > 1)
		fprintf(stderr, "millracectl: %s has no verb '%s'; it has:\n", argv[0], argv[1]);
	else
		fprintf(stderr, "millracectl: %s needs a verb:\n", argv[0]);
	for (size_t i = 0; known && i < N_VERBS; i++)
		if (strcmp(argv[0], verb_table[i].noun) == 0)
			fprintf(stderr, "  millracectl %s %s %s\n", verb_table[i].noun,
				verb_table[i].word, verb_table[i].arguments);
	return CTL_USAGE;
}

/* Where `millrace serve` puts it for this user. */
static char *
default_run_dir(void)
{
	const char *dir = getenv("MILLRACE_RUN_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");
	char *path;
	int ret;

	if (dir != NULL && dir[0] != '\0')
		ret = asprintf(&path, "%s", dir);
	else if (geteuid() == 0)
		ret = asprintf(&path, MACHINE_RUN_DIR);
	else if (xdg != NULL && xdg[0] == '/')
		ret = asprintf(&path, "%s/millrace", xdg);
	else
		ret = asprintf(&path, "/tmp/millrace-%u", (unsigned)geteuid());
	if (ret < 0)
		abort();
	/* nothing of this user's own runs: the machine's, for which its group decides */
	if ((dir == NULL || dir[0] == '\0') && access(path, F_OK) != 0 &&
		access(MACHINE_RUN_DIR, F_OK) == 0) {
		free(path);
		path = strdup(MACHINE_RUN_DIR);
		if (path == NULL)
			abort();
	}
	return path;
}

/* --socket, else the run directory of --run-dir, --config, or by default. @return 0, or -1 after a
 * message */
static int
set_socket(struct ctl *c, const char *run_dir, const char *config_path)
{
	struct config *config = NULL;
	char *dir = NULL, *error = NULL;

	if (c->socket_path != NULL)
		return 0;
	if (run_dir == NULL && config_path != NULL) {
		config = config_load_part(config_path, NULL, &error);
		if (config == NULL) {
			fprintf(stderr, "millracectl: %s\n",
				error != NULL ? error : "out of memory");
			free(error);
			return -1;
		}
		run_dir = config->run_dir;
	} else if (run_dir == NULL) {
		run_dir = dir = default_run_dir();
	}
	if (asprintf(&c->socket_path, "%s/" RUN_API, run_dir) < 0)
		abort();
	free(dir);
	config_free(config);
	return 0;
}

static int
parse_number(unsigned long *to, const char *option, const char *text)
{
	char *end;

	errno = 0;
	*to = strtoul(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *to > 0)
		return 0;
	fprintf(stderr, "millracectl: --%s %s: a number, at least 1\n", option, text);
	return -1;
}

/* Where a number goes that an option has, or NULL. */
static unsigned long *
number_of(struct ctl *c, unsigned bit)
{
	switch (bit) {
	case CTL_OPTION_COUNT:
		return &c->count;
	case CTL_OPTION_SAMPLE:
		return &c->sample;
	case CTL_OPTION_SNAPLEN:
		return &c->snaplen;
	case CTL_OPTION_DURATION:
		return &c->duration;
	default:
		return NULL;
	}
}

static void
set_text(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	if (*to == NULL)
		abort();
}

/* @return 0, or -1 after a message */
static int
parse_options(struct ctl *c, int argc, char **argv, const char **run_dir, const char **config)
{
	struct option options[N_OPTIONS + 1] = {0};
	int opt, at;

	for (size_t i = 0; i < N_OPTIONS; i++)
		options[i] =
			(struct option){option_table[i].name, option_table[i].has_arg, NULL, 1};
	while ((opt = getopt_long(argc, argv, "hw:", options, &at)) != -1) {
		unsigned bit = opt == 'h'   ? (unsigned)OPTION_HELP
			       : opt == 'w' ? (unsigned)CTL_OPTION_WRITE
			       : opt == '?' ? 0
					    : option_table[at].bit;
		if (bit == 0) {
			fprintf(stderr, "See millracectl --help\n");
			return -1;
		}
		c->given |= bit;
		if (bit == CTL_OPTION_ORIGIN)
			c->origin = optarg;
		else if (bit == CTL_OPTION_WATCH)
			c->watch = optarg;
		else if (number_of(c, bit) != NULL) {
			if (parse_number(number_of(c, bit), option_table[at].name, optarg) != 0)
				return -1;
		} else if (bit == CTL_OPTION_FILTER)
			c->filter = optarg;
		else if (bit == CTL_OPTION_WRITE)
			c->write = optarg;
		else if (bit == CTL_OPTION_FORCE)
			c->n_force++;
		else if (bit == CTL_OPTION_ROOT)
			c->root = optarg;
		else if (bit == CTL_OPTION_DRIVER)
			c->driver = optarg;
		else if (bit == CTL_OPTION_RUN_DIR)
			*run_dir = optarg;
		else if (bit == CTL_OPTION_CONFIG)
			*config = c->config_path = optarg;
		else if (bit == CTL_OPTION_SOCKET)
			set_text(&c->socket_path, optarg);
	}
	return 0;
}

static int
check_usage(const struct ctl *c, const struct verb *v)
{
	unsigned stray = c->given & ~(v->options | GLOBAL_OPTIONS);

	for (size_t i = 0; i < N_OPTIONS; i++) {
		if ((option_table[i].bit & stray) == 0)
			continue;
		fprintf(stderr, "millracectl: --%s does not go with this verb\n\n",
			option_table[i].name);
		print_verb_usage(stderr, v);
		return CTL_USAGE;
	}
	if (c->argc < v->min || c->argc > v->max) {
		fprintf(stderr, "millracectl: %s\n\n",
			c->argc < v->min ? "an argument is missing" : "too many arguments");
		print_verb_usage(stderr, v);
		return CTL_USAGE;
	}
	return CTL_OK;
}

static int
run(struct ctl *c, int argc, char **argv)
{
	const char *run_dir = NULL, *config = NULL;
	const struct verb *v;
	int n_words = 0, ret;

	if (parse_options(c, argc, argv, &run_dir, &config) != 0)
		return CTL_USAGE;
	if ((c->given & OPTION_VERSION) != 0) {
		printf("millracectl " MILLRACE_VERSION "\n");
		return CTL_OK;
	}
	v = find_verb(argc - optind, argv + optind, &n_words);
	if ((c->given & OPTION_HELP) != 0) {
		if (v == NULL)
			print_usage(stdout);
		else
			print_verb_usage(stdout, v);
		return CTL_OK;
	}
	if (v == NULL)
		return fail_unknown(argc - optind, argv + optind);
	c->argc = argc - optind - n_words;
	c->argv = argv + optind + n_words;
	c->json = (c->given & CTL_OPTION_JSON) != 0;
	c->colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
	ret = check_usage(c, v);
	if (ret == CTL_OK && set_socket(c, run_dir, config) != 0)
		ret = CTL_FAILURE;
	if (ret == CTL_OK) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		ret = v->run(c);
		curl_global_cleanup();
	}
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		ret = ret == CTL_OK ? CTL_FAILURE : ret;
	return ret;
}

int
main(int argc, char **argv)
{
	struct ctl c = {0};
	int ret = run(&c, argc, argv);

	free(c.socket_path);
	return ret;
}
