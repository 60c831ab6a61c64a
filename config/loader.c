/* SPDX-License-Identifier: GPL-3.0-or-later */
/* loader: text -> cyaml, with a schema made from the table in schema.c -> struct config. cyaml sees
 * every scalar as text and answers for the shape (keys, mappings, lists); value.c answers for the
 * values. Runs once at the start of each process, and at reload in the control plane. */
#include "config/loader.h"

#include "config/list.h"
#include "config/part.h"
#include "config/value.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where cyaml puts the value of a key: text, a mapping's slots, or a list. */
struct slot {
	void *data;
	uint32_t count;
};

/* What cyaml said last: its first error line, and the first line number behind it. */
struct cyaml_complaint {
	char text[256];
	size_t line;
	bool warned; /* about further documents */
};

/* --- errors --- */

/* The first error counts. @return -EINVAL */
static int
load_report(struct load *l, const struct locate_finding *f)
{
	if (!l->error &&
		asprintf(&l->error, "%s:%zu: %s%s%s%s", l->name, f->line, f->key[0] ? "key '" : "",
			f->key, f->key[0] ? "': " : "", f->text) < 0)
		l->error = NULL;
	return -EINVAL;
}

int
load_fail(struct load *l, const char *format, ...)
{
	struct locate_finding f;
	va_list args;

	f.line = locate_line(l->text, l->len, &l->path);
	if (f.line == 0 && locate_fault(l->text, l->len, &f))
		return load_report(l, &f);
	locate_format(&l->path, f.key, sizeof f.key);
	va_start(args, format);
	vsnprintf(f.text, sizeof f.text, format, args);
	va_end(args);
	return load_report(l, &f);
}

int
load_fail_at(
	struct load *l, const char *section, const char *key, int entry, const char *format, ...)
{
	char text[LOCATE_TEXT_MAX];
	va_list args;

	l->path.n = 0;
	l->path.step[l->path.n++] = (struct locate_step){section, key ? -1 : entry};
	if (key)
		l->path.step[l->path.n++] = (struct locate_step){key, entry};
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	return load_fail(l, "%s", text);
}

