/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show: a configuration as text, key by key, from the table in schema.c. What it tells could be put
 * into a file again, but for the secrets. No state; any thread. */
#include "config/show.h"

#include "config/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t
read_uint(const struct schema_key *k, const uint8_t *field)
{
	uint16_t narrow;
	uint32_t wide;

	if (k->octets == 2) {
		memcpy(&narrow, field, sizeof narrow);
		return narrow;
	}
	memcpy(&wide, field, sizeof wide);
	return wide;
}

enum config_kind
show_value(const struct schema_key *k, const uint8_t *base, const uint8_t *field,
	char buffer[SHOW_TEXT_MAX], const char **text)
{
	static const char *const level[] = {"error", "warning", "info", "debug"};
	bool set = k->list || k->set_offset == 0 || *(const bool *)(base + k->set_offset);
	enum config_kind kind = CONFIG_VALUE_TEXT;
	uint32_t choice;

	*text = buffer;
	buffer[0] = '\0';
	switch (k->type) {
	case SCHEMA_TEXT:
	case SCHEMA_PATH:
	case SCHEMA_FILE:
	case SCHEMA_ZONE:
	case SCHEMA_NSID:
		memcpy(text, field, sizeof *text);
		if (*text == NULL) {
			*text = buffer;
			kind = CONFIG_VALUE_UNSET;
		}
		break;
	case SCHEMA_ADDRESS:
		config_format_address((const struct config_address *)(const void *)field, buffer);
		break;
	case SCHEMA_PREFIX:
		config_format_prefix((const struct config_prefix *)(const void *)field, buffer);
		break;
	case SCHEMA_UINT:
		snprintf(buffer, SHOW_TEXT_MAX, "%" PRIu64, read_uint(k, field));
		kind = CONFIG_VALUE_NUMBER;
		break;
	case SCHEMA_BOOL:
		*text = *(const bool *)field ? "true" : "false";
		kind = CONFIG_VALUE_BOOL;
		break;
	case SCHEMA_SIZE:
		schema_format_size(*(const uint64_t *)(const void *)field, buffer, SHOW_TEXT_MAX);
		break;
	case SCHEMA_DURATION:
		schema_format_duration(
			*(const unsigned *)(const void *)field, buffer, SHOW_TEXT_MAX);
		break;
	case SCHEMA_PASSWORD:
		memcpy(text, field, sizeof *text);
		kind = *text != NULL ? CONFIG_VALUE_HIDDEN : CONFIG_VALUE_UNSET;
		*text = *text != NULL ? "(hidden)" : buffer;
		break;
	case SCHEMA_SECRET:
		*text = set ? "(hidden)" : buffer;
		kind = set ? CONFIG_VALUE_HIDDEN : CONFIG_VALUE_UNSET;
		break;
	case SCHEMA_CHOICE:
		memcpy(&choice, field, sizeof choice);
		*text = k->choices[choice];
		break;
	case SCHEMA_LOG_LEVEL:
		*text = level[*(const enum log_level *)(const void *)field];
		break;
	case SCHEMA_SECTION:
	case SCHEMA_TYPES:
		kind = CONFIG_VALUE_UNSET;
		break;
	}
	return kind;
}

static void
visit_value(const struct config_visitor *v, const struct schema_key *k, const uint8_t *base,
	const uint8_t *field)
{
	char buffer[SHOW_TEXT_MAX];
	const char *text;
	enum config_kind kind = show_value(k, base, field, buffer, &text);

	v->value(v->arg, k->list ? NULL : k->name, kind, text);
}

static void
visit_keys(const struct config_visitor *v, const struct schema_key *keys, const uint8_t *base)
{
	for (const struct schema_key *k = keys; k->name; k++) {
		const uint8_t *field = base + k->offset, *entry;
		unsigned n;

		if (!k->list && k->type != SCHEMA_SECTION) {
			visit_value(v, k, base, field);
			continue;
		}
		v->open(v->arg, k->name, k->list);
		if (k->list) {
			memcpy(&entry, field, sizeof entry);
			n = *(const unsigned *)(const void *)(base + k->set_offset);
			for (unsigned i = 0; i < n; i++, entry += k->octets) {
				if (k->type != SCHEMA_SECTION) {
					visit_value(v, k, base, entry);
					continue;
				}
				v->open(v->arg, NULL, false);
				visit_keys(v, k->keys, entry);
				v->close(v->arg, false);
			}
		} else {
			visit_keys(v, k->keys, base);
		}
		v->close(v->arg, k->list);
	}
}

void
config_visit(const struct config *c, const struct config_visitor *v)
{
	visit_keys(v, schema_root, (const uint8_t *)c);
}
