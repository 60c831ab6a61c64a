/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rdata_text: text to RDATA. libzscanner reads one record with the content as its RDATA. What it
 * takes that a record's content must not have is found before: comments, line ends, escapes above
 * 255. Texts (TXT, SPF) are read here: a word without quotes is an error
 * there, since PowerDNS refuses it and `v=spf1 -all` would become two strings, and a string of more
 * than 255 octets is split. */
#include "controlplane/zones/rdata_text.h"

#include "controlplane/zones/zone_rdata.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libknot/descriptor.h>
#include <libzscanner/scanner.h>

#define CONTENT_OCTETS_MAX (4u * RDATA_WIRE_MAX + 1024u) /* each octet as \DDD */
#define STRING_OCTETS_MAX 255u

int
rrtype_from_text(const char *text, uint16_t *type)
{
	uint16_t value;

	if (knot_rrtype_from_string(text, &value) != 0 || !zone_type_is_data(value))
		return -EINVAL;
	*type = value;
	return 0;
}

void
rrtype_to_text(uint16_t type, char text[16])
{
	if (knot_rrtype_to_string(type, text, 16) < 0)
		snprintf(text, 16, "TYPE%u", type);
}

static int __attribute__((format(printf, 2, 3)))
refuse(char error[RDATA_TEXT_ERROR_OCTETS], const char *format, ...)
{
	va_list args;
	size_t len = (size_t)snprintf(error, RDATA_TEXT_ERROR_OCTETS,
		"Parsing record content (try 'pdnsutil check-zone'): ");

	va_start(args, format);
	vsnprintf(error + len, RDATA_TEXT_ERROR_OCTETS - len, format, args);
	va_end(args);
	return -EINVAL;
}

/* Names, digits and the like: at most one octet a character. */
static int
refuse_as_parsed(
	uint16_t type, const uint8_t *rdata, uint16_t rdlength, char error[RDATA_TEXT_ERROR_OCTETS])
{
	char *text = malloc(CONTENT_OCTETS_MAX);

	if (text == NULL || rdata_to_text(type, rdata, rdlength, text, CONTENT_OCTETS_MAX) < 0)
		snprintf(error, RDATA_TEXT_ERROR_OCTETS, "Not in expected format");
	else
		snprintf(error, RDATA_TEXT_ERROR_OCTETS,
			"Not in expected format (parsed as '%.200s')", text);
	free(text);
	return -EINVAL;
}

/* @param[in,out] at  points at the backslash; behind the escape afterwards. @return octet or -1 */
static int
take_escape(const char **at)
{
	const char *p = *at + 1;
	unsigned value = 0;

	if (*p == '\0')
		return -1;
	if (*p < '0' || *p > '9') {
		*at = p + 1;
		return (uint8_t)*p;
	}
	for (int i = 0; i < 3; i++, p++) {
		if (*p < '0' || *p > '9')
			return -1;
		value = value * 10 + (unsigned)(*p - '0');
	}
	*at = p;
	return value > 255 ? -1 : (int)value;
}

/* What no content may have, of whichever type. */
static int
look_at(const char *text, char error[RDATA_TEXT_ERROR_OCTETS])
{
	const char *p = text;
	bool quoted = false;

	while (*p != '\0') {
		uint8_t c = (uint8_t)*p;
		if (c == '\\') {
			const char *from = p;
			/* RFC 3597's own mark */
			if (!quoted && p[1] == '#' && (p[2] == ' ' || p[2] == '\t')) {
				p += 2;
				continue;
			}
			if (take_escape(&p) < 0)
				return refuse(error,
					"'%.4s' is no escape: a backslash is followed "
					"by three digits up to 255, or by no digit",
					from);
			continue;
		}
		if (c == '"')
			quoted = !quoted;
		else if (c == ';' && !quoted)
			return refuse(error,
				"a ';' at position %td begins a comment; write \\; or "
				"put quotes around the text",
				p - text);
		else if ((c < ' ' && c != '\t') || c == 0x7f)
			return refuse(error,
				"octet %u at position %td is no printable character; "
				"write \\%03u",
				c, p - text, c);
		else if (c > 0x7f && !quoted)
			return refuse(error,
				"octet %u at position %td is no ASCII; write \\%03u, or "
				"a name as xn--...",
				c, p - text, c);
		p++;
	}
	return quoted ? refuse(error, "the quotes do not end") : 0;
}

/* --- strings --- */

