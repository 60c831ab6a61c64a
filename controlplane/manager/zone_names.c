/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_names: conversions by libknot's presentation format; a name never becomes a path with a
 * folder in it, because '/' is always escaped and hidden files are never zones. */
#include "controlplane/manager/zone_names.h"

#include <errno.h>
#include <libknot/dname.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>

#define ROOT_FILE "root" ZONE_FILE_SUFFIX

_Static_assert(ZONE_TEXT_OCTETS >= KNOT_DNAME_TXT_MAXLEN + 1, "every name fits");
_Static_assert(ZONE_ID_OCTETS >= 3 * ZONE_TEXT_OCTETS, "every id fits");

int
zone_wire_from_text(uint8_t wire[ZONE_WIRE_OCTETS], const char *text)
{
	uint8_t raw[KNOT_DNAME_MAXLEN];
	size_t len;

	if (*text == '\0' || knot_dname_from_str(raw, text, sizeof raw) == NULL)
		return -EINVAL;
	len = knot_dname_size(raw);
	memset(wire, 0, ZONE_WIRE_OCTETS);
	memcpy(wire, raw, len);
	knot_dname_to_lower(wire);
	return (int)len;
}

void
zone_text_from_wire(char text[ZONE_TEXT_OCTETS], const uint8_t *wire)
{
	if (knot_dname_to_str(text, wire, ZONE_TEXT_OCTETS) == NULL)
		memcpy(text, "?", 2); /* not a name: its caller's mistake, but not a crash */
}

/* Where a variant's name begins in a zone's, behind ".."; NULL: there is none. A dot that is
 * escaped ends no label. */
static const char *
variant_of(const char *text)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '\\' && c[1] != '\0')
			c++;
		else if (c[0] == '.' && c[1] == '.')
			return c + 2;
	}
	return NULL;
}

int
zone_key_from_text(uint8_t key[ZONE_WIRE_OCTETS], const char *text)
{
	const char *variant = variant_of(text);
	uint8_t apex[ZONE_WIRE_OCTETS];
	char name[ZONE_TEXT_OCTETS];
	size_t len = variant == NULL ? strlen(text) : (size_t)(variant - 1 - text);
	unsigned octets;

	if (len >= sizeof name)
		return -EINVAL;
	memcpy(name, text, len);
	name[len] = '\0';
	if (zone_wire_from_text(apex, name) < 0 || zone_key_variant(apex) > 0)
		return -EINVAL;
	len = variant == NULL ? 0 : strlen(variant);
	for (size_t i = 0; i < len; i++)
		if (!zone_variant_octet((uint8_t)variant[i]))
			return -EINVAL;
	memset(key, 0, ZONE_WIRE_OCTETS);
	octets = len > ZONE_VARIANT_MAX || (variant != NULL && len == 0)
			 ? 0
			 : zone_key_make(key, apex, variant, (unsigned)len);
	return octets == 0 ? -EINVAL : (int)octets;
}

void
zone_text_from_key(char text[ZONE_TEXT_OCTETS], const uint8_t *key)
{
	unsigned label = zone_key_variant(key);
	size_t at;

	zone_text_from_wire(text, key + label);
	if (label == 0)
		return;
	/* 255 octets of key have room for this: a character of the variant takes one of them */
	at = strlen(text);
	text[at++] = '.';
	memcpy(text + at, key + 2, label - 2);
	text[at + label - 2] = '\0';
}

int
zone_wire_from_file(uint8_t wire[ZONE_WIRE_OCTETS], const char *file)
{
	size_t suffix = sizeof ZONE_FILE_SUFFIX - 1;
	size_t len = strlen(file);
	char name[ZONE_TEXT_OCTETS];

	if (file[0] == '.' || len <= suffix || strcmp(file + len - suffix, ZONE_FILE_SUFFIX) != 0)
		return -EINVAL;
	if (strcmp(file, ROOT_FILE) == 0)
		return zone_wire_from_text(wire, ".");
	if (len - suffix >= sizeof name)
		return -EINVAL;
	memcpy(name, file, len - suffix);
	name[len - suffix] = '\0';
	int octets = zone_wire_from_text(wire, name);
	return octets > 0 && zone_key_variant(wire) > 0 ? -EINVAL : octets;
}

