/* SPDX-License-Identifier: GPL-3.0-or-later */
/* named_conf: statements of named.conf that are about zones. */
#include "backends/zonefile/named_conf.h"

#include "backends/zonefile/named_token.h"
#include "controlplane/manager/zone_names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct parser {
	struct named_conf *c;
	const struct named_source *source;
	struct token_reader *r; /* of the file at hand */
	unsigned depth;
	char *folder; /* of the first file */
	char *error;
};

static int parse_file(struct parser *p, const char *path);

static int
no_memory(struct parser *p)
{
	snprintf(p->error, BACKEND_ERROR_OCTETS, "not enough memory for the list of zones");
	return -ENOMEM;
}

static void __attribute__((format(printf, 2, 3))) note(struct parser *p, const char *format, ...)
{
	char text[BACKEND_ERROR_OCTETS], whole[2 * BACKEND_ERROR_OCTETS];
	va_list args;

	if (!p->source->note)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	snprintf(whole, sizeof whole, "%.300s:%u: %s", p->r->name, p->r->token_line, text);
	token_clean(whole);
	p->source->note(p->source->arg, whole);
}

/* The token at hand must be this, and the next one is taken. */
static int
expect(struct parser *p, enum token_kind kind, const char *what)
{
	char text[64];

	if (p->r->kind != kind)
		return token_fail(
			p->r, "%s was expected here, not %s", what, token_text(p->r, text));
	return token_next(p->r);
}

/* A word or text in quotes, allocated; the next token is taken. */
static int
take_word(struct parser *p, char **out, const char *what)
{
	char text[64];

	if (p->r->kind != TOKEN_WORD && p->r->kind != TOKEN_STRING)
		return token_fail(
			p->r, "%s was expected here, not %s", what, token_text(p->r, text));
	free(*out);
	*out = strdup(p->r->word);
	return *out ? token_next(p->r) : no_memory(p);
}

/* Relative paths start at the options' directory, or else at the folder of named.conf. */
static char *
resolve(const struct parser *p, const char *path)
{
	const char *folder = p->c->directory ? p->c->directory : p->folder;
	char *out;

	if (path[0] == '/')
		return strdup(path);
	if (asprintf(&out, "%s%s%s", folder, *folder ? "/" : "", path) < 0)
		return NULL;
	return out;
}

/* --- lists of addresses --- */

/* "a,b" and one more; the address in brackets where it has a port and is IPv6. */
static int
add_address(struct parser *p, char **list, const char *address, long port)
{
	bool v6 = strchr(address, ':') != NULL;
	char *longer;

	if (*list && strlen(*list) > NAMED_LIST_MAX)
		return token_fail(p->r, "there are too many addresses");
	if (asprintf(&longer, port > 0 ? "%s%s%s%s%s:%ld" : "%s%s%s%s%s", *list ? *list : "",
		    *list && **list ? "," : "", v6 && port > 0 ? "[" : "", address,
		    v6 && port > 0 ? "]" : "", port) < 0)
		return no_memory(p);
	free(*list);
	*list = longer;
	return 0;
}

static int
take_port(struct parser *p, long *port)
{
	char *end;
	int rc = token_next(p->r);

	if (rc != 0)
		return rc;
	*port = strtol(p->r->word, &end, 10);
	if (p->r->kind != TOKEN_WORD || *end != '\0' || *port < 1 || *port > 65535)
		return token_fail(p->r, "a port is a number from 1 to 65535");
	return token_next(p->r);
}

/* What may stand behind an address: port N, key NAME, tls NAME, dscp N. */
static int
take_address_words(struct parser *p, long *port)
{
	int rc = 0;

	while (rc == 0 && (p->r->kind == TOKEN_WORD || p->r->kind == TOKEN_STRING)) {
		if (token_is(p->r, "port")) {
			rc = take_port(p, port);
			continue;
		}
		rc = token_next(p->r); /* key, ... and its value */
		if (rc == 0 && (p->r->kind == TOKEN_WORD || p->r->kind == TOKEN_STRING))
			rc = token_next(p->r);
	}
	return rc;
}

/* "[port N] { ADDRESS [port N] [key K]; ... }"; the token at hand is the one behind the keyword. */
static int
parse_addresses(struct parser *p, char **list)
{
	long port_of_all = 0;
	unsigned n = 0;
	int rc = take_address_words(p, &port_of_all);

	if (rc == 0)
		rc = expect(p, TOKEN_OPEN, "'{' before the addresses");
	while (rc == 0 && p->r->kind != TOKEN_CLOSE) {
		unsigned char octets[16];
		char *address = NULL;
		long port = port_of_all;
		bool is_address;

		if (++n > NAMED_ADDRESSES_MAX)
			return token_fail(
				p->r, "there are more than %u addresses", NAMED_ADDRESSES_MAX);
		rc = take_word(p, &address, "an address or '}'");
		is_address = address && (inet_pton(AF_INET, address, octets) == 1 ||
						inet_pton(AF_INET6, address, octets) == 1);
		if (rc == 0)
			rc = take_address_words(p, &port);
		if (rc == 0 && is_address)
			rc = add_address(p, list, address, port);
		else if (rc == 0)
			note(p,
				"'%.64s' is no address, and lists are not looked up by name; it is "
				"left out",
				address);
		free(address);
		if (rc == 0)
			rc = expect(p, TOKEN_SEMICOLON, "';' behind an address");
	}
	if (rc == 0)
		rc = expect(p, TOKEN_CLOSE, "'}'");
	return rc;
}

/* --- options --- */

/* A statement of a block whose keyword is the token at hand, up to its semicolon. @return 1: it is
 * none of these */
