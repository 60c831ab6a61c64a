/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/usage: --help, at each level. */
#include "tools/ctl/ctl.h"

#include <string.h>

#define COLUMNS 98
#define INDENT 25 /* of what an option does */

size_t
ctl_first_sentence(const char *help)
{
	const char *stop = strstr(help, ". ");

	return stop == NULL ? strlen(help) : (size_t)(stop + 1 - help);
}

void
ctl_option_text(const struct ctl_option *o, char *out, size_t room)
{
	char letter[8] = "";

	if (o->letter != 0)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	snprintf(out, room, "%s--%s%s%s%s", letter, o->name,
		o->value == NULL ? ""
		: o->optional    ? "[="
				 : " ",
		o->value == NULL ? "" : o->value, o->value != NULL && o->optional ? "]" : "");
}

/* Words of one paragraph from column `at` on, lines of it indented. */
static void
print_wrapped(FILE *to, const char *text, size_t len, int at, int indent)
{
	const char *end = text + len;
	bool first = true;

	while (text < end) {
		size_t word = strcspn(text, " ");
		if (word > (size_t)(end - text))
			word = (size_t)(end - text);
		if (!first && at + 1 + (int)word > COLUMNS) {
			fprintf(to, "\n%*s", indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', to);
			at++;
		}
		fwrite(text, 1, word, to);
		at += (int)word;
		first = false;
		text += word;
		text += text < end && *text == ' ';
	}
	fputc('\n', to);
}

static void
print_paragraphs(FILE *to, const char *text, int indent)
{
	while (text != NULL && *text != '\0') {
		size_t len = strcspn(text, "\n");
		fprintf(to, "%*s", indent, "");
		print_wrapped(to, text, len, indent, indent);
		text += len;
		text += *text == '\n';
	}
}

static void
print_beside(FILE *to, const char *left, const char *text)
{
	int n = fprintf(to, "  %-*s", INDENT - 2, left);

	if (n >= INDENT && left[INDENT - 3] != '\0') {
		fprintf(to, "\n%*s", INDENT, "");
		n = INDENT;
	}
	print_wrapped(to, text, strlen(text), n, INDENT);
}

static void
print_options(FILE *to, const struct ctl_option *list)
{
	for (; list != NULL && list->name != NULL; list++) {
		char left[64];
		ctl_option_text(list, left, sizeof left);
		print_beside(to, left, list->help);
	}
}

/* "zone   create, list, ...": a noun in a few lines */
static void
print_noun(FILE *to, const struct ctl_noun *n)
{
	char text[1024];
	size_t len = 0;

	for (size_t i = 0; i < n->n_verbs; i++) {
		const struct ctl_verb *v = &n->verb[i];
		if (v->word == NULL) {
			fprintf(to, "  %-13s ", n->noun);
			print_wrapped(to, v->help, ctl_first_sentence(v->help), 16, 16);
			return;
		}
		if ((v->flags & CTL_HIDDEN) == 0)
			len += (size_t)snprintf(text + len, sizeof text - len, "%s%s",
				len == 0 ? "" : ", ", v->word);
	}
	fprintf(to, "  %-13s ", n->noun);
	print_wrapped(to, n->help, strlen(n->help), 16, 16);
	fprintf(to, "%16s", "");
	print_wrapped(to, text, strlen(text), 16, 16);
}

static bool
is_hidden(const struct ctl_noun *n)
{
	for (size_t i = 0; i < n->n_verbs; i++)
		if ((n->verb[i].flags & CTL_HIDDEN) == 0)
			return false;
	return true;
}

static void
print_status(FILE *to, const struct ctl_program *p)
{
	fprintf(to, "\nExit status:");
	for (const struct ctl_term *t = p->status; t->name != NULL; t++)
		fprintf(to, "%s %s %s", t == p->status ? "" : ",", t->name, t->text);
	fprintf(to, ".\n");
}

/* Is each verb one word? */
static bool
lone_verbs_only(const struct ctl_program *p)
{
	for (size_t i = 0; i < p->n_nouns; i++)
		if (p->noun[i]->verb[0].word != NULL)
			return false;
	return true;
}

void
ctl_print_usage(FILE *to, const struct ctl_program *p)
{
	bool lone = lone_verbs_only(p);

	fprintf(to, "usage: %s %s [ARGUMENTS] [OPTIONS]\n\n", p->name, lone ? "VERB" : "NOUN VERB");
	for (size_t i = 0; i < p->n_nouns; i++)
		if (!is_hidden(p->noun[i]))
			print_noun(to, p->noun[i]);
	fprintf(to, "\nOptions everywhere:\n");
	print_options(to, p->options);
	print_status(to, p);
	if (lone)
		fprintf(to, "More: %s help VERB, man %s\n", p->name, p->name);
	else
		fprintf(to, "More: %s help NOUN, %s help NOUN VERB, man %s\n", p->name, p->name,
			p->name);
}

void
ctl_print_noun_usage(FILE *to, const struct ctl_program *p, const struct ctl_noun *n)
{
	fprintf(to, "usage: %s %s VERB [ARGUMENTS] [OPTIONS]\n", p->name, n->noun);
	print_paragraphs(to, n->help, 0);
	fputc('\n', to);
	for (size_t i = 0; i < n->n_verbs; i++) {
		const struct ctl_verb *v = &n->verb[i];
		if ((v->flags & CTL_HIDDEN) != 0)
			continue;
		fprintf(to, "  %s %s%s%s\n%10s", n->noun, v->word,
			v->arguments[0] == '\0' ? "" : " ", v->arguments, "");
		print_wrapped(to, v->help, ctl_first_sentence(v->help), 10, 10);
	}
	fprintf(to, "\nMore: %s help %s VERB\n", p->name, n->noun);
}

void
ctl_print_verb_usage(
	FILE *to, const struct ctl_program *p, const struct ctl_noun *n, const struct ctl_verb *v)
{
	fprintf(to, "usage: %s %s%s%s%s%s [OPTIONS]\n", p->name, n->noun,
		v->word == NULL ? "" : " ", v->word == NULL ? "" : v->word,
		v->arguments[0] == '\0' ? "" : " ", v->arguments);
	print_paragraphs(to, v->help, 0);
	print_paragraphs(to, v->more, 0);
	fputc('\n', to);
	print_options(to, v->options);
	print_options(to, p->options);
	for (const char *at = v->example; at != NULL && *at != '\0'; at += *at == '\n') {
		size_t len = strcspn(at, "\n");
		fprintf(to, "%s    %.*s\n", at == v->example ? "\nExamples:\n" : "", (int)len, at);
		at += len;
	}
}
