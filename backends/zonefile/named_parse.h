/* SPDX-License-Identifier: GPL-3.0-or-later */
/* named_parse: what the files that read named.conf share. Functions return 0, or a negative errno
 * with the parser's error set. */
#pragma once
#include "backends/zonefile/named_conf.h"
#include "backends/zonefile/named_token.h"

struct named_parser {
	struct named_conf *c;
	const struct named_source *source;
	struct token_reader *r; /* of the file at hand */
	unsigned depth;
	char *folder; /* of the first file */
	char *error;
};

/** -ENOMEM, with its message. */
int named_no_memory(struct named_parser *p);
/** Tell the source's note() of something that is left out, with file and line. */
void named_note(struct named_parser *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/** The token at hand must be this, and the next one is taken. @param what  as messages call it */
int named_expect(struct named_parser *p, enum token_kind kind, const char *what);
/** A word or text in quotes, allocated in the place of *out; the next token is taken. */
int named_take_word(struct named_parser *p, char **out, const char *what);
/** "[port N] { ADDRESS [port N] [key K]; ... }" is added to *list, "a,b", allocated; the token at
 * hand is the one behind the keyword. */
int named_parse_addresses(struct named_parser *p, char **list);