struct strings {
	uint8_t *rdata;
	size_t len, length_at; /* where the present string's length octet lies */
};

static int
strings_begin(struct strings *s)
{
	if (s->len >= RDATA_WIRE_MAX)
		return -1;
	s->length_at = s->len++;
	s->rdata[s->length_at] = 0;
	return 0;
}

static int
strings_add(struct strings *s, uint8_t octet)
{
	if (s->rdata[s->length_at] == STRING_OCTETS_MAX && strings_begin(s) != 0)
		return -1;
	if (s->len >= RDATA_WIRE_MAX)
		return -1;
	s->rdata[s->len++] = octet;
	s->rdata[s->length_at]++;
	return 0;
}

/* As PowerDNS says it; it shows what would be right. */
static int
refuse_unquoted(const char *text, char error[RDATA_TEXT_ERROR_OCTETS])
{
	if (strpbrk(text, "\"\\") != NULL)
		return refuse(error,
			"Data field in DNS should start with quote (\") wherever a string begins");
	snprintf(error, RDATA_TEXT_ERROR_OCTETS, "Not in expected format (parsed as '\"%.180s\"')",
		text);
	return -EINVAL;
}

static int
strings_from_text(
	const char *text, uint8_t *rdata, uint16_t *rdlength, char error[RDATA_TEXT_ERROR_OCTETS])
{
	struct strings s = {.rdata = rdata};
	const char *p = text + strspn(text, " \t");

	if (*p == '\0')
		return refuse(error, "there is no text; write \"\" for an empty one");
	while (*p != '\0') {
		if (*p != '"')
			return refuse_unquoted(text, error);
		if (strings_begin(&s) != 0)
			goto too_long;
		for (p++; *p != '"';) {
			/* look_at() has seen that the quotes end and that escapes are whole */
			int octet = *p == '\\' ? take_escape(&p) : (uint8_t)*p++;
			if (octet < 0 || strings_add(&s, (uint8_t)octet) != 0)
				goto too_long;
		}
		p++;
		p += strspn(p, " \t");
	}
	*rdlength = (uint16_t)s.len;
	return 0;
too_long:
	return refuse(error, "the text is longer than %u octets with its lengths", RDATA_WIRE_MAX);
}

/* --- RFC 3597 --- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\\# LENGTH HEX", of any type: libzscanner knows some types that it does not take. @param text at
 * the backslash */
static int
generic_from_text(
	const char *text, uint8_t *rdata, uint16_t *rdlength, char error[RDATA_TEXT_ERROR_OCTETS])
{
	const char *p = text + 2;
	unsigned want = 0, digits = 0;

	p += strspn(p, " \t");
	for (; *p >= '0' && *p <= '9' && want <= RDATA_WIRE_MAX; p++, digits++)
		want = want * 10 + (unsigned)(*p - '0');
	if (digits == 0 || want > RDATA_WIRE_MAX)
		return refuse(error, "a length up to %u belongs behind \\#", RDATA_WIRE_MAX);
	for (digits = 0; *p != '\0'; p++) {
		int value = hex_digit(*p);
		if (*p == ' ' || *p == '\t')
			continue;
		if (value < 0 || digits == 2 * want)
			return refuse(error,
				"%u octets as hexadecimal digits belong behind the length", want);
		uint8_t *octet = &rdata[digits / 2];
		*octet = (uint8_t)(digits % 2 == 0 ? value << 4 : *octet | value);
		digits++;
	}
	if (digits != 2 * want)
		return refuse(
			error, "%u octets as hexadecimal digits belong behind the length", want);
	*rdlength = (uint16_t)want;
	return 0;
}

/* --- everything else --- */

/* @return 0; 1: it does not parse (error says why); -ENOMEM */
static int
scan(const char *line, size_t len, const char *origin, uint8_t *rdata, uint16_t *rdlength,
	char error[RDATA_TEXT_ERROR_OCTETS])
{
	zs_scanner_t *s = malloc(sizeof *s);
	int ret = 1;

	if (s == NULL)
		return -ENOMEM;
	if (zs_init(s, origin, KNOT_CLASS_IN, 0) != 0) {
		free(s);
		return -ENOMEM;
	}
	if (zs_set_input_string(s, line, len) != 0)
		ret = -ENOMEM;
	else if (zs_parse_record(s) == 0 && s->state == ZS_STATE_DATA) {
		memcpy(rdata, s->r_data, s->r_data_length);
		*rdlength = (uint16_t)s->r_data_length;
		/* nothing may follow: a parenthesis that was not opened, for one */
		ret = zs_parse_record(s) == 0 && s->state == ZS_STATE_EOF ? 0 : 1;
	}
	if (ret == 1)
		refuse(error, "%s",
			s->error.code != 0 ? zs_strerror(s->error.code) : "it is not complete");
	zs_deinit(s);
	free(s);
	return ret;
}

