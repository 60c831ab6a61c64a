/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Edits of zone files: the text before, a line "----", and records that are to be. Whatever the
 * octets: the entries of a text cover it without gaps, a changeset that changes nothing leaves each
 * octet, and what an edit makes is either the zone that was wanted or is found not to be. */
#include "fuzz.h"

#define EDIT_SILENT 1
#include "tests/backend/edit_fixture.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static void
check_lines(const char *text)
{
	static const struct backend_changeset nothing = {.apex = edit_apex};
	struct zone_model model = {.seed = ZONE_SEED};
	char error[BACKEND_ERROR_OCTETS];
	struct text same = {0};
	struct zone_lines z;
	size_t at = 0;

	if (zone_lines_read(&z, text, strlen(text), edit_apex, &edit_rules, error) == 0) {
		for (size_t i = 0; i < z.n; i++) {
			FUZZ_CHECK(z.line[i].start == at && z.line[i].end > at);
			at = z.line[i].end;
		}
		FUZZ_CHECK(at == strlen(text));
		FUZZ_CHECK(zone_edit(&same, &z, &model, &nothing, &edit_rules, "zone", error) == 0);
		FUZZ_CHECK(same.len == at && (at == 0 || memcmp(same.at, text, at) == 0));
	}
	text_free(&same);
	zone_lines_free(&z);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char cut[] = "\n----\n";
	struct edit_set *set = malloc(sizeof *set);
	char *text = malloc(len + 1), *change, *after = NULL, error[BACKEND_ERROR_OCTETS];

	FUZZ_CHECK(set && text);
	memcpy(text, data, len);
	text[len] = '\0';
	change = strstr(text, cut);
	if (change && len < 65536) {
		change[1] = '\0';
		check_lines(text);
		if (edit_set_read(set, change + sizeof cut - 1) == 0)
			(void)edit_do(text, set, &after, error);
		edit_set_free(set);
		free(after);
	}
	free(text);
	free(set);
	return 0;
}
