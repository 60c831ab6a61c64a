/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_lines: cuts a text at the ends of lines that are not inside parentheses, and lets
 * libzscanner say what each piece means. */
#include "backends/zonefile/zone_lines.h"

#include "controlplane/zones/zone_build.h"
#include "controlplane/zones/zone_text.h"

#include <errno.h>
#include <libknot/descriptor.h>
#include <libzscanner/scanner.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NO_TTL 0xfffffea7u /* the scanner's default TTL here: what has it has none written */
#define LINES_MAX UINT32_MAX
#define TYPE_SOA 6u

/* --- TTLs --- */

int64_t
ttl_of_record(struct ttl_state *s, int64_t written, uint16_t type, uint32_t minimum)
{
	int64_t ttl;

	if (written != LINE_TTL_NONE) {
		ttl = written;
	} else if (s->fallback != LINE_TTL_NONE) {
		ttl = s->fallback;
	} else if (s->last != LINE_TTL_NONE) {
		ttl = s->last;
	} else if (type == TYPE_SOA) {
		ttl = minimum;
		s->fallback = minimum;
	} else {
		ttl = s->rules.otherwise;
	}
	if (ttl > ZONE_TTL_MAX)
		ttl = 0;
	s->last = ttl;
	return ttl;
}

void
ttl_directive(struct ttl_state *s, enum line_kind kind, int64_t written)
{
	if (kind == LINE_TTL)
		s->fallback = written;
	if (kind == LINE_INCLUDE || kind == LINE_GENERATE)
		s->last = LINE_TTL_UNKNOWN;
	if (kind == LINE_INCLUDE && s->rules.includes_have)
		s->fallback = LINE_TTL_UNKNOWN; /* a $TTL there lasts */
}

/* --- words --- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind the word that begins at p; quotes are a word of their own. */
static const char *
skip_word(const char *p, const char *end)
{
	bool quoted = *p == '"';

	for (p += quoted; p < end; p++) {
		if (*p == '\\' && p + 1 < end)
			p++;
		else if (quoted && *p == '"')
			return p + 1;
		else if (!quoted &&
			 (is_blank(*p) || *p == '(' || *p == ')' || *p == ';' || *p == '"'))
			return p;
	}
	return end;
}

static int
add_token(struct line_tokens *t, const char *from, size_t len)
{
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 16;
		struct line_token *more = realloc(t->token, room * sizeof *more);

		if (!more)
			return -ENOMEM;
		t->token = more;
		t->room = room;
	}
	t->token[t->n++] = (struct line_token){from, len};
	return 0;
}

int
line_tokens_read(struct line_tokens *t, const char *text, size_t len)
{
	const char *p = text, *end = text + len;

	t->n = 0;
	t->parentheses = false;
	t->end = text;
	while (p < end) {
		const char *word = p;

		if (is_blank(*p)) {
			p++;
			continue;
		}
		if (*p == ';') {
			p = memchr(p, '\n', (size_t)(end - p));
			if (!p)
				break;
			continue;
		}
		if (*p == '(' || *p == ')') {
			t->parentheses = true;
			t->end = ++p;
			continue;
		}
		p = skip_word(p, end);
		if (add_token(t, word, (size_t)(p - word)) != 0)
			return -ENOMEM;
		t->end = p;
	}
	return 0;
}

static bool
is_word(struct line_token t, const char *word)
{
	return t.len == strlen(word) && strncasecmp(t.from, word, t.len) == 0;
}

static bool
is_class(struct line_token t)
{
	return is_word(t, "IN") || is_word(t, "CH") || is_word(t, "HS") ||
	       (t.len > 5 && strncasecmp(t.from, "CLASS", 5) == 0);
}

void
line_fields_find(struct line_fields *f, const struct line_tokens *t, bool inherits_owner)
{
	size_t i = 0;

	*f = (struct line_fields){SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX};
	if (!inherits_owner && t->n > 0)
		f->owner = i++;
	/* TTL and class, in either order */
	for (; i < t->n; i++) {
		char c = t->token[i].from[0];

		if (c >= '0' && c <= '9' && f->ttl == SIZE_MAX)
			f->ttl = i;
		else if (!is_class(t->token[i]))
			break;
	}
	if (i < t->n)
		f->type = i++;
	if (i < t->n)
		f->rdata = i;
}

/* --- entries --- */

/* Behind the entry that begins at p. */
static const char *
skip_entry(const char *p, const char *end, uint32_t *n_lines)
{
	bool quoted = false, inside = false;

	for (; p < end; p++) {
		if (*p == '\n') {
			++*n_lines;
			if (!inside)
				return p + 1;
		} else if (*p == '\\' && p + 1 < end && p[1] != '\n') {
			p++;
		} else if (*p == '"') {
			quoted = !quoted;
		} else if (quoted) {
			continue;
		} else if (*p == ';') {
			const char *eol = memchr(p, '\n', (size_t)(end - p));

			if (!eol)
				return end;
			p = eol - 1;
		} else if (*p == '(') {
			inside = true;
		} else if (*p == ')') {
			inside = false;
		}
	}
	return end;
}

