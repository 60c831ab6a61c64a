/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare: two configurations, key by key, from the table in schema.c. What was not written in
 * either file is equal, whatever was found out in its place. No state; any thread. */
#include "config/config.h"
#include "config/show.h"
#include "config/value.h"

#include <stdio.h>
#include <string.h>

#define LIST_TEXT_MAX 512u /* of a list of plain values; the rest is counted */
#define KEY_MAX 128u

/* A walk over both at once. */
struct comparison {
	unsigned change; /* schema_key.change of the keys looked at: one of these bits */
	void (*each)(void *arg, const struct config_change *change);
	void *arg;
	unsigned n;
	char key[KEY_MAX];
};

static unsigned
list_count(const struct schema_key *k, const uint8_t *base)
{
	return *(const unsigned *)(const void *)(base + k->set_offset);
}

static const uint8_t *
list_entry(const struct schema_key *k, const uint8_t *base, unsigned i)
{
	const uint8_t *entries;

	memcpy(&entries, base + k->offset, sizeof entries);
	return entries + (size_t)i * k->octets;
}

static bool keys_equal(const struct schema_key *keys, const uint8_t *a, const uint8_t *b);

static bool
text_equal(const uint8_t *a, const uint8_t *b)
{
	const char *x, *y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return x && y ? strcmp(x, y) == 0 : x == y;
}

/* One value, or one entry of a list. */
static bool
value_equal(const struct schema_key *k, const uint8_t *a, const uint8_t *b)
{
	switch (k->type) {
	case SCHEMA_TEXT:
	case SCHEMA_PATH:
	case SCHEMA_FILE:
	case SCHEMA_ZONE:
	case SCHEMA_NSID:
	case SCHEMA_PASSWORD:
		return text_equal(a, b);
	case SCHEMA_ADDRESS:
		/* made by config_parse_address(), which leaves no octet undefined */
		return memcmp(a, b, sizeof(struct config_address)) == 0;
	case SCHEMA_PREFIX:
		/* likewise */
		return memcmp(a, b, sizeof(struct config_prefix)) == 0;
	case SCHEMA_UINT:
		return memcmp(a, b, k->octets) == 0;
	case SCHEMA_BOOL:
		return *(const bool *)a == *(const bool *)b;
	case SCHEMA_SIZE:
		return memcmp(a, b, sizeof(uint64_t)) == 0;
	case SCHEMA_DURATION:
	case SCHEMA_CHOICE:
		return memcmp(a, b, sizeof(uint32_t)) == 0;
	case SCHEMA_SECRET:
		return memcmp(a, b, sizeof((struct config *)0)->answers.cookie_secret) == 0;
	case SCHEMA_LOG_LEVEL:
		return memcmp(a, b, sizeof(enum log_level)) == 0;
	case SCHEMA_SECTION:
		return keys_equal(k->keys, a, b);
	case SCHEMA_TYPES:
		break;
	}
	return true;
}

/* First entry that differs; the length of both when none does. Lists of one length. */
static unsigned
first_difference(const struct schema_key *k, const uint8_t *a, const uint8_t *b, unsigned n)
{
	unsigned i = 0;

	while (i < n && value_equal(k, list_entry(k, a, i), list_entry(k, b, i)))
		i++;
	return i;
}

static bool
key_equal(const struct schema_key *k, const uint8_t *a, const uint8_t *b)
{
	if (k->list) {
		unsigned n = list_count(k, a);

		return n == list_count(k, b) && first_difference(k, a, b, n) == n;
	}
	if (k->set_offset) {
		bool set = *(const bool *)(a + k->set_offset);

		if (set != *(const bool *)(b + k->set_offset))
			return false;
		if (!set)
			return true;
	}
	return k->type == SCHEMA_SECTION ? keys_equal(k->keys, a, b)
					 : value_equal(k, a + k->offset, b + k->offset);
}

static bool
keys_equal(const struct schema_key *keys, const uint8_t *a, const uint8_t *b)
{
	for (const struct schema_key *k = keys; k->name; k++)
		if (!key_equal(k, a, b))
			return false;
	return true;
}

/* --- telling --- */

/* A list of plain values: "a, b, ... (9 entries)". */
static void
list_text(const struct schema_key *k, const uint8_t *base, char out[LIST_TEXT_MAX])
{
	unsigned n = list_count(k, base);
	size_t at = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		char buffer[SHOW_TEXT_MAX], quoted[LIST_TEXT_MAX / 4];
		const char *text;

		show_value(k, base, list_entry(k, base, i), buffer, &text);
		text = value_quote(text, quoted, sizeof quoted);
		if (at + strlen(text) + sizeof ", , ... (4294967295 entries)" > LIST_TEXT_MAX) {
			snprintf(out + at, LIST_TEXT_MAX - at, ", ... (%u entries)", n);
			return;
		}
		at += (size_t)snprintf(out + at, LIST_TEXT_MAX - at, "%s%s", i ? ", " : "", text);
	}
}

