/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/store: the store's own tools are the control plane's: they need its files, not its API. */
#include "tools/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "millrace-controlplane"

int
ctl_exec_controlplane(const struct ctl *c, const char *const *word, size_t n_words)
{
	char *program = ctl_find_program(PROGRAM);
	char **argv = calloc(n_words + (size_t)c->argc + 3, sizeof *argv);
	size_t n = 0;

	if (argv == NULL)
		abort();
	argv[n++] = program;
	for (size_t i = 0; i < n_words; i++)
		argv[n++] = (char *)word[i];
	argv[n++] = (char *)"--";
	for (int i = 0; i < c->argc; i++)
		argv[n++] = c->argv[i];
	execvp(program, argv);
	ctl_complain("%s: %s", program, strerror(errno));
	free(argv);
	free(program);
	return CTL_FAILURE;
}

static int
run(const struct ctl *c, const char *verb)
{
	const char *word[9] = {"store", verb};
	size_t n = 2;

	if (c->json)
		word[n++] = "--json";
	if (strcmp(verb, "restore") == 0)
		word[n++] = "--force"; /* it was confirmed */
	if (ctl_given(c, "config")) {
		word[n++] = "--config";
		word[n++] = ctl_value(c, "config");
	}
	if (ctl_given(c, "path")) {
		word[n++] = "--path";
		word[n++] = ctl_value(c, "path");
	}
	return ctl_exec_controlplane(c, word, n);
}

int
ctl_store_verify(const struct ctl *c)
{
	return run(c, "verify");
}

int
ctl_store_snapshot(const struct ctl *c)
{
	return run(c, "snapshot");
}

int
ctl_store_restore(const struct ctl *c)
{
	if (!ctl_confirm(c, "Replace the store by %s?", c->argv[0]))
		return CTL_FAILURE;
	return run(c, "restore");
}
