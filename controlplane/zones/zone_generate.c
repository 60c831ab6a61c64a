/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_generate: $GENERATE as BIND 9.18 defines it. Text in, text out; the zone scanner then reads
 * the lines like any others, so that every type and escape works. */
#include "controlplane/zones/zone_generate.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WIDTH_MAX 254u /* as BIND: below NAME_MAX */
#define ITERATOR_MAX 0x7fffffff

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Copy the next token to *out, NUL terminated, and move both on. Quotes are taken off. NULL when
 * there is none. */
static const char *
next_token(const char **in, char **out, const char **error)
{
	const char *p = *in;
	char *token = *out, *w = token;

	while (is_blank(*p))
		p++;
	if (*p == '\0' || *p == ';')
		return NULL;
	bool quoted = *p == '"';
	if (quoted)
		p++;
	while (*p != '\0' && (quoted ? *p != '"' : !is_blank(*p) && *p != ';')) {
		if (*p == '\\' && p[1] != '\0') {
			if (!(quoted && p[1] == '"'))
				*w++ = '\\';
			p++;
		} else if (!quoted && (*p == '(' || *p == ')')) {
			*error = "$GENERATE must be on one line, without parentheses";
		}
		*w++ = *p++;
	}
	if (quoted && *p++ != '"')
		*error = "quoted text in $GENERATE is not closed";
	*w++ = '\0';
	*in = p;
	*out = w;
	return token;
}

static const char *
parse_range(struct zone_generate *g, const char *text)
{
	long long start, stop, step = 1;
	int end = 0;

	if (sscanf(text, "%10lld-%10lld%n", &start, &stop, &end) < 2 || end == 0)
		return "bad range in $GENERATE; write START-STOP or START-STOP/STEP";
	if (text[end] == '/') {
		int more = 0;
		if (sscanf(text + end, "/%10lld%n", &step, &more) < 1)
			return "bad step in $GENERATE; write START-STOP/STEP";
		end += more;
	}
	if (text[end] != '\0')
		return "bad range in $GENERATE; write START-STOP or START-STOP/STEP";
	if (start < 0 || stop > ITERATOR_MAX || start > stop || step < 1 || step > ITERATOR_MAX)
		return "bad range in $GENERATE; 0 <= START <= STOP <= 2147483647 and STEP >= 1 "
		       "must hold";
	g->start = (uint32_t)start;
	g->stop = (uint32_t)stop;
	g->step = (uint32_t)step;
	g->n = (uint64_t)(stop - start) / (uint64_t)step + 1;
	return NULL;
}

const char *
zone_generate_parse(struct zone_generate *g, const char *line)
{
	char *out = g->text;
	const char *error = NULL, *token;

	/* Tokens never take more room than their text and one NUL for the blank between two of
	 * them. */
	if (strlen(line) >= ZONE_GENERATE_TEXT_MAX)
		return "$GENERATE is too long";
	token = next_token(&line, &out, &error);
	if (token == NULL)
		return "$GENERATE needs: START-STOP[/STEP] LHS [TTL] [IN] TYPE RHS";
	const char *wrong = parse_range(g, token);
	if (wrong != NULL)
		return wrong;
	g->lhs = next_token(&line, &out, &error);
	g->ttl = "";
	token = next_token(&line, &out, &error);
	for (int i = 0; i < 2 && token != NULL; i++) {
		if (*token >= '0' && *token <= '9')
			g->ttl = token;
		else if (strcasecmp(token, "IN") != 0)
			break;
		token = next_token(&line, &out, &error);
	}
	g->type = token;
	g->rhs = token == NULL ? NULL : next_token(&line, &out, &error);
	if (error != NULL)
		return error;
	if (g->lhs == NULL || g->type == NULL || g->rhs == NULL)
		return "$GENERATE needs: START-STOP[/STEP] LHS [TTL] [IN] TYPE RHS";
	if (next_token(&line, &out, &error) != NULL)
		return "extra text at the end of $GENERATE; RDATA of several fields stands in "
		       "quotes";
	return NULL;
}

