/* SPDX-License-Identifier: GPL-3.0-or-later */
/* named_token: the words of BIND's configuration files. Private to named_conf. */
#pragma once
#include "backends/zonefile/named_conf.h"

#include <stdbool.h>

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_SEMICOLON };

/* One file, as far as it has been read. */
struct token_reader {
	const char *name; /* of the file */
	const char *at, *end;
	uint32_t line;
	/* the token at hand */
	enum token_kind kind;
	uint32_t token_line;
	char word[NAMED_WORD_MAX + 1];
	char *error; /* BACKEND_ERROR_OCTETS */
};

/** The next token. @return 0, or -EINVAL with the error */
int token_next(struct token_reader *r) __attribute__((warn_unused_result));
/** An error at the token at hand. @return -EINVAL */
int token_fail(struct token_reader *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** One line, without control characters. */
void token_clean(char *text);
/** Is it this word? A word in quotes is none. */
bool token_is(const struct token_reader *r, const char *word);
/** What it is, for messages: "'{'", "the end of the file", ... */
const char *token_text(const struct token_reader *r, char out[64]);

/** Go on behind the end of this statement: the semicolon that is in no braces. The token at hand is
 * its last one then. */
int token_skip_statement(struct token_reader *r) __attribute__((warn_unused_result));