/* Its first word tells, for all but records. */
static enum line_kind
guess_kind(const char *text, size_t len)
{
	static const struct {
		const char *word;
		enum line_kind kind;
	} directive[] = {{"$TTL", LINE_TTL}, {"$ORIGIN", LINE_ORIGIN}, {"$INCLUDE", LINE_INCLUDE},
		{"$GENERATE", LINE_GENERATE}};
	size_t at = 0;

	if (len > 0 && *text == '$') {
		struct line_token t = {text, (size_t)(skip_word(text, text + len) - text)};

		for (unsigned i = 0; i < sizeof directive / sizeof *directive; i++)
			if (is_word(t, directive[i].word))
				return directive[i].kind;
	}
	while (at < len && is_blank(text[at]))
		at++;
	return at == len || text[at] == ';' ? LINE_BLANK : LINE_RECORD;
}

/* --- reading --- */

struct reader {
	struct zone_lines *z;
	zs_scanner_t *s;
	struct ttl_state ttl;
	char *error;
	uint32_t origin;       /* in the heap */
	uint32_t owner;        /* of the last record */
	uint32_t owner_octets; /* of it; 0: there was none */
};

/* @return offset, or UINT32_MAX */
static uint32_t
store(struct zone_lines *z, const uint8_t *octets, size_t len, size_t pad)
{
	size_t at = z->heap_len, need = at + len + pad;

	if (need >= UINT32_MAX)
		return UINT32_MAX;
	if (need > z->heap_room) {
		size_t room = z->heap_room ? 2 * z->heap_room : 65536;
		uint8_t *more;

		while (room < need)
			room *= 2;
		more = realloc(z->heap, room);
		if (!more)
			return UINT32_MAX;
		z->heap = more;
		z->heap_room = room;
	}
	memcpy(z->heap + at, octets, len);
	memset(z->heap + at + len, 0, pad);
	z->heap_len = need;
	return (uint32_t)at;
}

static uint32_t
store_name(struct zone_lines *z, const uint8_t *name, size_t len)
{
	uint8_t raw[320] = {0}, folded[320];

	memcpy(raw, name, len);
	name_fold(folded, raw, (unsigned)len);
	return store(z, folded, len, NAME_PAD);
}

static int
fail(struct reader *r, const struct zone_line *l, const char *what)
{
	snprintf(r->error, 512, "%u: %s", l->number, what);
	return -EINVAL;
}

static int
note_record(struct reader *r, struct zone_line *l)
{
	struct zone_lines *z = r->z;
	zs_scanner_t *s = r->s;
	uint32_t minimum = 0;

	if (l->kind != LINE_RECORD || l->rdata != 0)
		return fail(r, l, "more than one record where one was expected");
	z->has_record = true;
	if (s->r_type == TYPE_SOA && s->r_data_length >= 22) {
		memcpy(&minimum, s->r_data + s->r_data_length - 4, 4);
		minimum = __builtin_bswap32(minimum);
	}
	l->type = s->r_type;
	l->rdlength = (uint16_t)s->r_data_length;
	l->written_ttl = s->r_ttl == NO_TTL ? LINE_TTL_NONE : (int64_t)s->r_ttl;
	l->ttl = ttl_of_record(&r->ttl, l->written_ttl, l->type, minimum);
	if (!l->inherits_owner || r->owner_octets == 0) {
		r->owner = store_name(z, s->r_owner, s->r_owner_length);
		r->owner_octets = s->r_owner_length;
	}
	l->owner = r->owner;
	/* one octet in front: 0 means none */
	l->rdata = store(z, s->r_data, s->r_data_length, 1);
	return l->owner == UINT32_MAX || l->rdata == UINT32_MAX ? -ENOMEM : 0;
}

/* What the scanner makes of one entry. */
static int
scan(struct reader *r, struct zone_line *l, const char *text, size_t len)
{
	zs_scanner_t *s = r->s;

	s->line_counter = l->number;
	if (zs_set_input_string(s, text, len) != 0)
		return -ENOMEM;
	for (;;) {
		int rc = 0;

		if (zs_parse_record(s) != 0)
			return s->state == ZS_STATE_ERROR ? fail(r, l, zs_strerror(s->error.code))
							  : -ENOMEM;
		if (s->state == ZS_STATE_DATA)
			rc = note_record(r, l);
		else if (s->state == ZS_STATE_ERROR)
			rc = fail(r, l, zs_strerror(s->error.code));
		else if (s->state == ZS_STATE_EOF)
			return 0;
		else
			rc = fail(r, l, "cannot be understood here");
		if (rc != 0)
			return rc;
	}
}

