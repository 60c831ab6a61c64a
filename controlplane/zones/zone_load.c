/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zone_load: drives libzscanner over a zone file and what it includes, and turns its records and
 * errors into a zone_build. Any thread; all state is on the caller's stack and heap. */
#include "controlplane/zones/zone_load.h"

#include "controlplane/zones/zone_build.h"
#include "controlplane/zones/zone_generate.h"
#include "controlplane/zones/zone_rdata.h"
#include "controlplane/zones/zone_text.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <libknot/descriptor.h>
#include <libzscanner/scanner.h>

#define INCLUDE_DEPTH 20u
#define GENERATE_MAX 1000000u
#define GENERATE_BATCH (256u << 10) /* octets of generated text that the scanner gets at a time */
#define PROGRESS_RECORDS 4096u      /* a power of two */
#define NO_TTL 0xfffffea7u /* the scanner's default TTL until $TTL: no file says it by chance */

struct loader {
	struct zone_build build;
	const struct zone_load_options *options;
	unsigned depth, depth_max;
	bool is_text;        /* from memory: no $INCLUDE */
	bool last_ttl_known; /* an RR without TTL takes that of the last explicit one (RFC 1035 5.1)
			      */
	bool warned_ttl;
	uint32_t last_ttl;
	uint32_t n_lines; /* of the file itself; 0: nobody asks how far it is */
	uint32_t n_records;
	int rc; /* why the load ends; 0 while it goes on */
};

/* One scanner's run over one text; process.data of the scanner. */
struct run {
	struct loader *loader;
	uint16_t source;
	bool check_rdata; /* RDATA may have come as \# octets, which the scanner does not look into
			   */
	uint32_t line;    /* when not 0: of the $GENERATE that made the text */
};

static uint32_t
run_line(const struct run *run, const zs_scanner_t *s)
{
	return run->line != 0                 ? run->line
	       : s->line_counter < UINT32_MAX ? (uint32_t)s->line_counter
					      : UINT32_MAX;
}

static void
stop(zs_scanner_t *s, struct loader *l, int rc)
{
	if (l->rc == 0)
		l->rc = rc;
	s->state = ZS_STATE_STOP;
}

/* The TTL of an RR, as BIND finds it. */
static uint32_t
find_ttl(struct run *run, zs_scanner_t *s)
{
	struct loader *l = run->loader;
	uint32_t ttl = s->r_ttl;

	if (ttl == NO_TTL) {
		if (l->last_ttl_known) {
			ttl = l->last_ttl;
		} else if (s->r_type == KNOT_RRTYPE_SOA && s->r_data_length >= 22) {
			uint32_t minimum;
			memcpy(&minimum, s->r_data + s->r_data_length - 4, 4);
			ttl = __builtin_bswap32(minimum);
			s->default_ttl = ttl;
		} else {
			ttl = l->options->default_ttl;
			if (!l->warned_ttl)
				zone_build_finding(&l->build, ZONE_WARNING, run->source,
					run_line(run, s),
					"no TTL is known here, %u s is used; begin the file with "
					"$TTL",
					ttl);
			l->warned_ttl = true;
		}
	}
	if (ttl > ZONE_TTL_MAX) {
		zone_build_finding(&l->build, ZONE_WARNING, run->source, run_line(run, s),
			"TTL %u is above 2147483647 and is taken as 0 (RFC 2181 8)", ttl);
		ttl = 0;
	}
	l->last_ttl = ttl;
	l->last_ttl_known = true;
	return ttl;
}

static void
check_rules(struct loader *l, const struct zone_rr *rr)
{
	char owner[ZONE_NAME_TEXT_MAX], type[ZONE_TYPE_TEXT_MAX];
	bool fatal;
	const char *fault = zone_rdata_fault(rr->type, rr->rdata, rr->rdata_len, &fatal);

	if (fault != NULL)
		zone_build_finding(&l->build, fatal ? ZONE_ERROR : ZONE_WARNING, rr->source,
			rr->line, "%s %s: %s", zone_name_text(owner, rr->owner),
			zone_type_text(type, rr->type), fault);
}

