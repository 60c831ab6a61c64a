/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/command_line: words and options, by the tables. */
#include "tools/ctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPTIONS_MAX 160u /* of all verbs of a program together, by name */

static const char *program_name = "millracectl";

/* --- what verbs ask --- */

static const struct ctl_given *
find_given(const struct ctl *c, const char *option, unsigned n)
{
	unsigned seen = 0;

	if (ctl_find_option(c->program, c->verb, option) == NULL) {
		fprintf(stderr, "%s: bug: the verb has no option --%s\n", program_name, option);
		abort();
	}
	for (size_t i = 0; i < c->n_given; i++)
		if (strcmp(c->given[i].option->name, option) == 0 && seen++ == n)
			return &c->given[i];
	return NULL;
}

bool
ctl_given(const struct ctl *c, const char *option)
{
	return find_given(c, option, 0) != NULL;
}

unsigned
ctl_times(const struct ctl *c, const char *option)
{
	unsigned n = 0;

	while (find_given(c, option, n) != NULL)
		n++;
	return n;
}

const char *
ctl_value(const struct ctl *c, const char *option)
{
	unsigned n = ctl_times(c, option);

	return n == 0 ? NULL : find_given(c, option, n - 1)->value;
}

const char *
ctl_value_at(const struct ctl *c, const char *option, unsigned n)
{
	const struct ctl_given *g = find_given(c, option, n);

	return g == NULL ? NULL : g->value;
}

unsigned long
ctl_count(const struct ctl *c, const char *option)
{
	const char *text = ctl_value(c, option);

	return text == NULL ? 0 : strtoul(text, NULL, 10);
}

void
ctl_complain(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

char *
ctl_format(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	return text;
}

/* --- finding --- */

static bool
is_word_of(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; at != NULL && (at = strstr(at, word)) != NULL; at += len)
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0') && len > 0)
			return true;
	return false;
}

const struct ctl_noun *
ctl_find_noun(const struct ctl_program *p, const char *word)
{
	for (size_t i = 0; i < p->n_nouns; i++)
		if (strcmp(p->noun[i]->noun, word) == 0 || is_word_of(p->noun[i]->alias, word))
			return p->noun[i];
	return NULL;
}

static const struct ctl_verb *
find_in_noun(const struct ctl_noun *n, int argc, char **argv, int *n_words)
{
	for (size_t i = 0; i < n->n_verbs; i++) {
		const struct ctl_verb *v = &n->verb[i];
		if (v->word != NULL && (argc < 2 || strcmp(argv[1], v->word) != 0))
			continue;
		*n_words = v->word == NULL ? 1 : 2;
		return v;
	}
	return NULL;
}

const struct ctl_verb *
ctl_find_verb(const struct ctl_program *p, int argc, char **argv, const struct ctl_noun **noun,
	int *n_words)
{
	const struct ctl_noun *n = argc == 0 ? NULL : ctl_find_noun(p, argv[0]);
	const struct ctl_verb *v = n == NULL ? NULL : find_in_noun(n, argc, argv, n_words);

	*noun = n;
	for (size_t i = 0; v == NULL && argc > 0 && i < p->n_nouns; i++)
		for (size_t k = 0; k < p->noun[i]->n_verbs; k++)
			if (is_word_of(p->noun[i]->verb[k].alias, argv[0])) {
				*noun = p->noun[i];
				*n_words = 1;
				return &p->noun[i]->verb[k];
			}
	return v;
}

static const struct ctl_option *
find_in_list(const struct ctl_option *list, const char *name)
{
	for (; list != NULL && list->name != NULL; list++)
		if (strcmp(list->name, name) == 0)
			return list;
	return NULL;
}

const struct ctl_option *
ctl_find_option(const struct ctl_program *p, const struct ctl_verb *v, const char *name)
{
	const struct ctl_option *o = find_in_list(p->options, name);

	if (o == NULL && v != NULL)
		o = find_in_list(v->options, name);
	for (size_t i = 0; v == NULL && i < p->n_nouns; i++)
		for (size_t k = 0; o == NULL && k < p->noun[i]->n_verbs; k++)
			o = find_in_list(p->noun[i]->verb[k].options, name);
	return o;
}

