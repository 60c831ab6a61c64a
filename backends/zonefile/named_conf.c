/* SPDX-License-Identifier: GPL-3.0-or-later */
/* named_conf: statements of named.conf that are about zones. */
#include "backends/zonefile/named_conf.h"

#include "backends/zonefile/named_parse.h"
#include "controlplane/manager/zone_names.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static int parse_file(struct named_parser *p, const char *path);

/* Relative paths start at the options' directory, or else at the folder of named.conf. */
static char *
resolve(const struct named_parser *p, const char *path)
{
	const char *folder = p->c->directory ? p->c->directory : p->folder;
	char *out;

	if (path[0] == '/')
		return strdup(path);
	if (asprintf(&out, "%s%s%s", folder, *folder ? "/" : "", path) < 0)
		return NULL;
	return out;
}

/* --- options --- */

/* A statement of a block whose keyword is the token at hand, up to its semicolon. @return 1: it is
 * none of these */
static int
parse_also_notify(struct named_parser *p, char **list)
{
	int rc;

	if (!token_is(p->r, "also-notify"))
		return 1;
	rc = token_next(p->r);
	return rc == 0 ? named_parse_addresses(p, list) : rc;
}

static int
take_directory(struct named_parser *p)
{
	char *word = NULL;
	int rc = named_take_word(p, &word, "a folder");

	free(p->c->directory);
	p->c->directory = NULL; /* so that it starts at the folder of named.conf itself */
	if (rc == 0) {
		p->c->directory = resolve(p, word);
		if (!p->c->directory)
			rc = named_no_memory(p);
	}
	free(word);
	return rc;
}

static int
parse_options(struct named_parser *p)
{
	int rc = named_expect(p, TOKEN_OPEN, "'{' behind 'options'");

	while (rc == 0 && p->r->kind != TOKEN_CLOSE) {
		rc = parse_also_notify(p, &p->c->also_notify);
		if (rc == 1 && token_is(p->r, "directory")) {
			rc = token_next(p->r);
			rc = rc == 0 ? take_directory(p) : rc;
		}
		if (rc < 0)
			return rc;
		rc = token_skip_statement(p->r);
		if (rc == 0)
			rc = token_next(p->r);
	}
	return rc == 0 ? named_expect(p, TOKEN_CLOSE, "'}'") : rc;
}

/* --- zone --- */

struct statement {
	char *name, *file, *type, *primaries, *also_notify;
	uint32_t line;
};

static void
statement_free(struct statement *s)
{
	free(s->name);
	free(s->file);
	free(s->type);
	free(s->primaries);
	free(s->also_notify);
}

/* What PowerDNS's backend serves, and how it calls it. @return false: something else */
static bool
kind_of(const char *type, enum backend_kind *kind)
{
	static const struct {
		const char *type;
		enum backend_kind kind;
	} known[] = {{"primary", BACKEND_PRIMARY}, {"master", BACKEND_PRIMARY},
		{"secondary", BACKEND_SECONDARY}, {"slave", BACKEND_SECONDARY},
		{"native", BACKEND_NATIVE}};

	for (unsigned i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcasecmp(type, known[i].type) == 0) {
			*kind = known[i].kind;
			return true;
		}
	}
	return false;
}

static struct named_zone *
new_zone(struct named_conf *c)
{
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 64;
		struct named_zone *more = realloc(c->zone, room * sizeof *more);

		if (!more)
			return NULL;
		c->zone = more;
		c->room = room;
	}
	c->zone[c->n] = (struct named_zone){0};
	return &c->zone[c->n++];
}

static char *
joined(const char *a, const char *b)
{
	char *out;

	if (asprintf(&out, "%s%s%s", a ? a : "", a && *a && b && *b ? "," : "", b ? b : "") < 0)
		return NULL;
	return out;
}