static void
on_record(zs_scanner_t *s)
{
	struct run *run = s->process.data;
	struct loader *l = run->loader;
	struct zone_rr rr = {
		.owner = s->r_owner,
		.owner_len = (uint16_t)s->r_owner_length,
		.rdata = s->r_data,
		.rdata_len = (uint16_t)s->r_data_length,
		.type = s->r_type,
		.source = run->source,
		.line = run_line(run, s),
		.ttl = find_ttl(run, s),
	};
	char type[ZONE_TYPE_TEXT_MAX];

	if (!zone_type_is_data(rr.type)) {
		zone_build_finding(&l->build, ZONE_ERROR, rr.source, rr.line,
			"%s is no type of data and cannot stand in a zone",
			zone_type_text(type, rr.type));
		return;
	}
	if (run->check_rdata && !zone_rdata_valid(rr.type, rr.rdata, rr.rdata_len)) {
		zone_build_finding(&l->build, ZONE_ERROR, rr.source, rr.line,
			"RDATA is not well-formed for type %s", zone_type_text(type, rr.type));
		return;
	}
	if (rr.type >= KNOT_RRTYPE_DS) /* the commonest types have no such rules */
		check_rules(l, &rr);
	int rc = zone_build_add(&l->build, &rr);
	if (rc != 0)
		stop(s, l, rc);
	if (l->n_lines != 0 && run->source == 0 && ++l->n_records % PROGRESS_RECORDS == 0)
		l->options->progress(l->options->progress_arg, rr.line, l->n_lines);
}

/* What the scanner's commonest complaints mean to somebody who writes zone files. */
static const char *
explain(int code)
{
	switch (code) {
	case ZS_DOS_NEWLINE:
		return "carriage return inside a line; lines end in LF, or all of them in CR LF";
	case ZS_UNCLOSED_MULTILINE:
		return "the file ends inside parentheses; a ')' is missing";
	case ZS_LEFT_PARENTHESIS:
		return "'(' inside parentheses; close the first one before";
	case ZS_RIGHT_PARENTHESIS:
		return "')' without a '(' before it";
	case ZS_BAD_NUMBER:
		return "a number was expected here, or the RR type is unknown (then it is written "
		       "TYPEnnn \\# LENGTH HEX, RFC 3597)";
	case ZS_UNSUPPORTED_TYPE:
		return "unknown RR type, or a class other than IN; types not known here are "
		       "written "
		       "TYPEnnn \\# LENGTH HEX (RFC 3597)";
	case ZS_CANNOT_TEXT_DATA:
		return "RDATA of this type is written \\# LENGTH HEX (RFC 3597)";
	case ZS_BAD_PREVIOUS_OWNER:
		return "the line begins with blank space, but there is no owner before it to take "
		       "over";
	case ZS_BAD_OWNER:
	case ZS_BAD_DNAME_CHAR:
		return "bad character in a domain name; other characters are written \\DDD";
	case ZS_LABEL_OVERFLOW:
		return "a label is longer than 63 octets";
	case ZS_DNAME_OVERFLOW:
		return "a domain name is longer than 255 octets";
	case ZS_BAD_DIRECTIVE:
		return "unknown directive; there are $TTL, $ORIGIN, $INCLUDE and $GENERATE";
	case ZS_BAD_TTL:
		return "$TTL needs a number of seconds, or units as in 1h30m";
	case ZS_BAD_ORIGIN:
		return "$ORIGIN needs an absolute domain name, with a final dot";
	case ZS_BAD_INCLUDE_ORIGIN:
		return "the origin of $INCLUDE must be an absolute domain name, with a final dot";
	case ZS_BAD_REST:
		return "extra text at the end of the record";
	case ZS_BAD_RDATA:
		return "bad RDATA for this type";
	default:
		return NULL;
	}
}

static void load_generate(struct run *run, zs_scanner_t *parent, const char *line);

static void
on_error(zs_scanner_t *s)
{
	struct run *run = s->process.data;
	struct loader *l = run->loader;
	const char *rest = (const char *)s->buffer, *why = explain(s->error.code);
	unsigned len = s->buffer_length > 0 ? s->buffer_length - 1 : 0;

	/* The scanner stops at the G of a directive that it does not know, with the rest of the
	 * line in its buffer: that is where $GENERATE comes in, at no cost for files that have
	 * none. */
	if (s->error.code == ZS_BAD_DIRECTIVE && strncasecmp(rest, "GENERATE", 8) == 0 &&
		(rest[8] == ' ' || rest[8] == '\t')) {
		s->error.fatal = false;
		s->error.counter--;
		s->error.code = ZS_OK;
		load_generate(run, s, rest + 8);
		if (l->rc != 0)
			s->state = ZS_STATE_STOP;
		return;
	}
	while (len > 0 && (*rest == ' ' || *rest == '\t')) {
		rest++;
		len--;
	}
	zone_build_finding(&l->build, ZONE_ERROR, run->source, run_line(run, s), "%s%s%.*s%s",
		why != NULL ? why : zs_strerror(s->error.code), len > 0 ? "; near: " : "",
		len > 40 ? 40 : (int)len, rest, len > 40 ? "..." : "");
	if (s->error.fatal || l->build.report->n_errors >= ZONE_REPORT_MAX)
		stop(s, l, -EINVAL);
}

