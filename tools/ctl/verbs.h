/* SPDX-License-Identifier: GPL-3.0-or-later */
/* verbs: the one table that a command line is made of. A program has nouns, a noun has verbs, a
 * verb has arguments and options. The parser, --help, the man pages, docs/cli.md and the completion
 * of shells all read it; nothing about a verb is said anywhere else.
 *
 * Words in capitals within `arguments` and an option's `value` are kinds of values (kinds.c): what
 * a shell completes there, and what is checked before anything is done. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* rows of the tables leave out what they do not have */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

struct ctl;

struct ctl_option {
	const char *name;  /* "force"; NULL ends a list */
	const char *value; /* "FILE"; NULL: it takes none */
	const char *help;
	bool optional; /* the value may be left out: --watch or --watch=2 */
	char letter;   /* -w, or 0 */
};

/* What a verb is like. */
#define CTL_OFFLINE 1u /* needs no server */
#define CTL_HIDDEN 2u  /* neither in help nor in pages: for scripts of ours */

struct ctl_verb {
	const char *word;      /* NULL: the noun says it all */
	const char *arguments; /* "ZONE FILE..." */
	int min, max;          /* arguments */
	unsigned flags;
	const struct ctl_option *options; /* NULL: only those of the program */
	int (*run)(const struct ctl *c);  /* -> enum ctl_exit */
	const char *help;                 /* the first sentence stands alone in lists */
	const char *more;                 /* further paragraphs, parted by "\n"; or NULL */
	const char *example;              /* lines; or NULL */
	const char *alias;                /* other spellings, such as "create-zone"; or NULL */
};

struct ctl_noun {
	const char *noun, *help;
	const struct ctl_verb *verb;
	size_t n_verbs;
	const char *alias; /* other spellings, parted by blanks; or NULL */
};
#define CTL_NOUN(noun_, help_, verbs_)                              \
	{                                                           \
		.noun = (noun_), .help = (help_), .verb = (verbs_), \
		.n_verbs = sizeof(verbs_) / sizeof((verbs_)[0])     \
	}

/* "NAME  text" of a page's section such as ENVIRONMENT. */
struct ctl_term {
	const char *name, *text; /* NULL ends a list */
};

struct ctl_program {
	const char *name, *title; /* "millracectl", "the operator's command of Millrace" */
	const char *description;  /* paragraphs, parted by "\n" */
	const struct ctl_noun *const *noun;
	size_t n_nouns;
	const struct ctl_option *options;   /* that go with every verb */
	const struct ctl_term *environment; /* or NULL */
	const struct ctl_term *status;      /* exit statuses */
	const char *see_also;               /* "millrace(1)" */
	int usage_status;                   /* exit status of bad usage; 0: CTL_USAGE */
	const char *unknown;                /* with one %s, about a word that is no noun; or NULL */
	int (*set_up)(struct ctl *c);       /* after parsing, before a verb that is not
					       CTL_OFFLINE; -> enum ctl_exit */
};

/* Where the control plane is: ctl_connect() reads these. */
#define CTL_WHERE_OPTIONS                                                                          \
	{"run-dir", "DIR", "run directory of the suite (environment: MILLRACE_RUN_DIR)"},          \
		{"config", "FILE", "configuration of the suite, for its run directory"},           \
		{"socket", "FILE",                                                                 \
			"socket of the HTTP API (default: api.sock in the run directory)"},        \
		{"server", "URL",                                                                  \
			"the HTTP API of another machine, such as https://ns1.example:8081 "       \
			"(environment: MILLRACE_SERVER)"},                                         \
		{"token-file", "FILE",                                                             \
			"file whose first line is the API token (environment: "                    \
			"MILLRACE_TOKEN_FILE)"},                                                   \
		{"ca", "FILE",                                                                     \
			"certificates that the server's is checked with (default: the system's)"}, \
		{"cert", "FILE", "certificate that this client shows to the server, PEM"},         \
	{                                                                                          \
		"key", "FILE", "its private key, PEM"                                              \
	}

extern const struct ctl_noun ctl_noun_audit, ctl_noun_backend, ctl_noun_token, ctl_noun_acl,
	ctl_noun_capture, ctl_noun_cli_reference, ctl_noun_completion, ctl_noun_config,
	ctl_noun_doctor, ctl_noun_help, ctl_noun_man_page, ctl_noun_port, ctl_noun_rrl,
	ctl_noun_stats, ctl_noun_status, ctl_noun_zone, ctl_noun_cache, ctl_noun_import,
	ctl_noun_metadata, ctl_noun_network, ctl_noun_rrset, ctl_noun_search, ctl_noun_store,
	ctl_noun_tsig, ctl_noun_view;

/* --- kinds.c --- */

enum ctl_kind_of {
	CTL_KIND_TEXT,
	CTL_KIND_NUMBER,
	CTL_KIND_FILE,
	CTL_KIND_DIR,
	CTL_KIND_ZONE,
	CTL_KIND_NOUN,
	CTL_KIND_VERB
};

struct ctl_kind {
	const char *name; /* "FILE" */
	enum ctl_kind_of is;
	const char *words; /* what it may be, parted by blanks; NULL: anything */
};

/** The kind that a piece of `arguments` or a `value` names: "[FILE...]" is FILE. Never NULL. */
const struct ctl_kind *ctl_kind_of(const char *piece);
/** Copy the n-th piece of `arguments` (the last one again and again if it ends with "...").
 * @return false: there is none */