/* Types whose content has no names, of those that are common. */
static bool
has_no_names(uint16_t type)
{
	return type == KNOT_RRTYPE_A || type == KNOT_RRTYPE_AAAA || type == KNOT_RRTYPE_CAA ||
	       type == KNOT_RRTYPE_TLSA || type == KNOT_RRTYPE_DS || type == KNOT_RRTYPE_SSHFP ||
	       type == KNOT_RRTYPE_DNSKEY;
}

/* Octets above ASCII as \DDD. @param to  four times its room */
static void
escape_high(char *to, const char *from)
{
	for (; *from != '\0'; from++) {
		if ((uint8_t)*from > 0x7f)
			to += sprintf(to, "\\%03u", (uint8_t)*from);
		else
			*to++ = *from;
	}
	*to = '\0';
}

static int
other_from_text(uint16_t type, const char *text, uint8_t *rdata, uint16_t *rdlength,
	char error[RDATA_TEXT_ERROR_OCTETS])
{
	size_t room = 4 * strlen(text) + 64;
	char *line = malloc(room), word[16];
	uint8_t *other = NULL;
	uint16_t other_length = 0;
	int len, ret;

	if (line == NULL)
		return refuse(error, "not enough memory");
	rrtype_to_text(type, word);
	len = snprintf(line, room, ". 0 IN %s ", word);
	escape_high(line + len, text);
	len += (int)strlen(line + len);
	line[len++] = '\n';
	ret = scan(line, (size_t)len, ".", rdata, rdlength, error);
	if (ret == 0 && !has_no_names(type)) {
		/* a name without a final dot is another one under another origin */
		other = malloc(RDATA_WIRE_MAX);
		ret = other == NULL
			      ? -ENOMEM
			      : scan(line, (size_t)len, "origin.", other, &other_length, error);
		if (ret == 1 || (ret == 0 && (other_length != *rdlength ||
						     memcmp(other, rdata, other_length) != 0))) {
			refuse_as_parsed(type, rdata, *rdlength, error);
			ret = 1;
		}
	}
	free(other);
	free(line);
	if (ret == -ENOMEM)
		return refuse(error, "not enough memory");
	return ret == 0 ? 0 : -EINVAL;
}

int
rdata_from_text(uint16_t type, const char *text, uint8_t *rdata, uint16_t *rdlength,
	char error[RDATA_TEXT_ERROR_OCTETS])
{
	int ret;

	if (!zone_type_is_data(type))
		return refuse(error, "this type cannot stand in a zone");
	if (strnlen(text, CONTENT_OCTETS_MAX) == CONTENT_OCTETS_MAX)
		return refuse(error, "it is longer than %u octets", CONTENT_OCTETS_MAX - 1);
	if (type == KNOT_RRTYPE_A && inet_pton(AF_INET, text, rdata) == 1) {
		*rdlength = 4;
		return 0;
	}
	if (type == KNOT_RRTYPE_AAAA && inet_pton(AF_INET6, text, rdata) == 1) {
		*rdlength = 16;
		return 0;
	}
	if (type == KNOT_RRTYPE_AAAA && strncmp(text, "\\#", 2) != 0) {
		snprintf(error, RDATA_TEXT_ERROR_OCTETS, "Invalid IPv6 address");
		return -EINVAL;
	}
	ret = look_at(text, error);
	if (ret != 0)
		return ret;
	text += strspn(text, " \t");
	if (strncmp(text, "\\# ", 3) == 0 || strncmp(text, "\\#\t", 3) == 0)
		ret = generic_from_text(text, rdata, rdlength, error);
	else if (type == KNOT_RRTYPE_TXT || type == KNOT_RRTYPE_SPF)
		ret = strings_from_text(text, rdata, rdlength, error);
	else
		ret = other_from_text(type, text, rdata, rdlength, error);
	if (ret != 0)
		return ret;
	/* generic content (RFC 3597) of a known type was not looked at yet */
	if (!rdata_is_valid(type, rdata, *rdlength))
		return refuse(error, "it is not well-formed for this type");
	return 0;
}
