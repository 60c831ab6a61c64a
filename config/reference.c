/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reference: the manual page of the keys, in Markdown, from the table. */
#include "config/config.h"
#include "config/schema.h"
#include "config/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a change of the key takes. */
static void
print_change(const struct schema_key *k)
{
	static const struct {
		unsigned process;
		const char *name;
	} row[] = {{CONFIG_DATAPLANE, "dataplane"}, {CONFIG_CONTROLPLANE, "control plane"},
		{CONFIG_STREAM, "stream process"}};
	const char *before = "- Change: restart of the ";

	if (k->change == SCHEMA_LIVE)
		printf("- Change: live\n");
	if (k->change == 0 || k->change == SCHEMA_LIVE)
		return;
	for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
		if ((k->change & row[i].process) == 0)
			continue;
		printf("%s%s", before, row[i].name);
		before = " and the ";
	}
	printf("\n");
}

static void
print_key(const struct schema_key *k, const char *prefix)
{
	char right[VALUE_WHY_MAX];

	printf("### `%s%s`\n\n%s\n\n", prefix, k->name, k->help);
	if (k->type == SCHEMA_SECTION)
		snprintf(right, sizeof right, "a mapping of the keys below");
	else
		schema_describe(k, right, sizeof right);
	if (k->list)
		printf("- Value: a list of at most %u entries, each %s\n", k->entries_max, right);
	else
		printf("- Value: %s\n", right);
	if (k->required)
		printf("- Required\n");
	else if (k->fallback)
		printf("- Default: `%s`\n", k->fallback);
	else
		printf("- Default: %s\n", k->otherwise);
	print_change(k);
	if (k->powerdns)
		printf("- In PowerDNS: `%s`\n", k->powerdns);
	printf("\n");
}

static void
print_keys(const struct schema_key *keys, const char *prefix)
{
	char below[128];

	for (const struct schema_key *k = keys; k->name; k++) {
		bool section = k->type == SCHEMA_SECTION && !k->list;

		snprintf(below, sizeof below, "%s%s%s", prefix, k->name, k->list ? "[]." : ".");
		if (section)
			printf("## `%s`\n\n%s\n\n", k->name, k->help);
		else
			print_key(k, prefix);
		if (k->type == SCHEMA_SECTION)
			print_keys(k->keys, below);
	}
}

int
config_print_reference(void)
{
	printf("# Configuration\n\n"
	       "<!-- made by `millrace config-reference` from config/schema.c; a unit test "
	       "compares "
	       "-->\n\n"
	       "The suite reads one YAML file, `/etc/millrace/millrace.yaml` unless `--config "
	       "FILE` says "
	       "otherwise.\n"
	       "[config/millrace.yaml](../config/millrace.yaml) is an example with every key. "
	       "`millracectl config check FILE` checks a file.\n"
	       "Unknown keys are errors; a key left out, or with no value behind it, has its "
	       "default. "
	       "A relative path\n"
	       "to a zone file starts at the folder of the configuration file.\n\n"
	       "*Change: live* marks what `millracectl config reload` (or SIGHUP) takes over "
	       "while queries are answered;\n"
	       "[operations.md](operations.md#changing-the-configuration) tells how.\n\n"
	       "## Top level\n\n");
	print_keys(schema_root, "");
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}