static zs_scanner_t *
new_scanner(struct run *run, const uint8_t *origin, uint32_t origin_len, uint32_t ttl)
{
	struct zone_scratch *scratch = run->loader->options->scratch;
	zs_scanner_t *s = zone_scratch_take(scratch);

	if (s == NULL)
		return NULL;
	if (zs_set_processing(s, on_record, on_error, run) != 0) {
		zone_scratch_put(scratch, s);
		return NULL;
	}
	s->default_ttl = ttl;
	memcpy(s->zone_origin, origin, origin_len);
	s->zone_origin_length = origin_len;
	return s;
}

static void
free_scanner(struct run *run, zs_scanner_t *s)
{
	zone_scratch_put(run->loader->options->scratch, s);
}

/* Feed the lines of a $GENERATE, some at a time, to a scanner of their own. */
static int
generate_lines(struct run *run, zs_scanner_t *s, const struct zone_generate *g, char *batch)
{
	struct zone_build *b = &run->loader->build;
	size_t at = 0, errors = b->report->n_errors;

	for (uint64_t i = 0; i < g->n; i++) {
		size_t len;
		const char *wrong = zone_generate_line(g, i, batch + at, &len);
		if (wrong != NULL) {
			zone_build_finding(b, ZONE_ERROR, run->source, run->line, "%s", wrong);
			return 0;
		}
		at += len;
		if (at < GENERATE_BATCH && i + 1 < g->n)
			continue;
		if (zs_set_input_string(s, batch, at) != 0)
			return -ENOMEM;
		(void)zs_parse_all(s);
		if (run->loader->rc != 0 || b->report->n_errors != errors)
			return 0; /* one bad line is enough: the others are alike */
		at = 0;
	}
	return 0;
}

static void
load_generate(struct run *run, zs_scanner_t *parent, const char *line)
{
	struct loader *l = run->loader;
	struct zone_build *b = &l->build;
	uint64_t max = l->options->generate_max == 0 ? GENERATE_MAX : l->options->generate_max;
	struct run made = {
		.loader = l,
		.source = run->source,
		.check_rdata = true,
		.line = run_line(run, parent),
	};
	struct zone_generate *g = malloc(sizeof *g);
	char *batch = malloc(GENERATE_BATCH + ZONE_GENERATE_LINE_MAX);
	zs_scanner_t *s = new_scanner(
		&made, parent->zone_origin, parent->zone_origin_length, parent->default_ttl);

	if (g == NULL || batch == NULL || s == NULL) {
		l->rc = -ENOMEM;
		goto done;
	}
	const char *wrong = zone_generate_parse(g, line);
	if (wrong != NULL)
		zone_build_finding(b, ZONE_ERROR, made.source, made.line, "%s", wrong);
	else if (g->n > max)
		zone_build_finding(b, ZONE_ERROR, made.source, made.line,
			"$GENERATE would make %llu records; %llu is the limit",
			(unsigned long long)g->n, (unsigned long long)max);
	else if (generate_lines(&made, s, g, batch) != 0)
		l->rc = -ENOMEM;
done:
	free_scanner(&made, s);
	free(batch);
	free(g);
}

static void load_source(struct run *run, zs_scanner_t *s, struct zone_text *text);

/* Another file in place of the $INCLUDE that the scanner stopped at. */
static void
load_include(struct run *run, zs_scanner_t *parent)
{
	struct loader *l = run->loader;
	struct zone_build *b = &l->build;
	uint32_t line = run_line(run, parent);
	struct run included = {.loader = l};
	struct zone_text text;

	if (l->is_text || l->depth + 1 >= l->depth_max) {
		zone_build_finding(b, ZONE_ERROR, run->source, line,
			l->is_text ? "$INCLUDE is not possible here; paste the file instead"
				   : "$INCLUDE is nested too deep; does a file include itself?");
		l->rc = -EINVAL;
		return;
	}
	if (l->options->included != NULL)
		l->options->included(l->options->included_arg, parent->include_filename);
	int rc = zone_text_read(&text, parent->include_filename, b->octets_max, NULL);
	if (rc != 0) {
		char where[32] = "";
		if (text.nul_line != 0)
			snprintf(where, sizeof where, ":%u", text.nul_line);
		zone_build_finding(b, ZONE_ERROR, run->source, line, "cannot read %s%s: %s",
			parent->include_filename, where, zone_text_strerror(rc));
		return;
	}
	rc = zone_build_source(b, parent->include_filename, run->source, line);
	if (rc < 0) {
		zone_text_free(&text);
		l->rc = rc;
		return;
	}
	included.source = (uint16_t)rc;
	/* the scanner leaves the origin, if one was given, in r_data, and NULL in dname if none was
	 */
	bool own = parent->dname != NULL;
	zs_scanner_t *s = new_scanner(&included, own ? parent->r_data : parent->zone_origin,
		own ? parent->r_data_length : parent->zone_origin_length, parent->default_ttl);
	if (s == NULL) {
		l->rc = -ENOMEM;
	} else {
		l->depth++;
		load_source(&included, s, &text);
		l->depth--;
		parent->default_ttl =
			s->default_ttl; /* as BIND: a $TTL lasts, an $ORIGIN does not */
		free_scanner(&included, s);
	}
	zone_text_free(&text);
}

