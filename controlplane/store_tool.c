/* SPDX-License-Identifier: GPL-3.0-or-later */
/* store_tool: the store's file, without a server. */
#include "controlplane/store_tool.h"
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
	fprintf(to, "usage: millrace-controlplane store verify [--json] FILE\n"
		    "       millrace-controlplane store snapshot [--force] FILE OUT\n"
		    "       millrace-controlplane store restore [--force] SNAPSHOT FILE\n"
		    "Work on a store's file; no server is needed.\n\n"
		    "verify    read all of it, and hold everything against everything else\n"
		    "snapshot  write a consistent copy (OUT '-': to standard output), also while a "
		    "server uses it\n"
		    "restore   verify SNAPSHOT, and put a copy of it where no server uses FILE\n\n"
		    "  -f, --force  replace a file that is there\n"
		    "  -j, --json   print JSON: {\"file\", \"ok\", \"faults\": [...], \"error\"}\n"
		    "  -h, --help   this text\n\n"
		    "Exit status: 0 done, 1 it cannot be or there are faults, 2 bad usage.\n");
}

struct tool {
	bool force, json, done;
	struct json_writer out;
};

static void
print_fault(void *arg, const char *text)
{
	struct tool *tool = arg;

	if (tool->json)
		json_str(&tool->out, NULL, text);
	else
		printf("fault: %s\n", text);
}

static struct store_verifier
verifier(struct tool *tool)
{
	return (struct store_verifier){print_fault, tool, zone_rdata_valid};
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

	if (ret != 0)
		fprintf(stderr, "%s\n", error);
	return ret == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* @return EXIT_SUCCESS to go on, or what to end with */
static int
parse_options(struct tool *tool, int argc, char **argv)
{
	static const struct option options[] = {
		{"force", no_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "fjh", options, NULL)) != -1) {
		switch (opt) {
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

int
store_tool_main(int argc, char **argv)
{
	struct tool tool = {0};
	int ret = parse_options(&tool, argc, argv);
	const char *verb = optind < argc ? argv[optind++] : "";
	int n = argc - optind;

	if (ret != EXIT_SUCCESS || tool.done)
		return ret;
	if (strcmp(verb, "verify") == 0 && n == 1)
		return verify(&tool, argv[optind]);
	if (strcmp(verb, "snapshot") == 0 && n == 2)
		return snapshot(&tool, argv[optind], argv[optind + 1]);
	if (strcmp(verb, "restore") == 0 && n == 2)
		return restore(&tool, argv[optind], argv[optind + 1]);
	usage(stderr);
	return EXIT_USAGE;
}