bool ctl_piece(const char *arguments, int n, char *out, size_t room);

/* --- command_line.c --- */

/** Find what words name. @param[out] n_words  how many of them are the verb's own. @return NULL:
 * nothing */
const struct ctl_verb *ctl_find_verb(const struct ctl_program *p, int argc, char **argv,
	const struct ctl_noun **noun, int *n_words);
const struct ctl_noun *ctl_find_noun(const struct ctl_program *p, const char *word);
/** The option of this name that goes with the verb (NULL: any verb), or NULL. */
const struct ctl_option *ctl_find_option(
	const struct ctl_program *p, const struct ctl_verb *v, const char *name);
/** Parse, and do it. @return exit status */
int ctl_run(const struct ctl_program *p, int argc, char **argv);

/* --- usage.c: for terminals --- */
void ctl_print_usage(FILE *to, const struct ctl_program *p);
void ctl_print_noun_usage(FILE *to, const struct ctl_program *p, const struct ctl_noun *n);
void ctl_print_verb_usage(
	FILE *to, const struct ctl_program *p, const struct ctl_noun *n, const struct ctl_verb *v);
/** "--watch[=SECONDS]" */
void ctl_option_text(const struct ctl_option *o, char *out, size_t room);
/** Length of the first sentence of a help text, its stop included. */
size_t ctl_first_sentence(const char *help);

/** Do the tables hold together? What does not is said on stderr. */
bool ctl_check_tables(const struct ctl_program *p);

/* --- verbs; each returns an enum ctl_exit --- */
int ctl_acl_add(const struct ctl *c);
int ctl_acl_check(const struct ctl *c);
int ctl_acl_default(const struct ctl *c);
int ctl_acl_delete(const struct ctl *c);
int ctl_acl_list(const struct ctl *c);
int ctl_acl_reload(const struct ctl *c);
int ctl_backend_list(const struct ctl *c);
int ctl_backend_status(const struct ctl *c);
int ctl_cache_flush(const struct ctl *c);
int ctl_capture(const struct ctl *c);
int ctl_cli_reference(const struct ctl *c);
int ctl_completion_bash(const struct ctl *c);
int ctl_completion_candidates(const struct ctl *c);
int ctl_completion_zsh(const struct ctl *c);
int ctl_config_check(const struct ctl *c);
int ctl_config_diff(const struct ctl *c);
int ctl_config_reload(const struct ctl *c);
int ctl_config_show(const struct ctl *c);
int ctl_doctor(const struct ctl *c);
int ctl_help(const struct ctl *c);
int ctl_man_page(const struct ctl *c);
int ctl_metadata_add(const struct ctl *c);
int ctl_metadata_delete(const struct ctl *c);
int ctl_metadata_get(const struct ctl *c);
int ctl_metadata_list(const struct ctl *c);
int ctl_metadata_set(const struct ctl *c);
int ctl_port_bind(const struct ctl *c);
int ctl_port_list(const struct ctl *c);
int ctl_port_unbind(const struct ctl *c);
int ctl_rrl_set(const struct ctl *c);
int ctl_rrl_show(const struct ctl *c);
int ctl_rrset_add(const struct ctl *c);
int ctl_rrset_comment(const struct ctl *c);
int ctl_rrset_delete(const struct ctl *c);
int ctl_rrset_list(const struct ctl *c);
int ctl_rrset_replace(const struct ctl *c);
int ctl_search(const struct ctl *c);
int ctl_stats(const struct ctl *c);
int ctl_status(const struct ctl *c);
int ctl_store_restore(const struct ctl *c);
int ctl_store_snapshot(const struct ctl *c);
int ctl_store_verify(const struct ctl *c);
int ctl_tsig_delete(const struct ctl *c);
int ctl_tsig_generate(const struct ctl *c);
int ctl_tsig_import(const struct ctl *c);
int ctl_token_list(const struct ctl *c);
int ctl_token_show(const struct ctl *c);
int ctl_token_create(const struct ctl *c);
int ctl_token_rotate(const struct ctl *c);
int ctl_token_revoke(const struct ctl *c);
int ctl_audit(const struct ctl *c);
int ctl_network_list(const struct ctl *c);
int ctl_network_set(const struct ctl *c);
int ctl_view_add(const struct ctl *c);
int ctl_view_delete(const struct ctl *c);
int ctl_view_list(const struct ctl *c);
int ctl_view_list_all(const struct ctl *c);
int ctl_zone_history(const struct ctl *c);
int ctl_zone_revert(const struct ctl *c);
int ctl_tsig_list(const struct ctl *c);
int ctl_tsig_show(const struct ctl *c);
int ctl_zone_check(const struct ctl *c);
int ctl_zone_create(const struct ctl *c);
int ctl_zone_delete(const struct ctl *c);
int ctl_zone_diff(const struct ctl *c);
int ctl_zone_edit(const struct ctl *c);
int ctl_zone_export(const struct ctl *c);
int ctl_zone_import(const struct ctl *c);
int ctl_zone_list(const struct ctl *c);
int ctl_zone_notify(const struct ctl *c);
int ctl_zone_rectify(const struct ctl *c);
int ctl_zone_reload(const struct ctl *c);
int ctl_zone_retrieve(const struct ctl *c);
int ctl_zone_set(const struct ctl *c);
int ctl_zone_show(const struct ctl *c);
int ctl_zone_status(const struct ctl *c);