/* Nibbles, least significant first, with dots between; width counts nibbles and dots. */
static int
write_nibbles(char *to, uint64_t value, unsigned width, bool upper)
{
	const char *digit = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int n = 0;

	do {
		to[n++] = digit[value & 15];
		value >>= 4;
		width = width > 0 ? width - 1 : 0;
		if (width > 0 || value != 0) {
			to[n++] = '.';
			width = width > 0 ? width - 1 : 0;
		}
	} while (width > 0 || value != 0);
	to[n] = '\0';
	return n;
}

/* What stands for a $ and its modifier at *in. */
static const char *
write_iterator(char to[WIDTH_MAX + 32], int *n, const char **in, uint32_t it)
{
	int offset = 0;
	unsigned width = 0;
	char base[2] = "d";

	if (**in == '{') {
		int end = 0;
		/* %n is reached only when all before it was there */
		(void)sscanf(*in, "{%d}%n", &offset, &end);
		if (end == 0)
			(void)sscanf(*in, "{%d,%u}%n", &offset, &width, &end);
		if (end == 0)
			(void)sscanf(*in, "{%d,%u,%1[doxXnN]}%n", &offset, &width, base, &end);
		if (end == 0)
			return "bad modifier in $GENERATE; write ${OFFSET,WIDTH,BASE} with BASE "
			       "one of d o x X n N";
		*in += end;
	}
	if (width > WIDTH_MAX)
		return "width in $GENERATE is above 254";
	int64_t value = (int64_t)it + offset;
	if (value > ITERATOR_MAX)
		return "iterator plus offset in $GENERATE is above 2147483647";
	if (value < 0 && (base[0] == 'n' || base[0] == 'N'))
		return "iterator plus offset in $GENERATE is below 0, which has no nibbles";
	switch (base[0]) {
	case 'n':
	case 'N':
		*n = write_nibbles(to, (uint64_t)value, width, base[0] == 'N');
		break;
	case 'o':
		*n = sprintf(to, "%0*o", (int)width, (unsigned)value);
		break;
	case 'x':
		*n = sprintf(to, "%0*x", (int)width, (unsigned)value);
		break;
	case 'X':
		*n = sprintf(to, "%0*X", (int)width, (unsigned)value);
		break;
	default:
		*n = sprintf(to, "%0*d", (int)width, (int)value);
	}
	return NULL;
}

/* Append `in` with its iterators replaced. */
static const char *
substitute(const char *in, uint32_t it, char *text, size_t *len)
{
	char number[WIDTH_MAX + 32];
	size_t at = *len;

	while (*in != '\0') {
		if (at + sizeof number + 64 > ZONE_GENERATE_LINE_MAX)
			return "$GENERATE makes a line that is too long";
		if (*in == '\\' && in[1] != '\0') {
			text[at++] = *in++;
			text[at++] = *in++;
		} else if (*in != '$') {
			text[at++] = *in++;
		} else if (in[1] == '$') {
			text[at++] =
				'\\'; /* a name may hold a bare $ in BIND, not in the scanner */
			text[at++] = '$';
			in += 2;
		} else {
			int n = 0;
			in++;
			const char *wrong = write_iterator(number, &n, &in, it);
			if (wrong != NULL)
				return wrong;
			memcpy(text + at, number, (size_t)n);
			at += (size_t)n;
		}
	}
	*len = at;
	return NULL;
}

const char *
zone_generate_line(const struct zone_generate *g, uint64_t i, char *text, size_t *len)
{
	uint32_t it = g->start + (uint32_t)(i * g->step);

	*len = 0;
	const char *wrong = substitute(g->lhs, it, text, len);
	if (wrong != NULL)
		return wrong;
	size_t head = strlen(g->ttl) + strlen(g->type) + 8;
	if (*len + head + 64 > ZONE_GENERATE_LINE_MAX)
		return "$GENERATE makes a line that is too long";
	*len += (size_t)sprintf(text + *len, " %s IN %s ", g->ttl, g->type);
	wrong = substitute(g->rhs, it, text, len);
	if (wrong == NULL)
		text[(*len)++] = '\n';
	return wrong;
}