/* --- parsing --- */

struct getopt_table {
	struct option row[OPTIONS_MAX + 1];
	const struct ctl_option *option[OPTIONS_MAX];
	size_t n;
	char letters[64];
};

static void
add_options(struct getopt_table *t, const struct ctl_option *list)
{
	for (; list != NULL && list->name != NULL; list++) {
		size_t i = 0, len = strlen(t->letters);
		while (i < t->n && strcmp(t->option[i]->name, list->name) != 0)
			i++;
		if (i < t->n)
			continue;
		if (t->n == OPTIONS_MAX || len + 3 > sizeof t->letters)
			abort();
		t->option[t->n] = list;
		t->row[t->n++] = (struct option){list->name,
			list->value == NULL ? no_argument
			: list->optional    ? optional_argument
					    : required_argument,
			NULL, 1};
		if (list->letter != 0) {
			t->letters[len++] = list->letter;
			if (list->value != NULL && !list->optional)
				t->letters[len++] = ':';
			t->letters[len] = '\0';
		}
	}
}

/* Options of all verbs: which of them the verb has is seen when it is known. */
static void
collect_options(struct getopt_table *t, const struct ctl_program *p)
{
	add_options(t, p->options);
	for (size_t i = 0; i < p->n_nouns; i++)
		for (size_t k = 0; k < p->noun[i]->n_verbs; k++)
			add_options(t, p->noun[i]->verb[k].options);
}

static bool
is_number(const char *text)
{
	char *end;

	errno = 0;
	return *text >= '0' && *text <= '9' && strtoul(text, &end, 10) > 0 && *end == '\0' &&
	       errno == 0;
}

/* @return 0, or -1 after a message */
static int
parse_options(struct ctl *c, int argc, char **argv)
{
	struct getopt_table *t = calloc(1, sizeof *t);
	struct ctl_given *given = calloc((size_t)argc + 1, sizeof *given);
	int opt, at = 0;

	if (t == NULL || given == NULL)
		abort();
	c->given = given;
	collect_options(t, c->program);
	while ((opt = getopt_long(argc, argv, t->letters, t->row, &at)) != -1) {
		const struct ctl_option *o = opt == 1 ? t->option[at] : NULL;
		for (size_t i = 0; opt != '?' && o == NULL && i < t->n; i++)
			if (t->option[i]->letter == opt)
				o = t->option[i];
		if (o == NULL) {
			fprintf(stderr, "See %s --help\n", program_name);
			free(t);
			return -1;
		}
		/* a value that may be left out is the verb's own: --watch=0.5 */
		if (o->value != NULL && !o->optional && !is_number(optarg) &&
			ctl_kind_of(o->value)->is == CTL_KIND_NUMBER) {
			ctl_complain("--%s %s: a number, at least 1", o->name, optarg);
			free(t);
			return -1;
		}
		given[c->n_given++] =
			(struct ctl_given){.option = o, .value = o->value == NULL ? NULL : optarg};
	}
	free(t);
	return 0;
}

static int
usage_status(const struct ctl_program *p)
{
	return p->usage_status != 0 ? p->usage_status : (int)CTL_USAGE;
}

static bool
was_given(const struct ctl *c, const char *name)
{
	for (size_t i = 0; i < c->n_given; i++)
		if (strcmp(c->given[i].option->name, name) == 0)
			return true;
	return false;
}