/* With LF at the end of each line and origins that are absolute, as the scanner wants it. */
static int
scan_entry(struct reader *r, struct zone_line *l)
{
	char origin[ZONE_NAME_TEXT_MAX];
	struct zone_text t;
	int rc = zone_text_take(&t, r->z->text + l->start, l->end - l->start);

	if (rc == 0 && t.has_relative)
		rc = zone_origin_make_absolute(&t, zone_name_text(origin, r->z->heap + r->origin));
	if (rc == -EINVAL)
		rc = fail(r, l, "the origin becomes too long");
	if (rc == -EILSEQ)
		rc = fail(r, l, "it has NUL octets");
	if (rc == 0)
		rc = scan(r, l, t.text, t.len);
	zone_text_free(&t);
	return rc;
}

static int
read_directive(struct reader *r, struct zone_line *l)
{
	zs_scanner_t *s = r->s;
	int rc = 0;

	if (l->kind == LINE_TTL || l->kind == LINE_ORIGIN)
		rc = scan_entry(r, l);
	if (rc == 0 && l->kind == LINE_TTL) {
		l->written_ttl = s->default_ttl;
		s->default_ttl = NO_TTL;
	}
	if (rc == 0 && l->kind == LINE_ORIGIN) {
		r->origin = store_name(r->z, s->zone_origin, s->zone_origin_length);
		if (r->origin == UINT32_MAX)
			rc = -ENOMEM;
	}
	ttl_directive(&r->ttl, l->kind, l->written_ttl);
	return rc;
}

static int
add_line(struct zone_lines *z, struct zone_line **out)
{
	if (z->n == z->room) {
		size_t room = z->room ? 2 * z->room : 256;
		struct zone_line *more =
			room < LINES_MAX ? realloc(z->line, room * sizeof *more) : NULL;

		if (!more)
			return -ENOMEM;
		z->line = more;
		z->room = room;
	}
	*out = &z->line[z->n++];
	**out = (struct zone_line){.written_ttl = LINE_TTL_NONE};
	return 0;
}

static int
read_entries(struct reader *r)
{
	struct zone_lines *z = r->z;
	const char *p = z->text, *end = z->text + z->len;
	uint32_t number = 1;
	int rc = 0;

	while (rc == 0 && p < end) {
		struct zone_line *l;

		if (add_line(z, &l) != 0)
			return -ENOMEM;
		l->start = (size_t)(p - z->text);
		l->number = number;
		l->inherits_owner = is_blank(*p);
		p = skip_entry(p, end, &number);
		l->end = (size_t)(p - z->text);
		l->kind = guess_kind(z->text + l->start, l->end - l->start);
		l->origin = r->origin;
		if (l->kind == LINE_RECORD) {
			rc = scan_entry(r, l);
			if (rc == 0 && l->rdata == 0)
				l->kind = LINE_OTHER; /* "()" */
		} else if (l->kind != LINE_BLANK) {
			rc = read_directive(r, l);
			z->line[z->n - 1].origin = r->origin;
		}
	}
	return rc;
}

int
zone_lines_read(struct zone_lines *z, const char *text, size_t len, const uint8_t *apex,
	const struct ttl_rules *rules, char *error)
{
	static const uint8_t nothing[1];
	struct reader r = {.z = z,
		.ttl = {LINE_TTL_NONE, LINE_TTL_NONE, *rules},
		.error = error,
		.s = calloc(1, sizeof *r.s)};
	const char *eol = len > 0 ? memchr(text, '\n', len) : NULL;
	int rc = -ENOMEM;

	*z = (struct zone_lines){.text = text, .len = len};
	z->crlf = eol && eol > text && eol[-1] == '\r';
	snprintf(error, 512, "0: not enough memory");
	if (!r.s || zs_init(r.s, ".", KNOT_CLASS_IN, NO_TTL) != 0) {
		free(r.s);
		return rc;
	}
	memcpy(r.s->zone_origin, apex, name_octets(apex));
	r.s->zone_origin_length = name_octets(apex);
	if (store(z, nothing, 1, 0) != UINT32_MAX) { /* so that no offset is 0 */
		r.origin = store_name(z, apex, name_octets(apex));
		rc = r.origin == UINT32_MAX ? -ENOMEM : read_entries(&r);
	}
	zs_deinit(r.s);
	free(r.s);
	return rc;
}

void
zone_lines_free(struct zone_lines *z)
{
	free(z->line);
	free(z->heap);
	*z = (struct zone_lines){0};
}
