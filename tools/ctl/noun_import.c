/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/noun_import: import powerdns. millrace-import does it, so that the libraries of databases are
 * needed by nobody else; this is its command line. */
#include "tools/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMPORTER "millrace-import"

static const struct ctl_option powerdns_options[] = {
	{"gsqlite3", "FILE", "from the database of PowerDNS's gsqlite3 backend"},
	{"gpgsql", "CONNECTION",
		"from that of gpgsql: \"host=db dbname=pdns user=pdns\", or an URL"},
	{"gmysql", "CONNECTION",
		"from that of gmysql: host=, port=, socket=, user=, password=, dbname="},
	{"api", "URL", "from a running PowerDNS, whatever its backend: http://127.0.0.1:8081"},
	{"source-key-file", "FILE", "file whose first line is that one's API key"},
	{"source-ca", "FILE", "certificates that its certificate is checked with"},
	{"dry-run", NULL, "read and convert all of it, and change nothing"},
	{"skip-present", NULL, "a zone that is there already is left alone without a word"},
	{"report", "FILE", "where what cannot be carried over is told (default: stderr)"},
	{"quiet", NULL, "no progress"},
	{NULL},
};

/* The importer knows the same options, and where to send it to. */
static int
run(const struct ctl *c)
{
	char *importer = ctl_find_program(IMPORTER);
	const char **argv = calloc(2 * c->n_given + 8, sizeof *argv);
	size_t n = 0;

	if (argv == NULL)
		abort();
	argv[n++] = importer;
	for (size_t i = 0; i < c->n_given; i++) {
		const char *name = c->given[i].option->name;
		bool own = strcmp(name, "ca") == 0 || strcmp(name, "cert") == 0 ||
			   strcmp(name, "key") == 0;

		for (const struct ctl_option *o = powerdns_options; o->name != NULL; o++)
			own |= o == c->given[i].option;
		if (!own)
			continue;
		argv[n++] = ctl_format("--%s", name);
		if (c->given[i].value != NULL)
			argv[n++] = c->given[i].value;
	}
	if (c->json)
		argv[n++] = "--json";
	argv[n++] = c->server != NULL ? "--server" : "--socket";
	argv[n++] = c->server != NULL ? c->server : c->socket_path;
	if (c->token != NULL) /* not an argument: everybody could read those */
		setenv("MILLRACE_IMPORT_TOKEN", c->token, 1);
	execvp(importer, (char *const *)(uintptr_t)argv);
	ctl_complain("%s: %s%s", importer, strerror(errno),
		errno == ENOENT ? "; it is in the package millrace-import" : "");
	return CTL_FAILURE;
}

static const struct ctl_verb import_verbs[] = {
	{"powerdns", "", 0, 0, 0, powerdns_options, run,
		"Zones, comments, metadata, TSIG keys and autoprimaries of a PowerDNS "
		"installation.",
		.more = "The source is only read, as one consistent version. Serials stay as they "
			"are. "
			"Each record, key or option that cannot be carried over is one line of the "
			"report, with the reason.\n"
			"An LMDB database or BIND zone files of PowerDNS are read through its API: "
			"switch it on there (api=yes, api-key=..., webserver=yes).\n"
			"What is carried over and has no effect in this version (transfers to "
			"others, NOTIFY after changes, UPDATE, catalogs) is one line of the report "
			"for all zones that it concerns; for that alone the exit status is 0.\n"
			"Exit status 3: all was carried over but what the report names.",
		.example = "millracectl import powerdns --gsqlite3 /var/lib/powerdns/pdns.sqlite3 "
			   "--dry-run\n"
			   "millracectl import powerdns --gpgsql @/root/pdns-connection --report "
			   "left.txt\n"},
};
const struct ctl_noun ctl_noun_import = CTL_NOUN("import", "From other servers.", import_verbs);