static int
add_zone(struct named_parser *p, const struct statement *s, enum backend_kind kind)
{
	uint8_t wire[ZONE_WIRE_OCTETS];
	struct named_zone *z;

	if (zone_wire_from_text(wire, s->name) < 0)
		return token_fail(p->r, "'%.64s' is no domain name", s->name);
	if (p->c->n >= NAMED_ZONES_MAX)
		return token_fail(p->r, "there are more than %u zones", NAMED_ZONES_MAX);
	z = new_zone(p->c);
	if (!z)
		return named_no_memory(p);
	z->kind = kind;
	z->line = s->line;
	z->file = p->r->name;
	z->apex = malloc(sizeof wire);
	z->path = resolve(p, s->file);
	z->primaries = joined(s->primaries, NULL);
	z->also_notify = joined(p->c->also_notify, s->also_notify);
	if (!z->apex || !z->path || !z->primaries || !z->also_notify)
		return named_no_memory(p);
	memcpy(z->apex, wire, sizeof wire);
	return 0;
}

/* At its closing brace: is it one for us? */
static int
finish_zone(struct named_parser *p, const struct statement *s)
{
	enum backend_kind kind = BACKEND_NATIVE;

	if (s->type && !kind_of(s->type, &kind)) {
		named_note(p,
			"zone '%.64s' is of type '%.32s', which is not served; it is left out",
			s->name, s->type);
		return 0;
	}
	if (!s->file) {
		named_note(p, "zone '%.64s' has no file; it is left out", s->name);
		return 0;
	}
	return add_zone(p, s, kind);
}

static int
parse_zone_statement(struct named_parser *p, struct statement *s)
{
	int rc = parse_also_notify(p, &s->also_notify);
	char **word = token_is(p->r, "file") ? &s->file : token_is(p->r, "type") ? &s->type : NULL;

	if (rc == 1 && word) {
		rc = token_next(p->r);
		if (rc == 0)
			rc = named_take_word(p, word, "a word");
	} else if (rc == 1 && (token_is(p->r, "masters") || token_is(p->r, "primaries"))) {
		rc = token_next(p->r);
		if (rc == 0)
			rc = named_parse_addresses(p, &s->primaries);
	}
	if (rc < 0)
		return rc;
	rc = token_skip_statement(p->r);
	return rc == 0 ? token_next(p->r) : rc;
}

/* The token at hand is the one behind 'zone'. */
static int
parse_zone(struct named_parser *p)
{
	struct statement s = {.line = p->r->token_line};
	int rc = named_take_word(p, &s.name, "the zone's name");
	bool internet = true;

	if (rc == 0 && p->r->kind == TOKEN_WORD) { /* its class */
		internet = token_is(p->r, "IN");
		rc = token_next(p->r);
	}
	if (rc == 0)
		rc = named_expect(p, TOKEN_OPEN, "'{' behind the zone's name");
	while (rc == 0 && p->r->kind != TOKEN_CLOSE)
		rc = parse_zone_statement(p, &s);
	if (rc == 0 && internet)
		rc = finish_zone(p, &s);
	if (rc == 0)
		rc = named_expect(p, TOKEN_CLOSE, "'}'");
	statement_free(&s);
	return rc;
}

/* --- files --- */

static int
parse_include(struct named_parser *p)
{
	char *word = NULL, *path = NULL;
	int rc = named_take_word(p, &word, "a file");

	if (rc == 0 && p->depth >= NAMED_DEPTH_MAX)
		rc = token_fail(p->r,
			"includes are nested more than %u deep; does a file include "
			"itself?",
			NAMED_DEPTH_MAX);
	if (rc == 0) {
		path = resolve(p, word);
		rc = path ? parse_file(p, path) : named_no_memory(p);
	}
	free(word);
	free(path);
	return rc;
}

