/* SPDX-License-Identifier: GPL-3.0-or-later */
/* named_token: comments of three kinds, quotes, braces. */
#include "backends/zonefile/named_token.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void
token_clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

int
token_fail(struct token_reader *r, const char *format, ...)
{
	int n = snprintf(r->error, BACKEND_ERROR_OCTETS, "%.300s:%u: ", r->name, r->token_line);
	va_list args;

	va_start(args, format);
	vsnprintf(r->error + n, BACKEND_ERROR_OCTETS - (size_t)n, format, args);
	va_end(args);
	token_clean(r->error);
	return -EINVAL;
}

bool
token_is(const struct token_reader *r, const char *word)
{
	return r->kind == TOKEN_WORD && strcasecmp(r->word, word) == 0;
}

const char *
token_text(const struct token_reader *r, char out[64])
{
	static const char *const fixed[] = {[TOKEN_END] = "the end of the file",
		[TOKEN_OPEN] = "'{'",
		[TOKEN_CLOSE] = "'}'",
		[TOKEN_SEMICOLON] = "';'"};

	if (r->kind != TOKEN_WORD && r->kind != TOKEN_STRING)
		return fixed[r->kind];
	snprintf(out, 64, "'%.40s%s'", r->word, strlen(r->word) > 40 ? "..." : "");
	return out;
}

/* Behind a comment that begins here; NULL: it is none. @param open  a block comment has no end */
static const char *
skip_comment(struct token_reader *r, const char *p, bool *open)
{
	bool slash = *p == '/' && p + 1 < r->end;

	*open = false;
	if (*p == '#' || (slash && p[1] == '/')) {
		p = memchr(p, '\n', (size_t)(r->end - p));
		return p ? p : r->end;
	}
	if (!slash || p[1] != '*')
		return NULL;
	for (p += 2; p + 1 < r->end; p++) {
		if (*p == '*' && p[1] == '/')
			return p + 2;
		r->line += *p == '\n';
	}
	*open = true;
	return r->end;
}

static int
skip_blank(struct token_reader *r)
{
	while (r->at < r->end) {
		const char *behind;
		bool open;

		if (*r->at == '\n')
			r->line++;
		if (strchr(" \t\r\n\f\v", *r->at) && *r->at) {
			r->at++;
			continue;
		}
		r->token_line = r->line;
		behind = skip_comment(r, r->at, &open);
		if (open)
			return token_fail(r, "the comment that begins here has no end; write '*/'");
		if (!behind)
			break;
		r->at = behind;
	}
	r->token_line = r->line;
	return 0;
}

static int
read_string(struct token_reader *r)
{
	size_t n = 0;

	for (r->at++; r->at < r->end && *r->at != '"'; r->at++) {
		if (*r->at == '\\' && r->at + 1 < r->end)
			r->at++;
		if (*r->at == '\n')
			r->line++;
		if (n == NAMED_WORD_MAX)
			return token_fail(r,
				"text in quotes is longer than %u octets; is a '\"' "
				"missing?",
				NAMED_WORD_MAX);
		if (*r->at == '\0')
			return token_fail(r, "there is a NUL octet; this is no text");
		r->word[n++] = *r->at;
	}
	if (r->at == r->end)
		return token_fail(r, "the text in quotes that begins here has no end");
	r->at++;
	r->word[n] = '\0';
	r->kind = TOKEN_STRING;
	return 0;
}

static int
read_word(struct token_reader *r)
{
	size_t n = 0;

	for (; r->at < r->end; r->at++) {
		char c = *r->at;

		if (c == '\0')
			return token_fail(r, "there is a NUL octet; this is no text");
		if (strchr(" \t\r\n\f\v{};\"#", c) ||
			(c == '/' && r->at + 1 < r->end && (r->at[1] == '/' || r->at[1] == '*')))
			break;
		if (n == NAMED_WORD_MAX)
			return token_fail(r, "a word is longer than %u octets", NAMED_WORD_MAX);
		r->word[n++] = c;
	}
	r->word[n] = '\0';
	r->kind = TOKEN_WORD;
	return 0;
}

int
token_next(struct token_reader *r)
{
	int rc = skip_blank(r);

	r->word[0] = '\0';
	if (rc != 0)
		return rc;
	if (r->at == r->end) {
		r->kind = TOKEN_END;
		return 0;
	}
	switch (*r->at) {
	case '{':
		r->kind = TOKEN_OPEN;
		break;
	case '}':
		r->kind = TOKEN_CLOSE;
		break;
	case ';':
		r->kind = TOKEN_SEMICOLON;
		break;
	case '"':
		return read_string(r);
	default:
		return read_word(r);
	}
	r->at++;
	return 0;
}

int
token_skip_statement(struct token_reader *r)
{
	uint32_t began = r->token_line;
	size_t depth = 0;

	for (;;) {
		int rc;

		if (r->kind == TOKEN_OPEN)
			depth++;
		if (r->kind == TOKEN_CLOSE && depth-- == 0)
			return token_fail(r, "there is a '}' without a '{' before it");
		if (r->kind == TOKEN_SEMICOLON && depth == 0)
			return 0;
		if (r->kind == TOKEN_END)
			return token_fail(r,
				"the statement that begins in line %u has no end; a %s is missing",
				began, depth > 0 ? "'}'" : "';'");
		rc = token_next(r);
		if (rc != 0)
			return rc;
	}
}