static int
fail_unknown(const struct ctl_program *p, const struct ctl_noun *n, int argc, char **argv)
{
	if (argc == 0)
		ctl_print_usage(stderr, p);
	else if (n == NULL && p->unknown != NULL)
		fprintf(stderr, "%.*s%s%s\n", (int)(strstr(p->unknown, "%s") - p->unknown),
			p->unknown, argv[0], strstr(p->unknown, "%s") + 2);
	else if (n == NULL)
		ctl_complain("there is no '%s'; see %s --help", argv[0], p->name);
	else if (argc > 1)
		ctl_complain("%s has no verb '%s'; it has:", argv[0], argv[1]);
	else
		ctl_complain("%s needs a verb:", argv[0]);
	for (size_t i = 0; n != NULL && i < n->n_verbs; i++)
		if ((n->verb[i].flags & CTL_HIDDEN) == 0)
			fprintf(stderr, "  %s %s %s %s\n", p->name, n->noun, n->verb[i].word,
				n->verb[i].arguments);
	return usage_status(p);
}

static int
check_usage(const struct ctl *c, const struct ctl_noun *n)
{
	const struct ctl_verb *v = c->verb;
	const char *stray = NULL;

	for (size_t i = 0; i < c->n_given && stray == NULL; i++)
		if (ctl_find_option(c->program, v, c->given[i].option->name) == NULL)
			stray = c->given[i].option->name;
	if (stray != NULL)
		ctl_complain("--%s does not go with this verb\n", stray);
	else if (c->argc < v->min)
		ctl_complain("an argument is missing\n");
	else if (c->argc > v->max)
		ctl_complain("too many arguments\n");
	else
		return CTL_OK;
	ctl_print_verb_usage(stderr, c->program, n, v);
	return usage_status(c->program);
}

static void
print_help(const struct ctl_program *p, const struct ctl_noun *n, const struct ctl_verb *v)
{
	if (v != NULL)
		ctl_print_verb_usage(stdout, p, n, v);
	else if (n != NULL)
		ctl_print_noun_usage(stdout, p, n);
	else
		ctl_print_usage(stdout, p);
}

static int
run_verb(struct ctl *c)
{
	int ret = CTL_OK;

	c->json = was_given(c, "json");
	c->colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if ((c->verb->flags & CTL_OFFLINE) == 0 && c->program->set_up != NULL)
		ret = c->program->set_up(c);
	if (ret == CTL_OK)
		ret = c->verb->run(c);
	curl_global_cleanup();
	return ret;
}

static int
parse_and_run(struct ctl *c, int argc, char **argv)
{
	const struct ctl_noun *n;
	int n_words = 0, ret;

	if (parse_options(c, argc, argv) != 0)
		return usage_status(c->program);
	if (was_given(c, "version")) {
		printf("%s " MILLRACE_VERSION "\n", c->program->name);
		return CTL_OK;
	}
	argc -= optind;
	argv += optind;
	c->verb = ctl_find_verb(c->program, argc, argv, &n, &n_words);
	if (was_given(c, "help")) {
		print_help(c->program, n, c->verb);
		return CTL_OK;
	}
	if (c->verb == NULL)
		return fail_unknown(c->program, n, argc, argv);
	c->argc = argc - n_words;
	c->argv = argv + n_words;
	ret = check_usage(c, n);
	return ret == CTL_OK ? run_verb(c) : ret;
}

int
ctl_run(const struct ctl_program *p, int argc, char **argv)
{
	struct ctl c = {.program = p};
	int ret;

	program_name = p->name;
	ret = parse_and_run(&c, argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout) != 0)
		ret = ret == CTL_OK ? CTL_FAILURE : ret;
	free((void *)c.given);
	free(c.socket_path);
	free(c.token);
	return ret;
}

int
ctl_help(const struct ctl *c)
{
	const struct ctl_noun *n;
	int n_words = 0;
	const struct ctl_verb *v = ctl_find_verb(c->program, c->argc, c->argv, &n, &n_words);

	if (c->argc == 2 && v != NULL && n_words < 2)
		v = NULL; /* `help status surplus` */
	if ((c->argc > 0 && n == NULL) || (c->argc > 1 && v == NULL))
		return fail_unknown(c->program, n, c->argc, c->argv);
	print_help(c->program, n, v);
	return CTL_OK;
}
