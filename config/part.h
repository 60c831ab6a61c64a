/* SPDX-License-Identifier: GPL-3.0-or-later */
/* part: the configuration without its list of zones, found without reading that. Private to
 * config/. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Lines of a text, as octets from its start. */
struct part {
	size_t begin, end;
	size_t n_lines;
};

/**
 * Find the entries of zones.list. A text in which they cannot be told for sure without reading it
 * as YAML (quotes, an entry over several lines in braces, anything but ASCII, ...) counts as one
 * without them.
 * @return false: read the whole text
 */
bool part_find_list(const char *text, size_t len, struct part *out)
	__attribute__((warn_unused_result));

/** The text with empty lines in place of these: what is behind them keeps its line numbers.
 * Allocated; NULL without memory. */
char *part_without(const char *text, size_t len, const struct part *list, size_t *len_without);
