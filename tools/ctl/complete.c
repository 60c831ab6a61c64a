/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ctl/complete: what the word that is being typed may become. The scripts of the shells ask
 * `millracectl completion candidates -- WORDS`, and get lines "WORD<tab>what it is"; ":file" and
 * ":dir" say that the shell knows better. */
#include "tools/ctl/ctl.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ZONES_MAX 500u /* that are worth printing */
#define ZONES_PATH "/api/v1/servers/localhost/zones"

static void
put(const char *word, const char *typed, const char *help)
{
	if (strncmp(word, typed, strlen(typed)) == 0)
		printf("%s\t%.*s\n", word, (int)ctl_first_sentence(help), help);
}

struct zones {
	const char *typed;
	unsigned n;
};

static void
put_zone(void *arg, const json_t *zone)
{
	struct zones *z = arg;
	const char *name = ctl_text(zone, "name");
	size_t len = strlen(name);

	if (strncasecmp(name, z->typed, strlen(z->typed)) != 0 || z->n++ >= ZONES_MAX)
		return;
	/* without the dot, as people write it, unless they did */
	if (len > 1 && z->typed[0] != '\0' && z->typed[strlen(z->typed) - 1] == '.')
		printf("%s\tzone\n", name);
	else
		printf("%.*s\tzone\n", len > 1 ? (int)len - 1 : (int)len, name);
}

/* Where no server answers there is nothing to say, on stderr neither: somebody is typing. */
static void
put_zones(const struct ctl *c, const char *typed)
{
	struct zones z = {.typed = typed};
	struct ctl asking = {
		.program = c->program, .verb = c->verb, .given = c->given, .n_given = c->n_given};
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (saved >= 0 && null >= 0) {
		dup2(null, STDERR_FILENO);
		if (ctl_connect(&asking) == CTL_OK)
			ctl_request_each(&asking, ZONES_PATH, put_zone, &z);
		dup2(saved, STDERR_FILENO);
	}
	close(saved);
	close(null);
	free(asking.socket_path);
	free(asking.token);
}

static void
put_nouns(const struct ctl_program *p, const char *typed)
{
	for (size_t i = 0; i < p->n_nouns; i++) {
		const struct ctl_noun *n = p->noun[i];
		bool alone = n->verb[0].word == NULL;
		if (!alone || (n->verb[0].flags & CTL_HIDDEN) == 0)
			put(n->noun, typed, alone ? n->verb[0].help : n->help);
	}
}

static void
put_verbs(const struct ctl_noun *n, const char *typed)
{
	for (size_t i = 0; n != NULL && i < n->n_verbs; i++)
		if (n->verb[i].word != NULL && (n->verb[i].flags & CTL_HIDDEN) == 0)
			put(n->verb[i].word, typed, n->verb[i].help);
}

static void
put_values(const struct ctl *c, const char *piece, const char *typed, char **before, int n_before)
{
	const struct ctl_kind *kind = ctl_kind_of(piece);
	char word[64];

	switch (kind->is) {
	case CTL_KIND_FILE:
		puts(":file");
		break;
	case CTL_KIND_DIR:
		puts(":dir");
		break;
	case CTL_KIND_ZONE:
		put_zones(c, typed);
		break;
	case CTL_KIND_NOUN:
		put_nouns(c->program, typed);
		break;
	case CTL_KIND_VERB:
		put_verbs(n_before > 0 ? ctl_find_noun(c->program, before[n_before - 1]) : NULL,
			typed);
		break;
	default:
		for (int i = 0; kind->words != NULL && ctl_piece(kind->words, i, word, sizeof word);
			i++)
			put(word, typed, "");
	}
}

static void
put_options(const struct ctl_option *list, const char *typed)
{
	char text[64];

	for (; list != NULL && list->name != NULL; list++) {
		snprintf(text, sizeof text, "--%s", list->name);
		put(text, typed, list->help);
	}
}

/* The option that takes the word behind this one as its value, or NULL. */
static const struct ctl_option *
takes_next(const struct ctl_program *p, const char *word)
{
	const struct ctl_option *o = NULL;

	if (strncmp(word, "--", 2) == 0 && strchr(word, '=') == NULL)
		o = ctl_find_option(p, NULL, word + 2);
	else if (strcmp(word, "-w") == 0)
		o = ctl_find_option(p, NULL, "write");
	return o != NULL && o->value != NULL && !o->optional ? o : NULL;
}

