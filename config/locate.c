/* SPDX-License-Identifier: GPL-3.0-or-later */
/* locate: line numbers and first faults, from libyaml's events and document tree. */
#include "config/locate.h"

#include "config/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

/* A walk over the document, in step with the schema. */
struct walk {
	yaml_document_t *doc;
	struct locate_path path;
	struct locate_finding *found;
};

static bool walk_keys(struct walk *w, yaml_node_t *map, const struct schema_key *keys);

void
locate_format(const struct locate_path *path, char *out, size_t len)
{
	size_t at = 0;

	out[0] = '\0';
	for (unsigned i = 0; i < path->n && at < len; i++) {
		char quote[48];

		at += (size_t)snprintf(out + at, len - at, "%s%s", i ? "." : "",
			value_quote(path->step[i].key, quote, sizeof quote));
		if (path->step[i].entry >= 0 && at < len)
			at += (size_t)snprintf(out + at, len - at, "[%d]", path->step[i].entry);
	}
}

static const char *
scalar_text(const yaml_node_t *n)
{
	return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

/* Line of a path in a document. */
static size_t
line_in_document(yaml_document_t *doc, const struct locate_path *path)
{
	yaml_node_t *n = yaml_document_get_root_node(doc);
	size_t line = n ? n->start_mark.line + 1 : 1;

	for (unsigned i = 0; n && i < path->n; i++) {
		yaml_node_t *value = NULL;
		int entry = path->step[i].entry;

		if (n->type != YAML_MAPPING_NODE)
			break;
		for (yaml_node_pair_t *p = n->data.mapping.pairs.start;
			p < n->data.mapping.pairs.top; p++) {
			yaml_node_t *key = yaml_document_get_node(doc, p->key);
			const char *text = scalar_text(key);

			if (text && strcmp(text, path->step[i].key) == 0) {
				line = key->start_mark.line + 1;
				value = yaml_document_get_node(doc, p->value);
				break;
			}
		}
		if (value && entry >= 0) {
			yaml_node_t *list = value;

			value = NULL;
			if (list->type == YAML_SEQUENCE_NODE &&
				entry < list->data.sequence.items.top -
						list->data.sequence.items.start)
				value = yaml_document_get_node(
					doc, list->data.sequence.items.start[entry]);
		}
		if (value)
			line = value->start_mark.line + 1;
		n = value;
	}
	return line;
}

size_t
locate_line(const char *text, size_t len, const struct locate_path *path)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	size_t line = 0;

	if (!yaml_parser_initialize(&parser))
		return line;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &doc)) {
		line = line_in_document(&doc, path);
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	return line;
}

/* Fill the finding. Always true, so that a caller can return it. */
static bool __attribute__((format(printf, 3, 4)))
fault(struct walk *w, const yaml_node_t *at, const char *format, ...)
{
	va_list args;

	w->found->line = at->start_mark.line + 1;
	locate_format(&w->path, w->found->key, sizeof w->found->key);
	va_start(args, format);
	vsnprintf(w->found->text, sizeof w->found->text, format, args);
	va_end(args);
	return true;
}

