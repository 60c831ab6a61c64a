/* SPDX-License-Identifier: GPL-3.0-or-later */
/* value: the conversions, one function a type. No state; any thread. */
#include "config/value.h"

#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define QUOTE_MAX 64u /* octets of a bad value that a message repeats */

const char *
value_quote(const char *text, char *out, size_t len)
{
	size_t n = 0;

	/* UTF-8 passes; control characters could play tricks with a terminal */
	for (; text[n] && n + 4 < len; n++)
		out[n] = (unsigned char)text[n] < ' ' || text[n] == 127 ? '?' : text[n];
	if (text[n]) {
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--; /* no half a character */
		memcpy(out + n, "...", 3);
		n += 3;
	}
	out[n] = '\0';
	return out;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decimal digits at the start of text. Returns what follows them; NULL without digits or beyond
 * 2^63. */
static const char *
parse_digits(const char *text, uint64_t *out)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)*text))
		return NULL;
	for (; isdigit((unsigned char)*text); text++) {
		if (v > (UINT64_MAX / 2 - 9) / 10)
			return NULL;
		v = v * 10 + (uint64_t)(*text - '0');
	}
	*out = v;
	return text;
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* "NUMBER UNIT" of a table that ends with a NULL name. */
static bool
parse_with_unit(const char *text, const struct unit *units, uint64_t *out)
{
	uint64_t v;
	const char *rest = parse_digits(text, &v);

	if (!rest)
		return false;
	rest += strspn(rest, " ");
	for (; units->name; units++) {
		if (strcmp(rest, units->name) == 0) {
			if (v > UINT64_MAX / units->factor)
				return false;
			*out = v * units->factor;
			return true;
		}
	}
	return false;
}

static bool
convert_uint(const struct schema_key *k, const char *text, void *field)
{
	uint64_t v;
	const char *rest = parse_digits(text, &v);

	if (!rest || *rest || v < k->min || v > k->max)
		return false;
	switch (k->octets) {
	case 2:
		*(uint16_t *)field = (uint16_t)v;
		return true;
	case 4:
		*(uint32_t *)field = (uint32_t)v;
		return true;
	}
	return false;
}

static bool
convert_size(const struct schema_key *k, const char *text, void *field)
{
	static const struct unit units[] = {{"", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20},
		{"GiB", 1ull << 30}, {"TiB", 1ull << 40}, {NULL, 0}};
	uint64_t v;

	if (!parse_with_unit(text, units, &v) || v < k->min || v > k->max)
		return false;
	*(uint64_t *)field = v;
	return true;
}

