/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/man: man pages from the tables, in groff's man macros. */
#include "tools/ctl/ctl.h"
#include "tools/pdns/pdns.h"

#include <ctype.h>
#include <string.h>

/* Text with what groff would take for its own escaped; `code` becomes bold. */
static void
put_text(FILE *to, const char *text, size_t len)
{
	bool code = false;

	for (size_t i = 0; i < len; i++) {
		char ch = text[i];
		if (i == 0 && (ch == '.' || ch == '\''))
			fputs("\\&", to);
		if (ch == '`') {
			code = !code;
			fputs(code ? "\\fB" : "\\fR", to);
		} else if (ch == '\\') {
			fputs("\\e", to);
		} else if (ch == '-') {
			fputs("\\-", to);
		} else if (ch == '\'') {
			fputs("\\(aq", to);
		} else if (ch == '~') {
			fputs("\\(ti", to);
		} else if (ch == '^') {
			fputs("\\(ha", to);
		} else {
			fputc(ch, to);
		}
	}
}

/* Placeholders in italics, the rest as it is. */
static void
put_arguments(FILE *to, const char *arguments)
{
	bool italic = false;

	for (const char *at = arguments; *at != '\0'; at++) {
		bool upper = isupper((unsigned char)*at);
		if (upper && !italic)
			fputs("\\fI", to);
		else if (!upper && italic)
			fputs("\\fR", to);
		italic = upper;
		put_text(to, at, 1);
	}
	if (italic)
		fputs("\\fR", to);
}

static void
put_paragraphs(FILE *to, const char *text, const char *between)
{
	for (bool first = true; text != NULL && *text != '\0'; first = false) {
		size_t len = strcspn(text, "\n");
		if (!first)
			fprintf(to, "%s\n", between);
		put_text(to, text, len);
		fputc('\n', to);
		text += len;
		text += *text == '\n';
	}
}

static void
put_options(FILE *to, const struct ctl_option *list)
{
	for (; list != NULL && list->name != NULL; list++) {
		fputs(".TP\n", to);
		if (list->letter != 0)
			fprintf(to, "\\fB\\-%c\\fR, ", list->letter);
		fputs("\\fB\\-\\-", to);
		put_text(to, list->name, strlen(list->name));
		fputs("\\fR", to);
		if (list->value != NULL) {
			fprintf(to, list->optional ? "[=" : " ");
			put_arguments(to, list->value);
			fputs(list->optional ? "]" : "", to);
		}
		fputc('\n', to);
		put_paragraphs(to, list->help, ".IP");
	}
}

static void
put_verb(FILE *to, const struct ctl_program *p, const struct ctl_noun *n, const struct ctl_verb *v)
{
	fprintf(to, ".SS \"");
	put_text(to, p->name, strlen(p->name));
	fputc(' ', to);
	put_text(to, n->noun, strlen(n->noun));
	if (v->word != NULL) {
		fputc(' ', to);
		put_text(to, v->word, strlen(v->word));
	}
	if (v->arguments[0] != '\0') {
		fputs("\\fR ", to);
		put_arguments(to, v->arguments);
	}
	fputs("\"\n", to);
	put_paragraphs(to, v->help, ".PP");
	if (v->more != NULL) {
		fputs(".PP\n", to);
		put_paragraphs(to, v->more, ".PP");
	}
	put_options(to, v->options);
	if (v->example != NULL) {
		fputs(".PP\n.RS 4\n.nf\n", to);
		for (const char *at = v->example; *at != '\0'; at += *at == '\n') {
			size_t len = strcspn(at, "\n");
			put_text(to, at, len);
			fputc('\n', to);
			at += len;
		}
		fputs(".fi\n.RE\n", to);
	}
	if (v->alias != NULL && v->word != NULL) {
		fputs(".PP\nAlso written: ", to);
		put_text(to, v->alias, strlen(v->alias));
		fputs(".\n", to);
	}
}

static void
put_verbs(FILE *to, const struct ctl_program *p, const struct ctl_noun *n)
{
	for (size_t i = 0; i < n->n_verbs; i++)
		if ((n->verb[i].flags & CTL_HIDDEN) == 0)
			put_verb(to, p, n, &n->verb[i]);
}

/* Those that are one word: a section together. */
static void
put_lone_verbs(FILE *to, const struct ctl_program *p)
{
	fputs(".SH VERBS\n", to);
	for (size_t i = 0; i < p->n_nouns; i++)
		if (p->noun[i]->verb[0].word == NULL)
			put_verbs(to, p, p->noun[i]);
}