static const char *
key_text(const struct schema_key *k, const uint8_t *base, const uint8_t *other,
	char out[LIST_TEXT_MAX])
{
	const char *text;
	unsigned n;

	if (!k->list) {
		enum config_kind kind = show_value(k, base, base + k->offset, out, &text);

		/* one line, whatever the file has; in place when the text is in `out` already */
		return kind == CONFIG_VALUE_UNSET ? "(not set)"
						  : value_quote(text, out, LIST_TEXT_MAX);
	}
	n = list_count(k, base);
	if (n == 0)
		return "(none)";
	if (k->type != SCHEMA_SECTION)
		list_text(k, base, out);
	else if (!other || n != list_count(k, other))
		snprintf(out, LIST_TEXT_MAX, "%u entr%s", n, n == 1 ? "y" : "ies");
	else
		snprintf(out, LIST_TEXT_MAX, "%u entr%s, the first that differs is [%u]", n,
			n == 1 ? "y" : "ies", first_difference(k, base, other, n));
	return out;
}

static void
compare_keys(struct comparison *c, const struct schema_key *keys, const uint8_t *a,
	const uint8_t *b, size_t at)
{
	for (const struct schema_key *k = keys; k->name; k++) {
		char before[LIST_TEXT_MAX], after[LIST_TEXT_MAX];
		size_t end = at + (size_t)snprintf(c->key + at, KEY_MAX - at, "%s", k->name);
		struct config_change change;

		if (k->type == SCHEMA_SECTION && !k->list) {
			snprintf(c->key + end, KEY_MAX - end, ".");
			compare_keys(c, k->keys, a, b, end + 1);
			continue;
		}
		if ((k->change & c->change) == 0 || key_equal(k, a, b))
			continue;
		change.key = c->key;
		change.before = key_text(k, a, NULL, before);
		change.after = key_text(k, b, a, after);
		change.restart = k->change & (unsigned)CONFIG_ALL;
		c->n++;
		if (c->each)
			c->each(c->arg, &change);
	}
}

unsigned
config_compare(const struct config *before, const struct config *after, unsigned processes,
	void (*each)(void *arg, const struct config_change *change), void *arg)
{
	struct comparison c = {
		.change = processes ? processes : SCHEMA_LIVE, .each = each, .arg = arg};

	compare_keys(&c, schema_root, (const uint8_t *)before, (const uint8_t *)after, 0);
	return c.n;
}

/* --- digest: FNV-1a over names and values. What has its default is left out, so that a key which
 * only a newer version knows makes no difference before somebody sets it. --- */

static uint64_t
digest_text(uint64_t h, const char *text)
{
	do
		h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
	while (*text++);
	return h;
}

static bool
has_default(const struct schema_key *k, const uint8_t *base)
{
	char buffer[SHOW_TEXT_MAX];
	const char *text;

	if (k->set_offset && !*(const bool *)(base + k->set_offset))
		return true;
	return show_value(k, base, base + k->offset, buffer, &text) == CONFIG_VALUE_UNSET ||
	       (k->fallback && strcmp(text, k->fallback) == 0);
}

/* @param change  of the list around these keys, when there is one */
static uint64_t
digest_keys(uint64_t h, const struct schema_key *keys, const uint8_t *base, unsigned process,
	unsigned change)
{
	for (const struct schema_key *k = keys; k->name; k++) {
		unsigned own = change ? change : k->change;
		unsigned n = k->list ? list_count(k, base) : 1;

		if (k->type == SCHEMA_SECTION && !k->list) {
			h = digest_keys(h, k->keys, base, process, change);
			continue;
		}
		if ((own & process) == 0 || (!k->list && has_default(k, base)))
			continue;
		for (unsigned i = 0; i < n; i++) {
			const uint8_t *field = k->list ? list_entry(k, base, i) : base + k->offset;
			char buffer[SHOW_TEXT_MAX];
			const char *text;

			h = digest_text(h, k->name);
			if (k->type == SCHEMA_SECTION) {
				h = digest_keys(h, k->keys, field, process, own);
				continue;
			}
			show_value(k, base, field, buffer, &text);
			h = digest_text(h, text);
		}
	}
	return h;
}

uint64_t
config_digest(const struct config *c, enum config_process process)
{
	uint64_t h = digest_keys(
		0xcbf29ce484222325ull, schema_root, (const uint8_t *)c, (unsigned)process, 0);

	return h ? h : 1;
}