static bool
convert_duration(const struct schema_key *k, const char *text, void *field)
{
	static const struct unit units[] = {
		{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
	uint64_t v;

	if (!parse_with_unit(text, units, &v) || v < k->min || v > k->max)
		return false;
	*(unsigned *)field = (unsigned)v;
	return true;
}

static bool
convert_bool(const char *text, bool *field)
{
	/* what YAML 1.1 calls booleans, in full */
	static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {
									"false", "no", "off"};

	for (unsigned i = 0; i < 3; i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*field = strcasecmp(text, yes[i]) == 0;
			return true;
		}
	}
	return false;
}

static bool
convert_secret(const char *text, uint8_t field[16])
{
	uint8_t secret[16];

	if (strlen(text) != 32)
		return false;
	for (unsigned i = 0; i < 16; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		secret[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(field, secret, sizeof secret);
	return true;
}

static bool
nsid_is_good(const struct schema_key *k, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(text, "0x", 2) != 0)
		return len >= k->min && len <= k->max;
	if (len < 4 || len % 2 || (len - 2) / 2 > k->max)
		return false;
	for (const char *p = text + 2; *p; p++)
		if (hex_digit(*p) < 0)
			return false;
	return true;
}

static bool
convert_choice(const struct schema_key *k, const char *text, uint32_t *field)
{
	for (uint32_t i = 0; k->choices[i]; i++) {
		if (strcasecmp(text, k->choices[i]) == 0) {
			*field = i;
			return true;
		}
	}
	return false;
}

static bool
convert_log_level(const char *text, enum log_level *field)
{
	static const char *const word[] = {"error", "warning", "info", "debug"};

	for (unsigned i = 0; i < 4; i++) {
		if (strcasecmp(text, word[i]) == 0) {
			*field = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* The octet at *text (RFC 1035 5.1: \DDD, \X), which then moves on; -1 for a bad escape. */
static int
zone_octet(const char **text)
{
	const char *p = *text;
	int v = (unsigned char)*p++;

	if (v == '\\') {
		if (isdigit((unsigned char)p[0])) {
			if (!isdigit((unsigned char)p[1]) || !isdigit((unsigned char)p[2]))
				return -1;
			v = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
			if (v > 255)
				return -1;
			p += 3;
		} else if (*p) {
			v = (unsigned char)*p++;
		} else {
			return -1;
		}
	}
	*text = p;
	return v;
}

int
value_zone_wire(const char *text, uint8_t wire[255])
{
	unsigned at = 0, label = 0; /* where the next octet goes, where its label's length is */

	if (strcmp(text, ".") == 0) {
		wire[0] = 0;
		return 1;
	}
	if (!*text)
		return -EINVAL;
	for (at = 1; *text;) {
		if (*text == '.') {
			if (at == label + 1) /* an empty label */
				return -EINVAL;
			wire[label] = (uint8_t)(at - label - 1);
			label = at++;
			text++;
			continue;
		}
		int v = (unsigned char)*text <= ' ' ? -1 : zone_octet(&text);

		/* the root label needs an octet too */
		if (v < 0 || at - label > 63 || at >= 254)
			return -EINVAL;
		wire[at++] = (uint8_t)(v >= 'A' && v <= 'Z' ? v + 'a' - 'A' : v);
	}
	if (at > label + 1) { /* no dot at the end */
		wire[label] = (uint8_t)(at - label - 1);
		label = at++;
	}
	wire[label] = 0;
	return (int)at;
}

int
value_convert(const struct schema_key *k, const char *text, void *field, char why[VALUE_WHY_MAX])
{
	char quote[QUOTE_MAX], right[VALUE_WHY_MAX / 2];
	uint8_t wire[255];
	size_t len = strlen(text);
	bool good = false, is_text = false;

	switch (k->type) {
	case SCHEMA_TEXT:
	case SCHEMA_FILE:
	case SCHEMA_PASSWORD:
		is_text = good = len >= k->min && len <= k->max;
		break;
	case SCHEMA_PATH:
		is_text = good = len >= k->min && len <= k->max && text[0] == '/';
		break;
	case SCHEMA_ZONE:
		is_text = good = value_zone_wire(text, wire) > 0;
		break;
	case SCHEMA_NSID:
		is_text = good = nsid_is_good(k, text);
		break;
	case SCHEMA_ADDRESS:
		good = config_parse_address(text, k->max ? (uint16_t)k->max : 53, field) == 0;
		break;
	case SCHEMA_PREFIX:
		good = config_parse_prefix(text, field) == 0;
		break;
	case SCHEMA_UINT:
		good = convert_uint(k, text, field);
		break;
	case SCHEMA_BOOL:
		good = convert_bool(text, field);
		break;
	case SCHEMA_SIZE:
		good = convert_size(k, text, field);
		break;
	case SCHEMA_DURATION:
		good = convert_duration(k, text, field);
		break;
	case SCHEMA_SECRET:
		good = convert_secret(text, field);
		break;
	case SCHEMA_LOG_LEVEL:
		good = convert_log_level(text, field);
		break;
	case SCHEMA_CHOICE:
		good = convert_choice(k, text, field);
		break;
	case SCHEMA_SECTION:
	case SCHEMA_TYPES:
		break;
	}
	if (good) {
		if (is_text)
			*(const char **)field = text;
		return 0;
	}
	schema_describe(k, right, sizeof right);
	/* a secret stays one, even where it is wrong */
	if (k->type == SCHEMA_SECRET || k->type == SCHEMA_PASSWORD)
		snprintf(why, VALUE_WHY_MAX, "not a valid secret; it must be %s", right);
	else
		snprintf(why, VALUE_WHY_MAX, "'%s' is not valid; it must be %s",
			value_quote(text, quote, sizeof quote), right);
	return -EINVAL;
}
