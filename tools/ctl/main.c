/* SPDX-License-Identifier: GPL-3.0-or-later */
/* millracectl: the operator's command. It has no power that the HTTP API lacks. */
#include "shm/paths.h"
#include "tools/ctl/ctl.h"
#include "tools/pdns/pdns.h"

#include <string.h>

static const struct ctl_option everywhere[] = {
	{"json", NULL, "print JSON"},
	CTL_WHERE_OPTIONS,
	{"help", NULL, "this text; behind a noun or a verb, that one's", .letter = 'h'},
	{"version", NULL, "version"},
	{NULL},
};

static const struct ctl_noun *const nouns[] = {
	&ctl_noun_status,
	&ctl_noun_stats,
	&ctl_noun_zone,
	&ctl_noun_rrset,
	&ctl_noun_metadata,
	&ctl_noun_tsig,
	&ctl_noun_view,
	&ctl_noun_network,
	&ctl_noun_backend,
	&ctl_noun_token,
	&ctl_noun_audit,
	&ctl_noun_search,
	&ctl_noun_cache,
	&ctl_noun_store,
	&ctl_noun_import,
	&ctl_noun_acl,
	&ctl_noun_rrl,
	&ctl_noun_config,
	&ctl_noun_capture,
	&ctl_noun_doctor,
	&ctl_noun_port,
	&ctl_noun_help,
	&ctl_noun_completion,
	&ctl_noun_man_page,
	&ctl_noun_cli_reference,
};

static const struct ctl_term environment[] = {
	{"MILLRACE_RUN_DIR", "The run directory, as --run-dir."},
	{"MILLRACE_SERVER",
		"The server, as --server; --socket, --run-dir and --config go before it."},
	{"MILLRACE_TOKEN_FILE", "The token's file, as --token-file, for a server."},
	{"NO_COLOR", "When it is set, nothing is coloured; nor is what does not go to a terminal."},
	{NULL, NULL},
};

static const struct ctl_term status[] = {
	{"0", "done"},
	{"1", "failed (refused, not found, no answer)"},
	{"2", "bad usage"},
	{NULL, NULL},
};

static const struct ctl_program millracectl = {
	.name = "millracectl",
	.title = "the operator's command of the Millrace DNS suite",
	.description =
		"A client of the control plane's HTTP API, at the unix socket `" RUN_API
		"` in the suite's run directory, or, with --server, on another machine. It can do "
		"nothing that the API cannot.\n"
		"Tables are for people; --json prints what the API answers. Numbers, order and "
		"columns of tables may change, names in JSON do not. Zone names may be written "
		"with or without the dot at their end.",
	.noun = nouns,
	.n_nouns = sizeof nouns / sizeof nouns[0],
	.options = everywhere,
	.environment = environment,
	.status = status,
	.see_also = "millrace(1), millrace-image(1), millrace-bench(1)",
	.set_up = ctl_connect,
};

int
main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash == NULL ? argv[0] : slash + 1;

	/* one program, and symbolic links to it by PowerDNS's names */
	if (strncmp(name, "millrace-", 9) == 0)
		name += 9;
	if (strcmp(name, "pdnsutil") == 0)
		return ctl_run(&pdns_util, argc, argv);
	if (strcmp(name, "pdns_control") == 0)
		return ctl_run(&pdns_control, argc, argv);
	return ctl_run(&millracectl, argc, argv);
}
