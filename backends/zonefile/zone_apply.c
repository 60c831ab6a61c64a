/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_apply: what is in the file is never trusted to be what an edit makes of it: the new text is
 * loaded as the control plane will load it, and must be the zone that was asked for. */
#include "backends/zonefile/zone_apply.h"

#include "backends/zonefile/zone_edit.h"
#include "backends/zonefile/zone_expect.h"
#include "backends/zonefile/zone_open.h"
#include "backends/zonefile/zone_replace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct applying {
	const char *path;
	const struct backend_changeset *changeset;
	uint32_t default_ttl;
	struct ttl_rules rules;
	char *error;
	struct zone_replace replace;
	struct stat st;
	char *text;
	size_t len;
	struct zone_lines lines;
	struct zone_model old, new;
	struct text edited;
};

/* What a zone file has no place for. */
static int
check_changeset(struct applying *a)
{
	for (size_t i = 0; i < a->changeset->n; i++) {
		const struct backend_change *c = &a->changeset->change[i];

		if (c->has_comments && c->rrset.n_comments > 0)
			return snprintf(a->error, BACKEND_ERROR_OCTETS,
				       "%.300s: a zone file keeps no comments of RRsets", a->path),
			       -EINVAL;
		for (uint32_t k = 0; k < c->rrset.n_records && c->has_records; k++)
			if (c->rrset.record[k].disabled)
				return snprintf(a->error, BACKEND_ERROR_OCTETS,
					       "%.300s: a zone file keeps no disabled records",
					       a->path),
				       -EINVAL;
	}
	return 0;
}

/* A file that cannot be read counts as one that has. */
static bool
includes_have_ttl(const struct zone_model *z)
{
	char ignored[BACKEND_ERROR_OCTETS];
	bool have = false;

	for (unsigned i = 1; i < z->n_files && !have; i++) {
		struct stat st;
		size_t len = 0;
		char *text;

		have = zone_open_text(&text, &len, z->file[i], &st, ignored) != 0;
		for (size_t at = 0; at + 4 <= len && !have; at++)
			have = text[at] == '$' && strncasecmp(text + at, "$TTL", 4) == 0;
		free(text);
	}
	return have;
}

static int
read_before(struct applying *a)
{
	const struct backend_changeset *c = a->changeset;
	char why[BACKEND_ERROR_OCTETS];
	uint32_t serial;
	struct stat st;
	int rc = zone_open_text(&a->text, &a->len, a->path, &a->st, a->error);

	if (rc == 0)
		rc = zone_open_model(&a->old, a->path, c->apex, a->default_ttl, &st, a->error);
	if (rc != 0)
		return rc;
	if (!zone_open_same(&st, &a->st)) {
		snprintf(a->error, BACKEND_ERROR_OCTETS, "%.300s was changed meanwhile", a->path);
		return -ESTALE;
	}
	if (zone_open_serial(&a->old, &serial) && serial != c->serial_before) {
		snprintf(a->error, BACKEND_ERROR_OCTETS,
			"%.300s has serial %u, not %u any more; nothing was written", a->path,
			serial, c->serial_before);
		return -ESTALE;
	}
	a->rules = (struct ttl_rules){a->default_ttl, includes_have_ttl(&a->old)};
	rc = zone_lines_read(&a->lines, a->text, a->len, c->apex, &a->rules, why);
	if (rc != 0)
		snprintf(a->error, BACKEND_ERROR_OCTETS,
			"%.200s:%.200s; it cannot be edited, only by hand", a->path, why);
	return rc;
}

static bool
has_include(const struct zone_lines *z)
{
	for (size_t i = 0; i < z->n; i++)
		if (z->line[i].kind == LINE_INCLUDE)
			return true;
	return false;
}

static int
write_after(struct applying *a)
{
	const struct backend_changeset *c = a->changeset;
	const char *look = NULL;
	char why[BACKEND_ERROR_OCTETS];
	int rc = zone_edit(&a->edited, &a->lines, &a->old, c, &a->rules, a->path, a->error);

	if (rc == 0 && a->edited.len == a->len &&
		(a->len == 0 || memcmp(a->edited.at, a->text, a->len) == 0))
		return 0; /* it was so already */
	if (rc == 0)
		rc = zone_replace_write(&a->replace, a->path, a->edited.at ? a->edited.at : "",
			a->edited.len, &a->st, has_include(&a->lines), &look, a->error);
	if (rc != 0)
		return rc;
	rc = zone_open_model(&a->new, look, c->apex, a->default_ttl, NULL, why);
	if (rc == 0)
		rc = zone_expect(&a->old, &a->new, c, why);
	if (rc != 0) {
		snprintf(a->error, BACKEND_ERROR_OCTETS, "%.160s: %.340s", a->path, why);
		return rc == -EIO ? -ESTALE : rc;
	}
	return zone_replace_commit(&a->replace, &a->st, a->error);
}

int
zone_apply(const char *path, const struct backend_changeset *changeset, uint32_t default_ttl,
	char *error)
{
	struct applying *a = calloc(1, sizeof *a);
	int rc;

	if (!a) {
		snprintf(error, BACKEND_ERROR_OCTETS, "%.300s: not enough memory to edit it", path);
		return -ENOMEM;
	}
	a->path = path;
	a->changeset = changeset;
	a->default_ttl = default_ttl;
	a->error = error;
	a->replace.folder_fd = -1;
	rc = check_changeset(a);
	if (rc == 0)
		rc = zone_replace_begin(&a->replace, path, error);
	if (rc == 0)
		rc = read_before(a);
	if (rc == 0)
		rc = write_after(a);
	zone_replace_end(&a->replace);
	zone_lines_free(&a->lines);
	zone_model_destroy(&a->old);
	zone_model_destroy(&a->new);
	text_free(&a->edited);
	free(a->text);
	free(a);
	return rc;
}
