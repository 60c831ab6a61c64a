/* SPDX-License-Identifier: GPL-3.0-or-later */
/* api_reference: docs/api-reference.md, from the tables. */
#include "controlplane/api/metadata_kind.h"
#include "controlplane/api/openapi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void
print_parameters(const struct route_group *g, const struct route *r)
{
	for (const char *at = r->query; *at != '\0'; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		const struct api_parameter *p = api_parameter_find(g->name, at, len);
		printf("<br>`%.*s`: %s", (int)len, at, p == NULL ? "" : p->help);
		if (p != NULL && p->fallback != NULL)
			printf(" Default: %s.", p->fallback);
		at += len;
	}
}

/* "'a'|'b'" within a row of a table: the bar would end its cell. */
static void
print_type(const char *type)
{
	for (; *type != '\0'; type++)
		if (*type == '|')
			printf(" or ");
		else if (*type != '!' && *type != '\'')
			putchar(*type);
}

static void
print_group(const struct route_group *g)
{
	printf("\n## %s\n\n%s\n\n| request | body | answers | |\n|---|---|---|---|\n", g->name,
		g->help);
	for (size_t i = 0; i < g->n; i++) {
		const struct route *r = &g->route[i];
		printf("| `%s %s` | %s | %s | %s", r->method, r->pattern, r->body, r->answers,
			r->help);
		print_parameters(g, r);
		printf(" |\n");
	}
}

static void
print_schema(const struct api_schema *s)
{
	printf("\n### %s\n\n%s\n", s->name, s->help);
	if (s->field == NULL) {
		printf("\nA `%s`.\n", s->type);
		return;
	}
	printf("\n| member | type | |\n|---|---|---|\n");
	for (const struct api_field *f = s->field; f->name != NULL; f++) {
		printf("| `%s` | ", f->name);
		print_type(f->type);
		printf("%s | %s |\n", f->type[0] == '!' ? "" : ", optional", f->help);
	}
	if (s->open)
		printf("\nThere may be more members.\n");
}

static void
print_kinds(void)
{
	static const char *const word[] = {
		[METADATA_TEXT] = "text",
		[METADATA_SWITCH] = "0 or 1",
		[METADATA_NETMASK] = "ADDRESS or ADDRESS/LENGTH",
		[METADATA_NETMASK_OR_AUTO] = "ADDRESS, ADDRESS/LENGTH or AUTO-NS",
		[METADATA_ADDRESS] = "ADDRESS",
		[METADATA_ADDRESS_PORT] = "ADDRESS or ADDRESS:PORT",
		[METADATA_NAME] = "domain name",
		[METADATA_SERIAL] = "DEFAULT, INCREASE, EPOCH, SOA-EDIT, SOA-EDIT-INCREASE",
		[METADATA_NUMBERS] = "numbers",
	};

	printf("\n## Kinds of metadata\n\nAnd any kind that begins with `X-`: any text, more "
	       "than one.\n\nA kind of which the last column says *no* is kept and shown, and has "
	       "no "
	       "effect in this version.\n\n| kind | through /metadata | values | | in effect |\n"
	       "|---|---|---|---|---|\n");
	for (size_t i = 0; i < metadata_n_kinds; i++) {
		const struct metadata_kind *k = &metadata_kind[i];
		printf("| `%s` | %s | %s%s | %s | %s |\n", k->name,
			k->hidden      ? "only in the list of all"
			: k->read_only ? "read"
				       : "read, set",
			word[k->value], k->several ? ", more than one" : "", k->help,
			k->acts ? "yes" : "no");
	}
}

int
api_print_reference(void)
{
	printf("# The HTTP API, request by request\n\n"
	       "<!-- made by `millrace-controlplane api-reference` from controlplane/api; a unit "
	       "test compares -->\n\n"
	       "[api.md](api.md) says how to use it and where it differs from PowerDNS's. "
	       "`GET /api/docs` has the same as an OpenAPI 3.1 document.\n"
	       "Statuses beside those in the tables: 401, 403, 405, 413, 414, 500, 503. "
	       "An error is an [Error](#error), unless another type is named.\n");
	for (size_t i = 0; i < api_n_route_groups; i++)
		print_group(api_route_group[i]);
	print_kinds();
	printf("\n## Types\n\n`[T]` is an array, `{T}` an object whose members are all T; `?`: or "
	       "null; `A/B`: one of them.\n");
	for (size_t i = 0; i < api_n_schemas; i++)
		print_schema(&api_schema[i]);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : -EIO;
}