/* Where a server is asked for zones is what the line that is being typed says. */
static void
note_option(struct ctl *c, struct ctl_given *given, const struct ctl_option *o, const char *value)
{
	if (ctl_find_option(c->program, c->verb, o->name) != NULL)
		given[c->n_given++] = (struct ctl_given){.option = o, .value = value};
}

int
ctl_completion_candidates(const struct ctl *c)
{
	const char *typed = c->argc == 0 ? "" : c->argv[c->argc - 1];
	struct ctl own = {.program = c->program, .verb = c->verb};
	struct ctl_given *given = calloc((size_t)c->argc + 1, sizeof *given);
	char **word = calloc((size_t)c->argc + 1, sizeof *word), piece[64];
	const struct ctl_option *pending = NULL;
	const struct ctl_noun *noun;
	const struct ctl_verb *v;
	int n = 0, n_words = 0;

	if (given == NULL || word == NULL)
		abort();
	own.given = given;
	for (int i = 0; i + 1 < c->argc; i++) {
		const struct ctl_option *o = takes_next(c->program, c->argv[i]);
		if (pending != NULL)
			note_option(&own, given, pending, c->argv[i]);
		else if (o == NULL && c->argv[i][0] != '-')
			word[n++] = c->argv[i];
		pending = pending != NULL ? NULL : o;
	}
	v = ctl_find_verb(c->program, n, word, &noun, &n_words);
	if (pending != NULL)
		put_values(&own, pending->value, typed, word, n);
	else if (typed[0] == '-') {
		put_options(v == NULL ? NULL : v->options, typed);
		put_options(c->program->options, typed);
	} else if (n == 0)
		put_nouns(c->program, typed);
	else if (v == NULL)
		put_verbs(n == 1 ? noun : NULL, typed);
	else if (ctl_piece(v->arguments, n - n_words, piece, sizeof piece) && n - n_words < v->max)
		put_values(&own, piece, typed, word, n);
	free(given);
	free(word);
	return CTL_OK;
}

static const char bash_script[] =
	"# bash completion for @ (made by `@ completion bash`)\n"
	"_@_complete()\n"
	"{\n"
	"\tlocal line word=${COMP_WORDS[COMP_CWORD]}\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t:file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$word\") ;;\n"
	"\t\t:dir) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- \"$word\") ;;\n"
	"\t\t*) COMPREPLY+=(\"${line%%$'\\t'*}\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(\"${COMP_WORDS[0]}\" completion candidates -- "
	"\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"}\n"
	"complete -F _@_complete @\n";

static const char zsh_script[] =
	"#compdef @\n"
	"# zsh completion for @ (made by `@ completion zsh`)\n"
	"_@()\n"
	"{\n"
	"\tlocal line\n"
	"\tlocal -a found\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tcase $line in\n"
	"\t\t:file) _files; return ;;\n"
	"\t\t:dir) _files -/; return ;;\n"
	"\t\t*) found+=(\"${${line%%$'\\t'*}//:/\\\\:}:${line#*$'\\t'}\") ;;\n"
	"\t\tesac\n"
	"\tdone < <(\"${words[1]}\" completion candidates -- \"${(@)words[2,CURRENT]}\" "
	"2>/dev/null)\n"
	"\t_describe -V @ found\n"
	"}\n"
	"if [ \"$funcstack[1]\" = _@ ]; then\n"
	"\t_@ \"$@\"\n"
	"else\n"
	"\tcompdef _@ @\n"
	"fi\n";

static int
put_script(const char *script, const char *name)
{
	for (; *script != '\0'; script++)
		if (*script == '@' && script[1] != ']' && script[1] != ')' && script[1] != '"')
			fputs(name, stdout);
		else
			putchar(*script);
	return CTL_OK;
}

int
ctl_completion_bash(const struct ctl *c)
{
	return put_script(bash_script, c->program->name);
}

int
ctl_completion_zsh(const struct ctl *c)
{
	return put_script(zsh_script, c->program->name);
}