static bool
is_null(const yaml_node_t *n)
{
	const char *text = scalar_text(n);

	return text && (*text == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

static const char *
kind_of(const yaml_node_t *n)
{
	switch (n->type) {
	case YAML_MAPPING_NODE:
		return "a mapping";
	case YAML_SEQUENCE_NODE:
		return "a list";
	default:
		return "a single value";
	}
}

/* One value, or one entry of a list. */
static bool
walk_value(struct walk *w, yaml_node_t *n, const struct schema_key *k)
{
	char right[VALUE_WHY_MAX];

	if (k->type == SCHEMA_SECTION) {
		if (n->type == YAML_MAPPING_NODE)
			return walk_keys(w, n, k->keys);
		schema_suggest(k->keys, "", right, sizeof right);
		return fault(w, n, "is %s; it must be a mapping (%s)", kind_of(n), right);
	}
	if (n->type == YAML_SCALAR_NODE)
		return false;
	schema_describe(k, right, sizeof right);
	return fault(w, n, "is %s; it must be %s", kind_of(n), right);
}

static bool
walk_list(struct walk *w, yaml_node_t *n, const struct schema_key *k)
{
	struct locate_step *step = &w->path.step[w->path.n - 1];
	yaml_node_item_t *items;

	if (n->type != YAML_SEQUENCE_NODE)
		return fault(w, n,
			"is %s; it must be a list, such as '%s: [ ... ]' or lines that "
			"begin with '- '",
			kind_of(n), k->name);
	items = n->data.sequence.items.start;
	if (n->data.sequence.items.top - items > (ptrdiff_t)k->entries_max)
		return fault(w, n, "has %td entries; at most %u are allowed",
			n->data.sequence.items.top - items, k->entries_max);
	for (; items < n->data.sequence.items.top; items++) {
		step->entry = (int)(items - n->data.sequence.items.start);
		if (walk_value(w, yaml_document_get_node(w->doc, *items), k))
			return true;
	}
	step->entry = -1;
	return false;
}

/* The keys of one mapping: known, once each, with values of the right kind. */
static bool
walk_keys(struct walk *w, yaml_node_t *map, const struct schema_key *keys)
{
	char right[VALUE_WHY_MAX];
	size_t seen[32] = {0}; /* line of each key of the table, 0: not yet */
	bool bad = false;

	for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
		!bad && p < map->data.mapping.pairs.top; p++) {
		yaml_node_t *key = yaml_document_get_node(w->doc, p->key);
		yaml_node_t *value = yaml_document_get_node(w->doc, p->value);
		const char *name = scalar_text(key);
		const struct schema_key *k;

		if (!name)
			return fault(
				w, key, "has %s for a key; keys are plain words", kind_of(key));
		if (w->path.n == LOCATE_DEPTH_MAX)
			return fault(w, key, "is nested too deeply");
		w->path.step[w->path.n++] = (struct locate_step){name, -1};
		k = schema_find(keys, name);
		if (!k) {
			schema_suggest(keys, name, right, sizeof right);
			return fault(w, key, "unknown key; %s", right);
		}
		if (seen[k - keys])
			return fault(w, key,
				"is given twice (first in line %zu); remove one of them",
				seen[k - keys]);
		seen[k - keys] = key->start_mark.line + 1;
		if (!is_null(value))
			bad = k->list ? walk_list(w, value, k) : walk_value(w, value, k);
		w->path.n--;
	}
	return bad;
}

/* What libyaml refuses. */
static void
yaml_fault(const yaml_parser_t *parser, const char *text, size_t len, struct locate_finding *out)
{
	size_t line = parser->problem_mark.line;

	/* an error of the reader (encoding) has no mark, only an octet offset */
	for (size_t i = 0;
		parser->error == YAML_READER_ERROR && i < len && i < parser->problem_offset; i++)
		line += text[i] == '\n';
	out->line = line + 1;
	snprintf(out->text, sizeof out->text, "not valid YAML: %s%s%s",
		parser->problem ? parser->problem : "out of memory", parser->context ? ", " : "",
		parser->context ? parser->context : "");
}

/* What libyaml itself refuses, aliases, and further documents: seen in the stream of events. */
static bool
find_in_events(const char *text, size_t len, struct locate_finding *out)
{
	yaml_parser_t parser;
	yaml_event_t event;
	unsigned documents = 0;
	bool found = false, end = false;

	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (!found && !end) {
		if (!yaml_parser_parse(&parser, &event)) {
			yaml_fault(&parser, text, len, out);
			found = true;
			break;
		}
		out->line = event.start_mark.line + 1;
		if (event.type == YAML_ALIAS_EVENT) {
			snprintf(out->text, sizeof out->text,
				"aliases (*name) are not supported; write the value out");
			found = true;
		} else if (event.type == YAML_DOCUMENT_START_EVENT && ++documents > 1) {
			snprintf(out->text, sizeof out->text,
				"a second document begins here; the configuration is one document");
			found = true;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return found;
}

bool
locate_fault(const char *text, size_t len, struct locate_finding *out)
{
	yaml_parser_t parser;
	yaml_document_t doc;
	yaml_node_t *root;
	struct walk w = {.doc = &doc, .found = out};
	bool found = false;

	out->key[0] = out->text[0] = '\0';
	if (find_in_events(text, len, out))
		return true;
	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (yaml_parser_load(&parser, &doc)) {
		root = yaml_document_get_root_node(&doc);
		if (root && root->type == YAML_MAPPING_NODE)
			found = walk_keys(&w, root, schema_root);
		else if (root && !is_null(root))
			found = fault(&w, root,
				"the file is %s; it must be a mapping of keys, "
				"such as 'run-dir: /run/millrace'",
				kind_of(root));
		yaml_document_delete(&doc);
	} else {
		yaml_fault(&parser, text, len, out); /* an anchor that is there twice */
		found = true;
	}
	yaml_parser_delete(&parser);
	return found;
}