/* An error that is not about one place of the text. */
static int __attribute__((format(printf, 2, 3)))
load_fail_file(struct load *l, const char *format, ...)
{
	char text[LOCATE_TEXT_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (!l->error && asprintf(&l->error, "%s: %s", l->name, text) < 0)
		l->error = NULL;
	return -EINVAL;
}

/* --- cyaml --- */

static void
cyaml_listen(cyaml_log_t level, void *ctx, const char *format, va_list args)
{
	struct cyaml_complaint *c = ctx;
	char line[256];
	const char *at;

	if (level == CYAML_LOG_WARNING)
		c->warned = true;
	if (level != CYAML_LOG_ERROR)
		return;
	vsnprintf(line, sizeof line, format, args);
	line[strcspn(line, "\n")] = '\0';
	at = strstr(line, "(line: ");
	if (at && c->line == 0)
		c->line = strtoul(at + 7, NULL, 10);
	if (c->text[0] == '\0' && strncmp(line, "Load: ", 6) == 0)
		value_quote(line + 6, c->text, sizeof c->text);
}

/* cyaml's schema of a table of keys; a slot for each. In the pool; NULL without memory. */
static cyaml_schema_field_t *
cyaml_fields(struct pool *pool, const struct schema_key *keys)
{
	const enum cyaml_flag flags = CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER_NULL_STR;
	unsigned n = schema_count(keys);
	cyaml_schema_field_t *fields = pool_alloc(pool, (n + 1) * sizeof *fields);

	if (!fields)
		return NULL;
	for (unsigned i = 0; i < n; i++) {
		const struct schema_key *k = &keys[i];
		cyaml_schema_field_t *f = &fields[i];
		cyaml_schema_value_t v = {.type = CYAML_STRING, .flags = flags, .data_size = 1};

		v.string.max = CYAML_UNLIMITED;
		if (k->type == SCHEMA_SECTION) {
			v.type = CYAML_MAPPING;
			v.data_size = (uint32_t)(schema_count(k->keys) * sizeof(struct slot));
			v.mapping.fields = cyaml_fields(pool, k->keys);
			if (!v.mapping.fields)
				return NULL;
		}
		f->key = k->name;
		f->data_offset = (uint32_t)(i * sizeof(struct slot) + offsetof(struct slot, data));
		if (k->list) {
			cyaml_schema_value_t *entry = pool_alloc(pool, sizeof *entry);

			if (!entry)
				return NULL;
			*entry = v;
			entry->flags =
				k->type == SCHEMA_SECTION ? CYAML_FLAG_DEFAULT : CYAML_FLAG_POINTER;
			f->count_offset =
				(uint32_t)(i * sizeof(struct slot) + offsetof(struct slot, count));
			f->count_size = sizeof(uint32_t);
			v.type = CYAML_SEQUENCE;
			if (k->type != SCHEMA_SECTION)
				v.data_size = sizeof(char *);
			v.sequence.entry = entry;
			v.sequence.min = 0;
			v.sequence.max = k->entries_max;
		}
		f->value = v;
	}
	return fields;
}

/* Let cyaml fill the slots of the top level; *out is NULL for an empty file. */
static int
cyaml_read(struct load *l, const char *text, size_t len, struct slot **out)
{
	struct cyaml_complaint said = {0};
	cyaml_config_t config = {
		.log_fn = cyaml_listen,
		.log_ctx = &said,
		.mem_fn = pool_mem,
		.mem_ctx = l->pool,
		.log_level = CYAML_LOG_WARNING,
		/* an alias is a way to write a small file that is huge */
		.flags = CYAML_CFG_NO_ALIAS,
	};
	cyaml_schema_value_t top = {
		.type = CYAML_MAPPING,
		.flags = CYAML_FLAG_POINTER_NULL_STR,
		.data_size = (uint32_t)(schema_count(schema_root) * sizeof(struct slot)),
	};
	struct locate_finding found;
	cyaml_data_t *data = NULL;
	cyaml_err_t err;

	top.mapping.fields = cyaml_fields(l->pool, schema_root);
	if (!top.mapping.fields)
		return load_fail_file(l, "out of memory");
	err = cyaml_load_data((const uint8_t *)text, len, &config, &top, &data, NULL);
	if (err == CYAML_OK && !said.warned) {
		*out = data;
		return 0;
	}
	if (err == CYAML_ERR_OOM)
		return load_fail_file(l, "out of memory");
	if (!locate_fault(l->text, l->len, &found)) {
		found.line = said.line ? said.line : 1;
		found.key[0] = '\0';
		snprintf(found.text, sizeof found.text, "%s",
			said.text[0] ? said.text : cyaml_strerror(err));
	}
	return load_report(l, &found);
}

/* --- a long list of zones, past cyaml --- */

static unsigned
key_index(const struct schema_key *keys, const char *name)
{
	unsigned i = 0;

	while (strcmp(keys[i].name, name) != 0)
		i++;
	return i;
}

/* Put the entries where cyaml would have. @return 0 or -ENOMEM */
static int
insert_list(struct load *l, struct slot *top, const struct list_entry *entry, uint32_t n)
{
	const struct schema_key *section = &schema_root[key_index(schema_root, "zones")];
	const struct schema_key *list = &section->keys[key_index(section->keys, "list")];
	unsigned zone = key_index(list->keys, "zone"), file = key_index(list->keys, "file");
	unsigned n_slots = schema_count(list->keys);
	struct slot *slot = pool_alloc(l->pool, (size_t)n * n_slots * sizeof *slot);
	struct slot *zones = top[section - schema_root].data;

	if (slot == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		slot[(size_t)i * n_slots + zone].data = (void *)(uintptr_t)entry[i].zone;
		slot[(size_t)i * n_slots + file].data = (void *)(uintptr_t)entry[i].file;
	}
	zones[list - section->keys] = (struct slot){slot, n};
	return 0;
}

/* Fill the slots: the list by list_read() if it is plain, all else by cyaml. */
static int
read_slots(struct load *l, bool plain, struct slot **out)
{
	struct list_entry *entry = NULL;
	size_t len_without;
	char *without;
	struct part list;
	uint32_t n = 0;
	int rc;

	if (!plain || !part_find_list(l->text, l->len, &list) ||
		(rc = list_read(l->text, &list, l->pool, &entry, &n)) == 0)
		return cyaml_read(l, l->text, l->len, out);
	without = rc < 0 ? NULL : part_without(l->text, l->len, &list, &len_without);
	rc = without == NULL ? -ENOMEM : cyaml_read(l, without, len_without, out);
	if (rc == 0)
		rc = insert_list(l, *out, entry, n);
	free(without);
	free(entry);
	return rc;
}

/* --- slots -> struct config --- */

static int load_keys(
	struct load *l, const struct schema_key *keys, const struct slot *slots, uint8_t *base);

/* A relative path starts at the file's folder. */
static int
load_resolve(struct load *l, const char **path)
{
	size_t folder_len = strlen(l->folder), len = strlen(*path);
	char *joined;

	if ((*path)[0] == '/' || folder_len == 0)
		return 0;
	joined = pool_alloc(l->pool, folder_len + len + 2);
	if (!joined)
		return load_fail_file(l, "out of memory");
	memcpy(joined, l->folder, folder_len);
	joined[folder_len] = '/';
	memcpy(joined + folder_len + 1, *path, len + 1);
	*path = joined;
	return 0;
}

static int
load_value(struct load *l, const struct schema_key *k, const char *text, void *field)
{
	char why[VALUE_WHY_MAX];

	if (value_convert(k, text, field, why))
		return load_fail(l, "%s", why);
	return k->type == SCHEMA_FILE ? load_resolve(l, field) : 0;
}

static int
load_list(struct load *l, const struct schema_key *k, const struct slot *slot, uint8_t *base)
{
	struct locate_step *step = &l->path.step[l->path.n - 1];
	uint32_t n_slots = k->type == SCHEMA_SECTION ? schema_count(k->keys) : 0;
	uint8_t *entries;
	int rc;

	if (!slot || !slot->data || slot->count == 0)
		return 0;
	entries = pool_alloc(l->pool, (size_t)slot->count * k->octets);
	if (!entries)
		return load_fail_file(l, "out of memory");
	for (uint32_t i = 0; i < slot->count; i++) {
		uint8_t *entry = entries + (size_t)i * k->octets;

		step->entry = (int)i;
		if (k->type == SCHEMA_SECTION)
			rc = load_keys(l, k->keys,
				(const struct slot *)slot->data + (size_t)i * n_slots, entry);
		else
			rc = load_value(l, k, ((char **)slot->data)[i], entry);
		if (rc)
			return rc;
	}
	step->entry = -1;
	memcpy(base + k->offset, &entries, sizeof entries);
	*(unsigned *)(base + k->set_offset) = slot->count;
	return 0;
}

/* All keys of a mapping; slots is NULL when the mapping is not there, and then the defaults hold.
 */
static int
load_keys(struct load *l, const struct schema_key *keys, const struct slot *slots, uint8_t *base)
{
	int rc = 0;

	for (const struct schema_key *k = keys; k->name && rc == 0; k++) {
		const struct slot *slot = slots ? &slots[k - keys] : NULL;
		const char *text = slot ? slot->data : NULL;

		l->path.step[l->path.n++] = (struct locate_step){k->name, -1};
		if (k->list) {
			rc = load_list(l, k, slot, base);
		} else if (k->type == SCHEMA_SECTION) {
			rc = load_keys(l, k->keys, slot ? slot->data : NULL, base);
		} else if (text || k->fallback) {
			rc = load_value(l, k, text ? text : k->fallback, base + k->offset);
			if (rc == 0 && k->set_offset)
				*(bool *)(base + k->set_offset) = true;
		} else if (k->required) {
			char right[VALUE_WHY_MAX];

			schema_describe(k, right, sizeof right);
			rc = load_fail(l, "is missing; it must be %s", right);
		}
		l->path.n--;
	}
	return rc;
}

/* --- entry points --- */

static struct config *
load_text_by(const char *text, size_t len, const char *name, const char *folder, bool plain,
	char **error)
{
	struct load l = {.name = name, .folder = folder, .text = text, .len = len};
	struct slot *slots = NULL;
	int rc = -ENOMEM;

	*error = NULL;
	l.pool = pool_create();
	l.c = l.pool ? pool_alloc(l.pool, sizeof *l.c) : NULL;
	if (l.c) {
		l.c->memory = l.pool;
		rc = read_slots(&l, plain, &slots);
		if (rc == 0)
			rc = load_keys(&l, schema_root, slots, (uint8_t *)l.c);
		if (rc == 0)
			rc = config_check(&l);
		if (rc == 0)
			rc = config_complete(&l);
	}
	if (rc) {
		*error = l.error ? l.error : strdup("out of memory");
		pool_destroy(l.pool);
		return NULL;
	}
	return l.c;
}

struct config *
load_text(const char *text, size_t len, const char *name, const char *folder, char **error)
{
	return load_text_by(text, len, name, folder, true, error);
}

struct config *
load_text_as_yaml(const char *text, size_t len, const char *name, const char *folder, char **error)
{
	return load_text_by(text, len, name, folder, false, error);
}

struct config *
config_load_text(const char *text, size_t len, const char *name, char **error)
{
	char *folder = load_folder(name);
	struct config *c = NULL;

	if (!folder)
		*error = strdup("out of memory");
	else if (len > LOAD_OCTETS_MAX) {
		if (asprintf(error, "%s: has %zu octets; at most %llu are allowed", name, len,
			    LOAD_OCTETS_MAX) < 0)
			*error = NULL;
	} else {
		c = load_text(text, len, name, folder, error);
	}
	free(folder);
	return c;
}

struct config *
config_hold(const struct config *c)
{
	struct config *held = (struct config *)(uintptr_t)c;

	atomic_fetch_add_explicit(&held->holders, 1, memory_order_relaxed);
	return held;
}

void
config_free(struct config *c)
{
	/* release and acquire: whoever frees it comes after all who used it */
	if (c && atomic_fetch_sub_explicit(&c->holders, 1, memory_order_acq_rel) == 0)
		pool_destroy(c->memory);
}