static void
put_terms(FILE *to, const char *title, const struct ctl_term *t)
{
	if (t == NULL)
		return;
	fprintf(to, ".SH %s\n", title);
	for (; t->name != NULL; t++) {
		fputs(".TP\n.B ", to);
		put_text(to, t->name, strlen(t->name));
		fputc('\n', to);
		put_paragraphs(to, t->text, ".IP");
	}
}

static void
put_head(FILE *to, const struct ctl_program *p, const struct ctl_noun *n)
{
	fputs(".\\\" made from the tables in tools/ctl\n.TH \"", to);
	for (const char *at = p->name; *at != '\0'; at++)
		fputc(toupper((unsigned char)*at), to);
	if (n != NULL)
		fputc('-', to);
	for (const char *at = n == NULL ? "" : n->noun; *at != '\0'; at++)
		fputc(toupper((unsigned char)*at), to);
	/* no date: the page is made at each build, and is the same each time */
	fputs("\" 1 \"\" \"Millrace " MILLRACE_VERSION "\" \"Millrace\"\n.SH NAME\n", to);
	put_text(to, p->name, strlen(p->name));
	if (n != NULL) {
		fputs("\\-", to);
		put_text(to, n->noun, strlen(n->noun));
	}
	fputs(" \\- ", to);
	if (n != NULL)
		put_text(to, n->help, strcspn(n->help, "."));
	else
		put_text(to, p->title, strlen(p->title));
	fputs("\n.SH SYNOPSIS\n.B ", to);
	put_text(to, p->name, strlen(p->name));
	fputs(n == NULL ? " \\fInoun verb\\fR [\\fIarguments\\fR] [\\fIoptions\\fR]\n" : " ", to);
	if (n != NULL) {
		put_text(to, n->noun, strlen(n->noun));
		fputs(n->n_verbs == 1 && n->verb[0].word == NULL ? "\\fR " : "\\fI verb\\fR ", to);
		fputs("[\\fIarguments\\fR] [\\fIoptions\\fR]\n", to);
	}
}

/* groff's man macros of the program, or of one noun. */
static void
print_man(FILE *to, const struct ctl_program *p, const struct ctl_noun *only)
{
	put_head(to, p, only);
	fputs(".SH DESCRIPTION\n", to);
	if (only == NULL) {
		put_paragraphs(to, p->description, ".PP");
	} else {
		put_paragraphs(to, only->help, ".PP");
		fputs(".SH VERBS\n", to);
		put_verbs(to, p, only);
	}
	if (only == NULL)
		put_lone_verbs(to, p);
	for (size_t i = 0; only == NULL && i < p->n_nouns; i++) {
		const struct ctl_noun *n = p->noun[i];
		if (n->verb[0].word == NULL)
			continue;
		fputs(".SH \"", to);
		for (const char *at = n->noun; *at != '\0'; at++)
			fputc(toupper((unsigned char)*at), to);
		fputs("\"\n", to);
		put_paragraphs(to, n->help, ".PP");
		put_verbs(to, p, n);
	}
	fputs(only == NULL ? ".SH OPTIONS\n" : ".SH \"OPTIONS EVERYWHERE\"\n", to);
	put_options(to, p->options);
	put_terms(to, "\"EXIT STATUS\"", p->status);
	if (only == NULL)
		put_terms(to, "ENVIRONMENT", p->environment);
	fputs(".SH \"SEE ALSO\"\n", to);
	if (only != NULL)
		fprintf(to, ".BR %s (1),\n", p->name);
	put_text(to, p->see_also, strlen(p->see_also));
	fputc('\n', to);
}

int
ctl_man_page(const struct ctl *c)
{
	static const struct ctl_program *const other[] = {&pdns_util, &pdns_control};
	const struct ctl_program *p = c->program;
	const struct ctl_noun *n = c->argc == 0 ? NULL : ctl_find_noun(p, c->argv[0]);

	for (size_t i = 0; i < sizeof other / sizeof other[0] && c->argc > 0 && n == NULL; i++)
		if (strcmp(c->argv[0], other[i]->name) == 0)
			p = other[i];
	if (c->argc > 0 && n == NULL && p == c->program) {
		ctl_complain("there is no noun '%s'", c->argv[0]);
		return CTL_USAGE;
	}
	if (!ctl_check_tables(p))
		return CTL_FAILURE;
	print_man(stdout, p, n);
	return CTL_OK;
}
