/* SPDX-License-Identifier: GPL-3.0-or-later */
/* edit_fixture: changesets written as zone text, and edits held against what was wanted. Zone
 * "example.". Included once by each test of edits. */
#pragma once
#include "backends/zonefile/zone_edit.h"
#include "backends/zonefile/zone_expect.h"
#include "backends/zonefile/zone_lines.h"
#include "backends/zonefile/zone_open.h"
#include "controlplane/zones/zone_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t edit_apex[] = "\7example";
static const struct ttl_rules edit_rules = {.otherwise = 3600};
static const struct zone_load_options edit_options = {.seed = ZONE_SEED, .default_ttl = 3600};

#ifndef EDIT_SILENT
#define EDIT_SILENT 0 /* 1: what is wrong with a zone is of no interest */
#endif
#define SETS_MAX 64
#define RECORDS_MAX 64

/* A changeset and the memory that it points into. */
struct edit_set {
	struct backend_changeset changeset;
	struct backend_change change[SETS_MAX];
	struct backend_record record[SETS_MAX][RECORDS_MAX];
	struct zone_lines lines;
	char *text;
};

/* Add a record of the text, or for a "delete" line its RRset without one. */
static inline int
edit_set_add(struct edit_set *s, const struct zone_line *l, bool is_gone)
{
	const uint8_t *owner = s->lines.heap + l->owner;
	struct backend_change *c = s->change;
	size_t i;

	for (i = 0; i < s->changeset.n; i++, c++)
		if (c->rrset.type == l->type && name_octets(c->rrset.owner) == name_octets(owner) &&
			memcmp(c->rrset.owner, owner, name_octets(owner)) == 0)
			break;
	if (i == SETS_MAX)
		return -1;
	if (i == s->changeset.n) {
		s->changeset.n++;
		*c = (struct backend_change){.has_records = true,
			.rrset = {.owner = owner, .type = l->type, .record = s->record[i]}};
	}
	c->rrset.ttl = (uint32_t)l->ttl;
	if (is_gone)
		return 0;
	if (c->rrset.n_records == RECORDS_MAX)
		return -1;
	s->record[i][c->rrset.n_records++] =
		(struct backend_record){.rdata = s->lines.heap + l->rdata, .rdlength = l->rdlength};
	return 0;
}

/* Zone text: its RRsets are to be so. @return -1: it is none, or has too many. The RRset of a
 * record behind which "; gone" stands is to be gone. */
static inline int
edit_set_read(struct edit_set *s, const char *text)
{
	char error[BACKEND_ERROR_OCTETS];

	memset(s, 0, sizeof *s);
	s->text = strdup(text);
	s->changeset.apex = edit_apex;
	s->changeset.change = s->change;
	if (zone_lines_read(&s->lines, s->text, strlen(text), edit_apex, &edit_rules, error) != 0) {
		if (!EDIT_SILENT)
			fprintf(stderr, "%s\n", error);
		return -1;
	}
	for (size_t i = 0; i < s->lines.n; i++) {
		const struct zone_line *l = &s->lines.line[i];

		bool is_gone = memmem(s->text + l->start, l->end - l->start, "; gone", 6) != NULL;

		if (l->kind == LINE_RECORD && edit_set_add(s, l, is_gone) != 0)
			return -1;
	}
	return 0;
}

static inline void
edit_set_free(struct edit_set *s)
{
	zone_lines_free(&s->lines);
	free(s->text);
}

static inline int
edit_load(struct zone_model *z, const char *text, size_t len)
{
	struct zone_report report = {0};
	int rc;

	*z = (struct zone_model){.seed = ZONE_SEED};
	rc = zone_load_text(z, text, len, "zone", edit_apex, &edit_options, &report);
	for (size_t i = 0; rc != 0 && !EDIT_SILENT && i < report.n; i++)
		fprintf(stderr, "%s\n", report.finding[i].text);
	zone_report_destroy(&report);
	return rc;
}

/**
 * Do it, and hold the outcome against what was wanted.
 * @param[out] out  the new text, to be freed; NULL when there is none
 * @return 0, what zone_edit() returned, or -EILSEQ: it became something else
 */
static inline int
edit_do(const char *before, const struct edit_set *set, char **out, char *error)
{
	struct zone_model old, new = {0};
	struct zone_lines lines;
	struct text edited = {0};
	int rc = edit_load(&old, before, strlen(before));

	*out = NULL;
	if (rc != 0)
		return rc;
	rc = zone_lines_read(&lines, before, strlen(before), edit_apex, &edit_rules, error);
	if (rc == 0)
		rc = zone_edit(&edited, &lines, &old, &set->changeset, &edit_rules, "zone", error);
	if (rc == 0) {
		rc = edit_load(&new, edited.at ? edited.at : "", edited.len);
		if (rc == 0)
			rc = zone_expect(&old, &new, &set->changeset, error);
		if (rc != 0)
			rc = -EILSEQ;
		*out = edited.at ? edited.at : strdup("");
	} else {
		text_free(&edited);
	}
	zone_lines_free(&lines);
	zone_model_destroy(&old);
	zone_model_destroy(&new);
	return rc;
}