/* Run a scanner over a whole text. Without $INCLUDE in it, the scanner calls back for each record,
 * which is faster than returning; with one, it is asked for record after record. */
static void
load_source(struct run *run, zs_scanner_t *s, struct zone_text *text)
{
	struct loader *l = run->loader;
	const char *path = l->build.z.file[run->source];
	char *copy = strdup(path);
	char *folder = copy == NULL ? NULL : strdup(dirname(copy));

	free(copy);
	if (folder == NULL) {
		l->rc = -ENOMEM;
		return;
	}
	free(s->path);
	s->path = folder; /* relative $INCLUDEs are looked for beside the file that has them */
	run->check_rdata = text->has_generic;
	if (text->bad_escape != NULL)
		zone_build_finding(&l->build, ZONE_ERROR, run->source,
			zone_text_line(text, text->bad_escape),
			"\\%.3s is no octet; \\DDD goes to \\255", text->bad_escape + 1);
	if (text->has_relative) {
		char origin[ZONE_NAME_TEXT_MAX];
		l->rc = zone_origin_make_absolute(text, zone_name_text(origin, s->zone_origin));
		if (l->rc != 0)
			return;
	}
	if (zs_set_input_string(s, text->text, text->len) != 0) {
		l->rc = -ENOMEM;
		return;
	}
	if (!text->has_include) {
		(void)zs_parse_all(s);
		return;
	}
	while (l->rc == 0 && zs_parse_record(s) == 0) {
		if (s->state == ZS_STATE_DATA)
			on_record(s);
		else if (s->state == ZS_STATE_ERROR)
			on_error(s);
		else if (s->state == ZS_STATE_INCLUDE)
			load_include(run, s);
		else
			return;
	}
}

/* Parse, index, check. Takes over the text. */
static int
load(struct zone_model *out, struct zone_text *text, const char *path, bool is_text,
	const uint8_t *apex, const struct zone_load_options *options, struct zone_report *report)
{
	struct loader l = {
		.options = options,
		.depth_max = options->include_depth_max == 0 ? INCLUDE_DEPTH
							     : options->include_depth_max,
		.is_text = is_text,
	};
	struct run run = {.loader = &l};
	size_t errors = report->n_errors;

	int rc = zone_build_init(&l.build, apex, options, report);
	if (rc != 0) {
		zone_text_free(text);
		zone_report_add(
			report, ZONE_ERROR, path, 0, rc == -EINVAL ? "bad zone name" : "no memory");
		return rc;
	}
	l.build.is_file = true;
	if (options->progress != NULL)
		l.n_lines = zone_text_line(text, text->text + text->len);
	rc = zone_build_source(&l.build, path, 0, ZONE_NO_LINE);
	if (rc >= 0) {
		zs_scanner_t *s = new_scanner(&run, l.build.z.apex, l.build.z.apex_len, NO_TTL);
		l.rc = s == NULL ? -ENOMEM : 0;
		if (s != NULL) {
			load_source(&run, s, text);
			free_scanner(&run, s);
		}
		rc = l.rc;
	}
	l.build.scratch = text->owned; /* done with it */
	l.build.scratch_octets = text->room;
	rc = zone_build_finish(&l.build, out, rc, errors, path);
	zone_build_destroy(&l.build);
	return rc;
}

int
zone_load_file(struct zone_model *out, const char *path, const uint8_t *apex,
	const struct zone_load_options *options, struct zone_report *report)
{
	struct zone_text text;

	int rc = zone_text_read(&text, path, options->octets_max, options->as_read);
	if (rc != 0) {
		zone_report_add(report, ZONE_ERROR, path, text.nul_line, "cannot be read: %s",
			zone_text_strerror(rc));
		return rc;
	}
	return load(out, &text, path, false, apex, options, report);
}

int
zone_load_text(struct zone_model *out, const char *octets, size_t len, const char *path,
	const uint8_t *apex, const struct zone_load_options *options, struct zone_report *report)
{
	struct zone_text text;

	int rc = zone_text_take(&text, octets, len);
	if (rc != 0) {
		zone_report_add(
			report, ZONE_ERROR, path, text.nul_line, "%s", zone_text_strerror(rc));
		return rc;
	}
	return load(out, &text, path, true, apex, options, report);
}
