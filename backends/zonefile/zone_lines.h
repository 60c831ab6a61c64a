/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_lines: a zone file as its author wrote it: entries, each a directive, a record with all its
 * lines, or a line without either, in order and without gaps, and what each says. Pure, any thread.
 */
#pragma once
#include "shm/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum line_kind {
	LINE_BLANK, /* nothing, or a comment */
	LINE_TTL,   /* $TTL */
	LINE_ORIGIN,
	LINE_INCLUDE,
	LINE_GENERATE,
	LINE_RECORD,
	LINE_OTHER, /* what the scanner ignores */
};

#define LINE_TTL_NONE (-2)    /* none was written */
#define LINE_TTL_UNKNOWN (-1) /* another file decides it */

struct zone_line {
	size_t start, end; /* of the text; line ends included */
	uint32_t number;   /* of its first line, from 1 */
	enum line_kind kind;
	bool inherits_owner; /* begins with blank space: the owner is the one before */
	/* of LINE_RECORD, of others 0: */
	uint16_t type, rdlength;
	uint32_t owner;  /* in the heap: folded wire name, NAME_PAD readable behind it */
	uint32_t origin; /* likewise: what names without a final dot end in here */
	uint32_t rdata;
	int64_t written_ttl; /* what the record, or $TTL, says; LINE_TTL_NONE */
	int64_t ttl;         /* what holds: of what was written or is inherited */
};

struct zone_lines {
	const char *text; /* the caller's */
	size_t len;
	struct zone_line *line;
	size_t n, room;
	uint8_t *heap;
	size_t heap_len, heap_room;
	bool crlf;       /* its lines end so */
	bool has_record; /* at least one */
};

/* What the text itself does not tell. */
struct ttl_rules {
	uint32_t otherwise; /* TTL of records that have none and inherit none */
	bool includes_have; /* an included file has $TTL, which then lasts */
};

/* How TTLs are inherited, as BIND does it. Start with both LINE_TTL_NONE. */
struct ttl_state {
	int64_t fallback; /* $TTL, or the SOA's minimum in its place */
	int64_t last;     /* of the record before */
	struct ttl_rules rules;
};
/** The TTL of a record, which is the last one then. @param minimum  of a SOA, else ignored */
int64_t ttl_of_record(struct ttl_state *s, int64_t written, uint16_t type, uint32_t minimum);
/** What a directive does to it. */
void ttl_directive(struct ttl_state *s, enum line_kind kind, int64_t written);

/**
 * @param apex  folded wire name
 * @param error  512 octets: one line without the path: "LINE: what is wrong"
 * @return 0, -EINVAL or -ENOMEM; the caller frees it in every case
 */
int zone_lines_read(struct zone_lines *z, const char *text, size_t len, const uint8_t *apex,
	const struct ttl_rules *rules, char *error) __attribute__((warn_unused_result));
void zone_lines_free(struct zone_lines *z);

/* One word of an entry. */
struct line_token {
	const char *from;
	size_t len;
};

/* The words of an entry: parentheses and comments are not among them. */
struct line_tokens {
	struct line_token *token;
	size_t n, room;
	bool parentheses;
	const char *end; /* behind the last word and parenthesis */
};
/** @return 0 or -ENOMEM; the caller frees token */
int line_tokens_read(struct line_tokens *t, const char *text, size_t len);

/* Where the fields of a record are among its words. */
struct line_fields {
	size_t owner, ttl, type, rdata; /* SIZE_MAX: there is none; rdata: the first word of it */
};
void line_fields_find(struct line_fields *f, const struct line_tokens *t, bool inherits_owner);