/* One statement at the top; the token at hand is its first, then the one behind it. */
static int
parse_statement(struct named_parser *p)
{
	int rc = 0;

	if (token_is(p->r, "options")) {
		rc = token_next(p->r);
		rc = rc == 0 ? parse_options(p) : rc;
	} else if (token_is(p->r, "zone")) {
		rc = token_next(p->r);
		rc = rc == 0 ? parse_zone(p) : rc;
	} else if (token_is(p->r, "include")) {
		rc = token_next(p->r);
		rc = rc == 0 ? parse_include(p) : rc;
	} else if (token_is(p->r, "view")) {
		named_note(p, "views are not read; zones in them are left out");
	}
	if (rc == 0)
		rc = token_skip_statement(p->r);
	return rc == 0 ? token_next(p->r) : rc;
}

static int
note_file(struct named_parser *p, const char *path)
{
	char **more = reallocarray(p->c->file, p->c->n_files + 1, sizeof *more);

	if (!more)
		return named_no_memory(p);
	p->c->file = more;
	more[p->c->n_files] = strdup(path);
	return more[p->c->n_files++] ? 0 : named_no_memory(p);
}

static int
parse_text(struct named_parser *p, const char *path, const char *text, size_t len)
{
	struct token_reader *outer = p->r, *r = calloc(1, sizeof *r);
	int rc;

	if (!r)
		return named_no_memory(p);
	r->name = path;
	r->at = text;
	r->end = text + len;
	r->line = 1;
	r->error = p->error;
	p->r = r;
	p->depth++;
	rc = token_next(r);
	while (rc == 0 && r->kind != TOKEN_END)
		rc = parse_statement(p);
	p->depth--;
	p->r = outer;
	free(r);
	return rc;
}

static int
parse_file(struct named_parser *p, const char *path)
{
	size_t len = 0;
	char *text = NULL;
	int rc;

	if (p->c->n_files >= NAMED_FILES_MAX)
		return token_fail(p->r, "more than %u files are included", NAMED_FILES_MAX);
	rc = p->source->read(p->source->arg, path, &text, &len);
	if (rc != 0 && p->r)
		(void)token_fail(p->r, "%.128s cannot be read: %s", path, strerror(-rc));
	else if (rc != 0)
		snprintf(p->error, BACKEND_ERROR_OCTETS, "%.300s cannot be read: %s", path,
			strerror(-rc));
	if (rc == 0)
		rc = note_file(p, path);
	if (rc == 0)
		rc = parse_text(p, p->c->file[p->c->n_files - 1], text, len);
	free(text);
	return rc;
}

int
named_conf_read(
	struct named_conf *c, const char *path, const struct named_source *source, char *error)
{
	struct named_parser p = {.c = c, .source = source, .error = error};
	const char *slash = strrchr(path, '/');
	int rc;

	*c = (struct named_conf){0};
	p.folder = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
	rc = p.folder ? parse_file(&p, path) : named_no_memory(&p);
	free(p.folder);
	return rc;
}

void
named_conf_free(struct named_conf *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->zone[i].apex);
		free(c->zone[i].path);
		free(c->zone[i].primaries);
		free(c->zone[i].also_notify);
	}
	for (unsigned i = 0; i < c->n_files; i++)
		free(c->file[i]);
	free(c->zone);
	free(c->file);
	free(c->also_notify);
	free(c->directory);
	*c = (struct named_conf){0};
}

int
named_conf_read_file(void *arg, const char *path, char **text, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc = 0;
	struct stat st;

	if (fd < 0)
		return -errno;
	*len = 0;
	if (fstat(fd, &st) != 0)
		rc = -errno;
	else if (!S_ISREG(st.st_mode))
		rc = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	else if ((unsigned long long)st.st_size > NAMED_FILE_MAX)
		rc = -EFBIG;
	else if (!(*text = malloc((size_t)st.st_size + 1)))
		rc = -ENOMEM;
	while (rc == 0 && *len < (size_t)st.st_size) {
		ssize_t n = read(fd, *text + *len, (size_t)st.st_size - *len);

		if (n < 0 && errno != EINTR)
			rc = -errno;
		if (n == 0)
			break;
		*len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	return rc;
}
