/* SPDX-License-Identifier: GPL-3.0-or-later */
/* schema_words: rows of the table in words, for messages and for the reference. */
#include "config/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void
schema_format_duration(uint64_t ms, char *out, size_t len)
{
	static const struct {
		uint64_t ms;
		const char *unit;
	} units[] = {{3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
	unsigned i = 0;

	while (i < 3 && (ms == 0 || ms % units[i].ms != 0))
		i++;
	snprintf(out, len, "%" PRIu64 "%s", ms / units[i].ms, units[i].unit);
}

void
schema_format_size(uint64_t octets, char *out, size_t len)
{
	static const char *const unit[] = {"", "KiB", "MiB", "GiB", "TiB"};
	unsigned i = 0;

	while (i < 4 && octets && octets % 1024 == 0) {
		octets /= 1024;
		i++;
	}
	snprintf(out, len, "%" PRIu64 "%s", octets, unit[i]);
}

/* "auto, tap or none" */
static void
describe_choices(const char *const *choices, char *out, size_t len)
{
	size_t at = 0;

	for (unsigned i = 0; choices[i] && at < len; i++)
		at += (size_t)snprintf(out + at, len - at, "%s%s",
			i == 0           ? ""
			: choices[i + 1] ? ", "
					 : " or ",
			choices[i]);
}

void
schema_describe(const struct schema_key *k, char *out, size_t len)
{
	char low[32], high[32];

	switch (k->type) {
	case SCHEMA_TEXT:
		snprintf(out, len, "text of %" PRIu64 " to %" PRIu64 " octets, such as %s", k->min,
			k->max, k->example);
		break;
	case SCHEMA_PASSWORD:
		snprintf(out, len, "a text of %" PRIu64 " to %" PRIu64 " octets", k->min, k->max);
		break;
	case SCHEMA_NSID:
		snprintf(out, len,
			"text of %" PRIu64 " to %" PRIu64
			" octets, or 0x and an even number of hex digits, such as 0x6e7331",
			k->min, k->max);
		break;
	case SCHEMA_PATH:
		snprintf(out, len, "an absolute path of at most %" PRIu64 " octets, such as %s",
			k->max, k->example ? k->example : k->fallback);
		break;
	case SCHEMA_FILE:
		snprintf(out, len, "a path of at most %" PRIu64 " octets, such as %s", k->max,
			k->example);
		break;
	case SCHEMA_ZONE:
		snprintf(out, len, "a domain name such as example.com");
		break;
	case SCHEMA_ADDRESS:
		snprintf(out, len,
			"ADDRESS, ADDRESS:PORT or [ADDRESS6]:PORT, such as 192.0.2.1:53 or "
			"[2001:db8::1]:53");
		break;
	case SCHEMA_PREFIX:
		snprintf(out, len,
			"ADDRESS or ADDRESS/LENGTH with no bit set behind LENGTH, such as "
			"192.0.2.0/24 or 2001:db8::/32");
		break;
	case SCHEMA_UINT:
		snprintf(out, len, "an integer from %" PRIu64 " to %" PRIu64, k->min, k->max);
		break;
	case SCHEMA_BOOL:
		snprintf(out, len, "true or false");
		break;
	case SCHEMA_SIZE:
		schema_format_size(k->min, low, sizeof low);
		schema_format_size(k->max, high, sizeof high);
		snprintf(out, len, "a size from %s to %s, such as %s", low, high, k->fallback);
		break;
	case SCHEMA_DURATION:
		schema_format_duration(k->min, low, sizeof low);
		schema_format_duration(k->max, high, sizeof high);
		snprintf(out, len,
			"a duration from %s to %s with its unit (ms, s, m, h), such as %s", low,
			high, k->fallback);
		break;
	case SCHEMA_SECRET:
		snprintf(out, len, "32 hex digits, as `openssl rand -hex 16` prints them");
		break;
	case SCHEMA_LOG_LEVEL:
		snprintf(out, len, "error, warning, info or debug");
		break;
	case SCHEMA_CHOICE:
		describe_choices(k->choices, out, len);
		break;
	case SCHEMA_SECTION:
	case SCHEMA_TYPES:
		snprintf(out, len, "a mapping of keys");
		break;
	}
}

#define WORD_MAX 40u /* longer words resemble no key */

/* Levenshtein's distance of two words shorter than WORD_MAX. */
static unsigned
word_distance(const char *a, const char *b)
{
	unsigned row[WORD_MAX + 1], n_b = (unsigned)strlen(b);

	for (unsigned j = 0; j <= n_b; j++)
		row[j] = j;
	for (unsigned i = 1; a[i - 1]; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= n_b; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (diagonal + 1 < best)
				best = diagonal + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n_b];
}

void
schema_suggest(const struct schema_key *keys, const char *name, char *out, size_t len)
{
	size_t name_len = strnlen(name, WORD_MAX), at;
	unsigned best = UINT32_MAX;
	const char *nearest = NULL;

	for (const struct schema_key *k = keys; name_len < WORD_MAX && k->name; k++) {
		unsigned d = word_distance(name, k->name);

		if (d < best) {
			best = d;
			nearest = k->name;
		}
	}
	if (nearest && best <= name_len / 3 + 1 && best < name_len) {
		snprintf(out, len, "did you mean '%s'?", nearest);
		return;
	}
	at = (size_t)snprintf(out, len, "the keys here are");
	for (const struct schema_key *k = keys; k->name && at < len; k++)
		at += (size_t)snprintf(out + at, len - at, "%s %s", k == keys ? "" : ",", k->name);
}
