/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/reference: docs/cli.md from the tables, and what tables must hold to. */
#include "tools/ctl/ctl.h"

#include <ctype.h>
#include <string.h>

static void
put_paragraphs(FILE *to, const char *text)
{
	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, "\n");
		fprintf(to, "%.*s\n\n", (int)len, text);
		text += len;
		text += *text == '\n';
	}
}

/* A cell of a table: "|" would end it. */
static void
put_cell(FILE *to, const char *text)
{
	for (; *text != '\0'; text++)
		fprintf(to, *text == '|' ? "\\%c" : "%c", *text);
}

static void
put_options(FILE *to, const struct ctl_option *list)
{
	if (list == NULL)
		return;
	fprintf(to, "| option | |\n|---|---|\n");
	for (; list->name != NULL; list++) {
		char text[64];
		ctl_option_text(list, text, sizeof text);
		fputs("| `", to);
		put_cell(to, text);
		fputs("` | ", to);
		put_cell(to, list->help);
		fputs(" |\n", to);
	}
	fputc('\n', to);
}

static void
put_verb(FILE *to, const struct ctl_program *p, const struct ctl_noun *n, const struct ctl_verb *v)
{
	fprintf(to, "%s `%s %s%s%s%s%s`\n\n", v->word == NULL ? "##" : "###", p->name, n->noun,
		v->word == NULL ? "" : " ", v->word == NULL ? "" : v->word,
		v->arguments[0] == '\0' ? "" : " ", v->arguments);
	put_paragraphs(to, v->help);
	put_paragraphs(to, v->more);
	put_options(to, v->options);
	for (const char *at = v->example; at != NULL && *at != '\0'; at += *at == '\n') {
		size_t len = strcspn(at, "\n");
		fprintf(to, "    %.*s\n", (int)len, at);
		at += len;
	}
	if (v->example != NULL)
		fputc('\n', to);
}

/* Markdown of everything. */
static void
print_reference(FILE *to, const struct ctl_program *p)
{
	fprintf(to,
		"# %s\n\n<!-- made by `%s cli-reference` from the tables in tools/ctl; a test "
		"compares -->\n\n",
		p->name, p->name);
	put_paragraphs(to, p->description);
	fprintf(to,
		"`%s help NOUN VERB` says the same. Man pages: `%s(1)`, and one for each noun, "
		"such as `%s-zone(1)`. Shell completion for bash and zsh is installed with the "
		"packages.\n\n",
		p->name, p->name, p->name);
	fprintf(to, "## Options everywhere\n\n");
	put_options(to, p->options);
	fprintf(to, "## Exit status\n\n| | |\n|---|---|\n");
	for (const struct ctl_term *t = p->status; t->name != NULL; t++)
		fprintf(to, "| %s | %s |\n", t->name, t->text);
	fprintf(to, "\n## Environment\n\n| | |\n|---|---|\n");
	for (const struct ctl_term *t = p->environment; t != NULL && t->name != NULL; t++)
		fprintf(to, "| `%s` | %s |\n", t->name, t->text);
	fputc('\n', to);
	for (size_t i = 0; i < p->n_nouns; i++) {
		const struct ctl_noun *n = p->noun[i];
		if (n->verb[0].word != NULL) {
			fprintf(to, "## %s\n\n", n->noun);
			put_paragraphs(to, n->help);
		}
		for (size_t k = 0; k < n->n_verbs; k++)
			if ((n->verb[k].flags & CTL_HIDDEN) == 0)
				put_verb(to, p, n, &n->verb[k]);
	}
}

int
ctl_cli_reference(const struct ctl *c)
{
	if (!ctl_check_tables(c->program))
		return CTL_FAILURE;
	print_reference(stdout, c->program);
	return CTL_OK;
}

/* --- what tables must hold to: seen at each build, when the pages are made --- */

static bool
check_options(const struct ctl_program *p, const struct ctl_noun *n, const struct ctl_verb *v)
{
	bool good = true;

	for (const struct ctl_option *o = v->options; o != NULL && o->name != NULL; o++) {
		/* one table for getopt: whether an option takes a value is the same everywhere */
		const struct ctl_option *other = ctl_find_option(p, NULL, o->name);
		if ((o->value == NULL) == (other->value == NULL) &&
			o->optional == other->optional && o->letter == other->letter)
			continue;
		ctl_complain("bug: --%s of %s %s is not like the one of another verb", o->name,
			n->noun, v->word == NULL ? "" : v->word);
		good = false;
	}
	return good;
}

bool
ctl_check_tables(const struct ctl_program *p)
{
	bool good = true;

	for (size_t i = 0; i < p->n_nouns; i++)
		for (size_t k = 0; k < p->noun[i]->n_verbs; k++) {
			const struct ctl_verb *v = &p->noun[i]->verb[k];
			size_t len = strlen(v->help);
			good &= check_options(p, p->noun[i], v);
			if (len > 0 && v->help[len - 1] == '.' && v->min <= v->max)
				continue;
			ctl_complain("bug: %s %s: a help text ends with a stop", p->noun[i]->noun,
				v->word == NULL ? "" : v->word);
			good = false;
		}
	return good;
}