int
zone_key_from_path(uint8_t key[ZONE_WIRE_OCTETS], const char *path)
{
	const char *slash = strrchr(path, '/'), *file = slash == NULL ? path : slash + 1;
	size_t len = strlen(file), suffix = sizeof ZONE_FILE_SUFFIX - 1;
	int octets = zone_wire_from_file(key, file);
	char name[ZONE_TEXT_OCTETS];

	if (octets > 0)
		return octets;
	if (len > suffix && len - suffix < sizeof name &&
		strcmp(file + len - suffix, ZONE_FILE_SUFFIX) == 0) {
		memcpy(name, file, len - suffix);
		name[len - suffix] = '\0';
		octets = zone_key_from_text(key, name);
		if (octets > 0 && zone_key_variant(key) > 0)
			return octets;
	}
	return zone_key_from_text(key, file);
}

int
zone_file_from_wire(char *file, size_t size, const uint8_t *wire)
{
	char text[ZONE_TEXT_OCTETS];
	size_t at = 0;

	if (zone_key_variant(wire) > 0)
		return -EINVAL;
	if (wire[0] == 0)
		return snprintf(file, size, "%s", ROOT_FILE) < (int)size ? 0 : -ENAMETOOLONG;
	zone_text_from_wire(text, wire);
	if (strcmp(text, "root.") != 0) /* that one keeps its dot, to tell it from the root */
		text[strlen(text) - 1] = '\0';
	for (const char *c = text; *c != '\0'; c++) {
		/* a first label that begins with a dot would make a hidden file, but is spelled
		 * "\." */
		bool slash = *c == '/';
		if (at + (slash ? 4 : 1) >= size)
			return -ENAMETOOLONG;
		if (slash)
			memcpy(file + at, "\\047", 4);
		else
			file[at] = *c;
		at += slash ? 4 : 1;
	}
	if (at + sizeof ZONE_FILE_SUFFIX > size)
		return -ENAMETOOLONG;
	memcpy(file + at, ZONE_FILE_SUFFIX, sizeof ZONE_FILE_SUFFIX);
	return 0;
}

static bool
id_is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == '_';
}

void
zone_id_from_wire(char id[ZONE_ID_OCTETS], const uint8_t *wire)
{
	static const char hex[] = "0123456789ABCDEF";
	char text[ZONE_TEXT_OCTETS];
	size_t at = 0;

	zone_text_from_key(text, wire);
	if (text[0] == '.') { /* PowerDNS spells the root "=2E" */
		memcpy(id, "=2E", 4);
		memmove(text, text + 1, strlen(text));
		at = 3;
	}
	for (const char *c = text; *c != '\0'; c++) {
		if (id_is_plain(*c)) {
			id[at++] = *c;
			continue;
		}
		id[at++] = '=';
		id[at++] = hex[(uint8_t)*c >> 4];
		id[at++] = hex[(uint8_t)*c & 15];
	}
	id[at] = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
zone_key_from_id(uint8_t key[ZONE_WIRE_OCTETS], const char *id)
{
	char text[ZONE_TEXT_OCTETS];
	size_t at = 0;

	for (const char *c = id; *c != '\0'; c++) {
		char out = *c;
		if (*c == '=') {
			int high = hex_digit(c[1]);
			int low = high < 0 ? -1 : hex_digit(c[2]);
			if (low < 0 || (high == 0 && low == 0))
				return -EINVAL;
			out = (char)(high << 4 | low);
			c += 2;
		}
		if (at + 1 >= sizeof text)
			return -EINVAL;
		text[at++] = out;
	}
	text[at] = '\0';
	return zone_key_from_text(key, text);
}
