/* SPDX-License-Identifier: GPL-3.0-or-later */
/* named_parse: see the header. */
#include "backends/zonefile/named_parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
named_no_memory(struct named_parser *p)
{
	snprintf(p->error, BACKEND_ERROR_OCTETS, "not enough memory for the list of zones");
	return -ENOMEM;
}

void
named_note(struct named_parser *p, const char *format, ...)
{
	char text[BACKEND_ERROR_OCTETS], whole[2 * BACKEND_ERROR_OCTETS];
	va_list args;

	if (!p->source->note)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	snprintf(whole, sizeof whole, "%.300s:%u: %s", p->r->name, p->r->token_line, text);
	token_clean(whole);
	p->source->note(p->source->arg, whole);
}

int
named_expect(struct named_parser *p, enum token_kind kind, const char *what)
{
	char text[64];

	if (p->r->kind != kind)
		return token_fail(
			p->r, "%s was expected here, not %s", what, token_text(p->r, text));
	return token_next(p->r);
}

int
named_take_word(struct named_parser *p, char **out, const char *what)
{
	char text[64];

	if (p->r->kind != TOKEN_WORD && p->r->kind != TOKEN_STRING)
		return token_fail(
			p->r, "%s was expected here, not %s", what, token_text(p->r, text));
	free(*out);
	*out = strdup(p->r->word);
	return *out ? token_next(p->r) : named_no_memory(p);
}

/* --- lists of addresses --- */

/* "a,b" and one more; the address in brackets where it has a port and is IPv6. */
static int
add_address(struct named_parser *p, char **list, const char *address, long port)
{
	bool v6 = strchr(address, ':') != NULL;
	char *longer;

	if (*list && strlen(*list) > NAMED_LIST_MAX)
		return token_fail(p->r, "there are too many addresses");
	if (asprintf(&longer, port > 0 ? "%s%s%s%s%s:%ld" : "%s%s%s%s%s", *list ? *list : "",
		    *list && **list ? "," : "", v6 && port > 0 ? "[" : "", address,
		    v6 && port > 0 ? "]" : "", port) < 0)
		return named_no_memory(p);
	free(*list);
	*list = longer;
	return 0;
}

static int
take_port(struct named_parser *p, long *port)
{
	char *end;
	int rc = token_next(p->r);

	if (rc != 0)
		return rc;
	*port = strtol(p->r->word, &end, 10);
	if (p->r->kind != TOKEN_WORD || *end != '\0' || *port < 1 || *port > 65535)
		return token_fail(p->r, "a port is a number from 1 to 65535");
	return token_next(p->r);
}

/* What may stand behind an address: port N, key NAME, tls NAME, dscp N. */
static int
take_address_words(struct named_parser *p, long *port)
{
	int rc = 0;

	while (rc == 0 && (p->r->kind == TOKEN_WORD || p->r->kind == TOKEN_STRING)) {
		if (token_is(p->r, "port")) {
			rc = take_port(p, port);
			continue;
		}
		rc = token_next(p->r); /* key, ... and its value */
		if (rc == 0 && (p->r->kind == TOKEN_WORD || p->r->kind == TOKEN_STRING))
			rc = token_next(p->r);
	}
	return rc;
}

int
named_parse_addresses(struct named_parser *p, char **list)
{
	long port_of_all = 0;
	unsigned n = 0;
	int rc = take_address_words(p, &port_of_all);

	if (rc == 0)
		rc = named_expect(p, TOKEN_OPEN, "'{' before the addresses");
	while (rc == 0 && p->r->kind != TOKEN_CLOSE) {
		unsigned char octets[16];
		char *address = NULL;
		long port = port_of_all;
		bool is_address;

		if (++n > NAMED_ADDRESSES_MAX)
			return token_fail(
				p->r, "there are more than %u addresses", NAMED_ADDRESSES_MAX);
		rc = named_take_word(p, &address, "an address or '}'");
		is_address = address && (inet_pton(AF_INET, address, octets) == 1 ||
						inet_pton(AF_INET6, address, octets) == 1);
		if (rc == 0)
			rc = take_address_words(p, &port);
		if (rc == 0 && is_address)
			rc = add_address(p, list, address, port);
		else if (rc == 0)
			named_note(p,
				"'%.64s' is no address, and lists are not looked up by name; it is "
				"left out",
				address);
		free(address);
		if (rc == 0)
			rc = named_expect(p, TOKEN_SEMICOLON, "';' behind an address");
	}
	if (rc == 0)
		rc = named_expect(p, TOKEN_CLOSE, "'}'");
	return rc;
}