static int
parse_also_notify(struct parser *p, char **list)
{
	int rc;

	if (!token_is(p->r, "also-notify"))
		return 1;
	rc = token_next(p->r);
	return rc == 0 ? parse_addresses(p, list) : rc;
}

static int
take_directory(struct parser *p)
{
	char *word = NULL;
	int rc = take_word(p, &word, "a folder");

	free(p->c->directory);
	p->c->directory = NULL; /* so that it starts at the folder of named.conf itself */
	if (rc == 0) {
		p->c->directory = resolve(p, word);
		if (!p->c->directory)
			rc = no_memory(p);
	}
	free(word);
	return rc;
}

static int
parse_options(struct parser *p)
{
	int rc = expect(p, TOKEN_OPEN, "'{' behind 'options'");

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
	return rc == 0 ? expect(p, TOKEN_CLOSE, "'}'") : rc;
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
add_zone(struct parser *p, const struct statement *s, enum backend_kind kind)
{
	uint8_t wire[ZONE_WIRE_OCTETS];
	struct named_zone *z;

	if (zone_wire_from_text(wire, s->name) < 0)
		return token_fail(p->r, "'%.64s' is no domain name", s->name);
	if (p->c->n >= NAMED_ZONES_MAX)
		return token_fail(p->r, "there are more than %u zones", NAMED_ZONES_MAX);
	z = new_zone(p->c);
	if (!z)
		return no_memory(p);
	z->kind = kind;
	z->line = s->line;
	z->file = p->r->name;
	z->apex = malloc(sizeof wire);
	z->path = resolve(p, s->file);
	z->primaries = joined(s->primaries, NULL);
	z->also_notify = joined(p->c->also_notify, s->also_notify);
	if (!z->apex || !z->path || !z->primaries || !z->also_notify)
		return no_memory(p);
	memcpy(z->apex, wire, sizeof wire);
	return 0;
}

/* At its closing brace: is it one for us? */
static int
finish_zone(struct parser *p, const struct statement *s)
{
	enum backend_kind kind = BACKEND_NATIVE;

	if (s->type && !kind_of(s->type, &kind)) {
		note(p, "zone '%.64s' is of type '%.32s', which is not served; it is left out",
			s->name, s->type);
		return 0;
	}
	if (!s->file) {
		note(p, "zone '%.64s' has no file; it is left out", s->name);
		return 0;
	}
	return add_zone(p, s, kind);
}

static int
parse_zone_statement(struct parser *p, struct statement *s)
{
	int rc = parse_also_notify(p, &s->also_notify);
	char **word = token_is(p->r, "file") ? &s->file : token_is(p->r, "type") ? &s->type : NULL;

	if (rc == 1 && word) {
		rc = token_next(p->r);
		if (rc == 0)
			rc = take_word(p, word, "a word");
	} else if (rc == 1 && (token_is(p->r, "masters") || token_is(p->r, "primaries"))) {
		rc = token_next(p->r);
		if (rc == 0)
			rc = parse_addresses(p, &s->primaries);
	}
	if (rc < 0)
		return rc;
	rc = token_skip_statement(p->r);
	return rc == 0 ? token_next(p->r) : rc;
}

/* The token at hand is the one behind 'zone'. */
static int
parse_zone(struct parser *p)
{
	struct statement s = {.line = p->r->token_line};
	int rc = take_word(p, &s.name, "the zone's name");
	bool internet = true;

	if (rc == 0 && p->r->kind == TOKEN_WORD) { /* its class */
		internet = token_is(p->r, "IN");
		rc = token_next(p->r);
	}
	if (rc == 0)
		rc = expect(p, TOKEN_OPEN, "'{' behind the zone's name");
	while (rc == 0 && p->r->kind != TOKEN_CLOSE)
		rc = parse_zone_statement(p, &s);
	if (rc == 0 && internet)
		rc = finish_zone(p, &s);
	if (rc == 0)
		rc = expect(p, TOKEN_CLOSE, "'}'");
	statement_free(&s);
	return rc;
}

/* --- files --- */

static int
parse_include(struct parser *p)
{
	char *word = NULL, *path = NULL;
	int rc = take_word(p, &word, "a file");

	if (rc == 0 && p->depth >= NAMED_DEPTH_MAX)
		rc = token_fail(p->r,
			"includes are nested more than %u deep; does a file include "
			"itself?",
			NAMED_DEPTH_MAX);
	if (rc == 0) {
		path = resolve(p, word);
		rc = path ? parse_file(p, path) : no_memory(p);
	}
	free(word);
	free(path);
	return rc;
}

/* One statement at the top; the token at hand is its first, then the one behind it. */
static int
parse_statement(struct parser *p)
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
		note(p, "views are not read; zones in them are left out");
	}
	if (rc == 0)
		rc = token_skip_statement(p->r);
	return rc == 0 ? token_next(p->r) : rc;
}

static int
note_file(struct parser *p, const char *path)
{
	char **more = reallocarray(p->c->file, p->c->n_files + 1, sizeof *more);

	if (!more)
		return no_memory(p);
	p->c->file = more;
	more[p->c->n_files] = strdup(path);
	return more[p->c->n_files++] ? 0 : no_memory(p);
}

static int
parse_text(struct parser *p, const char *path, const char *text, size_t len)
{
	struct token_reader *outer = p->r, *r = calloc(1, sizeof *r);
	int rc;

	if (!r)
		return no_memory(p);
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
parse_file(struct parser *p, const char *path)
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
	struct parser p = {.c = c, .source = source, .error = error};
	const char *slash = strrchr(path, '/');
	int rc;

	*c = (struct named_conf){0};
	p.folder = slash ? strndup(path, (size_t)(slash - path)) : strdup("");
	rc = p.folder ? parse_file(&p, path) : no_memory(&p);
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
