/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_tool: the store's file, without a server. */
#include "controlplane/store_tool.h"
#include "config/config.h"
#include "config/program.h"
#include "config/progress.h"
#include "controlplane/api/json_writer.h"
#include "controlplane/store/store.h"
#include "controlplane/zones/zone_rdata.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2 /* as millracectl, which hands over to this */

static void
usage(FILE *to)
{
	fprintf(to, "usage: millrace-controlplane store verify [options] [FILE]\n"
		    "       millrace-controlplane store snapshot [options] [FILE] OUT\n"
		    "       millrace-controlplane store restore [options] SNAPSHOT [FILE]\n"
		    "Work on a store's file; no server is needed.\n\n"
		    "verify    read all of it, and hold everything against everything else\n"
		    "snapshot  write a consistent copy (OUT '-': to standard output), also while a "
		    "server uses it\n"
		    "restore   verify SNAPSHOT, and put a copy of it where no server uses FILE\n\n"
		    "  -p, --path FILE    the store (default: the one of the configuration)\n"
		    "  -c, --config FILE  configuration (default: " PROGRAM_CONFIG_DEFAULT
		    ", if it is there)\n"
		    "  -f, --force        replace a file that is there\n"
		    "  -j, --json         verify: print {\"file\", \"ok\", \"faults\": [...], "
		    "\"error\"}\n"
		    "  -h, --help         this text\n\n"
		    "Exit status: 0 done, 1 it cannot be or there are faults, 2 bad usage.\n");
}

struct tool {
	bool force, json, done;
	const char *path, *config;
	struct json_writer out;
	struct progress progress;
};

static void
print_fault(void *arg, const char *text)
{
	struct tool *tool = arg;

	if (tool->json) {
		json_str(&tool->out, NULL, text);
	} else {
		if (isatty(STDOUT_FILENO))
			progress_hide(&tool->progress);
		printf("fault: %s\n", text);
	}
}

static void
tell_progress(void *arg, uint64_t done, uint64_t all)
{
	progress_set(&((struct tool *)arg)->progress, done, all);
}

static struct store_verifier
verifier(struct tool *tool)
{
	progress_start(&tool->progress, "entries", 0);
	return (struct store_verifier){print_fault, tool, zone_rdata_valid, tell_progress};
}

static int
verify(struct tool *tool, const char *path)
{
	struct store_verifier v = verifier(tool);
	char error[STORE_ERROR_OCTETS] = "";
	int ret;

	if (tool->json) {
		json_open_object(&tool->out, NULL);
		json_str(&tool->out, "file", path);
		json_open_array(&tool->out, "faults");
	}
	ret = store_verify(path, &v, error);
	progress_hide(&tool->progress);
	if (tool->json) {
		json_close_array(&tool->out);
		json_bool(&tool->out, "ok", ret == 0);
		json_str(&tool->out, "error", error);
		json_close_object(&tool->out);
		json_raw(&tool->out, "\n");
		if (tool->out.failed ||
			fwrite(tool->out.text, 1, tool->out.len, stdout) != tool->out.len)
			ret = -1;
		json_free(&tool->out);
	} else if (ret == 0) {
		printf("%s: OK\n", path);
	} else {
		fprintf(stderr, "%s\n", error);
	}
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
snapshot(const struct tool *tool, const char *path, const char *to)
{
	struct store_options o = {.path = path, .read_only = true};
	char error[STORE_ERROR_OCTETS] = "";
	struct store *s;
	int ret = store_open(&s, &o, error);

	if (ret == 0) {
		if (strcmp(to, "-") == 0)
			ret = store_snapshot(s, STDOUT_FILENO, error);
		else
			ret = store_snapshot_file(s, to, tool->force, error);
		store_close(s);
	}
	if (ret != 0)
		fprintf(stderr, "%s\n", error);
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
restore(struct tool *tool, const char *from, const char *path)
{
	struct store_verifier v = verifier(tool);
	char error[STORE_ERROR_OCTETS] = "";
	int ret = store_restore(from, path, tool->force, &v, error);

	progress_hide(&tool->progress);
	if (ret != 0)
		fprintf(stderr, "%s\n", error);
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* @return EXIT_SUCCESS to go on, or what to end with */
static int
parse_options(struct tool *tool, int argc, char **argv)
{
	static const struct option options[] = {
		{"path", required_argument, NULL, 'p'},
		{"config", required_argument, NULL, 'c'},
		{"force", no_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "p:c:fjh", options, NULL)) != -1) {
		switch (opt) {
		case 'p':
			tool->path = optarg;
			break;
		case 'c':
			tool->config = optarg;
			break;
		case 'f':
			tool->force = true;
			break;
		case 'j':
			tool->json = true;
			break;
		case 'h':
			usage(stdout);
			tool->done = true;
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	return EXIT_SUCCESS;
}

/* Path of the store that was not named. Caller frees; NULL: said why. */
static char *
configured_path(const struct tool *tool)
{
	const char *file = tool->config;
	char *error = NULL, *path;
	struct config *c;

	if (tool->path != NULL)
		return strdup(tool->path);
	if (file == NULL && access(PROGRAM_CONFIG_DEFAULT, F_OK) == 0)
		file = PROGRAM_CONFIG_DEFAULT;
	c = config_load_part(file, NULL, &error);
	if (c == NULL) {
		fprintf(stderr, "%s\n", error == NULL ? "out of memory" : error);
		free(error);
		return NULL;
	}
	path = config_store_path(c);
	config_free(c);
	return path;
}

int
store_tool_main(int argc, char **argv)
{
	struct tool tool = {0};
	int ret = parse_options(&tool, argc, argv);
	const char *verb = optind < argc ? argv[optind++] : "";
	char **word = argv + optind, *path = NULL;
	int n = argc - optind;
	bool is_verify = strcmp(verb, "verify") == 0, is_snapshot = strcmp(verb, "snapshot") == 0,
	     is_restore = strcmp(verb, "restore") == 0;
	int own = is_verify ? 0 : 1; /* operands beside FILE */

	if (ret != EXIT_SUCCESS || tool.done)
		return ret;
	if ((!is_verify && !is_snapshot && !is_restore) || n < own || n > own + 1 ||
		(n == own + 1 && (tool.path != NULL || tool.config != NULL))) {
		usage(stderr);
		return EXIT_USAGE;
	}
	path = n == own ? configured_path(&tool) : strdup(is_restore ? word[1] : word[0]);
	if (path == NULL)
		return EXIT_FAILURE;
	if (is_verify)
		ret = verify(&tool, path);
	else if (is_snapshot)
		ret = snapshot(&tool, path, word[n - 1]);
	else
		ret = restore(&tool, word[0], path);
	free(path);
	return ret;
}
